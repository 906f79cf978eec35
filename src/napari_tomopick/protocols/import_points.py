"""Import the points of any file that can be read, as models a user goes on with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_tomopick.errors import ParameterError
from napari_tomopick.io import models as model_files
from napari_tomopick.io import particles as particle_files
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.project import Session
from napari_tomopick.protocols.describe import Progress
from napari_tomopick.protocols.import_picks import holds_models, import_picks
from napari_tomopick.protocols.jobs import Job, as_new_model

MOST_GROUPS = 50


def import_points(
    source: Path | str,
    tomograms: Sequence[Tomogram],
    *,
    shown: str | None = None,
    progress: Progress | None = None,
) -> tuple[Model, ...]:
    """Read user points, or particles as loose points, for the tomograms of a project.

    Parameters
    ----------
    source : path
        Any model or particle file.
    tomograms : sequence of Tomogram
        Those of the project.
    shown : str, optional
        The tomogram the points lie in where the file names none of the project's, and not several others.
    progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    tuple of Model
        Those of a model file; of a particle file, a general model for each tomogram and group (of more
        than `MOST_GROUPS` groups, which then tell nothing, for each tomogram).

    Raises
    ------
    FileFormatError
        If the file cannot be read.
    ParameterError
        If it lies in several tomograms that are not in the project, or has no point.
    """
    source = Path(source)
    known = {tomogram.name for tomogram in tomograms}
    named = _names_in(source, tomograms)
    elsewhere = shown if shown is not None and len(named) <= 1 and not named & known else None
    picks = import_picks(source, tomograms, in_tomogram=elsewhere, progress=progress)
    found = picks.models
    if picks.particles is not None:
        found = loose_points(picks.particles, source.stem)
    if not found:
        raise ParameterError(f"{source}: there is no point in this file")
    return found


def _names_in(source: Path, tomograms: Sequence[Tomogram]) -> set[str]:
    """Which tomograms a file says it lies in."""
    if holds_models(source):
        names = {model.tomogram for model in model_files.read_models(source)}
    else:
        names = set(particle_files.read_particles(source, tomograms=tomograms).tomograms.tolist())
    return names - {""}


def loose_points(particles: Particles, name: str) -> tuple[Model, ...]:
    """General models of particles, for each tomogram and group; orientations are left out."""
    groups = particles.groups if len(np.unique(particles.groups)) <= MOST_GROUPS else np.ones(len(particles))
    found = []
    for tomogram in np.unique(particles.tomograms):
        for group in np.unique(groups[particles.tomograms == tomogram]):
            points = particles.positions[(particles.tomograms == tomogram) & (groups == group)]
            found.append(
                Model(
                    name,
                    ModelType.GENERAL,
                    points,
                    np.floor(points[:, 2] + 0.5).astype(np.int64),
                    group=int(group),
                    box_size=particles.box_size,
                    tomogram=str(tomogram),
                    voxel_size_angstrom=particles.voxel_size_angstrom,
                )
            )
    return tuple(found)


def import_points_job(session: Session, source: Path | str, shown: str | None = None) -> Job:
    """Import the points of a file as new models, with names and colours that are free.

    Parameters
    ----------
    session : Session
    source : path
    shown : str, optional
        See `import_points`.
    """
    tomograms = session.tomograms()

    def record(session: Session, found: Sequence[Model]) -> str:
        lines = []
        with session.edit("Import points"):
            for model in found:
                new = as_new_model(session, model)
                session.add_model(new)
                lines.append(f"{new.name}: {len(new)} point{'' if len(new) == 1 else 's'}")
        several = Counter(model.tomogram for model in found)
        if len(several) > 1:
            lines.append(f"in {len(several)} tomograms")
        return "Imported " + "; ".join(lines)

    return Job(
        "Importing points",
        lambda progress: import_points(source, tomograms, shown=shown, progress=progress),
        record,
    )
