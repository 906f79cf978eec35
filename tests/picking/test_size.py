"""The size and the contrast of particles, told from clicks."""

import numpy as np
import pytest

from napari_tomopick.picking.size import estimated_diameter, radial_profile
from napari_tomopick.samples import membrane_tomogram


def test_a_profile_is_the_mean_over_shells():
    z, y, x = np.mgrid[:40, :50, :60]
    r = np.sqrt((x - 30) ** 2 + (y - 20) ** 2 + (z - 18) ** 2)
    profile = radial_profile(r, [[30, 20, 18]], 12)
    np.testing.assert_allclose(profile, np.arange(13), atol=0.3)


def test_shells_that_leave_the_volume_count_with_what_is_inside():
    volume = np.arange(10.0)[:, None, None] * np.ones((10, 10, 10))
    assert radial_profile(volume, [[5, 5, 0]], 3)[0] == 0.0
    assert radial_profile(volume, [[5, 5, 0]], 3)[3] > 0.0


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("diameter", [9, 16, 30])
def test_balls_in_noise(diameter, dark):
    rng = np.random.default_rng(diameter)
    volume = rng.normal(size=(70, 110, 110)).astype(np.float32)
    z, y, x = np.mgrid[:70, :110, :110]
    centres = np.array([[25, 30, 30], [80, 30, 36], [30, 80, 40], [80, 82, 33]])
    for cx, cy, cz in centres:
        ball = (x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2 <= (diameter / 2) ** 2
        volume[ball] += -1.5 if dark else 1.5
    found, contrast = estimated_diameter(volume, centres + rng.normal(0, 0.5, centres.shape))
    assert contrast is dark
    # of a ball the mean over shells does not fade before its edge: it is overestimated
    assert 0.9 * diameter < found < 1.6 * diameter


def test_ribosomes_of_the_sample():
    sample = membrane_tomogram(1, size=(160, 160, 80))
    clicks = sample.ribosomes.positions[:5] + np.random.default_rng(0).normal(0, 1, (5, 3))
    found, dark = estimated_diameter(sample.volume, clicks)
    assert dark
    assert 22 < found < 32  # some 280 Å of 10 Å voxels


def test_a_known_contrast_is_taken():
    volume = np.random.default_rng(0).normal(size=(40, 40, 40))
    assert estimated_diameter(volume, [[20, 20, 20]], dark=False)[1] is False


def test_there_must_be_a_click():
    with pytest.raises(ValueError, match="there is none"):
        estimated_diameter(np.zeros((20, 20, 20)), np.empty((0, 3)))
