"""The Picking dock: models of user points, the points of the current one, and what the mouse does to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QPoint, QSignalBlocker, Qt
from qtpy.QtGui import QColor, QCursor
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QButtonGroup,
    QColorDialog,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from napari_tomopick.errors import ParameterError
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.protocols.import_picks import SUFFIXES
from napari_tomopick.widgets.controls_panel import SchemeSwitch
from napari_tomopick.widgets.display_controls import DisplayControls
from napari_tomopick.widgets.dock import Dock, row
from napari_tomopick.widgets.focus import wheel_scrolls_past
from napari_tomopick.widgets.folds import Fold
from napari_tomopick.widgets.history import HistoryButtons
from napari_tomopick.widgets.model_tree import ModelTree
from napari_tomopick.widgets.point_list import PointList
from napari_tomopick.widgets.texts import note
from napari_tomopick.widgets.tracking_controls import ProposedBar, TrackingControls

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
    ("pan_zoom", "Look", "The mouse looks around and changes nothing"),
    ("add", "Add", "A click puts a point into the current model"),
    ("select", "Select", "Click or drag a box to select, drag to move"),
    ("erase", "Erase", "A stroke deletes all points it touches; one undo brings them back"),
)
MAX_BOX = 4096


def words(model_type: ModelType) -> str:
    """A model type as a user reads it."""
    return str(model_type).replace("_", " ")


def marker_words(model: Model | None) -> str:
    """What is to be said about a model's side marker."""
    if model is None:
        return ""
    if model.marker is not None:
        return "Marker at {:.0f}, {:.0f}, {:.0f}: normals point away.".format(*model.marker)
    if model.type in MARKED_TYPES:
        return "No side marker yet: put one on the inner side with Shift+C."
    return "No side marker (this type does not need one)."


def box_size_of(text: str) -> int | None:
    """The box size that was typed; None for none.

    Raises
    ------
    ParameterError
        If it is no size.
    """
    text = text.strip().strip("—")
    if not text:
        return None
    if not text.isdecimal() or not 2 <= int(text) <= MAX_BOX:
        raise ParameterError(
            f"A box size is a number of voxels from 2 to {MAX_BOX}, or nothing; got {text!r}"
        )
    return int(text)


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
        self._make_models()
        self._make_marker()
        self._make_modes()
        self._make_points()
        self._build()
        self.picking.menu_requested.connect(self._show_menu)
        self.refresh_on(
            self.workspace.tomogram_changed,
            self.picking.models_changed,
            self.picking.active_changed,
            self.picking.mode_changed,
            self.picking.selection_changed,
        )
        self.refresh()

    def _make_models(self) -> None:
        picking = self.picking
        self.new_type = self._type_box("new-model-type")
        self.new_type.setCurrentIndex(list(TYPE_HELP).index(ModelType.SURFACE))
        self.add_button = self.button("Add model", "add-model", self._add_model)
        self.import_button = self.button(
            "Import…", "import-points", self._import, "Points or particles of any file, as new models"
        )
        self.tree = ModelTree(picking.is_visible, words)
        self.tree.activated_model.connect(picking.activate)
        self.tree.colour_wanted.connect(self._choose_colour)
        self.tree.delete_wanted.connect(lambda uids: self.reported(lambda: picking.remove(*uids)))
        self.tree.menu_wanted.connect(self._offer_model_menu)
        items = self.tree.items
        items.ticked.connect(lambda uids, on: picking.set_all_visible(on, uids))
        items.renamed.connect(lambda uid, name: self.reported(lambda: picking.rename(uid, name)))
        items.grouped.connect(lambda uids, group: self.reported(lambda: picking.set_group(uids, group)))
        items.box_changed.connect(
            lambda uid, text: self.reported(lambda: picking.change(uid, box_size=box_size_of(text)))
        )
        self.type = self._type_box("model-type")
        self.type.activated.connect(lambda i: self._set("type", self.type.itemData(i)))
        self.box = QSpinBox()
        self.box.setObjectName("box-size")
        # one voxel is no box: the lowest value stands for none
        self.box.setRange(1, MAX_BOX)
        self.box.setSpecialValueText("—")
        self.box.setToolTip("Size in voxels of the box you have in mind for the particles; circles show it")
        self.box.editingFinished.connect(self._set_box)
        self.group = QSpinBox()
        self.group.setObjectName("group")
        self.group.setRange(0, 999_999)
        self.group.setToolTip("Handed on to the particles (Scipion's group id, Dynamo's region)")
        self.group.editingFinished.connect(lambda: self._set("group", self.group.value()))
        for field, widest in ((self.box, "1024"), (self.group, "999")):
            _narrow(field, widest)
        self.copy_button = self.button(
            "Duplicate", "duplicate-model", lambda: picking.duplicate(self._uid), "Copy it with its points"
        )
        self.delete_button = self.button(
            "Delete",
            "delete-model",
            lambda: picking.remove(*[model.uid for model in self.tree.selected] or [self._uid]),
            "Delete it; this can be undone",
        )

    def _type_box(self, name: str) -> QComboBox:
        box = QComboBox()
        box.setObjectName(name)
        box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for model_type, explained in TYPE_HELP.items():
            box.addItem(words(model_type), model_type)
            box.setItemData(box.count() - 1, explained, Qt.ItemDataRole.ToolTipRole)
        return box

    def _make_marker(self) -> None:
        self.marker = note("marker-state")
        self.put_marker = self.button(
            "Put side marker",
            "put-marker",
            lambda: self.picking.arm_marker(self.put_marker.isChecked()),
            "The next click in a slice puts it (or Shift+C there)",
        )
        self.put_marker.setCheckable(True)
        self.remove_marker = self.button("Remove", "remove-marker", self.picking.remove_marker)

    def _make_modes(self) -> None:
        self.modes: dict[str, QPushButton] = {}
        self._modes = group = QButtonGroup(self)
        for mode, text, tip in MODES:
            button = self.button(text, f"mode-{mode}", lambda m=mode: self.picking.set_mode(m), tip)
            button.setCheckable(True)
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            group.addButton(button)
            self.modes[mode] = button
        self.eraser_radius = QDoubleSpinBox()
        self.eraser_radius.setObjectName("eraser-radius")
        self.eraser_radius.setRange(0.5, 500)
        self.eraser_radius.setDecimals(1)
        self.eraser_radius.setSuffix(" voxels")
        self.eraser_radius.setToolTip("The eraser takes points within this distance, also in other slices")
        self.eraser_radius.valueChanged.connect(self.picking.set_eraser_radius)
        _narrow(self.eraser_radius, "100.0 voxels")
        self.eraser = _held(row(QLabel("Eraser radius"), self.eraser_radius, QWidget(), stretch=2))

    def _make_points(self) -> None:
        self.points = PointList()
        self.points.chosen.connect(lambda r: self.reported(lambda: self.picking.go_to_point(self._uid, r)))
        self.points.selected_changed.connect(
            lambda rows: self.picking.select_points([(self._uid, r) for r in rows])
        )
        self.points.delete_wanted.connect(
            lambda rows: self.picking.points_deleted([(self._uid, r) for r in rows])
        )

    def _build(self) -> None:
        column = self.column
        column.addLayout(row(self.new_type, self.add_button, self.import_button, stretch=0))
        column.addWidget(self.tree, 2)
        column.addLayout(row(QLabel("Type"), self.type, QLabel("Box"), self.box, stretch=1))
        column.addLayout(
            row(self.copy_button, self.delete_button, QWidget(), QLabel("Group"), self.group, stretch=2)
        )
        column.addWidget(self.marker)
        self.marker_row = _held(row(self.put_marker, self.remove_marker, stretch=0))
        column.addWidget(self.marker_row)
        column.addLayout(row(*self.modes.values()))
        column.addWidget(self.eraser)
        for others in (
            (
                ("Montage", "Montage", "Slices side by side, to trace a membrane in many of them"),
                ("Views", "Views", "The other two planes and an oblique one, linked with the slices"),
                ("Gallery", "Gallery", "The boxes about the points, to go to and to weed out"),
            ),
            (
                ("Boxing", "Boxing", "Find particles with a network that is taught by a few clicks"),
                (
                    "Initial model",
                    "Initial model",
                    "Make a map of extracted particles, to find more with",
                ),
                # with both words the row would be wider than the dock
                ("Template matching", "Matching", "Find particles that look like a map, as they lie"),
            ),
        ):
            buttons = (
                self.button(
                    f"{words}…", f"open-{name.lower().replace(' ', '-')}", lambda n=name: self._open(n), tip
                )
                for name, words, tip in others
            )
            column.addLayout(row(*buttons))
        self.points_fold = Fold("Points", "fold-points", self.points)
        column.addWidget(self.points_fold, 1)
        self.tracking_fold = Fold("Track the membrane", "fold-tracking", TrackingControls(self))
        column.addWidget(self.tracking_fold)
        column.addWidget(Fold("Display", "fold-display", DisplayControls(self.workspace), opened=False))
        self.below.addWidget(ProposedBar(self))
        self.below.addWidget(SchemeSwitch(self.workspace))
        self.below.addWidget(HistoryButtons(self))

    @property
    def _uid(self) -> str:
        model = self.picking.active
        return model.uid if model is not None else ""

    def refresh(self) -> None:
        """Show the models and points as they are now."""
        picking, model = self.picking, self.picking.active
        there = self.workspace.tomogram is not None
        self.tree.set_models(picking.models, self._uid)
        self.add_button.setEnabled(there)
        self.import_button.setEnabled(there)
        for widget in (self.copy_button, self.delete_button, self.type, self.box, self.group):
            widget.setEnabled(model is not None)
        self._refresh_marker(model)
        # while references are clicked, none of them is chosen
        self._modes.setExclusive(False)
        for mode, button in self.modes.items():
            button.setEnabled(there)
            button.setChecked(mode == picking.mode)
        self._modes.setExclusive(True)
        self.eraser.setVisible(picking.mode == "erase")
        _show_value(self.eraser_radius, picking.eraser_radius)
        if model is not None:
            _show_value(self.box, model.box_size or self.box.minimum())
            _show_value(self.group, model.group)
            self.type.setCurrentIndex(list(TYPE_HELP).index(model.type))
        self.tracking_fold.setVisible(model is not None and model.type is ModelType.SURFACE)
        self._refresh_points(model)

    def _refresh_marker(self, model: Model | None) -> None:
        armed = self.picking.marker_armed
        self.put_marker.setChecked(armed)
        self.put_marker.setText("Click the inner side…" if armed else "Put side marker")
        self.remove_marker.setEnabled(model is not None and model.marker is not None)
        wanted = model is not None and (
            model.type in MARKED_TYPES or model.marker is not None or "vesicle" in model.type
        )
        self.marker_row.setVisible(wanted)
        self.marker.setVisible(wanted or model is None)
        self.marker.setText(
            marker_words(model)
            if model is not None
            else "Add a model to put points in."
            if self.workspace.tomogram is not None
            else "Open a tomogram in the Tomograms dock first."
        )

    def _refresh_points(self, model: Model | None) -> None:
        count = 0 if model is None else len(model)
        whose = f" of {model.name}" if model is not None else ""
        self.points_fold.set_title(f"Points{whose} ({count:,})")
        rows = [number for uid, number in self.picking.view.selected if uid == self._uid]
        self.points.set_model(model, np.array(sorted(rows), np.int64))

    # what the user meant

    def _add_model(self) -> None:
        self.picking.add_model(self.new_type.currentData())

    def _import(self) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        files, _ = QFileDialog.getOpenFileNames(
            self, "Points or particles to import", "", f"Points and particles ({patterns});;All files (*)"
        )
        for file in files:
            self.picking.import_points(Path(file))

    def _set(self, field: str, value: Any) -> None:
        model = self.picking.active
        if model is not None and value != getattr(model, field):
            self.reported(lambda: self.picking.change(model.uid, **{field: value}))

    def _set_box(self) -> None:
        value = self.box.value()
        self._set("box_size", None if value == self.box.minimum() else value)

    def _choose_colour(self, uid: str) -> None:
        model = self.workspace.open_session.model(uid)
        colour = QColorDialog.getColor(QColor(model.colour), self, f"Colour of {model.name}")
        if colour.isValid() and colour.name() != model.colour:
            self.reported(lambda: self.picking.change(uid, colour=colour.name()))

    def _open(self, name: str) -> None:
        # here, as these docks are made by those that open them
        from napari_tomopick.widgets.window import DOCKS

        self.raised(DOCKS[name], name)

    # menus

    def _offer_model_menu(self, uids: list[str], at: QPoint) -> None:
        picking, items = self.picking, self.tree.items
        menu = self._menu("model-menu")
        if len(uids) == 1:
            (uid,) = uids
            menu.addAction("Rename", lambda: self.tree.edit(items.index_of(uid)))
            menu.addAction("Colour…", lambda: self._choose_colour(uid))
            menu.addAction("Duplicate", lambda: self.reported(lambda: picking.duplicate(uid)))
        into = menu.addMenu("Move to group")
        for group in [group for group, _ in items.groups] + [items.new_group]:
            text = f"Group {group}" if group != items.new_group else f"New group {group}"
            into.addAction(text, lambda g=group: self.reported(lambda: picking.set_group(uids, g)))
        menu.addAction("Show only this" if len(uids) == 1 else "Show only these", lambda: self._only(uids))
        menu.addAction("Show all", lambda: picking.set_all_visible(True))
        menu.addSeparator()
        menu.addAction("Delete", lambda: self.reported(lambda: picking.remove(*uids)))
        menu.popup(at)

    def _only(self, uids: list[str]) -> None:
        self.picking.set_all_visible(False)
        self.picking.set_all_visible(True, uids)

    def _show_menu(self, entries: list[tuple[str, Callable[[], None]]]) -> None:
        menu = self._menu("point-menu")
        for text, action in entries:
            menu.addAction(text, lambda a=action: self.reported(a))
        menu.popup(QCursor.pos())

    def _menu(self, name: str) -> QMenu:
        menu = QMenu(self)
        menu.setObjectName(name)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return menu


def _held(layout: QHBoxLayout) -> QWidget:
    """A row that can be hidden."""
    widget = QWidget()
    layout.setContentsMargins(0, 0, 0, 0)
    widget.setLayout(layout)
    return widget


def _narrow(field: QAbstractSpinBox, widest: str) -> None:
    """Make a field as wide as this text needs; it changes by the wheel only once it was clicked."""
    field.setKeyboardTracking(False)
    wheel_scrolls_past(field)
    metrics = field.fontMetrics()
    # napari's style puts a button at either end
    field.setFixedWidth(metrics.horizontalAdvance(widest) + 4 * metrics.height())


def _show_value(field: QSpinBox | QDoubleSpinBox, value: float) -> None:
    """Show a value, unless the user is just typing another one."""
    if not field.hasFocus():
        blocker = QSignalBlocker(field)
        field.setValue(value)  # type: ignore[arg-type]
        blocker.unblock()
