"""What is found in a tomogram while it is still gone through, on its way from one thread to another."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import ArrayLike, NDArray

Candidates = tuple[NDArray[np.float64], NDArray[np.float64]]


class Stream:
    """Takes candidates from the thread that finds them, and gives them to the one that draws."""

    def __init__(self) -> None:
        self._found: list[Candidates] | None = None
        self._fresh = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Take candidates from now on."""
        with self._lock:
            self._found, self._fresh = [], False

    def put(self, places: ArrayLike, scores: ArrayLike) -> None:
        """Take some more; called by the thread that looks for them."""
        with self._lock:
            if self._found is not None:
                part = np.asarray(places, np.float64).reshape(-1, 3)
                self._found.append((part, np.asarray(scores, np.float64).reshape(-1)))
                self._fresh = True

    def take(self) -> Candidates | None:
        """All that were found so far; None if there are no new ones since it was asked last."""
        with self._lock:
            if not self._fresh or not self._found:
                return None
            self._fresh = False
            places, scores = zip(*self._found, strict=True)
        return np.concatenate(places), np.concatenate(scores)

    def stop(self) -> bool:
        """Take no more, and forget what there is. False if none were taken."""
        with self._lock:
            before, self._found, self._fresh = self._found, None, False
        return before is not None
