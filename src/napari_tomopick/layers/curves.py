"""The lines that are drawn of a model: curves through its points, and arrows that tell its outer side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.geometry.level_curves import LevelCurve, Sides, through
from napari_tomopick.geometry.levels import stacking_direction
from napari_tomopick.models.user_points import Model, ModelType

Array = NDArray[np.float64]

CURVE_TYPES = frozenset(
    {
        ModelType.SURFACE,
        ModelType.FILAMENT,
        ModelType.FILAMENT_TORSION,
        ModelType.FILAMENT_HELIX,
        ModelType.FILAMENT_RINGS,
    }
)
# of arrows, in voxels: as long as fits the curve, within limits, and about so many on each
ARROWS_ON_CURVE = 10
MIN_ARROW, MAX_ARROW = 5.0, 14.0
# of a head, as a part of the arrow
HEAD = 0.4


def level_curves(model: Model) -> list[tuple[int, LevelCurve, NDArray[np.int64]]]:
    """The curves of a model: the level, the curve through its points in clicking order, and their rows.

    A filament has one, of level 0; types without curves have none.
    """
    if model.type is not ModelType.SURFACE:
        rows = np.arange(len(model))
        return (
            [(0, through(model.points, closed=False), rows)]
            if model.type in CURVE_TYPES and len(rows)
            else []
        )
    closed = model.parameters.get("closed")
    return [
        (level, through(model.points[rows], closed=closed if isinstance(closed, bool) else None), rows)
        for level, rows in _by_level(model)
    ]


def _by_level(model: Model) -> Iterator[tuple[int, NDArray[np.int64]]]:
    order = np.argsort(model.levels, kind="stable")
    levels, starts = np.unique(model.levels[order], return_index=True)
    yield from zip(levels.tolist(), np.split(order, starts[1:]), strict=bool(len(levels)))


def curve_segments(model: Model) -> Array:
    """The lines of a model, ``(n, 2, 3)``: start and extent in x, y, z.

    Smooth curves through the points of each level (contour, filament) in clicking order; dipoles from centre
    to north.
    """
    return curve_pieces(model)[0]


def curve_pieces(model: Model) -> tuple[Array, NDArray[np.bool_]]:
    """The lines of `curve_segments`, and of each whether its level has points that wait to be accepted."""
    if model.type is ModelType.DIPOLE:
        n = len(model) // 2 * 2
        start, end = model.points[:n:2], model.points[1:n:2]
        return np.stack([start, end - start], axis=1), model.proposed[:n:2] | model.proposed[1:n:2]
    segments, proposed = [np.empty((0, 2, 3))], [np.empty(0, bool)]
    for _, curve, rows in level_curves(model):
        positions = curve.positions
        segments.append(np.stack([positions[:-1], np.diff(positions, axis=0)], axis=1))
        proposed.append(np.full(len(segments[-1]), model.proposed[rows].any()))
    return np.concatenate(segments), np.concatenate(proposed)


def outward_arrows(model: Model) -> Array:
    """Arrows on the curves of a surface, pointing away from its side marker, within the level.

    Parameters
    ----------
    model : Model

    Returns
    -------
    array, shape (n, 2, 3)
        Start and extent in x, y, z. None for a model that is no surface, or has no side marker or no curve.
    """
    none = np.empty((0, 2, 3))
    if model.type is not ModelType.SURFACE or model.marker is None:
        return none
    curves = [curve for _, curve, _ in level_curves(model) if len(curve.positions) > 1]
    if not curves:
        return none
    axis = model.level_axis()
    if axis is not None:
        across = np.eye(3)[axis]
    else:
        across = _across([curve.positions for curve in curves])
        curves.sort(key=lambda curve: float(curve.positions.mean(axis=0) @ across))
    sides = Sides.of(curves, tuple(across.tolist()), model.marker)
    if sides is None:
        return none
    length = float(np.median([curve.length for curve in sides.curves]))
    # whole voxels, so that a click more does not move all of them
    spacing = max(round(length / ARROWS_ON_CURVE), MIN_ARROW)
    return sides.arrows(spacing, float(np.clip(0.6 * spacing, MIN_ARROW, MAX_ARROW)))


def _across(curves: list[Array]) -> Array:
    """The direction across levels that are no slices."""
    if len(curves) > 1:
        return stacking_direction(curves)
    away = curves[0] - curves[0].mean(axis=0)
    return np.asarray(np.linalg.eigh(away.T @ away)[1][:, 0])


def arrow_strokes(arrows: Array) -> Array:
    """Arrows drawn as three lines each, the heads lying in the plane that all of them share.

    Parameters
    ----------
    arrows : array, shape (n, 2, 3)
        Start and extent.

    Returns
    -------
    array, shape (3 n, 2, 3)
    """
    start, extent = arrows[:, 0], arrows[:, 1]
    if not len(arrows):
        return arrows
    normal = np.linalg.eigh(extent.T @ extent)[1][:, 0]
    aside = np.cross(normal, extent)
    tip = start + extent
    heads = [np.stack([tip, HEAD * (-extent + turn * 0.7 * aside)], axis=1) for turn in (1, -1)]
    return np.concatenate([arrows, *heads])
