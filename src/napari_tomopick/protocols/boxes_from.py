"""Where boxes are cut from: the tomograms that particles lie in, and the particles on their grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.io.volumes import open_volume
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram


def on_the_grid_of(
    tomograms: Sequence[Tomogram], particles: Particles
) -> tuple[Particles, NDArray[np.int64]]:
    """The particles in voxels of the tomograms, under their names, and the tomogram (its place) of each.

    Raises
    ------
    ParameterError
        If there are none, a voxel size is not known or the tomograms have different ones, or a particle's
        tomogram was not given. A single one serves particles that all bear one name, whatever it is.
    """
    if not len(particles):
        raise ParameterError("there are no particles to cut boxes of")
    if not tomograms:
        raise ParameterError("no tomogram was given to cut boxes from")
    sizes = [tomogram.voxel_size_angstrom for tomogram in tomograms]
    if max(sizes) - min(sizes) > 1e-4 * min(sizes):
        raise ParameterError(
            f"the tomograms have different voxel sizes, {min(sizes):g} to {max(sizes):g} Å; cut boxes "
            "from those of one size at a time"
        )
    if particles.voxel_size_angstrom is None:
        raise ParameterError(
            "the voxel size of the tomogram these particles were picked on is not known; give it, since it "
            "says where they are in the tomogram to cut from"
        )
    names = [tomogram.name for tomogram in tomograms]
    picked_on = sorted(set(particles.tomograms.tolist()))
    if len(names) == 1 and len(picked_on) == 1:
        which = np.zeros(len(particles), np.int64)
    else:
        unknown = [name for name in picked_on if name not in names]
        if unknown:
            where = f"lie in the tomogram {unknown[0]!r}" if unknown[0] else "bear no tomogram's name"
            raise ParameterError(f"some particles {where}, which was not given; given are {', '.join(names)}")
        which = np.array([names.index(name) for name in particles.tomograms.tolist()], np.int64)
    on_grid = particles.rescaled(sizes[0])
    return replace(on_grid, tomograms=np.array(names)[which]), which


def open_as_imported(tomogram: Tomogram) -> Any:
    """The voxels of a tomogram, not read yet.

    Raises
    ------
    FileFormatError
        If the file cannot be read, or does not have the shape that is known of it.
    """
    # what the user told of the voxel size was checked on import
    size = tomogram.voxel_size_angstrom
    volume = open_volume(tomogram.path, voxel_size_angstrom=size, override_header=True)
    if volume.shape != tuple(tomogram.shape):
        raise FileFormatError(
            f"{tomogram.path}: has the shape {volume.shape} (z, y, x), but {tuple(tomogram.shape)} when it "
            "was imported; import it again"
        )
    return volume.data
