"""Bin a tomogram."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np

from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.geometry.binning import binned_shape, binned_slabs, factor_from_dynamo_exponent
from napari_tomopick.io.volumes import MrcSlabWriter, open_volume
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.protocols.describe import Bounds, Progress

__all__ = ["bin_tomogram", "binning_factor", "binning_line"]

MRC_SUFFIXES = (".mrc", ".rec", ".map")


def bin_tomogram(
    tomogram: Tomogram,
    output: Path,
    *,
    factor: Annotated[int | None, Bounds(minimum=2, maximum=64)] = None,
    dynamo_exponent: Annotated[int | None, Bounds(minimum=1, maximum=6)] = None,
    memory_mb: Annotated[int, Bounds(minimum=16, advanced=True)] = 512,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Tomogram:
    """Bin a tomogram by the mean of blocks of voxels.

    Voxel size, origin and coordinates follow: what lies at x in the binned tomogram lies at
    ``(x + 0.5) f - 0.5`` in its source. The result is stored as float32 whatever the type of the source,
    since means are not whole numbers. Voxels at the far ends that fill no block are left out: fewer than the
    factor along each axis.

    Parameters
    ----------
    tomogram : Tomogram
        Its file is read in slabs and may be larger than the memory.
    output : Path
        MRC file to write; it appears when it is complete.
    factor : int, optional
        How many voxels along each axis become one: 2 halves the tomogram, 4 quarters it.
    dynamo_exponent : int, optional
        The same as Dynamo counts it, in halvings: its binning 1 is a factor of 2, its binning 2 one of 4.
        Give this or the factor.
    memory_mb : int
        Memory to use, in megabytes.
    overwrite : bool
        Replace an earlier file of the output's name.
    progress : callable, optional
        Called with (sections done, sections in all, text).

    Returns
    -------
    Tomogram
        The binned one, named ``<name>_bin<factor>``, with the other as its source.

    Raises
    ------
    ParameterError
        If the factor is below 2 or leaves no voxel, or the output is the file that is binned, no MRC, or
        there already.
    FileFormatError
        If the tomogram cannot be read, has changed its shape, or holds values that are not finite.
    TomopickError
        If the output cannot be written.
    """
    output = Path(output)
    factor = binning_factor(factor, dynamo_exponent)
    if memory_mb < 1:
        raise ParameterError(f"the memory to use must be at least 1 MB, got {memory_mb}")
    if output.suffix.lower() not in MRC_SUFFIXES:
        raise ParameterError(f"{output}: binned tomograms are written as MRC; end the name in .mrc")
    if output.exists() and output.samefile(tomogram.path):
        raise ParameterError(f"{output} is the tomogram that is to be binned; choose another name")
    if output.exists() and not overwrite:
        raise ParameterError(f"{output} exists already; choose another name, or ask to overwrite it")
    size = tomogram.voxel_size_angstrom
    volume = open_volume(tomogram.path, voxel_size_angstrom=size, override_header=True)
    try:
        shape = binned_shape(volume.shape, factor)
    except ValueError as error:
        raise ParameterError(f"{tomogram.path}: {error}; choose a smaller factor") from error
    x, y, z = (o + (factor - 1) / 2 * size for o in tomogram.origin_angstrom)
    what = f"binning {tomogram.name} by {factor}"
    done = 0
    with MrcSlabWriter(output, shape, np.float32, size * factor, origin_angstrom=(x, y, z)) as writer:
        if progress:
            progress(0, shape[0], what)
        for slab in binned_slabs(volume.data, factor, memory_mb * 2**20 // 2):
            if not np.isfinite(slab).all():
                raise FileFormatError(_not_finite(tomogram, slab, done, factor))
            writer.write(slab)
            done += len(slab)
            if progress:
                progress(done, shape[0], what)
    return replace(
        tomogram,
        name=f"{tomogram.name}_bin{factor}",
        path=output,
        shape=shape,
        voxel_size_angstrom=size * factor,
        origin_angstrom=(x, y, z),
        source=tomogram.name,
        binning=factor,
    )


def binning_factor(factor: int | None, dynamo_exponent: int | None) -> int:
    """Return the factor meant by one of the two ways of giving it; raise `ParameterError` otherwise."""
    if (factor is None) == (dynamo_exponent is None):
        raise ParameterError("give either a binning factor or Dynamo's binning exponent")
    try:
        chosen = factor if factor is not None else factor_from_dynamo_exponent(dynamo_exponent or 0)
    except ValueError as error:
        raise ParameterError(str(error)) from error
    if chosen < 2:
        raise ParameterError(f"a tomogram is binned by a whole factor of 2 or more, got {chosen}")
    return chosen


def binning_line(source: Tomogram, binned: Tomogram) -> str:
    """Describe a binned tomogram in a sentence, with the voxels of the source that fill no block."""
    nz, ny, nx = binned.shape
    text = f"{binned.path}: {nx} x {ny} x {nz} at {binned.voxel_size_angstrom:g} Å"
    rest = [n % binned.binning for n in source.shape[::-1]]
    if any(rest):
        text += "; the last {}, {} and {} voxels along x, y and z fill no block and are left out".format(
            *rest
        )
    return text


def _not_finite(tomogram: Tomogram, slab: np.ndarray, first_section: int, factor: int) -> str:
    z, y, x = (int(i) for i in np.argwhere(~np.isfinite(slab))[0])
    start = (x * factor, y * factor, (z + first_section) * factor)
    return (
        f"{tomogram.path}: NaN or infinite values within {factor} voxels of x, y, z = {start}; "
        "mask or reconstruct the tomogram again"
    )
