"""Filters, cleaning rules and orientation edits of the shown sets, without a window."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tomopick.errors import ParameterError
from napari_tomopick.models.filters import Range
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step

N = 12


@pytest.fixture
def uid(shown):
    """Uid of twelve particles along x with scores 0 to 11, the last one without."""
    scores = np.arange(float(N))
    scores[-1] = np.nan
    particles = Particles(
        np.column_stack([6.0 + 6 * np.arange(N), np.full(N, 30.0), np.full(N, 20.0)]),
        scores=scores,
        groups=1 + np.arange(N) % 2,
        tomograms=["tomo"] * N,
        voxel_size_angstrom=10.0,
        box_size=12,
    )
    found = shown.session.add_particles("row", particles.with_columns(quality=np.arange(N) % 3), Step("x"))
    shown.review.filters.measure(found)
    return found


def drawn_ids(review, uid):
    return review.drawn[uid][0].ids.tolist()


def test_filters_mask_what_is_drawn_and_draw_nothing_anew(shown, uid, monkeypatch):
    review, filters = shown.review, shown.review.filters
    data = review.view.points.data
    with monkeypatch.context() as patch:
        patch.setattr(review.view, "draw", lambda *_: pytest.fail("drawn anew"))
        filters.set_range(uid, "score", Range(low=4.0))
    assert review.view.points.shown.tolist() == [False] * 4 + [True] * 8
    assert len(review.view.arrows.data) == 8
    assert len(review.view.arrows.edge_color) == 8
    assert review.view.points.data is data
    # those without a score pass, as long as one does not say otherwise
    filters.set_range(uid, "score", Range(low=4.0, missing=False))
    filters.set_range(uid, "group", Range(low=2.0))
    assert drawn_ids(review, uid) == [6, 8, 10]
    assert filters.out(uid).tolist() == [1, 2, 3, 4, 5, 7, 9, 11, 12]
    filters.reset(uid)
    assert drawn_ids(review, uid) == list(range(1, N + 1))
    assert len(review.view.arrows.data) == N


def test_arrows_keep_their_colours_when_particles_are_filtered(shown, uid):
    # napari loses the colours of vectors when their data is replaced
    review = shown.review
    review.set_look(colour_by="group")
    before = np.array(review.view.arrows.edge_color)
    review.filters.set_range(uid, "score", Range(high=5.0, missing=False))
    assert np.allclose(review.view.arrows.edge_color, before[:6])
    review.filters.set_range(uid, "score", None)
    assert np.allclose(review.view.arrows.edge_color, before)


def test_what_is_filtered_out_may_be_dimmed(shown, uid):
    review = shown.review
    review.filters.set_range(uid, "score", Range(low=4.0))
    review.set_look(dim=True)
    points = review.view.points
    assert points.shown.all()
    assert len(review.view.arrows.data) == N
    assert (points.border_color[:4, 3] < 0.5).all()
    assert (points.border_color[4:, 3] == 1).all()
    review.filters.set_range(uid, "score", Range(low=2.0))
    assert (points.border_color[:, 3] == 1).sum() == N - 2
    review.set_look(dim=False)
    assert points.shown.sum() == N - 2
    review.filters.reset(uid)
    assert (points.border_color[:, 3] == 1).all()
    assert (review.view.arrows.edge_color[:, 3] == 1).all()


def test_a_dimmed_particle_is_not_selected_by_napari(shown, uid):
    review = shown.review
    review.set_look(dim=True)
    review.selection.set({uid: [2]})
    review.filters.set_range(uid, "score", Range(low=4.0))
    review.view.points.selected_data = {0, 1, 6}  # as a box of napari's does it
    # the one that was selected before may stay
    assert review.selection.ids(uid).tolist() == [2, 7]
    assert review.view.points.selected_data == {1, 6}


def test_a_filter_holds_through_edits_and_undo(shown, uid):
    review = shown.review
    review.filters.set_range(uid, "score", Range(low=4.0))
    review.delete_particles({uid: [6, 1]})
    assert drawn_ids(review, uid) == [5, 7, 8, 9, 10, 11, 12]
    shown.undo()
    assert drawn_ids(review, uid) == list(range(5, 13))


def test_a_filter_holds_while_measuring_takes_its_time(shown, uid):
    review = shown.review
    waiting = []
    shown.run = lambda function, done, failed: waiting.append((function, done))
    review.filters.set_range(uid, "score", Range(low=4.0))
    review.delete_particles({uid: [6, 1]})
    assert drawn_ids(review, uid) == [5, 7, 8, 9, 10, 11, 12]
    assert review.filters.is_measuring(uid)
    assert len(review.filters.quantities(uid)["score"].values) == N - 2
    review.delete_particles({uid: [7]})
    assert len(waiting) == 1
    # what comes late is of use, and what has changed meanwhile is measured then
    function, done = waiting.pop()
    done(function())
    assert len(waiting) == 1
    function, done = waiting.pop()
    done(function())
    assert not review.filters.is_measuring(uid)
    assert drawn_ids(review, uid) == [5, 8, 9, 10, 11, 12]


def test_columns_and_places_are_quantities_too(shown, uid):
    found = shown.review.filters.quantities(uid)
    assert {"score", "group", "table:quality"} <= set(found)
    assert "z" not in found
    shown.review.filters.set_range(uid, "table:quality", Range(low=2.0))
    assert drawn_ids(shown.review, uid) == [3, 6, 9, 12]


def test_each_verb_for_the_selection_is_one_edit(shown, uid):
    review, actions, session = shown.review, shown.review.actions, shown.session
    with pytest.raises(ParameterError, match="No particle is selected"):
        actions.set_group(3)
    review.selection.set({uid: [2, 3]})
    actions.set_group(7)
    assert session.particles(uid).groups[:4].tolist() == [1, 7, 7, 2]
    assert session.undo_label == "Move 2 particles to group 7"
    actions.set_class(4)
    assert session.particles(uid).table["class"].tolist() == [0, 4, 4] + [0] * 9
    actions.set_class(5)
    assert session.particles(uid).table["class"].tolist() == [0, 5, 5] + [0] * 9
    assert review.selection.ids(uid).tolist() == [2, 3]
    actions.keep_only()
    assert session.particles(uid).ids.tolist() == [2, 3]
    for _ in range(4):
        shown.undo()
    assert "class" not in session.particles(uid).table
    assert session.particles(uid).groups[:4].tolist() == [1, 2, 1, 2]
    with pytest.raises(ParameterError, match="from 1"):
        actions.set_group(0)


def test_inverting_and_selecting_all_go_by_what_is_seen(shown, uid):
    review, actions = shown.review, shown.review.actions
    review.filters.set_range(uid, "score", Range(low=8.0))
    review.selection.set({uid: [1, 9]})
    actions.invert()
    assert review.selection.ids(uid).tolist() == [1, 10, 11, 12]
    actions.select_shown()
    assert review.selection.ids(uid).tolist() == [9, 10, 11, 12]
    actions.select_all(uid)
    assert len(review.selection) == N


def test_selected_particles_become_a_set_of_their_own(shown, uid):
    review, session = shown.review, shown.session
    review.selection.set({uid: [2, 3]})
    review.actions.move_to_new_set(review.actions.free_set_name())
    (new,) = (s for s in session.particle_sets() if s.uid != uid)
    assert new.name == "row selected"
    assert session.particles(new.uid).scores.tolist() == [1, 2]
    assert session.particles(new.uid).table["quality"].tolist() == [1, 2]
    assert len(session.particles(uid)) == N - 2
    assert review.selection.uids == (new.uid,)
    shown.undo()
    assert [s.uid for s in session.particle_sets()] == [uid]
    assert len(session.particles(uid)) == N


def test_a_rule_shows_what_it_would_remove_before_it_does(shown, uid):
    review, cleaning = shown.review, shown.review.cleaning
    cleaning.look("duplicates", uid, {"distance": 7.0})
    # of neighbours 6 apart, the better one stays
    assert review.selection.ids(uid).tolist() == [2, 4, 6, 8, 10, 12]
    assert "6 of 12" in cleaning.found.removal.reason
    assert len(shown.session.particles(uid)) == N
    cleaning.remove()
    assert shown.session.particles(uid).ids.tolist() == [1, 3, 5, 7, 9, 11]
    assert cleaning.found is None
    shown.undo()
    cleaning.look("near_border", uid, {"box_size": 18})
    assert review.selection.ids(uid).tolist() == [1, 12]


def test_what_a_rule_found_is_forgotten_when_particles_change(shown, uid):
    review, cleaning = shown.review, shown.review.cleaning
    cleaning.look("isolated", uid, {"radius": 7.0, "neighbours": 2})
    assert cleaning.found.removal.ids.tolist() == [1, 12]
    review.delete_particles({uid: [5]})
    assert cleaning.found is None
    cleaning.remove()
    assert len(shown.session.particles(uid)) == N - 1


def test_of_rules_that_are_tried_quickly_the_last_one_counts(shown, uid):
    review, cleaning = shown.review, shown.review.cleaning
    waiting = []
    shown.run = lambda function, done, failed: waiting.append((function, done))
    for radius in (7.0, 13.0, 2.0):
        cleaning.look("isolated", uid, {"radius": radius, "neighbours": 2})
    assert len(waiting) == 1
    for _ in range(2):
        function, done = waiting.pop()
        done(function())
    assert not waiting
    assert len(review.selection) == N


def test_a_rule_in_all_tomograms_removes_there_too(shown, uid, a_tomogram):
    session = shown.session
    session.add_tomogram(a_tomogram("other"))
    both = Particles(
        np.array([[10.0, 10, 10], [11, 10, 10], [40, 30, 20]]),
        tomograms=["other", "other", "tomo"],
        voxel_size_angstrom=10.0,
    )
    two = session.add_particles("both", both, Step("x"))
    cleaning = shown.review.cleaning
    cleaning.look("duplicates", two, {"distance": 3.0}, everywhere=True)
    assert len(cleaning.found.removal) == 1
    assert not len(shown.review.selection)
    cleaning.remove()
    assert len(session.particles(two)) == 2


def test_arrows_follow_when_orientations_are_edited(shown, uid):
    review, turning = shown.review, shown.review.turning
    arrows = review.view.arrows
    review.selection.set({uid: [3]})
    turning.flip("selected", uid)
    signs = np.sign(arrows.data[:, 1, 0])
    assert signs.tolist() == [1, 1, -1] + [1] * 9
    assert shown.session.undo_label == "Flip particle"
    turning.flip("groups", uid)  # those at even rows
    assert np.sign(arrows.data[:, 1, 0]).tolist() == [-1, 1, 1, 1] + [-1, 1] * 4
    turning.flip("set", uid)
    assert np.sign(arrows.data[:, 1, 0]).tolist() == [1, -1, -1, -1] + [1, -1] * 4
    for _ in range(3):
        shown.undo()
    assert (arrows.data[:, 1, 0] > 0).all()
    review.selection.clear()
    with pytest.raises(ParameterError, match="selected"):
        turning.in_plane("selected", uid, 30.0)
    turning.in_plane("set", uid, 30.0)
    turned = shown.session.particles(uid).rotations
    assert np.allclose(turned.magnitude(), np.radians(30))
    turning.random_twist("set", uid, 1)
    first = shown.session.particles(uid).rotations
    shown.undo()
    turning.random_twist("set", uid, 1)
    assert np.allclose((first * shown.session.particles(uid).rotations.inv()).magnitude(), 0)


def test_particles_are_turned_to_the_nearest_membrane(shown, uid):
    from napari_tomopick.models.user_points import ModelType

    picking, review = shown.picking, shown.review
    model = picking.active
    points, levels = [], []
    for z in (10.0, 20.0, 30.0):
        for x in np.linspace(2, 78, 12):
            points.append([x, 40.0, z])
            levels.append(int(z))
    shown.session.add_points(model.uid, points, levels)
    shown.session.change_model(model.uid, marker=[40.0, 55.0, 20.0])
    assert model.type is ModelType.SURFACE
    review.turning.to_surface("set", uid)
    assert shown.session.undo_label == f"Orient {N} particles"
    assert np.allclose(shown.session.particles(uid).directions(), [0, -1, 0], atol=0.1)
    found = review.filters.quantities(uid)
    assert np.allclose(found["membrane_distance"].values, 10, atol=0.5)
    review.selection.set({uid: [4]})
    review.turning.flip("selected", uid)
    angles = review.filters.quantities(uid)["membrane_angle"].values
    assert np.flatnonzero(angles > 174).tolist() == [3]
    assert np.delete(angles, 3).max() < 6
