"""The page of the Review dock on which particles are weeded out by rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_tomopick.errors import ParameterError
from napari_tomopick.widgets.dock import SPACING, row
from napari_tomopick.widgets.focus import wheel_scrolls_past
from napari_tomopick.widgets.forms import combo_box, form_layout
from napari_tomopick.widgets.texts import note

if TYPE_CHECKING:
    from napari_tomopick.layers.review_cleaning import Cleaning
    from napari_tomopick.widgets.review import ReviewDock

# after a field has changed, until it is looked for anew
PAUSE_MS = 350
NO_LIMIT = "no limit"


@dataclass(frozen=True)
class Field:
    """A setting of a rule.

    Parameters
    ----------
    name : str
        As in `napari_tomopick.protocols.clean`.
    label, tip : str
    kind : "float", "int", "even", "limit", "tick", "text" or the choices
        "limit" is a number that may be left out.
    start : value, or callable
        Where it starts; a callable is given the `Cleaning` and the uid of the set.
    unit : str
    """

    name: str
    label: str
    kind: str | tuple[str, ...]
    start: Any
    tip: str = ""
    unit: str = " voxels"


@dataclass(frozen=True)
class Rule:
    """What can be looked for."""

    name: str
    title: str
    tip: str
    fields: tuple[Field, ...]


def _spacings(times: float) -> Callable[[Cleaning, str], float]:
    return lambda cleaning, uid: round(times * cleaning.spacing(uid), 1)


RULES = (
    Rule(
        "duplicates",
        "Duplicates",
        "Particles that lie within a distance of a better one. The best score stays, whatever the order.",
        (
            Field(
                "distance",
                "Distance",
                "float",
                lambda cleaning, uid: cleaning.box_size(uid) / 4,
                "Particles that are no further apart are the same",
            ),
        ),
    ),
    Rule(
        "near_border",
        "Too near the border",
        "Particles whose box would reach out of the tomogram when it is extracted.",
        (
            Field(
                "box_size",
                "Box size",
                "even",
                lambda cleaning, uid: cleaning.box_size(uid),
                "Of the boxes that are to be extracted",
            ),
        ),
    ),
    Rule(
        "off_membrane",
        "Off the membrane",
        "Particles too far from the membranes of the tomogram, on their wrong side, or not upright on them.",
        (
            Field(
                "side",
                "Side",
                ("outside", "inside", "either"),
                "either",
                "Where particles belong; outside is away from the side marker",
            ),
            Field("minimum_distance", "At least", "limit", None, "From the membrane, on that side"),
            Field(
                "maximum_distance",
                "At most",
                "limit",
                lambda cleaning, uid: cleaning.box_size(uid),
                "From the membrane, on that side",
            ),
            Field(
                "maximum_angle_degrees",
                "Angle at most",
                "limit",
                None,
                "Between the particle's own z axis and the outward normal",
                "°",
            ),
        ),
    ),
    Rule(
        "isolated",
        "Isolated ones",
        "Particles with few neighbours.",
        (
            Field("radius", "Radius", "float", _spacings(2), "Within which neighbours are counted"),
            Field("neighbours", "At least", "int", 1, "Particles with fewer neighbours go", " neighbours"),
        ),
    ),
    Rule(
        "disagreeing",
        "Disagreeing neighbours",
        "Particles that do not go with a lattice: too few neighbours that point the same way and lie beside "
        "them, as MagpiEM judges it.",
        (
            Field("radius", "Radius", "float", _spacings(1.5), "Somewhat more than the lattice is wide"),
            Field("angle_degrees", "Angle at most", "float", 20.0, "Between neighbours that agree", "°"),
            Field("neighbours", "At least", "int", 3, "With how many it has to agree", " neighbours"),
            Field("twist", "Turn about the axis too", "tick", False, "Not only the axes have to agree"),
            Field("symmetry", "Symmetry", "text", "C1", "Of the particle: C1, C6, D7, T, O, I …", ""),
        ),
    ),
)


class CleaningPage(QWidget):
    """Choose a rule, see what it would remove, remove it.

    Parameters
    ----------
    dock : ReviewDock
    """

    def __init__(self, dock: ReviewDock) -> None:
        super().__init__()
        self._dock, self._cleaning = dock, dock.review.cleaning
        self._uid = ""
        self.rule = combo_box("clean-rule")
        self.rule.addItems([rule.title for rule in RULES])
        self.tip = note("clean-tip")
        self.forms = [RuleForm(rule) for rule in RULES]
        self.everywhere = QCheckBox()
        self.everywhere.setObjectName("clean-everywhere")
        self.look = dock.button("Show", "clean-look", self._look, "Select what this rule would remove")
        self.remove = dock.button(
            "Remove", "clean-remove", self._cleaning.remove, "Delete what was found; can be undone"
        )
        self.reason = note("clean-reason")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACING, SPACING, 0)
        layout.setSpacing(SPACING)
        for part in (self.rule, self.tip, *self.forms, self.everywhere):
            layout.addWidget(part)
        layout.addLayout(row(self.look, self.remove))
        layout.addWidget(self.reason)
        layout.addStretch(1)
        # who has looked, sees the effect of another number at once
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(PAUSE_MS)
        self._later.timeout.connect(self._look_again)
        for form in self.forms:
            form.changed = self._changed
        self.rule.currentIndexChanged.connect(self._choose)
        self.everywhere.toggled.connect(self._changed)
        dock.refresh_on(self._cleaning.changed)
        self._choose(0)

    @property
    def form(self) -> RuleForm:
        """That of the chosen rule."""
        return self.forms[self.rule.currentIndex()]

    def _choose(self, index: int) -> None:
        for i, form in enumerate(self.forms):
            form.setVisible(i == index)
        self.tip.setText(RULES[index].tip)
        self._cleaning.forget()

    def refresh(self) -> None:
        """Show what was found."""
        cleaning, uid = self._cleaning, self._dock.uid
        if uid and uid != self._uid:
            self._uid = uid
            for form in self.forms:
                form.start(cleaning, uid)
        tomograms = self._dock.tomogram_count
        self.everywhere.setVisible(tomograms > 1)
        self.everywhere.setText(f"In all {tomograms} tomograms of this set")
        self.look.setEnabled(self._dock.review.count(uid) > 0)
        found = cleaning.found
        if found is not None and (found.uid != uid or found.rule != self.form.rule.name):
            found = None
        count = 0 if found is None else len(found.removal)
        self.remove.setText(f"Remove {count:,}" if count else "Remove")
        self.remove.setEnabled(count > 0 and not cleaning.looking)
        self.reason.setText(
            "Looking …"
            if cleaning.looking
            else f"{found.removal.reason[:1].upper()}{found.removal.reason[1:]}."
            if found is not None
            else ""
        )

    def _changed(self, *_: object) -> None:
        if self._cleaning.found is not None or self._cleaning.looking or self._later.isActive():
            self._later.start()

    def _look_again(self) -> None:
        self._dock.reported(self._look)

    def _look(self) -> None:
        everywhere = self.everywhere.isVisibleTo(self) and self.everywhere.isChecked()
        self._cleaning.look(self.form.rule.name, self._dock.uid, self.form.values(), everywhere=everywhere)


class RuleForm(QWidget):
    """The settings of a rule; `changed` is called when one of them is another.

    Parameters
    ----------
    rule : Rule
    """

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.rule = rule
        self.changed: Callable[[], None] = lambda: None
        self._fields: dict[str, QWidget] = {}
        self._edited: set[str] = set()
        self._starting = False
        form = form_layout()
        self.setLayout(form)
        for field in rule.fields:
            widget = self._made(field)
            widget.setObjectName(f"clean-{rule.name}-{field.name}")
            widget.setToolTip(field.tip)
            self._fields[field.name] = widget
            if field.kind == "tick":
                form.setWidget(form.rowCount(), QFormLayout.ItemRole.SpanningRole, widget)
            else:
                form.addRow(field.label, widget)

    def _made(self, field: Field) -> QWidget:
        edited = self._on_edited(field.name)
        if isinstance(field.kind, tuple):
            box = combo_box("")
            box.addItems(list(field.kind))
            box.currentTextChanged.connect(edited)
            return box
        if field.kind == "tick":
            tick = QCheckBox(field.label)
            tick.toggled.connect(edited)
            return tick
        if field.kind in ("limit", "text"):
            line = QLineEdit()
            line.setPlaceholderText(NO_LIMIT if field.kind == "limit" else "")
            line.setClearButtonEnabled(field.kind == "limit")
            line.textChanged.connect(edited)
            return line
        number: QSpinBox | QDoubleSpinBox
        if field.kind == "float":
            number = QDoubleSpinBox()
            number.setDecimals(1)
            number.setRange(0.0, 180.0 if field.unit == "°" else 1e5)
        else:
            number = QSpinBox()
            number.setRange(*((2, 4096) if field.kind == "even" else (1, 1000)))
            number.setSingleStep(2 if field.kind == "even" else 1)
        number.setSuffix(field.unit)
        number.setKeyboardTracking(False)
        wheel_scrolls_past(number)
        number.valueChanged.connect(edited)
        return number

    def _on_edited(self, name: str) -> Callable[..., None]:
        def edited(*_: object) -> None:
            if not self._starting:
                self._edited.add(name)
                self.changed()

        return edited

    def start(self, cleaning: Cleaning, uid: str) -> None:
        """Put what may be sensible for a set where the user has not said otherwise."""
        self._starting = True
        for field in self.rule.fields:
            if field.name in self._edited:
                continue
            value = field.start(cleaning, uid) if callable(field.start) else field.start
            widget = self._fields[field.name]
            if isinstance(widget, QComboBox):
                widget.setCurrentText(value)
            elif isinstance(widget, QCheckBox):
                widget.setChecked(value)
            elif isinstance(widget, QLineEdit):
                widget.setText("" if value is None else f"{value:g}" if not isinstance(value, str) else value)
            elif isinstance(widget, QSpinBox | QDoubleSpinBox):
                widget.setValue(value)
        self._starting = False

    def values(self) -> Mapping[str, Any]:
        """The settings as they stand.

        Raises
        ------
        ParameterError
            If something that was typed is no number.
        """
        return {field.name: self._value(field) for field in self.rule.fields}

    def _value(self, field: Field) -> Any:
        widget = self._fields[field.name]
        if isinstance(widget, QComboBox):
            return widget.currentText()
        if isinstance(widget, QCheckBox):
            return widget.isChecked()
        if isinstance(widget, QSpinBox | QDoubleSpinBox):
            return widget.value()
        assert isinstance(widget, QLineEdit)
        text = widget.text().strip()
        if field.kind == "text":
            return text
        try:
            return float(text.replace(",", ".")) if text else None
        except ValueError:
            raise ParameterError(
                f"{field.label}: {text!r} is not a number; leave it empty for no limit"
            ) from None
