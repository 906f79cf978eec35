"""One Qt table for rows of any frozen kind: tomograms, models, particle sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

Role = Qt.ItemDataRole
SWATCH_PIXELS = 12
MAX_COLUMN_PIXELS = 160
MIN_ROWS = 5
NO_PARENT = QModelIndex()


@dataclass(frozen=True)
class Column:
    """How one column shows a row, and what editing it means.

    Parameters
    ----------
    title : str
    text : callable
        Row to text.
    tip : callable, optional
        Row to tooltip.
    colour : callable, optional
        Row to "#rrggbb", shown as a swatch before the text.
    checked : callable, optional
        Row to bool, shown as a box to tick.
    set_checked, set_text : callable, optional
        Called with the row and what the user ticked or typed.
    bold : callable, optional
        Row to bool.
    number : bool
        Numbers stand to the right.
    stretch : bool
        Whether this column takes the room that is left.
    """

    title: str
    text: Callable[[Any], str]
    tip: Callable[[Any], str] | None = None
    colour: Callable[[Any], str] | None = None
    checked: Callable[[Any], bool] | None = None
    set_checked: Callable[[Any, bool], None] | None = None
    set_text: Callable[[Any, str], None] | None = None
    bold: Callable[[Any], bool] | None = None
    number: bool = False
    stretch: bool = False


def swatch(colour: str) -> QIcon:
    """A square of a colour, the same when its row is selected."""
    pixmap = QPixmap(SWATCH_PIXELS, SWATCH_PIXELS)
    pixmap.fill(QColor(colour))
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)
    return icon


class RowsModel(QAbstractTableModel):
    """Rows as they are given; edits are only reported, and seen when the rows are given anew."""

    def __init__(self, columns: Sequence[Column], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self.rows: tuple[Any, ...] = ()

    def set_rows(self, rows: Sequence[Any]) -> None:
        """Show other rows."""
        same_length = len(rows) == len(self.rows)
        if same_length:
            self.rows = tuple(rows)
            if rows:
                last = self.index(len(rows) - 1, len(self.columns) - 1)
                self.dataChanged.emit(self.index(0, 0), last)
            return
        self.beginResetModel()
        self.rows = tuple(rows)
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = NO_PARENT) -> int:
        """See Qt."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex = NO_PARENT) -> int:
        """See Qt."""
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:
        """See Qt."""
        if orientation == Qt.Orientation.Horizontal and role == Role.DisplayRole:
            return self.columns[section].title
        return None

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> Any:
        """See Qt."""
        row, column = self.rows[index.row()], self.columns[index.column()]
        if role in (Role.DisplayRole, Role.EditRole):
            return column.text(row)
        if role == Role.ToolTipRole and column.tip is not None:
            return column.tip(row)
        if role == Role.DecorationRole and column.colour is not None:
            return swatch(column.colour(row))
        if role == Role.CheckStateRole and column.checked is not None:
            return Qt.CheckState.Checked if column.checked(row) else Qt.CheckState.Unchecked
        if role == Role.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.number else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == Role.FontRole and column.bold is not None and column.bold(row):
            font = self.parent().font()
            font.setBold(True)
            return font
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """See Qt."""
        column = self.columns[index.column()]
        flags = super().flags(index)
        if column.set_checked is not None:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        if column.set_text is not None:
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def setData(self, index: QModelIndex, value: Any, role: int = Role.EditRole) -> bool:
        """Report what the user ticked or typed."""
        row, column = self.rows[index.row()], self.columns[index.column()]
        if role == Role.CheckStateRole and column.set_checked is not None:
            column.set_checked(row, Qt.CheckState(value) == Qt.CheckState.Checked)
            return True
        if role == Role.EditRole and column.set_text is not None:
            if value != column.text(row):
                column.set_text(row, value)
            return True
        return False


class RowsTable(QTableView):
    """A table of `Column` columns that keeps its current row by identity.

    Parameters
    ----------
    columns : sequence of Column
    key : callable
        Row to what identifies it.
    name : str
        Object name.

    Signals
    -------
    chosen(row)
        The user moved to another row.
    opened(row)
        The user double-clicked a row.
    """

    chosen = Signal(object)
    opened = Signal(object)

    def __init__(self, columns: Sequence[Column], key: Callable[[Any], Any], name: str) -> None:
        super().__init__()
        self._key = key
        self.rows_model = RowsModel(columns, self)
        self.setModel(self.rows_model)
        self.setObjectName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setAlternatingRowColors(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        row_height = self.fontMetrics().height() + 8
        self.verticalHeader().setDefaultSectionSize(row_height)
        self.setMinimumHeight(MIN_ROWS * row_height)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(24)
        if not any(column.stretch for column in columns):
            header.setMaximumSectionSize(MAX_COLUMN_PIXELS)
        header.setStretchLastSection(not any(column.stretch for column in columns))
        for i, column in enumerate(columns):
            mode = QHeaderView.ResizeMode
            header.setSectionResizeMode(i, mode.Stretch if column.stretch else mode.ResizeToContents)
        self.selectionModel().currentRowChanged.connect(self._on_current)
        self.doubleClicked.connect(self._on_double_click)

    @property
    def rows(self) -> tuple[Any, ...]:
        """The rows shown."""
        return self.rows_model.rows

    @property
    def current(self) -> Any | None:
        """The current row."""
        index = self.currentIndex()
        return self.rows[index.row()] if index.isValid() else None

    @property
    def selected(self) -> list[Any]:
        """The selected rows."""
        return [self.rows[i.row()] for i in self.selectionModel().selectedRows()]

    def set_rows(self, rows: Sequence[Any], current: Any = None) -> None:
        """Show rows, with the one of this key current (default: the one that was)."""
        wanted = current if current is not None or self.current is None else self._key(self.current)
        blocker = QSignalBlocker(self.selectionModel())
        self.rows_model.set_rows(rows)
        blocker.unblock()
        keys = [self._key(row) for row in rows]
        if wanted in keys:
            blocker = QSignalBlocker(self)
            self.selectRow(keys.index(wanted))
            blocker.unblock()
        self.viewport().update()

    def _on_current(self, index: QModelIndex) -> None:
        if index.isValid() and not self.signalsBlocked():
            self.chosen.emit(self.rows[index.row()])

    def _on_double_click(self, index: QModelIndex) -> None:
        self.opened.emit(self.rows[index.row()])
