"""`Scene`: what is shown in 3D, and how one looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_tomopick.layers import compat
from napari_tomopick.layers.attached_map import AttachedMap
from napari_tomopick.layers.picture_export import PictureExport
from napari_tomopick.layers.scene_boxes import SceneBoxes
from napari_tomopick.layers.scene_layers import SceneSurface
from napari_tomopick.layers.scene_membranes import SceneMembranes
from napari_tomopick.layers.scene_particles import Drawn
from napari_tomopick.layers.scene_slice import SceneSlice

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Workspace


class Scene:
    """What is drawn in 3D besides the particles and user points, which slices show too.

    Parameters
    ----------
    workspace : Workspace

    Signals
    -------
    changed()
        Something is drawn otherwise, or is no longer being computed.
    """

    changed = Signal()

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.slice = SceneSlice(workspace)
        self.boxes = SceneBoxes(workspace)
        self.membranes = SceneMembranes(workspace)
        self.map = AttachedMap(workspace)
        self.pictures = PictureExport(workspace)
        self.slice.changed.connect(self._on_slice)
        workspace.viewer.scene.camera.events.angles.connect(self.membranes.shade)
        self.slice.rested.connect(self._on_rested)
        self.map.changed.connect(self.changed.emit)
        review = workspace.review
        review.redrawn.connect(self.redraw_particles)
        review.view.points.events.visible.connect(lambda: self.changed.emit())
        review.selection.changed.connect(self.redraw_particles)
        workspace.picking.models_changed.connect(self._on_models)
        workspace.display_changed.connect(self.redraw)
        workspace.tomogram_changed.connect(self._on_tomogram)
        workspace.session_changed.connect(self.map.detach)

    @property
    def _surfaces(self) -> tuple[SceneSurface, ...]:
        """From bottom to top, all of them above the tomogram and below particles and points.

        The slice is drawn on the coarser one below it, so nothing is to come between the two; a membrane
        hides nothing, so it comes last.
        """
        return (
            self.slice.fine,
            self.slice.arrow,
            self.map.surface,
            self.boxes.surface,
            self.membranes.surface,
        )

    def above_slice(self) -> int:
        """Where in napari's list of layers something belongs that stands on the slice."""
        return self.place_of(self.slice.arrow)

    def place_of(self, surface: SceneSurface) -> int:
        """Where in napari's list the layer of a surface is to be inserted."""
        layers, image = self._workspace.viewer.layers, self._workspace.image.layer
        below = [image, *(s.layer for s in self._surfaces[: self._surfaces.index(surface)])]
        return max((layers.index(layer) + 1 for layer in below if layer in layers), default=0)

    # drawing

    def redraw(self) -> None:
        """Draw all of it as it is now."""
        self.slice.redraw()
        self.redraw_membranes()
        self.redraw_particles()

    def redraw_particles(self) -> None:
        """Draw boxes and map at the particles that are drawn now."""
        self.redraw_boxes()
        self.redraw_map()

    def redraw_boxes(self) -> None:
        """Draw the boxes."""
        work = self._workspace
        if self.boxes.look.shown and work.is_3d and work.tomogram is not None:
            self.boxes.draw(Drawn.of(work))
        else:
            self.boxes.clear()
        self.changed.emit()

    def redraw_map(self) -> None:
        """Draw the attached map."""
        self.map.draw()
        self.changed.emit()

    def redraw_membranes(self) -> None:
        """Draw the membranes."""
        self.membranes.draw()
        self.changed.emit()

    def _on_slice(self) -> None:
        self.membranes.shade()
        self.changed.emit()

    def _on_rested(self) -> None:
        # those nearest to the slice are others now
        if self.boxes.left_out:
            self.redraw_boxes()
        if self.map.left_out:
            self.redraw_map()

    def _on_models(self) -> None:
        if self.membranes.shown:
            self.redraw_membranes()

    def _on_tomogram(self) -> None:
        if self._workspace.tomogram is None:
            for surface in self._surfaces:
                surface.remove()
        self.redraw()

    @property
    def points_shown(self) -> bool:
        """Whether particles are drawn as circles, if there are any."""
        points = self._workspace.review.view.points
        return bool(points.visible) or not len(points.data)

    def show_points(self, on: bool) -> None:
        """Draw particles as circles, or not, as by the eye in napari's list of layers."""
        self._workspace.review.view.points.visible = on

    @property
    def remarks(self) -> str:
        """What a user is to know about what is drawn, and what is not."""
        membranes = self.membranes
        lines = [self.slice.coarser, self.boxes.left_out]
        if membranes.shown:
            none = "" if membranes.models else "There is no surface or vesicle model in this tomogram."
            lines += ["Membranes are being meshed …" if membranes.busy else "", membranes.lacking, none]
        return "\n".join(filter(None, lines))

    # looking

    def view_along(self, axis: str) -> None:
        """Look along "x", "y" or "z", and let the slice lie across it."""
        viewer = self._workspace.viewer
        compat.show_plane(viewer, axis, np.asarray(viewer.dims.point, float))
        self.slice.lie_across(axis)

    def look(self, direction: Any, up: Any) -> None:
        """Look in a direction, with another upwards; both x, y, z."""
        camera = self._workspace.viewer.scene.camera
        camera.set_view_direction(tuple(direction[::-1]), tuple(up[::-1]))

    def default_view(self) -> None:
        """Look down the z axis at all of it, with the slice across z."""
        work = self._workspace
        if work.image.loaded is None or not work.is_3d:
            return
        self.slice.lie_across("z")
        shape = np.array(work.image.loaded.data.shape)
        compat.look_at(work.viewer, (shape - 1) / 2, [-1, 0, 0], [0, 1, 0], 1.05 * float(max(shape[1:])))
