"""What the encoder makes of places in a tomogram: for comparing particles whose orientation is not known."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.picking.encoder import DESCRIPTION

if TYPE_CHECKING:
    from napari_tomopick.picking.examined import Examined

_BLUR, _REACH = 1.0, 2  # voxels of the working grid: a tenth of a particle


def _near(reach: float) -> NDArray[np.int64]:
    """Whole voxels z, y, x no further than this, the nearest first."""
    along = np.arange(-int(reach), int(reach) + 1)
    every = np.stack(np.meshgrid(along, along, along, indexing="ij"), -1).reshape(-1, 3)
    lengths = np.linalg.norm(every, axis=1)
    order = np.argsort(lengths, kind="stable")
    return np.asarray(every[order[: int((lengths <= reach).sum())]])


def descriptions_at(
    examined: Examined,
    positions: NDArray[np.float64],
    report: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """The descriptions of places and of those a voxel of the working grid beside them, unit vectors.

    Each is the mean over what is near, as a description changes quickly about the middle of a complex.

    Parameters
    ----------
    examined : Examined
    positions : array, shape (n, 3)
        x, y, z in voxels of the tomogram.
    report : callable, optional
        Called with (slabs done, slabs); it may raise to stop.

    Returns
    -------
    array, shape (n, 7, DESCRIPTION)
        The first is that of the place itself.
    """
    shape = np.array(examined.volume.shape)
    places = np.rint(examined.grid.to_grid(positions)[:, ::-1]).astype(np.int64)
    shifts, around = _near(1), _near(_REACH)
    weights = np.exp(-0.5 * (np.linalg.norm(around, axis=1) / _BLUR) ** 2)
    # each voxel is looked up once, though it is near several places
    shares: dict[tuple[int, ...], list[tuple[int, float]]] = {}
    for number, shift in enumerate(shifts):
        for offset, weight in zip(shift + around, weights.tolist(), strict=True):
            shares.setdefault(tuple(offset.tolist()), []).append((number, weight))
    found = np.zeros((len(places), len(shifts), DESCRIPTION), np.float32)
    for part, fields in examined.slabs(report=report):
        for offset, of in shares.items():
            z, y, x = np.clip(places + offset, 0, shape - 1).T
            here = np.flatnonzero((z >= part.start) & (z < part.stop))
            if len(here):
                there = np.asarray(fields[:DESCRIPTION, z[here] - part.start, y[here], x[here]].T, np.float32)
                for number, weight in of:
                    found[here, number] += np.float32(weight) * there
    norms = np.linalg.norm(found, axis=-1, keepdims=True)
    return np.asarray(found / np.maximum(norms, np.float32(1e-12)))
