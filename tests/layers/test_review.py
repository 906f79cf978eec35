"""Particle sets: drawn as the session has them, coloured, selected, deleted with undo."""

import numpy as np
import pytest
from napari.utils.colormaps.standardize_color import transform_color

from napari_tomopick.geometry import orientations
from napari_tomopick.layers import scrolling
from napari_tomopick.layers.particle_looks import (
    NO_SCORE,
    PALETTE,
    Look,
    Sizes,
    arrows_within,
    colours,
    legible_reach,
)
from napari_tomopick.layers.review import Review
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step


def some_particles(n=6, first=1, seed=0):
    rng = np.random.default_rng(seed)
    return Particles(
        rng.uniform(5, 35, (n, 3)),
        orientations.from_directions(rng.normal(size=(n, 3))),
        ids=np.arange(first, first + n),
        groups=1 + np.arange(n) % 3,
        scores=np.linspace(0, 1, n),
        tomograms=["tomo"] * n,
        voxel_size_angstrom=10.0,
        box_size=16,
    )


@pytest.fixture
def review(shown):
    shown.session.add_particles("one", some_particles(), Step("manual"), "#ff0000")
    shown.session.add_particles("two", some_particles(4, seed=1), Step("manual"), "#00ff00")
    return shown.review


def test_points_and_arrows_are_where_and_how_the_particles_are(review):
    particles = some_particles()
    assert np.allclose(review.view.points.data[:6, ::-1], particles.positions)
    arrows = review.view.arrows.data
    assert np.allclose(arrows[:6, 0, ::-1], particles.positions)
    assert np.allclose(arrows[:6, 1, ::-1], particles.directions() * Sizes.of(particles).arrow)
    assert np.allclose(review.view.points.border_color[6:], transform_color("#00ff00"))
    assert np.allclose(review.view.arrows.edge_color[:6], transform_color("#ff0000"))


def test_deleting_the_selection_is_one_edit_over_all_sets(shown, review, press):
    shown.viewer.layers.selection.active = review.view.points
    review.view.points.selected_data = {1, 2, 7}
    press("Delete")
    one, two = shown.session.particle_sets("tomo")
    assert shown.session.particles(one.uid).ids.tolist() == [1, 4, 5, 6]
    assert shown.session.particles(two.uid).ids.tolist() == [1, 3, 4]
    # the looks are those of the rows that are left, not the first ones
    assert np.allclose(review.view.points.border_color[:4], transform_color("#ff0000"))
    assert np.allclose(review.view.points.border_color[4:], transform_color("#00ff00"))
    assert len(review.view.arrows.data) == 7
    press("Control-Z")
    assert len(review.view.points.data) == 10
    assert shown.session.particles(one.uid).ids.tolist() == [1, 2, 3, 4, 5, 6]


def test_no_other_particle_is_highlighted_when_one_is_deleted(shown, press):
    """napari goes on highlighting the row under the mouse, which is another one then."""
    positions = np.array([[10.0, 30, 19], [30, 30, 19], [50, 30, 19]])
    particles = Particles(positions, tomograms=["tomo"] * 3, voxel_size_angstrom=10.0)
    shown.session.add_particles("flat", particles, Step("manual"))
    layer = shown.review.view.points
    shown.viewer.layers.selection.active = layer
    layer.mode = "select"
    shown.viewer.dims.set_point(0, 19)
    layer.get_value((19.0, 30.0, 30.0), world=True)
    layer.selected_data = {1}
    assert len(layer._highlight_index) == 1
    press("Delete")
    assert len(layer._highlight_index) == 0


def test_the_layer_controls_delete_button_works_in_3d_too(shown, review):
    shown.viewer.dims.ndisplay = 3
    review.view.points.selected_data = {0}
    review.view.points.remove_selected()
    assert shown.session.particles(review.sets[0].uid).ids.tolist() == [2, 3, 4, 5, 6]


def test_deleting_all_and_undoing(shown, review, press):
    shown.viewer.layers.selection.active = review.view.points
    review.view.points.selected_data = set(range(10))
    press("Delete")
    assert len(review.view.points.data) == 0
    assert len(review.view.arrows.data) == 0
    press("Control-Z")
    assert len(review.view.points.data) == 10
    assert np.allclose(review.view.arrows.edge_color[6:], transform_color("#00ff00"))


def test_moving_or_adding_particles_in_napari_means_nothing(shown, review):
    before = review.view.points.data.copy()
    review.view.points.add([1, 2, 3])
    assert np.array_equal(review.view.points.data, before)
    review.view.points.data = before + 1
    assert np.array_equal(review.view.points.data, before)
    assert np.allclose(shown.session.particles(review.sets[0].uid).positions, some_particles().positions)


def test_hidden_sets_and_arrows_are_not_drawn(review):
    review.set_visible(review.sets[0].uid, False)
    assert len(review.view.points.data) == 4
    review.set_look(arrows=False)
    assert not review.view.arrows.visible
    review.set_look(arrows=True, arrow_length=5.0)
    # napari's eye in the list of layers means the same
    review.view.arrows.visible = False
    review.redraw()
    assert not review.look.arrows
    assert not review.view.arrows.visible
    assert np.allclose(np.linalg.norm(review.view.arrows.data[:, 1], axis=1), 5)
    review.set_look(arrow_length=None)
    assert np.linalg.norm(review.view.arrows.data[:, 1], axis=1).max() >= 8


def grid(spacing, box_size=None):
    steps = spacing * np.arange(4.0)
    positions = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    return Particles(positions, voxel_size_angstrom=10.0, box_size=box_size)


@pytest.mark.parametrize(
    ("spacing", "box_size", "circle", "arrow"),
    [
        (10, None, 7, 10),  # nobody has said how large they are: a gap between neighbours
        (10, 32, 7, 10),  # boxes would cover each other
        (40, 32, 32, 32),
        (40, 24, 24, 32),
        (40, None, 28, 32),
        (100, None, 32, 32),
        (2, None, 3, 8),
    ],
)
def test_particles_are_drawn_so_large_that_one_can_tell_them_apart(spacing, box_size, circle, arrow):
    sizes = Sizes.of(grid(spacing, box_size))
    assert (sizes.circle, sizes.arrow) == (pytest.approx(circle), arrow)


def test_one_particle_or_none_has_a_size_too():
    assert Sizes.of(Particles(np.zeros((1, 3)))) == Sizes(32, 32)
    assert Sizes.of(Particles(np.zeros((0, 3)))) == Sizes(32, 32)


def test_what_lies_below_particles_is_seen_through_them(review):
    assert np.all(review.view.points.face_color[:, 3] == 0)


def test_an_arrow_keeps_its_direction_and_ends_in_the_tomogram():
    starts = np.array([[5.0, 5, 5], [5, 5, 5], [5, 5, 5], [-0.4, 5, 5]])
    extents = np.array([[3.0, 0, 0], [8, 8, 0], [-10, 0, 0], [-3, 0, 0]])
    arrows = arrows_within(starts, extents, (10, 20, 20))
    assert np.allclose(arrows[:, 1], [[3, 0, 0], [4, 4, 0], [-5, 0, 0], [0, 0, 0]], atol=1e-4)
    ends = arrows[:3].sum(axis=1)
    assert ends.min() >= 0
    assert np.all(ends <= (9, 19, 19))


def test_colours_tell_groups_and_scores():
    particles = some_particles()
    by_group = colours(particles, "#ff0000", Look("group"))
    assert np.allclose(by_group[:3], transform_color(list(PALETTE[:3])))
    assert np.allclose(by_group[3], by_group[0])
    by_score = colours(particles, "#ff0000", Look("score"))
    assert len(np.unique(by_score, axis=0)) == 6
    unscored = Particles(np.zeros((2, 3)))
    assert np.allclose(colours(unscored, "#ff0000", Look("score")), NO_SCORE)


def test_jumping_to_a_particle_shows_its_slice_and_selects_it(shown, review):
    uid = review.sets[1].uid
    review.select(uid, 3)
    position = review.particles(uid).positions[2]
    assert shown.viewer.dims.point[0] == np.round(position[2])
    assert np.allclose(shown.viewer.scene.camera.center[1:], position[[1, 0]])
    assert review.selection.rows == [(uid, 3)]
    review.set_look(colour_by="score")
    assert review.selection.rows == [(uid, 3)]


def test_arrows_are_still_wanted_after_all_sets_were_gone(shown):
    session, review = shown.session, shown.review
    uid = session.add_particles("one", some_particles(), Step("manual"), "#ff0000")
    session.remove_particle_set(uid)
    assert not review.view.arrows.visible
    assert review.look.arrows
    shown.undo()
    assert review.view.arrows.visible
    # as a user does it in napari's list of layers
    review.view.arrows.visible = False
    assert not review.look.arrows
    session.remove_particle_set(uid)
    shown.undo()
    assert not review.view.arrows.visible


def test_of_very_many_only_those_near_a_slice_are_drawn(shown, review):
    session = shown.open_session
    rng = np.random.default_rng(0)
    shape = shown.tomogram.shape
    places = rng.uniform(0, np.array(shape[::-1]) - 1, (200 * min(shape), 3))
    uid = session.add_particles(
        "many",
        Particles(places, tomograms=[shown.tomogram_name] * len(places), box_size=24),
        Step("x"),
    )
    few = legible_reach(review._largest, len(places) + 10, min(shape))
    assert review.reach < review._largest
    assert review.reach == few == shown.viewer.dims.margin_left[0]
    assert "filter them" in review.crowded
    # with fewer, each is drawn wherever it reaches
    session.remove_particles(uid, session.particles(uid).ids[100:])
    assert review.reach == review._largest
    assert not review.crowded


@pytest.mark.parametrize(("count", "reach"), [(0, 12), (300, 12), (50_000, 2), (10**6, 1)])
def test_how_far_from_a_slice_so_many_are_drawn(count, reach):
    assert legible_reach(12.0, count, 256) == reach


def test_arrows_of_very_many_wait_until_scrolling_is_over(shown, review, monkeypatch):
    later = []
    shown.run = lambda function, done, failed=None: later.append(done)
    clock = iter(np.arange(0, 100, 0.1))
    monkeypatch.setattr(scrolling.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(Review, "crowded", "so many")
    assert review.view.arrows.visible
    shown.viewer.dims.set_point(0, 3)
    shown.viewer.dims.set_point(0, 4)
    assert not review.view.arrows.visible
    assert review.view.arrows_wanted
    later.pop()(None)
    assert not review.view.arrows.visible  # it has not rested for long enough
    next(clock), next(clock), next(clock)
    later.pop()(None)
    assert review.view.arrows.visible
    assert not later
