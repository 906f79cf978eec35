"""From evidence to a score between 0 and 1, without anyone saying what the truth is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEAST_EVIDENCE = -4.0
"""Evidence of the encoder below this counts as this: what it rules out, it rules out."""
EVEN_ODDS = 1.15
"""Evidence, all together, at which a complex is as likely as not one that is looked for.

Crowded simulated tomograms told it."""
SURE = 1.6
"""From here on a complex is taken for one without anyone looking."""


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
