"""The benchmark of consensus: its picks are what it says, and it measures what it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from benchmark_modules import benchmark
from napari_tomopick.picking.consensus import consensus

module = benchmark("consensus")


def test_places_keep_their_distance():
    places = module.places(np.random.default_rng(0), 200, 150.0, 12.0)
    assert len(places) == 200
    assert pdist(places).min() > 12


def test_a_consensus_is_better_than_each_picker():
    field = module.FIELDS[0]
    truth, pickers = module.scene(np.random.default_rng(1), field, 150)
    alone = [module.worth(picker.particles, truth, field.radius) for picker in pickers]
    recalls = [worth.score.recall for worth in alone]
    assert recalls == pytest.approx(module.RECALL, abs=0.1)
    together = module.worth(consensus(pickers, votes=3).particles, truth, field.radius)
    assert together.score.f1 > max(worth.score.f1 for worth in alone) + 0.05
    assert together.angle < min(worth.angle for worth in alone)


def test_what_has_moved_is_counted():
    one = module.scene(np.random.default_rng(1), module.FIELDS[0], 10)[0]
    assert module.moved(one, one) == 0
    assert module.moved(one, one.select([0])) == pytest.approx(0.9)
