"""Levels: curves traced slice by slice, put in order, turned the same way and given common parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Levels:
    """Curves in stacking order, all running the same way, with starting parameters of a surface.

    Parameters
    ----------
    curves : tuple of arrays, shape (n_i, 3)
    parameters : tuple of arrays, shape (n_i, 2)
        u along the curves and v across them, both roughly arc length in voxels.
    closed : bool
        Whether the curves close on themselves; u then has period ``perimeter``.
    perimeter : float
        Mean length of the curves.
    """

    curves: tuple[Array, ...]
    parameters: tuple[Array, ...]
    closed: bool
    perimeter: float


def stacking_direction(curves: Sequence[Array]) -> Array:
    """The unit vector that tells the levels apart best: across the slices in which they were traced.

    Linear discriminant direction (Fisher 1936): the largest spread between level means for the spread within
    the levels. Slices may so lie in any direction, and clicks need not be exactly in plane.
    """
    means = np.array([curve.mean(axis=0) for curve in curves])
    within = sum(np.cov(curve.T, bias=True) for curve in curves) / len(curves)
    between = np.cov(means.T, bias=True)
    # half a voxel of click error, so that exactly plane levels do not make the matrix singular
    values, vectors = np.linalg.eigh(within + 0.25 * np.eye(3))
    whiten = vectors / np.sqrt(values)
    _, best = np.linalg.eigh(whiten.T @ between @ whiten)
    direction = whiten @ best[:, -1]
    return np.asarray(direction / np.linalg.norm(direction))


def is_closed(curve: Array) -> bool:
    """Whether clicks go once round: they turn by a full circle and end about one click before the start."""
    # a second click in one place, on the start of the ring above all, has no direction
    curve = curve[np.linalg.norm(curve - np.roll(curve, 1, axis=0), axis=1) > 1e-6]
    if len(curve) < 4:
        return False
    ring = np.vstack([curve, curve[:2]])
    sides = np.diff(ring, axis=0)
    lengths = np.linalg.norm(sides, axis=1)
    gap, spacing = lengths[len(curve) - 1], lengths[: len(curve) - 1]
    if gap > 2.0 * np.median(spacing) or gap > 1.5 * spacing.max():
        return False
    # signed turning about the curve's own plane; a folded open curve turns back and sums to nearly nothing
    _, _, axes = np.linalg.svd(curve - curve.mean(axis=0))
    x, y = (sides @ axes[:2].T).T
    angle = np.angle(np.exp(1j * np.diff(np.arctan2(y, x))))
    return bool(abs(abs(angle.sum()) - 2 * np.pi) < 0.5 * np.pi)


def _feet(points: Array, curve: Array, *, closed: bool) -> tuple[Array, Array, NDArray[np.bool_], Array]:
    """Arc length, distance, whether the foot is within the curve, and tangent of the nearest points."""
    ring = np.vstack([curve, curve[:1]]) if closed else curve
    sides = np.diff(ring, axis=0)
    lengths = np.maximum(np.linalg.norm(sides, axis=1), 1e-12)
    tangents = sides / lengths[:, None]
    t = np.einsum("nsk,sk->ns", points[:, None] - ring[None, :-1], tangents)
    clipped = np.clip(t, 0.0, lengths)
    distance = np.linalg.norm(points[:, None] - ring[None, :-1] - clipped[..., None] * tangents, axis=-1)
    row, best = np.arange(len(points)), distance.argmin(axis=1)
    starts = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
    # beyond an open end the arc length goes on along the last side
    at_end = ((best == 0) & (t[row, best] < 0)) | ((best == len(lengths) - 1) & (t[row, best] > lengths[-1]))
    along = np.where(at_end & (not closed), t[row, best], clipped[row, best])
    return starts[best] + along, distance[row, best], ~at_end | closed, tangents[best]


def _tangents(curve: Array, *, closed: bool) -> Array:
    if closed:
        return np.roll(curve, -1, axis=0) - np.roll(curve, 1, axis=0)
    return np.gradient(curve, axis=0)


def _coarse(curve: Array) -> Array:
    """At most a dozen of the points: between close clicks there is more jitter than way."""
    return curve[np.unique(np.rint(np.linspace(0, len(curve) - 1, min(len(curve), 12))).astype(np.int64))]


def _arc_length(curve: Array, *, closed: bool) -> tuple[Array, float]:
    """Way along the curve to each point, and once over the whole of it."""
    coarse = _coarse(curve)
    ring = np.vstack([coarse, coarse[:1]]) if closed else coarse
    return _feet(curve, coarse, closed=closed)[0], float(np.linalg.norm(np.diff(ring, axis=0), axis=1).sum())


def arrange(curves: Sequence[Array], *, closed: bool | None = None) -> Levels:
    """Order levels, turn them the same way and give their points starting parameters.

    Parameters
    ----------
    curves : sequence of arrays, shape (n_i, 3)
        Two levels or more of two points or more (three where closed), clicked in order within the level.
    closed : bool, optional
        Whether the curves are rings. Default: found from the clicks (`is_closed` for most levels).

    Raises
    ------
    ValueError
        If the levels lie on top of each other, so that they span no surface.
    """
    if closed is None:
        closed = sum(is_closed(curve) for curve in curves) > len(curves) / 2
    axis = stacking_direction(curves)
    ordered = sorted((np.asarray(c, np.float64) for c in curves), key=lambda c: float(c.mean(axis=0) @ axis))
    flat = np.eye(3) - np.outer(axis, axis)
    lengths = [_arc_length(c, closed=closed)[1] for c in ordered]
    perimeter = float(np.mean(lengths))

    out, parameters = [ordered[0]], []
    s, length = _arc_length(ordered[0], closed=closed)
    u_previous = s * (perimeter / length if closed else 1.0)
    parameters.append(np.column_stack([u_previous, np.zeros(len(s))]))
    for curve in ordered[1:]:
        previous, uv = out[-1], parameters[-1]
        # compare in projection along the stack: there one level lies over the other
        foot, _, within, tangent = _feet(curve @ flat, _coarse(previous) @ flat, closed=closed)
        if np.einsum("nk,nk->", _tangents(curve @ flat, closed=closed), tangent) < 0:
            curve, foot, within = curve[::-1], foot[::-1], within[::-1]
        s, length = _arc_length(curve, closed=closed)
        if closed:
            scale = perimeter / length
            whole = _arc_length(previous @ flat, closed=True)[1]
            turn = np.exp(2j * np.pi * (foot / whole - s / length)).mean()
            offset = np.angle(turn) / (2 * np.pi) * perimeter + uv[0, 0]
            u = s * scale + offset
        else:
            use = within if within.any() else np.ones(len(within), bool)
            u = s + np.median((foot - s)[use]) + uv[0, 0]
        distance = _feet(curve, _coarse(previous), closed=closed)[1]
        v = uv[0, 1] + np.median(distance[within] if within.any() else distance)
        out.append(curve)
        parameters.append(np.column_stack([u, np.full(len(u), v)]))
    if parameters[-1][0, 1] < 1e-3:
        raise ValueError("the levels lie on top of each other")
    return Levels(tuple(out), tuple(parameters), closed, perimeter)


def over_plane(levels: Levels) -> Levels | None:
    """The same levels with parameters measured in the plane the points lie nearest to.

    Chord lengths overstate how far apart sparse clicks on a wavy sheet are; in the plane they are exact.

    Returns
    -------
    Levels, or None where the curves run back over themselves in that plane, so that it cannot carry them.
    """
    points = np.concatenate(levels.curves)
    centre = points.mean(axis=0)
    normal = np.linalg.svd(points - centre)[2][2]
    v = np.concatenate([uv[:, 1] for uv in levels.parameters])
    across = (points - centre).T @ (v - v.mean())
    across -= normal * (normal @ across)
    across /= np.linalg.norm(across)
    along = np.cross(across, normal)
    steps = np.concatenate([np.diff(_coarse(curve) @ along) for curve in levels.curves])
    if np.median(steps) < 0:
        along, steps = -along, -steps
    if (steps <= 0).any():
        return None
    parameters = tuple(np.column_stack([(c - centre) @ along, (c - centre) @ across]) for c in levels.curves)
    return replace(levels, parameters=parameters)
