"""crYOLO's .cbox: boxes in a STAR file, by their corner in x and y and their middle in z.

A box has its corner at (x - w / 2, y - h / 2), while z is that of the particle ("z is already centered after
tracing"); numbers are 0-based voxels. Boxes of single images, which have no z, are not particles here.
Sources: crYOLO 1.8, ``CoordsIO.py`` (write_cbox_file, write_coords_file, read_cbox_boxfile), and
``box_manager/io/cbox.py`` of napari-boxmanager 0.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.particles import common, star
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

BLOCK, INCLUDED, GLOBAL = "cryolo", "cryolo_include", "global"
POSITION = ("CoordinateX", "CoordinateY", "CoordinateZ")
SIZE = ("Width", "Height", "Depth")
SCORE, FILAMENT, SLICE = "Confidence", "filamentid", "slice_index"
TAKEN = (*POSITION, *SIZE, SCORE)
ORDER = (*TAKEN[:6], "EstWidth", "EstHeight", SCORE, "NumBoxes", "Angle", FILAMENT)
"""Columns in the order of crYOLO; the last only where the boxes are of filaments."""
PREFIX = "cbox_"
BLOCKS = "cbox_blocks"
"""Where the particles' table keeps the other blocks of the file."""
NOTHING = "<NA>"
VERSION = {"cbox_format_version": "1.0"}


def read(path: Path, tomograms: Sequence[Tomogram]) -> Particles:
    """Read a .cbox file; see `napari_tomopick.io.particles.read_particles`."""
    blocks = star.read_blocks(path)
    frame = blocks.get(BLOCK)
    if not isinstance(frame, pd.DataFrame) or not set(TAKEN[:2]) <= set(frame.columns):
        raise FileFormatError(
            f"{path}: no block data_{BLOCK} with _CoordinateX and _CoordinateY; files of crYOLO before 1.8 "
            "are not read, convert them with its own tools"
        )
    frame = frame.replace(NOTHING, np.nan)
    for column, said in (("CoordinateZ", "has no z"), ("Width", "has no width"), ("Height", "has no height")):
        if column not in frame or frame[column].isna().any():
            raise FileFormatError(
                f"{path}: a box {said} (_{column}); boxes in single images are not particles of a tomogram"
            )
    first = star.first_line(path, BLOCK)
    numbers = {c: common.numbers(path, frame, c, first_row=first) for c in (*POSITION, *SIZE[:2])}
    positions = np.column_stack(
        [
            numbers["CoordinateX"] + numbers["Width"] / 2,
            numbers["CoordinateY"] + numbers["Height"] / 2,
            numbers["CoordinateZ"],
        ]
    )
    groups = common.whole_numbers(path, frame, FILAMENT, first_row=first) if FILAMENT in frame else None
    scores = None
    if SCORE in frame:
        given = frame[SCORE].notna().to_numpy()
        scores = np.full(len(frame), np.nan)
        scores[given] = common.numbers(path, frame[given], SCORE)
    further = frame.drop(columns=[c for c in TAKEN if c in frame]).add_prefix(PREFIX)
    further = further.dropna(axis="columns", how="all")
    box = common.one_box_size(np.concatenate([numbers["Width"], numbers["Height"]]))
    if box is None:
        further[PREFIX + "Width"], further[PREFIX + "Height"] = numbers["Width"], numbers["Height"]
    further.attrs[BLOCKS] = {k: v for k, v in blocks.items() if k not in (BLOCK, GLOBAL)}
    names = common.named(path, np.full(len(frame), "", np.str_), tomograms)
    return Particles(
        positions=positions,
        groups=groups,  # type: ignore[arg-type]
        scores=scores,  # type: ignore[arg-type]
        tomograms=names,
        table=further,
        voxel_size_angstrom=common.voxel_size_of(path, names, tomograms, None),
        box_size=box,
    )


def write(path: Path, particles: Particles, tomograms: Sequence[Tomogram]) -> tuple[Path, ...]:
    """Write a .cbox file; see `napari_tomopick.io.particles.write_particles`."""
    common.only_tomogram(path, particles, "a .cbox file")
    n, table = len(particles), particles.table
    sizes = []
    for column in SIZE[:2]:
        given = common.floats(table[PREFIX + column]) if PREFIX + column in table else np.full(n, np.nan)
        sizes.append(np.where(np.isnan(given), particles.box_size or np.nan, given))
    width, height = sizes
    if np.isnan(width).any() or np.isnan(height).any():
        raise FileFormatError(
            f"cannot write {path}: a .cbox file has boxes, and the box size of these particles is not known; "
            "give it (--box)"
        )
    columns: dict[str, Any] = {
        "CoordinateX": particles.positions[:, 0] - width / 2,
        "CoordinateY": particles.positions[:, 1] - height / 2,
        "CoordinateZ": particles.positions[:, 2],
        "Width": width,
        "Height": height,
        "Depth": width,
        SCORE: particles.scores,
    }
    for name in table.columns:
        column = str(name).removeprefix(PREFIX)
        if str(name).startswith(PREFIX) and column not in columns:
            columns[column] = table[name]
    for column in ORDER[:-1]:
        columns.setdefault(column, np.full(n, np.nan))
    order = [*(c for c in ORDER if c in columns), *(c for c in columns if c not in ORDER)]
    frame = pd.DataFrame({c: _text(pd.Series(np.asarray(columns[c]))) for c in order}, dtype=object)
    blocks: dict[str, star.Block] = {GLOBAL: VERSION, BLOCK: frame, INCLUDED: _slices(particles)}
    kept = table.attrs.get(BLOCKS, {})
    blocks |= {name: block for name, block in kept.items() if name not in blocks}
    star.write_blocks(path, blocks)
    return (path,)


def _slices(particles: Particles) -> pd.DataFrame:
    """The slices that are looked at in training: those of the particles, and others the file had."""
    found = set(particles.positions[:, 2].tolist())
    kept = particles.table.attrs.get(BLOCKS, {}).get(INCLUDED)
    if isinstance(kept, pd.DataFrame) and SLICE in kept:
        values = common.floats(kept[SLICE])
        found |= set(values[np.isfinite(values)].tolist())
    elif isinstance(kept, dict) and isinstance(kept.get(SLICE), int | float):
        found.add(float(kept[SLICE]))
    return pd.DataFrame({SLICE: np.array(sorted(found), dtype=np.float64)})


def _text(column: pd.Series) -> pd.Series:
    """Numbers of ten digits, and crYOLO's word for none."""

    def word(value: Any) -> str:
        if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
            return NOTHING
        return f"{value:.10g}" if isinstance(value, float) else str(value)

    return pd.Series([word(v) for v in column.tolist()], dtype=object)
