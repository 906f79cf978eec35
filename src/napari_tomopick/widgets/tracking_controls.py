"""The part of a dock from which a membrane is tracked into other slices."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, QTimer
from qtpy.QtWidgets import QComboBox, QLabel, QProgressBar, QSpinBox, QVBoxLayout, QWidget

from napari_tomopick.layers.tracking import Direction
from napari_tomopick.widgets.dock import SPACING, Dock, row
from napari_tomopick.widgets.texts import note

DIRECTIONS: dict[Direction, tuple[str, str]] = {
    "both": ("both ways", "Up and down from what is traced"),
    "up": ("up", "To higher slice numbers"),
    "down": ("down", "To lower slice numbers"),
}
POLL_MS = 80


class TrackingControls(QWidget):
    """Step, direction, and the two ways to track.

    Parameters
    ----------
    dock : Dock
        It stands in this dock, and is refreshed with it.
    """

    def __init__(self, dock: Dock) -> None:
        super().__init__(dock)
        self._dock = dock
        self.tracking = dock.workspace.tracking
        self.step = QSpinBox()
        self.step.setObjectName("track-step")
        self.step.setRange(1, 1000)
        self.step.setToolTip("From one level to the next")
        self.step.valueChanged.connect(self.tracking.set_step)
        self.direction = QComboBox()
        self.direction.setObjectName("track-direction")
        for direction, (text, tip) in DIRECTIONS.items():
            self.direction.addItem(text, direction)
            self.direction.setItemData(self.direction.count() - 1, tip, 3)
        self.direction.activated.connect(lambda i: self.tracking.set_direction(self.direction.itemData(i)))
        self.one = dock.button(
            "Track one slice",
            "track-one",
            lambda: self.tracking.one(),
            "Into the shown slice, or from a traced one into the next (O)",
        )
        self.on = dock.button(
            "Track on",
            "track-on",
            self.tracking.on,
            "Until the membrane can be followed no further (Shift+O)",
        )
        self.stop = dock.button("Stop", "track-stop", self.tracking.stop, "Nothing is kept (Escape)")
        self.bar = QProgressBar()
        self.bar.setObjectName("tracking-progress")
        self.bar.setRange(0, 0)
        self.message = note("tracking-message")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addLayout(row(QLabel("Every"), self.step, QLabel("slices"), self.direction, stretch=3))
        layout.addLayout(row(self.one, self.on, self.stop))
        layout.addWidget(self.bar)
        layout.addWidget(self.message)
        # the thread that tracks only notes how far it is
        self._poll = QTimer(self)
        self._poll.setInterval(POLL_MS)
        self._poll.timeout.connect(self._show_progress)
        dock.refresh_on(self.tracking.changed)
        dock.refreshed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what can be done now."""
        tracking = self.tracking
        running = tracking.running
        blocker = QSignalBlocker(self.step)
        self.step.setValue(tracking.step)
        blocker.unblock()
        self.direction.setCurrentIndex(list(DIRECTIONS).index(tracking.direction))
        ready = self._dock.workspace.picking.active is not None and not running
        self.one.setEnabled(ready)
        self.on.setEnabled(ready)
        self.stop.setVisible(running)
        self.bar.setVisible(running)
        self.message.setText(tracking.message)
        self.message.setVisible(bool(tracking.message) and not running)
        if running:
            self._poll.start()
        else:
            self._poll.stop()
        self._show_progress()

    def _show_progress(self) -> None:
        self.bar.setFormat(self.tracking.progress)


class ProposedBar(QWidget):
    """How many points tracking placed, and what to do with them; hidden if none.

    Parameters
    ----------
    dock : Dock
        It stands in this dock, and is refreshed with it.
    """

    def __init__(self, dock: Dock) -> None:
        super().__init__(dock)
        self.picking = dock.workspace.picking
        self.count = QLabel()
        self.count.setObjectName("proposed")
        self.count.setToolTip("Placed by tracking, and drawn hollow: look at them, drag what is off")
        self.accept = dock.button(
            "Accept all", "accept-proposed", self.picking.accept_all, "Keep what tracking placed (A)"
        )
        self.discard = dock.button(
            "Discard all", "discard-proposed", self.picking.discard_all, "Delete what tracking placed"
        )
        layout = row(self.count, self.accept, self.discard, stretch=0)
        layout.setContentsMargins(0, 0, 0, 0)
        self.setLayout(layout)
        dock.refreshed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show how many there are now."""
        proposed = self.picking.proposed
        self.count.setText(f"{proposed} hollow point{'s' if proposed != 1 else ''}")
        self.setVisible(proposed > 0)
