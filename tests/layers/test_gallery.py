"""The gallery: which boxes are on a page, what they show, and what is deleted from there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from later import Later
from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.cropping import box_corners, crop, nearest_voxels
from napari_tomopick.layers import gallery_reading
from napari_tomopick.layers.gallery import CURRENT_MODEL, Gallery
from napari_tomopick.layers.gallery_pages import Pages
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.user_points import ModelType

SHAPE = (40, 60, 80)


def scattered(n, seed=0, margin=8):
    rng = np.random.default_rng(seed)
    return rng.uniform(margin, np.array(SHAPE[::-1]) - margin, size=(n, 3))


@pytest.fixture
def picked(shown):
    """A model with ten points, in boxes of 16."""
    uid = shown.picking.add_model(ModelType.GENERAL, "balls", box_size=16)
    shown.session.add_points(uid, scattered(10), np.zeros(10, int))
    return uid


@pytest.fixture
def particles(shown):
    """A set of eight particles, one without a score."""
    scores = np.array([0.5, 0.9, np.nan, 0.1, 0.7, 0.3, 0.8, 0.2])
    made = Particles(
        scattered(8, 1),
        ids=np.arange(8) * 10,
        scores=scores,
        groups=np.array([2, 1, 1, 2, 1, 2, 1, 1]),
        tomograms=np.full(8, "tomo"),
        table=pd.DataFrame(index=range(8)),
        voxel_size_angstrom=10.0,
        box_size=12,
    )
    return shown.session.add_particles("found", made, Step("test", {}))


@pytest.fixture
def gallery(shown):
    found = Gallery(shown)
    found.set_page_size(100)
    found.set_contrast("slices")
    return found


def loaded(gallery):
    gallery.refresh()
    gallery.load()
    return gallery.tiles()


def voxels(workspace):
    return np.asarray(workspace.image.loaded.data)


# what is shown


@pytest.mark.parametrize(("axis", "number"), [("z", 0), ("y", 1), ("x", 2)])
def test_pictures_are_the_middle_of_the_boxes_that_are_extracted(shown, picked, gallery, axis, number):
    gallery.set_cut(view=axis, slices=1)
    tiles = loaded(gallery)
    assert len(tiles) == 10
    centres = nearest_voxels(shown.session.model(picked).points)
    for tile, corner in zip(tiles, box_corners(centres, 16), strict=True):
        box = crop(voxels(shown), corner, 16)
        middle = box.take(8, axis=number)
        assert np.array_equal(tile.picture, shown.display.grey(middle, 1))
        assert tile.outside is None
    gallery.set_cut(slices=3)
    box = crop(voxels(shown), box_corners(centres, 16)[0], 16)
    mean = box.take([7, 8, 9], axis=number).mean(axis=number)
    assert np.array_equal(loaded(gallery)[0].picture, shown.display.grey(mean, 3))


def test_all_have_the_contrast_of_the_slices(shown, picked, gallery):
    shown.display.set_limits(-1.0, 1.5)
    gallery.set_cut(slices=1)
    before = loaded(gallery)[0].picture
    shown.display.set_inverted(True)
    assert np.array_equal(gallery.tiles()[0].picture, 255 - before)
    shown.display.set_inverted(False)
    shown.display.set_low_pass(60.0)
    assert gallery.tiles()[0].picture is None
    smooth = loaded(gallery)[0].picture.astype(float)
    assert np.abs(np.diff(smooth)).mean() < 0.6 * np.abs(np.diff(before.astype(float))).mean()
    # a mean over more slices spreads less, and yet as much of it is black and white
    shown.display.set_low_pass(None)
    shares = []
    for slices in (1, 9):
        gallery.set_cut(slices=slices)
        values = np.concatenate([t.picture.ravel() for t in loaded(gallery)])
        shares.append((values == 0).mean())
    assert shares[0] > 0.05
    assert abs(shares[0] - shares[1]) < 0.04


def test_a_box_partly_outside_is_shown_and_marked(shown, gallery):
    uid = shown.picking.add_model(ModelType.GENERAL, "edge", box_size=16)
    shown.session.add_points(uid, [[2, 30, 20], [40, 30, 20], [79.4, 59.4, 39.4]], [20, 20, 39])
    gallery.set_cut(slices=1)
    left, inside, corner = loaded(gallery)
    assert left.outside.sum() == 16 * 6
    assert left.outside[:, :6].all()
    known = voxels(shown)[20, 22:38, 0:10]
    assert np.array_equal(left.picture[:, 6:], shown.display.grey(known, 1))
    # filled with their mean
    assert np.unique(left.picture[:, :6]).tolist() == [shown.display.grey(known.mean(keepdims=True), 1)[0, 0]]
    assert "outside" in left.tip
    assert inside.outside is None
    assert "outside" not in inside.tip
    assert (~corner.outside).sum() == 81
    assert [t.caption for t in (left, inside, corner)] == ["1", "2", "3"]


def test_particles_have_their_id_and_score(shown, particles, gallery):
    gallery.show(particles)
    tiles = loaded(gallery)
    assert [t.caption for t in tiles[:3]] == ["0 · 0.5", "10 · 0.9", "20"]
    assert tiles[0].picture.shape == (12, 12)
    assert "Particle 10 of 'found'" in tiles[1].tip
    assert gallery.sources() == [(CURRENT_MODEL, "membrane (model)"), (particles, "found")]


def test_without_a_model_the_particles_are_shown(shown, particles, gallery):
    shown.picking.remove(shown.picking.active.uid)
    assert len(loaded(gallery)) == 8
    shown.close_tomogram()
    assert loaded(gallery) == []
    gallery.step(1)
    gallery.delete_current()


def test_the_box_size_is_that_of_the_model_unless_another_is_given_for_it(shown, picked, particles, gallery):
    assert loaded(gallery)[0].picture.shape == (16, 16)
    gallery.set_box_size(24)
    assert loaded(gallery)[0].picture.shape == (24, 24)
    gallery.show(particles)
    assert loaded(gallery)[0].picture.shape == (12, 12)
    gallery.show(CURRENT_MODEL)
    assert gallery.boxes.box_size == 24
    gallery.set_box_size(None)
    shown.picking.change(picked, box_size=20)
    assert loaded(gallery)[0].picture.shape == (20, 20)
    assert shown.session.model(picked).box_size == 20
    for wrong in (0, 1, 5000):
        with pytest.raises(ParameterError):
            gallery.set_box_size(wrong)
    with pytest.raises(ParameterError):
        gallery.set_cut(slices=0)


# order and pages


def test_sorting(shown, particles, gallery):
    gallery.show(particles)
    assert gallery.sortings[:4] == ("order", "score", "group", "z")
    gallery.sort("score")
    assert gallery.boxes.ids.tolist() == [10, 60, 40, 0, 50, 70, 30, 20]
    gallery.sort("score", reverse=True)
    assert gallery.boxes.ids.tolist() == [30, 70, 50, 0, 40, 60, 10, 20]
    gallery.sort("group")
    assert gallery.boxes.ids.tolist() == [10, 20, 40, 60, 70, 0, 30, 50]
    gallery.sort("z")
    assert (np.diff(gallery.boxes.positions[:, 2]) >= 0).all()
    gallery.sort("order", reverse=True)
    assert gallery.boxes.ids.tolist() == [70, 60, 50, 40, 30, 20, 10, 0]
    gallery.show(CURRENT_MODEL)
    assert gallery.sortings == ("order", "z")


def test_pages(shown, picked, gallery):
    gallery.refresh()
    gallery.set_page_size(4)
    assert gallery.pages == 3
    gallery.turn_to(7)
    assert gallery.page == 2
    assert [t.place for t in gallery.tiles()] == [8, 9]
    gallery.turn_to(-1)
    assert [t.caption for t in gallery.tiles()] == ["1", "2", "3", "4"]
    gallery.turn_to(1)
    # what is seen first stays in sight
    gallery.set_page_size(3)
    assert 4 in [t.place for t in gallery.tiles()]
    # who sees the last sees the next
    gallery.turn_to(3)
    for row, number in enumerate(("11", "12", "13")):
        shown.session.add_points(picked, scattered(3, 5)[row : row + 1], [0])
        gallery.refresh()
        assert gallery.tiles()[-1].caption == number
    assert gallery.page == 4
    # and who looks elsewhere, or takes a deletion back, is left there
    gallery.delete(12)
    gallery.refresh()
    assert gallery.page == 3
    gallery.delete(0)
    gallery.refresh()
    shown.undo()
    gallery.refresh()
    assert gallery.page == 3
    gallery.turn_to(0)
    shown.session.add_points(picked, scattered(1, 6), [0])
    gallery.refresh()
    assert gallery.page == 0


# reading


def test_only_the_page_is_read_and_only_what_has_changed_again(shown, picked, gallery, monkeypatch):
    read = []
    sections = gallery_reading.sections
    monkeypatch.setattr(
        gallery_reading, "sections", lambda v, cut: read.append(cut.centre) or sections(v, cut)
    )
    # what may be looked at next is read in its own test
    monkeypatch.setattr(Pages, "near", ())
    gallery.set_page_size(4)
    loaded(gallery)
    assert len(read) == 4
    gallery.turn_to(1)
    gallery.load()
    assert len(read) == 8
    gallery.turn_to(0)
    loaded(gallery)
    assert len(read) == 8
    shown.session.move_points(picked, [2], [[40.0, 30.0, 20.0]])
    loaded(gallery)
    assert read[8:] == [(40, 30, 20)]
    # less than to the next voxel is no other picture
    shown.session.move_points(picked, [2], [[40.3, 29.8, 20.1]])
    loaded(gallery)
    shown.session.undo()
    shown.session.undo()
    loaded(gallery)
    assert len(read) == 9
    shown.session.delete_points(picked, [0])
    loaded(gallery)
    assert len(read) == 9


def test_reading_is_in_the_background_a_few_at_a_time(shown, gallery, monkeypatch):
    uid = shown.picking.add_model(ModelType.GENERAL, "many", box_size=8)
    shown.session.add_points(uid, scattered(50), np.zeros(50, int))
    monkeypatch.setattr(gallery_reading, "CHUNK", 16)
    monkeypatch.setattr(Pages, "near", ())
    shown.run = later = Later()
    seen = []
    gallery.loaded.connect(lambda: seen.append(sum(t.picture is not None for t in gallery.tiles())))
    gallery.set_page_size(20)
    tiles = loaded(gallery)
    assert all(t.picture is None for t in tiles)
    gallery.load()
    assert len(later.waiting) == 1
    later.go_on()
    assert seen == [16]
    # turned meanwhile: the rest of the first page is not read any more
    gallery.turn_to(2)
    gallery.load()
    later.go_on()
    later.go_on()
    assert not later.waiting
    assert all(t.picture is not None for t in gallery.tiles())
    gallery.turn_to(0)
    assert sum(t.picture is not None for t in gallery.tiles()) == 16


def test_what_was_read_of_another_tomogram_is_not_shown(shown, picked, gallery, a_tomogram):
    shown.run = later = Later()
    loaded(gallery)
    shown.close_tomogram()
    loaded(gallery)
    later.go_on()
    assert not later.waiting
    assert len(gallery.pictures) == 0


def test_trouble_in_reading_is_told_once(shown, picked, gallery, monkeypatch):
    def broken(volumes, cut):
        raise ParameterError("the disk is gone")

    monkeypatch.setattr(gallery_reading, "sections", broken)
    assert loaded(gallery)[0].picture is None
    assert shown.trouble == "the disk is gone"


def test_memory_is_bounded(shown, gallery, monkeypatch):
    monkeypatch.setattr(gallery_reading, "KEPT_BYTES", 12 * 16 * 16 * 4)
    uid = shown.picking.add_model(ModelType.GENERAL, "many", box_size=16)
    shown.session.add_points(uid, scattered(50), np.zeros(50, int))
    gallery.set_page_size(10)
    for page in range(5):
        gallery.turn_to(page)
        assert all(t.picture is not None for t in loaded(gallery))
        assert len(gallery.pictures) <= 12
    # a page that is too large by itself is shown all the same
    gallery.set_page_size(50)
    assert all(t.picture is not None for t in loaded(gallery))


# gestures


def test_going_there(shown, picked, gallery):
    gallery.set_page_size(4)
    gallery.sort("z")
    gallery.go_to(5)
    number = gallery.boxes.ids[5]
    x, y, z = shown.session.model(picked).points[number]
    assert tuple(shown.viewer.dims.point) == tuple(np.round((z, y, x)))
    assert np.allclose(shown.viewer.scene.camera.center[1:], (y, x))
    assert gallery.page == 1
    assert [t.current for t in gallery.tiles()] == [False, True, False, False]
    gallery.step(1)
    assert gallery.current == 6
    gallery.step(-100)
    assert gallery.current == 0


def test_going_to_a_particle_selects_it(shown, particles, gallery):
    gallery.show(particles)
    gallery.go_to(3)
    assert shown.review.selection.rows == [(particles, 30)]
    assert gallery.current == 3


def test_what_is_selected_elsewhere_is_framed(shown, picked, particles, gallery):
    gallery.set_page_size(4)
    gallery.refresh()
    shown.picking.select_points([(picked, 6)])
    gallery.refresh()
    assert (gallery.current, gallery.page) == (6, 1)
    # several, or one of another model, mean no box in particular
    shown.picking.select_points([(picked, 1), (picked, 2)])
    gallery.refresh()
    assert (gallery.current, gallery.page) == (6, 1)
    # the page may be left all the same
    gallery.turn_to(0)
    gallery.refresh()
    assert gallery.page == 0
    gallery.show(particles)
    shown.review.select(particles, 50)
    gallery.refresh()
    assert (gallery.current, gallery.page) == (5, 1)


def test_going_to_a_point_selects_it(shown, picked, gallery):
    gallery.refresh()
    gallery.go_to(3)
    assert shown.picking.view.selected == [(picked, 3)]


def test_deleting_one_and_undo(shown, picked, gallery):
    gallery.sort("z")
    before, ids = shown.session.model(picked).points, gallery.boxes.ids
    gallery.go_to(2)
    following = tuple(gallery.boxes.positions[3])
    gallery.delete(2)
    gallery.refresh()
    points = shown.session.model(picked).points
    assert len(points) == 9
    assert not (points == before[ids[2]]).all(axis=1).any()
    # the frame goes on to the next in this order
    assert tuple(gallery.boxes.positions[gallery.current]) == following
    shown.undo()
    gallery.refresh()
    assert np.array_equal(shown.session.model(picked).points, before)
    assert tuple(gallery.boxes.positions[gallery.current]) == following


def test_the_frame_stays_with_its_point(shown, picked, gallery):
    gallery.refresh()
    gallery.go_to(5)
    position = tuple(gallery.boxes.positions[5])
    shown.session.delete_points(picked, [0, 1])
    gallery.refresh()
    assert gallery.current == 3
    assert tuple(gallery.boxes.positions[3]) == position
    shown.session.move_points(picked, [3], [[40, 30, 20]])
    gallery.refresh()
    assert gallery.current == 3
    shown.session.delete_points(picked, range(8))
    gallery.refresh()
    assert gallery.current is None


def test_deleting_this_and_all_after_is_one_edit_in_the_order_that_is_seen(shown, particles, gallery):
    gallery.show(particles)
    gallery.sort("score")
    gallery.go_to(4)
    gallery.delete_from(3)
    gallery.refresh()
    assert shown.session.particles(particles).ids.tolist() == [10, 40, 60]
    assert gallery.boxes.ids.tolist() == [10, 60, 40]
    assert gallery.current == 2
    shown.undo()
    assert len(shown.session.particles(particles)) == 8


def test_deleting_all_leaves_an_empty_gallery(shown, picked, gallery):
    gallery.refresh()
    gallery.delete_from(0)
    gallery.refresh()
    assert gallery.tiles() == []
    assert gallery.current is None
    assert len(shown.session.model(picked)) == 0


def test_never_another_one_than_was_clicked_is_deleted(shown, picked, gallery):
    gallery.refresh()
    shown.session.delete_points(picked, [0])
    # the page still shows ten
    gallery.delete(3)
    assert len(shown.session.model(picked)) == 9
    assert "changed" in shown.viewer.status
    gallery.delete(3)
    assert len(shown.session.model(picked)) == 8


def test_ten_thousand_points_are_no_burden(shown, gallery):
    import time

    uid = shown.picking.add_model(ModelType.GENERAL, "many", box_size=8)
    shown.session.add_points(uid, scattered(10_000), np.zeros(10_000, int))
    gallery.set_page_size(60)
    loaded(gallery)
    start = time.process_time()
    for _ in range(10):
        gallery.refresh()
        gallery.tiles()
    assert (time.process_time() - start) / 10 < 0.02
