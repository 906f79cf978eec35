"""From what a user clicked in a slice to a dense curve that lies on the membrane."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.geometry import planar_curves
from napari_tomopick.geometry.membrane_profiles import (
    FINENESS,
    Looks,
    SliceReader,
    along,
    correlations,
    half_width,
    shifted,
    shifts,
    strip,
    unit,
)
from napari_tomopick.geometry.minimal_paths import minimal_path

Array = NDArray[np.float64]

SPACING = 2.0
"""Distance in voxels from one sample of a curve to the next."""
STRIP_BLUR, SCORE_BLUR = 1.5, 2.0
"""In samples along the curve."""
STIFFNESS = 300.0
"""Of offsets against bending: features shorter than some 10 voxels are smoothed."""
_REACH = 3.0  # voxels from the curve in which the membrane is looked for, again and again
_ROUNDS = 4
_AGAIN, _APART = 4.0, 16.0  # a click so near, in voxels, to what was traced so far before goes over it
_PER_MISS = 0.08  # likeness, a correlation, that a squared voxel between curve and clicks is worth


def onto_membrane(reader: SliceReader, k: int, clicks: Array, *, closed: bool) -> Array:
    """A dense curve on the membrane through what was clicked.

    Clicks are off by a voxel or so, and the fringes of a membrane look much like it. So one begins with the
    curve through the clicks and with one that only passes them by smoothly, and takes what is better in the
    end: where the membrane looks more alike all along, and the clicks are nearer.

    Parameters
    ----------
    reader : SliceReader
    k : int
        The slice.
    clicks : array, shape (n, 2)
        u, v in order along the membrane.
    closed : bool
        Whether they go round.

    Returns
    -------
    array, shape (m, 2)

    Raises
    ------
    ValueError
        If fewer than three clicks differ.
    """
    through = planar_curves.through_clicks(clicks, SPACING, closed=closed)
    curves, merits = [], []
    for start in (through, _past(clicks, through, closed)):
        curve, likeness = _settled(reader, k, start, closed)
        curves.append(curve)
        merits.append(likeness - _PER_MISS * float((_missed(clicks, curve, closed) ** 2).mean()))
    return curves[int(np.argmax(merits))]


def single_pass(clicks: Array) -> int:
    """How many of the first clicks go along a membrane once.

    A slice may have been traced twice, there and back or round and round, or hold two membranes of one
    model, one after the other.

    Parameters
    ----------
    clicks : array, shape (n, 2)
        u, v in the order in which they were clicked.

    Returns
    -------
    int
        The number of clicks before they go over what was traced already, or leap back to begin anew; n if
        they do neither. A last click on the first one, which closes a ring, counts as going over it.
    """
    sides = np.diff(clicks, axis=0)
    lengths = np.linalg.norm(sides, axis=1)
    ahead = sides / np.maximum(lengths, 1e-9)[:, None]
    turn = (ahead[1:] * ahead[:-1]).sum(axis=1)  # at click i + 1
    end = len(clicks)
    leaps = (lengths[1:-1] > 3 * np.median(lengths)) & (np.maximum(turn[:-1], turn[1:]) < -0.5)
    if leaps.any():
        end = int(leaps.argmax()) + 2
    again = _on_what_was_traced(clicks[:end])
    if again.any():
        start = int(again.argmax())
        if again[start:].mean() >= 0.5:
            end = start
            for click in (start - 1, start - 2):
                if click >= 2 and turn[click - 1] < -0.5:
                    end = click + 1
    return end


def _on_what_was_traced(clicks: Array) -> NDArray[np.bool_]:
    """Whether each click lies on the line through those well before it."""
    way = planar_curves.lengths_along(clicks, closed=False)
    start, side = clicks[:-1], np.diff(clicks, axis=0)
    length2 = np.maximum((side**2).sum(axis=1), 1e-12)
    on = np.zeros(len(clicks), bool)
    for i, click in enumerate(clicks):
        before = way[1:] < way[i] - _APART
        if before.any():
            t = ((click - start[before]) * side[before]).sum(axis=1) / length2[before]
            gap = start[before] + np.clip(t, 0, 1)[:, None] * side[before] - click
            on[i] = bool((gap**2).sum(axis=1).min() < _AGAIN**2)
    return on


def _past(clicks: Array, through: Array, closed: bool) -> Array:
    """A curve that passes the clicks without following their errors."""
    rows = planar_curves.nearest_rows(clicks, through)
    weights = np.zeros(len(through))
    weights[rows] = 1.0
    at = np.zeros_like(through)
    at[rows] = clicks
    none = np.zeros(len(through))
    columns = [planar_curves.smoothed(v, weights, none, STIFFNESS, closed=closed) for v in at.T]
    return planar_curves.resampled(np.column_stack(columns), SPACING, closed=closed)[0]


def _missed(clicks: Array, curve: Array, closed: bool) -> Array:
    """How far the clicks lie from the curve, along its normals."""
    rows = planar_curves.nearest_rows(clicks, curve)
    across = planar_curves.normals(curve, closed=closed)[rows]
    return np.asarray(((clicks - curve[rows]) * across).sum(axis=1))


def _settled(reader: SliceReader, k: int, points: Array, closed: bool) -> tuple[Array, float]:
    """The curve moved onto the membrane, and how alike the membrane looks along it."""
    half = round(half_width(points, closed=closed) / FINENESS)
    for _ in range(_ROUNDS):
        across = planar_curves.normals(points, closed=closed)
        values, _ = strip(reader, k, points, across, half * FINENESS + _REACH)
        values = along(values, STRIP_BLUR, closed=closed)
        cut = shifted(values, np.zeros(len(points)), 2 * half + 1)
        # one look for all of it: one that changes along the curve would learn the clicks' errors
        looks = Looks(along(cut, 12, closed=closed), cut.mean(axis=0), cut.mean(axis=0))
        scores = along(correlations(values, looks.profiles(half)), SCORE_BLUR, closed=closed)
        offsets = shifts(scores)
        found = offsets[minimal_path(-scores + 0.01 * offsets**2, 0.05, 2, closed=closed)]
        m = len(points)
        found = planar_curves.smoothed(
            found - found.mean(), np.full(m, 0.5), np.full(m, 0.05), STIFFNESS, closed=closed
        )
        # where its middle lies only the user can say: on the average the clicks are right
        points = points + (found - found.mean())[:, None] * across
        points, _ = planar_curves.resampled(points, SPACING, closed=closed)
    across = planar_curves.normals(points, closed=closed)
    values, _ = strip(reader, k, points, across, half * FINENESS)
    cut = along(values, STRIP_BLUR, closed=closed)
    return points, float(np.mean(unit(cut) @ unit(cut.mean(axis=0))))
