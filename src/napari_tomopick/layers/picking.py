"""What a user does with user points: the verbs of the Picking dock, the keys and the mouse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_tomopick.errors import ModelError
from napari_tomopick.geometry.coordinates import zyx_to_xyz
from napari_tomopick.layers import compat
from napari_tomopick.layers.user_points import DRAG_PIXELS, UserPointsView
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.project import TomogramStatus
from napari_tomopick.project.names import counted, free_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.layers.workspace import Workspace

MODEL_COLOURS = ("#ffd166", "#06d6a0", "#ef476f", "#4cc9f0", "#f78c6b", "#c77dff", "#b5e48c", "#ff99c8")
NO_MODEL = "There is no model to put points in: add one in the Picking dock first."
NO_SLICE = "Points are picked in slices: go back to 2D first."


class Picking:
    """The models of the shown tomogram, one of which is active and gets the points.

    Every change goes to the session; what is drawn follows from the session's signals.

    Parameters
    ----------
    workspace : Workspace
    """

    models_changed = Signal()
    active_changed = Signal()
    mode_changed = Signal()
    shown_changed = Signal()
    menu_requested = Signal(list)
    """Emitted with (text, callable) pairs that a menu at the mouse should offer."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._hidden: set[str] = set()
        self._active: dict[str, str] = {}
        self.view = UserPointsView(workspace.viewer, self)
        self.reach = 0.0
        self.press_is_plain = True
        self.marker_armed = False
        self.view.points.events.mode.connect(lambda: self.mode_changed.emit())
        self.view.points.events.visible.connect(lambda: self.shown_changed.emit())
        workspace.viewer.dims.events.ndisplay.connect(lambda: self._caption(self.active))

    # what there is

    @property
    def models(self) -> tuple[Model, ...]:
        """The models of the shown tomogram."""
        session, tomogram = self._workspace.session, self._workspace.tomogram
        return session.models(tomogram.name) if session is not None and tomogram is not None else ()

    @property
    def active(self) -> Model | None:
        """The model that gets the points: the one activated last in this tomogram, else its first."""
        models = self.models
        wanted = self._active.get(self._workspace.tomogram_name, "")
        return next((m for m in models if m.uid == wanted), models[0] if models else None)

    def is_visible(self, uid: str) -> bool:
        """Whether a model is drawn."""
        return uid not in self._hidden

    @property
    def shown(self) -> bool:
        """Whether user points are drawn at all."""
        return bool(self.view.points.visible)

    def show(self, on: bool) -> None:
        """Draw user points, markers and curves, or none of them; this is not an edit."""
        for layer in self.view.layers:
            layer.visible = on

    def redraw(self) -> None:
        """Draw the models as the session has them now."""
        active = self.active
        shown = [m for m in self.models if self.is_visible(m.uid)]
        self.reach = self.view.draw(shown, active.uid if active else "")
        self._caption(active)
        self._workspace.update_slab()
        self.models_changed.emit()

    def _caption(self, active: Model | None) -> None:
        """Say in the picture which model gets the points."""
        viewer = self._workspace.viewer
        if active is None or compat.is_3d(viewer):
            compat.set_caption(viewer, "", "white")
            return
        kind = str(active.type).replace("_", " ")
        text = active.name if active.name.startswith(kind) else f"{active.name} ({kind})"
        compat.set_caption(viewer, f"● {text}", active.colour)

    # models

    def activate(self, uid: str) -> None:
        """Let a model get the points from now on, and show it."""
        self._active[self._workspace.tomogram_name] = uid
        self._hidden.discard(uid)
        self.redraw()
        self.active_changed.emit()

    def set_visible(self, uid: str, visible: bool) -> None:
        """Draw a model or not; this is not an edit."""
        (self._hidden.discard if visible else self._hidden.add)(uid)
        self.redraw()

    def add_model(
        self, type: ModelType, name: str = "", *, group: int = 1, box_size: int | None = None
    ) -> str:
        """Make an empty model of the shown tomogram, and let it get the points. Returns its uid.

        Raises
        ------
        ModelError
            If no tomogram is shown.
        """
        session, tomogram = self._workspace.session, self._workspace.tomogram
        if session is None or tomogram is None:
            raise ModelError("Open a tomogram first: a model belongs to one.")
        models = self.models
        used = {m.colour for m in models}
        colour = next((c for c in MODEL_COLOURS if c not in used), MODEL_COLOURS[len(models) % 8])
        uid = session.add_model(
            Model(
                name=name or self._free_name(str(type).replace("_", " ")),
                type=type,
                group=group,
                colour=colour,
                box_size=box_size,
                tomogram=tomogram.name,
                voxel_size_angstrom=tomogram.voxel_size_angstrom,
            )
        )
        self.activate(uid)
        return uid

    def duplicate(self, uid: str) -> str:
        """Make a copy of a model under another name, and let it get the points. Returns its uid."""
        session = self._workspace.open_session
        model = session.model(uid)
        copy = session.add_model(replace(model, uid="", name=self._free_name(f"{model.name} copy")))
        self.activate(copy)
        return copy

    def change(self, uid: str, **fields: Any) -> None:
        """Change fields of a model (name, type, colour, group, box_size)."""
        self._workspace.open_session.change_model(uid, **fields)

    def remove(self, uid: str) -> None:
        """Delete a model; this can be undone."""
        self._workspace.open_session.remove_model(uid)

    def _free_name(self, base: str) -> str:
        return free_name(base, {model.name for model in self.models})

    # points, by key

    def add_at_cursor(self) -> None:
        """Add a point to the active model under the mouse."""
        self._add(zyx_to_xyz(compat.cursor_zyx(self._workspace.viewer))[None])

    def put_marker_at_cursor(self) -> None:
        """Put the active model's side marker under the mouse."""
        model = self._ready_model()
        position = zyx_to_xyz(compat.cursor_zyx(self._workspace.viewer))
        self._workspace.open_session.set_marker(model.uid, position)
        self._workspace.say(f"Side marker of '{model.name}' at {_words(position)}.")

    def arm_marker(self, armed: bool) -> None:
        """Let the next click in a slice put the side marker, or not."""
        self.marker_armed = armed
        self.mode_changed.emit()

    @property
    def mode(self) -> str:
        """What the mouse does to the user points: "pan_zoom", "add" or "select"."""
        return str(self.view.points.mode)

    def set_mode(self, mode: str) -> None:
        """Say what the mouse does to the user points from now on."""
        self._workspace.viewer.layers.selection.active = self.view.points
        self.view.points.mode = mode

    def remove_marker(self) -> None:
        """Take away the active model's side marker."""
        model = self.active
        if model is not None and model.marker is not None:
            self._workspace.open_session.set_marker(model.uid, None)

    def delete(self) -> None:
        """Delete the selected points, or else the point picked last in the active model."""
        selected, model = self.view.selected, self.active
        if selected:
            self.points_deleted(selected)
        elif model is not None and len(model):
            self.points_deleted([(model.uid, len(model) - 1)])

    def _ready_model(self) -> Model:
        """The active model, if points can be put in it now."""
        model = self.active
        if model is None:
            raise ModelError(NO_MODEL if self._workspace.tomogram else "Open a tomogram first.")
        if compat.is_3d(self._workspace.viewer):
            raise ModelError(NO_SLICE)
        # what is put must be seen
        self._hidden.discard(model.uid)
        if not self.shown:
            self.show(True)
        return model

    def _add(self, positions: NDArray[np.float64]) -> None:
        model = self._ready_model()
        viewer = self._workspace.viewer
        level = compat.slice_index(viewer)
        # where napari's slider stands between voxels, the point still lies in the slice that is seen
        positions[:, 2 - compat.sliced_axis(viewer)] = level
        session = self._workspace.open_session
        with session.edit(counted("Add", len(positions), "point")):
            if session.status(model.tomogram) is TomogramStatus.TODO:
                session.set_status(model.tomogram, TomogramStatus.IN_PROGRESS)
            session.add_points(model.uid, positions, np.full(len(positions), level))
        self._workspace.say(f"Point {len(model) + 1} of '{model.name}' at {_words(positions[-1])}.")

    # points, by mouse: the intentions of UserPointsView

    def points_added(self, positions: NDArray[np.float64]) -> None:
        """Take points a click has added; a click with a modifier or another button adds none."""
        if self.press_is_plain:
            self._or_redraw(lambda: self._add(positions))
        else:
            self.redraw()

    def points_moved(self, rows: list[tuple[str, int]], positions: NDArray[np.float64]) -> None:
        """Move points to where they were dragged, unless the hand only trembled."""
        models = {m.uid: m for m in self.models}
        before = np.array([models[uid].points[row] for uid, row in rows])
        if np.abs(positions - before).max() * self._workspace.viewer.scene.camera.zoom < DRAG_PIXELS:
            self.redraw()
            return

        def move() -> None:
            session = self._workspace.open_session
            with session.edit(counted("Move", len(rows), "point")):
                for uid, which in _by_uid(rows).items():
                    session.move_points(uid, [rows[i][1] for i in which], positions[which])

        self._or_redraw(move)

    def points_deleted(self, rows: list[tuple[str, int]]) -> None:
        """Delete points."""

        def delete() -> None:
            session = self._workspace.open_session
            with session.edit(counted("Delete", len(rows), "point")):
                for uid, which in _by_uid(rows).items():
                    session.delete_points(uid, [rows[i][1] for i in which])

        self._or_redraw(delete)

    def markers_moved(self, uids: list[str], positions: NDArray[np.float64]) -> None:
        """Put side markers where they were dragged."""

        def move() -> None:
            session = self._workspace.open_session
            with session.edit("Move side marker"):
                for uid, position in zip(uids, positions, strict=True):
                    session.set_marker(uid, position)

        self._or_redraw(move)

    def markers_deleted(self, uids: list[str]) -> None:
        """Delete side markers."""

        def delete() -> None:
            session = self._workspace.open_session
            with session.edit("Delete side marker"):
                for uid in uids:
                    session.set_marker(uid, None)

        self._or_redraw(delete)

    def misunderstood(self) -> None:
        """Undo what a user did to the layer that has no meaning for user points."""
        self.redraw()

    def offer_menu(self, event: Any) -> None:
        """Ask for a menu about the point under the mouse, if there is one."""
        index = compat.point_under(self.view.points, event)
        if index is None:
            return
        uid, row = self.view.row(index)
        model = self._workspace.open_session.model(uid)
        text = f"Delete point {row + 1} of '{model.name}'"
        self.menu_requested.emit([(text, lambda: self.points_deleted([(uid, row)]))])

    def _or_redraw(self, edit: Callable[[], None]) -> None:
        """Try an edit; where it is refused, what napari has drawn already must go."""
        done = False
        try:
            with self._workspace.reporting():
                edit()
                done = True
        finally:
            if not done:
                self.redraw()


def _by_uid(rows: list[tuple[str, int]]) -> dict[str, list[int]]:
    """Which of the rows belong to each model."""
    found: dict[str, list[int]] = {}
    for i, (uid, _) in enumerate(rows):
        found.setdefault(uid, []).append(i)
    return found


def _words(position: NDArray[np.float64]) -> str:
    return "x {:.1f}, y {:.1f}, z {:.1f}".format(*position)
