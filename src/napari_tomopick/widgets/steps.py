"""The Steps dock: choose a step, run it, read what it did."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QComboBox, QLabel, QProgressBar, QPushButton, QWidget

from napari_tomopick.errors import Cancelled, ProjectError, TomopickError
from napari_tomopick.project import Session
from napari_tomopick.protocols.jobs import Job
from napari_tomopick.widgets.deletion import when_deleted
from napari_tomopick.widgets.dock import Dock, bring_into_sight, row
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
        self._running_page: StepPage | None = None
        # what came of it is scrolled to once it has its place
        self._seen: QWidget | None = None
        self._after_layout = QTimer(self)
        self._after_layout.setSingleShot(True)
        self._after_layout.timeout.connect(self._bring_into_sight)

        self.pages: list[StepPage] = [page() for page in PAGES]
        self.step = QComboBox()
        self.step.setObjectName("step")
        self.step.addItems([page.title for page in self.pages])
        self.step.currentIndexChanged.connect(self._turn_to_page)

        self.preview_button = self.button(
            "Preview", "preview-step", lambda: self._start(self.page.preview_job), "Look, and change nothing"
        )
        self.run_button = self.button("Run", "run-step", lambda: self._start(self.page.job))
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
            page.wanted.connect(self.reported)
            self.column.addWidget(page)
        self.column.addStretch(1)
        self.below.addLayout(row(self.preview_button, self.run_button, self.cancel_button))
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
        self._enable()
        self.preview_button.setVisible(self.page.can_preview)
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

    def _enable(self) -> None:
        ready = self.workspace.session is not None and not self.runner.running
        self.run_button.setEnabled(ready)
        self.preview_button.setEnabled(ready)

    def _start(self, make: Callable[[Session], Job]) -> None:
        """Start the job that the page makes."""
        session = self.workspace.open_session
        self._ran, self._running_page = self.page.title, self.page
        self.picture.show_file(None)
        self.report.say("")
        try:
            self._job, self._job_session = make(session), session
        except TomopickError as error:
            self._fail(error)
            return
        self.runner.start(self._job)
        self._enable()
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
        self._enable()
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
        self._show_result()

    def _bring_into_sight(self) -> None:
        if self._seen is not None:
            bring_into_sight(self._seen)

    def _show_result(self) -> None:
        """Show what the page has of the result, and in Review a set that is to be looked at next."""
        page = self._running_page
        assert page is not None
        self._seen = page.show_result()
        self._after_layout.start()
        made = next((s for s in self.workspace.open_session.particle_sets() if s.uid == page.made_set), None)
        if made is None:
            return
        # not before, as a dock takes a while to open
        from napari_tomopick.widgets.review import ReviewDock

        self.workspace.review.set_visible(made.uid, True)
        if self.workspace.tomogram_name not in made.tomograms:
            self.workspace.open_tomogram(made.tomograms[0])
        self.raised(ReviewDock, "Review").choose(made.uid)
