"""Particle sets of the shown tomogram as one Points and one Vectors layer, for looking and weeding out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from napari.layers.base import ActionType
from napari.utils.colormaps import ensure_colormap
from napari.utils.colormaps.standardize_color import transform_color

from napari_tomopick.geometry.coordinates import xyz_to_zyx
from napari_tomopick.geometry.sampling import spacing
from napari_tomopick.layers import compat
from napari_tomopick.layers.user_points import DEFAULT_BOX, MIN_POINT_PIXELS
from napari_tomopick.models.particles import Particles

if TYPE_CHECKING:
    from numpy.typing import NDArray

ColourBy = Literal["set", "group", "score"]

# colours that people with every kind of colour vision tell apart (Okabe & Ito 2008, without black)
PALETTE = ("#56b4e9", "#e69f00", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2")
NO_SCORE = (0.6, 0.6, 0.6, 1.0)

# in voxels, or as a part of the spacing, the diameter or the length
CIRCLE_OF_SPACING = 0.7
# a crowd, as in a cell, touches within the boxes
MOST_OVERLAP = 1.5
MIN_CIRCLE, MIN_ARROW = 3.0, 8.0
LINE_OF_CIRCLE, MAX_LINE = 0.12, 1.0
WIDTH_OF_ARROW, MAX_WIDTH = 0.1, 2.0


@dataclass(frozen=True)
class Look:
    """How particles are drawn.

    Parameters
    ----------
    colour_by : "set", "group" or "score"
    arrows : bool
        Whether the particles' own z axes are drawn.
    arrow_length : float, optional
        In voxels. Default: what fits between neighbours, see `Sizes`.
    """

    colour_by: ColourBy = "set"
    arrows: bool = True
    arrow_length: float | None = None


@dataclass(frozen=True)
class Sizes:
    """How large a set's particles are drawn, in voxels, so that one can tell them apart.

    A circle is as large as the box where boxes hardly overlap; elsewhere it leaves a gap to the nearest
    neighbour. An arrow is as long as that neighbour is far.

    Parameters
    ----------
    circle : float
        Diameter.
    arrow : float
        Length.
    """

    circle: float
    arrow: float

    @classmethod
    def of(cls, particles: Particles) -> Sizes:
        """The sizes for the particles of one tomogram."""
        distances = spacing(particles.positions)
        apart = float(np.median(distances)) if len(distances) else np.inf
        box = particles.box_size
        fits = box is not None and box <= MOST_OVERLAP * apart
        circle = float(box) if fits else min(CIRCLE_OF_SPACING * apart, float(box or DEFAULT_BOX))
        return cls(max(circle, MIN_CIRCLE), float(np.clip(apart, MIN_ARROW, DEFAULT_BOX)))


def colours(particles: Particles, colour: str, look: Look) -> NDArray[np.float32]:
    """A colour for each particle, ``(n, 4)`` from 0 to 1; scores from the 2nd to the 98th percentile."""
    n = len(particles)
    if look.colour_by == "group":
        palette = transform_color(list(PALETTE))
        return palette[(particles.groups - 1) % len(palette)]
    if look.colour_by == "score":
        rgba = np.tile(np.array(NO_SCORE, np.float32), (n, 1))
        known = np.isfinite(particles.scores)
        if known.any():
            low, high = np.percentile(particles.scores[known], (2, 98))
            scaled = (particles.scores[known] - low) / max(high - low, np.finfo(float).tiny)
            rgba[known] = ensure_colormap("viridis").map(np.clip(scaled, 0, 1))
        return rgba
    return np.repeat(transform_color(colour), n, axis=0)


class ParticleView:
    """Draws particle sets.

    Parameters
    ----------
    deleted : callable
        Called with a list of (set uid, particle id) a user deleted in napari.
    misunderstood : callable
        Called when the layer was changed in another way; it must be drawn again.
    """

    def __init__(
        self, deleted: Callable[[list[tuple[str, int]]], None], misunderstood: Callable[[], None]
    ) -> None:
        self._deleted = deleted
        self._misunderstood = misunderstood
        self._drawing = False
        self._rows: list[tuple[str, int]] = []
        self._index: dict[tuple[str, int], int] = {}
        self.points = compat.Points(
            np.empty((0, 3)),
            ndim=3,
            name="particles",
            size=DEFAULT_BOX,
            border_width=MAX_LINE,
            border_width_is_relative=False,
            face_color="transparent",
            projection_mode="rescale_spherical",
            axis_labels=("z", "y", "x"),
        )
        self.arrows = compat.Vectors(
            np.zeros((0, 2, 3)),
            ndim=3,
            name="particle axes",
            edge_width=MAX_WIDTH,
            vector_style="arrow",
            projection_mode="fade",
            axis_labels=("z", "y", "x"),
        )
        for layer in self.layers:
            compat.protect(layer)
        self._hidden_points, self._hidden_arrows = map(compat.HiddenWhileEmpty, (self.points, self.arrows))
        compat.visible_from_afar(self.points, MIN_POINT_PIXELS)
        self.points.events.data.connect(self._on_points)

    @property
    def layers(self) -> tuple[compat.Vectors, compat.Points]:
        """From bottom to top."""
        return self.arrows, self.points

    @property
    def arrows_wanted(self) -> bool:
        """Whether arrows are drawn, if there are any."""
        return self._hidden_arrows.wanted

    @property
    def selected(self) -> list[tuple[str, int]]:
        """(set uid, particle id) of the selected particles."""
        return [self._rows[i] for i in sorted(self.points.selected_data)]

    def select(self, rows: Sequence[tuple[str, int]]) -> None:
        """Select particles by (set uid, particle id); those not drawn are passed over."""
        self.points.selected_data = {self._index[row] for row in rows if row in self._index}

    def draw(self, sets: Mapping[str, tuple[Particles, str]], look: Look, shape: tuple[int, ...]) -> float:
        """Draw ``{uid: (particles, colour)}``; return how far from a slice the largest reaches, in voxels.

        Particles that are still there stay selected. ``shape`` is that of the tomogram, along z, y, x.
        """
        kept = self.selected
        drawn = [(uid, p, colour) for uid, (p, colour) in sets.items() if len(p)]
        self._rows = [(uid, int(i)) for uid, p, _ in drawn for i in p.ids]
        self._index = {row: i for i, row in enumerate(self._rows)}
        sizes = [Sizes.of(p) for _, p, _ in drawn]
        with self._quietly():
            compat.forget_hovered(self.points)
            self._hidden_arrows.want(look.arrows)
            with self._hidden_points.filled(len(self._rows)), self._hidden_arrows.filled(len(self._rows)):
                self._draw(drawn, sizes, look, shape)
            self.select(kept)
        return max((s.circle for s in sizes), default=0.0) / 2

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Within this the layers change because they are drawn, not because a user meant anything."""
        before, self._drawing = self._drawing, True
        try:
            yield
        finally:
            self._drawing = before

    def _draw(
        self, drawn: list[tuple[str, Particles, str]], sizes: list[Sizes], look: Look, shape: tuple[int, ...]
    ) -> None:
        counts = [len(p) for _, p, _ in drawn]
        positions = xyz_to_zyx(np.concatenate([np.empty((0, 3)), *(p.positions for _, p, _ in drawn)]))
        rgba = np.concatenate([np.empty((0, 4)), *(colours(p, colour, look) for _, p, colour in drawn)])
        circles = np.array([s.circle for s in sizes])
        lengths = np.array([look.arrow_length or s.arrow for s in sizes])
        self.points.describe(lambda: _described([p for _, p, _ in drawn]))
        with self.points.sliced_once():
            self.points.selected_data = set()
            self.points.data = positions
            # all looks are set anew: napari truncates them from the end, whichever rows are gone
            self.points.size = np.repeat(circles, counts)
            self.points.border_width = np.repeat(np.minimum(LINE_OF_CIRCLE * circles, MAX_LINE), counts)
        if drawn:
            self.points.border_color = rgba
            self.points.face_color = "transparent"
        axes = np.concatenate([np.empty((0, 3)), *(p.directions() for _, p, _ in drawn)])
        extents = xyz_to_zyx(axes) * np.repeat(lengths, counts)[:, None]
        with self.arrows.sliced_once():
            self.arrows.data = arrows_within(positions, extents, shape)
            if drawn:
                self.arrows.edge_width = min(WIDTH_OF_ARROW * lengths.min(), MAX_WIDTH)
                # napari loses the colours when the data is replaced
                self.arrows.edge_color = rgba

    def _on_points(self, event: Any) -> None:
        if self._drawing or event.action not in (ActionType.ADDED, ActionType.CHANGED, ActionType.REMOVED):
            return
        indices = [int(i) for i in event.data_indices]
        if event.action == ActionType.REMOVED and len(self.points.data) == len(self._rows) - len(indices):
            self._deleted([self._rows[i] for i in indices])
        else:
            self._misunderstood()


def _described(drawn: Sequence[Particles]) -> pd.DataFrame:
    """What napari tells of a particle under the mouse."""
    return pd.DataFrame(
        {
            "id": np.concatenate([np.empty(0, np.int64), *(p.ids for p in drawn)]),
            "group": np.concatenate([np.empty(0, np.int64), *(p.groups for p in drawn)]),
            "score": np.concatenate([np.empty(0), *(p.scores for p in drawn)]),
        }
    )


def arrows_within(
    starts: NDArray[np.float64], extents: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Arrows, ``(n, 2, 3)`` start and extent, those that would leave the tomogram cut short.

    napari's sliders count the slices from the lowest to the highest coordinate of any layer: with an arrow
    that reaches out of the tomogram every edit would have all layers sliced anew, twice (see
    `compat.hold_range`).
    """
    last = np.array(shape, float) - 1.0
    room = np.where(extents > 0, last - starts, starts)
    with np.errstate(divide="ignore", invalid="ignore"):
        fraction = np.where(extents == 0, np.inf, room / np.abs(extents)).min(axis=1, initial=1.0)
    # a hair less, as start + extent is rounded
    fraction = np.where(fraction < 1, np.maximum(fraction, 0.0) * (1 - 1e-6), 1.0)
    return np.stack([starts, extents * fraction[:, None]], axis=1)
