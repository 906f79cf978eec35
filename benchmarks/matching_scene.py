"""A tomogram of white noise in which copies of one template are hidden at known places, turned.

Used by `matching.py`. The template is made of Gaussian blobs, so that its copies lie between voxels and are
turned exactly, without interpolation.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

BOX = 32
MASK_RADIUS = 14.0
COPIES = 40

_BLOBS = 12
_BLOB_DISTANCE = 9.5  # of the farthest blob from the centre
_MARGIN = 20  # of copies from the faces
_APART = 30.0
_PLANTED_BOX = 44


class PlantedScene(NamedTuple):
    """What is searched, and the truth.

    Parameters
    ----------
    volume : float32 array ``[z, y, x]``
        Noise of standard deviation 1, and the copies.
    template, mask : float32 arrays, shape (32, 32, 32)
        Their centre is voxel 16. The mask is a ball of radius 14 with an edge of one voxel.
    positions : array, shape (n, 3)
        Of the copies: x, y, z in voxels, not whole.
    rotations : Rotation, n of them
        Reference frame to tomogram frame.
    """

    volume: NDArray[np.float32]
    template: NDArray[np.float32]
    mask: NDArray[np.float32]
    positions: NDArray[np.float64]
    rotations: Rotation


def scene(
    seed: int = 0, shape: tuple[int, int, int] = (128, 256, 256), snr: float = 0.15, copies: int = COPIES
) -> PlantedScene:
    """Make a scene.

    Parameters
    ----------
    seed : int
        Of the template, the noise, and where the copies are.
    shape : tuple of int
        z, y, x.
    snr : float
        Variance of the template under the mask over that of the noise.
    copies : int

    Raises
    ------
    ValueError
        If the copies do not find room.
    """
    rng = np.random.default_rng(seed)
    blobs = _Blobs(rng)
    radius = np.sqrt((_offsets(BOX, np.zeros(3)) ** 2).sum(axis=-1))
    mask = np.clip(MASK_RADIUS + 0.5 - radius, 0, 1).astype(np.float32)
    template = blobs.drawn(BOX, np.zeros(3), np.eye(3))
    mean = (mask * template).sum() / mask.sum()
    deviation = np.sqrt((mask * (template - mean) ** 2).sum() / mask.sum())
    strength = np.sqrt(snr) / deviation

    positions = _places(rng, shape, copies)
    rotations = Rotation.random(copies, rng)
    volume = rng.standard_normal(shape, dtype=np.float32)
    for position, matrix in zip(positions, rotations.as_matrix(), strict=True):
        voxel = np.rint(position).astype(int)
        x, y, z = voxel - _PLANTED_BOX // 2
        low, high = np.maximum([z, y, x], 0), np.minimum([n + _PLANTED_BOX for n in (z, y, x)], shape)
        copy = blobs.drawn(_PLANTED_BOX, position - voxel, matrix)
        inside = tuple(slice(a - n, b - n) for a, b, n in zip(low, high, (z, y, x), strict=True))
        volume[tuple(map(slice, low, high))] += (strength * copy[inside]).astype(np.float32)
    return PlantedScene(volume, template.astype(np.float32), mask, positions, rotations)


class _Blobs:
    """Gaussian blobs of different size and strength, of no symmetry."""

    def __init__(self, rng: np.random.Generator) -> None:
        direction = rng.normal(size=(_BLOBS, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        self._centres = direction * _BLOB_DISTANCE * rng.uniform(0.1, 1, (_BLOBS, 1)) ** (1 / 3)
        self._widths = rng.uniform(1.3, 2.6, _BLOBS)
        self._strengths = rng.uniform(0.5, 1.5, _BLOBS)

    def drawn(self, box: int, shift: NDArray, matrix: NDArray) -> NDArray[np.float64]:
        """Turned, then moved by x, y, z from voxel ``box // 2``."""
        offsets = _offsets(box, shift)
        total = np.zeros((box,) * 3)
        for centre, width, strength in zip(self._centres, self._widths, self._strengths, strict=True):
            squares = ((offsets - matrix @ centre) ** 2).sum(axis=-1)
            total += strength * np.exp(-0.5 * squares / width**2)
        return total


def _offsets(box: int, shift: NDArray) -> NDArray[np.float64]:
    """x, y, z of every voxel ``[z, y, x]`` from a place near voxel ``box // 2``."""
    z, y, x = np.indices((box,) * 3) - float(box // 2)
    return np.stack([x, y, z], axis=-1) - shift


def _places(rng: np.random.Generator, shape: tuple[int, int, int], count: int) -> NDArray[np.float64]:
    found = np.empty((0, 3))
    high = np.array(shape[::-1]) - _MARGIN
    for _ in range(200 * count):
        place = rng.uniform(_MARGIN, high)
        if not len(found) or np.linalg.norm(found - place, axis=1).min() > _APART:
            found = np.vstack([found, place])
        if len(found) == count:
            return found
    raise ValueError(f"{count} copies do not find room in a volume of {shape}")
