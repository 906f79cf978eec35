"""Binning by block means, and what a binning factor is called elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def factor_from_dynamo_exponent(exponent: int) -> int:
    """The binning factor of Dynamo's "binning level": 0 leaves as it is, 1 halves, 2 quarters, ``2**k``.

    Raises
    ------
    ValueError
        If the exponent is negative.
    """
    if exponent < 0:
        raise ValueError(f"Dynamo's binning level counts halvings from 0, got {exponent}")
    return 2**exponent


def binned_shape(shape_zyx: tuple[int, int, int], factor: int) -> tuple[int, int, int]:
    """Shape after binning: only full blocks count.

    Raises
    ------
    ValueError
        If an axis is shorter than one block.
    """
    if factor < 1 or min(shape_zyx) < factor:
        raise ValueError(f"a volume of shape {shape_zyx} (z, y, x) has no full block of {factor} voxels")
    nz, ny, nx = (n // factor for n in shape_zyx)
    return nz, ny, nx


def block_mean(volume: NDArray[Any], factor: int) -> NDArray[np.float32]:
    """Mean over blocks of ``factor`` cubed voxels, summed in double precision.

    Parameters
    ----------
    volume : array, shape (nz, ny, nx)
    factor : int

    Returns
    -------
    array, shape (nz // factor, ny // factor, nx // factor), float32
        Voxels at the far ends that fill no block are left out.
    """
    nz, ny, nx = binned_shape(volume.shape, factor)
    binned = np.empty((nz, ny, nx), np.float32)
    plane = np.empty((ny * factor, nx * factor))
    for k in range(nz):
        # section by section along z: the sums stay in the cache and only one section is in double precision
        plane[:] = volume[k * factor, : ny * factor, : nx * factor]
        for z in range(k * factor + 1, (k + 1) * factor):
            plane += volume[z, : ny * factor, : nx * factor]
        rows = plane.reshape(ny, factor, nx * factor).sum(axis=1)
        sums = sum((rows[:, i::factor] for i in range(1, factor)), start=rows[:, 0::factor])
        binned[k] = sums / factor**3
    return binned


def binned_slabs(volume: Any, factor: int, max_bytes: int) -> Iterator[NDArray[np.float32]]:
    """Bin a volume that need not fit into the memory, slab by slab along z.

    Parameters
    ----------
    volume : array-like, shape (nz, ny, nx)
        Anything with a shape and a dtype that gives NumPy arrays when sliced.
    factor : int
    max_bytes : int
        Memory for one piece that is read. Sections larger than that are read in strips along y, down to one
        row of blocks, which is the least that can be read.

    Yields
    ------
    array, shape (k, ny // factor, nx // factor), float32
        Successive slabs along z.
    """
    nz, ny, _ = binned_shape(volume.shape, factor)
    # what is read, plus one section in double precision while it is summed
    row_of_blocks = factor * int(volume.shape[2]) * (factor * np.dtype(volume.dtype).itemsize + 8)
    rows = max(1, min(ny, max_bytes // row_of_blocks))
    sections = max(1, min(nz, max_bytes // (row_of_blocks * ny)))
    for k in range(0, nz, sections):
        deep = slice(k * factor, min(k + sections, nz) * factor)
        strips = [
            block_mean(np.asarray(volume[deep, j * factor : min(j + rows, ny) * factor, :]), factor)
            for j in range(0, ny, rows)
        ]
        yield np.concatenate(strips, axis=1) if len(strips) > 1 else strips[0]
