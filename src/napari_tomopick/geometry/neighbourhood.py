"""Who is near whom: nearest neighbours, how many are around, and which of several stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_tomopick.geometry.coordinates import as_positions
from napari_tomopick.geometry.sampling import spacing

Array = NDArray[np.float64]


def nearest_distances(positions: ArrayLike) -> Array:
    """Distance of each point to its nearest neighbour, ``(n,)``; NaN for one that is alone."""
    points = as_positions(positions)
    return spacing(points) if len(points) > 1 else np.full(len(points), np.nan)


def neighbour_counts(positions: ArrayLike, radius: float) -> NDArray[np.int64]:
    """How many others lie within a radius of each point, ``(n,)``; those at just that distance count."""
    points = as_positions(positions)
    if not len(points):
        return np.empty(0, np.int64)
    tree = cKDTree(points)
    return np.asarray(tree.query_ball_point(points, radius, return_length=True, workers=-1), np.int64) - 1


def pairs_within(positions: ArrayLike, radius: float) -> NDArray[np.int64]:
    """All pairs of points at most so far apart, each once, as rows ``(m, 2)``."""
    points = as_positions(positions)
    if not len(points):
        return np.empty((0, 2), np.int64)
    return np.asarray(cKDTree(points).query_pairs(radius, output_type="ndarray"), np.int64).reshape(-1, 2)


def suppress(positions: ArrayLike, scores: ArrayLike, ids: ArrayLike, distance: float) -> NDArray[np.int64]:
    """Let the best point of a neighbourhood stand for the others in it (non-maximum suppression).

    The points are gone through from the best on; each that still stands takes out all others within the
    distance. Whom it takes out does not depend on the order in which the points are given: of equal scores
    the one with the smaller x comes first, then y, z, id. A score of NaN comes after all others.

    Parameters
    ----------
    positions : array-like, shape (n, 3)
    scores : array-like, shape (n,)
        Higher is better.
    ids : array-like of int, shape (n,)
        All different.
    distance : float
        Points at just this distance are neighbours too.

    Returns
    -------
    int array, shape (n,)
        For each point the row of the one that stands for it: its own where it stays.
    """
    points, scores = as_positions(positions), np.asarray(scores, np.float64)
    stands_for = np.full(len(points), -1)
    if not len(points):
        return stands_for
    x, y, z = points.T
    order = np.lexsort((np.asarray(ids), z, y, x, np.where(np.isnan(scores), np.inf, -scores)))
    tree = cKDTree(points)
    alone = nearest_distances(points) > distance
    stands_for[alone] = np.flatnonzero(alone)
    for row in order:
        if stands_for[row] < 0:
            near = np.asarray(tree.query_ball_point(points[row], distance), np.int64)
            stands_for[near[stands_for[near] < 0]] = row
            stands_for[row] = row
    return stands_for
