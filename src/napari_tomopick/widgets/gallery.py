"""The Gallery dock: boxes of points or particles side by side, to go to, to select and to weed out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QScrollBar,
    QSizePolicy,
    QSplitter,
    QWidget,
)

from napari_tomopick.io.particles import WRITE_SUFFIXES
from napari_tomopick.layers.gallery import Gallery
from napari_tomopick.widgets.deletion import when_deleted
from napari_tomopick.widgets.dock import MARGIN, SPACING, WIDTH, Dock, row
from napari_tomopick.widgets.gallery_average import AveragePanel
from napari_tomopick.widgets.gallery_controls import GalleryControls
from napari_tomopick.widgets.history import HistoryButtons
from napari_tomopick.widgets.selecting_grid import SelectingGrid
from napari_tomopick.widgets.texts import note

if TYPE_CHECKING:
    import napari.viewer

HINT = (
    "Click: go there. Ctrl+click, drag: select. Del: delete these. Shift+click: {}. Ctrl+Shift+click: "
    "delete it and all after it."
)
HINT_WIDTH = 280
LEAST_HEIGHT = 190
DELETES, SELECTS = "delete", "select to there"
NO_TOMOGRAM = "Open a tomogram in the Tomograms dock first."
NO_BOXES = "Nothing to show yet: pick points, or make particles with a step."
ALL_HIDDEN = "The filters of the Review dock let none of them through."


class GalleryDock(Dock):
    """Boxes of the current model, of a particle set, or of subtomograms.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    place = "bottom"

    # napari hands over the viewer by the wording of this annotation
    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "tomopick-gallery")
        self.gallery = gallery = Gallery(self.workspace)
        self.controls = GalleryControls(self, gallery)
        self.grid = grid = SelectingGrid()
        self.bar = QScrollBar(Qt.Orientation.Vertical)
        self.bar.setObjectName("gallery-scroll")
        self.average = AveragePanel(self, gallery.average)
        self.average.hide()
        self.shift = QCheckBox("Shift selects")
        self.shift.setObjectName("shift-selects")
        self.shift.setToolTip("Shift+click selects all up to there, instead of deleting that one")
        self.open = self.button(
            "Open…",
            "open-subtomograms",
            self._open,
            "Open subtomograms: boxes that were extracted already; choose any file in their folder",
        )
        self.save = self.button(
            "Save list…", "save-selection", self._save, "Write the selected particles to a file"
        )
        self.which = QLabel()
        self.which.setObjectName("gallery-page")
        self.state = note("gallery-state")
        # in a narrower one it would want more lines than there is room for below the slices
        self.state.setMinimumWidth(HINT_WIDTH)
        self._build()

        self.controls.changed.connect(self.refresh)
        self.controls.resized.connect(lambda by: grid.set_tile_size(round(grid.tile_size * by)))
        self.controls.average.toggled.connect(self._show_average)
        self.shift.toggled.connect(self._set_shift)
        self.bar.valueChanged.connect(self._scroll_to)
        grid.scrolled.connect(lambda rows: self.bar.setValue(self.bar.value() + rows))
        grid.turned.connect(lambda pages: self.bar.setValue(self.bar.value() + pages * self.bar.pageStep()))
        grid.capacity_changed.connect(self._set_capacity)
        for signal, action in (
            (grid.chosen, gallery.go_to),
            (grid.deleted, gallery.delete),
            (grid.deleted_from, gallery.delete_from),
            (grid.delete_pressed, gallery.delete_selected),
            (grid.stepped, gallery.step),
            (grid.toggled, gallery.toggle),
            (grid.selected_to, gallery.select_to),
            (grid.extended, gallery.extend),
            (grid.boxed, lambda places, as_well: gallery.select(places, "add" if as_well else "only")),
            (grid.pressed, self._select),
        ):
            self._on(signal, action)
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
            w.review.filters.changed,
            w.review.filters.measured,
            w.display.filtering_changed,
            w.display.grey_changed,
        )
        when_deleted(self, gallery.close)
        self.refresh()

    def _build(self) -> None:
        self.above.addWidget(self.controls)
        tiles = QWidget()
        beside = QHBoxLayout(tiles)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(2)
        beside.addWidget(self.grid, 1)
        beside.addWidget(self.bar)
        self._average_was: object = None
        self.halves = QSplitter()
        self.halves.setChildrenCollapsible(False)
        self.halves.addWidget(tiles)
        self.halves.addWidget(self.average)
        self.halves.setStretchFactor(0, 1)
        self.column.addWidget(self.halves, 1)
        history = HistoryButtons(self)
        history.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._foot = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._foot.setSpacing(SPACING)
        self._foot.addWidget(self.state, 3)
        self._middle = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._middle.setSpacing(SPACING)
        self._middle.addWidget(self.which)
        self._middle.addLayout(row(self.shift, self.open, self.save, stretch=0))
        self._foot.addLayout(self._middle)
        self._foot.addWidget(history, 2)
        self.below.addLayout(self._foot)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Below the slices there is more width than height."""
        super().resizeEvent(event)
        wide = self.width() > 2 * WIDTH
        directions = QBoxLayout.Direction
        for layout in (self._foot, self._middle):
            layout.setDirection(directions.LeftToRight if wide else directions.TopToBottom)
        # among other lines Qt would give it too little
        self.state.setMinimumHeight(0 if wide else self.state.heightForWidth(self.width() - 2 * MARGIN))
        self._put_average(Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical)

    def _put_average(self, orientation: Qt.Orientation) -> None:
        """Beside the tiles, or below; it gets what its three sections need."""
        self.halves.setOrientation(orientation)
        placed = orientation, self.average.isVisible()
        if placed != self._average_was:
            self._average_was = placed
            hint = self.average.sizeHint()
            across = orientation == Qt.Orientation.Horizontal
            length = self.halves.width() if across else self.halves.height()
            part = hint.width() if across else hint.height()
            self.halves.setSizes([max(1, length - part), part])

    def minimumSizeHint(self) -> QSize:
        """Room for a row of pictures.

        What all fields need in many short lines, in the narrow dock in which napari opens it first, would
        stay its least height below the slices too, and make the window grow.
        """
        least = super().minimumSizeHint()
        return QSize(least.width(), min(least.height(), LEAST_HEIGHT))

    def sizeHint(self) -> QSize:
        """Room for two rows of pictures where the dock is wide."""
        # a line each of controls above and of the hint below
        around = 2 * self.controls.source.sizeHint().height() + 2 * SPACING + 2 * MARGIN
        return QSize(super().sizeHint().width(), around + self.grid.sizeHint().height())

    def refresh(self) -> None:
        """Show the boxes as they are now."""
        self.gallery.refresh()
        self.controls.refresh()
        self.grid.set_parts(3 if self.gallery.cutter.view == "three" else 1)
        self._show_tiles()

    def _show_tiles(self) -> None:
        gallery, view = self.gallery, self.gallery.view
        self.grid.show_tiles(gallery.tiles())
        blocker = QSignalBlocker(self.bar)
        self.bar.setRange(0, view.rows)
        self.bar.setPageStep(max(1, view.size // max(1, view.columns)))
        self.bar.setValue(view.row)
        blocker.unblock()
        self.bar.setEnabled(view.rows > 0)
        self.which.setText(gallery.counts())
        self.save.setEnabled(gallery.boxes.is_set and bool(gallery.selected.any()))
        self.state.setText(self._says())
        gallery.load()
        gallery.average.refresh()

    def _says(self) -> str:
        gallery = self.gallery
        if len(gallery.boxes):
            return HINT.format(SELECTS if self.grid.shift_selects else DELETES)
        if gallery.boxes.hidden:
            return ALL_HIDDEN
        return NO_TOMOGRAM if self.workspace.tomogram is None else NO_BOXES

    def _set_capacity(self, tiles: int) -> None:
        self.gallery.set_page_size(tiles, self.grid.columns)
        self._show_tiles()

    def _scroll_to(self, row: int) -> None:
        self.gallery.view.scroll_to(row)
        self._show_tiles()

    def _show_average(self, on: bool) -> None:
        self.average.setVisible(on)
        self._put_average(self.halves.orientation())
        self.gallery.average.set_on(on)

    def _set_shift(self, on: bool) -> None:
        self.grid.shift_selects = on
        self._show_tiles()

    def _select(self, what: str) -> None:
        gallery = self.gallery
        {"all": gallery.select_all, "none": gallery.select_none, "others": gallery.invert_selection}[what]()

    def _open(self) -> None:
        kinds = "Subtomograms (extraction.json *.mrc *.star crop.tbl *.em *.hdf);;All files (*)"
        name, _ = QFileDialog.getOpenFileName(self, "Open subtomograms", "", kinds)
        if name:
            self.gallery.open_subtomograms(Path(name))
            self.refresh()

    def _save(self) -> None:
        kinds = "Particles (" + " ".join(f"*{suffix}" for suffix in WRITE_SUFFIXES) + ")"
        name, _ = QFileDialog.getSaveFileName(self, "Save the selected particles", "selected.star", kinds)
        if name:
            path = Path(name)
            self.gallery.save_selection(path if path.suffix else path.with_suffix(".star"))

    def _on(self, signal: Any, action: Callable[..., Any]) -> None:
        def act(*what: Any) -> None:
            self.reported(lambda: action(*what))
            self.refresh()

        signal.connect(act)
