"""The line with which the particles of a set are compared with their average."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from napari_tomopick.widgets.dock import row
from napari_tomopick.widgets.own_thread import run_in_own_thread
from napari_tomopick.widgets.texts import note

if TYPE_CHECKING:
    from napari_tomopick.widgets.dock import Dock

POLL_MS = 100
TIP = (
    "How like each particle is to the average of the others: the correlation of its box, wherever within a "
    "few voxels, with the average of all that agree. False picks are low. In the background, of the whole "
    "set; one edit, which adds a column to filter and to sort by. {}"
)
BOX = "The box is one and a half diameters of the particle at best: it is now {} voxels."


class CompareLine(QWidget):
    """A button, in its place progress and a way to stop while it runs, and what came of it.

    Parameters
    ----------
    dock : Dock
    name : str
        What object names begin with.
    target : callable
        Gives uid and box size of the set it would be for; the uid is "" if there is none.
    tells : bool
        Whether it is said what came of it.
    """

    def __init__(
        self, dock: Dock, name: str, target: Callable[[], tuple[str, int]], *, tells: bool = False
    ) -> None:
        super().__init__()
        self._target, self._tells = target, tells
        self._comparing = comparing = dock.workspace.review.filters.comparing
        dock.workspace.run_long = run_in_own_thread
        self.begin = dock.button(
            "Compare with the average", f"{name}-compare", lambda: comparing.start(*target())
        )
        self.bar = QProgressBar()
        self.bar.setObjectName(f"{name}-compare-progress")
        self.cancel = dock.button("Cancel", f"{name}-compare-cancel", comparing.cancel, "Nothing is changed")
        self.cancel.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.said = note(f"{name}-compare-said")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.begin)
        layout.addLayout(row(self.bar, self.cancel, stretch=0))
        layout.addWidget(self.said)
        self._poll = QTimer(self)
        self._poll.setInterval(POLL_MS)
        self._poll.timeout.connect(self._show_progress)
        dock.refresh_on(comparing.changed)
        self.refresh()

    def refresh(self) -> None:
        """Show whether it runs, for which set it would, and what came of it."""
        comparing, (uid, size) = self._comparing, self._target()
        running = comparing.running
        self.begin.setVisible(not running)
        self.begin.setEnabled(bool(uid))
        self.begin.setToolTip(TIP.format(BOX.format(size) if uid else ""))
        for widget in (self.bar, self.cancel):
            widget.setVisible(running)
        told = self._tells and not running and comparing.uid == uid and bool(comparing.said)
        self.said.setVisible(told)
        self.said.setText(comparing.said if told else "")
        if running:
            self._show_progress()
            self._poll.start()
        else:
            self._poll.stop()

    def _show_progress(self) -> None:
        done, total, what = self._comparing.progress
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        self.bar.setFormat(f"{what}: %p %" if total else "beginning")
