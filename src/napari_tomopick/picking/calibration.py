"""From evidence to a score between 0 and 1, without anyone saying what the truth is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEAST_EVIDENCE = -4.0
"""Evidence of the encoder below this counts as this: what it rules out, it rules out."""

_ROUNDS = 200
_MIN_DEVIATION = 0.15  # of a component, in units of the whole's robust deviation
_MAX_SLOPE = 4.0
_MIN_SLOPE = 0.5


class Calibration(NamedTuple):
    """How evidence becomes a score.

    Parameters
    ----------
    weight : float
        What the encoder's evidence counts beside the agreement with the reference.
    centre : float
        Evidence, all together, at which a place is as likely a particle as not.
    slope : float
        Of the logistic function there.
    middle, deviation : float
        Median and robust deviation of the agreement over all complexes where it was learned.
    """

    weight: float
    centre: float
    slope: float
    middle: float
    deviation: float

    def total(
        self, agreement: NDArray[np.floating], evidence: NDArray[np.floating], spread: tuple[float, float]
    ) -> NDArray[np.float64]:
        """Both kinds of evidence together; agreement counts by its distance from what is usual."""
        middle, deviation = spread
        standard = (np.asarray(agreement, np.float64) - middle) / deviation
        return np.asarray(standard + self.weight * bounded(evidence))

    def score(self, total: NDArray[np.floating]) -> NDArray[np.float64]:
        """From 0 to 1."""
        return logistic(self.slope * (np.asarray(total, np.float64) - self.centre))

    def of_evidence(self, evidence: NDArray[np.float32]) -> NDArray[np.float32]:
        """From 0 to 1, where there is nothing but the encoder's evidence."""
        return self.score(self.weight * evidence).astype(np.float32)


def bounded(evidence: NDArray[np.floating]) -> NDArray[np.float64]:
    """Evidence, none of it below `LEAST_EVIDENCE`: a long tail would pass for a population of its own."""
    return np.maximum(np.asarray(evidence, np.float64), LEAST_EVIDENCE)


IMPARTIAL = Calibration(weight=1.0, centre=0.0, slope=1.0, middle=0.0, deviation=1.0)
"""The encoder's evidence as it was trained to be: the logarithm of the odds."""


def logistic(x: NDArray[np.floating]) -> NDArray[np.float64]:
    """``1 / (1 + exp(-x))`` without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * np.asarray(x, np.float64))))


def spread(values: NDArray[np.floating]) -> tuple[float, float]:
    """Median and robust standard deviation."""
    middle = float(np.median(values))
    return middle, max(1.4826 * float(np.median(np.abs(values - middle))), 1e-6)


def parted(totals: NDArray[np.floating], known: NDArray[np.floating]) -> tuple[float, float]:
    """Where a population of evidence parts into particles and others, and how sharply.

    Two Gaussians are fitted to the evidence of all complexes (expectation maximisation), the upper one
    beginning at what is known of the particles.

    Parameters
    ----------
    totals : array, shape (n,)
        Of all complexes of a tomogram.
    known : array, shape (m,)
        Of references, each judged without itself.

    Returns
    -------
    centre : float
        Where a complex is as likely of one as of the other.
    slope : float
        Of the logarithm of the odds there.
    """
    values = np.asarray(totals, np.float64)
    middle, deviation = spread(values)
    upper = float(np.median(known)) if len(known) else middle + 4 * deviation
    upper = max(upper, middle + 2 * deviation)
    means = np.array([middle, upper])
    deviations = np.full(2, deviation)
    weights = np.array([0.85, 0.15])
    least = _MIN_DEVIATION * deviation
    for _ in range(_ROUNDS):
        odds = np.log(weights) - np.log(deviations) - 0.5 * ((values[:, None] - means) / deviations) ** 2
        part = np.exp(odds - odds.max(axis=1, keepdims=True))
        part /= part.sum(axis=1, keepdims=True)
        share = part.sum(axis=0) + 1e-9
        means = (part * values[:, None]).sum(axis=0) / share
        deviations = np.sqrt((part * (values[:, None] - means) ** 2).sum(axis=0) / share) + least
        weights = share / share.sum()
    if means[1] - means[0] < deviation:
        # one population: nothing but what is known tells them apart
        centre = upper - deviation
        return centre, _MIN_SLOPE + 0.5
    grid = np.linspace(means[0], means[1], 400)
    odds = np.log(weights) - np.log(deviations) - 0.5 * ((grid[:, None] - means) / deviations) ** 2
    above = odds[:, 1] >= odds[:, 0]
    row = int(above.argmax()) if above.any() else len(grid) - 1
    step = max(1, min(row, len(grid) - 1 - row, 8))
    ahead = odds[min(row + step, len(grid) - 1)]
    behind = odds[max(row - step, 0)]
    rise = (ahead[1] - ahead[0]) - (behind[1] - behind[0])
    run = grid[min(row + step, len(grid) - 1)] - grid[max(row - step, 0)]
    return float(grid[row]), float(np.clip(rise / max(run, 1e-9), _MIN_SLOPE, _MAX_SLOPE))
