"""Means of rotations, modulo symmetry."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.rotation_means import mean_rotations
from napari_tomopick.geometry.symmetry import angles_between, point_group


@pytest.mark.parametrize("symmetry", ["C1", "C6", "D3", "T", "O", "I"])
def test_any_equivalent_gives_the_same_mean(symmetry):
    group, rng = point_group(symmetry), np.random.default_rng(1)
    true = Rotation.random(30, rng=2)
    labels = np.repeat(np.arange(30), 4)
    near = true[labels] * Rotation.from_rotvec(rng.normal(0, 2, (120, 3)), degrees=True)
    turned = near * group[rng.integers(0, len(group), 120)]
    mean, spread = mean_rotations(turned, labels, np.ones(120), group)
    plain, plain_spread = mean_rotations(near, labels, np.ones(120), point_group("C1"))
    np.testing.assert_allclose(angles_between(mean, plain, group), 0, atol=1e-5)
    np.testing.assert_allclose(spread, plain_spread, atol=1e-6)
    # the root mean square of four, each off by 2 degrees along each axis
    assert 2 < spread.mean() < 2 * np.sqrt(3)


def test_scipy_agrees():
    rotations, weights = Rotation.random(5, rng=3), [1, 2, 3, 4, 0.5]
    mean, _ = mean_rotations(rotations, np.zeros(5, int), weights, point_group("C1"))
    assert (mean[0].inv() * rotations.mean(weights)).magnitude() < 1e-7
