"""Template matching without a window: the template, searches, what is found, and what comes too late."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from fake_matching import SHAPE, SIZE, FakeMatching, a_map, a_tomogram
from later import Later
from napari_tomopick.errors import ParameterError
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers import matching_words as words
from napari_tomopick.layers.matching_results import PREVIEW_OF_MATCHES
from napari_tomopick.layers.matching_template import NO_TEMPLATE
from napari_tomopick.layers.review import PREVIEW
from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step


@pytest.fixture
def matched(workspace, tmp_path):
    """A workspace with three tomograms, one of another voxel size, and a template chosen."""
    for name, size in (("tomo", 10.0), ("other", 10.0), ("binned", 20.0)):
        workspace.session.add_tomogram(a_tomogram(tmp_path, name, size))
    workspace.open_tomogram("tomo")
    matching = workspace.matching
    matching.engine = FakeMatching()
    matching.open()
    matching.choice.choose(a_map(tmp_path / "crown.mrc"))
    matching.set_options(number=500, angle_step_degrees=15.0)
    yield workspace
    matching.close()


def places(particles):
    return set(map(tuple, particles.positions.tolist()))


# the template


def test_a_template_is_told_in_words(matched, tmp_path):
    matching = matched.matching
    assert matching.choice.chosen.symmetry == "C1"
    assert words.template(matching).startswith("16³ voxels of 10 Å; ⌀ ")
    assert words.search(matching).endswith("15° apart, then refined.")
    one = int(words.search(matching).split()[0])
    matching.choice.set_symmetry("c4")
    assert int(words.search(matching).split()[0]) == pytest.approx(one / 4, rel=0.05)
    assert words.own_box_size(matching) == f"{SIZE}"
    matching.choice.choose(a_map(tmp_path / "dark.mrc", inverted=True))
    assert words.template(matching).endswith(
        "The template is dark where it is dense: its contrast was inverted."
    )


def test_bad_input_changes_nothing(matched, tmp_path):
    matching = matched.matching
    before = matching.choice.chosen
    (tmp_path / "no.mrc").write_bytes(b"nothing")
    write_mrc(tmp_path / "small_mask.mrc", np.ones((8, 8, 8), np.float32), 10.0)
    write_mrc(tmp_path / "grey.mrc", np.ones((16, 16, 16), np.float32), 10.0)
    for begin, said in (
        (lambda: matching.choice.choose(tmp_path / "missing.mrc"), "missing.mrc"),
        (lambda: matching.choice.choose(tmp_path / "no.mrc"), "no.mrc"),
        (lambda: matching.choice.choose(tmp_path / "grey.mrc"), "one grey value"),
        (lambda: matching.choice.set_mask(tmp_path / "small_mask.mrc"), "the mask has the shape"),
        (lambda: matching.choice.set_symmetry("X9"), "X9"),
    ):
        with matched.reporting():
            begin()
        assert said in matched.trouble
        assert matching.choice.chosen is before
    with matched.reporting():
        matching.choice.choose(before.path)
    assert matched.trouble == ""


def test_a_mask_is_taken_and_left(matched, tmp_path):
    choice = matched.matching.choice
    ball = choice.chosen.template.diameter_angstrom
    mask = np.zeros((16, 16, 16), np.float32)
    mask[7:10, 4:13, 4:13] = 1.0
    write_mrc(tmp_path / "mask.mrc", mask, 10.0)
    choice.set_mask(tmp_path / "mask.mrc")
    assert not choice.chosen.template.spherical
    choice.set_symmetry("C2")
    assert choice.chosen.mask == tmp_path / "mask.mrc"
    choice.set_mask(None)
    assert choice.chosen.template.diameter_angstrom == ball
    assert choice.chosen.symmetry == "C2"


def test_results_of_the_project_are_offered_the_newest_first(matched, tmp_path):
    choice, session = matched.matching.choice, matched.session
    for name, kind, parameters in (
        ("old", "average", {}),
        ("new", "initial model", {"symmetry": "c12"}),
        ("boxes", "subtomograms", {}),
    ):
        session.add_result(kind, a_map(tmp_path / f"{name}.mrc"), Step("x", parameters))
    session.add_result("average", tmp_path / "gone.mrc", Step("x"))
    assert [o.path.stem for o in choice.offered()] == ["new", "old", "crown"]
    assert "initial model" in choice.offered()[0].text
    choice.choose(tmp_path / "new.mrc")
    assert choice.chosen.symmetry == "C12"
    # one that was matched with is offered when the project is opened again
    choice.choose(tmp_path / "crown.mrc")
    matched.matching.runs.match()
    choice.forget()
    assert [o.path.stem for o in choice.offered()] == ["new", "old", "crown"]


def test_without_a_template_nothing_begins(matched):
    matched.matching.choice.forget()
    assert words.template(matched.matching) == NO_TEMPLATE
    assert words.state(matched.matching) == ""
    for begin in (
        matched.matching.runs.preview,
        matched.matching.runs.match,
        matched.matching.runs.match_all,
    ):
        with pytest.raises(ParameterError, match="Choose a template"):
            begin()


def test_an_unknown_tilt_range_is_told(matched, tmp_path):
    assert words.wedge(matched.tomogram) == "Blue: measured by tilts of −60° to 60°, 67%."
    assert "not known" in words.wedge(a_tomogram(tmp_path, "unknown", tilts=None))


# searching, keeping


def test_a_match_is_one_edit_with_its_record(matched):
    matching, session = matched.matching, matched.session
    edits = []
    session.history_changed.connect(lambda: edits.append(session.undo_label))
    matching.set_options(group=3)
    matching.runs.match()
    assert len(edits) == 1
    [kept] = session.particle_sets()
    assert (kept.name, kept.count, kept.step.name) == ("crown", 12, "match")
    assert kept.step.parameters["threshold"] == 0.3
    assert kept.step.parameters["symmetry"] == "C1"
    assert kept.step.inputs[0] == "tomogram tomo"
    assert session.particles(kept.uid).groups.tolist() == [3] * 12
    assert matched.review.look.colour_by == "score"
    assert not matching.results.live
    assert words.state(matching) == "Kept 12 particles in 'crown'."
    matched.undo()
    assert session.particle_sets() == ()
    session.history_changed.disconnect()


def test_a_threshold_is_looked_at_and_then_kept(matched):
    matching, session = matched.matching, matched.session
    results = matching.results
    matching.runs.match()
    [kept] = session.particle_sets()
    scores = results.outcome.matched.found.scores
    edits = []
    session.history_changed.connect(lambda: edits.append(session.undo_label))
    for count in (3, 20, 7):
        results.set_threshold((scores[count - 1] + scores[count]) / 2)
        particles, _colour = matched.review.drawn[PREVIEW_OF_MATCHES]
        assert len(particles) == count
        # they stand for those kept, which are not drawn as well
        assert list(matched.review.drawn) == [PREVIEW_OF_MATCHES]
        assert words.count(matching).startswith(f"{count} of 72 candidates; ")
    assert edits == []
    assert session.particle_set(kept.uid).count == 12
    results.keep()
    assert len(edits) == 1
    assert session.particle_set(kept.uid).count == 7
    results.keep()
    assert len(edits) == 1
    matched.undo()
    assert session.particle_set(kept.uid).count == 12
    assert results.outcome.threshold == 0.3
    matched.redo()
    assert results.outcome.threshold == pytest.approx((scores[6] + scores[7]) / 2)
    session.history_changed.disconnect()


def test_chance_goes_with_the_threshold(matched):
    matching = matched.matching
    matching.runs.match()
    matching.results.set_threshold(0.05)
    low = matching.results.outcome.matched.false_positives(0.05)
    assert low == pytest.approx(100, rel=0.05)
    assert words.count(matching).endswith(f"by chance: {low:.1f}")
    matching.results.set_threshold(0.5)
    assert words.count(matching).endswith("by chance: < 0.01")
    matching.results.propose()
    assert matching.results.outcome.threshold == 0.3


def test_the_number_of_particles_acts_at_once(matched):
    matching = matched.matching
    matching.runs.match()
    matching.set_options(number=5)
    assert len(matched.review.drawn[PREVIEW_OF_MATCHES][0]) == 5
    assert "(as many as wanted)" in words.count(matching)
    matching.results.keep()
    [kept] = matched.session.particle_sets()
    assert (kept.count, kept.step.parameters["number"]) == (5, 5)
    matched.undo()
    assert matching.results.outcome.number == 500


def test_what_was_thrown_out_stays_out(matched):
    matching, session = matched.matching, matched.session
    matching.set_options(number=10)
    matching.runs.match()
    [kept] = session.particle_sets()
    particles = session.particles(kept.uid)
    best = particles.ids[np.argmax(particles.scores)]
    gone = tuple(particles.positions[np.argmax(particles.scores)].tolist())
    session.remove_particles(kept.uid, [best])
    matching.results.set_threshold(0.31)
    matching.results.keep()
    # the eleventh takes its place
    assert session.particle_set(kept.uid).count == 10
    assert gone not in places(session.particles(kept.uid))
    matching.results.set_threshold(0.32)
    assert gone not in places(matching.results.shown)
    # the same particles: no edit
    matching.results.keep()
    for _ in range(2):
        matched.undo()
    assert gone in places(session.particles(kept.uid))
    matching.results.set_threshold(0.33)
    assert gone in places(matching.results.shown)


def test_a_preview_is_only_looked_at(matched):
    matching, session = matched.matching, matched.session
    matched.viewer.dims.set_point(0, 20)
    matching.runs.preview()
    [(_name, options)] = matching.engine.calls
    around = 0.25 * matching.choice.template.diameter_angstrom / 10
    assert options["sections"] == (round(20 - around), round(20 + around))
    assert session.particle_sets() == ()
    assert len(matched.review.drawn[PREVIEW_OF_MATCHES][0]) == 12
    assert words.state(matching).endswith("12 particles, not kept yet.")
    # it comes back with its tomogram
    matched.open_tomogram("other")
    assert matched.review.drawn == {}
    matched.open_tomogram("tomo")
    assert len(matched.review.drawn[PREVIEW_OF_MATCHES][0]) == 12
    # a particle thrown out of it is gone
    matched.review.delete_particles({PREVIEW_OF_MATCHES: [1]})
    assert len(matching.results.shown) == 11
    assert matching.results.keep() == 11
    assert session.particle_sets()[0].count == 11
    assert matching.results.outcome is None


def test_a_preview_is_dropped(matched):
    matching = matched.matching
    matching.runs.match()
    whole = matching.results.outcome
    matching.runs.preview()
    assert matching.results.previewing
    matching.results.drop_preview()
    assert matching.results.outcome is whole
    assert not matching.results.live
    matching.results.set_threshold(0.4)
    assert list(matched.review.drawn) == [PREVIEW_OF_MATCHES]


def test_a_preview_that_is_kept_leaves_other_sections_alone(matched):
    matching, session = matched.matching, matched.session
    matching.runs.match()
    [kept] = session.particle_sets()
    before = session.particles(kept.uid)
    matched.viewer.dims.set_point(0, 10)
    matching.runs.preview()
    low, high = matching.results.outcome.sections
    # while it is looked at, those in the other sections are seen, too
    assert set(matched.review.drawn) == {kept.uid, PREVIEW_OF_MATCHES}
    found = places(matching.results.shown)
    matching.results.keep()
    z = before.positions[:, 2]
    outside = places(before.select((z < low - 0.5) | (z > high + 0.5)))
    assert 0 < len(outside) < 12
    assert places(session.particles(kept.uid)) == outside | found
    assert session.undo_label == f"Pick {len(outside | found)} particles"


def test_a_preview_stays_within_the_tomogram(matched):
    runs = matched.matching.runs
    matched.viewer.dims.set_point(0, 0)
    assert runs.previewed_sections(matched.tomogram)[0] == 0
    matched.viewer.dims.set_point(0, SHAPE[0] - 1)
    assert runs.previewed_sections(matched.tomogram)[1] == SHAPE[0] - 1


def test_names_of_other_sets_are_not_taken(matched):
    matching, session = matched.matching, matched.session
    particles = Particles(np.full((2, 3), 9.0), tomograms=["tomo"] * 2, voxel_size_angstrom=10.0)
    session.add_particles("crown", particles, Step("manual"))
    matching.runs.match()
    matching.results.set_threshold(0.5)
    matching.results.keep()
    assert [s.name for s in session.particle_sets()] == ["crown", "crown 2"]
    matching.set_label("mine")
    matching.runs.match()
    assert [s.name for s in session.particle_sets()] == ["crown", "crown 2", "mine"]


def test_nothing_above_the_threshold_makes_no_set(matched):
    matching = matched.matching
    matching.engine.particles = 0
    matching.runs.match()
    assert matched.session.particle_sets() == ()
    assert words.state(matching).startswith("No score reaches the threshold of 0.300; the best is 0.1")
    with pytest.raises(ParameterError, match="lower the threshold"):
        matching.results.keep()


# several tomograms


def test_all_tomograms_of_this_voxel_size(matched):
    matching, session = matched.matching, matched.session
    matching.runs.match_all()
    assert [name for name, _ in matching.engine.calls] == ["tomo", "other"]
    [kept] = session.particle_sets()
    assert (kept.tomograms, kept.count) == (("tomo", "other"), 24)
    assert matching.runs.message == "Kept 24 particles in 2 tomograms.\n1 of another voxel size left out"
    with pytest.raises(ParameterError, match="do not skip"):
        matching.runs.match_all()
    matching.runs.skip_done = False
    matching.runs.match_all()
    assert len(matching.engine.calls) == 4
    # the other one has its candidates still
    matched.open_tomogram("other")
    matching.results.set_threshold(0.99)
    assert len(matched.review.drawn[PREVIEW_OF_MATCHES][0]) == 0


def test_undo_brings_thresholds_back_in_each_tomogram(matched):
    matching, session = matched.matching, matched.session
    matching.runs.match_all()
    [kept] = session.particle_sets()
    scores = matching.results.outcome.matched.found.scores
    few, more = (scores[4] + scores[5]) / 2, (scores[15] + scores[16]) / 2
    gone = session.particles(kept.uid, "tomo").ids[0]
    session.remove_particles(kept.uid, [gone])
    for threshold in (few, more):
        matching.results.set_threshold(threshold)
        matching.results.keep()
    told = []
    for act in (*[matched.undo] * 3, *[matched.redo] * 3):
        act()
        outcome = matching.results.outcome
        told.append((outcome.threshold, len(outcome.rejected)))
        assert len(outcome.particles()) == len(session.particles(kept.uid, "tomo"))
    assert told == [(few, 1), (0.3, 1), (0.3, 0), (0.3, 1), (few, 1), (more, 1)]
    # what was kept where nobody looked can be weeded out as well
    matched.open_tomogram("other")
    other = session.particles(kept.uid, "other")
    session.remove_particles(kept.uid, [other.ids[0]])
    matching.results.set_threshold(0.2)
    assert len(matching.results.shown) == 11


def test_what_another_search_has_kept_is_no_rejection(matched):
    matching = matched.matching
    matching.runs.match()
    matching.engine.others = 61
    matching.runs.match()
    matched.undo()
    assert matching.results.outcome.rejected == frozenset()
    matched.undo()
    assert matching.results.outcome.rejected == frozenset()
    matching.results.set_threshold(0.2)
    assert len(matching.results.shown) == 12


def test_one_that_fails_does_not_keep_the_others(matched):
    matching = matched.matching
    matching.engine.fails["tomo"] = ParameterError("tomo: too small")
    matching.runs.match_all()
    assert matched.session.particle_sets()[0].tomograms == ("other",)
    assert "tomo: tomo: too small" in matching.runs.message
    matching.runs.match()
    assert matched.trouble == "tomo: too small"


def test_what_is_found_belongs_to_the_tomogram_that_was_searched(matched):
    matching = matched.matching
    matched.run_long = waiting = Later()
    matching.runs.match()
    matched.open_tomogram("other")
    waiting.go_on()
    [kept] = matched.session.particle_sets()
    assert kept.tomograms == ("tomo",)
    assert matched.review.drawn == {}
    assert matching.results.outcome is None
    matched.open_tomogram("tomo")
    assert matching.results.outcome is not None
    assert list(matched.review.drawn) == [kept.uid]


def test_a_search_goes_on_when_nobody_looks(matched):
    matching = matched.matching
    matched.run_long = waiting = Later()
    matching.runs.match()
    matching.runs.background.pause()
    matching.close()
    assert not matching.runs.background.paused
    waiting.go_on()
    assert matched.session.particle_sets()[0].count == 12
    assert PREVIEW_OF_MATCHES not in matched.review.drawn
    # no more listen than where there was never a search
    assert len(matched.session_changed) == len(workspace_for(ViewerModel()).session_changed)
    matching.open()
    assert matching.results.outcome is not None


@pytest.mark.parametrize("opened", [True, False])
def test_another_project_gets_nothing_of_it(matched, tmp_path, opened):
    matching = matched.matching
    matched.run_long = waiting = Later()
    if not opened:
        matching.close()
    matching.runs.match()
    matched.create_project(tmp_path / "next.tomopick")
    if opened:
        assert not matching.runs.background.running
        assert matching.choice.chosen is None
    waiting.go_on()
    assert not matching.runs.background.running
    assert matched.session.particle_sets() == ()


def test_a_search_that_was_stopped_changes_nothing(matched):
    matching = matched.matching
    matched.run_long = waiting = Later()
    matching.runs.match()
    assert matching.stop()
    assert matching.runs.message == "Stopped: matching crown in tomo."
    waiting.go_on()
    assert matched.session.particle_sets() == ()
    assert not matching.stop()


# what is drawn


def test_the_score_map_lies_where_it_was_searched(matched):
    matching = matched.matching
    matching.runs.match()
    matching.results.map.want(True)
    layer = matching.results.map.layer
    found = matching.results.outcome.matched.found
    voxel = np.array([3.0, 5, 7])
    world = layer.data_to_world(voxel)
    np.testing.assert_allclose(np.asarray(world)[::-1], found.grid.to_tomogram(voxel[None, ::-1])[0])
    # a threshold draws no new one, and it goes with its tomogram
    matching.results.set_threshold(0.4)
    assert matching.results.map.layer is layer
    matched.open_tomogram("other")
    assert layer not in matched.viewer.layers
    matching.results.map.want(False)


def test_the_map_of_some_sections_begins_with_them(matched):
    matching = matched.matching
    matched.viewer.dims.set_point(0, 38)
    matching.runs.preview()
    matching.results.map.want(True)
    outcome = matching.results.outcome
    diameter = matching.choice.template.diameter_angstrom / 10
    first = outcome.sections[0] - int(np.ceil(diameter))
    assert outcome.matched.first_section == first > 0
    assert matching.results.map.layer.translate[0] == pytest.approx(0.5 + first)


def test_two_previews_do_not_disturb_each_other(matched):
    review = matched.review
    one, two = (
        Particles(np.full((n, 3), 9.0 + n), tomograms=["tomo"] * n, voxel_size_angstrom=10.0) for n in (1, 2)
    )
    deleted = []
    review.preview_deleted["mine"] = deleted.append
    review.preview(one, "#ffffff")
    review.preview(two, "#ffffff", uid="mine")
    assert {uid: len(p) for uid, (p, _) in review.drawn.items()} == {PREVIEW: 1, "mine": 2}
    review.delete_particles({"mine": [2]})
    assert deleted == [[2]]
    review.preview(None)
    assert list(review.drawn) == ["mine"]
    review.preview(None, uid="mine")
    del review.preview_deleted["mine"]
