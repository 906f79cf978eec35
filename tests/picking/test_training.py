"""What training compares, where a tomogram shows very many complexes."""

import numpy as np
import pytest

from napari_tomopick.models.tomogram import Acquisition
from napari_tomopick.picking import training
from napari_tomopick.picking.matching import MatchingVolume
from napari_tomopick.picking.training import Lesson, Training


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
