"""What was found in one tomogram, what of it counts, and how that follows what the project keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari_tomopick.models.particles import Particles
    from napari_tomopick.protocols.match import Matched


@dataclass(frozen=True, eq=False)
class Outcome:
    """What was found in one tomogram, and what of it counts.

    Parameters
    ----------
    matched : Matched
    label : str
        Name of the particle set.
    template, mask : Path
    options : mapping
        Of the search.
    sections : (int, int), optional
        First and last section that were searched, of a preview.
    threshold : float
    number : int
        Of particles, at most.
    rejected : frozenset of int
        Candidates that a user has thrown out, by their rank.
    kept : frozenset of int
        Those that are in the project, by their rank.
    """

    matched: Matched
    label: str
    template: Path
    mask: Path | None
    options: Mapping[str, Any] = field(repr=False)
    sections: tuple[int, int] | None
    threshold: float
    number: int
    rejected: frozenset[int] = frozenset()
    kept: frozenset[int] = frozenset()

    @property
    def tomogram(self) -> str:
        """Name of the tomogram."""
        return self.matched.tomogram.name

    def particles(self) -> Particles:
        """Those that count, best first; the id of each is its rank among the candidates, from 1."""
        matched = self.matched
        candidates = replace(matched, number=len(matched.found.scores)).particles_from(self.threshold)
        if self.rejected:
            candidates = candidates.select(~np.isin(candidates.ids, list(self.rejected)))
        return candidates.select(np.arange(min(len(candidates), self.number)))

    def ranks_of(self, kept: Particles) -> frozenset[int] | None:
        """The ranks of particles among the candidates; None if there are none, or they are others."""
        ranks = {tuple(place): i for i, place in enumerate(self.matched.found.positions.tolist(), start=1)}
        found = [ranks.get(tuple(place)) for place in kept.positions.tolist()]
        return frozenset(rank for rank in found if rank is not None) if found and None not in found else None

    def weeded(self, kept: frozenset[int]) -> Outcome:
        """The same, without what was thrown out of what is kept, given what is left."""
        rejected = (self.rejected | (self.kept - kept)) - kept
        return replace(self, rejected=rejected, kept=kept)


class Searched:
    """What is known of one tomogram: a whole search, as it was kept at times, and a preview.

    Attributes
    ----------
    whole, preview : Outcome or None
    """

    def __init__(self) -> None:
        self.whole: Outcome | None = None
        self.preview: Outcome | None = None
        # by what was kept: so undo brings thresholds back
        self._before: dict[frozenset[int], Outcome] = {}

    @property
    def outcome(self) -> Outcome | None:
        """What is looked at."""
        return self.whole if self.preview is None else self.preview

    def take(self, outcome: Outcome) -> None:
        """Take what a new search has found."""
        if outcome.sections is None:
            self.whole, self.preview = outcome, None
            self._before.clear()
        else:
            self.preview = outcome

    def change(self, outcome: Outcome) -> None:
        """Take the same with another threshold."""
        if outcome.sections is None:
            self.whole = outcome
        else:
            self.preview = outcome

    def note_kept(self) -> None:
        """Note that what counts now is kept. A preview is none any more: its sections are part of more."""
        if self.preview is not None:
            self.whole = self.preview = None
        elif self.whole is not None:
            self._put(replace(self.whole, kept=frozenset(self.whole.particles().ids.tolist())))

    def follow(self, kept: Particles) -> bool:
        """Follow undo and redo, and what was thrown out; whether anything was to be followed."""
        if self.whole is None:
            return False
        ranks = self.whole.ranks_of(kept)
        if ranks is None or ranks == self.whole.kept:
            return False
        self._put(self._before.get(ranks) or self.whole.weeded(ranks))
        return True

    def _put(self, outcome: Outcome) -> None:
        self.whole = self._before[outcome.kept] = outcome
