"""One Qt table for rows of any frozen kind, sorted and filtered: tomograms, models, particle sets."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSignalBlocker, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QKeyEvent, QPixmap, QResizeEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QStyleOptionViewItem, QTableView, QWidget

Role = Qt.ItemDataRole
SWATCH_PIXELS = 12
MAX_COLUMN_PIXELS = 160
MIN_ROWS = 5
# a column that takes the room that is left keeps room for as many letters
MIN_LETTERS = 14
ARROWS = ("▴", "▾")
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
    order : callable, optional
        Row to what the column is sorted by. Default: its text, numbers in it taken as numbers.
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
    order: Callable[[Any], Any] | None = None

    def sort_key(self, row: Any) -> Any:
        """What this column is sorted by."""
        return natural_key(self.text(row)) if self.order is None else self.order(row)


def natural_key(text: str) -> list[Any]:
    """What texts with numbers in them are sorted by: "tomo_2" before "tomo_10"."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", text.casefold())]


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


class RowsOrder(QSortFilterProxyModel):
    """The rows of a `RowsModel` in the order of a column, and those of them that are wanted."""

    def __init__(self, source: RowsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows_model = source
        self._keys: list[Any] = []
        self._wanted: Callable[[Any], bool] = lambda row: True
        # Qt would sort once for each row that changes
        self.setDynamicSortFilter(False)
        self.setSourceModel(source)

    def set_wanted(self, wanted: Callable[[Any], bool]) -> None:
        """Show only the rows for which this is true."""
        self._wanted = wanted
        self.invalidateFilter()

    def set_rows(self, rows: Sequence[Any]) -> None:
        """Give the source other rows, and sort and filter anew if that changes anything."""
        before = self._keys, [self._wanted(row) for row in self._rows_model.rows]
        # first of all: a source with more rows has them sorted at once
        self._prepare(rows, self.sortColumn())
        self._rows_model.set_rows(rows)
        if before != (self._keys, [self._wanted(row) for row in rows]):
            self.invalidate()

    def whole(self, rows: Sequence[Any]) -> list[tuple[Any, bool]]:
        """Rows, which need not be those of the table, in this order, and whether each is wanted."""
        column = self.sortColumn()
        if column >= 0:
            descending = self.sortOrder() == Qt.SortOrder.DescendingOrder
            rows = sorted(rows, key=self._rows_model.columns[column].sort_key, reverse=descending)
        return [(row, self._wanted(row)) for row in rows]

    def _prepare(self, rows: Sequence[Any], column: int) -> None:
        key = self._rows_model.columns[column].sort_key if column >= 0 else lambda row: 0
        self._keys = [key(row) for row in rows]

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """See Qt; column -1 is the order in which the rows are given."""
        self._prepare(self._rows_model.rows, column)
        super().sort(column, order)
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, self.columnCount() - 1)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:
        """The title, and which way the column sorts: Qt's own arrow would take room in every column."""
        title = super().headerData(section, orientation, role)
        if role == Role.DisplayRole and section == self.sortColumn() >= 0:
            return f"{title} {ARROWS[self.sortOrder() == Qt.SortOrder.DescendingOrder]}"
        return title

    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:
        """See Qt."""
        return bool(self._keys[left.row()] < self._keys[right.row()])

    def filterAcceptsRow(self, row: int, parent: QModelIndex) -> bool:
        """See Qt."""
        return self._wanted(self._rows_model.rows[row])


class RowsTable(QTableView):
    """A table of `Column` columns that keeps its current and selected rows by identity.

    It is in the order in which the rows are given, until `let_sort` lets the user sort it.

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
    selected_changed()
        Other rows are selected, or another one is current.
    opened(row)
        The user double-clicked a row, or pressed Enter.
    """

    chosen = Signal(object)
    selected_changed = Signal()
    opened = Signal(object)

    def __init__(self, columns: Sequence[Column], key: Callable[[Any], Any], name: str) -> None:
        super().__init__()
        self._key = key
        self.rows_model = RowsModel(columns, self)
        self.order = RowsOrder(self.rows_model, self)
        self.setModel(self.order)
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
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setStretchLastSection(not any(column.stretch for column in columns))
        # not lambdas: Qt, which has made these senders, would keep what they hold for ever
        self.selectionModel().currentRowChanged.connect(self._on_current)
        self.selectionModel().selectionChanged.connect(self._on_selected)
        self.doubleClicked.connect(self._open)

    def let_sort(self) -> None:
        """Let a click on a header sort by that column, a second one the other way, a third one no more."""
        header = self.horizontalHeader()
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorClearable(True)
        self.setSortingEnabled(True)
        header.setSortIndicatorShown(False)
        header.sortIndicatorChanged.connect(self._fit_columns)

    @property
    def rows(self) -> tuple[Any, ...]:
        """The rows, as they were given."""
        return self.rows_model.rows

    def row_at(self, index: QModelIndex) -> Any | None:
        """The row shown at an index."""
        source = self.order.mapToSource(index)
        return self.rows[source.row()] if source.isValid() else None

    @property
    def current(self) -> Any | None:
        """The current row."""
        return self.row_at(self.currentIndex())

    @property
    def selected(self) -> list[Any]:
        """The selected rows, from top to bottom."""
        indices = sorted(self.selectionModel().selectedRows(), key=lambda index: index.row())
        return [self.row_at(index) for index in indices]

    def set_rows(self, rows: Sequence[Any], current: Any = None) -> None:
        """Show rows, with the one of this key current (default: the one that was)."""
        before = None if self.current is None else self._key(self.current)
        chosen = {self._key(row) for row in self.selected}
        same = [self._key(row) for row in rows] == [self._key(row) for row in self.rows]
        blocker = QSignalBlocker(self)
        self.order.set_rows(rows)
        wanted = before if current is None else current
        if not same or wanted != before:
            self._select(wanted, chosen if wanted == before else set())
        blocker.unblock()
        self._fit_columns()
        self.viewport().update()

    def set_wanted(self, wanted: Callable[[Any], bool]) -> None:
        """Show only the rows for which this is true."""
        self.order.set_wanted(wanted)

    def go_to(self, key: Any) -> None:
        """Select the row of this key and bring it in sight; if it is filtered out, select nothing."""
        self.clearSelection()
        self._select(key, set())
        self.scrollTo(self.currentIndex())

    def _select(self, current: Any, chosen: set[Any]) -> None:
        indices = {
            self._key(row): self.order.mapFromSource(self.rows_model.index(i, 0))
            for i, row in enumerate(self.rows)
        }
        flags = self.selectionModel().SelectionFlag
        if current in indices and indices[current].isValid():
            self.selectionModel().setCurrentIndex(indices[current], flags.ClearAndSelect | flags.Rows)
        for key in chosen & set(indices):
            self.selectionModel().select(indices[key], flags.Select | flags.Rows)

    def _fit_columns(self) -> None:
        """As wide as their widest text; the one that stretches takes what is left, but not too little."""
        header, left = self.horizontalHeader(), self.viewport().width()
        stretched = [i for i, column in enumerate(self.rows_model.columns) if column.stretch]
        for i in set(range(header.count())) - set(stretched):
            wanted = max(header.sectionSizeHint(i), self._width_of(i))
            header.resizeSection(i, wanted if stretched else min(wanted, MAX_COLUMN_PIXELS))
            left -= wanted
        for i in stretched:
            header.resizeSection(i, max(left, MIN_LETTERS * self.fontMetrics().averageCharWidth()))

    def _width_of(self, column: int) -> int:
        """What the widest text of a column needs, also one that is filtered out or far down."""
        if not self.rows:
            return 0
        text, metrics = self.rows_model.columns[column].text, self.fontMetrics()
        texts = {text(row): i for i, row in enumerate(self.rows)}
        widest = texts[max(texts, key=metrics.horizontalAdvance)]
        option = QStyleOptionViewItem()
        self.initViewItemOption(option)
        return self.itemDelegate().sizeHint(option, self.rows_model.index(widest, column)).width() + 1

    def resizeEvent(self, event: QResizeEvent) -> None:
        """See Qt."""
        super().resizeEvent(event)
        self._fit_columns()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens; see Qt for the others."""
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and self.state() != self.State.EditingState and self.currentIndex().isValid():
            self._open(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def _on_current(self, index: QModelIndex) -> None:
        if index.isValid() and not self.signalsBlocked():
            self.chosen.emit(self.row_at(index))
            self.selected_changed.emit()

    def _on_selected(self) -> None:
        self.selected_changed.emit()

    def _open(self, index: QModelIndex) -> None:
        self.opened.emit(self.row_at(index))
