"""Planes through a volume: where a point of a picture lies, and what the volume looks like there.

Seen on the screen, a plane has its `u` to the right and its `v` up. The three orthogonal ones lie as IMOD,
ChimeraX and EMAN2 show them: the z plane with x to the right and y up, the y plane with x and z, the x plane
with y and z. An oblique plane is one of them turned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tomopick.geometry.coordinates import as_positions
from napari_tomopick.geometry.cropping import plain

Axis = Literal["x", "y", "z"]

# which axes lie to the right and up in the plane normal to each
_ON_SCREEN: dict[str, tuple[int, int]] = {"z": (0, 1), "y": (0, 2), "x": (1, 2)}
# of the squares of lengths, and the cosine of the angle, of two directions that are at right angles
ASKEW = 1e-5
# slices converted at once where a file cannot be sampled as it lies
_PART = 16


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane with an origin and two directions.

    Parameters
    ----------
    origin : array-like, shape (3,)
        x, y, z in voxels of the point (0, 0) of the plane.
    u, v : array-like, shape (3,)
        Directions to the right and up on the screen, x, y, z; of length 1 and at right angles.

    Raises
    ------
    ValueError
        If something is not finite, or the directions are not of length 1 and at right angles.
    """

    origin: NDArray[np.float64]
    u: NDArray[np.float64]
    v: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("origin", "u", "v"):
            value = np.array(getattr(self, name), dtype=np.float64)
            if value.shape != (3,) or not np.isfinite(value).all():
                raise ValueError(f"the {name} of a plane is x, y, z, got {value.tolist()}")
            if name != "origin":
                # the cosine of 90 degrees is not quite 0, and a plane along the voxels is to be exactly so
                whole = np.round(value)
                value = np.where(np.abs(value - whole) < 1e-12, whole, value)
            value.flags.writeable = False
            object.__setattr__(self, name, value)
        # NumPy's own comparison of arrays takes longer than a small section
        wrong = abs(self.u @ self.u - 1), abs(self.v @ self.v - 1), abs(self.u @ self.v)
        if max(wrong) > ASKEW:
            raise ValueError(
                "the directions of a plane have length 1 and are at right angles, got "
                f"u = {self.u.tolist()}, v = {self.v.tolist()}"
            )

    @classmethod
    def orthogonal(cls, axis: Axis, index: float) -> Plane:
        """The plane normal to an axis, as the slices of the viewer show it: (0, 0) is the first voxel.

        The normal is +z, -y and +x for the z, y and x plane: x, y, z grow to the right or up, whichever.

        Parameters
        ----------
        axis : "x", "y" or "z"
        index : float
            Where it cuts the axis, in voxels.
        """
        if axis not in _ON_SCREEN:
            raise ValueError(f"a plane is normal to the x, y or z axis, got {axis!r}")
        right, up = _ON_SCREEN[axis]
        origin = np.zeros(3)
        origin["xyz".index(axis)] = index
        return cls(origin, np.eye(3)[right], np.eye(3)[up])

    @classmethod
    def tilted(cls, through: ArrayLike, tilt_degrees: float, rotation_degrees: float = 0.0) -> Plane:
        """A plane at any angle, with (0, 0) at a point.

        The z plane is tilted about a line through the point, which is u: at rotation 0 about x, so that a
        tilt of 90 gives the y plane; at rotation 90 about y, so that a tilt of 90 gives the x plane.

        Parameters
        ----------
        through : array-like, shape (3,)
            x, y, z in voxels.
        tilt_degrees : float
            Between the plane and the z plane.
        rotation_degrees : float
            From the x axis to the line about which it is tilted, counter-clockwise seen from +z.
        """
        tilt, rotation = np.radians([tilt_degrees, rotation_degrees])
        u = np.array([np.cos(rotation), np.sin(rotation), 0.0])
        flat = np.array([-np.sin(rotation), np.cos(rotation), 0.0])
        return cls(
            np.asarray(through, np.float64), u, np.cos(tilt) * flat + np.sin(tilt) * np.array([0, 0, 1.0])
        )

    @cached_property
    def normal(self) -> NDArray[np.float64]:
        """``u x v``, pointing from the screen to the eye."""
        (a, b, c), (d, e, f) = self.u.tolist(), self.v.tolist()
        normal = np.array([b * f - c * e, c * d - a * f, a * e - b * d])
        normal.flags.writeable = False
        return normal

    def turned(self, about: Literal["u", "v", "normal"], degrees: float) -> Plane:
        """The plane turned about a line through its origin, by the right-hand rule."""
        from scipy.spatial.transform import Rotation

        axis = self.normal if about == "normal" else getattr(self, about)
        rotation = Rotation.from_rotvec(np.radians(degrees) * axis)
        u, v = rotation.apply(np.array([self.u, self.v]))
        # so that a thousand small turns do not add up to a plane askew
        u /= np.linalg.norm(u)
        v -= (u @ v) * u
        return Plane(self.origin, u, v / np.linalg.norm(v))

    def moved(self, right: float = 0.0, up: float = 0.0, forward: float = 0.0) -> Plane:
        """The plane with its origin moved, in voxels, along u, v and the normal."""
        origin = self.origin + right * self.u + up * self.v
        return replace(self, origin=origin + forward * self.normal if forward else origin)

    def centred(self, width: int, height: int, spacing: float = 1.0) -> Plane:
        """The plane whose `section` of this size has what is now the origin at pixel ``[h // 2, w // 2]``."""
        return self.moved(-(width // 2) * spacing, -(height // 2) * spacing)

    def position(self, uv: ArrayLike) -> NDArray[np.float64]:
        """Where points of the plane lie: ``(n, 2)`` u, v in voxels to ``(n, 3)`` x, y, z."""
        flat = np.asarray(uv, np.float64).reshape(-1, 2)
        return np.asarray(self.origin + flat[:, :1] * self.u + flat[:, 1:] * self.v)

    def coordinates(self, xyz: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where positions are seen in the plane, and how far from it they lie.

        Parameters
        ----------
        xyz : array-like, shape (n, 3)
            x, y, z in voxels.

        Returns
        -------
        array, shape (n, 2)
            u, v in voxels.
        array, shape (n,)
            Distance in voxels, positive on the side that the normal points to.
        """
        away = as_positions(xyz) - self.origin
        return np.column_stack([away @ self.u, away @ self.v]), away @ self.normal


def slab(index: int, thickness: int, size: int) -> tuple[int, int]:
    """First slice of a slab about a slice, and the one behind its last; a slab ends where the volume does.

    Slice ``index`` is the middle one, as voxel ``N // 2`` is of an N box: of an even number of slices, one
    more lies before it than behind it.
    """
    first = int(index) - thickness // 2
    return min(max(first, 0), size - 1), max(min(first + thickness, size), 1)


def section(
    volume: Any,
    plane: Plane,
    width: int,
    height: int,
    *,
    spacing: float = 1.0,
    thickness: int = 1,
    fill: float = np.nan,
) -> NDArray[np.float32]:
    """What a volume looks like in a plane: interpolated linearly; the very voxels in an orthogonal one.

    Pixel ``[j, i]`` is the point ``(i, j) * spacing`` of the plane; row 0 is the lowest on the screen.

    Parameters
    ----------
    volume : array-like, shape (nz, ny, nx)
        May be a memory map, and is only read where the plane goes through it.
    plane : Plane
    width, height : int
        Pixels.
    spacing : float
        Voxels between pixels.
    thickness : int
        Mean over this many planes, one voxel apart, with this one in the middle (see `slab`); less where the
        volume ends.
    fill : float
        Value of the pixels outside the volume.

    Returns
    -------
    array, shape (height, width), float32
    """
    total, hits = np.zeros((height, width), np.float32), np.zeros((height, width), np.int32)
    normal = plane.normal
    # "before" is towards lower indices, also where the normal points there
    forward = normal * np.sign(normal[np.abs(normal).argmax()])
    start = plane.origin - (thickness // 2) * forward
    if not _copy(volume, plane, spacing, start, forward, thickness, total, hits):
        _sample(volume, plane, spacing, start, forward, thickness, total, hits)
    empty = hits == 0
    if thickness > 1:
        total /= np.maximum(hits, 1)
    total[empty] = fill
    return total


def _copy(
    volume: Any,
    plane: Plane,
    spacing: float,
    start: NDArray[np.float64],
    forward: NDArray[np.float64],
    thickness: int,
    total: NDArray[np.float32],
    hits: NDArray[np.int32],
) -> bool:
    """Add up voxels where every pixel is one; False where none need be."""
    axes = [int(np.abs(d).argmax()) for d in (plane.u, plane.v, forward)]
    along = np.concatenate([plane.u, plane.v])
    whole = spacing == 1 and np.isin(along, (0.0, 1.0)).all() and (start == np.round(start)).all()
    if not whole:
        return False
    height, width = total.shape
    low = np.round(start).astype(np.int64)
    span = np.zeros(3, np.int64)
    span[axes] = width, height, thickness
    size = np.array(volume.shape[::-1])
    first, end = np.maximum(low, 0), np.minimum(low + span, size)
    if (first >= end).any():
        return True
    part = np.asarray(volume[tuple(slice(a, b) for a, b in zip(first[::-1], end[::-1], strict=True))])
    # to (slices, up, right)
    part = part.transpose([2 - axes[2], 2 - axes[1], 2 - axes[0]])
    (right, up), (right_end, up_end) = (first - low)[axes[:2]], (end - low)[axes[:2]]
    total[up:up_end, right:right_end] = part.sum(axis=0, dtype=np.float32) if len(part) > 1 else part[0]
    hits[up:up_end, right:right_end] = len(part)
    return True


def _sample(
    volume: Any,
    plane: Plane,
    spacing: float,
    start: NDArray[np.float64],
    forward: NDArray[np.float64],
    thickness: int,
    total: NDArray[np.float32],
    hits: NDArray[np.int32],
) -> None:
    """Add up samples between voxels."""
    from napari_tomopick.geometry.plane_kernels import add_slab

    shape = tuple(int(n) for n in volume.shape)
    steps = (plane.u * spacing, plane.v * spacing, forward)
    if isinstance(volume, np.ndarray) and plain(volume[:1]).dtype == volume.dtype:
        add_slab(volume.view(np.ndarray), 0, shape, start, *steps, thickness, total, hits)
        return
    reach = np.array([total.shape[1] - 1, total.shape[0] - 1, thickness - 1])
    corners = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * reach
    z = start[2] + corners @ np.array([s[2] for s in steps])
    low, high = max(0, int(np.floor(z.min()))), min(shape[0], int(np.floor(z.max())) + 2)
    for first in range(low, high, _PART):
        end = min(first + _PART + 1, shape[0])
        add_slab(plain(volume[first:end]), first, shape, start, *steps, thickness, total, hits)
        if end == shape[0]:
            break
