"""Smooth parametric surfaces ``S(u, v)``: uniform cubic tensor-product B-splines, open or closed along u.

The parameters are close to arc length in voxels, which keeps every length (spacing, step, penalty) readable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """Uniform cubic B-spline basis along one parameter.

    Parameters
    ----------
    start, stop : float
        Range of the parameter; one period where it is closed.
    intervals : int
        Number of polynomial pieces.
    closed : bool
        Whether ``stop`` is the same place as ``start``.
    """

    start: float
    stop: float
    intervals: int
    closed: bool = False

    @property
    def step(self) -> float:
        """Length of one polynomial piece."""
        return (self.stop - self.start) / self.intervals

    @property
    def size(self) -> int:
        """Number of basis functions."""
        return self.intervals if self.closed else self.intervals + 3

    def weights(self, t: Array) -> tuple[NDArray[np.int64], Array, Array]:
        """The four basis functions that act at each parameter, their values and first derivatives.

        Parameters
        ----------
        t : array, shape (n,)
            Parameters within the range (any value where closed).

        Returns
        -------
        index, value, slope : arrays, shape (n, 4)
        """
        x = (t - self.start) / self.step
        cell = np.floor(x).astype(np.int64)
        if not self.closed:
            cell = np.clip(cell, 0, self.intervals - 1)
        f = x - cell
        index = cell[:, None] + np.arange(4)
        if self.closed:
            index %= self.intervals
        g = 1.0 - f
        value = np.stack([g**3, 3 * f**3 - 6 * f**2 + 4, 3 * g**3 - 6 * g**2 + 4, f**3], axis=1) / 6.0
        slope = np.stack([-(g**2), 3 * f**2 - 4 * f, 4 * g - 3 * g**2, f**2], axis=1) / (2.0 * self.step)
        return index, value, slope

    def design(self, t: Array) -> Array:
        """Basis functions at parameters ``t`` as a dense ``(n, size)`` matrix."""
        index, value, _ = self.weights(t)
        matrix = np.zeros((len(t), self.size))
        np.add.at(matrix, (np.arange(len(t))[:, None], index), value)
        return matrix

    def differences(self, order: int) -> Array:
        """Matrix taking coefficients to the derivative of this order, in parameter units, per coefficient."""
        matrix = np.eye(self.size)
        for _ in range(order):
            matrix = np.roll(matrix, -1, axis=0) - matrix if self.closed else np.diff(matrix, axis=0)
        return matrix / self.step**order

    def modes(self, count: int) -> Array:
        """The ``count`` smoothest shapes the coefficients can take, as columns, smoothest first.

        Constants, and where open straight lines and parabolas, come first; then the eigenvectors of the
        third-difference penalty (Demmler & Reinsch 1975), which are waves of growing frequency.
        """
        i = np.linspace(-1.0, 1.0, self.size)
        plain = np.linalg.qr(np.stack([i**0] if self.closed else [i**0, i, i**2], axis=1))[0]
        d = self.differences(3)
        waves = np.linalg.eigh(d.T @ d)[1][:, plain.shape[1] :]
        return np.hstack([plain, waves])[:, : min(count, self.size)]


@dataclass(frozen=True, eq=False)
class TensorSpline:
    """A surface ``S(u, v)``, continued straight beyond its open edges.

    Parameters
    ----------
    u, v : Axis
        Only u may be closed.
    coefficients : array, shape (u.size, v.size, 3)
        Control points, x, y, z in voxels.
    """

    u: Axis
    v: Axis
    coefficients: Array

    def evaluate(self, uv: Array) -> tuple[Array, Array, Array]:
        """Positions and both partial derivatives, ``(n, 3)`` each, at parameters ``(n, 2)``."""
        u, v = uv[:, 0], np.clip(uv[:, 1], self.v.start, self.v.stop)
        inside_u = u if self.u.closed else np.clip(u, self.u.start, self.u.stop)
        iu, bu, du = self.u.weights(inside_u)
        iv, bv, dv = self.v.weights(v)
        control = self.coefficients[iu[:, :, None], iv[:, None, :]]
        along_v = np.einsum("nj,nijk->nik", bv, control)
        points = np.einsum("ni,nik->nk", bu, along_v)
        s_u = np.einsum("ni,nik->nk", du, along_v)
        s_v = np.einsum("ni,nj,nijk->nk", bu, dv, control)
        points += s_u * (u - inside_u)[:, None] + s_v * (uv[:, 1] - v)[:, None]
        return points, s_u, s_v

    def positions(self, uv: Array) -> Array:
        """Positions ``(n, 3)`` at parameters ``(n, 2)``."""
        return self.evaluate(uv)[0]

    def normals(self, uv: Array) -> Array:
        """Unit normals ``S_u x S_v``, ``(n, 3)``, at parameters ``(n, 2)``."""
        _, s_u, s_v = self.evaluate(uv)
        normal = np.cross(s_u, s_v)
        return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)

    def nearest(self, points: Array, *, start: Array | None = None, steps: int = 8) -> Array:
        """Parameters ``(n, 2)`` of the foot points, by Gauss-Newton from the nearest of a grid, or ``start``.

        Foot points may lie beyond an open edge, where the surface is continued straight.
        """
        uv = self._nearest_on_grid(points) if start is None else np.array(start)
        spans = np.array([self.u.step, self.v.step])
        for _ in range(steps):
            position, s_u, s_v = self.evaluate(uv)
            residual = points - position
            a, b, c = (s_u * s_u).sum(1), (s_u * s_v).sum(1), (s_v * s_v).sum(1)
            ru, rv = (s_u * residual).sum(1), (s_v * residual).sum(1)
            det = np.maximum(a * c - b * b, 1e-9 * a * c + 1e-300)
            change = np.column_stack([(c * ru - b * rv) / det, (a * rv - b * ru) / det])
            # one spline piece at most: beyond it the linear model means nothing
            change /= np.maximum(np.abs(change / spans).max(axis=1), 1.0)[:, None]
            uv += change
            if np.abs(change).max(initial=0.0) < 1e-6:
                break
        return uv

    def _nearest_on_grid(self, points: Array) -> Array:
        uv = np.stack(
            np.meshgrid(
                np.linspace(self.u.start, self.u.stop, 3 * self.u.intervals + 1),
                np.linspace(self.v.start, self.v.stop, 3 * self.v.intervals + 1),
                indexing="ij",
            ),
            axis=-1,
        ).reshape(-1, 2)
        return uv[cKDTree(self.positions(uv)).query(points)[1]]
