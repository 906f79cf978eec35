"""The Review dock: particle sets over the slices and in 3D, and weeding them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QLabel, QSizePolicy, QTabWidget, QWidget

from napari_tomopick.widgets.dock import Dock, row, scrolled
from napari_tomopick.widgets.forms import combo_box
from napari_tomopick.widgets.history import HistoryButtons
from napari_tomopick.widgets.review_cleaning import CleaningPage
from napari_tomopick.widgets.review_filters import FiltersPage
from napari_tomopick.widgets.review_scene import ScenePage
from napari_tomopick.widgets.review_selection import SelectionBar
from napari_tomopick.widgets.review_sets import SetsPage
from napari_tomopick.widgets.review_table import TablePage
from napari_tomopick.widgets.review_turning import TurningPage

if TYPE_CHECKING:
    import napari.viewer

# tabs beside each other in the width of a dock
TAB_STYLE = "QTabBar::tab { padding: 3px 6px; min-width: 0px; }"


class ReviewDock(Dock):
    """Particle sets of the shown tomogram.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    # napari hands over the viewer by the wording of this annotation
    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "tomopick-review")
        self.review = review = self.workspace.review
        # of the current set; "" if there is none
        self.uid = ""
        # it may lie in a tomogram that is not shown (yet)
        self._wanted = ""
        self.chooser = combo_box("current-set")
        self.chooser.setToolTip("The particle set that all pages are about")
        self.chooser.activated.connect(lambda i: self.choose(self.chooser.itemData(i)))
        self.previous = self.button(
            "◀", "previous-particle", lambda: self._step(-1), "Go to the previous one"
        )
        self.next = self.button("▶", "next-particle", lambda: self._step(1), "Go to the next one")
        self.which = QLabel()
        self.which.setObjectName("current-particle")
        self.scene = self.button("3D", "toggle-3d", self._toggle_3d, "Slices or the whole scene")
        self.scene.setCheckable(True)
        self.scene.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.sets, self.filters, self.cleaning = SetsPage(self), FiltersPage(self), CleaningPage(self)
        self.turning, self.particles, self.scene_page = TurningPage(self), TablePage(self), ScenePage(self)
        self.tabs = QTabWidget()
        self.tabs.setObjectName("review-tabs")
        self.tabs.setStyleSheet(TAB_STYLE)
        # without a frame, which would take room
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setDrawBase(False)
        for page, name, tip in (
            (self.sets, "Sets", "Which particle sets are drawn, and how"),
            (self.filters, "Filter", "See only some of the particles: by score, distance to a membrane …"),
            (scrolled(self.cleaning), "Clean", "Duplicates, particles at the border, off the membrane …"),
            (scrolled(self.turning), "Orient", "Flip and turn particles"),
            (self.particles, "Table", "All particles of the set as a table"),
            (
                scrolled(self.scene_page),
                "Scene",
                "What is shown in 3D, and pictures of it",
            ),
        ):
            self.tabs.addTab(page, name)
            self.tabs.setTabToolTip(self.tabs.count() - 1, tip)
        self.tabs.currentChanged.connect(lambda _: self.refresh())
        self.selecting = SelectionBar(self)
        self.above.addLayout(row(self.chooser, self.scene, stretch=0))
        self.above.addLayout(row(self.previous, self.which, self.next, stretch=1))
        self.column.addWidget(self.tabs, 1)
        self.below.addWidget(self.selecting)
        self.below.addWidget(HistoryButtons(self))
        w = self.workspace
        self.refresh_on(w.tomogram_changed, w.display_changed, review.sets_changed)
        self.refresh()

    def choose(self, uid: str) -> None:
        """Let all pages be about this set, as soon as a tomogram with particles of it is shown."""
        self._wanted = uid
        if uid != self.uid:
            self.uid = uid
            self.refresh()

    @property
    def tomogram_count(self) -> int:
        """In how many tomograms the current set has particles."""
        return next((len(s.tomograms) for s in self.review.sets if s.uid == self.uid), 0)

    def refresh(self) -> None:
        """Show the sets, and of the pages the one that is seen."""
        review = self.review
        uids = [s.uid for s in review.sets]
        if self._wanted in uids:
            self.uid = self._wanted
        elif self.uid not in uids:
            self.uid = uids[0] if uids else ""
        self._show_chooser()
        count, at = review.count(self.uid), self._place()
        self.which.setText(
            (f"particle {at + 1:,} of {count:,}" if at is not None else f"{count:,} particles")
            if count
            else "no particles"
        )
        for button in (self.previous, self.next):
            button.setEnabled(count > 0)
        self.scene.setChecked(self.workspace.is_3d)
        self.scene.setEnabled(self.workspace.tomogram is not None)
        self.selecting.refresh()
        self._page().refresh()

    def _page(self) -> QWidget:
        pages = (self.sets, self.filters, self.cleaning, self.turning, self.particles, self.scene_page)
        return pages[self.tabs.currentIndex()]

    def _show_chooser(self) -> None:
        blocker = QSignalBlocker(self.chooser)
        sets = self.review.sets
        known = [(self.chooser.itemData(i), self.chooser.itemText(i)) for i in range(self.chooser.count())]
        if known != [(s.uid, s.name) for s in sets]:
            self.chooser.clear()
            for one in sets:
                self.chooser.addItem(one.name, one.uid)
        self.chooser.setCurrentIndex(self.chooser.findData(self.uid))
        self.chooser.setEnabled(bool(sets))
        blocker.unblock()

    def _place(self) -> int | None:
        """The place of the one selected particle in the current set."""
        selection = self.review.selection
        if len(selection) != 1 or selection.uids != (self.uid,):
            return None
        return int(np.flatnonzero(self.review.particles(self.uid).ids == selection.ids(self.uid)[0])[0])

    def _step(self, by: int) -> None:
        """Go to the next particle that is not filtered out."""
        mask, at = self.review.filters.mask(self.uid), self._place()
        ids = self.review.particles(self.uid).ids
        places = np.arange(len(ids)) if mask is None else np.flatnonzero(mask)
        if not len(places):
            return
        if at is None:
            following = places[0 if by > 0 else -1]
        elif by > 0:
            following = places[np.searchsorted(places, at, side="right") % len(places)]
        else:
            following = places[np.searchsorted(places, at, side="left") - 1]
        self.review.select(self.uid, int(ids[following]))

    def _toggle_3d(self) -> None:
        self.workspace.show_3d(self.scene.isChecked())
