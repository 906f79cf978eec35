"""The part of the Boxing dock in which a user says what is taught: the kind of particle, clicks, sizes."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QInputDialog,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_tomopick.layers.boxing import MAX_SIZE, MIN_SIZE
from napari_tomopick.models.references import COLOURS
from napari_tomopick.widgets.dock import SPACING, Dock, row
from napari_tomopick.widgets.focus import wheel_scrolls_past

MODES = (
    ("positive", "Positive", "A click says: this is a particle"),
    ("negative", "Negative", "A click says: this is none. The same as Ctrl+click while Positive is chosen"),
    ("look", "Look", "Clicks change nothing (the key 5 goes back to boxing)"),
)
# as the circles in the slices
CHECKED = "QPushButton:checked {{ background: {colour}; color: {ink}; }}"
AUTOMATIC = "auto"


class Teaching(QWidget):
    """See the module.

    Parameters
    ----------
    dock : Dock
        It stands in this dock, and is refreshed with it.
    """

    def __init__(self, dock: Dock) -> None:
        super().__init__(dock)
        self._dock, self.boxing = dock, dock.workspace.boxing
        self._make_label()
        self._make_modes()
        self._make_sizes()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addLayout(row(QLabel("Kind"), self.label, self.rename, QLabel("Group"), self.group, stretch=1))
        layout.addLayout(row(*self.modes.values()))
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(SPACING)
        grid.setVerticalSpacing(1)
        for column, (text, field) in enumerate(
            (("Box", self.box), ("Particle ⌀", self.particle), ("Network sees", self.network))
        ):
            label = QLabel(text)
            label.setToolTip(field.toolTip())
            grid.addWidget(label, 0, column)
            grid.addWidget(field, 1, column)
            grid.setColumnStretch(column, 1)
        layout.addLayout(grid)
        dock.refreshed.connect(self.refresh)
        self.refresh()

    def _make_label(self) -> None:
        self.label = QComboBox()
        self.label.setObjectName("boxing-label")
        self.label.setEditable(True)
        self.label.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.label.setToolTip(
            "The kind of particle: each has its own references, network and particle set. "
            "Type another name for a new kind"
        )
        self.label.activated.connect(lambda _: self._take_label())
        line = self.label.lineEdit()
        assert line is not None
        line.editingFinished.connect(self._take_label)
        self.rename = self._dock.button(
            "✎", "rename-label", self._rename, "Call it otherwise: references and particles follow"
        )
        self.rename.setFixedWidth(2 * self.fontMetrics().height())
        self.group = QSpinBox()
        self.group.setObjectName("boxing-group")
        self.group.setRange(0, 9999)
        self.group.setToolTip("Handed on to the particles (Scipion's group id, Dynamo's region)")
        self.group.valueChanged.connect(lambda n: self._set(group=n))
        self.group.setKeyboardTracking(False)
        wheel_scrolls_past(self.group)
        metrics = self.group.fontMetrics()
        self.group.setFixedWidth(metrics.horizontalAdvance("99") + 4 * metrics.height())
        # napari's style would make it wider than any group needs
        self.group.setStyleSheet("min-width: 0px;")
        self.group.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def _make_modes(self) -> None:
        self.modes: dict[str, QPushButton] = {}
        self._buttons = QButtonGroup(self)
        for mode, text, tip in MODES:
            role = None if mode == "look" else mode
            button = self._dock.button(text, f"boxing-{mode}", lambda r=role: self.boxing.set_role(r), tip)
            button.setCheckable(True)
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            if role is not None:
                button.setStyleSheet(CHECKED.format(colour=COLOURS[role], ink="white"))  # type: ignore[index]
            self._buttons.addButton(button)
            self.modes[mode] = button

    def _make_sizes(self) -> None:
        self.box = QSpinBox()
        self.box.setObjectName("boxing-box")
        self.box.setRange(MIN_SIZE, MAX_SIZE)
        self.box.setSingleStep(2)
        self.box.setToolTip(
            "Side in voxels of the boxes of the particles: what is drawn, shown below, and extracted"
        )
        self.box.valueChanged.connect(lambda n: self._set(box_size=n))
        self.particle = _Automatic("boxing-particle")
        self.particle.setToolTip(
            "Diameter of a particle in voxels. ≈: estimated from the references, as with the lowest value"
        )
        self.particle.valueChanged.connect(lambda v: self._set(particle_size=self.particle.given(v)))
        self.network = _Automatic("boxing-network")
        self.network.setToolTip(
            "Side in voxels of what the network sees at a time (EMAN2's ChangeBx); it has nothing to do with "
            "the box. ≈: it goes with the size of the particle, as with the lowest value"
        )
        self.network.valueChanged.connect(lambda v: self._set(network_box=self.network.given(v)))
        for field in (self.box, self.particle, self.network):
            field.setKeyboardTracking(False)
            field.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            wheel_scrolls_past(field)

    def refresh(self) -> None:
        """Show what is taught now."""
        boxing, sizes = self.boxing, self.boxing.sizes
        line = self.label.lineEdit()
        assert line is not None
        known = list(dict.fromkeys([*boxing.labels, boxing.label]))
        blocker = QSignalBlocker(self.label)
        if [self.label.itemText(i) for i in range(self.label.count())] != known:
            self.label.clear()
            self.label.addItems(known)
        if not (line.hasFocus() and line.isModified()):
            self.label.setCurrentIndex(known.index(boxing.label))
            line.setText(boxing.label)
            line.setCursorPosition(0)
        blocker.unblock()
        there = self._dock.workspace.tomogram is not None
        for widget in (self.label, self.rename, self.group, *self.modes.values(), self.box):
            widget.setEnabled(there)
        mode = boxing.role if boxing.on else "look" if self._dock.workspace.picking.mode == "pan_zoom" else ""
        self._buttons.setExclusive(False)
        for name, button in self.modes.items():
            button.setChecked(name == mode and there)
        self._buttons.setExclusive(True)
        for field, value in ((self.box, boxing.box_size), (self.group, sizes.group)):
            if not field.hasFocus():
                blocker = QSignalBlocker(field)
                field.setValue(value)
                blocker.unblock()
        self.particle.show_size(sizes.particle_size, boxing.particle_size)
        self.network.show_size(sizes.network_box, boxing.network_box)
        for field in (self.particle, self.network):
            field.setEnabled(there)

    def _take_label(self) -> None:
        text = self.label.currentText().strip()
        line = self.label.lineEdit()
        assert line is not None
        line.setModified(False)
        if text and text != self.boxing.label:
            self._dock.reported(lambda: self.boxing.set_label(text))

    def _rename(self) -> None:
        before = self.boxing.label
        text, accepted = QInputDialog.getText(
            self, "Rename the kind of particle", "Its references and particles follow:", text=before
        )
        if accepted:
            self.boxing.rename_label(text)

    def _set(self, **sizes: float | None) -> None:
        self._dock.reported(lambda: self.boxing.set_sizes(**sizes))


class _Automatic(QDoubleSpinBox):
    """A size in voxels whose lowest value stands for "automatic"."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        # one voxel is no size
        self.setRange(MIN_SIZE - 1, MAX_SIZE)
        self.setDecimals(0)
        self.setSpecialValueText(AUTOMATIC)
        self._guess: float | None = None

    def given(self, value: float) -> float | None:
        """The size that a value stands for."""
        return None if value <= self.minimum() else value

    def show_size(self, given: float | None, guess: float | None) -> None:
        """Show a size that was given, or else what it was found to be."""
        if self.hasFocus():
            return
        blocker = QSignalBlocker(self)
        self._guess = guess
        self.setSpecialValueText(AUTOMATIC if guess is None else f"≈ {guess:.0f}")
        self.setValue(self.minimum() if given is None else given)
        blocker.unblock()

    def stepBy(self, steps: int) -> None:
        """See Qt: from the automatic size, the first step is to one beside it."""
        if self.value() <= self.minimum() and steps > 0 and self._guess:
            self.setValue(round(self._guess) + steps)
        else:
            super().stepBy(steps)
