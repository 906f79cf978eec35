"""Missing wedge, weighted averages, and what is done to grey values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.averaging import PlainAverage, WedgeAverage
from napari_tomopick.geometry.filters import downsample, downsampled_size, normalise, outside_sphere
from napari_tomopick.geometry.missing_wedge import frequencies, measured


def by_brute_force(k, tilts, axis):
    """A frequency is measured if some tilt's plane holds it: its distance from the plane's normal says so."""
    for tilt in np.radians(np.arange(tilts[0], tilts[1] + 0.05, 0.1)):
        normal = (-np.sin(tilt), 0, np.cos(tilt)) if axis == "y" else (0, np.sin(tilt), np.cos(tilt))
        if abs(np.dot(k, normal)) <= 1e-3 * np.linalg.norm(k) + 1e-12:
            return True
    return False


@pytest.mark.parametrize("tilts", [(-60.0, 60.0), (-45.0, 60.0), (-60.0, 10.0), (20.0, 50.0)])
@pytest.mark.parametrize("axis", ["x", "y"])
def test_wedge_against_brute_force(tilts, axis):
    k = frequencies(6)
    rotation = Rotation.from_euler("zyx", [30, 20, 10], degrees=True).as_matrix()
    for turn in (np.eye(3), rotation):
        mask = measured(k, tilts, axis, turn)
        tomogram_frame = k.reshape(-1, 3) @ turn.T
        expected = [by_brute_force(f, tilts, axis) for f in tomogram_frame]
        # the sweep in steps and the tolerances differ on the very edge of the wedge only
        assert np.mean(mask.reshape(-1) == expected) > 0.99


def test_wedge_has_the_size_and_the_place_of_the_tilt_range():
    k = frequencies(32)
    # of the plane kx = 0 both k and -k are in the half that rfftn keeps
    once = (np.linalg.norm(k, axis=-1) < 15) * np.where(k[..., 0] > 0, 1.0, 0.5)
    assert np.average(measured(k, (-60, 60)), weights=once) == pytest.approx(120 / 180, abs=0.02)
    assert np.average(measured(k, (-45, 60)), weights=once) == pytest.approx(105 / 180, abs=0.02)
    mask = measured(k, (-45, 60))
    assert mask[0, 0, 0]  # the mean
    assert mask[0].all()  # kz = 0: the untilted projection
    assert mask[16, :, 0].sum() == 0  # straight along the beam
    # +55 degrees is there, -55 is not: kz = kx tan 55
    assert mask[round(8 * np.tan(np.radians(55))), 0, 8]
    assert not mask[-round(8 * np.tan(np.radians(55))), 0, 8]
    # along the tilt axis everything is measured
    assert measured(k, (-60, 60), "y")[0, :, 0].all()
    assert measured(k, (-60, 60), "x")[0, 0, :].all()


@pytest.mark.parametrize("tilts", [(60, -60), (-90, 60), (0, 0)])
def test_tilt_range_that_means_nothing(tilts):
    with pytest.raises(ValueError, match="tilt range"):
        measured(frequencies(4), tilts)


def test_wedges_in_two_directions_complete_each_other():
    size = 32
    rng = np.random.default_rng(0)
    truth = ndimage.gaussian_filter(rng.normal(size=(size,) * 3), 2)
    k = frequencies(size)
    weighted, plain = WedgeAverage(size), PlainAverage(size)
    for angle in (0, 45, 90, 135):
        mask = measured(k, (-50, 50), "y", Rotation.from_euler("y", angle, degrees=True).as_matrix())
        box = np.fft.irfftn(np.fft.rfftn(truth) * mask, s=truth.shape, axes=(0, 1, 2)).astype(np.float32)
        weighted.add(box, mask)
        plain.add(box)

    def correlation(a):
        return np.corrcoef(a.ravel(), truth.ravel())[0, 1]

    assert correlation(weighted.result()) > 0.9999
    assert correlation(plain.result()) < 0.99
    assert weighted.result().std() == pytest.approx(truth.std(), rel=1e-3)


def test_what_nobody_measured_stays_zero():
    size = 16
    box = np.random.default_rng(0).normal(size=(size,) * 3).astype(np.float32)
    mask = measured(frequencies(size), (-40, 40))
    average = WedgeAverage(size)
    average.add(box, mask)
    spectrum = np.fft.rfftn(average.result())
    full_plane = np.abs(frequencies(size)).max(axis=-1) < size / 2  # k and -k differ on the last frequency
    np.testing.assert_allclose(spectrum[~mask & full_plane], 0, atol=1e-3)
    np.testing.assert_allclose(spectrum[mask & full_plane], np.fft.rfftn(box)[mask & full_plane], atol=1e-3)


@pytest.mark.parametrize(("size", "new"), [(32, 16), (32, 24), (64, 32), (20, 20)])
def test_downsampling_keeps_centre_and_grey_values(size, new):
    assert downsampled_size(size, size / new) == new
    z, y, x = np.indices((size,) * 3) - size // 2
    sigma = 3.0
    blob = np.exp(-(x**2 + (y - 1) ** 2 + z**2) / (2 * sigma**2)).astype(np.float32) + 5
    z, y, x = (np.indices((new,) * 3) - new // 2) * (size / new)
    expected = np.exp(-(x**2 + (y - 1) ** 2 + z**2) / (2 * sigma**2)) + 5
    if size == 20:
        np.testing.assert_array_equal(downsample(blob, new), blob)
    else:
        np.testing.assert_allclose(downsample(blob, new), expected, atol=0.02)
    assert downsample(blob, new).mean() == pytest.approx(blob.mean(), rel=1e-5)


def test_downsampling_leaves_nothing_to_alias():
    stripes = np.zeros((32, 32, 32), np.float32)
    stripes[:] = np.cos(np.pi * 0.875 * np.arange(32))
    assert np.abs(downsample(stripes, 16)).max() < 1e-5
    assert np.abs(stripes[::2, ::2, ::2]).max() == 1


@pytest.mark.parametrize("factor", [1.5, 3.0, 0.5, 20.0, np.nan])
def test_factor_without_an_even_box_names_others(factor):
    with pytest.raises(ValueError, match=r"no even box; factors that do: .*box"):
        downsampled_size(32, factor)


def test_factor_rounded_by_hand_is_understood():
    assert downsampled_size(32, 1.333) == 24


def test_normalising():
    box = (np.random.default_rng(0).normal(size=(16,) * 3) * 30 + 1000).astype(np.float32)
    assert normalise(box, "none") is box
    whole = normalise(box, "box")
    assert (whole.mean(), whole.std()) == (pytest.approx(0, abs=1e-5), pytest.approx(1, rel=1e-5))
    box[5:11, 5:11, 5:11] += 500
    outside = outside_sphere(16, 6)
    background = normalise(box, "background", 6)[outside]
    assert (background.mean(), background.std()) == (pytest.approx(0, abs=1e-5), pytest.approx(1, rel=1e-5))
    assert outside_sphere(16, 8).sum() > 0
    with pytest.raises(ValueError, match="outside a sphere of radius 20"):
        normalise(box, "background", 20)
    with pytest.raises(ValueError, match="one grey value"):
        normalise(np.full((8, 8, 8), 0.1, np.float32), "box")
