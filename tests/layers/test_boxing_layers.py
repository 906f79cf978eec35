"""Boxing without a window: references by click, what they lead to at once, and what is kept of it."""

from __future__ import annotations

import numpy as np
import pytest

from fake_engine import FakeEngine, planted
from napari_tomopick.errors import ModelError, ParameterError
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers.boxing import NOTHING_HERE
from napari_tomopick.layers.boxing_picks import TOUCHING
from napari_tomopick.layers.review import PREVIEW
from napari_tomopick.layers.schemes import Scheme
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import ModelType

SHAPE = (40, 60, 80)
EMPTY_PLACE = (3.0, 3.0, 3.0)


@pytest.fixture
def balls():
    return planted()[1]


@pytest.fixture
def boxed(workspace, tmp_path, monkeypatch):
    """A workspace that boxes balls, in the first of two tomograms."""
    for seed, name in enumerate(("tomo", "other")):
        write_mrc(tmp_path / f"{name}.mrc", planted(seed=seed)[0], 10.0)
        workspace.session.add_tomogram(Tomogram(name, tmp_path / f"{name}.mrc", SHAPE, 10.0))
    workspace.open_tomogram("tomo")
    workspace.boxing.engine = FakeEngine()
    workspace.boxing.set_sizes(box_size=16)
    workspace.boxing.open()
    yield workspace
    workspace.boxing.close()


@pytest.fixture
def shown(boxed):
    """What the fixtures for clicks and keys work on."""
    return boxed


def teach(boxed, balls, positive=2, negative=1):
    for ball in balls[:positive]:
        boxed.boxing.refer_at(ball, "positive")
    for x in range(negative):
        boxed.boxing.refer_at([5 + 12 * x, 2, 2], "negative")


def to_slice(workspace, z):
    workspace.viewer.dims.set_point(0, int(z))


def points(workspace, role):
    model = workspace.boxing.model(role)
    return [] if model is None else model.points.tolist()


@pytest.mark.parametrize("scheme", Scheme)
def test_clicks_are_references_in_all_schemes(boxed, click, scheme):
    boxed.controls.set_scheme(scheme)
    to_slice(boxed, 5)
    click((5, 20, 30))
    click((5, 20, 50), modifiers=("Control",))
    assert points(boxed, "positive") == [[30, 20, 5]]
    assert points(boxed, "negative") == [[50, 20, 5]]
    boxed.boxing.set_role("negative")
    click((5, 40, 30))
    assert len(points(boxed, "negative")) == 2
    # Shift takes away what is under the mouse, also off its slice, within the box
    to_slice(boxed, 8)
    click((8, 22, 31), modifiers=("Shift",))
    assert points(boxed, "positive") == []
    assert boxed.session.undo_label == "Remove reference"
    boxed.undo()
    assert points(boxed, "positive") == [[30, 20, 5]]


@pytest.mark.parametrize("scheme", Scheme)
def test_looking_changes_nothing(boxed, click, scheme):
    boxed.controls.set_scheme(scheme)
    boxed.boxing.set_role(None)
    assert not boxed.boxing.on
    to_slice(boxed, 5)
    before = boxed.session.undo_label
    click((5, 20, 50), modifiers=("Control",))
    if scheme is not Scheme.EMAN2:
        click((5, 20, 30))
    assert boxed.session.undo_label == before
    assert boxed.boxing.models() == ()


def test_other_modes_end_it_and_a_key_goes_on(boxed, press, click):
    to_slice(boxed, 5)
    click((5, 20, 30))
    press("2", at=(5, 30, 30))
    assert not boxed.boxing.on
    assert boxed.picking.mode == "add"
    press("5", at=(5, 30, 30))
    assert boxed.boxing.on
    press("C", at=(5, 40, 60))
    assert points(boxed, "positive") == [[30, 20, 5], [60, 40, 5]]
    press("Delete", at=(5, 40, 60))
    assert points(boxed, "positive") == [[30, 20, 5]]


def test_the_key_wants_the_dock(boxed, press):
    boxed.boxing.close()
    press("5", at=(5, 30, 30))
    assert "Boxing dock open" in boxed.trouble
    assert boxed.picking.mode == "pan_zoom"


def test_a_drag_moves_a_reference_in_the_habit_of_eman2(boxed, click):
    boxed.controls.set_scheme(Scheme.EMAN2)
    to_slice(boxed, 5)
    click((5, 20, 30), to=(5, 20, 60))
    assert points(boxed, "positive") == [[60, 20, 5]]
    click((5, 20, 60), to=(5, 40, 60))
    assert points(boxed, "positive") == [[60, 40, 5]]


def test_models_by_hand_are_left_alone(boxed, click):
    uid = boxed.picking.add_model(ModelType.GENERAL, "by hand", box_size=8)
    boxed.boxing.set_role("positive")
    boxed.session.add_points(uid, [[30, 20, 5]], [5])
    to_slice(boxed, 5)
    click((5, 20, 30), modifiers=("Shift",))
    assert boxed.trouble == NOTHING_HERE
    assert len(boxed.session.model(uid)) == 1
    click((5, 20, 30))
    assert points(boxed, "positive") == [[30, 20, 5]]
    assert boxed.picking.active.name == "particles +"


def test_outside_is_said(boxed):
    with pytest.raises(ModelError, match="outside the tomogram"):
        boxed.boxing.refer(None)
    boxed.show_3d(True)
    with pytest.raises(ModelError, match="2D"):
        boxed.boxing.refer(None)
    boxed.show_3d(False)


def test_a_place_says_one_thing_only(boxed):
    boxing = boxed.boxing
    boxing.refer_at([30, 20, 5], "positive")
    boxing.refer_at([31, 20, 5], "positive")
    assert points(boxed, "positive") == [[30, 20, 5]]
    boxing.refer_at([31, 20, 5], "negative")
    assert (points(boxed, "positive"), points(boxed, "negative")) == ([], [[31, 20, 5]])
    boxed.undo()
    assert (points(boxed, "positive"), points(boxed, "negative")) == ([[30, 20, 5]], [])


def test_learning_begins_with_one_of_each(boxed, balls):
    boxing, engine = boxed.boxing, boxed.boxing.engine
    teach(boxed, balls, negative=0)
    assert engine.calls == []
    assert boxing.picks.shown is None
    teach(boxed, balls, positive=0)
    assert engine.calls == ["prepare tomo", "learn", "score"]
    found = boxing.picks.shown
    assert boxing.picks.live
    assert boxed.review.drawn[PREVIEW][0] is found
    near = np.linalg.norm(found.positions[:, None] - balls[None], axis=2).min(axis=0)
    assert (near < 3).all()
    assert (np.diff(found.scores) <= 0).all()
    assert found.box_size == 16
    assert boxed.session.particle_sets() == ()
    boxed.undo()
    assert boxing.picks.shown is None
    assert PREVIEW not in boxed.review.drawn


def test_a_tomogram_is_prepared_once(boxed, balls):
    engine = boxed.boxing.engine
    boxed.boxing.set_sizes(particle_size=10.0)
    teach(boxed, balls, positive=8, negative=2)
    assert engine.calls.count("prepare tomo") == 1
    assert engine.calls.count("learn") == 2
    boxed.open_tomogram("other")
    # what is known of the first helps in the second
    assert engine.calls[-3:] == ["prepare other", "learn", "score"]
    assert boxed.boxing.picks.shown is not None
    boxed.boxing.set_sizes(particle_size=12.0)
    assert engine.calls[-4:] == ["prepare tomo", "prepare other", "learn", "score"]


def test_what_is_seen_is_what_is_kept(boxed, balls):
    picks = boxed.boxing.picks
    teach(boxed, balls)
    seen = picks.shown
    picks.set_cutoffs(threshold=0.6)
    assert len(picks.shown) == len(seen)
    picks.set_cutoffs(threshold=float(seen.scores[7:9].mean()))
    fewer = picks.shown
    assert len(fewer) == 8
    assert boxed.session.particle_sets() == ()
    picks.keep()
    assert not picks.live
    [kept] = boxed.session.particle_sets()
    assert (kept.name, kept.count, kept.box_size) == ("particles", len(fewer), 16)
    assert kept.step.name == "pick"
    assert kept.step.parameters["threshold"] == picks.threshold
    assert kept.step.parameters["stage"] == "instant"
    assert (kept.step.parameters["positive"], kept.step.parameters["negative"]) == (2, 1)
    np.testing.assert_array_equal(picks.shown.positions, fewer.positions)
    np.testing.assert_array_equal(picks.shown.scores, fewer.scores)
    label = boxed.session.undo_label
    # nothing changed, no edit
    picks.set_cutoffs(threshold=picks.threshold + 1e-9)
    picks.keep()
    assert boxed.session.undo_label == label
    picks.set_cutoffs(maximum=3)
    assert len(boxed.review.drawn[PREVIEW][0]) == 3
    assert kept.uid not in boxed.review.drawn
    picks.keep()
    assert boxed.session.particle_set(kept.uid).count == 3
    boxed.undo()
    assert boxed.session.particle_set(kept.uid).count == len(fewer)
    # the sliders stand where they stood
    assert picks.cutoffs.maximum is None
    boxed.redo()
    assert picks.cutoffs.maximum == 3


def test_the_distance_is_that_of_the_step():
    from napari_tomopick.protocols.pick import APART

    assert APART == TOUCHING


def test_cut_offs_that_make_no_sense(boxed):
    for wrong in ({"threshold": 1.5}, {"distance": -1.0}, {"maximum": 0}):
        with pytest.raises(ParameterError):
            boxed.boxing.picks.set_cutoffs(**wrong)
    with pytest.raises(ParameterError, match="2 to 4096"):
        boxed.boxing.set_sizes(box_size=1)
    with pytest.raises(ParameterError, match="no particles to keep"):
        boxed.boxing.picks.keep()


def test_nothing_found_is_said(boxed, balls):
    teach(boxed, balls)
    boxed.boxing.picks.set_cutoffs(threshold=1.0)
    with pytest.raises(ParameterError, match="lower it"):
        boxed.boxing.picks.keep()
    assert boxed.session.particle_sets() == ()


def test_what_is_thrown_out_stays_out(boxed, balls):
    picks = boxed.boxing.picks
    teach(boxed, balls)
    first = picks.shown
    picks.delete([int(first.ids[0])])
    assert boxed.session.particle_sets()[0].count == len(first) - 1
    picks.set_cutoffs(threshold=0.4)
    assert not (picks.shown.positions == first.positions[0]).all(axis=1).any()
    picks.keep()
    # also after something new was learned
    boxed.boxing.refer_at([60, 2, 2], "negative")
    away = np.linalg.norm(picks.shown.positions - first.positions[0], axis=1)
    assert away.min() > 5
    # unless it is called one
    boxed.boxing.refer_at(first.positions[0], "positive")
    assert np.linalg.norm(picks.shown.positions - first.positions[0], axis=1).min() < 1


def test_cutting_off_the_worst_raises_the_threshold(boxed, balls):
    picks = boxed.boxing.picks
    teach(boxed, balls)
    before = picks.shown
    picks.delete_from(int(before.ids[4]))
    assert len(picks.shown) == 4
    assert before.scores[4] < picks.threshold < before.scores[3]
    assert picks.kept is not None
    picks.set_cutoffs(threshold=None)
    assert len(picks.shown) == len(before)


def test_a_particle_goes_with_a_click_in_the_slice(boxed, balls, click):
    picks = boxed.boxing.picks
    teach(boxed, balls)
    before = picks.shown
    x, y, z = before.positions[0]
    to_slice(boxed, z)
    click((z, y, x), modifiers=("Shift",))
    assert len(picks.shown) == len(before) - 1
    assert boxed.session.undo_label.startswith("Add particles")


def test_kinds_of_particles_are_apart(boxed, balls):
    boxing = boxed.boxing
    teach(boxed, balls)
    boxing.picks.keep()
    boxing.set_label("other kind")
    assert (boxing.count("positive"), boxing.picks.shown) == (0, None)
    assert boxing.sizes.box_size == 16
    boxing.set_sizes(box_size=24, group=2)
    teach(boxed, balls[2:])
    boxing.picks.keep()
    assert [(s.name, s.box_size) for s in boxed.session.particle_sets()] == [
        ("particles", 16),
        ("other kind", 24),
    ]
    assert boxing.labels == ("particles", "other kind")
    boxing.rename_label("proteasomes")
    assert [s.name for s in boxed.session.particle_sets()] == ["particles", "proteasomes"]
    assert boxing.picks.kept is not None
    boxing.set_label("particles")
    assert (boxing.count("positive"), boxing.sizes.box_size, boxing.sizes.group) == (2, 16, 1)
    with pytest.raises(ParameterError, match="needs a name"):
        boxing.set_label(" ")


def test_the_group_and_the_box_reach_the_particles(boxed, balls):
    boxing = boxed.boxing
    teach(boxed, balls)
    boxing.picks.keep()
    boxing.set_sizes(group=7, box_size=20)
    kept = boxing.picks.kept
    assert set(kept.groups.tolist()) == {7}
    assert kept.box_size == 20
    assert boxed.session.undo_label == "Change the sizes of 'particles'"
    assert boxed.picking.view.points.size.max() == 20


def test_scores_as_an_image(boxed, balls):
    picks, layers = boxed.boxing.picks, boxed.viewer.layers
    teach(boxed, balls)
    assert "particle scores" not in layers
    picks.map.want(True)
    assert layers.index("particle scores") == 1
    assert layers.selection.active is boxed.picking.view.points
    boxed.boxing.refer_at(balls[5], "positive")
    assert layers.index("particle scores") == 1
    picks.map.want(False)
    assert "particle scores" not in layers
    picks.map.want(True)
    boxed.open_tomogram("other")
    assert layers.index("particle scores") == 1
    boxed.close_tomogram()
    assert list(layers) == []


def test_suggestions_are_not_what_is_known(boxed, balls):
    assert len(boxed.boxing.picks.suggestions()[0]) == 0
    teach(boxed, balls)
    places, scores = boxed.boxing.picks.suggestions(3)
    assert 0 < len(places) <= 3
    assert (np.diff(np.abs(scores - 0.5)) >= 0).all()
    away = np.linalg.norm(places[:, None] - balls[None, :2], axis=2)
    assert away.min() >= 10


def test_a_dock_that_is_closed_leaves_nothing_running_or_drawn(boxed, balls):
    teach(boxed, balls)
    boxed.boxing.picks.map.want(True)
    boxed.boxing.close()
    assert PREVIEW not in boxed.review.drawn
    assert "particle scores" not in boxed.viewer.layers
    assert boxed.picking.mode == "pan_zoom"
    boxed.boxing.refer_at([40, 40, 5], "negative")
    assert PREVIEW not in boxed.review.drawn
    boxed.boxing.open()
    assert boxed.boxing.picks.shown is not None


def test_kept_particles_are_not_hidden_by_what_is_learned_on_opening(boxed, balls):
    teach(boxed, balls)
    picks = boxed.boxing.picks
    picks.set_cutoffs(maximum=4)
    picks.keep()
    boxed.open_tomogram("other")
    assert picks.live
    boxed.open_tomogram("tomo")
    assert not picks.live
    assert len(picks.shown) == 4
    # and the sliders go on from there
    picks.set_cutoffs(maximum=6)
    assert len(picks.shown) == 6
