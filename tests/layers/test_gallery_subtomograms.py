"""Subtomograms in the gallery: the same pictures as of the tomogram, and whose particles they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.io.particles import read_particles
from napari_tomopick.layers.gallery import Gallery
from napari_tomopick.models.filters import Range
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.protocols.average import average
from napari_tomopick.protocols.convert import convert
from napari_tomopick.protocols.extract import extract

SHAPE = (40, 60, 80)
N, BOX = 6, 16


@pytest.fixture
def particles(shown):
    """Six oriented particles in a set of the project."""
    positions = np.random.default_rng(1).uniform(12, np.array(SHAPE[::-1]) - 12, size=(N, 3))
    made = Particles(
        positions,
        Rotation.random(N, rng=1),
        ids=np.arange(N) + 5,
        tomograms=np.full(N, "tomo"),
        voxel_size_angstrom=10.0,
        box_size=BOX,
    )
    return shown.session.add_particles("found", made, Step("test", {}))


@pytest.fixture
def folder(shown, particles, tmp_path):
    """Their boxes, in a stack."""
    session = shown.session
    extract(
        session.particles(particles),
        session.tomograms(),
        tmp_path / "boxes",
        box_size=BOX,
        stack=True,
        pad=True,
    )
    return tmp_path / "boxes"


@pytest.fixture
def gallery(shown):
    found = Gallery(shown)
    found.set_page_size(100)
    return found


def loaded(gallery):
    gallery.refresh()
    gallery.load()
    return [gallery.pictures.get(cut).sections for cut in gallery._cuts(gallery.view.shown)]


@pytest.mark.parametrize("frame", ["tomogram", "own"])
def test_they_look_as_in_the_tomogram(gallery, particles, folder, frame):
    gallery.set_cut(slices=1, view="three", frame=frame)
    gallery.show(particles)
    there = loaded(gallery)
    gallery.open_subtomograms(folder / "particles.star")
    assert gallery.sources()[-1][1] == "boxes (subtomograms)"
    # corners that turn in from outside the box are not known there
    reach = 4 if frame == "own" else BOX // 2
    inner = np.s_[:, BOX // 2 - reach : BOX // 2 + reach, BOX // 2 - reach : BOX // 2 + reach]
    for one, other in zip(there, loaded(gallery), strict=True):
        np.testing.assert_allclose(one[inner], other[inner], atol=2e-3)


def test_aligned_ones_are_turned_as_they_are(gallery, folder, particles, tmp_path):
    average(folder, tmp_path / "average.mrc")
    gallery.set_cut(slices=1, frame="own")
    gallery.open_subtomograms(tmp_path / "average_aligned")
    own = loaded(gallery)
    boxes = gallery.volumes()
    for picture, number in zip(own, range(N), strict=True):
        np.testing.assert_allclose(picture[0], boxes.open(number)[BOX // 2], atol=1e-4)
    gallery.set_cut(frame="tomogram")
    there = loaded(gallery)
    gallery.show(particles)
    middle = np.s_[:, BOX // 2 - 4 : BOX // 2 + 5, BOX // 2 - 4 : BOX // 2 + 5]
    # noise, which was turned once by the average, and here again
    correlations = [
        np.corrcoef(one[middle].ravel(), other[middle].ravel())[0, 1]
        for one, other in zip(there, loaded(gallery), strict=True)
    ]
    assert np.median(correlations) > 0.35


def test_their_average_is_that_of_the_particles(gallery, particles, folder):
    gallery.open_subtomograms(folder)
    gallery.average.set_of("all")
    gallery.average.set_on(True)
    assert gallery.average.count == N
    assert gallery.average.result().shape == (BOX,) * 3
    middle = (slice(BOX // 2 - 3, BOX // 2 + 4),) * 3
    here = gallery.average.result()[middle]
    gallery.show(particles)
    gallery.average.refresh()
    np.testing.assert_allclose(here, gallery.average.result()[middle], atol=2e-3)


def test_a_stack_of_emans_looks_the_same_and_belongs_to_the_same_particles(
    gallery, particles, folder, tmp_path
):
    convert(folder, tmp_path / "boxes.hdf")
    gallery.open_subtomograms(folder)
    there = loaded(gallery)
    gallery.open_subtomograms(tmp_path / "boxes.hdf")
    assert gallery.sources()[-1][1] == "boxes.hdf (subtomograms)"
    for one, other in zip(there, loaded(gallery), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    gallery.select([1])
    assert gallery.boxes.ids.tolist() == [5, 6, 7, 8, 9, 10]


def test_selecting_and_deleting_there_means_the_particles(shown, gallery, particles, folder):
    gallery.open_subtomograms(folder)
    gallery.select([1, 2])
    assert shown.review.selection.ids(particles).tolist() == [6, 7]
    gallery.delete_selected()
    gallery.refresh()
    assert shown.session.particles(particles).ids.tolist() == [5, 8, 9, 10]
    assert gallery.boxes.ids.tolist() == [5, 8, 9, 10]
    shown.undo()
    gallery.refresh()
    assert len(gallery.boxes) == N
    gallery.go_to(0)
    assert shown.review.selection.rows == [(particles, 5)]
    gallery.sort("nearest")
    nearest = gallery.boxes.measures["nearest"].values
    assert np.isfinite(nearest).all()
    assert (np.diff(nearest) >= 0).all()
    # those filtered out are not here either
    shown.review.filters.set_range(particles, "z", Range(low=float(np.median(gallery.boxes.positions[:, 2]))))
    gallery.refresh()
    assert 0 < len(gallery.boxes) < N
    assert gallery.boxes.hidden == N - len(gallery.boxes)


def test_those_of_no_set_can_only_be_listed(shown, gallery, particles, folder, tmp_path):
    # moved since: what is deleted here must not be another particle
    session = shown.session
    before = session.particles(particles)
    session.update_particles(particles, replace(before, positions=before.positions + 3))
    gallery.open_subtomograms(folder)
    gallery.select([0, 3])
    assert not len(shown.review.selection)
    assert int(gallery.selected.sum()) == 2
    with pytest.raises(ParameterError, match="belong to no particle set"):
        gallery.delete_selected()
    assert len(session.particles(particles)) == N
    gallery.save_selection(tmp_path / "good.star")
    written = read_particles(tmp_path / "good.star")
    np.testing.assert_allclose(written.positions, before.positions[[0, 3]], atol=1e-3)
    turned = written.rotations.inv() * before.rotations[[0, 3]]
    assert turned.magnitude().max() < 1e-4


def test_without_a_tomogram_they_are_shown_too(shown, gallery, folder):
    shown.close_project()
    gallery.open_subtomograms(folder)
    assert len(loaded(gallery)) == N
    gallery.go_to(2)
    assert gallery.selected.tolist() == [False, False, True, False, False, False]
    assert [t.current for t in gallery.tiles()] == [False, False, True, False, False, False]


def test_another_folder_is_refused(gallery, tmp_path):
    with pytest.raises(FileFormatError, match="run extract first"):
        gallery.open_subtomograms(tmp_path)
    assert len(gallery.sources()) == 1
