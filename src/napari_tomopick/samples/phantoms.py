"""Objects made of Gaussian blobs, which can be placed at any pose without interpolation.

A blob is evaluated at the voxel centres from its formula, so an object turned and moved by any amount is as
exact as one that lies on the grid: what the tests of cropping, averaging and matching compare with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.coordinates import volume_centre

# beyond this many standard deviations a Gaussian is below 4e-6 of its peak
_REACH = 5.0


@dataclass(frozen=True, eq=False)
class Blobs:
    """A rigid object: isotropic Gaussians about its own origin.

    Parameters
    ----------
    centres : array, shape (k, 3)
        x, y, z of the blobs in the object's own frame, in voxels (or Å, until `scaled`).
    sigmas : array, shape (k,)
        Standard deviations, in the same unit.
    weights : array, shape (k,)
        Peak values; positive is dense.
    """

    centres: NDArray[np.float64]
    sigmas: NDArray[np.float64]
    weights: NDArray[np.float64]

    def scaled(self, factor: float) -> Blobs:
        """Return the object in another unit of length: Å to voxels with 1 / voxel size."""
        return replace(self, centres=self.centres * factor, sigmas=self.sigmas * factor)

    def posed(self, position: ArrayLike, rotation: Rotation) -> Blobs:
        """Return the object turned by ``rotation`` about its origin, then moved there (x, y, z)."""
        return replace(self, centres=rotation.apply(self.centres) + np.asarray(position, np.float64))

    def add_to(self, volume: NDArray[np.floating]) -> None:
        """Add the object to a volume ``[z, y, x]`` in place; what lies outside it is left out."""
        for centre, sigma, weight in zip(self.centres, self.sigmas, self.weights, strict=True):
            profiles, window = [], []
            for coordinate, n in zip(centre[::-1], volume.shape, strict=True):
                first = max(0, int(np.ceil(coordinate - _REACH * sigma)))
                last = min(n, int(np.floor(coordinate + _REACH * sigma)) + 1)
                grid = np.arange(first, last) - coordinate
                profiles.append(np.exp(-0.5 * (grid / sigma) ** 2))
                window.append(slice(first, max(first, last)))
            z, y, x = profiles
            volume[tuple(window)] += weight * (z[:, None, None] * y[:, None] * x)

    def map(self, box_size: int) -> NDArray[np.float32]:
        """The object in a box of its own, its origin at voxel ``box_size // 2``: a reference or template."""
        volume = np.zeros((box_size,) * 3, np.float32)
        self.posed(volume_centre(volume.shape), Rotation.identity()).add_to(volume)
        return volume


def handed_object() -> Blobs:
    """An L with a bump, in voxels, some 20 across: no rotation takes it to itself or to its mirror image."""
    long_arm = [[0, 0, z] for z in (-6, -3, 0, 3, 6)]
    short_arm = [[3, 0, -6], [6, 0, -6]]
    bump = [[0, 4, 3]]
    centres = np.array(long_arm + short_arm + bump, np.float64)
    weights = np.ones(len(centres))
    weights[-1] = 1.5
    return Blobs(centres, np.full(len(centres), 1.6), weights)


def crown() -> Blobs:
    """A crown of twelve-fold symmetry in Å, some 230 across, which stands on a membrane, +z outward.

    Lower and upper ring are turned against each other and joined by slanting spokes, so it has a hand. The
    membrane's middle lies at z = -65 Å.
    """
    steps = 2 * np.pi * np.arange(12) / 12

    def ring(radius: float, height: float, turn_degrees: float) -> NDArray[np.float64]:
        angle = steps + np.radians(turn_degrees)
        return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full(12, height)])

    layers = [  # radius, height, turn, sigma, weight
        (95.0, -20.0, 0.0, 14.0, 1.0),
        (80.0, 5.0, 8.0, 11.0, 0.6),
        (70.0, 38.0, 15.0, 17.0, 1.1),
        (45.0, 40.0, 25.0, 12.0, 0.5),
    ]
    return Blobs(
        np.concatenate([ring(*layer[:3]) for layer in layers]),
        np.repeat([layer[3] for layer in layers], 12),
        np.repeat([layer[4] for layer in layers], 12),
    )


def ribosome() -> Blobs:
    """Something like a ribosome in Å, some 280 across: two subunits, a cleft, stalks; no symmetry."""
    # its own seed: the object is the same whatever the seed of the tomogram
    rng = np.random.default_rng(80)

    def subunit(centre: ArrayLike, radii: ArrayLike, n: int) -> NDArray[np.float64]:
        direction = rng.normal(size=(n, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        inside = direction * rng.uniform(0, 1, (n, 1)) ** (1 / 3)
        return np.asarray(centre) + inside * np.asarray(radii)

    large = subunit([0, 0, -35], [105, 95, 65], 170)
    small = subunit([10, 10, 75], [85, 45, 35], 65)
    stalks = np.array(
        [[115, 0, 5], [130, 10, 20], [-105, 20, 0], [-120, 28, 15], [-75, 30, 105], [10, -95, 15]]
    )
    centres = np.concatenate([large, small, stalks])
    return Blobs(centres, rng.uniform(16, 24, len(centres)), rng.uniform(0.12, 0.3, len(centres)))


def filament_subunit() -> Blobs:
    """One subunit of a thin filament in Å: two lobes, the outer one 25 Å off the axis along +x."""
    return Blobs(np.array([[25.0, 0, 0], [8.0, 12.0, -8.0]]), np.array([16.0, 14.0]), np.array([0.9, 0.6]))
