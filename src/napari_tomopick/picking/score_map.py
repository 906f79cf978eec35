"""How likely a particle is at every place of a tomogram, and the particles that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_tomopick.geometry.coordinates import clipped_to_volume
from napari_tomopick.picking.working_grid import WorkingGrid

FLOOR = 0.05
"""Score below which nothing is kept as a candidate."""
MAX_CANDIDATES = 20_000

_BALL = 2.0  # standard deviation of the ball that stands for a candidate, in voxels of the working grid
_MAX_SHIFT = 2.5  # voxels of the working grid from a peak to the centre that the network points to


@dataclass(frozen=True, eq=False)
class ScoreMap:
    """Scores on the working grid of one tomogram, and the candidates that are its peaks.

    Parameters
    ----------
    grid : WorkingGrid
    values : float32 array ``[z, y, x]``
        From 0 to 1; 0.5 is as likely as not.
    candidates : tuple of array, shape (n, 3), and array, shape (n,)
        Places x, y, z in voxels of the tomogram, and scores, best first.
    """

    grid: WorkingGrid
    values: NDArray[np.float32] = field(repr=False)
    candidates: tuple[NDArray[np.float64], NDArray[np.float64]] = field(repr=False)

    @classmethod
    def of_values(
        cls, grid: WorkingGrid, values: NDArray[np.float32], shifts: NDArray[np.floating]
    ) -> ScoreMap:
        """From a score at every voxel; candidates are the local maxima of at least `FLOOR`.

        Parameters
        ----------
        grid : WorkingGrid
        values : float32 array ``[z, y, x]``
        shifts : array, shape (3, nz, ny, nx)
            The way x, y, z from each voxel to the centre of what is there, in voxels of the grid.
        """
        peaks = (values >= FLOOR) & (values == ndimage.maximum_filter(values, size=3, mode="nearest"))
        index = np.argwhere(peaks)
        shift = np.asarray(shifts[(slice(None), *index.T)], np.float64).T
        length = np.linalg.norm(shift, axis=1, keepdims=True)
        shift = shift * np.minimum(1.0, _MAX_SHIFT / np.maximum(length, 1e-9))
        places = grid.to_tomogram(index[:, ::-1] + shift)
        return cls(grid, values, _ordered(grid, places, values[tuple(index.T)].astype(np.float64)))

    @classmethod
    def of_places(
        cls, grid: WorkingGrid, places: NDArray[np.float64], scores: NDArray[np.float64]
    ) -> ScoreMap:
        """From candidates; each is drawn as a ball, at its score in the middle.

        Parameters
        ----------
        grid : WorkingGrid
        places : array, shape (n, 3)
            x, y, z in voxels of the tomogram.
        scores : array, shape (n,)
        """
        values = np.zeros(grid.shape, np.float32)
        reach = int(2 * _BALL)
        for place, score in zip(grid.to_grid(places), scores, strict=True):
            window, axes = [], []
            for coordinate, n in zip(place[::-1], grid.shape, strict=True):
                middle = round(float(coordinate))
                first, last = max(0, middle - reach), min(n, middle + reach + 1)
                window.append(slice(first, max(first, last)))
                axes.append(np.exp(-0.5 * ((np.arange(first, max(first, last)) - coordinate) / _BALL) ** 2))
            ball = score * axes[0][:, None, None] * axes[1][:, None] * axes[2]
            part = values[tuple(window)]
            np.maximum(part, ball.astype(np.float32), out=part)
        seen = scores >= FLOOR
        return cls(grid, values, _ordered(grid, places[seen], scores[seen]))

    def peaks(
        self, threshold: float, minimum_distance: float, maximum_number: int | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The particles.

        Parameters
        ----------
        threshold : float
            Lowest score, from `FLOOR` to 1.
        minimum_distance : float
            In voxels of the tomogram; of two closer ones the better stays.
        maximum_number : int, optional
            Only the best so many.

        Returns
        -------
        positions : array, shape (n, 3)
            x, y, z in voxels of the tomogram, best first.
        scores : array, shape (n,)
        """
        places, scores = self.candidates
        count = int(np.searchsorted(-scores, -threshold, side="right"))
        kept = apart(places[:count], minimum_distance, maximum_number)
        return places[kept], scores[kept]

    def suggestions(
        self, number: int, minimum_distance: float, away_from: ArrayLike = ()
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The candidates whose label would teach most, because they might as well be particles as not.

        Parameters
        ----------
        number : int
        minimum_distance : float
            In voxels of the tomogram, between them and from what is labelled already.
        away_from : array-like, shape (n, 3)
            What is labelled already.

        Returns
        -------
        As `peaks`, the most uncertain first.
        """
        places, scores = self.candidates
        known = np.asarray(away_from, np.float64).reshape(-1, 3)
        if len(known) and len(places):
            free = cKDTree(known).query(places)[0] >= minimum_distance
            places, scores = places[free], scores[free]
        # one for each object: the best of its candidates
        best = apart(places, minimum_distance, None)
        order = best[np.argsort(np.abs(scores[best] - 0.5), kind="stable")][:number]
        return places[order], scores[order]


def _ordered(
    grid: WorkingGrid, places: NDArray[np.float64], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Candidates within the tomogram, best first."""
    # the centre of a particle at the border may lie a little outside
    within = clipped_to_volume(places.reshape(-1, 3), grid.tomogram_shape)
    order = np.lexsort((*within.T, -scores))[:MAX_CANDIDATES]
    return within[order], scores[order]


def apart(places: NDArray[np.float64], distance: float, at_most: int | None) -> NDArray[np.int64]:
    """Rows of the places that keep a distance from all kept ones before them.

    Parameters
    ----------
    places : array, shape (n, 3)
        The best first.
    distance : float
    at_most : int, optional
        How many are kept at most.
    """
    limit = len(places) if at_most is None else at_most
    if distance <= 0 or not len(places):
        return np.arange(min(limit, len(places)))
    # a hair less: two at exactly this distance may both stay
    pairs = cKDTree(places).query_pairs(distance * (1 - 1e-9), output_type="ndarray")
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    first, second = pairs[order].T
    begin = np.searchsorted(first, np.arange(len(places) + 1))
    gone = np.zeros(len(places), bool)
    kept: list[int] = []
    for i in range(len(places)):
        if len(kept) == limit:
            break
        if not gone[i]:
            kept.append(i)
            gone[second[begin[i] : begin[i + 1]]] = True
    return np.array(kept, np.int64)
