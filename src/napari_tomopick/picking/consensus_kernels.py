"""Compiled clustering of picks. Importing this module loads Numba; import it late."""

from __future__ import annotations

import heapq

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def _agree(one, other, group, least):  # type: ignore[no-untyped-def]
    """Whether two orientations differ by little enough in one of the ways that look the same.

    ``least`` is the cosine of half the largest angle; quaternions have their scalar last.
    """
    x1, y1, z1, w1 = one[0], one[1], one[2], one[3]
    x2, y2, z2, w2 = other[0], other[1], other[2], other[3]
    # R1^-1 R2
    x = w1 * x2 - x1 * w2 - y1 * z2 + z1 * y2
    y = w1 * y2 + x1 * z2 - y1 * w2 - z1 * x2
    z = w1 * z2 - x1 * y2 + y1 * x2 - z1 * w2
    w = w1 * w2 + x1 * x2 + y1 * y2 + z1 * z2
    for g in group:
        if abs(w * g[3] - x * g[0] - y * g[1] - z * g[2]) >= least:
            return True
    return False


@njit(nogil=True, cache=True)
def agreeing_pairs(pairs, quaternions, oriented, group, least):  # type: ignore[no-untyped-def]
    """Which pairs ``(m, 2)`` of picks agree in orientation; a pick without one agrees with any."""
    found = np.ones(len(pairs), np.bool_)
    for row in range(len(pairs)):
        i, j = pairs[row]
        if oriented[i] and oriented[j]:
            found[row] = _agree(quaternions[i], quaternions[j], group, least)
    return found


@njit(nogil=True, cache=True)
def _in_common(a, b, first, following, picker, oriented, quaternions, group, least):  # type: ignore[no-untyped-def]
    """How many picks of one cluster are by a picker of the other; many, if two of them differ too much."""
    count = 0
    i = first[a]
    while i >= 0:
        j = first[b]
        while j >= 0:
            if picker[i] == picker[j]:
                count += 1
            both = least > 0.0 and oriented[i] and oriented[j]
            if both and not _agree(quaternions[i], quaternions[j], group, least):
                return 1 << 30
            j = following[j]
        i = following[i]
    return count


@njit(nogil=True, cache=True)
def _all_near(at, x, y, z, first, following, points, limit):  # type: ignore[no-untyped-def]
    """Whether all picks of a cluster lie near enough to a place; ``limit`` is a squared distance."""
    i = first[at]
    while i >= 0:
        dx, dy, dz = points[i, 0] - x, points[i, 1] - y, points[i, 2] - z
        if dx * dx + dy * dy + dz * dz > limit:
            return False
        i = following[i]
    return True


@njit(nogil=True, cache=True)
def _squared(a, b, sums, size):  # type: ignore[no-untyped-def]
    """Squared distance of two centres."""
    dx = sums[a, 0] / size[a] - sums[b, 0] / size[b]
    dy = sums[a, 1] / size[a] - sums[b, 1] / size[b]
    dz = sums[a, 2] / size[a] - sums[b, 2] / size[b]
    return dx * dx + dy * dy + dz * dz


@njit(nogil=True, cache=True)
def _links(pairs, n):  # type: ignore[no-untyped-def]
    """The partners of each of ``n`` picks: those of pick i are ``linked[starts[i]:starts[i + 1]]``."""
    starts = np.zeros(n + 1, np.int64)
    for row in range(len(pairs)):
        starts[pairs[row, 0] + 1] += 1
        starts[pairs[row, 1] + 1] += 1
    starts = np.cumsum(starts)
    place, linked = starts[:-1].copy(), np.empty(2 * len(pairs), np.int64)
    for row in range(len(pairs)):
        for k in range(2):
            i, j = pairs[row, k], pairs[row, 1 - k]
            linked[place[i]] = j
            place[i] += 1
    return starts, linked


@njit(nogil=True, cache=True)
def joined(points, picker, quaternions, oriented, pairs, starts, radius, group, least):  # type: ignore[no-untyped-def]
    """Put picks together, nearest clusters first; see `consensus_clusters.clusters`.

    Parameters
    ----------
    points : float array, shape (n, 3)
    picker : int array, shape (n,)
    quaternions : float array, shape (n, 4)
    oriented : bool array, shape (n,)
    pairs : int array, shape (m, 2)
        Picks that may be linked: of different pickers, within the radius, each pair once.
    starts : int array, shape (parts + 1,)
        Where the picks of each part begin, and the last one ends; no pair goes from one part to another. To
        work part by part keeps what is needed together in the cache.
    radius : float
    group : float array, shape (g, 4)
    least : float
        Cosine of half the largest angle; 0 where any angle will do.

    Returns
    -------
    int array, shape (n,)
        For each pick the lowest one of its cluster.
    """
    n = len(points)
    limit = radius * radius * (1.0 + 1e-12)
    # a cluster is called by its lowest pick; `version` tells whether it is still what it was
    of = np.arange(n)
    first, last = np.arange(n), np.arange(n)
    following = np.full(n, -1)
    sums, size, version = points.copy(), np.ones(n), np.zeros(n, np.int64)
    seen = np.full(n, -1)
    twice = np.zeros(n, np.int64)
    links, linked = _links(pairs, n)
    merges = 0
    # each part in two stages: no picker twice; then one of them, unless both are single picks
    for stage in range(2 * (len(starts) - 1)):
        part, allowed = stage // 2, stage % 2
        queue = [(0.0, 0, 0, 0, 0) for _ in range(0)]
        for i in range(starts[part], starts[part + 1]):
            for row in range(links[i], links[i + 1]):
                a, b = of[i], of[linked[row]]
                if a < b:
                    squared = _squared(a, b, sums, size)
                    if squared <= limit:
                        queue.append((squared, a, b, version[a], version[b]))
        heapq.heapify(queue)
        while len(queue):
            _, a, b, version_a, version_b = heapq.heappop(queue)
            if of[a] != a or of[b] != b or version[a] != version_a or version[b] != version_b:
                continue
            shared = _in_common(a, b, first, following, picker, oriented, quaternions, group, least)
            if shared + twice[a] + twice[b] > allowed or (shared and size[a] == size[b] == 1):
                continue
            together = size[a] + size[b]
            x, y, z = (sums[a, 0] + sums[b, 0]), (sums[a, 1] + sums[b, 1]), (sums[a, 2] + sums[b, 2])
            x, y, z = x / together, y / together, z / together
            if not _all_near(a, x, y, z, first, following, points, limit):
                continue
            if not _all_near(b, x, y, z, first, following, points, limit):
                continue
            i = first[b]
            while i >= 0:
                of[i] = a
                i = following[i]
            following[last[a]] = first[b]
            last[a] = last[b]
            for axis in range(3):
                sums[a, axis] += sums[b, axis]
            size[a] = together
            twice[a] += twice[b] + shared
            version[a] += 1
            merges += 1
            # whom it may now be put together with
            seen[a] = merges
            i = first[a]
            while i >= 0:
                for row in range(links[i], links[i + 1]):
                    c = of[linked[row]]
                    if seen[c] == merges:
                        continue
                    seen[c] = merges
                    squared = _squared(a, c, sums, size)
                    if squared <= limit:
                        low, high = min(a, c), max(a, c)
                        heapq.heappush(queue, (squared, low, high, version[low], version[high]))
                i = following[i]
    return of


@njit(nogil=True, cache=True)
def first_come(rows, columns, n_rows, n_columns):  # type: ignore[no-untyped-def]
    """Go through pairs, and keep each whose two partners are both still free; which column each row has."""
    taken = np.full(n_rows, -1)
    free = np.ones(n_columns, np.bool_)
    for k in range(len(rows)):
        i, j = rows[k], columns[k]
        if taken[i] < 0 and free[j]:
            taken[i] = j
            free[j] = False
    return taken
