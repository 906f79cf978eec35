"""The commands that open a window or look at the machine: `open`, `demo`, `doctor`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from napari_tomopick.cli import inputs
from napari_tomopick.cli.commands import app
from napari_tomopick.cli.generate import with_options
from napari_tomopick.errors import ParameterError
from napari_tomopick.io.atomic import free_path
from napari_tomopick.project import Session
from napari_tomopick.protocols import jobs
from napari_tomopick.protocols.demo import make_demo_project, run_demo
from napari_tomopick.protocols.doctor import Finding, has_display
from napari_tomopick.protocols.doctor import doctor as doctor_step
from napari_tomopick.protocols.import_tomograms import import_tomograms


@app.command("open")
@with_options(import_tomograms)
def open_(
    files: Annotated[
        list[Path], typer.Argument(metavar="PROJECT|TOMOGRAM...", help="One project, or tomograms.")
    ],
    project: Annotated[
        Path | None,
        typer.Option(help="Project for the tomograms; default: named after the first, in this folder."),
    ] = None,
    **options: Any,
) -> None:
    """Open napari with a project, or with tomograms in a project of their own."""
    if inputs.is_project(files[0]):
        if len(files) > 1:
            raise ParameterError("one project at a time can be open in a window")
        _window(files[0])
        return
    target = project or Path(f"{files[0].stem}{inputs.PROJECT_SUFFIX}")
    if not target.exists():
        job = jobs.import_job(files, options)
        with inputs.progress_bar() as progress:
            tomograms = job.compute(progress)
        with Session.create(target) as session:
            job.record(session, tomograms)
        inputs.notes.print(f"Everything you do is saved in {target}")
    else:
        with Session.open(target) as session:
            known = {tomogram.path.resolve() for tomogram in session.tomograms()}
            new = [file for file in files if file.resolve() not in known]
            if new:
                job = jobs.import_job(new, options)
                inputs.run(job, session)
    _window(target)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder for the sample project; kept between runs.")] = Path(
        "demo-output"
    ),
    headless: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Open no window: run the whole workflow and write into this folder."
        ),
    ] = None,
) -> None:
    """Open napari with a sample project, or, without a display, run the directional workflow on it."""
    if headless is None and has_display():
        with inputs.progress_bar() as progress:
            project = make_demo_project(folder, progress=progress)
        _window(project)
        return
    if headless is None:
        inputs.notes.print("There is no display here, so the workflow runs without a window.")
    with inputs.progress_bar() as progress:
        # a run of its own each time, beside the earlier ones
        result = run_demo(headless or free_path(folder), progress=progress)
    inputs.out.print("\n".join(result.lines()), markup=False)


@app.command()
def doctor() -> None:
    """Check the installation: versions, Qt, display."""
    findings = doctor_step()
    if has_display():
        findings += _graphics()
    table = Table(show_header=False, box=None)
    for finding in findings:
        table.add_row("[green]ok[/]" if finding.ok else "[red]!![/]", finding.what, finding.found)
    inputs.out.print(table)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _window(project: Path) -> None:
    if not has_display():
        raise ParameterError(
            "there is no display here; the steps of the workflow also run as commands (--help)"
        )
    from napari_tomopick.widgets.window import open_window

    open_window(project)


def _graphics() -> list[Finding]:
    """What the graphics driver says, asked in a process of its own: without a display Qt ends the process."""
    asked = subprocess.run(
        [sys.executable, "-m", "napari_tomopick.widgets.graphics"],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        why = (asked.stderr.strip().splitlines() or ["no reason given"])[0]
        return [Finding("window", f"cannot open on this display: {why}", False)]
    return [Finding(**json.loads(line)) for line in asked.stdout.splitlines()]
