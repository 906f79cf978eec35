"""Coordinates and shifts: how a file divides the place of a particle into two numbers.

RELION's origin, Dynamo's dx, dy, dz, the shifts of motive lists, PEET's offset and copick's translation all
say how far a particle lies off the coordinate beside them. A position is always where the particle is, both
put together. How they were divided travels along in the further columns `SHIFTS`, so that a file is written
as it was read, and a file of another program divides them in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_tomopick.io.particles import common
from napari_tomopick.io.particles.relion_columns import PRIORS, SUBTOMOGRAM_ANGLES
from napari_tomopick.models.particles import SHIFTS, Particles

TOLD = "shifts apart from coordinates (the positions have them in them)"
"""What a file without shifts does not keep."""
REFERENCE_SHIFTS = tuple(f"motl_row{number}" for number in (14, 15, 16))
"""The shift of a motive list once more, in the frame of the reference."""


def beside(table: pd.DataFrame, shifts: NDArray[np.float64]) -> pd.DataFrame:
    """The further columns with those of the shifts, where there are any.

    Parameters
    ----------
    table : DataFrame, n rows
    shifts : array, shape (n, 3)
        In voxels, in the frame of the tomogram: position minus coordinate.
    """
    if not shifts.any():
        return table
    columns = pd.DataFrame(dict(zip(SHIFTS, shifts.T, strict=True)))
    both = pd.concat([table.reset_index(drop=True), columns], axis=1)
    both.attrs = table.attrs
    return both


def divided(path: Path, particles: Particles) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates and shifts, ``(n, 3)`` each, which together are the positions; shifts of 0 where none are.

    Raises
    ------
    FileFormatError
        If a shift is not a number.
    """
    shifts = np.zeros((len(particles), 3))
    for axis, column in enumerate(SHIFTS):
        if column in particles.table:
            shifts[:, axis] = numbers_or_zero(path, particles.table, column)
    return particles.positions - shifts, shifts


def any_shift(particles: Particles) -> bool:
    """Whether a particle lies off its coordinate."""
    columns = [column for column in SHIFTS if column in particles.table]
    return any(np.nan_to_num(common.floats(particles.table[column])).any() for column in columns)


def numbers_or_zero(path: Path, table: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """A column as numbers, 0 where a particle has none, as those have that were added to the others.

    Raises
    ------
    FileFormatError
        If something else is in it.
    """
    return common.numbers(path, table[[column]].fillna(0.0), column)


def folded(particles: Particles) -> Particles:
    """The same particles, with coordinates that are their positions and no shifts beside them.

    The rotation of a subtomogram goes with them, as it is the frame of RELION's origin, and with it the
    priors of angles in that frame.
    """
    columns = [*SHIFTS, *REFERENCE_SHIFTS, *in_own_frame(particles.table)]
    return replace(particles, table=without(particles.table, columns))


def in_own_frame(table: pd.DataFrame) -> tuple[str, ...]:
    """The rotation of a subtomogram and the priors in its frame; none if there is no such rotation."""
    if not any(column in table for column in SUBTOMOGRAM_ANGLES):
        return ()
    return tuple(column for column in (*SUBTOMOGRAM_ANGLES, *PRIORS) if column in table)


def without(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """A table without some columns, as far as it has them."""
    left = table.drop(columns=list(columns), errors="ignore")
    left.attrs = table.attrs
    return left
