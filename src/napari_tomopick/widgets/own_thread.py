"""The runner for what takes long: a thread of its own, so that nothing quick waits for one in a pool."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal

# one whose thread is still running must not be collected
_waiting: set[_Teller] = set()


class _Teller(QObject):
    """Tells on the thread it was made on how something in another thread has ended."""

    ended = Signal(object, object)

    def __init__(self, done: Callable[[Any], None], failed: Callable[[Exception], None]) -> None:
        super().__init__()
        self._done, self._failed = done, failed
        self.ended.connect(self._tell, Qt.ConnectionType.QueuedConnection)
        _waiting.add(self)

    def _tell(self, result: Any, error: Exception | None) -> None:
        _waiting.discard(self)
        done, failed = self._done, self._failed
        # what they hold is let go, even if the other side keeps this for a while
        self._done = self._failed = lambda _: None
        if error is None:
            done(result)
        else:
            failed(error)


def run_in_own_thread(
    function: Callable[[], Any], done: Callable[[Any], None], failed: Callable[[Exception], None]
) -> None:
    """Call ``function`` in a thread of its own, then one of the others where this was called."""
    teller = _Teller(done, failed)

    def run() -> None:
        result, error = None, None
        try:
            result = function()
        except Exception as caught:  # handed on as it is
            error = caught
        teller.ended.emit(result, error)

    threading.Thread(target=run, name="tomopick", daemon=True).start()
