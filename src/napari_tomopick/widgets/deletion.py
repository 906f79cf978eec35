"""What is to be done when a widget is gone: deleted by Qt, or garbage of Python's."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from psygnal import SignalInstance
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


def until_deleted(thing: QObject, slot: Callable[..., object], *signals: SignalInstance) -> None:
    """Let a method of an object hear signals until the object is gone.

    Qt may have deleted it while Python still has it.

    Parameters
    ----------
    thing : QObject
    slot : bound method of it
    signals : SignalInstance of psygnal
    """
    for signal in signals:
        signal.connect(slot)
    follow = weakref.WeakMethod(slot)

    def let_go() -> None:
        left = follow()
        for signal in signals if left is not None else ():
            signal.disconnect(left, missing_ok=True)

    when_deleted(thing, let_go)
