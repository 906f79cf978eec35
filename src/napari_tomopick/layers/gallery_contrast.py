"""Which grey values are black and white in the gallery: one range for all pictures, or one for each."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.layers.display import CLIP_PERCENT

Contrast = Literal["together", "each", "slices"]
Limits = tuple[float, float]

REACH = 4.0
"""Standard deviations about the median, measured by the quartiles, beyond which no range reaches."""

ENOUGH = 200
"""After so many pictures their common range is settled, and does not change under a user's eyes."""


def robust_limits(values: NDArray[Any]) -> Limits | None:
    """The range of most of the values, without NaN; what few bright or dark ones are, gold say, is no matter.

    The percentiles that clip `CLIP_PERCENT` at either end, but no more than `REACH` away from the median.
    None if there are no values.
    """
    found = np.asarray(values, np.float32).ravel()
    finite = np.isfinite(found)
    if not finite.all():
        found = found[finite]
    n = len(found)
    if not n:
        return None
    # the percentiles by a partial sort, as there is one of these for each of thousands of pictures
    at = [round((n - 1) * q / 100) for q in (CLIP_PERCENT, 25, 50, 75, 100 - CLIP_PERCENT)]
    low, first, median, third, high = (float(v) for v in np.partition(found, at)[at])
    reach = REACH * (third - first) / 1.349
    if reach > 0:
        low, high = max(low, median - reach), min(high, median + reach)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


class CommonRange:
    """One range for many pictures: the median of what suits each of them.

    So some pictures with gold, or with nothing in them, do not change it.
    """

    def __init__(self) -> None:
        self._of: Hashable = None
        self._known: dict[Hashable, Limits] = {}
        self.limits: Limits | None = None

    def learn(self, of: Hashable, pictures: dict[Any, Limits | None]) -> None:
        """Take pictures into account, by what tells them apart, until there are enough.

        Parameters
        ----------
        of : hashable
            What they have in common; pictures of something else begin anew.
        pictures : dict
            What suits each.
        """
        if of != self._of:
            self._of, self._known, self.limits = of, {}, None
        if len(self._known) >= ENOUGH:
            return
        before = len(self._known)
        self._known |= {key: limits for key, limits in pictures.items() if limits is not None}
        if len(self._known) > before:
            low, high = np.median(list(self._known.values()), axis=0)
            self.limits = float(low), float(high)


def grey(picture: NDArray[np.float32], limits: Limits, inverted: bool) -> NDArray[np.uint8]:
    """0 is black and 255 white, or the other way round."""
    low, high = limits
    if inverted:
        low, high = high, low
    scaled = (picture - np.float32(low)) * np.float32(255 / (high - low))
    return np.asarray(np.clip(scaled, 0, 255) + np.float32(0.5)).astype(np.uint8)
