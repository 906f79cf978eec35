"""The working grid: positions go there and back, and the volume lies where they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_tomopick.picking.working_grid import (
    WORKING_DIAMETER,
    WorkingGrid,
    normalised,
    resampled,
    robust_range,
)
from napari_tomopick.samples.phantoms import Blobs

SHAPE = (48, 60, 72)


def blob_at(position, sigma, shape=SHAPE):
    volume = np.zeros(shape, np.float32)
    Blobs(np.array([position], float), np.array([sigma]), np.array([1.0])).add_to(volume)
    return volume


def centre_of_mass(volume):
    z, y, x = np.indices(volume.shape)
    return np.array([(axis * volume).sum() for axis in (x, y, z)]) / volume.sum()


@given(
    shape=st.tuples(*[st.integers(20, 400)] * 3),
    diameter=st.floats(4, 45),
    positions=arrays(float, (3, 3), elements=st.floats(-0.5, 399.5)),
)
def test_positions_come_back(shape, diameter, positions):
    grid = WorkingGrid.for_diameter(shape, diameter)
    np.testing.assert_allclose(grid.to_tomogram(grid.to_grid(positions)), positions, atol=1e-9)


def test_a_particle_is_as_large_as_it_should_be():
    grid = WorkingGrid.for_diameter((200, 400, 600), 25.0)
    np.testing.assert_allclose(25.0 / grid.factors, WORKING_DIAMETER, rtol=0.01)
    assert grid.shape == (80, 160, 240)


@pytest.mark.parametrize("diameter", [25.0, 13.0, 7.0])
def test_what_is_at_a_position_is_there_on_the_grid_as_well(diameter):
    # off the middle and unlike along the three axes: a swap or a mirror would show
    position = np.array([21.3, 33.8, 17.4])
    grid = WorkingGrid.for_diameter(SHAPE, diameter)
    volume = blob_at(position, 5.0)
    for axis, n in enumerate(grid.shape):
        volume = resampled(volume, n, axis)
    np.testing.assert_allclose(centre_of_mass(volume), grid.to_grid(position), atol=0.02)


def test_resampling_keeps_the_mean_and_one_face_does_not_leak_into_the_other():
    volume = np.zeros((40, 8, 8), np.float32)
    volume[:4] = 1.0
    small = resampled(volume, 20, 0)
    np.testing.assert_allclose(small.mean(), volume.mean(), atol=1e-6)
    # a Fourier transform would show the bright face at the far end too
    assert abs(small[-3:]).max() < 0.03
    assert small[0].mean() > 0.8


def test_the_same_size_is_left_alone():
    volume = np.random.default_rng(0).normal(size=(6, 7, 8)).astype(np.float32)
    assert resampled(volume, 7, 1) is volume


def test_gold_is_clipped_and_units_are_robust_deviations():
    rng = np.random.default_rng(1)
    volume = (100 + 7 * rng.normal(size=(40, 48, 56))).astype(np.float32)
    volume[20, 20, 20] = -5000
    middle, deviation = robust_range(volume)
    assert middle == pytest.approx(100, abs=0.3)
    assert deviation == pytest.approx(7, rel=0.05)
    grid = WorkingGrid(volume.shape, volume.shape)
    assert grid.resample(volume).min() == -6.0


def test_what_is_slow_goes_and_what_is_left_has_unit_deviation():
    rng = np.random.default_rng(2)
    slope = np.linspace(-50, 50, 80, dtype=np.float32)
    volume = rng.normal(size=(60, 60, 80)).astype(np.float32) + slope
    flat = normalised(volume)
    assert flat.std() == pytest.approx(1, rel=0.05)
    # but for the ends, where the local mean is one-sided
    assert abs(flat[:, :, 30:50].mean(axis=(0, 1))).max() < 0.1


def test_bad_volumes_and_sizes_are_refused():
    with pytest.raises(ValueError, match="one grey value"):
        robust_range(np.full((8, 8, 8), 3.0))
    bad = np.zeros((8, 8, 8), np.float32)
    bad[1] = np.random.default_rng(0).normal(size=(8, 8))
    bad[5, 3, 2] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        WorkingGrid(bad.shape, bad.shape).resample(bad)
    with pytest.raises(ValueError, match="positive number"):
        WorkingGrid.for_diameter(SHAPE, 0)
    with pytest.raises(ValueError, match="too large"):
        WorkingGrid.for_diameter(SHAPE, 300)
