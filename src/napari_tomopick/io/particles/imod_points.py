"""Particles as IMOD scattered points (.mod): positions, and one object for each group.

The format has no place for orientations, scores or further columns; `napari_tomopick.io.imod` has the
conventions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.imod import ImodFile, ImodObject, read_imod, write_imod
from napari_tomopick.io.particles import common
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

COLOURS = ((0.0, 1.0, 0.0), (1.0, 0.5, 0.0), (0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0))


def read(path: Path, tomograms: Sequence[Tomogram]) -> Particles:
    """Read every point of every contour; see `napari_tomopick.io.particles.read_particles`."""
    file = read_imod(path)
    positions, groups = [np.empty((0, 3))], [np.empty(0, np.int64)]
    for number, item in enumerate(file.objects, 1):
        ours = re.fullmatch(r"group (-?\d+)", item.name)
        for contour in item.contours:
            positions.append(contour)
            groups.append(np.full(len(contour), int(ours[1]) if ours else number, np.int64))
    points = np.concatenate(positions)
    names = common.named(path, np.full(len(points), "", np.str_), tomograms)
    return Particles(
        positions=points,
        groups=np.concatenate(groups),
        tomograms=names,
        voxel_size_angstrom=common.voxel_size_of(path, names, tomograms, file.voxel_size_angstrom),
    )


def write(path: Path, particles: Particles, tomograms: Sequence[Tomogram]) -> tuple[Path, ...]:
    """Write the positions; see `napari_tomopick.io.particles.write_particles`."""
    names = np.unique(particles.tomograms)
    if len(names) > 1:
        raise FileFormatError(
            f"cannot write {path}: an IMOD model belongs to one tomogram, these particles lie in "
            f"{', '.join(names)}; write one file for each"
        )
    objects = [
        ImodObject(f"group {group}", [particles.positions[particles.groups == group]], True, COLOURS[i % 5])
        for i, group in enumerate(np.unique(particles.groups))
    ]
    shape = next((t.shape for t in tomograms if t.name in names), (0, 0, 0))
    write_imod(path, ImodFile(objects, particles.voxel_size_angstrom, shape))
    return (path,)
