"""The outer membrane of a simulated mitochondrion, traced from its truth; it lies in $TOMOPICK_DATA."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree

from napari_tomopick.models.crop_points import crop_points
from napari_tomopick.models.orient import orient
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.user_points import Model, ModelType

DATA = os.environ.get("TOMOPICK_DATA")
pytestmark = pytest.mark.skipif(DATA is None, reason="TOMOPICK_DATA does not name the folder of real data")

MARKER = np.array([220.0, 128.0, 64.0])


def rms(values: np.ndarray) -> float:
    return float(np.sqrt((np.asarray(values) ** 2).mean()))


def angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos((first * second).sum(axis=1).clip(-1, 1)))


class Truth:
    """Points of the true surface, 4 voxels apart, with exact normals."""

    def __init__(self) -> None:
        table = pd.read_csv(Path(DATA or "") / "membrane" / "membrane_surface_truth.csv")
        table = table[table["membrane"] == "omm"]
        self.points = table[["x", "y", "z"]].to_numpy()
        self.normals = table[["nx", "ny", "nz"]].to_numpy()
        self._tree = cKDTree(self.points)

    def nearest(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances and normals, from the tangent planes of the four nearest true points."""
        distance, rows = self._tree.query(positions, k=4)
        weights = 1 / (distance + 0.5) ** 2
        weights /= weights.sum(axis=1, keepdims=True)
        offsets = ((positions[:, None] - self.points[rows]) * self.normals[rows]).sum(axis=-1)
        normals = (self.normals[rows] * weights[..., None]).sum(axis=1)
        return (offsets * weights).sum(axis=1), normals / np.linalg.norm(normals, axis=1, keepdims=True)

    def traced(self, seed: int) -> Model:
        """Eight levels of eight user points in slices, off by one voxel in x and in y."""
        y, z = np.meshgrid(np.linspace(10, 245, 8), np.linspace(8, 120, 8))
        rows = cKDTree(self.points[:, 1:]).query(np.column_stack([y.ravel(), z.ravel()]))[1]
        points, normals = self.points[rows].copy(), self.normals[rows]
        # slide along the membrane into the slice
        points[:, 0] += (points[:, 2] - z.ravel()) * normals[:, 2] / normals[:, 0]
        points[:, 2] = z.ravel()
        points[:, :2] += np.random.default_rng(seed).normal(0.0, 1.0, (64, 2))
        return Model("outer", ModelType.SURFACE, points, z.ravel().astype(np.int64), MARKER)


@pytest.mark.parametrize("seed", range(4))
def test_crop_points_of_the_outer_membrane_against_the_truth(seed):
    truth = Truth()
    found = crop_points(truth.traced(seed), shape=(128, 256, 256))
    distances, normals = truth.nearest(found.particles.positions)
    assert len(found.particles) > 150
    assert rms(distances) < 1.0
    assert rms(angles(found.particles.directions(), normals)) < 3.5
    # all on the far side of the marker, which is that of the true normals
    assert (found.particles.directions()[:, 0] < 0).all()
    assert found.messages == ()


@pytest.mark.parametrize("seed", range(4))
def test_crowns_are_oriented_by_the_traced_membrane(seed):
    table = pd.read_csv(Path(DATA or "") / "membrane" / "membrane_truth.csv")
    crowns = table[table["cls"] == "crown"]
    particles = Particles(crowns[["x", "y", "z"]].to_numpy())
    oriented = orient(particles, [Truth().traced(seed)])
    assert len(oriented.particles) == 14
    assert rms(angles(oriented.particles.directions(), crowns[["nx", "ny", "nz"]].to_numpy())) < 5.0
