"""The conventions, against worked numbers of the programs whose files are read and written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry import coordinates, orientations

angles = st.floats(-179, 179)
positions = hnp.arrays(np.float64, (4, 3), elements=st.floats(-1e4, 1e4))


@pytest.mark.parametrize(
    ("dynamo", "axis"),
    [
        ((0, 0, 0), (0, 0, 1)),
        ((0, 90, 0), (0, 1, 0)),
        ((90, 90, 0), (1, 0, 0)),
        ((30, 40, 0), (0.321394, 0.556670, 0.766044)),
        ((30, 40, 123), (0.321394, 0.556670, 0.766044)),
        ((-155.55, 63.924, 197.81), (-0.371769, -0.817663, 0.439563)),
    ],
)
def test_dynamo_angles_give_the_axis(dynamo, axis):
    np.testing.assert_allclose(orientations.directions(orientations.from_dynamo(dynamo))[0], axis, atol=1e-6)


def test_dynamo_matrix_takes_the_tomogram_to_the_reference():
    d = orientations.from_dynamo([[30, 40, 50]]).inv().as_matrix()[0]
    expected = [
        [0.263258, -0.829598, 0.492404],
        [0.909616, 0.043412, -0.413176],
        [0.321394, 0.556670, 0.766044],
    ]
    np.testing.assert_allclose(d, expected, atol=1e-6)
    d = orientations.from_dynamo([[-155.55, 63.924, 197.81]]).inv().as_matrix()[0]
    expected = [[0.8110, -0.5165, -0.2747], [0.4516, 0.2544, 0.8552], [-0.3718, -0.8177, 0.4396]]
    np.testing.assert_allclose(d, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("axis", "dynamo"),
    [
        ((1, 0, 0), (90, 90, -90)),
        ((0, -1, 0), (180, 90, -180)),
        ((1, 1, 1), (45, 54.7356, -45)),
        ((-0.6, 0, 0.8), (-90, 36.8699, 90)),
        ((0, 0, 1), (0, 0, 0)),
    ],
)
def test_a_direction_gives_twist_free_dynamo_angles(axis, dynamo):
    rotation = orientations.from_directions([axis])
    found = orientations.to_dynamo(rotation)[0]
    assert (found - dynamo + 180) % 360 - 180 == pytest.approx([0, 0, 0], abs=1e-4)
    # the smallest rotation that does it
    assert np.degrees(rotation.magnitude()[0]) == pytest.approx(dynamo[1], abs=1e-4)


def test_straight_down_is_a_half_turn():
    assert orientations.to_dynamo(orientations.from_directions([[0, 0, -1]]))[0, 1] == pytest.approx(180)


@pytest.mark.parametrize(
    ("dynamo", "relion"),
    [
        ((30, 40, 50), (-40, 40, 120)),
        ((66.96, 79.961, -66.96), (-156.96, 79.961, 156.96)),
        ((-155.55, 63.924, 197.81), (107.81, 63.924, -65.55)),
    ],
)
def test_dynamo_and_relion_angles_agree(dynamo, relion):
    rotation = orientations.from_dynamo([dynamo])
    np.testing.assert_allclose(orientations.to_relion(rotation)[0], relion, atol=1e-9)
    assert orientations.angle_between(rotation, orientations.from_relion([relion]))[0] < 1e-5


@given(tdrot=angles, tilt=st.floats(0, 180), narot=angles)
def test_angles_round_trip(tdrot, tilt, narot):
    rotation = orientations.from_dynamo([[tdrot, tilt, narot]])
    for there, back in (
        (orientations.to_dynamo, orientations.from_dynamo),
        (orientations.to_relion, orientations.from_relion),
    ):
        assert orientations.angle_between(rotation, back(there(rotation)))[0] < np.degrees(1e-6)


@given(angle=angles, x=st.floats(-1, 1), y=st.floats(-1, 1), z=st.floats(-1, 1))
def test_a_twist_keeps_the_direction(angle, x, y, z):
    if np.hypot(np.hypot(x, y), z) < 1e-3:
        return
    straight = orientations.from_directions([[x, y, z]])
    twisted = orientations.twisted(straight, [angle])
    np.testing.assert_allclose(
        orientations.directions(twisted), orientations.directions(straight), atol=1e-12
    )
    assert orientations.angle_between(straight, twisted)[0] == pytest.approx(abs(angle), abs=1e-6)


def test_a_random_twist_is_seeded_and_spread():
    vectors = np.tile([0.0, 1.0, 0.0], (400, 1))
    first = orientations.from_directions(vectors, twist_seed=3)
    again = orientations.from_directions(vectors, twist_seed=3)
    np.testing.assert_array_equal(first.as_quat(), again.as_quat())
    narot = np.radians(orientations.to_dynamo(first)[:, 2])
    assert abs(np.exp(1j * narot).mean()) < 0.15


def test_a_direction_without_length_is_refused():
    with pytest.raises(ValueError, match="direction 1 has no length"):
        orientations.from_directions([[0, 0, 1], [0, 0, 0]])


@pytest.mark.parametrize(
    ("fine", "factor", "coarse"), [(1.5, 4, 0.0), (200.0, 4, 49.625), (0.5, 2, 0.0), (7.0, 1, 7.0)]
)
def test_a_voxel_keeps_its_place_between_binnings(fine, factor, coarse):
    assert coordinates.rescale_positions([[coarse] * 3], factor)[0, 0] == fine
    assert coordinates.rescale_positions([[fine] * 3], 1 / factor)[0, 0] == pytest.approx(coarse)


@given(positions=positions, factor=st.floats(0.1, 16))
def test_rescaling_round_trips(positions, factor):
    there = coordinates.rescale_positions(positions, factor)
    np.testing.assert_allclose(coordinates.rescale_positions(there, 1 / factor), positions, atol=1e-8)


@pytest.mark.parametrize("factor", [0, -1, np.nan, np.inf])
def test_an_impossible_binning_is_refused(factor):
    with pytest.raises(ValueError, match="must be positive"):
        coordinates.rescale_positions([[0, 0, 0]], factor)


@pytest.mark.parametrize(
    ("sizes", "ratio"),
    [((3.54, 0.8847), 4), ((0.8847, 3.54), 0.25), ((10, 10.004), 1), ((7, 5), 1.4), ((10, 9), 10 / 9)],
)
def test_rounded_voxel_sizes_of_a_binning_give_its_exact_ratio(sizes, ratio):
    assert coordinates.binning_ratio(*sizes) == ratio


@given(positions=positions)
def test_axis_orders_are_each_others_inverse(positions):
    np.testing.assert_array_equal(coordinates.zyx_to_xyz(coordinates.xyz_to_zyx(positions)), positions)


def test_an_array_index_is_z_y_x():
    volume = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    z, y, x = coordinates.xyz_to_zyx([3, 2, 1]).astype(int)
    assert volume[z, y, x] == volume[1, 2, 3]


def test_inside_includes_the_edge_voxels_whole():
    shape = (10, 20, 30)
    inside = coordinates.inside_volume([[-0.5, 0, 0], [29.5, 19.5, 9.5], [29.6, 0, 0], [0, 0, 10]], shape)
    assert inside.tolist() == [True, True, False, False]


def test_what_is_clipped_is_inside():
    shape = (10, 20, 30)
    places = np.array([[-3.0, 19.7, 4], [31, -0.5, 12], [29.5, 3, 9.5]])
    clipped = coordinates.clipped_to_volume(places, shape)
    np.testing.assert_array_equal(clipped, [[-0.5, 19.5, 4], [29.5, -0.5, 9.5], [29.5, 3, 9.5]])
    assert coordinates.inside_volume(clipped, shape).all()


@pytest.mark.parametrize(
    ("values", "message"), [([[1, 2]], "shape"), ([[1, 2, np.nan]], "position 0 is not finite")]
)
def test_positions_are_checked_at_the_door(values, message):
    with pytest.raises(ValueError, match=message):
        coordinates.as_positions(values)


def test_the_angle_between_rotations_does_not_depend_on_the_frame():
    first, second = Rotation.from_euler("z", [10], degrees=True), Rotation.from_euler("z", [40], degrees=True)
    turn = Rotation.random(rng=np.random.default_rng(0))
    assert orientations.angle_between(first, second)[0] == pytest.approx(30)
    assert orientations.angle_between(turn * first, turn * second)[0] == pytest.approx(30)
