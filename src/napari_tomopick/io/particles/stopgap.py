"""STOPGAP motive lists (.star); `motl` says what the numbers mean.

Written as STOPGAP's own reader wants them: exactly its 16 fields, without numbers behind their names and
without comments.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.atomic import atomic_path
from napari_tomopick.io.particles import common, motl, shifts, star, tomogram_map
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

FIELDS = (
    "motl_idx tomo_num object subtomo_num halfset orig_x orig_y orig_z score x_shift y_shift z_shift phi psi "
    "the class"
).split()
NEEDED = ("orig_x", "orig_y", "orig_z")
HALFSET = f"{motl.PREFIX}halfset"


def recognises(path: Path) -> bool:
    """Whether a STAR file is a motive list of STOPGAP's."""
    return star.kind(path) == "stopgap"


def read(path: Path, tomograms: Sequence[Tomogram]) -> Particles:
    """Read a motive list; see `napari_tomopick.io.particles.read_particles`."""
    blocks = star.read_blocks(path, FIELDS)
    key = next((k for k, b in blocks.items() if isinstance(b, pd.DataFrame) and set(NEEDED) & set(b)), None)
    if key is None:
        raise FileFormatError(f"{path}: no motive list in it: no block has orig_x, orig_y, orig_z")
    frame = blocks[key]
    assert isinstance(frame, pd.DataFrame)
    line = star.first_line(path, key)
    missing = [c for c in NEEDED if c not in frame]
    if missing:
        raise FileFormatError(f"{path}: data_{key} has no column {missing[0]}")

    def numbers(*names: str) -> np.ndarray:
        n = len(frame)
        given = [common.numbers(path, frame, c, first_row=line) if c in frame else np.zeros(n) for c in names]
        return np.column_stack(given)

    def whole(name: str) -> np.ndarray | None:
        return common.whole_numbers(path, frame, name, first_row=line) if name in frame else None

    index = whole("tomo_num")
    index = np.zeros(len(frame), np.int64) if index is None else index
    names = tomogram_map.names_of(index, tomogram_map.read_map(motl.maps_beside(path)), tomograms)
    entry, subtomogram = whole("motl_idx"), whole("subtomo_num")
    ids = motl.unique_ids(entry) if entry is not None else None
    taken = [f for f in FIELDS if f not in ("halfset", "class", "subtomo_num", "motl_idx", "tomo_num")]
    if ids is not None:
        taken.append("motl_idx")
        if subtomogram is not None and (subtomogram == ids).all():
            taken.append("subtomo_num")
    if (names == np.where(index == 0, "", index.astype(str))).all():
        taken.append("tomo_num")
    further = frame.drop(columns=[c for c in taken if c in frame])
    further.columns = [c if c.startswith(motl.PREFIX) else motl.PREFIX + c for c in further.columns]
    shift = numbers("x_shift", "y_shift", "z_shift")
    return Particles(
        positions=numbers(*NEEDED) - motl.BASE + shift,
        rotations=motl.rotations_of(numbers("phi", "psi", "the")),
        ids=ids,  # type: ignore[arg-type]
        groups=whole("object"),  # type: ignore[arg-type]
        scores=common.floats(frame["score"]) if "score" in frame else None,  # type: ignore[arg-type]
        tomograms=names,
        table=shifts.beside(further, shift),
        voxel_size_angstrom=common.voxel_size_of(path, names, tomograms, None),
    )


def write(path: Path, particles: Particles, tomograms: Sequence[Tomogram]) -> tuple[Path, ...]:
    """Write a motive list and its tomolist; see `napari_tomopick.io.particles.write_particles`."""
    n = len(particles)
    coordinates, shift = motl.coordinates_of(path, particles)
    numbers = motl.tomogram_numbers(particles)
    columns: dict[str, Sequence[object] | np.ndarray] = {
        "motl_idx": motl.kept(path, particles, ["motl_idx"], particles.ids),
        "tomo_num": np.array([numbers[name] for name in particles.tomograms.tolist()], dtype=np.int64),
        "object": particles.groups,
        "subtomo_num": motl.kept(path, particles, [motl.SUBTOMOGRAM], particles.ids),
        "halfset": _halfsets(path, particles),
        "score": particles.scores,
        "class": motl.kept(path, particles, motl.CLASSES, np.ones(n, np.int64)),
    }
    columns |= dict(zip(NEEDED, coordinates.T, strict=True))
    columns |= dict(zip(("x_shift", "y_shift", "z_shift"), shift.T, strict=True))
    columns |= dict(zip(("phi", "psi", "the"), motl.angles_of(particles.rotations).T, strict=True))
    rows = zip(*([_text(v) for v in columns[name]] for name in FIELDS), strict=True)
    head = "\ndata_stopgap_motivelist\n\nloop_\n" + "".join(f"_{name}\n" for name in FIELDS) + "\n"
    with atomic_path(path) as temporary:
        temporary.write_text(head + "".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return (path, *motl.write_map(path, numbers, tomograms))


def _halfsets(path: Path, particles: Particles) -> list[str]:
    if HALFSET not in particles.table:
        ones = np.ones(len(particles), np.int64)
        subset = motl.kept(path, particles, ["rlnRandomSubset"], ones)
        return np.where(subset == 2, "B", "A").tolist()
    values = [v or "A" for v in common.text(particles.table, HALFSET).tolist()]
    for row, value in enumerate(values, 1):
        if len(value.split()) != 1 or not value.isascii() or set(value) & set("#'\""):
            raise FileFormatError(
                f"cannot write {path}: row {row}, column {HALFSET}: {value!r} is no half set"
            )
    return values


def _text(value: object) -> str:
    return value if isinstance(value, str) else f"{value:.10g}"
