"""The commands of the workflow's steps. Options come from the protocols; see `generate`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from napari_tomopick import __version__
from napari_tomopick.cli import inputs
from napari_tomopick.cli.generate import with_options
from napari_tomopick.errors import ParameterError, TomopickError
from napari_tomopick.io.meshes import SUFFIXES as MESH_SUFFIXES
from napari_tomopick.io.models import check_output
from napari_tomopick.models.imported_surface import ImportedSurface
from napari_tomopick.models.sided_surfaces import SURFACE_TYPES
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.project import Session
from napari_tomopick.protocols import jobs
from napari_tomopick.protocols.average import average as average_step
from napari_tomopick.protocols.bin_tomogram import bin_tomogram, binning_line
from napari_tomopick.protocols.convert import MODEL_SUFFIX, write, write_models
from napari_tomopick.protocols.convert import convert as convert_step
from napari_tomopick.protocols.convert_meshes import imported_surface
from napari_tomopick.protocols.crop_points import crop_points as crop_points_step
from napari_tomopick.protocols.extract import extract as extract_step
from napari_tomopick.protocols.import_picks import SUFFIXES as PICK_SUFFIXES
from napari_tomopick.protocols.import_picks import holds_picks
from napari_tomopick.protocols.import_tomograms import assumed_of, import_tomograms
from napari_tomopick.protocols.info import info as info_step
from napari_tomopick.protocols.orient import orient as orient_step
from napari_tomopick.protocols.track import track as track_step

app = typer.Typer(
    name="napari-tomopick",
    help="Pick, orient, extract and average particles in cryo-electron tomograms.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="File to write; the suffix is the format.")
]
VoxelSize = Annotated[
    float | None,
    typer.Option(
        "--voxel-size", min=0.01, help="Voxel size of the tomogram in Å, where its header is wrong."
    ),
]
TiltRange = Annotated[
    tuple[float, float] | None,
    typer.Option("--tilt-range", metavar="LOW HIGH", help="Lowest and highest tilt angle in degrees."),
]
KNOWN = "the project knows its tomograms; this is for plain files"
FILES = "this is for projects; for plain files, name the files"
InTomogram = Annotated[str | None, typer.Option("--in", help="In a project: only this tomogram.")]


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        inputs.out.print(__version__)
        raise typer.Exit


@app.command()
@with_options(info_step)
def info(
    file: Annotated[Path, typer.Argument(help="A tomogram, model file, particle file or project.")],
    tomogram: Annotated[
        list[Path] | None,
        typer.Option(
            help="Tomogram of the particles, or RELION's list of tomograms (.star), where a format needs "
            "its size; may be repeated."
        ),
    ] = None,
    **options: Any,
) -> None:
    """Show what a file holds: shape, voxel size, statistics, and everything that was assumed."""
    tomograms = inputs.tomogram_files(tomogram or [])
    with inputs.progress_bar() as progress:
        found = info_step(file, tomograms, **options, progress=progress)
    width = max(map(len, found.facts))
    for name, value in found.facts.items():
        inputs.out.print(f"[bold]{escape(name.ljust(width))}[/]  {escape(value)}")
    for line in found.assumed:
        inputs.out.print(f"assumed: {line}", markup=False)


@app.command("import")
@with_options(import_tomograms)
def import_(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Tomograms, folders, patterns, .vll lists, .ctlg catalogues; user points and particles of "
            f"tomograms in the project ({' '.join(PICK_SUFFIXES)})."
        ),
    ],
    project: Annotated[Path, typer.Option(help="Project file; made if there is none.")],
    in_tomogram: Annotated[
        str | None, typer.Option("--in", help="Tomogram the picks lie in, where the file does not say.")
    ] = None,
    **options: Any,
) -> None:
    """Import tomograms, user points and particles into a project; no voxel is copied."""
    picks = [file for file in files if holds_picks(file)]
    volumes = [file for file in files if file not in picks]
    if not inputs.is_project(project):
        raise ParameterError(f"{project}: the name of a project ends in {inputs.PROJECT_SUFFIX}")
    if not picks:
        inputs.refuse("this is for user points and particles", **{"in": in_tomogram})
    job = jobs.import_job(volumes, options)
    # look at every tomogram before a project is made, so that a wrong argument leaves nothing behind
    with inputs.progress_bar() as progress:
        tomograms = job.compute(progress) if volumes else []
    if not (project.exists() or volumes):
        raise ParameterError(f"{project}: there is no such project, and picks need one with their tomogram")
    new = not project.exists()
    try:
        with Session.create(project) if new else Session.open(project) as session:
            both = picks and volumes
            # all of it or nothing
            with session.edit("Import tomograms and picks") if both else nullcontext():
                lines = [job.record(session, tomograms)] if volumes else []
                if picks:
                    picks_job = jobs.import_picks_job(session, picks, in_tomogram=in_tomogram)
                    found = picks_job.record(session, picks_job.compute(None))
    except TomopickError:
        if new:
            project.unlink(missing_ok=True)
        raise
    for tomogram in tomograms:
        nz, ny, nx = tomogram.shape
        lines.append(f"  {tomogram.name}: {nx} x {ny} x {nz}, {tomogram.voxel_size_angstrom:g} Å")
        for assumption in assumed_of(tomogram, options["voxel_size_angstrom"]):
            inputs.notes.print(f"note: {tomogram.name}: {assumption}", markup=False)
    inputs.say(*lines, *([found] if picks else []))


@app.command("bin")
@with_options(bin_tomogram)
def bin_(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A tomogram, or a project.")],
    output: Annotated[
        Path, typer.Argument(metavar="OUT", help="MRC file to write; for a project, a folder.")
    ],
    voxel_size: VoxelSize = None,
    in_tomogram: InTomogram = None,
    **options: Any,
) -> None:
    """Bin a tomogram, or those of a project, by averaging blocks of voxels."""
    if inputs.is_project(source):
        inputs.refuse(KNOWN, voxel_size=voxel_size)
        with Session.open(source) as session:
            names = (
                [in_tomogram] if in_tomogram else [t.name for t in session.tomograms() if t.source is None]
            )
            inputs.run(jobs.bin_job(session, names, output, options), session)
        return
    inputs.refuse(FILES, **{"in": in_tomogram})
    tomogram = inputs.tomogram_file(source, voxel_size)
    with inputs.progress_bar() as progress:
        binned = bin_tomogram(tomogram, output, **options, progress=progress)
    inputs.say(binning_line(tomogram, binned))


@app.command("crop-points")
@with_options(crop_points_step)
def crop_points(
    models: Annotated[
        Path, typer.Argument(metavar="MODELS", help="A model file (.json, .mod), or a project.")
    ],
    output: Output = None,
    tomogram: Annotated[
        Path | None, typer.Option(help="The tomogram; user points outside it are an error.")
    ] = None,
    voxel_size: VoxelSize = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Only the model of this name; may be repeated.")
    ] = None,
    in_tomogram: InTomogram = None,
    **options: Any,
) -> None:
    """Turn user points into oriented crop points by the geometry each model describes."""
    if inputs.is_project(models):
        inputs.refuse(KNOWN, tomogram=tomogram, voxel_size=voxel_size)
        with Session.open(models) as session:
            chosen = inputs.chosen_models(session, model or [], in_tomogram)
            inputs.run(jobs.crop_points_job(session, [m.uid for m in chosen], options), session, output)
        return
    inputs.refuse(FILES, **{"in": in_tomogram})
    if tomogram is None:
        inputs.refuse("give the tomogram too (--tomogram)", voxel_size=voxel_size)
    target = None if tomogram is None else inputs.tomogram_file(tomogram, voxel_size)
    chosen = inputs.models_from(models, target, model)
    if output is None:
        raise ParameterError("say where to write the crop points: -o FILE.star (or .tbl, .csv, .mod)")
    tomograms = [] if target is None else [target]
    with inputs.progress_bar() as progress:
        result = crop_points_step(chosen, tomograms, **options, progress=progress)
    inputs.say(*result.lines())
    inputs.say_written(write(output, result.particles, tomograms))


@app.command()
@with_options(orient_step)
def orient(
    points: Annotated[Path, typer.Argument(help="General points or particles: a file, or a project.")],
    models: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MODELS]",
            help=f"Model file with the membranes, or a mesh ({' '.join(MESH_SUFFIXES)}).",
        ),
    ] = None,
    output: Output = None,
    tomogram: Annotated[Path | None, typer.Option(help="The tomogram both lie in.")] = None,
    voxel_size: VoxelSize = None,
    mesh_unit: Annotated[
        str | None, typer.Option(help="What the coordinates of a mesh are: voxel, angstrom or nm.")
    ] = None,
    point: Annotated[
        list[str] | None,
        typer.Option("--points", help="In a project: the general models, or the particle set, to orient."),
    ] = None,
    surface: Annotated[
        list[str] | None, typer.Option(help="Only the surface of this name; may be repeated.")
    ] = None,
    in_tomogram: InTomogram = None,
    **options: Any,
) -> None:
    """Orient points by the nearest membrane: outward, away from its side marker."""
    if inputs.is_project(points):
        inputs.refuse(KNOWN, MODELS=models, tomogram=tomogram, voxel_size=voxel_size, mesh_unit=mesh_unit)
        with Session.open(points) as session:
            job = jobs.orient_job(
                session,
                inputs.chosen_points(session, point or [], in_tomogram),
                [m.uid for m in inputs.chosen_models(session, surface, in_tomogram)] if surface else [],
                options,
            )
            inputs.run(job, session, output)
        return
    inputs.refuse(FILES, points=point, **{"in": in_tomogram})
    if models is None or output is None or tomogram is None:
        raise ParameterError("orienting files needs POINTS, MODELS, --tomogram FILE and -o FILE")
    target = inputs.tomogram_file(tomogram, voxel_size)
    if models.suffix.lower() in MESH_SUFFIXES:
        inputs.refuse("a mesh is one surface", surface=surface)
        surfaces: list[Model | ImportedSurface] = [imported_surface(models, mesh_unit, target)]
    else:
        inputs.refuse("this is for meshes", mesh_unit=mesh_unit)
        found = inputs.models_from(models, target, surface)
        surfaces = [model for model in found if model.type in SURFACE_TYPES]
        if not surfaces:
            types = ", ".join(f"{model.name!r} is a {model.type.value} model" for model in found)
            raise ParameterError(
                f"{models}: no surface or vesicle to orient by: {types or 'it has no model'}"
            )
    with inputs.progress_bar() as progress:
        result = orient_step(
            inputs.particles_from(points, target), surfaces, [target], **options, progress=progress
        )
    inputs.say(*result.lines())
    inputs.say_written(write(output, result.particles, [target]))


@app.command()
@with_options(track_step)
def track(
    source: Annotated[Path, typer.Argument(metavar="TOMOGRAM", help="A tomogram, or a project.")],
    models: Annotated[
        Path | None, typer.Argument(metavar="[MODELS]", help="Model file (.json, .mod) with the surface.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Model file to write, with all models of the one read."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Name of the surface, where there are several models.")
    ] = None,
    voxel_size: VoxelSize = None,
    tilt_range: TiltRange = None,
    in_tomogram: InTomogram = None,
    **options: Any,
) -> None:
    """Follow a membrane from the slices in which it was traced into others, until it cannot be told."""
    if inputs.is_project(source):
        inputs.refuse(KNOWN, MODELS=models, output=output, voxel_size=voxel_size, tilt_range=tilt_range)
        with Session.open(source) as session:
            chosen = _one_surface(inputs.chosen_models(session, [], in_tomogram), model, source)
            inputs.run(jobs.track_job(session, chosen.uid, options), session)
        return
    inputs.refuse(FILES, **{"in": in_tomogram})
    if models is None or output is None:
        raise ParameterError("tracking in files needs TOMOGRAM, MODELS and -o FILE.json (or .mod)")
    check_output(output)
    target = inputs.tomogram_file(source, voxel_size, tilt_range)
    every = inputs.models_from(models, target)
    chosen = _one_surface(every, model, models)
    with inputs.progress_bar() as progress:
        result = track_step(target, chosen, **options, progress=progress)
    inputs.say(*result.lines())
    inputs.say_written(write_models(output, [result.model if each is chosen else each for each in every]))


def _one_surface(models: list[Model], name: str | None, path: Path) -> Model:
    """The model of this name; without a name, the only surface there is."""
    found = [m for m in models if (m.type is ModelType.SURFACE if name is None else m.name == name)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{m.name!r} ({m.type.value})" for m in models) or "none"
    if name is None:
        raise ParameterError(f"{path.name}: say which surface to track (--model NAME); there are: {known}")
    what = f"{len(found)} models" if found else "no model"
    raise ParameterError(f"{path.name} has {what} called {name!r}; there are: {known}")


@app.command()
@with_options(extract_step)
def extract(
    source: Annotated[Path, typer.Argument(metavar="TOMOGRAM", help="A tomogram, or a project.")],
    particles: Annotated[
        str | None,
        typer.Argument(metavar="PARTICLES", help="Particle file; in a project, name of a particle set."),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write.")] = ...,  # type: ignore[assignment]
    voxel_size: VoxelSize = None,
    tilt_range: TiltRange = None,
    cut_from: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="In a project: cut from this tomogram (another binning, a denoised one) instead.",
        ),
    ] = None,
    **options: Any,
) -> None:
    """Cut subtomograms out of a tomogram: one MRC file each, or one stack, with a star file and a table."""
    if inputs.is_project(source):
        inputs.refuse(KNOWN, voxel_size=voxel_size, tilt_range=tilt_range)
        with Session.open(source) as session:
            entry = inputs.chosen_set(session, particles)
            if cut_from and len(entry.tomograms) > 1:
                raise ParameterError(
                    f"{entry.name!r} lies in {len(entry.tomograms)} tomograms, so it cannot all be cut from "
                    f"{cut_from}"
                )
            others = dict.fromkeys(entry.tomograms, cut_from) if cut_from else {}
            job = jobs.extract_job(session, entry.uid, output, options, from_tomograms=others)
            inputs.run(job, session)
        return
    inputs.refuse(FILES, **{"from": cut_from})
    if particles is None:
        raise ParameterError("say which particles to extract: extract TOMOGRAM PARTICLES -o FOLDER")
    target = inputs.tomogram_file(source, voxel_size, tilt_range)
    with inputs.progress_bar() as progress:
        result = extract_step(
            inputs.particles_from(Path(particles), target), [target], output, **options, progress=progress
        )
    inputs.say(*result.lines())


@app.command()
@with_options(average_step)
def average(
    folder: Annotated[Path, typer.Argument(help="Folder of extracted subtomograms, or EMAN2's .hdf.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="MRC file of the average.")],
    project: Annotated[Path | None, typer.Option(help="Project to record the average in.")] = None,
    **options: Any,
) -> None:
    """Average subtomograms in their own orientations, and write the aligned set."""
    if project is not None:
        with Session.open(project) as session:
            inputs.run(jobs.average_job(folder, output, options), session)
        return
    with inputs.progress_bar() as progress:
        result = average_step(folder, output, **options, progress=progress)
    inputs.say(*result.lines())


@app.command()
@with_options(convert_step)
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A particle or model file, or a project.")],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="File to write; the suffix is the format.")],
    tomogram: Annotated[
        list[Path] | None,
        typer.Option(
            help="Tomogram of the particles, or RELION's list of tomograms (.star), where a format needs "
            "its size; may be repeated."
        ),
    ] = None,
    voxel_size: VoxelSize = None,
    particles: Annotated[
        str | None,
        typer.Option(help="In a project: the particle set to write; without it, .json is its user points."),
    ] = None,
    in_tomogram: InTomogram = None,
    **options: Any,
) -> None:
    """Write particles or models in another format: .star, .tbl, .csv, .mod, .json and others."""
    if inputs.is_project(source):
        inputs.refuse(KNOWN, tomogram=tomogram, voxel_size=voxel_size)
        with Session.open(source, read_only=True) as session:
            if in_tomogram:
                session.tomogram(in_tomogram)
            if particles is None and output.suffix.lower() == MODEL_SUFFIX:
                inputs.say_written(write_models(output, inputs.chosen_models(session, [], in_tomogram)))
                return
            inputs.refuse(KNOWN, source_format=options.pop("source_format"))
            inputs.refuse(KNOWN, coordinate_columns=options.pop("coordinate_columns"))
            inputs.refuse("this is for model files", mesh_unit=options.pop("mesh_unit"))
            found = session.particles(inputs.chosen_set(session, particles).uid, in_tomogram)
            inputs.say_written(write(output, found, session.tomograms(), **options))
        return
    inputs.refuse(FILES, particles=particles, **{"in": in_tomogram})
    tomograms = inputs.tomogram_files(tomogram or [], voxel_size)
    inputs.say_written(convert_step(source, output, tomograms, **options))
