"""The Tomograms dock: the project, its tomograms, and how far one is with each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QMenu, QMessageBox, QProgressBar, QPushButton
from superqt import QElidingLabel

from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.project import Session, TomogramStatus
from napari_tomopick.widgets.dock import Dock, row
from napari_tomopick.widgets.history import HistoryButtons
from napari_tomopick.widgets.step_pages import ImportPage
from napari_tomopick.widgets.steps import StepsDock
from napari_tomopick.widgets.table import Column, RowsTable
from napari_tomopick.widgets.texts import note

if TYPE_CHECKING:
    import napari.viewer

PROJECT_FILES = "TomoPick projects (*.tomopick)"
TOMOGRAM_FILES = (
    "Tomograms and lists (*.mrc *.rec *.map *.st *.em *.hdf *.tif *.tiff *.vll *.ctlg);;All files (*)"
)
STATUS_WORDS = {
    TomogramStatus.TODO: "to do",
    TomogramStatus.IN_PROGRESS: "in progress",
    TomogramStatus.DONE: "done",
    TomogramStatus.NOTHING_HERE: "nothing here",
}
STATUS_COLOURS = {
    TomogramStatus.TODO: "#7a8088",
    TomogramStatus.IN_PROGRESS: "#e6a700",
    TomogramStatus.DONE: "#2fb170",
    TomogramStatus.NOTHING_HERE: "#5b8def",
}


@dataclass(frozen=True)
class TomogramRow:
    """What the table shows of one tomogram."""

    tomogram: Tomogram
    status: TomogramStatus
    points: int
    particles: int
    shown: bool


def tomogram_rows(session: Session, shown: str) -> list[TomogramRow]:
    """The rows of a project's tomograms, of which the one called ``shown`` is on the screen."""
    found = []
    for tomogram in session.tomograms():
        sets = session.particle_sets(tomogram.name)
        particles = sum(
            s.count if len(s.tomograms) == 1 else len(session.particles(s.uid, tomogram.name)) for s in sets
        )
        points = sum(len(m) for m in session.models(tomogram.name))
        status = session.status(tomogram.name)
        found.append(TomogramRow(tomogram, status, points, particles, tomogram.name == shown))
    return found


def describe(tomogram: Tomogram) -> str:
    """What is known of a tomogram, in a few lines."""
    size = " × ".join(str(n) for n in tomogram.shape[::-1])
    nanometres = " × ".join(f"{n * tomogram.voxel_size_angstrom / 10:.0f}" for n in tomogram.shape[::-1])
    lines = [
        f"{size} voxels of {tomogram.voxel_size_angstrom:g} Å ({nanometres} nm) along x, y, z",
        str(tomogram.path),
    ]
    if tomogram.source is not None:
        lines.insert(1, f"{tomogram.source} binned by {tomogram.binning}")
    tilts = tomogram.acquisition.tilt_range_degrees
    if tilts is not None:
        axis = tomogram.acquisition.tilt_axis
        lines.insert(1, f"tilted {tilts[0]:g}° to {tilts[1]:g}° about {axis}")
    return "\n".join(lines)


class TomogramsDock(Dock):
    """Choose a project and the tomogram to work on.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    # napari hands over the viewer by the wording of this annotation
    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "tomopick-tomograms")
        self.project = QElidingLabel()
        self.project.setObjectName("project-path")
        self.project.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.table = RowsTable(self._columns(), lambda r: r.tomogram.name, "tomogram-table")
        self.table.setSelectionMode(RowsTable.SelectionMode.ExtendedSelection)
        self.table.opened.connect(
            lambda r: self.reported(lambda: self.workspace.open_tomogram(r.tomogram.name))
        )
        self.table.chosen.connect(lambda _: self._describe())
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._offer_menu)
        self.details = note("tomogram-details")
        self.status = QComboBox()
        self.status.setObjectName("tomogram-status")
        self.status.setToolTip("How far you are with the tomograms selected above")
        for status, words in STATUS_WORDS.items():
            self.status.addItem(words, status)
        self.status.activated.connect(
            lambda i: self.reported(lambda: self._set_status(self.status.itemData(i)))
        )
        self.open_button = self.button(
            "Open", "open-tomogram", self._open_current, "Show it (or double-click)"
        )
        self.import_button = QPushButton("Import…")
        self.import_button.setObjectName("import-tomograms")
        self.import_button.setToolTip("Add tomograms to the project; their files are not copied")
        menu = QMenu(self.import_button)
        menu.addAction("Files or lists (.vll, .ctlg)…", self._import_files)
        menu.addAction("All tomograms in a folder…", self._import_folder)
        menu.addAction("With voxel size, tilt range…", self._import_with_options)
        self.import_button.setMenu(menu)
        self.busy = QProgressBar()
        self.busy.setObjectName("loading")
        self.busy.setRange(0, 0)
        self.busy.hide()

        self.column.addLayout(
            row(
                self.button("New project…", "new-project", self._new_project),
                self.button("Open project…", "open-project", self._open_project),
                self.import_button,
            )
        )
        self.column.addWidget(self.project)
        self.column.addWidget(self.table, 1)
        self.column.addWidget(self.details)
        self.column.addLayout(row(self.open_button, QLabel("Status"), self.status, stretch=2))
        self.column.addWidget(self.busy)
        self.below.addWidget(HistoryButtons(self))
        w = self.workspace
        self.refresh_on(w.session_changed, w.tomograms_changed, w.tomogram_changed, w.loading_changed)
        self.refresh()

    @staticmethod
    def _columns() -> list[Column]:
        return [
            Column(
                "Tomogram",
                lambda r: r.tomogram.name,
                tip=lambda r: describe(r.tomogram),
                bold=lambda r: r.shown,
                stretch=True,
            ),
            Column("Status", lambda r: STATUS_WORDS[r.status], colour=lambda r: STATUS_COLOURS[r.status]),
            Column("Points", lambda r: str(r.points), tip=lambda r: "User points in all models", number=True),
            Column(
                "Particles", lambda r: str(r.particles), tip=lambda r: "Particles in all sets", number=True
            ),
            Column(
                "Å", lambda r: f"{r.tomogram.voxel_size_angstrom:g}", tip=lambda r: "Voxel size", number=True
            ),
        ]

    def refresh(self) -> None:
        """Show the project as it is now."""
        workspace = self.workspace
        session = workspace.session
        rows = tomogram_rows(session, workspace.tomogram_name) if session is not None else []
        self.table.set_rows(rows, current=None if self.table.current else workspace.tomogram_name)
        self.project.setText(
            str(session.path) if session is not None else "No project is open: make a new one, or open one."
        )
        self.import_button.setEnabled(session is not None)
        self.busy.setVisible(bool(workspace.loading))
        self.busy.setFormat(f"Opening {workspace.loading}…")
        self._describe()

    def _describe(self) -> None:
        current = self.table.current
        self.open_button.setEnabled(current is not None)
        self.status.setEnabled(current is not None)
        if current is not None:
            self.details.setText(describe(current.tomogram))
            self.status.setCurrentIndex(list(STATUS_WORDS).index(current.status))
        elif self.workspace.session is not None:
            self.details.setText("" if self.table.rows else "The project is empty: import tomograms into it.")
        else:
            self.details.setText("")

    def _open_current(self) -> None:
        self.workspace.open_tomogram(self.table.current.tomogram.name)

    def _set_status(self, status: TomogramStatus) -> None:
        session = self.workspace.open_session
        with session.edit("Change status"):
            for selected in self.table.selected:
                session.set_status(selected.tomogram.name, status)

    def _offer_menu(self, at: QPoint) -> None:
        current = self.table.current
        if current is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Open", lambda: self.reported(self._open_current))
        for status, words in STATUS_WORDS.items():
            menu.addAction(f"Mark as {words}", lambda s=status: self.reported(lambda: self._set_status(s)))
        menu.addSeparator()
        menu.addAction("Remove from project…", lambda: self.reported(self._remove))
        menu.popup(self.table.viewport().mapToGlobal(at))

    def _remove(self) -> None:
        names = [r.tomogram.name for r in self.table.selected]
        asked = QMessageBox.question(
            self,
            "Remove from project",
            f"Remove {', '.join(names)} with all its points and particles from the project?\n"
            "The files stay, and this can be undone.",
        )
        if asked == QMessageBox.StandardButton.Yes:
            session = self.workspace.open_session
            with session.edit("Remove tomogram" if len(names) == 1 else f"Remove {len(names)} tomograms"):
                for name in names:
                    session.remove_tomogram(name)

    def _new_project(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "New project", "project.tomopick", PROJECT_FILES)
        if path:
            self.workspace.create_project(Path(path).with_suffix(".tomopick"))

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
