"""A small tomogram with a few copies of an object among others, and its template."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from scipy.spatial.transform import Rotation

from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.picking import candidate_poses, template_matching
from napari_tomopick.samples.imaging import image
from napari_tomopick.samples.phantoms import Blobs

SIZE = (96, 88, 56)  # x, y, z
VOXEL = 10.0
FEWER: dict[ModuleType, dict[str, int]] = {
    template_matching: {"_ENOUGH": 80, "_PUPILS": 20, "_CONTROLS": 16},
    candidate_poses: {"_SOME": 24, "_MORE": 10},
}
"""Constants of template matching for a tomogram of this size."""


@dataclass(frozen=True, eq=False)
class SmallScene:
    volume: np.ndarray
    map: np.ndarray
    positions: np.ndarray
    rotations: Rotation
    others: np.ndarray
    acquisition: Acquisition

    def written(self, folder: Path, name: str = "small") -> Tomogram:
        path = folder / f"{name}.mrc"
        write_mrc(path, self.volume, VOXEL)
        return Tomogram(name, path, self.volume.shape, VOXEL, self.acquisition)


def lumps(seed: int, count: int = 9, reach: float = 6.5) -> Blobs:
    """An object without symmetry, in voxels, some 16 across."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    centres = direction * reach * rng.uniform(0.3, 1, (count, 1)) ** (1 / 2)
    return Blobs(centres - centres.mean(axis=0), np.full(count, 1.3), rng.uniform(0.6, 1.4, count))


def small_scene(seed: int = 0, copies: int = 9, others: int = 6, snr: float = 0.5) -> SmallScene:
    rng = np.random.default_rng(seed)
    thing, other = lumps(1), lumps(2)
    grid = np.stack(np.meshgrid(*[np.arange(12, n - 10, 21) for n in SIZE], indexing="ij"), -1).reshape(-1, 3)
    places = rng.permutation(grid)[: copies + others] + rng.uniform(-1.5, 1.5, (copies + others, 3))
    rotations = Rotation.random(copies + others, rng)
    density = np.zeros(SIZE[::-1], np.float32)
    for i, place in enumerate(places):
        (thing if i < copies else other).posed(place, rotations[i]).add_to(density)
    acquisition = Acquisition(-60.0, 60.0)
    volume = image(density, VOXEL, acquisition, snr=snr, defocus_angstrom=20000.0, rng=rng)
    return SmallScene(
        volume, thing.map(24), places[:copies], rotations[:copies], places[copies:], acquisition
    )
