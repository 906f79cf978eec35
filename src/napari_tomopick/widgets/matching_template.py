"""The part of the matching dock in which the template is chosen and shown."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_tomopick.layers import matching_words as words
from napari_tomopick.layers.matching_pictures import central_sections, wedge_picture
from napari_tomopick.layers.matching_template import Chosen
from napari_tomopick.widgets.dock import SPACING, Dock, row
from napari_tomopick.widgets.focus import wheel_scrolls_past
from napari_tomopick.widgets.forms import combo_box
from napari_tomopick.widgets.history import ElidingButton
from napari_tomopick.widgets.matching_pictures import TemplatePictures
from napari_tomopick.widgets.texts import note

MAPS = "Maps (*.mrc *.map *.rec *.mrcs *.em *.hdf);;All files (*)"
MASK_TIP = "A mask from a file, 0 to 1, of the template's shape"
NONE_CHOSEN = "choose a template"
BALL = "automatic"
GROUPS = ("C1", "C2", "C3", "C4", "C6", "C8", "C12", "D2", "D7", "T", "O", "I")


class TemplateFields(QWidget):
    """See the module.

    Parameters
    ----------
    dock : Dock
        It stands in this dock, and is refreshed with it.
    """

    def __init__(self, dock: Dock) -> None:
        super().__init__(dock)
        self._dock, self.matching = dock, dock.workspace.matching
        self._seen: Chosen | None = None
        self.template = combo_box("template")
        self.template.setToolTip("Initial models and averages of the project, the newest first, and files")
        self.template.activated.connect(lambda _: self._take())
        self.file = dock.button(
            "File…", "template-file", self._browse, "A map in a file, with its voxel size"
        )
        self.symmetry = QComboBox()
        self.symmetry.setObjectName("template-symmetry")
        self.symmetry.setEditable(True)
        self.symmetry.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.symmetry.addItems(GROUPS)
        self.symmetry.setToolTip(
            "Point group of the template, its axis along z: C1, C12, D7, T, O, I. "
            "Orientations that look the same are compared once"
        )
        wheel_scrolls_past(self.symmetry)
        self.symmetry.activated.connect(lambda _: self._take_symmetry())
        line = self.symmetry.lineEdit()
        assert line is not None
        line.editingFinished.connect(self._take_symmetry)
        self.symmetry.setFixedWidth(5 * self.fontMetrics().height())
        # the name of a file may be long
        self.mask = ElidingButton()
        self.mask.setObjectName("template-mask")
        self.mask.clicked.connect(lambda: dock.reported(self._browse_mask))
        self.mask.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.no_mask = dock.button(
            "✕",
            "template-no-mask",
            lambda: self.matching.choice.set_mask(None),
            "No file: a ball that holds the template",
        )
        self.no_mask.setFixedWidth(2 * self.fontMetrics().height())
        self.pictures = TemplatePictures()
        self.words, self.wedge = note("template-words"), note("wedge-words")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addLayout(row(self.template, self.file, stretch=0))
        layout.addLayout(
            row(QLabel("Mask"), self.mask, self.no_mask, QLabel("Symmetry"), self.symmetry, stretch=1)
        )
        layout.addWidget(self.pictures)
        layout.addWidget(self.words)
        layout.addWidget(self.wedge)
        dock.refreshed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is chosen, and what can be."""
        choice, tomogram = self.matching.choice, self.matching.workspace.tomogram
        chosen = choice.chosen
        self._offer()
        for widget in (self.mask, self.symmetry):
            widget.setEnabled(chosen is not None)
        mask = None if chosen is None else chosen.mask
        self.mask.set_full_text(BALL if mask is None else mask.name)
        self.mask.setToolTip(f"{MASK_TIP}. {'Now: a ball that holds it' if mask is None else mask}")
        self.no_mask.setVisible(mask is not None)
        line = self.symmetry.lineEdit()
        if line is not None and not line.hasFocus():
            self._show_symmetry()
        if chosen is not self._seen:
            self._seen = chosen
            self.pictures.show_sections(() if chosen is None else central_sections(chosen.template))
            self._show_symmetry()
        acquisition = None if tomogram is None else tomogram.acquisition
        if acquisition is None or acquisition.tilt_range_degrees is None:
            self.pictures.show_wedge(None, "")
        else:
            axis = acquisition.tilt_axis
            across = "kx, kz" if axis == "y" else "ky, kz"
            self.pictures.show_wedge(wedge_picture(acquisition.tilt_range_degrees, axis), across)
        self.words.setText(words.template(self.matching))
        text = words.wedge(tomogram)
        self.wedge.setText(text)
        self.wedge.setVisible(bool(text))

    def _offer(self) -> None:
        choice = self.matching.choice
        entries = [(offered.text, offered.path) for offered in choice.offered()]
        chosen = choice.chosen
        if chosen is None:
            entries.insert(0, (NONE_CHOSEN, None))
        blocker = QSignalBlocker(self.template)
        self.template.clear()
        for text, path in entries:
            self.template.addItem(text, path)
        at = 0 if chosen is None else [path for _, path in entries].index(chosen.path)
        self.template.setCurrentIndex(at)
        blocker.unblock()
        if chosen is not None:
            self.template.setToolTip(str(chosen.path))

    def _show_symmetry(self) -> None:
        chosen = self.matching.choice.chosen
        blocker = QSignalBlocker(self.symmetry)
        self.symmetry.setEditText("C1" if chosen is None else chosen.symmetry)
        blocker.unblock()

    def _take(self) -> None:
        path = self.template.currentData()
        if path is not None:
            self._dock.reported(lambda: self.matching.choice.choose(path))

    def _take_symmetry(self) -> None:
        text = self.symmetry.currentText().strip()
        if self.matching.choice.chosen is not None and text:
            self._dock.reported(lambda: self.matching.choice.set_symmetry(text))

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Choose a template", self._folder, MAPS)
        if path:
            self.matching.choice.choose(Path(path))

    def _browse_mask(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Choose a mask of the template", self._folder, MAPS)
        if path:
            self.matching.choice.set_mask(Path(path))

    @property
    def _folder(self) -> str:
        chosen, session = self.matching.choice.chosen, self.matching.workspace.session
        if chosen is not None:
            return str(chosen.path.parent)
        return "" if session is None else str(session.path.parent)
