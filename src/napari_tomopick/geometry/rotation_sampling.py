"""Orientations spread evenly over all there are."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

_PHI = np.sqrt(2.0)
_PSI = 1.533751168755204288118041


def uniform_rotations(count: int) -> Rotation:
    """Spread rotations evenly over SO(3): super-Fibonacci spirals (Alexa, CVPR 2022).

    Parameters
    ----------
    count : int
        1000 lie some 20 degrees apart, 3000 some 14: the distance falls with the cube root.

    Returns
    -------
    Rotation, ``count`` of them

    Raises
    ------
    ValueError
        If there is to be none.
    """
    if count < 1:
        raise ValueError(f"at least one rotation is needed, got {count}")
    s = np.arange(count) + 0.5
    inner, outer = np.sqrt(s / count), np.sqrt(1 - s / count)
    alpha, beta = 2 * np.pi * s / _PHI, 2 * np.pi * s / _PSI
    return Rotation.from_quat(
        np.column_stack(
            [inner * np.sin(alpha), inner * np.cos(alpha), outer * np.sin(beta), outer * np.cos(beta)]
        )
    )
