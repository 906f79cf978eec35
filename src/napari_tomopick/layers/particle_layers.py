"""Particle sets of the shown tomogram as one Points and one Vectors layer, for looking and weeding out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from napari.layers.base import ActionType

from napari_tomopick.geometry.coordinates import xyz_to_zyx
from napari_tomopick.layers import compat
from napari_tomopick.layers.particle_looks import (
    DIM,
    LINE_OF_CIRCLE,
    MAX_LINE,
    MAX_WIDTH,
    SELECTED,
    SELECTED_LINE,
    WIDTH_OF_ARROW,
    Look,
    Sizes,
    arrows_within,
    colours,
)
from napari_tomopick.layers.selection import Ids, Selection
from napari_tomopick.layers.user_points import DEFAULT_BOX, MIN_POINT_PIXELS
from napari_tomopick.models.particles import Particles

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
        self._bright = np.zeros(0, bool)
        self._lines = np.empty(0)
        self._arrow_rows: slice | NDArray[np.bool_] = slice(None)
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

    def pause_arrows(self, paused: bool) -> None:
        """Leave the arrows out for a while."""
        self._hidden_arrows.pause(paused)

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
        selected = self._selected_rows()
        if len(self.points.data) != len(selected):
            # a user has deleted some in napari; they are drawn anew presently
            return
        wanted = set(np.flatnonzero(selected).tolist())
        with self._quietly():
            if wanted != self.points.selected_data:
                compat.select(self.points, wanted)
            if not np.array_equal(selected, self._bright):
                self._bright = selected
                self._colour()

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
                self._colour()
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

    def _colours(self) -> NDArray[np.float64]:
        rgba = np.where(self._bright[:, None], SELECTED, self._rgba)
        if self._dim:
            rgba[~self._shown] *= (1, 1, 1, DIM)
        return rgba

    def _colour(self) -> None:
        """Show which are selected, and which dim: napari marks selected ones of the active layer alone."""
        if len(self._rgba):
            rgba = self._colours()
            with compat.drawn_once(self.points):
                self.points.border_width = np.where(self._bright, SELECTED_LINE, 1.0) * self._lines
                self.points.border_color = rgba
            if len(self.arrows.data):
                self.arrows.edge_color = rgba[self._arrow_rows]

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
        self._bright = self._selected_rows()
        self._rgba = np.concatenate([np.empty((0, 4)), *(colours(p, colour, look) for _, p, colour in drawn)])
        circles = np.array([s.circle for s in sizes])
        lengths = np.array([look.arrow_length or s.arrow for s in sizes])
        self._lines = np.repeat(np.minimum(LINE_OF_CIRCLE * circles, MAX_LINE), counts)
        self.points.describe(lambda: _described([p for _, p, _ in drawn]))
        with self.points.sliced_once():
            self.points.selected_data = set()
            self.points.data = positions
            # all looks are set anew: napari truncates them from the end, whichever rows are gone
            self.points.size = np.repeat(circles, counts)
            self.points.border_width = np.where(self._bright, SELECTED_LINE, 1.0) * self._lines
            self.points.shown = shown | look.dim
        if drawn:
            self.points.border_color = self._colours()
            self.points.face_color = "transparent"
        axes = np.concatenate([np.empty((0, 3)), *(p.directions() for _, p, _ in drawn)])
        extents = xyz_to_zyx(axes) * np.repeat(lengths, counts)[:, None]
        self._vectors = arrows_within(positions, extents, shape)
        self._arrow_width = min(WIDTH_OF_ARROW * lengths.min(initial=np.inf), MAX_WIDTH)
        self._draw_arrows(shown)

    def _draw_arrows(self, shown: NDArray[np.bool_]) -> None:
        which = self._arrow_rows = slice(None) if self._dim or shown.all() else shown
        with self.arrows.sliced_once():
            self.arrows.data = self._vectors[which]
            if len(self.arrows.data):
                self.arrows.edge_width = self._arrow_width
                # napari loses the colours when the data is replaced
                self.arrows.edge_color = self._colours()[which]

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
