"""What the particle formats share: checked columns, and tomograms found by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry.coordinates import SAME_RATIO
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram


def numbers(path: Path, frame: pd.DataFrame, column: str, *, first_row: int = 1) -> NDArray[np.float64]:
    """A column as finite numbers.

    Parameters
    ----------
    path : Path
        Named in the message.
    frame : DataFrame
    column : str
    first_row : int
        What the message calls the first row: 1, or the number of its line in the file.

    Raises
    ------
    FileFormatError
        Naming file, row, column and value of the first that is no finite number.
    """
    values = floats(frame[column])
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        row = int(bad[0])
        what = "line" if first_row > 1 else "row"
        value = frame[column].iloc[row]
        value = value.item() if isinstance(value, np.generic) else value
        raise FileFormatError(f"{path}: {what} {row + first_row}, column {column}: {value!r} is not a number")
    return values


def whole_numbers(path: Path, frame: pd.DataFrame, column: str, *, first_row: int = 1) -> NDArray[np.int64]:
    """A column as whole numbers; see `numbers`."""
    values = numbers(path, frame, column, first_row=first_row)
    bad = np.flatnonzero(~are_whole(values))
    if len(bad):
        row = int(bad[0])
        what = "line" if first_row > 1 else "row"
        raise FileFormatError(
            f"{path}: {what} {row + first_row}, column {column}: {values[row]} is not a whole number"
        )
    return values.astype(np.int64)


def are_whole(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which values are whole numbers that a number of double precision holds exactly."""
    return np.asarray((values == np.round(values)) & (np.abs(values) <= 2**53))


def floats(column: pd.Series) -> NDArray[np.float64]:
    """A column as numbers, to the last bit; NaN for what is none."""
    try:
        return column.to_numpy(dtype=np.float64)
    except (ValueError, TypeError):
        return np.asarray(pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64))


def text(frame: pd.DataFrame, column: str) -> NDArray[np.str_]:
    """A column as text, "" where there is none."""
    return np.array([("" if pd.isna(v) else str(v)) for v in frame[column]], dtype=np.str_)


def one_value(path: Path, values: Sequence[float] | NDArray[np.float64], what: str) -> float | None:
    """The value that all rows share, or None for no rows.

    Raises
    ------
    FileFormatError
        If they differ.
    """
    unique = np.unique(np.asarray(values, dtype=np.float64))
    # headers round, so that two sizes meant to be one may differ in the last digits
    if len(unique) > 1 and np.ptp(unique) > 1e-4 * abs(unique[-1]):
        raise FileFormatError(
            f"{path}: particles of several {what} ({', '.join(f'{v:g}' for v in unique)}); split the file"
        )
    return float(unique[0]) if len(unique) else None


def one_box_size(sides: NDArray[np.float64]) -> int | None:
    """The whole number of voxels that all sides of all boxes have, if there is one."""
    found = np.unique(sides)
    whole = len(found) == 1 and found[0] == round(found[0]) and 0 < found[0] < 2**31
    return int(found[0]) if whole else None


def named(path: Path, names: NDArray[np.str_], tomograms: Sequence[Tomogram]) -> NDArray[np.str_]:
    """The names, the empty ones replaced by that of the only tomogram given."""
    if len(tomograms) != 1:
        return names
    return np.where(names == "", tomograms[0].name, names).astype(np.str_)


def voxel_size_of(
    path: Path, names: NDArray[np.str_], tomograms: Sequence[Tomogram], found: float | None
) -> float | None:
    """The voxel size found in the file, else the one that the tomograms of the particles share."""
    if found is not None:
        return found
    wanted = set(names.tolist())
    return one_value(path, [t.voxel_size_angstrom for t in tomograms if t.name in wanted], "voxel sizes")


def tomogram_of(path: Path, name: str, tomograms: Sequence[Tomogram], why: str) -> Tomogram:
    """The tomogram of this name.

    Raises
    ------
    FileFormatError
        If it was not given, saying what it is needed for.
    """
    for tomogram in tomograms:
        if tomogram.name == name:
            return tomogram
    known = ", ".join(t.name for t in tomograms) or "none"
    raise FileFormatError(
        f"{path}: {why} needs the tomogram {name!r}; give it (--tomogram), in a file of "
        f"that name; given: {known}"
    )


def only_tomogram(path: Path, particles: Particles, kind: str) -> str:
    """The name of the one tomogram that particles lie in ("" for none), for formats that hold no more.

    Raises
    ------
    FileFormatError
        If they lie in several.
    """
    names = np.unique(particles.tomograms).tolist()
    if len(names) > 1:
        raise FileFormatError(
            f"cannot write {path}: {kind} belongs to one tomogram, these particles lie in "
            f"{', '.join(map(repr, names[:5]))}{' ...' if len(names) > 5 else ''}; write one for each: "
            f"{path.with_name('{tomogram}' + path.suffix).name}"
        )
    return str(names[0]) if names else ""


def check_grid(path: Path, particles: Particles, tomogram: Tomogram) -> None:
    """Refuse particles whose positions do not count in the voxels of their tomogram.

    Raises
    ------
    FileFormatError
        If both voxel sizes are known, and differ by more than 0.1 %.
    """
    size = particles.voxel_size_angstrom
    if size is not None and abs(size / tomogram.voxel_size_angstrom - 1) > SAME_RATIO:
        raise FileFormatError(
            f"cannot write {path}: the particles count in voxels of {size:g} Å, the tomogram "
            f"{tomogram.name!r} has voxels of {tomogram.voxel_size_angstrom:g} Å; give the one they lie in"
        )


def reject_reserved(path: Path, particles: Particles, reserved: Sequence[str]) -> None:
    """Refuse further columns that carry the name of one the format fills itself.

    Raises
    ------
    FileFormatError
        Naming the column.
    """
    clash = [c for c in particles.table.columns if c in reserved]
    if clash:
        raise FileFormatError(
            f"cannot write {path}: the particles carry a further column {clash[0]!r}, a name the format "
            "itself uses; rename it"
        )
