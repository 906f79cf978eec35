"""What was matched: candidates by tomogram, the threshold from which they count, and what is kept of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tomopick.errors import ParameterError
from napari_tomopick.layers.matching_map import MatchLayer
from napari_tomopick.layers.matching_outcome import Outcome, Searched
from napari_tomopick.models.particles import Particles, concatenate
from napari_tomopick.protocols import jobs_match as jobs

if TYPE_CHECKING:
    from napari_tomopick.layers.matching import Matching

PREVIEW_OF_MATCHES = "preview of matches"
"""In place of the uid of a set: matches that are looked at, but not kept."""

KEPT_SEARCHES = 4
NOTHING = "Nothing was matched in this tomogram yet: press Match."


class Results:
    """See the module.

    Parameters
    ----------
    matching : Matching
    """

    def __init__(self, matching: Matching) -> None:
        self._matching = matching
        self.map = MatchLayer(matching.workspace)
        self._searched: OrderedDict[str, Searched] = OrderedDict()
        self._live: Particles | None = None

    # what there is

    @property
    def outcome(self) -> Outcome | None:
        """What was found in the shown tomogram; None if that is not known (any more)."""
        known = self._here
        return None if known is None else known.outcome

    @property
    def _here(self) -> Searched | None:
        return self._searched.get(self._matching.workspace.tomogram_name)

    @property
    def previewing(self) -> bool:
        """Whether what is looked at is a preview of some sections."""
        outcome = self.outcome
        return outcome is not None and outcome.sections is not None

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
        self._searched.setdefault(outcome.tomogram, Searched()).take(outcome)
        self._searched.move_to_end(outcome.tomogram)
        while len(self._searched) > KEPT_SEARCHES:
            self._searched.popitem(last=False)
        if outcome is self.outcome and self._matching.opened:
            self._matching.colour_by_score()
            self._draw(outcome.particles())

    def show_tomogram(self) -> None:
        """Show what is known of the tomogram that is shown now; a preview comes back as it was."""
        outcome = self.outcome
        self._draw(outcome.particles() if outcome is not None and self.previewing else None)

    def drop_preview(self) -> None:
        """Look at what is kept again."""
        known = self._here
        if known is not None:
            known.preview = None
            self._draw(None)
            self._matching.changed.emit()

    def forget(self) -> None:
        """Let go of everything, as another project is opened."""
        self._searched.clear()
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
        # a preview of some sections does not hide what is kept in the others
        return "" if self.previewing else self._set_uid

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
        self._searched[before.tomogram].change(after)
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
            jobs.keep_matches(session, outcome.label, outcome.tomogram, particles, step)
        shown = outcome is self.outcome
        known = self._searched.get(outcome.tomogram)
        if known is not None and known.outcome is outcome:
            known.note_kept()
        if shown:
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
        known, kept = self._here, self.kept
        if known is not None and kept is not None and not self.live and known.follow(kept):
            self._matching.changed.emit()

    def delete(self, ids: Sequence[int]) -> None:
        """Throw out some that are looked at, by their ids."""
        outcome = self.outcome
        if outcome is None or self._live is None:
            return
        outcome = replace(outcome, rejected=outcome.rejected | set(map(int, ids)))
        self._searched[outcome.tomogram].change(outcome)
        self._draw(outcome.particles())
        self._matching.changed.emit()


def _same(kept: Particles, particles: Particles) -> bool:
    return (
        np.array_equal(kept.positions, particles.positions)
        and np.array_equal(kept.scores, particles.scores)
        and kept.box_size == particles.box_size
    )
