"""The commands of reviewing picks: `clean`, `turn` and `likeness`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_tomopick.cli import inputs
from napari_tomopick.cli.commands import FILES, KNOWN, Output, app
from napari_tomopick.cli.generate import with_options
from napari_tomopick.errors import ParameterError
from napari_tomopick.io.atomic import check_target
from napari_tomopick.io.particles import read_particles
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.sided_surfaces import SURFACE_TYPES
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model
from napari_tomopick.project import Session
from napari_tomopick.protocols.cleaning import clean_particles, parse_filters
from napari_tomopick.protocols.convert import write
from napari_tomopick.protocols.jobs_review import clean_job, likeness_job, put_together, turn_job
from napari_tomopick.protocols.likeness import likeness as likeness_step
from napari_tomopick.protocols.turning import turn_particles

TomogramFiles = Annotated[
    list[Path] | None, typer.Option("--tomogram", help="Tomogram of the particles; may be repeated.")
]
Surfaces = Annotated[
    Path | None, typer.Option("--surfaces", metavar="MODELS", help="Model file with the membranes.")
]
SurfaceNames = Annotated[
    list[str] | None, typer.Option("--surface", help="Only the surface of this name; may be repeated.")
]


@app.command()
@with_options(clean_particles)
def clean(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE... | PROJECT SET...",
            help="Particle files, put together; or a project and the particle sets in it.",
        ),
    ],
    output: Output = None,
    removed: Annotated[
        Path | None, typer.Option(help="Particle file to write what was removed to, to look at it.")
    ] = None,
    tomogram: TomogramFiles = None,
    surfaces: Surfaces = None,
    surface: SurfaceNames = None,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="QUANTITY:LOW:HIGH",
            help="Range in which particles stay, ends included; either may be left empty. QUANTITY is score, "
            "membrane_distance, membrane_angle, nearest, density, z, group, class or a column of the file. "
            "May be repeated.",
        ),
    ] = None,
    **options: Any,
) -> None:
    """Remove picks: bad scores, duplicates, too near the border, off the membrane, out of a lattice."""
    ranges = parse_filters(filters or [])
    for path in (output, removed):
        if path is not None:
            check_target(path)
    if inputs.is_project(sources[0]):
        inputs.refuse(KNOWN, tomogram=tomogram, surfaces=surfaces)
        with Session.open(Path(sources[0])) as session:
            sets = [inputs.chosen_set(session, name) for name in sources[1:] or [None]]
            uids = [model.uid for model in inputs.chosen_models(session, surface, None)] if surface else []
            job = clean_job(session, [entry.uid for entry in sets], uids, ranges, options)
            with inputs.progress_bar() as progress:
                result = job.compute(progress)
            written = [
                write(path, particles, session.tomograms())
                for path, particles in ((output, result.particles), (removed, result.removed))
                if path is not None
            ]
            inputs.say(job.record(session, result))
            for each in written:
                inputs.say_written(each)
        return
    if output is None:
        raise ParameterError("say where to write what is left: -o FILE.star (or .tbl, .csv, .mod)")
    tomograms, found = _given(tomogram, surfaces, surface)
    particles = put_together([particles_of_file(Path(source), tomograms) for source in sources])
    with inputs.progress_bar() as progress:
        result = clean_particles(particles, found, tomograms, ranges, **options, progress=progress)
    inputs.say(*result.lines())
    inputs.say_written(write(output, result.particles, tomograms))
    if removed is not None:
        inputs.say_written(write(removed, result.removed, tomograms))


@app.command()
@with_options(turn_particles)
def turn(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A particle file, or a project.")],
    name: Annotated[
        str | None, typer.Argument(metavar="[SET]", help="In a project: the particle set.")
    ] = None,
    output: Output = None,
    tomogram: TomogramFiles = None,
    surfaces: Surfaces = None,
    surface: SurfaceNames = None,
    **options: Any,
) -> None:
    """Turn particles where they are: to the nearest membrane, upside down, or about their own axis."""
    if inputs.is_project(source):
        inputs.refuse(KNOWN, tomogram=tomogram, surfaces=surfaces)
        with Session.open(source) as session:
            uids = [model.uid for model in inputs.chosen_models(session, surface, None)] if surface else []
            job = turn_job(session, inputs.chosen_set(session, name).uid, uids, options)
            with inputs.progress_bar() as progress:
                result = job.compute(progress)
            written = None if output is None else write(output, result, session.tomograms())
            inputs.say(job.record(session, result))
            if written is not None:
                inputs.say_written(written)
        return
    inputs.refuse(FILES, SET=name)
    if output is None:
        raise ParameterError("say where to write them: -o FILE.star (or .tbl, .csv, .mod)")
    check_target(output)
    tomograms, found = _given(tomogram, surfaces, surface)
    result = turn_particles(particles_of_file(source, tomograms), found, **options)
    inputs.say(f"{len(result)} particles turned")
    inputs.say_written(write(output, result, tomograms))


@app.command()
@with_options(likeness_step)
def likeness(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A particle file, or a project.")],
    name: Annotated[
        str | None, typer.Argument(metavar="[SET]", help="In a project: the particle set.")
    ] = None,
    output: Output = None,
    tomogram: TomogramFiles = None,
    **options: Any,
) -> None:
    """Tell how like each particle is to the average of the others: a number to filter by."""
    if output is not None:
        check_target(output)
    if inputs.is_project(source):
        inputs.refuse(KNOWN, tomogram=tomogram)
        with Session.open(source) as session:
            inputs.run(likeness_job(session, inputs.chosen_set(session, name).uid, options), session, output)
        return
    inputs.refuse(FILES, SET=name)
    if output is None:
        raise ParameterError("say where to write them: -o FILE.star (or .tbl, .csv, .mod)")
    if not tomogram:
        raise ParameterError("say which tomogram the particles lie in: --tomogram FILE; it may be repeated")
    tomograms, _ = _given(tomogram, None, None)
    with inputs.progress_bar() as progress:
        result = likeness_step(particles_of_file(source, tomograms), tomograms, **options, progress=progress)
    inputs.say(*result.lines())
    inputs.say_written(write(output, result.particles, tomograms))


def _given(
    tomogram: list[Path] | None, surfaces: Path | None, names: list[str] | None
) -> tuple[list[Tomogram], list[Model]]:
    """The tomograms and the surfaces that files hold."""
    tomograms = [inputs.tomogram_file(file) for file in tomogram or []]
    if surfaces is None:
        inputs.refuse("give the file they are in too (--surfaces)", surface=names)
        return tomograms, []
    models = inputs.models_from(surfaces, tomograms[0] if len(tomograms) == 1 else None, names)
    found = [model for model in models if model.type in SURFACE_TYPES]
    if not found:
        types = ", ".join(f"{model.name!r} is a {model.type.value} model" for model in models)
        raise ParameterError(f"{surfaces}: there is no surface or vesicle: {types or 'it has no model'}")
    return tomograms, found


def particles_of_file(path: Path, tomograms: list[Tomogram]) -> Particles:
    """The particles of a file; where they name one tomogram at most, they lie in the only one given."""
    if len(tomograms) != 1:
        return read_particles(path, tomograms=tomograms)
    particles = read_particles(path, tomograms=tomograms)
    if len(set(particles.tomograms.tolist()) - {""}) > 1:
        return particles
    return inputs.particles_from(path, tomograms[0])
