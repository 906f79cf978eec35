"""Selecting in the gallery is selecting everywhere, and what is deleted is what is selected and seen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_tomopick.errors import ParameterError
from napari_tomopick.io.particles import read_particles
from napari_tomopick.layers.gallery import Gallery
from napari_tomopick.layers.gallery_pages import Pages
from napari_tomopick.models.filters import Range
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.user_points import ModelType

SHAPE = (40, 60, 80)
N = 12


@pytest.fixture
def particles(shown):
    """A set of twelve, with ids 0, 10, ..., and a column of the file they came from."""
    positions = np.random.default_rng(1).uniform(8, np.array(SHAPE[::-1]) - 8, size=(N, 3))
    made = Particles(
        positions,
        ids=np.arange(N) * 10,
        scores=np.linspace(0, 1, N),
        tomograms=np.full(N, "tomo"),
        table=pd.DataFrame({"shine": np.arange(N)[::-1] * 1.5}),
        voxel_size_angstrom=10.0,
        box_size=12,
    )
    return shown.session.add_particles("found", made, Step("test", {}))


@pytest.fixture
def gallery(shown, particles):
    found = Gallery(shown)
    found.set_page_size(100)
    found.show(particles)
    return found


def test_selecting_here_is_selecting_everywhere(shown, particles, gallery):
    selection = shown.review.selection
    gallery.toggle(3)
    gallery.toggle(5)
    assert selection.ids(particles).tolist() == [30, 50]
    gallery.select_to(7)
    assert selection.ids(particles).tolist() == [30, 50, 60, 70]
    gallery.toggle(3)
    assert selection.ids(particles).tolist() == [50, 60, 70]
    assert [t.place for t in gallery.tiles() if t.selected] == [5, 6, 7]
    gallery.invert_selection()
    assert len(selection) == N - 3
    gallery.select([1, 2])
    assert selection.rows == [(particles, 10), (particles, 20)]
    gallery.select([2, 4], "add")
    assert selection.ids(particles).tolist() == [10, 20, 40]
    assert "3 selected" in gallery.counts()
    gallery.select_none()
    assert not len(selection)
    gallery.select_all()
    assert len(selection) == N
    # and the other way round
    selection.set({particles: [80]})
    gallery.refresh()
    assert [t.place for t in gallery.tiles() if t.selected] == [8]
    assert gallery.current == 8


def test_the_keyboard_extends_the_selection(shown, particles, gallery):
    gallery.go_to(2)
    gallery.extend(2)
    gallery.extend(-1)
    assert shown.review.selection.ids(particles).tolist() == [20, 30, 40]
    assert gallery.current == 3
    gallery.extend(100)
    assert gallery.current == N - 1
    assert int(gallery.selected.sum()) == N - 2


def test_points_are_selected_too(shown):
    uid = shown.picking.add_model(ModelType.GENERAL, "balls", box_size=8)
    shown.session.add_points(uid, np.random.default_rng(0).uniform(10, 30, (6, 3)), np.zeros(6, int))
    gallery = Gallery(shown)
    gallery.set_page_size(100)
    gallery.refresh()
    gallery.select([1, 4])
    gallery.toggle(2)
    assert shown.picking.view.selected == [(uid, 1), (uid, 2), (uid, 4)]
    before = shown.session.model(uid).points
    gallery.delete_selected()
    assert np.array_equal(shown.session.model(uid).points, before[[0, 3, 5]])
    shown.undo()
    assert np.array_equal(shown.session.model(uid).points, before)


def test_the_selected_are_deleted_as_one_edit(shown, particles, gallery):
    gallery.sort("score")
    gallery.select([0, 1, 4])
    gallery.go_to(1)
    gallery.select([0, 1, 4])
    gallery.delete_selected()
    gallery.refresh()
    ids = shown.session.particles(particles).ids.tolist()
    assert ids == [i for i in range(0, 120, 10) if i not in (110, 100, 70)]
    # the frame is on the next that is left, and so the next Delete is for that one
    assert gallery.boxes.ids[gallery.current] == 90
    assert not gallery.selected.any()
    gallery.delete_selected()
    gallery.refresh()
    assert 90 not in shown.session.particles(particles).ids
    shown.undo()
    shown.undo()
    assert len(shown.session.particles(particles)) == N


def test_what_is_filtered_out_is_neither_shown_nor_deleted(shown, particles, gallery):
    filters = shown.review.filters
    filters.set_range(particles, "score", Range(low=0.5))
    gallery.refresh()
    assert gallery.boxes.ids.tolist() == [60, 70, 80, 90, 100, 110]
    assert "6 hidden by filters" in gallery.counts()
    # selected before, and not seen
    shown.review.selection.set({particles: [0, 60]})
    gallery.refresh()
    assert gallery.counts() == "1–6 of 6, 1 selected, 6 hidden by filters"
    gallery.delete_selected()
    assert shown.session.particles(particles).ids.tolist() == [i for i in range(0, 120, 10) if i != 60]
    filters.reset(particles)
    gallery.refresh()
    assert len(gallery.boxes) == N - 1


def test_sorting_by_any_quantity(shown, particles, gallery):
    gallery.refresh()
    assert "table:shine" in gallery.sortings
    gallery.sort("table:shine")
    assert gallery.boxes.ids.tolist() == list(range(110, -10, -10))
    assert gallery.tiles()[1].caption == "100 · 1.5"
    assert "shine: 1.5" in gallery.tiles()[1].tip
    gallery.sort("table:shine", reverse=True)
    assert gallery.boxes.ids.tolist() == list(range(0, 120, 10))
    # the next set has no such thing, and stays in its order
    shown.review.filters.reset(particles)
    gallery.sort("no such thing")
    assert gallery.boxes.ids.tolist() == list(range(0, 120, 10))


def test_the_selected_are_written_to_a_list(shown, particles, gallery, tmp_path):
    with pytest.raises(ParameterError, match="Nothing is selected"):
        gallery.save_selection(tmp_path / "none.star")
    gallery.select([2, 3])
    gallery.save_selection(tmp_path / "some.star")
    written = read_particles(tmp_path / "some.star")
    assert np.allclose(written.positions, shown.session.particles(particles).positions[[2, 3]], atol=1e-3)
    assert "2 particles" in shown.viewer.status


def test_scrolling_by_rows():
    view = Pages()
    view.fit(103)
    view.resize(20, 5)
    assert (view.rows, view.row, list(view.shown)) == (17, 0, list(range(20)))
    view.scroll_to(3)
    assert list(view.shown) == list(range(15, 35))
    assert view.near[0] == 35
    assert view.near[-1] == 0
    view.scroll_to(100)
    assert view.row == 17
    assert list(view.shown) == list(range(85, 103))
    assert view.at_end
    # no farther than need be
    view.reveal(84)
    assert view.row == 16
    view.reveal(86)
    assert view.row == 16
    view.scroll_to(0)
    view.reveal(22)
    assert view.row == 1
    # the first in sight stays so in other columns
    view.scroll_to(6)
    view.resize(12, 4)
    assert 30 in view.shown
    view.fit(3)
    assert list(view.shown) == [0, 1, 2]
    view.fit(0)
    assert list(view.shown) == []
    assert view.rows == 0
