"""The template of an exact search, turned voxel by voxel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_tomopick.geometry.cropping import spline_coefficients


class ExactTemplate:
    """Turns a template and its mask.

    Its voxels within reach of the mask are looked at only. They reach ``before`` voxels to lower and
    ``after`` to higher coordinates from the centre, along every axis; `width` in all.
    """

    def __init__(
        self,
        density: NDArray[np.float32],
        mask: NDArray[np.float32],
        weight: NDArray[np.float32] | None,
        spherical: bool,
    ) -> None:
        n = len(mask)
        self._box, self._weight, self.spherical = n, weight, spherical
        self._coefficients = spline_coefficients(density)
        if spherical:
            inside = np.argwhere(mask > 0)
        else:
            offsets = np.argwhere(mask > 0) - n // 2
            reach = np.sqrt((offsets**2).sum(axis=1).max()) + 1
            d = np.arange(n) - n // 2
            inside = np.argwhere(d[:, None, None] ** 2 + d[:, None] ** 2 + d**2 <= reach**2)
            self._mask_coefficients = spline_coefficients(mask)
        self._inside = inside
        offsets = inside - n // 2
        self.before, self.after = int(max(-offsets.min(), 0)), int(max(offsets.max(), 0))
        self.width = self.before + self.after + 1
        self._offsets = np.ascontiguousarray(offsets[:, ::-1])
        self._mask = np.ascontiguousarray(mask[tuple(inside.T)])
        # a correlation is a convolution with what is mirrored at the centre
        self.places = self.after - offsets
        if weight is not None:
            every = np.indices((n, n, n)).reshape(3, -1).T - n // 2
            self._every = np.ascontiguousarray(every[:, ::-1])

    def mask(self, matrix: NDArray[np.float64]) -> NDArray[np.float32]:
        """The turned mask at `places`."""
        from napari_tomopick.picking.exhaustive_kernels import turned

        if self.spherical:
            return self._mask
        found = np.empty(len(self._inside), np.float32)
        turned(self._mask_coefficients, matrix, self._offsets, found)
        return np.clip(found, 0, 1, out=found)

    def values(self, matrix: NDArray[np.float64]) -> NDArray[np.float32]:
        """The turned and weighted density at `places`."""
        from napari_tomopick.picking.exhaustive_kernels import turned

        if self._weight is None:
            found = np.empty(len(self._inside), np.float32)
            turned(self._coefficients, matrix, self._offsets, found)
            return found
        n = self._box
        box = np.empty(n**3, np.float32)
        turned(self._coefficients, matrix, self._every, box)
        seen = fft.irfftn(fft.rfftn(box.reshape(n, n, n)) * self._weight, (n, n, n))
        return np.ascontiguousarray(seen[tuple(self._inside.T)], np.float32)
