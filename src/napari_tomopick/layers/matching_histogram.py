"""The scores of candidates, and what chance would have there, as a picture needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.protocols.match import Matched

BINS = 44
MARGIN = 0.04  # of the range, on both sides


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many candidates have which score.

    Parameters
    ----------
    edges : array, shape (n + 1,)
        Scores.
    candidates : int array, shape (n,)
        How many candidates fall in each bin.
    by_chance : array, shape (n,)
        How many places would, as the controls have it; NaN if that is not known.
    """

    edges: NDArray[np.float64]
    candidates: NDArray[np.int64]
    by_chance: NDArray[np.float64]

    @classmethod
    def of(cls, matched: Matched) -> Histogram:
        """Of what was found in one tomogram."""
        found = matched.found
        scores = np.concatenate([found.scores, found.controls])
        if not len(scores):
            scores = np.array([0.0, 1.0])
        low, high = float(scores.min()), float(scores.max())
        margin = MARGIN * max(high - low, 0.01)
        edges = np.linspace(low - margin, high + margin, BINS + 1)
        above = np.array([matched.false_positives(edge) for edge in edges])
        return cls(edges, np.histogram(found.scores, edges)[0], above[:-1] - above[1:])

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest score that are shown."""
        return float(self.edges[0]), float(self.edges[-1])


def zero_crossing(frequency: NDArray[np.float64], values: NDArray[np.float64]) -> float | None:
    """The first frequency at which a transfer that was positive becomes negative; None if it never does."""
    falls = np.flatnonzero((values[:-1] > 0) & (values[1:] <= 0))
    if not len(falls):
        return None
    i = int(falls[0])
    part = values[i] / (values[i] - values[i + 1])
    return float(frequency[i] + part * (frequency[i + 1] - frequency[i]))
