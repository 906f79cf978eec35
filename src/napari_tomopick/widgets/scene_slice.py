"""The part of the scene's page with the slice: how it lies, and how one looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_tomopick.widgets.dock import SPACING, row
from napari_tomopick.widgets.slider_field import SliderField

if TYPE_CHECKING:
    from napari_tomopick.widgets.dock import Dock


class SliceBox(QWidget):
    """Where the slice lies.

    Parameters
    ----------
    dock : Dock
    """

    def __init__(self, dock: Dock) -> None:
        super().__init__()
        self._work, self._scene = dock.workspace, dock.workspace.scene
        scene = self._scene
        self.along = [
            _small(
                dock.button(
                    axis.upper(),
                    f"scene-along-{axis}",
                    lambda axis=axis: scene.view_along(axis),
                    f"Look along {axis}, at a slice across it (key {axis.upper()})",
                )
            )
            for axis in "xyz"
        ]
        self.facing = dock.button(
            "Facing me",
            "scene-facing",
            scene.slice.face_eye,
            "Tilt the slice so that one looks straight at it",
        )
        self.first = dock.button(
            "First view",
            "scene-first-view",
            scene.default_view,
            "Look down z at all of it, with the slice across z (key O)",
        )
        self.down = _small(
            dock.button("▼", "scene-slice-down", lambda: scene.slice.move(-1), "Against its arrow (key Down)")
        )
        self.up = _small(
            dock.button("▲", "scene-slice-up", lambda: scene.slice.move(1), "Along its arrow (key Up)")
        )
        self.normal = QCheckBox("Its arrow")
        self.normal.setObjectName("scene-normal")
        self.normal.setToolTip("A white arrow along the normal of the slice: the way the Up key moves it")
        self.normal.toggled.connect(scene.slice.show_normal)
        self.tilt = SliderField(
            "Tilt",
            "scene-tilt",
            0,
            180,
            decimals=1,
            tip="Degrees between the slice and the z plane",
        )
        self.rotation = SliderField(
            "Rotation",
            "scene-rotation",
            -180,
            180,
            decimals=1,
            tip="Degrees from x to the line about which the slice is tilted",
        )
        for field in (self.tilt, self.rotation):
            field.moved.connect(lambda _: scene.slice.tilt(self.tilt.value, self.rotation.value))
        width = self.fontMetrics().horizontalAdvance("Rotation") * 5 // 4
        for field in (self.tilt, self.rotation):
            field.align(width, field.number.sizeHint().width())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addLayout(row(*self.along, self.facing, self.first, stretch=4))
        layout.addWidget(self.tilt)
        layout.addWidget(self.rotation)
        layout.addLayout(row(self.normal, self.down, self.up, stretch=0))

    def refresh(self) -> None:
        """Show how the slice lies now."""
        scene = self._scene
        shown = scene.slice.shown
        for widget in (self.facing, self.down, self.up, self.tilt, self.rotation, self.normal):
            widget.setEnabled(shown)
        in_3d = self._work.is_3d and self._work.tomogram is not None
        for button in (*self.along, self.first):
            button.setEnabled(in_3d)
        blocker = QSignalBlocker(self.normal)
        self.normal.setChecked(scene.slice.normal_shown)
        blocker.unblock()
        if shown:
            tilt, rotation = scene.slice.angles
            self.tilt.show_value(tilt)
            # one that lies flat is tilted about nothing: the line that was chosen stays
            if 0.05 < tilt < 179.95:
                self.rotation.show_value(rotation)


def _small(button: QPushButton) -> QPushButton:
    button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
    button.setMaximumWidth(2 * button.fontMetrics().height())
    return button
