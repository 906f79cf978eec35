"""Shapes of the scene as plain arrays, x, y, z in voxels: wire boxes, solid arrows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]
Faces = NDArray[np.int32]

_CORNERS = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)])
_EDGES = np.array([(a, b) for a in range(8) for b in range(a) if (_CORNERS[a] != _CORNERS[b]).sum() == 1])
_SIDES = 12  # of an arrow's shaft and head

EDGES = 12
CORNERS_OF_WIRE = 8


def box_edges(low: ArrayLike, high: ArrayLike) -> tuple[Array, Array]:
    """The starts and ends, ``(12, 3)`` each, of the edges of a box along the axes."""
    corners = np.where(_CORNERS, np.asarray(high, float), np.asarray(low, float))
    return corners[_EDGES[:, 0]], corners[_EDGES[:, 1]]


def wire_boxes(
    positions: Array, rotations: Rotation | None, box_sizes: NDArray[np.int64]
) -> tuple[Array, Array]:
    """The edges of the boxes that are cut out at particles.

    Voxel ``N // 2`` of a box of N voxels is its centre, so an even box reaches half a voxel further to the
    lower side.

    Parameters
    ----------
    positions : array, shape (n, 3)
        x, y, z.
    rotations : Rotation, n of them, or None
        Reference frame to tomogram frame; None: along the axes of the tomogram.
    box_sizes : int array, shape (n,)

    Returns
    -------
    starts, ends : array, shape (n, 12, 3)
    """
    sizes = np.asarray(box_sizes, np.int64)
    low = -(sizes // 2) - 0.5
    corners = low[:, None, None] + _CORNERS * sizes[:, None, None].astype(float)
    if rotations is not None and len(sizes):
        corners = np.einsum("nij,nkj->nki", rotations.as_matrix(), corners)
    corners = corners + np.asarray(positions, float)[:, None]
    return corners[:, _EDGES[:, 0]], corners[:, _EDGES[:, 1]]


def wires(starts: Array, ends: Array, width: float) -> tuple[Array, Faces]:
    """Straight wires, each two flat strips that cross, so that it is seen from every side.

    Parameters
    ----------
    starts, ends : array, shape (n, 3)
    width : float
        In voxels.

    Returns
    -------
    corners : array, shape (8 n, 3)
    faces : int array, shape (4 n, 3)
    """
    along = ends - starts
    # whatever is not along it
    other = np.where(np.abs(along).argmin(axis=1)[:, None] == np.arange(3), 1.0, 0.0)
    u = np.cross(along, other)
    u *= width / 2 / np.maximum(np.linalg.norm(u, axis=1, keepdims=True), 1e-12)
    v = np.cross(along, u) / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    corners = np.stack([end + out for end in (starts, ends) for out in (u, -u, v, -v)], axis=1)
    strips = np.array([(0, 1, 5), (0, 5, 4), (2, 3, 7), (2, 7, 6)], np.int32)
    faces = strips + 8 * np.arange(len(starts), dtype=np.int32)[:, None, None]
    return corners.reshape(-1, 3), faces.reshape(-1, 3)


def solid_arrow(start: ArrayLike, direction: ArrayLike, length: float) -> tuple[Array, Faces]:
    """An arrow with a round shaft and head.

    Parameters
    ----------
    start : array-like, shape (3,)
    direction : array-like, shape (3,)
        Of length 1.
    length : float

    Returns
    -------
    corners : array, shape (n, 3)
    faces : int array, shape (m, 3)
    """
    along = np.asarray(direction, float)
    u = np.cross(along, np.eye(3)[int(np.abs(along).argmin())])
    u /= np.linalg.norm(u)
    v = np.cross(along, u)
    turn = 2 * np.pi * np.arange(_SIDES) / _SIDES
    circle = np.cos(turn)[:, None] * u + np.sin(turn)[:, None] * v
    shaft, head, neck = 0.025 * length, 0.07 * length, 0.75 * length * along
    rings = np.concatenate([shaft * circle, neck + shaft * circle, neck + head * circle])
    corners = np.concatenate([rings, [neck, length * along]]) + np.asarray(start, float)
    i, j = np.arange(_SIDES), (np.arange(_SIDES) + 1) % _SIDES
    n, base, tip = _SIDES, 3 * _SIDES, 3 * _SIDES + 1
    faces = np.concatenate(
        [
            np.column_stack([i, j, j + n]),
            np.column_stack([i, j + n, i + n]),
            np.column_stack([i + 2 * n, j + 2 * n, np.full(n, tip)]),
            np.column_stack([j + 2 * n, i + 2 * n, np.full(n, base)]),
        ]
    )
    return corners, faces.astype(np.int32)
