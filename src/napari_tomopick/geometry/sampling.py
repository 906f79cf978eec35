"""Equally spaced points on a surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[np.float64]

# Smallest distance of a Poisson-disk sample relative to its mean nearest-neighbour distance (measured).
MINIMUM_TO_MEAN = 0.93
# Candidates per point that is kept; more make the spacing more even, and slower.
CANDIDATES_PER_POINT = 60


def poisson_disk(points: Array, normals: Array, minimum: float) -> NDArray[np.int64]:
    """Choose points no two of which are closer than ``minimum``, as densely as that allows.

    Parameters
    ----------
    points, normals : arrays, shape (n, 3)
        Random samples of a surface, many per wanted point; earlier ones are preferred.
    minimum : float
        In voxels. It holds between points of one sheet: points on two sheets back to back, whose normals are
        opposite, do not displace each other.

    Returns
    -------
    int array
        Rows of the chosen points, in ascending order.
    """
    tree = cKDTree(points)
    free = np.ones(len(points), dtype=bool)
    chosen = []
    for row in range(len(points)):
        if free[row]:
            chosen.append(row)
            near = np.asarray(tree.query_ball_point(points[row], minimum), dtype=np.int64)
            free[near[normals[near] @ normals[row] > 0]] = False
    return np.array(chosen, dtype=np.int64)


def spacing(points: Array, *, at_most: int | None = None) -> Array:
    """Distance of each point to its nearest neighbour, ``(n,)``; empty for fewer than two points.

    With ``at_most`` only of so many of them, evenly from first to last.
    """
    if len(points) < 2:
        return np.empty(0)
    step = 1 if at_most is None else -(-len(points) // at_most)
    return np.asarray(cKDTree(points).query(points[::step], k=2)[0][:, 1])
