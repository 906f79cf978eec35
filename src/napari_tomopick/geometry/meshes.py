"""Triangle meshes, and the nearest place on them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[np.float64]

_LEAF = 4
_CLUSTER = 32
_LOOKED_AT = 4
"""Clusters of triangles next to a point that are all looked at."""
_EXACT_WITHIN = 16
"""Times the size of the largest triangle: up to here, no other triangle is nearer than the one found. Beyond,
that would cost too much: from far away, thousands of triangles of a smooth surface are nearly as near."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles on a surface, wound so that they are seen counter-clockwise from the outer side.

    Parameters
    ----------
    vertices : array, shape (n, 3)
        x, y, z in voxels.
    faces : int array, shape (m, 3)
        Vertex numbers.
    vertex_normals : array, shape (n, 3), optional
        Unit normals of the smooth surface that the vertices lie on, where it is known.
    """

    vertices: Array
    faces: NDArray[np.int64]
    vertex_normals: Array | None = None

    def _face_vectors(self) -> Array:
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        return np.cross(b - a, c - a)

    def area(self) -> float:
        """Sum of the triangle areas in square voxels."""
        return float(np.linalg.norm(self._face_vectors(), axis=1).sum() / 2)

    def edge_length(self) -> float:
        """Mean length of the triangle sides in voxels."""
        corners = self.vertices[self.faces]
        return float(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1).mean())

    def normals(self) -> Array:
        """Unit normals at the vertices, ``(n, 3)``: of the smooth surface, else means over triangles."""
        if self.vertex_normals is not None:
            return self.vertex_normals
        normals = np.zeros_like(self.vertices)
        for k in range(3):
            np.add.at(normals, self.faces[:, k], self._face_vectors())
        return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)

    def flipped(self) -> Mesh:
        """Return the same surface with inside and outside exchanged."""
        normals = None if self.vertex_normals is None else -self.vertex_normals
        return Mesh(self.vertices, self.faces[:, ::-1], normals)

    def to_trimesh(self) -> Any:
        """As a `trimesh.Trimesh`, for export and display."""
        import trimesh

        return trimesh.Trimesh(
            self.vertices, self.faces, vertex_normals=self.vertex_normals, process=False, validate=False
        )

    def nearest(self, points: Array) -> tuple[Array, Array, Array]:
        """Nearest places on the mesh.

        Exact near the mesh. Further from it than `_EXACT_WITHIN` triangle sizes only the triangles around the
        nearest ones are looked at: what is returned may then be further than the nearest place by a few
        hundredths of the size of a triangle.

        Parameters
        ----------
        points : array, shape (n, 3)

        Returns
        -------
        positions : array, shape (n, 3)
        normals : array, shape (n, 3)
            Unit normals there, interpolated between the vertices (Phong), so that they do not jump at edges.
        distances : array, shape (n,)
        """
        from napari_tomopick.geometry import nearest_kernels

        points = np.ascontiguousarray(points, dtype=np.float64).reshape(-1, 3)
        rows, weights = np.empty(len(points), np.int64), np.empty((len(points), 3))
        tree = self._tree
        if len(points):
            k = min(_LOOKED_AT, tree.clusters.n)
            clusters = np.asarray(tree.clusters.query(points, k, workers=-1)[1]).reshape(len(points), k)
            nearest_kernels.nearest_triangles(
                points,
                tree.corners,
                tree.low,
                tree.high,
                _LEAF,
                clusters,
                _CLUSTER,
                _EXACT_WITHIN * tree.reach,
                rows,
                weights,
            )
        positions = np.einsum("nk,nkj->nj", weights, tree.corners[rows])
        normals = np.einsum("nk,nkj->nj", weights, self.normals()[self.faces[tree.order[rows]]])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
        return positions, normals, np.linalg.norm(positions - points, axis=1)

    @cached_property
    def _tree(self) -> _Tree:
        corners = self.vertices[self.faces]
        centres = corners.mean(axis=1)
        reach = float(np.linalg.norm(corners - centres[:, None], axis=-1).max())
        leaves = 1
        while leaves * _LEAF < len(corners):
            leaves *= 2
        order = _in_space(centres, leaves * _LEAF)
        corners = np.ascontiguousarray(corners[order], dtype=np.float64)
        low, high = np.full((2 * leaves, 3), np.inf), np.full((2 * leaves, 3), -np.inf)
        starts = np.arange(0, len(corners), _LEAF)
        low[leaves : leaves + len(starts)] = np.minimum.reduceat(corners.min(axis=1), starts)
        high[leaves : leaves + len(starts)] = np.maximum.reduceat(corners.max(axis=1), starts)
        while leaves > 1:
            leaves //= 2
            below = slice(2 * leaves, 4 * leaves)
            low[leaves : 2 * leaves] = low[below].reshape(leaves, 2, 3).min(axis=1)
            high[leaves : 2 * leaves] = high[below].reshape(leaves, 2, 3).max(axis=1)
        starts = np.arange(0, len(corners), _CLUSTER)
        counts = np.diff(np.append(starts, len(corners)))
        middles = np.add.reduceat(centres[order], starts) / counts[:, None]
        return _Tree(order, corners, low, high, cKDTree(middles), reach)


def _in_space(points: Array, size: int) -> NDArray[np.int64]:
    """An order of points in which aligned runs of ``size / 2, size / 4 ... _LEAF`` of them are compact."""
    order = np.arange(len(points))
    while size > _LEAF:
        run = np.arange(len(points)) // size
        starts = np.arange(0, len(points), size)
        spread = np.maximum.reduceat(points[order], starts) - np.minimum.reduceat(points[order], starts)
        along = points[order, spread.argmax(axis=1)[run]]
        order = order[np.lexsort((along, run))]
        size //= 2
    return order


class _Tree(NamedTuple):
    """The triangles of a mesh in an order in which neighbours in space follow each other.

    ``low`` and ``high`` are the boxes of a binary tree over runs of `_LEAF` triangles, as of
    `nearest_kernels.nearest_triangles`; ``clusters`` has the middles of runs of `_CLUSTER`.
    """

    order: NDArray[np.int64]
    corners: Array
    low: Array
    high: Array
    clusters: cKDTree
    reach: float


def grid_faces(n_s: int, n_t: int, *, closed: bool) -> NDArray[np.int64]:
    """Triangles between the vertices of a regular grid of ``n_s`` by ``n_t`` cells, t fastest.

    Parameters
    ----------
    closed : bool
        Whether the last column along s is the first one again (and was left out of the vertices).
    """
    i, j = np.meshgrid(np.arange(n_s), np.arange(n_t), indexing="ij")
    following = (i + 1) % n_s if closed else i + 1
    a, b = (i * (n_t + 1) + j).ravel(), (following * (n_t + 1) + j).ravel()
    c, d = b + 1, a + 1
    return np.concatenate([np.column_stack([a, b, c]), np.column_stack([a, c, d])])


def geodesic_sphere(frequency: int) -> Mesh:
    """The unit sphere: an icosahedron whose triangles are split in ``frequency ** 2`` each."""
    golden = (1 + 5**0.5) / 2
    corners = np.array([[-1, golden, 0], [1, golden, 0], [-1, -golden, 0], [1, -golden, 0]], dtype=np.float64)
    corners = np.concatenate([np.roll(corners, k, axis=1) for k in range(3)])
    corners /= np.linalg.norm(corners[0])
    gaps = np.linalg.norm(corners[:, None] - corners[None], axis=-1)
    joined = (gaps > 0) & (gaps < 1.1)
    triples = [
        (i, j, k)
        for i in range(12)
        for j in range(i + 1, 12)
        for k in range(j + 1, 12)
        if joined[i, j] and joined[j, k] and joined[i, k]
    ]
    f = frequency
    rows = [(i, j) for i in range(f + 1) for j in range(f + 1 - i)]
    number = {row: n for n, row in enumerate(rows)}
    small = [(number[i, j], number[i + 1, j], number[i, j + 1]) for i in range(f) for j in range(f - i)]
    small += [
        (number[i + 1, j], number[i + 1, j + 1], number[i, j + 1]) for i in range(f) for j in range(f - i - 1)
    ]
    weights = np.array([(f - i - j, i, j) for i, j in rows], dtype=np.float64) / f
    points = np.concatenate([weights @ corners[list(triple)] for triple in triples])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    faces = np.concatenate([np.array(small) + n * len(rows) for n in range(len(triples))])
    # vertices on shared edges come once per triangle; the sphere is small enough to compare rounded
    _, first, inverse = np.unique(np.round(points, 7), axis=0, return_index=True, return_inverse=True)
    points, faces = points[first], inverse.reshape(-1)[faces]
    a, b, c = (points[faces[:, k]] for k in range(3))
    inward = np.einsum("nk,nk->n", np.cross(b - a, c - a), a) < 0
    faces[inward] = faces[inward][:, ::-1]
    return Mesh(points, faces.astype(np.int64), points)
