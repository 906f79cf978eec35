"""What is drawn of a map: its central sections, and its surface seen from the side, as plain arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from napari_tomopick.layers.display import CLIP_PERCENT

SOLID_PIXELS = 128
"""Side of the picture of a surface."""
VIEW = Rotation.from_euler("zx", [-30, -65], degrees=True)
"""Map to eye, x to the right, y up, z towards it: the z axis of the map points up and a little towards it."""
LIGHT = np.array([-0.4, 0.5, 0.77])
"""Where it comes from, as the eye sees it: from above at the left, and from behind the eye."""
_AMBIENT, _FADING = 0.18, 0.35
_COLOUR = np.array([120, 178, 255])
_BINS = 64
SMOOTHING = 0.6  # voxels; without it the steps of a coarse map are what one sees

Grey = NDArray[np.uint8]


class Sections(NamedTuple):
    """Sections through the centre voxel, each ``(N, N)``, row 0 uppermost.

    Of z: x to the right, y up. Of y: x to the right, z up. Of x: y to the right, z up.
    """

    z: Grey
    y: Grey
    x: Grey


def central_sections(volume: NDArray[np.float32]) -> Sections:
    """The sections of a map, in one grey scale that leaves little of it plainly black or white."""
    cz, cy, cx = (n // 2 for n in volume.shape)
    low, high = np.percentile(volume, (CLIP_PERCENT, 100 - CLIP_PERCENT))
    span = max(float(high - low), 1e-12)

    def grey(section: NDArray[np.float32]) -> Grey:
        return np.ascontiguousarray(np.clip((section[::-1] - low) / span * 255, 0, 255).astype(np.uint8))

    return Sections(grey(volume[cz]), grey(volume[:, cy]), grey(volume[:, :, cx]))


def surface_level(volume: NDArray[np.float32]) -> float:
    """The grey value that parts a bright particle from what is around it (Otsu 1979), within a sphere."""
    d = [np.arange(n) - n // 2 for n in volume.shape]
    radius = np.sqrt(d[0][:, None, None] ** 2 + d[1][:, None] ** 2 + d[2] ** 2)
    values = volume[radius < min(volume.shape) / 2]
    if values.min() == values.max():
        return float(values.max())
    counts, edges = np.histogram(values, bins=_BINS)
    centres = (edges[1:] + edges[:-1]) / 2
    # of all ways to part the bins but those that leave one side empty
    below, sums = np.cumsum(counts)[:-1], np.cumsum(counts * centres)[:-1]
    above, rest = counts.sum() - below, (counts * centres).sum() - sums
    apart = (sums / below - rest / above) ** 2 * below * above
    # of equally good ones the middle: between two grey values only, all are
    best = np.flatnonzero(apart >= apart.max() * (1 - 1e-9))
    return float(edges[1:-1][best].mean())


def solid(
    volume: NDArray[np.float32], level: float | None = None, pixels: int = SOLID_PIXELS
) -> NDArray[np.uint8]:
    """The surface of a map at a grey value, lit from above.

    Parameters
    ----------
    volume : array, shape (N, N, N)
    level : float, optional
        Default: `surface_level`.
    pixels : int

    Returns
    -------
    array, shape (pixels, pixels, 4), uint8
        Red, green, blue, and 0 where nothing is.
    """
    smooth = ndimage.gaussian_filter(np.asarray(volume, np.float32), SMOOTHING)
    level = surface_level(smooth) if level is None else level
    n = len(volume)
    # rows from the top, depth from the eye
    step = n / pixels
    to_map = VIEW.inv().as_matrix()[::-1, ::-1]  # in z, y, x
    axes = to_map @ np.diag([-step, -step, step])  # of depth, row, column
    origin = n // 2 - axes @ np.full(3, pixels / 2)
    seen = ndimage.affine_transform(
        smooth, axes, offset=origin, output_shape=(pixels,) * 3, order=1, cval=float(smooth.min())
    )
    inside = seen > level
    hit = inside.any(axis=0)
    depth = inside.argmax(axis=0)
    rows, columns = np.nonzero(hit)
    at = depth[rows, columns]
    normals = np.stack([_slope(seen, at, rows, columns, axis) for axis in (2, 1, 0)], axis=1)
    # outwards; rows and depth count away from up and from the eye
    normals *= np.array([-1.0, 1.0, 1.0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    light = np.clip(normals @ LIGHT, 0, 1) * (1 - _AMBIENT) + _AMBIENT
    nearest, farthest = (at.min(), at.max()) if len(at) else (0, 1)
    light *= 1 - _FADING * (at - nearest) / max(farthest - nearest, 1)
    picture = np.zeros((pixels, pixels, 4), np.uint8)
    picture[rows, columns, :3] = np.clip(light[:, None] * _COLOUR + 60 * light[:, None] ** 8, 0, 255)
    picture[rows, columns, 3] = 255
    return picture


def _slope(
    volume: NDArray[np.float32],
    at: NDArray[np.int64],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    axis: int,
) -> NDArray[np.float64]:
    """The derivative along an axis at some voxels, over a distance that steps of the map do not matter to."""
    places = [at, rows, columns]
    reach = 3
    before, after = list(places), list(places)
    last = volume.shape[axis] - 1
    before[axis], after[axis] = np.maximum(places[axis] - reach, 0), np.minimum(places[axis] + reach, last)
    return np.asarray(volume[tuple(after)] - volume[tuple(before)], np.float64)


def on_hemisphere(directions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Directions as they are seen along z, equal areas of the sphere being equally large.

    Parameters
    ----------
    directions : array, shape (n, 3)
        x, y, z, of length 1.

    Returns
    -------
    places : array, shape (n, 2)
        To the right and up; those level with the plane at a distance of 1 from the middle. What points away
        from the eye is where its opposite would be.
    towards : array, shape (n,), bool
        Whether it points towards the eye.
    """
    towards = directions[:, 2] >= 0
    facing = np.where(towards[:, None], directions, -directions)
    # Lambert's projection: a distance of sqrt(2) sin(tilt / 2), here times 1 / 1
    across = np.linalg.norm(facing[:, :2], axis=1)
    radius = np.sqrt(np.clip(1 - facing[:, 2], 0, 1))
    return facing[:, :2] * (radius / np.maximum(across, 1e-12))[:, None], towards
