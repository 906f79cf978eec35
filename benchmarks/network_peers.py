"""What picking after a few clicks is compared with: a blob detector, an averaged template, the true map.

Used by `network.py`. A method learns from clicks and gives all candidates with their scores, best first, and
the threshold it would choose itself, which never sees the truth: here half-way between what the positive
references score and what is no particle scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from network_matching import LocalCorrelation, ball, distances, match, resampled
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter

Array = NDArray[np.float64]

_APART = 0.6
"""Least distance of two picks, in diameters."""
_MOST = 3000


@dataclass(frozen=True, eq=False)
class Picks:
    """Candidates, best first, and the threshold the method sets of its own."""

    positions: Array
    scores: Array
    threshold: float


class Method(Protocol):
    """A way of picking."""

    name: str

    def train(
        self,
        volume: NDArray[np.float32],
        voxel_size: float,
        tilt_range: tuple[float, float],
        positives: Array,
        negatives: Array,
        diameter: float,
        seed: int,
    ) -> Any:
        """Learn from clicks."""

    def pick(self, model: Any, volume: NDArray[np.float32]) -> Picks:
        """Apply what was learned."""


def peaks(score: NDArray, apart: float, most: int = _MOST) -> tuple[Array, Array]:
    """Local maxima, best first, none within `apart` voxels of a better one: positions x, y, z and scores.

    A position is refined by a parabola through the maximum's neighbours along each axis.
    """
    inner = np.zeros(score.shape, bool)
    inner[1:-1, 1:-1, 1:-1] = True
    at = np.argwhere((score == maximum_filter(score, 3)) & inner)
    values = score[tuple(at.T)]
    order = np.argsort(-values, kind="stable")[: 10 * most]
    at, values = at[order], values[order]
    kept: list[int] = []
    positions = np.empty((most, 3))
    for row, place in enumerate(at):
        if len(kept) == most:
            break
        others = positions[: len(kept)]
        if not len(others) or ((others - place) ** 2).sum(axis=1).min() >= apart**2:
            positions[len(kept)] = place
            kept.append(row)
    at = at[kept]
    offset = np.zeros((len(at), 3))
    for axis in range(3):
        step = np.eye(3, dtype=int)[axis]
        below, here, above = (score[tuple((at + k * step).T)].astype(float) for k in (-1, 0, 1))
        offset[:, axis] = 0.5 * (below - above) / np.minimum(below - 2 * here + above, -1e-12)
    return (at + np.clip(offset, -0.5, 0.5))[:, ::-1], values[kept].astype(float)


def values_near(score: NDArray, places: Array, radius: float) -> Array:
    """The best score within a radius of each place: a click is not exact."""
    offsets = np.argwhere(distances(2 * int(radius) + 3) <= radius) - int(radius) - 1
    every = places[:, None, ::-1] + offsets
    values = map_coordinates(score, every.reshape(-1, 3).T, order=1, mode="nearest")
    return np.asarray(values.reshape(every.shape[:2]).max(axis=1))


def half_way(right: Array, wrong: Array) -> float:
    """A threshold from scores at what is to be found and at what is not."""
    return float(np.median(right) + np.median(wrong)) / 2


class Blob:
    """Difference of Gaussians at the scale of the particle; the clicks only set its threshold.

    What is no particle is the middle one of all local maxima.
    """

    name = "blob"

    def train(
        self,
        volume: NDArray[np.float32],
        voxel_size: float,
        tilt_range: tuple[float, float],
        positives: Array,
        negatives: Array,
        diameter: float,
        seed: int,
    ) -> tuple[float, Array]:
        """Remember the size and where the positive references are."""
        return diameter, positives

    def pick(self, model: tuple[float, Array], volume: NDArray[np.float32]) -> Picks:
        """Find dark blobs of that size."""
        diameter, positives = model
        sigma = 0.3 * diameter
        score = gaussian_filter(volume, 1.25 * sigma) - gaussian_filter(volume, 0.8 * sigma)
        positions, scores = peaks(score, _APART * diameter)
        at_clicks = values_near(score, positives, 0.15 * diameter)
        return Picks(positions, scores, half_way(at_clicks, scores))


class AveragedTemplate:
    """Correlation with the references' average, averaged over all rotations: a radial profile.

    The threshold is half-way between the positive references, each against the average of the others, and the
    negative ones.
    """

    name = "averaged template"
    across, mask = 12.0, 0.75

    def train(
        self,
        volume: NDArray[np.float32],
        voxel_size: float,
        tilt_range: tuple[float, float],
        positives: Array,
        negatives: Array,
        diameter: float,
        seed: int,
    ) -> tuple[Any, ...]:
        """Average about the clicks, at the sampling at which the particle is 12 voxels across."""
        small, factors = resampled(volume, diameter / self.across)
        box = 2 * round((self.mask + 0.15) * self.across)
        profiles = np.array([self._profile(small, place / factors, box) for place in positives])
        mask = ball(self.mask * self.across, box)
        correlate = LocalCorrelation(small, mask)
        right = []
        for row in range(len(positives)):
            others = np.delete(profiles, row, axis=0) if len(positives) > 1 else profiles
            score = correlate(self._template(others.mean(axis=0), box))
            right.append(values_near(score, positives[row : row + 1] / factors, 0.15 * self.across)[0])
        template = self._template(profiles.mean(axis=0), box)
        wrong = values_near(correlate(template), negatives / factors, 0.15 * self.across)
        return template, mask, half_way(np.array(right), wrong), diameter

    def pick(self, model: tuple[Any, ...], volume: NDArray[np.float32]) -> Picks:
        """Correlate with the template."""
        template, mask, threshold, diameter = model
        small, factors = resampled(volume, diameter / self.across)
        positions, scores = peaks(LocalCorrelation(small, mask)(template), _APART * self.across)
        return Picks(positions * factors, scores, threshold)

    @staticmethod
    def _profile(volume: NDArray, place: Array, box: int) -> Array:
        """Mean over the sphere at every half voxel from a place."""
        directions = np.random.default_rng(0).normal(size=(400, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        radii = np.arange(0, 0.9 * box, 0.5)
        at = place + radii[:, None, None] * directions
        values = map_coordinates(volume, at.reshape(-1, 3).T[::-1], order=1, mode="reflect")
        return np.asarray(values.reshape(len(radii), -1).mean(axis=1))

    @staticmethod
    def _template(profile: Array, box: int) -> Array:
        return np.interp(distances(box), 0.5 * np.arange(len(profile)), profile)


class TrueMap:
    """Template matching with the true map, which nobody has before picking. The clicks set the threshold."""

    name = "true map"

    def __init__(self, density: NDArray[np.float32], transfer: Callable[[Array], Array] | None) -> None:
        self._density, self._transfer = density, transfer

    def train(
        self,
        volume: NDArray[np.float32],
        voxel_size: float,
        tilt_range: tuple[float, float],
        positives: Array,
        negatives: Array,
        diameter: float,
        seed: int,
    ) -> tuple[Any, ...]:
        """Remember the clicks."""
        return positives, negatives, tilt_range, diameter

    def pick(self, model: tuple[Any, ...], volume: NDArray[np.float32]) -> Picks:
        """Match."""
        positives, negatives, tilt_range, diameter = model
        across = 12.0
        volume = (volume - volume.mean()) / volume.std()
        score, factors = match(volume, self._density, tilt_range, diameter, self._transfer, across=across)
        positions, scores = peaks(score, _APART * across)
        right, wrong = (values_near(score, p / factors, 0.15 * across) for p in (positives, negatives))
        return Picks(positions * factors, scores, half_way(right, wrong))
