"""A ChimeraX script (.cxc) that shows particles: markers, arrows along their axes, and their tomogram.

Beside the script stand the markers (.cmm) and, where particles are turned, the arrows (.bild); it is written,
not read. Lengths are Å of ChimeraX's scene, in which the middle of voxel (0, 0, 0) of a map is at the origin
of its header; where the tomogram is known its voxel size and origin are set in the script, so that map and
markers fit whatever the header says. Sources: ChimeraX user guide, commands "volume" (voxelSize, origin) and
"marker", "BILD format".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.atomic import atomic_path
from napari_tomopick.io.particles import common
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

MAPS = (".mrc", ".rec", ".map", ".hdf", ".zarr", ".tif", ".tiff")
"""Tomograms that ChimeraX opens."""
COLOURS = ((1.0, 0.82, 0.4), (0.27, 0.67, 0.86), (0.94, 0.44, 0.5), (0.46, 0.78, 0.4), (0.7, 0.55, 0.9))
RADIUS = 0.25
"""Of a marker, in box sizes; where there is none, `RADIUS_VOXELS`."""
RADIUS_VOXELS = 4.0
ARROW = 3.0
"""Length of an arrow in radii of the marker."""


def write(path: Path, particles: Particles, tomograms: Sequence[Tomogram]) -> tuple[Path, ...]:
    """Write a script and what it opens; see `napari_tomopick.io.particles.write_particles`."""
    name = common.only_tomogram(path, particles, "a ChimeraX script")
    tomogram = next((t for t in tomograms if t.name == name), None)
    if tomogram is None and not name and len(tomograms) == 1:
        tomogram = tomograms[0]
    if tomogram is not None:
        common.check_grid(path, particles, tomogram)
    size = particles.voxel_size_angstrom or (tomogram.voxel_size_angstrom if tomogram else None)
    if size is None and len(particles):
        raise FileFormatError(
            f"cannot write {path}: ChimeraX counts in Å, and the voxel size of the particles is not known; "
            "give the tomogram (--tomogram)"
        )
    size = size or 1.0
    origin = np.array(tomogram.origin_angstrom if tomogram is not None else (0.0, 0.0, 0.0))
    places = particles.positions * size + origin
    radius = (RADIUS * particles.box_size if particles.box_size else RADIUS_VOXELS) * size
    markers = path.with_suffix(".cmm")
    written = {markers: _markers(particles, places, radius)}
    if particles.rotations.magnitude().any():
        written[path.with_suffix(".bild")] = _arrows(particles, places, radius)
    written = {path: _script(tomogram, origin, list(written))} | written
    for file, text in written.items():
        with atomic_path(file) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return tuple(written)


def _script(tomogram: Tomogram | None, origin: np.ndarray, opened: Sequence[Path]) -> str:
    lines = ["# particles of napari-tomopick, in Å"]
    number = 1
    if tomogram is not None and tomogram.path.suffix.lower() in MAPS:
        size = tomogram.voxel_size_angstrom
        place = ",".join(f"{v:.10g}" for v in origin)
        lines += [
            f"open {_quoted(str(tomogram.path.absolute()))} id #{number}",
            f"volume #{number} voxelSize {size:.10g} origin {place}",
            f"volume #{number} style image region all step 1 showOutlineBox true",
        ]
        number += 1
    for file in opened:
        # beside the script, wherever that is moved
        lines.append(f"open {_quoted(file.name)} id #{number}")
        number += 1
    return "\n".join([*lines, "view", ""])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "/").replace('"', '\\"') + '"'


def _markers(particles: Particles, places: np.ndarray, radius: float) -> str:
    groups = np.unique(particles.groups)
    lines = [f"<marker_set name={quoteattr('particles')}>"]
    for place, number, group, score in zip(
        places.tolist(),
        particles.ids.tolist(),
        particles.groups.tolist(),
        particles.scores.tolist(),
        strict=True,
    ):
        x, y, z = (f"{v:.10g}" for v in place)
        red, green, blue = COLOURS[int(np.searchsorted(groups, group)) % len(COLOURS)]
        note = f"group {group}" + (f", score {score:.4g}" if math.isfinite(score) else "")
        lines.append(
            f'<marker id="{number}" x="{x}" y="{y}" z="{z}" r="{red}" g="{green}" b="{blue}" '
            f'radius="{radius:.6g}" note={quoteattr(note)}/>'
        )
    return "\n".join([*lines, "</marker_set>", ""])


def _arrows(particles: Particles, places: np.ndarray, radius: float) -> str:
    """An arrow along each particle's own z axis."""
    groups = np.unique(particles.groups)
    ends = places + ARROW * radius * particles.directions()
    lines = []
    for group in groups.tolist():
        lines.append(".color {} {} {}".format(*COLOURS[int(np.searchsorted(groups, group)) % len(COLOURS)]))
        for row in np.flatnonzero(particles.groups == group):
            numbers = [*places[row], *ends[row], radius / 8, radius / 3, 0.7]
            lines.append(".arrow " + " ".join(f"{v:.8g}" for v in numbers))
    return "\n".join([*lines, ""])
