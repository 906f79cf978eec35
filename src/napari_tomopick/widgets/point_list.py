"""The points of a model as a list, as long as it may be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QSize,
    Qt,
    Signal,
)
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_tomopick.models.user_points import Model
from napari_tomopick.widgets.table import NO_PARENT

Role = Qt.ItemDataRole
TITLES = ("Number", "x", "y", "z", "Level", "")
PROPOSED = "○"
ROWS = 5


class PointRows(QAbstractTableModel):
    """One row for each point of a model; nothing is made of them before it is seen."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.points: Model | None = None

    def set_model(self, model: Model | None) -> None:
        """Show the points of a model, or none."""
        before, after = self.rowCount(), 0 if model is None else len(model)
        same = model is not None and self.points is not None and model.uid == self.points.uid
        if not same:
            self.beginResetModel()
            self.points = model
            self.endResetModel()
            return
        # where rows came or went in the middle, those below show other points; the list stays where it is
        if after > before:
            self.beginInsertRows(NO_PARENT, before, after - 1)
            self.points = model
            self.endInsertRows()
        elif after < before:
            self.beginRemoveRows(NO_PARENT, after, before - 1)
            self.points = model
            self.endRemoveRows()
        self.points = model
        if after:
            self.dataChanged.emit(self.index(0, 0), self.index(after - 1, len(TITLES) - 1))

    def rowCount(self, parent: QModelIndex = NO_PARENT) -> int:
        """See Qt."""
        return 0 if parent.isValid() or self.points is None else len(self.points)

    def columnCount(self, parent: QModelIndex = NO_PARENT) -> int:
        """See Qt."""
        return 0 if parent.isValid() else len(TITLES)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:
        """See Qt."""
        if orientation == Qt.Orientation.Horizontal and role == Role.DisplayRole:
            return TITLES[section]
        return None

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> Any:
        """See Qt."""
        model, row, column = self.points, index.row(), index.column()
        assert model is not None
        if role == Role.DisplayRole:
            if 1 <= column <= 3:
                return f"{model.points[row, column - 1]:.1f}"
            if column == 5:
                return PROPOSED if model.proposed[row] else ""
            return str(row + 1 if column == 0 else model.levels[row])
        if role == Role.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Role.ToolTipRole and model.proposed[row]:
            return "Placed by tracking, and not accepted yet"
        return None


class PointList(QTableView):
    """The points of a model, to go to, to select and to delete.

    Signals
    -------
    chosen(row)
        The user wants to go to this point.
    selected_changed(rows)
        The user selected none or several.
    delete_wanted(rows)
        The Delete key was pressed.
    """

    chosen = Signal(int)
    selected_changed = Signal(list)
    delete_wanted = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("point-list")
        self.rows_model = PointRows(self)
        self.setModel(self.rows_model)
        self._told = False
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        # Qt measures each row of a header that may be resized
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        height = self.fontMetrics().height() + 6
        self.verticalHeader().setDefaultSectionSize(height)
        self.setMinimumHeight((ROWS + 1) * height)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(16)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for column, widest in ((0, "Number"), (5, PROPOSED)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, self.fontMetrics().horizontalAdvance(widest) + 16)
        self.selectionModel().selectionChanged.connect(self._on_selected)

    def sizeHint(self) -> QSize:
        """As high as it must be; it grows where there is room."""
        return QSize(super().sizeHint().width(), self.minimumHeight())

    @property
    def selected(self) -> list[int]:
        """The selected rows, ascending."""
        ranges = self.selectionModel().selection()
        return sorted({row for part in ranges for row in range(part.top(), part.bottom() + 1)})

    def set_model(self, model: Model | None, selected: NDArray[np.int64]) -> None:
        """Show the points of a model, with these rows selected; one that was added last comes in sight."""
        before = self.rows_model.points
        same = model is not None and before is not None and before.uid == model.uid
        longer = same and len(model) > len(before)  # type: ignore[arg-type]
        self._told = True
        if model is not before:
            self.rows_model.set_model(model)
        if longer:
            self.scrollToBottom()
        elif not same:
            self.scrollToTop()
        if self.selected != selected.tolist():
            self._select(selected)
        self._told = False

    def _select(self, rows: NDArray[np.int64]) -> None:
        # one range for each run of rows
        breaks = np.flatnonzero(np.diff(rows) > 1)
        firsts = rows[np.concatenate([[0], breaks + 1])] if len(rows) else []
        lasts = rows[np.concatenate([breaks, [len(rows) - 1]])] if len(rows) else []
        wanted, model = QItemSelection(), self.rows_model
        for first, last in zip(firsts, lasts, strict=True):
            wanted.select(model.index(int(first), 0), model.index(int(last), len(TITLES) - 1))
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().select(wanted, flags.ClearAndSelect)
        if len(rows):
            current = model.index(int(rows[-1]), 0)
            self.selectionModel().setCurrentIndex(current, flags.NoUpdate)
            self.scrollTo(current)

    def _on_selected(self) -> None:
        if self._told:
            return
        rows = self.selected
        if len(rows) == 1:
            self.chosen.emit(rows[0])
        else:
            self.selected_changed.emit(rows)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """See Qt; Delete deletes the selected points."""
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            if self.selected:
                self.delete_wanted.emit(self.selected)
        else:
            super().keyPressEvent(event)
