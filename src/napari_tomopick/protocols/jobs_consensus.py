"""A consensus as a step of a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from napari_tomopick.errors import ParameterError
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.project import Session
from napari_tomopick.project.checks import same_voxel_size
from napari_tomopick.project.names import free_name
from napari_tomopick.protocols.consensus import Agreed, consensus
from napari_tomopick.protocols.describe import Progress
from napari_tomopick.protocols.jobs import Job, made_by

STEP = "consensus"
CONSENSUS_COLOUR = "#ffd166"


def consensus_job(
    session: Session,
    uids: Sequence[str],
    options: Mapping[str, Any],
    *,
    reference: str | None = None,
    label: str | None = None,
    in_tomogram: str | None = None,
) -> Job:
    """Put particle sets together into a new one.

    A tomogram and the copies that were binned from it are one place. The result lies in the tomograms of the
    first set, and is on its grid.

    Parameters
    ----------
    session : Session
    uids : sequence of str
        Of the sets; the order matters for the grid only.
    options : mapping
        Options of `protocols.consensus.consensus`.
    reference : str, optional
        uid of a set to score the others against; it has no vote.
    label : str, optional
        Name of the new set. Default: "consensus of ...".
    in_tomogram : str, optional
        Only in this tomogram, and other binnings of it.
    """
    if not uids:
        raise ParameterError("no particle set was chosen")
    if len(set(uids)) != len(uids):
        raise ParameterError("a particle set was named twice; each has one vote")
    entries = [session.particle_set(uid) for uid in uids]
    tomograms = {tomogram.name: tomogram for tomogram in session.tomograms()}
    if in_tomogram is not None:
        session.tomogram(in_tomogram)

    def placed(uid: str) -> Particles:
        particles = session.particles(uid)
        roots = np.array([root_of(name, tomograms) for name in particles.tomograms.tolist()], np.str_)
        particles = replace(particles, tomograms=roots)
        return particles if in_tomogram is None else particles.in_tomogram(root_of(in_tomogram, tomograms))

    sets = {entry.name: placed(entry.uid) for entry in entries}
    right = None if reference is None else (session.particle_set(reference).name, placed(reference))
    # each by the name of the one that it was binned from
    places = [replace(tomogram, name=root_of(name, tomograms)) for name, tomogram in tomograms.items()]
    names = _names_of_first(session.particles(uids[0]), tomograms)
    wanted = label or f"consensus of {', '.join(sets)}"

    def compute(progress: Progress | None) -> Agreed:
        result = consensus(sets, places, right, **options, progress=progress)
        particles = _in_project(result.particles, names, tomograms)
        return replace(result, result=replace(result.result, particles=particles))

    def record(session: Session, result: Agreed) -> str:
        lines = result.lines()
        if not len(result.particles):
            return "\n".join([*lines, "no particle set was made, as there is nothing to put into it"])
        inputs = [f"particle set {entry.name}" for entry in entries]
        if right is not None:
            inputs.append(f"reference {right[0]}")
        name = free_name(wanted, {entry.name for entry in session.particle_sets()})
        step = made_by(STEP, consensus, inputs, options)
        session.add_particles(name, result.particles, step, colour=CONSENSUS_COLOUR)
        return "\n".join([*lines, f"kept as particle set {name}"])

    return Job("Consensus", compute, record)


def root_of(name: str, tomograms: Mapping[str, Tomogram]) -> str:
    """The tomogram from which this one was binned, and that one from, and so on."""
    seen = set()
    while name not in seen and name in tomograms and tomograms[name].source in tomograms:
        seen.add(name)
        name = str(tomograms[name].source)
    return name


def _names_of_first(particles: Particles, tomograms: Mapping[str, Tomogram]) -> dict[str, str]:
    """For each place in which the first set has picks, the tomogram it has them in."""
    names: dict[str, str] = {}
    for name in dict.fromkeys(particles.tomograms.tolist()):
        names.setdefault(root_of(name, tomograms), name)
    return names


def _in_project(
    particles: Particles, names: Mapping[str, str], tomograms: Mapping[str, Tomogram]
) -> Particles:
    """The same in the tomograms of the first set, and elsewhere in those with its voxel size."""
    found = dict(names)
    size = particles.voxel_size_angstrom
    for place in np.unique(particles.tomograms).tolist():
        if place in found:
            continue
        fitting = [
            t.name
            for t in tomograms.values()
            if root_of(t.name, tomograms) == place
            and (size is None or same_voxel_size(size, t.voxel_size_angstrom))
        ]
        if not fitting:
            raise ParameterError(
                f"the first set is on a grid of {size:g} Å, and {place} has no copy of that voxel size in "
                "the project, though there are particles in it: bin it, or name another set first"
            )
        found[place] = fitting[0]
    renamed = np.array([found[place] for place in particles.tomograms.tolist()], np.str_)
    return replace(particles, tomograms=renamed)
