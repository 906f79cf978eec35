"""Motive lists of AV3 and TOM (.em): 20 rows of numbers for each particle; `motl` says what they mean.

An EM file of 20 x N x 1 values in single precision. Rows, counted from 1: 1 score, 4 number of the
particle, 5 number of the tomogram, 6 object, 8 to 10 coordinate, 11 to 13 shift, 17 phi, 18 psi, 19 theta,
20 class. The others are kept as further columns, but for the shift in the frame of the reference (14 to 16),
which says the same as the shift and goes with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.atomic import atomic_path
from napari_tomopick.io.particles import common, motl, shifts, tomogram_map
from napari_tomopick.io.volumes import em
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

ROWS = 20
SCORE, NUMBER, TOMOGRAM, OBJECT, CLASS = 1, 4, 5, 6, 20
COORDINATE, SHIFT, REFERENCE_SHIFT, ANGLES = (8, 9, 10), (11, 12, 13), (14, 15, 16), (17, 18, 19)
FREE = (2, 3, 7, *REFERENCE_SHIFT)
EXACT = 2**24
"""Whole numbers up to this one are exact in single precision."""


def recognises(path: Path) -> bool:
    """Whether an EM file is a motive list, and not a volume."""
    try:
        return _is_list(em.header(path)[1])
    except FileFormatError:
        return False


def read(path: Path, tomograms: Sequence[Tomogram]) -> Particles:
    """Read a motive list; see `napari_tomopick.io.particles.read_particles`."""
    nz, ny, nx = shape = em.header(path)[1]
    if not _is_list(shape):
        raise FileFormatError(f"{path}: {nx} x {ny} x {nz} values; a motive list has {ROWS} x N x 1")
    values = np.array(em.read(path).data[0], np.float64) if ny else np.empty((0, ROWS))

    def rows(*numbers: int) -> np.ndarray:
        found = values[:, [n - 1 for n in numbers]]
        bad = np.argwhere(~np.isfinite(found))
        if len(bad):
            particle, row = bad[0]
            raise FileFormatError(
                f"{path}: particle {particle + 1}, row {numbers[row]}: {found[particle, row]} is not a number"
            )
        return found

    def whole(number: int) -> np.ndarray:
        found = rows(number)[:, 0]
        bad = np.flatnonzero(~common.are_whole(found))
        if len(bad):
            raise FileFormatError(
                f"{path}: particle {bad[0] + 1}, row {number}: {found[bad[0]]:g} is not a whole number"
            )
        return found.astype(np.int64)

    shift, turned = rows(*SHIFT), rows(*REFERENCE_SHIFT)
    alone = np.flatnonzero(turned.any(axis=1) & ~shift.any(axis=1))
    if len(alone):
        raise FileFormatError(
            f"{path}: particle {alone[0] + 1}: a shift in the frame of the reference (rows 14 to 16) without "
            "one in that of the tomogram (rows 11 to 13); programs mean different things by that, so put it "
            "into rows 11 to 13, or set rows 14 to 16 to 0"
        )
    index, subtomogram = whole(TOMOGRAM), whole(NUMBER)
    names = tomogram_map.names_of(index, tomogram_map.read_map(motl.maps_beside(path)), tomograms)
    ids = motl.unique_ids(subtomogram)
    further: dict[str, np.ndarray] = {motl.CLASS: whole(CLASS)}
    if ids is None:
        further[motl.SUBTOMOGRAM] = subtomogram
    if (names != np.where(index == 0, "", index.astype(str))).any():
        further[motl.TOMOGRAM] = index
    further |= {_column(n): rows(n)[:, 0] for n in FREE if rows(n).any()}
    table = pd.DataFrame(further)
    return Particles(
        positions=rows(*COORDINATE) - motl.BASE + shift,
        rotations=motl.rotations_of(rows(*ANGLES)),
        ids=ids,  # type: ignore[arg-type]
        groups=whole(OBJECT),
        scores=values[:, SCORE - 1],
        tomograms=names,
        table=shifts.beside(table, shift),
        voxel_size_angstrom=common.voxel_size_of(path, names, tomograms, None),
    )


def write(path: Path, particles: Particles, tomograms: Sequence[Tomogram]) -> tuple[Path, ...]:
    """Write a motive list and its tomolist; see `napari_tomopick.io.particles.write_particles`."""
    n = len(particles)
    values = np.zeros((n, ROWS))

    def put(number: int, column: np.ndarray) -> None:
        most = np.abs(column).max(initial=0)
        if number in (NUMBER, TOMOGRAM, OBJECT, CLASS, *COORDINATE) and most > EXACT:
            raise FileFormatError(
                f"cannot write {path}: row {number}: {most:g} is more than single precision "
                f"keeps ({EXACT}); renumber the particles, or write a motive list of STOPGAP's (.star)"
            )
        values[:, number - 1] = column

    numbers = motl.tomogram_numbers(particles)
    coordinates, shift = motl.coordinates_of(path, particles)
    put(SCORE, particles.scores)
    put(NUMBER, motl.kept(path, particles, [motl.SUBTOMOGRAM], particles.ids))
    put(TOMOGRAM, np.array([numbers[name] for name in particles.tomograms.tolist()], np.int64))
    put(OBJECT, particles.groups)
    put(CLASS, motl.kept(path, particles, motl.CLASSES, np.ones(n, np.int64)))
    for number in FREE:
        if _column(number) in particles.table:
            put(number, shifts.numbers_or_zero(path, particles.table, _column(number)))
    for rows, columns in (
        (COORDINATE, coordinates),
        (SHIFT, shift),
        (ANGLES, motl.angles_of(particles.rotations)),
    ):
        for number, column in zip(rows, columns.T, strict=True):
            put(number, column)
    with atomic_path(path) as temporary:
        em.write(temporary, values[None].astype(np.float32))
    return (path, *motl.write_map(path, numbers, tomograms))


def _is_list(shape: tuple[int, int, int]) -> bool:
    return shape[0] == 1 and shape[1] >= 0 and shape[2] == ROWS


def _column(number: int) -> str:
    return f"{motl.PREFIX}row{number}"
