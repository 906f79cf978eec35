"""The part of the matching dock in which a search is set up, begun, watched, held and stopped."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, QTimer
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QProgressBar,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_tomopick.errors import ParameterError
from napari_tomopick.layers import matching_words as words
from napari_tomopick.protocols.match import match
from napari_tomopick.widgets.dock import SPACING, Dock, row
from napari_tomopick.widgets.forms import OptionForm
from napari_tomopick.widgets.texts import Report, note

POLL_MS = 100
PAUSE_MS = 500
FIELD_LETTERS = 9
LABELS = {
    "number": "Number of particles",
    "group": "Group id",
    "box_size": "Box size",
    "angle_step_degrees": "Angle step, delta (°)",
    "tomogram_mask": "Mask of the tomogram",
    "threads": "Processor cores",
}
# the dock has them elsewhere: the slider, and the button Preview
LEFT_OUT = ("threshold", "sections")


class SearchControls(QWidget):
    """See the module.

    Parameters
    ----------
    dock : Dock
        It stands in this dock, and is refreshed with it.
    """

    def __init__(self, dock: Dock) -> None:
        super().__init__(dock)
        self._dock, self.matching = dock, dock.workspace.matching
        runs, button = self.matching.runs, dock.button
        self.form = OptionForm(match, LEFT_OUT, labels=LABELS)
        self.name = QLineEdit()
        self.name.setObjectName("match-name")
        self.name.setToolTip("Name of the particle set; an earlier match of this name is replaced")
        self.name.setClearButtonEnabled(True)
        self.name.editingFinished.connect(lambda: self.matching.set_label(self.name.text()))
        self.orientations = note("orientations")
        self.preview = button(
            "Preview",
            "preview-match",
            lambda: self._begin(runs.preview),
            "Search the sections around the shown one, a few seconds; nothing is kept",
        )
        self.match = button(
            "Match", "match", lambda: self._begin(runs.match), "Search this tomogram, and keep what is found"
        )
        self.match_all = button(
            "Match all",
            "match-all",
            lambda: self._begin(runs.match_all),
            "Search all tomograms of this voxel size, one after the other, and keep what is found",
        )
        self.skip = QCheckBox("skip done")
        self.skip.setObjectName("skip-matched")
        self.skip.setToolTip("Match all leaves out tomograms that have particles of this set already")
        self.skip.toggled.connect(self._set_skip)
        self.bar = QProgressBar()
        self.bar.setObjectName("match-progress")
        self.doing = note("match-doing")
        self.hold = button("Pause", "pause-match", self._hold_or_resume, "Leave the processor to others")
        self.cancel = button("Cancel", "cancel-match", self.matching.stop, "Give it up; nothing is changed")
        self.message = Report("match-message")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addLayout(self._arrange())
        layout.addWidget(self.form)
        layout.addWidget(self.orientations)
        layout.addLayout(row(self.preview, self.match, self.match_all, self.skip, stretch=1))
        layout.addWidget(self.doing)
        layout.addLayout(row(self.bar, self.hold, self.cancel, stretch=0))
        layout.addWidget(self.message)
        for widget in (self.hold, self.cancel):
            widget.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._listen()
        # what is typed little by little is kept after a pause
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._keep)
        # the thread only notes how far it is
        self._poll = QTimer(self)
        self._poll.setInterval(POLL_MS)
        self._poll.timeout.connect(self._show_progress)
        self._show_options()
        self.matching.set_options(**self.form.values())
        dock.refreshed.connect(self.refresh)
        self.refresh()

    def _arrange(self) -> QVBoxLayout:
        """Put what is always in sight side by side: there is much below it."""
        plain = self.form.forms[0]
        fields = {name: self.form.field(name) for name in ("number", "exact", "box_size", "group")}
        labels = {name: plain.labelForField(field) for name, field in fields.items()}
        for field in fields.values():
            plain.takeRow(field)
        labels["exact"].deleteLater()
        fields["exact"].setText("Exact")
        name = QLabel("Particle set")
        name.setToolTip(self.name.toolTip())
        rows = QVBoxLayout()
        rows.setSpacing(SPACING)
        rows.addLayout(row(labels["number"], fields["number"], fields["exact"], stretch=1))
        rows.addLayout(
            row(labels["box_size"], fields["box_size"], labels["group"], fields["group"], stretch=1)
        )
        rows.addLayout(row(name, self.name, stretch=1))
        for field in (fields["number"], fields["group"]):
            # a spin box asks for as much room as its largest number takes
            field.setMinimumWidth(FIELD_LETTERS * self.fontMetrics().averageCharWidth())
            field.setMaximumWidth(2 * field.minimumWidth())
        return rows

    def _listen(self) -> None:
        for name in self.form.values():
            field = self.form.field(name)
            if isinstance(field, QAbstractSpinBox):
                field.setKeyboardTracking(False)
                field.valueChanged.connect(lambda *_: self._take())  # type: ignore[attr-defined]
            elif isinstance(field, QLineEdit):
                field.editingFinished.connect(self._take)
            elif isinstance(field, QAbstractButton):
                field.toggled.connect(lambda *_: self._take())
            elif isinstance(field, QComboBox):
                field.currentIndexChanged.connect(lambda *_: self._take())

    def _show_options(self) -> None:
        """Let the fields stand as they were left, when the dock is opened again."""
        for name, value in self.matching.options.items():
            field = self.form.field(name)
            if isinstance(field, QAbstractSpinBox):
                field.setValue(value)  # type: ignore[attr-defined]
            elif isinstance(field, QAbstractButton):
                field.setChecked(value)
            elif isinstance(field, QComboBox):
                field.setCurrentText(str(value).replace("_", " "))
            elif isinstance(field, QLineEdit):
                field.setText("" if value is None else str(value))

    def _take(self) -> None:
        try:
            values = self.form.values()
        except ParameterError as error:
            # it is said in full where it matters: when a search is begun
            self.orientations.setText(str(error))
            return
        number = self.matching.options.get("number")
        self.matching.set_options(**values)
        if values["number"] != number:
            self._pause.start()

    def _keep(self) -> None:
        results = self.matching.results
        if results.live and not results.previewing:
            self._dock.reported(results.keep)

    def _begin(self, search) -> None:  # type: ignore[no-untyped-def]
        # what is half typed counts
        self.matching.set_options(**self.form.values())
        self.matching.set_label(self.name.text())
        search()

    def _hold_or_resume(self) -> None:
        background = self.matching.runs.background
        if background.paused:
            background.resume()
        else:
            background.pause()

    def _set_skip(self, on: bool) -> None:
        self.matching.runs.skip_done = on

    def refresh(self) -> None:
        """Show what there is, and what can be done now."""
        matching, runs = self.matching, self.matching.runs
        running = runs.background.running
        ready = matching.workspace.tomogram is not None and matching.choice.chosen is not None
        self.orientations.setText(words.search(matching))
        self.orientations.setVisible(bool(self.orientations.text()))
        self.name.setPlaceholderText(matching.set_name)
        self.form.field("box_size").setPlaceholderText(words.own_box_size(matching))
        if not self.name.hasFocus():
            self.name.setText(matching.label)
        for widget in (self.preview, self.match, self.match_all):
            widget.setEnabled(ready and not running)
        blocker = QSignalBlocker(self.skip)
        self.skip.setChecked(runs.skip_done)
        blocker.unblock()
        self.message.say("" if running else runs.message)
        for widget in (self.bar, self.doing, self.hold, self.cancel):
            widget.setVisible(running)
        self.hold.setText("Resume" if runs.background.paused else "Pause")
        if running:
            self._poll.start()
        else:
            self._poll.stop()
        self._show_progress()

    def _show_progress(self) -> None:
        background = self.matching.runs.background
        done, total, _ = background.progress
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        self.doing.setText(words.progress(background) if background.running else "")
