"""Views of the tomogram that go together: all of them show planes through one point, the focus.

The focus is where napari's own sliders stand, so the slice viewer always goes through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.coordinates import xyz_to_zyx, zyx_to_xyz
from napari_tomopick.geometry.planes import Axis, Plane
from napari_tomopick.layers import compat
from napari_tomopick.layers.hand import CLICK_PIXELS
from napari_tomopick.layers.oblique import Attitude, extent_in, plane_through_points, trace
from napari_tomopick.layers.overlay import Box, Lines, Overlay
from napari_tomopick.layers.plane_scene import Scenery
from napari_tomopick.layers.viewport import Viewport

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Workspace
    from napari_tomopick.models.user_points import Model

Kind = Literal["x", "y", "z", "oblique"]

# as 3D programs colour their axes; a line has the colour of the plane it stands for
COLOURS: dict[str, str] = {"x": "#ff6464", "y": "#5fd35f", "z": "#6fa8ff", "oblique": "#ffb347"}
# which axes lie to the right and up in the plane across each
IN_PLANE = {"z": "xy", "y": "xz", "x": "yz"}
DEGREES_PER_PIXEL = 0.4
TRACE_WIDTH = 1.5


class LinkedViews:
    """The focus, the planes through it, and what is drawn over each.

    Nothing is listened to until `link`, and nothing after `unlink`.

    Parameters
    ----------
    workspace : Workspace

    Signals
    -------
    changed()
        Something that the views show has changed.
    """

    changed = Signal()

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._viewer = workspace.viewer
        # napari's sliders stand at whole voxels; an oblique plane may go through between them
        self._between = np.zeros(3)
        self.attitude = Attitude()
        self.cross_shown = True
        self.same_scale = False
        self.oblique_shown = False
        self._scenery = Scenery()
        self._drawn: list[Any] = []
        self._links: list[tuple[Any, Callable[..., Any]]] = []
        # the active model as it was last, to see that a point was added
        self._active: Model | None = None

    # links

    @property
    def linked(self) -> bool:
        """Whether the views follow."""
        return bool(self._links)

    def link(self) -> None:
        """Follow the slice viewer, the models, the particles and the display from now on."""
        if self._links:
            return
        work, dims, camera = self.workspace, self._viewer.dims.events, self._viewer.scene.camera.events
        for signal in (
            *(dims.point, dims.order, dims.ndisplay, camera.center, camera.zoom),
            *(work.picking.selection_changed, work.review.view.points.events.data),
            *(work.tomogram_changed, work.display.filtering_changed, work.display.grey_changed),
            *(work.picking.models_changed, work.picking.active_changed, work.picking.shown_changed),
            *(work.review.sets_changed, work.review.look_changed),
            *(work.review.selection.changed, work.review.filters.changed),
        ):
            self._connect(signal, self._on_change)
        self._active = work.picking.active
        self._connect(work.picking.models_changed, self._follow_new_point)
        self._viewer.mouse_drag_callbacks.append(self._follow_click)

    def _connect(self, signal: Any, slot: Callable[..., Any]) -> None:
        signal.connect(slot)
        self._links.append((signal, slot))

    def unlink(self) -> None:
        """Listen to nothing any more."""
        for signal, slot in self._links:
            signal.disconnect(slot)
        if self._links:
            self._viewer.mouse_drag_callbacks.remove(self._follow_click)
        self._links = []
        self._scenery, self._drawn, self._active = Scenery(), [], None

    def _follow_new_point(self) -> None:
        """Let all views go through a point that was just put, so that its depth is seen."""
        before, now = self._active, self.workspace.picking.active
        self._active = now
        if (
            before is not None
            and now is not None
            and before.uid == now.uid
            and len(now) == len(before) + 1
            and not now.proposed[-1]
            and np.array_equal(now.points[:-1], before.points)
        ):
            self.look_at(now.points[-1])

    def _follow_click(self, _viewer: Any, event: Any) -> Iterator[None]:
        """Let all views go where the slice viewer is clicked, where a click means nothing else there."""
        work, start = self.workspace, np.array(event.pos, float)
        active = self._viewer.layers.selection.active
        looks = (
            event.button == 1
            and not event.modifiers
            and self.main_viewport is not None
            and work.controls.action("Left click") == "pick"
            and not work.picking.marker_armed
            and work.picking.mode == "pan_zoom"
            and str(getattr(active, "mode", "pan_zoom")) == "pan_zoom"
        )
        yield
        while event.type == "mouse_move":
            looks = looks and np.linalg.norm(np.array(event.pos) - start) <= CLICK_PIXELS
            yield
        if looks:
            place = zyx_to_xyz(np.array(event.position, float)[-3:])
            depth = "xyz".index(self.main_axis)
            place[depth] = self.focus[depth]
            self.look_at(place)

    def _on_change(self, *_: Any) -> None:
        self.changed.emit()

    # the focus

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Of the shown tomogram, along z, y, x; None if there is none."""
        loaded = self.workspace.image.loaded
        return None if loaded is None else tuple(int(n) for n in loaded.data.shape)

    @property
    def focus(self) -> NDArray[np.float64]:
        """x, y, z of the point through which all planes go."""
        point = np.array(self._viewer.dims.point, float)[-3:]
        if len(point) < 3 or self.shape is None:
            return np.zeros(3)
        stands = zyx_to_xyz(point)
        return np.where(np.abs(self._between - stands) <= 0.5, self._between, stands)

    def look_at(self, position: ArrayLike) -> None:
        """Let all planes go through a position; one beside the tomogram is brought to its edge."""
        if self.shape is None:
            return
        wanted = np.clip(np.asarray(position, np.float64), 0, np.array(self.shape[::-1]) - 1.0)
        self._between = wanted
        dims, stands = self._viewer.dims, tuple(xyz_to_zyx(np.floor(wanted + 0.5)).tolist())
        # along the axes on its canvas the slice viewer shows the same as before, and need not draw anew
        with dims.events.blocker_all():
            dims.set_point(dims.displayed, [stands[axis] for axis in dims.displayed])
        dims.set_point(range(3), stands)
        self._bring_into_view(wanted)
        self.changed.emit()

    def _bring_into_view(self, position: NDArray[np.float64]) -> None:
        """Move the slice viewer's canvas only if what is looked at lies beside it."""
        viewport = self.main_viewport
        if viewport is None:
            return
        (place,), _ = self.main_plane.coordinates(position)
        if not _within(place, viewport.seen):
            self.set_main_viewport(viewport.centred(*place))

    def scroll(self, kind: Kind, slices: int) -> None:
        """Move the focus across a plane, by voxels; not out of the tomogram."""
        if self.shape is None:
            return
        step = self.plane(kind).normal
        # slices are counted the way their axis goes, though the y plane is looked at from behind
        step = step if kind == "oblique" else np.abs(step)
        wanted = self.focus + slices * step
        last = np.array(self.shape[::-1]) - 1.0
        if kind != "oblique":
            wanted = np.clip(wanted, 0, last)
        if ((wanted >= -0.5) & (wanted <= last + 0.5)).all():
            self.look_at(wanted)

    # the slice viewer

    @property
    def main_axis(self) -> Axis:
        """The axis across which the slice viewer cuts."""
        axis: Axis = ("z", "y", "x")[compat.sliced_axis(self._viewer)]  # type: ignore[assignment]
        return axis

    @property
    def main_plane(self) -> Plane:
        """What the slice viewer shows."""
        return self.plane(self.main_axis)

    @property
    def main_viewport(self) -> Viewport | None:
        """Which part of its slice is seen in the slice viewer; None in 3D."""
        viewer = self._viewer
        if compat.is_3d(viewer) or self.shape is None:
            return None
        height, width = viewer.canvas.size
        up, right = viewer.scene.camera.center[-2:]
        return Viewport(width, height, right, up, viewer.scene.camera.zoom)

    def set_main_viewport(self, viewport: Viewport) -> None:
        """Show another part of the slice in the slice viewer."""
        camera = self._viewer.scene.camera
        if not compat.is_3d(self._viewer):
            camera.center = (0.0, viewport.up, viewport.right)
            camera.zoom = viewport.scale

    def show_in_main(self, axis: str, position: ArrayLike) -> None:
        """Show the plane across an axis through a position in the slice viewer."""
        compat.show_plane(self._viewer, axis, xyz_to_zyx(np.asarray(position, np.float64)))
        self.look_at(position)

    # planes

    @property
    def others(self) -> tuple[Axis, Axis]:
        """The axes across which the slice viewer does not cut."""
        first, second = (axis for axis in ("z", "y", "x") if axis != self.main_axis)
        return first, second  # type: ignore[return-value]

    def plane(self, kind: Kind) -> Plane:
        """A plane through the focus; slices are at whole voxels.

        The origin of the oblique one is the point nearest to the middle of the tomogram, so that what is seen
        does not shift when the focus moves within it.
        """
        focus = self.focus
        if kind != "oblique":
            return Plane.orthogonal(kind, float(np.floor(focus["xyz".index(kind)] + 0.5)))
        middle = (np.array((self.shape or (1, 1, 1))[::-1]) - 1) / 2
        normal = self.attitude.through(focus).normal
        return self.attitude.through(middle + ((focus - middle) @ normal) * normal)

    def set_attitude(self, attitude: Attitude) -> None:
        """Let the oblique plane lie otherwise."""
        if attitude != self.attitude:
            self.attitude = attitude
            self.changed.emit()

    def rotate(self, right: float, down: float) -> None:
        """Turn the oblique plane about the focus, following the mouse by pixels."""
        plane = self.attitude.through(self.focus)
        turned = plane.turned("v", DEGREES_PER_PIXEL * right).turned("u", DEGREES_PER_PIXEL * down)
        self.set_attitude(Attitude.of(turned, self.attitude))

    def through_points(self) -> None:
        """Lay the oblique plane through the selected points, or all points of the active model.

        Raises
        ------
        ParameterError
            If they define no plane.
        """
        picking = self.workspace.picking
        models = {model.uid: model for model in picking.models}
        rows = [(uid, row) for uid, row in picking.view.selected if uid in models]
        active = picking.active
        points = [models[uid].points[row] for uid, row in rows]
        if len(points) < 3:
            points = [] if active is None else list(active.points)
        if len(points) < 3:
            raise ParameterError(
                f"The active model has {len(points)} points: pick three or more for the plane to go through."
            )
        middle, attitude = plane_through_points(points, self.plane("oblique").normal)
        self.attitude = attitude
        self.look_at(middle)

    def extent(self, plane: Plane) -> Box:
        """The rectangle of a plane over the whole tomogram."""
        return extent_in(plane, self.shape or (1, 1, 1))

    # what is drawn over them

    def scenery(self) -> Scenery:
        """The shown models and particles, as the slice viewer shows them."""
        picking, review = self.workspace.picking, self.workspace.review
        models = picking.drawn_models if picking.shown else ()
        sets = review.drawn if review.view.points.visible else {}
        active = picking.active
        selected = picking.view.selected
        chosen = {uid: review.selection.ids(uid) for uid in review.selection.uids}
        parts = (part for pair in sets.values() for part in pair)
        drawn = [*models, *parts, active, review.look, selected, *chosen, *chosen.values()]
        # models and particles never change in place
        same = len(drawn) == len(self._drawn) and all(
            a is b or (isinstance(a, str | list) and a == b) for a, b in zip(drawn, self._drawn, strict=True)
        )
        if not same:
            self._drawn = drawn
            uid = active.uid if active else ""
            self._scenery = Scenery(models, uid, sets, review.look, selected, chosen)
        return self._scenery

    def lines_in(self, kind: Kind, plane: Plane) -> Overlay:
        """The lines in which the other planes that are shown cut a plane, but for the cross of a slice.

        A slice has a cross for the other two slices; so there is a line for the oblique plane, and in the
        oblique plane one for each slice.
        """
        if not self.cross_shown or self.shape is None:
            return Overlay()
        kinds: tuple[Kind, ...] = ("x", "y", "z") if kind == "oblique" else ("oblique",)
        found = [
            self._line(plane, self.plane(other), COLOURS[other], dashed=other == "oblique")
            for other in kinds
            if other != "oblique" or self.oblique_shown
        ]
        return Overlay(lines=Lines.joined(found)).clipped(self.extent(plane))

    def _line(self, plane: Plane, other: Plane, colour: str, *, dashed: bool) -> Lines:
        cut = trace(plane, other)
        if cut is None:
            return Lines.none()
        place, direction = cut
        far = float(np.sum(self.shape or (1, 1, 1)))
        # from the foot of the middle, so that it is long enough on either side
        middle = np.array(self.extent(plane)).reshape(2, 2).mean(axis=0)
        place = place + ((middle - place) @ direction) * direction
        rgba = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        ends = [place - far * direction, place + far * direction]
        return Lines.along(ends, (*rgba, 0.9), TRACE_WIDTH, dashed=dashed)

    # options

    def set_options(
        self,
        *,
        cross_shown: bool | None = None,
        same_scale: bool | None = None,
        oblique_shown: bool | None = None,
    ) -> None:
        """Say whether there is a cross-hair, one scale for all views, an oblique plane."""
        for name, value in (
            ("cross_shown", cross_shown),
            ("same_scale", same_scale),
            ("oblique_shown", oblique_shown),
        ):
            if value is not None:
                setattr(self, name, value)
        self.changed.emit()

    def shared_viewport(self, plane: Plane, viewport: Viewport) -> Viewport:
        """A view of a plane at the scale and origin of the slice viewer.

        What both planes share lies at the same places; along the axis that only this one has, it stays.
        """
        main = self.main_viewport
        if main is None:
            return viewport
        (middle,) = self.main_plane.position([(main.right, main.up)])
        (place,), _ = plane.coordinates(middle)
        depth = self.main_plane.normal
        right = viewport.right if abs(plane.u @ depth) > 0.5 else float(place[0])
        up = viewport.up if abs(plane.v @ depth) > 0.5 else float(place[1])
        return replace(viewport, right=right, up=up, scale=main.scale)

    def share_viewport(self, plane: Plane, viewport: Viewport) -> None:
        """Bring the slice viewer to the scale and origin of a view of a plane."""
        main = self.main_viewport
        if main is None:
            return
        (middle,) = plane.position([(viewport.right, viewport.up)])
        before = self.main_plane.position([(main.right, main.up)])[0]
        # the slice viewer moves along what both planes share
        shared = np.abs(self.main_plane.normal) + np.abs(plane.normal) < 0.5
        (place,), _ = self.main_plane.coordinates(np.where(shared, middle, before))
        if not shared.any():
            place = np.array([main.right, main.up])
        self.set_main_viewport(replace(main, right=float(place[0]), up=float(place[1]), scale=viewport.scale))


def _within(place: NDArray[np.float64], box: Box) -> bool:
    return bool((place >= box[:2]).all() and (place <= box[2:]).all())
