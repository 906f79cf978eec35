"""The command of template matching: `match`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_tomopick.cli import inputs
from napari_tomopick.cli.commands import FILES, KNOWN, InTomogram, TiltRange, VoxelSize, app
from napari_tomopick.cli.generate import with_options
from napari_tomopick.errors import ParameterError
from napari_tomopick.io.atomic import check_target
from napari_tomopick.project import Session
from napari_tomopick.protocols.convert import write
from napari_tomopick.protocols.jobs_match import kept_matches, match_job, write_score_map
from napari_tomopick.protocols.match import describe_search, load_template
from napari_tomopick.protocols.match import match as match_step


@app.command()
@with_options(match_step)
def match(
    source: Annotated[Path, typer.Argument(metavar="TOMOGRAM", help="A tomogram, or a project.")],
    template: Annotated[
        Path, typer.Argument(metavar="TEMPLATE", help="Map of the particle, with its voxel size.")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Particle file to write; the suffix is the format.")
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(help="Mask of the template, 0 to 1, of its shape. Default: a ball that holds it."),
    ] = None,
    symmetry: Annotated[
        str, typer.Option(help="Point group of the template, its axis along z: C1, C12, D7, T, O, I.")
    ] = "C1",
    scores: Annotated[
        Path | None, typer.Option(help="MRC file to write the score map to, at the sampling of the search.")
    ] = None,
    template_voxel_size: Annotated[
        float | None,
        typer.Option(min=0.01, help="Voxel size of the template in Å, where its header is wrong."),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="In a project: name of the particle set. Default: the template's.")
    ] = None,
    in_tomogram: InTomogram = None,
    skip_done: Annotated[
        bool, typer.Option("--skip-done", help="In a project: pass over tomograms that have such particles.")
    ] = False,
    voxel_size: VoxelSize = None,
    tilt_range: TiltRange = None,
    **options: Any,
) -> None:
    """Find a template in tomograms: position, orientation and score of every particle."""
    what = load_template(template, mask=mask, symmetry=symmetry, voxel_size_angstrom=template_voxel_size)
    inputs.notes.print(
        f"comparing {describe_search(what, options['angle_step_degrees'])}, then refining", markup=False
    )
    if inputs.is_project(source):
        inputs.refuse(
            KNOWN + "; particles are recorded in it",
            output=output,
            scores=scores,
            voxel_size=voxel_size,
            tilt_range=tilt_range,
        )
        with Session.open(source) as session:
            names = [in_tomogram] if in_tomogram else [t.name for t in session.tomograms()]
            for name in names:
                kept = kept_matches(session, label or template.stem, name)
                if skip_done and kept is not None and len(kept):
                    inputs.say(f"{name}: has {len(kept)} already, passed over")
                    continue
                job = match_job(session, [name], what, template, options, mask_path=mask, label=label)
                inputs.run(job, session)
        return
    inputs.refuse(FILES, skip_done=skip_done, label=label, **{"in": in_tomogram})
    if output is None:
        raise ParameterError("say where to write the particles: -o FILE.star (or .tbl, .csv, .mod)")
    check_target(output)
    if scores is not None:
        check_target(scores)
    tomogram = inputs.tomogram_file(source, voxel_size, tilt_range)
    with inputs.progress_bar() as progress:
        result = match_step(tomogram, what, **options, progress=progress)
    inputs.say(*result.lines())
    inputs.say_written(write(output, result.particles, [tomogram]))
    if scores is not None:
        inputs.say(f"wrote {scores}: scores in voxels of {write_score_map(scores, result):.2f} Å")
