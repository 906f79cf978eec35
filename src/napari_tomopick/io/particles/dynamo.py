"""Dynamo tables (.tbl) with the map of their tomograms (.doc).

A table is 26 to 42 columns of numbers without a header. Coordinates are 1-based; the particle is at
(x, y, z) + (dx, dy, dz). Sources: Dynamo wiki, pages "Table convention", "Volume center" and "Euler angles
convention"; the names of the columns are those of `dthelp`, with "dyn_" before them where they have no
counterpart here.

Scipion, copick and others take these coordinates for 0-based, which puts particles one voxel off where Dynamo
has them; a file of theirs is read, and one for them written, with ``scipion_compatible``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry import orientations
from napari_tomopick.io.atomic import atomic_path
from napari_tomopick.io.particles import common, shifts, tomogram_map
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

NAMES = (
    "tag aligned averaged dx dy dz tdrot tilt narot cc cc2 cpu ftype ymintilt ymaxtilt xmintilt xmaxtilt fs1 "
    "fs2 tomo reg class annotation x y z dshift daxis dnarot dcc otag npar col33 ref sref apix def col38 "
    "col39 col40 eig1 eig2"
).split()
LEAST, USUAL = 26, 36
TAKEN = ("tag", "dx", "dy", "dz", "tdrot", "tilt", "narot", "cc", "tomo", "reg", "x", "y", "z", "apix")
"""Columns that become fields of the particles; all others are kept as further columns."""
PREFIX = "dyn_"
MAP_NAME = "indices_column20.doc"
TILTED_ABOUT_Y = 1

SHIFT = ("dx", "dy", "dz")


def read(
    path: Path,
    tomograms: Sequence[Tomogram],
    *,
    scipion_compatible: bool = False,
) -> Particles:
    """Read a Dynamo table; see `napari_tomopick.io.particles.read_particles`."""
    frame, lines = _read_table(path)
    column = {name: _numbers(path, frame, lines, name) for name in TAKEN if name in frame}
    base = 0.0 if scipion_compatible else 1.0
    coordinates = np.column_stack([column["x"], column["y"], column["z"]]) - base
    shift = np.column_stack([column[name] for name in SHIFT])
    for name in ("tag", "reg", "tomo"):
        odd = np.flatnonzero(~common.are_whole(column[name]))
        if len(odd):
            row = int(odd[0])
            raise FileFormatError(
                f"{path}: line {lines[row]}: {name} is {column[name][row]}, not a whole number"
            )
    maps = [path.with_suffix(".doc"), path.with_name(MAP_NAME), path.with_suffix(tomogram_map.LIST_SUFFIX)]
    files = tomogram_map.read_map(maps)
    names = tomogram_map.names_of(column["tomo"].astype(np.int64), files, tomograms)
    apix = column.get("apix", np.zeros(len(frame)))
    size = common.one_value(path, apix[apix > 0], "voxel sizes")
    taken = [n for n in TAKEN if n in frame]
    if (names != column["tomo"].astype(np.int64).astype(str))[names != ""].any():
        taken.remove("tomo")  # so that the map of the tomograms stays as it is
    further = frame.drop(columns=taken).add_prefix(PREFIX).apply(_numeric_if_all_are)
    return Particles(
        positions=coordinates + shift,
        rotations=orientations.from_dynamo(
            np.column_stack([column["tdrot"], column["tilt"], column["narot"]])
        ),
        ids=column["tag"].astype(np.int64),
        groups=column["reg"].astype(np.int64),
        scores=column["cc"],
        tomograms=names,
        table=shifts.beside(further, shift),
        voxel_size_angstrom=common.voxel_size_of(path, names, tomograms, size),
    )


def write(
    path: Path, particles: Particles, tomograms: Sequence[Tomogram], *, scipion_compatible: bool = False
) -> tuple[Path, ...]:
    """Write a table and the map of its tomograms; see `napari_tomopick.io.particles.write_particles`."""
    n = len(particles)
    kept = {c.removeprefix(PREFIX): c for c in particles.table.columns if c.startswith(PREFIX)}
    width = max(USUAL, *(NAMES.index(c) + 1 for c in kept if c in NAMES), 0)
    zeros = np.zeros(n, dtype=np.int64)
    table: dict[str, Any] = dict.fromkeys(NAMES[:width], zeros)
    table["aligned"] = zeros + 1
    table |= {name: particles.table[c].to_numpy() for name, c in kept.items() if name in NAMES}
    if "class" not in kept:
        others = [c for c in ("motl_class", "rlnClassNumber") if c in particles.table]
        table["class"] = common.floats(particles.table[others[0]]) if others else zeros
    came = common.floats(particles.table[kept["tomo"]]) if "tomo" in kept else None
    numbers = tomogram_map.numbers_of(particles.tomograms, came)
    table |= {"tag": particles.ids, "reg": particles.groups, "cc": particles.scores}
    coordinates, shift = shifts.divided(path, particles)
    table |= dict(zip("xyz", coordinates.T + (0.0 if scipion_compatible else 1.0), strict=True))
    table |= dict(zip(SHIFT, shift.T, strict=True))
    angles = orientations.to_dynamo(particles.rotations) if n else np.empty((0, 3))
    table |= dict(zip(("tdrot", "tilt", "narot"), angles.T, strict=True))
    table["tomo"] = np.array([numbers[name] for name in particles.tomograms.tolist()], dtype=np.int64)
    table["apix"] = np.full(n, particles.voxel_size_angstrom or 0)
    _fill_tilt_range(table, particles, {t.name: t for t in tomograms})
    rows = zip(*([_text(v) for v in table[name]] for name in NAMES[:width]), strict=True)
    with atomic_path(path) as temporary:
        temporary.write_text("".join(" ".join(row) + "\n" for row in rows), encoding="utf-8")
    return (path, *tomogram_map.write_map(path.with_suffix(".doc"), numbers, tomograms))


def _read_table(path: Path) -> tuple[pd.DataFrame, list[int]]:
    """The table as text, columns named, and the line of the file each row came from."""
    try:
        content = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path}: not a Dynamo table: {error}") from error
    numbered = [(i, line.split()) for i, line in enumerate(content.splitlines(), 1) if line.strip()]
    width = len(numbered[0][1]) if numbered else LEAST
    for number, row in numbered:
        if len(row) != width or len(row) < LEAST:
            raise FileFormatError(
                f"{path}: line {number}: {len(row)} columns; a Dynamo table has at least {LEAST}, the same "
                f"in every line (line {numbered[0][0]} has {width})"
            )
    names = [NAMES[i] if i < len(NAMES) else f"col{i + 1}" for i in range(width)]
    frame = pd.DataFrame([row for _, row in numbered], columns=names, dtype=object)
    return frame, [number for number, _ in numbered]


def _numbers(path: Path, frame: pd.DataFrame, lines: list[int], name: str) -> NDArray[np.float64]:
    values = common.floats(frame[name])
    # a score that is not a number is no score; a coordinate must be one
    bad = np.flatnonzero(~np.isfinite(values)) if name != "cc" else np.empty(0, int)
    if len(bad):
        row = int(bad[0])
        raise FileFormatError(
            f"{path}: line {lines[row]}, column {NAMES.index(name) + 1} ({name}): {frame[name].iloc[row]!r} "
            "is not a number"
        )
    return values


def _numeric_if_all_are(column: pd.Series) -> pd.Series:
    """Numbers where all are real ones; else the text, since Dynamo writes complex ones in some columns."""
    try:
        return pd.to_numeric(column)
    except ValueError:
        return column


def _fill_tilt_range(table: dict[str, Any], particles: Particles, by_name: dict[str, Tomogram]) -> None:
    """What the tomograms' acquisition says; where it says nothing, what came with the particles stays."""
    columns = ("ftype", "ymintilt", "ymaxtilt", "xmintilt", "xmaxtilt")
    for column in columns:
        table[column] = np.array(table[column], dtype=object)
    for name, tomogram in by_name.items():
        tilts = tomogram.acquisition.tilt_range_degrees
        if tilts is None:
            continue
        # Dynamo names no type for a single tilt about x; the angles are given all the same
        about_y = tomogram.acquisition.tilt_axis == "y"
        values = (TILTED_ABOUT_Y, *tilts, 0, 0) if about_y else (0, 0, 0, *tilts)
        for column, value in zip(columns, values, strict=True):
            table[column][particles.tomograms == name] = value


def _text(value: Any) -> str:
    # ten digits: positions to 1e-6 voxel, angles to 1e-8 radian
    return value if isinstance(value, str) else f"{value:.10g}"
