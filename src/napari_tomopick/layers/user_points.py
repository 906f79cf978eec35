"""The user points of all models of the shown tomogram, their side markers and curves, as napari layers.

Three layers for any number of models, as napari slows down with every layer. They are drawn whole from the
models each time; what a user does to them in napari is told to the owner as an intention. The owner edits the
session, which has them drawn again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from napari.layers.base import ActionType
from napari.utils.colormaps.standardize_color import transform_color

from napari_tomopick.geometry.coordinates import xyz_to_zyx, zyx_to_xyz
from napari_tomopick.layers import compat
from napari_tomopick.layers.curves import arrow_strokes, curve_pieces, outward_arrows
from napari_tomopick.layers.curves import curve_segments as curve_segments
from napari_tomopick.models.user_points import Model, ModelType

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer
    from numpy.typing import NDArray

DEFAULT_BOX = 32
# seen in its own slice and, smaller, in the two beside it: points of other levels are not to be mistaken
TRACED_POINT_SIZE = 3.5
MARKER_SIZE = 15.0
MIN_POINT_PIXELS = 7
# a hand that trembles by this much while clicking does not mean to move a point
DRAG_PIXELS = 3.0
# how far from its slice a curve is still seen, fading: what was traced last guides the next slice
CURVE_REACH = 12.0
# the active model stands out
LINE, ACTIVE_LINE = 0.6, 1.1
OTHERS_OPACITY = 0.6
# what tracking has placed is hollow and fainter, until it is accepted or touched
PROPOSED_LINE, PROPOSED_OPACITY = 0.7, 0.45
FILL = 0.35
# of curves, in voxels, and on the screen
CURVE_WIDTH, MIN_CURVE_PIXELS = 1.0, 1.5

# types whose points are particles themselves, and so are drawn as large as the box
BOX_TYPES = frozenset({ModelType.GENERAL, ModelType.DIPOLE})
Row = tuple[str, int]
"""(model uid, row in that model) of a user point."""


class Intentions(Protocol):
    """What a user may mean by handling the points; rows are (model uid, row in that model)."""

    def points_added(self, positions: NDArray[np.float64]) -> None:
        """Points were added at ``(n, 3)`` x, y, z."""

    def points_moved(self, rows: Sequence[Row], positions: NDArray[np.float64]) -> None:
        """Points were dragged to ``(n, 3)`` x, y, z."""

    def points_deleted(self, rows: Sequence[Row]) -> None:
        """Points were deleted."""

    def markers_moved(self, uids: list[str], positions: NDArray[np.float64]) -> None:
        """Side markers were dragged to ``(n, 3)`` x, y, z."""

    def markers_deleted(self, uids: list[str]) -> None:
        """Side markers were deleted."""

    def misunderstood(self) -> None:
        """The layer was changed in a way that means nothing here; it must be drawn again."""


def point_size(model: Model) -> float:
    """Diameter in voxels at which a model's points are drawn."""
    return float(model.box_size or DEFAULT_BOX) if model.type in BOX_TYPES else TRACED_POINT_SIZE


class UserPointsView:
    """Draws models; see the module.

    Parameters
    ----------
    viewer : ViewerModel
    intentions : Intentions
    """

    def __init__(self, viewer: ViewerModel, intentions: Intentions) -> None:
        self._viewer = viewer
        self._intentions = intentions
        self._drawing = False
        self._uids: list[str] = []
        self._numbers: list[NDArray[np.int64]] = []
        # where the rows of each model begin in the layer, and where the last ones end
        self._starts = np.zeros(1, np.int64)
        self._marked: list[str] = []
        self._looks: dict[str, list[Any]] = {}
        self.points = compat.Points(
            np.empty((0, 3)),
            ndim=3,
            name="user points",
            size=DEFAULT_BOX,
            border_width=ACTIVE_LINE,
            border_width_is_relative=False,
            projection_mode="rescale_spherical",
            axis_labels=("z", "y", "x"),
        )
        self.markers = compat.Points(
            np.empty((0, 3)),
            ndim=3,
            name="side markers",
            size=MARKER_SIZE,
            symbol="cross",
            border_width=1.0,
            border_width_is_relative=False,
            projection_mode="rescale_spherical",
            axis_labels=("z", "y", "x"),
        )
        self.curves = compat.Vectors(
            np.zeros((0, 2, 3)),
            ndim=3,
            name="level curves",
            edge_width=CURVE_WIDTH,
            vector_style="line",
            projection_mode="fade",
            axis_labels=("z", "y", "x"),
        )
        for layer in self.layers:
            compat.protect(layer)
        compat.visible_from_afar(self.points, MIN_POINT_PIXELS)
        compat.visible_from_afar(self.markers, 2 * MIN_POINT_PIXELS)
        # the points are never hidden: in an empty layer the first one is put
        self._hidden = {layer.name: compat.HiddenWhileEmpty(layer) for layer in (self.markers, self.curves)}
        self.points.events.data.connect(self._on_points)
        self.markers.events.data.connect(self._on_markers)
        viewer.scene.camera.events.zoom.connect(self._keep_curves_visible)

    @property
    def layers(self) -> tuple[compat.Vectors, compat.Points, compat.Points]:
        """From bottom to top."""
        return self.curves, self.markers, self.points

    def show(self, on: bool) -> None:
        """Draw all of it, or nothing."""
        for hidden in self._hidden.values():
            hidden.want(on)
        self.points.visible = on

    @property
    def drawing(self) -> bool:
        """Whether the layers change because they are being drawn."""
        return self._drawing

    @property
    def selected(self) -> list[Row]:
        """(model uid, row) of the selected points."""
        return [self.row(i) for i in sorted(self.points.selected_data)]

    def row(self, index: int) -> Row:
        """(model uid, row) of one point of the layer."""
        model = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self._uids[model], int(self._numbers[model][index - self._starts[model]])

    def select(self, rows: Iterable[Row]) -> None:
        """Select points by (model uid, row); those not drawn are passed over."""
        with self._quietly():
            self._select(rows)

    def _select(self, rows: Iterable[Row]) -> None:
        wanted: dict[str, list[int]] = {}
        for uid, number in rows:
            wanted.setdefault(uid, []).append(number)
        found = set()
        for uid, numbers, start in zip(self._uids, self._numbers, self._starts[:-1], strict=True):
            if uid in wanted:
                found.update((np.flatnonzero(np.isin(numbers, wanted[uid])) + start).tolist())
        if set(self.points.selected_data) != found:
            self.points.selected_data = found

    def draw(
        self,
        models: Sequence[Model],
        active: str,
        shape: Sequence[int],
        left_out: Mapping[str, Sequence[int]] | None = None,
    ) -> float:
        """Draw models, and return how far (voxels) from a slice something of them is to be seen.

        Points stay selected as long as no point of their model was added or deleted.

        Parameters
        ----------
        models : sequence of Model
        active : str
            Uid of the one that gets the points.
        shape : sequence of int
            Of the tomogram, along z, y, x.
        left_out : mapping, optional
            Rows that the models of these uids have, but not in what is given here.
        """
        # napari's own "add" appends and then selects the last rows: those must be the active model's
        models = [m for m in models if m.uid != active] + [m for m in models if m.uid == active]
        before = dict(zip(self._uids, map(len, self._numbers), strict=True))
        kept = [row for row in self.selected if row[0] in before]
        self._uids = [m.uid for m in models]
        self._numbers = [_rows_of(m, (left_out or {}).get(m.uid, ())) for m in models]
        self._starts = np.cumsum([0, *map(len, models)])
        kept = [row for row in kept if any(m.uid == row[0] and len(m) == before[m.uid] for m in models)]
        self._marked = [m.uid for m in models if m.marker is not None]
        with self._quietly():
            self._draw_points(models, active, kept)
            self._draw_markers([m for m in models if m.marker is not None])
            self._draw_curves(models, active, np.array(shape) - 1.0)
        return max(
            0.0,
            *(point_size(m) / 2 for m in models if len(m)),
            CURVE_REACH if len(self.curves.data) else 0.0,
            MARKER_SIZE / 2 if self._marked else 0.0,
        )

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Within this the layers change because they are drawn, not because a user meant anything."""
        before, self._drawing = self._drawing, True
        try:
            yield
        finally:
            self._drawing = before

    def _draw_points(self, models: Sequence[Model], active: str, selected: Sequence[Row]) -> None:
        layer = self.points
        data = xyz_to_zyx(np.concatenate([np.empty((0, 3)), *(m.points for m in models)]))
        looks = _looks_of(models, active)
        compat.forget_hovered(layer)
        layer.describe(lambda: _described(models, self._numbers))
        if not np.array_equal(layer.data, data):
            with layer.sliced_once():
                self._replace_points(data, looks)
                self._select(selected)
        else:
            self._select(selected)
        # a shorter array keeps the looks of the first rows, whichever rows are gone: check all of them
        for look, values in looks.items() if len(data) else ():
            if not np.array_equal(getattr(layer, look), values):
                setattr(layer, look, values)

    def _replace_points(self, data: NDArray[np.float64], looks: Mapping[str, NDArray[Any]]) -> None:
        layer = self.points
        if len(data) > len(layer.data):
            # points at the end get these looks with their data; those of the active model come last
            last = {f"current_{look}": values[-1] for look, values in looks.items()}
            changed = {k: v for k, v in last.items() if not _same_look(getattr(layer, k), v)}
            if changed:
                # else it would be the selected points that get them
                layer.selected_data = set()
            for look, value in changed.items():
                setattr(layer, look, value)
        layer.data = data
        for look in ("size", "border_width") if len(data) else ():
            if not np.array_equal(getattr(layer, look), looks[look]):
                setattr(layer, look, looks[look])

    def _draw_markers(self, models: Sequence[Model]) -> None:
        layer = self.markers
        data = xyz_to_zyx(np.array([m.marker for m in models])) if models else np.empty((0, 3))
        if self._is_drawn(layer, data, [m.colour for m in models]):
            return
        layer.describe(lambda: pd.DataFrame({"model": np.array([m.name for m in models], dtype=object)}))
        compat.forget_hovered(layer)
        with self._hidden[layer.name].filled(len(data)):
            layer.data = data
        if models:
            layer.size = np.full(len(models), MARKER_SIZE)
            layer.face_color = _rgba(models)
            layer.border_color = "white"

    def _draw_curves(self, models: Sequence[Model], active: str, last: NDArray[np.float64]) -> None:
        segments, rgba = [np.empty((0, 2, 3))], [np.empty((0, 4), np.float32)]
        for model, colour in zip(models, _rgba(models), strict=True):
            lines, proposed = curve_pieces(model)
            own = np.repeat(colour[None], len(lines), axis=0)
            own[:, 3] = np.where(proposed, PROPOSED_OPACITY, 1.0) * (
                1.0 if model.uid == active else OTHERS_OPACITY
            )
            segments.append(lines)
            rgba.append(own)
            if model.uid == active:
                arrows = arrow_strokes(outward_arrows(model))
                segments.append(arrows)
                rgba.append(np.repeat(colour[None], len(arrows), axis=0))
        data, colours = _within(xyz_to_zyx(np.concatenate(segments)), last), np.concatenate(rgba)
        layer = self.curves
        if np.array_equal(layer.data, data) and np.array_equal(layer.edge_color, colours):
            return
        with self._hidden[layer.name].filled(len(data)), layer.sliced_once():
            layer.data = data
            if len(data):
                # napari loses the colours when the data is replaced
                layer.edge_color = colours
        self._keep_curves_visible()

    def _keep_curves_visible(self) -> None:
        """However far one has zoomed out, curves are no thinner than so many pixels."""
        width = max(CURVE_WIDTH, MIN_CURVE_PIXELS / self._viewer.scene.camera.zoom)
        if len(self.curves.data) and abs(self.curves.edge_width - width) > 0.05 * width:
            self.curves.edge_width = width

    def _is_drawn(self, layer: Layer, data: NDArray[np.float64], looks: list[Any]) -> bool:
        """Whether a layer shows this already; replacing its data would have napari slice all layers anew."""
        same = self._looks.get(layer.name) == looks and np.array_equal(layer.data, data)
        self._looks[layer.name] = looks
        return same

    def _on_points(self, event: Any) -> None:
        if self._drawing or event.action not in (ActionType.ADDED, ActionType.CHANGED, ActionType.REMOVED):
            return
        data, before = self.points.data, int(self._starts[-1])
        indices = [int(i) for i in event.data_indices]
        if event.action == ActionType.ADDED and len(data) == before + len(indices):
            self._intentions.points_added(zyx_to_xyz(data[before:]))
        elif event.action == ActionType.CHANGED and len(data) == before:
            rows = [self.row(i) for i in indices]
            self._intentions.points_moved(rows, zyx_to_xyz(data[indices]).reshape(-1, 3))
        elif event.action == ActionType.REMOVED and len(data) == before - len(indices):
            self._intentions.points_deleted([self.row(i) for i in indices])
        else:
            self._intentions.misunderstood()

    def _on_markers(self, event: Any) -> None:
        if self._drawing or event.action not in (ActionType.ADDED, ActionType.CHANGED, ActionType.REMOVED):
            return
        data, before = self.markers.data, len(self._marked)
        indices = [int(i) for i in event.data_indices]
        uids = [self._marked[i] for i in indices if i < before]
        if event.action == ActionType.CHANGED and len(data) == before:
            self._intentions.markers_moved(uids, zyx_to_xyz(data[indices]).reshape(-1, 3))
        elif event.action == ActionType.REMOVED and len(data) == before - len(indices):
            self._intentions.markers_deleted(uids)
        else:
            self._intentions.misunderstood()


def _rows_of(model: Model, left_out: Sequence[int]) -> NDArray[np.int64]:
    """The rows that the points of a model have, if others before or among them are left out."""
    if not len(left_out):
        return np.arange(len(model))
    return np.delete(np.arange(len(model) + len(left_out)), list(left_out))


def _within(lines: NDArray[np.float64], last: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lines, ``(n, 2, 3)`` start and extent, along the edge of the tomogram where they would leave it.

    Else napari would slice all layers anew, as its sliders reach to whatever is drawn (`compat.hold_range`).
    """
    start = np.clip(lines[:, 0], 0, last)
    return np.stack([start, np.clip(lines.sum(axis=1), 0, last) - start], axis=1)


def _rgba(models: Sequence[Model]) -> NDArray[np.float32]:
    """The models' colours, ``(n, 4)`` from 0 to 1."""
    return transform_color([m.colour for m in models]) if models else np.empty((0, 4), np.float32)


def _looks_of(models: Sequence[Model], active: str) -> dict[str, NDArray[Any]]:
    """How each point is drawn, by the names that napari gives to that."""
    lengths = [len(m) for m in models]
    proposed = np.concatenate([np.zeros(0, bool), *(m.proposed for m in models)])
    boxed = np.repeat(np.array([m.type in BOX_TYPES for m in models], bool), lengths)
    border = np.repeat(_rgba(models), lengths, axis=0)
    face = border.copy()
    # what is below is to be seen through a box, and still through a traced point; a proposal is hollow
    face[:, 3] = np.where(boxed | proposed, 0.0, FILL)
    lines = np.repeat(np.array([ACTIVE_LINE if m.uid == active else LINE for m in models], float), lengths)
    return {
        "size": np.repeat(np.array([point_size(m) for m in models], float), lengths),
        "border_width": np.where(proposed, PROPOSED_LINE * lines, lines),
        "border_color": border,
        "face_color": face,
    }


def _same_look(current: Any, wanted: Any) -> bool:
    if isinstance(current, str):
        return bool(np.allclose(transform_color(current)[0], wanted, atol=1 / 512))
    return bool(current == wanted)


def _described(models: Sequence[Model], numbers: Sequence[NDArray[np.int64]]) -> pd.DataFrame:
    """What napari tells of a point under the mouse."""
    lengths = [len(m) for m in models]
    return pd.DataFrame(
        {
            "model": np.repeat(np.array([m.name for m in models], dtype=object), lengths),
            "level": np.concatenate([np.empty(0, np.int64), *(m.levels for m in models)]),
            "number": np.concatenate([np.empty(0, np.int64), *numbers]) + 1,
        }
    )
