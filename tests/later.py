"""A runner for what is done in the background, which waits until the test says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_tomopick.layers.workspace import run_at_once


class Later:
    """Keeps what it is to run, the oldest first."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[..., Any], ...]] = []

    def __call__(self, *job: Callable[..., Any]) -> None:
        self.waiting.append(job)

    def go_on(self) -> None:
        """Do the next."""
        function, done, failed = self.waiting.pop(0)
        run_at_once(function, done, failed)
