"""Slab, low-pass and contrast of the shown slices: a few fields that stand in several docks."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from qtpy.QtCore import QSignalBlocker
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_tomopick.layers.display import CLIP_PERCENT, MAX_THICKNESS
from napari_tomopick.layers.workspace import Workspace
from napari_tomopick.widgets.deletion import when_deleted
from napari_tomopick.widgets.dock import SPACING
from napari_tomopick.widgets.focus import wheel_scrolls_past

# below two voxels there is nothing to filter; a first step that can be seen is one to four
FINEST_VOXELS, FIRST_VOXELS = 2.0, 4.0
MAX_CLIP = 9.9


class LowPassField(QDoubleSpinBox):
    """A resolution in Å, "off" at 0; the first step up goes to where something is to be seen."""

    voxel_size_angstrom = 10.0

    def stepBy(self, steps: int) -> None:
        """See Qt."""
        step = max(1.0, round(self.voxel_size_angstrom))
        if self.value() == 0 and steps > 0:
            self.setValue(round(FIRST_VOXELS * self.voxel_size_angstrom))
            return
        wanted = self.value() + steps * step
        self.setValue(wanted if wanted >= FINEST_VOXELS * self.voxel_size_angstrom else 0)


class DisplayControls(QWidget):
    """Shows a workspace's `Display`, and changes it; any number of them may do so.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.setObjectName("display-controls")
        self._workspace = workspace
        self._display = display = workspace.display
        self.thickness = QSpinBox()
        self.thickness.setObjectName("slab-thickness")
        self.thickness.setRange(1, MAX_THICKNESS)
        self.thickness.setToolTip(
            "Show the mean over this many slices, with the one shown in the middle; in every plane"
        )
        self.thickness.valueChanged.connect(lambda n: self._do(lambda: display.set_thickness(n)))
        self.low_pass = LowPassField()
        self.low_pass.setObjectName("low-pass")
        self.low_pass.setRange(0, 9999)
        self.low_pass.setDecimals(0)
        self.low_pass.setSpecialValueText("off")
        self.low_pass.setSuffix(" Å")
        self.low_pass.setToolTip(
            "Low-pass filter of what is shown, to this resolution; 0 is off. Nothing is saved by it"
        )
        self.low_pass.valueChanged.connect(lambda v: self._do(lambda: display.set_low_pass(v or None)))
        self.clip = QDoubleSpinBox()
        self.clip.setObjectName("contrast-clip")
        self.clip.setRange(0, MAX_CLIP)
        self.clip.setDecimals(1)
        self.clip.setSingleStep(0.5)
        self.clip.setSuffix("%")
        self.clip.setToolTip(
            "Contrast by percentile: this share of the voxels is plainly black, and as many white. "
            "More is a harder contrast"
        )
        self.clip.valueChanged.connect(lambda v: self._do(lambda: display.set_clip(v)))
        for field in (self.thickness, self.low_pass, self.clip):
            field.setKeyboardTracking(False)
            wheel_scrolls_past(field)
            field.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.fit = self._button(
            "Slice", "contrast-slice", display.fit_slice, "Set the contrast by the slice that is shown now"
        )
        self.whole = self._button(
            "Reset", "contrast-reset", self._reset, "The contrast with which a tomogram is opened"
        )
        self.invert = self._button(
            "Invert",
            "contrast-invert",
            lambda: display.set_inverted(self.invert.isChecked()),
            "Swap black and white",
        )
        self.invert.setCheckable(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addLayout(_spread(QLabel("Slab"), self.thickness, QLabel("Low-pass"), self.low_pass))
        layout.addLayout(_spread(QLabel("Contrast"), self.clip, self.fit, self.whole, self.invert))
        signals = (display.filtering_changed, display.grey_changed, workspace.tomogram_changed)
        for signal in signals:
            signal.connect(self.refresh)
        when_deleted(self, _letting_go(weakref.ref(self), signals))
        self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Be no wider than a dock, in the font of the window, which is known only now."""
        super().showEvent(event)
        for button in (self.fit, self.whole, self.invert):
            button.setFixedWidth(button.fontMetrics().horizontalAdvance(button.text()) + 2 * SPACING)
        # napari's style puts a button at either end of a field
        for field, widest in ((self.thickness, "500"), (self.low_pass, "999 Å"), (self.clip, "9.9 %")):
            metrics = field.fontMetrics()
            field.setMinimumWidth(metrics.horizontalAdvance(widest) + 4 * metrics.height())

    def refresh(self) -> None:
        """Show the display as it is now."""
        display, tomogram = self._display, self._workspace.tomogram
        blockers = [QSignalBlocker(w) for w in (self.thickness, self.low_pass, self.clip, self.invert)]
        if tomogram is not None:
            self.low_pass.voxel_size_angstrom = tomogram.voxel_size_angstrom
        self.thickness.setValue(display.thickness)
        self.low_pass.setValue(display.low_pass_angstrom or 0)
        self.clip.setValue(display.clip_percent)
        self.invert.setChecked(display.inverted)
        for button in (self.fit, self.whole):
            button.setEnabled(tomogram is not None)
        for blocker in blockers:
            blocker.unblock()

    def _invert(self) -> None:
        self._display.set_inverted(self.invert.isChecked())

    def _reset(self) -> None:
        self._display.set_inverted(False)
        self._display.set_clip(CLIP_PERCENT)

    def _button(self, text: str, name: str, action: Callable[[], None], tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setToolTip(tip)
        # in a window of their own, Enter in a field is not for a button
        button.setAutoDefault(False)
        button.clicked.connect(lambda: self._do(action))
        return button

    def _do(self, action: Callable[[], None]) -> None:
        with self._workspace.reporting():
            action()


def _spread(*widgets: QWidget) -> QHBoxLayout:
    """Widgets side by side; the fields share the room that is left."""
    layout = QHBoxLayout()
    layout.setSpacing(SPACING)
    for widget in widgets:
        layout.addWidget(widget, int(isinstance(widget, QAbstractSpinBox)))
    return layout


def _letting_go(controls: weakref.ref[DisplayControls], signals: tuple) -> Callable[[], None]:
    """What lets go of the signals when Qt has deleted the widget while Python still has it."""

    def run() -> None:
        left = controls()
        if left is not None:
            for signal in signals:
                signal.disconnect(left.refresh, missing_ok=True)

    return run
