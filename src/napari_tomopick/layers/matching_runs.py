"""Searching: the shown sections, the shown tomogram, or all of them, in the background."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tomopick.errors import ModelError, ParameterError, TomopickError
from napari_tomopick.layers.background import Background
from napari_tomopick.layers.matching_outcome import Outcome
from napari_tomopick.project.checks import same_voxel_size
from napari_tomopick.project.names import counted
from napari_tomopick.protocols import jobs_match as jobs

if TYPE_CHECKING:
    from napari_tomopick.layers.matching import Matching
    from napari_tomopick.layers.matching_template import Chosen
    from napari_tomopick.models.tomogram import Tomogram
    from napari_tomopick.protocols.describe import Progress
    from napari_tomopick.protocols.match import Matched

NO_TOMOGRAM = "Open a tomogram first."
ALL_DONE = "All tomograms have particles of this set already; do not skip those."
# of a template's diameter, on both sides of the shown section
PREVIEWED = 0.25


class Runs:
    """See the module; one search at a time. What is found belongs to the tomogram that was searched.

    Parameters
    ----------
    matching : Matching

    Attributes
    ----------
    background : Background
    message : str
        What came of what was done last.
    """

    def __init__(self, matching: Matching) -> None:
        self._matching = matching
        self.background = Background(lambda: matching.workspace.run_long)
        self.message = ""
        self.skip_done = True

    def stop(self) -> bool:
        """Give up what is under way; what was kept before stays. False if nothing is."""
        title = self.background.title
        if title:
            self.message = f"Stopped: {title[0].lower()}{title[1:]}."
        return self.background.stop()

    def previewed_sections(self, tomogram: Tomogram) -> tuple[int, int]:
        """First and last section around the shown one that a preview searches."""
        template = self._matching.choice.template
        around = PREVIEWED * template.diameter_angstrom / tomogram.voxel_size_angstrom
        last = tomogram.shape[0] - 1
        z = float(np.clip(self._matching.workspace.viewer.dims.point[0], 0, last))
        return max(0, round(z - around)), min(last, round(z + around))

    def preview(self) -> None:
        """Search the sections around the shown one, and draw what is found there without keeping it.

        Raises
        ------
        ModelError
            If no tomogram is shown.
        ParameterError
            If there is no template.
        """
        tomogram, chosen = self._shown(), self._chosen()
        sections = self.previewed_sections(tomogram)
        options = {**self._matching.options, "sections": sections}
        label = self._matching.set_name
        title = f"Previewing sections {sections[0]} to {sections[1]} of {tomogram.name}"

        def done(matched: Matched) -> None:
            self._matching.results.take(self._outcome(matched, label, chosen, options, sections))
            self.message = _noted(matched)

        self._search(title, tomogram, chosen, options, done, self._failed)

    def match(self) -> None:
        """Search the shown tomogram, and keep what is found as one edit.

        Raises
        ------
        ModelError
            If no tomogram is shown.
        ParameterError
            If there is no template.
        """
        tomogram, chosen = self._shown(), self._chosen()
        self._go_through([tomogram], chosen, dict(self._matching.options), self._matching.set_name, [], [])

    def match_all(self) -> None:
        """Search all tomograms of this voxel size, one after the other; each is one edit.

        Raises
        ------
        ModelError
            If no tomogram is shown.
        ParameterError
            If there is no template, or no tomogram is left to be searched.
        """
        matching, shown, chosen = self._matching, self._shown(), self._chosen()
        session, label = matching.workspace.open_session, matching.set_name
        every = session.tomograms()
        same = [t for t in every if same_voxel_size(t.voxel_size_angstrom, shown.voxel_size_angstrom)]
        kept = jobs.matches_of(session, label)
        done_already = set(kept.tomograms) if kept is not None and self.skip_done else set()
        left = [t for t in same if t.name not in done_already]
        if not left:
            raise ParameterError(ALL_DONE)
        notes = [f"{len(every) - len(same)} of another voxel size left out"] if len(every) > len(same) else []
        if len(same) > len(left):
            notes.append(f"{len(same) - len(left)} done already")
        self._go_through(left, chosen, dict(matching.options), label, notes, [])

    def _go_through(
        self,
        left: list[Tomogram],
        chosen: Chosen,
        options: dict[str, Any],
        label: str,
        notes: list[str],
        counts: list[int],
        of: int = 0,
    ) -> None:
        """Search the first of these tomograms, and then the others."""
        matching, of = self._matching, of or len(left)
        tomogram, rest = left[0], left[1:]

        def go_on() -> None:
            if rest:
                self._go_through(rest, chosen, options, label, notes, counts, of)
                return
            where = tomogram.name if of == 1 else counted("", len(counts), "tomogram").strip()
            kept = f"{counted('Kept', sum(counts), 'particle')} in {where}."
            # of a single one, what is shown tells the same
            self.message = "\n".join([*([kept] if of > 1 else []), *notes])
            matching.workspace.say(kept)

        def done(matched: Matched) -> None:
            outcome = self._outcome(matched, label, chosen, options, None)
            matching.results.take(outcome)
            try:
                none = jobs.matches_of(matching.workspace.open_session, label) is None
                counts.append(0 if none and not len(outcome.particles()) else matching.results.keep(outcome))
            except TomopickError as error:
                notes.append(f"{tomogram.name}: {error}")
            if of == 1 and _noted(matched):
                notes.append(_noted(matched))
            go_on()

        def failed(error: Exception) -> None:
            if of == 1 or not isinstance(error, TomopickError):
                self._failed(error)
                return
            # the others can be searched all the same
            notes.append(f"{tomogram.name}: {error}")
            go_on()

        number = f"{of - len(rest)} of {of}: matching" if of > 1 else "Matching"
        self._search(f"{number} {label} in {tomogram.name}", tomogram, chosen, options, done, failed)

    def _search(
        self,
        title: str,
        tomogram: Tomogram,
        chosen: Chosen,
        options: dict[str, Any],
        done: Callable[[Matched], None],
        failed: Callable[[Exception], None],
    ) -> None:
        matching = self._matching
        engine, session = matching.engine, matching.workspace.session
        self.message = ""

        def compute(progress: Progress) -> Matched:
            return engine.match(tomogram, chosen.template, options, progress)

        def found(matched: Matched) -> None:
            if session is matching.workspace.session:
                done(matched)

        self.background.start(title, compute, found, failed)

    def _outcome(
        self,
        matched: Matched,
        label: str,
        chosen: Chosen,
        options: dict[str, Any],
        sections: tuple[int, int] | None,
    ) -> Outcome:
        number = int(options.get("number", matched.number))
        return Outcome(
            matched, label, chosen.path, chosen.mask, options, sections, float(matched.threshold), number
        )

    def _shown(self) -> Tomogram:
        tomogram = self._matching.workspace.tomogram
        if tomogram is None:
            raise ModelError(NO_TOMOGRAM)
        return tomogram

    def _chosen(self) -> Chosen:
        choice = self._matching.choice
        assert choice.template is not None  # or it has raised
        assert choice.chosen is not None
        return choice.chosen

    def _failed(self, error: Exception) -> None:
        self.message = f"Not done: {error}" if isinstance(error, TomopickError) else ""
        with self._matching.workspace.reporting():
            raise error


def _noted(matched: Matched) -> str:
    """What a user should know of a search."""
    return "\n".join(f"{line[0].upper()}{line[1:]}." for line in matched.messages)
