"""The slice viewer as a picture for the hand, and napari's mouse and keys handed to it.

napari calls the viewer's mouse callbacks first, then those of the active layer, then its camera; a callback
stops only the camera, by setting ``event.handled``. So what the hand takes is kept from the camera, and what
napari does by itself is left to napari wherever the control scheme means the same.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.coordinates import zyx_to_xyz
from napari_tomopick.geometry.planes import Plane
from napari_tomopick.layers import compat
from napari_tomopick.layers.hand import modifiers_of
from napari_tomopick.layers.pointing import Pixel, Spot
from napari_tomopick.layers.projection import Seen, seen_in_viewer
from napari_tomopick.layers.schemes import Scheme

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_tomopick.layers.controls import Controls
    from napari_tomopick.layers.hand import Hand
    from napari_tomopick.layers.workspace import Workspace

BUTTONS = {1: "left", 2: "right", 3: "middle"}
# what napari does by itself, in two dimensions and where its layers do nothing else
NAPARI = {"Left click": "pick", "Left drag": "drag", "Wheel": "zoom", "Ctrl+wheel": "slices"}
DEGREES_PER_PIXEL = 0.4


class MainPane:
    """The slice viewer as a `napari_tomopick.layers.pointing.Pane`.

    Parameters
    ----------
    workspace : Workspace
    """

    drag_scrolls = True

    def __init__(self, workspace: Workspace) -> None:
        self._workspace, self._viewer = workspace, workspace.viewer
        # of the button that is down: in 3D, what is under the mouse depends on more than the pixel
        self.event: Any = None
        # whether it went to 3D to rotate what was seen, and not because 3D was wanted
        self._rotated = False
        self._viewer.dims.events.ndisplay.connect(self._on_ndisplay)

    def _on_ndisplay(self) -> None:
        self._rotated = self._rotated and compat.is_3d(self._viewer)

    def position(self, at: Pixel) -> np.ndarray:
        """z, y, x of what is shown at a pixel of a slice, also beside the tomogram."""
        viewer, camera = self._viewer, self._viewer.scene.camera
        height, width = viewer.canvas.size
        _, vertical, horizontal = camera.orientation
        up = (at[1] - height / 2) / camera.zoom * (-1 if vertical == "up" else 1)
        right = (at[0] - width / 2) / camera.zoom * (1 if horizontal == "right" else -1)
        found = np.asarray(viewer.dims.point, float)[-3:].copy()
        found[compat.sliced_axis(viewer)] = compat.slice_index(viewer)
        found[list(compat.displayed(viewer))] = np.add(camera.center[-2:], (up, right))
        return found

    def spot(self, at: Pixel) -> Spot | None:
        """See `Pane`."""
        tomogram = self._workspace.tomogram
        if tomogram is None or compat.is_3d(self._viewer):
            return None
        position = self.position(at)
        if ((position < -0.5) | (position > np.array(tomogram.shape) - 0.5)).any():
            return None
        axis = "zyx"[compat.sliced_axis(self._viewer)]
        plane = Plane.orthogonal(axis, compat.slice_index(self._viewer))  # type: ignore[arg-type]
        return Spot(zyx_to_xyz(position), plane, 1 / self._viewer.scene.camera.zoom)

    def point_at(self, at: Pixel) -> tuple[str, int] | None:
        """See `Pane`."""
        view = self._workspace.picking.view
        index = self._value(view.points, at)
        return None if index is None else view.row(index)

    @property
    def in_depth(self) -> bool:
        """See `napari_tomopick.layers.review_marking.ParticlePane`."""
        return compat.is_3d(self._viewer)

    def seen(self, positions: np.ndarray) -> Seen | None:
        """See `napari_tomopick.layers.review_marking.ParticlePane`."""
        return None if self._workspace.tomogram is None else seen_in_viewer(self._viewer, positions)

    def marker_at(self, at: Pixel) -> str | None:
        """See `Pane`."""
        picking = self._workspace.picking
        index = self._value(picking.view.markers, at)
        if index is None:
            return None
        marker = zyx_to_xyz(picking.view.markers.data[index])
        models = (m for m in picking.models if m.marker is not None and np.allclose(m.marker, marker))
        return next((model.uid for model in models), None)

    def _value(self, layer: compat.Points, at: Pixel) -> int | None:
        if compat.is_3d(self._viewer):
            return None if self.event is None else compat.point_under(layer, self.event)
        if not layer.visible or layer not in self._viewer.layers:
            return None
        shown = list(compat.displayed(self._viewer))
        return layer.get_value(self.position(at), dims_displayed=shown, world=True)

    def pan(self, right: float, down: float) -> None:
        """See `Pane`."""
        camera = self._viewer.scene.camera
        _, vertical, horizontal = camera.orientation
        by = (down * (1 if vertical == "up" else -1), right * (-1 if horizontal == "right" else 1))
        camera.center = (0.0, *(np.asarray(camera.center)[-2:] + np.array(by) / camera.zoom))

    def zoom(self, factor: float, at: Pixel) -> None:
        """See `Pane`."""
        camera = self._viewer.scene.camera
        flat = not compat.is_3d(self._viewer)
        before = self.position(at)
        camera.zoom *= factor
        if flat:
            moved = (before - self.position(at))[list(compat.displayed(self._viewer))]
            camera.center = (0.0, *(np.asarray(camera.center)[-2:] + moved))

    def scroll(self, slices: int, at: Pixel) -> None:
        """See `Pane`; in 3D the shown slice moves."""
        dims, tomogram = self._viewer.dims, self._workspace.tomogram
        if tomogram is None:
            return
        if not compat.is_3d(self._viewer):
            axis = compat.sliced_axis(self._viewer)
            last = tomogram.shape[axis] - 1
            dims.set_point(axis, int(np.clip(compat.slice_index(self._viewer) + slices, 0, last)))
        else:
            self._workspace.scene.slice.move(slices)

    def rotate(self, right: float, down: float) -> None:
        """See `Pane`; from a slice to the scene in 3D, in which the slice stands."""
        if self._workspace.tomogram is None:
            return
        if not compat.is_3d(self._viewer):
            self._workspace.show_3d(True)
            self._rotated = True
        camera = self._viewer.scene.camera
        view, up = (np.asarray(v, float)[::-1] for v in (camera.view_direction, camera.up_direction))
        # the scene follows the mouse, so the eye goes the other way
        turn = -np.radians(DEGREES_PER_PIXEL) * (right * up + down * np.cross(view, up))
        turned = Rotation.from_rotvec(turn).apply([view, up])[:, ::-1]
        camera.set_view_direction(tuple(turned[0]), tuple(turned[1]))

    def show_plane(self, axis: str, at: Pixel) -> None:
        """See `Pane`; in 3D look along that axis at a slice across it, or go back to a slice."""
        tomogram = self._workspace.tomogram
        if compat.is_3d(self._viewer) and self._rotated:
            self._workspace.show_3d(False)
            height, width = self._viewer.canvas.size
            at = width / 2, height / 2
        if compat.is_3d(self._viewer):
            self._workspace.scene.view_along(axis)
        elif tomogram is not None:
            last = np.array(tomogram.shape) - 1.0
            compat.show_plane(self._viewer, axis, np.clip(self.position(at), 0.0, last))

    def click(self, at: Pixel, second: bool = False) -> None:
        """See `Pane`: what napari's own modes do for a plain click."""
        picking, spot, row = self._workspace.picking, self.spot(at), self.point_at(at)
        if picking.mode == "add" and spot is not None and not second:
            picking.add_at(spot)
        elif picking.mode == "select" and row is not None:
            picking.select_points([row])
        elif picking.mode != "add":
            self._workspace.review.marking.click(self, at)


class NapariMouse:
    """Hands napari's mouse events to the hand; see the module.

    Parameters
    ----------
    workspace : Workspace
    pane : MainPane
    """

    def __init__(self, workspace: Workspace, pane: MainPane) -> None:
        self._workspace, self._pane, self._viewer = workspace, pane, workspace.viewer
        self._hand, self._controls, self._picking = workspace.hand, workspace.controls, workspace.picking
        viewer = workspace.viewer
        # before all others, of which napari's frame for zooming (Alt+drag) gives way to a drag of the hand's
        viewer.mouse_drag_callbacks[:] = [
            self._pressed,
            *(self._unless_taken(callback) for callback in viewer.mouse_drag_callbacks),
        ]
        self._taken = False
        viewer.mouse_move_callbacks.append(self._moved)
        # napari's own run all the same: they are called from ours, where nothing else is meant
        self._wheels, self._doubles = viewer.mouse_wheel_callbacks[:], viewer.mouse_double_click_callbacks[:]
        viewer.mouse_wheel_callbacks[:] = [self._turned]
        viewer.mouse_double_click_callbacks[:] = [self._double_clicked]

    def _left_to_napari(self) -> dict[str, str]:
        """Which gestures, as they are bound now, napari carries out itself."""
        controls, active = self._controls, self._viewer.layers.selection.active
        bound = {name: controls.action(name) or "" for name in controls.mouse}
        if compat.is_3d(self._viewer):
            only = {"menu", "delete_point", "options", "slices", "slices_up", "pick"}
            return {name: action for name, action in bound.items() if action not in only}
        mode = str(getattr(active, "mode", "pan_zoom"))
        if mode == "pan_zoom":
            # there a click does nothing in napari
            return {name: action for name, action in NAPARI.items() if action != "pick"}
        if active is self._picking.view.points and mode == "add":
            return NAPARI | {"Left click": bound.get("Left click", "")}
        # some layer has its own use for the left button, with whatever modifier
        return NAPARI | {name: action for name, action in bound.items() if "left" in name.lower()}

    def _pressed(self, _viewer: Any, event: Any) -> Iterator[None]:
        hand, pane, at = self._hand, self._pane, _at(event)
        button, modifiers = BUTTONS.get(event.button, ""), modifiers_of(event.modifiers)
        # napari's layers add a point for any button and with any modifier; these callbacks run before theirs
        plain = button == "left" and not modifiers
        self._picking.press_is_plain = plain and not self._picking.marker_armed
        pane.event, self._taken = event, False
        camera, panned = self._viewer.scene.camera, self._viewer.scene.camera.mouse_pan
        if not button:
            return
        taken = hand.press(pane, at, button, modifiers, left_to_picture=self._left_to_napari())
        self._taken = taken
        if taken:
            event.handled = True
            # moves reach this only now and then, and the camera always
            camera.mouse_pan = False
        try:
            yield
            while event.type == "mouse_move":
                event.handled = hand.move(pane, _at(event)) or event.handled
                yield
            event.handled = hand.release(pane, _at(event), button) or event.handled
        finally:
            pane.event = None
            if taken:
                camera.mouse_pan = panned

    def _unless_taken(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        return lambda viewer, event: None if self._taken else callback(viewer, event)

    def _moved(self, _viewer: Any, event: Any) -> None:
        self._picking.press_is_plain = True
        self._hand.move(self._pane, _at(event))

    def _turned(self, viewer: Any, event: Any) -> None:
        # some systems turn the wheel sideways while Shift or Alt is held
        steps = float(event.delta[1] or event.delta[0])
        modifiers = modifiers_of(event.modifiers)
        own = self._left_to_napari()
        if self._hand.wheel(self._pane, _at(event), steps, modifiers, left_to_picture=own):
            event.handled = True
        else:
            for callback in self._wheels:
                callback(viewer, event)

    def _double_clicked(self, viewer: Any, event: Any) -> None:
        button, modifiers = BUTTONS.get(event.button, ""), modifiers_of(event.modifiers)
        if button and not self._hand.repeats(button, modifiers):
            self._pane.event = event
            self._hand.press(
                self._pane, _at(event), button, modifiers, left_to_picture=self._left_to_napari()
            )
            event.handled = self._hand.release(self._pane, _at(event), button)
            self._pane.event = None
            if event.handled:
                return
        # where clicks put points, two of them are not to zoom
        if self._controls.scheme is Scheme.NAPARI and self._picking.mode != "erase":
            for callback in self._doubles:
                callback(viewer, event)
        else:
            event.handled = True


class NapariKeys:
    """Binds the keys of the controls on the viewer and on layers, and again when they change.

    A layer's keys win over those of the viewer, and over those napari gives to its kind of layer (X, Y, Z, C
    of an image, Delete of points), so both need them.

    Parameters
    ----------
    controls : Controls
    hand : Hand
    viewer : ViewerModel
    """

    def __init__(self, controls: Controls, hand: Hand, viewer: ViewerModel) -> None:
        self._controls, self._hand, self._viewer = controls, hand, viewer
        # what was bound before, which comes back when the key is ours no more; closed layers are let go
        self._before: dict[str, Any] = self._bind(viewer)
        self._layers: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()
        controls.changed.connect(self._rebind)

    def add(self, layer: Any) -> None:
        """Bind the keys on a layer of ours, too."""
        self._layers[layer] = self._bind(layer)

    def _rebind(self) -> None:
        _restore(self._viewer, self._before)
        self._before = self._bind(self._viewer)
        for layer in list(self._layers):
            _restore(layer, self._layers[layer])
            self._layers[layer] = self._bind(layer)

    def _bind(self, target: Any) -> dict[str, Any]:
        before = {}
        for name in self._controls.keys:
            key = compat.napari_key(name)
            if key is not None:
                before[key] = target.bind_key(key, None)
                target.bind_key(key, self._callback(name))
        return before

    def _callback(self, name: str) -> Any:
        hand = self._hand

        def press(_target: Any) -> None:
            hand.key(hand.pointing.pane, hand.pointing.at, name)

        def hold(target: Any) -> Iterator[None]:
            press(target)
            yield
            hand.key_up(name)

        return hold if name in self._controls.held_keys else press


def _restore(target: Any, before: dict[str, Any]) -> None:
    """Bind what was bound before on a viewer or a layer; what napari binds for its class was only hidden."""
    for key, callback in before.items():
        target.bind_key(key, None)
        if callback is not None:
            target.bind_key(key, callback)


def _at(event: Any) -> Pixel:
    return float(event.pos[0]), float(event.pos[1])
