"""Evidence becomes a score without the truth."""

import numpy as np
import pytest

from napari_tomopick.picking.calibration import (
    IMPARTIAL,
    LEAST_EVIDENCE,
    Calibration,
    bounded,
    logistic,
    spread,
)


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


def test_what_the_encoder_rules_out_it_rules_out():
    evidence = np.array([-50.0, -4.0, 3.0])
    np.testing.assert_allclose(bounded(evidence), [LEAST_EVIDENCE, -4.0, 3.0])
    total = IMPARTIAL.total(np.zeros(3), evidence, (0.0, 1.0))
    np.testing.assert_allclose(total, bounded(evidence))
