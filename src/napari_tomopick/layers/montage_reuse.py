"""Which slices of a montage look as they did before an edit: only the others are worked out anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_tomopick.geometry.mosaic import Mosaic
from napari_tomopick.layers.plane_scene import lines_of
from napari_tomopick.layers.user_points import BOX_TYPES, point_size
from napari_tomopick.models.user_points import Model


@dataclass(frozen=True, eq=False)
class Drawn:
    """All that is drawn over slices.

    Parameters
    ----------
    models : sequence of Model
    further : tuple
        Whatever else decides how it looks; equal if it looks the same.
    """

    models: tuple[Model, ...] = ()
    further: tuple[Any, ...] = ()


def unchanged(before: Drawn, after: Drawn, mosaic: Mosaic, reach: float) -> Callable[[int], bool]:
    """Tells of a slice whether what is drawn over it is the same.

    Parameters
    ----------
    before, after : Drawn
    mosaic : Mosaic
    reach : float
        How many voxels from a slice curves are seen in it.
    """
    axis = "xyz".index(mosaic.axis)
    if before.further != after.further or len(before.models) != len(after.models):
        return lambda _: False
    pairs = [(a, b) for a, b in zip(before.models, after.models, strict=True) if a is not b]
    if not all(_looks_alike(a, b, axis) for a, b in pairs):
        return lambda _: False
    return lambda number: all(_same_near(a, b, axis, number, reach) for a, b in pairs)


def _looks_alike(a: Model, b: Model, axis: int) -> bool:
    """Whether two states of a model differ in points alone, which are seen near their own slices only."""
    same = (a.uid, a.type, a.colour, a.box_size) == (b.uid, b.type, b.colour, b.box_size)
    marker = a.marker is b.marker or (
        a.marker is not None and b.marker is not None and np.array_equal(a.marker, b.marker)
    )
    # a curve across the slices is seen far from its points
    in_slices = a.type in BOX_TYPES or all(m.level_axis() in (axis, None) for m in (a, b))
    return same and marker and in_slices


def _same_near(a: Model, b: Model, axis: int, number: int, reach: float) -> bool:
    far = max(point_size(a) / 2, point_size(b) / 2, reach) + 0.5
    return all(
        np.array_equal(x, y)
        for x, y in zip(_near(a, axis, number, far), _near(b, axis, number, far), strict=True)
    )


def _near(model: Model, axis: int, number: int, far: float) -> tuple[Any, ...]:
    """What of a model may be seen in a slice; the numbers of the rows are part of what is clicked."""
    beside = np.abs(model.points[:, axis] - number), np.abs(model.levels - number)
    rows = np.flatnonzero(np.minimum(*beside) <= far)
    arrows = lines_of(model)[2]
    arrows = arrows[np.abs(arrows[:, 0, axis] - number) <= far]
    return rows, model.points[rows], model.levels[rows], model.proposed[rows], arrows
