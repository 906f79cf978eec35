"""The fields by which a step is told what goes in and where the result goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QWidget,
)

from napari_tomopick.errors import ParameterError
from napari_tomopick.widgets.dock import SPACING

MAX_LIST_ROWS = 7


class PathField(QWidget):
    """A line for a path, with a button to browse; a suggestion stays until the user types.

    Parameters
    ----------
    caption : str
    asks_for : "folder", "file", "new file" or "subtomograms"
        The last are a folder, or a stack of EMAN2's.
    """

    def __init__(self, caption: str, asks_for: Literal["folder", "file", "new file", "subtomograms"]) -> None:
        super().__init__()
        self._caption = caption
        self.line = QLineEdit()
        self._suggested = ""
        browse = QPushButton("…")
        browse.setFixedWidth(30)
        browse.setToolTip("Browse")
        if asks_for == "subtomograms":
            menu = QMenu(browse)
            menu.addAction("Folder…", lambda: self._browse("folder"))
            menu.addAction("Stack of EMAN2 (.hdf)…", lambda: self._browse("file"))
            browse.setMenu(menu)
            # there is room for the dots only
            browse.setStyleSheet("QPushButton::menu-indicator { image: none; width: 0px; }")
        else:
            browse.clicked.connect(lambda: self._browse(asks_for))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.line)
        layout.addWidget(browse)

    def suggest(self, path: Path) -> None:
        """Fill in a path unless the user has typed another."""
        if self.line.text() == self._suggested:
            self._suggested = str(path)
            self.line.setText(self._suggested)
            self.line.setToolTip(self._suggested)

    def path(self) -> Path:
        """Return the path.

        Raises
        ------
        ParameterError
            If the line is empty.
        """
        if not self.line.text().strip():
            raise ParameterError(f"{self._caption}: no path is given")
        return Path(self.line.text().strip()).expanduser()

    def _browse(self, asks_for: str) -> None:
        if asks_for == "folder":
            chosen = QFileDialog.getExistingDirectory(self, self._caption, self.line.text())
        elif asks_for == "file":
            chosen, _ = QFileDialog.getOpenFileName(self, self._caption, self.line.text())
        else:
            chosen, _ = QFileDialog.getSaveFileName(self, self._caption, self.line.text(), "MRC (*.mrc)")
        if chosen:
            self.line.setText(chosen)


class CheckList(QListWidget):
    """A short list of things to tick; what the user has not touched follows the suggestion."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self._chosen: dict[str, Qt.CheckState] = {}
        self.itemChanged.connect(self._remember)

    def offer(self, entries: Sequence[tuple[str, str]], suggested: Callable[[str], bool]) -> None:
        """Show (text, key) entries, ticked as the user left them, or else where ``suggested(key)``."""
        self.blockSignals(True)
        self.clear()
        for text, key in entries:
            item = QListWidgetItem(text, self)
            item.setData(Qt.ItemDataRole.UserRole, key)
            suggestion = Qt.CheckState.Checked if suggested(key) else Qt.CheckState.Unchecked
            item.setCheckState(self._chosen.get(key, suggestion))
        self.blockSignals(False)
        # as high as it needs to be, within reason
        row_height = max(self.sizeHintForRow(0), self.fontMetrics().height())
        shown = min(max(self.count(), 1), MAX_LIST_ROWS)
        self.setFixedHeight(shown * row_height + 2 * self.frameWidth() + 4)

    def ticked(self) -> list[str]:
        """Return the keys of the ticked entries."""
        items = [self.item(row) for row in range(self.count())]
        return [i.data(Qt.ItemDataRole.UserRole) for i in items if i.checkState() == Qt.CheckState.Checked]

    def _remember(self, item: QListWidgetItem) -> None:
        self._chosen[item.data(Qt.ItemDataRole.UserRole)] = item.checkState()


def offer(box: QComboBox, entries: Sequence[tuple[str, Any]], prefer: Any = None) -> None:
    """Fill a combo box, keeping the choice if it is still there."""
    before = box.currentData()
    box.blockSignals(True)
    box.clear()
    for text, data in entries:
        box.addItem(text, data)
    index = box.findData(before if before is not None else prefer)
    box.setCurrentIndex(max(index, 0) if entries else -1)
    box.blockSignals(False)
    box.setToolTip(box.currentText())
