"""A form made from a protocol's options."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_tomopick.errors import ParameterError
from napari_tomopick.protocols.describe import Option, options
from napari_tomopick.widgets.dock import SPACING
from napari_tomopick.widgets.focus import wheel_scrolls_past

UNITS = {"_angstrom": "Å", "_degrees": "°", "_kv": "kV", "_mm": "mm"}
MAX_INT = 2**31 - 1
MAX_LABEL_WIDTH = 172


class OptionForm(QWidget):
    """Fields for every option of a protocol, the advanced ones folded away.

    Parameters
    ----------
    protocol : callable
        The protocol.
    leave_out : tuple of str
        Options that the caller sets by itself.
    parent : QWidget, optional
    plain : tuple of str, optional
        Those that are not folded away. Default: all that the protocol does not call advanced.
    labels : mapping of str to str, optional
        What options are called other than by their own names.
    """

    def __init__(
        self,
        protocol: Callable[..., Any],
        leave_out: tuple[str, ...] = (),
        parent: QWidget | None = None,
        *,
        plain: tuple[str, ...] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(parent)
        self._fields: dict[str, tuple[Option, QWidget]] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        unfolded, advanced = form_layout(), form_layout()
        self.forms = (unfolded, advanced)
        for option in options(protocol):
            if option.name in leave_out:
                continue
            field = _field(option)
            field.setObjectName(f"option-{option.name}")
            field.setToolTip(option.help)
            label = QLabel((labels or {}).get(option.name) or _label(option))
            label.setToolTip(option.help)
            folded = option.bounds.advanced if plain is None else option.name not in plain
            (advanced if folded else unfolded).addRow(label, field)
            self._fields[option.name] = (option, field)
        layout.addLayout(unfolded)
        self._folded = QWidget()
        self._folded.setLayout(advanced)
        self._folded.hide()
        self._unfold = QToolButton()
        self._unfold.setText("Advanced ▸")
        self._unfold.setCheckable(True)
        self._unfold.setAutoRaise(True)
        self._unfold.toggled.connect(self._folded.setVisible)
        self._unfold.toggled.connect(lambda on: self._unfold.setText("Advanced ▾" if on else "Advanced ▸"))
        self._unfold.setVisible(bool(advanced.rowCount()))
        layout.addWidget(self._unfold)
        layout.addWidget(self._folded)

    def showEvent(self, event: QShowEvent) -> None:
        """See Qt."""
        super().showEvent(event)
        # only now is it known how wide the letters are
        align(*self.forms)

    def values(self) -> dict[str, Any]:
        """Return the options as they stand.

        Raises
        ------
        ParameterError
            If a required field is empty, or what was typed is not of the option's kind.
        """
        return {name: _value(option, field) for name, (option, field) in self._fields.items()}

    def show_only(self, names: Collection[str]) -> None:
        """Hide the options that do not matter now; those hidden keep their values."""
        for form in self.forms:
            for row in range(form.rowCount()):
                label, field = (
                    form.itemAt(row, role).widget()
                    for role in (QFormLayout.ItemRole.LabelRole, QFormLayout.ItemRole.FieldRole)
                )
                for widget in (label, field):
                    widget.setVisible(field.objectName().removeprefix("option-") in names)
        advanced = [self._fields[name][0].bounds.advanced for name in names if name in self._fields]
        self._unfold.setVisible(any(advanced))
        if advanced and all(advanced):
            self._unfold.setChecked(True)

    def field(self, name: str) -> QWidget:
        """Return the widget of one option."""
        return self._fields[name][1]


def form_layout() -> QFormLayout:
    """A form whose fields take all the width there is."""
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setSpacing(SPACING)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return form


def align(*forms: QFormLayout) -> None:
    """Let the fields of several forms, one below the other, begin at the same place."""
    items = [f.itemAt(r, QFormLayout.ItemRole.LabelRole) for f in forms for r in range(f.rowCount())]
    labels = [item.widget() for item in items if item is not None]
    widths = [label.fontMetrics().horizontalAdvance(label.text()) + 4 for label in labels]
    for label, width in zip(labels, widths, strict=True):
        label.setWordWrap(width > MAX_LABEL_WIDTH)
        label.setMinimumWidth(min(max(widths), MAX_LABEL_WIDTH))


def combo_box(name: str) -> QComboBox:
    """A box to choose from that does not grow with the longest thing it offers."""
    box = QComboBox()
    box.setObjectName(name)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(6)
    wheel_scrolls_past(box)
    return box


def _label(option: Option) -> str:
    name, unit = option.name, ""
    for suffix, symbol in UNITS.items():
        if name.endswith(suffix):
            name, unit = name.removesuffix(suffix), f" ({symbol})"
    # lengths that do not name their unit are in voxels, and say so
    if " in voxels" in option.help:
        unit = " (voxels)"
    return name.replace("_", " ").capitalize() + unit


class _Number(QDoubleSpinBox):
    """A number without the zeros behind it."""

    def textFromValue(self, value: float) -> str:
        """See Qt."""
        return self.locale().toString(value, "g", 6)


def _field(option: Option) -> QWidget:
    if option.choices:
        box = combo_box("")
        box.addItems([choice.replace("_", " ") for choice in option.choices])
        box.setCurrentIndex(option.choices.index(str(option.default)))
        return box
    if option.kind is bool:
        check = QCheckBox()
        check.setChecked(bool(option.default))
        return check
    if option.kind is int and not option.optional:
        spin = QSpinBox()
        wheel_scrolls_past(spin)
        low, high = option.bounds.minimum, option.bounds.maximum
        spin.setRange(int(low) if low is not None else -MAX_INT, int(high) if high is not None else MAX_INT)
        # a required number has no default; its smallest sensible value is where the field starts
        spin.setValue(spin.minimum() if option.required else option.default)
        return spin
    if option.kind is float and not option.optional:
        number = _Number()
        wheel_scrolls_past(number)
        low, high = option.bounds.minimum, option.bounds.maximum
        number.setRange(low if low is not None else -1e9, high if high is not None else 1e9)
        number.setDecimals(3)
        number.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        number.setValue(number.minimum() if option.required else option.default)
        return number
    line = QLineEdit()
    line.setClearButtonEnabled(True)
    if option.default not in (None, option.required):
        line.setText(_text(option.default))
    line.setPlaceholderText("not given" if option.optional else "")
    return line


def _text(value: Any) -> str:
    return " ".join(f"{v:g}" for v in value) if isinstance(value, tuple) else str(value)


def _value(option: Option, field: QWidget) -> Any:
    if isinstance(field, QComboBox):
        return option.choices[field.currentIndex()]
    if isinstance(field, QCheckBox):
        return field.isChecked()
    if isinstance(field, QSpinBox | QDoubleSpinBox):
        return field.value()
    assert isinstance(field, QLineEdit)
    text = field.text().strip()
    if not text:
        if option.optional:
            return None
        raise ParameterError(f"{_label(option)} is empty; {option.help}")
    if option.kind in (str, Path):
        return option.kind(text)
    kinds = getattr(option.kind, "__args__", (option.kind,))
    words = text.replace(",", " ").split()
    try:
        numbers = tuple(kind(word) for kind, word in zip(kinds, words, strict=True))
    except ValueError:
        wanted = "a number" if len(kinds) == 1 else f"{len(kinds)} numbers"
        raise ParameterError(f"{_label(option)}: {text!r} is not {wanted}") from None
    return numbers if hasattr(option.kind, "__args__") else numbers[0]
