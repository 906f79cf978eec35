"""Which oriented points are part of a lattice: a sheet in which each stands as its neighbours do.

The criteria are those of MagpiEM (github.com/fnight128/MagpiEM): a point has neighbours near
enough, with like orientations, in whose planes it lies, and there are enough of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry import neighbourhood, orientations, symmetry

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_MOST_PAIRS = 10_000_000


def lattice_members(
    positions: Array,
    rotations: Rotation,
    *,
    radius: float,
    angle_degrees: float,
    offset_degrees: float,
    neighbours: int,
    group: Rotation,
    twist: bool,
    smallest: int = 1,
) -> tuple[Mask, Mask]:
    """Which points agree with enough of their neighbours.

    A point agrees with a neighbour if their orientations differ by the angle at most, and the neighbour sees
    it within the offset of its plane, which is at right angles to its z axis.

    Parameters
    ----------
    positions : array, shape (n, 3)
    rotations : Rotation, n of them
    radius : float
        Neighbours are at most so far away.
    angle_degrees : float
        Largest difference of the z axes; with ``twist`` of the whole rotations.
    offset_degrees : float
        How far above or below its plane a neighbour may see the point.
    neighbours : int
        How many must agree.
    group : Rotation
        Point group in which orientations that look the same are the same.
    twist : bool
    smallest : int
        Members of connected lattices of fewer are none.

    Returns
    -------
    members : bool array, shape (n,)
    flipped : bool array, shape (n,)
        Others, that would agree with enough neighbours if their z axis were reversed.

    Raises
    ------
    ValueError
        If there are far too many neighbours within the radius for a lattice.
    """
    n = len(positions)
    _check_radius(positions, radius)
    pairs = neighbourhood.pairs_within(positions, radius)
    # both ways: the second of a pair is judged by the first
    judge, judged = np.concatenate([pairs, pairs[:, ::-1]]).T
    axes = orientations.directions(rotations)
    apart = positions[judged] - positions[judge]
    length = np.maximum(np.linalg.norm(apart, axis=1), 1e-12)
    heights = np.abs(np.einsum("nk,nk->n", apart, axes[judge])) / length
    level = np.degrees(np.arcsin(np.clip(heights, 0, 1))) <= offset_degrees
    judge, judged = judge[level], judged[level]
    angles, opposite = _angles(rotations, judge, judged, group, twist)
    agreeing = angles <= angle_degrees
    members = np.bincount(judged[agreeing], minlength=n) >= neighbours
    flipped = ~members & (np.bincount(judged[opposite <= angle_degrees], minlength=n) >= neighbours)
    if smallest > 1:
        joined = agreeing & members[judge] & members[judged]
        links = coo_array((np.ones(int(joined.sum())), (judge[joined], judged[joined])), shape=(n, n))
        lattice = connected_components(links, directed=False)[1]
        members &= np.bincount(lattice[members], minlength=n)[lattice] >= smallest
    return members, flipped


def _check_radius(positions: Array, radius: float) -> None:
    counts = neighbourhood.neighbour_counts(positions, radius)
    if counts.sum() > 2 * _MOST_PAIRS:
        raise ValueError(
            f"a point has {counts.mean():.0f} others within {radius:g} voxels on average, which is no "
            "lattice; take a radius that only reaches the next ones"
        )


def _angles(
    rotations: Rotation, judge: NDArray[np.int64], judged: NDArray[np.int64], group: Rotation, twist: bool
) -> tuple[Array, Array]:
    """Angles in degrees by which orientations of pairs differ, as they are and with one z axis reversed."""
    quaternions = rotations.as_quat().reshape(-1, 4)
    one, other = Rotation.from_quat(quaternions[judge]), Rotation.from_quat(quaternions[judged])
    if twist:
        half = Rotation.from_euler("x", 180, degrees=True)
        return (
            symmetry.angles_between(one, other, group),
            symmetry.angles_between(one, other * half, group),
        )
    axes = orientations.directions(rotations)
    # in which directions the z axes of a particle that looks the same may point
    alike = np.unique(np.round(group.apply([0.0, 0.0, 1.0]).reshape(-1, 3), 9), axis=0)
    cosines = one.inv().apply(axes[judged]).reshape(-1, 3) @ alike.T
    nearest, opposite = cosines.max(axis=1, initial=-1.0), (-cosines).max(axis=1, initial=-1.0)
    return np.degrees(np.arccos(np.clip(nearest, -1, 1))), np.degrees(np.arccos(np.clip(opposite, -1, 1)))
