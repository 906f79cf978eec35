"""The Gallery dock: boxes of points or particles side by side, to go to and to weed out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, QSize
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QBoxLayout, QComboBox, QLabel, QPushButton, QSizePolicy, QSpinBox, QWidget
from superqt import QFlowLayout

from napari_tomopick.layers.gallery import MAX_BOX, MAX_SLICES, Gallery
from napari_tomopick.widgets.dock import MARGIN, SPACING, WIDTH, Dock, row
from napari_tomopick.widgets.focus import wheel_scrolls_past
from napari_tomopick.widgets.history import HistoryButtons
from napari_tomopick.widgets.texts import note
from napari_tomopick.widgets.thumbnails import ThumbnailGrid

if TYPE_CHECKING:
    import napari.viewer

HINT = "Click: go there. Shift+click: delete. Ctrl+Shift+click: delete it and all after it. Wheel: pages."
NO_TOMOGRAM = "Open a tomogram in the Tomograms dock first."
NO_BOXES = "Nothing to show yet: pick points, or make particles with a step."
SORTINGS = {"order": "order", "score": "score", "group": "group", "z": "z"}
AXES = {"z": "XY", "y": "XZ", "x": "YZ"}


class GalleryDock(Dock):
    """Boxes of the current model or of a particle set.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    place = "bottom"

    # napari hands over the viewer by the wording of this annotation
    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "tomopick-gallery")
        self.gallery = gallery = Gallery(self.workspace)
        self.source = QComboBox()
        self.source.setObjectName("gallery-source")
        self.source.setToolTip("Whose boxes are shown: the model that gets the points, or a particle set")
        # a long name is not to make the dock wide
        self.source.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.source.setMinimumContentsLength(22)
        self.source.activated.connect(lambda i: self._do(lambda: gallery.show(self.source.itemData(i))))
        self.box = QSpinBox()
        self.box.setObjectName("gallery-box")
        self.box.setRange(2, MAX_BOX)
        self.box.setSingleStep(2)
        self.box.setToolTip("Size of the boxes shown here, in voxels; the model keeps its own")
        self.box.valueChanged.connect(lambda n: self._do(lambda: gallery.set_box_size(n)))
        self.slices = QSpinBox()
        self.slices.setObjectName("gallery-slices")
        self.slices.setRange(1, MAX_SLICES)
        self.slices.setToolTip("Show the mean over this many slices about the middle of the box")
        self.slices.valueChanged.connect(lambda n: self._do(lambda: gallery.set_cut(slices=n)))
        for field in (self.box, self.slices):
            field.setKeyboardTracking(False)
            wheel_scrolls_past(field)
        self.axis = QComboBox()
        self.axis.setObjectName("gallery-plane")
        self.axis.setToolTip("The plane in which boxes are cut")
        for axis, text in AXES.items():
            self.axis.addItem(text, axis)
        self.axis.activated.connect(lambda i: self._do(lambda: gallery.set_cut(axis=self.axis.itemData(i))))
        self.sorting = QComboBox()
        self.sorting.setObjectName("gallery-sorting")
        self.sorting.setToolTip("The order of the boxes; best scores come first")
        self.sorting.activated.connect(lambda _: self._sort())
        self.reverse = self._small("⇅", "gallery-reverse", self._sort, "Turn the order round")
        self.reverse.setCheckable(True)
        self.grid = grid = ThumbnailGrid()
        self.smaller = self._small("−", "gallery-smaller", lambda: self._resize(0.8), "Smaller (Ctrl+wheel)")
        self.larger = self._small("+", "gallery-larger", lambda: self._resize(1.25), "Larger (Ctrl+wheel)")
        self.previous = self._small(
            "◀", "previous-page", lambda: self._turn(-1), "The page before (wheel, Page Up)"
        )
        self.next = self._small("▶", "next-page", lambda: self._turn(1), "The next page (wheel, Page Down)")
        self.which = QLabel()
        self.which.setObjectName("gallery-page")
        self.state = note("gallery-state")
        self._build()

        grid.turned.connect(self._turn)
        grid.chosen.connect(lambda place: self._do(lambda: gallery.go_to(place)))
        grid.deleted.connect(lambda place: self._do(lambda: gallery.delete(place)))
        grid.deleted_from.connect(lambda place: self._do(lambda: gallery.delete_from(place)))
        grid.stepped.connect(lambda by: self._do(lambda: gallery.step(by)))
        grid.delete_pressed.connect(lambda: self._do(gallery.delete_current))
        grid.capacity_changed.connect(self._set_capacity)
        # at once: while a page is being read, what waits for a pause would wait for all of it
        gallery.loaded.connect(self._show_tiles)
        w = self.workspace
        self.refresh_on(
            w.tomogram_changed,
            w.picking.models_changed,
            w.picking.active_changed,
            w.picking.selection_changed,
            w.review.sets_changed,
            w.review.selection.changed,
            w.display.filtering_changed,
            w.display.grey_changed,
        )
        self.refresh()

    def _build(self) -> None:
        controls = QWidget()
        flow = QFlowLayout(controls)
        flow.setContentsMargins(0, 0, 0, 0)
        flow.setSpacing(SPACING)
        for text, *fields in (
            ("", self.source),
            ("Box", self.box),
            ("Slab", self.slices),
            ("Plane", self.axis),
            ("Sort by", self.sorting, self.reverse),
            ("Size", self.smaller, self.larger),
            ("", self.previous, self.which, self.next),
        ):
            group = QWidget()
            line = row(*([QLabel(text)] if text else []), *fields)
            line.setContentsMargins(0, 0, 0, 0)
            group.setLayout(line)
            flow.addWidget(group)
        self.above.addWidget(controls)
        self.column.addWidget(self.grid, 1)
        history = HistoryButtons(self)
        history.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._foot = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._foot.setSpacing(SPACING)
        self._foot.addWidget(self.state, 3)
        self._foot.addWidget(history, 2)
        self.below.addLayout(self._foot)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Below the slices there is more width than height."""
        super().resizeEvent(event)
        wide = self.width() > 2 * WIDTH
        directions = QBoxLayout.Direction
        self._foot.setDirection(directions.LeftToRight if wide else directions.TopToBottom)

    def sizeHint(self) -> QSize:
        """Room for two rows of pictures where the dock is wide."""
        # a line each of controls above and of the hint below
        around = 2 * self.source.sizeHint().height() + 2 * SPACING + 2 * MARGIN
        return QSize(super().sizeHint().width(), around + self.grid.sizeHint().height())

    def refresh(self) -> None:
        """Show the boxes as they are now."""
        gallery = self.gallery
        gallery.refresh()
        blockers = [
            QSignalBlocker(w)
            for w in (self.source, self.box, self.slices, self.axis, self.sorting, self.reverse)
        ]
        sources = gallery.sources()
        self.source.clear()
        for uid, text in sources:
            self.source.addItem(text, uid)
        self.source.setCurrentIndex(max(0, self.source.findData(gallery.source)))
        self.box.setValue(gallery.boxes.box_size)
        self.slices.setValue(gallery.slices)
        self.axis.setCurrentIndex(self.axis.findData(gallery.axis))
        self.sorting.clear()
        for key in gallery.sortings:
            self.sorting.addItem(SORTINGS[key], key)
        self.sorting.setCurrentIndex(max(0, self.sorting.findData(gallery.sorting)))
        self.reverse.setChecked(gallery.reverse)
        for blocker in blockers:
            blocker.unblock()
        for widget in (self.source, self.sorting, self.reverse):
            widget.setEnabled(bool(sources))
        self._show_tiles()

    def _show_tiles(self) -> None:
        gallery = self.gallery
        self.grid.show_tiles(gallery.tiles())
        count = len(gallery.boxes)
        self.which.setText(f"page {gallery.page + 1} of {gallery.pages}" if count else "")
        self.which.setToolTip(f"{count} boxes")
        self.previous.setEnabled(gallery.page > 0)
        self.next.setEnabled(gallery.page < gallery.pages - 1)
        self.state.setText(NO_TOMOGRAM if self.workspace.tomogram is None else HINT if count else NO_BOXES)
        gallery.load()

    def _set_capacity(self, tiles: int) -> None:
        self.gallery.set_page_size(tiles)
        self._show_tiles()

    def _resize(self, factor: float) -> None:
        self.grid.set_tile_size(round(self.grid.tile_size * factor))

    def _turn(self, pages: int) -> None:
        self.gallery.turn_to(self.gallery.page + pages)
        self._show_tiles()

    def _sort(self) -> None:
        self._do(lambda: self.gallery.sort(self.sorting.currentData(), self.reverse.isChecked()))

    def _do(self, action: Callable[[], Any]) -> None:
        self.reported(action)
        self.refresh()

    def _small(self, text: str, name: str, action: Callable[[], Any], tip: str) -> QPushButton:
        button = self.button(text, name, action, tip)
        button.setFixedWidth(2 * self.fontMetrics().height())
        return button
