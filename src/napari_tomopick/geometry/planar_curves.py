"""Curves in a plane, densely sampled: through clicks, at equal distances, and the directions across them.

A curve is an ``(m, 2)`` array of positions in order. A closed one does not repeat its first position.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.linalg import solveh_banded

Array = NDArray[np.float64]


def ring(values: Array, *, closed: bool) -> Array:
    """The values along a curve, with the first repeated at the end if it is closed."""
    return np.concatenate([values, values[:1]]) if closed else values


def lengths_along(curve: Array, *, closed: bool) -> Array:
    """Way along the curve to each position; for a closed one, also back to the first: ``(m + 1,)``."""
    sides = np.linalg.norm(np.diff(ring(curve, closed=closed), axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(sides)])


def through_clicks(clicks: Array, spacing: float, *, closed: bool) -> Array:
    """A smooth dense curve through clicked positions.

    Parameters
    ----------
    clicks : array, shape (n, 2)
        In order; three different ones or more.
    spacing : float
        Wanted distance between neighbouring positions of the curve.
    closed : bool

    Raises
    ------
    ValueError
        If fewer than three positions differ.
    """
    apart = np.linalg.norm(np.diff(clicks, axis=0), axis=1) > 0.5
    clicks = clicks[np.concatenate([[True], apart])]
    if closed and len(clicks) > 1 and np.linalg.norm(clicks[0] - clicks[-1]) < 0.5:
        clicks = clicks[:-1]
    if len(clicks) < 3:
        raise ValueError("a curve needs at least 3 different points")
    at = lengths_along(clicks, closed=closed)
    knots = ring(clicks, closed=closed)
    spline = CubicSpline(at, knots, bc_type="periodic" if closed else "natural")
    fine = spline(np.linspace(0, at[-1], max(8, int(4 * at[-1] / spacing)), endpoint=not closed))
    return resampled(fine, spacing, closed=closed)[0]


def resampled(curve: Array, spacing: float, *, closed: bool, least: int = 8) -> tuple[Array, Array]:
    """The same curve with positions about ``spacing`` apart, and where they lie among the old ones.

    Returns
    -------
    positions : array, shape (m', 2)
    rows : array, shape (m',)
        Rows of the old curve, with fractions: what `carried` needs.
    """
    at = lengths_along(curve, closed=closed)
    count = max(least, round(at[-1] / spacing) + (not closed))
    wanted = np.linspace(0, at[-1], count, endpoint=not closed)
    # repeated positions have no way between them, and interpolation needs a growing way
    rows = np.interp(wanted, at + 1e-9 * np.arange(len(at)), np.arange(len(at), dtype=np.float64))
    return carried(curve, rows, closed=closed), rows


def carried(values: Array, rows: Array, *, closed: bool) -> Array:
    """Values along a curve, ``(m, ...)``, at rows with fractions, linearly between."""
    last = len(values) - 1
    low = np.clip(np.floor(rows).astype(np.int64), 0, last)
    high = (low + 1) % len(values) if closed else np.minimum(low + 1, last)
    t = (rows - low).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray((1 - t) * values[low] + t * values[high])


def tangents(curve: Array, *, closed: bool) -> Array:
    """Unit vectors along the curve, ``(m, 2)``."""
    if closed:
        along = np.roll(curve, -1, axis=0) - np.roll(curve, 1, axis=0)
    else:
        along = np.gradient(curve, axis=0)
    return np.asarray(along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12))


def normals(curve: Array, *, closed: bool) -> Array:
    """Unit vectors across the curve, ``(m, 2)``: the tangents turned by +90 degrees."""
    along = tangents(curve, closed=closed)
    return np.column_stack([-along[:, 1], along[:, 0]])


def inner_radius(curve: Array) -> float:
    """Twice the area of a closed curve over its length: the radius if it is a circle, less if it is not."""
    u, v = curve.T
    area = 0.5 * abs(float(np.sum(u * np.roll(v, -1) - np.roll(u, -1) * v)))
    return 2 * area / max(float(lengths_along(curve, closed=True)[-1]), 1e-9)


def offsets_between(curve: Array, across: Array, other: Array, *, closed: bool) -> Array:
    """How far along its normals a curve lies from another one; NaN where the other does not reach.

    Parameters
    ----------
    curve, across : arrays, shape (m, 2)
        Positions and unit normals.
    other : array, shape (k, 2)
    closed : bool
        Whether the other curve is closed.

    Returns
    -------
    array, shape (m,)
        Signed, positive along the normal: ``curve + offset * across`` lies on the other.
    """
    line = ring(other, closed=closed)
    start, side = line[:-1], np.diff(line, axis=0)
    length2 = np.maximum((side**2).sum(axis=1), 1e-12)
    from_start = curve[:, None] - start[None]
    t = (from_start * side).sum(axis=-1) / length2
    clipped = np.clip(t, 0.0, 1.0)
    gap = start + clipped[..., None] * side - curve[:, None]
    best = (gap**2).sum(axis=-1).argmin(axis=1)
    row = np.arange(len(curve))
    offset = (gap[row, best] * across).sum(axis=1)
    if not closed:
        beyond = ((best == 0) & (t[row, best] < -0.5)) | ((best == len(side) - 1) & (t[row, best] > 1.5))
        offset[beyond] = np.nan
    return np.asarray(offset)


def nearest_rows(points: Array, curve: Array) -> NDArray[np.int64]:
    """Row of the nearest position of a curve, for each of the points: ``(n,)``."""
    return np.asarray(((points[:, None] - curve[None]) ** 2).sum(axis=-1).argmin(axis=1))


def smoothed(values: Array, weights: Array, prior: Array, stiffness: float, *, closed: bool) -> Array:
    """Values smoothed by a penalty on second differences and a pull to zero, each with its weight."""
    m = len(values)
    pad = min(m, 40) if closed else 0
    rows = np.arange(-pad, m + pad) % m
    values, weights, prior = values[rows], weights[rows], prior[rows]
    band = np.empty((3, len(rows)))
    band[0] = stiffness
    band[1] = -4 * stiffness
    band[1, [1, -1]] = -2 * stiffness
    band[2] = 6 * stiffness
    band[2, [1, -2]] = 5 * stiffness
    band[2, [0, -1]] = stiffness
    band[2] += weights + prior + 1e-9
    return np.asarray(solveh_banded(band, weights * values)[pad : pad + m])
