"""Reading MRC (.mrc .rec .map), memory-mapped.

Sources: MRC2014 (Cheng et al. (2015) J. Struct. Biol. 192, 146) and https://bio3d.colorado.edu/imod/doc/
mrc_format.txt for IMOD's stamp and its flag for signed bytes.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import mrcfile
import numpy as np
from mrcfile.utils import dtype_from_mode
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.volumes.volume import RawVolume

HEADER_BYTES = 1024
IMOD_STAMP = 1146047817
IMOD_SIGNED_BYTES = 1


def read(path: Path) -> RawVolume:
    """Open an MRC file; see `napari_tomopick.io.volumes.open_volume`.

    Raises
    ------
    FileFormatError
        If the file is not MRC, is shorter than its header says, or holds something else than one volume.
    """
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            # permissive: a wrong map string or machine stamp is common, harmless, and told to the user
            with mrcfile.open(path, permissive=True, header_only=True) as mrc:
                header = mrc.header.copy()
    except ValueError as error:
        raise FileFormatError(
            f"{path}: not an MRC file ({path.stat().st_size} bytes long): {error}"
        ) from error
    assumed = [str(w.message) for w in caught]
    columns, rows, sections = int(header.nx), int(header.ny), int(header.nz)
    if min(columns, rows, sections) < 1 or int(header.nsymbt) < 0:
        raise FileFormatError(
            f"{path}: not an MRC file: its header gives {columns} x {rows} x {sections} voxels and an "
            f"extended header of {int(header.nsymbt)} bytes"
        )
    if _is_volume_stack(header):
        raise FileFormatError(
            f"{path}: a stack of {sections // int(header.mz)} volumes (space group {int(header.ispg)}), not "
            "one tomogram; split it first"
        )
    dtype, note = _dtype(path, header)
    data = _memmap(path, dtype, (sections, rows, columns), HEADER_BYTES + int(header.nsymbt))
    assumed += note
    if int(header.ispg) == 0 and int(header.mz) == 1 and sections > 1:
        assumed.append("the header calls this a stack of images (space group 0, mz 1); read as a volume")
    data, start, note = _in_xyz_order(path, header, data)
    assumed += note
    sizes = _voxel_sizes(header)
    origin, note = _origin(header, start, sizes)
    return RawVolume(data, sizes, origin, tuple(assumed + note))


def _is_volume_stack(header: np.recarray) -> bool:
    mz, nz = int(header.mz), int(header.nz)
    return 401 <= int(header.ispg) <= 630 and 0 < mz < nz and nz % mz == 0


def _dtype(path: Path, header: np.recarray) -> tuple[np.dtype, list[str]]:
    mode = int(header.mode)
    try:
        dtype = dtype_from_mode(mode).newbyteorder(header.mode.dtype.byteorder)
    except ValueError as error:
        if bytes(header.map)[:3] != b"MAP":
            raise FileFormatError(f"{path}: not an MRC file, or its header is damaged") from error
        raise FileFormatError(
            f"{path}: MRC mode {mode} is not supported; convert it to mode 0, 1, 2, 6 or 12 "
            "(IMOD: newstack -mode 2)"
        ) from error
    if mode != 0:
        return dtype, []
    stamp, flags = header.extra2.tobytes()[40:44], header.extra2.tobytes()[44:48]
    word = header.mode.dtype
    if np.frombuffer(stamp, word)[0] != IMOD_STAMP:
        if header.dmax > np.iinfo(np.int8).max:
            return np.dtype(np.uint8), [f"bytes are unsigned, since the header's maximum is {header.dmax:g}"]
        return dtype, []  # MRC2014: mode 0 is signed
    if np.frombuffer(flags, word)[0] & IMOD_SIGNED_BYTES:
        return dtype, []
    return np.dtype(np.uint8), ["bytes are unsigned, as the IMOD stamp in the header says"]


def _memmap(path: Path, dtype: np.dtype, shape: tuple[int, int, int], offset: int) -> NDArray:
    expected = offset + dtype.itemsize * int(np.prod(shape, dtype=object))
    actual = path.stat().st_size
    if actual < expected:
        raise FileFormatError(
            f"{path}: truncated: {shape[2]} x {shape[1]} x {shape[0]} voxels of {dtype.itemsize} bytes need "
            f"{expected} bytes, the file has {actual}; copy or reconstruct it again"
        )
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape)


def _in_xyz_order(
    path: Path, header: np.recarray, data: NDArray
) -> tuple[NDArray, tuple[int, int, int], list[str]]:
    """The data indexed [z, y, x] (a view), the start along x, y, z, and notes."""
    # mapc, mapr, maps: which of x (1), y (2), z (3) runs along columns, rows, sections
    along = int(header.mapc), int(header.mapr), int(header.maps)
    start = int(header.nxstart), int(header.nystart), int(header.nzstart)
    if along == (1, 2, 3):
        return data, start, []
    if along == (0, 0, 0):
        return data, start, ["the header does not say which axis is which; columns are taken as x, rows as y"]
    if sorted(along) != [1, 2, 3]:
        raise FileFormatError(f"{path}: damaged header: axis order mapc, mapr, maps is {along}")
    column, row, section = along
    file_axis = {column: 2, row: 1, section: 0}
    by_axis = dict(zip(along, start, strict=True))
    note = "columns, rows, sections of the file run along {}, {}, {}".format(*("xyz"[a - 1] for a in along))
    transposed = data.transpose(file_axis[3], file_axis[2], file_axis[1])
    return transposed, (by_axis[1], by_axis[2], by_axis[3]), [note]


def _voxel_sizes(header: np.recarray) -> tuple[float, float, float] | None:
    cell = [float(header.cella[axis]) for axis in "xyz"]
    sampling = [int(header[f"m{axis}"]) for axis in "xyz"]
    if not any(cell) or 0 in sampling:
        return None
    # single precision holds seven digits; what follows them is not the user's voxel size
    x, y, z = (float(f"{c / m:.7g}") for c, m in zip(cell, sampling, strict=True))
    return x, y, z


def _origin(
    header: np.recarray, start: tuple[int, int, int], sizes: tuple[float, float, float] | None
) -> tuple[tuple[float, float, float], list[str]]:
    x, y, z = (float(header.origin[axis]) for axis in "xyz")
    if any((x, y, z)) or not any(start) or sizes is None:
        return (x, y, z), []
    x, y, z = (n * s for n, s in zip(start, sizes, strict=True))
    return (x, y, z), [f"the origin is taken from the start {start} (x, y, z voxels), its field being zero"]
