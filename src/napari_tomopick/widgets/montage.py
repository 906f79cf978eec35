"""The Montage dock: slices of the tomogram side by side, to trace a membrane in."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtGui import QHideEvent, QKeyEvent, QPainter, QPaintEvent, QShowEvent
from qtpy.QtWidgets import QLabel
from superqt import QElidingLabel

from napari_tomopick.layers.montage import Montage
from napari_tomopick.layers.montage_scene import MontagePane, active_frame
from napari_tomopick.layers.overlay import Overlay
from napari_tomopick.widgets.deletion import when_deleted
from napari_tomopick.widgets.dock import Dock, row
from napari_tomopick.widgets.hand_events import HandEvents, key_name
from napari_tomopick.widgets.montage_bar import PageBar, SliceFields, bar, together, toggle
from napari_tomopick.widgets.overlay_painter import OverlayPainter
from napari_tomopick.widgets.slice_canvas import SliceCanvas

EMPTY = np.zeros((0, 0), np.uint8)
HINT = "Click a slice: active (red). Double click: show it in the viewer. F1: all keys."
ADD_HINT = "Click: add a point in that slice. Shift+C: side marker. F1: all keys."
MIN_CANVAS = 100
TRACK_ON, STOP = "Track on (Shift+O)", "Stop (Escape)"
# lines of the hint for which there is always room, so that the slices stay where they are
HINT_LINES = 3


class MontageDock(Dock):
    """Slices of the shown tomogram side by side, in which points are put by a click.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    place = "window"

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer, "tomopick-montage")
        self.montage = montage = Montage(self.workspace)
        self.canvas = MontageCanvas(montage, self.reported)
        self.pane = MontagePane(montage, self.canvas)
        HandEvents(self.canvas, self.pane, self.workspace.hand)
        # asked before the hand
        self.canvas.installEventFilter(self.canvas)
        self.canvas.setMinimumHeight(MIN_CANVAS)
        self.fields = SliceFields(self, montage)
        self.pages = PageBar(self, montage)
        # says less where there is no room, and never pushes the pages out
        self.active = QElidingLabel()
        self.active.setObjectName("montage-active")
        self.hint = QLabel()
        self.hint.setObjectName("montage-hint")
        self.hint.setWordWrap(True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.hint.setMinimumHeight(HINT_LINES * self.hint.fontMetrics().lineSpacing())
        self._build()
        picking = self.workspace.picking
        self.refresh_on(
            *(montage.mosaic_changed, montage.active_changed, montage.linked_changed),
            *(picking.models_changed, picking.active_changed, picking.mode_changed),
            self.workspace.tracking.changed,
        )
        self._slots = (
            (montage.mosaic_changed, self._show_picture),
            (montage.picture_changed, self._show_picture),
            (montage.models_changed, self._show_overlay),
            (montage.active_changed, self._show_overlay),
        )
        self._following = False
        when_deleted(self, _letting_go(weakref.ref(self)))
        self.refresh()

    def _build(self) -> None:
        montage, picking = self.montage, self.workspace.picking
        self.add = toggle(
            "⊕ Add points by click",
            "montage-add",
            "While it is down, a left click in a slice puts a point of the active model there",
            lambda on: picking.set_mode("add" if on else "pan_zoom"),
        )
        self.link = toggle(
            "Link with viewer",
            "montage-link",
            "The slice viewer shows the active slice, and the slice it shows becomes the active one",
            montage.set_linked,
        )
        fit = self.button("Fit", "montage-fit", self.canvas.fit, "See the whole page (Home)")
        self.track = self.button(
            "Track (O)",
            "montage-track",
            montage.track,
            "Follow the membrane into the active slice, or from a traced one into the next",
        )
        self.track_on = self.button(
            TRACK_ON,
            "montage-track-on",
            self._track_on,
            "Follow the membrane from slice to slice until it is lost",
        )
        self.track_on.setMinimumWidth(self.track_on.sizeHint().width())
        self.accept = self.button(
            "Accept", "montage-accept", picking.accept_all, "Keep what tracking placed, drawn hollow (A)"
        )
        self.discard = self.button(
            "Discard",
            "montage-discard",
            picking.discard_all,
            "Delete what tracking placed and nobody accepted",
        )
        tools, layout = bar()
        picking_in_it = (
            self.add,
            together(self.track, self.track_on),
            together(self.accept, self.discard),
            together(self.link, fit),
        )
        for widget in (*self.fields.groups, *picking_in_it):
            layout.addWidget(widget)
        self.above.addWidget(tools)
        self.column.addWidget(self.canvas, 1)
        self.below.insertLayout(0, row(self.active, self.pages, stretch=0))
        self.below.insertWidget(1, self.hint)

    # following

    def showEvent(self, event: QShowEvent) -> None:
        """See Qt: while it is shown it follows the workspace."""
        super().showEvent(event)
        # not before the canvas has its size, which rows and columns go by
        QTimer.singleShot(0, self._follow)

    def hideEvent(self, event: QHideEvent) -> None:
        """See Qt: out of sight, it costs nothing and holds nothing."""
        super().hideEvent(event)
        if not event.spontaneous():
            self.let_go()

    def _follow(self) -> None:
        if self._following or not self.isVisible():
            return
        self._following = True
        for signal, slot in self._slots:
            signal.connect(slot)
        self.montage.aspect = self.canvas.width() / self.canvas.height()
        self.montage.connect()

    def let_go(self) -> None:
        """Cut every link to the workspace."""
        if self._following:
            self._following = False
            self.montage.disconnect()
            for signal, slot in self._slots:
                signal.disconnect(slot, missing_ok=True)

    def refresh(self) -> None:
        """Show everything anew."""
        montage, adding = self.montage, self.workspace.picking.mode == "add"
        self.fields.refresh()
        self.pages.refresh()
        self.add.setChecked(adding)
        self.link.setChecked(montage.linked)
        tracking = self.workspace.tracking
        running = tracking.running
        self.track.setEnabled(montage.active is not None and not running)
        self.track_on.setEnabled(montage.active is not None)
        self.track_on.setText(STOP if running else TRACK_ON)
        for button in (self.accept, self.discard):
            button.setEnabled(self.workspace.picking.proposed > 0 and not running)
        self.active.setText(self._about_active())
        if running:
            self.hint.setText("Following the membrane … Escape stops it, and nothing is kept.")
        elif self.workspace.picking.proposed and tracking.message:
            # how it went, until that is settled
            self.hint.setText(" · ".join(tracking.message.splitlines()))
        else:
            self.hint.setText(ADD_HINT if adding else HINT)

    def _track_on(self) -> None:
        if not self.workspace.tracking.stop():
            self.montage.track_on()

    def _about_active(self) -> str:
        mosaic, number = self.montage.mosaic, self.montage.active
        if mosaic is None or number is None:
            return "Open a tomogram first."
        model = self.workspace.picking.active
        if model is None:
            return f"Active slice: {mosaic.axis} {number}. There is no model to put points in."
        return f"Active slice: {mosaic.axis} {number} · points go to {model.name}"

    def _show_picture(self) -> None:
        mosaic, picture = self.montage.mosaic, self.montage.picture
        if mosaic is None or picture is None:
            self.canvas.set_picture(EMPTY)
        else:
            self.canvas.set_picture(picture, spacing=mosaic.spacing, left=0, bottom=0)
        self._show_overlay()

    def _show_overlay(self) -> None:
        montage = self.montage
        self.canvas.set_overlay(montage.scene.overlay)
        self.canvas.set_active(active_frame(montage.mosaic, montage.active))


class MontageCanvas(SliceCanvas):
    """The slices; besides what the hand does, keys go from slice to slice and from page to page.

    Parameters
    ----------
    montage : Montage
    reported : callable
        Does something whose errors are to be shown.
    """

    def __init__(self, montage: Montage, reported: Callable[[Callable[[], Any]], None]) -> None:
        super().__init__()
        self.setObjectName("montage-canvas")
        self._montage, self._reported = montage, reported
        # painted apart from the rest, which need not be worked out anew for it
        self._active, self._active_painter = Overlay(), OverlayPainter()

    def set_active(self, frame: Overlay) -> None:
        """Draw another frame about the active slice."""
        self._active = frame
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        super().paintEvent(event)
        self._active_painter.paint(QPainter(self), self._active, self.viewport)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See Qt: keys that mean something else here than over a single slice."""
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        montage, mosaic = self._montage, self._montage.mosaic
        if mosaic is None:
            return False
        name = key_name(event)
        keys: dict[str, Callable[[], Any]] = {
            "Left": lambda: montage.step(-1),
            "Right": lambda: montage.step(1),
            "Up": lambda: montage.step(-mosaic.columns),
            "Down": lambda: montage.step(mosaic.columns),
            "PageUp": lambda: montage.turn(-1),
            "PageDown": lambda: montage.turn(1),
            "Home": self.fit,
        }
        # the active slice is meant, wherever the mouse is
        actions: dict[str | None, Callable[[], Any]] = {"track": montage.track, "track_on": montage.track_on}
        meant = keys.get(name) or actions.get(montage.workspace.controls.action(name))
        if meant is not None:
            self._reported(meant)
        return meant is not None


def _letting_go(dock: weakref.ref[MontageDock]) -> Callable[[], None]:
    """What lets go of a dock's links when Qt has deleted it while Python still has it."""

    def run() -> None:
        left = dock()
        if left is not None:
            left.let_go()

    return run
