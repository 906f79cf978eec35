"""What the scene is drawn with: surfaces that are there only while they have something to show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import napari.layers
import numpy as np
from numpy.typing import NDArray

from napari_tomopick.layers import compat

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Workspace

# what napari is given where there is nothing: it has no surface without triangles
_NOTHING = (np.zeros((3, 3), np.float32), np.zeros((1, 3), np.int32), np.ones(3, np.float32))


class Triangles(NamedTuple):
    """Coloured triangles.

    Parameters
    ----------
    corners : array, shape (n, 3)
        z, y, x in voxels.
    faces : int array, shape (m, 3)
    colours : array, shape (n, 4)
        Red, green, blue and opacity from 0 to 1.
    """

    corners: NDArray[np.float32]
    faces: NDArray[np.int32]
    colours: NDArray[np.float32]


class Picture(NamedTuple):
    """A flat picture in space.

    Parameters
    ----------
    corners : array, shape (4, 3)
        z, y, x in voxels of its corners: left below, right below, left above, right above.
    pixels : array, shape (height, width, 4), uint8
        Row 0 is the lowest.
    """

    corners: NDArray[np.float64]
    pixels: NDArray[np.uint8]


class Surface(compat._Quick, napari.layers.Surface):
    """Triangles that are drawn once after several changes. napari goes by the name of this class."""

    @contextmanager
    def sliced_once(self) -> Iterator[None]:
        """Within this the layer is changed, and what is drawn of it stays."""
        # the viewer slices whatever says that its data is another, also with colours for other corners, and
        # all other layers with it
        with self.events.data.blocker(), super().sliced_once():
            yield

    @property
    def _extent_data(self) -> NDArray[np.float64]:
        """What napari has every kind of layer say for itself: a part of the tomogram, whatever is drawn.

        What reaches out of the tomogram would change napari's sliders, and have all layers sliced anew.
        """
        return np.zeros((2, self.ndim))


class SceneSurface:
    """One Surface layer of the scene, drawn anew from what it is given; never read back.

    The layer is made when it is first needed, and hidden while it has nothing to show: napari takes as long
    for an empty layer as for a full one.

    Parameters
    ----------
    workspace : Workspace
    name : str
        In napari's list of layers.
    blending : str
        napari's; "translucent_no_depth" hides nothing that is drawn later.
    closed : callable
        Called when a user closes the layer's eye in napari's list.
    """

    def __init__(
        self, workspace: Workspace, name: str, *, blending: str = "translucent", closed: Callable[[], None]
    ) -> None:
        self._workspace, self._name, self._blending, self._closed = workspace, name, blending, closed
        self._changing = False
        self.layer: Any = None
        self.empty = True

    def draw(self, what: Triangles | Picture | None) -> None:
        """Draw this instead of what was drawn before; None, or no triangles: nothing."""
        if what is None or not len(what.corners):
            self.clear()
            return
        layer = self._ready_layer()
        self._changing = True
        try:
            with layer.sliced_once():
                if isinstance(what, Picture):
                    layer.vertex_colors = None
                    layer.data = (what.corners.astype(np.float32), _HALVES, np.ones(4, np.float32))
                    # napari turns it upside down
                    layer.texture, layer.texcoords = what.pixels[::-1], _ENDS
                else:
                    layer.vertex_colors = what.colours
                    layer.data = (what.corners, what.faces, np.ones(len(what.corners), np.float32))
            layer.visible = True
        finally:
            self._changing = False
        self.empty = False

    def recolour(self, colours: NDArray[np.float32]) -> None:
        """Draw the same triangles in other colours, ``(n, 4)``."""
        if not self.empty:
            with self.layer.sliced_once():
                self.layer.vertex_colors = colours

    def clear(self) -> None:
        """Draw nothing."""
        if self.layer is None or self.empty:
            return
        self.empty = True
        self._changing = True
        try:
            self.layer.visible = False
            # lets go of what may be much
            with self.layer.sliced_once():
                self.layer.texture = self.layer.texcoords = self.layer.vertex_colors = None
                self.layer.data = _NOTHING
        finally:
            self._changing = False

    def remove(self) -> None:
        """Take the layer out of napari's list; it comes back when it is next needed."""
        layers = self._workspace.viewer.layers
        if self.layer is not None and self.layer in layers:
            self.clear()
            layers.remove(self.layer)

    def _ready_layer(self) -> Any:
        layers = self._workspace.viewer.layers
        if self.layer is None:
            self.layer = Surface(
                _NOTHING,
                name=self._name,
                shading="none",
                colormap="gray",
                contrast_limits=(0.0, 1.0),
                blending=self._blending,
                visible=False,
                axis_labels=("z", "y", "x"),
            )
            compat.protect(self.layer)
            self.layer.events.visible.connect(self._on_visible)
        if self.layer not in layers:
            active = layers.selection.active
            layers.insert(self._workspace.scene.place_of(self), self.layer)
            if active is not None:
                layers.selection.active = active
        return self.layer

    def _on_visible(self) -> None:
        if not self._changing and not self.layer.visible and not self.empty:
            self._closed()


def reporter(workspace: Workspace) -> Callable[[Exception], None]:
    """What is called with an error of something in the background: it is shown where a user can mend it."""

    def report(error: Exception) -> None:
        with workspace.reporting():
            raise error

    return report


# of a picture: its two triangles, and where its corners lie in it
_HALVES = np.array([[0, 1, 3], [0, 3, 2]], np.int32)
_ENDS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)
