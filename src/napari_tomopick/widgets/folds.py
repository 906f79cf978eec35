"""Parts of a dock that fold away, and are found again as they were left."""

from __future__ import annotations

from qtpy.QtCore import QSettings, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_tomopick.layers.settings import settings_path
from napari_tomopick.widgets.dock import SPACING


def _states() -> QSettings:
    return QSettings(str(settings_path().with_name("docks.ini")), QSettings.Format.IniFormat)


class Fold(QWidget):
    """A title, and below it something that a click on the title hides or shows.

    Parameters
    ----------
    title : str
    name : str
        Object name of the title; under it is remembered whether it is open.
    content : QWidget
    opened : bool
        Whether it is open until a user says otherwise.
    """

    def __init__(self, title: str, name: str, content: QWidget, *, opened: bool = True) -> None:
        super().__init__()
        self.content = content
        self.title = QToolButton()
        self.title.setObjectName(name)
        self.title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.title.setAutoRaise(True)
        self.title.setCheckable(True)
        # a long title must not widen the dock
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING // 2)
        layout.addWidget(self.title)
        layout.addWidget(content)
        self.set_title(title)
        self.title.setChecked(_states().value(name, opened, type=bool))
        self._open(self.title.isChecked())
        self.title.toggled.connect(self._open)
        self.title.clicked.connect(self._remember)

    def set_title(self, title: str) -> None:
        """Call it otherwise; it ends in "…" where there is too little room."""
        self.full_title = title
        self.title.setToolTip(title)
        self._elide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """See Qt."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        room = self.width() - self.title.iconSize().width() - 4 * SPACING
        text = self.title.fontMetrics().elidedText(self.full_title, Qt.TextElideMode.ElideMiddle, room)
        self.title.setText(text)

    def _open(self, opened: bool) -> None:
        self.title.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        self.content.setVisible(opened)

    def _remember(self, opened: bool) -> None:
        _states().setValue(self.title.objectName(), opened)
