"""Where the mouse is in the tomogram, whichever picture it is over: slice viewer, linked view, montage."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from psygnal import Signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.geometry.planes import Plane
    from napari_tomopick.models.references import Role
    from napari_tomopick.models.user_points import Model

Pixel = tuple[float, float]
"""To the right and down from the top left corner of a picture on the screen, in pixels."""


@dataclass(frozen=True, eq=False)
class Spot:
    """A place in the tomogram that the mouse points at.

    Parameters
    ----------
    position : array, shape (3,)
        x, y, z in voxels, lying exactly in the plane.
    plane : Plane
        What the picture shows there: a slice, or an oblique plane.
    voxels_per_pixel : float
        How far the mouse goes for one pixel of the screen.
    """

    position: NDArray[np.float64]
    plane: Plane
    voxels_per_pixel: float

    def level_in(self, model: Model) -> int:
        """The level of a point that is added to a model here.

        That is its slice along the axis along which the model was traced, whichever picture it is clicked in;
        for a model without points, along the axis that the picture cuts, or along z if it is oblique.
        """
        axis = model.level_axis()
        if axis is None:
            normal = np.abs(self.plane.normal)
            axis = int(normal.argmax()) if normal.max() > 1 - 1e-9 else 2
        # not Python's round to even: half a voxel always goes the same way
        return int(np.floor(self.position[axis] + 0.5))


class Pane(Protocol):
    """A picture of the tomogram that a hand can work on.

    Places in it are in pixels from its top left corner. ``drag_scrolls``: whether a drag may go through its
    slices; where it shows many side by side, it moves them instead.
    """

    drag_scrolls: bool

    def spot(self, at: Pixel) -> Spot | None:
        """What is shown at a pixel; None beside the tomogram, and in 3D."""

    def point_at(self, at: Pixel) -> tuple[str, int] | None:
        """The user point drawn at a pixel, (model uid, row), if there is one."""

    def marker_at(self, at: Pixel) -> str | None:
        """The uid of the model whose side marker is drawn at a pixel, if there is one."""

    def pan(self, right: float, down: float) -> None:
        """Move what is shown by pixels."""

    def zoom(self, factor: float, at: Pixel) -> None:
        """Enlarge what is shown, with what is at a pixel staying there."""

    def scroll(self, slices: int, at: Pixel) -> None:
        """Go some slices on, or back, in the picture at a pixel."""

    def rotate(self, right: float, down: float) -> None:
        """Turn what is shown, following the mouse, where it can be turned."""

    def show_plane(self, axis: str, at: Pixel) -> None:
        """Show the plane across "x", "y" or "z" through what is at a pixel."""

    def click(self, at: Pixel, second: bool = False) -> None:
        """What a plain click means in this picture: put a point where clicking adds, else go there.

        ``second`` if it is the latter half of a double click, which must not add twice.
        """


class Referring(Protocol):
    """What clicks come to where they are references for a network; see `napari_tomopick.layers.boxing`."""

    @property
    def on(self) -> bool:
        """Whether that is what clicks are now."""

    def refer(self, spot: Spot | None, role: Role | None = None) -> tuple[str, int]:
        """Add a reference at a place, of the kind that is chosen or of this one; return its row."""

    def remove_at(self, spot: Spot | None, row: tuple[str, int] | None) -> None:
        """Remove what a user points at, given the place and the user point drawn there."""


class Pointing:
    """The picture the mouse is over, and where in it; one for all pictures of a workspace.

    Keys act there, so it does not matter which picture has been clicked.

    Parameters
    ----------
    home : Pane
        The slice viewer: it is meant where the mouse is over no picture.

    Signals
    -------
    moved()
        The mouse is somewhere else in the tomogram.
    """

    moved = Signal()

    def __init__(self, home: Pane) -> None:
        self._home = home
        # a picture that was closed under the mouse is forgotten
        self._pane: weakref.ref[Pane] | None = None
        self._at: Pixel = (0.0, 0.0)
        # False once the mouse has left the last picture it was over
        self.over = True

    @property
    def pane(self) -> Pane:
        """The picture the mouse is over."""
        pane = self._pane() if self._pane is not None else None
        return self._home if pane is None else pane

    @property
    def at(self) -> Pixel:
        """The pixel of that picture."""
        return self._at

    @property
    def spot(self) -> Spot | None:
        """The place in the tomogram; None where there is none."""
        return self.pane.spot(self._at)

    def move(self, pane: Pane, at: Pixel) -> None:
        """Note that the mouse is at a pixel of a picture."""
        self._pane, self._at, self.over = weakref.ref(pane), at, True
        self.moved.emit()

    def leave(self, pane: Pane) -> None:
        """Note that the mouse has left a picture, or that it was closed."""
        if self.pane is pane and self.over:
            self._pane, self.over = None, False
            self.moved.emit()
