"""Compiled sampling of a box at any orientation. Importing this module loads Numba; import it late.

Both kernels fill ``out[k, j, i]`` with the volume at ``centre + R (i - c, j - c, k - c)``, c = N // 2.
They let go of the interpreter, so that threads run them side by side.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, inline="always")
def _within(value, low, high):  # type: ignore[no-untyped-def]
    return value >= low and value < high


@njit(nogil=True, cache=True)
def linear(volume, centre, rotation, fill, out):  # type: ignore[no-untyped-def]
    """Trilinear. (nz, ny, nx) of any real type, (3,) and (3, 3) float64, a float32, (N, N, N) float32."""
    nz, ny, nx = volume.shape
    n = out.shape[0]
    c = n // 2
    ax, ay, az = rotation[0, 0], rotation[1, 0], rotation[2, 0]
    for k in range(n):
        for j in range(n):
            x0 = centre[0] - c * ax + (j - c) * rotation[0, 1] + (k - c) * rotation[0, 2]
            y0 = centre[1] - c * ay + (j - c) * rotation[1, 1] + (k - c) * rotation[1, 2]
            z0 = centre[2] - c * az + (j - c) * rotation[2, 1] + (k - c) * rotation[2, 2]
            # a row is straight: if both its ends have all neighbours, so has every sample between
            x1, y1, z1 = x0 + (n - 1) * ax, y0 + (n - 1) * ay, z0 + (n - 1) * az
            inner = (
                _within(min(x0, x1), 0.0, nx) and _within(max(x0, x1), 0.0, nx - 1.001)
                and _within(min(y0, y1), 0.0, ny) and _within(max(y0, y1), 0.0, ny - 1.001)
                and _within(min(z0, z1), 0.0, nz) and _within(max(z0, z1), 0.0, nz - 1.001)
            )  # fmt: skip
            if inner:
                for i in range(n):
                    x, y, z = x0 + i * ax, y0 + i * ay, z0 + i * az
                    ix, iy, iz = int(x), int(y), int(z)
                    tx, ty, tz = np.float32(x - ix), np.float32(y - iy), np.float32(z - iz)
                    a = np.float32(volume[iz, iy, ix])
                    b = np.float32(volume[iz, iy + 1, ix])
                    d = np.float32(volume[iz + 1, iy, ix])
                    e = np.float32(volume[iz + 1, iy + 1, ix])
                    a += tx * (np.float32(volume[iz, iy, ix + 1]) - a)
                    b += tx * (np.float32(volume[iz, iy + 1, ix + 1]) - b)
                    d += tx * (np.float32(volume[iz + 1, iy, ix + 1]) - d)
                    e += tx * (np.float32(volume[iz + 1, iy + 1, ix + 1]) - e)
                    a += ty * (b - a)
                    d += ty * (e - d)
                    out[k, j, i] = a + tz * (d - a)
                continue
            for i in range(n):
                x, y, z = x0 + i * ax, y0 + i * ay, z0 + i * az
                if not (
                    x >= -0.5
                    and x <= nx - 0.5
                    and y >= -0.5
                    and y <= ny - 0.5
                    and z >= -0.5
                    and z <= nz - 0.5
                ):
                    out[k, j, i] = fill
                    continue
                # within half a voxel of the last centre the volume goes on as it ends
                x, y, z = min(max(x, 0.0), nx - 1.0), min(max(y, 0.0), ny - 1.0), min(max(z, 0.0), nz - 1.0)
                ix, iy, iz = int(x), int(y), int(z)
                jx, jy, jz = min(ix + 1, nx - 1), min(iy + 1, ny - 1), min(iz + 1, nz - 1)
                tx, ty, tz = np.float32(x - ix), np.float32(y - iy), np.float32(z - iz)
                a = np.float32(volume[iz, iy, ix])
                b = np.float32(volume[iz, jy, ix])
                d = np.float32(volume[jz, iy, ix])
                e = np.float32(volume[jz, jy, ix])
                a += tx * (np.float32(volume[iz, iy, jx]) - a)
                b += tx * (np.float32(volume[iz, jy, jx]) - b)
                d += tx * (np.float32(volume[jz, iy, jx]) - d)
                e += tx * (np.float32(volume[jz, jy, jx]) - e)
                a += ty * (b - a)
                d += ty * (e - d)
                out[k, j, i] = a + tz * (d - a)


@njit(nogil=True, cache=True, inline="always")
def _weights(t):  # type: ignore[no-untyped-def]
    """Cubic B-spline at distances 1 + t, t, 1 - t, 2 - t."""
    u = np.float32(1.0) - t
    sixth = np.float32(1.0 / 6.0)
    first = u * u * u * sixth
    last = t * t * t * sixth
    second = np.float32(2.0 / 3.0) - t * t * (np.float32(1.0) - np.float32(0.5) * t)
    return first, second, np.float32(1.0) - first - second - last, last


@njit(nogil=True, cache=True, inline="always")
def _mirrored(i, n):  # type: ignore[no-untyped-def]
    """Index of a sample just outside, mirrored about the centre of the last voxel."""
    if n == 1:
        return 0
    if i < 0:
        return -i
    return 2 * n - 2 - i if i >= n else i


@njit(nogil=True, cache=True)
def cubic(coefficients, centre, rotation, fill, out):  # type: ignore[no-untyped-def]
    """Cubic B-spline of mirrored coefficients. Arrays as in `linear`."""
    nz, ny, nx = coefficients.shape
    n = out.shape[0]
    c = n // 2
    ax, ay, az = rotation[0, 0], rotation[1, 0], rotation[2, 0]
    xs, ys, zs = np.empty(4, np.int64), np.empty(4, np.int64), np.empty(4, np.int64)
    for k in range(n):
        for j in range(n):
            x0 = centre[0] - c * ax + (j - c) * rotation[0, 1] + (k - c) * rotation[0, 2]
            y0 = centre[1] - c * ay + (j - c) * rotation[1, 1] + (k - c) * rotation[1, 2]
            z0 = centre[2] - c * az + (j - c) * rotation[2, 1] + (k - c) * rotation[2, 2]
            for i in range(n):
                x, y, z = x0 + i * ax, y0 + i * ay, z0 + i * az
                if not (
                    x >= -0.5
                    and x <= nx - 0.5
                    and y >= -0.5
                    and y <= ny - 0.5
                    and z >= -0.5
                    and z <= nz - 0.5
                ):
                    out[k, j, i] = fill
                    continue
                x, y, z = min(max(x, 0.0), nx - 1.0), min(max(y, 0.0), ny - 1.0), min(max(z, 0.0), nz - 1.0)
                ix, iy, iz = int(x), int(y), int(z)
                wx0, wx1, wx2, wx3 = _weights(np.float32(x - ix))
                wy = _weights(np.float32(y - iy))
                wz = _weights(np.float32(z - iz))
                total = np.float32(0.0)
                if ix >= 1 and iy >= 1 and iz >= 1 and ix < nx - 2 and iy < ny - 2 and iz < nz - 2:
                    for r in range(4):
                        plane = np.float32(0.0)
                        for q in range(4):
                            row = coefficients[iz - 1 + r, iy - 1 + q]
                            plane += wy[q] * (
                                wx0 * row[ix - 1] + wx1 * row[ix] + wx2 * row[ix + 1] + wx3 * row[ix + 2]
                            )
                        total += wz[r] * plane
                else:
                    for q in range(4):
                        xs[q] = _mirrored(ix - 1 + q, nx)
                        ys[q] = _mirrored(iy - 1 + q, ny)
                        zs[q] = _mirrored(iz - 1 + q, nz)
                    for r in range(4):
                        plane = np.float32(0.0)
                        for q in range(4):
                            row = coefficients[zs[r], ys[q]]
                            plane += wy[q] * (
                                wx0 * row[xs[0]] + wx1 * row[xs[1]] + wx2 * row[xs[2]] + wx3 * row[xs[3]]
                            )
                        total += wz[r] * plane
                out[k, j, i] = total
