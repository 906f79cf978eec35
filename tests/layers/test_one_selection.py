"""The one selection, and napari's selected points as a projection of it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step


@pytest.fixture
def two_sets(shown):
    """Uids of sets of 6 and 4 particles."""
    found = []
    for name, n in (("six", 6), ("four", 4)):
        positions = np.column_stack([10 + 10 * np.arange(n), np.full(n, 20), np.full(n, 15)])
        scores = np.arange(n) / n
        particles = Particles(
            positions,
            groups=1 + np.arange(n) % 3,
            scores=scores,
            tomograms=["tomo"] * n,
            voxel_size_angstrom=10.0,
        )
        found.append(shown.session.add_particles(name, particles, Step("manual")))
    return found


def test_what_is_selected_in_napari_is_selected_and_the_other_way_round(shown, two_sets):
    review, (six, four) = shown.review, two_sets
    layer = review.view.points
    layer.selected_data = {1, 7}
    assert review.selection.rows == [(six, 2), (four, 2)]
    review.selection.set({four: [1, 4]})
    assert layer.selected_data == {6, 9}


def test_what_is_not_drawn_stays_selected(shown, two_sets):
    review, (six, four) = shown.review, two_sets
    review.selection.set({six: [3], four: [1, 4]})
    review.set_visible(six, False)
    assert review.view.points.selected_data == {0, 3}
    assert review.selection.ids(six).tolist() == [3]
    review.view.points.selected_data = {0}  # as Shift+click does it
    assert set(review.selection.rows) == {(six, 3), (four, 1)}
    review.set_visible(six, True)
    assert review.view.points.selected_data == {2, 6}


def test_a_plain_click_selects_nothing_else(shown, two_sets):
    review, (six, four) = shown.review, two_sets
    review.selection.set({six: [3], four: [1]})
    review.set_visible(six, False)
    review.view.points.selected_data = {2}
    assert review.selection.rows == [(four, 3)]
    review.selection.set({six: [3], four: [1]})
    review.view.points.selected_data = set()
    assert not review.selection.rows


def test_deleted_particles_are_no_longer_selected_and_the_others_still_are(shown, two_sets):
    review, (six, four) = shown.review, two_sets
    review.selection.set({six: [2, 5], four: [4]})
    review.delete_particles({six: [1, 2]})
    assert review.selection.rows == [(six, 5), (four, 4)]
    assert review.view.points.selected_data == {2, 7}
    # napari's own deletion passes through rows that mean nothing
    review.view.points.remove([0, 1])
    assert shown.session.particles(six).ids.tolist() == [5, 6]
    assert review.selection.rows == [(six, 5), (four, 4)]


def test_a_point_that_napari_adds_is_not_selected(shown, two_sets):
    review, (six, _) = shown.review, two_sets
    review.selection.set({six: [2]})
    review.view.points.add([1, 2, 3])
    assert not review.selection.rows
    assert review.view.points.selected_data == set()


def test_another_tomogram_has_another_selection(shown, two_sets, a_tomogram):
    review, (six, _) = shown.review, two_sets
    review.selection.set({six: [2]})
    shown.session.add_tomogram(a_tomogram("other"))
    shown.open_tomogram("other")
    assert not len(review.selection)


def test_new_particles_take_nothing_from_the_selected_one(shown, two_sets):
    # napari copies features and looks of what was selected to whatever is added next
    review, (six, four) = shown.review, two_sets
    shown.session.change_particle_set(six, colour="#ff0000")
    shown.session.change_particle_set(four, colour="#00ff00")
    review.selection.set({six: [6]})
    shown.undo()
    shown.redo()
    new = Particles(np.full((3, 3), 12.0), tomograms=["tomo"] * 3, voxel_size_angstrom=10.0)
    shown.session.add_particles("new", new, Step("manual"), "#0000ff")
    layer = review.view.points
    assert np.allclose(layer.border_color[-3:], (0, 0, 1, 1))
    assert np.allclose(review.view.arrows.edge_color[-3:], (0, 0, 1, 1))
    assert layer.features["id"].tolist() == [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 1, 2, 3]
    assert np.isnan(layer.features["score"][-3:]).all()


def test_a_deletion_in_the_middle_leaves_the_looks_with_their_particles(shown, two_sets):
    # napari would cut looks off from the end, and lose the colours of vectors
    review, (six, four) = shown.review, two_sets
    review.set_look(colour_by="group")
    before = dict(zip(_rows(review), review.view.points.border_color, strict=True))
    assert len(np.unique(list(before.values()), axis=0)) == 3
    review.delete_particles({six: [2], four: [1]})
    assert len(before) == len(_rows(review)) + 2
    for layer_colours in (review.view.points.border_color, review.view.arrows.edge_color):
        for row, colour in zip(_rows(review), layer_colours, strict=True):
            assert np.allclose(colour, before[row])


def _rows(review):
    return [review.view.row(i) for i in range(len(review.view.points.data))]


def test_the_delete_key_means_what_is_selected_and_not_the_point_picked_last(shown, two_sets, press):
    review, picking, (six, _) = shown.review, shown.picking, two_sets
    shown.session.add_points(picking.active.uid, [[5.0, 5, 15], [9, 9, 15]], [15, 15])
    shown.viewer.layers.selection.active = picking.view.points
    picking.set_mode("pan_zoom")
    review.selection.set({six: [3]})
    press("Delete")
    assert shown.session.particles(six).ids.tolist() == [1, 2, 4, 5, 6]
    assert len(picking.active) == 2
