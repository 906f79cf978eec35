"""What an initial model is made from, and how: the page to fill in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_tomopick.layers.initial_model import InitialModelling
from napari_tomopick.layers.initial_model_words import NO_SETS
from napari_tomopick.widgets.dock import SPACING
from napari_tomopick.widgets.forms import OptionForm, align, combo_box, form_layout
from napari_tomopick.widgets.step_inputs import PathField, offer
from napari_tomopick.widgets.texts import note

PLAIN = ("batch_size", "iterations", "batches", "return_aligned")
LABELS = {
    "iterations": "Number of iterations",
    "batches": "Number of batches",
    "return_aligned": "Return aligned subtomograms",
    "starts": "Random starts",
}
A_FOLDER = "another folder …"
EXPLANATION = (
    "Find what subtomograms have in common, though nobody knows how they are turned: a first map of the "
    "particle, to match with."
)


class Setup(QWidget):
    """See the module.

    Parameters
    ----------
    modelling : InitialModelling
    """

    def __init__(self, modelling: InitialModelling) -> None:
        super().__init__()
        # compiled kernels come with it
        from napari_tomopick.protocols.initial_model import initial_model

        self._modelling = modelling
        words = QLabel(EXPLANATION)
        words.setWordWrap(True)
        self.subtomograms = combo_box("model-subtomograms")
        self.folder = PathField("Folder of subtomograms", "subtomograms")
        self.about = note("model-about")
        self.reference = PathField("Reference", "file")
        self.reference.line.setPlaceholderText("none: random starts")
        self.reference.setToolTip(
            "Map to start from, particles bright; the model keeps its place and its axes"
        )
        self.mask = PathField("Mask", "file")
        self.mask.line.setPlaceholderText("none")
        self.mask.setToolTip("Map, from 0 to 1, of what counts when subtomograms are aligned to the model")
        self.output = PathField("Model", "new file")
        self.form = OptionForm(initial_model, ("reference", "mask"), plain=PLAIN, labels=LABELS)
        self.inputs = form_layout()
        self.inputs.addRow("Subtomograms", self.subtomograms)
        self.inputs.addRow("", self.folder)
        self.inputs.addRow(self.about)
        self.inputs.addRow("Reference", self.reference)
        self.inputs.addRow("Mask", self.mask)
        self.inputs.addRow("Model", self.output)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACING, 0, 0)
        layout.setSpacing(2 * SPACING)
        layout.addWidget(words)
        layout.addLayout(self.inputs)
        layout.addWidget(self.form)
        layout.addStretch(1)
        self.subtomograms.currentIndexChanged.connect(self._choose)
        self.folder.line.textChanged.connect(self._choose)

    def showEvent(self, event: QShowEvent) -> None:
        """See Qt: only now is it known how wide the letters are."""
        super().showEvent(event)
        align(self.inputs)

    def refresh(self) -> None:
        """Offer what the project holds now."""
        sets = self._modelling.sets
        offer(self.subtomograms, [*sets, (A_FOLDER, "")])
        self._choose()
        text = self._modelling.about
        if not sets and self._modelling.folder is None:
            text = NO_SETS
        self.about.setText(text)
        self.about.setVisible(bool(text))
        suggested = self._modelling.suggested_output()
        if suggested is not None:
            self.output.suggest(suggested)

    def _choose(self) -> None:
        another = self.subtomograms.currentData() == ""
        self.inputs.setRowVisible(self.folder, another)
        typed = self.folder.line.text().strip()
        folder = (Path(typed).expanduser() if typed else None) if another else self.subtomograms.currentData()
        self._modelling.choose(folder)

    def options(self) -> dict[str, Any]:
        """The options as they stand.

        Raises
        ------
        ParameterError
            If what was typed is not of the option's kind.
        """
        given = {
            name: field.path() if field.line.text().strip() else None
            for name, field in (("reference", self.reference), ("mask", self.mask))
        }
        return {**self.form.values(), **given}
