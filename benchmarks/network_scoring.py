"""Whether picks are right: paired one to one, and the references that were clicked left out.

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

from napari_tomopick.picking.agreement import Score, matched


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
        The higher the better; of picks of one score the one nearest to a particle goes first.
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

    particle, distances = matched(picks, true, radius, values[order])
    counted = ~(is_reference[particle] & (particle >= 0)) if len(true) else np.ones(len(picks), bool)
    return Judged(values[order], particle, distances, counted, int((~is_reference).sum()))
