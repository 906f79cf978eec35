"""What the project keeps, as rows of its tables and as the objects they stand for."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import ProjectError
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.models.user_points import Model
from napari_tomopick.project.journal import Row


class PointArrays(NamedTuple):
    """The points of a model, by their number in it."""

    numbers: NDArray[np.int64]
    positions: NDArray[np.float64]
    levels: NDArray[np.int64]
    proposed: NDArray[np.bool_]

    def take(self, which: NDArray[Any]) -> PointArrays:
        """Some of them."""
        return PointArrays(
            self.numbers[which], self.positions[which], self.levels[which], self.proposed[which]
        )


class TomogramStatus(StrEnum):
    """How far a user is with a tomogram."""

    TODO = "todo"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    NOTHING_HERE = "nothing_here"


@dataclass(frozen=True)
class ParticleSet:
    """A set of particles in a project, without the particles.

    Parameters
    ----------
    uid : str
        Its identity in the project.
    name : str
        Unique in the project.
    tomograms : tuple of str
        Those with particles of this set, in the order of the project.
    count : int
        Number of particles in all of them.
    colour : str
        "#rrggbb", as the set is drawn.
    step : Step
        What made it.
    voxel_size_angstrom : float, optional
        Voxel size of the grid of its positions.
    box_size : int, optional
        Box size in those voxels.
    """

    uid: str
    name: str
    tomograms: tuple[str, ...]
    count: int
    colour: str
    step: Step
    voxel_size_angstrom: float | None = None
    box_size: int | None = None


@dataclass(frozen=True)
class Result:
    """A file or folder that a step made: an average, a folder of subtomograms."""

    kind: str
    path: Path
    step: Step


def _plain(value: Any) -> Any:
    """What JSON has no word for: paths as text, NumPy values as numbers or lists."""
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} cannot be kept in a project: {value!r}")


def to_json(value: Any) -> str:
    """JSON text of settings: numbers, texts, lists and mappings of them, paths, NumPy values."""
    return json.dumps(dict(value) if isinstance(value, Mapping) else value, default=_plain)


def stored_path(path: Path, folder: Path) -> str:
    """A path as the project keeps it: relative to the project's folder where it lies below it."""
    absolute = Path(os.path.abspath(path))
    for file, base in ((absolute, folder), (absolute.resolve(), folder.resolve())):
        if file.is_relative_to(base):
            return file.relative_to(base).as_posix()
    return str(absolute)


def step_row(number: int, step: Step) -> Row:
    """The row of a step."""
    inputs = to_json([str(name) for name in step.inputs])
    seed = None if step.seed is None else int(step.seed)
    return number, step.name, to_json(step.parameters), inputs, seed, step.version, step.created


def step_from(row: Row) -> Step:
    """The step of a row."""
    _, name, parameters, inputs, seed, version, created = row
    return Step(name, json.loads(parameters), tuple(json.loads(inputs)), seed, version, created)


def tomogram_row(tomogram: Tomogram, folder: Path, number: int, status: str, step: int | None) -> Row:
    """The row of a tomogram."""
    t = tomogram
    dark = None if t.particles_are_dark is None else int(t.particles_are_dark)
    return (
        *(t.name, number, stored_path(t.path, folder), *(int(n) for n in t.shape)),
        *(float(t.voxel_size_angstrom), *(float(x) for x in t.origin_angstrom)),
        *(dark, t.source, int(t.binning), to_json(asdict(t.acquisition)), status, step),
    )


def tomogram_from(row: Row, folder: Path) -> Tomogram:
    """The tomogram of a row."""
    name, _, path, nz, ny, nx, voxel_size, ox, oy, oz, dark, source, binning, acquisition, _, _ = row
    return Tomogram(
        name=name,
        path=folder / path,
        shape=(nz, ny, nx),
        voxel_size_angstrom=voxel_size,
        acquisition=Acquisition(**json.loads(acquisition)),
        origin_angstrom=(ox, oy, oz),
        particles_are_dark=None if dark is None else bool(dark),
        source=source,
        binning=binning,
    )


def model_row(model: Model, number: int) -> Row:
    """The row of a model, without its points."""
    m = model
    marker = (None, None, None) if m.marker is None else m.marker.tolist()
    box = None if m.box_size is None else int(m.box_size)
    return (
        *(m.uid, number, m.tomogram, m.name, m.type.value, *marker, int(m.group), m.colour),
        *(
            to_json(m.parameters),
            box,
            None if m.voxel_size_angstrom is None else float(m.voxel_size_angstrom),
        ),
    )


def model_from(row: Row, points: PointArrays) -> Model:
    """The model of a row and of its points."""
    uid, _, tomogram, name, kind, mx, my, mz, group, colour, parameters, box, voxel_size = row
    model = Model(
        name=name,
        type=kind,
        points=points.positions,
        levels=points.levels,
        proposed=points.proposed,
        marker=None if mx is None else np.array([mx, my, mz]),
        group=group,
        colour=colour,
        parameters=json.loads(parameters),
        box_size=box,
        tomogram=tomogram,
        voxel_size_angstrom=voxel_size,
        uid=uid,
    )
    # what is given out is the session's own copy: a view that writes into it must fail, not falsify it
    for array in (model.points, model.levels, model.proposed, model.marker):
        if array is not None:
            array.flags.writeable = False
    return model


def point_rows(uid: str, points: PointArrays) -> list[Row]:
    """The rows of points of a model."""
    x, y, z = points.positions.T.tolist()
    proposed = points.proposed.astype(int).tolist()
    return [
        (uid, *row)
        for row in zip(points.numbers.tolist(), x, y, z, points.levels.tolist(), proposed, strict=True)
    ]


def points_from(rows: Sequence[Row]) -> PointArrays:
    """The arrays of rows of points, in ascending order of their numbers."""
    table = np.array([row[1:5] for row in rows], np.float64).reshape(-1, 4)
    numbers = np.array([row[1] for row in rows], np.int64)
    levels = np.array([row[5] for row in rows], np.int64)
    order = np.argsort(numbers, kind="stable")
    proposed = np.array([row[6] for row in rows], bool)
    return PointArrays(numbers, np.ascontiguousarray(table[:, 1:]), levels, proposed).take(order)


def further_columns(table: pd.DataFrame) -> str:
    """The names and data types of a table's columns, as JSON.

    Raises
    ------
    ProjectError
        If a column is of a type that a project cannot keep.
    """
    for name, dtype in table.dtypes.items():
        if not isinstance(name, str):
            raise ProjectError(f"column {name!r} has no name in words; rename it")
        numeric = getattr(dtype, "kind", None) in ("b", "i", "u", "f")
        if not (numeric or dtype == np.dtype(object) or pd.api.types.is_string_dtype(dtype)):
            raise ProjectError(
                f"column {name!r} is of type {dtype}, which a project cannot keep; "
                "convert it to numbers or to text"
            )
    if len(set(table.columns)) != len(table.columns):
        raise ProjectError(f"a column name occurs more than once in {list(table.columns)}")
    return json.dumps([[name, str(dtype)] for name, dtype in table.dtypes.items()])


def _column_values(column: pd.Series[Any]) -> list[Any]:
    """Values that JSON knows: a missing one is None, an infinite one is text (JSON has no infinity)."""
    values = column.astype(object).where(column.notna(), None).tolist()
    if column.dtype.kind == "f":
        return [repr(v) if v in (np.inf, -np.inf) else v for v in values]
    return values


def particle_rows(uid: str, numbers: NDArray[Any], particles: Particles) -> list[Row]:
    """The rows of particles of a set; ``numbers`` are their places in it."""
    p = particles
    further: list[str | None] = [None] * len(p)
    names = list(p.table.columns)
    if names:
        dump = json.JSONEncoder(default=_plain, separators=(",", ":")).encode
        columns = [_column_values(p.table[name]) for name in names]
        try:
            further = [dump(dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)]
        except TypeError as error:
            raise ProjectError(f"the further columns of these particles: {error}") from error
    quaternions = p.rotations.as_quat().reshape(-1, 4)
    scores = [None if np.isnan(score) else score for score in p.scores.tolist()]
    columns = [p.ids.tolist(), numbers.tolist(), p.tomograms.tolist()]
    columns += [*p.positions.T.tolist(), *quaternions.T.tolist(), p.groups.tolist(), scores, further]
    return [(uid, *row) for row in zip(*columns, strict=True)]


def particles_from(rows: Sequence[Row], set_row: Row) -> tuple[NDArray[np.int64], Particles]:
    """Places in the set (ascending) and particles of rows, in that order."""
    _, _, _, _, columns, voxel_size, box_size, _ = set_row
    rows = sorted(rows, key=lambda row: row[2])
    values = list(zip(*rows, strict=True)) or [()] * 14
    numbers = np.array(values[2], np.int64)
    further = json.loads(f"[{','.join(values[13])}]") if json.loads(columns) else []
    table = pd.DataFrame(
        {name: pd.Series([row[name] for row in further], dtype=dtype) for name, dtype in json.loads(columns)},
        index=range(len(rows)),
    )
    particles = Particles(
        positions=np.array(values[4:7], np.float64).T.reshape(-1, 3).copy(),
        rotations=Rotation.from_quat(np.array(values[7:11], np.float64).T.reshape(-1, 4)),
        ids=np.array(values[1], np.int64),
        groups=np.array(values[11], np.int64),
        scores=np.array(values[12], np.float64),
        tomograms=np.array(values[3], np.str_),
        table=table,
        voxel_size_angstrom=voxel_size,
        box_size=box_size,
    )
    return numbers, frozen(particles)


def frozen(particles: Particles) -> Particles:
    """The same particles, whose arrays cannot be written into: they are the session's own."""
    p = particles
    for array in (p.positions, p.ids, p.groups, p.scores, p.tomograms):
        array.flags.writeable = False
    return p
