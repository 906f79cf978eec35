"""Particles' boxes in the scene, as wire cubes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.coordinates import xyz_to_zyx
from napari_tomopick.layers.scene_layers import SceneSurface, Triangles
from napari_tomopick.layers.scene_particles import Drawn
from napari_tomopick.layers.scene_shapes import CORNERS_OF_WIRE, EDGES, wire_boxes, wires
from napari_tomopick.layers.user_points import DEFAULT_BOX

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Workspace

MOST_BOXES = 5000
"""Drawn at a time: what still turns with the mouse, and more is not to be told apart."""

WIDTH_OF_BOX, MOST_WIDTH = 0.03, 1.5
"""Of a wire, as a part of the box and in voxels."""


@dataclass(frozen=True)
class BoxLook:
    """How boxes are drawn.

    Parameters
    ----------
    shown : bool
    turned : bool
        At the particles' own orientation, and not along the axes of the tomogram.
    size : int, optional
        In voxels. Default: that of each particle set, or else 32.
    """

    shown: bool = False
    turned: bool = True
    size: int | None = None


class SceneBoxes:
    """See the module.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.look = BoxLook()
        self.surface = SceneSurface(workspace, "boxes", closed=lambda: self.set_look(shown=False))
        self.left_out = ""
        # what was drawn last, and how
        self._drawn: Drawn | None = None
        self._seen = self.look

    def set_look(self, **changes: Any) -> None:
        """Change how boxes are drawn; see `BoxLook`."""
        self.look = replace(self.look, **changes)
        self._workspace.scene.redraw_boxes()

    def clear(self) -> None:
        """Draw none."""
        self._drawn = None
        self.left_out = ""
        self.surface.clear()

    def draw(self, drawn: Drawn) -> None:
        """Draw the boxes of the particles that are drawn."""
        if (drawn.same_as(self._drawn) and self._seen == self.look) and not self.surface.empty:
            return
        self._drawn, self._seen = drawn, self.look
        self.left_out = ""
        rows = drawn.nearest(MOST_BOXES)
        if len(rows) < len(drawn):
            self.left_out = drawn.told_of(len(rows), "boxes")
        sizes = np.full(len(drawn), self.look.size or 0)
        sizes = np.where(sizes > 0, sizes, np.where(drawn.box_sizes > 0, drawn.box_sizes, DEFAULT_BOX))[rows]
        self.surface.draw(
            boxes(
                drawn.positions[rows],
                drawn.turns(rows) if self.look.turned else None,
                sizes,
                drawn.seen[rows],
            )
        )


def boxes(
    positions: NDArray[np.float64],
    rotations: Rotation | None,
    sizes: NDArray[np.int64],
    colours: NDArray[np.float32],
) -> Triangles | None:
    """Wire cubes; None of no particle."""
    if not len(positions):
        return None
    starts, ends = wire_boxes(positions, rotations, sizes)
    width = min(WIDTH_OF_BOX * float(sizes.min()), MOST_WIDTH)
    corners, faces = wires(starts.reshape(-1, 3), ends.reshape(-1, 3), width)
    return Triangles(
        xyz_to_zyx(corners).astype(np.float32),
        faces,
        np.repeat(colours, EDGES * CORNERS_OF_WIRE, axis=0).astype(np.float32),
    )
