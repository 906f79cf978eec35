"""Which picks of several pickers are the same particle."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.coordinates import as_positions

_MOST_PAIRS = 30_000_000
_LOOKED_AT = 1000


def clusters(
    positions: ArrayLike,
    picker: ArrayLike,
    radius: float,
    *,
    rotations: Rotation | None = None,
    oriented: ArrayLike | None = None,
    group: Rotation | None = None,
    max_angle_degrees: float | None = None,
) -> NDArray[np.int64]:
    """Put picks of one tomogram together that are the same particle.

    Every pick begins as a cluster of its own. Then the two clusters whose centres are nearest to each other
    are put together, again and again, as long as

    - the centres are no further apart than the radius,
    - some pick of the one is no further than the radius from one of the other, by another picker,
    - every pick of both is no further than the radius from the new centre,
    - no picker has a pick in both, and
    - where there is a largest angle, every two picks of both differ by no more than that in orientation.

    The centre is the mean of the picks. The nearest go first, whoever they are by, so that a chain of picks,
    each within the radius of the next, does not become one particle, and what the result is does not depend
    on which picker comes first. Two particles that lie within the radius stay two if two pickers have both.

    Now a picker may have picked one particle twice, and parted those who agree: so clusters that have just
    one picker in common, once, are put together in the same way, unless both are single picks. A picker has
    one vote all the same.

    Of pairs that are equally near, that of the picks with the lowest row numbers goes first: whoever wants a
    result that does not depend on the order of the picks sorts them before, as `consensus.consensus` does.

    Parameters
    ----------
    positions : array-like, shape (n, 3)
    picker : array-like of int, shape (n,)
        By whom each pick is.
    radius : float
    rotations : Rotation, n of them, optional
    oriented : array-like of bool, shape (n,), optional
        Which picks have an orientation; one without agrees with any. Default: all, where there are rotations.
    group : Rotation, optional
        The turns under which the particle looks the same. Default: none.
    max_angle_degrees : float, optional

    Returns
    -------
    int array, shape (n,)
        Number of the cluster of each pick, from 0, in the order of their first picks.

    Raises
    ------
    ParameterError
        If the radius is so large that each pick has thousands of others within it.
    """
    points, by = as_positions(positions), np.asarray(picker, np.int64).reshape(-1)
    n = len(points)
    if n < 2:
        return np.zeros(n, np.int64)
    tree = cKDTree(points)
    _check_crowding(tree, points, radius)
    pairs = tree.query_pairs(radius, output_type="ndarray").astype(np.int64).reshape(-1, 2)
    pairs = pairs[by[pairs[:, 0]] != by[pairs[:, 1]]]
    if not len(pairs):
        return np.arange(n)

    from napari_tomopick.picking import consensus_kernels as kernels

    quaternions, known = np.zeros((n, 4)), np.zeros(n, bool)
    least, turns = 0.0, np.array([[0.0, 0.0, 0.0, 1.0]])
    if rotations is not None and max_angle_degrees is not None:
        quaternions = np.ascontiguousarray(rotations.as_quat().reshape(-1, 4))
        known = np.ones(n, bool) if oriented is None else np.array(oriented, bool).reshape(-1)
        turns = turns if group is None else np.ascontiguousarray(group.as_quat().reshape(-1, 4))
        # an angle that is just the largest is not to fail by its rounding
        least = max(0.0, float(np.cos(np.radians(max_angle_degrees) / 2)) - 1e-12)
        pairs = pairs[kernels.agreeing_pairs(pairs, quaternions, known, turns, least)]
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    part = connected_components(graph, directed=False)[1]
    # stable, so that the order of the picks is kept within each part
    order = np.argsort(part, kind="stable")
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    starts = np.concatenate([[0], np.cumsum(np.bincount(part))])
    lowest = kernels.joined(
        points[order], by[order], quaternions[order], known[order], place[pairs], starts,
        float(radius), turns, least,
    )  # fmt: skip
    of = np.empty(n, np.int64)
    of[order] = order[lowest]
    return np.asarray(np.unique(of, return_inverse=True)[1], np.int64)


def _check_crowding(tree: cKDTree, points: NDArray[np.float64], radius: float) -> None:
    """Refuse a radius that would fill the memory with pairs, before it does."""
    some = points[:: max(1, len(points) // _LOOKED_AT)]
    around = float(tree.query_ball_point(some, radius, return_length=True).mean()) - 1
    if around * len(points) / 2 > _MOST_PAIRS:
        raise ParameterError(
            f"a pick has {around:.0f} others within the radius of {radius:g} on average: a radius is in "
            "voxels, and about half the distance of neighbouring particles; choose a smaller one"
        )
