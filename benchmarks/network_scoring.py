"""Whether picks are right: counted one to one, and the references that were clicked left out.

Used by `network.py`. The picks are gone through from the best score down. Each takes the nearest true
particle within the radius that no better pick has taken, and is then a hit; otherwise it is false. So a
second pick at one particle is false, and what the picks above a threshold are worth does not depend on those
below it.

A particle that was clicked as a positive reference says nothing about a picker: it is neither looked for nor
missed, and the pick that takes it is neither right nor wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Score:
    """What a set of picks is worth.

    Parameters
    ----------
    hits, false, missed : int
    distances : array, shape (hits,)
        Of the hits from the particle they took, in voxels.
    """

    hits: int
    false: int
    missed: int
    distances: NDArray[np.float64]

    @property
    def precision(self) -> float:
        """Share of the picks that are right; 0 where there are none."""
        return self.hits / max(1, self.hits + self.false)

    @property
    def recall(self) -> float:
        """Share of the particles that were found."""
        return self.hits / max(1, self.hits + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.hits / max(1, 2 * self.hits + self.false + self.missed)

    @property
    def distance(self) -> float:
        """Median distance of the hits from the truth in voxels; NaN where there are none."""
        return float(np.median(self.distances)) if self.hits else np.nan


@dataclass(frozen=True, eq=False)
class Judged:
    """All picks with what each of them is; made by `judge`.

    Parameters
    ----------
    scores : array, shape (n,)
        Of the picks, best first.
    particle : int array, shape (n,)
        Row of the true particle that the pick took; -1: none, it is false.
    distances : array, shape (n,)
        From that particle; NaN for a false pick.
    counted : bool array, shape (n,)
        False for the picks that took a reference.
    to_find : int
        Number of true particles that are not references.
    """

    scores: NDArray[np.float64]
    particle: NDArray[np.int64]
    distances: NDArray[np.float64]
    counted: NDArray[np.bool_]
    to_find: int

    def above(self, threshold: float) -> Score:
        """What the picks are worth whose score is at least the threshold."""
        return self._first(int((self.scores >= threshold).sum()))

    def best(self) -> Score:
        """What they are worth at the threshold that turns out best: it takes the truth to know it."""
        hits = np.cumsum(self.counted & (self.particle >= 0))
        f1 = 2 * hits / (np.cumsum(self.counted) + self.to_find)
        return self._first(int(np.argmax(f1)) + 1 if len(f1) else 0)

    def _first(self, n: int) -> Score:
        counted = self.counted[:n]
        right = counted & (self.particle[:n] >= 0)
        hits = int(right.sum())
        return Score(hits, int(counted.sum()) - hits, self.to_find - hits, self.distances[:n][right])


def judge(
    positions: ArrayLike, scores: ArrayLike, truth: ArrayLike, radius: float, references: ArrayLike = ()
) -> Judged:
    """Say of every pick whether it is right.

    Parameters
    ----------
    positions : array-like, shape (n, 3)
        Picks.
    scores : array-like, shape (n,)
        The higher the better; picks of one score keep their order.
    truth : array-like, shape (m, 3)
        True positions.
    radius : float
        A pick is right within this distance of a true position.
    references : array-like of int
        Rows of `truth` that were clicked as positive references.
    """
    values = np.asarray(scores, np.float64).reshape(-1)
    order = np.argsort(-values, kind="stable")
    picks = np.asarray(positions, np.float64).reshape(-1, 3)[order]
    true = np.asarray(truth, np.float64).reshape(-1, 3)
    is_reference = np.zeros(len(true), bool)
    is_reference[np.asarray(references, np.int64)] = True

    free = np.ones(len(true), bool)
    particle = np.full(len(picks), -1)
    distances = np.full(len(picks), np.nan)
    for row, pick in enumerate(picks):
        apart = np.where(free, np.linalg.norm(true - pick, axis=1), np.inf)
        if len(true) and apart.min() <= radius:
            particle[row] = np.argmin(apart)
            distances[row] = apart.min()
            free[particle[row]] = False
    counted = ~(is_reference[particle] & (particle >= 0)) if len(true) else np.ones(len(picks), bool)
    return Judged(values[order], particle, distances, counted, int((~is_reference).sum()))
