"""The boxes around points or particles, in the order in which they are looked through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.layers.user_points import DEFAULT_BOX

if TYPE_CHECKING:
    from napari_tomopick.models.quantities import Quantity

ORDERS = {"order": "order", "score": "score", "group": "group", "z": "z"}
"""By what any boxes can be sorted, if it tells them apart, and what it is called."""


@dataclass(frozen=True, eq=False)
class Placing:
    """Where boxes lie in what they are read from: the tomogram, or a file for each.

    Parameters
    ----------
    centres : array, shape (n, 3)
        x, y, z in voxels of that, where the particle is.
    turns : array, shape (n, 3, 3), optional
        From the particle's own frame to the frame of that. None: there are no orientations.
    upright : array, shape (n, 3, 3), optional
        From the frame of the tomogram to the frame of that. None: it is the same.
    numbers : int array, shape (n,), optional
        Which file. None: there is only one.
    """

    centres: NDArray[np.float64]
    turns: NDArray[np.float64] | None = None
    upright: NDArray[np.float64] | None = None
    numbers: NDArray[np.int64] | None = None

    def at(self, places: slice | NDArray[np.int64] | NDArray[np.bool_]) -> Placing:
        """Some of them, in this order."""
        return Placing(
            self.centres[places],
            *(None if a is None else a[places] for a in (self.turns, self.upright)),
            None if self.numbers is None else self.numbers[places],
        )


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
        x, y, z in voxels of the tomogram.
    scores : array, shape (n,)
        NaN where there is none.
    groups : int array, shape (n,)
    box_size : int
    placing : Placing, optional
        Where their boxes lie in what they are read from. None: at the positions, without an orientation.
    measures : mapping of str to Quantity
        What else they can be sorted by.
    hidden : int
        How many more there are, which are filtered out.
    """

    uid: str
    name: str
    is_set: bool
    ids: NDArray[np.int64]
    positions: NDArray[np.float64]
    scores: NDArray[np.float64]
    groups: NDArray[np.int64]
    box_size: int
    placing: Placing | None = None
    measures: Mapping[str, Quantity] = field(default_factory=dict)
    hidden: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def placed(self) -> Placing:
        """Where they lie in what they are read from."""
        return Placing(self.positions) if self.placing is None else self.placing

    @property
    def oriented(self) -> bool:
        """Whether the particles' own frames are other than the tomogram's."""
        return self.placed.turns is not None

    def number(self, place: int) -> int:
        """What a box is called: the number of the point, counted from 1, or the id of the particle."""
        return int(self.ids[place]) + (not self.is_set)

    @property
    def sortings(self) -> tuple[str, ...]:
        """What tells these boxes apart, and so can sort them: keys of `ORDERS` and of measures."""
        scored, grouped = np.isfinite(self.scores).any(), len(np.unique(self.groups)) > 1
        own = "order", *(("score",) if scored else ()), *(("group",) if grouped else ()), "z"
        return *own, *self.measures

    def sorted(self, by: str, reverse: bool = False) -> Boxes:
        """The same boxes in another order; score has the best first, and those without a value are last.

        By something that these boxes do not have, they stay in the order that they have.
        """
        if by == "order":
            values = np.arange(len(self), dtype=np.float64)
        elif by == "score":
            values = -self.scores
        elif by == "group":
            values = self.groups.astype(np.float64)
        elif by == "z":
            values = self.positions[:, 2]
        else:
            values = self.measures[by].values if by in self.measures else np.zeros(len(self))
        return self.at(np.argsort(-values if reverse else values, kind="stable"))

    def at(self, places: slice | NDArray[np.int64] | NDArray[np.bool_]) -> Boxes:
        """Some of the boxes, in this order."""
        return replace(
            self,
            ids=self.ids[places],
            positions=self.positions[places],
            scores=self.scores[places],
            groups=self.groups[places],
            placing=None if self.placing is None else self.placing.at(places),
            measures={key: replace(q, values=q.values[places]) for key, q in self.measures.items()},
        )

    def caption(self, place: int, measure: str = "score") -> str:
        """The number of a box, and its score or another measure if it has one."""
        values = self.measures[measure].values if measure in self.measures else self.scores
        number = str(self.number(place))
        return f"{number} · {values[place]:.3g}" if np.isfinite(values[place]) else number

    def tip(self, place: int) -> str:
        """All there is to say about a box."""
        score = f", score {self.scores[place]:.4g}" if np.isfinite(self.scores[place]) else ""
        measures = "".join(
            f"\n{q.label}: {q.values[place]:.4g}"
            for q in self.measures.values()
            if np.isfinite(q.values[place])
        )
        return (
            f"{'Particle' if self.is_set else 'Point'} {self.number(place)} of '{self.name}'\n"
            "x {:.1f}, y {:.1f}, z {:.1f}".format(*self.positions[place])
            + f"\ngroup {self.groups[place]}{score}{measures}"
        )


def no_boxes() -> Boxes:
    """Where there is no model and no particle set."""
    empty = np.empty(0, np.int64)
    return Boxes("", "", False, empty, np.empty((0, 3)), np.empty(0), empty, DEFAULT_BOX)
