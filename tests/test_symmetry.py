import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.rotation_sampling import rotation_count, rotations_about, rotations_by_step
from napari_tomopick.geometry.symmetry import angles_between, in_fundamental_zone, point_group, symmetry_name

ORDERS = {"C1": 1, "C5": 5, "c12": 12, "D2": 4, "d7": 14, "T": 12, "tet": 12, "O": 24, "oct": 24, "icos": 60}


@pytest.mark.parametrize(("symmetry", "order"), ORDERS.items())
def test_a_point_group_is_a_group_of_its_order(symmetry, order):
    group = point_group(symmetry)
    assert len(group) == order
    np.testing.assert_allclose(group[0].magnitude(), 0, atol=1e-12)
    products = (group[-1] * group).as_matrix()
    apart = np.linalg.norm(products[:, None] - group.as_matrix()[None], axis=(2, 3))
    assert (np.sort(apart, axis=1)[:, 0] < 1e-9).all()
    if order > 1:
        assert (np.sort(apart, axis=1)[:, 1] > 0.1).all()


def test_axes_lie_where_the_docstring_says():
    for symmetry, axis, angle in [
        ("C4", "z", 90),
        ("D3", "x", 180),
        ("O", "x", 90),
        ("O", "z", 90),
        ("I", "x", 180),
    ]:
        turn = Rotation.from_euler(axis, angle, degrees=True)
        assert np.degrees((turn.inv() * point_group(symmetry)).magnitude()).min() < 1e-6, (symmetry, axis)


@pytest.mark.parametrize("wrong", ["", "C0", "D", "x3", "C1000", "octopus"])
def test_what_is_no_point_group_is_refused(wrong):
    with pytest.raises(ValueError, match="no point group"):
        point_group(wrong)


def test_one_spelling():
    assert [symmetry_name(s) for s in ("c1", " D7", "icos", "i", "tet")] == ["C1", "D7", "I", "I", "T"]


@pytest.mark.parametrize(("step", "peer"), [(30, 588), (20, 1926), (15, 4440), (10, 15084)])
def test_as_many_rotations_as_a_grid_of_that_step_has(step, peer):
    # counts of EMAN2's generator "eman", measured
    assert abs(rotation_count(step) / peer - 1) < 0.07


@pytest.mark.parametrize("symmetry", ["C1", "C3", "D2", "O", "I"])
def test_rotations_stand_for_all_that_look_different(symmetry):
    group = point_group(symmetry)
    step = 12.0
    spread = rotations_by_step(step, symmetry)
    assert len(spread) == pytest.approx(rotation_count(step) / len(group), rel=0.1, abs=4)
    probes = Rotation.random(60, np.random.default_rng(0))
    nearest = [angles_between(Rotation.concatenate([p] * len(spread)), spread, group).min() for p in probes]
    # the corner of a cubic cell lies 0.87 steps from its middle
    assert np.max(nearest) < 1.1 * step


@given(seed=st.integers(0, 1000))
def test_equivalent_orientations_do_not_differ(seed):
    rng = np.random.default_rng(seed)
    group = point_group("D3")
    one = Rotation.random(5, rng)
    other = one * group[rng.integers(len(group), size=5)]
    np.testing.assert_allclose(angles_between(one, other, group), 0, atol=1e-5)
    turned = one * Rotation.from_rotvec(np.tile([0, 0, 20.0], (5, 1)), degrees=True)
    np.testing.assert_allclose(angles_between(one, turned, group), 20, atol=1e-5)


def test_one_of_every_equivalent_set_is_in_the_zone():
    group = point_group("O")
    rotations = Rotation.random(500, np.random.default_rng(1))
    inside = np.stack([in_fundamental_zone(rotations * g, group) for g in group])
    np.testing.assert_array_equal(inside.sum(axis=0), 1)


def test_small_rotations():
    around = rotations_about(6.0, 3.0)
    assert np.degrees(around.magnitude()).max() <= 6.0 + 1e-6
    assert around[0].magnitude() == 0
    assert len(around) == 33  # whole points within a ball of radius 2


@pytest.mark.parametrize("wrong", [0.0, -3.0, 181.0, np.nan])
def test_steps_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match="angular step"):
        rotation_count(wrong)
