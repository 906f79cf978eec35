"""The boxes around points or particles, in the order in which they are looked through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.layers.user_points import DEFAULT_BOX

Sorting = Literal["order", "score", "group", "z"]


@dataclass(frozen=True, eq=False)
class Boxes:
    """The boxes of one model or particle set, in the order in which they are shown.

    Parameters
    ----------
    uid : str
        Of the model or particle set; "" where there is none.
    name : str
    is_set : bool
    ids : int array, shape (n,)
        Rows of the model's points, or ids of the particles.
    positions : array, shape (n, 3)
        x, y, z in voxels.
    scores : array, shape (n,)
        NaN where there is none.
    groups : int array, shape (n,)
    box_size : int
    """

    uid: str
    name: str
    is_set: bool
    ids: NDArray[np.int64]
    positions: NDArray[np.float64]
    scores: NDArray[np.float64]
    groups: NDArray[np.int64]
    box_size: int

    def __len__(self) -> int:
        return len(self.ids)

    def number(self, place: int) -> int:
        """What a box is called: the number of the point, counted from 1, or the id of the particle."""
        return int(self.ids[place]) + (not self.is_set)

    @property
    def sortings(self) -> tuple[Sorting, ...]:
        """What tells these boxes apart, and so can sort them."""
        scored, grouped = np.isfinite(self.scores).any(), len(np.unique(self.groups)) > 1
        return "order", *(("score",) if scored else ()), *(("group",) if grouped else ()), "z"

    def sorted(self, by: Sorting, reverse: bool = False) -> Boxes:
        """The same boxes in another order: score has the best first, and those without one last."""
        values = {
            "order": np.arange(len(self)),
            "score": -self.scores,
            "group": self.groups,
            "z": self.positions[:, 2],
        }[by]
        return self.at(np.argsort(-values if reverse else values, kind="stable"))

    def at(self, places: slice | NDArray[np.int64]) -> Boxes:
        """Some of the boxes, in this order."""
        return replace(
            self,
            ids=self.ids[places],
            positions=self.positions[places],
            scores=self.scores[places],
            groups=self.groups[places],
        )

    def caption(self, place: int) -> str:
        """The number of a box, and its score if it has one."""
        score = self.scores[place]
        number = str(self.number(place))
        return f"{number} · {score:.3g}" if np.isfinite(score) else number

    def tip(self, place: int) -> str:
        """All there is to say about a box."""
        score = f", score {self.scores[place]:.4g}" if np.isfinite(self.scores[place]) else ""
        return (
            f"{'Particle' if self.is_set else 'Point'} {self.number(place)} of '{self.name}'\n"
            "x {:.1f}, y {:.1f}, z {:.1f}".format(*self.positions[place])
            + f"\ngroup {self.groups[place]}{score}"
        )


def no_boxes() -> Boxes:
    """Where there is no model and no particle set."""
    empty = np.empty(0, np.int64)
    return Boxes("", "", False, empty, np.empty((0, 3)), np.empty(0), empty, DEFAULT_BOX)
