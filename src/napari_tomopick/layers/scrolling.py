"""Arrows of many particles are left out while a user scrolls through slices."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Workspace

REST = 0.35
"""Seconds without another slice after which scrolling is over."""


class WhileScrolling:
    """Tells when a user begins to scroll through slices, and when that is over.

    Parameters
    ----------
    workspace : Workspace
    wanted : callable
        Whether anybody wants to know; asked at each slice while it rests.
    told : callable
        Called with True when scrolling begins, and with False when it is over.
    """

    def __init__(
        self, workspace: Workspace, wanted: Callable[[], bool], told: Callable[[bool], None]
    ) -> None:
        self._workspace, self._wanted, self._told = workspace, wanted, told
        self._last = 0.0
        self.scrolling = False
        workspace.viewer.dims.events.point.connect(self._on_point)

    def _on_point(self) -> None:
        self._last = time.monotonic()
        if self.scrolling or self._workspace.is_3d or not self._wanted():
            return
        self.scrolling = True
        self._told(True)
        self._wait()

    def _wait(self) -> None:
        left = self._last + REST - time.monotonic()
        # in the background there is time to wait
        self._workspace.run(lambda: time.sleep(max(left, 0.0)), lambda _: self._look(), self._failed)

    def _look(self) -> None:
        if time.monotonic() < self._last + REST:
            self._wait()
        else:
            self.scrolling = False
            self._told(False)

    def _failed(self, error: Exception) -> None:
        self.scrolling = False
        self._told(False)
        raise error
