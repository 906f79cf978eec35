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
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_tomopick.geometry import filters
from napari_tomopick.models.parting import parting
from napari_tomopick.picking.aligning_spectra import soft_sphere

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

    def rows(self, box: NDArray[np.float32], *, moved: bool) -> NDArray[np.float32] | None:
        """What is compared of a prepared box, for each of `shifts` or only for none, as unit vectors.

        Returns
        -------
        array, shape (k, m), or None
            Of mean 0 and norm 1, so that products are correlations. None if there is one grey value only.
        """
        sphere, shifts = self._flat
        flat, weights = box.reshape(-1), self._sphere[1]
        found = flat[(shifts if moved else shifts[:1])[:, None] + sphere]
        found -= (found @ weights / weights.sum())[:, None]
        found *= np.sqrt(weights)
        norms = np.linalg.norm(found, axis=1)
        if not (norms > _NO_DETAIL * np.abs(flat).max() * np.sqrt(weights.sum())).all():
            return None
        found /= norms[:, None]
        return found


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
    rows: Callable[[int, bool], NDArray[np.float32] | None],
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
    rows : callable
        ``rows(i, moved)`` gives what is compared of a box as unit vectors, shape (k, m): for each place it is
        moved to, the first of which is where it is, or only for that. None if there is no box. It is called
        in every round.
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

    def still(i: int) -> NDArray[np.float32] | None:
        found = rows(i, False)
        return None if found is None else found[0]

    total: Any = 0.0
    kept = np.zeros(count, bool)
    for i, row in enumerate(apply(still, range(count))):
        if row is not None:
            total, kept[i] = total + row.astype(np.float64), True
        if progress is not None:
            progress(i + 1, count, 0)
    there = kept.copy()

    def compare(i: int) -> float:
        found = rows(i, True) if there[i] else None
        if found is None:
            return math.nan
        others = (total - found[0] if kept[i] else total).astype(np.float32)
        return float((found @ others).max() / max(float(np.linalg.norm(others)), 1e-12))

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
        for i, row in zip(changed.tolist(), apply(still, changed.tolist()), strict=True):
            # only boxes that are there have a value, or were in the average
            total += row if above[i] else -row
        kept = above
    return Likeness(values, kept, rounds)
