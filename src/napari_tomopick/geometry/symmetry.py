"""Point groups: in which other orientations a particle looks the same."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

_LONG = {"tet": "T", "oct": "O", "icos": "I", "t": "T", "o": "O", "i": "I"}
_AT_ONCE = 4096


def point_group(symmetry: str) -> Rotation:
    """The rotations under which a particle of this point group looks the same, the first of them none.

    Parameters
    ----------
    symmetry : str
        Schoenflies symbol: ``C1``, ``C4``, ``D7``, ``T``, ``O``, ``I``; case does not matter, and EMAN2's
        ``tet``, ``oct`` and ``icos`` are understood. The n-fold axis of C and D lies along z and a two-fold
        of D along x. Two-fold axes of T and I, and four-fold axes of O, lie along x, y and z; a map in
        another setting has to be turned first.

    Raises
    ------
    ValueError
        If there is no such point group.
    """
    text = str(symmetry).strip().lower()
    cyclic = re.fullmatch(r"([cd])([1-9]\d{0,2})", text)
    if cyclic:
        letter, order = cyclic.group(1), int(cyclic.group(2))
        vectors = np.zeros((order, 3))
        vectors[:, 2] = 360.0 / order * np.arange(order)
        turns = Rotation.from_rotvec(vectors, degrees=True)
        if letter == "c":
            return turns
        half = Rotation.from_euler("x", 180, degrees=True)
        return Rotation.concatenate([turns, turns * half])
    if text in _LONG:
        # scipy's T, O and I have two-folds along the axes
        group = Rotation.create_group(_LONG[text])
        return group[np.argsort(group.magnitude(), kind="stable")]
    raise ValueError(
        f"the symmetry {symmetry!r} is no point group: C1, C2 ..., D2 ..., T, O or I (tet, oct, icos) are"
    )


def symmetry_name(symmetry: str) -> str:
    """The symbol of a point group in one spelling: ``C1``, ``D7``, ``T``, ``O``, ``I``; see `point_group`."""
    point_group(symmetry)
    text = str(symmetry).strip().lower()
    return _LONG.get(text, text.upper())


def in_fundamental_zone(rotations: Rotation, group: Rotation) -> NDArray[np.bool_]:
    """Which rotations stand for all that look the same: none of their equivalents turns by less.

    Parameters
    ----------
    rotations : Rotation, n of them
        Reference frame to tomogram frame; R and ``R g`` look the same for every g of the group.
    group : Rotation
    """
    if len(group) == 1:
        return np.ones(len(rotations), bool)
    quaternions, others = rotations.as_quat(), group.as_quat()
    found = np.empty(len(quaternions), bool)
    for first in range(0, len(quaternions), _AT_ONCE):
        x, y, z, w = quaternions[first : first + _AT_ONCE, :, None].swapaxes(0, 1)
        gx, gy, gz, gw = others.T
        # scalar part of R g: the cosine of half the angle
        scalar = np.abs(w * gw - x * gx - y * gy - z * gz)
        found[first : first + _AT_ONCE] = np.abs(w[:, 0]) >= scalar.max(axis=1) - 1e-12
    return found


def angles_between(one: Rotation, other: Rotation, group: Rotation) -> NDArray[np.float64]:
    """Angle in degrees by which pairs of orientations differ, the smallest over the point group, ``(n,)``."""
    between = (one.inv() * other).as_quat().reshape(-1, 4)
    g = group.as_quat()
    # the scalar part of R1^-1 R2 g over all g
    scalar = np.abs(between[:, 3:] * g[:, 3] - between[:, :3] @ g[:, :3].T)
    return np.asarray(np.degrees(2 * np.arccos(np.clip(scalar.max(axis=1), 0, 1))))
