"""Undo and redo buttons that say what they would undo and redo."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

from napari_tomopick.widgets.dock import SPACING, Dock


class ElidingButton(QPushButton):
    """A button that ends in "…" what it has no room for, instead of cutting both ends off."""

    full_text = ""

    def set_full_text(self, text: str) -> None:
        """Say something else."""
        self.full_text = text
        self._elide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """See Qt."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        room = self.width() - 2 * SPACING
        self.setText(self.fontMetrics().elidedText(self.full_text, Qt.TextElideMode.ElideRight, room))


class HistoryButtons(QWidget):
    """The two buttons, for a dock.

    Parameters
    ----------
    dock : Dock
    """

    def __init__(self, dock: Dock) -> None:
        super().__init__(dock)
        self._workspace = dock.workspace
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        self.undo, self.redo = ElidingButton(), ElidingButton()
        for button, name, action in (
            (self.undo, "undo", self._workspace.undo),
            (self.redo, "redo", self._workspace.redo),
        ):
            button.setObjectName(name)
            button.clicked.connect(lambda _, a=action: dock.reported(a))
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            layout.addWidget(button)
        dock.refresh_on(self._workspace.history_changed, self._workspace.session_changed)
        dock.refreshed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what can be undone and redone now."""
        session = self._workspace.session
        for button, word, key, label in (
            (self.undo, "Undo", "Ctrl+Z", session.undo_label if session is not None else None),
            (self.redo, "Redo", "Ctrl+Shift+Z", session.redo_label if session is not None else None),
        ):
            # a label such as "Add 3 points" goes on as part of the sentence
            button.set_full_text(f"{word}: {label[0].lower()}{label[1:]}" if label else word)
            button.setToolTip(f"{button.full_text} ({key})")
            button.setEnabled(label is not None)
