import numpy as np
import pytest
from scipy import ndimage

from napari_tomopick.picking.template import Template, distances, even_cube
from small_scene import lumps


def test_a_ball_holds_what_the_template_is_made_of_and_no_more() -> None:
    template = Template.of(lumps(1).map(32), 10.0)
    assert template.spherical
    outside = distances(32) > template.radius
    density = np.abs(template.density)
    assert (density[outside] ** 2).sum() < 0.02 * (density**2).sum()
    assert 6 < template.radius < 12
    assert template.diameter_angstrom == pytest.approx(20 * template.radius)


def test_noise_around_an_average_does_not_widen_the_mask() -> None:
    clean = Template.of(lumps(1).map(32), 10.0)
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.normal(size=(32,) * 3), 1.0)
    noisy = Template.of(lumps(1).map(32) + 0.1 * noise / noise.std(), 10.0)
    assert abs(noisy.radius - clean.radius) <= 2.5


def test_dark_templates_are_inverted_and_it_is_said() -> None:
    bright, dark = Template.of(lumps(1).map(24), 10.0), Template.of(3 - lumps(1).map(24), 10.0)
    np.testing.assert_allclose(dark.density, bright.density, atol=1e-5)
    assert not bright.messages
    assert "inverted" in dark.messages[0]
    told = Template.of(3 - lumps(1).map(24), 10.0, dense_is_bright=True)
    np.testing.assert_allclose(told.density, -bright.density, atol=1e-5)


@pytest.mark.parametrize("shape", [(23, 24, 21), (25, 25, 25), (20, 24, 22)])
def test_any_box_is_filled_up_about_its_own_centre_voxel(shape: tuple[int, int, int]) -> None:
    volume = np.zeros(shape, np.float32)
    volume[tuple(n // 2 for n in shape)] = 1
    cube = even_cube(volume)
    n = len(cube)
    assert n % 2 == 0
    assert cube.shape == (n, n, n)
    np.testing.assert_array_equal(np.argwhere(cube == 1), [[n // 2] * 3])


def test_a_random_phased_template_has_the_spectrum_and_not_the_shape() -> None:
    template = Template.of(lumps(1).map(24), 10.0)
    random = template.phase_randomised(3)
    np.testing.assert_allclose(
        np.abs(np.fft.rfftn(random.density)),
        np.abs(np.fft.rfftn(template.density * template.mask)),
        atol=1e-3 * np.abs(np.fft.rfftn(template.density)).max(),
    )
    assert abs(np.corrcoef(random.density.ravel(), template.density.ravel())[0, 1]) < 0.3
    assert (template.phase_randomised(3).density == random.density).all()
    assert not (template.phase_randomised(4).density == random.density).all()


def test_masks_are_checked() -> None:
    volume = lumps(1).map(24)
    ball = np.clip(9 - distances(24), 0, 1)
    assert Template.of(volume, 10.0, mask=ball).spherical
    half = ball.copy()
    half[:, :, 12:] = 0
    assert not Template.of(volume, 10.0, mask=half).spherical
    with pytest.raises(ValueError, match="from 0 to 1, here they go from 0 to 7"):
        Template.of(volume, 10.0, mask=7 * ball)
    with pytest.raises(ValueError, match=r"shape \(20, 20, 20\)"):
        Template.of(volume, 10.0, mask=ball[2:22, 2:22, 2:22])
    with pytest.raises(ValueError, match="hardly any"):
        Template.of(volume, 10.0, mask=0 * ball)


def test_what_a_mask_loses_in_the_corners_is_said() -> None:
    template = Template.of(lumps(1).map(24), 10.0, mask=np.ones((24, 24, 24)))
    assert "corners" in template.messages[-1]


@pytest.mark.parametrize(
    ("volume", "size", "message"),
    [
        (np.zeros((24, 24, 24)), 10.0, "one grey value"),
        (np.full((24, 24, 24), np.nan), 10.0, "not finite"),
        (np.zeros((24, 24)), 10.0, "three axes"),
        (np.zeros((4, 24, 24)), 10.0, "three axes of 8"),
        (np.eye(24)[None].repeat(24, 0), 0.0, "positive number"),
    ],
)
def test_what_is_no_template_is_refused(volume: np.ndarray, size: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Template.of(volume, size)
