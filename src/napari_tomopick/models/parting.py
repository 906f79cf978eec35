"""Where to part values in two, knowing nothing but their histogram."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

CLEAR = 0.8
"""Share of the variance above which there seem to be two heaps: of values spread evenly it is 0.75, of one
bell-shaped heap 0.64, and of two well apart nearly 1."""


class Parting(NamedTuple):
    """The limit between low values and high ones.

    Parameters
    ----------
    limit : float
        Halfway between the highest of the low and the lowest of the high values.
    below : int
        How many values are lower.
    share : float
        Of the variance of all values, what is between the two parts: 0 to 1.
    """

    limit: float
    below: int
    share: float

    @property
    def is_clear(self) -> bool:
        """Whether the values look like two heaps, and not like one that is cut through."""
        return self.share > CLEAR

    def __str__(self) -> str:
        unclear = "" if self.is_clear else ", but not clearly: there may be one kind only; look at them"
        return f"the values part best at {self.limit:.3g}, {self.below:,} are below{unclear}"


def parting(values: ArrayLike) -> Parting | None:
    """Where values part best in two: the variance between the parts is largest.

    This is the method of Otsu (IEEE Trans. Syst. Man Cybern. 9, 62, 1979) on the values themselves, without
    bins. It parts any values, also those of one heap: see `Parting.is_clear`.

    Parameters
    ----------
    values : array-like, shape (n,)
        Those that are not finite do not count.

    Returns
    -------
    Parting or None
        None if there are not two different values.
    """
    found = np.asarray(values, np.float64).reshape(-1)
    ordered = np.sort(found[np.isfinite(found)])
    if len(ordered) < 2 or ordered[0] == ordered[-1]:
        return None
    total = len(ordered)
    n = np.arange(1, total)
    # about their mean, or far from 0 all digits would be lost
    centred = ordered - ordered.mean()
    sums = np.cumsum(centred)[:-1]
    between = sums**2 / n + sums**2 / (total - n)
    # equal values belong together
    best = int(np.argmax(np.where(ordered[1:] > ordered[:-1], between, -1.0)))
    limit = float(ordered[best] + ordered[best + 1]) / 2
    return Parting(limit, best + 1, float(between[best] / (centred**2).sum()))
