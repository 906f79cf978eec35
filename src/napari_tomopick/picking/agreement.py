"""How well pickers agree with each other, and with a set that is taken to be right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_tomopick.geometry.coordinates import as_positions
from napari_tomopick.models.particles import Particles
from napari_tomopick.picking.consensus import Consensus


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


def matched(
    positions: ArrayLike, truth: ArrayLike, radius: float, scores: ArrayLike | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pair picks with true positions, one to one, none further apart than the radius.

    With scores the picks are gone through from the best score down, and each takes the nearest that no better
    one has taken; so what those above a threshold are paired with does not depend on those below it. Without,
    and among equal scores, the nearest pairs go first.

    Parameters
    ----------
    positions : array-like, shape (n, 3)
        Picks.
    truth : array-like, shape (m, 3)
    radius : float
    scores : array-like, shape (n,), optional
        The higher the better; one that is missing (NaN) comes last.

    Returns
    -------
    int array, shape (n,)
        Row of the true position that each pick has; -1: none, it is false.
    array, shape (n,)
        Distance from it; NaN for a false pick.
    """
    picks, true = as_positions(positions), as_positions(truth)
    found, distances = np.full(len(picks), -1), np.full(len(picks), np.nan)
    if not (len(picks) and len(true)):
        return found, distances
    near = cKDTree(picks).sparse_distance_matrix(cKDTree(true), radius, output_type="ndarray")
    rows, columns = near["i"].astype(np.int64), near["j"].astype(np.int64)
    apart = np.linalg.norm(picks[rows] - true[columns], axis=1)
    worse = np.zeros(len(picks)) if scores is None else -np.asarray(scores, np.float64).reshape(-1)
    order = np.lexsort((columns, rows, apart, np.where(np.isnan(worse), np.inf, worse)[rows]))

    from napari_tomopick.picking.consensus_kernels import first_come

    found = np.asarray(first_come(rows[order], columns[order], len(picks), len(true)), np.int64)
    right = found >= 0
    distances[right] = np.linalg.norm(picks[right] - true[found[right]], axis=1)
    return found, distances


def score_against(particles: Particles, truth: Particles, radius: float) -> Score:
    """What picks are worth if another set on the same grid is right; nearest pairs go first.

    Tomograms in which that set has nothing are left out: it is taken that nobody has looked at them.
    """
    hits, judged, distances = 0, 0, [np.empty(0)]
    for name in np.unique(truth.tomograms):
        here = particles.positions[particles.tomograms == name]
        found, apart = matched(here, truth.positions[truth.tomograms == name], radius)
        judged += len(here)
        hits += int((found >= 0).sum())
        distances.append(apart[found >= 0])
    return Score(hits, judged - hits, len(truth) - hits, np.concatenate(distances))


@dataclass(frozen=True, eq=False)
class Agreement:
    """Who picked the same particles, counted in clusters.

    Parameters
    ----------
    names : tuple of str
        Of the pickers.
    combinations : tuple of tuple of bool
        Which pickers voted for a cluster and which did not; every combination that occurs, the most votes
        first, then the most clusters.
    tomograms : tuple of str
    counts : int array, shape (combinations, tomograms)
        How many clusters.
    kept : int array, shape (combinations, tomograms)
        How many of them the consensus has kept.
    """

    names: tuple[str, ...]
    combinations: tuple[tuple[bool, ...], ...]
    tomograms: tuple[str, ...]
    counts: NDArray[np.int64]
    kept: NDArray[np.int64]

    @classmethod
    def of(cls, result: Consensus) -> Agreement:
        """Count the clusters of a consensus, also those with too few votes."""
        voted = result.picks >= 0
        tomograms, place = np.unique(result.tomograms, return_inverse=True)
        kinds, kind = np.unique(voted, axis=0, return_inverse=True)
        counts, kept = np.zeros((2, len(kinds), len(tomograms)), np.int64)
        cells = kind.reshape(-1), place.reshape(-1)
        np.add.at(counts, cells, 1)
        np.add.at(kept, cells, result.kept.astype(np.int64))
        order = np.lexsort((np.arange(len(kinds))[::-1], -counts.sum(axis=1), -kinds.sum(axis=1)))
        return cls(
            result.names,
            tuple(tuple(map(bool, row)) for row in kinds[order]),
            tuple(map(str, tomograms)),
            counts[order],
            kept[order],
        )

    def totals(self) -> NDArray[np.int64]:
        """Clusters of each combination, in all tomograms."""
        return np.asarray(self.counts.sum(axis=1))

    def by_picker(self, tomogram: str | None = None) -> NDArray[np.int64]:
        """Clusters that each picker voted for, in one tomogram or in all, ``(pickers,)``."""
        return np.asarray(self._mask().T.astype(np.int64) @ self._counts(tomogram))

    def alone(self, tomogram: str | None = None) -> NDArray[np.int64]:
        """Clusters that only that picker voted for, ``(pickers,)``."""
        single = self._mask().sum(axis=1) == 1
        return np.asarray((self._mask() & single[:, None]).T.astype(np.int64) @ self._counts(tomogram))

    def jaccard(self, tomogram: str | None = None) -> NDArray[np.float64]:
        """Of the clusters that either of two pickers voted for, the share of both; NaN where there are none.

        Shape ``(pickers, pickers)``.
        """
        mask, counts = self._mask().astype(np.int64), self._counts(tomogram)
        both = mask.T @ (mask * counts[:, None])
        each = np.diag(both)
        either = each[:, None] + each[None] - both
        return np.divide(both, either, out=np.full(both.shape, np.nan), where=either > 0)

    def words(self, combination: Sequence[bool]) -> str:
        """The names of those who voted."""
        return " + ".join(name for name, voted in zip(self.names, combination, strict=True) if voted)

    def _mask(self) -> NDArray[np.bool_]:
        return np.array(self.combinations, bool).reshape(-1, len(self.names))

    def _counts(self, tomogram: str | None) -> NDArray[np.int64]:
        if tomogram is None:
            return self.totals()
        return np.asarray(self.counts[:, self.tomograms.index(tomogram)])
