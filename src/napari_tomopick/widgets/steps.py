"""The Steps dock: choose a step, run it, read what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QComboBox, QLabel, QProgressBar, QPushButton, QScrollArea, QStackedWidget

from napari_tomopick.errors import Cancelled, ProjectError
from napari_tomopick.project import Session
from napari_tomopick.protocols.jobs import Job
from napari_tomopick.widgets.dock import Dock, note, row
from napari_tomopick.widgets.job_runner import JobRunner
from napari_tomopick.widgets.step_pages import PAGES, StepPage

if TYPE_CHECKING:
    import napari.viewer

NO_PROJECT = "Open or make a project in the Tomograms dock first."


class StepsDock(Dock):
    """Run the steps of the workflow on the open project.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    # napari hands over the viewer by the wording of this annotation
    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "tomopick-steps")
        self.runner = JobRunner(self)
        self.runner.progressed.connect(self._show_progress)
        self.runner.ended.connect(self._on_ended)
        self.destroyed.connect(self.runner.close)
        self._job: Job | None = None
        self._job_session: Session | None = None

        self.pages: list[StepPage] = [page() for page in PAGES]
        self.step = QComboBox()
        self.step.setObjectName("step")
        stack = QStackedWidget()
        for page in self.pages:
            self.step.addItem(page.title)
            area = QScrollArea()
            area.setWidget(page)
            area.setWidgetResizable(True)
            area.setFrameShape(QScrollArea.Shape.NoFrame)
            area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            stack.addWidget(area)
        self.step.currentIndexChanged.connect(stack.setCurrentIndex)

        self.run_button = self.button("Run", "run-step", self._run)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setObjectName("cancel-step")
        self.cancel_button.clicked.connect(self.runner.cancel)
        self.cancel_button.setEnabled(False)
        self.bar = QProgressBar()
        self.bar.hide()
        self.report = note("step-report")
        self.picture = QLabel()
        self.picture.setObjectName("step-picture")
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.hide()

        self.column.addLayout(row(QLabel("Step"), self.step, stretch=1))
        self.column.addWidget(stack, 1)
        self.column.addLayout(row(self.run_button, self.cancel_button, stretch=0))
        for widget in (self.bar, self.report, self.picture):
            self.column.addWidget(widget)
        w = self.workspace
        self.refresh_on(w.session_changed, w.tomogram_changed, w.history_changed)
        self.refresh()

    def show_step(self, title: str) -> StepPage:
        """Turn to the page of a step, and return it."""
        self.step.setCurrentText(title)
        return self.pages[self.step.currentIndex()]

    def refresh(self) -> None:
        """Offer what the project holds now."""
        session = self.workspace.session
        self.run_button.setEnabled(session is not None and not self.runner.running)
        if session is None:
            self.report.setText(NO_PROJECT)
            return
        if self.report.text() == NO_PROJECT:
            self.report.setText("")
        for page in self.pages:
            page.refresh(session, self.workspace.tomogram_name)

    def _run(self) -> None:
        session = self.workspace.open_session
        self._job, self._job_session = self.pages[self.step.currentIndex()].job(session), session
        self.runner.start(self._job)
        self.run_button.setEnabled(False)
        self.cancel_button.setEnabled(True)
        self.bar.setRange(0, 0)
        self.bar.show()
        self.picture.hide()
        self.report.setText(f"{self._job.title} …")

    def _show_progress(self, done: int, total: int, text: str) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        self.bar.setFormat(f"{text} %p%")

    def _on_ended(self, result: Any, error: Exception | None) -> None:
        job, self._job = self._job, None
        session, self._job_session = self._job_session, None
        self.bar.hide()
        self.cancel_button.setEnabled(False)
        self.run_button.setEnabled(self.workspace.session is not None)
        self.report.setText("")
        if isinstance(error, Cancelled):
            self.report.setText("Stopped; nothing was changed.")
            return
        assert job is not None
        with self.workspace.reporting():
            if error is not None:
                raise error
            if session is not self.workspace.session:
                raise ProjectError(f"{job.title}: another project was opened meanwhile, so this was not kept")
            self.report.setText(job.record(self.workspace.open_session, result))
            self._show_picture(getattr(result, "picture", None))
            self.refresh()

    def _show_picture(self, path: Any) -> None:
        if path is not None:
            picture = QPixmap(str(path))
            width = min(picture.width(), max(self.width() - 24, 200))
            self.picture.setPixmap(picture.scaledToWidth(width, Qt.TransformationMode.SmoothTransformation))
            self.picture.setToolTip(str(path))
            self.picture.show()
