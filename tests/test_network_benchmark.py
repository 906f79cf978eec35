"""What the benchmark of picking after a few clicks counts, and what it clicks."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from benchmark_modules import BENCHMARKS, benchmark

scoring = benchmark("network_scoring")
scenes = benchmark("network_scenes")


@pytest.fixture
def eman2(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(BENCHMARKS)
    return benchmark("network_eman2")


def along_x(*x: float) -> np.ndarray:
    return np.array([[value, 0.0, 0.0] for value in x])


def test_a_pick_is_right_within_the_radius() -> None:
    judged = scoring.judge(along_x(3, 14.01, 20), [3, 2, 1], along_x(0, 10, 20, 30), 4.0)
    score = judged.above(0)
    assert (score.hits, score.false, score.missed) == (2, 1, 2)
    assert (score.precision, score.recall) == (pytest.approx(2 / 3), 0.5)
    assert score.f1 == pytest.approx(4 / 7)
    assert score.distance == 1.5


def test_a_particle_is_found_once_and_by_the_better_pick() -> None:
    judged = scoring.judge(along_x(2, 0), [1, 2], along_x(0), 4.0)
    np.testing.assert_array_equal(judged.scores, [2, 1])
    np.testing.assert_array_equal(judged.particle, [0, -1])
    assert judged.above(0).false == 1
    assert judged.above(1.5).f1 == 1


def test_two_picks_between_two_particles_find_both() -> None:
    judged = scoring.judge(along_x(4, 3), [2, 1], along_x(0, 6), 4.0)
    np.testing.assert_array_equal(judged.particle, [1, 0])
    np.testing.assert_allclose(judged.distances, [2, 3])


def test_references_are_neither_found_nor_missed() -> None:
    truth = along_x(0, 10, 20)
    judged = scoring.judge(along_x(0, 10, 1, 40), [4, 3, 2, 1], truth, 4.0, references=[0])
    score = judged.above(0)
    # the pick at the reference is left out; a second one there is as false as anywhere
    assert (score.hits, score.false, score.missed) == (1, 2, 1)
    assert judged.above(2.5).precision == 1
    only = scoring.judge(along_x(0), [1], along_x(0), 4.0, references=[0]).above(0)
    assert (only.hits, only.false, only.missed, only.f1) == (0, 0, 0, 0)


def test_the_best_threshold_is_the_best_of_all() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 100, (30, 3))
    picks = np.concatenate([truth + rng.normal(0, 1, truth.shape), rng.uniform(0, 100, (30, 3))])
    scores = np.append(rng.normal(1, 1, 30), rng.normal(0, 1, 30))
    judged = scoring.judge(picks, scores, truth, 5.0, references=[0, 1, 2])
    assert judged.best().f1 == pytest.approx(max(judged.above(t).f1 for t in scores))


def test_no_picks_find_nothing() -> None:
    judged = scoring.judge([], [], along_x(0, 10), 4.0)
    for score in (judged.above(0), judged.best()):
        assert (score.hits, score.missed, score.f1, score.precision) == (0, 2, 0, 0)
        assert np.isnan(score.distance)


def test_clicks_are_what_a_user_clicks() -> None:
    rng = np.random.default_rng(1)
    places = np.stack(np.meshgrid(*[np.arange(15, 150, 30.0)] * 3), axis=-1).reshape(-1, 3)
    places = rng.permutation(places)
    others = {"a": places[20:50], "b": places[50:80], "c": places[80:110]}
    things = {"gold": places[110:115], "membrane": places[115:]}
    scene = scenes.Scene(
        "", np.zeros((150,) * 3, np.float32), 10.0, (-60, 60), 20.0, places[:20], others, things,
        np.zeros((8,) * 3, np.float32), Rotation.identity(20),
    )  # fmt: skip
    clicks = scene.clicks(10, seed=3)
    again = scene.clicks(10, seed=3)
    np.testing.assert_array_equal(clicks.negative, again.negative)
    assert not np.array_equal(clicks.positive, scene.clicks(10, seed=4).positive)

    off = clicks.positive - scene.targets[clicks.references]
    assert 0.6 < off.std() < 1.4
    apart = np.linalg.norm(clicks.negative[:, None] - places, axis=2)
    nearest, distance = apart.argmin(axis=1), apart.min(axis=1)
    assert (nearest >= 20).all() or (distance[nearest < 20] > 15).all()
    on_others = (distance < 5) & (nearest < 110)
    assert on_others.sum() == 6
    kinds = (nearest[on_others] - 20) // 30
    assert set(kinds) == {0, 1, 2}
    assert ((distance < 5) & (nearest >= 110)).sum() == 2
    assert (distance > 15).sum() == 2


def test_the_recipes_positions_are_those_of_what_its_network_sees(eman2: ModuleType) -> None:
    from torch import nn

    z, y, x = np.mgrid[:64, :90, :100]
    places = np.array([[30.3, 41.0, 24.2], [71.0, 60.5, 41.9], [6.0, 80.0, 30.0]])
    volume = np.zeros(z.shape, np.float32)
    for px, py, pz in places:
        volume += 50 * np.exp(-((x - px) ** 2 + (y - py) ** 2 + (z - pz) ** 2) / (2 * 3.0**2))
    network = nn.Sequential(nn.Conv2d(3, 1, 1), nn.AvgPool2d(4))
    nn.init.constant_(network[0].weight, 1.0)
    nn.init.zeros_(network[0].bias)
    picks = eman2.Eman2Recipe(1e-5).pick(eman2.Trained(network, 38.4 / 1.5, ()), volume)
    best = picks.positions[:3]
    nearest = np.linalg.norm(best[:, None] - places, axis=2)
    assert set(nearest.argmin(axis=1)) == {0, 1, 2}
    # output pixels are 4 / 1.5 voxels wide
    assert np.abs(best - places[nearest.argmin(axis=1)]).max() < 2.0


def test_the_recipe_learns_what_it_is_shown(eman2: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eman2, "_COPIES", 4)
    monkeypatch.setattr(eman2, "_PASSES", 2)
    volume = np.random.default_rng(0).normal(size=(24, 100, 100)).astype(np.float32)
    right, wrong = np.array([[50.0, 50.0, 12.0]]), np.array([[70.0, 30.0, 2.0]])
    model, again = (
        eman2.Eman2Recipe(1e-5).train(volume, 10.0, (-60, 60), right, wrong, 38.4, 0) for _ in range(2)
    )
    assert sum(p.numel() for p in model.network.parameters()) == 202_273
    # half of the patches ask for a blob whose squares add up to 2 pi, and half of each error counts
    assert model.losses[0] == pytest.approx(np.pi / 2, rel=0.05)
    assert model.losses[1] < model.losses[0]
    assert model.losses == again.losses
