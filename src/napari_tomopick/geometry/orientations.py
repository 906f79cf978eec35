"""Orientations: one meaning, and its translation into the angles of the field's programs.

An orientation is a `scipy.spatial.transform.Rotation` acting on x, y, z column vectors, which takes the
reference frame to the tomogram frame: the particle's own z axis points along ``R.apply([0, 0, 1])``.

Sources
-------
Dynamo: wiki page "Euler angles convention". The triplet [tdrot, tilt, narot] gives
``D = Rz(narot) Rx(tilt) Rz(tdrot)``, which takes the tomogram frame to the reference frame: R is its inverse.
RELION: Heymann, Chagoyen & Belnap (2005) J. Struct. Biol. 151, 196. In right-handed active elementary
matrices RELION's matrix is ``Rz(-psi) Ry(-tilt) Rz(-rot)``, which is R itself. Hence rot = narot - 90,
tilt = tilt, psi = tdrot + 90.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation


def identity(n: int) -> Rotation:
    """``n`` particles lying as the reference does."""
    return Rotation.from_quat(np.tile([0.0, 0.0, 0.0, 1.0], (n, 1)))


def directions(rotations: Rotation) -> NDArray[np.float64]:
    """The particles' own z axes in the tomogram, ``(n, 3)`` unit vectors in x, y, z order."""
    return np.atleast_2d(rotations.as_matrix()[..., :, 2])


def from_directions(vectors: ArrayLike, *, twist_seed: int | None = None) -> Rotation:
    """The smallest rotations that take +z to the given directions, with a random twist if asked.

    Parameters
    ----------
    vectors : array-like, shape (n, 3)
        Directions in x, y, z order, of any length but zero.
    twist_seed : int, optional
        Seed of a uniformly random turn about the particle's own axis, which spreads the missing wedge over
        the average. Without it there is no twist (Dynamo's narot = -tdrot).

    Raises
    ------
    ValueError
        If a direction has no length.
    """
    v = np.asarray(vectors, dtype=np.float64).reshape(-1, 3)
    length = np.linalg.norm(v, axis=1)
    if not (np.isfinite(length) & (length > 0)).all():
        row = int(np.flatnonzero(~(np.isfinite(length) & (length > 0)))[0])
        raise ValueError(f"direction {row} has no length: {v[row].tolist()}")
    x, y, z = (v / length[:, None]).T
    # rotation about the axis z × n by the angle between them; the half-angle form is exact near +z
    quaternions = np.column_stack([-y, x, np.zeros_like(z), 1.0 + z])
    # straight down has no smallest rotation; turn about x, which keeps Dynamo's (0, 180, 0)
    down = 1.0 + z < 1e-12
    quaternions[down] = [1.0, 0.0, 0.0, 0.0]
    rotations = Rotation.from_quat(quaternions)
    if twist_seed is not None:
        rotations = twisted(rotations, np.random.default_rng(twist_seed).uniform(-180.0, 180.0, len(v)))
    return rotations


def flipped(rotations: Rotation) -> Rotation:
    """Reverse the particles' z axes, by half a turn about their own x axes."""
    return rotations * Rotation.from_euler("x", 180, degrees=True)


def twisted(rotations: Rotation, angles_degrees: ArrayLike) -> Rotation:
    """Turn every particle about its own z axis; its direction does not change."""
    angles = np.radians(np.asarray(angles_degrees, dtype=np.float64))
    vectors = np.zeros((len(rotations), 3))
    vectors[:, 2] = angles
    return rotations * Rotation.from_rotvec(vectors)


def from_dynamo(angles_degrees: ArrayLike) -> Rotation:
    """Orientations from Dynamo's ``(n, 3)`` tdrot, tilt, narot in degrees."""
    angles = np.asarray(angles_degrees, dtype=np.float64).reshape(-1, 3)
    return Rotation.from_euler("zxz", angles, degrees=True).inv()


def to_dynamo(rotations: Rotation) -> NDArray[np.float64]:
    """Dynamo's tdrot, tilt, narot, ``(n, 3)`` in degrees; at the poles narot takes the whole turn."""
    matrix = rotations.inv().as_matrix().reshape(-1, 3, 3)
    # third row of D is the particle axis: (sin tilt sin tdrot, sin tilt cos tdrot, cos tilt)
    sin_tilt = np.hypot(matrix[:, 2, 0], matrix[:, 2, 1])
    tilt = np.arctan2(sin_tilt, matrix[:, 2, 2])
    pole = sin_tilt < 1e-9
    tdrot = np.where(pole, 0.0, np.arctan2(matrix[:, 2, 0], matrix[:, 2, 1]))
    # third column of D: (sin narot sin tilt, -cos narot sin tilt, cos tilt)
    narot = np.where(
        pole,
        np.arctan2(matrix[:, 1, 0], matrix[:, 0, 0]),
        np.arctan2(matrix[:, 0, 2], -matrix[:, 1, 2]),
    )
    return np.degrees(np.column_stack([tdrot, tilt, narot]))


def from_relion(angles_degrees: ArrayLike) -> Rotation:
    """Orientations from RELION's ``(n, 3)`` rlnAngleRot, rlnAngleTilt, rlnAnglePsi in degrees."""
    rot, tilt, psi = np.asarray(angles_degrees, dtype=np.float64).reshape(-1, 3).T
    return from_dynamo(np.column_stack([psi - 90.0, tilt, rot + 90.0]))


def to_relion(rotations: Rotation) -> NDArray[np.float64]:
    """RELION's rot, tilt, psi, ``(n, 3)`` in degrees within ±180."""
    tdrot, tilt, narot = to_dynamo(rotations).T
    angles = np.column_stack([narot - 90.0, tilt, tdrot + 90.0])
    return (angles + 180.0) % 360.0 - 180.0


def angle_between(first: Rotation, second: Rotation) -> NDArray[np.float64]:
    """The angle in degrees of the rotation that takes each of ``first`` to its partner in ``second``."""
    return np.degrees(np.atleast_1d((first.inv() * second).magnitude()))
