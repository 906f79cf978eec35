"""Smooth curves through the clicks of each level, which way they run, and which side of them is outside.

Quick enough to follow every click: each curve is made once, and found again as long as its clicks stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from napari_tomopick.geometry.levels import is_closed

Array = NDArray[np.float64]
Direction = tuple[float, float, float]

# how far straight pieces may lie from the curve, in voxels, and how many may lie between two clicks
SAGITTA = 0.1
MOST_PIECES = 24
# clicks this close, in voxels, are one
SAME = 1e-6
# positions at which two curves are compared
_COMPARED = 24


@dataclass(frozen=True, eq=False)
class LevelCurve:
    """A smooth curve through clicks.

    Parameters
    ----------
    positions : array, shape (m, 3)
        x, y, z in voxels, through all clicks in their order; a closed curve ends where it starts.
    closed : bool
    """

    positions: Array
    closed: bool

    @cached_property
    def length(self) -> float:
        """In voxels."""
        return float(np.linalg.norm(np.diff(self.positions, axis=0), axis=1).sum())

    def at(self, parts: Array) -> tuple[Array, Array]:
        """Positions and unit tangents, ``(n, 3)`` each, at parts of the length from 0 to 1."""
        sides = np.diff(self.positions, axis=0)
        lengths = np.linalg.norm(sides, axis=1)
        way = np.concatenate([[0.0], np.cumsum(lengths)])
        wanted = np.asarray(parts) * way[-1]
        side = np.clip(np.searchsorted(way, wanted, side="right") - 1, 0, len(sides) - 1)
        tangents = sides / np.maximum(lengths, 1e-12)[:, None]
        return self.positions[side] + (wanted - way[side])[:, None] * tangents[side], tangents[side]


def through(clicks: Array, *, closed: bool | None = None) -> LevelCurve:
    """The smooth curve through clicks: a cubic spline, so parametrised that it does not loop between them.

    Parameters
    ----------
    clicks : array, shape (n, 3)
        x, y, z in voxels, in order.
    closed : bool, optional
        Whether they go once round; it takes three clicks. Default: as the fit of a surface finds it.
    """
    found = np.ascontiguousarray(clicks, np.float64).reshape(-1, 3)
    return _through(found.tobytes(), closed)


@lru_cache(maxsize=4096)
def _through(content: bytes, closed: bool | None) -> LevelCurve:
    clicks = np.frombuffer(content).reshape(-1, 3)
    apart = np.linalg.norm(np.diff(clicks, axis=0), axis=1) > SAME
    clicks = clicks[np.concatenate([np.ones(min(len(clicks), 1), bool), apart])]
    ring = is_closed(clicks) if closed is None else closed and len(clicks) >= 3
    if ring and np.linalg.norm(clicks[0] - clicks[-1]) > SAME:
        clicks = np.vstack([clicks, clicks[:1]])
    if len(clicks) < 3:
        return LevelCurve(clicks, False)
    gaps = np.linalg.norm(np.diff(clicks, axis=0), axis=1)
    # centripetal: the root of the distance keeps uneven clicks from making loops (Lee 1989)
    at = np.concatenate([[0.0], np.cumsum(np.sqrt(gaps))])
    if ring:
        clicks[-1] = clicks[0]
    spline = CubicSpline(at, clicks, bc_type="periodic" if ring else "natural")
    pieces = _pieces(spline, at, gaps)
    each = np.repeat(np.arange(len(gaps)), pieces)
    number = np.arange(len(each)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    fine = at[each] + number / pieces[each] * np.diff(at)[each]
    positions = spline(np.append(fine, at[-1]))
    positions.flags.writeable = False
    return LevelCurve(positions, ring)


def _pieces(spline: CubicSpline, at: Array, gaps: Array) -> NDArray[np.int64]:
    """Into how many straight pieces to cut the curve between clicks, by how much it turns there."""
    halves = np.column_stack([at[:-1], (at[:-1] + at[1:]) / 2]).ravel()
    tangents = spline(np.append(halves, at[-1]), 1)
    tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-12)
    turns = np.arccos(np.clip((tangents[:-1] * tangents[1:]).sum(axis=1), -1, 1)).reshape(-1, 2).sum(axis=1)
    # an arc of length s that turns by an angle lies s * angle / 8 from its chord
    return np.clip(np.ceil(np.sqrt(gaps * turns / (8 * SAGITTA))), 1, MOST_PIECES).astype(np.int64)


@lru_cache(maxsize=4096)
def same_way(one: LevelCurve, other: LevelCurve, axis: Direction) -> bool:
    """Whether curves of two levels of one surface run the same way, wherever each of them starts.

    Parameters
    ----------
    one, other : LevelCurve
    axis : tuple of 3 float
        Across the levels, of length 1: seen along it one curve lies over the other.
    """
    parts = np.linspace(0, 1, _COMPARED)
    (first, along), (second, along_second) = (curve.at(parts) for curve in (one, other))
    flat = np.eye(3) - np.outer(axis, axis)
    nearest = np.linalg.norm((first @ flat)[:, None] - (second @ flat)[None], axis=-1).argmin(axis=1)
    alike = (along * along_second[nearest]).sum(axis=1)
    # of two open curves the one may reach beyond the ends of the other
    within = (nearest > 0) & (nearest < _COMPARED - 1)
    use = within if within.any() and not other.closed else np.ones(_COMPARED, bool)
    return bool(alike[use].sum() >= 0)


@dataclass(frozen=True, eq=False)
class Sides:
    """Curves of a surface in stacking order, and on which side of each is outside.

    Parameters
    ----------
    curves : tuple of LevelCurve
    signs : array of 1 and -1, shape (n,)
        Outside is ``sign * (tangent x axis)``.
    axis : tuple of 3 float
        Across the levels, of length 1.
    """

    curves: tuple[LevelCurve, ...]
    signs: NDArray[np.int64]
    axis: Direction

    @classmethod
    def of(cls, curves: Sequence[LevelCurve], axis: Direction, inside: Array) -> Sides | None:
        """Turn all curves the same way, and tell the sides at the traced place nearest to a point inside.

        That is how the fitted surface tells them, without a fit.

        Parameters
        ----------
        curves : sequence of LevelCurve
            In the order in which they are stacked along the axis.
        axis : tuple of 3 float
            Of length 1.
        inside : array, shape (3,)
            x, y, z in voxels.

        Returns
        -------
        Sides, or None where there is no curve, or the point lies on one.
        """
        curves = tuple(curve for curve in curves if len(curve.positions) > 1)
        if not curves:
            return None
        turns = [1 if same_way(*pair, axis) else -1 for pair in pairwise(curves)]
        signs = np.cumprod([1, *turns])
        foot, normal = _nearest_place(curves, signs, np.array(axis), inside)
        away = foot - inside
        if np.linalg.norm(away) < 1e-6 or not np.linalg.norm(normal):
            return None
        return cls(curves, signs * (1 if away @ normal > 0 else -1), axis)

    def arrows(self, spacing: float, length: float) -> Array:
        """Arrows on the curves, pointing outward within the level: ``(n, 2, 3)``, start and extent.

        Parameters
        ----------
        spacing : float
            About how far apart they stand along a curve, in voxels; two on each curve at least.
        length : float
            In voxels.
        """
        return np.concatenate(
            [
                _arrows_on(curve, int(sign), self.axis, max(2, round(curve.length / spacing)), length)
                for curve, sign in zip(self.curves, self.signs, strict=True)
            ]
        )


@lru_cache(maxsize=4096)
def _arrows_on(curve: LevelCurve, sign: int, axis: Direction, count: int, length: float) -> Array:
    starts, tangents = curve.at((np.arange(count) + 0.5) / count)
    across = sign * np.cross(tangents, axis)
    norms = np.linalg.norm(across, axis=1, keepdims=True)
    return np.stack([starts, length * across / np.maximum(norms, 1e-12)], axis=1)


def _nearest_place(
    curves: Sequence[LevelCurve], signs: NDArray[np.int64], axis: Array, point: Array
) -> tuple[Array, Array]:
    """Position and normal (for the signs) of the place of the surface that is nearest to a point.

    Between two levels the surface is taken to be straight.
    """
    sides = [np.diff(curve.positions, axis=0) for curve in curves]
    row, place = _foot(point, np.concatenate([c.positions[:-1] for c in curves]), np.concatenate(sides))
    level = int(np.searchsorted(np.cumsum([len(s) for s in sides]), row, side="right"))
    tangent = signs[level] * np.concatenate(sides)[row]
    best, foot, across = np.inf, place, axis
    flat = np.eye(3) - np.outer(axis, axis)
    for other in (level - 1, level + 1):
        if not 0 <= other < len(curves):
            continue
        # on the way to the nearest place of the next level, seen along the axis
        starts = curves[other].positions[:-1]
        near, seen = _foot(place @ flat, starts @ flat, sides[other] @ flat)
        way = seen + axis * (starts[near] @ axis) - place
        t = float(np.clip((point - place) @ way / max(way @ way, 1e-12), 0, 1))
        distance = float(np.linalg.norm(place + t * way - point))
        if distance < best:
            best, foot, across = distance, place + t * way, way if way @ axis > 0 else -way
    return foot, np.cross(tangent, across)


def _foot(point: Array, starts: Array, sides: Array) -> tuple[int, Array]:
    """The nearest place on straight pieces: on which of them, and where."""
    t = np.clip(((point - starts) * sides).sum(axis=1) / np.maximum((sides**2).sum(axis=1), 1e-12), 0, 1)
    places = starts + t[:, None] * sides
    row = int(((places - point) ** 2).sum(axis=1).argmin())
    return row, places[row]
