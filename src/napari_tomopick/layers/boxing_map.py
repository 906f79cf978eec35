"""The scores of a network as an image over the tomogram, for whoever wants to see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_tomopick.layers import compat

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Workspace

NAME = "particle scores"
OPACITY = 0.45


class ScoreLayer:
    """Shows scores, if it is wanted and there are any.

    Parameters
    ----------
    workspace : Workspace
    """

    name = NAME

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.wanted = False
        self._scored: Any = None
        self.layer: Image | None = None

    def want(self, wanted: bool) -> None:
        """Show scores whenever there are any, or never."""
        self.wanted = wanted
        self.show(self._scored)

    def show(self, scored: Any) -> None:
        """Show what a picker makes of the shown tomogram, or nothing."""
        viewer = self._workspace.viewer
        same = scored is self._scored and (self.layer is not None) == self.wanted
        self._scored = scored
        if same and (self.layer is None or self.layer in viewer.layers):
            return
        if self.layer is not None:
            if self.layer in viewer.layers:
                viewer.layers.remove(self.layer)
            self.layer = None
        if scored is None or not self.wanted or self._workspace.image.layer is None:
            return
        values, grid, limits, first_section = self._map_of(scored)
        # a voxel of the scores is as large as so many of the tomogram, and covers them
        scale = grid.factors[::-1]
        active = viewer.layers.selection.active
        self.layer = Image(
            values,
            name=self.name,
            scale=scale,
            translate=0.5 * scale - 0.5 + (first_section, 0, 0),
            colormap="inferno",
            blending="additive",
            opacity=OPACITY,
            contrast_limits=limits,
            projection_mode="none",
            interpolation2d="linear",
            axis_labels=("z", "y", "x"),
        )
        compat.protect(self.layer)
        viewer.layers.insert(viewer.layers.index(self._workspace.image.layer) + 1, self.layer)
        # what was active goes on being so: keys and clicks are meant for it
        viewer.layers.selection.active = active

    def _map_of(self, scored: Any) -> tuple[Any, Any, tuple[float, float], int]:
        """The scores, their grid, those that are drawn darkest and brightest, and where the grid begins."""
        return scored.scores.values, scored.scores.grid, (0.0, 1.0), 0
