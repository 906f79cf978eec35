"""Turn particles where they are. Each function returns all particles, of which the chosen ones are turned.

They keep their ids and columns, so that the session can store them as one edit (`update_particles`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import ModelError, ParameterError
from napari_tomopick.geometry import orientations
from napari_tomopick.models.membrane_relation import relation_to_surfaces
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.user_points import Model


def flip(particles: Particles, ids: ArrayLike | None = None) -> Particles:
    """Reverse the z axes, by half a turn about each particle's own x axis.

    Parameters
    ----------
    particles : Particles
    ids : array-like of int, optional
        Which of them; all by default.

    Raises
    ------
    ParameterError
        If an id is not there.
    """
    rows = _rows(particles, ids)
    return _turned(particles, rows, orientations.flipped)


def turn_in_plane(particles: Particles, angle_degrees: float, ids: ArrayLike | None = None) -> Particles:
    """Turn particles about their own z axes, counter-clockwise as seen from its tip; see `flip`."""
    if not np.isfinite(angle_degrees):
        raise ParameterError(f"the angle to turn by must be a number of degrees, got {angle_degrees}")
    rows = _rows(particles, ids)
    angles = np.full(len(rows), float(angle_degrees))
    return _turned(particles, rows, lambda rotations: orientations.twisted(rotations, angles))


def random_twist(particles: Particles, seed: int, ids: ArrayLike | None = None) -> Particles:
    """Turn each particle by an angle of its own about its z axis, any of them as likely as another.

    The same seed turns the same particles by the same angles. It spreads the missing wedge over an average.
    Otherwise as `flip`.
    """
    if seed < 0:
        raise ParameterError(f"a seed is a whole number of at least 0, got {seed}")
    rows = _rows(particles, ids)
    angles = np.random.default_rng(seed).uniform(-180.0, 180.0, len(rows))
    return _turned(particles, rows, lambda rotations: orientations.twisted(rotations, angles))


def to_surface(particles: Particles, surfaces: Sequence[Model], ids: ArrayLike | None = None) -> Particles:
    """Let the z axes point along the outward normal at the nearest place of any surface of the tomogram.

    Each is turned by the smallest rotation that does it, so that its x axis keeps its direction as nearly as
    can be: an orientation about the normal that was found by matching is not lost, and a particle that had
    no orientation gets the one of `models.orient`. One that points straight inwards is turned about its own
    x axis.

    Parameters
    ----------
    particles : Particles
    surfaces : sequence of Model
        Surfaces and vesicles; a particle or a surface without a tomogram goes with all.
    ids : array-like of int, optional
        Which particles; all by default.

    Raises
    ------
    ModelError
        If a particle's tomogram has no surface, or one is not defined.
    ParameterError
        If an id is not there, or voxel sizes differ.
    """
    rows = _rows(particles, ids)
    chosen = particles.select(rows)
    normals = relation_to_surfaces(chosen, surfaces).normals
    without = np.isnan(normals).any(axis=1)
    if without.any():
        names = ", ".join(sorted(set(chosen.tomograms[without].tolist())))
        raise ModelError(f"no surface was given for the particles of tomogram {names}")
    return _turned(
        particles,
        rows,
        # in the particle's own frame, in which its z axis is z
        lambda rotations: rotations * orientations.from_directions(rotations.inv().apply(normals)),
    )


def _rows(particles: Particles, ids: ArrayLike | None) -> NDArray[np.int64]:
    if ids is None:
        return np.arange(len(particles))
    wanted = np.unique(np.asarray(ids, np.int64).reshape(-1))
    missing = wanted[~np.isin(wanted, particles.ids)]
    if len(missing):
        raise ParameterError(f"there is no particle with id {missing[0]} to turn")
    return np.flatnonzero(np.isin(particles.ids, wanted))


def _turned(particles: Particles, rows: NDArray[np.int64], turn: Callable[[Rotation], Rotation]) -> Particles:
    if not len(rows):  # which scipy does not take everywhere
        return particles
    quaternions = particles.rotations.as_quat()
    quaternions[rows] = turn(Rotation.from_quat(quaternions[rows])).as_quat()
    return replace(particles, rotations=Rotation.from_quat(quaternions))
