"""Membranes whose position and normals are known from their formula, and how dense they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_LEAFLETS_APART_ANGSTROM = 38.0
_LEAFLET_SIGMA_ANGSTROM = 8.0
_LEAFLET_DENSITY = 0.8


@dataclass(frozen=True)
class Sphere:
    """A vesicle: all points at ``radius`` voxels from ``centre`` (x, y, z)."""

    centre: tuple[float, float, float]
    radius: float

    def distance(self, points: ArrayLike) -> NDArray[np.float64]:
        """Signed distance of points ``(..., 3)`` in voxels, positive outside."""
        return np.asarray(np.linalg.norm(np.asarray(points) - self.centre, axis=-1) - self.radius)

    def normals(self, points: ArrayLike) -> NDArray[np.float64]:
        """Unit normals ``(..., 3)`` pointing outward."""
        outward = np.asarray(points, np.float64) - self.centre
        return np.asarray(outward / np.linalg.norm(outward, axis=-1, keepdims=True))


@dataclass(frozen=True)
class Sheet:
    """A gently curved sheet ``x = f(y, z)`` whose outer side is towards smaller x.

    With ``v = y - y_middle`` and ``w = z - z_middle`` in voxels,
    ``f = x_middle + v² / (2 r) + slope w + amplitude sin(wave_y v + wave_z w + phase)``.

    Parameters
    ----------
    x_middle, y_middle, z_middle : float
    bend_radius : float
        r, radius of curvature about the z axis.
    slope : float
        Inclination along z.
    amplitude, wave_y, wave_z, phase : float
        A ripple, its wave numbers in radians per voxel.
    """

    x_middle: float
    y_middle: float
    z_middle: float
    bend_radius: float
    slope: float
    amplitude: float
    wave_y: float
    wave_z: float
    phase: float

    def points(self, y: ArrayLike, z: ArrayLike) -> NDArray[np.float64]:
        """The points ``(n, 3)`` of the sheet at these y and z."""
        v, w = np.asarray(y) - self.y_middle, np.asarray(z) - self.z_middle
        x = self.x_middle + v**2 / (2 * self.bend_radius) + self.slope * w
        x = x + self.amplitude * np.sin(self.wave_y * v + self.wave_z * w + self.phase)
        return np.stack(np.broadcast_arrays(x, y, z), axis=-1).astype(np.float64)

    def _gradient(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gradient of ``f(y, z) - x``, which points outward."""
        v, w = points[..., 1] - self.y_middle, points[..., 2] - self.z_middle
        ripple = self.amplitude * np.cos(self.wave_y * v + self.wave_z * w + self.phase)
        along_y = v / self.bend_radius + self.wave_y * ripple
        along_z = self.slope + self.wave_z * ripple
        return np.stack([np.full(along_y.shape, -1.0), along_y, along_z], axis=-1)

    def distance(self, points: ArrayLike) -> NDArray[np.float64]:
        """Signed distance of points ``(..., 3)`` in voxels, positive on the outer side.

        It is exactly zero on the sheet, and right to first order beside it.
        """
        array = np.asarray(points, np.float64)
        along_x = self.points(array[..., 1], array[..., 2])[..., 0] - array[..., 0]
        return np.asarray(along_x / np.linalg.norm(self._gradient(array), axis=-1))

    def normals(self, points: ArrayLike) -> NDArray[np.float64]:
        """Unit normals ``(..., 3)`` of the sheet at the points' y and z, pointing to the outer side."""
        gradient = self._gradient(np.asarray(points, np.float64))
        return np.asarray(gradient / np.linalg.norm(gradient, axis=-1, keepdims=True))


def bilayer(distance: NDArray[np.float64], voxel_size_angstrom: float) -> NDArray[np.float64]:
    """Density of a bilayer at signed distances (voxels) from its middle: two leaflets."""
    d = distance * voxel_size_angstrom
    leaflets = [d - _LEAFLETS_APART_ANGSTROM / 2, d + _LEAFLETS_APART_ANGSTROM / 2]
    return _LEAFLET_DENSITY * np.asarray(
        sum(np.exp(-0.5 * (leaf / _LEAFLET_SIGMA_ANGSTROM) ** 2) for leaf in leaflets)
    )
