"""Places in a tomogram with poses and scores, and which of them are worth another look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.picking.score_map import apart

_MIGHT, _SURELY = 1.5, 4.0  # of scores of the second look
_SOME, _GENEROUS, _MORE = 100, 1.3, 40

BACKGROUND, CONTROL = 1, 2
"""Kinds of places: those that hardly stand out, and those of them that are looked at to the end."""


@dataclass(frozen=True, eq=False)
class Posed:
    """Places with poses: positions in voxels of the tomogram, quaternions, scores, kinds.

    Poses are ``(n, s, 3)`` and ``(n, s, 4)``: of each place the best, and others from which the best may be
    reached as well. Kinds are 0, `BACKGROUND` or `CONTROL`.
    """

    all_at: NDArray[np.float64]
    all_turns: NDArray[np.float64]
    scores: NDArray[np.float64]
    kinds: NDArray[np.int8]

    @property
    def control(self) -> NDArray[np.bool_]:
        """Which of them are controls."""
        return self.kinds == CONTROL

    @property
    def at(self) -> NDArray[np.float64]:
        """Positions of the best poses, ``(n, 3)``."""
        return self.all_at[:, 0]

    @property
    def turns(self) -> NDArray[np.float64]:
        """Quaternions of the best poses, ``(n, 4)``."""
        return self.all_turns[:, 0]

    def __getitem__(self, rows: NDArray[np.generic]) -> Posed:
        """Some of the places."""
        return Posed(self.all_at[rows], self.all_turns[rows], self.scores[rows], self.kinds[rows])

    def best_first(self, minimum_distance: float) -> Posed:
        """In the order of their scores, each at least so far from all better ones; controls stay."""
        ordered = self[np.argsort(-self.scores, kind="stable")]
        kept = np.zeros(len(self.scores), bool)
        kept[apart(ordered.at, minimum_distance, None)] = True
        return ordered[kept | ordered.control]

    def promising(self) -> Posed:
        """Those whose scores, best first, stand out from the background, and the controls.

        At most a third and some more than surely do: the closest look takes longest.
        """
        above = above_usual(self.scores, self.scores[self.kinds > 0])
        most = max(_SOME, _MORE + int(_GENEROUS * (above > _SURELY).sum()))
        chosen = np.zeros(len(self.scores), bool)
        chosen[np.flatnonzero(above > _MIGHT)[:most]] = True
        return self[chosen | self.control]


def above_usual(
    scores: NDArray[np.floating], among: NDArray[np.floating] | None = None
) -> NDArray[np.float64]:
    """Scores in standard deviations above what is usual among these (default: among themselves).

    That is told from the lower ones: half may be particles.
    """
    among = scores if among is None else among
    if not len(among):
        return np.zeros(len(scores))
    low, middle = np.percentile(among, [10.0, 40.0])
    # of a normal distribution these lie 1.028 standard deviations apart, the second 0.253 below the middle
    deviation = max(float(middle - low) / 1.028, 1e-9)
    return np.asarray((scores - (middle + 0.253 * deviation)) / deviation)
