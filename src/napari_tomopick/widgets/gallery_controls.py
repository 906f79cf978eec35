"""The fields above the gallery: what is shown, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QLabel, QPushButton, QSpinBox, QWidget
from superqt import QFlowLayout

from napari_tomopick.layers.boxes import ORDERS
from napari_tomopick.layers.gallery import MAX_BOX, MAX_SLICES, Gallery
from napari_tomopick.widgets.dock import SPACING, Dock, row
from napari_tomopick.widgets.focus import wheel_scrolls_past

VIEWS = {"z": "XY", "y": "XZ", "x": "YZ", "three": "all three"}
# all fields stand in one line below the slices on a screen of 1280 pixels
NUMBER_WIDTH = 72
SOURCE_TIP = "Whose boxes are shown: the model that gets the points, a particle set, or subtomograms"
FRAMES = {"tomogram": "as it lies", "own": "own frame"}
CONTRASTS = {"together": "together", "each": "each", "slices": "slices"}


class GalleryControls(QWidget):
    """Fields that change how a gallery shows boxes.

    Parameters
    ----------
    dock : Dock
    gallery : Gallery

    Signals
    -------
    changed()
        Something was chosen; the gallery is to be shown anew.
    resized(factor)
        Pictures are to be larger or smaller.
    """

    changed = Signal()
    resized = Signal(float)

    def __init__(self, dock: Dock, gallery: Gallery) -> None:
        super().__init__()
        self._dock, self._gallery = dock, gallery
        self.source = self._combo("source", SOURCE_TIP)
        self.box = self._number("box", 2, MAX_BOX, "Size of the boxes shown here; the model keeps its own")
        self.box.setSingleStep(2)
        self.slices = self._number(
            "slices", 1, MAX_SLICES, "Show the mean over this many slices about the middle of the box"
        )
        self.view = self._combo("plane", "The plane in which boxes are cut", VIEWS)
        self.frame = self._combo(
            "frame",
            "As it lies in the tomogram, or each turned as its particle: its z axis, the normal of a "
            "membrane, is up in XZ and YZ, and the particle at the very middle",
            FRAMES,
        )
        self.contrast = self._combo(
            "contrast",
            "One range of grey values for all together, which gold does not change; for each its own; or "
            "that of the slices",
            CONTRASTS,
        )
        self.sorting = self._combo("sorting", "The order of the boxes; best scores come first")
        # a long name is not to make the dock wide
        for combo, letters in ((self.source, 12), (self.sorting, 7)):
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            combo.setMinimumContentsLength(letters)
        self.reverse = self._small("⇅", "gallery-reverse", self._sort, "Turn the order round")
        self.reverse.setCheckable(True)
        smaller = self._small("−", "gallery-smaller", lambda: self.resized.emit(0.8), "Smaller (Ctrl+wheel)")
        larger = self._small("+", "gallery-larger", lambda: self.resized.emit(1.25), "Larger (Ctrl+wheel)")
        self.average = QPushButton("Average")
        self.average.setObjectName("gallery-averaging")
        self.average.setCheckable(True)
        self.average.setToolTip("Show the average of the selected boxes beside them")

        self._on(self.source, gallery.show)
        self._on(self.view, lambda view: gallery.set_cut(view=view))
        self._on(self.frame, lambda frame: gallery.set_cut(frame=frame))
        self._on(self.contrast, gallery.set_contrast)
        self._on(self.sorting, lambda _: gallery.sort(self.sorting.currentData(), self.reverse.isChecked()))
        self.box.valueChanged.connect(lambda n: self._do(lambda: gallery.set_box_size(n)))
        self.slices.valueChanged.connect(lambda n: self._do(lambda: gallery.set_cut(slices=n)))

        flow = QFlowLayout(self)
        flow.setContentsMargins(0, 0, 0, 0)
        flow.setSpacing(SPACING)
        for text, *fields in (
            ("", self.source),
            ("Box", self.box),
            ("Slab", self.slices),
            ("", self.view),
            ("", self.frame),
            ("Contrast", self.contrast),
            ("Sort", self.sorting, self.reverse),
            ("", smaller, larger),
            ("", self.average),
        ):
            group = QWidget()
            line = row(*([QLabel(text)] if text else []), *fields)
            line.setContentsMargins(0, 0, 0, 0)
            group.setLayout(line)
            flow.addWidget(group)

    def refresh(self) -> None:
        """Show what is chosen now."""
        gallery = self._gallery
        fields = self.source, self.box, self.slices, self.view, self.frame, self.contrast, self.sorting
        blockers = [QSignalBlocker(field) for field in (*fields, self.reverse)]
        sources = gallery.sources()
        _fill(self.source, dict(sources), gallery.source)
        self.source.setToolTip(f"{self.source.currentText()}\n{SOURCE_TIP}".strip())
        self.box.setValue(gallery.boxes.box_size)
        self.slices.setValue(gallery.slices)
        for field, chosen in (
            (self.view, gallery.cutter.view),
            (self.frame, gallery.cutter.frame),
            (self.contrast, gallery.contrast),
        ):
            field.setCurrentIndex(field.findData(chosen))
        measures = {key: quantity.label for key, quantity in gallery.boxes.measures.items()}
        _fill(self.sorting, {key: (ORDERS | measures)[key] for key in gallery.sortings}, gallery.sorting)
        self.reverse.setChecked(gallery.reverse)
        self.frame.setEnabled(gallery.boxes.oriented)
        for blocker in blockers:
            blocker.unblock()
        for widget in (self.source, self.sorting, self.reverse):
            widget.setEnabled(bool(sources))

    def _sort(self) -> None:
        self._do(lambda: self._gallery.sort(self.sorting.currentData(), self.reverse.isChecked()))

    def _do(self, action: Callable[[], Any]) -> None:
        self._dock.reported(action)
        self.changed.emit()

    def _on(self, combo: QComboBox, action: Callable[[Any], Any]) -> None:
        combo.activated.connect(lambda i: self._do(lambda: action(combo.itemData(i))))

    def _combo(self, name: str, tip: str, items: Mapping[str, str] | None = None) -> QComboBox:
        combo = QComboBox()
        combo.setObjectName(f"gallery-{name}")
        combo.setToolTip(tip)
        for key, text in (items or {}).items():
            combo.addItem(text, key)
        return combo

    def _number(self, name: str, low: int, high: int, tip: str) -> QSpinBox:
        field = QSpinBox()
        field.setObjectName(f"gallery-{name}")
        field.setRange(low, high)
        field.setToolTip(tip)
        field.setKeyboardTracking(False)
        field.setMaximumWidth(NUMBER_WIDTH)
        wheel_scrolls_past(field)
        return field

    def _small(self, text: str, name: str, action: Callable[[], Any], tip: str) -> QPushButton:
        button = self._dock.button(text, name, action, tip)
        button.setFixedWidth(2 * self.fontMetrics().height())
        return button


def _fill(combo: QComboBox, items: Mapping[str, str], chosen: str) -> None:
    combo.clear()
    for key, text in items.items():
        combo.addItem(text, key)
    combo.setCurrentIndex(max(0, combo.findData(chosen)))
    # a list that opens shows its items whole, however narrow the field is
    combo.view().setMinimumWidth(combo.view().sizeHintForColumn(0) + 30)
