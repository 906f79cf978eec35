"""Smooth surfaces through curves traced slice by slice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from napari_tomopick.geometry.levels import Levels, arrange, over_plane
from napari_tomopick.geometry.meshes import Mesh, grid_faces
from napari_tomopick.geometry.smoothing import Smoother, left_out_residuals
from napari_tomopick.geometry.tensor_splines import Axis, TensorSpline

Array = NDArray[np.float64]

_ROUNDS = 3  # of projecting the clicks onto the surface; their parameters change little after that
_MAX_INTERVALS = 24
_MAX_MODES = 14
_ROUNDING = 1e-6  # of a number of edges


@dataclass(frozen=True, eq=False)
class TracedSurface:
    """A smooth surface and the part of it that was traced.

    The traced part is the image of the unit square: s runs along the levels from one end to the other (once
    round where they are closed), t from the first level to the last.

    Parameters
    ----------
    spline : TensorSpline
    left, right, first, last : arrays, shape (n, 3)
        Edges of the traced part as rows (s or t, u, v) with s or t ascending from 0 to 1: the starts and the
        ends of the levels along t, the first and the last level along s.
    """

    spline: TensorSpline
    left: Array
    right: Array
    first: Array
    last: Array

    @property
    def closed(self) -> bool:
        """Whether the levels are rings."""
        return self.spline.u.closed

    def parameters(self, st: Array) -> Array:
        """Spline parameters ``(n, 2)`` at places ``(n, 2)`` of the unit square (a Coons patch)."""
        s, t = st[:, :1], st[:, 1:]
        left, right = _follow(self.left, st[:, 1]), _follow(self.right, st[:, 1])
        first, last = _follow(self.first, st[:, 0]), _follow(self.last, st[:, 0])
        corners = (
            (1 - s) * (1 - t) * self.first[0, 1:]
            + s * (1 - t) * self.first[-1, 1:]
            + (1 - s) * t * self.last[0, 1:]
            + s * t * self.last[-1, 1:]
        )
        return np.asarray((1 - s) * left + s * right + (1 - t) * first + t * last - corners)

    def grid(self, n_s: int, n_t: int) -> Array:
        """Spline parameters ``(n_s + 1, n_t + 1, 2)`` on a regular grid of the unit square."""
        st = np.stack(np.meshgrid(np.linspace(0, 1, n_s + 1), np.linspace(0, 1, n_t + 1), indexing="ij"), -1)
        return self.parameters(st.reshape(-1, 2)).reshape(n_s + 1, n_t + 1, 2)

    def size(self) -> tuple[float, float]:
        """Mean length of the traced part along s and along t, in voxels."""
        p = self.spline.positions(self.grid(32, 32).reshape(-1, 2)).reshape(33, 33, 3)
        along_s = np.linalg.norm(np.diff(p, axis=0), axis=-1).sum(axis=0).mean()
        along_t = np.linalg.norm(np.diff(p, axis=1), axis=-1).sum(axis=1).mean()
        return float(along_s), float(along_t)

    def mesh(self, edge: float, max_triangles: int, subdivision: int) -> tuple[Mesh, bool]:
        """Triangles of about this edge length, halved ``subdivision`` times, on the surface itself.

        If they were more than ``max_triangles``, the edges are made as much longer as it takes.

        Returns
        -------
        mesh : Mesh
        limited : bool
            Whether the edges had to be made longer.
        """
        length_s, length_t = self.size()
        least, wanted, halvings = 3 if self.closed else 1, edge, subdivision
        while True:
            # a length that is a whole number of edges but for rounding needs no further one
            n_s = max(least, math.ceil(length_s / edge - _ROUNDING))
            n_t = max(1, math.ceil(length_t / edge - _ROUNDING))
            if 2 * n_s * n_t * 4**halvings <= max_triangles:
                break
            if (n_s, n_t) == (least, 1):
                halvings -= 1
            edge *= 1.02
        n_s, n_t = n_s << halvings, n_t << halvings
        uv = self.grid(n_s, n_t)
        flat = (uv[:-1] if self.closed else uv).reshape(-1, 2)
        faces = grid_faces(n_s, n_t, closed=self.closed)
        mesh = Mesh(self.spline.positions(flat), faces, self.spline.normals(flat))
        return mesh, edge > wanted

    def samples(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Random positions, evenly over the traced area, and the unit normals there, ``(n, 3)`` each."""
        cells = 64
        p = self.spline.positions(self.grid(cells, cells).reshape(-1, 2)).reshape(cells + 1, cells + 1, 3)
        d1, d2 = p[1:, 1:] - p[:-1, :-1], p[1:, :-1] - p[:-1, 1:]
        area = np.linalg.norm(np.cross(d1, d2), axis=-1).ravel()
        cell = rng.choice(cells * cells, size=n, p=area / area.sum())
        st = (np.column_stack(np.divmod(cell, cells)) + rng.random((n, 2))) / cells
        uv = self.parameters(st)
        return self.spline.positions(uv), self.spline.normals(uv)


def _follow(edge: Array, at: Array) -> Array:
    return np.column_stack([np.interp(at, edge[:, 0], edge[:, k]) for k in (1, 2)])


def fit_surface(curves: Sequence[Array], *, closed: bool | None = None) -> TracedSurface:
    """The smooth surface through levels traced in slices.

    All clicks are fitted at once. Their parameters start from arc length, or from the plane the clicks lie
    nearest to, and are improved by projecting the clicks onto the surface. Of these starts the one that best
    predicts left-out levels and left-out stretches across the levels is taken.

    Parameters
    ----------
    curves : sequence of arrays, shape (n_i, 3)
        The clicks of each level in order along the membrane; levels in any order, in either direction, of any
        number of clicks and extent, in slices of any direction. Two levels or more of two points or more.
    closed : bool, optional
        Whether the levels are rings. Default: found from the clicks.

    Raises
    ------
    ValueError
        If the levels lie on top of each other, so that they span no surface.
    """
    levels = arrange(curves, closed=closed)
    # centred, so that the likelihood does not depend on where in the tomogram the membrane lies
    centre = np.concatenate(levels.curves).mean(axis=0)
    levels = replace(levels, curves=tuple(curve - centre for curve in levels.curves))
    starts = [levels]
    flat = None if levels.closed else over_plane(levels)
    if flat is not None:
        starts.append(flat)
    counts = [len(curve) for curve in levels.curves]
    # a parabola each way needs three clicks each way
    orders = (2, 3) if len(counts) >= 3 and sorted(counts)[-3] >= 3 else (2,)
    # hundreds of small factorisations: threads would wait for each other, 20 times longer on a busy machine
    with threadpool_limits(limits=1, user_api="blas"):
        fits = [_fit(start, orders) for start in starts]
    spline, uv, _ = min(fits, key=lambda fit: fit[2])
    spline = TensorSpline(spline.u, spline.v, spline.coefficients + centre)
    return _traced(spline, np.split(uv, np.cumsum(counts)[:-1]))


def _fit(levels: Levels, orders: Sequence[int]) -> tuple[TensorSpline, Array, float]:
    """The surface, the parameters of the points on it, and the squared error at left-out points.

    Fits with the penalties of several orders share axes and parameters; they are averaged with weights that
    fall with the square of their error, which is better than either wherever neither is clearly right.
    """
    points, uv = np.concatenate(levels.curves), np.concatenate(levels.parameters)
    longest, count = max(len(curve) for curve in levels.curves), len(levels.curves)
    modes = (min(longest + 3, _MAX_MODES), min(count + 3, _MAX_MODES))
    lengths: dict[int, Array | None] = dict.fromkeys(orders)
    i = 0
    while True:
        low, high = uv.min(axis=0), uv.max(axis=0)
        if levels.closed:
            u = Axis(0.0, levels.perimeter, min(max(2 * longest, 8), _MAX_INTERVALS), closed=True)
        else:
            u = Axis(low[0] - 1e-3, high[0] + 1e-3, min(2 * longest, _MAX_INTERVALS))
        v = Axis(low[1] - 1e-3, high[1] + 1e-3, min(2 * count, _MAX_INTERVALS))
        fits = []
        for order in orders:
            smoother = Smoother(u, v, order, modes)
            smoother.set_data(uv, points)
            best = lengths[order]
            if best is None or i in (1, _ROUNDS):
                best = lengths[order] = smoother.best_lengths(best)
            spline, hat = smoother.solve(best)
            fits.append((spline, hat, _error(levels, uv, points, spline, hat)))
        weights = np.array([1.0 / max(error, 1e-9) ** 2 for _, _, error in fits])
        weights /= weights.sum()
        control = sum(w * spline.coefficients for w, (spline, _, _) in zip(weights, fits, strict=True))
        hat = sum(w * hat for w, (_, hat, _) in zip(weights, fits, strict=True))
        spline = TensorSpline(u, v, control)
        if i == _ROUNDS:
            return spline, spline.nearest(points, start=uv), _error(levels, uv, points, spline, hat)
        uv = spline.nearest(points, start=uv)
        i += 1


def _error(levels: Levels, uv: Array, points: Array, spline: TensorSpline, hat: Array) -> float:
    """Squared distance to the surface of points it did not see, in square voxels."""
    residuals, normals = points - hat @ points, spline.normals(uv)
    error = 0.0
    for blocks in _blocks(levels, uv):
        if blocks:
            left_out = left_out_residuals(hat, residuals, blocks)
            error += float(((left_out * normals[np.concatenate(blocks)]).sum(axis=1) ** 2).mean())
    return error


def _blocks(levels: Levels, uv: Array) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """Inner levels, and inner stretches across all levels about one click wide.

    Single left-out points would tell nothing: their neighbours in other levels give them away.
    """
    level = np.repeat(np.arange(len(levels.curves)), [len(curve) for curve in levels.curves])
    longest = int(np.bincount(level).max())
    if levels.closed:
        stretch = (uv[:, 0] / levels.perimeter % 1.0 * longest).astype(np.int64)
        inner = range(longest)
    else:
        low, high = uv[:, 0].min(), uv[:, 0].max()
        stretch = np.rint((uv[:, 0] - low) / (high - low) * (longest - 1)).astype(np.int64)
        inner = range(1, longest - 1)
    across = [np.flatnonzero(stretch == k) for k in inner]
    return (
        [np.flatnonzero(level == k) for k in range(1, len(levels.curves) - 1)],
        [block for block in across if len(block)],
    )


def _traced(spline: TensorSpline, levels: list[Array]) -> TracedSurface:
    v = np.maximum.accumulate([uv[:, 1].mean() for uv in levels])
    t = (v - v[0]) / max(v[-1] - v[0], 1e-12)
    if not spline.u.closed:
        ordered = [uv[np.argsort(uv[:, 0], kind="stable")] for uv in levels]
        left = np.column_stack([t, [uv[0] for uv in ordered]])
        right = np.column_stack([t, [uv[-1] for uv in ordered]])
        first, last = (_edge(ordered[k]) for k in (0, -1))
        return TracedSurface(spline, left, right, first, last)
    period = spline.u.stop - spline.u.start
    edges = []
    for uv in (levels[0], levels[-1]):
        u = uv[:, 0] % period
        seam = np.interp(0.0, u, uv[:, 1], period=period)
        rows = np.column_stack([u, u, uv[:, 1]])[np.argsort(u, kind="stable")]
        rows = np.vstack([[0.0, 0.0, seam], rows, [period, period, seam]])
        rows[:, 0] /= period
        edges.append(rows)
    # the seam joins the two edges straight; where it runs makes no difference to the surface
    left, right = (np.array([[0.0, u, edges[0][0, 2]], [1.0, u, edges[1][0, 2]]]) for u in (0.0, period))
    return TracedSurface(spline, left, right, edges[0], edges[1])


def _edge(uv: Array) -> Array:
    s = (uv[:, 0] - uv[0, 0]) / max(uv[-1, 0] - uv[0, 0], 1e-12)
    return np.column_stack([s, uv])
