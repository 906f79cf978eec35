"""The running average: what is in it, that only differences are read, and what is saved."""

from __future__ import annotations

from dataclasses import replace

import mrcfile
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from later import Later
from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.cropping import crop_oriented
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers import gallery_average
from napari_tomopick.layers.gallery import Gallery
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram

BOX, COUNT = 16, 12
SHAPE = (40, 60, 80)
BLOB = np.array([4.0, 0.0, 0.0])  # in the particle's own frame


@pytest.fixture
def oriented(workspace, tmp_path):
    """Twelve particles, each with a blob at its side, in a tomogram with noise."""
    rng = np.random.default_rng(4)
    places = np.array([[x, y, z] for x in (14, 32, 50, 66) for y in (14, 44) for z in (14, 27)])[:COUNT]
    positions = places + rng.uniform(-0.5, 0.5, (COUNT, 3))
    rotations = Rotation.random(COUNT, rng=2)
    volume = np.zeros(SHAPE, np.float32)
    for position, rotation in zip(positions, rotations, strict=True):
        x, y, z = np.round(position + rotation.apply(BLOB)).astype(int)
        volume[z, y, x] = 100
    volume = gaussian_filter(volume, 1.5) + rng.normal(0, 0.5, SHAPE).astype(np.float32)
    write_mrc(tmp_path / "tomo.mrc", volume, 10.0)
    workspace.session.add_tomogram(Tomogram("tomo", tmp_path / "tomo.mrc", SHAPE, 10.0))
    workspace.open_tomogram("tomo")
    made = Particles(
        positions,
        rotations,
        tomograms=np.full(COUNT, "tomo"),
        voxel_size_angstrom=10.0,
        box_size=BOX,
    )
    return workspace.session.add_particles("found", made, Step("test", {}))


@pytest.fixture
def gallery(workspace, oriented):
    found = Gallery(workspace)
    found.set_page_size(100)
    found.show(oriented)
    found.average.set_on(True)
    return found


def expected(workspace, uid, places):
    particles = workspace.session.particles(uid).select(np.asarray(places))
    data = np.asarray(workspace.image.loaded.data)
    boxes = crop_oriented(data, particles.positions, particles.rotations, BOX, fill=np.nan)
    means = np.nanmean(boxes, axis=(1, 2, 3), keepdims=True)
    return np.where(np.isfinite(boxes), boxes, means).mean(axis=0)


def of(gallery, places):
    gallery.select(places)
    gallery.refresh()
    gallery.average.refresh()
    return gallery.average


def test_it_is_of_what_is_selected_in_the_particles_own_frames(workspace, oriented, gallery):
    average = gallery.average
    assert average.sections() is None
    assert "Select boxes" in average.text()
    with pytest.raises(ParameterError, match="no average"):
        average.result()
    of(gallery, range(COUNT))
    np.testing.assert_allclose(average.result(), expected(workspace, oriented, range(COUNT)), atol=1e-4)
    # a density appears where it is in each
    x, y, z = np.round(BLOB + BOX // 2).astype(int)
    assert np.unravel_index(average.result().argmax(), (BOX,) * 3) == (z, y, x)
    xy, xz, yz = average.sections()
    assert xy.shape == (BOX, BOX)
    assert yz.shape == (BOX, BOX)
    assert min(xy[y, x], xz[z, x]) > 200
    assert average.text() == f"Average of {COUNT} selected"
    workspace.display.set_inverted(True)
    assert np.array_equal(average.sections()[0], 255 - xy)


def test_only_what_differs_is_read(workspace, oriented, gallery, monkeypatch):
    read = []
    box = gallery_average.box
    monkeypatch.setattr(gallery_average, "box", lambda *a: read.append(tuple(a[2])) or box(*a))
    of(gallery, range(9))
    assert len(read) == 9
    of(gallery, range(1, 10))
    assert len(read) == 11  # one out, one in
    np.testing.assert_allclose(
        gallery.average.result(), expected(workspace, oriented, range(1, 10)), atol=1e-4
    )
    # one that was turned is another
    session = workspace.session
    turned = session.particles(oriented).select([3])
    session.update_particles(oriented, replace(turned, rotations=Rotation.random(1, rng=9)))
    gallery.refresh()
    gallery.average.refresh()
    assert len(read) == 13
    np.testing.assert_allclose(
        gallery.average.result(), expected(workspace, oriented, range(1, 10)), atol=1e-4
    )
    # so few of so many are begun anew
    of(gallery, [4, 5])
    assert len(read) == 15
    # nobody looks
    gallery.average.set_on(False)
    of(gallery, range(6))
    assert len(read) == 15
    assert gallery.average.count == 0


def test_of_what_is_in_sight_or_of_all(workspace, oriented, gallery):
    gallery.set_page_size(4)
    gallery.average.set_of("shown")
    assert gallery.average.text() == "Average of 4 in sight"
    gallery.average.set_of("all")
    assert gallery.average.count == COUNT
    gallery.set_box_size(20)
    gallery.average.refresh()
    assert gallery.average.result().shape == (20, 20, 20)
    gallery.set_box_size(300)
    gallery.average.refresh()
    assert gallery.average.count == 0
    assert "not averaged here" in gallery.average.text()


def test_it_grows_in_the_background_and_can_be_stopped(workspace, oriented, gallery, monkeypatch):
    monkeypatch.setattr(gallery_average, "CHUNK_SECONDS", 0.0)  # a few at a time
    workspace.run = later = Later()
    average = of(gallery, range(COUNT))
    counts = []
    average.changed.connect(lambda: counts.append(average.count))
    later.go_on()
    assert 0 < average.count < COUNT
    assert f"of {COUNT} selected …" in average.text()
    assert average.sections() is not None
    average.hold(True)
    while later.waiting:
        later.go_on()
    assert average.count < COUNT
    assert "stopped" in average.text()
    average.hold(False)
    while later.waiting:
        later.go_on()
    assert average.count == COUNT
    assert counts == sorted(counts)
    # what is read of a selection that is no more is not taken in
    of(gallery, [])
    of(gallery, [1, 2])
    of(gallery, [])
    while later.waiting:
        later.go_on()
    assert average.count == 0


def test_trouble_is_told_and_it_stops(workspace, gallery, monkeypatch):
    def broken(*_):
        raise ParameterError("the disk is gone")

    monkeypatch.setattr(gallery_average, "box", broken)
    average = of(gallery, range(3))
    assert workspace.trouble == "the disk is gone"
    assert average.held
    assert not average.running


def test_it_is_saved_with_its_voxel_size(workspace, oriented, gallery, tmp_path):
    average = of(gallery, range(5))
    with pytest.raises(ParameterError, match=r"\.mrc"):
        average.save(tmp_path / "average.png")
    average.save(tmp_path / "average.mrc")
    with mrcfile.open(tmp_path / "average.mrc") as mrc:
        np.testing.assert_array_equal(mrc.data, average.result())
        assert mrc.voxel_size.x == pytest.approx(10.0)
    assert "5 particles" in workspace.viewer.status
    # a failure is told, and leaves nothing
    average.save(tmp_path / "no folder" / "average.mrc")
    assert "no folder" in workspace.trouble
