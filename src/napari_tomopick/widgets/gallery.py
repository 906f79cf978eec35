"""The Gallery dock: boxes of points or particles side by side, to go to and to weed out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, QSize, Qt
from qtpy.QtWidgets import QComboBox, QLabel, QSizePolicy, QSpinBox, QToolButton, QWidget
from superqt import QFlowLayout

from napari_tomopick.layers.gallery import MAX_BOX, MAX_SLICES, Gallery
from napari_tomopick.widgets.dock import SPACING, Dock, row
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
        self.source.setMinimumContentsLength(18)
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
        self.slices.setToolTip("Mean over this many slices about the middle of the box")
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
        self.reverse = _small_button("⇅", "gallery-reverse", "Turn the order round")
        self.reverse.setCheckable(True)
        self.reverse.clicked.connect(lambda: self._sort())
        self.smaller = _small_button("−", "gallery-smaller", "Smaller pictures (Ctrl+wheel)")
        self.larger = _small_button("+", "gallery-larger", "Larger pictures (Ctrl+wheel)")
        self.grid = grid = ThumbnailGrid()
        self.smaller.clicked.connect(lambda: grid.set_tile_size(round(grid.tile_size / 1.25)))
        self.larger.clicked.connect(lambda: grid.set_tile_size(round(grid.tile_size * 1.25)))
        self.previous = _small_button("◀", "previous-page", "The page before (wheel, Page Up)")
        self.next = _small_button("▶", "next-page", "The next page (wheel, Page Down)")
        self.which = QLabel()
        self.which.setObjectName("gallery-page")
        self.state = note("gallery-state")
        self._build()

        self.previous.clicked.connect(lambda: self._turn(-1))
        self.next.clicked.connect(lambda: self._turn(1))
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
            w.review.sets_changed,
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
            ("Mean of", self.slices),
            ("Plane", self.axis),
            ("Sort by", self.sorting, self.reverse),
            ("Size", self.smaller, self.larger),
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
        self.below.addWidget(self.state)
        self.below.addLayout(row(self.previous, self.which, self.next, history, stretch=3))

    def sizeHint(self) -> QSize:
        """Two rows of pictures, at least."""
        around = self.above.sizeHint().height() + self.below.sizeHint().height() + 4 * SPACING
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
        self.slices.setSuffix(" slice" if gallery.slices == 1 else " slices")
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

    def _turn(self, pages: int) -> None:
        self.gallery.turn_to(self.gallery.page + pages)
        self._show_tiles()

    def _sort(self) -> None:
        self._do(lambda: self.gallery.sort(self.sorting.currentData(), self.reverse.isChecked()))

    def _do(self, action: Callable[[], Any]) -> None:
        self.reported(action)
        self.refresh()


def _small_button(text: str, name: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setObjectName(name)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return button
