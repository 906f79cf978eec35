"""What is to be said of boxing at the moment, in a line or two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_tomopick.layers.boxing_engine import advice
from napari_tomopick.models import references as roles
from napari_tomopick.project.names import counted

if TYPE_CHECKING:
    from napari_tomopick.layers.boxing import Boxing

NO_PROJECT = "Open or make a project in the Tomograms dock first."
NO_TOMOGRAM = "Open a tomogram in the Tomograms dock first."
BEGIN = "Click particles in the slices, and Ctrl+click a few things that are none."
NO_POSITIVE = "Now click at least one particle."
NO_NEGATIVE = "Now Ctrl+click at least one thing that is no particle (or press Negative, and click)."


def state(boxing: Boxing) -> str:
    """What is shown now, and where it comes from."""
    work, picks = boxing.workspace, boxing.picks
    if work.session is None:
        return NO_PROJECT
    if work.tomogram is None:
        return NO_TOMOGRAM
    if picks.shown is not None and not picks.live:
        kept = counted("Kept", len(picks.shown), "particle")
        return f"{kept} in '{boxing.label}'{_changed(boxing)}."
    if picks.shown is not None and not len(picks.shown):
        best = picks.best_score
        least = "" if best is None else f"; the best candidate has {best:.3g}"
        return f"{stage_name(boxing)}: nothing above the threshold{least}."
    if picks.shown is not None:
        count = f"{len(picks.shown)} {'pick' if len(picks.shown) == 1 else 'picks'}"
        return f"{stage_name(boxing)}: {count}, not kept yet."
    if picks.stage == "network":
        return "Network: press Apply to find particles in this tomogram."
    if boxing.learning.background.running:
        return "Learning from the references …"
    counts = [boxing.count(role, everywhere=True) for role in roles.ROLES]
    if all(counts):
        return boxing.learning.trouble or "No picks."
    return NO_NEGATIVE if counts[0] else NO_POSITIVE if counts[1] else BEGIN


def _changed(boxing: Boxing) -> str:
    """Whether anything is known by which the sliders can change what is kept."""
    return "" if boxing.picks.scored is not None else "; Apply looks for them anew"


def stage_name(boxing: Boxing) -> str:
    """What finds the particles that are shown: "Instant picks", "Network, trained 20 s"."""
    if boxing.picks.stage == "instant":
        return "Instant"
    trained = boxing.network.trained
    if trained is None or trained.loaded:
        return "Network, loaded"
    return f"Network, trained {trained.picker.taught.seconds:.0f} s"


def network_state(boxing: Boxing) -> str:
    """What there is of a network, for where its loss is drawn."""
    trained = boxing.network.trained
    if boxing.network.training is not None:
        return _held_back(boxing)
    if trained is None:
        saved = boxing.network.saved
        return "No network yet: Train, or Load" + (f" {saved.name}" if saved is not None else "")
    taught = trained.picker.taught
    name = f"{trained.path.name}: " if trained.loaded and trained.path else ""
    return (
        f"{name}{taught.seconds:.0f} s on {taught.positive} + {taught.negative} −{_held_back(boxing, ', ')}"
        + ("\nreferences differ" if trained.picker.references_differ else "")
    )


def _held_back(boxing: Boxing, before: str = "") -> str:
    value = boxing.network.held_back
    return "" if value is None else f"{before}held back: {value:.2f}"


def still_to_do(boxing: Boxing) -> str:
    """What should be clicked before a network is trained, or be done once more has been clicked."""
    trained = boxing.network.trained
    positive, negative = (boxing.count(role, everywhere=True) for role in roles.ROLES)
    if trained is None:
        return advice(positive, negative) if positive or negative else ""
    taught = trained.picker.taught
    newer = positive + negative - taught.positive - taught.negative
    if trained.loaded or newer <= 0:
        return ""
    return f"{newer} {'reference is' if newer == 1 else 'references are'} newer than the network: Train more."
