"""The Boxing dock: show a network what is a particle and what is not, and let it find the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QShowEvent

from napari_tomopick.widgets.boxing_galleries import BoxingGalleries
from napari_tomopick.widgets.boxing_network import NetworkControls
from napari_tomopick.widgets.boxing_teaching import Teaching
from napari_tomopick.widgets.dock import Dock
from napari_tomopick.widgets.history import HistoryButtons
from napari_tomopick.widgets.opening import opened_with
from napari_tomopick.widgets.own_thread import run_in_own_thread

if TYPE_CHECKING:
    import napari.viewer


class BoxingDock(Dock):
    """References, a network, and what it finds.

    Clicks are references from the moment it is opened, until another use of the mouse is chosen or it is
    closed.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    at_start = False

    # napari hands over the viewer by the wording of this annotation
    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "tomopick-boxing")
        work = self.workspace
        work.run_long = run_in_own_thread
        self.boxing = work.boxing
        self.teaching = Teaching(self)
        self.network = NetworkControls(self)
        self.galleries = BoxingGalleries(self)
        self.above.addWidget(self.teaching)
        self.column.addWidget(self.network)
        self.column.addWidget(self.galleries, 1)
        self.below.addWidget(HistoryButtons(self))
        self.refresh_on(
            self.boxing.changed,
            work.tomogram_changed,
            work.session_changed,
            work.picking.models_changed,
            work.picking.mode_changed,
            work.review.selection.changed,
            work.display.filtering_changed,
            work.display.grey_changed,
        )
        opened_with(self, self.boxing)

    def showEvent(self, event: QShowEvent) -> None:
        """See Qt: what was hidden may have been closed by what it shows."""
        super().showEvent(event)
        self.boxing.open()
