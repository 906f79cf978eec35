"""What is to be said of template matching at the moment, in a line or two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_tomopick.layers.matching_histogram import zero_crossing
from napari_tomopick.layers.matching_template import NO_TEMPLATE
from napari_tomopick.project.names import counted
from napari_tomopick.protocols.match import describe_search

if TYPE_CHECKING:
    from napari_tomopick.layers.background import Background
    from napari_tomopick.layers.matching import Matching
    from napari_tomopick.models.tomogram import Tomogram

NO_PROJECT = "Open or make a project in the Tomograms dock first."
NO_TOMOGRAM = "Open a tomogram in the Tomograms dock first."
BEGIN = "Preview searches the sections around the shown one; Match searches the whole tomogram."
NO_TILTS = (
    "The tilt range of this tomogram is not known: give it in the Tomograms dock (Properties). What a tilt "
    "series misses is left out of the comparison."
)
# a guess at the time left means something from then on
EARLY_SECONDS, EARLY_SHARE = 4.0, 0.04


def template(matching: Matching) -> str:
    """What the template is, and what was assumed of it."""
    chosen, tomogram = matching.choice.chosen, matching.workspace.tomogram
    if matching.choice.reading.running:
        return f"{matching.choice.reading.title} …"
    if chosen is None:
        return NO_TEMPLATE
    it = chosen.template
    diameter = it.diameter_angstrom
    here = "" if tomogram is None else f", {diameter / tomogram.voxel_size_angstrom:.0f} voxels here"
    what = f"{len(it.density)}³ voxels of {it.voxel_size_angstrom:g} Å; ⌀ {diameter:.0f} Å{here}."
    return " ".join([what, *(f"{line[0].upper()}{line[1:]}." for line in it.messages)])


def wedge(tomogram: Tomogram | None) -> str:
    """What the tilt series of a tomogram has measured."""
    if tomogram is None:
        return ""
    tilts = tomogram.acquisition.tilt_range_degrees
    if tilts is None:
        return NO_TILTS
    low, high = tilts
    return f"Blue: measured by tilts of {low:g}° to {high:g}°, {(high - low) / 180:.0%}.".replace("-", "−")


def search(matching: Matching) -> str:
    """What a search will compare."""
    chosen, step = matching.choice.chosen, matching.options.get("angle_step_degrees")
    if chosen is None or step is None:
        return ""
    try:
        return f"{describe_search(chosen.template, step)}, then refined."
    except ValueError as error:
        return f"{error}"


def own_box_size(matching: Matching) -> str:
    """The box size of particles unless another is given: that of the template."""
    chosen, tomogram = matching.choice.chosen, matching.workspace.tomogram
    if chosen is None or tomogram is None:
        return ""
    it = chosen.template
    return f"{len(it.density) * it.voxel_size_angstrom / tomogram.voxel_size_angstrom:.0f}"


def state(matching: Matching) -> str:
    """What is shown now, and where it comes from."""
    work, results = matching.workspace, matching.results
    if work.session is None:
        return NO_PROJECT
    if work.tomogram is None:
        return NO_TOMOGRAM
    outcome, shown = results.outcome, results.shown
    if results.live and outcome is not None and shown is not None:
        found = counted("", len(shown), "particle").strip() if len(shown) != 1 else "1 particle"
        if not len(shown):
            return f"No score reaches the threshold of {outcome.threshold:.3f}{_best(outcome)}."
        if outcome.sections is not None:
            first, last = outcome.sections
            return f"Preview of sections {first} to {last}: {found}, not kept yet."
        return f"{found}, not kept yet."
    if shown is not None and len(shown):
        again = "" if outcome is not None else "; Match searches anew"
        number = "particle" if len(shown) == 1 else f"{len(shown)} particles"
        return f"Kept {number} in '{results.label}'{again}."
    # what to do first is said where the template is
    return "" if matching.choice.chosen is None else BEGIN


def _best(outcome: object) -> str:
    scores = outcome.matched.found.scores  # type: ignore[attr-defined]
    return f"; the best is {scores[0]:.3f}" if len(scores) else ""


def count(matching: Matching) -> str:
    """How many candidates count, and how many of them chance would account for."""
    outcome = matching.results.outcome
    if outcome is None:
        return ""
    found = outcome.matched.found
    number = len(outcome.particles())
    by_chance = outcome.matched.false_positives(outcome.threshold)
    if not np.isfinite(by_chance):
        return f"{number} of {len(found.scores)} candidates; too few places to tell what chance reaches"
    limited = " (as many as wanted)" if number == outcome.number else ""
    return f"{number} of {len(found.scores)} candidates{limited}; by chance: {_small(by_chance)}"


def _small(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.2g}" if value >= 0.01 else "< 0.01"


def transfer(matching: Matching) -> str:
    """What became of the template's spatial frequencies."""
    outcome = matching.results.outcome
    if outcome is None:
        return ""
    found = outcome.matched.found
    frequency, values = found.transfer
    if not found.measured_transfer:
        if outcome.options.get("contrast_transfer_from") == "particles":
            return "Too few particles stood out to measure it: all frequencies were taken as they are."
        return "As it was given, and not measured."
    crossing = zero_crossing(frequency, values)
    where = f"contrast turns over at {1 / crossing:.0f} Å" if crossing else "contrast does not turn over"
    top = frequency[int(np.argmax(values))]
    best = f"best transferred: {1 / top:.0f} Å; " if top > 0 else ""
    return f"Measured from the best matches; {best}{where}."


def progress(background: Background) -> str:
    """What is being done, and how long it still takes."""
    done, total, text = background.progress
    what = background.title if " of " in background.title.partition(":")[0] else ""
    parts = [part for part in (what, text or ("" if what else background.title)) if part]
    if background.paused:
        parts.append("paused" if background.waiting else "pausing …")
    else:
        left = time_left(done, total, background.seconds)
        parts += [left] if left else []
    return ", ".join(parts)


def time_left(done: int, total: int, seconds: float) -> str:
    """How long something will still take, going by how long it took so far; "" as long as that is a guess."""
    if total <= 0 or done < EARLY_SHARE * total or seconds < EARLY_SECONDS:
        return ""
    left = seconds * (total - done) / done
    if left < 60:
        # a number that jumps about helps nobody
        return f"about {max(5, 5 * round(left / 5))} s left"
    if left < 3600:
        return f"about {round(left / 60)} min left"
    return f"about {left / 3600:.1f} h left"
