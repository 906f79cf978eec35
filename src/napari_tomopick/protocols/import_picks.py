"""Import user points and particles that were made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.coordinates import binning_ratio, rescale_positions
from napari_tomopick.io import models as model_files
from napari_tomopick.io import particles as particle_files
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model
from napari_tomopick.protocols.describe import Progress

SUFFIXES = (*model_files.SUFFIXES, *(s for s in particle_files.SUFFIXES if s not in model_files.SUFFIXES))


@dataclass(frozen=True, eq=False)
class Picks:
    """What a file holds, fitted to the tomograms of a project.

    Parameters
    ----------
    source : Path
    models : tuple of Model
        From a model file.
    particles : Particles, optional
        From a particle file.
    """

    source: Path
    models: tuple[Model, ...] = ()
    particles: Particles | None = None


def import_picks(
    source: Path | str,
    tomograms: Sequence[Tomogram],
    *,
    in_tomogram: str | None = None,
    progress: Progress | None = None,
) -> Picks:
    """Read user points (.json, .mod) or particles (.star, .tbl, .csv) for the tomograms of a project.

    Positions picked on another binning are expressed in the voxels of the tomogram they go to.

    Parameters
    ----------
    source : path
        The file.
    tomograms : sequence of Tomogram
        Those of the project.
    in_tomogram : str, optional
        The tomogram everything in the file lies in, whatever name it gives. Default: the names in the file.
    progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    Picks

    Raises
    ------
    FileFormatError
        If the file cannot be read.
    ParameterError
        If it names a tomogram that is not in the project, or none.
    """
    source = Path(source)
    if progress is not None:
        progress(0, 1, source.name)
    by_name = {tomogram.name: tomogram for tomogram in tomograms}

    def place(name: str) -> Tomogram:
        wanted = in_tomogram or name
        if wanted in by_name:
            return by_name[wanted]
        said = f"lies in tomogram {wanted!r}" if wanted else "does not say which tomogram it lies in"
        raise ParameterError(
            f"{source}: {said}; the project has {', '.join(by_name) or 'no tomogram yet'}. "
            "Name the one that is meant"
        )

    if holds_models(source):
        models = [_fitted(source, model, place(model.tomogram)) for model in model_files.read_models(source)]
        return Picks(source, models=tuple(models))
    particles = particle_files.read_particles(source, tomograms=tomograms)
    names = [place(str(name)).name for name in particles.tomograms]
    sizes = {by_name[name].voxel_size_angstrom for name in names}
    if len(sizes) > 1:
        raise ParameterError(f"{source}: its tomograms have different voxel sizes; split it by voxel size")
    particles = replace(particles, tomograms=np.array(names, dtype=np.str_))
    if sizes and particles.voxel_size_angstrom is not None:
        particles = particles.rescaled(sizes.pop())
    return Picks(source, particles=particles)


def holds_models(path: Path) -> bool:
    """Whether a file is read as user points: IMOD models always, .json where it is not one of particles."""
    suffix = path.suffix.lower()
    return suffix == ".mod" or (suffix in model_files.SUFFIXES and not particle_files.holds_particles(path))


def holds_picks(path: Path | str) -> bool:
    """Whether a file is one of user points or particles, and not a tomogram."""
    return Path(path).suffix.lower() in model_files.SUFFIXES or particle_files.holds_particles(path)


def _fitted(source: Path, model: Model, tomogram: Tomogram) -> Model:
    picked_at = model.voxel_size_angstrom or tomogram.voxel_size_angstrom
    factor = binning_ratio(picked_at, tomogram.voxel_size_angstrom)
    model = replace(model, tomogram=tomogram.name, voxel_size_angstrom=tomogram.voxel_size_angstrom)
    if factor == 1:
        return model
    if model.parameters or model.box_size is not None:
        raise ParameterError(
            f"{source}: {model.name!r} has lengths in voxels of {picked_at:g} Å besides its points, but "
            f"{tomogram.name} has {tomogram.voxel_size_angstrom:g} Å; import it for that tomogram's binning"
        )
    marker = None if model.marker is None else rescale_positions(model.marker, factor)
    return replace(model, points=rescale_positions(model.points, factor), marker=marker)
