"""What is to be done when a widget is gone: deleted by Qt, or garbage of Python's."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from qtpy.QtCore import QObject

# Python empties functions before the widgets they hang on, if it finds both in one heap of garbage; Qt may
# then call an empty function, and the process crash. What is kept here is no garbage.
_waiting: set[Callable[..., None]] = set()


def when_deleted(thing: QObject, action: Callable[[], object]) -> None:
    """Call something once when an object is gone.

    Qt tells of objects that it deletes, but not of all that Python collects.

    Parameters
    ----------
    thing : QObject
    action : callable
        Must not hold the object, which would live for ever.
    """

    def run(*_: object) -> None:
        if run in _waiting:
            _waiting.discard(run)
            action()

    _waiting.add(run)
    thing.destroyed.connect(run)
    weakref.finalize(thing, run).atexit = False
