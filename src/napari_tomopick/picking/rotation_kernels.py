"""Compiled loops: turning a small volume many times, and taking boxes out of a large one."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True, nogil=True, fastmath=True)
def turned(fine: NDArray[Any], per_voxel: float, matrices: NDArray[Any], out: NDArray[Any]) -> None:
    """Sample a volume at turned places, trilinearly; 0 beyond its faces and outside the ball in the box.

    Parameters
    ----------
    fine : float32 array, shape (m, m, m)
        The volume on a finer grid; voxel ``(n // 2) per_voxel`` of it is the centre.
    per_voxel : float
        How many of its voxels make one of ``out``.
    matrices : float32 array, shape (k, 3, 3)
        ``out[i]`` at x from the centre is the volume at ``matrices[i] @ x``.
    out : float32 array, shape (k, n, n, n)
    """
    count, n = out.shape[0], out.shape[1]
    centre, last = n // 2, fine.shape[0] - 1
    for k in range(count):
        a = matrices[k]
        for z in range(n):
            dz = z - centre
            for y in range(n):
                dy = y - centre
                for x in range(n):
                    dx = x - centre
                    if dx * dx + dy * dy + dz * dz > centre * centre:
                        out[k, z, y, x] = 0.0
                        continue
                    sx = (a[0, 0] * dx + a[0, 1] * dy + a[0, 2] * dz + centre) * per_voxel
                    sy = (a[1, 0] * dx + a[1, 1] * dy + a[1, 2] * dz + centre) * per_voxel
                    sz = (a[2, 0] * dx + a[2, 1] * dy + a[2, 2] * dz + centre) * per_voxel
                    i, j, h = int(np.floor(sx)), int(np.floor(sy)), int(np.floor(sz))
                    if i < 0 or j < 0 or h < 0 or i >= last or j >= last or h >= last:
                        out[k, z, y, x] = 0.0
                        continue
                    u, v, w = sx - i, sy - j, sz - h
                    below = (fine[h, j, i] * (1 - u) + fine[h, j, i + 1] * u) * (1 - v) + (
                        fine[h, j + 1, i] * (1 - u) + fine[h, j + 1, i + 1] * u
                    ) * v
                    above = (fine[h + 1, j, i] * (1 - u) + fine[h + 1, j, i + 1] * u) * (1 - v) + (
                        fine[h + 1, j + 1, i] * (1 - u) + fine[h + 1, j + 1, i + 1] * u
                    ) * v
                    out[k, z, y, x] = below * (1 - w) + above * w


@numba.njit(cache=True, nogil=True, fastmath=True)
def boxes_at(
    volume: NDArray[Any], corners: NDArray[Any], shifts: NDArray[Any], inside: NDArray[Any], out: NDArray[Any]
) -> None:
    """Take some voxels of boxes out of a volume, each box with mean 0 and norm 1.

    Parameters
    ----------
    volume : float32 array ``[z, y, x]``
    corners : int array, shape (n, 3)
        First voxel z, y, x of each box.
    shifts : int array, shape (m, 3)
        By how much to move it: x, y, z.
    inside : int array, shape (k, 3)
        The voxels to take, z, y, x from the first.
    out : float32 array, shape (n, m, k)
    """
    count, voxels = out.shape[1], inside.shape[0]
    for i in range(out.shape[0]):
        for j in range(count):
            z = corners[i, 0] + shifts[j, 2]
            y = corners[i, 1] + shifts[j, 1]
            x = corners[i, 2] + shifts[j, 0]
            total, squares = 0.0, 0.0
            for k in range(voxels):
                value = volume[z + inside[k, 0], y + inside[k, 1], x + inside[k, 2]]
                out[i, j, k] = value
                total += value
                squares += value * value
            mean = total / voxels
            norm = max(np.sqrt(max(squares - total * mean, 0.0)), 1e-9)
            for k in range(voxels):
                out[i, j, k] = (out[i, j, k] - mean) / norm
