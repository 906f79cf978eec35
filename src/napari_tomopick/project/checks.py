"""What may not enter a project: each check raises an error that names the value and the way out."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tomopick.errors import ModelError, ProjectError
from napari_tomopick.geometry.coordinates import as_positions, inside_volume
from napari_tomopick.models.tomogram import Tomogram

_VOXEL_SIZE_TOLERANCE = 0.01  # headers and catalogues round; a wrong binning is off by a factor of two


def check_name(name: str, what: str, taken: Iterable[str]) -> None:
    """A name is not blank, and not given twice."""
    if not isinstance(name, str) or not name.strip():
        raise ProjectError(f"a {what} needs a name, got {name!r}")
    if name in taken:
        raise ProjectError(f"there is a {what} named {name!r} already; choose another name")


def check_colour(colour: str) -> None:
    """A colour is "#rrggbb"."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ProjectError(f"a colour is given as #rrggbb, got {colour!r}")


def check_tomogram(tomogram: Tomogram) -> None:
    """A tomogram has a size, a voxel size and a binning that can be."""
    t = tomogram
    if len(t.shape) != 3 or min(t.shape) < 1:
        raise ProjectError(
            f"tomogram {t.name!r}: its shape (z, y, x) must be three numbers above 0, got {t.shape}"
        )
    if not (np.isfinite(t.voxel_size_angstrom) and t.voxel_size_angstrom > 0):
        raise ProjectError(
            f"tomogram {t.name!r}: the voxel size must be a number of Å above 0, got {t.voxel_size_angstrom}"
        )
    if not np.isfinite(t.origin_angstrom).all():
        raise ProjectError(f"tomogram {t.name!r}: its origin is not finite: {t.origin_angstrom}")
    if t.binning < 1:
        raise ProjectError(f"tomogram {t.name!r}: the binning must be 1 or more, got {t.binning}")


def same_voxel_size(one: float, other: float) -> bool:
    """Whether two voxel sizes are the same but for rounding (1 %)."""
    return bool(abs(one - other) <= _VOXEL_SIZE_TOLERANCE * other)


def positions_inside(points: ArrayLike, tomogram: Tomogram, what: str = "point") -> NDArray[np.float64]:
    """Return positions as an (n, 3) array, after seeing that they are finite and within the tomogram.

    Raises
    ------
    ModelError
        Naming the first position that is not, and the size of the volume.
    """
    try:
        positions = as_positions(points)
    except ValueError as error:
        raise ModelError(f"{what}: {error}") from error
    inside = inside_volume(positions, tomogram.shape)
    if not inside.all():
        row = int(np.flatnonzero(~inside)[0])
        x, y, z = positions[row].tolist()
        nz, ny, nx = tomogram.shape
        others = int((~inside).sum()) - 1
        raise ModelError(
            f"{what} {row} (x, y, z) = ({x:g}, {y:g}, {z:g}) lies outside tomogram {tomogram.name!r}, which "
            f"has {nx} x {ny} x {nz} voxels (x, y, z)" + (f"; so do {others} more" if others else "")
        )
    return positions


def whole_levels(levels: ArrayLike, count: int) -> NDArray[np.int64]:
    """Return levels as an array, after seeing that they are whole numbers and one for each point."""
    array = np.asarray(levels).reshape(-1)
    if len(array) != count:
        raise ModelError(f"{count} points, but {len(array)} levels")
    if array.size and array.dtype.kind not in "iu" and not np.array_equal(array, np.round(array)):
        wrong = array[array != np.round(array)][0]
        raise ModelError(f"a level is the whole number of a slice, got {wrong}")
    return array.astype(np.int64)


def rows_within(rows: ArrayLike, count: int) -> NDArray[np.int64]:
    """Return row numbers as an array, after seeing that each is one of ``count`` rows, named once."""
    array = np.atleast_1d(np.asarray(rows)).reshape(-1)
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.dtype.kind not in "iu":
        raise ModelError(f"points are named by row numbers, got {array.dtype} values")
    wrong = (array < 0) | (array >= count)
    if wrong.any():
        raise ModelError(
            f"there is no point in row {array[wrong][0]}: the model has {count} points, from row 0"
        )
    if len(np.unique(array)) != len(array):
        raise ModelError("a point is named twice; name each row once")
    return array.astype(np.int64)
