"""Work that calls for itself again when it is done, also where nothing runs in the background."""

from __future__ import annotations

from collections.abc import Callable


class Repeating:
    """Does something, and again if it was asked for meanwhile: in a loop, not one within the other.

    Parameters
    ----------
    action : callable
        May ask for itself, at once or when what it has begun in the background is done.
    """

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action
        self._going = self._again = False

    def __call__(self) -> None:
        """Do it, or have it done again."""
        self._again = True
        if self._going:
            return
        self._going = True
        try:
            while self._again:
                self._again = False
                self._action()
        finally:
            self._going = False
