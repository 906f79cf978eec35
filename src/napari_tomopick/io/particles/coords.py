"""Plain lists of coordinates: x, y, z in each line (.coords, .box, .txt), as EMAN2 and crYOLO write them.

Numbers are 0-based voxels, whole ones at voxel centres, and the particle is there: the box of B voxels around
it begins at x - B // 2. Sources: programs/e2spt_boxer_old.py (--coords) and e2spt_boxer.py ("Save box coord")
of EMAN2; crYOLO's .coords are the centres of its boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.atomic import atomic_path
from napari_tomopick.io.particles import common, lines
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

COMMENT = "#"


def recognises(path: Path) -> bool:
    """Whether the first line that says something is three numbers."""
    with path.open("rb") as file:
        start = file.read(4096)
    for line in start.decode("utf-8", errors="replace").splitlines():
        words = line.split(COMMENT)[0].split()
        if words:
            return len(words) == 3 and all(lines.is_number(word) for word in words)
    return False


def read(path: Path, tomograms: Sequence[Tomogram]) -> Particles:
    """Read a list of coordinates; see `napari_tomopick.io.particles.read_particles`."""
    positions = []
    for number, line in enumerate(lines.text_of(path).splitlines(), 1):
        words = line.split(COMMENT)[0].split()
        if not words:
            continue
        if len(words) == 4 and all(lines.is_number(word) for word in words):
            raise FileFormatError(
                f"{path}: line {number}: four numbers, as of a box in an image (corner, width, height) or "
                "of a filament; here a line is x, y, z of the centre of a particle"
            )
        if len(words) != 3:
            raise FileFormatError(f"{path}: line {number}: {line.strip()[:60]!r} is not x, y, z")
        positions.append([lines.number(path, number, c, w) for c, w in zip("xyz", words, strict=True)])
    names = common.named(path, np.full(len(positions), "", np.str_), tomograms)
    return Particles(
        positions=np.array(positions, dtype=np.float64).reshape(-1, 3),
        tomograms=names,
        voxel_size_angstrom=common.voxel_size_of(path, names, tomograms, None),
    )


def write(path: Path, particles: Particles, tomograms: Sequence[Tomogram]) -> tuple[Path, ...]:
    """Write a list of coordinates; see `napari_tomopick.io.particles.write_particles`."""
    common.only_tomogram(path, particles, "a list of coordinates")
    # ten digits: positions to 1e-6 voxel
    rows = ["\t".join(f"{v:.10g}" for v in position) + "\n" for position in particles.positions.tolist()]
    with atomic_path(path) as temporary:
        temporary.write_text("".join(rows), encoding="utf-8")
    return (path,)
