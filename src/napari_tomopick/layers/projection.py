"""Where places of the tomogram are seen in the slice viewer, in slices and in the scene in 3D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_tomopick.geometry.coordinates import xyz_to_zyx
from napari_tomopick.layers import compat

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from numpy.typing import NDArray

# which way the axes of the screen go where nothing is mirrored
UNMIRRORED = ("away", "down", "right")


@dataclass(frozen=True, eq=False)
class Seen:
    """Places as they are seen in a picture.

    Parameters
    ----------
    pixels : array, shape (n, 2)
        To the right and down from the top left corner.
    depths : array, shape (n,)
        In voxels: how far behind the middle of the scene, or beside the slice.
    pixels_per_voxel : array, shape (n,)
        How large a voxel there is drawn.
    """

    pixels: NDArray[np.float64]
    depths: NDArray[np.float64]
    pixels_per_voxel: NDArray[np.float64]


def seen_in_viewer(viewer: ViewerModel, positions: NDArray[np.float64]) -> Seen:
    """Where places are seen in the slice viewer.

    Parameters
    ----------
    viewer : ViewerModel
    positions : array, shape (n, 3)
        x, y, z in voxels.
    """
    camera = viewer.scene.camera
    height, width = viewer.canvas.size
    zyx, middle = xyz_to_zyx(positions), np.array([width / 2, height / 2])
    depth_axis, vertical, horizontal = camera.orientation
    if not compat.is_3d(viewer):
        shown = list(compat.displayed(viewer))
        away = (zyx[:, shown] - np.asarray(camera.center)[-2:]) * camera.zoom
        signs = np.array([1 if horizontal == "right" else -1, -1 if vertical == "up" else 1])
        depths = np.abs(zyx[:, compat.sliced_axis(viewer)] - compat.slice_index(viewer))
        return Seen(middle + away[:, ::-1] * signs, depths, np.full(len(zyx), camera.zoom))
    view, up, centre = (
        np.asarray(v, float)[::-1] for v in (camera.view_direction, camera.up_direction, camera.center)
    )
    mirrored = sum(a != b for a, b in zip((depth_axis, vertical, horizontal), UNMIRRORED, strict=True)) % 2
    right = np.cross(view, up) * (-1 if mirrored else 1)
    away = positions - centre
    depths = away @ view
    zoom = np.full(len(away), camera.zoom)
    if camera.perspective:
        # as far as the eye is for the canvas to fill this angle
        eye = height / camera.zoom / (2 * np.tan(np.radians(camera.perspective) / 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            zoom = np.where(depths > -eye, camera.zoom * eye / (eye + depths), np.nan)
    return Seen(middle + np.stack([away @ right, -(away @ up)], axis=1) * zoom[:, None], depths, zoom)
