"""Boxes out of a volume: copied as they lie, or sampled in the frame of a particle.

The centre of an N box is its voxel ``N // 2``, N even. A particle at p has the box of the nearest voxel c,
and the shift ``s = p - c`` that is left. In its own frame it is ``aligned(r) = volume(p + R r)``, r being
the offset from the centre voxel and R taking the reference frame to the tomogram frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.coordinates import as_positions

Interpolation = Literal["linear", "cubic"]

SPLINE_MARGIN = 12
"""Voxels around a brick within which spline coefficients feel its edge: 0.27**12 is 1e-7."""


def check_box_size(box_size: int) -> None:
    """Check that a box has a centre voxel with N / 2 voxels before it.

    Raises
    ------
    ValueError
        If the size is odd or below 2.
    """
    if box_size < 2 or box_size % 2:
        below = max(2, box_size - 1)
        raise ValueError(
            f"a box size is an even number of voxels, got {box_size}; take {below} or {below + 2}"
        )


def nearest_voxels(positions: ArrayLike) -> NDArray[np.int64]:
    """The voxel each position lies in, ``(n, 3)`` in x, y, z order; halves go up, always the same way."""
    return np.floor(as_positions(positions) + 0.5).astype(np.int64)


def box_corners(centres: NDArray[np.int64], box_size: int) -> NDArray[np.int64]:
    """First voxel of the boxes around these centre voxels, ``(n, 3)`` in x, y, z order."""
    check_box_size(box_size)
    return centres - box_size // 2


def boxes_inside(
    corners: NDArray[np.int64], box_size: int, shape_zyx: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """Which boxes lie wholly within the volume."""
    upper = np.array(shape_zyx[::-1]) - box_size
    return np.asarray(((corners >= 0) & (corners <= upper)).all(axis=1))


def mirrored_indices(first: int, count: int, size: int) -> NDArray[np.int64]:
    """Indices of so many voxels along an axis, those outside mirrored: d c b a | a b c d | d c b a.

    Parameters
    ----------
    first : int
        Where they begin; may be negative.
    count : int
    size : int
        Of the axis.
    """
    index = np.mod(np.arange(first, first + count), 2 * size)
    return np.asarray(np.minimum(index, 2 * size - 1 - index))


def parts(shape: tuple[int, ...], side: int) -> Iterator[tuple[slice, slice, slice]]:
    """Parts of a volume of about this side, alike in size, that do not overlap."""
    edges = []
    for n in shape:
        pieces = max(1, round(n / side))
        edges.append(np.linspace(0, n, pieces + 1).astype(int).tolist())
    for z0, z1 in zip(edges[0], edges[0][1:], strict=False):
        for y0, y1 in zip(edges[1], edges[1][1:], strict=False):
            for x0, x1 in zip(edges[2], edges[2][1:], strict=False):
                yield slice(z0, z1), slice(y0, y1), slice(x0, x1)


def boxes_touching(
    corners: NDArray[np.int64], box_size: int, shape_zyx: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """Which boxes have at least one voxel within the volume."""
    return np.asarray(((corners > -box_size) & (corners < np.array(shape_zyx[::-1]))).all(axis=1))


def crop(volume: Any, corner: ArrayLike, box_size: int) -> NDArray[np.float32]:
    """Copy one box; what lies outside the volume is filled with the mean of what lies inside.

    Parameters
    ----------
    volume : array-like, shape (nz, ny, nx)
    corner : array-like of int, shape (3,)
        First voxel of the box, x, y, z.
    box_size : int

    Returns
    -------
    array, shape (N, N, N), float32

    Raises
    ------
    ValueError
        If the box does not touch the volume.
    """
    x, y, z = (int(v) for v in np.asarray(corner))
    n = box_size
    nz, ny, nx = volume.shape
    if x >= 0 and y >= 0 and z >= 0 and x + n <= nx and y + n <= ny and z + n <= nz:
        return np.array(volume[z : z + n, y : y + n, x : x + n], dtype=np.float32)
    spans = [(max(0, start), min(start + n, size)) for start, size in ((z, nz), (y, ny), (x, nx))]
    if any(low >= high for low, high in spans):
        raise ValueError(f"a box of {n} at voxel {(x, y, z)} (x, y, z) does not touch the volume")
    part = np.asarray(volume[tuple(slice(*span) for span in spans)], dtype=np.float32)
    box = np.full((n, n, n), part.mean(dtype=np.float64), np.float32)
    box[
        tuple(slice(low - start, high - start) for (low, high), start in zip(spans, (z, y, x), strict=True))
    ] = part
    return box


def crop_shifted(volume: Any, position: ArrayLike, box_size: int) -> NDArray[np.float32]:
    """One box with a position between voxels at its very centre, by cubic B-spline interpolation.

    Parameters
    ----------
    volume : array-like, shape (nz, ny, nx)
    position : array-like, shape (3,)
        x, y, z in voxels. The box must touch the volume.
    box_size : int

    Returns
    -------
    array, shape (N, N, N), float32
        What lies outside the volume is the mean of what lies inside. A voxel that is not finite makes every
        voxel of a spline so: the box is all NaN if there is one in it or within `SPLINE_MARGIN` of it.
    """
    point = np.asarray(position, dtype=np.float64)
    brick, corner = _brick(volume, point, np.eye(3), box_size)
    if not np.isfinite(brick).all():
        return np.full((box_size,) * 3, np.nan, np.float32)
    box = sample(spline_coefficients(brick), point - corner, np.eye(3), box_size, "cubic", fill=np.nan)
    outside = np.isnan(box)
    if outside.any():
        box[outside] = box[~outside].mean(dtype=np.float64)
    return box


def spline_coefficients(volume: NDArray[Any]) -> NDArray[np.float32]:
    """Cubic B-spline coefficients of a volume, mirrored at its ends: what cubic sampling needs."""
    from scipy.ndimage import spline_filter

    return np.asarray(spline_filter(volume, order=3, mode="mirror", output=np.float32))


def sample(
    volume: NDArray[Any],
    position: ArrayLike,
    rotation: ArrayLike,
    box_size: int,
    interpolation: Interpolation,
    fill: float = 0.0,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Sample one box in a particle's own frame; threads may do this side by side.

    Parameters
    ----------
    volume : array, shape (nz, ny, nx)
        Grey values for "linear", `spline_coefficients` for "cubic".
    position : array-like, shape (3,)
        x, y, z of the box centre in the volume.
    rotation : array-like, shape (3, 3)
        Reference frame to the frame of the volume.
    box_size : int
    interpolation : "linear" or "cubic"
    fill : float
        Value of samples more than half a voxel outside the volume.
    out : array, shape (N, N, N), float32, optional
        Where to put the box.

    Returns
    -------
    array, shape (N, N, N), float32
    """
    from napari_tomopick.geometry import sampling_kernels

    kernel = sampling_kernels.linear if interpolation == "linear" else sampling_kernels.cubic
    if out is None:
        out = np.empty((box_size,) * 3, np.float32)
    matrix = np.ascontiguousarray(rotation, dtype=np.float64)
    kernel(plain(volume), np.array(position, dtype=np.float64), matrix, np.float32(fill), out)
    return out


def plain(volume: Any) -> NDArray[Any]:
    """The same voxels as an array that compiled code takes: no subclass, this machine's byte order."""
    array = np.asarray(volume).view(np.ndarray)
    if array.dtype.isnative and array.dtype.kind in "iuf" and array.dtype != np.float16:
        return array
    return array.astype(np.float32)


def crop_oriented(
    volume: Any,
    positions: ArrayLike,
    rotations: Rotation,
    box_size: int,
    *,
    interpolation: Interpolation = "linear",
    fill: float = 0.0,
    threads: int = 2,
    max_bytes: int = 2**30,
) -> NDArray[np.float32]:
    """Sample the boxes of many particles, each in its own frame.

    Parameters
    ----------
    volume : array-like, shape (nz, ny, nx)
        An array or memory map is sampled where it lies; of anything else the brick around each box is read.
    positions : array-like, shape (n, 3)
        x, y, z in voxels.
    rotations : Rotation, n of them
        Reference frame to tomogram frame.
    box_size : int
        Even.
    interpolation : "linear" or "cubic"
        Trilinear, or cubic B-spline: sharper, some five times slower.
    fill : float
        Value of samples outside the volume.
    threads : int
    max_bytes : int
        Spline coefficients of the whole volume are made once if they need less memory than this; otherwise
        those of the brick around each box, so that the memory needed does not grow with the volume.

    Returns
    -------
    array, shape (n, N, N, N), float32
    """
    check_box_size(box_size)
    centres = as_positions(positions)
    matrices = rotations.as_matrix().reshape(-1, 3, 3)
    mapped = isinstance(volume, np.ndarray) and plain(volume[:1]).dtype == volume.dtype
    whole: NDArray[Any] | None = None
    if interpolation == "cubic" and 4 * np.prod(volume.shape, dtype=np.int64) <= max_bytes:
        whole = spline_coefficients(np.asarray(volume[:], dtype=np.float32))
    elif interpolation == "linear" and mapped:
        whole = volume
    out = np.empty((len(centres), *(box_size,) * 3), np.float32)

    def one(i: int) -> None:
        source, position = whole, centres[i]
        if source is None:
            brick, corner = _brick(volume, position, matrices[i], box_size)
            source = spline_coefficients(brick) if interpolation == "cubic" else brick
            position = position - corner
        sample(source, position, matrices[i], box_size, interpolation, fill, out[i])

    _in_threads(one, len(centres), threads)
    return out


def _brick(
    volume: Any, position: NDArray[np.float64], rotation: NDArray[np.float64], box_size: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The part of the volume that a turned box can touch, and its first voxel x, y, z."""
    reach = np.abs(rotation).sum(axis=1) * (box_size // 2) + SPLINE_MARGIN
    size = np.array(volume.shape[::-1])
    # kept at one voxel at least: a box wholly outside then samples nothing but the fill value
    low = np.clip(np.floor(position - reach).astype(np.int64), 0, size - 1)
    high = np.clip(np.ceil(position + reach).astype(np.int64) + 1, low + 1, size)
    part = volume[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
    return np.array(part, dtype=np.float32), low


def _in_threads(task: Callable[[int], None], count: int, threads: int) -> None:
    if threads <= 1:
        for i in range(count):
            task(i)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(task, range(count)):
            pass
