"""The synthetic tomograms say truly where everything in them is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import center_of_mass, map_coordinates
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.contrast_transfer import contrast_transfer, electron_wavelength_angstrom
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.user_points import ModelType
from napari_tomopick.samples import Sample, membrane_tomogram
from napari_tomopick.samples.phantoms import Blobs, handed_object, ribosome


@pytest.fixture(scope="module")
def sample() -> Sample:
    return membrane_tomogram(seed=1)


def cut(volume: np.ndarray, particles: Particles, size: int) -> np.ndarray:
    """The particles' average in the reference frame, by trilinear interpolation in x, y, z order."""
    grid = np.arange(size) - size // 2
    z, y, x = np.meshgrid(grid, grid, grid, indexing="ij")
    reference = np.stack([x, y, z], -1).reshape(-1, 3)
    total = np.zeros((size,) * 3)
    for position, rotation in zip(particles.positions, particles.rotations, strict=True):
        places = rotation.apply(reference) + position
        total += map_coordinates(volume, places.T[::-1], order=1, mode="nearest").reshape(total.shape)
    return total / len(particles)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def test_a_phantom_is_exact_and_keeps_its_hand() -> None:
    rotation = Rotation.from_euler("zyx", [20, 50, -70], degrees=True)
    position = np.array([20.25, 14.5, 17.75])
    thing = handed_object()
    volume = np.zeros((32, 34, 40))
    thing.posed(position, rotation).add_to(volume)
    z, y, x = np.mgrid[:32, :34, :40]
    expected = np.zeros_like(volume)
    for centre, sigma, weight in zip(thing.centres, thing.sigmas, thing.weights, strict=True):
        cx, cy, cz = rotation.as_matrix() @ centre + position
        expected += weight * np.exp(-((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2) / (2 * sigma**2))
    np.testing.assert_allclose(volume, expected, atol=2e-5)


def test_a_phantoms_map_is_centred_and_follows_quarter_turns() -> None:
    thing = handed_object()
    upright = thing.map(24)
    turned = np.zeros((24, 24, 24), np.float32)
    thing.posed([12, 12, 12], Rotation.from_euler("z", 90, degrees=True)).add_to(turned)
    # +x goes to +y: about voxel 12, [z, y, x] -> [z, 24 - x, y]
    np.testing.assert_allclose(
        turned[:, 1:, 1:], upright[:, 1:, 1:].transpose(0, 2, 1)[:, :, ::-1], atol=1e-5
    )
    middle = np.average(thing.centres, axis=0, weights=thing.weights)
    np.testing.assert_allclose(center_of_mass(upright), 12 + middle[::-1], atol=1e-3)


@pytest.mark.parametrize("thing", [handed_object(), ribosome().scaled(0.1)])
def test_no_turn_about_an_axis_makes_a_phantom_its_mirror_image(thing: Blobs) -> None:
    own = thing.map(40)
    mirrored = Blobs(thing.centres * [-1, 1, 1], thing.sigmas, thing.weights)
    likeness = []
    for angle in range(0, 360, 3):
        volume = np.zeros_like(own)
        mirrored.posed([20] * 3, Rotation.from_euler("z", angle, degrees=True)).add_to(volume)
        likeness.append(correlation(own, volume))
    assert max(likeness) < 0.97


def test_blobs_outside_the_volume_are_left_out() -> None:
    volume = np.zeros((8, 8, 8))
    Blobs(np.array([[-50.0, 4, 4], [4, 80, 4]]), np.ones(2), np.ones(2)).add_to(volume)
    assert not volume.any()


def test_same_seed_same_bytes() -> None:
    first, again, other = (membrane_tomogram(seed=s, size=(64, 56, 48)) for s in (5, 5, 6))
    assert first.volume.dtype == np.float32
    assert first.volume.shape == (48, 56, 64)
    assert first.volume.tobytes() == again.volume.tobytes()
    assert first.volume.tobytes() != other.volume.tobytes()
    for one, two in zip(first.user_points(seed=2), again.user_points(seed=2), strict=True):
        assert one.points.tobytes() == two.points.tobytes()


def test_particles_stand_where_they_should(sample: Sample) -> None:
    assert len(sample.crowns) >= 10
    assert len(sample.ribosomes) >= 20
    foot = sample.crowns.positions - 6.5 * sample.crowns.directions()
    np.testing.assert_allclose(sample.membrane.distance(foot), 0, atol=1e-9)
    np.testing.assert_allclose(sample.crowns.directions(), sample.membrane.normals(foot), atol=1e-9)
    assert sample.membrane.distance(sample.crowns.positions).min() > 6
    assert sample.membrane.distance(sample.marker) < -20
    assert sample.vesicle.distance(sample.ribosomes.positions).min() > 10


def test_normals_are_those_of_the_surface(sample: Sample) -> None:
    y, z, step = np.array([30.0, 101.5, 170.0]), np.array([20.0, 50.5, 80.0]), 1e-5
    points = sample.membrane.points(y, z)
    along_y = sample.membrane.points(y + step, z) - points
    along_z = sample.membrane.points(y, z + step) - points
    expected = np.cross(along_z, along_y)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(sample.membrane.normals(points), expected, atol=1e-6)
    assert (expected[:, 0] < -0.9).all()


def test_both_leaflets_are_dark_where_the_membrane_is_said_to_be(sample: Sample) -> None:
    y, z = np.meshgrid(np.arange(20, 172, 3.0), np.arange(20, 76, 3.0))
    points = sample.membrane.points(y.ravel(), z.ravel())
    depth = np.arange(-6, 6.01, 0.25)
    places = points[:, None] + depth[:, None] * sample.membrane.normals(points)[:, None]
    values = map_coordinates(sample.volume, places.reshape(-1, 3).T[::-1], order=3, mode="nearest")
    profile = values.reshape(len(points), -1).mean(axis=0)
    inner, outer = (depth[side][profile[side].argmin()] for side in (depth < 0, depth > 0))
    # contrast transfer and low-pass push the minima a little apart
    assert (outer - inner) / 2 == pytest.approx(1.9, abs=0.4)
    assert (outer + inner) / 2 == pytest.approx(0, abs=0.25)
    assert profile[depth == 0] > profile.min() / 2
    assert profile.min() < -0.5


def as_imaged(template: np.ndarray, sample: Sample) -> np.ndarray:
    k = np.fft.fftfreq(len(template), sample.voxel_size_angstrom)
    frequency = np.sqrt(k[:, None, None] ** 2 + k[:, None] ** 2 + k**2)
    transfer = contrast_transfer(frequency, 45000.0)
    return np.fft.ifftn(np.fft.fftn(template) * transfer).real


@pytest.mark.parametrize("name", ["crown", "ribosome"])
def test_the_average_at_the_true_poses_is_the_map(sample: Sample, name: str) -> None:
    particles = {"crown": sample.crowns, "ribosome": sample.ribosomes}[name]
    template = as_imaged(sample.maps[name], sample)
    grid = np.arange(len(template)) - len(template) // 2
    # look at the particle only: the membrane a crown stands on is not in its map
    mask = (grid[:, None, None] > -4) & (np.hypot(grid[:, None], grid) < len(template) // 2 - 2)[None]
    average = -cut(sample.volume, particles, len(template))
    right = correlation(average[mask], template[mask])
    assert right > 0.8
    if name == "ribosome":  # crowns are twelve-fold, and at this voxel size nearly their own mirror image
        mirrored = np.roll(template[:, :, ::-1], 1, axis=2)
        assert correlation(average[mask], mirrored[mask]) < right - 0.1


def test_nothing_was_measured_in_the_missing_wedge(sample: Sample) -> None:
    power = np.abs(np.fft.fftn(sample.volume)) ** 2
    kz, ky, kx = np.meshgrid(*(np.fft.fftfreq(n) for n in sample.volume.shape), indexing="ij")
    angle = np.degrees(np.arctan2(np.abs(kz), np.abs(kx)))
    shell = np.sqrt(kz**2 + ky**2 + kx**2) < 0.3
    assert power[shell & (angle > 61)].mean() < 1e-8 * power[shell & (angle < 59)].mean()


def test_an_uneven_tilt_range_leaves_out_the_right_side() -> None:
    # the sample tilted by +30 degrees about y is measured in the plane kz = kx tan 30
    sample = membrane_tomogram(size=(48, 48, 48), tilt_range=(29.0, 31.0), crowns=0, ribosomes=0)
    power = np.abs(np.fft.fftn(sample.volume)) ** 2
    kz, _, kx = np.meshgrid(*(np.fft.fftfreq(n) for n in sample.volume.shape), indexing="ij")
    off_axis = (np.abs(kx) > 0.1) & (np.abs(kz) > 0.05)
    assert power[off_axis & (kx * kz > 0)].sum() > 1e6 * power[off_axis & (kx * kz < 0)].sum()


def test_user_points_are_what_a_user_clicks(sample: Sample) -> None:
    models = {model.name: model for model in sample.user_points(levels=8, points_per_level=8, jitter=1.0)}
    membrane = models["outer membrane"]
    assert membrane.type is ModelType.SURFACE
    assert len(membrane) == 64
    assert len(membrane.contours()) == 8
    assert all(np.all(np.diff(contour[:, 1]) > 0) for contour in membrane.contours())
    assert membrane.marker is not None
    assert np.sqrt(np.mean(sample.membrane.distance(membrane.points) ** 2)) == pytest.approx(1.0, abs=0.3)
    assert len(models["crowns"]) == len(sample.crowns)
    assert np.abs(sample.vesicle.distance(models["vesicle"].points)).max() < 4
    assert models["filament"].type is ModelType.FILAMENT
    for model in models.values():
        np.testing.assert_array_equal(model.points[:, 2], model.levels)
        assert model.tomogram == sample.name


def test_crop_the_jitter_and_the_points_lie_on_the_membrane(sample: Sample) -> None:
    for model in sample.user_points(jitter=0.0):
        if model.type is ModelType.SURFACE:
            np.testing.assert_allclose(sample.membrane.distance(model.points), 0, atol=1e-9)


def test_wavelength_at_300_kv() -> None:
    assert electron_wavelength_angstrom(300) == pytest.approx(0.01969, abs=1e-5)
