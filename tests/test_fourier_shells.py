import numpy as np
import pytest
from scipy import ndimage

from napari_tomopick.geometry.fourier_shells import fourier_shell_correlation, resolution_at


def test_a_map_agrees_with_itself_and_noise_with_nothing():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 32, 32, 32))
    np.testing.assert_allclose(fourier_shell_correlation(one, 3 * one)[1:], 1, atol=1e-12)
    np.testing.assert_allclose(fourier_shell_correlation(one, -one)[1:], -1, atol=1e-12)
    assert np.abs(fourier_shell_correlation(one, other)[4:]).max() < 0.2


def test_shells_are_those_of_the_full_transform():
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 16, 16, 16))
    k = np.fft.fftfreq(16, 1 / 16)
    shell = np.rint(np.sqrt(k[:, None, None] ** 2 + k[:, None] ** 2 + k**2))
    a, b = np.fft.fftn(one), np.fft.fftn(other)
    for n in range(9):
        inside = shell == n
        expected = (a[inside] * b[inside].conj()).sum().real / np.sqrt(
            (np.abs(a[inside]) ** 2).sum() * (np.abs(b[inside]) ** 2).sum()
        )
        assert fourier_shell_correlation(one, other)[n] == pytest.approx(expected)


def test_resolution_is_where_noise_takes_over():
    rng = np.random.default_rng(2)
    smooth = ndimage.gaussian_filter(rng.normal(size=(48,) * 3), 2.0, mode="wrap")
    halves = smooth + 0.01 * rng.normal(size=(2, 48, 48, 48))
    correlation = fourier_shell_correlation(*halves)
    found = resolution_at(correlation, 0.5, 48, 10.0)
    # signal and noise have one power where exp(-(2 pi k)^2 2^2) = 0.01^2
    expected = 10.0 / (np.sqrt(np.log(1e4)) / (2 * np.pi * 2.0))
    assert found == pytest.approx(expected, rel=0.1)


def test_ends_of_the_scale():
    assert resolution_at([1, 1, 1, 0.9], 0.5, 6, 10.0) == 20.0
    assert resolution_at([1, 0.2, 0.1, 0.0], 0.5, 6, 10.0) == float("inf")
    assert resolution_at([1, 1.0, 0.0, 0.0], 0.5, 6, 10.0) == pytest.approx(60 / 1.5)


def test_maps_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="one cubic shape"):
        fourier_shell_correlation(np.zeros((4, 4, 4)), np.zeros((6, 6, 6)))
