"""The models of a tomogram as a tree: groups, and in them the models."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from qtpy.QtCore import QAbstractItemModel, QMimeData, QModelIndex, QPoint, QRect, QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent, QMouseEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from napari_tomopick.models.user_points import Model
from napari_tomopick.widgets.table import NO_PARENT, swatch

Role = Qt.ItemDataRole
NAME, TYPE, BOX, POINTS = range(4)
TITLES = ("Model", "Type", "Box", "Points")
MIME = "application/x-tomopick-models"
ROWS = 6


class ModelItems(QAbstractItemModel):
    """Models by group; what a user changes is only reported, and seen when the models are given anew.

    Parameters
    ----------
    is_visible : callable
        Uid to whether a model is drawn.
    words : callable
        Type of a model to how a user reads it.

    Signals
    -------
    ticked(uids, visible), renamed(uid, name), grouped(uids, group), box_changed(uid, text)
        What the user meant.
    """

    ticked = Signal(list, bool)
    renamed = Signal(str, str)
    grouped = Signal(list, int)
    box_changed = Signal(str, str)

    def __init__(
        self, is_visible: Callable[[str], bool], words: Callable[[Any], str], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._is_visible, self._words = is_visible, words
        self.groups: list[tuple[int, list[Model]]] = []
        self.active = ""

    def set_models(self, models: Sequence[Model], active: str) -> bool:
        """Show models; return whether other ones than before, or otherwise grouped."""
        ordered = sorted(models, key=lambda m: m.group)
        groups = [(group, list(members)) for group, members in groupby(ordered, key=lambda m: m.group)]
        self.active = active
        if _structure(groups) == _structure(self.groups):
            self.groups = groups
            for row, (_, members) in enumerate(groups):
                parent = self.index(row, 0)
                self.dataChanged.emit(parent, self.index(row, POINTS))
                last = len(members) - 1
                self.dataChanged.emit(self.index(0, 0, parent), self.index(last, POINTS, parent))
            return False
        self.beginResetModel()
        self.groups = groups
        self.endResetModel()
        return True

    def models_at(self, index: QModelIndex) -> list[Model]:
        """The model at an index, or those of the group there."""
        if not index.isValid():
            return []
        if not index.internalId():
            return self.groups[index.row()][1]
        return [self.groups[index.internalId() - 1][1][index.row()]]

    def index_of(self, uid: str) -> QModelIndex:
        """Where a model is."""
        for row, (_, members) in enumerate(self.groups):
            for i, model in enumerate(members):
                if model.uid == uid:
                    return self.index(i, 0, self.index(row, 0))
        return QModelIndex()

    # what Qt asks for

    def index(self, row: int, column: int, parent: QModelIndex = NO_PARENT) -> QModelIndex:
        """See Qt: groups have the id 0, models that of their group's row + 1."""
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, parent.row() + 1 if parent.isValid() else 0)

    def parent(self, index: QModelIndex = NO_PARENT) -> QModelIndex:
        """See Qt."""
        if not index.isValid() or not index.internalId():
            return QModelIndex()
        return self.createIndex(index.internalId() - 1, 0, 0)

    def rowCount(self, parent: QModelIndex = NO_PARENT) -> int:
        """See Qt."""
        if not parent.isValid():
            return len(self.groups)
        return len(self.groups[parent.row()][1]) if not parent.internalId() and not parent.column() else 0

    def columnCount(self, parent: QModelIndex = NO_PARENT) -> int:
        """See Qt."""
        return len(TITLES)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:
        """See Qt."""
        if orientation == Qt.Orientation.Horizontal and role == Role.DisplayRole:
            return TITLES[section]
        if orientation == Qt.Orientation.Horizontal and role == Role.TextAlignmentRole:
            return _aligned(section)
        return None

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> Any:
        """See Qt."""
        models, column = self.models_at(index), index.column()
        if role == Role.TextAlignmentRole:
            return _aligned(column)
        if role == Role.CheckStateRole and column == NAME:
            seen = [self._is_visible(model.uid) for model in models]
            if all(seen):
                return Qt.CheckState.Checked
            return Qt.CheckState.PartiallyChecked if any(seen) else Qt.CheckState.Unchecked
        if not index.internalId():
            return self._group_data(index.row(), column, role)
        (model,) = models
        if role in (Role.DisplayRole, Role.EditRole):
            box = "" if model.box_size is None else str(model.box_size)
            empty = "—" if role == Role.DisplayRole else ""
            return (model.name, self._words(model.type), box or empty, str(len(model)))[column]
        if role == Role.DecorationRole and column == NAME:
            return swatch(model.colour)
        if role == Role.ToolTipRole:
            return (
                f"{model.name}\n"
                "Tick: drawn. Click the square: colour. Double-click: rename. Drag: to another group.\n"
                "The current one gets the points; a right click offers more."
            )
        if role == Role.FontRole and model.uid == self.active:
            font = self.parent_widget.font()
            font.setBold(True)
            return font
        return None

    @property
    def parent_widget(self) -> QWidget:
        """The view."""
        view = super().parent()
        assert isinstance(view, QWidget)
        return view

    def _group_data(self, row: int, column: int, role: int) -> Any:
        group, members = self.groups[row]
        if role == Role.DisplayRole and column == NAME:
            return f"Group {group}"
        if role == Role.EditRole and column == NAME:
            return str(group)
        if role == Role.DisplayRole and column == POINTS:
            return str(sum(map(len, members)))
        if role == Role.ToolTipRole:
            return (
                "The number is handed on to the particles (Scipion's group id, Dynamo's region).\n"
                "Double-click: another number for all of its models. Tick: all of them are drawn."
            )
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """See Qt."""
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled
        flags = super().flags(index) | Qt.ItemFlag.ItemIsDropEnabled
        if index.internalId():
            flags |= Qt.ItemFlag.ItemIsDragEnabled
        if index.column() == NAME:
            flags |= Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEditable
        elif index.column() == BOX and index.internalId():
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def setData(self, index: QModelIndex, value: Any, role: int = Role.EditRole) -> bool:
        """Report what the user ticked or typed."""
        models = self.models_at(index)
        if role == Role.CheckStateRole:
            self.ticked.emit([m.uid for m in models], Qt.CheckState(value) == Qt.CheckState.Checked)
        elif role != Role.EditRole or value == self.data(index, Role.EditRole):
            return False
        elif not index.internalId():
            if not str(value).strip().isdecimal():
                return False
            self.grouped.emit([m.uid for m in models], int(value))
        elif index.column() == NAME:
            self.renamed.emit(models[0].uid, str(value))
        else:
            self.box_changed.emit(models[0].uid, str(value))
        return True

    # dragging into another group

    def supportedDropActions(self) -> Qt.DropAction:
        """See Qt."""
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        """See Qt."""
        return [MIME]

    def mimeData(self, indexes: Iterable[QModelIndex]) -> QMimeData:
        """See Qt."""
        uids = dict.fromkeys(m.uid for i in indexes if i.internalId() for m in self.models_at(i))
        data = QMimeData()
        data.setData(MIME, json.dumps(list(uids)).encode())
        return data

    def canDropMimeData(
        self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: QModelIndex
    ) -> bool:
        """See Qt."""
        return data.hasFormat(MIME)

    def dropMimeData(
        self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: QModelIndex
    ) -> bool:
        """Report it: onto a group or a model of it, into that; beside all groups, into a new one."""
        if not data.hasFormat(MIME):
            return False
        uids = json.loads(bytes(data.data(MIME)).decode())
        over = parent if not parent.isValid() or not parent.internalId() else self.parent(parent)
        group = self.groups[over.row()][0] if over.isValid() else self.new_group
        self.grouped.emit(uids, group)
        # the rows move once the session has moved the models
        return False

    @property
    def new_group(self) -> int:
        """The next number without models."""
        return max((group for group, _ in self.groups), default=0) + 1


def _structure(groups: Sequence[tuple[int, list[Model]]]) -> list[tuple[int, list[str]]]:
    return [(group, [m.uid for m in members]) for group, members in groups]


def _aligned(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in (BOX, POINTS) else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


def _row_height(widget: QWidget) -> int:
    return widget.fontMetrics().height() + 6


class _Delegate(QStyledItemDelegate):
    """Leaves air between the rows, and says where the square of colour is."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """See Qt."""
        view = self.parent()
        assert isinstance(view, QWidget)
        return QSize(super().sizeHint(option, index).width(), _row_height(view))

    def swatch_rect(self, view: QTreeView, index: QModelIndex) -> QRect:
        option = QStyleOptionViewItem()
        view.initViewItemOption(option)
        option.rect = view.visualRect(index)
        self.initStyleOption(option, index)
        return view.style().subElementRect(QStyle.SubElement.SE_ItemViewItemDecoration, option, view)


class ModelTree(QTreeView):
    """Shows `ModelItems`.

    Signals
    -------
    activated_model(uid)
        The user made another model the current one.
    colour_wanted(uid), delete_wanted(uids), menu_wanted(uids, position)
        A click on a square of colour, the Delete key, a right click.
    """

    activated_model = Signal(str)
    colour_wanted = Signal(str)
    delete_wanted = Signal(list)
    menu_wanted = Signal(list, QPoint)

    def __init__(self, is_visible: Callable[[str], bool], words: Callable[[Any], str]) -> None:
        super().__init__()
        self.setObjectName("model-tree")
        self.items = ModelItems(is_visible, words, self)
        self.setModel(self.items)
        self._delegate = _Delegate(self)
        self.setItemDelegate(self._delegate)
        self._folded: set[int] = set()
        self._told = False
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setUniformRowHeights(True)
        self.setIndentation(14)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.setExpandsOnDoubleClick(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header = self.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(24)
        for column in range(len(TITLES)):
            header.setSectionResizeMode(
                column,
                QHeaderView.ResizeMode.Stretch if column == NAME else QHeaderView.ResizeMode.ResizeToContents,
            )
        self.setMinimumHeight(ROWS * _row_height(self) + header.sizeHint().height())
        self.selectionModel().currentChanged.connect(self._on_current)
        self.customContextMenuRequested.connect(self._on_menu)
        self.collapsed.connect(self._on_collapsed)
        self.expanded.connect(self._on_expanded)

    def sizeHint(self) -> QSize:
        """As high as it must be; it grows where there is room."""
        return QSize(super().sizeHint().width(), self.minimumHeight())

    def set_models(self, models: Sequence[Model], active: str) -> None:
        """Show models, the active one as the current row."""
        chosen = {model.uid for model in self.selected}
        self._told = True
        if self.items.set_models(models, active):
            for row, (group, _) in enumerate(self.items.groups):
                self.setExpanded(self.items.index(row, 0), group not in self._folded)
        index, flags = self.items.index_of(active), self.selectionModel().SelectionFlag
        if index.isValid() and (not chosen or active not in chosen):
            self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        else:
            self.selectionModel().setCurrentIndex(index, flags.NoUpdate)
            for uid in chosen:
                self.selectionModel().select(self.items.index_of(uid), flags.Select | flags.Rows)
        self._told = False

    @property
    def selected(self) -> list[Model]:
        """The selected models, and those of selected groups."""
        found = (m for i in self.selectionModel().selectedRows() for m in self.items.models_at(i))
        return list({model.uid: model for model in found}.values())

    def _on_current(self, index: QModelIndex) -> None:
        if not self._told and index.isValid() and index.internalId():
            self.activated_model.emit(self.items.models_at(index)[0].uid)

    def _on_menu(self, at: QPoint) -> None:
        if self.selected:
            self.menu_wanted.emit([m.uid for m in self.selected], self.viewport().mapToGlobal(at))

    def _on_collapsed(self, index: QModelIndex) -> None:
        self._folded.add(self.items.groups[index.row()][0])

    def _on_expanded(self, index: QModelIndex) -> None:
        self._folded.discard(self.items.groups[index.row()][0])

    def swatch_rect(self, uid: str) -> QRect:
        """Where a model's square of colour is, in the viewport."""
        return self._delegate.swatch_rect(self, self.items.index_of(uid))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """See Qt; a click on a square of colour asks for another one."""
        at = event.position().toPoint()
        index = self.indexAt(at)
        super().mouseReleaseEvent(event)
        if index.internalId() and index.column() == NAME and event.button() == Qt.MouseButton.LeftButton:
            (model,) = self.items.models_at(index)
            if self.swatch_rect(model.uid).contains(at):
                self.colour_wanted.emit(model.uid)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """See Qt; Delete deletes the selected models."""
        editing = self.state() == QAbstractItemView.State.EditingState
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self.selected and not editing:
            self.delete_wanted.emit([m.uid for m in self.selected])
        else:
            super().keyPressEvent(event)
