"""Everything that depends on the version of napari; written for 0.9.

Layers are in voxel units: world position = index ``(z, y, x)``, a whole number being the centre of a voxel.
So nothing is ever converted but the axis order, and no digit of a click is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import napari.layers
import napari.utils
import numpy as np
import pandas as pd
from app_model.types import KeyCode
from napari.utils.notifications import show_error, show_warning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer
    from numpy.typing import ArrayLike, NDArray

__all__ = ["show_error", "show_warning"]

# napari's default ("towards", "down", "right") mirrors a [z, y, x] volume in 3D (napari issue 7683) and shows
# y downwards in 2D. This is how IMOD, ChimeraX and EMAN2 show the same file.
CAMERA_ORIENTATION = ("towards", "up", "right")

# how near to the middle of a small point a click means it
GRAB_PIXELS = 7.0

CAPTION_GROUND = (0.0, 0.0, 0.0, 0.6)

# of surfaces, from dark to bright
SURFACE_COLOURS = ((0.05, 0.07, 0.12, 1.0), (0.33, 0.52, 0.80, 1.0), (0.80, 0.90, 1.0, 1.0))

# for each plane, the axes shown as (sliced, vertical, horizontal)
PLANE_ORDERS = {"z": (0, 1, 2), "y": (1, 0, 2), "x": (2, 0, 1)}


class _Quick(napari.layers.Layer):
    """A layer that is sliced and drawn once after several changes; napari does both after each of them.

    It has no small picture in napari's list: slice by slice that would take longer than the layer itself.
    """

    _held = False
    _changing = False

    @contextmanager
    def sliced_once(self) -> Iterator[None]:
        """Within this the layer is changed, and what is drawn of it stays; positions come before looks."""
        self._held = self._changing = True
        try:
            with ExitStack() as quiet:
                # these would draw by a slicing that does not fit the new positions
                for name in ("border_width", "edge_color", "edge_width", "highlight"):
                    if name in self.events.emitters:
                        quiet.enter_context(self.events[name].blocker())
                yield
            self._held = False
            self.refresh()
        finally:
            self._held = self._changing = False

    def refresh(self, *args: Any, **parts: Any) -> None:
        """See napari."""
        if not self._held:
            super().refresh(*args, **parts)

    def _update_thumbnail(self) -> None:
        """What napari has every kind of layer say for itself."""


class Vectors(_Quick, napari.layers.Vectors):
    """Vectors that are quick to change and to scroll through. napari goes by the name of this class."""

    _reach: tuple[Any, float, NDArray[np.float64]] | None = None

    @property
    def _extent_data(self) -> NDArray[np.float64]:
        """What napari has every kind of layer say for itself; it asks in each slice."""
        if not len(self.data):
            return np.full((2, self.ndim), np.nan)
        if self._reach is None or self._reach[0] is not self.data or self._reach[1] != self.length:
            # NumPy is ten times quicker along rows that lie together
            ends = np.concatenate([self.data[:, 0], self.data[:, 0] + self.length * self.data[:, 1]]).T.copy()
            self._reach = self.data, self.length, np.stack([ends.min(axis=1), ends.max(axis=1)])
        return self._reach[2].copy()


class Points(_Quick, napari.layers.Points):
    """Points that are hit wherever they are seen, also where `visible_from_afar` draws them larger.

    napari goes by their size in voxels alone (napari issue 3734): zoomed out, hardly one can be grabbed. This
    class has the name of napari's because napari goes by it. Their features are made when somebody looks at
    them: napari copies the whole table for each point that is added.
    """

    _describe: Callable[[], pd.DataFrame] | None = None
    _described: pd.DataFrame | None = None

    def describe(self, features: Callable[[], pd.DataFrame]) -> None:
        """Say how the table of features is made for the points as they are from now on."""
        self._describe, self._described = features, None

    @property
    def features(self) -> pd.DataFrame:
        """See napari."""
        if self._describe is None or self._held:
            return super().features
        if self._described is None:
            self._described = self._describe()
        return self._described

    @features.setter
    def features(self, features: Any) -> None:
        napari.layers.Points.features.fset(self, features)  # type: ignore[attr-defined]

    @property
    def symbol(self) -> NDArray[Any]:
        """See napari, which looks each of thousands of equal symbols up by itself."""
        return super().symbol

    @symbol.setter
    def symbol(self, symbol: Any) -> None:
        if isinstance(symbol, np.ndarray) and len(symbol) and len(set(map(id, symbol.tolist()))) == 1:
            symbol = symbol[0]
        napari.layers.Points.symbol.fset(self, symbol)  # type: ignore[attr-defined]

    def get_value(
        self,
        position: ArrayLike,
        *,
        view_direction: ArrayLike | None = None,
        dims_displayed: list[int] | None = None,
        world: bool = False,
    ) -> Any:
        """The row of the point at a position, or None; see napari."""
        # a thread of napari asks for its status bar, also while points are being replaced
        if self._changing:
            return None
        try:
            return self._row_at(position, view_direction, dims_displayed, world)
        except (IndexError, ValueError):
            # they were replaced after it had begun
            if threading.current_thread() is threading.main_thread():
                raise
            return None

    def _row_at(
        self,
        position: ArrayLike,
        view_direction: ArrayLike | None,
        dims_displayed: list[int] | None,
        world: bool,
    ) -> Any:
        found = super().get_value(
            position, view_direction=view_direction, dims_displayed=dims_displayed, world=world
        )
        data, size = self.data, self.size
        there = self.visible and len(data) == len(size) > 0
        if found is not None or not there or len(dims_displayed or ()) != 2:
            return found
        away = np.abs(data - (self.world_to_data(position) if world else np.asarray(position)))
        in_plane = np.hypot(*away[:, dims_displayed].T)
        off_plane = np.delete(away, dims_displayed, axis=1)[:, 0]
        in_plane[(off_plane >= size / 2) | ~self.shown] = np.inf
        nearest = int(in_plane.argmin())
        return nearest if in_plane[nearest] / self.scale_factor <= GRAB_PIXELS else None


def unwrapped(viewer: Any) -> ViewerModel:
    """The viewer behind the proxy that napari hands to the widgets of plugins."""
    return getattr(viewer, "__wrapped__", viewer)


def unmirror(viewer: ViewerModel) -> None:
    """Show volumes with their true hand: x to the right, y up, z towards the eye."""
    viewer.scene.camera.orientation = CAMERA_ORIENTATION


def displayed(viewer: ViewerModel) -> tuple[int, ...]:
    """The axes on the canvas, of z, y, x = 0, 1, 2."""
    return tuple(viewer.dims.displayed)


def is_3d(viewer: ViewerModel) -> bool:
    """Whether the scene, and not a slice, is shown."""
    return viewer.dims.ndisplay == 3


def sliced_axis(viewer: ViewerModel) -> int:
    """The axis along which the shown slice cuts: 0, 1, 2 for z, y, x."""
    return int(viewer.dims.order[0])


def slice_index(viewer: ViewerModel) -> int:
    """The number of the shown slice."""
    return round(float(viewer.dims.point[sliced_axis(viewer)]))


def go_to(viewer: ViewerModel, position_zyx: Sequence[float]) -> None:
    """Show the slice through a position, with the position in the middle of the canvas."""
    position = np.asarray(position_zyx, float)
    viewer.dims.set_point(range(3), np.round(position))
    axes = list(displayed(viewer))
    viewer.scene.camera.center = tuple(position[axes]) if is_3d(viewer) else (0.0, *position[axes])


def show_plane(viewer: ViewerModel, plane: str, position_zyx: NDArray[np.float64]) -> None:
    """Show the plane normal to an axis through a position, which stays where it is on the canvas.

    In 3D look along that axis instead.
    """
    order = PLANE_ORDERS[plane]
    camera = viewer.scene.camera
    if is_3d(viewer):
        look, up = np.zeros(3), np.zeros(3)
        # as the slice across the axis is seen: with z up and x to the right, y grows away from the eye
        look["zyx".index(plane)], up[1 if plane == "z" else 0] = 1.0 if plane == "y" else -1.0, 1.0
        camera.set_view_direction(tuple(look), tuple(up))
        return
    # napari fits the view to the canvas when the order changes; what the mouse points at must not jump
    before = displayed(viewer)
    offset = position_zyx[list(before)] - np.asarray(camera.center)[-2:]
    zoom = camera.zoom
    viewer.dims.set_point(range(3), np.round(position_zyx))
    viewer.dims.order = order
    camera.zoom = zoom
    camera.center = (0.0, *(position_zyx[list(displayed(viewer))] - offset))


def look_at(
    viewer: ViewerModel, position_zyx: ArrayLike, direction_zyx: ArrayLike, up_zyx: ArrayLike, extent: float
) -> None:
    """Look at something in the 3D scene in a direction, so near that this length fills the canvas."""
    camera = viewer.scene.camera
    camera.center = tuple(np.asarray(position_zyx, float).tolist())
    direction, up = (tuple(np.asarray(v, float).tolist()) for v in (direction_zyx, up_zyx))
    camera.set_view_direction(direction, up)
    camera.zoom = min(viewer.canvas.size) / extent


def surface(corners_zyx: ArrayLike, faces: ArrayLike, light: ArrayLike, name: str) -> Layer:
    """A surface, each corner as bright as is said, from 0 to 1."""
    return napari.layers.Surface(
        (np.asarray(corners_zyx), np.asarray(faces), np.asarray(light)),
        name=name,
        shading="none",
        colormap=napari.utils.Colormap(SURFACE_COLOURS, name="model"),
        contrast_limits=(0.0, 1.0),
    )


def set_slab(viewer: ViewerModel, radius: float) -> None:
    """How far from the shown slice points and vectors are drawn, in voxels.

    Images of the session have ``projection_mode="none"``, so that they are not averaged over this slab.
    """
    margin = (float(radius),) * viewer.dims.ndim
    # both at once: napari divides by zero while only one of them is set
    with viewer.dims.events.margin_left.blocker():
        viewer.dims.margin_left = margin
    viewer.dims.margin_right = margin


def set_caption(viewer: ViewerModel, text: str, colour: str) -> None:
    """Write something in a corner of the canvas, or nothing."""
    overlay = viewer.canvas.overlays.text
    if text:
        overlay.text, overlay.color, overlay.position, overlay.font_size = text, colour, "top_left", 11
        # the colours of models are for dark slices, and napari's ground is light in its light theme
        overlay.box_color = CAPTION_GROUND
    overlay.visible = bool(text)


def hold_range(viewer: ViewerModel, shape: Callable[[], tuple[int, ...] | None]) -> None:
    """Let the sliders count the slices of the tomogram of this shape, and nothing else.

    napari counts from the lowest to the highest coordinate of any layer: an arrow that reaches out of the
    tomogram would shift the slice numbers, and put slices between voxels.
    """

    def hold() -> None:
        found = shape()
        wanted = () if found is None else tuple((0.0, n - 1.0, 1.0) for n in found)
        if wanted and tuple(tuple(r) for r in viewer.dims.range) != wanted:
            viewer.dims.range = wanted

    viewer.dims.events.range.connect(hold)


def on_ndisplay(viewer: ViewerModel, before: Callable[[], None], after: Callable[[], None]) -> None:
    """Call ``before`` and ``after`` napari has sliced the layers anew for a change between 2D and 3D."""
    emitter = viewer.dims.events.ndisplay
    # "first" would only be the first after napari's own; of these the first notes the camera's state for the
    # number of dimensions that is left, and the second slices
    emitter.connect(before, after=emitter.callbacks[0], before=emitter.callbacks[1])
    emitter.connect(after)


def visible_from_afar(layer: Points, pixels: float) -> None:
    """Draw points at least this large on the canvas, however far one has zoomed out."""

    def limit() -> None:
        # with no point in the slice napari draws one of size 0 at the origin, which a lower limit would show
        limits = (pixels if len(layer._view_indices) else 0.0, 10000.0)
        if tuple(layer.canvas_size_limits) != limits:
            layer.canvas_size_limits = limits

    layer.events.set_data.connect(limit)
    limit()


def select(layer: Points, indices: Collection[int]) -> None:
    """Select points.

    napari's own way goes through all of them one by one, to find looks and features that they share: it gives
    those to the points that are added next.
    """
    layer.selected_data.replace_selection(indices)
    layer.refresh(thumbnail=False, data_displayed=False, extent=False)


@contextmanager
def drawn_once(layer: Points) -> Iterator[None]:
    """Within this the width of lines changes, and then their colour, with which all of it is drawn.

    napari would hand all points to the graphics card three times.
    """
    with layer.events.border_width.blocker(), layer.events.border_color.blocker():
        yield


def forget_hovered(layer: Points) -> None:
    """Take no row for the one under the mouse, until the mouse moves; before the rows change.

    napari remembers its number, which belongs to another point when one before it is gone.
    """
    layer.get_value(np.full(layer.ndim, np.nan))


class HiddenWhileEmpty:
    """Hides a layer while it has nothing to show: napari takes as long for an empty one as for a full one.

    Whether it is wanted is told by the user, in napari's list of layers or by `want`.

    Parameters
    ----------
    layer : Layer
    """

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._changing = self._paused = False
        self.wanted = True
        layer.events.visible.connect(self._on_visible)
        self._show(False)

    def pause(self, paused: bool) -> None:
        """Hide the layer for a while, whatever it has to show."""
        self._paused = paused
        self._show(self.wanted and len(self._layer.data) > 0)

    def want(self, wanted: bool) -> None:
        """Show the layer whenever it has something to show, or never."""
        self.wanted = wanted
        self._show(wanted and len(self._layer.data) > 0)

    @contextmanager
    def filled(self, count: int) -> Iterator[None]:
        """Within this the layer gets data with so many rows."""
        # napari takes no notice of where the data of a hidden layer ends
        if count:
            self._show(self.wanted)
        yield
        if not count:
            self._show(False)

    def _show(self, visible: bool) -> None:
        visible &= not self._paused
        if self._layer.visible != visible:
            self._changing = True
            self._layer.visible = visible
            self._changing = False

    def _on_visible(self) -> None:
        if not self._changing:
            self.wanted = bool(self._layer.visible)


def protect(layer: Layer) -> None:
    """Refuse what napari offers for any layer and what would part one of ours from the session, unnoticed.

    Deleting the layer, transforming it (its positions are voxels), and pasting, which tells nobody.
    """
    layer.locked = True

    def refuse_transform() -> None:
        if str(layer.mode) == "transform":
            layer.mode = "pan_zoom"
            show_warning("This layer cannot be transformed: its positions are voxels of the tomogram.")

    def refuse_paste(_layer: Layer) -> None:
        show_warning("Points cannot be pasted here; put them with C or by clicking.")

    layer.events.mode.connect(refuse_transform)
    layer.bind_key("Control-V", refuse_paste, overwrite=True)


def napari_key(name: str) -> str | None:
    """A key with its modifiers as napari spells it; None if napari has no name for it.

    Parameters
    ----------
    name : str
        As in `napari_tomopick.layers.gesture_names`.
    """
    # the plus sign joins, and is a key as well
    before, key = (name[:-1], "+") if name.endswith("+") else name.rpartition("+")[::2]
    # to napari, all keys that it does not know are one and the same
    if KeyCode.from_string(key) == KeyCode.UNKNOWN:
        return None
    return "-".join([*("Control" if m == "Ctrl" else m for m in before.split("+") if m), key])


def point_under(layer: Any, event: Any) -> int | None:
    """The row of the point of a Points layer under a mouse event, or None."""
    if not layer.visible:
        return None
    return layer.get_value(
        event.position, view_direction=event.view_direction, dims_displayed=event.dims_displayed, world=True
    )
