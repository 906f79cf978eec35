"""Penalised tensor-product B-splines with the amount of smoothing found from the data.

A P-spline (Eilers & Marx 1996, Statist. Sci. 11, 89) in the two parameters of a surface. The penalty is
the integral of the squared derivatives of one order (2: bending, as a thin plate; 3: change of bending, which
leaves every parabola free, hence caps and tubes unflattened). It has a length of its own along each
parameter, so a tube may be straight along and curved around. Both lengths maximise the restricted likelihood
(REML; Wood 2011, J. R. Stat. Soc. B 73, 3), which overfits less often than generalised cross-validation.
"""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize

from napari_tomopick.geometry.tensor_splines import Axis, TensorSpline

Array = NDArray[np.float64]

# Weight of a prior that prefers the smoother of two surfaces that explain the clicks about equally well
# (penalised complexity, Simpson et al. 2017, Statist. Sci. 32, 1): without it one flat sheet in ten comes out
# wavy.
_SMOOTHER_PRIOR = 1.0
# Clicks are never better than this, in voxels; keeps the likelihood finite on exact data.
_CLICK_FLOOR = 0.01
# Scale of a half-normal prior on the standard error of clicks, in voxels: curvature of several voxels that
# only a few clicks saw is curvature, not bad clicks.
_CLICK_SPREAD = 0.7
# Normals are derivatives, which take more smoothing than the positions the likelihood looks at. Measured on
# analytic surfaces: normals gain a tenth to a fifth, positions lose nothing.
_FOR_NORMALS = 1.25


class Smoother:
    """One family of smooth surfaces (axes and order of the penalty), ready to be fitted.

    Parameters
    ----------
    u, v : Axis
    order : 2 or 3
        Order of the derivatives that are penalised.
    modes : (int, int)
        Number of shapes (`Axis.modes`) that a surface may be composed of along u and v.
    """

    def __init__(self, u: Axis, v: Axis, order: int, modes: tuple[int, int]) -> None:
        self.u, self.v, self.order = u, v, order
        self._mu, self._mv = u.modes(modes[0]), v.modes(modes[1])
        self._penalties = []
        for i in range(order + 1):
            # differences are taken before squaring, so that parabolas stay free to the last digit
            du, dv = u.differences(i) @ self._mu, v.differences(order - i) @ self._mv
            self._penalties.append(comb(order, i) * u.step * v.step * np.kron(du.T @ du, dv.T @ dv))
        iu, iv = np.linspace(-1, 1, u.size), np.linspace(-1, 1, v.size)
        free = [
            np.kron(self._mu.T @ iu**i, self._mv.T @ iv**j)
            for i in range(1 if u.closed else order)
            for j in range(order - i)
        ]
        basis = np.linalg.qr(np.array(free).T)[0]
        self._free, self._free_projector = basis.shape[1], basis @ basis.T

    def set_data(self, uv: Array, points: Array) -> None:
        """Take points ``(n, 3)`` at parameters ``(n, 2)``."""
        du, dv = self.u.design(uv[:, 0]) @ self._mu, self.v.design(uv[:, 1]) @ self._mv
        self._design = np.einsum("ni,nj->nij", du, dv).reshape(len(uv), -1)
        self._gram = self._design.T @ self._design
        # a shape that no click touches keeps still
        self._gram[np.diag_indices_from(self._gram)] += 1e-9 * len(uv) / len(self._gram)
        self._points = points
        area = (self.u.stop - self.u.start) * (self.v.stop - self.v.start)
        self._density = len(uv) / area

    def _factorise(self, log_lengths: Array) -> tuple[Array, Array, Array]:
        lu, lv = np.exp(log_lengths)
        penalty = self._density * sum(
            matrix * (lu**i * lv ** (self.order - i)) ** 2 for i, matrix in enumerate(self._penalties)
        )
        lower = np.linalg.cholesky(self._gram + penalty)
        whitened = solve_triangular(lower, self._design.T, lower=True, check_finite=False)
        return penalty, lower, whitened

    def criterion(self, log_lengths: Array) -> float:
        """Minus twice the restricted log-likelihood, up to a constant, and the prior.

        Only the misfit across the surface counts: along it, points are free to slide, so the three
        coordinates carry one observation per click.
        """
        try:
            penalty, lower, whitened = self._factorise(log_lengths)
            scale = np.trace(penalty) / len(penalty)
            lower_penalty = np.linalg.cholesky(penalty / scale + self._free_projector)
        except np.linalg.LinAlgError:
            return np.inf
        n, size = len(self._points), len(penalty)
        misfit = (self._points**2).sum() - ((whitened @ self._points) ** 2).sum()
        variance = max(misfit, 0.0) / max(n - self._free, 1) + _CLICK_FLOOR**2
        log_det = 2 * np.log(np.diag(lower)).sum()
        log_det_penalty = 2 * np.log(np.diag(lower_penalty)).sum() + (size - self._free) * np.log(scale)
        return float(
            (n - self._free) * np.log(variance)
            + log_det
            - log_det_penalty
            - _SMOOTHER_PRIOR * np.sum(log_lengths)
            + variance / _CLICK_SPREAD**2
        )

    def best_lengths(self, start: Array | None = None) -> Array:
        """The two logarithmic smoothing lengths that minimise the criterion, near ``start`` if given."""
        extent = max(self.u.stop - self.u.start, self.v.stop - self.v.start)
        low, high = np.log(extent / 200), np.log(extent * 5)
        if start is None:
            trials = np.log(extent * np.array([0.05, 0.2, 0.8]))
            start = min((np.array([a, b]) for a in trials for b in trials), key=self.criterion)
            width = 0.7
        else:
            width = 0.3
        simplex = np.clip(start, low, high - width) + width * np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        result = minimize(
            self.criterion,
            simplex[0],
            method="Nelder-Mead",
            bounds=[(low, high)] * 2,
            options={"initial_simplex": simplex, "xatol": 0.1, "fatol": 0.05, "maxfev": 40},
        )
        return np.asarray(result.x)

    def solve(self, log_lengths: Array) -> tuple[TensorSpline, Array]:
        """The surface for the likeliest lengths, and the ``(n, n)`` matrix that took the points to it."""
        _, lower, whitened = self._factorise(log_lengths + np.log(_FOR_NORMALS))
        weights = cho_solve((lower, True), self._design.T @ self._points)
        shape = (self._mu.shape[1], self._mv.shape[1], 3)
        control = np.einsum("ia,jb,abk->ijk", self._mu, self._mv, weights.reshape(shape))
        return TensorSpline(self.u, self.v, control), whitened.T @ whitened


def left_out_residuals(hat: Array, residuals: Array, blocks: list[NDArray[np.int64]]) -> Array:
    """Residuals of points that a linear smoother did not see, block by block (exact, without fitting again).

    Parameters
    ----------
    hat : array, shape (n, n)
        Matrix taking points to fitted points.
    residuals : array, shape (n, 3)
        Of the fit to all points.
    blocks : list of int arrays
        Points that are left out together.

    Returns
    -------
    array, shape (sum of the block sizes, 3)
    """
    out: list[Array] = [np.empty((0, 3))]
    for block in blocks:
        # 1 + 1e-6: a block without which there is no fit counts as very bad, not as an error
        system = (1.0 + 1e-6) * np.eye(len(block)) - hat[np.ix_(block, block)]
        out.append(np.asarray(np.linalg.solve(system, residuals[block])))
    return np.concatenate(out)
