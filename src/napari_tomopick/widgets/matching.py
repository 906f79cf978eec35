"""The Template matching dock: find what looks like a map of a particle, with its orientation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QShowEvent

from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.widgets.dock import Dock, bring_to_front
from napari_tomopick.widgets.history import HistoryButtons
from napari_tomopick.widgets.matching_results import FoundControls
from napari_tomopick.widgets.matching_search import SearchControls
from napari_tomopick.widgets.matching_template import TemplateFields
from napari_tomopick.widgets.opening import opened_with
from napari_tomopick.widgets.own_thread import run_in_own_thread

if TYPE_CHECKING:
    import napari.viewer

NAME = "Template matching"
"""As it stands in the plugin's menu."""


class MatchingDock(Dock):
    """A template, a search, and what it finds.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    at_start = False

    # napari hands over the viewer by the wording of this annotation
    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "tomopick-matching")
        work = self.workspace
        work.run_long = run_in_own_thread
        self.matching = work.matching
        self.template = TemplateFields(self)
        self.search = SearchControls(self)
        self.found = FoundControls(self)
        for part in (self.template, self.search, self.found):
            self.column.addWidget(part)
        self.column.addStretch(1)
        self.below.addWidget(HistoryButtons(self))
        self.refresh_on(
            self.matching.changed,
            work.tomogram_changed,
            work.session_changed,
            work.tomograms_changed,
            work.history_changed,
            work.review.sets_changed,
        )
        opened_with(self, self.matching)

    def showEvent(self, event: QShowEvent) -> None:
        """See Qt: what was hidden may have been closed by what it shows."""
        super().showEvent(event)
        self.matching.open()


def use_as_template(viewer: Any, path: Path) -> None:
    """Let a map, such as a new initial model or average, be the template, in a dock that comes to the front.

    Parameters
    ----------
    viewer : napari.Viewer
        Also behind the proxy that napari hands to plugins.
    path : Path
    """
    work = workspace_for(viewer)
    _, dock = work.viewer.window.add_plugin_dock_widget("napari-tomopick", NAME)  # type: ignore[attr-defined]
    bring_to_front(dock)
    with work.reporting():
        work.matching.choice.choose(Path(path))
