"""What a project knows of references for a network, and how picks of a network are kept in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tomopick.errors import ParameterError, ProjectError
from napari_tomopick.geometry.coordinates import as_positions
from napari_tomopick.models import references as roles
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.references import Role, Sizes
from napari_tomopick.models.step import Step
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.picking.references import References
from napari_tomopick.project import Session, TomogramStatus
from napari_tomopick.project.names import counted, free_name
from napari_tomopick.project.records import ParticleSet
from napari_tomopick.protocols.jobs import keep_in_set

DEFAULT_LABEL = "particles"
PICKS_COLOUR = "#ffd166"
STEP = "pick"


def reference_models(session: Session, label: str, tomogram: str | None = None) -> tuple[Model, ...]:
    """The models with references of a kind of particle, in all tomograms or one."""
    return roles.of_label(session.models(tomogram), label)


def reference_model(session: Session, label: str, tomogram: str, role: Role) -> Model | None:
    """The model with the positive or the negative references in one tomogram."""
    found = (m for m in reference_models(session, label, tomogram) if roles.role_of(m) == role)
    return next(found, None)


def positions(models: Sequence[Model], role: Role) -> NDArray[np.float64]:
    """The positive or the negative references among models of one tomogram."""
    return np.concatenate([np.empty((0, 3)), *(m.points for m in models if roles.role_of(m) == role)])


def add_references(
    session: Session,
    label: str,
    tomogram: str,
    role: Role,
    points: ArrayLike,
    levels: ArrayLike,
    sizes: Sizes,
) -> str:
    """Add references, as one edit, and return the uid of their model, which is made where there is none.

    Raises
    ------
    ModelError
        If a point is outside the tomogram.
    """
    places = as_positions(points)
    with session.edit(counted("Add", len(places), f"{role} reference")):
        model = reference_model(session, label, tomogram, role)
        if session.status(tomogram) is TomogramStatus.TODO:
            session.set_status(tomogram, TomogramStatus.IN_PROGRESS)
        uid = _new_model(session, label, tomogram, role, sizes) if model is None else model.uid
        session.add_points(uid, places, levels)
    return uid


def _new_model(session: Session, label: str, tomogram: str, role: Role, sizes: Sizes) -> str:
    taken = {model.name for model in session.models(tomogram)}
    return session.add_model(
        Model(
            name=free_name(f"{label} {roles.SIGNS[role]}", taken),
            type=ModelType.GENERAL,
            group=sizes.group,
            colour=roles.COLOURS[role],
            parameters=roles.parameters_for(label, role, sizes),
            box_size=sizes.box_size,
            tomogram=tomogram,
        )
    )


def set_sizes(session: Session, label: str, sizes: Sizes) -> None:
    """Settle the sizes and the group of a kind of particle in all tomograms, as one edit.

    The particles that were found with it follow: their box size and their group.
    """
    with session.edit(f"Change the sizes of {label!r}"):
        for model in reference_models(session, label):
            role = roles.role_of(model)
            assert role is not None
            session.change_model(
                model.uid,
                group=sizes.group,
                box_size=sizes.box_size,
                parameters=roles.parameters_for(label, role, sizes),
            )
        found = picks_of(session, label)
        if found is not None and found.count:
            particles = session.particles(found.uid)
            box = found.box_size if sizes.box_size is None else sizes.box_size
            groups = np.full(len(particles), sizes.group)
            if box != found.box_size or not np.array_equal(groups, particles.groups):
                session.update_particles(found.uid, replace(particles, groups=groups, box_size=box))


def rename_label(session: Session, label: str, new: str) -> None:
    """Call a kind of particle otherwise: its references and its particles in all tomograms, as one edit.

    Raises
    ------
    ProjectError
        If the name is blank, or there is another kind of particle or particle set of that name.
    """
    new = new.strip()
    if not new:
        raise ProjectError("a kind of particle needs a name")
    if new == label:
        return
    if new in roles.labels(session.models()):
        raise ProjectError(f"there are references of {new!r} already; choose another name")
    with session.edit(f"Rename {label!r} to {new!r}"):
        for model in reference_models(session, label):
            role = roles.role_of(model)
            assert role is not None
            others = {m.name for m in session.models(model.tomogram) if m.uid != model.uid}
            session.change_model(
                model.uid,
                name=free_name(f"{new} {roles.SIGNS[role]}", others),
                parameters={**model.parameters, roles.LABEL: new},
            )
        found = picks_of(session, label)
        if found is not None:
            session.change_particle_set(found.uid, name=new)


def picks_of(session: Session, label: str) -> ParticleSet | None:
    """The particle set of a kind of particle: one that was picked, and is called like it or was for it.

    A set that was made in another way, if it is called the same, is left alone.
    """
    picked = [found for found in session.particle_sets() if found.step.name == STEP]
    same = [found for found in picked if found.name == label]
    return next(iter(same + [found for found in picked if found.step.parameters.get("label") == label]), None)


def kept_picks(session: Session, label: str, tomogram: str) -> Particles | None:
    """The particles of a kind that the project has in a tomogram; None if there is no set of them at all."""
    found = picks_of(session, label)
    return None if found is None else session.particles(found.uid, tomogram)


def as_particles(
    tomogram: str,
    places: ArrayLike,
    scores: ArrayLike,
    *,
    voxel_size_angstrom: float,
    box_size: int | None,
    group: int = 1,
) -> Particles:
    """Picks in one tomogram as particles without orientation, with their scores."""
    found = as_positions(places)
    return Particles(
        found,
        groups=np.full(len(found), group),
        scores=np.asarray(scores, np.float64).reshape(-1),
        tomograms=np.full(len(found), tomogram),
        voxel_size_angstrom=voxel_size_angstrom,
        box_size=box_size,
    )


def keep_picks(session: Session, label: str, tomogram: str, particles: Particles, step: Step) -> str:
    """Let these be the particles of a kind in a tomogram, as one edit; return the uid of their set.

    Raises
    ------
    ParameterError
        If there are none, and there is no set of them yet.
    """
    return keep_in_set(session, picks_of(session, label), label, tomogram, particles, step, PICKS_COLOUR)


def picking_step(
    label: str, tomogram: str, picker: Any, parameters: Mapping[str, Any], references: Mapping[str, Any]
) -> Step:
    """The record of picks: what found them, with which settings.

    Parameters
    ----------
    label, tomogram : str
    picker : Picker
        What found them.
    parameters : mapping
        Threshold, minimum distance and the like.
    references : mapping
        What it was taught: numbers of references, seconds, seed.
    """
    values = {
        "label": label,
        "stage": picker.stage,
        "particle_size": picker.particle_size,
        "network_box": picker.network_box,
        **parameters,
        **references,
    }
    inputs = (f"tomogram {tomogram}", *([f"network {picker.name}"] if picker.name else []))
    return Step(STEP, values, inputs, seed=references.get("seed"))


def only_label(session: Session) -> str:
    """The kind of particle that a project has references of.

    Raises
    ------
    ParameterError
        If it has none, or several.
    """
    known = roles.labels(session.models())
    if len(known) == 1:
        return known[0]
    raise ParameterError(
        f"{session.path.name}: "
        + (
            f"say which kind of particle is meant: {', '.join(known)}"
            if known
            else "it has no references yet"
        )
    )


def references_of(session: Session, label: str | None = None) -> list[References]:
    """The references of a kind of particle in all tomograms of a project; without a name, of the only one.

    Raises
    ------
    ParameterError
        If there is no such kind, or it was not said which of several is meant.
    """
    wanted = only_label(session) if label is None else label
    if wanted not in roles.labels(session.models()):
        known = ", ".join(roles.labels(session.models())) or "none yet"
        raise ParameterError(f"{session.path.name} has no references of {wanted!r}; there are: {known}")
    found = []
    for tomogram in session.tomograms():
        models = reference_models(session, wanted, tomogram.name)
        if models:
            found.append(References(tomogram, positions(models, "positive"), positions(models, "negative")))
    return found
