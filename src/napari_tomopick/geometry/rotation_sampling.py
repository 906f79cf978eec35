"""Orientations spread evenly over all there are."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.symmetry import in_fundamental_zone, point_group

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


def rotation_count(angle_step_degrees: float) -> int:
    """How many rotations a given angular step takes: ``8 pi^2 / step^3``, SO(3) in cells of that side.

    It is what grids in Euler angles of that step have (15 degrees: 4400; EMAN2's grid 4440), evenly spread.

    Raises
    ------
    ValueError
        If the step is not between 0 and 180 degrees.
    """
    if not (np.isfinite(angle_step_degrees) and 0 < angle_step_degrees <= 180):
        raise ValueError(f"an angular step is between 0 and 180 degrees, got {angle_step_degrees}")
    return max(1, int(np.ceil(8 * np.pi**2 / np.radians(angle_step_degrees) ** 3)))


def rotations_by_step(angle_step_degrees: float, symmetry: str = "C1") -> Rotation:
    """Spread rotations evenly at a given angular step over what looks different in a point group.

    Parameters
    ----------
    angle_step_degrees : float
    symmetry : str
        As `point_group`.

    Returns
    -------
    Rotation, some `rotation_count` divided by the order of the group of them

    Raises
    ------
    ValueError
        If the step is not between 0 and 180 degrees, or there is no such point group.
    """
    group = point_group(symmetry)
    every = uniform_rotations(rotation_count(angle_step_degrees))
    return every[in_fundamental_zone(every, group)]


def rotations_about(radius_degrees: float, step_degrees: float) -> Rotation:
    """Small rotations on a cubic grid of rotation vectors, the first of them none.

    Parameters
    ----------
    radius_degrees : float
        The largest.
    step_degrees : float
        Between neighbours.
    """
    reach = int(np.floor(radius_degrees / step_degrees + 1e-9))
    grid = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    vectors = grid[np.argsort((grid**2).sum(axis=1), kind="stable")] * step_degrees
    near = np.linalg.norm(vectors, axis=1) <= radius_degrees + 1e-9
    return Rotation.from_rotvec(vectors[near], degrees=True)
