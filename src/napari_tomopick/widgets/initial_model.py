"""The Initial model dock: a map from subtomograms, which is seen while it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QProgressBar, QTabWidget

from napari_tomopick.widgets.dock import TROUBLE_STYLE, Dock, row, scrolled
from napari_tomopick.widgets.initial_model_setup import Setup
from napari_tomopick.widgets.initial_model_view import ModelView
from napari_tomopick.widgets.own_thread import run_in_own_thread
from napari_tomopick.widgets.texts import Report

if TYPE_CHECKING:
    import napari.viewer

POLL_MS = 150


class InitialModelDock(Dock):
    """Choose subtomograms, run, watch, and use what comes of it.

    A model goes on being made when the dock is closed.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    at_start = False

    # napari hands over the viewer by the wording of this annotation
    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "tomopick-initial-model")
        work = self.workspace
        work.run_long = run_in_own_thread
        self.modelling = work.initial_model
        self.setup = Setup(self.modelling)
        self.view = ModelView(self)
        self._was_running = False
        self.tabs = QTabWidget()
        self.tabs.setObjectName("model-tabs")
        self.tabs.addTab(scrolled(self.setup), "Set up")
        self.tabs.addTab(scrolled(self.view), "Model")
        self.run_button = self.button("Run", "run-model", self._run, "Make a model from these subtomograms")
        self.cancel = self.button(
            "Cancel", "cancel-model", self.modelling.cancel, "Stop here, and keep the best found until now"
        )
        self.bar = QProgressBar()
        self.bar.setObjectName("model-progress")
        self.message = Report("model-message")
        self.column.addWidget(self.tabs, 1)
        self.below.addLayout(row(self.run_button, self.cancel, stretch=0))
        self.below.addWidget(self.bar)
        self.below.addWidget(self.message)
        # the thread only notes how far it is
        self._poll = QTimer(self)
        self._poll.setInterval(POLL_MS)
        self._poll.timeout.connect(self._follow)
        self.refresh_on(
            self.modelling.changed,
            work.session_changed,
            work.tomogram_changed,
            work.history_changed,
            work.display_changed,
        )
        self.refresh()
        if self.modelling.shown is not None or self.modelling.running:
            self.tabs.setCurrentIndex(1)

    def refresh(self) -> None:
        """Show what there is, and what can be done now."""
        modelling, running = self.modelling, self.modelling.running
        modelling.recall()
        if self._was_running and not running and modelling.failed and modelling.shown is None:
            # what is to be mended is there
            self.tabs.setCurrentIndex(0)
        self._was_running = running
        self.setup.refresh()
        self.view.refresh()
        there = self.workspace.session is not None
        self.run_button.setEnabled(there and not running)
        self.cancel.setEnabled(running and not modelling.background.concluding)
        self.message.label.setStyleSheet(TROUBLE_STYLE if modelling.failed else "")
        self.message.say("" if running else modelling.message)
        self.bar.setVisible(running)
        if running:
            self._poll.start()
        else:
            self._poll.stop()
        self._follow()

    def show_trouble(self) -> None:
        """Say what went wrong, unless the message does."""
        trouble = self.workspace.trouble
        self.trouble.say("" if trouble in self.modelling.message else trouble)

    def _follow(self) -> None:
        done, total, text = self.modelling.progress
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        self.bar.setFormat(text)
        self.view.follow()

    def _run(self) -> None:
        self.modelling.start(self.setup.output.path(), self.setup.options())
        self._was_running = True
        self.tabs.setCurrentIndex(1)
