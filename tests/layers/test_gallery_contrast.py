"""Which grey values are black and white: not those of gold, and for all pictures the same."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tomopick.layers.gallery_contrast import ENOUGH, CommonRange, grey, robust_limits

RNG = np.random.default_rng(0)


def picture(gold=0.0):
    found = RNG.normal(size=(48, 48)).astype(np.float32)
    found.ravel()[: int(gold * found.size)] = -60
    return found


def test_gold_does_not_take_the_contrast():
    plain, golden = robust_limits(picture()), robust_limits(picture(gold=0.1))
    assert plain == pytest.approx((-2.6, 2.6), abs=0.3)
    assert golden[0] > -6
    assert golden[1] == pytest.approx(plain[1], abs=0.5)


def test_what_has_no_values_or_only_one_still_has_limits():
    assert robust_limits(np.full((4, 4), np.nan)) is None
    low, high = robust_limits(np.full((4, 4), 3.0))
    assert low < 3 < high
    # mostly empty, as a mask: the few that differ are seen
    sparse = np.zeros(1000)
    sparse[:100] = 1
    assert robust_limits(sparse) == (0, 1)


def test_one_range_for_all_is_settled_and_not_that_of_odd_ones():
    common = CommonRange()
    common.learn("a", {i: (-1.0 - 0.001 * i, 1.0) for i in range(50)} | {"gold": (-50.0, 9.0), "empty": None})
    assert common.limits == pytest.approx((-1.025, 1.0), abs=0.002)
    common.learn("a", {100 + i: (-2.0, 2.0) for i in range(ENOUGH)})
    settled = common.limits
    common.learn("a", {1000 + i: (-9.0, 9.0) for i in range(5000)})
    assert common.limits == settled
    common.learn("b", {0: (0.0, 4.0)})
    assert common.limits == (0.0, 4.0)


def test_grey_values():
    values = np.array([[-9.0, 0.0, 1.0, 9.0]], np.float32)
    assert grey(values, (0.0, 2.0), False).tolist() == [[0, 0, 128, 255]]
    assert grey(values, (0.0, 2.0), True).tolist() == [[255, 255, 128, 0]]
