"""What a user does with user points: the verbs of the Picking dock, the keys and the mouse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from psygnal import Signal

from napari_tomopick.errors import ModelError
from napari_tomopick.geometry.coordinates import as_positions, xyz_to_zyx
from napari_tomopick.geometry.planes import Plane
from napari_tomopick.layers import compat
from napari_tomopick.layers.model_list import ModelList
from napari_tomopick.layers.pointing import Spot
from napari_tomopick.layers.user_points import DRAG_PIXELS, Row, UserPointsView
from napari_tomopick.models.references import role_of
from napari_tomopick.models.user_points import Model
from napari_tomopick.project import TomogramStatus
from napari_tomopick.project.names import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.layers.workspace import Workspace

NO_MODEL = "There is no model to put points in: add one in the Picking dock first."
NO_SLICE = "Points are picked in slices: go back to 2D first."
OUTSIDE = "The mouse is outside the tomogram: nothing was put there."
ERASER_RADIUS = 10.0


class Picking(ModelList):
    """The models of the shown tomogram and their points.

    Every change goes to the session; what is drawn follows from the session's signals.

    Parameters
    ----------
    workspace : Workspace

    Signals
    -------
    mode_changed()
        The mouse does something else to the points.
    shown_changed()
        User points are drawn, or are not, as a whole.
    selection_changed()
        Other points are selected.
    menu_requested(entries)
        With (text, callable) pairs that a menu at the mouse should offer.
    """

    mode_changed = Signal()
    shown_changed = Signal()
    selection_changed = Signal()
    menu_requested = Signal(list)

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.view = UserPointsView(workspace.viewer, self)
        self.reach = 0.0
        self.press_is_plain = True
        self.marker_armed = False
        self.erasing = False
        self.boxing = False
        self.eraser_radius = ERASER_RADIUS
        # what stands in the picture while references are clicked, and its colour
        self.boxing_caption = ("", "#ffffff")
        self._previewed: dict[Row, NDArray[np.float64] | None] = {}
        self.view.points.events.mode.connect(self._on_mode)
        self.view.points.events.visible.connect(lambda: self.shown_changed.emit())
        self.view.points.selected_data.events.items_changed.connect(self._on_selected)
        workspace.viewer.dims.events.ndisplay.connect(lambda: self._caption(self.active))

    # drawing

    @property
    def shown(self) -> bool:
        """Whether user points are drawn at all."""
        return bool(self.view.points.visible)

    def show(self, on: bool) -> None:
        """Draw user points, markers and curves, or none of them; this is not an edit."""
        self.view.show(on)

    def redraw(self) -> None:
        """Draw the models as the session has them now; a preview is over."""
        self._previewed = {}
        self._draw()

    @property
    def drawn_models(self) -> tuple[Model, ...]:
        """The visible models as they are drawn now: as in the session, but for a preview."""
        by_model: dict[str, dict[int, NDArray[np.float64] | None]] = {}
        for (uid, row), position in self._previewed.items():
            by_model.setdefault(uid, {})[row] = position
        return tuple(
            _previewed(model, by_model[model.uid]) if model.uid in by_model else model
            for model in self.visible_models
        )

    def preview(
        self, rows: Sequence[Row] | None, positions: Sequence[ArrayLike | None] | None = None
    ) -> None:
        """Draw points elsewhere, or not at all, without an edit; until the next edit, or ``preview(None)``.

        Parameters
        ----------
        rows : sequence of (str, int), or None
            (model uid, row) of the points; None to draw all of them as they are again.
        positions : sequence of array-like, shape (3,), or of None; optional
            x, y, z of each in voxels; None for one that is not drawn. Default: none of them is.
        """
        places = [None] * len(rows or ()) if positions is None else list(positions)
        wanted = {
            (uid, int(row)): None if place is None else as_positions(place)[0]
            for (uid, row), place in zip(rows or (), places, strict=True)
        }
        if wanted or self._previewed:
            self._previewed = wanted
            self._draw()

    def _draw(self) -> None:
        active, tomogram = self.active, self._workspace.tomogram
        shape = (1, 1, 1) if tomogram is None else tomogram.shape
        left_out: dict[str, list[int]] = {}
        for (uid, row), position in self._previewed.items():
            if position is None:
                left_out.setdefault(uid, []).append(row)
        self.reach = self.view.draw(self.drawn_models, active.uid if active else "", shape, left_out)
        self._caption(active)
        self._workspace.update_slab()
        self.models_changed.emit()

    def _caption(self, active: Model | None) -> None:
        """Say in the picture which model gets the points."""
        viewer = self._workspace.viewer
        if self.mode == "box" and not compat.is_3d(viewer):
            compat.set_caption(viewer, *self.boxing_caption)
            return
        if active is None or compat.is_3d(viewer):
            compat.set_caption(viewer, "", "white")
            return
        role = role_of(active)
        kind = f"{role} references" if role else str(active.type).replace("_", " ")
        text = active.name if active.name.startswith(kind) else f"{active.name} ({kind})"
        compat.set_caption(viewer, f"● {text}", active.colour)

    # what the mouse does

    @property
    def mode(self) -> str:
        """What the mouse does to the user points: "pan_zoom", "add", "select", "erase" or "box".

        In the last, clicks are references for a network: see `napari_tomopick.layers.boxing`.
        """
        return "erase" if self.erasing else "box" if self.boxing else str(self.view.points.mode)

    def set_mode(self, mode: str) -> None:
        """Say what the mouse does to the user points from now on."""
        layers = self._workspace.viewer.layers
        if self.view.points in layers:
            layers.selection.active = self.view.points
        before = self.mode
        self.erasing, self.boxing = mode == "erase", mode == "box"
        wanted = "pan_zoom" if self.erasing or self.boxing else mode
        if str(self.view.points.mode) != wanted:
            self.view.points.mode = wanted
        elif before != self.mode:
            self._on_mode()

    def _on_mode(self) -> None:
        # napari's own keys for its modes end erasing as well
        if str(self.view.points.mode) != "pan_zoom":
            self.erasing = self.boxing = False
        self._caption(self.active)
        self.mode_changed.emit()

    def set_boxing_caption(self, text: str, colour: str) -> None:
        """Say in the picture what clicks are while references are clicked."""
        if (text, colour) != self.boxing_caption:
            self.boxing_caption = text, colour
            self._caption(self.active)

    def set_eraser_radius(self, voxels: float) -> None:
        """Let the eraser take points within so many voxels."""
        self.eraser_radius = max(0.5, float(voxels))
        self.mode_changed.emit()

    def arm_marker(self, armed: bool) -> None:
        """Let the next click in a slice put the side marker, or not."""
        self.marker_armed = armed
        self.mode_changed.emit()

    def _on_selected(self) -> None:
        if not self.view.drawing:
            self.selection_changed.emit()

    # points, at a place

    def add_at(self, spot: Spot) -> None:
        """Add a point to the active model, in any picture of the tomogram.

        Raises
        ------
        ModelError
            If there is no model, or the place is outside the tomogram.
        """
        self._add(self._ready_model(), [spot])

    def put_marker_at(self, spot: Spot) -> None:
        """Put the active model's side marker; errors as of `add_at`."""
        model = self._ready_model()
        self._workspace.open_session.set_marker(model.uid, spot.position)
        self._workspace.say(f"Side marker of '{model.name}' at {_words(spot.position)}.")

    def add_at_cursor(self) -> None:
        """Add a point to the active model under the mouse."""
        self.add_at(self._spot_under_mouse())

    def put_marker_at_cursor(self) -> None:
        """Put the active model's side marker under the mouse."""
        self.put_marker_at(self._spot_under_mouse())

    def _spot_under_mouse(self) -> Spot:
        spot = self._workspace.pointing.spot
        if spot is None:
            # what is missing most is said first
            self._ready_model()
            raise ModelError(NO_SLICE if compat.is_3d(self._workspace.viewer) else OUTSIDE)
        return spot

    def _spot(self, position: NDArray[np.float64]) -> Spot:
        """A place in the slice viewer."""
        viewer = self._workspace.viewer
        axis, index = 2 - compat.sliced_axis(viewer), compat.slice_index(viewer)
        # where napari's slider stands between voxels, the point still lies in the slice that is seen
        position = np.where(np.arange(3) == axis, index, position).astype(np.float64)
        return Spot(position, Plane.orthogonal("xyz"[axis], index), 1 / viewer.scene.camera.zoom)  # type: ignore[arg-type]

    def _ready_model(self) -> Model:
        """The active model, if points can be put in it now; what is put is seen."""
        model = self.active
        if model is None:
            raise ModelError(NO_MODEL if self._workspace.tomogram else "Open a tomogram first.")
        self._hidden.discard(model.uid)
        if not self.shown:
            self.show(True)
        return model

    def _add(self, model: Model, spots: Sequence[Spot]) -> None:
        session = self._workspace.open_session
        positions = np.array([spot.position for spot in spots])
        with session.edit(counted("Add", len(spots), "point")):
            if session.status(model.tomogram) is TomogramStatus.TODO:
                session.set_status(model.tomogram, TomogramStatus.IN_PROGRESS)
            session.add_points(model.uid, positions, [spot.level_in(model) for spot in spots])
        number = len(model) + len(spots)
        self._workspace.say(f"Point {number} of '{model.name}' at {_words(positions[-1])}.")

    # points that are there

    def delete(self) -> None:
        """Delete the selected points, or else the point picked last in the active model."""
        selected, model = self.view.selected, self.active
        if selected:
            self.points_deleted(selected)
        elif model is not None and len(model):
            self.points_deleted([(model.uid, len(model) - 1)])

    def remove_marker(self) -> None:
        """Take away the active model's side marker."""
        model = self.active
        if model is not None and model.marker is not None:
            self._workspace.open_session.set_marker(model.uid, None)

    def rows_within(self, xyz: ArrayLike, radius: float) -> list[Row]:
        """The points of visible models within a distance of a place in the tomogram, whatever the slice.

        Parameters
        ----------
        xyz : array-like, shape (3,)
            x, y, z in voxels.
        radius : float
            In voxels.
        """
        place = as_positions(xyz)[0]
        found: list[Row] = []
        for model in self.visible_models if self.shown else ():
            away = np.linalg.norm(model.points - place, axis=1)
            found.extend((model.uid, int(row)) for row in np.flatnonzero(away <= radius))
        return found

    def move_points_to(self, rows: Sequence[Row], positions: ArrayLike) -> None:
        """Move points, as one edit; one that is moved into another slice of its model belongs to that level.

        Parameters
        ----------
        rows : sequence of (str, int)
        positions : array-like, shape (n, 3)
            x, y, z in voxels.
        """
        places = as_positions(positions)

        def move() -> None:
            session = self._workspace.open_session
            with session.edit(counted("Move", len(rows), "point")):
                for uid, which in _by_uid(rows).items():
                    model, at = session.model(uid), np.array([rows[i][1] for i in which])
                    session.move_points(uid, at, places[which], _levels_at(model, at, places[which]))

        self._or_redraw(move)

    def select_points(self, rows: Sequence[Row]) -> None:
        """Select these points and no others; the Delete key means them."""
        self.view.select(rows)
        self._workspace.viewer.layers.selection.active = self.view.points
        self.selection_changed.emit()

    def go_to_point(self, uid: str, row: int) -> None:
        """Show the slice through a point, with the point in the middle, and select it."""
        model = self._workspace.open_session.model(uid)
        if not self.is_visible(uid):
            self.set_visible(uid, True)
        compat.go_to(self._workspace.viewer, xyz_to_zyx(model.points[row]))
        self.select_points([(uid, row)])

    # what tracking has proposed

    @property
    def proposed(self) -> int:
        """How many points of visible models wait to be accepted."""
        return sum(int(model.proposed.sum()) for model in self.visible_models)

    def accept(self, uid: str, rows: Sequence[int] | None = None) -> None:
        """Accept points of a model that were placed by tracking: these rows, or all."""
        self._workspace.open_session.accept_points(uid, None if rows is None else list(rows))

    def accept_all(self) -> None:
        """Accept what tracking has placed in any visible model, as one edit."""
        session = self._workspace.open_session
        with session.edit(counted("Accept", self.proposed, "point")):
            for model in self.visible_models:
                if model.proposed.any():
                    session.accept_points(model.uid)

    def discard_all(self) -> None:
        """Delete what tracking has placed in visible models and nobody has accepted, as one edit."""
        rows = [(m.uid, int(row)) for m in self.visible_models for row in np.flatnonzero(m.proposed)]
        if rows:
            self.points_deleted(rows)

    # points, by mouse: the intentions of UserPointsView

    def points_added(self, positions: NDArray[np.float64]) -> None:
        """Take points a click has added; a click with a modifier or another button adds none."""
        if not self.press_is_plain:
            self.redraw()
            return

        def add() -> None:
            if compat.is_3d(self._workspace.viewer):
                raise ModelError(NO_SLICE)
            self._add(self._ready_model(), [self._spot(position) for position in positions])

        self._or_redraw(add)

    def points_moved(self, rows: Sequence[Row], positions: NDArray[np.float64]) -> None:
        """Move points to where they were dragged, unless the hand only trembled."""
        models = {m.uid: m for m in self.models}
        before = np.array([models[uid].points[row] for uid, row in rows])
        if np.abs(positions - before).max() * self._workspace.viewer.scene.camera.zoom < DRAG_PIXELS:
            self.redraw()
        else:
            self.move_points_to(rows, positions)

    def points_deleted(self, rows: Sequence[Row]) -> None:
        """Delete points, as one edit."""

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

    # menus

    def offer_menu_for(self, row: Row) -> None:
        """Ask for a menu about a point."""
        (uid, number), session = row, self._workspace.open_session
        model = session.model(uid)
        active = self.active is not None and self.active.uid == uid
        whose = "" if active else f" of '{model.name}'"
        entries: list[tuple[str, Callable[[], None]]] = [
            (f"Delete point: {number + 1}{whose}", lambda: self.points_deleted([row])),
            ("Go to", lambda: self.go_to_point(uid, number)),
        ]
        if model.proposed[number]:
            level = np.flatnonzero(model.proposed & (model.levels == model.levels[number])).tolist()
            entries.append(("Accept", lambda: self.accept(uid, [number])))
            if len(level) > 1:
                text = f"Accept the {len(level)} points of level {model.levels[number]}"
                entries.append((text, lambda: self.accept(uid, level)))
        if not active:
            entries.append((f"Make '{model.name}' the active model", lambda: self.activate(uid)))
        self.menu_requested.emit(entries)

    def _or_redraw(self, edit: Callable[[], None]) -> None:
        """Try an edit; where it is refused, what is drawn already must go."""
        done = False
        try:
            with self._workspace.reporting():
                edit()
                done = True
        finally:
            if not done:
                self.redraw()


def _by_uid(rows: Sequence[Row]) -> dict[str, list[int]]:
    """Which of the rows belong to each model."""
    found: dict[str, list[int]] = {}
    for i, (uid, _) in enumerate(rows):
        found.setdefault(uid, []).append(i)
    return found


def _previewed(model: Model, changes: dict[int, NDArray[np.float64] | None]) -> Model:
    """A model with points elsewhere, and without those that have no position."""
    points = model.points.copy()
    for row, position in changes.items():
        if position is not None:
            points[row] = position
    gone = [row for row, position in changes.items() if position is None]
    parts = (np.delete(values, gone, axis=0) for values in (points, model.levels, model.proposed))
    return model.with_points(*parts)


def _levels_at(model: Model, rows: NDArray[np.int64], places: NDArray[np.float64]) -> NDArray[np.int64]:
    """The levels of points of a model that are moved: those moved across its slices change theirs."""
    levels, axis = model.levels[rows], model.level_axis()
    if axis is None:
        return levels
    before, after = model.points[rows, axis], places[:, axis]
    # a point that never lay in its level's slice stays in that level
    follows = (np.abs(before - levels) <= 0.5) & (np.abs(after - before) > 1e-6)
    return np.where(follows, np.floor(after + 0.5).astype(np.int64), levels)


def _words(position: NDArray[np.float64]) -> str:
    return "x {:.1f}, y {:.1f}, z {:.1f}".format(*position)
