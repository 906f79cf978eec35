"""Threads that share the work of an exact search, and what is told of how far it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

Report = Callable[[int, int, str], None]


@dataclass
class SearchProgress:
    """Tells how far the search is."""

    report: Report | None
    orientations: int
    tiles: int
    done: int = 0

    def tell(self, more: int = 0) -> None:
        """So many orientations more are done; what is told may raise to stop."""
        self.done += more
        if self.report is not None:
            self.report(self.done, self.orientations * self.tiles, "matching the template")


class Crew:
    """Threads that share one range of work at a time."""

    def __init__(self, pool: ThreadPoolExecutor | None, threads: int) -> None:
        self._pool, self._threads = pool, threads

    @property
    def threads(self) -> int:
        """How many there are."""
        return self._threads

    def share(self, task: Callable[[int, int, int], None], count: int, at_once: int) -> None:
        """Call ``task(first, end, thread)`` until everything is done; what it raises is raised here."""
        starts = iter(range(0, count, at_once))
        lock = threading.Lock()

        def work(thread: int) -> None:
            while True:
                with lock:
                    first = next(starts, None)
                if first is None:
                    return
                task(first, min(first + at_once, count), thread)

        if self._pool is None:
            work(0)
            return
        others = [self._pool.submit(work, thread) for thread in range(1, self._threads)]
        try:
            work(0)
        finally:
            with lock:
                starts = iter(())
            errors = [other.exception() for other in others]
        for error in errors:
            if error is not None:
                raise error


@contextmanager
def crew_of(threads: int) -> Iterator[Crew]:
    """So many threads, this one being one of them."""
    if threads <= 1:
        yield Crew(None, 1)
        return
    with ThreadPoolExecutor(threads - 1) as pool:
        yield Crew(pool, threads)
