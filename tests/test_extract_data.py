"""Extraction and averaging at the true poses of simulated tomograms; they lie in $TOMOPICK_DATA."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from napari_tomopick.io.volumes import open_volume
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.protocols.average import average
from napari_tomopick.protocols.extract import extract

DATA = os.environ.get("TOMOPICK_DATA")
pytestmark = pytest.mark.skipif(DATA is None, reason="TOMOPICK_DATA does not name the folder of real data")
N = 32


def averaged_and_template(tmp_path: Path, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """The average at the true poses and the template, both low-passed alike, in boxes of N."""
    folder = Path(str(DATA))
    truth = pd.read_csv(folder / "membrane/membrane_truth.csv").query("cls == @kind")
    template = np.asarray(open_volume(folder / f"templates/{kind}.mrc").data, np.float32)
    rotations = Rotation.from_quat(truth[["qx", "qy", "qz", "qw"]].to_numpy())
    # The tables turn the template of M voxels about (M - 1) / 2, the project about M // 2. Its voxel i is at
    # p + R (i - (M - 1) / 2) = (p + R (1/2, 1/2, 1/2)) + R (i - M / 2).
    positions = truth[["x", "y", "z"]].to_numpy() + rotations.apply([0.5, 0.5, 0.5])
    volume = open_volume(folder / "membrane/membrane.mrc")
    tomogram = Tomogram("membrane", volume.path, volume.shape, 10.0, Acquisition(-60.0, 60.0))
    particles = Particles(
        positions, rotations, tomograms=np.full(len(truth), "membrane"), voxel_size_angstrom=10.0
    )
    extract(particles, [tomogram], tmp_path / "boxes", box_size=N, invert=True, normalise="box")
    result = average(tmp_path / "boxes", tmp_path / "average.mrc", missing_wedge=True, aligned_set=False)
    low = (len(template) - N) // 2
    inner = template[(slice(low, low + N),) * 3]
    map_ = np.asarray(open_volume(result.path).data)
    return ndimage.gaussian_filter(map_, 2), ndimage.gaussian_filter(inner, 2)


def test_ribosomes_average_to_their_template_and_nowhere_else(tmp_path: Path) -> None:
    map_, template = averaged_and_template(tmp_path, "ribosome")
    d = np.arange(N) - N // 2
    sphere = d[:, None, None] ** 2 + d[:, None] ** 2 + d**2 < 14**2

    def correlation(reference: np.ndarray) -> float:
        return float(np.corrcoef(map_[sphere], reference[sphere])[0, 1])

    centred = correlation(template)
    assert centred > 0.85
    for axis in range(3):
        for shift in (-1, 1):
            assert correlation(np.roll(template, shift, axis)) < centred
        assert correlation(np.roll(np.flip(template, axis), 1, axis)) < centred - 0.02  # the other hand


def test_crowns_average_to_their_template_above_the_membrane(tmp_path: Path) -> None:
    map_, template = averaged_and_template(tmp_path, "crown")
    d = np.arange(N) - N // 2
    # the template has no membrane, whose middle lies 6.5 voxels below the crown's centre
    above = ((d >= -3) & (d <= 12))[:, None, None] & (d[:, None] ** 2 + d**2 < 12**2)
    assert np.corrcoef(map_[above], template[above])[0, 1] > 0.8
