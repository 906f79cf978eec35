"""The benchmark of cleaning: what it measures with."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from benchmark_modules import BENCHMARKS, benchmark
from napari_tomopick.models.particles import Particles


@pytest.fixture(scope="module")
def module():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield benchmark("review_cleaning")


def test_a_histogram_parts_where_it_should(module):
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0.2, 0.03, 30), rng.normal(0.6, 0.05, 70), [np.nan]])
    assert 0.3 < module.parting(values) < 0.5


def test_false_picks_are_less_like_the_average(module):
    rng = np.random.default_rng(1)
    density = ndimage.gaussian_filter(rng.normal(size=(48, 48, 48)), 2.5)
    radius = np.linalg.norm(np.indices(density.shape) - 24.0, axis=0)
    density *= radius < 13
    density /= density.std()
    volume = rng.normal(0, 2.0, (64, 64, 400)).astype(np.float32)
    places = np.column_stack([np.arange(24, 380, 48), np.full(8, 32), np.full(8, 32)]).astype(float)
    for x in places[:, 0].astype(int):
        volume[8:56, 8:56, x - 24 : x + 24] += density
    turns = Rotation.from_quat(np.tile([0.0, 0, 0, 1], (12, 1)))
    # a voxel off is still like the others; a place where there is nothing is not
    off = places + np.array([1.0, 0, 0])
    empty = np.array([[48.0, 20, 44], [96, 44, 20], [144, 20, 20], [192, 44, 44]])
    values = module.likeness(volume, Particles(np.concatenate([off, empty]), turns))
    assert values[:8].min() > module.parting(values) > values[8:].max()


def test_outcomes_are_counted_by_place(module):
    targets = np.array([[0.0, 0, 0], [50, 0, 0], [90, 0, 0]])
    source = module.Pools(targets, Rotation.identity(3), {})
    # a ribosome picked twice, one whose second pick is what is left, one lost, and something else
    picks = Particles([[0, 0, 0], [3, 0, 0], [51, 0, 0], [200, 0, 0]], ids=[1, 2, 3, 4])
    what = ["true", "duplicates", "duplicates", "random"]
    found = module.outcome(source, picks, what, picks, 7.0)
    assert (found.lost, found.true, found.left, found.false) == (1, 3, 2, 3)
    assert found.kinds == ("random",)
