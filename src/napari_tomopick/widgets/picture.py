"""The picture that a step has made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QImage, QMouseEvent, QPixmap, QResizeEvent
from qtpy.QtWidgets import QDialog, QLabel, QSizePolicy, QVBoxLayout

if TYPE_CHECKING:
    from PIL.Image import Image


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
        self._show(QPixmap() if path is None else QPixmap(str(path)), str(path))

    def show_image(self, image: Image, caption: str) -> None:
        """Show a picture that is twice as large as it is to be, of red, green and blue."""
        data = image.convert("RGB").tobytes()
        w, h = image.size
        whole = QPixmap.fromImage(QImage(data, w, h, 3 * w, QImage.Format.Format_RGB888))
        whole.setDevicePixelRatio(2.0)
        self._show(whole, caption)

    def _show(self, whole: QPixmap, caption: str) -> None:
        self._whole = whole
        self.setPixmap(QPixmap())
        self.setToolTip(f"Click to enlarge\n{caption}")
        self.setVisible(not self._whole.isNull())
        self._fit()

    def sizeHint(self) -> QSize:
        """See Qt."""
        return self.pixmap().deviceIndependentSize().toSize()

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
        whole.setPixmap(_within(self._whole, self.screen().availableSize() * 0.95))
        layout = QVBoxLayout(dialog)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(whole)
        dialog.show()

    def _fit(self) -> None:
        ratio = self.devicePixelRatioF()
        width = min(round(self.width() * ratio), self._whole.width())
        if width > 0 and width != self.pixmap().width():
            fitted = self._whole.scaledToWidth(width, Qt.TransformationMode.SmoothTransformation)
            fitted.setDevicePixelRatio(ratio)
            self.setPixmap(fitted)


def _within(picture: QPixmap, room: QSize) -> QPixmap:
    """A picture, made smaller if there is too little room for it."""
    size = picture.deviceIndependentSize()
    part = min(room.width() / size.width(), room.height() / size.height())
    if part >= 1:
        return picture
    how = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    return picture.scaled(picture.size() * part, *how)
