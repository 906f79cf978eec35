"""Positions: what a coordinate means, and how it changes between binnings and axis orders.

A position is ``(x, y, z)`` in voxels, 0-based, a whole number being the centre of a voxel.
Volumes are indexed ``[z, y, x]``. Nothing else in the project converts by hand.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Positions = NDArray[np.float64]


def as_positions(values: ArrayLike) -> Positions:
    """Check and return positions as an ``(n, 3)`` float64 array in x, y, z order.

    Parameters
    ----------
    values : array-like, shape (n, 3) or (3,) or empty
        Positions in voxels.

    Raises
    ------
    ValueError
        If the shape is not ``(n, 3)``, or a value is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        return np.empty((0, 3))
    array = np.atleast_2d(array)
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(f"positions must have shape (n, 3), in x, y, z order; got {np.shape(values)}")
    if not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise ValueError(f"position {row} is not finite: {array[row].tolist()}")
    return array


def xyz_to_zyx(positions: ArrayLike) -> NDArray[np.float64]:
    """Turn x, y, z columns (last axis) into the z, y, x order of an array index, or back again."""
    return np.ascontiguousarray(np.asarray(positions, dtype=np.float64)[..., ::-1])


zyx_to_xyz = xyz_to_zyx


def rescale_positions(positions: ArrayLike, factor: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Express positions on a grid whose voxels are ``factor`` times smaller.

    Voxel i of a grid binned by f covers voxels ``f i ... f i + f - 1`` of the finer one, so the centre of
    voxel i lies at ``f i + (f - 1) / 2``: ``x_fine = (x_coarse + 0.5) f - 0.5``.

    Parameters
    ----------
    positions : array-like, shape (..., 3)
        Positions in voxels of the grid they were picked on.
    factor : float, or array of shape (3,)
        Voxel size of that grid divided by the voxel size of the wanted one: 4 takes positions picked at
        bin 4 to bin 1, 0.25 takes them back. Three of them for x, y, z where the grids are not alike.

    Raises
    ------
    ValueError
        If ``factor`` is not a positive number.
    """
    if not (np.isfinite(factor).all() and np.all(np.asarray(factor) > 0)):
        raise ValueError(f"the ratio of the voxel sizes must be positive, got {factor}")
    return (np.asarray(positions, dtype=np.float64) + 0.5) * factor - 0.5


SAME_RATIO = 1e-3
"""Relative difference up to which a ratio of voxel sizes is that of a binning by a whole factor."""


def binning_ratio(voxel_size: float, other_voxel_size: float) -> float:
    """Ratio of two voxel sizes, free of their rounding if one grid is a binning of the other.

    Voxel sizes are rounded in headers (3.54 for 4 x 0.8847) while binnings are exact, and 0.05 % is half a
    voxel in 1000. A ratio within 0.1 % of a whole number, or of one over a whole number, is taken as that.

    Parameters
    ----------
    voxel_size, other_voxel_size : float
        Positive, in the same unit.
    """
    ratio = voxel_size / other_voxel_size
    whole = float(round(ratio)) if ratio > 1 else 1 / round(1 / ratio)
    return whole if abs(ratio / whole - 1) < SAME_RATIO else ratio


def volume_centre(shape_zyx: tuple[int, int, int]) -> NDArray[np.float64]:
    """The centre voxel ``N // 2`` of each axis, as x, y, z.

    This is the point about which boxes are cut and particles turn (RELION, EMAN2 and Dynamo agree on it).
    """
    return np.array([n // 2 for n in shape_zyx[::-1]], dtype=np.float64)


def half_size(shape_zyx: tuple[int, int, int]) -> NDArray[np.float64]:
    """Half of the numbers of voxels, not rounded, as x, y, z.

    It is what the centred coordinates of RELION 5 and of Scipion count from: for odd sizes half a voxel off
    `volume_centre`.
    """
    return np.array(shape_zyx[::-1], dtype=np.float64) / 2.0


def inside_volume(positions: ArrayLike, shape_zyx: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Which positions lie within the volume, voxel edges included: ``-0.5 <= x <= n - 0.5``."""
    array = np.atleast_2d(np.asarray(positions, dtype=np.float64))
    upper = np.array(shape_zyx[::-1], dtype=np.float64) - 0.5
    return np.asarray(((array >= -0.5) & (array <= upper)).all(axis=-1))


def clipped_to_volume(positions: NDArray[np.float64], shape_zyx: tuple[int, int, int]) -> NDArray[np.float64]:
    """Positions ``(n, 3)``, those outside moved to the nearest place that `inside_volume` takes."""
    return np.clip(positions, -0.5, np.array(shape_zyx[::-1], dtype=np.float64) - 0.5)
