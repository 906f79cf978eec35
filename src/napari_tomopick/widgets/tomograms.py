"""The Tomograms dock: the project, its tomograms, and how far one is with each."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QMessageBox,
    QProgressBar,
    QPushButton,
)
from superqt import QElidingLabel

from napari_tomopick.layers.tomograms import STATUS_WORDS, Listing, Tomograms
from napari_tomopick.project import SUFFIX, TomogramStatus, TomogramSummary
from napari_tomopick.widgets.deletion import when_deleted
from napari_tomopick.widgets.dock import Dock, row
from napari_tomopick.widgets.history import HistoryButtons
from napari_tomopick.widgets.status_overview import StatusOverview
from napari_tomopick.widgets.step_pages import ImportPage
from napari_tomopick.widgets.steps import StepsDock
from napari_tomopick.widgets.table import RowsTable, swatch
from napari_tomopick.widgets.texts import Report
from napari_tomopick.widgets.tomogram_properties import PropertiesDialog
from napari_tomopick.widgets.tomogram_table import STATUS_COLOURS, summary_html, tomogram_table

if TYPE_CHECKING:
    import napari.viewer

PROJECT_FILES = f"TomoPick projects (*{SUFFIX})"
TOMOGRAM_FILES = (
    "Tomograms and lists (*.mrc *.rec *.map *.st *.em *.hdf *.tif *.tiff *.vll *.ctlg);;All files (*)"
)


class TomogramsDock(Dock):
    """Choose a project and the tomogram to work on.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    # napari hands over the viewer by the wording of this annotation
    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "tomopick-tomograms")
        self.setAcceptDrops(True)
        self.project = QElidingLabel()
        self.project.setObjectName("project-path")
        self.project.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.overview = StatusOverview()
        self.overview.clicked.connect(self._toggle_filter)
        self.filter = QLineEdit()
        self.filter.setObjectName("tomogram-filter")
        self.filter.setPlaceholderText("Filter by name")
        self.filter.setClearButtonEnabled(True)
        # what is dropped here is for the dock
        self.filter.setAcceptDrops(False)
        self.filter.textChanged.connect(self._filter)
        self.status_filter = QComboBox()
        self.status_filter.setObjectName("tomogram-status-filter")
        self.status_filter.addItem("any status", None)
        for status, words in STATUS_WORDS.items():
            self.status_filter.addItem(swatch(STATUS_COLOURS[status]), words, status)
        self.status_filter.currentIndexChanged.connect(self._filter)
        self.table = tomogram_table(lambda: self.workspace.tomogram_name)
        self.table.opened.connect(self._open)
        self.table.selected_changed.connect(self._describe)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._offer_menu)
        self._followed = ""
        self.workspace.tomograms.listing = _listing_of(self.table)
        when_deleted(self, _forget_listing(self.workspace.tomograms, self.workspace.tomograms.listing))
        self.details = Report("tomogram-details")
        self.status = QComboBox()
        self.status.setObjectName("tomogram-status")
        self.status.setToolTip("How far you are with the selected tomograms (or the one on the screen)")
        self.status.setPlaceholderText("different")
        for status, words in STATUS_WORDS.items():
            self.status.addItem(swatch(STATUS_COLOURS[status]), words, status)
        self.status.activated.connect(
            lambda i: self.reported(lambda: self._set_status(self.status.itemData(i)))
        )
        self.open_button = self.button(
            "Open", "open-tomogram", self._open_current, "Show it (or double-click, or Enter)"
        )
        self.empty_button = self.button(
            "Save as empty",
            "save-as-empty",
            lambda: self.workspace.tomograms.save_as_empty(self._names),
            "Keep as a result that there is nothing to pick in the selected tomograms",
        )
        self.properties_button = self.button(
            "Properties…",
            "tomogram-properties",
            self._edit_properties,
            "Name, file, voxel size, tilt range of the selected tomograms",
        )
        self.import_button = QPushButton("Import…")
        self.import_button.setObjectName("import-tomograms")
        self.import_button.setToolTip(
            "Add tomograms to the project (or drop them here); their files are not copied"
        )
        menu = QMenu(self.import_button)
        menu.addAction("Files or lists (.vll, .ctlg)…", self._import_files)
        menu.addAction("All tomograms in a folder…", self._import_folder)
        menu.addAction("With voxel size, tilt range…", self._import_with_options)
        self.import_button.setMenu(menu)
        self.busy = QProgressBar()
        self.busy.setObjectName("loading")
        self.busy.setRange(0, 0)
        self.busy.setMaximumWidth(60)
        self.opening = QElidingLabel()
        self.opening.setObjectName("opening")
        self.cancel_button = self.button(
            "Cancel", "cancel-opening", self.workspace.cancel_opening, "Do not open it; what is shown stays"
        )

        self.above.addLayout(
            row(
                self.button("New project…", "new-project", self._new_project),
                self.button("Open project…", "open-project", self._open_project),
                self.import_button,
            )
        )
        self.above.addWidget(self.project)
        self.above.addWidget(self.overview)
        self.above.addLayout(row(self.filter, self.status_filter, stretch=0))
        self.column.addWidget(self.table, 1)
        self.column.addWidget(self.details)
        self.column.addLayout(row(self.open_button, self.properties_button))
        self.column.addLayout(row(QLabel("Status"), self.status, self.empty_button, stretch=1))
        self.below.addLayout(row(self.busy, self.opening, self.cancel_button, stretch=1))
        self.below.addWidget(HistoryButtons(self))
        w = self.workspace
        self.refresh_on(w.session_changed, w.tomograms_changed, w.tomogram_changed, w.loading_changed)
        self.refresh()

    @property
    def _chosen(self) -> list[TomogramSummary]:
        """The selected tomograms; if none is, the one on the screen."""
        shown = self.workspace.tomogram_name
        return self.table.selected or [s for s in self.table.rows if s.tomogram.name == shown]

    @property
    def _names(self) -> list[str]:
        return [summary.tomogram.name for summary in self._chosen]

    def refresh(self) -> None:
        """Show the project as it is now."""
        workspace = self.workspace
        session = workspace.session
        summaries = session.summaries() if session is not None else ()
        self.overview.show_statuses(summary.status for summary in summaries)
        self.table.set_rows(summaries)
        if workspace.tomogram_name != self._followed:
            # what is done in the dock is meant for what is on the screen, also if keys brought it there
            self._followed = workspace.tomogram_name
            self.table.go_to(self._followed)
        self.project.setText(
            str(session.path) if session is not None else "No project is open: make a new one, or open one."
        )
        self.import_button.setEnabled(session is not None)
        self.opening.setText(f"Opening {workspace.loading} …")
        for widget in (self.busy, self.opening, self.cancel_button):
            widget.setVisible(bool(workspace.loading))
        self._describe()

    def _describe(self) -> None:
        chosen = self._chosen
        for widget in (self.open_button, self.empty_button, self.properties_button, self.status):
            widget.setEnabled(bool(chosen))
        if len(chosen) > 1:
            points = sum(summary.total_points for summary in chosen)
            particles = sum(summary.total_particles for summary in chosen)
            self.details.say(f"{len(chosen)} tomograms selected: {points} points, {particles} particles")
        elif chosen:
            name = escape(chosen[0].tomogram.name)
            which = "" if self.table.selected else "On the screen: "
            self.details.say(f"{which}<b>{name}</b><br>{summary_html(chosen[0])}")
        elif self.workspace.session is None or self.table.rows:
            self.details.say("")
        else:
            self.details.say("The project is empty: import tomograms into it, or drop their files here.")
        statuses = {summary.status for summary in chosen}
        same = len(statuses) == 1
        self.status.setCurrentIndex(list(STATUS_WORDS).index(*statuses) if same else -1)

    # finding

    def _filter(self) -> None:
        wanted, status = self.filter.text().casefold().split(), self.status_filter.currentData()
        self.table.set_wanted(
            lambda s: (
                (status is None or s.status is status)
                and all(part in s.tomogram.name.casefold() for part in wanted)
            )
        )

    def _toggle_filter(self, status: TomogramStatus) -> None:
        """List only the tomograms of a status, or all again."""
        on = self.status_filter.currentData() is not status
        self.status_filter.setCurrentIndex(1 + list(STATUS_WORDS).index(status) if on else 0)

    # what the user does with the selected ones

    def _open(self, summary: object) -> None:
        self.reported(lambda: self.workspace.open_tomogram(summary.tomogram.name))

    def _open_current(self) -> None:
        self.workspace.open_tomogram(self._names[0])

    def _set_status(self, status: TomogramStatus) -> None:
        self.workspace.tomograms.set_status(self._names, status)

    def _edit_properties(self) -> None:
        session, names = self.workspace.open_session, self._names
        dialog = PropertiesDialog(
            [session.tomogram(name) for name in names],
            lambda **facts: self.workspace.tomograms.change(names, **facts),
            self,
        )
        dialog.open()

    def _offer_menu(self, at: QPoint) -> None:
        if not self._chosen:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Open", lambda: self.reported(self._open_current))
        menu.addSeparator()
        for status, words in STATUS_WORDS.items():
            menu.addAction(
                swatch(STATUS_COLOURS[status]),
                f"Mark as {words}",
                lambda s=status: self.reported(lambda: self._set_status(s)),
            )
        menu.addSeparator()
        menu.addAction("Rename, voxel size, tilt range…", lambda: self.reported(self._edit_properties))
        menu.addAction("Remove from project…", lambda: self.reported(self._remove))
        menu.popup(self.table.viewport().mapToGlobal(at))

    def _remove(self) -> None:
        names = self._names
        some = ", ".join(names) if len(names) <= 5 else f"{', '.join(names[:4])} and {len(names) - 4} more"
        asked = QMessageBox.question(
            self,
            "Remove from project",
            f"Remove {some} with all points and particles from the project?\n"
            "The files stay, and this can be undone.",
        )
        if asked == QMessageBox.StandardButton.Yes:
            self.workspace.tomograms.remove(names)

    # projects and files

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if _files(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open a project that is dropped, and import tomograms."""
        files = _files(event)
        event.acceptProposedAction()
        projects = [file for file in files if file.suffix == SUFFIX]
        if projects:
            self.reported(lambda: self.workspace.open_project(projects[0]))
        tomograms = [file for file in files if file not in projects]
        if tomograms:
            self.reported(lambda: self.workspace.import_tomograms(tomograms))

    def _new_project(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "New project", f"project{SUFFIX}", PROJECT_FILES)
        if path:
            self.workspace.create_project(Path(path).with_suffix(SUFFIX))

    def _open_project(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open project", "", PROJECT_FILES)
        if path:
            self.workspace.open_project(path)

    def _import_files(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Import tomograms", "", TOMOGRAM_FILES)
        if paths:
            self.reported(lambda: self.workspace.import_tomograms(paths))

    def _import_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Import all tomograms in a folder")
        if path:
            self.reported(lambda: self.workspace.import_tomograms([path]))

    def _import_with_options(self) -> None:
        page = self.raised(StepsDock, "Steps").show_step("Import")
        assert isinstance(page, ImportPage)
        page.suggest(self.workspace.refused)


def _files(event: QDropEvent) -> list[Path]:
    """The files that are dragged."""
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]


def _listing_of(table: RowsTable) -> Callable[[Sequence[TomogramSummary]], Listing]:
    """How a table would list tomograms, seen or behind another tab."""
    order = weakref.ref(table.order)

    def listing(summaries: Sequence[TomogramSummary]) -> Listing:
        found = order()
        listed = [(s, True) for s in summaries] if found is None else found.whole(summaries)
        return [(summary.tomogram.name, wanted) for summary, wanted in listed]

    return listing


def _forget_listing(tomograms: Tomograms, listing: Callable[..., Listing]) -> Callable[[], None]:
    """What lets the project's own order hold again when a dock is gone."""

    def run() -> None:
        if tomograms.listing is listing:
            tomograms.listing = None

    return run
