"""How far one is with all tomograms, at a glance: a bar in the colours of the statuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from qtpy.QtCore import QEvent, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QToolTip, QVBoxLayout, QWidget

from napari_tomopick.layers.tomograms import STATUS_WORDS
from napari_tomopick.project import TomogramStatus
from napari_tomopick.widgets.tomogram_table import STATUS_COLOURS

# what is dealt with stands at the left, and grows to the right
ORDER = (
    TomogramStatus.DONE,
    TomogramStatus.NOTHING_HERE,
    TomogramStatus.IN_PROGRESS,
    TomogramStatus.TODO,
)
GAP = 1.0


def segments(counts: Counter[TomogramStatus], width: float) -> list[tuple[TomogramStatus, float, float]]:
    """(status, left, width) of the parts of a bar; none that has a tomogram is narrower than 3 pixels."""
    there = [status for status in ORDER if counts[status]]
    room = width - GAP * max(len(there) - 1, 0)
    wanted = [max(room * counts[status] / counts.total(), 3.0) for status in there]
    found, left = [], 0.0
    for status, part in zip(there, wanted, strict=True):
        part *= room / sum(wanted)
        found.append((status, left, part))
        left += part + GAP
    return found


class StatusBar(QWidget):
    """The bar alone; what a part of it means is its tooltip."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[TomogramStatus] = Counter()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """See Qt."""
        return QSize(100, self.fontMetrics().height())

    def show_counts(self, counts: Counter[TomogramStatus]) -> None:
        """Show other numbers."""
        self.counts = counts
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        painter = QPainter(self)
        metrics = self.fontMetrics()
        for status, left, width in segments(self.counts, self.width()):
            part, text = QRectF(left, 0, width, self.height()), str(self.counts[status])
            painter.fillRect(part, QColor(STATUS_COLOURS[status]))
            if metrics.horizontalAdvance(text) + 4 <= width:
                painter.setPen(QColor("black"))
                painter.drawText(part, Qt.AlignmentFlag.AlignCenter, text)

    def event(self, event: QEvent) -> bool:
        """Tell what the part under the mouse means."""
        if isinstance(event, QHelpEvent):
            for status, left, width in segments(self.counts, self.width()):
                if left <= event.pos().x() <= left + width:
                    QToolTip.showText(
                        event.globalPos(), f"{self.counts[status]} {STATUS_WORDS[status]}", self
                    )
            return True
        return super().event(event)


class StatusOverview(QWidget):
    """The bar, and below it its numbers in words.

    Signals
    -------
    clicked(status)
        The user clicked the words of a status.
    """

    clicked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("status-overview")
        self.bar = StatusBar()
        self.words = QLabel()
        self.words.setObjectName("status-words")
        self.words.setWordWrap(True)
        self.words.setToolTip("Click to list only these")
        self.words.linkActivated.connect(lambda link: self.clicked.emit(TomogramStatus(link)))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.bar)
        layout.addWidget(self.words)

    def show_statuses(self, statuses: Iterable[TomogramStatus]) -> None:
        """Show how many there are of each."""
        counts = Counter(statuses)
        self.bar.show_counts(counts)
        text = self.palette().text().color().name()
        self.words.setText(
            "&nbsp; ".join(
                f"<span style='color:{STATUS_COLOURS[status]}'>■</span>&nbsp;"
                f"<a href='{status}' style='color:{text}; text-decoration:none'>{counts[status]}&nbsp;"
                f"{STATUS_WORDS[status].replace(' ', '&nbsp;')}</a>"
                for status in ORDER
                if counts[status]
            )
        )
        self.setVisible(bool(counts))
