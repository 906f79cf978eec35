"""Particle files of Warp and M (.star).

Warp reads and writes RELION's columns, and names a tomogram by its tilt series, TS_01.tomostar. Sources:
WarpTools, docs/reference/warptools/tomogram_particle_files.md ("pixel coordinates in a tomogram, starting
from zero at the center of the first voxel", RELION's angles, rlnMicrographName the tomostar file);
ExportParticlesTiltseries.cs (position = coordinate - origin; coordinates written in pixels of the export,
rlnPixelSize) and TiltSeries.ReconstructParticleSeries.cs (2D stacks: in pixels of rlnImagePixelSize);
TiltSeries.MatchFull.cs (template matching writes fractions of the volume). M: wrpCoordinateX1 ... are in Å
from the same zero, and a particle may have several, one for each sample in time, of which the first counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from napari_tomopick.io.particles import common, relion, shifts, star
from napari_tomopick.io.particles.relion_columns import (
    ANGLES,
    BLOCKS,
    COORDINATES,
    DETECTOR,
    MAGNIFICATION,
    MICROGRAPH,
    OUR_NAME,
    TAKEN,
    WARP_SUFFIX,
)
from napari_tomopick.io.particles.relion_write import angles_in, origins, ours
from napari_tomopick.models.particles import SHIFTS, Particles
from napari_tomopick.models.tomogram import Tomogram

M_NAME = "wrpSourceName"
FILLED = (MICROGRAPH, "rlnPixelSize", MAGNIFICATION, DETECTOR, OUR_NAME)
"""Columns that are written anew, whatever came with the particles."""


def recognises(path: Path) -> bool:
    """Whether a STAR file is Warp's or M's."""
    return star.kind(path) == "warp"


def read(path: Path, tomograms: Sequence[Tomogram]) -> Particles:
    """Read a file of Warp or M; see `napari_tomopick.io.particles.read_particles`."""
    blocks = star.read_blocks(path)
    for key, block in blocks.items():
        for number in ("1", ""):
            if f"wrpCoordinateX{number}" in block:
                return _read_m(path, blocks, key, number, tomograms)
    return relion.read_blocks(path, blocks, tomograms)


def write(path: Path, particles: Particles, tomograms: Sequence[Tomogram]) -> tuple[Path, ...]:
    """Write a file for Warp; see `napari_tomopick.io.particles.write_particles`."""
    common.reject_reserved(path, particles, TAKEN)
    coordinates, shift = shifts.divided(path, particles)
    columns: dict[str, object] = dict(zip(COORDINATES, coordinates.T, strict=True))
    columns |= dict(zip(ANGLES, angles_in(None, particles).T, strict=True))
    if SHIFTS[0] in particles.table:
        columns |= origins(shift, particles)
    names = [n if not n or n.endswith(WARP_SUFFIX) else n + WARP_SUFFIX for n in particles.tomograms.tolist()]
    columns[MICROGRAPH] = np.array(names, dtype=np.str_)
    if particles.voxel_size_angstrom is not None:
        columns |= {"rlnPixelSize": particles.voxel_size_angstrom, MAGNIFICATION: 10000.0}
        columns[DETECTOR] = particles.voxel_size_angstrom
    columns |= ours(particles)
    # of the frames of subtomograms Warp knows nothing
    left = shifts.without(particles.table, [*FILLED, *SHIFTS, *shifts.in_own_frame(particles.table)])
    further = star.exactly(left)
    frame = pd.concat([pd.DataFrame(columns, index=further.index), further], axis=1)
    star.write_blocks(path, {"": frame})
    return (path,)


def _read_m(
    path: Path, blocks: dict[str, star.Block], key: str, number: str, tomograms: Sequence[Tomogram]
) -> Particles:
    """Particles of a species of M: Å from the centre of the first voxel."""
    frame = relion.as_table(blocks.pop(key))
    line = star.first_line(path, key)
    coordinates = [f"wrpCoordinate{a}{number}" for a in "XYZ"]
    angles = [f"wrpAngle{a}{number}" for a in ("Rot", "Tilt", "Psi")]
    written = common.text(frame, M_NAME) if M_NAME in frame else np.full(len(frame), "", np.str_)
    names = common.named(path, relion.known_names(written, tomograms), tomograms)
    used = [
        common.tomogram_of(path, name, tomograms, "coordinates in Å:") for name in np.unique(names).tolist()
    ]
    size = common.one_value(path, [t.voxel_size_angstrom for t in used], "voxel sizes")
    further = frame.drop(columns=[c for c in [*coordinates, *angles, M_NAME, *TAKEN] if c in frame])
    if (names != written).any():
        further = further.assign(**{OUR_NAME: written})
    if blocks:
        further.attrs = {BLOCKS: {k: relion.as_plain(b) for k, b in blocks.items()}}
    return Particles(
        positions=relion.three(path, frame, coordinates, line) / (size or 1.0),
        rotations=relion.rotation(path, frame, angles, line),
        tomograms=names,
        table=further,
        voxel_size_angstrom=size,
    )
