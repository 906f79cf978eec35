"""How a Fourier transform is cut into steps: lengths that are quick, their radices and factors."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_STEP_COST = {2: 1.0, 3: 1.0, 4: 1.0, 5: 1.0, 6: 1.0, 8: 1.0, 9: 1.1, 10: 1.1, 12: 1.1, 16: 1.35}
"""About what a step of each radix takes per number: nearly all of it is loading and storing."""
_ELSE_COST = 1.5  # what else is done with each number


class Plan(NamedTuple):
    """How lines of one length are transformed.

    Parameters
    ----------
    length : int
    radices : int64 array
        Their product is the length.
    twiddles : float32 array
        Factors of all steps but the last in the order in which they are used, each its real and its imaginary
        part.
    """

    length: int
    radices: NDArray[np.int64]
    twiddles: NDArray[np.float32]


def plan(length: int, nonzero: int | None = None) -> Plan:
    """Plan a transform; its length must have no prime factors but 2, 3 and 5.

    Parameters
    ----------
    length : int
    nonzero : int, optional
        How many numbers at the beginning of a line are not 0. A first step whose radix goes at least as often
        into the length needs hardly any arithmetic.

    Raises
    ------
    ValueError
        If the length has another prime factor.
    """
    radices = list(_radices(length)[1])
    if nonzero is not None:
        first = max((r for r in radices if length // r >= nonzero), default=radices[0])
        radices.remove(first)
        radices.insert(0, first)
    twiddles, left = [], length
    for radix in radices[:-1]:
        p, t = np.arange(left // radix)[:, None], np.arange(1, radix)
        twiddles.append(np.exp(-2j * np.pi * p * t / left).ravel())
        left //= radix
    every = np.concatenate([*twiddles, np.zeros(1)]).astype(np.complex64)
    return Plan(length, np.array(radices), every.view(np.float32))


@cache
def good_length(least: int, multiple: int = 1) -> int:
    """The length at or above ``least``, a multiple of a number, whose transform takes least time."""
    first = -(-least // multiple) * multiple
    best, best_cost = 0, np.inf
    for length in range(first, 2 * first + 16 * multiple, multiple):
        if length >= best_cost:
            break
        try:
            cost = length * (_ELSE_COST + _radices(length)[0])
        except ValueError:
            continue
        if cost < best_cost:
            best, best_cost = length, cost
    return best


@cache
def _radices(length: int) -> tuple[float, tuple[int, ...]]:
    """Cost per number, and the radices, of the cheapest transform."""
    best: tuple[float, tuple[int, ...]] = (np.inf, ())
    if length in _STEP_COST:
        best = (_STEP_COST[length], (length,))
    for radix, cost in _STEP_COST.items():
        if length % radix == 0 and length > radix:
            try:
                rest = _radices(length // radix)
            except ValueError:
                continue
            if cost + rest[0] < best[0]:
                best = (cost + rest[0], (radix, *rest[1]))
    if not best[1]:
        raise ValueError(f"a transform of {length} numbers: only factors of 2, 3 and 5 are there")
    return best
