"""How far a tracked curve can be trusted, sample by sample, and what to tell where it cannot.

The constants were set on membranes whose place is known and on planted failures: membranes that end, fade,
are crossed by another, or lean into the missing wedge. `benchmarks/tracking.py` says how well they hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d
from scipy.special import erf, expit

from napari_tomopick.geometry.membrane_filter import SPACING, Curve

Array = NDArray[np.float64]

NEAR = 2.0
"""Confidence is meant as the probability that a position is within so many voxels of the membrane."""
KEPT = 0.5
"""Positions of less confidence are not handed out."""
LEAST_MARGIN = 0.12
"""A membrane that stands out by less, in correlation, where the user traced it cannot be followed."""
LEAST, LEAST_AGAIN = 0.42, 0.6
LEAST_SEEN = 0.45
_SD_FACTOR = 1.5
_FACES = 0.9  # a part that is visible by more than this would show if it were there


@dataclass(frozen=True, eq=False)
class Confidence:
    """Of each sample of a curve, ``(m,)`` each.

    Parameters
    ----------
    value : array
        From 0 to 1.
    present : array
        Whether there is a membrane, as far as it would be visible.
    placed : array
        Whether it is known where: small in a gap that is too long to be bridged.
    steady : array
        Whether tracking back leads to where one came from.
    visible : array
        0 where the surface lies in the missing wedge, 1 well out of it.
    seen : array
        Whether it shows here, so that its place does not only follow from what is around it.
    inside : bool array
    """

    value: Array
    present: Array
    placed: Array
    steady: Array
    visible: Array
    seen: Array
    inside: NDArray[np.bool_]

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Which samples are handed out."""
        return np.asarray(self.value >= KEPT)


def confidence(curve: Curve, disagreement: Array, *, closed: bool, unseen: float = 0.0) -> Confidence:
    """Judge a tracked curve.

    Parameters
    ----------
    curve : Curve
        With what was seen along it.
    disagreement : array, shape (m,)
        Of the track forwards and back, in voxels.
    closed : bool
    unseen : float
        How far to believe, from 0 to 1, that there is a membrane where none stands out.
    """
    seen = curve.seen
    assert seen is not None
    stands_out = expit((np.minimum(seen.strength, seen.margin) - 0.25) / 0.07)
    present = 1 - (1 - unseen) * seen.visible * (1 - stands_out)
    sd = np.sqrt(curve.variance[:, 0])
    placed = erf(NEAR / (np.sqrt(2) * _SD_FACTOR * sd))
    steady = np.exp(-((disagreement / 2.0) ** 2))
    # correlations are smoothed along the curve, so that the membrane seems to go on for some voxels
    least = minimum_filter1d(present, 5, mode="wrap" if closed else "nearest")
    value = least * placed * steady * seen.inside
    return Confidence(value, present, placed, steady, seen.visible, stands_out * seen.visible, seen.inside)


def verdict(
    judged: Confidence, length_traced: float, *, least: float = LEAST, least_seen: float = LEAST_SEEN
) -> str | None:
    """Why a curve must not be handed out, in words for the user; None: it may.

    Parameters
    ----------
    judged : Confidence
    length_traced : float
        Length of the curve that was traced, in (binned) voxels.
    least : float
        Mean confidence that is asked for: more (`LEAST_AGAIN`) after the membrane was lost.
    least_seen : float
        Share of the curve that this slice itself must show; 0 between two traced slices.
    """
    kept = judged.kept
    few = SPACING * float(kept.sum()) < max(0.2 * length_traced, 4 * SPACING)
    if few or kept.mean() < 0.3 or judged.value.mean() < least:
        return _reason(judged)
    if judged.seen[kept].mean() < least_seen:
        return _unseen(judged.visible[kept], hidden=0.7)
    return None


LOST = "the membrane cannot be told from its surroundings here: it ends or fades"
PERHAPS_HIDDEN = (
    "the membrane cannot be told from its surroundings here: it ends, fades or leans into the missing wedge"
)
HIDDEN = "the membrane leans into the missing wedge, where the tilt series does not show it"
ASTRAY = "tracked from here, the curve does not lead back to the traced one"


def _reason(judged: Confidence) -> str:
    outside = 1 - float(judged.inside.mean())
    if outside > 0.3:
        return f"the membrane leaves the field of view: {outside:.0%} of it lies outside"
    lost = ~judged.kept
    if judged.steady.mean() < min(0.6, judged.present.mean()):
        return ASTRAY
    return _unseen(judged.visible[lost] if lost.any() else judged.visible, hidden=0.6)


def _unseen(visible: Array, *, hidden: float) -> str:
    """Why a part is not seen, by how much of it could show."""
    share = float(visible.mean())
    if share < hidden:
        return HIDDEN
    return PERHAPS_HIDDEN if share < _FACES else LOST
