"""EM files (.em: EM, TOM, Dynamo), read memory-mapped.

Source: Hegerl (1996) J. Struct. Biol. 116, 30. Byte 0 is the machine, byte 3 the data type, then nx, ny,
nz as 32-bit integers; the header is 512 bytes long and x runs fastest. There is no voxel size in it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.volumes.volume import RawVolume

HEADER_BYTES = 512
BYTE_ORDER = {0: ">", 3: ">", 5: ">", 1: "<", 6: "<"}
"""By machine: 0 OS-9, 3 SGI, 5 Mac are big-endian; 1 VAX (integers), 6 PC are little-endian."""
DTYPES = {1: "i1", 2: "i2", 4: "i4", 5: "f4", 9: "f8"}


def read(path: Path) -> RawVolume:
    """Open an EM file; see `napari_tomopick.io.volumes.open_volume`.

    Raises
    ------
    FileFormatError
        If the header makes no sense, or the file is shorter than it says.
    """
    dtype, (nz, ny, nx) = header(path)
    if min(nx, ny, nz) < 1:
        raise FileFormatError(f"{path}: damaged EM header: {nx} x {ny} x {nz} voxels")
    expected = HEADER_BYTES + nx * ny * nz * dtype.itemsize
    actual = path.stat().st_size
    if actual < expected:
        raise FileFormatError(
            f"{path}: truncated: {nx} x {ny} x {nz} voxels of {dtype.itemsize} bytes need {expected} bytes, "
            f"the file has {actual}; copy it again"
        )
    data = np.memmap(path, dtype=dtype, mode="r", offset=HEADER_BYTES, shape=(nz, ny, nx))
    return RawVolume(data)


def header(path: Path) -> tuple[np.dtype, tuple[int, int, int]]:
    """Type of the values, and numbers of them along z, y, x.

    Raises
    ------
    FileFormatError
        If it is no header of an EM file.
    """
    with path.open("rb") as file:
        start = file.read(HEADER_BYTES)
    if len(start) < HEADER_BYTES:
        raise FileFormatError(
            f"{path}: truncated: an EM header has {HEADER_BYTES} bytes, the file {len(start)}"
        )
    machine, kind = start[0], start[3]
    if machine not in BYTE_ORDER or kind not in DTYPES:
        raise FileFormatError(
            f"{path}: not an EM file: its first bytes give machine {machine} and data type {kind}; known are "
            f"machines {sorted(BYTE_ORDER)} and types {sorted(DTYPES)} (complex and other types are not read)"
        )
    order = BYTE_ORDER[machine]
    nx, ny, nz = (int(n) for n in np.frombuffer(start, f"{order}i4", count=3, offset=4))
    return np.dtype(order + DTYPES[kind]), (nz, ny, nx)


def write(path: Path, data: NDArray[np.float32]) -> None:
    """Write an EM file of single precision, little-endian, as programs on today's machines do.

    Parameters
    ----------
    path : Path
    data : array, shape (nz, ny, nx)
    """
    start = np.zeros(HEADER_BYTES, np.uint8)
    start[0], start[3] = 6, 5
    start[4:16] = np.frombuffer(np.array(data.shape[::-1], "<i4").tobytes(), np.uint8)
    with path.open("wb") as file:
        file.write(start.tobytes())
        file.write(np.ascontiguousarray(data, "<f4").data)
