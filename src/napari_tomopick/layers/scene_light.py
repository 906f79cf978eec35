"""The light of the scene, painted onto surfaces.

napari's own light comes from behind where y points up in the viewer (napari issue 7683).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LIGHT = np.array([-0.4, 0.5, 0.77]) / np.linalg.norm([-0.4, 0.5, 0.77])
"""Where it comes from, x, y, z: with z towards the eye from above at the left, and from behind the eye."""


def lit(colours: NDArray[np.float32], normals: NDArray[np.float64]) -> NDArray[np.float32]:
    """Colours of places on surfaces, in the light.

    What faces away is dim, not black: the light does not turn with the eye.

    Parameters
    ----------
    colours : array, shape (n, 4)
    normals : array, shape (n, 3)
        Unit vectors that point outwards, x, y, z.
    """
    found = np.array(colours, np.float32)
    found[:, :3] *= (0.3 + 0.7 * (0.5 + 0.5 * normals @ LIGHT) ** 1.5).astype(np.float32)[:, None]
    return found
