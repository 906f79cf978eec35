"""The selection, below all pages of the Review dock: how one selects, and what is done with it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QInputDialog, QMenu, QPushButton, QVBoxLayout, QWidget

from napari_tomopick.widgets.dock import SPACING, row
from napari_tomopick.widgets.texts import note

if TYPE_CHECKING:
    from napari_tomopick.widgets.review import ReviewDock

MOST = 2**31 - 1
LESS_KEY = "Cmd" if sys.platform == "darwin" else "Ctrl"


class SelectionBar(QWidget):
    """How many particles are selected, tools to select them, and the verbs.

    Parameters
    ----------
    dock : ReviewDock
    """

    def __init__(self, dock: ReviewDock) -> None:
        super().__init__()
        self._dock, self._review = dock, dock.review
        review, actions = dock.review, dock.review.actions
        self.state = note("selection-state")
        self.tools = {}
        for tool, text, what in (("box", "Box", "a box"), ("lasso", "Lasso", "a line")):
            self.tools[tool] = dock.button(
                text,
                f"mark-{tool}",
                lambda tool=tool: review.marking.set_tool("" if review.marking.tool == tool else tool),
                f"Draw {what} round particles, in the slices, the linked views or in 3D, or click one. "
                f"Shift: select these too. {LESS_KEY}: no more. Escape: put it away",
            )
            self.tools[tool].setCheckable(True)
        self.more_selecting = self._menu(
            "Select ▾",
            "select-menu",
            (
                ("All of this set", self._select_all),
                ("All that are shown", actions.select_shown),
                ("Invert, among those shown", actions.invert),
                ("None", review.selection.clear),
            ),
        )
        self.delete = dock.button(
            "Delete", "delete-particles", review.delete, "Delete the selected ones; also the Delete key"
        )
        self.keep = dock.button(
            "Keep only",
            "keep-particles",
            actions.keep_only,
            "Delete all others of their sets in this tomogram, also those that are filtered out",
        )
        self.more = self._menu(
            "Move ▾",
            "move-menu",
            (
                ("To group …", self._ask_group),
                ("To class …", self._ask_class),
                ("To a new particle set …", self._ask_set),
            ),
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.state)
        layout.addLayout(row(*self.tools.values(), self.more_selecting))
        layout.addLayout(row(self.delete, self.keep, self.more))
        dock.refresh_on(review.selection.changed, review.marking.changed)

    def _menu(
        self, text: str, name: str, entries: tuple[tuple[str, Callable[[], object]], ...]
    ) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        menu = QMenu(button)
        for label, action in entries:
            menu.addAction(label).triggered.connect(lambda _=False, a=action: self._dock.reported(a))
        button.setMenu(menu)
        # Qt's own arrow would stand beside ours
        button.setStyleSheet("QPushButton::menu-indicator { image: none; width: 0; }")
        return button

    def refresh(self) -> None:
        """Show what is selected, and what can be done with it."""
        review, uid = self._review, self._dock.uid
        count, hidden = len(review.selection), review.hidden_count
        self.state.setText(
            f"{count:,} selected{f', {hidden:,} of them hidden' if hidden else ''}."
            if count
            else "These particles have no scores, and are all grey."
            if review.count(uid) and review.look.colour_by == "score" and not review.scored
            else "Nothing is selected: click a particle, or draw a box or a lasso round some."
            if review.sets
            else "There are no particle sets in this tomogram yet: make one with a step."
            if self._dock.workspace.tomogram is not None
            else "Open a tomogram in the Tomograms dock first."
        )
        for tool, button in self.tools.items():
            button.setChecked(review.marking.tool == tool)
            button.setEnabled(bool(review.sets))
        self.more_selecting.setEnabled(bool(review.sets))
        for button in (self.delete, self.keep):
            button.setEnabled(count > 0)
        self.more.setEnabled(count > 0 and bool(review.sets))

    def _select_all(self) -> None:
        self._review.actions.select_all(self._dock.uid)

    def _ask_group(self) -> None:
        number, given = QInputDialog.getInt(self, "Move to a group", "Group", 1, 1, MOST)
        if given:
            self._review.actions.set_group(number)

    def _ask_class(self) -> None:
        number, given = QInputDialog.getInt(self, "Set the class", "Class", 1, 0, MOST)
        if given:
            self._review.actions.set_class(number)

    def _ask_set(self) -> None:
        wanted = self._review.actions.free_set_name()
        name, given = QInputDialog.getText(self, "Move to a new particle set", "Name", text=wanted)
        if given:
            self._review.actions.move_to_new_set(name)
