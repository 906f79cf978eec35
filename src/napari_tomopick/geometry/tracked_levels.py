"""What tracking works on, and what it hands out: few points of a dense curve, as a user would click them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.geometry import planar_curves
from napari_tomopick.geometry.membrane_filter import SPACING, Curve
from napari_tomopick.geometry.membrane_profiles import SliceReader
from napari_tomopick.geometry.tracking_confidence import Confidence

Array = NDArray[np.float64]

HOLE = 2.5
"""Where points are further apart, as a multiple of what they should be, more than one was left out."""


@dataclass(frozen=True, eq=False)
class View:
    """A tomogram, seen slice by slice.

    Parameters
    ----------
    data : array-like, shape (nz, ny, nx)
        Indexed with slices only; only what is needed is read.
    axis : 0, 1 or 2
        Axis across the slices in which the membrane was traced: x, y or z.
    voxel_size_angstrom : float
        Below about 7 Å, neighbouring voxels are averaged to look for a membrane.
    tilt_range_degrees : (lowest, highest), optional
        None: not known. Then nothing tells where the membrane leans into the missing wedge.
    tilt_axis : "y" or "x"
    """

    data: Any
    axis: int = 2
    voxel_size_angstrom: float = 10.0
    tilt_range_degrees: tuple[float, float] | None = None
    tilt_axis: Literal["x", "y"] = "y"

    @property
    def binning(self) -> int:
        """Factor by which slices are binned to look for a membrane."""
        return max(1, round(10.0 / self.voxel_size_angstrom))

    @property
    def reader(self) -> SliceReader:
        """The slices, binned."""
        return SliceReader(self.data, self.axis, self.binning)

    def in_plane(self, points: Array) -> Array:
        """u, v in binned voxels of x, y, z."""
        return np.asarray((np.delete(points, self.axis, axis=1) + 0.5) / self.binning - 0.5)

    def in_space(self, plane: Array, k: int) -> Array:
        """x, y, z of u, v in binned voxels of slice k."""
        return np.insert((plane + 0.5) * self.binning - 0.5, self.axis, k, axis=1)


@dataclass(frozen=True, eq=False)
class TrackedLevel:
    """The membrane in one slice, as tracked.

    Parameters
    ----------
    slice : int
        Number of the slice along the axis.
    points : array, shape (n, 3)
        x, y, z in voxels, in order along the membrane.
    point_confidence : array, shape (n,)
        From 0 to 1, meant as the probability of being within 2 voxels of the membrane. Parts of less than
        0.5 are left out.
    confidence : float
        Mean over the whole curve, with the parts that were left out.
    """

    slice: int
    points: Array
    point_confidence: Array
    confidence: float


def click_spacing(clicks: Array, *, closed: bool) -> float:
    """Mean way from one click to the next."""
    way = planar_curves.lengths_along(clicks, closed=closed)
    return float(way[-1] / (len(way) - 1))


def tracked_level(
    view: View, curve: Curve, judged: Confidence, spacing: float, *, closed: bool
) -> TrackedLevel | None:
    """Points of those parts of a curve that can be trusted, about ``spacing`` (binned voxels) apart.

    Returns
    -------
    TrackedLevel, or None if there would be fewer than three points.
    """
    m = len(curve)
    trusted = judged.kept & _within(view, curve.points)
    kept = np.flatnonzero(trusted)
    if len(kept) < 3:
        return None
    if closed and len(kept) == m:
        # a ring of fewer would look like an open curve
        rows = np.linspace(0, m, max(6, round(SPACING * m / spacing)), endpoint=False)
    else:
        first = 0
        if closed:
            # beginning after the widest gap, the points are in order along what is left
            gaps = np.diff(np.append(kept, kept[0] + m))
            first = int(kept[(int(gaps.argmax()) + 1) % len(kept)])
            kept = np.sort((kept - first) % m)
        rows = np.linspace(kept[0], kept[-1], max(3, round(SPACING * (kept[-1] - kept[0]) / spacing) + 1))
        rows = rows[np.abs(rows[:, None] - kept).min(axis=1) <= 0.5]
        rows = np.round(rows + first) % m
        if closed:
            rows = _after_hole(rows, m, spacing / SPACING)
    if len(rows) < 3:
        return None
    points = planar_curves.carried(curve.points, rows, closed=closed)
    values = planar_curves.carried(judged.value, rows, closed=closed)
    return TrackedLevel(curve.k, view.in_space(points, curve.k), values, float(judged.value.mean()))


def _after_hole(rows: Array, m: int, step: float) -> Array:
    """Rows of a ring of m samples, beginning after the widest hole: what is left out is not drawn across.

    ``step`` is the way, in samples, from one row to the next where nothing is left out.

    A hole of one point is bridged by a curve well enough.
    """
    ways = np.mod(np.diff(np.append(rows, rows[:1])), m)
    widest = int(ways.argmax())
    return np.roll(rows, -widest - 1) if ways[widest] > HOLE * step else rows


def _within(view: View, plane: Array) -> NDArray[np.bool_]:
    upper = np.array(view.reader.extent) - 0.5
    return np.asarray(((plane >= -0.5) & (plane <= upper)).all(axis=1))
