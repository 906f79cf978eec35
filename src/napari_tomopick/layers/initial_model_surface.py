"""A model in the viewer's scene: its surface, as large as its particles are, over the slice that is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_tomopick.layers import compat
from napari_tomopick.layers.initial_model_pictures import LIGHT, SMOOTHING, VIEW, surface_level

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Workspace

EXTENT = 3.2
"""Of what fills the canvas, in halves of the box."""

_OUTSIDE = 1.0  # voxels over which the slope of a map is taken


class Triangles(NamedTuple):
    """Corners in z, y, x from the centre voxel, triangles of them, and how bright each corner is."""

    corners: NDArray[np.float64]
    faces: NDArray[np.int64]
    light: NDArray[np.float64]


def triangles(volume: NDArray[np.float32]) -> Triangles:
    """The surface of a bright particle, lit as in its picture; empty where there is no surface.

    napari's own light comes from behind where y points up in the viewer (napari issue 7683).
    """
    from skimage.measure import marching_cubes

    smooth = ndimage.gaussian_filter(np.asarray(volume, np.float32), SMOOTHING)
    # closed where it runs into the side of the box
    smooth = np.pad(smooth, 1, constant_values=float(smooth.min()))
    try:
        corners, faces, _, _ = marching_cubes(smooth, surface_level(smooth))
    except (ValueError, RuntimeError):
        return Triangles(np.zeros((0, 3)), np.zeros((0, 3), np.int64), np.zeros(0))
    corners = corners.astype(np.float64)
    outwards = -np.stack(
        [
            ndimage.map_coordinates(smooth, (corners + step).T, order=1, mode="nearest")
            - ndimage.map_coordinates(smooth, (corners - step).T, order=1, mode="nearest")
            for step in np.eye(3) * _OUTSIDE
        ],
        axis=1,
    )
    outwards /= np.maximum(np.linalg.norm(outwards, axis=1, keepdims=True), 1e-12)
    # what faces away is dim, not black: the light does not turn with the eye
    light = (0.5 + 0.5 * outwards @ VIEW.inv().apply(LIGHT)[::-1]) ** 2
    return Triangles(corners - 1 - len(volume) // 2, faces.astype(np.int64), light)


class ModelSurface:
    """See the module.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._layer: Any = None
        self._was_3d = False

    @property
    def shown(self) -> bool:
        """Whether it is in the scene; a user may take it out of napari's list of layers."""
        return self._layer is not None and self._layer in self._workspace.viewer.layers

    def show(self, volume: NDArray[np.float32], voxel_size_angstrom: float, name: str) -> None:
        """Show a map, in place of the one shown so far, and turn to it."""
        work, viewer = self._workspace, self._workspace.viewer
        tomogram = work.tomogram
        scale = 1.0 if tomogram is None else voxel_size_angstrom / tomogram.voxel_size_angstrom
        corners, faces, light = triangles(volume)
        if not len(faces):
            work.say("There is nothing in this map that stands out, and so no surface.")
            return
        half = len(volume) / 2 * scale
        centre = np.zeros(3)
        if tomogram is not None:
            centre = (np.array(tomogram.shape) - 1) / 2
            # it stands on the slice
            centre[0] = compat.slice_index(viewer) if not compat.sliced_axis(viewer) else centre[0]
            centre[0] += half
        if not self.shown:
            self._was_3d = work.is_3d
        else:
            viewer.layers.remove(self._layer)
        # below the particles: the discs of these hide what is drawn later behind them
        above = work.scene.above_slice()
        active = viewer.layers.selection.active
        self._layer = compat.surface(corners * scale + centre, faces, light, name)
        viewer.layers.insert(above, self._layer)
        if active is not None:
            viewer.layers.selection.active = active
        self._listen(True)
        work.show_3d(True)
        # as in its picture
        away, up = (VIEW.inv().apply(axis)[::-1] for axis in ([0, 0, -1], [0, 1, 0]))
        compat.look_at(viewer, centre, away, up, EXTENT * half)

    def hide(self) -> None:
        """Take it out of the scene, and go back to the slices if they were shown before."""
        if self.shown:
            self._workspace.viewer.layers.remove(self._layer)
            if not self._was_3d:
                self._workspace.show_3d(False)
        self._layer = None
        self._listen(False)

    def _listen(self, on: bool) -> None:
        # it is of one tomogram's scale, and of one project
        for signal in (self._workspace.tomogram_changed, self._workspace.session_changed):
            signal.disconnect(self.hide, missing_ok=True)
            if on:
                signal.connect(self.hide)
