"""What is open as long as a dock is: the dock opens it, and it is closed when the dock is gone."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Protocol

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_tomopick.widgets.deletion import when_deleted


class Openable(Protocol):
    """What knows whether somebody looks at it; both may be called twice."""

    def open(self) -> None:
        """Begin."""

    def close(self) -> None:
        """End."""


# for which dock each is open: the last one made
_keepers: weakref.WeakKeyDictionary[Openable, object] = weakref.WeakKeyDictionary()


def opened_with(dock: QWidget, what: Openable) -> None:
    """Open something now, and close it when this dock is gone, unless another has opened it by then."""
    what.open()
    _keepers[what] = keeper = object()
    when_deleted(dock, _closing(weakref.ref(what), keeper))


def _closing(what: weakref.ref[Openable], keeper: object) -> Callable[[], None]:
    def close() -> None:
        left = what()
        if left is not None and _keepers.get(left) is keeper:
            left.close()

    # only when the dock is wholly gone: what is closed tells everyone
    return lambda: QTimer.singleShot(0, close)
