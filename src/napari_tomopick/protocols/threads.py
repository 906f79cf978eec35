"""Work done by threads, with results in the order in which it was given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from napari_tomopick.errors import ParameterError

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(function: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Generator[Result]:
    """Yield ``function(item)`` for each item, in order, computed by threads.

    Only a few results wait at a time, so that the memory needed does not grow with the number of items. Close
    the generator (`contextlib.closing`) to stop early.
    """
    if threads < 1:
        raise ParameterError(f"the number of threads must be at least 1, got {threads}")
    with ThreadPoolExecutor(threads, thread_name_prefix="tomopick") as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
