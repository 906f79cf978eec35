"""Particles as plain text: ``id,x,y,z,qx,qy,qz,qw,group,score`` and any other columns (.csv, .tsv).

x, y, z are 0-based voxels, whole numbers at voxel centres; the quaternion takes the reference to the
tomogram, scalar last. The project's own format, and lossless. Only x, y, z are needed when reading, and some
other names for them are known. Fields are separated by a comma, a semicolon or a tab; a decimal comma is
refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.atomic import atomic_path
from napari_tomopick.io.particles import common, delimited
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

QUATERNION = ["qx", "qy", "qz", "qw"]
COLUMNS = ["id", "x", "y", "z", *QUATERNION, "group", "score", "tomogram", "voxel_size_angstrom", "box_size"]
COORDINATES = (
    ("x", "y", "z"),
    ("pos_x", "pos_y", "pos_z"),
    ("x_pos", "y_pos", "z_pos"),
    ("coord_x", "coord_y", "coord_z"),
    ("x_coord", "y_coord", "z_coord"),
    ("coordinatex", "coordinatey", "coordinatez"),
    ("axis-2", "axis-1", "axis-0"),  # a Points layer saved by napari: z, y, x
)
"""Names of the columns with x, y, z, in lower case; the first that are all there count."""


def recognises(path: Path) -> bool:
    """Whether the first line has names and is not that of a motive list."""
    with path.open("rb") as file:
        start = file.read(4096).decode("utf-8", errors="replace").lstrip("\ufeff").strip()
    return not start.upper().startswith("CCC,")


def read(
    path: Path, tomograms: Sequence[Tomogram], coordinate_columns: Sequence[str] | None = None
) -> Particles:
    """Read particles from CSV; see `napari_tomopick.io.particles.read_particles`."""
    table = delimited.read_delimited(path)
    frame = table.frame
    coordinates = _coordinates(path, frame, coordinate_columns)
    names = common.text(frame, "tomogram") if "tomogram" in frame else np.full(len(frame), "", np.str_)
    names = common.named(path, names, tomograms)
    single: dict[str, float | None] = {}
    for column in ("voxel_size_angstrom", "box_size"):
        given = frame[column].notna().any() if column in frame else False
        if given:
            if column == "box_size":
                table.whole_numbers(column)
            values = table.numbers(column)
            single[column] = common.one_value(path, values, column)
    size, box = single.get("voxel_size_angstrom"), single.get("box_size")
    return Particles(
        positions=np.column_stack([table.numbers(c) for c in coordinates]),
        rotations=_rotations(table),
        ids=_whole(table, "id"),
        groups=_whole(table, "group"),
        scores=table.numbers("score", missing=True) if "score" in frame else None,  # type: ignore[arg-type]
        tomograms=names,
        table=frame.drop(columns=[c for c in frame if c in (*COLUMNS[:1], *COLUMNS[4:], *coordinates)]).apply(
            _typed
        ),
        voxel_size_angstrom=common.voxel_size_of(path, names, tomograms, size),
        box_size=None if box is None else int(box),
    )


def write(path: Path, particles: Particles, tomograms: Sequence[Tomogram]) -> tuple[Path, ...]:
    """Write particles as CSV; see `napari_tomopick.io.particles.write_particles`."""
    common.reject_reserved(path, particles, COLUMNS)
    columns: dict[str, object] = {"id": particles.ids}
    columns |= dict(zip("xyz", particles.positions.T, strict=True))
    columns |= dict(zip(QUATERNION, particles.rotations.as_quat().reshape(-1, 4).T, strict=True))
    columns |= {"group": particles.groups, "score": particles.scores}
    if (particles.tomograms != "").any():
        columns["tomogram"] = particles.tomograms
    if particles.voxel_size_angstrom is not None:
        columns["voxel_size_angstrom"] = particles.voxel_size_angstrom
    if particles.box_size is not None:
        columns["box_size"] = particles.box_size
    frame = pd.concat([pd.DataFrame(columns, index=particles.table.index), particles.table], axis=1)
    with atomic_path(path) as temporary:
        separator = "\t" if path.suffix.lower() == ".tsv" else ","
        frame.to_csv(temporary, index=False, lineterminator="\n", sep=separator)
    return (path,)


def _coordinates(path: Path, frame: pd.DataFrame, wanted: Sequence[str] | None) -> list[str]:
    """The names of the columns that hold x, y, z."""
    if wanted is not None:
        missing = [name for name in wanted if name not in frame]
        if len(wanted) != 3 or missing:
            said = f"no column {missing[0]!r}" if missing else f"three columns are needed, got {len(wanted)}"
            raise FileFormatError(f"{path}: line 1: {said}; it has {', '.join(frame.columns)}")
        return list(wanted)
    if all(c in frame for c in "xyz"):  # whatever else there may be
        return list("xyz")
    lower = {str(name).lower(): str(name) for name in reversed(frame.columns)}
    for names in COORDINATES:
        if all(name in lower for name in names):
            return [lower[name] for name in names]
    most = max(COORDINATES, key=lambda names: sum(name in lower for name in names))
    absent = next(name for name in most if name not in lower)
    raise FileFormatError(
        f"{path}: line 1: no column {absent!r}; it has {', '.join(map(repr, frame.columns))}. If x, y, z are "
        "called otherwise, name their columns"
    )


def _whole(table: delimited.Delimited, column: str) -> np.ndarray:
    values = table.whole_numbers(column) if column in table.frame else None
    return values  # type: ignore[return-value]  # None lets Particles number them


def _typed(column: pd.Series) -> pd.Series:
    """Numbers where all are written as numbers are; else text ("007" is a name)."""
    given = column.dropna()
    if len(given) == 0 or given.str.match(r"[+-]?0\d").any():
        return column
    for kind in (np.int64,) * (len(given) == len(column)) + (np.float64,):
        try:
            return column.astype(kind)
        except (ValueError, OverflowError):
            continue
    return column


def _rotations(table: delimited.Delimited) -> Rotation | None:
    path, frame = table.path, table.frame
    present = [c for c in QUATERNION if c in frame]
    if not present:
        return None
    if len(present) < 4:
        absent = next(c for c in QUATERNION if c not in frame)
        raise FileFormatError(f"{path}: line 1: a quaternion needs qx, qy, qz, qw; {absent} is missing")
    quaternions = np.column_stack([table.numbers(c) for c in QUATERNION])
    norms = np.linalg.norm(quaternions, axis=1)
    bad = np.flatnonzero(np.abs(norms - 1.0) > 0.01)
    if len(bad):
        row = int(bad[0])
        raise FileFormatError(
            f"{path}: line {table.lines[row]}: the quaternion {quaternions[row].tolist()} has length "
            f"{norms[row]:g}, a rotation has length 1"
        )
    return Rotation.from_quat(quaternions)
