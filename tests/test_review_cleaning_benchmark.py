"""The benchmark of cleaning: what it measures with."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from benchmark_modules import BENCHMARKS, benchmark
from napari_tomopick.models.particles import Particles


@pytest.fixture(scope="module")
def module():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield benchmark("review_cleaning")


def test_picks_are_cleaned_where_their_scores_part(module):
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(0.2, 0.03, 30), rng.normal(0.6, 0.05, 70)])
    picks = Particles(50.0 * np.arange(300).reshape(100, 3), scores=scores)
    kept, limit = module.cleaned(picks, 20.0, "score")
    assert 0.3 < limit < 0.5
    assert kept.ids.tolist() == list(range(31, 101))


def test_outcomes_are_counted_by_place(module):
    targets = np.array([[0.0, 0, 0], [50, 0, 0], [90, 0, 0]])
    source = module.Pools(targets, Rotation.identity(3), {})
    # a ribosome picked twice, one whose second pick is what is left, one lost, and something else
    picks = Particles([[0, 0, 0], [3, 0, 0], [51, 0, 0], [200, 0, 0]], ids=[1, 2, 3, 4])
    what = ["true", "duplicates", "duplicates", "random"]
    found = module.outcome(source, picks, what, picks, 7.0)
    assert (found.lost, found.true, found.left, found.false) == (1, 3, 2, 3)
    assert found.kinds == ("random",)
