"""Means of rotations, of many small groups of them at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]

_AT_ONCE = 2_000_000
_ROUNDS = 20


def mean_rotations(
    rotations: Rotation, labels: ArrayLike, weights: ArrayLike, group: Rotation
) -> tuple[Rotation, Array]:
    """The weighted mean of each group of rotations, and how far its members are from it.

    The mean is the quaternion q that makes ``sum_i w_i (q . q_i)^2`` largest: the eigenvector of the largest
    eigenvalue of ``sum_i w_i q_i q_i^T``. It does not depend on the sign of the quaternions nor on their
    order (Markley, Cheng, Crassidis & Oshman (2007) J. Guid. Control Dyn. 30, 1193).

    A particle with symmetry looks the same after each turn of its point group, and any of these turns may
    have been recorded. One of the members of a group, the one that differs least from the others, is taken as
    it is; of each other one that equivalent is taken that is nearest to it, and then nearest to their mean,
    until that does not change any more.

    Parameters
    ----------
    rotations : Rotation, n of them
        Reference frame to tomogram frame.
    labels : array-like of int, shape (n,)
        To which group each belongs, 0 to m - 1, none of them empty.
    weights : array-like, shape (n,)
        Above 0.
    group : Rotation
        The turns under which the particle looks the same.

    Returns
    -------
    Rotation, m of them
    array, shape (m,)
        Root of the weighted mean of the squared angles to the mean, in degrees.
    """
    of = np.asarray(labels, np.int64).reshape(-1)
    w = np.asarray(weights, np.float64).reshape(-1)
    quaternions = rotations.as_quat().reshape(-1, 4)
    sizes = np.bincount(of)
    means, spread = np.empty((len(sizes), 4)), np.empty(len(sizes))
    order = np.argsort(of, kind="stable")
    starts = np.cumsum(sizes) - sizes
    turns = group.as_quat().reshape(-1, 4)
    for size in np.unique(sizes):
        groups = np.flatnonzero(sizes == size)
        step = max(1, _AT_ONCE // (int(size) ** 2 * len(turns)))
        for first in range(0, len(groups), step):
            here = groups[first : first + step]
            rows = order[starts[here][:, None] + np.arange(size)]
            means[here], spread[here] = _means(quaternions[rows], w[rows], turns)
    return Rotation.from_quat(means.reshape(-1, 4)), spread


def _means(members: Array, weights: Array, turns: Array) -> tuple[Array, Array]:
    """Means of groups of one size, ``(m, k, 4)`` with weights ``(m, k)``, and the spread of each."""
    if members.shape[1] == 1:
        return members[:, 0], np.zeros(len(members))
    if len(turns) > 1:
        angles, _ = _nearest(members[:, :, None], members[:, None], turns)
        middle = (weights[:, None] * angles**2).sum(axis=2).argmin(axis=1)
        start = members[np.arange(len(members)), middle]
        which = _nearest(start[:, None], members, turns)[1]
        members = _product(members, turns[which])
    mean = _eigenvector(members, weights)
    if len(turns) > 1:
        for _ in range(_ROUNDS):
            which = _nearest(mean[:, None], members, turns)[1]
            # the first turn is none
            if not which.any():
                break
            members = _product(members, turns[which])
            mean = _eigenvector(members, weights)
    cosine = np.abs((members * mean[:, None]).sum(axis=2))
    squared = (2 * np.arccos(np.clip(cosine, 0, 1))) ** 2
    return mean, np.degrees(np.sqrt((weights * squared).sum(axis=1) / weights.sum(axis=1)))


def _nearest(one: Array, other: Array, turns: Array) -> tuple[Array, NDArray[np.int64]]:
    """The smallest angle, in radians, from ``one`` to an equivalent of ``other``, and by which turn."""
    between = _product(one * [-1.0, -1.0, -1.0, 1.0], other)
    # the scalar part of R1^-1 R2 g over all g
    scalar = np.abs(between[..., 3:] * turns[:, 3] - between[..., :3] @ turns[:, :3].T)
    # of equivalents that are equally near the first, in spite of rounding
    which = (scalar >= scalar.max(axis=-1, keepdims=True) - 1e-9).argmax(axis=-1)
    best = np.take_along_axis(scalar, which[..., None], axis=-1)[..., 0]
    return 2 * np.arccos(np.clip(best, 0, 1)), which


def _eigenvector(members: Array, weights: Array) -> Array:
    outer = np.einsum("mk,mki,mkj->mij", weights, members, members)
    return np.asarray(np.linalg.eigh(outer)[1][:, :, -1])


def _product(one: Array, other: Array) -> Array:
    """Quaternion products, scalar last."""
    x1, y1, z1, w1 = np.moveaxis(one, -1, 0)
    x2, y2, z2, w2 = np.moveaxis(other, -1, 0)
    return np.stack(
        [
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
        ],
        axis=-1,
    )
