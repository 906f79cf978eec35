"""The boxes in the Boxing dock: positive, negative, particles, uncertain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QLabel, QPushButton, QSizePolicy, QTabWidget, QVBoxLayout, QWidget

from napari_tomopick.layers.boxing_gallery import KINDS, BoxingGallery, Kind, of_all_kinds
from napari_tomopick.widgets.answer_grid import AnswerGrid
from napari_tomopick.widgets.dock import SPACING, Dock, row
from napari_tomopick.widgets.texts import note

TIPS: dict[Kind, str] = {
    "positive": "What is a particle, in this tomogram",
    "negative": "What is not a particle, in this tomogram",
    "particles": "What was found in this tomogram, the best first",
    "uncertain": "Answering these teaches the most: places of which it is least sure",
}


class BoxingGalleries(QTabWidget):
    """A tab for each kind of boxes; that in front is read.

    Parameters
    ----------
    dock : Dock
        It stands in this dock, and is refreshed with it.
    """

    def __init__(self, dock: Dock) -> None:
        super().__init__(dock)
        self.setObjectName("boxing-galleries")
        self.setDocumentMode(True)
        self.setUsesScrollButtons(False)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._dock = dock
        self.galleries = of_all_kinds(dock.workspace.boxing)
        self.pages = {kind: _Page(dock, gallery) for kind, gallery in self.galleries.items()}
        for kind in KINDS:
            self.addTab(self.pages[kind], self.galleries[kind].title)
            self.setTabToolTip(KINDS.index(kind), TIPS[kind])
        self.currentChanged.connect(lambda _: self.refresh())
        dock.refreshed.connect(self.refresh)
        self.refresh()

    def sizeHint(self) -> QSize:
        """See Qt."""
        return QSize(super().sizeHint().width(), 240)

    def minimumSizeHint(self) -> QSize:
        """Room for a row of pictures."""
        return QSize(super().minimumSizeHint().width(), 175)

    @property
    def page(self) -> _Page:
        """The one in front."""
        return self.pages[KINDS[self.currentIndex()]]

    def refresh(self) -> None:
        """Show what there is now."""
        for kind in KINDS:
            title = self.galleries[kind].title
            if self.tabText(KINDS.index(kind)) != title:
                self.setTabText(KINDS.index(kind), title)
        self.page.refresh()


class _Page(QWidget):
    """A page of boxes, and what can be done to them."""

    def __init__(self, dock: Dock, gallery: BoxingGallery) -> None:
        super().__init__()
        self._dock, self.gallery = dock, gallery
        kind = gallery.kind
        self.grid = grid = AnswerGrid(answers=gallery.asks, always=kind == "uncertain")
        grid.setObjectName(f"boxes-{kind}")
        self.previous = self._turner("◀", f"{kind}-previous", -1, "The page before (wheel)")
        self.next = self._turner("▶", f"{kind}-next", 1, "The next page (wheel)")
        self.which = QLabel()
        self.which.setObjectName(f"{kind}-page")
        self.hint = note(f"{kind}-hint")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACING, 0, 0)
        layout.setSpacing(SPACING // 2)
        layout.addWidget(grid, 1)
        layout.addLayout(row(self.hint, self.previous, self.which, self.next, stretch=0))
        self._act(grid.chosen, lambda place: gallery.click(place))
        self._act(grid.visited, gallery.go_to)
        self._act(grid.answered, lambda place, role: gallery.answer(place, role))
        self._act(grid.stepped, gallery.step)
        if kind != "uncertain":
            self._act(grid.deleted, gallery.delete)
            self._act(grid.deleted_from, gallery.delete_from)
            self._act(grid.delete_pressed, gallery.delete_current)
        grid.turned.connect(self._turn)
        grid.capacity_changed.connect(self._set_capacity)
        # at once: what waits for a pause would wait for all of a page
        gallery.loaded.connect(self._show_tiles)

    def _act(self, signal: Any, action: Callable[..., Any]) -> None:
        def act(*what: Any) -> None:
            self._dock.reported(lambda: action(*what))
            self.refresh()

        signal.connect(act)

    def _turner(self, text: str, name: str, by: int, tip: str) -> QPushButton:
        button = self._dock.button(text, name, lambda: self._turn(by), tip)
        button.setFixedWidth(2 * self.fontMetrics().height())
        return button

    def _turn(self, pages: int) -> None:
        self.gallery.turn_to(self.gallery.page + pages)
        self._show_tiles()

    def _set_capacity(self, tiles: int) -> None:
        self.gallery.set_page_size(tiles)
        self._show_tiles()

    def refresh(self) -> None:
        """Show the boxes as they are now."""
        self.gallery.refresh()
        self.hint.setText(self.gallery.hint)
        self._show_tiles()

    def _show_tiles(self) -> None:
        if not self.isVisible():
            return
        gallery = self.gallery
        self.grid.show_tiles(gallery.tiles())
        several = gallery.pages > 1
        self.which.setText(f"{gallery.page + 1}/{gallery.pages}")
        for widget in (self.which, self.previous, self.next):
            widget.setVisible(several)
        self.previous.setEnabled(gallery.page > 0)
        self.next.setEnabled(gallery.page < gallery.pages - 1)
        gallery.load()
