"""Compiled sampling of a slab at any angle. Importing this module loads Numba; import it late."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def add_slab(part, z_first, shape, start, step_u, step_v, step_w, count, total, hits):  # type: ignore[no-untyped-def]
    """Add up the trilinear samples ``start + i step_u + j step_v + k step_w``, k < count, at ``[j, i]``.

    Only the samples between slice ``z_first`` of the volume and the last but one of ``part`` are taken, and
    the last slice too where the volume ends with it: parts that overlap by one slice add up to the whole.

    Parameters
    ----------
    part : array, shape (nz, ny, nx), of any real type
        Slices ``z_first ...`` of the volume.
    z_first : int
    shape : tuple of 3 int
        z, y, x of the volume.
    start, step_u, step_v, step_w : array, shape (3,), float64
        x, y, z in voxels.
    count : int
    total : array, shape (h, w), float32
    hits : array, shape (h, w), int32
        How many samples of each pixel lie within the volume, which ends half a voxel around its centres.
    """
    nz, ny, nx = shape
    z_end = z_first + part.shape[0]
    # the samples just before the first centre and just behind the last belong to the first and last part
    z_low = -0.5 if z_first == 0 else float(z_first)
    z_high = nz - 0.5 if z_end == nz else float(z_end - 1)
    last = z_end == nz
    for j in range(total.shape[0]):
        for k in range(count):
            x0 = start[0] + j * step_v[0] + k * step_w[0]
            y0 = start[1] + j * step_v[1] + k * step_w[1]
            z0 = start[2] + j * step_v[2] + k * step_w[2]
            for i in range(total.shape[1]):
                x, y, z = x0 + i * step_u[0], y0 + i * step_u[1], z0 + i * step_u[2]
                if not (z >= z_low and (z < z_high or (last and z <= z_high))):
                    continue
                if not (x >= -0.5 and x <= nx - 0.5 and y >= -0.5 and y <= ny - 0.5):
                    continue
                # within half a voxel of the last centre the volume goes on as it ends
                x, y, z = min(max(x, 0.0), nx - 1.0), min(max(y, 0.0), ny - 1.0), min(max(z, 0.0), nz - 1.0)
                ix, iy, iz = int(x), int(y), int(z)
                tx, ty, tz = np.float32(x - ix), np.float32(y - iy), np.float32(z - iz)
                jx, jy, jz = min(ix + 1, nx - 1), min(iy + 1, ny - 1), min(iz + 1, nz - 1) - z_first
                iz -= z_first
                a = np.float32(part[iz, iy, ix])
                b = np.float32(part[iz, jy, ix])
                d = np.float32(part[jz, iy, ix])
                e = np.float32(part[jz, jy, ix])
                a += tx * (np.float32(part[iz, iy, jx]) - a)
                b += tx * (np.float32(part[iz, jy, jx]) - b)
                d += tx * (np.float32(part[jz, iy, jx]) - d)
                e += tx * (np.float32(part[jz, jy, jx]) - e)
                a += ty * (b - a)
                d += ty * (e - d)
                total[j, i] += a + tz * (d - a)
                hits[j, i] += 1
