"""The commands of boxing with a reference network: `train` and `pick`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_tomopick.cli import inputs
from napari_tomopick.cli.commands import FILES, KNOWN, TiltRange, VoxelSize, app
from napari_tomopick.cli.generate import with_options
from napari_tomopick.errors import ParameterError
from napari_tomopick.io.atomic import check_target
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.picking.picker import SUFFIX, Picker
from napari_tomopick.picking.references import References
from napari_tomopick.project import Session
from napari_tomopick.protocols import jobs_boxing
from napari_tomopick.protocols.convert import write
from napari_tomopick.protocols.jobs import made_by
from napari_tomopick.protocols.pick import Picked
from napari_tomopick.protocols.pick import pick as pick_step
from napari_tomopick.protocols.train import train as train_step


@app.command()
@with_options(train_step)
def train(
    source: Annotated[Path, typer.Argument(metavar="TOMOGRAM", help="A tomogram, or a project.")],
    positives: Annotated[
        Path | None,
        typer.Argument(metavar="[POSITIVES]", help="Places that are particles: any particle or model file."),
    ] = None,
    negatives: Annotated[
        Path | None, typer.Argument(metavar="[NEGATIVES]", help="Places that are no such particles.")
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Network to write, .safetensors.")] = ...,  # type: ignore[assignment]
    start: Annotated[Path | None, typer.Option("--from", help="A trained network to go on from.")] = None,
    label: Annotated[
        str | None, typer.Option(help="In a project: the kind of particle whose references are used.")
    ] = None,
    voxel_size: VoxelSize = None,
    tilt_range: TiltRange = None,
    **options: Any,
) -> None:
    """Train a network on a handful of places that are particles and a handful that are not."""
    if output.suffix.lower() != SUFFIX:
        raise ParameterError(f"{output}: a network is kept in a file whose name ends in {SUFFIX}")
    check_target(output)
    before = None if start is None else Picker.load(start)
    if inputs.is_project(source):
        inputs.refuse(
            KNOWN, POSITIVES=positives, NEGATIVES=negatives, voxel_size=voxel_size, tilt_range=tilt_range
        )
        with Session.open(source, read_only=True) as session:
            references = jobs_boxing.references_of(session, label)
            options["name"] = label or jobs_boxing.only_label(session)
    else:
        inputs.refuse(FILES, label=label)
        if positives is None or negatives is None:
            raise ParameterError("training on files needs TOMOGRAM, POSITIVES and NEGATIVES")
        tomogram = inputs.tomogram_file(source, voxel_size, tilt_range)
        shown = [
            inputs.particles_from(file, tomogram).rescaled(tomogram.voxel_size_angstrom)
            for file in (positives, negatives)
        ]
        references = [References(tomogram, shown[0].positions, shown[1].positions)]
    with inputs.progress_bar() as progress:
        result = train_step(references, before, **options, progress=progress)
    result.picker.save(output)
    inputs.say(*result.lines(), f"wrote {output}")


@app.command()
@with_options(pick_step)
def pick(
    source: Annotated[Path, typer.Argument(metavar="TOMOGRAM", help="A tomogram, or a project.")],
    network: Annotated[Path, typer.Argument(metavar="NETWORK", help="File that `train` wrote.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Particle file to write; the suffix is the format.")
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(help="MRC file to write the score map to, at the network's sampling.")
    ] = None,
    in_tomogram: Annotated[
        str | None, typer.Option("--in", help="In a project: only this tomogram. Default: all.")
    ] = None,
    skip_done: Annotated[
        bool, typer.Option("--skip-done", help="In a project: pass over tomograms that have such particles.")
    ] = False,
    voxel_size: VoxelSize = None,
    tilt_range: TiltRange = None,
    **options: Any,
) -> None:
    """Find particles with a network that `train` or the window made."""
    picker = Picker.load(network)
    if inputs.is_project(source):
        inputs.refuse(
            KNOWN + "; particles are recorded in it",
            output=output,
            scores=scores,
            voxel_size=voxel_size,
            tilt_range=tilt_range,
        )
        _pick_in_project(source, network, picker, in_tomogram, skip_done, options)
        return
    inputs.refuse(FILES, skip_done=skip_done, **{"in": in_tomogram})
    if output is None:
        raise ParameterError("say where to write the particles: -o FILE.star (or .tbl, .csv, .mod)")
    check_target(output)
    if scores is not None:
        check_target(scores)
    tomogram = inputs.tomogram_file(source, voxel_size, tilt_range)
    with inputs.progress_bar() as progress:
        result = pick_step(tomogram, picker, **options, progress=progress)
    inputs.say(*result.lines())
    inputs.say_written(write(output, result.particles, [tomogram]))
    if scores is not None:
        grid = result.scores.grid
        spacing = tomogram.voxel_size_angstrom * float(grid.factors.mean())
        write_mrc(scores, result.scores.values, spacing)
        inputs.say(f"wrote {scores}: scores in voxels of {spacing:.2f} Å")


def _pick_in_project(
    path: Path, network: Path, picker: Picker, only: str | None, skip_done: bool, options: dict[str, Any]
) -> None:
    with Session.open(path) as session:
        names = [only] if only else [t.name for t in session.tomograms()]
        for name in names:
            tomogram = session.tomogram(name)
            kept = jobs_boxing.kept_picks(session, picker.name, name)
            if skip_done and kept is not None and len(kept):
                inputs.say(f"{name}: has {len(kept)} already, passed over")
                continue
            with inputs.progress_bar() as progress:
                result: Picked = pick_step(tomogram, picker, **options, progress=progress)
            inputs.say(*(f"{name}: {line}" for line in result.lines()))
            if len(result.particles) or kept is not None:
                step = made_by("pick", pick_step, [f"tomogram {name}", str(network)], options)
                jobs_boxing.keep_picks(session, picker.name, name, result.particles, step)
