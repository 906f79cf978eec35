"""The low-pass of pictures: what it keeps, and that nothing comes round the edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_tomopick.geometry.filters import low_pass, low_pass_reach


@pytest.mark.parametrize(
    ("period", "cutoff", "left"), [(8, 1 / 8, 0.5), (8, 1 / 4, 2**-0.25), (8, 1 / 16, 2**-4)]
)
def test_half_of_the_amplitude_is_left_at_the_cutoff(period, cutoff, left):
    # whole periods of a cosine about a voxel edge go on as their own mirror image
    wave = np.cos(2 * np.pi * (np.arange(128) + 0.5) / 8).astype(np.float32)
    for picture in (np.tile(wave, (96, 1)), np.tile(wave[:, None], (1, 75))):
        assert np.allclose(low_pass(picture, cutoff), left * picture, atol=1e-3)


@pytest.mark.parametrize("shape", [(64, 64), (61, 97), (7, 200), (1, 1), (3, 2)])
def test_it_is_the_gaussian_of_a_mirrored_picture(shape):
    picture = np.random.default_rng(0).normal(size=shape).astype(np.float32) + 50
    for cutoff in (0.1, 0.02):
        sigma = np.sqrt(np.log(2) / 2) / (np.pi * cutoff)
        found = low_pass(picture, cutoff)
        assert found.dtype == np.float32
        assert found.shape == shape
        expected = ndimage.gaussian_filter(picture.astype(float), sigma, mode="reflect", truncate=6)
        assert np.abs(found - expected).max() < 1e-3


def test_one_edge_does_not_reach_round_to_the_other():
    picture = np.zeros((100, 100), np.float32)
    picture[:, -1] = 1000
    found = low_pass(picture, 0.05)
    assert abs(found[:, 0]).max() < 1e-3
    assert low_pass_reach(0.05) == 15


def test_broken_pixels_stay_and_spoil_nothing():
    picture = np.random.default_rng(0).normal(size=(50, 50)).astype(np.float32) + 100
    picture[20, 20], picture[0, :] = np.inf, np.nan
    found = low_pass(picture, 0.1)
    assert np.isinf(found[20, 20])
    assert np.isnan(found[0]).all()
    assert np.isfinite(found).sum() == 50 * 50 - 51
    assert np.abs(found[1:][np.isfinite(found[1:])] - 100).max() < 2
    assert np.isnan(low_pass(np.full((4, 4), np.nan, np.float32), 0.1)).all()


@pytest.mark.parametrize("cutoff", [0, -1, np.nan, np.inf])
def test_a_cutoff_that_is_none_is_refused(cutoff):
    with pytest.raises(ValueError, match="cutoff"):
        low_pass(np.zeros((4, 4), np.float32), cutoff)
