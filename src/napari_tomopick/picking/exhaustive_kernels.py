"""Compiled passes of exhaustive template matching. Importing this module loads Numba; import it late.

Two templates are correlated at once: one is the real part of a complex box, the other the imaginary part, and
so are their scores. Arrays are made of rows as `vector_code` has them: `LANES` real parts, then as many
imaginary.

All let go of the interpreter, so that threads run them side by side, each on a range of its own.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from napari_tomopick.geometry.sampling_kernels import _mirrored, _weights
from napari_tomopick.picking.fourier import transform
from napari_tomopick.picking.row_intrinsics import fetched, keep_best, multiplied, streamed, transposed
from napari_tomopick.picking.vector_code import LANES, ROW

TOGETHER = 4
"""Rows of lines that are written together, next to each other: scratch arrays have room for so many."""


@njit(nogil=True, cache=True)
def turned(coefficients, rotation, offsets, out):  # type: ignore[no-untyped-def]
    """Sample a turned box about its voxel ``n // 2`` by cubic B-splines; 0 where that is outside the box.

    Parameters
    ----------
    coefficients : float32 array, shape (n, n, n)
        Of the mirrored box.
    rotation : float64 array, shape (3, 3)
        Reference frame to tomogram frame, x, y, z.
    offsets : int64 array, shape (k, 3)
        Voxels to sample, from the centre: x, y, z.
    out : float32 array, shape (k,)
    """
    n = coefficients.shape[0]
    c = n // 2
    last = n - 1.0
    xs, ys, zs = np.empty(4, np.int64), np.empty(4, np.int64), np.empty(4, np.int64)
    for i in range(offsets.shape[0]):
        dx, dy, dz = offsets[i, 0], offsets[i, 1], offsets[i, 2]
        # the inverse of a rotation is its transpose
        x = c + rotation[0, 0] * dx + rotation[1, 0] * dy + rotation[2, 0] * dz
        y = c + rotation[0, 1] * dx + rotation[1, 1] * dy + rotation[2, 1] * dz
        z = c + rotation[0, 2] * dx + rotation[1, 2] * dy + rotation[2, 2] * dz
        if not (x > -1e-6 and y > -1e-6 and z > -1e-6):
            out[i] = 0.0
            continue
        if not (x < last + 1e-6 and y < last + 1e-6 and z < last + 1e-6):
            out[i] = 0.0
            continue
        x, y, z = min(max(x, 0.0), last), min(max(y, 0.0), last), min(max(z, 0.0), last)
        # the sum of `sampling_kernels.cubic`: as a function of its own it makes that loop a third slower
        ix, iy, iz = int(x), int(y), int(z)
        wx0, wx1, wx2, wx3 = _weights(np.float32(x - ix))
        wy = _weights(np.float32(y - iy))
        wz = _weights(np.float32(z - iz))
        total = np.float32(0.0)
        if ix >= 1 and iy >= 1 and iz >= 1 and ix < n - 2 and iy < n - 2 and iz < n - 2:
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
                xs[q] = _mirrored(ix - 1 + q, n)
                ys[q] = _mirrored(iy - 1 + q, n)
                zs[q] = _mirrored(iz - 1 + q, n)
            for r in range(4):
                plane = np.float32(0.0)
                for q in range(4):
                    row = coefficients[zs[r], ys[q]]
                    plane += wy[q] * (
                        wx0 * row[xs[0]] + wx1 * row[xs[1]] + wx2 * row[xs[2]] + wx3 * row[xs[3]]
                    )
                total += wz[r] * plane
        out[i] = total


@njit(nogil=True, cache=True)
def placed(values, mask, total, box, at, part):  # type: ignore[no-untyped-def]
    """Put a template, normalised and weighted by its mask, in the box that is transformed.

    Parameters
    ----------
    values : float32 array, shape (k,)
        In place: with mean 0 and standard deviation 1 under the mask, times the mask. All 0 if it does not
        vary.
    mask : float32 array, shape (k,)
    total : float
        Sum of the mask.
    box : float32 array
    at : int64 array, shape (k,)
        Where in it each value goes, as a real part.
    part : int
        0 for the real part, 1 for the imaginary.
    """
    mean = 0.0
    for i in range(len(values)):
        mean += mask[i] * values[i]
    mean /= total
    squares, size = 0.0, 0.0
    for i in range(len(values)):
        squares += mask[i] * (values[i] - mean) ** 2
        size += mask[i] * values[i] ** 2
    # what is left of a constant after rounding is nothing
    scale = math.sqrt(total / squares) if squares > 1e-10 * size else 0.0
    for i in range(len(values)):
        values[i] = np.float32((values[i] - mean) * scale) * mask[i]
        box[at[i] + part * LANES] = values[i]


@njit(nogil=True, cache=True)
def in_rows(first, end, spectrum, scale, out):  # type: ignore[no-untyped-def]
    """Put blocks of `LANES` kx of a spectrum, complex64 ``[kz][ky][kx]``, in rows, ``[line][kz][row]``."""
    lz, ly, _ = spectrum.shape
    for block in range(first, end):
        for z in range(lz):
            for y in range(ly):
                start = ((block * ly + y) * lz + z) * ROW
                for i in range(LANES):
                    value = spectrum[z, y, block * LANES + i]
                    out[start + i] = value.real * scale
                    out[start + LANES + i] = value.imag * scale


@njit(nogil=True, cache=True)
def small_spectra(first, end, box, width, plan_y, plan_x, tables, scratch, out):  # type: ignore[no-untyped-def]
    """Transform planes of the template along x and y, what is not 0 only.

    Parameters
    ----------
    first, end : int
        Planes.
    box : float32 array, [z][block of y][x or none][row over y]
        ``width`` planes; ``width + 1`` rows along x, the last of them 0.
    width : int
    plan_y, plan_x : Plan
    tables : int64 array, shape (4, m)
        Offsets of: rows one after the other; rows along x of the box, where there is none its last; rows
        along y of what is turned in between, likewise; rows along ky of ``out``.
    scratch : float32 array, shape (5, m)
    out : float32 array, [block of kx][ky][z or none][row over kx]
    """
    ly, ry, wy = plan_y.length, plan_y.radices, plan_y.twiddles
    lx, rx, wx = plan_x.length, plan_x.radices, plan_x.twiddles
    plain = tables[0]
    one, two, three, between = scratch[0], scratch[1], scratch[2], scratch[3]
    blocks_y, blocks_x = -(-width // LANES), lx // LANES
    rows = blocks_y * LANES + 1
    for b in range(blocks_x):
        for i in range(ROW):
            between[((b + 1) * rows - 1) * ROW + i] = 0.0
    for z in range(first, end):
        for b in range(blocks_y):
            start = (z * blocks_y + b) * (width + 1) * ROW
            transform(lx, rx, wx, box, tables[1], start, three, plain, 0, 0, one, two, plain, width)
            for k in range(blocks_x):
                for part in range(0, ROW, LANES):
                    to = (k * rows + b * LANES) * ROW + part
                    transposed(three, k * LANES * ROW + part, ROW, between, to, ROW)
        for k in range(blocks_x):
            start, to = k * rows * ROW, k * ly * tables[3, 1] + z * ROW
            transform(ly, ry, wy, between, tables[2], start, out, tables[3], to, 0, one, two, plain, width)


@njit(nogil=True, cache=True)
def through(  # type: ignore[no-untyped-def]
    first, end, small, pitch, width, plan_z, nz, tables, spectrum, scratch, plane, out
):
    """Transform lines along z, multiply them by the spectrum of the volume, and transform them back.

    Parameters
    ----------
    first, end : int
        Rows of lines.
    small : float32 array, [line][z or none][row]
        The row after the last is 0.
    pitch : int
        Offset of one line of it.
    width : int
        How many rows of a line are not 0; the first plane that is wanted is one less.
    plan_z : Plan
    nz : int
        How many planes are wanted.
    tables : int64 array, shape (2, m)
        Offsets of: rows one after the other; rows of a line of ``small``.
    spectrum : float32 array, [line][kz][row]
    scratch : float32 array, shape (5, m)
    plane : int
        Offset of one plane of ``out``.
    out : float32 array, [z][line][row]
    """
    lz, rz, wz = plan_z.length, plan_z.radices, plan_z.twiddles
    plain = tables[0]
    one, two, three, group = scratch[0], scratch[1], scratch[2], scratch[3]
    for start in range(first, end, TOGETHER):
        together = min(TOGETHER, end - start)
        for i in range(together):
            at = (start + i) * pitch
            transform(lz, rz, wz, small, tables[1], at, three, plain, 0, 0, one, two, plain, width)
            for k in range(lz):
                multiplied(three, k * ROW, spectrum, ((start + i) * lz + k) * ROW)
                fetched(spectrum, ((start + i + 1) * lz + k) * ROW)
            to = i * lz * ROW
            transform(lz, rz, wz, three, plain, 0, group, plain, to, 1, one, two, plain, lz)
        for z in range(nz):
            for i in range(together):
                row = (i * lz + width - 1 + z) * ROW
                streamed(group, row, out, z * plane + (start + i) * ROW)


@njit(nogil=True)
def _turned_plane(z, field, plane, width, plan_y, lx, plain, stride, scratch, out):  # type: ignore[no-untyped-def]
    """Transform a plane back along y, and turn what is wanted of it so that rows go along x."""
    ly, ry, wy = plan_y.length, plan_y.radices, plan_y.twiddles
    one, two, three = scratch[0], scratch[1], scratch[2]
    blocks = (stride - LANES) // ROW
    # what is beyond the last place is turned as well: left as it is, it would grow from plane to plane
    for i in range(ly * ROW, (width - 1 + blocks * LANES) * ROW):
        three[i] = 0.0
    for k in range(lx // LANES):
        start = z * plane + k * ly * ROW
        transform(ly, ry, wy, field, plain, start, three, plain, 0, 1, one, two, plain, ly)
        for b in range(blocks):
            for part in range(0, ROW, LANES):
                to = k * LANES * stride + b * ROW + part
                transposed(three, (width - 1 + b * LANES) * ROW + part, ROW, out, to, stride)
            for y in range(b * ly // blocks, (b + 1) * ly // blocks):
                fetched(field, start + (ly + y) * ROW)


@njit(nogil=True, cache=True)
def best_of_planes(  # type: ignore[no-untyped-def]
    first,
    end,
    field,
    plane,
    width,
    plan_y,
    plan_x,
    nx,
    tables,
    stride,
    scratch,
    a,
    b,
    best,
    number,
    orientation,
):
    """Transform planes back along y and x, and keep what is best.

    Parameters
    ----------
    first, end : int
        Planes.
    field : float32 array, [z][block of kx][ky][row over kx]
    plane : int
        Offset of one plane of it.
    width : int
        Of the template: the first places that are wanted along y and x are one less.
    plan_y, plan_x : Plan
    nx : int
        How many places are wanted along x.
    tables : int64 array, shape (2, m)
        Offsets of: rows one after the other; rows along x of a turned plane.
    stride : int
        Offset of one row along x of a turned plane: a row for each block of y that is wanted, and `LANES`.
    scratch : float32 array, shape (5, m)
    a, b, best : float32 array, number : int32 array, [z][block of y][x][lanes over y]
        As in `keep_best`.
    orientation : int

    Returns
    -------
    total, squares : float
        Sum of all scores and of their squares.
    """
    lx, rx, wx = plan_x.length, plan_x.radices, plan_x.twiddles
    plain, along = tables[0], tables[1]
    one, two, three, turned_plane, sums = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    total, squares = 0.0, 0.0
    blocks = (stride - LANES) // ROW
    for z in range(first, end):
        _turned_plane(z, field, plane, width, plan_y, lx, plain, stride, scratch, turned_plane)
        for k in range(blocks):
            transform(lx, rx, wx, turned_plane, along, k * ROW, three, plain, 0, 1, one, two, plain, lx)
            for i in range(ROW):
                sums[i] = 0.0
            start = (z * blocks + k) * nx * LANES
            for x in range(nx):
                row, at = (width - 1 + x) * ROW, start + x * LANES
                keep_best(three, row, a, b, best, number, at, np.int32(orientation), sums)
            for i in range(LANES):
                total += sums[i]
                squares += sums[LANES + i]
    return total, squares


@njit(nogil=True, cache=True)
def denominators(  # type: ignore[no-untyped-def]
    first, end, field, plane, width, plan_y, ny, plan_x, nx, tables, stride, scratch, total, least, out
):
    """Transform planes back along y and x, and turn sums under a mask into what scores are multiplied by.

    The sums are those of values and of their squares. Parameters as in `best_of_planes`, and:

    ny : int
        How many places are wanted along y: out is 0 in the lanes beyond.
    total : float
        Sum of the mask, N.
    least : float
        Variance at or below which out is 0.
    out : float32 array, [z][block of y][x][lanes over y]
        ``1 / (N sqrt(variance))``.

    Returns
    -------
    int
        How many are not 0.
    """
    lx, rx, wx = plan_x.length, plan_x.radices, plan_x.twiddles
    plain, along = tables[0], tables[1]
    one, two, three, turned_plane = scratch[0], scratch[1], scratch[2], scratch[3]
    count = 0
    blocks = (stride - LANES) // ROW
    for z in range(first, end):
        _turned_plane(z, field, plane, width, plan_y, lx, plain, stride, scratch, turned_plane)
        for k in range(blocks):
            transform(lx, rx, wx, turned_plane, along, k * ROW, three, plain, 0, 1, one, two, plain, lx)
            start = (z * blocks + k) * nx * LANES
            for x in range(nx):
                row, at = (width - 1 + x) * ROW, start + x * LANES
                for i in range(LANES):
                    mean = three[row + i] / total
                    variance = three[row + LANES + i] / total - mean * mean
                    if k * LANES + i < ny and variance > least:
                        out[at + i] = np.float32(1.0 / (total * math.sqrt(variance)))
                        count += 1
                    else:
                        out[at + i] = 0.0
    return count
