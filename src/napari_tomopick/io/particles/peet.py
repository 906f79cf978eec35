"""PEET: a motive list (.csv) beside the IMOD model (.mod) of its points.

The particle is at the point of the model plus the offset of its row; columns 17 to 19 are phi, psi and theta,
and ``Rz(psi) Rx(theta) Rz(phi)`` takes the reference to the particle, as in AV3. Sources, in PEET's MATLAB
code: eulerRotate.m, randomTestVolume.m ("the motiveList specifies the rotation of reference necessary to
align particle"), index2ImodPoints.m; the line of column names that PEET writes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry import orientations
from napari_tomopick.io.atomic import atomic_path
from napari_tomopick.io.imod import ImodFile, ImodObject, is_ours, read_imod, write_imod
from napari_tomopick.io.particles import common, lines, shifts
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

HEADER = (
    "CCC,reserved,reserved,pIndex,wedgeWT,NA,NA,NA,NA,NA,xOffset,yOffset,zOffset,NA,NA,reserved,"
    "EulerZ(1),EulerZ(3),EulerX(2),reserved"
)
COLUMNS = 20
SCORE, INDEX, WEDGE, OFFSETS, ANGLES = 1, 4, 5, (11, 12, 13), (17, 19, 18)
"""Columns, counted from 1; the angles in the order in which they turn: phi, theta, psi."""
FURTHER = [c for c in range(1, COLUMNS + 1) if c not in (SCORE, INDEX, *OFFSETS, *ANGLES)]
PREFIX = "peet_column_"
OF_THE_LIST = re.compile(r"_(init)?motl.*$", re.IGNORECASE)
"""What follows the name of the model in that of a motive list."""


def recognises(path: Path) -> bool:
    """Whether the line of names is that of a motive list."""
    with path.open("rb") as file:
        return file.read(16).lstrip(b"\xef\xbb\xbf ").upper().startswith(b"CCC,")


def read(path: Path, tomograms: Sequence[Tomogram]) -> Particles:
    """Read a motive list and its model; see `napari_tomopick.io.particles.read_particles`."""
    numbers, at_line = _motive_list(path)
    model_path = _model_beside(path)
    model = read_imod(model_path)
    contours = [(i, c) for i, item in enumerate(model.objects, 1) for c in item.contours]
    points = np.concatenate([np.empty((0, 3)), *(c for _, c in contours)])
    groups = np.concatenate([np.empty(0, np.int64), *(np.full(len(c), i) for i, c in contours)])
    index = numbers[:, INDEX - 1]
    wrong = np.flatnonzero((index != np.round(index)) | (index < 1) | (index > len(points)))
    if len(wrong):
        row = int(wrong[0])
        raise FileFormatError(
            f"{path}: line {at_line[row]}, column pIndex: {index[row]:g} is not the number of one of the "
            f"{len(points)} points of {model_path.name}"
        )
    rows = index.astype(np.int64) - 1
    names = common.named(path, np.full(len(rows), "", np.str_), tomograms)
    offsets = numbers[:, np.array(OFFSETS) - 1]
    table = pd.DataFrame({f"{PREFIX}{c}": _whole_if_all(numbers[:, c - 1]) for c in FURTHER})
    return Particles(
        positions=points[rows] + offsets,
        rotations=_rotations(numbers[:, np.array(ANGLES) - 1]),
        ids=rows + 1,
        groups=groups[rows],
        scores=numbers[:, SCORE - 1],
        tomograms=names,
        table=shifts.beside(table, offsets),
        voxel_size_angstrom=common.voxel_size_of(path, names, tomograms, model.voxel_size_angstrom),
    )


def write(path: Path, particles: Particles, tomograms: Sequence[Tomogram]) -> tuple[Path, ...]:
    """Write a motive list, and beside it the model of its points, one object with all of them."""
    name = common.only_tomogram(path, particles, "a motive list")
    n = len(particles)
    numbers = np.zeros((n, COLUMNS))
    numbers[:, WEDGE - 1] = 1.0
    for column in FURTHER:
        if f"{PREFIX}{column}" in particles.table:
            values = common.floats(particles.table[f"{PREFIX}{column}"])
            numbers[:, column - 1] = np.where(np.isnan(values), numbers[:, column - 1], values)
    numbers[:, SCORE - 1] = particles.scores
    numbers[:, INDEX - 1] = np.arange(1, n + 1)
    coordinates, numbers[:, np.array(OFFSETS) - 1] = shifts.divided(path, particles)
    numbers[:, np.array(ANGLES) - 1] = _angles(particles)
    rows = [HEADER, *(",".join(_text(v) for v in row) for row in numbers.tolist())]
    model_path = path.with_suffix(".mod")
    if model_path.exists() and not is_ours(model_path):
        raise FileFormatError(
            f"cannot write {path}: its model {model_path.name} would replace one that was made elsewhere; "
            "choose another name"
        )
    shape = next((t.shape for t in tomograms if t.name == name), (0, 0, 0))
    points = ImodObject("particles", [coordinates])
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(rows) + "\n", encoding="utf-8")
        write_imod(model_path, ImodFile([points], particles.voxel_size_angstrom, shape))
    return path, model_path


def _rotations(angles: NDArray[np.float64]) -> orientations.Rotation:
    # AV3 and Dynamo describe the same turn: phi = -narot, theta = -tilt, psi = -tdrot
    return orientations.from_dynamo(-angles[:, ::-1])


def _angles(particles: Particles) -> NDArray[np.float64]:
    """phi, theta, psi in degrees, theta from 0 to 180, the others within ±180."""
    tdrot, tilt, narot = orientations.to_dynamo(particles.rotations).reshape(-1, 3).T
    # half a turn about z before and after makes of -tilt its positive
    flat = np.isclose(tilt, 0.0, rtol=0, atol=1e-9)
    half = np.where(flat, 0.0, 180.0)
    angles = np.column_stack([half - narot, tilt, half - tdrot])
    angles[:, [0, 2]] = (angles[:, [0, 2]] + 180.0) % 360.0 - 180.0
    return angles


def _motive_list(path: Path) -> tuple[NDArray[np.float64], list[int]]:
    """The rows of numbers, and the lines they stand in."""
    rows: list[list[str]] = []
    at_line = []
    for number, line in enumerate(lines.text_of(path).splitlines(), 1):
        fields = [field.strip() for field in line.split(",")]
        if not line.strip() or (not rows and number == 1 and fields[0].upper() == "CCC"):
            continue
        while len(fields) > COLUMNS and not fields[-1]:
            fields.pop()
        if len(fields) != COLUMNS:
            raise FileFormatError(
                f"{path}: line {number}: {len(fields)} values; a motive list of PEET has {COLUMNS} columns"
            )
        rows.append(fields)
        at_line.append(number)
    try:
        numbers = np.array(rows, dtype=np.float64).reshape(-1, COLUMNS)
        without_score = np.delete(numbers, SCORE - 1, axis=1)
        if np.isfinite(without_score).all() and not any("_" in word for row in rows for word in row):
            return numbers, at_line
    except ValueError:
        pass
    # one by one, to say which it is
    return np.array([_numbers(path, *each) for each in zip(at_line, rows, strict=True)]), at_line


def _numbers(path: Path, line: int, words: list[str]) -> list[float]:
    return [
        np.nan
        if column == SCORE and word.lower() == "nan"
        else lines.number(path, line, f"{column} ({HEADER.split(',')[column - 1]})", word)
        for column, word in enumerate(words, 1)
    ]


def _model_beside(path: Path) -> Path:
    """The IMOD model of a motive list: of its name, of its name without "_MOTL...", or the only one there."""
    stems = (path.stem, OF_THE_LIST.sub("", path.stem))
    for stem in dict.fromkeys(stems):
        model = path.with_name(f"{stem}.mod")
        if model.is_file():
            return model
    models = sorted(path.parent.glob("*.mod"))
    if len(models) == 1:
        return models[0]
    found = f"there are {len(models)} models in the folder" if models else "there is no model in the folder"
    raise FileFormatError(
        f"{path}: the positions of a motive list are in its IMOD model, and {found}; put the model beside "
        f"the list as {path.with_suffix('.mod').name}"
    )


def _whole_if_all(values: NDArray[np.float64]) -> NDArray[np.float64] | NDArray[np.int64]:
    whole = bool((values == np.round(values)).all()) and bool((np.abs(values) < 2**53).all())
    return values.astype(np.int64) if whole else values


def _text(value: float) -> str:
    # ten digits: angles to 1e-8 radian
    return "NaN" if np.isnan(value) else f"{value:.10g}"
