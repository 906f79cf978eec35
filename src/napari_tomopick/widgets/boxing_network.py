"""The part of the Boxing dock in which a network is trained, applied, saved, and its picks are cut off."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QSignalBlocker, QTimer
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFileDialog,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_tomopick.layers.boxing_words import network_state, state, still_to_do
from napari_tomopick.widgets.dock import SPACING, Dock, row
from napari_tomopick.widgets.focus import wheel_scrolls_past
from napari_tomopick.widgets.loss_plot import LossPlot
from napari_tomopick.widgets.slider_field import SliderField
from napari_tomopick.widgets.texts import Report, note

POLL_MS = 100
POLLS_BEFORE = 8
MOST_PARTICLES = 2000
FILES = "Networks (*.safetensors)"


class NetworkControls(QWidget):
    """See the module.

    Parameters
    ----------
    dock : Dock
        It stands in this dock, and is refreshed with it.
    """

    def __init__(self, dock: Dock) -> None:
        super().__init__(dock)
        self._dock, self.boxing = dock, dock.workspace.boxing
        self.state = note("boxing-state")
        self.to_do = note("boxing-to-do")
        self.message = Report("boxing-message")
        self._make_training()
        self._make_applying()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addLayout(row(self.train, self.rounds, self.more, self.reset, stretch=0))
        files = QVBoxLayout()
        files.setSpacing(SPACING // 2)
        files.addWidget(self.save)
        files.addWidget(self.load)
        plot = row(self.plot, stretch=0)
        plot.addLayout(files)
        layout.addLayout(plot)
        layout.addWidget(self.to_do)
        layout.addLayout(row(self.apply, self.apply_all, self.skip, stretch=0))
        layout.addLayout(row(self.bar, self.cancel, stretch=0))
        layout.addWidget(self.state)
        layout.addWidget(self.threshold)
        layout.addWidget(self.distance)
        layout.addWidget(self.maximum)
        layout.addLayout(row(self.map, self.proposed, QWidget(), self.instant, self.network, stretch=2))
        layout.addWidget(self.message)
        self._waited = 0
        # the threads only note how far they are
        self._poll = QTimer(self)
        self._poll.setInterval(POLL_MS)
        self._poll.timeout.connect(self._show_progress)
        dock.refreshed.connect(self.refresh)
        self.refresh()

    def _make_training(self) -> None:
        network, button = self.boxing.network, self._dock.button
        self.train = button("Train", "train", network.train, "Train a network from all references, anew")
        self.rounds = QSpinBox()
        self.rounds.setObjectName("train-rounds")
        self.rounds.setRange(1, 200)
        self.rounds.setSuffix(" rounds")
        self.rounds.setToolTip("How many rounds it is trained")
        self.rounds.valueChanged.connect(self._set_rounds)
        self.rounds.setKeyboardTracking(False)
        wheel_scrolls_past(self.rounds)
        metrics = self.rounds.fontMetrics()
        self.rounds.setFixedWidth(metrics.horizontalAdvance("99 rounds") + 4 * metrics.height())
        self.more = button(
            "Train more", "train-more", lambda: network.train(more=True), "Go on from the network there is"
        )
        self.reset = button("Reset", "reset-network", network.reset, "Forget the network; references stay")
        self.plot = LossPlot()
        self.bar = QProgressBar()
        self.bar.setObjectName("boxing-progress")
        self.cancel = button("Cancel", "cancel-boxing", self.boxing.stop, "Give it up at once (Escape)")

    def _make_applying(self) -> None:
        boxing, button = self.boxing, self._dock.button
        self.apply = button(
            "Apply", "apply", boxing.network.apply, "Find the particles of this tomogram, and keep them"
        )
        self.apply_all = button(
            "Apply all",
            "apply-all",
            boxing.network.apply_all,
            "Find and keep the particles of all tomograms of this voxel size, one after the other",
        )
        self.skip = QCheckBox("skip done")
        self.skip.setObjectName("skip-done")
        self.skip.setToolTip("Apply all leaves out tomograms that have particles of this kind already")
        self.skip.toggled.connect(self._set_skip)
        self.instant, self.network = QPushButton("Instant"), QPushButton("Network")
        self._stages = QButtonGroup(self)
        for stage, widget, tip in (
            ("instant", self.instant, "Show what the clicks alone lead to at once"),
            ("network", self.network, "Show what the trained network finds"),
        ):
            widget.setObjectName(f"stage-{stage}")
            widget.setToolTip(tip)
            widget.setCheckable(True)
            self._stages.addButton(widget)
            widget.clicked.connect(lambda _, s=stage: self._dock.reported(lambda: boxing.picks.set_stage(s)))
        self.threshold = SliderField(
            "Threshold", "threshold", 0.0, 1.0, decimals=3, tip="Lowest score: 0.5 is as likely as not"
        )
        self.distance = SliderField(
            "Distance", "distance", 0.0, 200.0, tip="Smallest distance in voxels between two particles"
        )
        self.maximum = SliderField(
            "At most", "maximum", 1, MOST_PARTICLES, tip="Most particles in a tomogram", limitless="all"
        )
        picks = boxing.picks
        self._drag(self.threshold, lambda v: picks.set_cutoffs(threshold=v))
        self._drag(self.distance, lambda v: picks.set_cutoffs(distance=v))
        self._drag(self.maximum, lambda v: picks.set_cutoffs(maximum=None if v >= MOST_PARTICLES else int(v)))
        self.proposed = button(
            "⟲",
            "proposed-cutoffs",
            lambda: (picks.set_cutoffs(threshold=None, distance=None, maximum=None), self._keep()),
            "Threshold and distance as the network proposes, and no limit",
        )
        self.proposed.setFixedWidth(2 * self.fontMetrics().height())
        self.map = QCheckBox("Show scores")
        self.map.setObjectName("show-scores")
        self.map.setToolTip("The scores as an image over the slices")
        self.map.toggled.connect(picks.map.want)
        self.save = button("Save…", "save-network", self._save, "Write the network to one file")
        self.load = button("Load…", "load-network", self._load, "Read a network from a file")

    def _drag(self, field: SliderField, action) -> None:  # type: ignore[no-untyped-def]
        field.moved.connect(lambda v: self._dock.reported(lambda: action(v)))
        field.settled.connect(self._keep)

    def _keep(self) -> None:
        # what is seen is kept; with nothing to see, the numbers are for the next time
        if self.boxing.picks.live:
            self._dock.reported(self.boxing.picks.keep)

    def showEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        """Align in the font of the window, which is known only now."""
        super().showEvent(event)
        metrics = self.threshold.label.fontMetrics()
        labels = max(metrics.horizontalAdvance(f.label.text()) for f in self._fields)
        for field in self._fields:
            field.align(labels + 2 * SPACING, metrics.horizontalAdvance("0.000") + 4 * metrics.height())
        for widget in (self.reset, self.more, self.save, self.load, self.instant, self.network, self.cancel):
            widget.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    @property
    def _fields(self) -> tuple[SliderField, ...]:
        return self.threshold, self.distance, self.maximum

    def refresh(self) -> None:
        """Show what there is, and what can be done now."""
        boxing, network, picks = self.boxing, self.boxing.network, self.boxing.picks
        there = self._dock.workspace.tomogram is not None
        learned, trained = picks.picker is not None, network.trained is not None
        running = network.background.running
        self.state.setText(state(boxing))
        text = still_to_do(boxing)
        self.to_do.setText(text)
        self.to_do.setVisible(bool(text) and there)
        self.message.say("" if running else network.message)
        self.train.setEnabled(there and not running)
        self.more.setEnabled(trained and there and not running)
        self.reset.setEnabled(trained and not running)
        self.apply.setEnabled(learned and there and not running)
        self.apply_all.setEnabled(learned and there and not running)
        self.save.setEnabled(learned and not running)
        self.load.setEnabled(there and not running)
        for widget in (self.instant, self.network):
            widget.setVisible(trained)
        (self.network if picks.stage == "network" else self.instant).setChecked(True)
        blockers = [QSignalBlocker(w) for w in (self.skip, self.map, self.rounds)]
        self.skip.setChecked(network.skip_done)
        self.map.setChecked(picks.map.wanted)
        self.rounds.setValue(network.rounds)
        for blocker in blockers:
            blocker.unblock()
        self.threshold.show_value(picks.threshold)
        self.distance.show_value(picks.distance)
        self.maximum.show_value(picks.cutoffs.maximum or MOST_PARTICLES)
        if running or boxing.learning.background.running:
            if not self._poll.isActive():
                self._waited = 0
                self._poll.start()
        else:
            self._poll.stop()
        self._show_progress()

    def _show_progress(self) -> None:
        boxing, network = self.boxing, self.boxing.network
        background = network.background if network.background.running else boxing.learning.background
        # what takes but a moment is not announced
        self._waited += self._poll.isActive()
        shown = network.background.running or (background.running and self._waited > POLLS_BEFORE)
        for widget in (self.bar, self.cancel):
            widget.setVisible(shown)
        self.state.setVisible(not shown)
        done, total, text = background.progress
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        several = background.title if " of " in background.title else ""
        self.bar.setFormat(several or text or background.title)
        loss = network.loss
        self.plot.show_loss(loss, network_state(boxing))
        boxing.picks.show_streamed()

    def _set_rounds(self, rounds: int) -> None:
        self.boxing.network.rounds = rounds

    def _set_skip(self, on: bool) -> None:
        self.boxing.network.skip_done = on

    # files

    def _save(self) -> None:
        folder = self._dock.workspace.open_session.path.parent
        suggested = folder / f"{self.boxing.label}.safetensors"
        path, _ = QFileDialog.getSaveFileName(self, "Save the network", str(suggested), FILES)
        if path:
            self.boxing.network.save(Path(path))

    def _load(self) -> None:
        start = self.boxing.network.saved or self._dock.workspace.open_session.path.parent
        path, _ = QFileDialog.getOpenFileName(self, "Load a network", str(start), FILES)
        if path:
            self.boxing.network.load(Path(path))
