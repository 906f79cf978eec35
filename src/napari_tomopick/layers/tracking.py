"""Following a membrane into other slices: the O key, and what becomes of what it placed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from psygnal import Signal

from napari_tomopick.errors import Cancelled, ModelError
from napari_tomopick.layers import compat
from napari_tomopick.models.user_points import Model, ModelType

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from napari_tomopick.layers.workspace import Workspace
    from napari_tomopick.protocols.jobs import Job

Direction = Literal["up", "down", "both"]

DEFAULT_STEP = 2
NOT_A_SURFACE = (
    "Only a surface can be tracked: choose or make a surface model, and trace the membrane in one slice."
)
NOT_TRACED = "There is nothing to follow yet: trace the membrane in one slice first."
END = "The tomogram ends here: there is no further slice to track into."
BUSY = "Tracking is under way already: wait for it, or stop it with Escape."


def next_slice(traced: Sequence[int], shown: int, step: int, upward: bool, count: int) -> int | None:
    """The slice that tracking fills next.

    Parameters
    ----------
    traced : sequence of int
        Slices with points.
    shown : int
        The slice that is looked at: the one to fill, or if it is traced, the one to go on from.
    step : int
        Slices from one level to the next.
    upward : bool
        Where to go on from a slice that lies between traced ones, or is the only one.
    count : int
        Number of slices.

    Returns
    -------
    int or None
        None where the tomogram ends.
    """
    have = set(traced)
    if shown not in have:
        return shown
    if len(have) > 1 and shown in (min(have), max(have)):
        upward = shown == max(have)
    target = shown
    while target in have:
        target += step if upward else -step
    return target if 0 <= target < count else None


class Tracking:
    """Tracks the active model of a workspace, away from the window, one run at a time.

    A run ends in one edit, or in none if it was stopped or found nothing.

    Parameters
    ----------
    workspace : Workspace

    Attributes
    ----------
    progress : str
        How far the run under way is; written by its thread, so ask now and then.
    message : str
        How the last run ended.

    Signals
    -------
    changed()
        A run began or ended, or the settings are others.
    arrived(slice)
        A run ended with this slice, the last it found.
    """

    changed = Signal()
    arrived = Signal(int)

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._step: int = DEFAULT_STEP
        self._direction: Direction = "both"
        self._stop: threading.Event | None = None
        self.progress = ""
        self.message = ""

    # settings

    @property
    def step(self) -> int:
        """Slices from one level to the next."""
        return self._step

    def set_step(self, slices: int) -> None:
        """Put levels so many slices apart."""
        self._step = max(1, int(slices))
        self.changed.emit()

    @property
    def direction(self) -> Direction:
        """Where to go from what is traced."""
        return self._direction

    def set_direction(self, direction: Direction) -> None:
        """Go "up", to higher slices, "down", or "both" ways (into one slice at a time: up first)."""
        self._direction = direction
        self.changed.emit()

    # tracking

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._stop is not None

    def one(self, shown: int | None = None) -> None:
        """Track into one slice, and show it.

        Parameters
        ----------
        shown : int, optional
            The slice that is looked at (see `next_slice`). Default: that under the mouse.

        Raises
        ------
        ModelError
            If the active model cannot be tracked, or the tomogram ends.
        """
        from napari_tomopick.protocols.jobs import track_slice_job

        model, axis = self._ready()
        here = self._shown(axis) if shown is None else shown
        count = self._count(axis)
        upward = self.direction != "down"
        target = next_slice(np.unique(model.levels).tolist(), here, self.step, upward, count)
        if target is None:
            raise ModelError(END)
        self._run(track_slice_job(self._workspace.open_session, model.uid, target), axis)

    def on(self, step: int | None = None) -> None:
        """Track on from what is traced, as the direction says, until the membrane can be followed no further.

        Parameters
        ----------
        step : int, optional
            Slices from one level to the next, this time.

        Raises
        ------
        ModelError
            If the active model cannot be tracked.
        """
        from napari_tomopick.protocols.jobs import track_job

        model, axis = self._ready()
        options = {"step": step or self.step, "direction": self.direction}
        self._run(track_job(self._workspace.open_session, model.uid, options), axis)

    def stop(self) -> bool:
        """Give up the run under way; nothing of it is kept. False if there is none."""
        if self._stop is not None:
            self._stop.set()
        return self._stop is not None

    def _ready(self) -> tuple[Model, int]:
        """The active model, and the axis across its slices."""
        if self.running:
            raise ModelError(BUSY)
        model = self._workspace.picking.active
        if model is None:
            raise ModelError(NOT_A_SURFACE)
        if model.type is not ModelType.SURFACE:
            raise ModelError(
                f"'{model.name}', which gets the points, is a {model.type.value} model. {NOT_A_SURFACE}"
            )
        if not len(model):
            raise ModelError(NOT_TRACED)
        axis = model.level_axis()
        return model, 2 if axis is None else axis

    def _count(self, axis: int) -> int:
        tomogram = self._workspace.tomogram
        assert tomogram is not None
        return int(tomogram.shape[2 - axis])

    def _shown(self, axis: int) -> int:
        """The slice that is looked at, along an axis."""
        spot = self._workspace.pointing.spot
        if spot is not None and abs(spot.plane.normal[axis]) > 1 - 1e-9:
            return int(np.floor(spot.position[axis] + 0.5))
        return round(float(self._workspace.viewer.dims.point[2 - axis]))

    def _run(self, job: Job, axis: int) -> None:
        workspace, session = self._workspace, self._workspace.open_session
        stop = self._stop = threading.Event()
        self.progress, self.message = job.title, ""

        def report(done: int, total: int, text: str) -> None:
            if stop.is_set():
                raise Cancelled("tracking was stopped; nothing was changed")
            self.progress = f"{text} ({done} of {total})"

        def end(action: Callable[[], None]) -> None:
            self._stop, self.progress = None, ""
            try:
                with workspace.reporting():
                    action()
            finally:
                self.changed.emit()

        def done(result: Any) -> None:
            def keep() -> None:
                if stop.is_set():
                    self.message = "Tracking was stopped; nothing was changed."
                    return
                if session is not workspace.session:
                    return
                self.message = job.record(session, result)
                workspace.say(self.message.splitlines()[0])
                if not result.levels:
                    raise ModelError("Nothing was tracked. " + " ".join(result.messages))
                last = result.levels[-1].slice
                if not compat.is_3d(workspace.viewer):
                    workspace.viewer.dims.set_point(2 - axis, last)
                self.arrived.emit(last)

            end(keep)

        def failed(error: Exception) -> None:
            def tell() -> None:
                if isinstance(error, Cancelled):
                    self.message = str(error).capitalize() + "."
                    return
                raise error

            end(tell)

        self.changed.emit()
        workspace.run(lambda: job.compute(report), done, failed)
