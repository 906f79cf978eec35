"""Writing MRC, in slabs, so that a volume larger than the memory can be written."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE
from numpy.typing import DTypeLike, NDArray

from napari_tomopick import __version__
from napari_tomopick.errors import ParameterError, TomopickError
from napari_tomopick.io.atomic import atomic_path

MODES = {"int8": 0, "int16": 1, "float32": 2, "uint16": 6, "float16": 12}
SLAB_BYTES = 64 * 2**20


class MrcSlabWriter:
    """Write an MRC volume slab by slab; the file appears only when all of it has been written.

    Parameters
    ----------
    path : path-like
    shape : tuple of 3 int
        Number of voxels along z, y, x.
    dtype : dtype-like
        int8, int16, uint16, float16 or float32, which MRC can hold.
    voxel_size_angstrom : float
    origin_angstrom : tuple of 3 float
        x, y, z of the centre of voxel (0, 0, 0).

    Raises
    ------
    ParameterError
        If the type, the shape or the voxel size cannot be written.
    TomopickError
        If the file cannot be written; nothing is left behind then.

    Examples
    --------
    >>> with MrcSlabWriter("out.mrc", (nz, ny, nx), "float32", 10.0) as writer:
    ...     for slab in slabs:  # each (k, ny, nx), along z
    ...         writer.write(slab)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        shape: tuple[int, int, int],
        dtype: DTypeLike,
        voxel_size_angstrom: float,
        *,
        origin_angstrom: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        self.path = Path(path)
        self.shape = shape
        self.dtype = np.dtype(dtype)
        if self.dtype.name not in MODES:
            raise ParameterError(
                f"cannot write {self.path}: MRC holds {', '.join(MODES)}, not {self.dtype.name}; "
                "convert it first"
            )
        if len(shape) != 3 or min(shape) < 1:
            raise ParameterError(f"cannot write {self.path}: a volume has shape (nz, ny, nx), got {shape}")
        if not (np.isfinite(voxel_size_angstrom) and voxel_size_angstrom > 0):
            raise ParameterError(f"cannot write {self.path}: the voxel size is {voxel_size_angstrom} Å")
        self._header = _header(shape, self.dtype, voxel_size_angstrom, origin_angstrom)
        self._written = 0
        self._sum = self._sum_of_squares = 0.0
        self._min, self._max = np.inf, -np.inf

    def __enter__(self) -> MrcSlabWriter:
        self._context: AbstractContextManager[Path] = atomic_path(self.path)
        temporary = self._context.__enter__()
        try:
            self._file: BinaryIO = open(temporary, "xb")
            self._file.write(self._header.tobytes())
        except BaseException as error:
            self._leave(error)
            raise
        return self

    def write(self, slab: NDArray[Any]) -> None:
        """Append sections along z.

        Parameters
        ----------
        slab : array, shape (k, ny, nx)

        Raises
        ------
        ParameterError
            If the sections have another size or type, or are too many.
        """
        if slab.ndim != 3 or slab.shape[1:] != self.shape[1:] or self._written + len(slab) > self.shape[0]:
            raise ParameterError(
                f"{self.path}: section {self._written}: a slab of shape {slab.shape} does not fit into "
                f"{self.shape}"
            )
        if not np.can_cast(slab.dtype, self.dtype, "same_kind"):
            raise ParameterError(f"{self.path}: {slab.dtype} values cannot be stored as {self.dtype}")
        stored = np.ascontiguousarray(slab, dtype=self.dtype.newbyteorder("<"))
        self._file.write(stored.data)
        self._written += len(slab)
        as_double = stored.astype(np.float64)
        self._sum += float(as_double.sum())
        self._sum_of_squares += float(np.square(as_double, out=as_double).sum())
        self._min = min(self._min, float(stored.min()))
        self._max = max(self._max, float(stored.max()))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            try:
                self._finish()
            except BaseException as failure:
                self._leave(failure)
                raise
        self._leave(error)

    def _finish(self) -> None:
        if self._written != self.shape[0]:
            raise TomopickError(f"{self.path}: only {self._written} of {self.shape[0]} sections were written")
        mean = self._sum / np.prod(self.shape, dtype=np.float64)
        variance = self._sum_of_squares / np.prod(self.shape, dtype=np.float64) - mean**2
        self._header["dmin"], self._header["dmax"] = self._min, self._max
        self._header["dmean"], self._header["rms"] = mean, np.sqrt(max(variance, 0.0))
        self._file.seek(0)
        self._file.write(self._header.tobytes())

    def _leave(self, error: BaseException | None) -> None:
        """Close the file and let `atomic_path` rename or remove it."""
        if hasattr(self, "_file"):
            self._file.close()
        self._context.__exit__(type(error) if error else None, error, None)


def write_mrc(
    path: str | os.PathLike[str],
    array: Any,
    voxel_size_angstrom: float,
    *,
    origin_angstrom: tuple[float, float, float] = (0.0, 0.0, 0.0),
    overwrite: bool = True,
) -> None:
    """Write a volume as MRC, atomically.

    Parameters
    ----------
    path : path-like
    array : array-like, shape (nz, ny, nx)
        float64 is stored in single precision and bytes without sign as uint16, since MRC has neither.
    voxel_size_angstrom : float
    origin_angstrom : tuple of 3 float
        x, y, z of the centre of voxel (0, 0, 0).
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    ParameterError
        If MRC cannot hold the array.
    TomopickError
        If the file exists and must not be replaced, or cannot be written.
    """
    if not overwrite and Path(path).exists():
        raise TomopickError(f"{path} exists already; choose another name or allow it to be replaced")
    name = np.dtype(array.dtype).name
    dtype = {"float64": "float32", "uint8": "uint16", "bool": "int8"}.get(name, name)
    with MrcSlabWriter(
        path, array.shape, dtype, voxel_size_angstrom, origin_angstrom=origin_angstrom
    ) as writer:
        step = max(1, SLAB_BYTES // max(1, 8 * array.shape[1] * array.shape[2]))
        for z in range(0, array.shape[0], step):
            writer.write(np.asarray(array[z : z + step]))


def _header(
    shape: tuple[int, int, int], dtype: np.dtype, voxel_size: float, origin: tuple[float, float, float]
) -> NDArray[np.void]:
    header = np.zeros((), dtype=HEADER_DTYPE.newbyteorder("<"))
    for axis, n in zip("zyx", shape, strict=True):
        header[f"n{axis}"] = header[f"m{axis}"] = n
        header["cella"][axis] = n * voxel_size
    for axis, value in zip("xyz", origin, strict=True):
        header["origin"][axis] = value
    for angle in ("alpha", "beta", "gamma"):
        header["cellb"][angle] = 90.0
    header["mode"] = MODES[dtype.name]
    header["mapc"], header["mapr"], header["maps"] = 1, 2, 3
    header["ispg"] = 1  # a volume, not a stack of images
    header["exttyp"] = b"MRCO"
    header["nversion"] = 20141
    header["map"] = b"MAP "
    header["machst"] = (0x44, 0x44, 0, 0)  # little-endian
    header["nlabl"] = 1
    header["label"][0] = f"napari-tomopick {__version__}".encode()
    return header
