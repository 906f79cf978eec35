"""Which particles pass ranges of their quantities."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import ParameterError
from napari_tomopick.models.quantities import Quantity


@dataclass(frozen=True)
class Range:
    """What a quantity may be.

    Parameters
    ----------
    low, high : float, optional
        Ends, both included; None where it is open.
    missing : bool
        Whether particles without a value pass.

    Raises
    ------
    ParameterError
        If an end is not a number, or the low one is above the high one.
    """

    low: float | None = None
    high: float | None = None
    missing: bool = True

    def __post_init__(self) -> None:
        if any(end is not None and math.isnan(end) for end in (self.low, self.high)):
            raise ParameterError(f"the ends of a range are numbers, got {self.low} and {self.high}")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ParameterError(f"a range goes from low to high, got {self.low:g} to {self.high:g}")

    def contains(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which values are in the range, ``(n,)``."""
        found = np.ones(len(values), bool)
        # NaN is neither above nor below anything
        if self.low is not None:
            found &= ~(values < self.low)
        if self.high is not None:
            found &= ~(values > self.high)
        if not self.missing:
            found &= ~np.isnan(values)
        return found

    def __str__(self) -> str:
        if self.low is None and self.high is None:
            words = "any"
        elif self.high is None:
            words = f"at least {self.low:g}"
        elif self.low is None:
            words = f"at most {self.high:g}"
        else:
            words = f"{self.low:g} to {self.high:g}"
        return words if self.missing else f"{words}, and known"


@dataclass(frozen=True)
class Counts:
    """How many particles pass.

    Parameters
    ----------
    each : dict of str to int
        What each range alone lets through.
    together : int
        What passes all of them.
    total : int
    """

    each: dict[str, int]
    together: int
    total: int


def passing(
    quantities: Mapping[str, Quantity], ranges: Mapping[str, Range], *, n: int | None = None
) -> NDArray[np.bool_]:
    """Which particles pass all ranges.

    Parameters
    ----------
    quantities : mapping of str to Quantity
    ranges : mapping of str to Range
        By the keys of the quantities.
    n : int, optional
        How many particles there are; needed only where they have no quantity at all.

    Raises
    ------
    ParameterError
        If there is a range of a quantity that is not there.
    """
    found = np.ones(_number(quantities, n), bool)
    for key, wanted in ranges.items():
        found &= wanted.contains(_quantity(quantities, key).values)
    return found


def counts(
    quantities: Mapping[str, Quantity], ranges: Mapping[str, Range], *, n: int | None = None
) -> Counts:
    """How many particles each range alone lets through, and all together; arguments as of `passing`."""
    together = np.ones(_number(quantities, n), bool)
    each = {}
    for key, wanted in ranges.items():
        found = wanted.contains(_quantity(quantities, key).values)
        each[key] = int(np.count_nonzero(found))
        together &= found
    return Counts(each, int(np.count_nonzero(together)), len(together))


def _number(quantities: Mapping[str, Quantity], n: int | None) -> int:
    if n is not None:
        return n
    return next((len(quantity.values) for quantity in quantities.values()), 0)


def _quantity(quantities: Mapping[str, Quantity], key: str) -> Quantity:
    if key not in quantities:
        raise ParameterError(
            f"there is a range of {key!r}, but the quantities are: {', '.join(quantities) or 'none'}"
        )
    return quantities[key]
