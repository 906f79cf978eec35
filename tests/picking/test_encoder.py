"""The encoder: its weights, its slabs, its borders, and what it can tell apart."""

import numpy as np
import pytest

from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.picking import encoder
from napari_tomopick.picking.encoder import DESCRIPTION, described, module, pretrained, weights_of
from napari_tomopick.picking.examined import Examined
from napari_tomopick.picking.kinds import at_places


@pytest.fixture
def volume():
    return np.random.default_rng(0).normal(size=(37, 30, 41)).astype(np.float32)


def whole(volume, **options):
    found = np.full((DESCRIPTION + 3, *volume.shape), np.nan, np.float32)
    for part, fields in described(pretrained(), volume, **options):
        assert np.isnan(found[:, part]).all()
        found[:, part] = fields
    return found


def test_the_weights_are_small_and_those_of_the_network():
    assert sum(array.nbytes for array in pretrained().values()) < 1_000_000
    back = weights_of(module(pretrained()))
    for name, array in pretrained().items():
        np.testing.assert_array_equal(back[name], array)


def test_other_weights_are_refused():
    with pytest.raises(ValueError, match="not the weights"):
        module({"first.0.weight": np.zeros((2, 2), np.float32)})


def test_slabs_and_their_order_make_no_difference(volume, monkeypatch):
    at_once = whole(volume)
    assert np.isfinite(at_once).all()
    np.testing.assert_allclose(np.linalg.norm(at_once[:DESCRIPTION], axis=0), 1, atol=1e-4)
    monkeypatch.setattr(encoder, "_SLAB_VOXELS", 1)
    order = [part.start for part, _ in described(pretrained(), volume, first=30)]
    assert len(order) > 3
    assert order[0] != 0
    np.testing.assert_allclose(whole(volume, first=30), at_once, atol=2e-4)


def test_beyond_its_faces_a_volume_goes_on_mirrored(volume):
    # even, since the encoder goes by pairs of voxels
    alone = volume[:36]
    beside_its_mirror_image = np.concatenate([alone[::-1], alone])
    np.testing.assert_allclose(whole(beside_its_mirror_image)[:, 36:], whole(alone), atol=2e-4)
    # and it is not for want of seeing what lies beyond
    beside_another = np.concatenate([np.zeros_like(alone), alone])
    assert np.abs(whole(beside_another)[:, 36:] - whole(alone)).max() > 0.1


def test_it_can_be_stopped_between_slabs(volume, monkeypatch):
    monkeypatch.setattr(encoder, "_SLAB_VOXELS", 1)

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        whole(volume, report=stop)


@pytest.fixture
def examined(volume):
    def make(data, axis):
        tomogram = Tomogram("t", "t.mrc", data.shape, 10.0, Acquisition(-60, 60, tilt_axis=axis))
        return Examined.of(tomogram, data, pretrained(), diameter=10.0, working_diameter=10.0, dark=True)

    return make


def test_a_tomogram_tilted_about_x_is_turned_not_mirrored(volume, examined):
    about_y = examined(volume, "y")
    turned = np.ascontiguousarray(np.rot90(volume, -1, axes=(1, 2)))
    about_x = examined(turned, "x")
    (_, fields_y), (_, fields_x) = next(about_y.slabs()), next(about_x.slabs())
    back = np.rot90(fields_x, axes=(2, 3))
    np.testing.assert_allclose(back[:DESCRIPTION], fields_y[:DESCRIPTION], atol=5e-3)
    # in the turned tomogram x points where y pointed, and y against x
    np.testing.assert_allclose(back[DESCRIPTION], -fields_y[DESCRIPTION + 1], atol=2e-2)
    np.testing.assert_allclose(back[DESCRIPTION + 1], fields_y[DESCRIPTION], atol=2e-2)
    np.testing.assert_allclose(back[DESCRIPTION + 2], fields_y[DESCRIPTION + 2], atol=2e-2)


def test_light_particles_are_seen_as_dark_ones(volume, examined):
    dark = examined(volume, "y")
    tomogram = dark.tomogram
    light = Examined.of(tomogram, -volume, pretrained(), diameter=10, working_diameter=10, dark=False)
    np.testing.assert_allclose(light.volume, dark.volume, atol=1e-5)


def test_descriptions_at_places_are_those_of_the_map(volume, examined, monkeypatch):
    monkeypatch.setattr(encoder, "_SLAB_VOXELS", 1)
    seen = examined(volume, "y")
    places = np.array([[3.0, 4.0, 5.0], [0.0, 29.0, 36.0], [-0.5, -0.5, -0.5], [40.4, 29.4, 36.4]])
    found = seen.descriptions(places)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    expected = at_places(whole(volume)[:DESCRIPTION], places[:2])
    np.testing.assert_allclose(found[:2], expected, atol=0.1)
