"""Particles as IMOD scattered points (.mod): positions, one object for each group, and slicer angles.

The format has no place for scores or further columns; `napari_tomopick.io.imod` has the conventions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from napari_tomopick.io.imod import ImodFile, ImodObject, read_imod, write_imod
from napari_tomopick.io.particles import common
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

Array = NDArray[np.float64]

ANGLE = "imod_slicer_angle"
"""Which of the slicer angles of the file, counted from 1, gave the orientation; 0 for none."""
NEAR_VOXELS = 5.0
"""Farther than this from a point, slicer angles were not saved for it."""
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
    rotations, given = _orientations(points, file)
    names = common.named(path, np.full(len(points), "", np.str_), tomograms)
    return Particles(
        positions=points,
        rotations=rotations,
        table=pd.DataFrame() if given is None else pd.DataFrame({ANGLE: given}),
        groups=np.concatenate(groups),
        tomograms=names,
        voxel_size_angstrom=common.voxel_size_of(path, names, tomograms, file.voxel_size_angstrom),
    )


def write(path: Path, particles: Particles, tomograms: Sequence[Tomogram]) -> tuple[Path, ...]:
    """Write the positions; see `napari_tomopick.io.particles.write_particles`."""
    name = common.only_tomogram(path, particles, "an IMOD model")
    objects = [
        ImodObject(f"group {group}", [particles.positions[particles.groups == group]], True, COLOURS[i % 5])
        for i, group in enumerate(np.unique(particles.groups))
    ]
    content = ImodFile(
        objects,
        particles.voxel_size_angstrom,
        next((t.shape for t in tomograms if t.name == name), (0, 0, 0)),
    )
    if particles.rotations.magnitude().any():
        ordered = particles.select(np.argsort(particles.groups, kind="stable"))
        content = replace(content, slice_centres=ordered.positions, slice_rotations=ordered.rotations)
    write_imod(path, content)
    return (path,)


def _orientations(points: Array, file: ImodFile) -> tuple[Rotation | None, NDArray[np.int64] | None]:
    """The orientation of every point, and which of the slicer angles gave it (from 1; 0 for none).

    Angles saved for each point in turn belong to it; others to the point nearest to where they were saved,
    the last one where there are several.
    """
    if file.slice_rotations is None:
        return None, None
    given = np.zeros(len(points), np.int64)
    centres = file.slice_centres
    in_turn = len(points) == len(centres) and bool(
        (np.linalg.norm(points - centres, axis=1) <= NEAR_VOXELS).all()
    )
    if in_turn:
        given[:] = np.arange(1, len(points) + 1)
    elif len(points):
        distances, nearest = cKDTree(points).query(centres)
        near = distances <= NEAR_VOXELS
        given[nearest[near]] = np.flatnonzero(near) + 1
    quaternions = np.vstack([[0.0, 0.0, 0.0, 1.0], file.slice_rotations.as_quat()])
    return Rotation.from_quat(quaternions[given].reshape(-1, 4)), given
