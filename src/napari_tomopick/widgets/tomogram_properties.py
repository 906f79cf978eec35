"""A small dialog that corrects what is known of one tomogram, or of many at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_tomopick.errors import ParameterError, TomopickError
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.widgets.dock import TROUBLE_STYLE, row
from napari_tomopick.widgets.texts import Report

DIFFERENT = "different"
NOT_KNOWN = "not known"
CONTRASTS = ((None, NOT_KNOWN), (True, "particles are dark"), (False, "particles are light"))


def common(values: Sequence[Any]) -> tuple[Any, bool]:
    """The value that all have, and whether they have one."""
    return (values[0], True) if all(value == values[0] for value in values) else (None, False)


def number(text: str, what: str) -> float:
    """A number that was typed.

    Raises
    ------
    ParameterError
        If it is none.
    """
    try:
        return float(text.replace(",", ".").replace("−", "-"))
    except ValueError:
        raise ParameterError(f"{what}: {text!r} is no number") from None


class PropertiesDialog(QDialog):
    """Shows what is known; only what the user changes is handed on.

    Parameters
    ----------
    tomograms : sequence of Tomogram
    change : callable
        Called with the changed facts by name, as `Tomograms.change` takes them. A `TomopickError` it raises
        is shown, and the dialog stays open.
    parent : QWidget
    """

    def __init__(
        self, tomograms: Sequence[Tomogram], change: Callable[..., None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("tomogram-properties")
        one = tomograms[0] if len(tomograms) == 1 else None
        self.setWindowTitle(one.name if one is not None else f"{len(tomograms)} tomograms")
        self._change = change
        self.form = QFormLayout()
        self.name = self._field("name", one.name if one is not None else "", one is not None)
        self.path = self._field("path", str(one.path) if one is not None else "", one is not None)
        if one is not None:
            browse = QPushButton("…")
            browse.setToolTip("Choose another file of the same tomogram")
            browse.clicked.connect(self._browse)
            self.form.addRow("Name", self.name)
            self.form.addRow("File", row(self.path, browse, stretch=0))
        size, same = common([tomogram.voxel_size_angstrom for tomogram in tomograms])
        self.voxel_size = self._field("voxel-size", f"{size:.10g}" if same else "", same)
        self.form.addRow("Voxel size (Å)", self.voxel_size)
        tilts, same = common([tomogram.acquisition.tilt_range_degrees for tomogram in tomograms])
        low, high = (f"{tilt:g}" for tilt in tilts) if tilts is not None else ("", "")
        self.tilt_min = self._field("tilt-min", low, same)
        self.tilt_max = self._field("tilt-max", high, same)
        self.form.addRow("Tilt range (°)", row(self.tilt_min, QLabel("to"), self.tilt_max))
        axis, same = common([tomogram.acquisition.tilt_axis for tomogram in tomograms])
        self.tilt_axis = self._choice("tilt-axis", (("y", "y"), ("x", "x")), axis, same)
        self.form.addRow("Tilt axis", self.tilt_axis)
        dark, same = common([tomogram.particles_are_dark for tomogram in tomograms])
        self.contrast = self._choice("contrast", CONTRASTS, dark, same)
        self.form.addRow("Contrast", self.contrast)
        self.trouble = Report("properties-trouble")
        self.trouble.label.setStyleSheet(TROUBLE_STYLE)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(self.form)
        layout.addWidget(self.trouble)
        layout.addWidget(buttons)
        self.setMinimumWidth(420)
        self._before = self._texts()

    def _field(self, name: str, text: str, same: bool) -> QLineEdit:
        field = QLineEdit(text)
        field.setObjectName(name)
        field.setPlaceholderText(NOT_KNOWN if same else DIFFERENT)
        return field

    def _choice(self, name: str, choices: Sequence[tuple[Any, str]], value: Any, same: bool) -> QComboBox:
        box = QComboBox()
        box.setObjectName(name)
        for data, text in choices:
            box.addItem(text, data)
        box.setPlaceholderText(DIFFERENT)
        box.setCurrentIndex([data for data, _ in choices].index(value) if same else -1)
        return box

    def _texts(self) -> dict[str, str]:
        """What is typed or chosen in each field."""
        return {
            "name": self.name.text(),
            "path": self.path.text(),
            "voxel_size_angstrom": self.voxel_size.text(),
            "tilt_range_degrees": f"{self.tilt_min.text()} to {self.tilt_max.text()}",
            "tilt_axis": self.tilt_axis.currentText(),
            "particles_are_dark": self.contrast.currentText(),
        }

    def facts(self) -> dict[str, Any]:
        """What the user changed.

        Raises
        ------
        ParameterError
            If something typed makes no sense.
        """
        texts = self._texts()
        changed = {field for field, text in texts.items() if text != self._before[field]}
        found: dict[str, Any] = {field: texts[field] for field in changed & {"name", "path", "tilt_axis"}}
        if "voxel_size_angstrom" in changed:
            found["voxel_size_angstrom"] = number(self.voxel_size.text(), "voxel size")
        if "particles_are_dark" in changed:
            found["particles_are_dark"] = self.contrast.currentData()
        if "tilt_range_degrees" in changed:
            found["tilt_range_degrees"] = self._tilt_range()
        return found

    def _tilt_range(self) -> tuple[float, float] | None:
        low, high = self.tilt_min.text().strip(), self.tilt_max.text().strip()
        if not low and not high:
            return None
        if not low or not high:
            raise ParameterError(
                "a tilt range has a lowest and a highest tilt; leave both empty if not known"
            )
        return number(low, "lowest tilt"), number(high, "highest tilt")

    def accept(self) -> None:
        """Hand on what was changed, and close, unless it is refused."""
        try:
            facts = self.facts()
            if facts:
                self._change(**facts)
        except TomopickError as error:
            self.trouble.say(str(error))
            return
        super().accept()

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "File of the tomogram", self.path.text())
        if path:
            self.path.setText(path)
