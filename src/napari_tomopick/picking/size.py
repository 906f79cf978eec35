"""How large a particle is, and whether it is dark, told from a few clicks on its kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

_MAX_RADIUS = 60
_NEARLY = 0.7
_BEYOND = 1.2
"""How far complexes of known extent reach, in radii at which the mean of their shells has faded."""


def radial_profile(volume: Any, positions: ArrayLike, max_radius: int) -> NDArray[np.float64]:
    """Mean grey value over spherical shells about positions, each shell a voxel thick.

    Parameters
    ----------
    volume : array-like, shape (nz, ny, nx)
    positions : array-like, shape (n, 3)
        x, y, z in voxels, rounded here to whole ones.
    max_radius : int
        Shells have the radii 0 to this; what lies outside the volume is left out.

    Returns
    -------
    array, shape (max_radius + 1,)
    """
    sums, counts = np.zeros(max_radius + 1), np.zeros(max_radius + 1)
    for x, y, z in np.atleast_2d(np.asarray(positions, np.float64)):
        window, axes = [], []
        for centre, n in zip((z, y, x), volume.shape, strict=True):
            first, last = max(0, int(centre) - max_radius), min(n, int(centre) + max_radius + 2)
            window.append(slice(first, last))
            axes.append(np.arange(first, last) - centre)
        box = np.asarray(volume[tuple(window)], np.float64)
        dz, dy, dx = axes
        shell = np.rint(np.sqrt(dz[:, None, None] ** 2 + dy[:, None] ** 2 + dx**2)).astype(int)
        inside = shell <= max_radius
        sums += np.bincount(shell[inside], box[inside], max_radius + 1)
        counts += np.bincount(shell[inside], minlength=max_radius + 1)
    return sums / np.maximum(counts, 1)


def estimated_diameter(volume: Any, positions: ArrayLike, dark: bool | None = None) -> tuple[float, bool]:
    """Estimate the diameter of particles in voxels, and whether they are dark, from clicks on them.

    The ball about the clicks that stands out most against the noise gives the contrast; the diameter is where
    the mean density of the shells, seen from there outwards, comes down to that of the surroundings.

    Parameters
    ----------
    volume : array-like, shape (nz, ny, nx)
    positions : array-like, shape (n, 3)
        x, y, z in voxels; one is enough, several are better.
    dark : bool, optional
        The contrast, where it is known.

    Raises
    ------
    ValueError
        If there is no position.
    """
    points = np.atleast_2d(np.asarray(positions, np.float64)).reshape(-1, 3)
    if not len(points):
        raise ValueError("the size of a particle is estimated from clicks on it, and there is none")
    reach = max(4, min(_MAX_RADIUS, max(volume.shape) // 2))
    profile = radial_profile(volume, points, reach)
    radius = np.arange(reach + 1)
    # the surroundings: what is far away
    profile = profile - np.median(profile[reach // 2 :])
    profile = ndimage.gaussian_filter1d(profile, 0.7, mode="nearest")
    weights = 4 * np.pi * np.maximum(radius, 0.3) ** 2
    ball = np.cumsum(profile * weights) / np.sqrt(np.cumsum(weights))
    # beyond half of the reach there are surroundings only
    seen = ball[2 : reach // 2 + 1]
    if dark is None:
        dark = bool(seen[np.abs(seen).argmax()] < 0)
    inward = -profile if dark else profile
    if dark:
        seen = -seen
    # the smallest ball that stands out nearly as much as any: membranes and crowds let large ones do so too
    peaks = (seen >= np.append(seen[0], seen[:-1])) & (seen >= np.append(seen[1:], seen[-1]))
    clear = np.flatnonzero(peaks & (seen >= _NEARLY * seen.max()))
    best = 2 + int(clear[0] if len(clear) else seen.argmax())
    level = 0.1 * inward[: best + 1].max()
    outer = best
    while outer < 1.5 * best and outer < reach and inward[outer] > level:
        outer += 1
    # where the profile crosses that level, between two shells
    if outer > 0 and inward[outer - 1] > level >= inward[outer]:
        edge = outer - (level - inward[outer]) / (inward[outer - 1] - inward[outer])
    else:
        edge = float(outer)
    return float(np.clip(2 * _BEYOND * edge, 4.0, 2.0 * reach)), dark
