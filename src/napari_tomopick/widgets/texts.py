"""Texts of several lines."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QLabel, QScrollArea, QSizePolicy

MAX_HEIGHT = 130


def note(name: str) -> QLabel:
    """A text over several lines that can be copied."""
    label = QLabel()
    label.setObjectName(name)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    return label


class Report(QScrollArea):
    """A text as high as it needs to be, up to a limit beyond which it scrolls; not there if it is empty.

    Parameters
    ----------
    name : str
        Object name of its label.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.label = note(name)
        self.label.setAlignment(Qt.AlignmentFlag.AlignTop)
        # its height is set below, for the width there is
        self.label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.setWidget(self.label)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.say("")

    def text(self) -> str:
        """What it says."""
        return self.label.text()

    def say(self, text: str) -> None:
        """Say something else."""
        self.label.setText(text)
        self.setVisible(bool(text))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """See Qt."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        wanted = max(self.label.heightForWidth(self.viewport().width()), 0)
        self.label.setMinimumHeight(wanted)
        frame = self.contentsMargins()
        self.setFixedHeight(min(wanted + frame.top() + frame.bottom(), MAX_HEIGHT))
