"""Compiled loops of template matching: turning a template, and keeping the best of many scores."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True, nogil=True, fastmath=True)
def turned_boxes(
    fine: NDArray[Any],
    middle: float,
    per_voxel: float,
    reach: float,
    matrices: NDArray[Any],
    shifts: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """Sample a volume at turned and shifted places, trilinearly; 0 outside a ball.

    Parameters
    ----------
    fine : float32 array, shape (m, m, m)
        The volume, on a grid at least twice as fine as that of the boxes.
    middle : float
        Its centre, the same along every axis.
    per_voxel : float
        How many of its voxels make one of the boxes.
    reach : float
        Radius of the ball about the centre of the volume, in voxels of the boxes. The ball must lie within
        the volume, a voxel from its faces.
    matrices : float32 array, shape (k, 3, 3)
        Frame of the boxes to frame of the volume.
    shifts : float32 array, shape (k, 3)
        Where the centre of the volume lies from voxel ``n // 2`` of each box: x, y, z.
    out : float32 array, shape (k, n, n, n)
    """
    n = out.shape[1]
    centre = n // 2
    limit = np.float32(reach * reach)
    scale, origin, one = np.float32(per_voxel), np.float32(middle), np.float32(1.0)
    for k in range(out.shape[0]):
        a = matrices[k] * scale
        for z in range(n):
            dz = np.float32(z - centre) - shifts[k, 2]
            for y in range(n):
                dy = np.float32(y - centre) - shifts[k, 1]
                row = out[k, z, y]
                room = limit - dz * dz - dy * dy
                if room <= 0:
                    row[:] = 0.0
                    continue
                # the part of the row within the ball
                half = np.sqrt(room)
                first = max(0, int(np.ceil(centre + shifts[k, 0] - half)))
                last = min(n - 1, int(np.floor(centre + shifts[k, 0] + half)))
                row[:first] = 0.0
                row[last + 1 :] = 0.0
                x0 = a[0, 1] * dy + a[0, 2] * dz + origin
                y0 = a[1, 1] * dy + a[1, 2] * dz + origin
                z0 = a[2, 1] * dy + a[2, 2] * dz + origin
                for x in range(first, last + 1):
                    dx = np.float32(x - centre) - shifts[k, 0]
                    sx, sy, sz = a[0, 0] * dx + x0, a[1, 0] * dx + y0, a[2, 0] * dx + z0
                    i, j, h = np.int32(sx), np.int32(sy), np.int32(sz)
                    u, v, w = sx - np.float32(i), sy - np.float32(j), sz - np.float32(h)
                    below = (fine[h, j, i] * (one - u) + fine[h, j, i + 1] * u) * (one - v) + (
                        fine[h, j + 1, i] * (one - u) + fine[h, j + 1, i + 1] * u
                    ) * v
                    above = (fine[h + 1, j, i] * (one - u) + fine[h + 1, j, i + 1] * u) * (one - v) + (
                        fine[h + 1, j + 1, i] * (one - u) + fine[h + 1, j + 1, i + 1] * u
                    ) * v
                    row[x] = below * (one - w) + above * w


@numba.njit(cache=True, nogil=True, fastmath=True)
def keep_best(products: NDArray[Any], first: int, best: NDArray[Any], which: NDArray[Any]) -> None:
    """Keep the largest of each column, and its row.

    Parameters
    ----------
    products : float32 array, shape (rows, columns)
    first : int
        Number of the first row.
    best : float32 array, shape (columns,)
    which : int32 array, shape (columns,)
    """
    columns = products.shape[1]
    for start in range(0, columns, 512):
        stop = min(start + 512, columns)
        for row in range(products.shape[0]):
            number = np.int32(first + row)
            for column in range(start, stop):
                value = products[row, column]
                better = value > best[column]
                best[column] = value if better else best[column]
                which[column] = number if better else which[column]


@numba.njit(cache=True, nogil=True, fastmath=True)
def boxes_under_mask(
    volume: NDArray[Any],
    rows_z: NDArray[Any],
    rows_y: NDArray[Any],
    rows_x: NDArray[Any],
    corners: NDArray[Any],
    shifts: NDArray[Any],
    inside: NDArray[Any],
    weights: NDArray[Any],
    least: float,
    out: NDArray[Any],
) -> None:
    """Take the voxels under a mask of boxes out of a volume, over their standard deviation under the mask.

    Parameters
    ----------
    volume : float32 array ``[z, y, x]``
    rows_z, rows_y, rows_x : int array
        Which voxel of the volume is taken for each: with the mirror images beyond the faces.
    corners : int array, shape (n, 3)
        First voxel z, y, x of each box, in those.
    shifts : int array, shape (m, 3)
        By how much to move it: x, y, z.
    inside : int array, shape (k, 3)
        The voxels to take, z, y, x from the first.
    weights : float32 array, shape (k,)
        Of the mask there; they sum to 1.
    least : float
        Smallest variance.
    out : float32 array, shape (n, m, k)
    """
    count, voxels = out.shape[1], inside.shape[0]
    for i in range(out.shape[0]):
        for j in range(count):
            z = corners[i, 0] + shifts[j, 2]
            y = corners[i, 1] + shifts[j, 1]
            x = corners[i, 2] + shifts[j, 0]
            mean, squares = 0.0, 0.0
            for k in range(voxels):
                value = volume[rows_z[z + inside[k, 0]], rows_y[y + inside[k, 1]], rows_x[x + inside[k, 2]]]
                out[i, j, k] = value
                mean += weights[k] * value
                squares += weights[k] * value * value
            scale = 1 / np.sqrt(max(squares - mean * mean, least))
            for k in range(voxels):
                out[i, j, k] *= scale
