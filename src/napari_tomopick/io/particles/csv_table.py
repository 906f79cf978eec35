"""Particles as plain CSV: ``id,x,y,z,qx,qy,qz,qw,group,score`` and any other columns.

x, y, z are 0-based voxels, whole numbers at voxel centres; the quaternion takes the reference to the
tomogram, scalar last. Only x, y, z are needed when reading. The project's own format, and lossless.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.atomic import atomic_path
from napari_tomopick.io.particles import common
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

QUATERNION = ["qx", "qy", "qz", "qw"]
COLUMNS = ["id", "x", "y", "z", *QUATERNION, "group", "score", "tomogram", "voxel_size_angstrom", "box_size"]
FIRST_LINE = 2
"""The first row of numbers stands in this line of the file."""


def read(path: Path, tomograms: Sequence[Tomogram]) -> Particles:
    """Read particles from CSV; see `napari_tomopick.io.particles.read_particles`."""
    try:
        # only an empty field is a missing value: "NA" may be a name
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""], skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path}: not a CSV table: {error}") from error
    frame.columns = frame.columns.str.strip()
    missing = [c for c in "xyz" if c not in frame]
    if missing:
        raise FileFormatError(f"{path}: line 1: no column {missing[0]!r}; it has {', '.join(frame.columns)}")
    names = common.text(frame, "tomogram") if "tomogram" in frame else np.full(len(frame), "", np.str_)
    names = common.named(path, names, tomograms)
    single: dict[str, float | None] = {}
    for column in ("voxel_size_angstrom", "box_size"):
        given = frame[column].notna().any() if column in frame else False
        if given:
            values = common.numbers(path, frame, column, first_row=FIRST_LINE)
            single[column] = common.one_value(path, values, column)
    size, box = single.get("voxel_size_angstrom"), single.get("box_size")
    return Particles(
        positions=np.column_stack([common.numbers(path, frame, c, first_row=FIRST_LINE) for c in "xyz"]),
        rotations=_rotations(path, frame),
        ids=_whole(path, frame, "id"),
        groups=_whole(path, frame, "group"),
        scores=common.floats(frame["score"]) if "score" in frame else None,  # type: ignore[arg-type]
        tomograms=names,
        table=frame.drop(columns=[c for c in COLUMNS if c in frame]).apply(_typed),
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
        frame.to_csv(temporary, index=False, lineterminator="\n")
    return (path,)


def _whole(path: Path, frame: pd.DataFrame, column: str) -> np.ndarray:
    values = common.whole_numbers(path, frame, column, first_row=FIRST_LINE) if column in frame else None
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


def _rotations(path: Path, frame: pd.DataFrame) -> Rotation | None:
    present = [c for c in QUATERNION if c in frame]
    if not present:
        return None
    if len(present) < 4:
        absent = next(c for c in QUATERNION if c not in frame)
        raise FileFormatError(f"{path}: line 1: a quaternion needs qx, qy, qz, qw; {absent} is missing")
    quaternions = np.column_stack([common.numbers(path, frame, c, first_row=FIRST_LINE) for c in QUATERNION])
    norms = np.linalg.norm(quaternions, axis=1)
    bad = np.flatnonzero(np.abs(norms - 1.0) > 0.01)
    if len(bad):
        row = int(bad[0])
        raise FileFormatError(
            f"{path}: line {row + FIRST_LINE}: the quaternion {quaternions[row].tolist()} has length "
            f"{norms[row]:g}, a rotation has length 1"
        )
    return Rotation.from_quat(quaternions)
