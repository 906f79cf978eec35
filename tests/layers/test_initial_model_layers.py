"""The initial model without a window: what is offered, seen, kept, cancelled, refused and drawn."""

from __future__ import annotations

from functools import cache
from shutil import copytree

import numpy as np
import pytest
from napari.layers import Surface
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import Cancelled, ParameterError, ProjectError
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers import initial_model_plots as plots
from napari_tomopick.layers import initial_model_words as words
from napari_tomopick.layers.initial_model_look import Look
from napari_tomopick.layers.initial_model_pictures import (
    central_sections,
    on_hemisphere,
    solid,
    surface_level,
)
from napari_tomopick.layers.initial_model_surface import triangles
from napari_tomopick.layers.initial_model_time import Stretch, TimeLeft, in_words
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.protocols.extract import extract
from stand_in_model import SIZE, StandIn, ball, state


class Waiting:
    """A runner whose work is done when the test says so."""

    def __init__(self):
        self.jobs = []

    def __call__(self, function, done, failed):
        self.jobs.append((function, done, failed))

    def finish(self, between=lambda: None):
        function, done, failed = self.jobs.pop(0)
        try:
            result = function()
        except Exception as error:
            between()
            failed(error)
        else:
            between()
            done(result)


@pytest.fixture(scope="module")
def extracted(tmp_path_factory):
    """``extracted(count, tilts)``: a folder of boxes of 16 voxels, made once."""
    home = tmp_path_factory.mktemp("boxes")

    @cache
    def extracted(count, tilts):
        volume = np.random.default_rng(0).normal(size=(40, 60, 80)).astype(np.float32)
        write_mrc(home / "tomo.mrc", volume, 10.0)
        known = Tomogram(
            "tomo", home / "tomo.mrc", volume.shape, 10.0, acquisition=Acquisition(*(tilts or (None, None)))
        )
        places = np.random.default_rng(0).uniform(12, 28, (count, 3))
        particles = Particles(places, tomograms=["tomo"] * count, voxel_size_angstrom=10.0)
        return extract(particles, [known], home / f"{count} {tilts}", box_size=16).folder

    return extracted


@pytest.fixture
def cut(extracted):
    """``cut(session, folder)``: put boxes into a folder, and record that they were extracted."""

    def cut(session, folder, count=5, tilts=(-60.0, 60.0)):
        copytree(extracted(count, tilts), folder)
        session.add_result("subtomograms", folder, Step("extract"))

    return cut


@pytest.fixture
def sets(shown, tmp_path, cut):
    """A workspace with two extracted sets, of which the second has no tilt range."""
    cut(shown.session, tmp_path / "old subtomograms")
    cut(shown.session, tmp_path / "new subtomograms", 3, tilts=None)
    return shown


@pytest.fixture
def modelling(sets, tmp_path):
    """Ready to run, with the stand-in for the protocol."""
    found = sets.initial_model
    found.make = StandIn()
    found.choose(tmp_path / "old subtomograms")
    return found


# what it is made from


def test_the_newest_set_is_offered_first_and_what_is_gone_is_not(sets, tmp_path):
    assert [name for name, _ in sets.initial_model.sets] == ["new subtomograms", "old subtomograms"]
    (tmp_path / "new subtomograms").rename(tmp_path / "elsewhere")
    assert [name for name, _ in sets.initial_model.sets] == ["old subtomograms"]


def test_sets_of_one_name_are_told_apart(sets, tmp_path, cut):
    (tmp_path / "b").mkdir()
    cut(sets.session, tmp_path / "b" / "old subtomograms")
    names = [name for name, _ in sets.initial_model.sets]
    assert names[0] == "b/old subtomograms"
    assert names[2] == f"{tmp_path.name}/old subtomograms"


def test_what_a_set_is_and_lacks_is_said(sets, tmp_path):
    modelling = sets.initial_model
    modelling.choose(tmp_path / "old subtomograms")
    assert modelling.about.splitlines() == [
        "5 subtomograms of 16 voxels of 10 Å (16 nm), tilts −60° to 60°.",
        "50 or more would be better.",
    ]
    modelling.choose(tmp_path / "new subtomograms")
    assert "The tilt range of tomo is not known" in modelling.about
    assert "Too few" in modelling.about
    modelling.choose(tmp_path)
    assert "no folder of subtomograms" in modelling.about
    assert modelling.message == ""


def test_what_is_read_too_late_of_another_set_is_not_said(sets, tmp_path):
    modelling, sets.run = sets.initial_model, Waiting()
    modelling.choose(tmp_path / "old subtomograms")
    modelling.choose(tmp_path / "new subtomograms")
    sets.run.finish()
    assert modelling.about == ""
    sets.run.finish()
    assert modelling.about.startswith("3 ")


def test_a_free_name_is_suggested_beside_the_project(modelling, tmp_path):
    assert modelling.suggested_output() == tmp_path / "old initial model.mrc"
    (tmp_path / "old initial model.mrc").touch()
    assert modelling.suggested_output() == tmp_path / "old initial model 2.mrc"
    modelling.choose(None)
    assert modelling.suggested_output() is None


# refusals


def test_without_a_project_or_subtomograms_nothing_begins(workspace, tmp_path):
    modelling = workspace.initial_model
    modelling.make = StandIn()
    with pytest.raises(ParameterError, match="extract some in the Steps dock"):
        modelling.start(tmp_path / "m.mrc", {})
    assert modelling.failed
    workspace.close_project()
    assert modelling.sets == ()
    assert modelling.state == words.NO_PROJECT
    with pytest.raises(ProjectError):
        modelling.start(tmp_path / "m.mrc", {})
    assert modelling.make.calls == []


def test_an_unknown_tilt_range_is_asked_for_where_it_can_be_given(modelling, tmp_path):
    modelling.choose(tmp_path / "new subtomograms")
    with pytest.raises(ParameterError, match="Advanced"):
        modelling.start(tmp_path / "m.mrc", {"tilt_range_degrees": None})
    assert modelling.message.startswith("Not done: new subtomograms: the tilt range of tomo")
    modelling.start(tmp_path / "m.mrc", {"tilt_range_degrees": (-60.0, 60.0)})
    assert not modelling.failed
    assert len(modelling.make.calls) == 1


def test_the_protocols_own_refusals_are_said_and_change_nothing(sets, tmp_path):
    modelling = sets.initial_model
    modelling.choose(tmp_path / "old subtomograms")
    edits = sets.session.undo_label
    modelling.start(tmp_path / "m.mrc", {"shrink": 3.0})
    assert modelling.message.startswith("Not done: ")
    assert "even" in modelling.message
    assert modelling.message.removeprefix("Not done: ") == sets.trouble
    assert (modelling.running, modelling.failed) == (False, True)
    assert modelling.shown is None
    assert sets.session.undo_label == edits
    assert not (tmp_path / "m.mrc").exists()


def test_a_defect_is_let_through(modelling, tmp_path):
    modelling.make.error = ZeroDivisionError("defect")
    with pytest.raises(ZeroDivisionError):
        modelling.start(tmp_path / "m.mrc", {})
    assert not modelling.running


# running


def test_a_model_is_made_and_recorded_as_one_edit(modelling, tmp_path):
    work = modelling.workspace
    seen = []
    modelling.changed.connect(lambda: seen.append(modelling.running))
    modelling.start(tmp_path / "m.mrc", {"starts": 2})
    assert seen[0]
    assert not seen[-1]
    made = [r.path.name for r in work.session.results() if r.kind == "initial model"]
    assert made == ["m.mrc", "m_class2.mrc"]
    assert modelling.path == tmp_path / "m.mrc"
    assert modelling.message == "Kept as m.mrc and 1 more; what belongs to it lies beside.\nAssumed."
    assert modelling.state == "From 4 subtomograms; its halves agree to 40.7 Å (FSC 0.143), 57.1 Å (0.5)."
    look = modelling.shown
    assert look.count == 2
    assert [look.members(n) for n in range(2)] == [4, 1]
    modelling.show_class(1)
    assert modelling.path == tmp_path / "m_class2.mrc"
    assert modelling.state.startswith("From 1 subtomogram; its halves do not agree")


def test_what_is_seen_while_it_grows(modelling, tmp_path):
    modelling.workspace.run_long = waiting = Waiting()
    now = [0.0]
    modelling.clock = lambda: now[0]
    modelling.start(tmp_path / "m.mrc", {"starts": 3})
    assert modelling.running
    assert modelling.state == "Reading the subtomograms …"
    told = []

    def watch(tell, number):
        before = modelling.look
        now[0] += 0.5
        tell(number)
        told.append((modelling.look is not before, modelling.progress, modelling.state))

    modelling.make.watch = watch
    waiting.finish()
    new, progress, states = zip(*told, strict=True)
    # half a second apart: each other one, and the first of the refinement
    assert new == (True, False, True, False, True, False)
    assert progress[0] == (1, 6, "searching")
    assert progress[-1][2] == "refining: a few seconds left"
    assert states[0] == "Start 2 of 3 is ahead. Aligned so far: 4 subtomograms."
    assert states[-1].startswith("Refining the best start in two halves; its halves agree to ")


def test_cancelling_keeps_the_best_so_far(modelling, tmp_path):
    modelling.workspace.run_long = waiting = Waiting()
    modelling.start(tmp_path / "m.mrc", {})
    modelling.make.watch = lambda tell, number: (tell(number), modelling.cancel())
    during = []
    waiting.finish(between=lambda: during.append((modelling.progress[2], modelling.background.concluding)))
    assert during == [("stopping: what was found is written …", True)]
    assert modelling.finished
    assert modelling.path.exists()
    assert not modelling.cancel()
    assert "It was stopped early." in modelling.message


def test_cancelled_before_there_is_anything_changes_nothing(modelling, tmp_path):
    modelling.make.error = Cancelled("stopped before there was a model to keep")
    modelling.start(tmp_path / "m.mrc", {})
    assert modelling.message == "Stopped before there was a model; nothing was changed."
    assert (modelling.failed, modelling.path, modelling.shown) == (False, None, None)


def test_what_there_was_before_is_seen_again_when_nothing_came_of_another(modelling, tmp_path):
    modelling.start(tmp_path / "m.mrc", {})
    modelling.make.error = ParameterError("too small")
    modelling.start(tmp_path / "n.mrc", {})
    assert modelling.message == "Not done: too small"
    modelling.recall()
    assert modelling.path == tmp_path / "m.mrc"


def test_another_project_ends_it_and_keeps_nothing(modelling, tmp_path):
    work = modelling.workspace
    listening = len(work.session_changed)
    work.run_long = waiting = Waiting()
    modelling.start(tmp_path / "m.mrc", {})

    def watch(tell, number):
        tell(number)
        if number == 1:
            work.create_project(tmp_path / "other.tomopick")

    modelling.make.watch = watch
    waiting.finish()
    assert not modelling.running
    assert work.session.results() == ()
    assert not (tmp_path / "m.mrc").exists()
    assert (modelling.shown, modelling.path) == (None, None)
    assert "nothing was changed" in modelling.message
    assert len(work.session_changed) == listening


def test_a_model_of_another_project_is_not_shown(modelling, tmp_path):
    modelling.start(tmp_path / "m.mrc", {})
    assert modelling.shown is not None
    modelling.workspace.create_project(tmp_path / "other.tomopick")
    assert (modelling.shown, modelling.path) == (None, None)
    assert modelling.state == words.NOTHING_YET
    assert modelling.message == ""


def test_a_record_that_is_refused_is_said(modelling, tmp_path):
    modelling.make.refuse_record = True
    modelling.start(tmp_path / "m.mrc", {})
    assert modelling.message == "Not done: it is locked"


# time left


def test_time_left_goes_by_the_pace_of_each_stretch():
    now = [0.0]
    left = TimeLeft([Stretch(10, 1.0), Stretch(2, 5.0)], lambda: now[0])
    assert left.seconds() is None
    now[0] = 4.0
    left.note(4, 12)
    assert left.seconds() == pytest.approx(6 + 10)
    now[0] = 5.0
    assert left.seconds() == pytest.approx(15)
    now[0] = 10.0
    left.note(10, 12)
    assert left.seconds() == pytest.approx(10)
    # the second is three times slower than was thought
    now[0] = 25.0
    left.note(11, 12)
    assert left.seconds() == pytest.approx(15)
    left.note(12, 12)
    assert left.seconds() == 0


def test_of_other_steps_than_was_thought_all_count_alike():
    now = [0.0]
    left = TimeLeft([Stretch(10, 1.0), Stretch(2, 5.0)], lambda: now[0])
    now[0] = 4.0
    left.note(1, 4)
    assert left.seconds() == pytest.approx(12)


def test_time_left_in_words():
    assert [in_words(s) for s in (None, 2, 33, 80, 1500, 9000)] == [
        "",
        "a few seconds left",
        "about 35 s left",
        "about 1 min left",
        "about 25 min left",
        "about 2 h left",
    ]


# what is seen


def test_sections_lie_as_they_are_said_to():
    volume = np.zeros((8, 8, 8), np.float32)
    # at z, y, x
    volume[4, 6, 5] = volume[6, 4, 5] = volume[6, 5, 4] = 1
    z, y, x = central_sections(volume)
    # rows from the top
    assert np.argwhere(z == 255).tolist() == [[1, 5]]
    assert np.argwhere(y == 255).tolist() == [[1, 5]]
    assert np.argwhere(x == 255).tolist() == [[1, 5]]
    assert {each.dtype for each in (z, y, x)} == {np.dtype(np.uint8)}


def test_a_level_parts_a_particle_from_what_is_around():
    volume = ball(5.0) * 4 + np.random.default_rng(0).normal(size=(SIZE,) * 3).astype(np.float32) * 0.2
    assert 1 < surface_level(volume) < 3


def test_the_surface_is_lit_from_above_and_its_z_axis_points_up():
    z = np.arange(SIZE)[:, None, None]
    upper = np.where(z > SIZE // 2, ball(6.0), 0).astype(np.float32)
    rows = [np.argwhere(solid(volume)[..., 3])[:, 0].mean() for volume in (upper, upper[::-1])]
    assert rows[0] < rows[1] - 10
    picture = solid(ball(6.0))
    covered = np.argwhere(picture[..., 3])
    top, bottom = covered[:, 0].min(), covered[:, 0].max()
    middle = picture.shape[1] // 2
    assert picture[top + 12, middle].sum() > 1.5 * picture[bottom - 12, middle].sum()
    # the ball is as large as it is
    assert (bottom - top) / len(picture) == pytest.approx(12 / SIZE, abs=0.06)


def test_nothing_makes_an_empty_picture():
    empty = np.zeros((SIZE,) * 3, np.float32)
    assert not solid(empty)[..., 3].any()
    assert len(triangles(empty).faces) == 0


def test_directions_on_a_hemisphere_take_equal_areas():
    directions = Rotation.random(4000, rng=np.random.default_rng(0)).apply([0.0, 0, 1])
    places, towards = on_hemisphere(directions)
    radius = np.linalg.norm(places, axis=1)
    assert radius.max() <= 1
    assert (radius < np.sqrt(0.5)).mean() == pytest.approx(0.5, abs=0.03)
    assert towards.mean() == pytest.approx(0.5, abs=0.03)
    some, facing = on_hemisphere(np.array([[1.0, 0, 0], [0, 0, 1], [0, 0.6, -0.8]]))
    np.testing.assert_allclose(some, [[1, 0], [0, 0], [0, -np.sqrt(0.2)]], atol=1e-9)
    assert facing.tolist() == [True, True, False]


def test_those_not_aligned_yet_are_not_counted():
    look = Look.of_state(state(2))
    assert look.directions(0).shape == (4, 3)
    np.testing.assert_allclose(np.linalg.norm(look.directions(0), axis=1), 1)
    assert look.correlation(0) is None
    assert plots.agreement(look, 0) is None
    assert look.solid(0) is look.solid(0)


def test_plots_say_what_they_show():
    shown = plots.scores(Look.of_state(state(2)))
    assert (len(shown.starts), shown.ahead) == (3, 1)
    assert shown.text == "Scores of 3 starts; start 2: 0.250"
    look = Look.of_state(state(5))
    assert len(plots.scores(look).starts) == 3
    found = plots.agreement(look, 0)
    assert found.frequencies[-1] == pytest.approx(1 / 20)
    assert found.text.splitlines()[0] == "FSC of the halves"
    assert found.text.endswith("Å at 0.5")
    assert [text for _, text in found.ticks] == ["100 Å", "60 Å", "40 Å", "30 Å", "20 Å"]


# in the scene


def test_the_model_stands_on_the_slice_as_large_as_it_is(modelling, tmp_path):
    work, viewer = modelling.workspace, modelling.workspace.viewer
    active = viewer.layers.selection.active
    viewer.dims.set_point(0, 9)
    modelling.start(tmp_path / "m.mrc", {})
    modelling.show_in_3d(True)
    [layer] = [each for each in viewer.layers if type(each) is Surface]
    assert viewer.layers.index(layer) == viewer.layers.index(work.scene.slice.arrow.layer) + 1
    assert viewer.layers.selection.active is active
    assert work.is_3d
    corners = layer.data[0]
    # a ball of radius 5 voxels of 10 Å, in voxels of 10 Å; its box ends at the slice
    np.testing.assert_allclose(corners.mean(axis=0), [9 + SIZE / 2, 29.5, 39.5], atol=0.3)
    np.testing.assert_allclose(np.ptp(corners, axis=0), 10, atol=1.5)
    # one of voxels twice as large
    modelling.surface.show(ball(5.0), 20.0, "coarse")
    assert np.ptp(viewer.layers["coarse"].data[0], axis=0) == pytest.approx(20, abs=3)
    modelling.show_class(1)
    [other] = [each for each in viewer.layers if type(each) is Surface]
    assert np.ptp(other.data[0], axis=0).max() < 8
    modelling.show_in_3d(False)
    assert not any(type(each) is Surface for each in viewer.layers)
    assert not work.is_3d


def test_the_surface_goes_with_its_tomogram(modelling, tmp_path):
    work, viewer = modelling.workspace, modelling.workspace.viewer
    listening = len(work.tomogram_changed), len(work.session_changed)
    modelling.start(tmp_path / "m.mrc", {})
    modelling.show_in_3d(True)
    work.close_tomogram()
    assert list(viewer.layers) == []
    assert (len(work.tomogram_changed), len(work.session_changed)) == listening
    # without a tomogram it stands alone
    modelling.show_in_3d(True)
    assert modelling.surface.shown
    viewer.layers.clear()
    assert not modelling.surface.shown
    modelling.show_in_3d(False)


def test_corners_are_bright_where_they_face_the_light():
    found = triangles(ball(6.0))
    upper = found.corners[:, 0] > 3
    lower = found.corners[:, 0] < -3
    assert found.light[upper].mean() > found.light[lower].mean() + 0.1
    assert 0 <= found.light.min() <= found.light.max() <= 1
    assert np.abs(found.corners).max() == pytest.approx(6, abs=0.7)


def test_a_small_model_is_made_by_the_protocol_itself(shown, tmp_path, cut):
    cut(shown.session, tmp_path / "boxes", 6)
    modelling = shown.initial_model
    modelling.choose(tmp_path / "boxes")
    output = tmp_path / "m.mrc"
    modelling.start(
        output,
        {"starts": 1, "iterations": 1, "batches": 1, "batch_size": 2, "contrast": "bright", "threads": 2},
    )
    assert modelling.message.startswith("Kept as m.mrc")
    look = modelling.shown
    assert look.members(0) == 6
    assert (look.ahead, look.refined) == (0, True)
    assert len(plots.scores(look).starts) == 1
    assert (tmp_path / "m_aligned").is_dir()
    # and found again when the project is opened anew
    path, said, values = shown.session.path, modelling.state, look.correlation(0)
    shown.close_project()
    assert modelling.shown is None
    shown.open_project(path)
    modelling.recall()
    again = modelling.shown
    assert (modelling.path, modelling.state, modelling.message) == (output, said, "")
    np.testing.assert_array_equal(again.maps[0], look.maps[0])
    np.testing.assert_allclose(again.directions(0), look.directions(0), atol=1e-4)
    np.testing.assert_allclose(again.correlation(0)[1], values[1], atol=1e-5)


def test_a_model_is_found_again_without_what_lay_beside_it(modelling, tmp_path):
    modelling.start(tmp_path / "m.mrc", {})
    path = modelling.workspace.session.path
    modelling.workspace.close_project()
    modelling.workspace.open_project(path)
    modelling.recall()
    assert modelling.shown.count == 2
    assert modelling.state == "Made earlier."
    (tmp_path / "m_class2.mrc").unlink()
    modelling.workspace.close_project()
    modelling.workspace.open_project(path)
    modelling.recall()
    assert modelling.shown is None
    # a new one is not overtaken by what is read of an earlier one
    modelling.start(tmp_path / "n.mrc", {})
    modelling.recall()
    assert modelling.path == tmp_path / "n.mrc"
