"""A step applied to an open project: what to compute away from the window, and how the result is kept.

The session belongs to the thread that opened it. A job therefore takes what it needs out of the session when
it is made, computes without it, and is recorded in the session at the end, with the step that made it. The
command line does the three in a row; the window computes in a worker.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_tomopick.errors import ParameterError
from napari_tomopick.io.atomic import make_folder
from napari_tomopick.models.colours import free_colour
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.references import is_negative
from napari_tomopick.models.sided_surfaces import SURFACE_TYPES
from napari_tomopick.models.step import Step
from napari_tomopick.models.user_points import Model
from napari_tomopick.project import Session
from napari_tomopick.project.names import free_name
from napari_tomopick.project.records import ParticleSet
from napari_tomopick.protocols.average import average
from napari_tomopick.protocols.bin_tomogram import bin_tomogram, binning_factor, binning_line
from napari_tomopick.protocols.convert import particles_of_general_models
from napari_tomopick.protocols.crop_points import crop_points
from napari_tomopick.protocols.describe import Progress
from napari_tomopick.protocols.extract import extract
from napari_tomopick.protocols.import_picks import Picks, import_picks
from napari_tomopick.protocols.import_tomograms import import_tomograms
from napari_tomopick.protocols.orient import orient
from napari_tomopick.protocols.track import Found, TrackedModel, track, track_slice


@dataclass(frozen=True)
class Job:
    """A step ready to run.

    Parameters
    ----------
    title : str
        What to show while it runs.
    compute : callable
        ``compute(progress)`` does the work; it holds no session and may run in any thread.
    record : callable
        ``record(session, result)`` keeps the result as one undoable edit and returns what to tell the user.
    """

    title: str
    compute: Callable[[Progress | None], Any]
    record: Callable[[Session, Any], str]


def made_by(
    name: str, function: Callable[..., Any], inputs: Sequence[str], options: Mapping[str, Any]
) -> Step:
    """Return the record of a step with every parameter's value, defaults included."""
    values: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name != "progress":
            value = options.get(parameter.name, parameter.default)
            values[parameter.name] = str(value) if isinstance(value, Path) else value
    return Step(name, values, tuple(inputs), seed=values.get("seed"))


def import_job(sources: Sequence[Path | str], options: Mapping[str, Any]) -> Job:
    """Import tomograms into the project."""

    def record(session: Session, tomograms: list[Any]) -> str:
        step = made_by("import", import_tomograms, [str(source) for source in sources], options)
        known = {(tomogram.name, tomogram.path) for tomogram in session.tomograms()}
        new = [tomogram for tomogram in tomograms if (tomogram.name, tomogram.path) not in known]
        with session.edit(f"Import {_count(len(new), 'tomogram')}"):
            for tomogram in new:
                session.add_tomogram(tomogram, step)
        already = len(tomograms) - len(new)
        text = f"{_count(len(new), 'tomogram')} imported"
        return f"{text}; {already} in the project already, left as they are" if already else text

    return Job("Importing", lambda progress: import_tomograms(sources, **options, progress=progress), record)


def import_picks_job(
    session: Session, sources: Sequence[Path | str], *, in_tomogram: str | None = None
) -> Job:
    """Import user points as models, and particles as sets named after their files."""
    tomograms = session.tomograms()

    def record(session: Session, found: list[Picks]) -> str:
        lines = []
        with session.edit(f"Import {_count(len(found), 'file')} of picks"):
            for picks in found:
                for model in picks.models:
                    uid = session.add_model(as_new_model(session, model))
                    lines.append(f"model {session.model(uid).name}: {_count(len(model), 'point')}")
                if picks.particles is not None:
                    name = _free_set_name(session, picks.source.stem)
                    step = made_by("import", import_picks, [str(picks.source)], {"in_tomogram": in_tomogram})
                    session.add_particles(name, picks.particles, step)
                    lines.append(f"particle set {name}: {_count(len(picks.particles), 'particle')}")
        return "\n".join(lines)

    def compute(progress: Progress | None) -> list[Picks]:
        return [
            import_picks(source, tomograms, in_tomogram=in_tomogram, progress=progress) for source in sources
        ]

    return Job("Importing picks", compute, record)


def bin_job(session: Session, names: Sequence[str], folder: Path, options: Mapping[str, Any]) -> Job:
    """Bin tomograms of the project; each binned copy knows its source."""
    chosen = [session.tomogram(name) for name in names]
    if not chosen:
        raise ParameterError("no tomogram was chosen to be binned")
    factor = binning_factor(options.get("factor"), options.get("dynamo_exponent"))
    outputs = [Path(folder) / f"{tomogram.name}_bin{factor}.mrc" for tomogram in chosen]
    known = {tomogram.name for tomogram in session.tomograms()}
    for output in outputs:
        if output.stem in known:
            raise ParameterError(f"{session.path.name} has a tomogram {output.stem!r} already")
        if output.exists() and not options.get("overwrite"):
            raise ParameterError(f"{output} exists already; choose another folder, or ask to overwrite it")

    def compute(progress: Progress | None) -> list[Any]:
        make_folder(Path(folder))
        return [
            bin_tomogram(tomogram, output, **options, progress=progress)
            for tomogram, output in zip(chosen, outputs, strict=True)
        ]

    def record(session: Session, binned: list[Any]) -> str:
        with session.edit(f"Bin {_count(len(binned), 'tomogram')} by {factor}"):
            for tomogram in binned:
                session.add_tomogram(tomogram, made_by("bin", bin_tomogram, [tomogram.source], options))
        return "\n".join(binning_line(*pair) for pair in zip(chosen, binned, strict=True))

    return Job(f"Binning by {factor}", compute, record)


def crop_points_job(session: Session, uids: Sequence[str], options: Mapping[str, Any]) -> Job:
    """Turn models of the project into one set of crop points; negative references are left out."""
    models, left_out = _particles_among([session.model(uid) for uid in uids])
    if not models:
        raise ParameterError(" ".join(["no model was chosen to make crop points of", *left_out]))
    tomograms = _tomograms_of(session, {model.tomogram for model in models})
    inputs = [_label(model) for model in models]

    def record(session: Session, result: Any) -> str:
        name = _free_set_name(session, f"{_names(models)} crop points")
        step = made_by("crop-points", crop_points, inputs, options)
        session.add_particles(name, result.particles, step, colour=models[0].colour)
        return "\n".join([*result.lines(), *left_out])

    return Job(
        "Making crop points",
        lambda progress: crop_points(models, tomograms, **options, progress=progress),
        record,
    )


def orient_job(
    session: Session,
    points: Sequence[str],
    surfaces: Sequence[str],
    options: Mapping[str, Any],
) -> Job:
    """Orient general models or a particle set by the membranes of the same tomograms.

    Parameters
    ----------
    session : Session
    points : sequence of str
        uids of general models, or the uid of one particle set.
    surfaces : sequence of str
        uids of models that have a surface; empty: every such model of each tomogram.
    options : mapping
        Options of `orient`.
    """
    sets = {entry.uid: entry for entry in session.particle_sets()}
    left_out: list[str] = []
    particles: Particles
    if len(points) == 1 and points[0] in sets:
        entry = sets[points[0]]
        particles, label, colour = session.particles(entry.uid), entry.name, entry.colour
        inputs = [f"particle set {entry.name}"]
    elif points:
        models, left_out = _particles_among([session.model(uid) for uid in points])
        if not models:
            raise ParameterError(" ".join(["no points were chosen to be oriented", *left_out]))
        particles = particles_of_general_models(models, session.path.name)
        label, colour, inputs = _names(models), models[0].colour, [_label(model) for model in models]
    else:
        raise ParameterError("no points were chosen to be oriented")
    here = set(particles.tomograms.tolist())
    chosen = [session.model(uid) for uid in surfaces] or [
        model for model in session.models() if model.tomogram in here and model.type in SURFACE_TYPES
    ]
    tomograms = _tomograms_of(session, here)

    def record(session: Session, result: Any) -> str:
        step = made_by("orient", orient, [*inputs, *(_label(model) for model in chosen)], options)
        session.add_particles(
            _free_set_name(session, f"{label} oriented"), result.particles, step, colour=colour
        )
        return "\n".join([*result.lines(), *left_out])

    return Job(
        "Orienting",
        lambda progress: orient(particles, chosen, tomograms, **options, progress=progress),
        record,
    )


def extract_job(
    session: Session,
    particle_set: str,
    folder: Path,
    options: Mapping[str, Any],
    *,
    from_tomograms: Mapping[str, str] | None = None,
) -> Job:
    """Extract the subtomograms of a particle set.

    Parameters
    ----------
    session : Session
    particle_set : str
        uid.
    folder : Path
        Where to write them.
    options : mapping
        Options of `extract`.
    from_tomograms : mapping of str to str, optional
        For tomograms picked on, the name of another one of the project (another binning, a denoised one) to
        cut from instead.
    """
    entry = next((entry for entry in session.particle_sets() if entry.uid == particle_set), None)
    if entry is None:
        raise ParameterError("the particle set to extract is no longer in the project")
    particles = session.particles(particle_set)
    source = from_tomograms or {}
    tomograms = [
        # boxes are cut from the other file, under the name the particles know
        dataclasses.replace(session.tomogram(source.get(name, name)), name=name)
        for name in sorted(set(particles.tomograms.tolist()))
    ]
    cut_from = [f"tomogram {source.get(tomogram.name, tomogram.name)}" for tomogram in tomograms]

    def record(session: Session, result: Any) -> str:
        session.add_result(
            "subtomograms",
            result.folder,
            made_by("extract", extract, [f"particle set {entry.name}", *cut_from], options),
        )
        return "\n".join(result.lines())

    return Job(
        f"Extracting {entry.name}",
        lambda progress: extract(particles, tomograms, folder, **options, progress=progress),
        record,
    )


def average_job(folder: Path, output: Path, options: Mapping[str, Any]) -> Job:
    """Average extracted subtomograms."""

    def record(session: Session, result: Any) -> str:
        session.add_result("average", result.path, made_by("average", average, [str(folder)], options))
        return "\n".join(result.lines())

    return Job(
        f"Averaging {folder.name}",
        lambda progress: average(folder, output, **options, progress=progress),
        record,
    )


def track_job(session: Session, uid: str, options: Mapping[str, Any], found: Found | None = None) -> Job:
    """Track a membrane from its traced slices until it stops; what is found is proposed.

    Parameters
    ----------
    session : Session
    uid : str
        Of a surface.
    options : mapping
        Options of `track`. Without a number of slices it goes on as far as it can.
    found : callable, optional
        Called with each level as it is found, in the thread that computes. Cancelled by an error raised from
        the progress, nothing is recorded.
    """
    model = session.model(uid)
    tomogram = session.tomogram(model.tomogram)
    options = {"slices": max(tomogram.shape), **options}
    return Job(
        f"Tracking {model.name}",
        lambda progress: track(tomogram, model, found, **options, progress=progress),
        lambda session, result: _propose(session, model, result),
    )


def track_slice_job(session: Session, uid: str, number: int) -> Job:
    """Track a membrane into one slice, from the traced slices next to it; what is found is proposed.

    Parameters
    ----------
    session : Session
    uid : str
        Of a surface.
    number : int
        The slice, along the axis in which the membrane was traced.
    """
    model = session.model(uid)
    tomogram = session.tomogram(model.tomogram)
    return Job(
        f"Tracking {model.name} into slice {number}",
        lambda progress: track_slice(tomogram, model, number, progress=progress),
        lambda session, result: _propose(session, model, result),
    )


def _propose(session: Session, before: Model, result: TrackedModel) -> str:
    """Add what was tracked as one edit, and tell of it."""
    now = session.model(before.uid)
    # what was traced meanwhile goes before what was tracked
    taken = np.isin(result.level_numbers, now.levels[~np.isin(now.levels, before.levels)])
    points, levels = result.points[~taken], result.level_numbers[~taken]
    if len(points):
        with session.edit(f"Track {_count(len(np.unique(levels)), 'slice')}"):
            session.add_points(before.uid, points, levels, proposed=True)
    return "\n".join(result.lines())


def keep_in_set(
    session: Session,
    found: ParticleSet | None,
    label: str,
    tomogram: str,
    particles: Particles,
    step: Step,
    colour: str,
) -> str:
    """Let these be the particles of a set in a tomogram, as one edit; return the uid of the set.

    Parameters
    ----------
    session : Session
    found : ParticleSet, optional
        The set; None where there is none yet, and one is made.
    label : str
        What a new one is called, if the name is free.
    tomogram : str
    particles : Particles
    step : Step
        What found them.
    colour : str
        Of a new one.

    Raises
    ------
    ParameterError
        If there are no particles, and there is no set yet.
    """
    if found is not None:
        session.replace_particles(found.uid, tomogram, particles, step)
        return found.uid
    if not len(particles):
        raise ParameterError(f"there are no particles to keep in {tomogram!r}: lower the threshold")
    return session.add_particles(_free_set_name(session, label), particles, step, colour=colour)


def _particles_among(models: Sequence[Model]) -> tuple[list[Model], list[str]]:
    """The models whose points may be particles, and what is to be said about those that are left out."""
    negative = [model for model in models if is_negative(model)]
    return [model for model in models if model not in negative], [
        f"left out: {_label(model)}, as it says what is not a particle" for model in negative
    ]


def _free_set_name(session: Session, wanted: str) -> str:
    return free_name(wanted, {entry.name for entry in session.particle_sets()})


def as_new_model(session: Session, model: Model) -> Model:
    """A model as it can be added to a session, under a name that is free and with a colour that is."""
    others = session.models(model.tomogram)
    taken = [other.colour for other in others]
    return dataclasses.replace(
        model,
        name=free_name(model.name, {other.name for other in others}),
        colour=free_colour(taken) if model.colour in taken else model.colour,
        uid="",
    )


def _tomograms_of(session: Session, names: set[str]) -> list[Any]:
    return [session.tomogram(name) for name in sorted(names)]


def _names(models: Sequence[Model]) -> str:
    names = list(dict.fromkeys(model.name for model in models))
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} more"


def _label(model: Model) -> str:
    return f"model {model.name} in {model.tomogram}"


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
