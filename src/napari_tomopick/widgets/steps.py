"""The Steps dock: choose a step, run it, read what it did."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_tomopick.errors import Cancelled, ProjectError
from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.project import Session
from napari_tomopick.protocols.jobs import Job
from napari_tomopick.widgets.job_runner import JobRunner
from napari_tomopick.widgets.step_pages import PAGES, StepPage


class StepsDock(QWidget):
    """Run the steps of the workflow on the open project.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.setObjectName("tomopick-steps")
        self.workspace = workspace_for(viewer)
        self.runner = JobRunner(self)
        self.runner.progressed.connect(self._show_progress)
        self.runner.ended.connect(self._on_ended)
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

        self.run_button = QPushButton("Run")
        self.run_button.setObjectName("run-step")
        self.run_button.clicked.connect(self._run)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setObjectName("cancel-step")
        self.cancel_button.clicked.connect(self.runner.cancel)
        self.cancel_button.setEnabled(False)
        self.bar = QProgressBar()
        self.bar.setTextVisible(True)
        self.bar.hide()
        self.report = QLabel("")
        self.report.setObjectName("step-report")
        self.report.setWordWrap(True)
        self.report.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.picture = QLabel()
        self.picture.setObjectName("step-picture")
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.hide()

        buttons = QHBoxLayout()
        buttons.addWidget(self.run_button, 1)
        buttons.addWidget(self.cancel_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.step)
        layout.addWidget(stack, 1)
        layout.addLayout(buttons)
        for widget in (self.bar, self.report, self.picture):
            layout.addWidget(widget)

        self.workspace.session_changed.connect(self._on_session)
        self.workspace.tomogram_changed.connect(self._refresh)
        self._session: Any = None
        self._on_session()

    def show_step(self, title: str) -> StepPage:
        """Turn to the page of a step, and return it."""
        self.step.setCurrentText(title)
        return self.pages[self.step.currentIndex()]

    def closeEvent(self, event: Any) -> None:
        """Stop what runs, and let go of the session."""
        self.runner.close()
        self._let_go()
        self.workspace.session_changed.disconnect(self._on_session)
        self.workspace.tomogram_changed.disconnect(self._refresh)
        super().closeEvent(event)

    def _signals(self) -> tuple[Any, ...]:
        session = self._session
        return (
            session.tomograms_changed,
            session.models_changed,
            session.model_changed,
            session.sets_changed,
            session.results_changed,
        )

    def _let_go(self) -> None:
        if self._session is not None:
            for signal in self._signals():
                signal.disconnect(self._refresh)
            self._session = None

    def _on_session(self) -> None:
        self._let_go()
        self._session = self.workspace.session
        if self._session is not None:
            for signal in self._signals():
                signal.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        self.run_button.setEnabled(self._session is not None and not self.runner.running)
        if self._session is None:
            self.report.setText("Open or make a project in the Tomograms dock first.")
            return
        if self.report.text().startswith("Open or make"):
            self.report.setText("")
        for page in self.pages:
            page.refresh(self._session, self.workspace.tomogram_name)

    def _run(self) -> None:
        with self.workspace.reporting():
            self._job = self.pages[self.step.currentIndex()].job(self.workspace.open_session)
            self._job_session = self.workspace.session
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
        self.run_button.setEnabled(self._session is not None)
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

    def _show_picture(self, path: Any) -> None:
        if path is not None:
            picture = QPixmap(str(path))
            width = min(picture.width(), max(self.width() - 24, 200))
            self.picture.setPixmap(picture.scaledToWidth(width, Qt.TransformationMode.SmoothTransformation))
            self.picture.setToolTip(str(path))
            self.picture.show()
