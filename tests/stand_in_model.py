"""A stand-in for the protocol of the initial model: quick, and of known outcome."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import Cancelled, ProjectError
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.picking.initial_settings import ModelState
from napari_tomopick.protocols.initial_model import InitialModel, InitialModelState, ModelClass
from napari_tomopick.protocols.jobs import Job

SIZE = 24
VOXEL = 10.0
STEPS = 4
"""Of the search; two of the refinement follow."""
COUNT = 5


def ball(radius: float) -> np.ndarray:
    d = np.arange(SIZE) - SIZE // 2
    away = np.sqrt(d[:, None, None] ** 2 + d[:, None] ** 2 + d**2)
    return (1 / (1 + np.exp(2 * (away - radius)))).astype(np.float32)


def falling(middle: float) -> np.ndarray:
    """A Fourier shell correlation that falls below 0.5 at a shell."""
    return np.clip(0.5 - (np.arange(SIZE // 2 + 1) - middle) * 0.21, 0, 1)


def state(step: int, starts: int = 3) -> InitialModelState:
    """What is reported after a step, 1 to 6."""
    refined = step > STEPS
    scores = np.full(COUNT, 0.5, np.float32)
    scores[-1] = np.nan
    curve = tuple(0.1 * n + 0.1 for n in range(min(step, STEPS)))
    curves = [tuple(s + 0.1 * (n == 1) for s in curve) for n in range(starts)]
    if refined:
        curves.append((0.3,) * (step - STEPS))
    model = ModelState(
        stage="refinement" if refined else "search",
        step=step - STEPS if refined else step,
        steps=2 if refined else STEPS,
        start=min(1, starts - 1),
        maps=(ball(2.0 + 0.5 * step),),
        coarser=1.0,
        curves=tuple(curves),
        turns=Rotation.random(COUNT, rng=np.random.default_rng(step)).as_quat(),
        scores=scores,
        classes=np.zeros(COUNT, np.int64),
        correlations=(falling(4.0),) if refined else (),
    )
    return InitialModelState(model, VOXEL)


class StandIn:
    """Makes jobs that make two classes of balls, in place of `InitialModelling.make`."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []
        self.error: Exception | None = None
        self.refuse_record = False
        self.watch: Callable = lambda tell, number: tell(number)

    def __call__(self, folder, output, options, report) -> Job:
        self.calls.append((folder, output, dict(options)))
        starts = int(options.get("starts", 3))

        def compute(progress):
            if self.error is not None:
                raise self.error
            cancelled = False

            def tell(step):
                progress(step, STEPS + 2, "searching" if step <= STEPS else "refining")
                report(state(step, starts))

            try:
                for step in range(1, STEPS + 3):
                    self.watch(tell, step)
            except Cancelled:
                cancelled = True
            return _result(Path(output), cancelled)

        def record(session, result):
            if self.refuse_record:
                raise ProjectError("it is locked")
            with session.edit("Initial model"):
                for each in result.classes:
                    session.add_result("initial model", each.path, Step("initial-model"))
            return "recorded"

        return Job(f"Initial model from {folder.name}", compute, record)


def _result(output: Path, cancelled: bool) -> InitialModel:
    classes = []
    for number, (radius, count, correlation) in enumerate(
        ((5.0, 4, falling(4.2)), (3.0, 1, np.zeros(SIZE // 2 + 1)))
    ):
        path = output if number == 0 else output.with_name(f"{output.stem}_class{number + 1}.mrc")
        write_mrc(path, ball(radius), VOXEL)
        classes.append(
            ModelClass(path, (path, path), path.with_suffix(".png"), None, count, correlation, (0.0, 0.0))
        )
    particles = Particles(
        np.zeros((COUNT, 3)), Rotation.random(COUNT, rng=np.random.default_rng(0))
    ).with_columns(rlnClassNumber=np.array([1, 1, 1, 1, 2]))
    return InitialModel(
        classes=tuple(classes),
        table=output,
        particles_path=output,
        particles=particles,
        box_size=SIZE,
        voxel_size_angstrom=VOXEL,
        curves=state(STEPS + 2).model.curves,
        cancelled=cancelled,
        messages=("It was stopped early.",) if cancelled else ("Assumed.",),
    )
