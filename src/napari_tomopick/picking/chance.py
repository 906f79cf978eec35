"""What scores are reached by chance, and from which score on a place counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

_EULER = 0.5772156649
_FEW = 8
_SHARE = 0.02  # of what is found may be there by chance
_AT_LEAST, _AT_MOST = 3.5, 12.0  # standard deviations above chance
_GRID = 400
_VALLEY = (
    0.5  # depth of a valley between two peaks of the density, of the lower of them, that parts two kinds
)


@dataclass(frozen=True)
class Chance:
    """The scores of places that hardly stand out, each the largest over many poses: a Gumbel distribution.

    Parameters
    ----------
    middle, deviation : float
        Mean and standard deviation.
    places : int
        How many such places there are.
    """

    middle: float
    deviation: float
    places: int

    @classmethod
    def of(cls, controls: ArrayLike, places: int) -> Chance:
        """From the scores of some such places; a few that are particles after all do no harm.

        Parameters
        ----------
        controls : array-like, shape (n,)
        places : int
        """
        values = np.asarray(controls, np.float64)
        if len(values) < _FEW:
            return cls(0.0, float("inf"), places)
        middle = float(np.median(values))
        deviation = 1.4826 * float(np.median(np.abs(values - middle)))
        # the median of a Gumbel distribution lies below its mean by 0.164 of its standard deviation
        deviation = max(deviation, 1e-6)
        return cls(middle + 0.164 * deviation, deviation, places)

    def deviations(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Scores in standard deviations above what is usual by chance."""
        return np.asarray((np.asarray(scores, np.float64) - self.middle) / self.deviation)

    def at(self, deviations: float) -> float:
        """The score that lies so many standard deviations above chance; infinite if that is not known."""
        return self.middle + deviations * self.deviation

    def expected(self, threshold: float) -> float:
        """How many places reach a score by chance."""
        if not np.isfinite(self.deviation):
            return float("nan")
        scale = self.deviation * np.sqrt(6) / np.pi
        return float(self.places * stats.gumbel_r.sf(threshold, self.middle - _EULER * scale, scale))

    def threshold(self, scores: ArrayLike) -> float:
        """A score that parts particles from what is none, told from the scores alone.

        Chance may account for no more than 2 % of what is found. Other kinds of complexes score above chance
        without being what is looked for: where the scores above that fall into two heaps, the threshold lies
        in the valley between.

        Parameters
        ----------
        scores : array-like, shape (n,)
            Of all places that were looked at to the end.
        """
        values = np.sort(np.asarray(scores, np.float64))[::-1]
        if not len(values) or not np.isfinite(self.deviation):
            return float("inf")
        levels = np.linspace(self.at(_AT_LEAST), max(self.at(_AT_MOST), float(values[0])), _GRID)
        found = np.searchsorted(-values, -levels, side="right")
        by_chance = np.array([self.expected(float(level)) for level in levels])
        low = float(levels[np.argmax(by_chance <= _SHARE * np.maximum(found, 1))])
        valley = self._valley(values)
        return low if valley is None else max(low, valley)

    def _valley(self, values: NDArray[np.float64]) -> float | None:
        """The lowest place of the density between its highest peak and the one of the best scores."""
        above = values[values > self.middle]
        if len(above) < _FEW:
            return None
        # of few particles a narrower one would make a heap of each (Silverman 1986, section 3.4)
        width = max(self.deviation, 0.9 * float(above.std()) * len(above) ** -0.2)
        at = np.linspace(self.middle, above.max(), _GRID)
        density = np.exp(-0.5 * ((at[:, None] - above) / width) ** 2).sum(axis=1)
        tops = np.flatnonzero((density[1:-1] >= density[:-2]) & (density[1:-1] > density[2:])) + 1
        best = None
        for top in tops[::-1]:
            # a heap is more than one particle
            if density[top] < 2.0:
                continue
            if best is None:
                best = top
                continue
            between = top + int(np.argmin(density[top : best + 1]))
            if density[between] < _VALLEY * min(density[top], density[best]):
                return float(at[between])
            best = top if density[top] > density[best] else best
        return None
