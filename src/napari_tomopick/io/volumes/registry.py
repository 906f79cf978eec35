"""Which module reads which suffix."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import numpy as np

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.volumes.volume import RawVolume, Volume, checked

# the modules are imported when first needed, since some of their libraries are slow to import
READERS = {
    ".mrc": "mrc",
    ".rec": "mrc",
    ".map": "mrc",
    ".em": "em",
    ".hdf": "eman_hdf",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".zarr": "ome_zarr",
}
SUFFIXES = tuple(READERS)


def open_volume(
    path: str | os.PathLike[str],
    *,
    voxel_size_angstrom: float | None = None,
    override_header: bool = False,
) -> Volume:
    """Open a tomogram without reading its voxels.

    Parameters
    ----------
    path : path-like
        .mrc .rec .map .em .hdf (EMAN2) .tif .tiff .zarr (OME-Zarr, full resolution).
    voxel_size_angstrom : float, optional
        The voxel size the user typed; it is checked against the header's.
    override_header : bool
        Use the typed voxel size although the header says something else.

    Returns
    -------
    Volume

    Raises
    ------
    FileFormatError
        If the file does not exist, is damaged, is not one 3D volume, or contradicts the typed voxel size.
    """
    file = Path(path)
    if not file.exists():
        raise FileFormatError(f"{file}: no such file")
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        compressed = file.suffix.lower() in (".gz", ".bz2", ".zst")
        remedy = "decompress it first, it cannot be read in pieces" if compressed else _known()
        raise FileFormatError(f"{file}: not a tomogram format: {remedy}")
    if file.is_dir() != (reader == "ome_zarr"):
        raise FileFormatError(
            f"{file}: a {'folder' if file.is_dir() else 'file'}, which {file.suffix} is not"
        )
    module = importlib.import_module(f"napari_tomopick.io.volumes.{reader}")
    try:
        raw: RawVolume = module.read(file)
    except OSError as error:
        raise FileFormatError(f"{file}: cannot be read: {error.strerror or error}") from error
    return checked(file, raw, voxel_size_angstrom, override_header)


def check_finite(volume: Volume) -> None:
    """Read the whole volume in slabs and refuse it if a voxel is NaN or infinite.

    Opening does not read the voxels, so the steps that need finite ones call this.

    Raises
    ------
    FileFormatError
        Naming how many voxels are not finite, and the first.
    """
    if np.dtype(volume.data.dtype).kind != "f":
        return
    bad, first = 0, None
    step = max(1, 2**26 // max(1, volume.shape[1] * volume.shape[2] * 4))
    for z in range(0, volume.shape[0], step):
        slab = np.asarray(volume.data[z : z + step])
        if np.isfinite(slab.sum(dtype=np.float64)):
            continue  # one NaN or infinity would spoil the sum, so there is none
        wrong = np.argwhere(~np.isfinite(slab))
        if len(wrong) and first is None:
            dz, y, x = (int(i) for i in wrong[0])
            first = (x, y, z + dz)
        bad += len(wrong)
    if bad:
        raise FileFormatError(
            f"{volume.path}: {bad} voxels are NaN or infinite, the first at x, y, z = {first}; mask or "
            "reconstruct the tomogram again"
        )


def _known() -> str:
    return f"these are read: {' '.join(SUFFIXES)}"
