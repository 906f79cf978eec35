"""Models and particles as they are seen in any plane through the tomogram, as the slice viewer shows them.

A `Scenery` is made from the models once, and then asked for as many planes as there are pictures.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import ArrayLike, NDArray

from napari_tomopick.geometry.planes import Plane
from napari_tomopick.layers.curves import curve_pieces, outward_arrows
from napari_tomopick.layers.overlay import Arrows, Circles, Crosses, Lines, Overlay
from napari_tomopick.layers.particle_looks import Look, Sizes, colours
from napari_tomopick.layers.user_points import (
    BOX_TYPES,
    CURVE_REACH,
    MARKER_SIZE,
    MIN_POINT_PIXELS,
    OTHERS_OPACITY,
    TRACED_POINT_SIZE,
    point_size,
)
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.user_points import Model

Row = tuple[str, int]
"""(model uid, row in that model) of a user point."""

# opacity of the inside of points that are not as large as a box
FILL = 0.35
# opacity of the curve of a level with points that wait to be accepted
PROPOSED = 0.5
# line widths in pixels; the active model stands out
LINE, ACTIVE_LINE = 1.2, 2.0
SELECTED = (1.0, 1.0, 1.0, 1.0)
# a line that comes nearer fades in over pieces that cross this many voxels of depth
_DEPTH = 2.0


@dataclass(frozen=True, eq=False)
class PlaneScene:
    """What is seen in one plane, and what of it is where.

    Parameters
    ----------
    overlay : Overlay
        In u, v of the plane.
    rows : sequence of (str, int)
        Which user point each of the first circles of the overlay is; those of particles and of selected
        points come after them.
    marked : sequence of str
        Uid of the model of each cross.
    """

    overlay: Overlay = field(default_factory=Overlay)
    rows: Sequence[Row] = ()
    marked: Sequence[str] = ()

    def point_at(self, uv: ArrayLike, pixels: float, grab: float) -> Row | None:
        """The user point at a place: the one within whose circle it lies whose centre is nearest.

        Parameters
        ----------
        uv : array-like, shape (2,)
        pixels : float
            Of the screen per voxel.
        grab : float
            How many pixels beside the centre of a small circle still mean it.
        """
        circles = self.overlay.circles.rows(slice(len(self.rows)))
        found = _nearest(circles.centres, np.maximum(circles.radii, grab / pixels), uv)
        return None if found is None else self.rows[found]

    def marker_at(self, uv: ArrayLike, pixels: float, grab: float) -> str | None:
        """The uid of the model whose side marker is at a place; parameters as of `point_at`."""
        crosses = self.overlay.crosses
        found = _nearest(crosses.centres, np.maximum(crosses.radii, grab / pixels), uv)
        return None if found is None else self.marked[found]


@dataclass(frozen=True, eq=False)
class _Spheres:
    """What is drawn as the section of a sphere: centres ``(n, 3)`` x, y, z, and the looks of each."""

    centres: NDArray[np.float64]
    radii: NDArray[np.float64]
    rgba: NDArray[np.float64]
    fills: NDArray[np.float64]
    widths: NDArray[np.float64]
    dashed: NDArray[np.bool_]

    def cut(self, plane: Plane, beside: float = 1.0) -> tuple[Circles, NDArray[np.intp]]:
        """The circles in a plane, and which sphere each is of; ``beside``: see `Scenery.seen_in`."""
        uv, distance = plane.coordinates(self.centres)
        which = np.flatnonzero(np.abs(distance) < self.radii)
        radii = np.sqrt(self.radii[which] ** 2 - distance[which] ** 2)
        least = MIN_POINT_PIXELS / 2
        rgba, fills = self.rgba[which], self.fills[which]
        if beside < 1:
            faint = (np.abs(distance[which]) > 0.5) & (self.radii[which] <= TRACED_POINT_SIZE / 2)
            rgba, fills = (
                np.where(faint[:, None], rgba * (1, 1, 1, beside), rgba),
                np.where(faint, 0.0, fills),
            )
        return (
            Circles(
                uv[which],
                radii,
                rgba,
                fills,
                self.widths[which],
                least,
                self.dashed[which],
            ),
            which,
        )


@dataclass(frozen=True, eq=False)
class _Segments:
    """Lines in the tomogram, ``(n, 2, 3)`` start and extent in x, y, z, that fade with distance."""

    lines: NDArray[np.float64]
    rgba: NDArray[np.float64]
    widths: NDArray[np.float64]

    @cached_property
    def _ends(self) -> NDArray[np.float64]:
        return np.asarray(self.lines[:, 0] + self.lines[:, 1])

    def near(self, plane: Plane, reach: float) -> tuple[NDArray, NDArray, NDArray]:
        """The parts of lines within reach of a plane: ends ``(m, 2, 2)`` in it, rgba and widths."""
        depths = [(places - plane.origin) @ plane.normal for places in (self.lines[:, 0], self._ends)]
        # of thousands, a plane has few near it
        kept = np.flatnonzero((np.minimum(*depths) < reach) & (np.maximum(*depths) > -reach))
        start, d0 = plane.coordinates(self.lines[kept, 0])
        end, d1 = plane.coordinates(self._ends[kept])
        rise = d1 - d0
        with np.errstate(divide="ignore", invalid="ignore"):
            at = np.stack([(-reach - d0) / rise, (reach - d0) / rise])
        flat = np.abs(rise) < 1e-9
        near = np.abs(d0) < reach
        first = np.where(flat, np.where(near, 0.0, 1.0), at.min(axis=0)).clip(0, 1)
        last = np.where(flat, np.where(near, 1.0, 0.0), at.max(axis=0)).clip(0, 1)
        which = np.flatnonzero(first < last)
        # a line that crosses the plane fades piece by piece
        first, last, rise = first[which], last[which], np.abs(rise[which])
        pieces = np.maximum(np.ceil((last - first) * rise / _DEPTH), 1).astype(np.int64)
        each = np.repeat(np.arange(len(which)), pieces)
        number = np.arange(len(each)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        step = ((last - first) / pieces)[each]
        low = first[each] + number * step
        t = np.stack([low, low + step], axis=1)[..., None]
        row = which[each]
        ends = start[row, None] + t * (end - start)[row, None]
        distance = np.abs(d0[row] + t.mean(axis=1)[:, 0] * (d1 - d0)[row])
        rgba = self.rgba[kept[row]].copy()
        rgba[:, 3] *= np.clip(1 - distance / reach, 0, 1)
        return ends, rgba, self.widths[kept[row]]

    def starting_near(self, plane: Plane, reach: float) -> tuple[NDArray, NDArray, NDArray]:
        """The whole of those that start within reach of a plane: ends ``(m, 2, 2)``, rgba and widths."""
        start, distance = plane.coordinates(self.lines[:, 0])
        which = np.flatnonzero(np.abs(distance) < reach)
        end, _ = plane.coordinates(self._ends[which])
        rgba = self.rgba[which].copy()
        rgba[:, 3] *= 1 - np.abs(distance[which]) / reach
        return np.stack([start[which], end], axis=1), rgba, self.widths[which]


class Scenery:
    """All that is drawn of the shown models and particle sets, ready to be seen in any plane.

    Parameters
    ----------
    models : iterable of Model
        Those that are shown.
    active : str
        Uid of the model that gets the points; it is drawn last, and stands out.
    sets : mapping of str to (Particles, str)
        The shown particle sets of the tomogram by uid, and their colours.
    look : Look
        How particles are drawn.
    selected : collection of (str, int)
        (model uid, row) of points that are highlighted.
    chosen : mapping of str to int array
        Ids of particles of the sets that are highlighted.
    """

    def __init__(
        self,
        models: Iterable[Model] = (),
        active: str = "",
        sets: Mapping[str, tuple[Particles, str]] | None = None,
        look: Look | None = None,
        selected: Collection[Row] = (),
        chosen: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        models = sorted(models, key=lambda m: m.uid == active)
        self.rows: list[Row] = [(m.uid, i) for m in models for i in range(len(m))]
        highlighted = set(selected)
        self._selected = np.array([row in highlighted for row in self.rows], bool)
        self._points = _points_of(models, active)
        lines = [lines_of(m) for m in models]
        self._curves = _segments_of(models, active, [curves for curves, _, _ in lines])
        # what is only proposed is fainter
        self._curves.rgba[np.concatenate([np.zeros(0, bool), *(p for _, p, _ in lines)]), 3] *= PROPOSED
        sides = [a for m, (_, _, a) in zip(models, lines, strict=True) if m.uid == active]
        self._sides = _segments_of(models[-len(sides) :] if sides else (), active, sides)
        marked = [m for m in models if m.marker is not None]
        self._marked = [m.uid for m in marked]
        self._markers = np.array([m.marker for m in marked], np.float64).reshape(-1, 3)
        self._marker_rgba = _rgba(marked)
        self._particles, self._axes, self._axes_reach = _particles_of(
            sets or {}, look or Look(), chosen or {}
        )

    def seen_in(self, plane: Plane, *, curve_reach: float = CURVE_REACH, beside: float = 1.0) -> PlaneScene:
        """What of it is seen in a plane.

        Parameters
        ----------
        plane : Plane
        curve_reach : float
            How many voxels from the plane curves are still seen, fading.
        beside : float
            Opacity of traced points more than half a voxel from the plane: below 1 where slices stand side
            by side, and it must be seen which of them are traced.
        """
        circles, which = self._points.cut(plane, beside)
        particles, _ = self._particles.cut(plane)
        highlighted = circles.rows(self._selected[which])
        highlighted = Circles(
            highlighted.centres, highlighted.radii, SELECTED, 0.0, ACTIVE_LINE, highlighted.least
        )
        uv, distance = plane.coordinates(self._markers)
        near = np.flatnonzero(np.abs(distance) < MARKER_SIZE / 2)
        arms = np.sqrt((MARKER_SIZE / 2) ** 2 - distance[near] ** 2)
        return PlaneScene(
            Overlay(
                lines=Lines(*self._curves.near(plane, curve_reach)),
                arrows=Arrows.joined(
                    [
                        Arrows(*self._axes.starting_near(plane, self._axes_reach)),
                        Arrows(*self._sides.starting_near(plane, curve_reach)),
                    ]
                ),
                circles=Circles.joined([circles, particles, highlighted]),
                crosses=Crosses(uv[near], arms, self._marker_rgba[near], MIN_POINT_PIXELS),
            ),
            [self.rows[i] for i in which],
            [self._marked[i] for i in near],
        )


# models never change in place, and are drawn in many pictures
_lines: WeakKeyDictionary[Model, tuple[NDArray, NDArray, NDArray]] = WeakKeyDictionary()


def lines_of(model: Model) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """A model's curves, which of their lines are proposed, and the arrows to its outer side."""
    if model not in _lines:
        _lines[model] = *curve_pieces(model), outward_arrows(model)
    return _lines[model]


def _rgba(models: Sequence[Model]) -> NDArray[np.float64]:
    return np.asarray(transform_color([m.colour for m in models]), np.float64) if models else np.empty((0, 4))


def _points_of(models: Sequence[Model], active: str) -> _Spheres:
    lengths = [len(m) for m in models]
    boxed = np.repeat(np.array([m.type in BOX_TYPES for m in models], bool), lengths)
    proposed = np.concatenate([np.zeros(0, bool), *(m.proposed for m in models)])
    return _Spheres(
        np.concatenate([np.empty((0, 3)), *(m.points for m in models)]),
        np.repeat(np.array([point_size(m) / 2 for m in models], np.float64), lengths),
        np.repeat(_rgba(models), lengths, axis=0),
        # what is below is to be seen through a box; what tracking has placed is hollow
        np.where(boxed | proposed, 0.0, FILL),
        np.repeat(np.array([ACTIVE_LINE if m.uid == active else LINE for m in models], float), lengths),
        boxed & proposed,
    )


def _segments_of(models: Sequence[Model], active: str, segments: Sequence[NDArray[np.float64]]) -> _Segments:
    lengths = [len(s) for s in segments]
    rgba = _rgba(models)
    rgba[[m.uid != active for m in models], 3] *= OTHERS_OPACITY
    widths = np.array([ACTIVE_LINE if m.uid == active else LINE for m in models], float)
    return _Segments(
        np.concatenate([np.empty((0, 2, 3)), *segments]),
        np.repeat(rgba, lengths, axis=0),
        np.repeat(widths, lengths),
    )


def _particles_of(
    sets: Mapping[str, tuple[Particles, str]], look: Look, chosen: Mapping[str, ArrayLike]
) -> tuple[_Spheres, _Segments, float]:
    """Circles and arrows of particle sets, and from how far an arrow is seen."""
    drawn = [(p, colour, Sizes.of(p)) for p, colour in sets.values() if len(p)]
    counts = [len(p) for p, _, _ in drawn]
    positions = np.concatenate([np.empty((0, 3)), *(p.positions for p, _, _ in drawn)])
    rgba = np.concatenate([np.empty((0, 4)), *(colours(p, colour, look) for p, colour, _ in drawn)])
    n = len(positions)
    bright = np.concatenate(
        [np.zeros(0, bool), *(np.isin(p.ids, chosen.get(uid, ())) for uid, (p, _) in sets.items() if len(p))]
    )
    rgba[bright] = SELECTED
    widths = np.where(bright, ACTIVE_LINE, LINE)
    radii = np.repeat(np.array([s.circle / 2 for _, _, s in drawn], float), counts)
    spheres = _Spheres(positions, radii, rgba, np.zeros(n), widths, np.zeros(n, bool))
    shown = drawn if look.arrows else []
    lengths = np.repeat(
        np.array([look.arrow_length or s.arrow for _, _, s in shown], float), counts[: len(shown)]
    )
    axes = np.concatenate([np.empty((0, 3)), *(p.directions() for p, _, _ in shown)]) * lengths[:, None]
    starts = positions[: len(axes)]
    reach = max((s.circle / 2 for _, _, s in drawn), default=1.0)
    return (
        spheres,
        _Segments(np.stack([starts, axes], axis=1), rgba[: len(axes)], widths[: len(axes)]),
        reach,
    )


def _nearest(centres: NDArray[np.float64], radii: NDArray[np.float64], uv: ArrayLike) -> int | None:
    if not len(centres):
        return None
    away = np.linalg.norm(centres - np.asarray(uv, np.float64), axis=1)
    away[away > radii] = np.inf
    nearest = int(away.argmin())
    return nearest if np.isfinite(away[nearest]) else None
