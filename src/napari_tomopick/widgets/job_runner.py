"""Runs a job in a thread of its own, with progress and a way to stop it."""

from __future__ import annotations

import threading
import time
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal

from napari_tomopick.errors import Cancelled
from napari_tomopick.protocols.jobs import Job

PROGRESS_INTERVAL_S = 0.05


class JobRunner(QObject):
    """One job at a time.

    Signals
    -------
    progressed(done, total, text)
        Some twenty times a second at most.
    ended(result, error)
        On the GUI thread; the error is None if all went well, and `Cancelled` if the user stopped it.
    """

    progressed = Signal(int, int, str)
    ended = Signal(object, object)
    _computed = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._last_report = 0.0
        # the thread only emits; the slot runs where this object lives
        self._computed.connect(self._finish, Qt.ConnectionType.QueuedConnection)

    @property
    def running(self) -> bool:
        """Whether a job is under way."""
        return self._thread is not None

    def start(self, job: Job) -> None:
        """Start a job; there must be none under way."""
        assert self._thread is None
        self._stop.clear()
        self._last_report = 0.0
        self._thread = threading.Thread(target=self._compute, args=(job,), name=job.title)
        self._thread.start()

    def cancel(self) -> None:
        """Ask the job to stop; it does so between two pieces of work, leaving nothing half-written."""
        self._stop.set()

    def close(self) -> None:
        """Stop the job and wait for it, so that nothing runs on behind a closed window."""
        self.cancel()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _compute(self, job: Job) -> None:
        result, error = None, None
        try:
            result = job.compute(self._report)
        except Exception as caught:  # handed to the GUI thread, which shows it
            error = caught
        self._computed.emit(result, error)

    def _report(self, done: int, total: int, text: str) -> None:
        if self._stop.is_set():
            raise Cancelled("stopped; nothing was changed")
        now = time.monotonic()
        if now - self._last_report >= PROGRESS_INTERVAL_S:
            self._last_report = now
            self.progressed.emit(done, total, text)

    def _finish(self, result: Any, error: Exception | None) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self.ended.emit(result, error)
