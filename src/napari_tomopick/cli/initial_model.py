"""The command `initial-model`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_tomopick.cli import inputs
from napari_tomopick.cli.commands import app
from napari_tomopick.cli.generate import with_options
from napari_tomopick.errors import Cancelled
from napari_tomopick.project import Session
from napari_tomopick.protocols.initial_model import InitialModelState
from napari_tomopick.protocols.initial_model import initial_model as initial_model_step
from napari_tomopick.protocols.jobs_initial_model import initial_model_job


@app.command("initial-model")
@with_options(initial_model_step)
def initial_model(
    folder: Annotated[Path, typer.Argument(help="Folder of extracted subtomograms, or EMAN2's .hdf.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="MRC file of the model.")],
    project: Annotated[Path | None, typer.Option(help="Project to record the model in.")] = None,
    **options: Any,
) -> None:
    """Make an initial model from subtomograms whose orientations are not known, or only their directions."""
    with _stopped_by_interrupt() as watch:
        if project is not None:
            with Session.open(project) as session:
                inputs.run(initial_model_job(folder, output, options, watch), session)
            return
        with inputs.progress_bar() as progress:
            result = initial_model_step(folder, output, watch, **options, progress=progress)
        inputs.say(*result.lines())


class _Watch:
    """Ends the step after an interrupt, which keeps what was found; a second one ends the program."""

    def __init__(self) -> None:
        self.interrupted = False

    def __call__(self, state: InitialModelState) -> None:
        if self.interrupted:
            raise Cancelled("stopped by Ctrl-C")

    def interrupt(self, *_: object) -> None:
        """Handle the signal."""
        self.interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        inputs.notes.print("stopping: the best so far is kept; Ctrl-C again to quit without", markup=False)


@contextmanager
def _stopped_by_interrupt() -> Iterator[_Watch]:
    watch = _Watch()
    before = signal.signal(signal.SIGINT, watch.interrupt)
    try:
        yield watch
    finally:
        signal.signal(signal.SIGINT, before)
