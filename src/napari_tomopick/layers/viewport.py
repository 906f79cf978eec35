"""Which part of a picture is seen in a canvas: between pixels of the screen and places in the picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tomopick.layers.overlay import Box

MIN_SCALE, MAX_SCALE = 1 / 64, 64.0


@dataclass(frozen=True)
class Viewport:
    """A canvas on a picture.

    Places in the picture are (right, up) in voxels, a whole number being the centre of a voxel: voxel k
    covers k - 0.5 to k + 0.5. Pixels are to the right and down from the top left corner of the canvas.

    Parameters
    ----------
    width, height : float
        Of the canvas, in pixels.
    right, up : float
        The place in the middle of the canvas.
    scale : float
        Pixels per voxel.
    """

    width: float
    height: float
    right: float = 0.0
    up: float = 0.0
    scale: float = 1.0

    def to_picture(self, at: ArrayLike) -> NDArray[np.float64]:
        """The places at pixels, ``(..., 2)``."""
        pixels = np.asarray(at, np.float64)
        away = (pixels - (self.width / 2, self.height / 2)) / (self.scale, -self.scale)
        return np.asarray(away + np.array([self.right, self.up]))

    def to_canvas(self, places: ArrayLike) -> NDArray[np.float64]:
        """The pixels at which places are seen, ``(..., 2)``."""
        away = (np.asarray(places, np.float64) - (self.right, self.up)) * (self.scale, -self.scale)
        return np.asarray(away + np.array([self.width / 2, self.height / 2]))

    @property
    def seen(self) -> Box:
        """The rectangle of the picture that is seen."""
        half_width, half_height = self.width / 2 / self.scale, self.height / 2 / self.scale
        return self.right - half_width, self.up - half_height, self.right + half_width, self.up + half_height

    def panned(self, right: float, down: float) -> Viewport:
        """With what is seen moved by pixels."""
        return replace(self, right=self.right - right / self.scale, up=self.up + down / self.scale)

    def zoomed(self, factor: float, at: ArrayLike | None = None) -> Viewport:
        """Enlarged; what is at a pixel, or in the middle, stays there."""
        scale = float(np.clip(self.scale * factor, MIN_SCALE, MAX_SCALE))
        still = np.array([self.width / 2, self.height / 2]) if at is None else np.asarray(at, np.float64)
        place = self.to_picture(still)
        grown = replace(self, scale=scale)
        moved = place - grown.to_picture(still)
        return grown.centred(self.right + moved[0], self.up + moved[1])

    def centred(self, right: float, up: float) -> Viewport:
        """With a place in the middle of the canvas."""
        return replace(self, right=float(right), up=float(up))

    def resized(self, width: float, height: float) -> Viewport:
        """On a canvas of another size, with the same place in the middle and the same scale."""
        return replace(self, width=float(width), height=float(height))

    def fitted(self, box: Box, margin: float = 0.0) -> Viewport:
        """With a whole rectangle of the picture seen, as large as it fits, within a margin of pixels."""
        room = max(self.width - 2 * margin, 1.0), max(self.height - 2 * margin, 1.0)
        scale = min(room[0] / max(box[2] - box[0], 1e-9), room[1] / max(box[3] - box[1], 1e-9))
        return replace(
            self,
            right=(box[0] + box[2]) / 2,
            up=(box[1] + box[3]) / 2,
            scale=float(np.clip(scale, MIN_SCALE, MAX_SCALE)),
        )
