"""What was matched: candidates by tomogram, the threshold from which they count, and what is kept of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tomopick.errors import ParameterError
from napari_tomopick.layers.matching_map import MatchLayer
from napari_tomopick.models.particles import Particles, concatenate
from napari_tomopick.models.step import Step
from napari_tomopick.protocols import jobs_match as jobs

if TYPE_CHECKING:
    from napari_tomopick.layers.matching import Matching
    from napari_tomopick.protocols.match import Matched

PREVIEW_OF_MATCHES = "preview of matches"
"""In place of the uid of a set: matches that are looked at, but not kept."""

KEPT_SEARCHES = 4
NOTHING = "Nothing was matched in this tomogram yet: press Match."


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
    counted : frozenset of int
        Those that were kept last.
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
    counted: frozenset[int] = frozenset()

    @property
    def tomogram(self) -> str:
        """Name of the tomogram."""
        return self.matched.tomogram.name

    @property
    def first_section(self) -> int:
        """First section of the part of the tomogram that was read."""
        return jobs.first_section(self.matched, self.sections)

    def particles(self) -> Particles:
        """Those that count, best first; the id of each is its rank among the candidates, from 1."""
        matched = self.matched
        candidates = replace(matched, number=len(matched.found.scores)).particles_from(self.threshold)
        if self.rejected:
            candidates = candidates.select(~np.isin(candidates.ids, list(self.rejected)))
        return candidates.select(np.arange(min(len(candidates), self.number)))

    def as_counted(self) -> Outcome:
        """The same, with a note that what counts now is kept."""
        return replace(self, counted=frozenset(self.particles().ids.tolist()))

    def weeded(self, kept: Particles) -> Outcome:
        """The same, without what was thrown out of what is kept, and with what was brought back."""
        there = {tuple(place) for place in kept.positions.tolist()}
        places = [tuple(place) for place in self.matched.found.positions.tolist()]
        gone = {rank for rank in self.counted | self.rejected if places[rank - 1] not in there}
        return replace(self, rejected=frozenset(gone))


class Results:
    """See the module.

    Parameters
    ----------
    matching : Matching
    """

    def __init__(self, matching: Matching) -> None:
        self._matching = matching
        self.map = MatchLayer(matching.workspace)
        self._outcomes: OrderedDict[str, Outcome] = OrderedDict()
        self._live: Particles | None = None
        # the record of what is kept, as the threshold goes by it
        self._steps: dict[str, Step] = {}

    # what there is

    @property
    def outcome(self) -> Outcome | None:
        """What was found in the shown tomogram; None if that is not known (any more)."""
        return self._outcomes.get(self._matching.workspace.tomogram_name)

    @property
    def live(self) -> bool:
        """Whether what is looked at is not what is kept."""
        return self._live is not None

    @property
    def kept(self) -> Particles | None:
        """What the project has of this set in the shown tomogram; None if there is no such set."""
        work = self._matching.workspace
        if work.session is None or work.tomogram is None:
            return None
        return jobs.kept_matches(work.session, self.label, work.tomogram_name)

    @property
    def label(self) -> str:
        """Name of the set that is looked at."""
        outcome = self.outcome
        return self._matching.set_name if outcome is None else outcome.label

    @property
    def shown(self) -> Particles | None:
        """The particles that are looked at: those of a preview, or else those kept."""
        return self._live if self._live is not None else self.kept

    @property
    def _set_uid(self) -> str:
        session = self._matching.workspace.session
        found = None if session is None else jobs.matches_of(session, self.label)
        return "" if found is None else found.uid

    # what was found

    def take(self, outcome: Outcome) -> None:
        """Take what was found in a tomogram; it is drawn if that one is shown."""
        self._outcomes[outcome.tomogram] = outcome
        self._outcomes.move_to_end(outcome.tomogram)
        while len(self._outcomes) > KEPT_SEARCHES:
            self._outcomes.popitem(last=False)
        if outcome is self.outcome and self._matching.opened:
            self._matching.colour_by_score()
            self._draw(outcome.particles())

    def show_tomogram(self) -> None:
        """Show what is known of the tomogram that is shown now; a preview comes back as it was."""
        outcome = self.outcome
        preview = outcome is not None and outcome.sections is not None
        self._draw(outcome.particles() if preview and outcome is not None else None)

    def forget(self) -> None:
        """Let go of everything, as another project is opened."""
        self._outcomes.clear()
        self._steps.clear()
        self.close()

    def close(self) -> None:
        """Draw nothing that is not kept."""
        self._live = None
        self._matching.workspace.review.preview(None, uid=PREVIEW_OF_MATCHES)
        self.map.show(None)

    def _draw(self, particles: Particles | None) -> None:
        self._live = particles
        review = self._matching.workspace.review
        review.preview(particles, jobs.MATCHES_COLOUR, self._instead_of(), uid=PREVIEW_OF_MATCHES)
        self.map.show(self.outcome)

    def _instead_of(self) -> str:
        outcome = self.outcome
        # a preview of some sections does not hide what is kept in the others
        return "" if outcome is None or outcome.sections is not None else self._set_uid

    # threshold and number

    def set_threshold(self, threshold: float) -> None:
        """Look at what another threshold gives; `keep` makes an edit of it."""
        self._change(threshold=float(threshold))

    def set_number(self, number: int) -> None:
        """Look at what another number of particles, at most, gives."""
        self._change(number=number)

    def propose(self) -> None:
        """Go back to the threshold that the scores themselves tell."""
        outcome = self.outcome
        if outcome is not None:
            self._change(threshold=outcome.matched.threshold)

    def _change(self, **changes: Any) -> None:
        before = self.outcome
        if before is None:
            return
        after = replace(before, **changes)
        if (after.threshold, after.number) == (before.threshold, before.number):
            return
        self._outcomes[before.tomogram] = after
        self._draw(after.particles())
        self._matching.changed.emit()

    # keeping

    def keep(self, outcome: Outcome | None = None) -> int:
        """Let what counts be the matches in its tomogram, as one edit; return how many are kept there.

        Those of a preview take the place of what is kept in the sections that were searched.

        Raises
        ------
        ParameterError
            If there is nothing to keep.
        """
        outcome = self.outcome if outcome is None else outcome
        if outcome is None:
            raise ParameterError(NOTHING)
        session = self._matching.workspace.open_session
        particles = self._with_other_sections(outcome, outcome.particles())
        kept = jobs.kept_matches(session, outcome.label, outcome.tomogram)
        if kept is None or not _same(kept, particles):
            step = jobs.matching_step(
                outcome.tomogram,
                outcome.template,
                outcome.mask,
                outcome.matched.template.symmetry,
                {**outcome.options, "number": outcome.number},
                outcome.threshold,
            )
            # what follows from what is set here need not be followed
            self._steps[outcome.tomogram] = step
            jobs.keep_matches(session, outcome.label, outcome.tomogram, particles, step)
        if outcome is self.outcome:
            self._outcomes.pop(outcome.tomogram)
            # a preview is none any more: its sections are part of the whole
            if outcome.sections is None:
                self._outcomes[outcome.tomogram] = outcome.as_counted()
            self._draw(None)
            self._matching.changed.emit()
        return len(particles)

    def _with_other_sections(self, outcome: Outcome, particles: Particles) -> Particles:
        if outcome.sections is None:
            return particles
        session = self._matching.workspace.open_session
        kept = jobs.kept_matches(session, outcome.label, outcome.tomogram)
        if kept is None or not len(kept):
            return particles
        low, high = outcome.sections
        z = kept.positions[:, 2]
        others = kept.select((z < low - 0.5) | (z > high + 0.5))
        return concatenate([replace(others, box_size=particles.box_size), particles])

    def follow_kept(self) -> None:
        """Follow undo, redo, and what was thrown out elsewhere."""
        outcome, session = self.outcome, self._matching.workspace.session
        if outcome is None or session is None or self.live or outcome.sections is not None:
            return
        found = jobs.matches_of(session, outcome.label)
        kept = self.kept
        if found is None or kept is None:
            return
        step = found.step
        if f"tomogram {outcome.tomogram}" in step.inputs and step != self._steps.get(outcome.tomogram):
            values = step.parameters
            outcome = replace(outcome, threshold=values["threshold"], number=values["number"]).as_counted()
            self._steps[outcome.tomogram] = step
        self._outcomes[outcome.tomogram] = outcome.weeded(kept)
        self._matching.changed.emit()

    def delete(self, ids: Sequence[int]) -> None:
        """Throw out some that are looked at, by their ids."""
        outcome = self.outcome
        if outcome is None or self._live is None:
            return
        outcome = replace(outcome, rejected=outcome.rejected | set(map(int, ids)))
        self._outcomes[outcome.tomogram] = outcome
        self._draw(outcome.particles())
        self._matching.changed.emit()


def _same(kept: Particles, particles: Particles) -> bool:
    return (
        np.array_equal(kept.positions, particles.positions)
        and np.array_equal(kept.scores, particles.scores)
        and kept.box_size == particles.box_size
    )
