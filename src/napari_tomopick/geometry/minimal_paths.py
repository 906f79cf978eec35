"""The cheapest path through a table of costs, which may move little from one row to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BEYOND = 40
"""Rows after which the best path has nearly always forgotten where it started."""


def minimal_path(costs: Array, stiffness: float, max_jump: int, *, closed: bool) -> NDArray[np.int64]:
    """Column in each row so that the sum of costs and of squared jumps is least (Viterbi 1967).

    Parameters
    ----------
    costs : array, shape (m, n)
    stiffness : float
        Cost of a jump by one column; a jump by j columns costs j² times as much.
    max_jump : int
        Most columns that the path may move from one row to the next.
    closed : bool
        Whether the last row is followed by the first. The path is then the middle of a longer one that
        goes on beyond both ends, which closes wherever the costs say anything.

    Returns
    -------
    int array, shape (m,)
    """
    m, n = costs.shape
    before = min(m, _BEYOND) if closed else 0
    rows = np.concatenate([costs[m - before :], costs, costs[:before]]) if closed else costs
    jumps = np.arange(-max_jump, max_jump + 1)
    # row j of the window is the total one came from by jump j
    dear = np.full(max_jump, np.inf)
    price = (stiffness * jumps.astype(np.float64) ** 2)[:, None]
    columns = np.arange(n)
    window = columns[None] + jumps[:, None] + max_jump
    came_from = np.empty((len(rows), n), np.int64)
    total = rows[0]
    for i in range(1, len(rows)):
        candidates = np.concatenate([dear, total, dear])[window] + price
        best = candidates.argmin(axis=0)
        came_from[i] = columns + best - max_jump
        total = candidates[best, columns] + rows[i]
    path = np.empty(len(rows), np.int64)
    path[-1] = int(total.argmin())
    for i in range(len(rows) - 1, 0, -1):
        path[i - 1] = came_from[i, path[i]]
    return path[before : before + m]
