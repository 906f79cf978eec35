"""The initial model as a step of a project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from napari_tomopick.project import Session
from napari_tomopick.protocols.initial_model import InitialModel, InitialModelState, initial_model
from napari_tomopick.protocols.jobs import Job, made_by


def initial_model_job(
    folder: Path,
    output: Path,
    options: Mapping[str, Any],
    report: Callable[[InitialModelState], None] | None = None,
) -> Job:
    """Make an initial model from extracted subtomograms.

    Parameters
    ----------
    folder : Path
        Made by extract.
    output : Path
        MRC file of the map.
    options : mapping
        Options of `initial_model`.
    report : callable, optional
        Called with each state, in the thread that computes.
    """

    def record(session: Session, result: InitialModel) -> str:
        step = made_by("initial-model", initial_model, [str(folder)], options)
        with session.edit("Initial model"):
            for each in result.classes:
                session.add_result("initial model", each.path, step)
        return "\n".join(result.lines())

    return Job(
        f"Initial model from {folder.name}",
        lambda progress: initial_model(folder, output, report, **options, progress=progress),
        record,
    )
