"""`Selection`: the selected particles, one for every view."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal

Ids = NDArray[np.int64]


class Selection:
    """Which particles are selected, by the uid of their set and their ids.

    Whoever shows particles listens to `changed`; whoever lets a user select sets this. There is no other
    selection.

    Signals
    -------
    changed()
        Other particles are selected.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._ids: dict[str, Ids] = {}

    def __len__(self) -> int:
        return sum(map(len, self._ids.values()))

    @property
    def uids(self) -> tuple[str, ...]:
        """Sets of which particles are selected."""
        return tuple(self._ids)

    def ids(self, uid: str) -> Ids:
        """The selected particles of a set, in ascending order."""
        return self._ids.get(uid, np.empty(0, np.int64))

    @property
    def rows(self) -> list[tuple[str, int]]:
        """(set uid, particle id) of all of them."""
        return [(uid, int(i)) for uid, ids in self._ids.items() for i in ids]

    def mask(self, uid: str, ids: ArrayLike) -> NDArray[np.bool_]:
        """Which of these particles of a set are selected."""
        return np.isin(np.asarray(ids, np.int64), self.ids(uid))

    def set(self, ids: Mapping[str, ArrayLike]) -> None:
        """Select these particles and no others."""
        wanted = {uid: np.unique(np.asarray(some, np.int64)) for uid, some in ids.items()}
        wanted = {uid: some for uid, some in wanted.items() if len(some)}
        same = wanted.keys() == self._ids.keys() and all(
            np.array_equal(some, self._ids[uid]) for uid, some in wanted.items()
        )
        if not same:
            self._ids = wanted
            self.changed.emit()

    def add(self, ids: Mapping[str, ArrayLike]) -> None:
        """Select these particles as well."""
        self.set(self._ids | {uid: np.union1d(self.ids(uid), some) for uid, some in _arrays(ids).items()})

    def remove(self, ids: Mapping[str, ArrayLike]) -> None:
        """Select these particles no more."""
        self.set(self._ids | {uid: np.setdiff1d(self.ids(uid), some) for uid, some in _arrays(ids).items()})

    def toggle(self, ids: Mapping[str, ArrayLike]) -> None:
        """Select those of these particles that are not selected, and the others no more."""
        self.set(self._ids | {uid: np.setxor1d(self.ids(uid), some) for uid, some in _arrays(ids).items()})

    def clear(self) -> None:
        """Select nothing."""
        self.set({})

    def keep(self, there: Mapping[str, ArrayLike]) -> None:
        """Forget selected particles that are not among these: they are gone."""
        left = {uid: ids[np.isin(ids, np.asarray(there.get(uid, ())))] for uid, ids in self._ids.items()}
        self.set(left)


def _arrays(ids: Mapping[str, ArrayLike]) -> dict[str, Ids]:
    # a particle that is named twice is still one
    return {uid: np.unique(np.asarray(some, np.int64)) for uid, some in ids.items()}
