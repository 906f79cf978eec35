"""How a quantity is distributed, for a picture of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.models.quantities import Quantity

BINS = 48
# each whole number has a bar of its own, as long as there are no more
MOST_WHOLE = 60
# the share at each end that is left out of the picture where it would squeeze the rest
OUTLIERS = 0.002
SQUEEZED = 1.5


@dataclass(frozen=True, eq=False)
class QuantityHistogram:
    """Bars; what lies beyond the ends counts in the first and the last one.

    Parameters
    ----------
    edges : array, shape (n + 1,)
    counts : int array, shape (n,)
    lowest, highest : float
        Of all values.
    missing : int
        How many have no value.
    whole : bool
        Whether all values are whole numbers.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    lowest: float
    highest: float
    missing: int
    whole: bool

    @property
    def range(self) -> tuple[float, float]:
        """The ends of the picture."""
        return float(self.edges[0]), float(self.edges[-1])

    @classmethod
    def of(cls, quantity: Quantity) -> QuantityHistogram | None:
        """The histogram of a quantity; None if there is no value."""
        values = quantity.values[np.isfinite(quantity.values)]
        if not len(values):
            return None
        lowest, highest = float(values.min()), float(values.max())
        low, high = lowest, highest
        if quantity.whole and high - low < MOST_WHOLE:
            edges = np.arange(low, high + 2) - 0.5
        else:
            inner = np.quantile(values, [OUTLIERS, 1 - OUTLIERS])
            if high - low > SQUEEZED * (inner[1] - inner[0]) > 0:
                low, high = map(float, inner)
            if low == high:
                low, high = low - 0.5, high + 0.5
            edges = np.linspace(low, high, BINS + 1)
        counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
        missing = len(quantity.values) - len(values)
        return cls(edges, counts, lowest, highest, missing, quantity.whole)

    def rounded(self, value: float) -> float:
        """A value as it is written: no finer than the picture, whole where all are."""
        if self.whole:
            return float(np.round(value))
        step = (self.edges[-1] - self.edges[0]) / 500
        digits = max(0, int(np.ceil(-np.log10(step))))
        return float(np.round(value, digits))
