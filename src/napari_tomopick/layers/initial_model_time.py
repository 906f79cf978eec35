"""How long a model will still take, from how long it took so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHORTEST_S = 3.0
"""Before that, nothing is foretold."""
REFINING, ROUND = 40.0, 2.0
"""What a box costs in a round of the refinement and of the search, compared with one in a batch; measured."""


@dataclass(frozen=True)
class Stretch:
    """Steps that take equally long.

    Parameters
    ----------
    steps : int
    cost : float
        Of each, compared with those of other stretches.
    """

    steps: int
    cost: float


class TimeLeft:
    """Foretells an end: what is left of the present stretch by its own pace, the others by their costs.

    Parameters
    ----------
    stretches : sequence of Stretch
    clock : callable
        Seconds.
    """

    def __init__(self, stretches: Sequence[Stretch], clock: Callable[[], float] = time.monotonic) -> None:
        self._stretches, self._clock = tuple(stretches), clock
        self._start = self._noted = clock()
        self._done = 0
        self._entered = {0: self._start}

    def note(self, done: int, total: int) -> None:
        """So many steps of so many are done now."""
        if total != sum(stretch.steps for stretch in self._stretches):
            # of other steps than was thought nothing is known
            self._stretches = (Stretch(total, 1.0),)
        self._done, self._noted = done, self._clock()
        before = 0
        for number, stretch in enumerate(self._stretches):
            if done >= before:
                self._entered.setdefault(number, self._noted)
            before += stretch.steps

    def seconds(self) -> float | None:
        """How long it will still take; None if that cannot be told yet."""
        now = self._clock()
        if now - self._start < SHORTEST_S or not self._done:
            return None
        left, spent, before = 0.0, 0.0, 0
        ahead: list[Stretch] = []
        for number, stretch in enumerate(self._stretches):
            done = min(max(self._done - before, 0), stretch.steps)
            spent += done * stretch.cost
            rest = Stretch(stretch.steps - done, stretch.cost)
            if done and rest.steps:
                left += rest.steps * (self._noted - self._entered[number]) / done
            else:
                ahead.append(rest)
            before += stretch.steps
        pace = (self._noted - self._start) / spent if spent else 0.0
        left += sum(rest.steps * rest.cost for rest in ahead) * pace
        return max(left - (now - self._noted), 0.0)


def in_words(seconds: float | None) -> str:
    """ "about 40 s left"; empty if it is not known."""
    if seconds is None:
        return ""
    if seconds < 5:
        return "a few seconds left"
    if seconds < 55:
        return f"about {5 * round(seconds / 5)} s left"
    if seconds < 90 * 60:
        return f"about {max(round(seconds / 60), 1)} min left"
    return f"about {round(seconds / 3600)} h left"


def stretches(options: Mapping[str, Any], boxes: int) -> list[Stretch]:
    """The stretches of an initial model: batches, rounds over all boxes, and the refinement.

    Parameters
    ----------
    options : mapping
        Of `protocols.initial_model.initial_model`.
    boxes : int
        How many there are.
    """
    from napari_tomopick.picking.initial_model import REFINEMENT_STEPS
    from napari_tomopick.picking.initial_search import ROUNDS

    starts = int(options.get("starts", 1))
    batches = int(options.get("batches", 1)) * (int(options.get("iterations", 1)) + 1)
    return [
        Stretch(batches, min(int(options.get("batch_size", 1)), boxes) * starts),
        Stretch(ROUNDS, ROUND * boxes * starts),
        Stretch(REFINEMENT_STEPS, REFINING * boxes),
    ]
