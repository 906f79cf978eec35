"""Spheres and ellipsoids: fitted to points, meshed and sampled."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from napari_tomopick.geometry.meshes import Mesh, geodesic_sphere

Array = NDArray[np.float64]

# Pull towards a sphere, in voxels of misfit per unit of logarithmic elongation. It is nothing where points
# cover the vesicle; where they are three slices near its equator, it keeps the unseen axis from running away.
_ROUNDNESS = 0.5
# Fine enough for areas.
_SPHERE = geodesic_sphere(8)


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """The surface ``centre + shape @ w`` for unit vectors w.

    Parameters
    ----------
    centre : array, shape (3,)
        x, y, z in voxels.
    shape : array, shape (3, 3)
        Symmetric positive definite: its eigenvalues are the semi-axes, its eigenvectors their directions.
    """

    centre: Array
    shape: Array

    def semi_axes(self) -> Array:
        """The three semi-axes in voxels, longest first."""
        return np.asarray(np.linalg.eigvalsh(self.shape)[::-1])

    def _at(self, w: Array) -> tuple[Array, Array]:
        normals = w @ np.linalg.inv(self.shape)
        return self.centre + w @ self.shape, normals / np.linalg.norm(normals, axis=1, keepdims=True)

    def mesh(self, edge: float, max_triangles: int, subdivision: int) -> tuple[Mesh, bool]:
        """Triangles of about this edge length, halved ``subdivision`` times, seen from outside.

        If they were more than ``max_triangles``, the edges are made as much longer as it takes.

        Returns
        -------
        mesh : Mesh
        limited : bool
            Whether the edges had to be made longer.
        """
        # an equilateral triangulation of the area with this edge; an icosahedron has 20 triangles
        area = Mesh(self.centre + _SPHERE.vertices @ self.shape, _SPHERE.faces).area()
        wanted = max(1, round(math.sqrt(area / (math.sqrt(3) / 4 * edge**2) / 20)))
        halvings = min(subdivision, int(math.log(max(max_triangles / 20, 1), 4)))
        allowed = max(1, math.floor(math.sqrt(max_triangles / 20 / 4**halvings)))
        sphere = geodesic_sphere(min(wanted, allowed) << halvings)
        vertices, normals = self._at(sphere.vertices)
        return Mesh(vertices, sphere.faces, normals), wanted > allowed or halvings < subdivision

    def samples(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Random positions, evenly over the area, and the outward unit normals there, ``(n, 3)`` each."""
        inverse = np.linalg.inv(self.shape)
        # the area element is |inverse w| times that of the unit sphere, up to a constant
        largest = 1.0 / self.semi_axes()[-1]
        kept: list[Array] = []
        while sum(map(len, kept)) < n:
            w = rng.normal(size=(2 * n, 3))
            w /= np.linalg.norm(w, axis=1, keepdims=True)
            kept.append(w[rng.random(len(w)) * largest < np.linalg.norm(w @ inverse, axis=1)])
        return self._at(np.concatenate(kept)[:n])

    def level(self, points: Array) -> Array:
        """First-order signed distance to the surface, ``(n,)`` in voxels, positive outside (Sampson 1982)."""
        inverse = np.linalg.inv(self.shape)
        w = (points - self.centre) @ inverse
        length = np.maximum(np.linalg.norm(w, axis=1), 1e-12)
        slope = np.maximum(np.linalg.norm(w @ inverse, axis=1), 1e-12)
        return np.asarray((length - 1.0) * length / slope)


def fit_sphere(points: Array) -> Ellipsoid:
    """The sphere nearest to points, a few bad clicks counting little.

    Algebraic fit (Coope 1993) refined by geometric least squares with a soft L1 loss of one voxel.

    Parameters
    ----------
    points : array, shape (n, 3)
        At least 4, not in one plane.
    """
    mean = points.mean(axis=0)
    p = points - mean
    system = np.column_stack([2 * p, np.ones(len(p))])
    solution = np.linalg.lstsq(system, (p * p).sum(axis=1), rcond=None)[0]
    radius = math.sqrt(max(solution[3] + solution[:3] @ solution[:3], 1e-6))

    def misfit(x: Array) -> Array:
        return np.asarray(np.linalg.norm(p - x[:3], axis=1) - x[3])

    x = least_squares(misfit, [*solution[:3], radius], loss="soft_l1").x
    return Ellipsoid(mean + x[:3], abs(float(x[3])) * np.eye(3))


_UPPER = np.triu_indices(3)


def fit_ellipsoid(points: Array) -> Ellipsoid:
    """The ellipsoid nearest to points, lying in any direction, a few bad clicks counting little.

    The matrix logarithm of the shape is fitted, which can only give ellipsoids; distances are to first order
    (Sampson 1982).

    Parameters
    ----------
    points : array, shape (n, 3)
        At least 9, not in one plane.
    """
    mean = points.mean(axis=0)
    p = points - mean
    sphere = fit_sphere(p)
    spread, axes = np.linalg.eigh(p.T @ p / len(p))
    # points all over an ellipsoid have a third of its squared semi-axes as variance
    starts = [
        np.concatenate([sphere.centre, (np.log(sphere.shape[0, 0]) * np.eye(3))[_UPPER]]),
        np.concatenate([np.zeros(3), ((axes * np.log(3 * np.maximum(spread, 1e-3)) / 2) @ axes.T)[_UPPER]]),
    ]

    def ellipsoid(x: Array) -> Ellipsoid:
        log_shape = np.zeros((3, 3))
        log_shape[_UPPER] = x[3:]
        values, vectors = np.linalg.eigh(log_shape + np.triu(log_shape, 1).T)
        return Ellipsoid(x[:3], (vectors * np.exp(np.clip(values, -5, 12))) @ vectors.T)

    def misfit(x: Array) -> Array:
        mean_log = x[[3, 6, 8]].mean()
        elongation = (x[3:] - mean_log * np.eye(3)[_UPPER]) * np.array([1, 2, 2, 1, 2, 1]) ** 0.5
        return np.concatenate([ellipsoid(x).level(p), _ROUNDNESS * elongation])

    fits = [least_squares(misfit, start, loss="soft_l1", max_nfev=60) for start in starts]
    best = ellipsoid(min(fits, key=lambda fit: fit.cost).x)
    return Ellipsoid(best.centre + mean, best.shape)
