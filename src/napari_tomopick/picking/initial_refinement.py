"""Refinement of what a search found in two halves that know nothing of each other, and their final averages.

Both halves start from one model that is low-passed to below what the search has looked at, and the poses are
found anew against it. From there each half is aligned to its own average only. What the two agree on at
higher frequencies is therefore no noise that boxes were aligned to (Scheres & Chen, Nat. Methods 2012). The
frequencies they started with stay common to both, which keeps the halves in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.averaging import WedgeAverage
from napari_tomopick.geometry.cropping import sample, spline_coefficients
from napari_tomopick.geometry.fourier_shells import fourier_shell_correlation, resolution_at
from napari_tomopick.geometry.missing_wedge import frequencies
from napari_tomopick.geometry.rotation_sampling import rotations_about
from napari_tomopick.geometry.symmetry import point_group
from napari_tomopick.picking.aligning import AlignedBoxes
from napari_tomopick.picking.aligning_poses import Directions, Poses, Wedge, best_of
from napari_tomopick.picking.aligning_spectra import soft_sphere
from napari_tomopick.picking.initial_symmetry import Setting, SymmetrySearch
from napari_tomopick.picking.matching import shifts_within

LEVELS = ((12.0, 6.0, 0.25), (6.0, 3.0, 0.125), (3.0, 1.5, 0.06), (3.0, 1.5, 0.06))
"""Rounds: how far and in what steps boxes are turned, in degrees, and moved, in parts of a wavelength."""
GOLD_STANDARD = 0.143
"""Correlation of two half maps at which a map of all data correlates with the truth by one half
(Rosenthal & Henderson, J. Mol. Biol. 2003)."""
_FEWEST = 2  # boxes in each half of a class


class Refinement:
    """Poses of boxes of one or more classes, refined in two halves.

    Parameters
    ----------
    boxes : AlignedBoxes
    poses : sequence of Poses
        Of all boxes with the model of each class, low-passed: the common start.
    half : int array, shape (n,)
        0 or 1: which half a box belongs to.
    common : float
        Frequency up to which the halves are kept alike, cycles per box.
    highest : float
        Highest frequency that may be looked at, cycles per box.
    reach : float
        How far a particle may lie from where it was said to be, in voxels of these boxes.
    symmetry : str
        Imposed on the averages.
    directions : Directions, optional
        To be kept.
    mask : float32 array, shape (N, N, N), optional
        Which averages are multiplied by.
    """

    def __init__(
        self,
        boxes: AlignedBoxes,
        poses: Sequence[Poses],
        half: NDArray[np.int64],
        common: float,
        highest: float,
        reach: float,
        symmetry: str = "C1",
        directions: Directions | None = None,
        mask: NDArray[np.float32] | None = None,
    ) -> None:
        self.boxes, self.half = boxes, half
        self._with_each = [each.copy() for each in poses]
        self.classes, self.poses = best_of(self._with_each)
        self._common, self._highest, self._reach = common, highest, reach
        self._directions = directions
        self._mask = boxes.window if mask is None else boxes.window * mask
        group = point_group(symmetry)
        self._symmetry = SymmetrySearch(boxes.frequencies, group, common) if len(group) > 1 else None
        count, k = len(poses), len(boxes.frequencies)
        self.averages = np.zeros((2, count, k), np.complex64)
        self.correlations = np.zeros((count, boxes.box_size // 2 + 1))
        self.limits = np.full(count, common)
        self.curve: list[float] = []
        self._average()

    @property
    def steps(self) -> int:
        """How many rounds there are."""
        return len(LEVELS)

    def step(self) -> None:
        """Align each half to its own averages in finer steps than before, sort them anew, and average."""
        radius, angle, apart = LEVELS[min(len(self.curve), len(LEVELS) - 1)]
        turns = rotations_about(radius, angle)
        for number, limit in enumerate(self.limits):
            shifts = shifts_within(2.0) * (apart * self.boxes.box_size / limit)
            for half in (0, 1):
                rows = np.flatnonzero(self.half == half)
                poses = self._with_each[number]
                found = self.boxes.align_near(
                    rows,
                    self._reference(number, half),
                    float(limit),
                    poses,
                    turns,
                    shifts,
                    self._reach,
                    self._directions,
                )
                poses.put(rows, found)
        self.classes, self.poses = best_of(self._with_each)
        self._average()
        self.curve.append(float(self.poses.scores.mean()))

    def whole(self, number: int) -> NDArray[np.float32]:
        """The mean of both halves of a class as it is now, up to where they agree, shape (N, N, N)."""
        k = self.boxes.frequencies.up_to(float(self.limits[number]))
        return self.boxes.coloured(self.averages[:, number, :k].mean(axis=0))

    def _rows(self, number: int, half: int) -> NDArray[np.int64]:
        return np.flatnonzero((self.classes == number) & (self.half == half))

    def _average(self) -> None:
        n = self.boxes.box_size
        for number in range(self.averages.shape[1]):
            for half in (0, 1):
                rows = self._rows(number, half)
                self.averages[half, number] = 0
                if len(rows):
                    total, weight = self.boxes.sums(rows, self.poses, self._highest)
                    average = np.asarray(total / np.maximum(weight, max(0.5, 0.05 * len(rows))), np.complex64)
                    if self._symmetry is not None:
                        nowhere = Setting(Rotation.identity(), np.zeros(3), 1.0)
                        average = self._symmetry.applied(average, nowhere, average=True)
                    self.averages[half, number, : len(average)] = average
            if min(len(self._rows(number, half)) for half in (0, 1)) < _FEWEST:
                continue
            one, other = (
                self.boxes.frequencies.volume(average) * self._mask for average in self.averages[:, number]
            )
            self.correlations[number] = fourier_shell_correlation(one, other)
            reached = n / resolution_at(self.correlations[number], GOLD_STANDARD, n, 1.0)
            self.limits[number] = np.clip(reached, self._common, self._highest)

    def _reference(self, number: int, half: int) -> NDArray[np.float32]:
        radius = self.boxes.frequencies.radius
        values = self.averages[half, number].copy()
        alike = radius <= self._common
        if all(len(self._rows(number, each)) for each in (0, 1)):
            values[alike] = self.averages[:, number, alike].mean(axis=0)
        shells = np.arange(len(self.correlations[number]))
        weight = np.interp(radius, shells, np.clip(self.correlations[number], 0, 1))
        # what the halves do not agree on is not worth aligning to
        values[~alike] *= weight[~alike].astype(np.float32)
        return self.boxes.frequencies.volume(values) * self._mask


class ClassMap(NamedTuple):
    """The final map of a class.

    Parameters
    ----------
    map : float32 array, shape (N, N, N)
        Of both halves, each shell weighted by how far they agree; zero where there is no box.
    halves : tuple of 2 arrays, shape (N, N, N)
        As they are.
    correlation : array, shape (N // 2 + 1,)
        Fourier shell correlation of the halves; 0 where one of them has too few boxes.
    boxes : int
        How many were averaged.
    """

    map: NDArray[np.float32]
    halves: tuple[NDArray[np.float32], NDArray[np.float32]]
    correlation: NDArray[np.float64]
    boxes: int


def turned_boxes(
    boxes: Sequence[NDArray[np.float32]],
    offsets: NDArray[np.float64],
    poses: Poses,
    threads: int,
) -> Iterator[NDArray[np.float32]]:
    """The boxes in the reference frame, particles on the centre voxel, one after another.

    Parameters
    ----------
    boxes : sequence of n arrays, shape (N, N, N), float32
    offsets : array, shape (n, 3)
        Where each particle was said to be, from the centre voxel, x, y, z in voxels.
    poses : Poses
        In voxels of these boxes.
    threads : int
    """
    matrices = poses.rotations().as_matrix()

    def turned(row: int) -> NDArray[np.float32]:
        box = boxes[row]
        n = len(box)
        # corners that turn in from outside the box get its mean
        fill = float(box.mean(dtype=np.float64))
        at = offsets[row] + poses.shifts[row] + n // 2
        return sample(spline_coefficients(box), at, matrices[row], n, "cubic", fill)

    part = 4 * threads
    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(boxes), part):
            yield from pool.map(turned, range(first, min(first + part, len(boxes))))


def class_maps(
    boxes: Sequence[NDArray[np.float32]],
    wedges: Sequence[Wedge],
    offsets: NDArray[np.float64],
    poses: Poses,
    classes: NDArray[np.int64],
    half: NDArray[np.int64],
    count: int,
    *,
    symmetry: str = "C1",
    mask: NDArray[np.float32] | None = None,
    threads: int = 1,
    keep: Callable[[int, NDArray[np.float32]], None] | None = None,
) -> list[ClassMap]:
    """Average the boxes of each class in their poses, over those that have measured a frequency.

    Parameters
    ----------
    boxes, wedges, offsets, poses, threads
        As in `turned_boxes` and `AlignedBoxes`.
    classes, half : int array, shape (n,)
    count : int
        How many classes there are.
    symmetry : str
        Imposed on the maps.
    mask : array, shape (N, N, N), optional
        Within which halves are compared.
    keep : callable, optional
        Given each row and its box in the reference frame.
    """
    n = len(boxes[0])
    k = frequencies(n)
    averages = [[WedgeAverage(n) for _ in range(3)] for _ in range(count)]
    matrices = poses.rotations().as_matrix()
    for row, box in enumerate(turned_boxes(boxes, offsets, poses, threads)):
        seen = wedges[row].measured(k, matrices[row])
        both = averages[classes[row]]
        both[half[row]].add(box, seen)
        both[2].add(box, seen)
        if keep is not None:
            keep(row, box)
    window = soft_sphere(n) if mask is None else mask
    group = point_group(symmetry)
    found = []
    for number, (first, second, whole) in enumerate(averages):
        counts = [int(((classes == number) & (half == each)).sum()) for each in (0, 1)]
        one, other, both_halves = (_symmetric(average.result(), group) for average in (first, second, whole))
        correlation = np.zeros(n // 2 + 1)
        if min(counts) >= _FEWEST:
            correlation = fourier_shell_correlation(_within(one, window), _within(other, window))
            both_halves = _weighted(both_halves, correlation)
        found.append(ClassMap(both_halves, (one, other), correlation, sum(counts)))
    return found


def _within(volume: NDArray[np.float32], window: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((volume - (volume * window).sum() / window.sum()) * window, np.float32)


def _symmetric(volume: NDArray[np.float32], group: Rotation) -> NDArray[np.float32]:
    if len(group) == 1:
        return volume
    n = len(volume)
    coefficients = spline_coefficients(volume)
    fill = float(volume.mean(dtype=np.float64))
    centre = np.full(3, n // 2)
    turned = (sample(coefficients, centre, matrix, n, "cubic", fill) for matrix in group.as_matrix())
    return np.asarray(sum(turned) / len(group), np.float32)


def _weighted(volume: NDArray[np.float32], correlation: NDArray[np.float64]) -> NDArray[np.float32]:
    """Each shell times what the whole map should correlate with the truth, ``sqrt(2 F / (1 + F))``.

    From the first shell in which the halves agree by less than `GOLD_STANDARD` on it is 0 (Rosenthal &
    Henderson, J. Mol. Biol. 2003).
    """
    n = len(volume)
    agreed = np.clip(correlation, 0, 1)
    agreed[0] = 1.0
    below = np.flatnonzero(agreed[1:] < GOLD_STANDARD) + 1
    if len(below):
        agreed[below[0] :] = 0
    if not agreed[1:].any():
        return volume
    weight = np.sqrt(2 * agreed / (1 + agreed))
    full, half = np.fft.fftfreq(n, 1 / n), np.fft.rfftfreq(n, 1 / n)
    radius = np.sqrt(full[:, None, None] ** 2 + full[:, None] ** 2 + half**2)
    shape = np.interp(radius, np.arange(len(weight)), weight, right=0.0)
    return np.fft.irfftn(np.fft.rfftn(volume) * shape, s=volume.shape, axes=(0, 1, 2)).astype(np.float32)
