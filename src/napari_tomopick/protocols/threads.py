"""Work done by threads, with results in the order in which it was given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(function: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Generator[Result]:
    """Yield ``function(item)`` for each item, in order, computed by threads.

    Only a few results wait at a time, so that the memory needed does not grow with the number of items. Close
    the generator (`contextlib.closing`) to stop early.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="tomopick") as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
