"""Evidence becomes a score without the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_tomopick.picking.calibration import IMPARTIAL, Calibration, logistic, parted, spread


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("particles", "others", "gap"), [(60, 240, 6.0), (30, 300, 5.0), (12, 250, 6.0)])
def test_two_populations_part_between_them(seed, particles, others, gap):
    rng = np.random.default_rng(seed)
    totals = np.concatenate([rng.normal(0, 1, others), rng.normal(gap, 1, particles)])
    known = rng.normal(gap - 0.5, 1, 5)
    centre, slope = parted(totals, known)
    right = (totals[others:] > centre).mean() + (totals[:others] < centre).mean()
    assert right > 1.85
    assert slope > 0


@given(st.lists(st.floats(-50, 50), min_size=3, max_size=60), st.lists(st.floats(-50, 50), max_size=5))
def test_whatever_the_evidence_there_is_a_finite_answer(totals, known):
    centre, slope = parted(np.array(totals), np.array(known))
    assert np.isfinite(centre)
    assert 0 < slope < 10


def test_agreement_counts_by_what_is_usual():
    calibration = Calibration(weight=0.5, centre=3.0, slope=2.0, middle=0.1, deviation=0.05)
    total = calibration.total(np.array([0.3, 0.2]), np.array([2.0, 0.0]), (0.2, 0.1))
    np.testing.assert_allclose(total, [2.0, 0.0])
    np.testing.assert_allclose(calibration.score(np.array([3.0, 4.0])), [0.5, logistic(np.array(2.0))])


def test_impartial_evidence_is_the_odds():
    np.testing.assert_allclose(IMPARTIAL.of_evidence(np.array([0.0, np.log(3)], np.float32)), [0.5, 0.75])


def test_the_logistic_function_does_not_overflow():
    np.testing.assert_allclose(logistic(np.array([-1e4, 0.0, 1e4])), [0, 0.5, 1])


def test_spread_is_robust():
    values = np.append(np.random.default_rng(0).normal(5, 2, 1000), [1e6] * 20)
    middle, deviation = spread(values)
    assert middle == pytest.approx(5, abs=0.2)
    assert deviation == pytest.approx(2, rel=0.1)
