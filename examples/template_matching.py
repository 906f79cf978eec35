"""From a handful of picks to all particles of a tomogram: the same as template_matching.sh, in Python.

python examples/template_matching.py TOMOGRAM PICKS BOX LOWEST_TILT HIGHEST_TILT FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from napari_tomopick.io.particles import read_particles, write_particles
from napari_tomopick.models.particles import Particles
from napari_tomopick.protocols import extract, import_tomograms, initial_model, match
from napari_tomopick.protocols.match import load_template


def run(tomogram_path: Path, picks: Path, box: int, tilts: tuple[float, float], folder: Path) -> Particles:
    """Particles matched with a model of the picks; files of every step are in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    [tomogram] = import_tomograms([tomogram_path], tilt_range_degrees=tilts)
    picked = read_particles(picks, tomograms=[tomogram])
    boxes = extract(picked, [tomogram], folder / "picked", box_size=box, invert=True, normalise="box")
    model = initial_model(boxes, folder / "model.mrc")
    found = match(tomogram, load_template(model.path), box_size=box)
    write_particles(folder / "matched.star", found.particles, tomograms=[tomogram])
    print(*model.lines(), *found.lines(), sep="\n")
    return found.particles


if __name__ == "__main__":
    where, clicked, size, low, high, out = sys.argv[1:]
    run(Path(where), Path(clicked), int(size), (float(low), float(high)), Path(out))
