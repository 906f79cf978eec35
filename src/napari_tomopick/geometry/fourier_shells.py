"""Shells of spatial frequency: spectra, and how far two maps agree."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray


@lru_cache(maxsize=8)
def _shells(box_size: int) -> NDArray[np.int64]:
    full, half = np.fft.fftfreq(box_size, 1 / box_size), np.fft.rfftfreq(box_size, 1 / box_size)
    radius = np.sqrt(full[:, None, None] ** 2 + full[:, None] ** 2 + half**2)
    return np.asarray(np.rint(radius).astype(np.int64))


def fourier_shell_correlation(one: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """Correlation of two maps shell by shell (Harauz & van Heel 1986).

    Parameters
    ----------
    one, other : array-like, shape (N, N, N)

    Returns
    -------
    array, shape (N // 2 + 1,)
        Of shells 0, 1, ... cycles per box; 0 where one of the maps has nothing in a shell.

    Raises
    ------
    ValueError
        If the maps are not cubes of one size.
    """
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    n = a.shape[0]
    if a.shape != (n, n, n) or b.shape != a.shape:
        raise ValueError(f"maps of one cubic shape are compared, got {a.shape} and {b.shape}")
    fa, fb = np.fft.rfftn(a), np.fft.rfftn(b)
    # the half spectrum holds every pair k, -k once, except where the last axis is its own mirror image
    weight = np.full(n // 2 + 1, 2.0)
    weight[0] = 1.0
    if n % 2 == 0:
        weight[-1] = 1.0
    shell = _shells(n).ravel()
    size = n // 2 + 1

    def summed(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(shell, (values * weight).ravel(), minlength=size)[:size], np.float64)

    cross = summed((fa * fb.conj()).real)
    power = summed(np.abs(fa) ** 2) * summed(np.abs(fb) ** 2)
    return np.divide(cross, np.sqrt(power), out=np.zeros(size), where=power > 0)


def resolution_at(
    correlation: ArrayLike, threshold: float, box_size: int, voxel_size_angstrom: float
) -> float:
    """Resolution in Å at which a Fourier shell correlation first falls below a threshold.

    Interpolated between shells. Two voxels (Nyquist) where it never does; infinite where it never rises.
    """
    values = np.asarray(correlation, np.float64)
    below = np.flatnonzero(values[1:] < threshold) + 1
    if not len(below):
        return 2 * voxel_size_angstrom
    shell = int(below[0])
    if shell == 1:
        return float("inf")
    before, after = values[shell - 1], values[shell]
    at = shell - 1 + (before - threshold) / (before - after)
    return float(box_size * voxel_size_angstrom / at)
