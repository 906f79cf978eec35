"""The Picking dock: models of user points, which of them gets the points, and its side marker."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QColor, QCursor
from qtpy.QtWidgets import (
    QButtonGroup,
    QColorDialog,
    QComboBox,
    QFormLayout,
    QFrame,
    QLabel,
    QMenu,
    QPushButton,
    QSpinBox,
)
from superqt import QCollapsible

from napari_tomopick.layers.keys import KEYS, MOUSE
from napari_tomopick.layers.user_points import DEFAULT_BOX
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.widgets.dock import Dock, row
from napari_tomopick.widgets.history import HistoryButtons
from napari_tomopick.widgets.table import Column, RowsTable
from napari_tomopick.widgets.texts import note

if TYPE_CHECKING:
    import napari.viewer

TYPE_HELP = {
    ModelType.GENERAL: "loose points: each is a particle",
    ModelType.SURFACE: "a membrane, traced slice by slice",
    ModelType.VESICLE: "a sphere through the points",
    ModelType.ELLIPSOIDAL_VESICLE: "an ellipsoid through the points",
    ModelType.MARKED_ELLIPSOIDAL_VESICLE: "an ellipsoid, with its inside marked",
    ModelType.FILAMENT: "an axis; particles along it",
    ModelType.FILAMENT_TORSION: "an axis; particles along it, twisting",
    ModelType.FILAMENT_HELIX: "an axis; particles on a helix about it",
    ModelType.FILAMENT_RINGS: "an axis; particles on rings about it",
    ModelType.DIPOLE: "pairs of points: centre, then north",
}
MARKED_TYPES = {ModelType.SURFACE, ModelType.MARKED_ELLIPSOIDAL_VESICLE}
MODES = (
    ("pan_zoom", "Look", "Drag pans, the wheel zooms (key 4)"),
    ("add", "Add by click", "A click puts a point into the current model (key 2)"),
    ("select", "Select, move", "Click or drag a box to select, drag to move (key 3)"),
)


def words(model_type: ModelType) -> str:
    """A model type as a user reads it."""
    return str(model_type).replace("_", " ")


def marker_words(model: Model | None) -> str:
    """What is to be said about a model's side marker."""
    if model is None:
        return ""
    if model.marker is not None:
        return "Side marker at x {:.0f}, y {:.0f}, z {:.0f}; normals point away from it.".format(
            *model.marker
        )
    if model.type in MARKED_TYPES:
        return "No side marker yet: put one on the inner side with Shift+C."
    return "No side marker (this type does not need one)."


class PickingDock(Dock):
    """Models of the shown tomogram.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    # napari hands over the viewer by the wording of this annotation
    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "tomopick-picking")
        self.picking = self.workspace.picking
        self.new_type = QComboBox()
        self.new_type.setObjectName("new-model-type")
        for model_type, explained in TYPE_HELP.items():
            self.new_type.addItem(words(model_type), model_type)
            self.new_type.setItemData(self.new_type.count() - 1, explained, Qt.ItemDataRole.ToolTipRole)
        self.new_type.setCurrentIndex(list(TYPE_HELP).index(ModelType.SURFACE))
        self.add_button = self.button("Add model", "add-model", self._add_model)
        self.table = RowsTable(self._columns(), lambda m: m.uid, "model-table")
        self.table.setSelectionMode(RowsTable.SelectionMode.SingleSelection)
        self.table.chosen.connect(lambda m: self.picking.activate(m.uid))
        self.colour_button = self.button("Colour…", "model-colour", self._choose_colour)
        self.copy_button = self.button(
            "Duplicate",
            "duplicate-model",
            lambda: self.picking.duplicate(self._uid),
            "Copy it with its points",
        )
        self.delete_button = self.button(
            "Delete", "delete-model", lambda: self.picking.remove(self._uid), "Delete it; this can be undone"
        )
        self.box = QSpinBox()
        self.box.setObjectName("box-size")
        self.box.setRange(2, 4096)
        self.box.setSingleStep(2)
        self.box.setSuffix(" voxels")
        self.box.setToolTip("Size of the box you have in mind for the particles; circles show it")
        self.box.editingFinished.connect(lambda: self._set("box_size", self.box.value()))
        self.group = QSpinBox()
        self.group.setObjectName("group")
        self.group.setRange(1, 9999)
        self.group.setToolTip("Handed on to the particles (Scipion's group id, Dynamo's region)")
        self.group.editingFinished.connect(lambda: self._set("group", self.group.value()))
        self.type = QComboBox()
        self.type.setObjectName("model-type")
        for model_type in TYPE_HELP:
            self.type.addItem(words(model_type), model_type)
        self.type.activated.connect(lambda i: self._set("type", self.type.itemData(i)))
        self.marker = note("marker-state")
        self.put_marker = self.button(
            "Put side marker",
            "put-marker",
            self._arm_marker,
            "The next click in the slice puts it (or Shift+C there)",
        )
        self.put_marker.setCheckable(True)
        self.remove_marker = self.button("Remove", "remove-marker", self.picking.remove_marker)
        self._build()
        self.picking.menu_requested.connect(self._show_menu)
        self.refresh_on(
            self.workspace.tomogram_changed,
            self.picking.models_changed,
            self.picking.active_changed,
            self.picking.mode_changed,
        )
        self.refresh()

    def _build(self) -> None:
        self.modes: dict[str, QPushButton] = {}
        group = QButtonGroup(self)
        for mode, text, tip in MODES:
            button = self.button(text, f"mode-{mode}", lambda m=mode: self.picking.set_mode(m), tip)
            button.setCheckable(True)
            group.addButton(button)
            self.modes[mode] = button
        self.column.addLayout(row(self.new_type, self.add_button, stretch=0))
        self.column.addWidget(self.table, 1)
        self.column.addLayout(row(self.colour_button, self.copy_button, self.delete_button))
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Type", self.type)
        form.addRow("Box size", self.box)
        form.addRow("Group", self.group)
        self.column.addLayout(form)
        self.column.addWidget(self.marker)
        self.column.addLayout(row(self.put_marker, self.remove_marker, stretch=0))
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        self.column.addWidget(line)
        self.column.addLayout(row(*self.modes.values()))
        self.below.addWidget(HistoryButtons(self))
        self.column.addWidget(_help())

    def _columns(self) -> list[Column]:
        return [
            Column(
                "Model",
                lambda m: m.name,
                tip=lambda m: "Tick: drawn. Double-click: rename. The current row gets the points.",
                colour=lambda m: m.colour,
                checked=lambda m: self.picking.is_visible(m.uid),
                set_checked=lambda m, on: self.picking.set_visible(m.uid, on),
                set_text=lambda m, text: self.reported(lambda: self.picking.change(m.uid, name=text.strip())),
                bold=lambda m: m.uid == self._uid,
                stretch=True,
            ),
            Column("Type", lambda m: words(m.type), tip=lambda m: TYPE_HELP[m.type]),
            Column("Group", lambda m: str(m.group), number=True),
            Column("Points", lambda m: str(len(m)), number=True),
        ]

    @property
    def _uid(self) -> str:
        model = self.picking.active
        return model.uid if model is not None else ""

    def refresh(self) -> None:
        """Show the models as they are now."""
        model = self.picking.active
        self.table.set_rows(self.picking.models, current=self._uid)
        self.add_button.setEnabled(self.workspace.tomogram is not None)
        for widget in (
            self.colour_button,
            self.copy_button,
            self.delete_button,
            self.type,
            self.box,
            self.group,
        ):
            widget.setEnabled(model is not None)
        self.put_marker.setEnabled(model is not None)
        self.put_marker.setChecked(self.picking.marker_armed)
        self.put_marker.setText("Click the inner side…" if self.picking.marker_armed else "Put side marker")
        self.remove_marker.setEnabled(model is not None and model.marker is not None)
        self.marker.setText(
            marker_words(model)
            if model is not None
            else "Add a model to put points in."
            if self.workspace.tomogram is not None
            else "Open a tomogram in the Tomograms dock first."
        )
        for mode, button in self.modes.items():
            button.setEnabled(self.workspace.tomogram is not None)
            button.setChecked(mode == self.picking.mode)
        if model is not None:
            for widget, value in ((self.box, model.box_size or DEFAULT_BOX), (self.group, model.group)):
                if not widget.hasFocus():
                    blocker = QSignalBlocker(widget)
                    widget.setValue(value)
                    blocker.unblock()
            self.type.setCurrentIndex(list(TYPE_HELP).index(model.type))

    def _add_model(self) -> None:
        self.picking.add_model(self.new_type.currentData())

    def _set(self, field: str, value: Any) -> None:
        model = self.picking.active
        if model is not None and value != getattr(model, field):
            self.reported(lambda: self.picking.change(model.uid, **{field: value}))

    def _choose_colour(self) -> None:
        model = self.picking.active
        colour = QColorDialog.getColor(QColor(model.colour), self, f"Colour of {model.name}")
        if colour.isValid():
            self.picking.change(model.uid, colour=colour.name())

    def _arm_marker(self) -> None:
        self.picking.arm_marker(self.put_marker.isChecked())

    def _show_menu(self, entries: list[tuple[str, Callable[[], None]]]) -> None:
        menu = QMenu(self)
        menu.setObjectName("point-menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for text, action in entries:
            menu.addAction(text, action)
        menu.popup(QCursor.pos())


def _help() -> QCollapsible:
    """The keys and mouse gestures, in a part that folds away."""
    lines = "".join(
        f"<tr><td style='padding-right:10px; white-space:nowrap'><b>{key}</b></td><td>{text}</td></tr>"
        for key, text in (*((k.shown, k.help) for k in KEYS if k.binding != "Backspace"), *MOUSE)
    )
    label = QLabel(f"<table>{lines}</table>")
    label.setWordWrap(True)
    label.setObjectName("key-help")
    folded = QCollapsible("Keys and mouse")
    folded.setObjectName("key-help-fold")
    folded.setDuration(0)
    folded.addWidget(label)
    return folded
