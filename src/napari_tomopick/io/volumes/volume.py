"""`Volume`: an opened tomogram, and what its header did and did not say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_tomopick.errors import FileFormatError

ANISOTROPY = 1e-3
"""Voxel sizes along x, y, z that differ by more than this fraction are not those of one cubic voxel."""

DISAGREEMENT = 0.01
"""A typed voxel size may differ from the header's by this fraction."""


@dataclass(frozen=True)
class RawVolume:
    """What one format's module found in a file, before it is checked.

    Parameters
    ----------
    data : array-like, shape (nz, ny, nx)
    voxel_sizes_angstrom : tuple of 3 float, optional
        x, y, z as the header has them, however odd; None if the file has none.
    origin_angstrom : tuple of 3 float
    assumed : tuple of str
    """

    data: Any
    voxel_sizes_angstrom: tuple[float, float, float] | None = None
    origin_angstrom: tuple[float, float, float] = (0.0, 0.0, 0.0)
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Volume:
    """An opened tomogram; its voxels are read when they are asked for.

    Parameters
    ----------
    path : Path
    data : array-like, shape (nz, ny, nx)
        Indexed ``[z, y, x]`` with NumPy slices, giving NumPy arrays; memory-mapped where the format allows
        it. Read-only. The data type is the file's, and so may be of the other byte order.
    voxel_size_angstrom : float, optional
        The size to use: the one given when opening, else the header's; None if neither is known.
    header_voxel_size_angstrom : float, optional
        What the header says; None if it says nothing.
    origin_angstrom : tuple of 3 float
        x, y, z of the centre of voxel (0, 0, 0), as the header has it.
    assumed : tuple of str
        Everything that was assumed because the file does not say it, in words for the user.
    """

    path: Path
    data: Any
    voxel_size_angstrom: float | None
    header_voxel_size_angstrom: float | None
    origin_angstrom: tuple[float, float, float]
    assumed: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along z, y, x."""
        nz, ny, nx = self.data.shape
        return int(nz), int(ny), int(nx)


def checked(path: Path, raw: RawVolume, given: float | None, override_header: bool) -> Volume:
    """Check the shape, decide on the voxel size, and tell what had to be assumed.

    Raises
    ------
    FileFormatError
        If the file holds no single 3D volume of real numbers, or its voxel size is not usable.
    """
    shape = tuple(int(n) for n in raw.data.shape)
    if len(shape) != 3 or shape[0] == 1:
        what = "one 2D image" if len(shape) <= 3 else f"{len(shape)} axes"
        raise FileFormatError(f"{path}: a tomogram has three axes z, y, x, this file holds {what}: {shape}")
    if 0 in shape:
        raise FileFormatError(f"{path}: the volume is empty, its shape (z, y, x) is {shape}")
    dtype = np.dtype(raw.data.dtype)
    if dtype.kind not in "iufb":
        raise FileFormatError(f"{path}: the voxels are of type {dtype}, but a tomogram holds real numbers")
    if given is not None and not (np.isfinite(given) and given > 0):
        raise FileFormatError(f"{path}: a voxel size must be positive, got {given} Å")
    size, header, notes = _voxel_size(path, raw.voxel_sizes_angstrom, given, override_header)
    return Volume(path, raw.data, size, header, raw.origin_angstrom, raw.assumed + notes)


def _voxel_size(
    path: Path, sizes: tuple[float, float, float] | None, given: float | None, override: bool
) -> tuple[float | None, float | None, tuple[str, ...]]:
    """(size to use, size in the header, notes)."""
    remedy = "give the right voxel size and ask to override the header"
    if sizes is None or all(s == 0 for s in sizes):
        return given, None, () if given else ("the header has no voxel size",)
    usable = all(np.isfinite(s) and s > 0 for s in sizes)
    if usable and np.ptp(sizes) <= ANISOTROPY * max(sizes):
        header = sorted(sizes)[1]
    elif given is not None and override:
        return given, None, (f"voxel sizes {_three(sizes)} of the header set aside for {given:g} Å",)
    elif usable:
        raise FileFormatError(
            f"{path}: the voxels are not cubes, the header gives {_three(sizes)}; resample, or {remedy}"
        )
    else:
        raise FileFormatError(f"{path}: the header gives the voxel sizes {_three(sizes)}; {remedy}")
    if given is None:
        unset = ("the header's voxel size is 1 Å, which programs write when they do not know it",)
        return header, header, unset if header == 1.0 else ()
    if abs(given - header) <= DISAGREEMENT * header:
        return given, header, ()
    if header == 1.0 or override:
        return given, header, (f"the header's voxel size of {header:g} Å set aside for {given:g} Å",)
    raise FileFormatError(
        f"{path}: the header gives a voxel size of {header:g} Å, but {given:g} Å was given; "
        f"use the header's, or {remedy}"
    )


def _three(sizes: tuple[float, float, float]) -> str:
    return "{:g} x {:g} x {:g} Å (x, y, z)".format(*sizes)
