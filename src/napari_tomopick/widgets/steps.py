"""The Steps dock: choose a step, run it, read what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QComboBox, QLabel, QProgressBar, QPushButton

from napari_tomopick.errors import Cancelled, ProjectError, TomopickError
from napari_tomopick.project import Session
from napari_tomopick.protocols.jobs import Job
from napari_tomopick.widgets.deletion import when_deleted
from napari_tomopick.widgets.dock import Dock, row
from napari_tomopick.widgets.history import HistoryButtons
from napari_tomopick.widgets.job_runner import JobRunner
from napari_tomopick.widgets.picture import Picture
from napari_tomopick.widgets.step_pages import PAGES, StepPage
from napari_tomopick.widgets.texts import Report

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
        when_deleted(self, self.runner.close)
        self._job: Job | None = None
        self._job_session: Session | None = None
        # the step that the report is about, whichever page is open
        self._ran = ""

        self.pages: list[StepPage] = [page() for page in PAGES]
        self.step = QComboBox()
        self.step.setObjectName("step")
        self.step.addItems([page.title for page in self.pages])
        self.step.currentIndexChanged.connect(self._turn_to_page)

        self.run_button = self.button("Run", "run-step", self._run)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setObjectName("cancel-step")
        self.cancel_button.clicked.connect(self._cancel)
        self.cancel_button.setEnabled(False)
        self.bar = QProgressBar()
        self.bar.setObjectName("step-progress")
        self.bar.hide()
        self.report = Report("step-report")
        self.picture = Picture()

        self.above.addLayout(row(QLabel("Step"), self.step, stretch=1))
        for page in self.pages:
            self.column.addWidget(page)
        self.column.addStretch(1)
        self.below.addLayout(row(self.run_button, self.cancel_button, stretch=0))
        for widget in (self.bar, self.report, self.picture, HistoryButtons(self)):
            self.below.addWidget(widget)
        w = self.workspace
        self.refresh_on(w.session_changed, w.tomogram_changed, w.history_changed)
        self._turn_to_page()

    @property
    def page(self) -> StepPage:
        """The page of the chosen step."""
        return self.pages[self.step.currentIndex()]

    def show_step(self, title: str) -> StepPage:
        """Turn to the page of a step, and return it."""
        self.step.setCurrentText(title)
        return self.page

    def _turn_to_page(self) -> None:
        for page in self.pages:
            page.setVisible(page is self.page)
        self.refresh()

    def refresh(self) -> None:
        """Offer what the project holds now."""
        session = self.workspace.session
        self.run_button.setEnabled(session is not None and not self.runner.running)
        if session is None:
            self.report.say(NO_PROJECT)
            return
        if self.report.text() == NO_PROJECT:
            self.report.say("")
        self.page.refresh(session, self.workspace.tomogram_name)

    def show_trouble(self) -> None:
        """Say what went wrong, unless the report does."""
        trouble = self.workspace.trouble
        self.trouble.say("" if trouble in self.report.text() else trouble)

    def _run(self) -> None:
        session = self.workspace.open_session
        self._ran = self.page.title
        self.picture.show_file(None)
        self.report.say("")
        try:
            self._job, self._job_session = self.page.job(session), session
        except TomopickError as error:
            self._fail(error)
            return
        self.runner.start(self._job)
        self.run_button.setEnabled(False)
        self.cancel_button.setEnabled(True)
        self.bar.setRange(0, 0)
        self.bar.show()
        self.report.say(f"{self._job.title} …")

    def _cancel(self) -> None:
        self.runner.cancel()
        self.cancel_button.setEnabled(False)
        self.report.say("Stopping …")

    def _fail(self, error: Exception) -> None:
        """Say what went wrong where it stays to be read, and as everywhere else."""
        if isinstance(error, TomopickError):
            self.report.say(f"{self._ran}, not done: {error}")

        def fail() -> None:
            raise error

        self.reported(fail)

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
        self.report.say("")
        if isinstance(error, Cancelled):
            self.report.say(f"{self._ran}: stopped, and nothing was changed.")
            return
        assert job is not None
        if error is None and session is not self.workspace.session:
            error = ProjectError(f"{job.title}: another project was opened meanwhile, so this was not kept")
        if error is not None:
            self._fail(error)
            return
        try:
            self.report.say(f"{self._ran}: {job.record(self.workspace.open_session, result)}")
        except TomopickError as refused:
            self._fail(refused)
            return
        self.picture.show_file(getattr(result, "picture", None))
        self.workspace.open_first()
        self.refresh()
