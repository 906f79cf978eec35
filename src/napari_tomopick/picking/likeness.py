"""How like each box is to the average of the others: what a person sees in a gallery, as a number.

A false pick is unlike the others, whatever it is, and no template is needed to see that. A box is compared
with the average of all others that agree with it, in which it has no part itself: in its particle's own frame
within a soft sphere, smoothed, and moved by a few voxels either way, since a pick may lie a little off.

Where only the axis of the particles is known, or nothing, the average of boxes is by itself one around that
axis, or about the middle, as the turns differ. It tells less then, but more than if the boxes were averaged
around the axis, or over shells, before they are compared: that left several times as many false picks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_tomopick.geometry import filters
from napari_tomopick.models.parting import parting
from napari_tomopick.picking.aligning_spectra import soft_sphere
from napari_tomopick.picking.likeness_kernels import best_correlation

LEAST = 3
"""So many boxes are needed for each to be compared with an average of others."""
_FINE, _COARSE = 4.5, 1.5  # a box is sampled anew where it has this many times the voxels that it needs
_NO_DETAIL = 1e-6


@dataclass(frozen=True)
class Comparison:
    """How boxes are compared. All lengths are in voxels of the tomogram.

    Parameters
    ----------
    box_size : int
        Even; what counts lies in a sphere that fades out towards the faces of the box.
    low_pass : float
        Wavelength at which half of the amplitude is left by the filter.
    max_shift : float
        How far a box may be moved.
    """

    box_size: int
    low_pass: float
    max_shift: float

    @cached_property
    def _sigma(self) -> float:
        """Standard deviation of the Gaussian, in voxels of the tomogram."""
        return self.low_pass * math.sqrt(math.log(2) / 2) / math.pi

    @cached_property
    def cut_size(self) -> int:
        """Size of the boxes to be cut: with a margin for what they are moved by and smoothed over."""
        return self.box_size + 2 * (math.ceil(self.max_shift) + math.ceil(2 * self._sigma))

    @cached_property
    def size(self) -> int:
        """Size of the boxes as they are compared: no finer than what the filter leaves."""
        needed = 2 * math.ceil(self.cut_size * _FINE / (2 * self.low_pass)) if self.low_pass > 0 else 10**9
        return needed if needed * _COARSE < self.cut_size else self.cut_size

    @property
    def _factor(self) -> float:
        return self.cut_size / self.size

    def prepared(self, box: NDArray[np.float32]) -> NDArray[np.float32]:
        """A box of `cut_size` filtered, and of `size`."""
        smaller = filters.downsample(box, self.size)
        if self._sigma <= 0:
            return smaller
        found = ndimage.gaussian_filter(smaller, self._sigma / self._factor, mode="nearest")
        return np.asarray(found, np.float32)

    @cached_property
    def _sphere(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Offsets z, y, x of the voxels that count from the middle one, and their weights."""
        within = soft_sphere(2 * round(self.box_size / self._factor / 2))
        at = np.argwhere(within > 0)
        return at - len(within) // 2, within[within > 0]

    @cached_property
    def shifts(self) -> NDArray[np.int64]:
        """Whole voxels z, y, x by which prepared boxes are moved; the first is none."""
        far = self.max_shift / self._factor
        along = np.arange(-math.floor(far), math.floor(far) + 1)
        every = np.stack(np.meshgrid(along, along, along, indexing="ij"), -1).reshape(-1, 3)
        lengths = np.linalg.norm(every, axis=1)
        inside = every[lengths <= far + 1e-9]
        return np.asarray(inside[np.argsort(np.linalg.norm(inside, axis=1), kind="stable")])

    @cached_property
    def _flat(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The sphere and the shifts as steps through a prepared box."""
        steps = np.array([self.size**2, self.size, 1])
        return (self._sphere[0] + self.size // 2) @ steps, self.shifts @ steps

    def row(self, box: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """What is compared of a prepared box where it is: products of these are correlations.

        Returns
        -------
        array, shape (m,), or None
            Of weighted mean 0 and norm 1. None if there is one grey value only.
        """
        flat, weights = box.reshape(-1), self._sphere[1]
        found = flat[self._flat[0]]
        found = (found - found @ weights / weights.sum()) * np.sqrt(weights)
        norm = np.linalg.norm(found)
        if not norm > _NO_DETAIL * np.abs(flat).max() * np.sqrt(weights.sum()):
            return None
        return np.asarray(found / norm, np.float32)

    def best(self, box: NDArray[np.float32], others: NDArray[np.float64]) -> float:
        """The correlation of a prepared box with a sum of rows, where it is highest of all `shifts`."""
        sphere, shifts = self._flat
        weights = self._sphere[1]
        weighted = (others * np.sqrt(weights)).astype(np.float32)
        return float(
            best_correlation(np.ascontiguousarray(box).reshape(-1), sphere, shifts, weights, weighted)
        )


class Source(Protocol):
    """What is compared, by numbers from 0 on; called by several threads, and in every round."""

    def row(self, number: int, /) -> NDArray[np.float32] | None:
        """The unit vector of one where it is; None if there is nothing to compare."""

    def best(self, number: int, others: NDArray[np.float64], /) -> float:
        """Its correlation with a sum of such vectors, where that is highest of all places near it."""


@dataclass(frozen=True, eq=False)
class Likeness:
    """How like boxes are to the average of the others.

    Parameters
    ----------
    values : array, shape (n,)
        Correlations, -1 to 1; NaN where there is no box.
    agreeing : bool array, shape (n,)
        Which were in the average.
    rounds : int
        How often they were compared.
    """

    values: NDArray[np.float64]
    agreeing: NDArray[np.bool_]
    rounds: int


def likeness_of(
    count: int,
    source: Source,
    *,
    rounds: int,
    apply: Any = map,
    progress: Callable[[int, int, int], None] | None = None,
) -> Likeness:
    """Compare each box with the average of the others.

    The first average is of all boxes; then those that are more like it than where the values part best in two
    (`models.parting`) make the next one, until they are the same ones.

    Parameters
    ----------
    count : int
        Of the boxes, at least `LEAST`.
    source : Source
    rounds : int
        How often boxes are compared at most; 1: only with the average of all.
    apply : callable
        ``apply(function, items)`` gives the results in order: `map`, or several threads.
    progress : callable, optional
        Called with (boxes done, boxes in all, round), the round being 0 for the first average. It may raise
        to stop.

    Returns
    -------
    Likeness
    """

    total: Any = 0.0
    kept = np.zeros(count, bool)
    for i, row in enumerate(apply(source.row, range(count))):
        if row is not None:
            total, kept[i] = total + row.astype(np.float64), True
        if progress is not None:
            progress(i + 1, count, 0)
    there = kept.copy()

    def compare(i: int) -> float:
        own = source.row(i) if there[i] else None
        return math.nan if own is None else source.best(i, total - own if kept[i] else total)

    values = np.full(count, np.nan)
    for number in range(1, rounds + 1):
        if kept.sum() < LEAST:
            break
        for i, value in enumerate(apply(compare, range(count))):
            values[i] = value
            if progress is not None:
                progress(i + 1, count, number)
        parted = parting(values)
        if number == rounds or parted is None:
            return Likeness(values, kept, number)
        above = np.nan_to_num(values, nan=-2.0) >= parted.limit
        changed = np.flatnonzero(above != kept)
        if not len(changed):
            return Likeness(values, kept, number)
        for i, row in zip(changed.tolist(), apply(source.row, changed.tolist()), strict=True):
            # only boxes that are there have a value, or were in the average
            total += row if above[i] else -row
        kept = above
    return Likeness(values, kept, rounds)
