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
from napari_tomopick.layers.selection import Ids, Selection
from napari_tomopick.layers.user_points import DEFAULT_BOX, MIN_POINT_PIXELS
from napari_tomopick.models.particles import Particles

if TYPE_CHECKING:
    from numpy.typing import NDArray

ColourBy = Literal["set", "group", "score"]

# colours that people with every kind of colour vision tell apart (Okabe & Ito 2008, without black)
PALETTE = ("#56b4e9", "#e69f00", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2")
NO_SCORE = (0.6, 0.6, 0.6, 1.0)
# opacity of particles that are filtered out
DIM = 0.2

# in voxels, or as a part of the spacing, the diameter or the length
CIRCLE_OF_SPACING = 0.7
# particles whose nearest neighbour is looked for: enough for a median, of however many there are
MEASURED = 2000
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
    dim : bool
        Whether particles that are filtered out are still seen, dimly.
    """

    colour_by: ColourBy = "set"
    arrows: bool = True
    arrow_length: float | None = None
    dim: bool = False


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
        distances = spacing(particles.positions, at_most=MEASURED)
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

    napari's selected points are a projection of the selection, and what a user selects in napari is taken
    over into it. napari alone cannot keep it: it knows rows of the layer, which change with every edit, and
    loses those that are not drawn.

    Parameters
    ----------
    selection : Selection
    deleted : callable
        Called with ``{set uid: ids}`` of what a user deleted in napari.
    misunderstood : callable
        Called when the layer was changed in another way; it must be drawn again.
    """

    def __init__(
        self,
        selection: Selection,
        deleted: Callable[[dict[str, Ids]], None],
        misunderstood: Callable[[], None],
    ) -> None:
        self._selection = selection
        self._deleted = deleted
        self._misunderstood = misunderstood
        self._drawing = False
        self._uids: list[str] = []
        self._ids: list[Ids] = []
        self._starts = np.zeros(1, np.int64)
        # what does not change when particles are filtered
        self._passing: dict[str, NDArray[np.bool_]] = {}
        self._shown = np.zeros(0, bool)
        self._dim = False
        self._rgba = np.empty((0, 4))
        self._vectors = np.empty((0, 2, 3))
        self._arrow_width = MAX_WIDTH
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
        self.points.selected_data.events.items_changed.connect(self._on_selected)
        selection.changed.connect(self._project)

    @property
    def layers(self) -> tuple[compat.Vectors, compat.Points]:
        """From bottom to top."""
        return self.arrows, self.points

    @property
    def arrows_wanted(self) -> bool:
        """Whether arrows are drawn, if there are any."""
        return self._hidden_arrows.wanted

    @property
    def seen_rows(self) -> NDArray[np.int64]:
        """The points of the layer that are not filtered out, if particles are drawn at all."""
        drawn = self.points.visible or self.arrows.visible
        return np.flatnonzero(self._shown) if drawn else np.empty(0, np.int64)

    @property
    def tips(self) -> NDArray[np.float64]:
        """Where the arrows of all points of the layer end, ``(n, 3)`` z, y, x."""
        return np.asarray(self._vectors.sum(axis=1))

    def row(self, index: int) -> tuple[str, int]:
        """(set uid, particle id) of a point of the layer."""
        part = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self._uids[part], int(self._ids[part][index - self._starts[part]])

    def ids_at(self, rows: Sequence[int] | NDArray[np.int64]) -> dict[str, Ids]:
        """Which particles points of the layer are."""
        at = np.sort(np.asarray(rows, np.int64))
        ends = np.searchsorted(at, self._starts)
        parts = zip(self._uids, self._ids, self._starts, ends, ends[1:], strict=False)
        return {uid: ids[at[i:j] - start] for uid, ids, start, i, j in parts if i < j}

    def _selected_rows(self) -> NDArray[np.bool_]:
        masks = [self._selection.mask(uid, ids) for uid, ids in zip(self._uids, self._ids, strict=True)]
        return np.concatenate([np.zeros(0, bool), *masks])

    def _project(self) -> None:
        """Let napari's selected points be those of the selection that are drawn."""
        wanted = set(np.flatnonzero(self._selected_rows()).tolist())
        if wanted != self.points.selected_data:
            with self._quietly():
                compat.select(self.points, wanted)

    def _on_selected(self) -> None:
        """Take over what a user has selected in napari."""
        if self._drawing or len(self.points.data) != len(self._shown):
            # in the midst of a deletion the rows are no longer those that were drawn
            return
        now, before = np.zeros(len(self._shown), bool), self._selected_rows()
        now[list(self.points.selected_data)] = True
        # what is filtered out may only still be selected
        now &= self._shown | before
        chosen = self.ids_at(np.flatnonzero(now))
        if now.any() and before.any() and not ((now & ~before).any() and (before & ~now).any()):
            # with Shift: what is selected of sets that are not drawn stays
            chosen |= {u: self._selection.ids(u) for u in self._selection.uids if u not in self._uids}
        self._selection.set(chosen)
        self._project()

    def draw(
        self,
        sets: Mapping[str, tuple[Particles, str]],
        look: Look,
        shape: tuple[int, ...],
        passing: Mapping[str, NDArray[np.bool_]] | None = None,
    ) -> float:
        """Draw particles; return how far from a slice the largest reaches, in voxels.

        Parameters
        ----------
        sets : mapping
            ``{uid: (particles, colour)}``.
        look : Look
        shape : tuple of int
            That of the tomogram, along z, y, x.
        passing : mapping, optional
            As of `filter`.
        """
        self._passing = dict(passing or {})
        drawn = [(uid, p, colour) for uid, (p, colour) in sets.items() if len(p)]
        self._uids, self._ids = [uid for uid, _, _ in drawn], [p.ids for _, p, _ in drawn]
        self._starts = np.cumsum([0, *map(len, self._ids)])
        sizes = [Sizes.of(p) for _, p, _ in drawn]
        with self._quietly():
            compat.forget_hovered(self.points)
            self._hidden_arrows.want(look.arrows)
            shown = self._shown_rows()
            with (
                self._hidden_points.filled(len(shown)),
                self._hidden_arrows.filled(int(shown.sum()) if not look.dim else len(shown)),
            ):
                self._draw(drawn, sizes, look, shape, shown)
            self._project()
        return max((s.circle for s in sizes), default=0.0) / 2

    def filter(self, passing: Mapping[str, NDArray[np.bool_]]) -> None:
        """Show only particles that pass, or dim the others: nothing is drawn anew, however many there are.

        Parameters
        ----------
        passing : mapping
            For each set of which not all pass, by its uid, a mask of its particles as they were drawn.
        """
        self._passing = dict(passing)
        shown = self._shown_rows()
        if np.array_equal(shown, self._shown):
            return
        self._shown = shown
        with self._quietly():
            if self._dim:
                self.points.border_color = self.arrows.edge_color = self._colours(shown)
                return
            self.points.shown = shown
            with self._hidden_arrows.filled(int(shown.sum())):
                self._draw_arrows(shown)

    def _shown_rows(self) -> NDArray[np.bool_]:
        parts = [
            self._passing.get(uid, np.ones(len(ids), bool))
            for uid, ids in zip(self._uids, self._ids, strict=True)
        ]
        return np.concatenate([np.zeros(0, bool), *parts])

    def _colours(self, shown: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.where(shown[:, None], self._rgba, self._rgba * (1, 1, 1, DIM))

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Within this the layers change because they are drawn, not because a user meant anything."""
        before, self._drawing = self._drawing, True
        try:
            yield
        finally:
            self._drawing = before

    def _draw(
        self,
        drawn: list[tuple[str, Particles, str]],
        sizes: list[Sizes],
        look: Look,
        shape: tuple[int, ...],
        shown: NDArray[np.bool_],
    ) -> None:
        counts = [len(p) for _, p, _ in drawn]
        positions = xyz_to_zyx(np.concatenate([np.empty((0, 3)), *(p.positions for _, p, _ in drawn)]))
        self._dim, self._shown = look.dim, shown
        self._rgba = np.concatenate([np.empty((0, 4)), *(colours(p, colour, look) for _, p, colour in drawn)])
        circles = np.array([s.circle for s in sizes])
        lengths = np.array([look.arrow_length or s.arrow for s in sizes])
        self.points.describe(lambda: _described([p for _, p, _ in drawn]))
        with self.points.sliced_once():
            self.points.selected_data = set()
            self.points.data = positions
            # all looks are set anew: napari truncates them from the end, whichever rows are gone
            self.points.size = np.repeat(circles, counts)
            self.points.border_width = np.repeat(np.minimum(LINE_OF_CIRCLE * circles, MAX_LINE), counts)
            self.points.shown = shown | look.dim
        if drawn:
            self.points.border_color = self._colours(shown)
            self.points.face_color = "transparent"
        axes = np.concatenate([np.empty((0, 3)), *(p.directions() for _, p, _ in drawn)])
        extents = xyz_to_zyx(axes) * np.repeat(lengths, counts)[:, None]
        self._vectors = arrows_within(positions, extents, shape)
        self._arrow_width = min(WIDTH_OF_ARROW * lengths.min(initial=np.inf), MAX_WIDTH)
        self._draw_arrows(shown)

    def _draw_arrows(self, shown: NDArray[np.bool_]) -> None:
        which = slice(None) if self._dim or shown.all() else shown
        with self.arrows.sliced_once():
            self.arrows.data = self._vectors[which]
            if len(self.arrows.data):
                self.arrows.edge_width = self._arrow_width
                # napari loses the colours when the data is replaced
                self.arrows.edge_color = self._colours(shown)[which]

    def _on_points(self, event: Any) -> None:
        if self._drawing or event.action not in (ActionType.ADDED, ActionType.CHANGED, ActionType.REMOVED):
            return
        indices = [int(i) for i in event.data_indices]
        if event.action == ActionType.REMOVED and len(self.points.data) == self._starts[-1] - len(indices):
            self._deleted(self.ids_at(indices))
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
