"""One step of following a membrane: predict the curve in another slice, look there, and correct it.

The curve is a chain of samples 2 voxels apart. Each knows how it drifts along its normal from slice to slice,
how uncertain its place is, and how the membrane looks there. In the next slice, the strip along the predicted
curve is correlated with that look, a minimal path through the correlations gives one offset for each sample,
and a smoothing spline weighs these, sample by sample, with the prediction: the weight is small where the
correlation is no better than it is beside the membrane, and where the surface lies in the missing wedge. So
the hidden parts go along with what is seen of their neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.geometry import planar_curves
from napari_tomopick.geometry.membrane_clicks import SCORE_BLUR, SPACING, STIFFNESS, STRIP_BLUR, onto_membrane
from napari_tomopick.geometry.membrane_profiles import (
    FINENESS,
    Looks,
    SliceReader,
    along,
    correlations,
    half_width,
    shifted,
    shifts,
    strip,
)
from napari_tomopick.geometry.minimal_paths import minimal_path
from napari_tomopick.geometry.missing_wedge import degrees_outside

Array = NDArray[np.float64]

SEARCH = 6.0
"""How far from the prediction the membrane is looked for, in voxels. Less than to a neighbouring membrane."""
BESIDE = 4.0
"""A place at least so far from the path is beside the membrane."""
TOLD_BY = 30
"""Traced slices no further apart tell the drift between them."""
_DRIFT_STIFFNESS = 2000.0
_PRIOR = 0.01  # weight per sample of the prediction, per inverse variance: its errors go together
_VARIANCE_PER_SLICE, _DRIFT_VARIANCE_PER_SLICE = 0.1, 0.002
_AVERAGED = 14.0  # samples over which a smoothing spline of this stiffness averages
_GAIN = 0.7  # share of an offset that is laid to a drift not known before


@dataclass(frozen=True, eq=False)
class Seen:
    """What tells how far to trust each sample of a curve.

    Parameters
    ----------
    strength : array, shape (m,)
        Correlation above that beside the membrane, relative to the traced slice: 1 is as good as there.
    margin : array, shape (m,)
        The same, against what is beside the membrane here.
    visible : array, shape (m,)
        0 where the surface lies in the missing wedge, 1 well out of it.
    inside : bool array, shape (m,)
        Whether the slice reaches that far.
    """

    strength: Array
    margin: Array
    visible: Array
    inside: NDArray[np.bool_]

    def blended(self, other: Seen, share: Array) -> Seen:
        """Of this and a share of the other, sample by sample."""
        return Seen(
            (1 - share) * self.strength + share * other.strength,
            (1 - share) * self.margin + share * other.margin,
            (1 - share) * self.visible + share * other.visible,
            self.inside,
        )


@dataclass(frozen=True, eq=False)
class Curve:
    """A membrane in one slice.

    Parameters
    ----------
    k : int
        The slice.
    points : array, shape (m, 2)
        u, v, some 2 voxels apart.
    drift : array, shape (m,)
        Voxels along the normal per slice.
    variance : array, shape (m, 3)
        Of the place along the normal, in voxels squared; its covariance with the drift; that of the drift.
    looks : Looks
    seen : Seen, optional
        None for a traced curve.
    """

    k: int
    points: Array
    drift: Array
    variance: Array
    looks: Looks
    seen: Seen | None = None

    def __len__(self) -> int:
        return len(self.points)

    def carried(self, rows: Array, *, closed: bool) -> Curve:
        """The curve with other samples, given as rows with fractions."""

        def at(values: Array) -> Array:
            return planar_curves.carried(values, rows, closed=closed)

        seen = self.seen
        if seen is not None:
            inside = at(seen.inside.astype(np.float64)) > 0.5
            seen = Seen(at(seen.strength), at(seen.margin), at(seen.visible), inside)
        looks = replace(self.looks, here=at(self.looks.here))
        return Curve(self.k, at(self.points), at(self.drift), at(self.variance), looks, seen)


@dataclass(frozen=True, eq=False)
class _Glance:
    """What was found beside a predicted curve."""

    curve: Curve  # as predicted, its samples 2 voxels apart
    across: Array
    values: Array  # the strip
    offsets: Array  # of the minimal path
    correlation: Array
    beside: Array
    visible: Array
    inside: NDArray[np.bool_]

    def strength(self, good: float, none: float) -> Array:
        return np.asarray((self.correlation - none) / max(good - none, 0.15))

    def weights(self, good: float, none: float) -> Array:
        """Of the offsets, per sample."""
        return 0.5 * self.strength(good, none).clip(0, 1) * self.visible * self.inside + 1e-6


class MembraneFilter:
    """Follows one membrane from slice to slice.

    Parameters
    ----------
    reader : SliceReader
    closed : bool
        Whether the curve is a ring.
    tilt_range_degrees : (lowest, highest), optional
        None: not known, and everything counts as visible.
    tilt_axis : "y" or "x"
    """

    def __init__(
        self,
        reader: SliceReader,
        closed: bool,
        tilt_range_degrees: tuple[float, float] | None = None,
        tilt_axis: Literal["x", "y"] = "y",
    ) -> None:
        self.reader = reader
        self.closed = closed
        self.tilt_range_degrees = tilt_range_degrees
        self.tilt_axis = tilt_axis
        self.good, self.none = 0.6, 0.3  # correlation on and beside the membrane next to the traced slice

    @property
    def margin(self) -> float:
        """By how much the membrane stands out next to the traced slice."""
        return self.good - self.none

    # learning from a traced slice

    def learn(self, k: int, clicks: Array, others: Sequence[tuple[int, Array]] = ()) -> Curve:
        """The membrane in a traced slice: clicks moved onto it, its look, its drift.

        Parameters
        ----------
        k : int
        clicks : array, shape (n, 2)
            u, v in order. They are off by a voxel or so, but not all to one side.
        others : sequence of (slice, clicks)
            Other traced slices nearby: they tell the drift where the image does not.

        Raises
        ------
        ValueError
            If fewer than three clicks differ.
        """
        closed = self.closed
        points = onto_membrane(self.reader, k, clicks, closed=closed)
        across = planar_curves.normals(points, closed=closed)
        half = round(half_width(points, closed=self.closed) / FINENESS)
        values, _ = strip(self.reader, k, points, across, half * FINENESS)
        cut = along(values, STRIP_BLUR, closed=closed)
        looks = Looks(along(cut, 6, closed=closed), cut.mean(axis=0), cut.mean(axis=0))
        m = len(points)
        # before the slope is known, it may be anything up to 45 degrees
        unknown = np.broadcast_to([0.2, 0.0, 1.0], (m, 3))
        curve = Curve(k, points, np.zeros(m), unknown, looks)
        slope, weight = np.zeros(m), np.zeros(m)
        for dt in self._steps_from(k, 2):
            glance = self._glance(curve, k + dt)
            # sampled anew, the same curve may have one sample more or less
            rows = np.linspace(0, len(glance.offsets) - (not closed), m, endpoint=not closed)
            w = planar_curves.carried(glance.weights(self.good, self.none), rows, closed=closed) * dt * dt
            offsets = planar_curves.carried(glance.offsets, rows, closed=closed)
            slope, weight = slope + w * offsets / dt, weight + w
        for other, their_clicks in others:
            if 0 < abs(other - k) <= TOLD_BY:
                theirs = planar_curves.through_clicks(their_clicks, SPACING, closed=closed)
                offset = planar_curves.offsets_between(points, across, theirs, closed=closed)
                w = np.where(np.isfinite(offset), 2.0 / (1 + abs(other - k) / 5), 0.0)
                slope, weight = slope + w * np.nan_to_num(offset) / (other - k), weight + w
        slope /= np.maximum(weight, 1e-9)
        drift = planar_curves.smoothed(slope, weight, np.full(m, 0.05), _DRIFT_STIFFNESS, closed=closed)
        variance = np.column_stack([unknown[:, :2], 1 / (1 + _AVERAGED * along(weight, 5, closed=closed))])
        curve = replace(curve, drift=drift, variance=variance)
        glances = [self._glance(curve, k + dt) for dt in self._steps_from(k, 3)]
        if glances:
            self.good = float(np.median(np.concatenate([g.correlation for g in glances])))
            self.none = float(np.mean(np.concatenate([g.beside for g in glances])))
        return curve

    def evident(self, curve: Curve, slack: float) -> float:
        """Share of a traced curve that the tilt series shows even if its drift is wrong by the slack."""
        across = planar_curves.normals(curve.points, closed=self.closed)
        sides = [self._visible(across, curve.drift + off / self.reader.binning) for off in (-slack, slack)]
        return float(np.minimum(*sides).mean())

    # following it

    def advance(self, curve: Curve, k: int) -> Curve:
        """The membrane in slice k, a few slices from the curve's."""
        closed, dt = self.closed, k - curve.k
        glance = self._glance(curve, k)
        predicted = glance.curve
        weights = glance.weights(self.good, self.none)
        prior = _PRIOR / predicted.variance[:, 0]
        offset = planar_curves.smoothed(glance.offsets, weights, prior, STIFFNESS, closed=closed)
        m = len(predicted)
        drift = planar_curves.smoothed(
            predicted.drift + _GAIN * offset / dt,
            weights + 0.002,
            np.full(m, 1e-6),
            _DRIFT_STIFFNESS,
            closed=closed,
        )
        variance = _observed(predicted.variance, _AVERAGED * along(weights, 5, closed=closed))
        strength = glance.strength(self.good, self.none)
        trust = (strength.clip(0, 1) * glance.visible)[:, None]
        looks = predicted.looks
        cut = shifted(glance.values, offset, len(looks.traced))
        here = looks.here + 0.3 * trust * (along(cut, 2, closed=closed) - looks.here)
        lately = 0.7 * looks.lately + 0.3 * (cut * trust).sum(axis=0) / max(float(trust.sum()), 1e-6)
        corrected = Curve(
            k,
            predicted.points + offset[:, None] * glance.across,
            drift,
            variance,
            Looks(here, lately, looks.traced),
            Seen(
                strength,
                (glance.correlation - glance.beside) / max(self.margin, 0.15),
                glance.visible,
                glance.inside,
            ),
        )
        _, rows = planar_curves.resampled(corrected.points, SPACING, closed=closed)
        return corrected.carried(rows, closed=closed)

    def _glance(self, curve: Curve, k: int) -> _Glance:
        """Predict the curve in slice k, and look along it."""
        closed, dt = self.closed, k - curve.k
        across = planar_curves.normals(curve.points, closed=closed)
        points = curve.points + (curve.drift * dt)[:, None] * across
        _, rows = planar_curves.resampled(points, SPACING, closed=closed)
        predicted = replace(curve, k=k, points=points, variance=_later(curve.variance, dt), seen=None)
        predicted = predicted.carried(rows, closed=closed)
        points = predicted.points
        across = planar_curves.normals(points, closed=closed)
        half = min(round(half_width(points, closed=self.closed) / FINENESS), len(curve.looks.traced) // 2)
        values, inside = strip(self.reader, k, points, across, SEARCH + BESIDE + half * FINENESS)
        values = along(values, STRIP_BLUR, closed=closed)
        scores = correlations(values, predicted.looks.profiles(half))
        scores = along(scores, SCORE_BLUR, closed=closed)
        every = shifts(scores)
        near = np.abs(every) <= SEARCH
        searched = every[near]
        # a weak pull towards the prediction
        costs = -scores[:, near] + 0.004 * searched**2
        path = minimal_path(costs, 0.05, 2, closed=closed)
        offsets = searched[path] + FINENESS * _vertex(costs, path)
        correlation = scores[:, near][np.arange(len(path)), path]
        away = np.abs(every - offsets[:, None]) > BESIDE
        beside = np.where(away, scores, -1.0).max(axis=1)
        return _Glance(
            predicted,
            across,
            values,
            offsets,
            along(correlation, 3, closed=closed),
            along(beside, 6, closed=closed),
            self._visible(across, predicted.drift),
            inside,
        )

    def _visible(self, across: Array, drift: Array) -> Array:
        if self.tilt_range_degrees is None:
            return np.ones(len(across))
        normals = np.insert(across, self.reader.axis, -drift * self.reader.binning, axis=1)
        outside = degrees_outside(normals, self.tilt_range_degrees, self.tilt_axis)
        # a patch of membrane is not a plane, so its signal is spread over some degrees of directions.
        t = np.clip(-outside / 12.0, 0.0, 1.0)
        return np.asarray(t * t * (3 - 2 * t))

    def _steps_from(self, k: int, step: int) -> list[int]:
        """The step down and up, as far as the slices go: shorter if there is no other way."""
        steps = [dt for dt in (-step, step) if 0 <= k + dt < self.reader.count]
        return steps or [end - k for end in (0, self.reader.count - 1) if end != k]


def _later(variance: Array, dt: int) -> Array:
    """Covariances of place and drift after dt slices (Kalman 1960)."""
    place, both, drift = variance.T
    return np.column_stack(
        [
            place + 2 * dt * both + dt * dt * drift + _VARIANCE_PER_SLICE * abs(dt),
            both + dt * drift,
            drift + _DRIFT_VARIANCE_PER_SLICE * abs(dt),
        ]
    )


def _observed(variance: Array, information: Array) -> Array:
    """Covariances of place and drift after an observation of the place."""
    place, both, drift = variance.T
    share = information / (1 + information * place)
    return np.column_stack([place * (1 - share * place), both * (1 - share * place), drift - share * both**2])


def _vertex(costs: Array, path: NDArray[np.int64]) -> Array:
    """Place of the lowest point of a parabola through three neighbouring costs, from -0.5 to 0.5 columns."""
    row = np.arange(len(path))
    inner = np.clip(path, 1, costs.shape[1] - 2)
    before, here, after = (costs[row, inner + i] for i in (-1, 0, 1))
    bend = before - 2 * here + after
    vertex = np.clip(0.5 * (before - after) / np.where(bend > 1e-9, bend, np.inf), -0.5, 0.5)
    return np.where(inner == path, vertex, 0.0)
