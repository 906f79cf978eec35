"""TomoTwin's .tloc: what its reference-based picking has located, a pickled table; see `pickled_table`.

X, Y, Z are the centres of TomoTwin's boxes in 0-based voxels, as in the .coords that it makes of them, in
half precision (whole numbers up to 2048 exactly); ``predicted_class`` counts its references from 0. Source:
TomoTwin 0.6, locate_main.py, findmaxima_locator.py (columns and ``attrs``), pick_main.py (.coords of them).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.particles import common
from napari_tomopick.io.particles.pickled_table import read_pickled_table
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

POSITION = ("X", "Y", "Z")
SCORE, CLASS, SIZE = "metric_best", "predicted_class", ("width", "height", "depth")
PREFIX = "tomotwin_"
REFERENCE = f"{PREFIX}reference"
"""Name of the reference that a particle is like."""


def recognises(path: Path) -> bool:
    """Whether a file has TomoTwin's suffix."""
    return path.suffix.lower() == ".tloc"


def read(path: Path, tomograms: Sequence[Tomogram]) -> Particles:
    """Read located particles; see `napari_tomopick.io.particles.read_particles`."""
    frame = read_pickled_table(path)
    missing = [column for column in POSITION if column not in frame]
    if missing:
        raise FileFormatError(f"{path}: no table of located particles: it has no column {missing[0]}")
    positions = np.column_stack([common.numbers(path, frame, column) for column in POSITION])
    scores = common.floats(frame[SCORE]) if SCORE in frame else None
    groups = common.whole_numbers(path, frame, CLASS) if CLASS in frame else None
    sides = [common.numbers(path, frame, column) for column in SIZE if column in frame]
    box = common.one_box_size(np.concatenate([np.empty(0), *sides]))
    taken = [*POSITION, SCORE, CLASS, *(SIZE if box is not None else ())]
    further = frame.drop(columns=[column for column in taken if column in frame]).add_prefix(PREFIX)
    references = frame.attrs.get("references")
    if groups is not None and isinstance(references, list | tuple):
        known = {i: str(name) for i, name in enumerate(references)}
        further[REFERENCE] = [known.get(group, "") for group in groups.tolist()]
    further.attrs = {}
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
