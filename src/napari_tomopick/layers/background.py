"""`Background`: something slow, one at a time, which can be watched, held, stopped, or replaced."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_tomopick.errors import Cancelled

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Runner
    from napari_tomopick.protocols.describe import Progress


class _Run:
    """One run: whether it is to wait or to stop, and how far it is."""

    def __init__(self, title: str) -> None:
        self.title = self.text = title
        self.done, self.total = 0, 0
        self._stop = threading.Event()
        self._go = threading.Event()
        self._go.set()
        self.waiting = False
        self._began, self._paused_at, self._paused_s = time.monotonic(), 0.0, 0.0

    @property
    def paused(self) -> bool:
        return not self._go.is_set()

    @property
    def seconds(self) -> float:
        now = self._paused_at if self.paused else time.monotonic()
        return now - self._began - self._paused_s

    def pause(self) -> None:
        if not self.paused:
            self._paused_at = time.monotonic()
            self._go.clear()

    def resume(self) -> None:
        if self.paused:
            self._paused_s += time.monotonic() - self._paused_at
            self._go.set()

    def stop(self) -> None:
        self._stop.set()
        self._go.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def report(self, done: int, total: int, text: str) -> None:
        self.waiting = self.paused
        self._go.wait()
        self.waiting = False
        if self._stop.is_set():
            raise Cancelled("stopped; nothing was changed")
        self.done, self.total, self.text = done, total, text


class Background:
    """Runs one thing at a time; what is put in the place of another makes that one stop, and its result go.

    Parameters
    ----------
    runner : callable
        Returns what runs it, each time anew.

    Signals
    -------
    changed()
        Something began or ended, or was held or let go on.
    """

    changed = Signal()

    def __init__(self, runner: Callable[[], Runner]) -> None:
        self._runner = runner
        self._run: _Run | None = None

    @property
    def running(self) -> bool:
        """Whether anything is under way."""
        return self._run is not None

    @property
    def concluding(self) -> bool:
        """Whether what is under way was told to come to an end."""
        return self._run is not None and self._run.stopping

    @property
    def title(self) -> str:
        """What is under way; "" if nothing is."""
        return "" if self._run is None else self._run.title

    @property
    def progress(self) -> tuple[int, int, str]:
        """How far it is: done, of how much (0 if that is not known), what with. Ask now and then."""
        run = self._run
        return (0, 0, "") if run is None else (run.done, run.total, run.text)

    @property
    def seconds(self) -> float:
        """How long it has been under way, without the time it was held."""
        return 0.0 if self._run is None else self._run.seconds

    @property
    def paused(self) -> bool:
        """Whether it is to be held."""
        return self._run is not None and self._run.paused

    @property
    def waiting(self) -> bool:
        """Whether it is held by now: it goes on to the next report before."""
        return self._run is not None and self._run.waiting

    def pause(self) -> None:
        """Hold what is under way when it reports next; its thread waits until `resume` or `stop`."""
        if self._run is not None:
            self._run.pause()
            self.changed.emit()

    def resume(self) -> None:
        """Let what is held go on."""
        if self._run is not None:
            self._run.resume()
            self.changed.emit()

    def start(
        self,
        title: str,
        work: Callable[[Progress], Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Run ``work(progress)``, then ``done`` with its result or ``failed`` with its error.

        If it is stopped or replaced meanwhile, neither is called.
        """
        if self._run is not None:
            self._run.stop()
        run = self._run = _Run(title)

        def end(action: Callable[[], None]) -> None:
            if self._run is run:
                self._run = None
                try:
                    action()
                finally:
                    self.changed.emit()

        self.changed.emit()
        self._runner()(
            lambda: work(run.report),
            lambda result: end(lambda: done(result)),
            lambda e: end(lambda: failed(e)),
        )

    def stop(self) -> bool:
        """Give up what is under way. False if nothing is."""
        run, self._run = self._run, None
        if run is None:
            return False
        run.stop()
        self.changed.emit()
        return True

    def conclude(self) -> bool:
        """Let what is under way come to an end early, and take what it has by then. False if nothing is.

        Where it has nothing, it fails with `Cancelled`.
        """
        run = self._run
        if run is None:
            return False
        run.stop()
        self.changed.emit()
        return True
