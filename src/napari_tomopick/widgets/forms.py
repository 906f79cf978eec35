"""A form made from a protocol's options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

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

UNITS = {"_angstrom": "Å", "_degrees": "°", "_kv": "kV", "_mm": "mm"}
MAX_INT = 2**31 - 1


class OptionForm(QWidget):
    """Fields for every option of a protocol, the advanced ones folded away.

    Parameters
    ----------
    protocol : callable
        The protocol.
    leave_out : tuple of str
        Options that the caller sets by itself.
    parent : QWidget, optional
    """

    def __init__(
        self, protocol: Callable[..., Any], leave_out: tuple[str, ...] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._fields: dict[str, tuple[Option, QWidget]] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        plain, advanced = _form(), _form()
        for option in options(protocol):
            if option.name in leave_out:
                continue
            field = _field(option)
            field.setObjectName(f"option-{option.name}")
            field.setToolTip(option.help)
            label = QLabel(_label(option.name))
            label.setToolTip(option.help)
            (advanced if option.bounds.advanced else plain).addRow(label, field)
            self._fields[option.name] = (option, field)
        layout.addLayout(plain)
        if advanced.rowCount():
            folded = QWidget()
            folded.setLayout(advanced)
            folded.hide()
            button = QToolButton()
            button.setText("Advanced ▸")
            button.setCheckable(True)
            button.setAutoRaise(True)
            button.toggled.connect(folded.setVisible)
            button.toggled.connect(lambda on: button.setText("Advanced ▾" if on else "Advanced ▸"))
            layout.addWidget(button)
            layout.addWidget(folded)

    def values(self) -> dict[str, Any]:
        """Return the options as they stand.

        Raises
        ------
        ParameterError
            If a required field is empty, or what was typed is not of the option's kind.
        """
        return {name: _value(option, field) for name, (option, field) in self._fields.items()}

    def field(self, name: str) -> QWidget:
        """Return the widget of one option."""
        return self._fields[name][1]


def _form() -> QFormLayout:
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    return form


def _label(name: str) -> str:
    unit = next((f" ({symbol})" for suffix, symbol in UNITS.items() if name.endswith(suffix)), "")
    for suffix in UNITS:
        name = name.removesuffix(suffix)
    return name.replace("_", " ").capitalize() + unit


def _field(option: Option) -> QWidget:
    if option.choices:
        box = QComboBox()
        box.addItems([choice.replace("_", " ") for choice in option.choices])
        box.setCurrentIndex(option.choices.index(str(option.default)))
        return box
    if option.kind is bool:
        check = QCheckBox()
        check.setChecked(bool(option.default))
        return check
    if option.kind is int and not option.optional:
        spin = QSpinBox()
        low, high = option.bounds.minimum, option.bounds.maximum
        spin.setRange(int(low) if low is not None else -MAX_INT, int(high) if high is not None else MAX_INT)
        # a required number has no default; its smallest sensible value is where the field starts
        spin.setValue(spin.minimum() if option.required else option.default)
        return spin
    if option.kind is float and not option.optional:
        number = QDoubleSpinBox()
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
        raise ParameterError(f"{_label(option.name)} is empty; {option.help}")
    if option.kind in (str, Path):
        return option.kind(text)
    kinds = getattr(option.kind, "__args__", (option.kind,))
    words = text.replace(",", " ").split()
    try:
        numbers = tuple(kind(word) for kind, word in zip(kinds, words, strict=True))
    except ValueError:
        wanted = "a number" if len(kinds) == 1 else f"{len(kinds)} numbers"
        raise ParameterError(f"{_label(option.name)}: {text!r} is not {wanted}") from None
    return numbers if hasattr(option.kind, "__args__") else numbers[0]
