"""The part of the scene's page that makes pictures and turn-arounds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QFileDialog,
    QLabel,
    QProgressBar,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_tomopick.layers.movie_files import FRAMES, MOVIES, MP4, can_write_mp4
from napari_tomopick.layers.picture_export import LEAST_PIXELS, MOST_FRAMES, MOST_PIXELS, SCREEN, Turnaround
from napari_tomopick.widgets.dock import SPACING, row
from napari_tomopick.widgets.focus import wheel_scrolls_past
from napari_tomopick.widgets.forms import combo_box, form_layout
from napari_tomopick.widgets.own_thread import run_in_own_thread
from napari_tomopick.widgets.texts import Report

if TYPE_CHECKING:
    from napari_tomopick.widgets.dock import Dock

SIZES = {"picture": (2000, 1500), "movie": (1000, 750)}
ABOUT = {SCREEN: "what is upright now", "x": "x", "y": "y", "z": "z"}
POLL_MS = 100


class PicturesBox(QWidget):
    """Saves what is seen.

    Parameters
    ----------
    dock : Dock
    """

    def __init__(self, dock: Dock) -> None:
        super().__init__()
        self._dock, self._work, self._pictures = dock, dock.workspace, dock.workspace.scene.pictures
        dock.workspace.run_long = run_in_own_thread
        self.width_, self.height_ = (
            _number(f"scene-{s}", LEAST_PIXELS, MOST_PIXELS) for s in ("width", "height")
        )
        self.width_.setValue(SIZES["picture"][0])
        self.height_.setValue(SIZES["picture"][1])
        self.save = dock.button("Save picture…", "scene-save-picture", self._save_picture, "As PNG")
        self.frames = _number("scene-frames", 2, MOST_FRAMES)
        self.frames.setValue(72)
        self.seconds = QDoubleSpinBox()
        self.seconds.setObjectName("scene-seconds")
        self.seconds.setRange(0.1, 600)
        self.seconds.setDecimals(1)
        self.seconds.setValue(6)
        self.seconds.setSuffix(" s")
        self.seconds.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.movie_width, self.movie_height = (
            _number(f"scene-movie-{s}", LEAST_PIXELS, MOST_PIXELS) for s in ("width", "height")
        )
        self.movie_width.setValue(SIZES["movie"][0])
        self.movie_height.setValue(SIZES["movie"][1])
        self.axis = combo_box("scene-turn-axis")
        self.axis.setToolTip("About which the scene turns, through the middle of the picture")
        for axis, text in ABOUT.items():
            self.axis.addItem(text, axis)
        self.kind = combo_box("scene-movie-kind")
        self.kind.setToolTip("MP4 needs the package imageio-ffmpeg")
        for suffix, text in MOVIES.items():
            if suffix != MP4 or can_write_mp4():
                self.kind.addItem(text, suffix)
        self.film = dock.button(
            "Save turn-around…", "scene-save-movie", self._save_movie, "A movie in which the scene turns once"
        )
        self.bar = QProgressBar()
        self.bar.setObjectName("scene-movie-progress")
        self.cancel = dock.button("Cancel", "scene-cancel-movie", self._pictures.cancel, "Nothing is saved")
        self.cancel.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.said = Report("scene-pictures-said")
        wheel_scrolls_past(self.seconds)
        form = form_layout()
        form.addRow("Picture", row(self.width_, QLabel("×"), self.height_, stretch=0))
        form.addRow("", self.save)
        form.addRow("Turn about", self.axis)
        form.addRow("Movie", row(self.movie_width, QLabel("×"), self.movie_height, stretch=0))
        form.addRow("Frames", row(self.frames, QLabel("in"), self.seconds, stretch=0))
        form.addRow("Kind", self.kind)
        form.addRow("", self.film)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addLayout(form)
        layout.addLayout(row(self.bar, self.cancel, stretch=0))
        layout.addWidget(self.said)
        # a frame at a time, between which the window lives
        self._next = QTimer(self)
        self._next.setInterval(0)
        self._next.timeout.connect(lambda: dock.reported(self._step))
        self._poll = QTimer(self)
        self._poll.setInterval(POLL_MS)
        self._poll.timeout.connect(self.refresh)

    def refresh(self) -> None:
        """Show how far it is."""
        pictures = self._pictures
        running, shown = pictures.running, self._work.tomogram is not None
        self.save.setEnabled(shown and not running)
        self.film.setEnabled(shown and self._work.is_3d and not running)
        for widget in (self.bar, self.cancel):
            widget.setVisible(running)
        if running:
            done, total, what = pictures.progress
            self.bar.setRange(0, total)
            self.bar.setValue(done)
            self.bar.setFormat(f"{what}: {done} of {total}")
        elif self._poll.isActive():
            self._poll.stop()
        self.said.say(pictures.said)

    def _save_picture(self) -> None:
        path = self._ask("Save a picture", "scene.png", "PNG (*.png)")
        if path is not None:
            self._pictures.save_picture(path.with_suffix(".png"), self.width_.value(), self.height_.value())

    def _save_movie(self) -> None:
        suffix = self.kind.currentData()
        kind = f"{self.kind.currentText()} (*{suffix})" if suffix != FRAMES else "Folder (*)"
        path = self._ask("Save a turn-around", f"turn{suffix}", kind)
        if path is None:
            return
        self._pictures.start(
            Turnaround(
                path.with_suffix(suffix),
                self.frames.value(),
                self.seconds.value(),
                self.axis.currentData(),
                self.movie_width.value(),
                self.movie_height.value(),
            )
        )
        self._next.start()
        self._poll.start()

    def _step(self) -> None:
        going_on = False
        try:
            going_on = self._pictures.step()
        finally:
            if not going_on:
                self._next.stop()

    def _ask(self, title: str, name: str, kind: str) -> Path | None:
        session = self._work.session
        folder = Path() if session is None else session.path.parent
        found, _ = QFileDialog.getSaveFileName(self, title, str(folder / name), kind)
        return Path(found) if found else None


def _number(name: str, least: int, most: int) -> QSpinBox:
    field = QSpinBox()
    field.setObjectName(name)
    field.setRange(least, most)
    field.setKeyboardTracking(False)
    # without them there is room for the number
    field.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
    wheel_scrolls_past(field)
    return field
