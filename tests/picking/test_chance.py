import numpy as np
import pytest
from scipy import stats

from napari_tomopick.picking.chance import Chance


def by_chance(n: int, seed: int = 0) -> np.ndarray:
    return np.asarray(stats.gumbel_r.rvs(0.1, 0.008, size=n, random_state=np.random.default_rng(seed)))


def test_what_is_expected_by_chance_is_what_there_is() -> None:
    places = 20_000
    chance = Chance.of(by_chance(400), places)
    real = by_chance(places, 1)
    for threshold in (0.12, 0.13, 0.14):
        count = (real >= threshold).sum()
        assert 0.3 * count < chance.expected(threshold) < 3 * count + 5


def test_a_few_particles_among_the_controls_do_no_harm() -> None:
    clean = Chance.of(by_chance(60), 500)
    mixed = Chance.of(np.concatenate([by_chance(60), np.full(5, 0.4)]), 500)
    assert mixed.middle == pytest.approx(clean.middle, abs=0.003)
    assert mixed.deviation == pytest.approx(clean.deviation, rel=0.35)


def test_the_threshold_lies_between_particles_and_chance() -> None:
    rng = np.random.default_rng(2)
    particles = rng.normal(0.3, 0.02, 40)
    candidates = np.concatenate([particles, np.sort(by_chance(600, 3))[-120:]])
    threshold = Chance.of(by_chance(60), 600).threshold(candidates)
    assert np.sort(candidates)[-121] < threshold < particles.min()


def test_another_kind_above_chance_is_parted_off_in_the_valley() -> None:
    rng = np.random.default_rng(4)
    particles, others = rng.normal(0.30, 0.015, 40), rng.normal(0.18, 0.015, 60)
    candidates = np.concatenate([particles, others, np.sort(by_chance(600, 5))[-80:]])
    threshold = Chance.of(by_chance(60), 600).threshold(candidates)
    assert others.max() - 0.02 < threshold < particles.min() + 0.01


def test_one_outlier_makes_no_heap() -> None:
    rng = np.random.default_rng(6)
    particles = rng.normal(0.25, 0.01, 30)
    candidates = np.concatenate([particles, [0.6], np.sort(by_chance(600, 7))[-80:]])
    threshold = Chance.of(by_chance(60), 600).threshold(candidates)
    assert threshold < particles.min() + 0.01


def test_few_particles_of_different_scores_are_one_heap() -> None:
    rng = np.random.default_rng(9)
    # far above chance, and further from each other than chance varies: those of a clean tomogram
    particles = rng.uniform(0.4, 0.6, 14)
    noise = 0.004 * rng.normal(size=80) + 0.2
    chance = Chance.of(0.004 * rng.normal(size=32) + 0.2, 100)
    threshold = chance.threshold(np.concatenate([particles, noise]))
    assert noise.max() < threshold < particles.min()


def test_nothing_there_gives_nothing() -> None:
    chance = Chance.of(by_chance(48), 300)
    candidates = np.sort(by_chance(300, 8))[-100:]
    assert (candidates >= chance.threshold(candidates)).sum() <= 1


def test_where_chance_is_not_known_no_threshold_is_made_up() -> None:
    chance = Chance.of([0.1, 0.2], 10)
    assert chance.threshold([0.9]) == np.inf
    assert np.isnan(chance.expected(0.5))
    assert chance.at(5.0) == np.inf


def test_deviations_and_scores_are_two_ways_to_say_it() -> None:
    chance = Chance.of(by_chance(100), 100)
    np.testing.assert_allclose(chance.deviations([chance.at(4.0), chance.at(-1.0)]), [4.0, -1.0])
