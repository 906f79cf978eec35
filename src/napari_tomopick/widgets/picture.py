"""The picture that a step has made."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QMouseEvent, QPixmap, QResizeEvent
from qtpy.QtWidgets import QDialog, QLabel, QSizePolicy, QVBoxLayout


class Picture(QLabel):
    """A picture as wide as there is room; a click shows it in its own size."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("step-picture")
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        # it takes the width of the dock, and must not ask for more
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._whole = QPixmap()
        self.hide()

    def show_file(self, path: Path | None) -> None:
        """Show the picture in a file, or none."""
        self._whole = QPixmap() if path is None else QPixmap(str(path))
        self.setToolTip(f"Click to enlarge\n{path}")
        self.setVisible(not self._whole.isNull())
        self._fit()

    def sizeHint(self) -> QSize:
        """See Qt."""
        return self.pixmap().size()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """See Qt."""
        super().resizeEvent(event)
        self._fit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Show the picture as large as it is."""
        dialog = QDialog(self.window())
        dialog.setObjectName("whole-picture")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(self.toolTip().splitlines()[-1])
        whole = QLabel()
        whole.setPixmap(self._whole)
        layout = QVBoxLayout(dialog)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(whole)
        dialog.show()

    def _fit(self) -> None:
        width = min(self.width(), self._whole.width())
        if width > 0 and width != self.pixmap().width():
            self.setPixmap(self._whole.scaledToWidth(width, Qt.TransformationMode.SmoothTransformation))
