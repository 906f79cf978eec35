"""The page of the Review dock for 3D: what is shown of it, the slice, a map at the particles, pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QGridLayout, QSpinBox, QVBoxLayout, QWidget

from napari_tomopick.widgets.dock import SPACING
from napari_tomopick.widgets.focus import wheel_scrolls_past
from napari_tomopick.widgets.folds import Fold
from napari_tomopick.widgets.forms import combo_box, form_layout
from napari_tomopick.widgets.scene_map import MapBox
from napari_tomopick.widgets.scene_pictures import PicturesBox
from napari_tomopick.widgets.scene_slice import SliceBox
from napari_tomopick.widgets.texts import Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_tomopick.widgets.dock import Dock

IN_3D = {"plane": "slice", "volume": "volume", "none": "nothing"}
LIE = {True: "as the particles", False: "along x, y, z"}


class ScenePage(QWidget):
    """What is shown in 3D, and how.

    Parameters
    ----------
    dock : Dock
        In which the page stands.
    """

    def __init__(self, dock: Dock) -> None:
        super().__init__()
        self._dock, self._workspace, self._scene = dock, dock.workspace, dock.workspace.scene
        self.what = ShownBox(dock)
        self.slice, self.map, self.pictures = SliceBox(dock), MapBox(dock), PicturesBox(dock)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACING, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.what)
        for title, name, box, opened in (
            ("Slice", "scene-slice-fold", self.slice, True),
            ("Map at the particles", "scene-map-fold", self.map, True),
            ("Picture and turn-around", "scene-pictures-fold", self.pictures, False),
        ):
            layout.addWidget(Fold(title, name, box, opened=opened))
        layout.addStretch(1)
        work = self._workspace
        dock.refresh_on(
            self._scene.changed,
            self._scene.pictures.changed,
            work.display_changed,
            work.tomogram_changed,
            work.review.look_changed,
            work.review.sets_changed,
            work.picking.shown_changed,
            work.picking.models_changed,
        )
        dock.refreshed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show how the scene is now."""
        for box in (self.what, self.slice, self.map, self.pictures):
            box.refresh()


class ShownBox(QWidget):
    """What of the scene is drawn.

    Parameters
    ----------
    dock : Dock
    """

    def __init__(self, dock: Dock) -> None:
        super().__init__()
        self._work, self._scene = dock.workspace, dock.workspace.scene
        work, scene = self._work, self._scene
        self.tomogram = combo_box("tomogram-in-3d")
        self.tomogram.setToolTip("How the tomogram is drawn in 3D; Shift+drag or Up and Down move the slice")
        for depiction, text in IN_3D.items():
            self.tomogram.addItem(text, depiction)
        self.tomogram.activated.connect(lambda i: work.set_depiction(self.tomogram.itemData(i)))
        self.points = _check("Circles", "scene-points", scene.show_points, "The particles as circles")
        self.arrows = _check(
            "Arrows", "scene-arrows", lambda on: work.review.set_look(arrows=on), "The particles' own z axes"
        )
        self.user_points = _check(
            "User points", "scene-user-points", work.picking.show, "The points, curves and markers of models"
        )
        self.membranes = _check(
            "Membranes",
            "scene-membranes",
            scene.membranes.show,
            "The surfaces of the visible surface and vesicle models, in their colours",
        )
        self.boxes = _check(
            "Boxes",
            "scene-boxes",
            lambda on: scene.boxes.set_look(shown=on),
            "What would be cut out at each particle, as wire cubes",
        )
        self.size = QSpinBox()
        self.size.setObjectName("scene-box-size")
        self.size.setRange(0, 2000)
        self.size.setSpecialValueText("their own size")
        self.size.setSuffix(" voxels")
        self.size.setKeyboardTracking(False)
        self.size.setToolTip("Side of the boxes; 0: that of the particle set")
        self.size.valueChanged.connect(lambda n: scene.boxes.set_look(size=n or None))
        wheel_scrolls_past(self.size)
        self.lie = combo_box("scene-box-axes")
        self.lie.setToolTip("Whether boxes are turned as the particles are, or lie along the tomogram's axes")
        for turned, text in LIE.items():
            self.lie.addItem(text, turned)
        self.lie.activated.connect(lambda i: scene.boxes.set_look(turned=self.lie.itemData(i)))
        self.remarks = Report("scene-remarks")
        form = form_layout()
        form.addRow("Tomogram", self.tomogram)
        checks = QGridLayout()
        checks.setSpacing(SPACING)
        for i, box in enumerate((self.points, self.arrows, self.user_points, self.membranes, self.boxes)):
            checks.addWidget(box, i // 3, i % 3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addLayout(form)
        layout.addLayout(checks)
        self.how_boxes = QWidget()
        boxes = form_layout()
        boxes.setContentsMargins(0, 0, 0, 0)
        boxes.addRow("Box size", self.size)
        boxes.addRow("Boxes lie", self.lie)
        self.how_boxes.setLayout(boxes)
        layout.addWidget(self.how_boxes)
        layout.addWidget(self.remarks)

    def refresh(self) -> None:
        """Show what is drawn now."""
        work, scene = self._work, self._scene
        look = scene.boxes.look
        quietly(self.tomogram, lambda: self.tomogram.setCurrentIndex(list(IN_3D).index(work.image.depiction)))
        for box, on in (
            (self.points, scene.points_shown),
            (self.arrows, work.review.look.arrows),
            (self.user_points, work.picking.shown),
            (self.membranes, scene.membranes.shown),
            (self.boxes, look.shown),
        ):
            quietly(box, lambda box=box, on=on: box.setChecked(on))
        quietly(self.size, lambda: self.size.setValue(look.size or 0))
        quietly(self.lie, lambda: self.lie.setCurrentIndex(self.lie.findData(look.turned)))
        self.how_boxes.setVisible(look.shown)
        hint = "" if work.is_3d or work.tomogram is None else "This is shown in 3D: press 3D."
        self.remarks.say("\n".join(filter(None, (hint, scene.remarks))))


def _check(text: str, name: str, action: Callable[[bool], object], tip: str) -> QCheckBox:
    box = QCheckBox(text)
    box.setObjectName(name)
    box.setToolTip(tip)
    box.toggled.connect(action)
    return box


def quietly(widget: QWidget, change: Callable[[], object]) -> None:
    """Change a field without the user having meant anything by it."""
    blocker = QSignalBlocker(widget)
    change()
    blocker.unblock()
