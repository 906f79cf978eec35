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
from napari.layers import Vectors
from napari.layers.base import ActionType
from napari.utils.colormaps.standardize_color import transform_color

from napari_tomopick.geometry.coordinates import xyz_to_zyx, zyx_to_xyz
from napari_tomopick.layers import compat
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

# types whose points are particles themselves, and so are drawn as large as the box
BOX_TYPES = frozenset({ModelType.GENERAL, ModelType.DIPOLE})
CURVE_TYPES = frozenset(
    {
        ModelType.SURFACE,
        ModelType.FILAMENT,
        ModelType.FILAMENT_TORSION,
        ModelType.FILAMENT_HELIX,
        ModelType.FILAMENT_RINGS,
    }
)


class Intentions(Protocol):
    """What a user may mean by handling the points; rows are (model uid, row in that model)."""

    def points_added(self, positions: NDArray[np.float64]) -> None:
        """Points were added at ``(n, 3)`` x, y, z."""

    def points_moved(self, rows: Sequence[tuple[str, int]], positions: NDArray[np.float64]) -> None:
        """Points were dragged to ``(n, 3)`` x, y, z."""

    def points_deleted(self, rows: Sequence[tuple[str, int]]) -> None:
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


def curve_segments(model: Model) -> NDArray[np.float64]:
    """The lines that join a model's points, ``(n, 2, 3)``: start and extent in x, y, z.

    Points of one level (contour, filament) are joined in clicking order, dipoles centre to north.
    """
    if model.type is ModelType.DIPOLE:
        n = len(model) // 2 * 2
        start, end = model.points[:n:2], model.points[1:n:2]
    elif model.type is ModelType.SURFACE:
        contours = model.contours() or [np.empty((0, 3))]
        start = np.concatenate([c[:-1] for c in contours])
        end = np.concatenate([c[1:] for c in contours])
    elif model.type in CURVE_TYPES:
        start, end = model.points[:-1], model.points[1:]
    else:
        start = end = np.empty((0, 3))
    return np.stack([start, end - start], axis=1)


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
        self._rows: list[tuple[str, int]] = []
        self._sizes: dict[str, int] = {}
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
        self.curves = Vectors(
            np.zeros((0, 2, 3)),
            ndim=3,
            name="level curves",
            edge_width=1.0,
            vector_style="line",
            projection_mode="fade",
            axis_labels=("z", "y", "x"),
        )
        for layer in self.layers:
            compat.protect(layer)
        compat.visible_from_afar(self.points, MIN_POINT_PIXELS)
        compat.visible_from_afar(self.markers, 2 * MIN_POINT_PIXELS)
        self.points.events.data.connect(self._on_points)
        self.markers.events.data.connect(self._on_markers)

    @property
    def layers(self) -> tuple[Vectors, compat.Points, compat.Points]:
        """From bottom to top."""
        return self.curves, self.markers, self.points

    @property
    def selected(self) -> list[tuple[str, int]]:
        """(model uid, row) of the selected points."""
        return [self._rows[i] for i in sorted(self.points.selected_data)]

    def row(self, index: int) -> tuple[str, int]:
        """(model uid, row) of one point of the layer."""
        return self._rows[index]

    @property
    def drawing(self) -> bool:
        """Whether the layers change because they are being drawn."""
        return self._drawing

    def select(self, rows: Iterable[tuple[str, int]]) -> None:
        """Select points by (model uid, row); those not drawn are passed over."""
        index = {row: i for i, row in enumerate(self._rows)}
        with self._quietly():
            self.points.selected_data = {index[row] for row in rows if row in index}

    def draw(
        self, models: Sequence[Model], active: str, left_out: Mapping[str, Sequence[int]] | None = None
    ) -> float:
        """Draw models, and return how far (voxels) from a slice something of them is to be seen.

        Points stay selected as long as no point of their model was added or deleted. ``left_out`` are rows
        that the models of these uids have, but not in what is given here.
        """
        # napari's own "add" appends and then selects the last rows: those must be the active model's
        models = [m for m in models if m.uid != active] + [m for m in models if m.uid == active]
        sizes = {m.uid: len(m) for m in models}
        kept = {row for row in self.selected if sizes.get(row[0]) == self._sizes.get(row[0])}
        self._rows = [(m.uid, i) for m in models for i in _rows_of(m, (left_out or {}).get(m.uid, ()))]
        self._sizes = sizes
        self._marked = [m.uid for m in models if m.marker is not None]
        with self._quietly():
            self._draw_points(models, active)
            self._draw_markers([m for m in models if m.marker is not None])
            self._draw_curves(models, active)
            self.points.selected_data = {i for i, row in enumerate(self._rows) if row in kept}
            compat.forget_hovered(self.points)
        return max(
            *(point_size(m) / 2 for m in models),
            CURVE_REACH if len(self.curves.data) else 0.0,
            MARKER_SIZE / 2,
        )

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Within this the layers change because they are drawn, not because a user meant anything."""
        before, self._drawing = self._drawing, True
        try:
            yield
        finally:
            self._drawing = before

    def _draw_points(self, models: Sequence[Model], active: str) -> None:
        layer, n = self.points, len(self._rows)
        lengths = [len(m) for m in models]
        border = _rgba(models)
        # what is below is to be seen through a box, and still through a traced point
        opacity = [0.0 if m.type in BOX_TYPES else 0.35 for m in models]
        face = np.column_stack([border[:, :3], np.array(opacity, np.float32)])
        sizes = np.array([point_size(m) for m in models])
        lines = np.array([ACTIVE_LINE if m.uid == active else LINE for m in models])
        layer.selected_data = set()
        if models:
            # points at the end get these looks with their data; those of the active model come last
            layer.current_size, layer.current_border_width = sizes[-1], lines[-1]
            layer.current_border_color, layer.current_face_color = border[-1], face[-1]
        positions = np.concatenate([np.empty((0, 3)), *(m.points for m in models)])
        layer.data = xyz_to_zyx(positions)
        layer.features = pd.DataFrame(
            {
                "model": np.array([m.name for m in models for _ in range(len(m))], dtype=object),
                "uid": np.array([uid for uid, _ in self._rows], dtype=object),
                "level": np.concatenate([np.empty(0, np.int64), *(m.levels for m in models)]),
                "number": np.array([i + 1 for _, i in self._rows], dtype=np.int64),
            }
        )
        if n:
            # a shorter array keeps the looks of the first rows, whichever rows are gone: check all of them
            _set_if_changed(layer, "size", np.repeat(sizes, lengths))
            _set_if_changed(layer, "border_width", np.repeat(lines, lengths))
            _set_if_changed(layer, "border_color", np.repeat(border, lengths, axis=0))
            _set_if_changed(layer, "face_color", np.repeat(face, lengths, axis=0))

    def _draw_markers(self, models: Sequence[Model]) -> None:
        layer = self.markers
        data = xyz_to_zyx(np.array([m.marker for m in models])) if models else np.empty((0, 3))
        if self._is_drawn(layer, data, [m.colour for m in models]):
            return
        layer.data = data
        layer.features = pd.DataFrame({"model": np.array([m.name for m in models], dtype=object)})
        if models:
            layer.size = np.full(len(models), MARKER_SIZE)
            layer.face_color = _rgba(models)
            layer.border_color = "white"

    def _draw_curves(self, models: Sequence[Model], active: str) -> None:
        segments = [curve_segments(m) for m in models]
        data = xyz_to_zyx(np.concatenate([*segments, np.empty((0, 2, 3))]))
        rgba = _rgba(models)
        rgba[[m.uid != active for m in models], 3] = OTHERS_OPACITY
        looks = [(*c, len(s)) for c, s in zip(rgba.tolist(), segments, strict=True)]
        if self._is_drawn(self.curves, data, looks):
            return
        self.curves.data = data
        if len(data):
            # napari loses the colours when the data is replaced
            self.curves.edge_color = np.repeat(rgba, [len(s) for s in segments], axis=0)

    def _is_drawn(self, layer: Layer, data: NDArray[np.float64], looks: list[Any]) -> bool:
        """Whether a layer shows this already; replacing its data would have napari slice all layers anew."""
        same = self._looks.get(layer.name) == looks and np.array_equal(layer.data, data)
        self._looks[layer.name] = looks
        return same

    def _on_points(self, event: Any) -> None:
        if self._drawing or event.action not in (ActionType.ADDED, ActionType.CHANGED, ActionType.REMOVED):
            return
        data, before = self.points.data, len(self._rows)
        indices = [int(i) for i in event.data_indices]
        if event.action == ActionType.ADDED and len(data) == before + len(indices):
            self._intentions.points_added(zyx_to_xyz(data[before:]))
        elif event.action == ActionType.CHANGED and len(data) == before:
            rows = [self._rows[i] for i in indices]
            self._intentions.points_moved(rows, zyx_to_xyz(data[indices]).reshape(-1, 3))
        elif event.action == ActionType.REMOVED and len(data) == before - len(indices):
            self._intentions.points_deleted([self._rows[i] for i in indices])
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


def _rows_of(model: Model, left_out: Sequence[int]) -> Sequence[int]:
    """The rows that the points of a model have, if others before or among them are left out."""
    if not len(left_out):
        return range(len(model))
    return np.delete(np.arange(len(model) + len(left_out)), list(left_out)).tolist()


def _rgba(models: Sequence[Model]) -> NDArray[np.float32]:
    """The models' colours, ``(n, 4)`` from 0 to 1."""
    return transform_color([m.colour for m in models]) if models else np.empty((0, 4), np.float32)


def _set_if_changed(layer: compat.Points, look: str, values: NDArray[Any]) -> None:
    """Set a look of all points; each such setting has napari draw them all again."""
    if not np.array_equal(getattr(layer, look), values):
        setattr(layer, look, values)
