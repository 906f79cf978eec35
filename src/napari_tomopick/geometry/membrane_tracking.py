"""Following a membrane from the slices in which it was traced into others.

Outwards from a traced slice, or between two from both sides. A `MembraneFilter` follows a dense curve,
`tracking_confidence` judges it, and what is good enough is handed out slice by slice, as it is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.geometry import planar_curves
from napari_tomopick.geometry.levels import is_closed
from napari_tomopick.geometry.membrane_filter import SPACING, TOLD_BY, Curve, MembraneFilter
from napari_tomopick.geometry.tracked_levels import TrackedLevel, View, click_spacing, tracked_level
from napari_tomopick.geometry.tracking_confidence import (
    ASTRAY,
    LEAST,
    LEAST_AGAIN,
    LEAST_MARGIN,
    confidence,
    verdict,
)

Array = NDArray[np.float64]

_STRIDE = 2  # most slices from one look to the next; longer steps are made of several
_LOOKS_BACK = 3
_DIM = 8  # slices over which a membrane may not show, and be found again
_BRACKETED = 0.6  # trust in a membrane between two traced slices where it does not show
# A slope that was only seen may be wrong by this where the membrane faces nearly along the tilt axis.
_SLACK, _LEAST_EVIDENT = 0.35, 0.3
# A few clicks no further apart, in voxels, say where the membrane runs between them; further apart they do
# not. Many do anyhow: around a large vesicle they stand far apart on a curve that hardly bends.
_CLOSE, _FAR, _MANY = 30.0, 50.0, 8
_POLE = 6.0  # radius at which a ring is taken to close


class Track:
    """Levels of a membrane, found while one iterates over it, once; stop iterating to cancel.

    Parameters
    ----------
    levels : iterator
        Of levels, and of words on what there is no level of; the last of these is kept.

    Attributes
    ----------
    stopped : str
        Once all levels were taken: why there are no more of them, or why some are missing, in words for the
        user; "" if all that were asked for were found.
    """

    def __init__(self, levels: Iterator[TrackedLevel | str]) -> None:
        self._levels = levels
        self.stopped = ""

    def __iter__(self) -> Iterator[TrackedLevel]:
        for found in self._levels:
            if isinstance(found, str):
                self.stopped = found
            else:
                yield found


def track_outward(
    view: View, traced: Mapping[int, Array], targets: Sequence[int], *, closed: bool | None = None
) -> Track:
    """Follow a membrane from the traced slice next to the first target into these, one after the other.

    Parameters
    ----------
    view : View
    traced : mapping of int to array, shape (n, 3)
        x, y, z of what was clicked in each slice, in order along the membrane.
    targets : sequence of int
        Slices, the nearest first, all on one side of the start.
    closed : bool, optional
        Whether the curves are rings. Default: found from the clicks.

    Raises
    ------
    ValueError
        If there is no level with three different points.
    """
    curves, closed = _prepared(view, traced, closed)
    start = min(curves, key=lambda k: abs(k - targets[0])) if len(targets) else next(iter(curves))
    return Track(_outward(view, curves, start, targets, closed))


def track_between(
    view: View,
    traced: Mapping[int, Array],
    lower: int,
    upper: int,
    targets: Sequence[int],
    *,
    closed: bool | None = None,
) -> Track:
    """Follow a membrane from two traced slices into those between them, from both sides, and blend the two.

    Parameters
    ----------
    view, traced, closed
        As for `track_outward`.
    lower, upper : int
        The two traced slices.
    targets : sequence of int
        Slices between them, ascending.

    Raises
    ------
    ValueError
        If one of the two levels has fewer than three different points.
    """
    curves, closed = _prepared(view, traced, closed)
    if lower not in curves or upper not in curves:
        raise ValueError(f"slices {lower} and {upper} need 3 different points each")
    return Track(_between(view, curves, lower, upper, targets, closed))


def _prepared(view: View, traced: Mapping[int, Array], closed: bool | None) -> tuple[dict[int, Array], bool]:
    """The levels of three different points or more, in the plane."""
    good = {k: np.asarray(p, np.float64) for k, p in traced.items() if len(np.unique(p, axis=0)) >= 3}
    if not good:
        raise ValueError("no level has 3 different points or more")
    if closed is None:
        closed = sum(is_closed(points) for points in good.values()) > len(good) / 2
    return {k: view.in_plane(points) for k, points in sorted(good.items())}, closed


def _learned(
    view: View, traced: Mapping[int, Array], start: int, closed: bool
) -> tuple[MembraneFilter, Curve]:
    membrane = MembraneFilter(view.reader, closed, view.tilt_range_degrees, view.tilt_axis)
    others = [(k, clicks) for k, clicks in traced.items() if k != start]
    return membrane, membrane.learn(start, traced[start], others)


def _too_faint(view: View, k: int, margin: float, clicks: Array, spacing: float) -> str | None:
    """Why the membrane cannot be followed from a traced slice; None: it can."""
    if len(clicks) >= _MANY and margin >= LEAST_MARGIN:
        return None
    # few clicks leave more room for fringes and neighbours to be taken for the membrane
    if spacing <= _FAR and margin >= LEAST_MARGIN * max(1.0, spacing / _CLOSE):
        return None
    if len(clicks) < _MANY and spacing > _CLOSE:
        return (
            f"in slice {k} the points are {spacing * view.binning:.0f} voxels apart, which does not tell "
            "well enough how the membrane runs between them: add some"
        )
    return f"in slice {k} the membrane does not stand out enough from its surroundings to be followed"


def _outward(
    view: View, traced: Mapping[int, Array], start: int, targets: Sequence[int], closed: bool
) -> Iterator[TrackedLevel | str]:
    membrane, curve = _learned(view, traced, start, closed)
    spacing, length = click_spacing(traced[start], closed=closed), SPACING * len(curve)
    alone = not any(0 < abs(k - start) <= TOLD_BY for k in traced)
    if membrane.evident(curve, _SLACK if alone else 0.1) < _LEAST_EVIDENT:
        yield (
            f"in slice {start} the membrane faces along the tilt axis or into the missing wedge, so that one "
            "slice does not tell where it goes: " + ("trace another one" if alone else "trace it by hand")
        )
        return
    if (faint := _too_faint(view, start, membrane.margin, traced[start], spacing)) is not None:
        yield faint
        return
    past, last, lost = [curve], start, ""
    for target in targets:
        if not 0 <= target < membrane.reader.count:
            yield lost or "the tomogram ends there"
            return
        for k in _way(past[-1].k, target, _STRIDE * view.binning):
            past.append(membrane.advance(past[-1], k))
            del past[: -_LOOKS_BACK - 1]
            if closed and planar_curves.inner_radius(past[-1].points) < _POLE:
                yield lost or "the ring closes there: the pole of a vesicle"
                return
        judged = confidence(past[-1], _disagreement(membrane, past), closed=closed)
        reason = verdict(judged, length, least=LEAST_AGAIN if lost else LEAST)
        level = tracked_level(view, past[-1], judged, spacing, closed=closed)
        if level is None or reason is not None:
            lost = lost or f"slice {target}: {reason or 'too little is left of the membrane'}"
            yield lost
            if abs(target - last) > _DIM * view.binning:
                return
            continue
        yield level
        last, lost = target, ""
        if not closed:
            there = np.flatnonzero((judged.value > 0.3) & judged.inside)
            past[-1] = past[-1].carried(np.arange(there[0], there[-1] + 1.0), closed=False)


def _way(start: int, target: int, stride: int) -> list[int]:
    """Slices to look at on the way, the target last."""
    steps = max(1, -(-abs(target - start) // stride))
    return [start + round((target - start) * i / steps) for i in range(1, steps + 1)]


def _disagreement(membrane: MembraneFilter, past: Sequence[Curve]) -> Array:
    """How far off one ends, at each sample of the last curve, on tracking back to the first."""
    closed, origin, last = membrane.closed, past[0], past[-1]
    back = last
    for earlier in past[-2::-1]:
        back = membrane.advance(back, earlier.k)
    some = slice(None, None, 4)
    across = planar_curves.normals(origin.points, closed=closed)[some]
    off = planar_curves.offsets_between(origin.points[some], across, back.points, closed=closed)
    # a sample of the last curve is at about the same share of the way along the first
    rows = np.linspace(0, len(off), len(last), endpoint=False)
    return np.interp(rows, np.arange(len(off)), np.abs(np.nan_to_num(off)))


def _between(
    view: View, traced: Mapping[int, Array], lower: int, upper: int, targets: Sequence[int], closed: bool
) -> Iterator[TrackedLevel | str]:
    sides = []
    for start, order in ((lower, targets), (upper, targets[::-1])):
        membrane, curve = _learned(view, traced, start, closed)
        length, spacing = SPACING * len(curve), click_spacing(traced[start], closed=closed)
        if (faint := _too_faint(view, start, membrane.margin, traced[start], spacing)) is not None:
            yield faint
            continue
        found = {}
        for target in order:
            for k in _way(curve.k, target, _STRIDE * view.binning):
                curve = membrane.advance(curve, k)
            found[target] = curve
        sides.append(found)
    if not sides:
        return
    if len(sides) == 1:
        start = lower if sides[0] and next(iter(sides[0])) == targets[0] else upper
        yield from _outward(view, traced, start, targets if start == lower else targets[::-1], closed)
        return
    missing: dict[str, list[int]] = {}
    for target in targets:
        blended, disagreement = _blended(sides[0][target], sides[1][target], closed)
        # Both neighbours were traced, so there is a membrane, and it need not show here. Where only one of
        # the tracks is right, the blend is nearer to it than the other.
        judged = confidence(blended, 0.7 * disagreement, closed=closed, unseen=_BRACKETED)
        reason = verdict(judged, length, least_seen=0.0)
        level = tracked_level(view, blended, judged, spacing, closed=closed)
        if level is not None and reason is None:
            yield level
            continue
        if reason == ASTRAY:
            apart = float(np.median(disagreement)) * view.binning
            reason = f"what is tracked from slices {lower} and {upper} lies {apart:.0f} voxels apart"
        missing.setdefault(reason or "too little is left of the membrane", []).append(target)
    if missing:
        yield "; ".join(
            f"slice{'s' if len(slices) > 1 else ''} {', '.join(map(str, slices))}: {reason}"
            for reason, slices in missing.items()
        )


def _blended(one: Curve, other: Curve, closed: bool) -> tuple[Curve, Array]:
    """Two curves of one slice as one, each counted by its certainty, and how far they are apart."""
    across = planar_curves.normals(one.points, closed=closed)
    offset = planar_curves.offsets_between(one.points, across, other.points, closed=closed)
    meets = np.isfinite(offset)
    offset = np.nan_to_num(offset)
    rows = planar_curves.nearest_rows(one.points, other.points).astype(np.float64)
    there = other.carried(rows, closed=closed)
    certain, certain_there = 1 / one.variance[:, 0], meets / there.variance[:, 0]
    share = certain_there / (certain + certain_there)
    assert one.seen is not None
    assert there.seen is not None
    seen = one.seen.blended(there.seen, share)
    variance = one.variance.copy()
    variance[:, 0] = 1 / (certain + certain_there)
    points = one.points + (share * offset)[:, None] * across
    return replace(one, points=points, variance=variance, seen=seen), np.abs(offset)
