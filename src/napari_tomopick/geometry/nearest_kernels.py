"""Compiled search for the nearest triangle. Importing this module loads Numba; import it late."""

from __future__ import annotations

import numpy as np
from numba import njit

_DEEPEST = 64


@njit(nogil=True, cache=True)
def _on_side(px, py, pz, a, b):  # type: ignore[no-untyped-def]
    """How far along a side the place nearest to a point is, 0 to 1, and its squared distance."""
    x, y, z = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    ax, ay, az = px - a[0], py - a[1], pz - a[2]
    t = (ax * x + ay * y + az * z) / max(x * x + y * y + z * z, 1e-300)
    t = min(max(t, 0.0), 1.0)
    ax, ay, az = ax - t * x, ay - t * y, az - t * z
    return t, ax * ax + ay * ay + az * az


@njit(nogil=True, cache=True)
def _on_triangle(px, py, pz, t):  # type: ignore[no-untyped-def]
    """Squared distance to a triangle ``(3, 3)``, and the barycentric weights of the nearest place on it."""
    a, b, c = t[0], t[1], t[2]
    abx, aby, abz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    acx, acy, acz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    apx, apy, apz = px - a[0], py - a[1], pz - a[2]
    d00 = abx * abx + aby * aby + abz * abz
    d01 = abx * acx + aby * acy + abz * acz
    d11 = acx * acx + acy * acy + acz * acz
    d20 = apx * abx + apy * aby + apz * abz
    d21 = apx * acx + apy * acy + apz * acz
    determinant = d00 * d11 - d01 * d01
    if determinant > 0.0:
        v, w = (d11 * d20 - d01 * d21) / determinant, (d00 * d21 - d01 * d20) / determinant
        if v >= 0.0 and w >= 0.0 and v + w <= 1.0:
            x, y, z = v * abx + w * acx - apx, v * aby + w * acy - apy, v * abz + w * acz - apz
            return x * x + y * y + z * z, 1.0 - v - w, v, w
    s, best = _on_side(px, py, pz, a, b)
    u, v, w = 1.0 - s, s, 0.0
    s, distance = _on_side(px, py, pz, b, c)
    if distance < best:
        best, u, v, w = distance, 0.0, 1.0 - s, s
    s, distance = _on_side(px, py, pz, c, a)
    if distance < best:
        best, u, v, w = distance, s, 0.0, 1.0 - s
    return best, u, v, w


@njit(nogil=True, cache=True)
def _to_box(px, py, pz, low, high):  # type: ignore[no-untyped-def]
    """Squared distance from a point to a box."""
    x = max(low[0] - px, px - high[0], 0.0)
    y = max(low[1] - py, py - high[1], 0.0)
    z = max(low[2] - pz, pz - high[2], 0.0)
    return x * x + y * y + z * z


@njit(nogil=True, cache=True)
def nearest_triangles(points, corners, low, high, leaf, clusters, size, near, faces, weights):  # type: ignore[no-untyped-def]
    """Find the triangle nearest to each point, and where on it.

    Parameters
    ----------
    points : array, shape (n, 3)
    corners : array, shape (m, 3, 3)
        Of the triangles, neighbours mostly next to each other.
    low, high : arrays, shape (2 k, 3)
        Boxes of a binary tree of k leaves, k a power of two: node i has the nodes 2 i and 2 i + 1 below it,
        1 is the whole; node k + j holds the triangles ``leaf j ... leaf (j + 1) - 1``.
    leaf : int
        Triangles of a leaf.
    clusters : int array, shape (n, q)
        Clusters near each point, of triangles ``size c ... size (c + 1) - 1``, which are all looked at.
    size : int
    near : float
        Points nearer than this to what was found there are searched for in the tree too.
    faces : int array, shape (n,)
        Filled with the number of the triangle.
    weights : array, shape (n, 3)
        Filled with the barycentric weights of the place.
    """
    leaves = len(low) // 2
    stack = np.empty(_DEEPEST, np.int64)
    bound = np.empty(_DEEPEST)
    for i in range(len(points)):
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        best = np.inf
        for q in range(clusters.shape[1]):
            begin = clusters[i, q] * size
            for t in range(begin, min(begin + size, len(corners))):
                distance, u, v, w = _on_triangle(px, py, pz, corners[t])
                if distance < best:
                    best, faces[i] = distance, t
                    weights[i, 0], weights[i, 1], weights[i, 2] = u, v, w
        if best >= near * near:
            continue
        stack[0], bound[0], height = 1, 0.0, 1
        while height:
            height -= 1
            node = stack[height]
            if bound[height] >= best:
                continue
            if node >= leaves:
                begin = (node - leaves) * leaf
                for t in range(begin, min(begin + leaf, len(corners))):
                    distance, u, v, w = _on_triangle(px, py, pz, corners[t])
                    if distance < best:
                        best, faces[i] = distance, t
                        weights[i, 0], weights[i, 1], weights[i, 2] = u, v, w
                continue
            left, right = 2 * node, 2 * node + 1
            to_left = _to_box(px, py, pz, low[left], high[left])
            to_right = _to_box(px, py, pz, low[right], high[right])
            if to_left < to_right:
                left, right, to_left, to_right = right, left, to_right, to_left
            # the nearer one on top
            stack[height], bound[height] = left, to_left
            stack[height + 1], bound[height + 1] = right, to_right
            height += 2
