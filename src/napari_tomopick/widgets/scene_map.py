"""The part of the scene's page with the map that is shown at the particles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QFileDialog, QLabel, QVBoxLayout, QWidget

from napari_tomopick.io.volumes import SUFFIXES
from napari_tomopick.layers.attached_map import EVERY_SET, name_of
from napari_tomopick.widgets.dock import SPACING, row
from napari_tomopick.widgets.forms import combo_box
from napari_tomopick.widgets.slider_field import SliderField
from napari_tomopick.widgets.texts import Report

if TYPE_CHECKING:
    from napari_tomopick.widgets.dock import Dock

NONE = "no map"
FILES = "Maps (" + " ".join(f"*{suffix}" for suffix in SUFFIXES) + ")"
DIGITS = 3  # of a level


class MapBox(QWidget):
    """Which map is shown at the particles, and at which level.

    Parameters
    ----------
    dock : Dock
    """

    def __init__(self, dock: Dock) -> None:
        super().__init__()
        self._dock, self._work, self._map = dock, dock.workspace, dock.workspace.scene.map
        map_ = self._map
        self.choice = combo_box("scene-map")
        self.choice.setToolTip("The averages and initial models of this project, the latest first")
        self.choice.activated.connect(lambda i: dock.reported(lambda: self._choose(self.choice.itemData(i))))
        self.latest = dock.button(
            "Latest", "scene-map-latest", map_.attach_latest, "Show the latest average or initial model"
        )
        self.file = dock.button("File…", "scene-map-file", self._open, "Show any density: MRC, EM, HDF, TIFF")
        self.where = combo_box("scene-map-at")
        self.where.setToolTip("At the particles of which set it is shown")
        self.where.activated.connect(lambda i: map_.show_at(self.where.itemData(i)))
        self.level = SliderField(
            "Level", "scene-map-level", 0, 1, decimals=3, tip="The grey value of the surface"
        )
        # what is computed for one level is thrown away where the next is known
        self.level.moved.connect(lambda value: dock.reported(lambda: map_.set_level(value)))
        self.auto = dock.button(
            "Auto", "scene-map-auto", map_.set_level_automatically, "The level that parts particle and rest"
        )
        self.dark = QCheckBox("The particle is dark in it")
        self.dark.setObjectName("scene-map-dark")
        self.dark.toggled.connect(lambda on: dock.reported(lambda: map_.set_dark(on)))
        self.remove = dock.button("Remove", "scene-map-remove", map_.detach, "Show no map")
        self.words = Report("scene-map-words")
        self.settings = QWidget()
        inner = QVBoxLayout(self.settings)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(SPACING)
        inner.addLayout(row(QLabel("At"), self.where, stretch=1))
        inner.addLayout(row(self.level, self.auto, stretch=0))
        inner.addLayout(row(self.dark, self.remove, stretch=0))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addLayout(row(self.choice, self.latest, self.file, stretch=0))
        layout.addWidget(self.settings)
        layout.addWidget(self.words)

    def refresh(self) -> None:
        """Show the map as it is now."""
        map_ = self._map
        offered = map_.offered
        blockers = [QSignalBlocker(w) for w in (self.choice, self.where, self.dark)]
        self.choice.clear()
        self.choice.addItem(NONE if map_.map is None else map_.map.name, None)
        for result in offered:
            self.choice.addItem(name_of(result), result.path)
        self.where.clear()
        self.where.addItem("all sets that are drawn", EVERY_SET)
        for entry in self._work.review.sets:
            self.where.addItem(entry.name, entry.uid)
        self.where.setCurrentIndex(max(0, self.where.findData(map_.set_uid)))
        self.latest.setEnabled(bool(offered))
        self.file.setEnabled(self._work.tomogram is not None)
        self.settings.setVisible(map_.map is not None)
        if map_.map is not None:
            self.dark.setChecked(map_.map.dark)
            low, high = map_.map.limits
            self.level.number.setDecimals(decimals_for(high - low))
            self.level.set_range(low, high)
            self.level.show_value(map_.level)
        for blocker in blockers:
            blocker.unblock()
        self.words.say("\n".join(filter(None, (f"{map_.busy} …" if map_.busy else "", map_.words))))

    def _choose(self, path: object) -> None:
        if path is not None:
            self._map.attach(path)  # type: ignore[arg-type]

    def _open(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Show a map at the particles", "", FILES)
        if name:
            self._map.attach(name)


def decimals_for(span: float) -> int:
    """How many decimals tell a thousandth of a span."""
    decimals = DIGITS
    while span < 1 and decimals < 12:
        span, decimals = 10 * span, decimals + 1
    return decimals
