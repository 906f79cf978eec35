"""What training compares and learns from, and what it then takes agreement for."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.models.tomogram import Acquisition
from napari_tomopick.picking import training
from napari_tomopick.picking.matching import MatchingVolume
from napari_tomopick.picking.training import Lesson, Training
from napari_tomopick.samples.phantoms import handed_object


def lesson(complexes, evidence):
    volume = np.random.default_rng(0).normal(size=(40, 60, 60)).astype(np.float32)
    places = np.array([[15.0, 15, 15], [40, 40, 20]])
    return Lesson(
        MatchingVolume(volume, Acquisition(-60, 60)),
        places[:1],
        places[1:],
        complexes,
        evidence,
        np.zeros(1, np.float32),
    )


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(training, "USUAL", 20)
    monkeypatch.setattr(training, "PROMISING", 10)


@pytest.fixture
def coarse(monkeypatch):
    monkeypatch.setattr(training, "COARSE", 400)


def many(count):
    rng = np.random.default_rng(1)
    return rng.uniform(8, [52, 52, 32], (count, 3)), rng.normal(size=count).astype(np.float32)


def test_of_very_many_complexes_the_most_promising_and_a_sample_are_compared(few):
    complexes, evidence = many(200)
    taught = Training([lesson(complexes, evidence)], 0, lambda what: None)
    assert len(taught._complexes) == 30
    kept = {tuple(place) for place in taught._complexes._places}
    best = complexes[np.argsort(-evidence)[:10]]
    assert all(tuple(place) in kept for place in best)
    # what is usual is told by the sample alone: the promising ones would pass for it
    assert len(taught._usual) <= 20 < len(taught._free)


def test_a_few_are_all_compared(few):
    taught = Training([lesson(*many(30))], 0, lambda what: None)
    assert len(taught._complexes) == 30
    np.testing.assert_array_equal(taught._usual, taught._free)


@pytest.mark.parametrize("not_ruled_out", [0, 2, 20])
def test_what_the_encoder_rules_out_teaches_nothing(coarse, not_ruled_out):
    complexes, evidence = many(40)
    evidence[:] = -3.0
    evidence[:not_ruled_out] = 1.0
    taught = Training([lesson(complexes, evidence)], 0, lambda what: None)
    taught.begin()
    assert taught.improve().found <= not_ruled_out
    assert (taught._found < not_ruled_out).all()
    assert taught.reference is not None
    assert np.isfinite(taught.reference).all()


def calibrated(volume, positive, negative, complexes):
    found = Lesson(
        MatchingVolume(volume, Acquisition(-60, 60)),
        positive,
        negative,
        complexes,
        np.zeros(len(complexes), np.float32),
        np.zeros(len(positive), np.float32),
    )
    taught = Training([found], 0, lambda what: None)
    taught.begin()
    taught.improve()
    return taught.finish()[1]


def planted(thing_at):
    """Objects of one kind at some of the places of a grid, noise everywhere."""
    rng = np.random.default_rng(4)
    places = np.stack(np.meshgrid([14.0, 38, 62, 86], [14.0, 38, 62, 86], [14.0, 38, 62]), -1).reshape(-1, 3)
    places = places[rng.permutation(len(places))]
    volume = rng.normal(0, 0.3, (76, 100, 100)).astype(np.float32)
    for place in places[:thing_at]:
        handed_object().scaled(0.6).posed(place, Rotation.random(rng=rng)).add_to(volume)
    return volume, places


def test_where_references_agree_their_agreement_counts_in_full(coarse):
    volume, places = planted(10)
    calibration = calibrated(volume, places[:5], places[10:15], places[5:])
    assert calibration.slope == 1.0
    assert calibration.weight == training.EVIDENCE_WEIGHT
    assert calibration.centre > 0


def test_where_references_have_nothing_in_common_the_encoder_decides(coarse):
    volume, places = planted(0)
    calibration = calibrated(volume, places[:5], places[10:15], places[5:])
    assert calibration.slope < 0.5
    # a clear word of the encoder outweighs an agreement that is far from usual
    totals = calibration.total(
        np.array([calibration.middle, calibration.middle + 3 * calibration.deviation]),
        np.array([2.0, -1.0]),
        (calibration.middle, calibration.deviation),
    )
    assert totals[0] > totals[1]
