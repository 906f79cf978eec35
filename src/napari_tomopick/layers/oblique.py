"""Planes at any angle through a point, told as a person sets them; and where planes cut each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.coordinates import as_positions
from napari_tomopick.geometry.planes import Plane
from napari_tomopick.layers.overlay import Box

# cosine and sine of angles too small to be seen
_STRAIGHT = 1e-6


@dataclass(frozen=True)
class Attitude:
    """How a plane lies: the z plane tilted about a line, and turned in itself.

    Parameters
    ----------
    tilt_degrees : float
        Between the plane and the z plane.
    rotation_degrees : float
        From the x axis to the line about which it is tilted.
    spin_degrees : float
        By how much its right and up are turned in the plane, counter-clockwise as it is seen.
    """

    tilt_degrees: float = 0.0
    rotation_degrees: float = 0.0
    spin_degrees: float = 0.0

    def through(self, position: ArrayLike) -> Plane:
        """The plane that lies like this, with (0, 0) at a position."""
        plane = Plane.tilted(position, self.tilt_degrees, self.rotation_degrees)
        return plane.turned("normal", self.spin_degrees)

    @classmethod
    def of(cls, plane: Plane, near: Attitude | None = None) -> Attitude:
        """How a plane lies; of the angles that say the same, those that are nearest to others."""
        near = cls() if near is None else near
        x, y, z = plane.normal
        tilt = float(np.degrees(np.arccos(np.clip(z, -1, 1))))
        if np.hypot(x, y) < _STRAIGHT:
            # any line will do, and so the one there was
            rotation = near.rotation_degrees
        else:
            rotation = float(np.degrees(np.arctan2(x, -y)))
        found = []
        for tilted, rotated in ((tilt, rotation), (-tilt, rotation + 180)):
            base = Plane.tilted(plane.origin, tilted, rotated)
            spin = float(np.degrees(np.arctan2(plane.u @ base.v, plane.u @ base.u)))
            found.append(cls(_wrapped(tilted), _wrapped(rotated), _wrapped(spin)))
        return min(
            found,
            key=lambda a: (
                abs(_wrapped(a.spin_degrees - near.spin_degrees))
                + abs(_wrapped(a.rotation_degrees - near.rotation_degrees))
            ),
        )

    @classmethod
    def with_normal(cls, normal: ArrayLike) -> Attitude:
        """Across a direction, with x as far to the right as can be."""
        n = np.asarray(normal, np.float64) / np.linalg.norm(normal)
        right = np.eye(3)[0] - n[0] * n
        if np.linalg.norm(right) < 1e-3:
            right = np.eye(3)[1] - n[1] * n
        right /= np.linalg.norm(right)
        return cls.of(Plane(np.zeros(3), right, np.cross(n, right)))


def plane_through_points(points: ArrayLike, facing: ArrayLike) -> tuple[NDArray[np.float64], Attitude]:
    """The plane that lies nearest to points (least squares), and their middle, which lies in it.

    Parameters
    ----------
    points : array-like, shape (n, 3)
        x, y, z; three or more.
    facing : array-like, shape (3,)
        A direction from which the plane was looked at: it is not to be seen from behind.

    Raises
    ------
    ParameterError
        If they are fewer than three, or lie on one line, so that they define no plane.
    """
    found = as_positions(points)
    if len(found) < 3:
        raise ParameterError(f"a plane goes through three points or more, got {len(found)}")
    middle = found.mean(axis=0)
    _, lengths, axes = np.linalg.svd(found - middle, full_matrices=False)
    # less than the jitter of a hand beside the line
    if lengths[1] < 0.5:
        raise ParameterError(
            f"these {len(found)} points lie on one line: a plane needs points beside it as well"
        )
    normal = axes[2] if axes[2] @ np.asarray(facing, np.float64) >= 0 else -axes[2]
    return middle, Attitude.with_normal(normal)


def extent_in(plane: Plane, shape: tuple[int, ...]) -> Box:
    """The smallest rectangle of a plane about what it cuts of a volume of ``(nz, ny, nx)`` voxels.

    Of a plane beside the volume, it is about what lies straight below or above.
    """
    corners = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    starts, ends = zip(
        *((a, b) for a in corners for b in corners if (b - a).sum() == 1 and (b >= a).all()), strict=True
    )
    size = np.array(shape[::-1], float)
    start, d0 = plane.coordinates(np.array(starts) * size - 0.5)
    end, d1 = plane.coordinates(np.array(ends) * size - 0.5)
    cut = (d0 <= 0) != (d1 <= 0)
    uv = np.concatenate([start, end])
    if cut.any():
        t = (d0[cut] / (d0[cut] - d1[cut]))[:, None]
        uv = start[cut] + t * (end[cut] - start[cut])
    (left, bottom), (right, top) = uv.min(axis=0), uv.max(axis=0)
    return float(left), float(bottom), float(right), float(top)


def trace(plane: Plane, other: Plane) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The line in which another plane cuts a plane: a place on it and its direction, both ``(2,)`` u, v.

    Returns
    -------
    tuple, or None where the planes are parallel.
    """
    normal = other.normal
    # the points of the plane at distance 0 from the other: across . uv = -distance
    across = np.array([plane.u @ normal, plane.v @ normal])
    steepness = float(across @ across)
    if steepness < _STRAIGHT:
        return None
    distance = float((plane.origin - other.origin) @ normal)
    direction = np.array([-across[1], across[0]]) / np.sqrt(steepness)
    return -distance * across / steepness, direction


def _wrapped(degrees: float) -> float:
    """The same angle from above -180 to 180."""
    found = (degrees + 180) % 360 - 180
    return 180.0 if found == -180 else float(found)
