"""The correlation of a box, moved, with an average: compiled, as it is done for every box in every round."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, fastmath=True)
def best_correlation(flat, sphere, shifts, weights, weighted):  # type: ignore[no-untyped-def]
    """The highest weighted correlation over all shifts; -2 if no box has any detail.

    Parameters
    ----------
    flat : (n,) float32
        Voxels of a box.
    sphere, shifts : (m,) and (k,) int64
        Those that count, and steps by which they are moved.
    weights, weighted : (m,) float32
        Of the voxels; and the reference, of weighted mean 0, times its weights.
    """
    total = 0.0
    length = 0.0
    for j in range(len(sphere)):
        total += weights[j]
        length += weighted[j] * weighted[j] / weights[j]
    best = -2.0
    for shift in shifts:
        first, second, product = 0.0, 0.0, 0.0
        # about a value of the box itself, or digits would be lost
        middle = flat[sphere[0] + shift]
        for j in range(len(sphere)):
            value = flat[sphere[j] + shift] - middle
            share = weights[j] * value
            first += share
            second += share * value
            product += weighted[j] * value
        spread = second - first * first / total
        if spread > 0.0 and length > 0.0:
            best = max(best, product / np.sqrt(spread * length))
    return best
