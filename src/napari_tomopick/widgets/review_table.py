"""The page of the Review dock with a row for each particle of the current set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPoint, Qt
from qtpy.QtGui import QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QVBoxLayout, QWidget

from napari_tomopick.layers.review_columns import Column, columns_of
from napari_tomopick.widgets.dock import SPACING
from napari_tomopick.widgets.table import ARROWS
from napari_tomopick.widgets.texts import note

if TYPE_CHECKING:
    from napari_tomopick.widgets.review import ReviewDock

NO_PARENT = QModelIndex()
Role = Qt.ItemDataRole
# rows from which the width of a column is guessed
SAMPLED = 200
MAX_WIDTH = 130


class ParticlesModel(QAbstractTableModel):
    """Arrays as a table: only what is seen is turned into text."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.columns: list[Column] = []
        self.ids = np.empty(0, np.int64)
        # which row stands where
        self.rows = np.empty(0, np.int64)
        self.selected = np.empty(0, bool)
        self.sorted_by = ""
        self.descending = False
        self._among = np.empty(0, np.int64)

    def show_columns(self, columns: list[Column], ids: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        """Show these rows of columns, in the order that was wanted last."""
        self.beginResetModel()
        self.columns, self.ids, self._among = columns, ids, rows
        self.selected = np.zeros(len(ids), bool)
        self._sort()
        self.endResetModel()

    def _sort(self) -> None:
        column = next((c for c in self.columns if c.title == self.sorted_by), None)
        self.rows = self._among if column is None else column.order(self._among, descending=self.descending)

    def show_selected(self, selected: NDArray[np.bool_]) -> None:
        """Show other rows as selected."""
        if not np.array_equal(selected, self.selected):
            self.selected = selected
            if len(self.rows):
                last = self.index(len(self.rows) - 1, len(self.columns) - 1)
                self.dataChanged.emit(self.index(0, 0), last, [Role.BackgroundRole])

    def sort_by(self, column: int) -> None:
        """Sort by a column; the same one again: the other way round, and then no more."""
        title = self.columns[column].title
        if title != self.sorted_by:
            self.sorted_by, self.descending = title, False
        elif not self.descending:
            self.descending = True
        else:
            self.sorted_by, self.descending = "", False
        self.layoutAboutToBeChanged.emit()
        self._sort()
        self.layoutChanged.emit()
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.columns) - 1)

    def rowCount(self, parent: QModelIndex = NO_PARENT) -> int:
        """See Qt."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex = NO_PARENT) -> int:
        """See Qt."""
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:
        """See Qt."""
        if orientation != Qt.Orientation.Horizontal or section >= len(self.columns):
            return None
        title = self.columns[section].title
        if role == Role.DisplayRole:
            return f"{title} {ARROWS[self.descending]}" if title == self.sorted_by else title
        return f"{title}\nClick to sort by it" if role == Role.ToolTipRole else None

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> Any:
        """See Qt."""
        column, row = self.columns[index.column()], int(self.rows[index.row()])
        if role == Role.DisplayRole:
            return column.text(row)
        if role == Role.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.number else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        if role in (Role.BackgroundRole, Role.ForegroundRole) and self.selected[row]:
            palette = self.parent().palette()
            return palette.highlight() if role == Role.BackgroundRole else palette.highlightedText()
        return None


class ParticlesTable(QTableView):
    """The particles of a set; its selected rows are the selection of the `Review`, and nothing else.

    Qt's own selection keeps a range for each row that stands alone, and takes seconds with thousands.

    Parameters
    ----------
    dock : ReviewDock
    """

    def __init__(self, dock: ReviewDock) -> None:
        super().__init__()
        self.setObjectName("particle-table")
        self._dock, self._review = dock, dock.review
        self.particles = ParticlesModel(self)
        self.setModel(self.particles)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMinimumHeight(120)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(24)
        header.setSectionsClickable(True)
        header.sectionClicked.connect(self._sort)
        self.doubleClicked.connect(self._go)
        self._anchor = 0
        self._dragging = False
        self._before = np.empty(0, np.int64)

    def fit_columns(self) -> None:
        """Make columns as wide as what stands in the first rows, within a limit."""
        metrics, model = self.fontMetrics(), self.particles
        for i, column in enumerate(model.columns):
            texts = [column.text(int(row)) for row in model.rows[:SAMPLED]]
            wanted = max((metrics.horizontalAdvance(text) for text in texts), default=0) + 14
            title = metrics.horizontalAdvance(f"{column.title} {ARROWS[0]}") + 14
            self.setColumnWidth(i, min(max(wanted, title), MAX_WIDTH))

    def _sort(self, column: int) -> None:
        self.particles.sort_by(column)
        self.scrollToTop()

    # selecting

    def _ids(self, first: int, last: int) -> NDArray[np.int64]:
        low, high = min(first, last), max(first, last)
        return self.particles.ids[self.particles.rows[low : high + 1]]

    def _row_at(self, place: QPoint) -> int:
        row = self.rowAt(place.y())
        return row if row >= 0 else (0 if place.y() < 0 else self.particles.rowCount() - 1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """See Qt: a row is selected; with Shift all up to it, with Ctrl it as well, or no more."""
        row = self.rowAt(event.position().toPoint().y())
        if event.button() != Qt.MouseButton.LeftButton or row < 0:
            return
        held, selection, uid = event.modifiers(), self._review.selection, self._dock.uid
        if held & Qt.KeyboardModifier.ControlModifier:
            selection.toggle({uid: self._ids(row, row)})
            self._anchor = row
        elif held & Qt.KeyboardModifier.ShiftModifier:
            selection.set({uid: self._ids(self._anchor, row)})
        else:
            selection.set({uid: self._ids(row, row)})
            self._anchor = row
        self._dragging = not held
        self.setCurrentIndex(self.particles.index(row, max(self.currentIndex().column(), 0)))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """See Qt: rows that the mouse is drawn over are selected."""
        if self._dragging and self.particles.rowCount():
            row = self._row_at(event.position().toPoint())
            self._review.selection.set({self._dock.uid: self._ids(self._anchor, row)})
            self.scrollTo(self.particles.index(row, 0))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """See Qt."""
        self._dragging = False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """See Qt: the arrow keys go from row to row, with Shift they select them all; Enter goes there."""
        key, current = event.key(), self.currentIndex().row()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._go(self.currentIndex())
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._dock.reported(self._review.delete)
        elif event.modifiers() & Qt.KeyboardModifier.ControlModifier and key == Qt.Key.Key_A:
            self._review.selection.set({self._dock.uid: self._ids(0, self.particles.rowCount())})
        else:
            super().keyPressEvent(event)
            row = self.currentIndex().row()
            if row != current and row >= 0:
                if not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                    self._anchor = row
                self._review.selection.set({self._dock.uid: self._ids(self._anchor, row)})

    def _go(self, index: QModelIndex) -> None:
        if index.isValid():
            self._review.select(self._dock.uid, int(self._ids(index.row(), index.row())[0]))

    def show_selection(self) -> None:
        """Show what is selected, and bring it in sight if it was selected elsewhere."""
        model = self.particles
        ids = self._review.selection.ids(self._dock.uid)
        model.show_selected(np.isin(model.ids, ids))
        if len(ids) and not np.array_equal(ids, self._before):
            first = np.flatnonzero(model.selected[model.rows])
            if len(first) and not self._dragging:
                self.scrollTo(model.index(int(first[0]), max(self.columnAt(0), 0)))
        self._before = ids


class TablePage(QWidget):
    """The table, and what it shows of how many.

    Parameters
    ----------
    dock : ReviewDock
    """

    def __init__(self, dock: ReviewDock) -> None:
        super().__init__()
        self._dock = dock
        self.table = ParticlesTable(dock)
        self.count = note("table-count")
        self._shown: tuple[Any, ...] = ()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACING, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.count)
        layout.addWidget(self.table, 1)
        filters = dock.review.filters
        dock.refresh_on(filters.changed, filters.measured)

    def refresh(self) -> None:
        """Show the particles of the current set that pass the filters."""
        review, uid = self._dock.review, self._dock.uid
        there = bool(review.count(uid))
        particles = review.particles(uid) if there else None
        quantities = review.filters.quantities(uid) if there else {}
        mask = review.filters.mask(uid) if there else None
        key = (particles, *(q.values for q in quantities.values()))
        same = len(key) == len(self._shown[0]) if self._shown else False
        same = same and all(a is b for a, b in zip(key, self._shown[0], strict=True))
        if not same or not _same_mask(mask, self._shown[1]):
            titles = [c.title for c in self.table.particles.columns]
            columns = [] if particles is None else columns_of(particles, quantities)
            ids = np.empty(0, np.int64) if particles is None else particles.ids
            rows = np.arange(len(ids)) if mask is None else np.flatnonzero(mask)
            self.table.particles.show_columns(columns, ids, rows)
            if titles != [c.title for c in columns]:
                self.table.fit_columns()
            self._shown = key, mask
        shown, total = self.table.particles.rowCount(), review.count(uid)
        self.count.setText(
            "There are no particles in this tomogram."
            if not total
            else f"{total:,} particles. Double click: go there."
            if shown == total
            else f"{shown:,} of {total:,} particles pass the filters. Double click: go there."
        )
        self.table.show_selection()


def _same_mask(one: NDArray[np.bool_] | None, other: NDArray[np.bool_] | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)
