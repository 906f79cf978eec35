"""The average of what is selected in the gallery, beside the tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QComboBox, QFileDialog, QSizePolicy, QVBoxLayout, QWidget

from napari_tomopick.layers.gallery_average import GalleryAverage
from napari_tomopick.widgets.dock import SPACING, Dock, row
from napari_tomopick.widgets.review_likeness import CompareLine
from napari_tomopick.widgets.texts import note
from napari_tomopick.widgets.tile_painting import WAITING

OF = {"selected": "of the selection", "shown": "of what is in sight", "all": "of all"}
NAMES = ("XY", "XZ", "YZ")
GAP = 4
TIP = (
    "The plain mean of the boxes, each in its particle's own frame: its z axis is up in XZ and YZ. Sections "
    "are as thick as the slab. It is for looking: missing wedges are not weighted; for that, extract "
    "and average."
)


class AveragePicture(QWidget):
    """Three sections, beside one another or below, whichever has them larger."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("average-picture")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setToolTip(TIP)
        self.sections: np.ndarray | None = None

    def show_sections(self, sections: np.ndarray | None) -> None:
        """Show these, ``(3, N, N)`` with row 0 the lowest, or none."""
        self.sections = sections
        self.update()

    def sizeHint(self) -> QSize:
        """See Qt."""
        return QSize(270, 100)

    def minimumSizeHint(self) -> QSize:
        """See Qt."""
        return QSize(120, 60)

    def places(self) -> list[QRect]:
        """Where the three are."""
        width, height, below = self.width(), self.height(), self.fontMetrics().height()
        found = []
        for columns in (3, 2, 1):
            rows = -(-3 // columns)
            side = min((width - (columns - 1) * GAP) // columns, (height - (rows - 1) * GAP) // rows - below)
            found.append((max(side, 1), columns))
        side, columns = max(found)
        return [
            QRect((i % columns) * (side + GAP), (i // columns) * (side + below + GAP), side, side)
            for i in range(3)
        ]

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for i, rect in enumerate(self.places()):
            if self.sections is None:
                painter.fillRect(rect, WAITING)
            else:
                rows = np.ascontiguousarray(self.sections[i][::-1])
                n = len(rows)
                painter.drawImage(rect, QImage(rows.data, n, n, n, QImage.Format.Format_Grayscale8))
            painter.setPen(self.palette().color(self.foregroundRole()))
            below = QRect(rect.left(), rect.bottom() + 1, rect.width(), self.fontMetrics().height())
            painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, NAMES[i])
        painter.end()


class AveragePanel(QWidget):
    """What it is of, how far it is, stop and save.

    Parameters
    ----------
    dock : Dock
    average : GalleryAverage
    """

    def __init__(self, dock: Dock, average: GalleryAverage) -> None:
        super().__init__()
        self.setObjectName("gallery-average")
        self._dock, self._average = dock, average
        self.of = QComboBox()
        self.of.setObjectName("average-of")
        self.of.setToolTip("Which boxes are averaged")
        for key, text in OF.items():
            self.of.addItem(text, key)
        self.of.activated.connect(lambda i: average.set_of(self.of.itemData(i)))
        self.hold = dock.button("Stop", "average-stop", self._hold)
        self.save = dock.button(
            "Save…", "average-save", self._save, "Write the average so far as MRC, with its voxel size"
        )
        self.picture = AveragePicture()
        self.text = note("average-text")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING // 2)
        layout.addLayout(row(self.of, self.hold, self.save, stretch=0))
        layout.addWidget(self.picture, 1)
        layout.addWidget(self.text)
        self.compare = CompareLine(dock, "average", lambda: average.whole_set)
        layout.addWidget(self.compare)
        average.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the average as it is now."""
        average = self._average
        self.of.setCurrentIndex(self.of.findData(average.of))
        self.picture.show_sections(average.sections())
        self.text.setText(average.text())
        self.hold.setText("Go on" if average.held else "Stop")
        self.hold.setToolTip("Read the boxes that are lacking" if average.held else "Read no more boxes")
        self.hold.setEnabled(average.held or average.running)
        self.save.setEnabled(average.count > 0)
        self.compare.refresh()

    def _hold(self) -> None:
        self._average.hold(not self._average.held)

    def _save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the average", "average.mrc", "MRC (*.mrc)")
        if name:
            path = Path(name)
            self._average.save(path if path.suffix else path.with_suffix(".mrc"))
