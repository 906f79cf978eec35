"""Triangle meshes, and the nearest place on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[np.float64]


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
        """Nearest places on the mesh, exactly.

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
        corners = self.vertices[self.faces]
        centres = corners.mean(axis=1)
        reach = np.linalg.norm(corners - centres[:, None], axis=-1).max()
        # no triangle whose centre is further than the nearest vertex by more than its size can be nearest
        limit = cKDTree(self.vertices).query(points)[0] + reach
        tree, vertex_normals = cKDTree(centres), self.normals()
        positions, normals = np.empty_like(points), np.empty_like(points)
        distances = np.empty(len(points))
        for i, point in enumerate(points):
            near = np.asarray(tree.query_ball_point(point, limit[i] * (1 + 1e-9)), dtype=np.int64)
            weights = _nearest_on_triangles(point, corners[near])
            places = np.einsum("nk,nkj->nj", weights, corners[near])
            length = np.linalg.norm(places - point, axis=1)
            best = int(length.argmin())
            normal = weights[best] @ vertex_normals[self.faces[near[best]]]
            positions[i], distances[i] = places[best], length[best]
            normals[i] = normal / max(float(np.linalg.norm(normal)), 1e-300)
        return positions, normals, distances


def _nearest_on_triangles(point: Array, corners: Array) -> Array:
    """Barycentric weights ``(n, 3)`` of the place nearest to a point on each triangle ``(n, 3, 3)``."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, ac, ap = b - a, c - a, point - a
    d00, d01, d11 = (ab * ab).sum(1), (ab * ac).sum(1), (ac * ac).sum(1)
    d20, d21 = (ap * ab).sum(1), (ap * ac).sum(1)
    determinant = d00 * d11 - d01 * d01
    safe = np.where(determinant > 0, determinant, 1.0)
    v, w = (d11 * d20 - d01 * d21) / safe, (d00 * d21 - d01 * d20) / safe
    inner = np.column_stack([1 - v - w, v, w])
    inside = (determinant > 0) & (inner >= 0).all(axis=1)
    best = np.where(inside[:, None], inner, 0.0)
    shortest = np.where(inside, -1.0, np.inf)
    for first, second in ((0, 1), (1, 2), (2, 0)):
        start, side = corners[:, first], corners[:, second] - corners[:, first]
        length = np.maximum((side * side).sum(1), 1e-300)
        t = np.clip(((point - start) * side).sum(1) / length, 0.0, 1.0)
        distance = ((start + t[:, None] * side - point) ** 2).sum(1)
        closer = distance < shortest
        weights = np.zeros_like(best)
        weights[:, first], weights[:, second] = 1 - t, t
        best[closer] = weights[closer]
        shortest = np.where(closer, distance, shortest)
    return best


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
