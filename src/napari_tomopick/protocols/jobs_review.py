"""Cleaning, turning and comparing particle sets as steps of a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from napari_tomopick.errors import ParameterError
from napari_tomopick.models.filters import Range
from napari_tomopick.models.particles import Particles, concatenate
from napari_tomopick.models.sided_surfaces import SURFACE_TYPES
from napari_tomopick.models.step import Step
from napari_tomopick.models.user_points import Model
from napari_tomopick.project import Session
from napari_tomopick.project.names import counted, free_name
from napari_tomopick.protocols.cleaning import Cleaned, clean_particles
from napari_tomopick.protocols.describe import Progress
from napari_tomopick.protocols.jobs import Job, made_by
from napari_tomopick.protocols.likeness import Compared, likeness, replaced
from napari_tomopick.protocols.turning import turn_particles


def put_together(sets: Sequence[Particles]) -> Particles:
    """One set of several, numbered anew; one alone keeps its ids.

    Raises
    ------
    ParameterError
        If they have different voxel sizes.
    """
    if len(sets) == 1:
        return sets[0]
    try:
        return concatenate(sets)
    except ValueError as error:
        raise ParameterError(f"{error}; bring them to one voxel size first") from error


def clean_job(
    session: Session,
    uids: Sequence[str],
    surfaces: Sequence[str],
    ranges: Mapping[str, Range],
    options: Mapping[str, Any],
) -> Job:
    """Clean particle sets into a new one, which has what is left of all of them.

    Parameters
    ----------
    session : Session
    uids : sequence of str
        Of the sets.
    surfaces : sequence of str
        uids of models that have a surface; empty: every such model of the tomograms.
    ranges, options
        As of `protocols.cleaning.clean_particles`.
    """
    particles, label, colour, inputs = _sets(session, uids)
    chosen = _surfaces(session, particles, surfaces)
    tomograms = session.tomograms()

    def record(session: Session, result: Cleaned) -> str:
        step = made_by("clean", clean_particles, inputs, options)
        filters = {key: str(wanted) for key, wanted in ranges.items()}
        step = Step(step.name, {**step.parameters, "filters": filters}, step.inputs, step.seed)
        name = _free(session, f"{label} cleaned")
        session.add_particles(name, result.particles, step, colour=colour)
        return "\n".join([*result.lines(), f"kept as particle set {name}"])

    return Job(
        f"Cleaning {label}",
        lambda progress: clean_particles(particles, chosen, tomograms, ranges, **options, progress=progress),
        record,
    )


def turn_job(session: Session, uid: str, surfaces: Sequence[str], options: Mapping[str, Any]) -> Job:
    """Turn the particles of a set into a new one; arguments as of `clean_job`."""
    particles, label, colour, inputs = _sets(session, [uid])
    chosen = _surfaces(session, particles, surfaces)

    def compute(progress: Progress | None) -> Particles:
        return turn_particles(particles, chosen, **options, progress=progress)

    def record(session: Session, result: Particles) -> str:
        name = _free(session, f"{label} turned")
        session.add_particles(name, result, made_by("turn", turn_particles, inputs, options), colour=colour)
        return f"{len(result)} particles turned, kept as particle set {name}"

    return Job(f"Turning {label}", compute, record)


def likeness_job(session: Session, uid: str, options: Mapping[str, Any]) -> Job:
    """Give the particles of a set their likeness to the average of the others, as a further column.

    Parameters
    ----------
    session : Session
    uid : str
    options
        As of `protocols.likeness.likeness`.
    """
    particles, label, _, _ = _sets(session, [uid])
    here = set(particles.tomograms.tolist())
    tomograms = [tomogram for tomogram in session.tomograms() if tomogram.name in here]

    def record(session: Session, result: Compared) -> str:
        now = replaced(session.particles(uid), result.particles)
        with session.edit(f"{counted('Compare', len(now), 'particle')} with the average"):
            session.update_particles(uid, now)
        return "\n".join(result.lines())

    return Job(
        f"Comparing {label}",
        lambda progress: likeness(particles, tomograms, **options, progress=progress),
        record,
    )


def _sets(session: Session, uids: Sequence[str]) -> tuple[Particles, str, str, list[str]]:
    if not uids:
        raise ParameterError("no particle set was chosen")
    sets = [session.particle_set(uid) for uid in uids]
    particles = put_together([session.particles(uid) for uid in uids])
    label = ", ".join(entry.name for entry in sets)
    return particles, label, sets[0].colour, [f"particle set {entry.name}" for entry in sets]


def _surfaces(session: Session, particles: Particles, uids: Sequence[str]) -> list[Model]:
    here = set(particles.tomograms.tolist())
    return [session.model(uid) for uid in uids] or [
        model for model in session.models() if model.tomogram in here and model.type in SURFACE_TYPES
    ]


def _free(session: Session, wanted: str) -> str:
    return free_name(wanted, {entry.name for entry in session.particle_sets()})
