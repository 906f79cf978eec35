"""Training, applying, streaming, files; and what comes too late, in boxing without a window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fake_engine import FakeEngine, planted
from napari_tomopick.errors import Cancelled, FileFormatError, ParameterError
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers.background import Background
from napari_tomopick.layers.boxing_engine import advice
from napari_tomopick.layers.boxing_gallery import of_all_kinds
from napari_tomopick.layers.boxing_words import network_state
from napari_tomopick.layers.review import PREVIEW
from napari_tomopick.models.tomogram import Tomogram

SHAPE = (40, 60, 80)
BALLS = planted()[1]


class Waiting:
    """A runner whose work is done when the test says so."""

    def __init__(self):
        self.jobs = []

    def __call__(self, function, done, failed):
        self.jobs.append((function, done, failed))

    def finish(self, which=0, *, before=lambda: None):
        function, done, failed = self.jobs.pop(which)
        try:
            result = function()
        except Exception as error:
            before()
            failed(error)
        else:
            before()
            done(result)


@pytest.fixture
def boxed(workspace, tmp_path):
    """A workspace with three tomograms of balls, one of them binned, and what is taught in the first."""
    for seed, (name, size) in enumerate((("tomo", 10.0), ("other", 10.0), ("binned", 20.0))):
        write_mrc(tmp_path / f"{name}.mrc", planted(seed=seed)[0], size)
        workspace.session.add_tomogram(Tomogram(name, tmp_path / f"{name}.mrc", SHAPE, size))
    workspace.open_tomogram("tomo")
    boxing = workspace.boxing
    boxing.engine = FakeEngine()
    boxing.set_sizes(box_size=16)
    boxing.open()
    for ball in BALLS[:2]:
        boxing.refer_at(ball, "positive")
    boxing.refer_at([2, 2, 2], "negative")
    yield workspace
    boxing.close()


def test_that_references_differ_is_told(boxed, monkeypatch):
    boxing = boxed.boxing
    boxing.network.train()
    assert network_state(boxing).endswith("held back: 0.90")
    train = boxing.engine.train
    monkeypatch.setattr(
        boxing.engine, "train", lambda *a, **k: replace(train(*a, **k), references_differ=True)
    )
    boxing.network.train()
    assert network_state(boxing).endswith("held back: 0.90\nreferences differ")


def test_training_shows_what_the_network_finds(boxed):
    boxing = boxed.boxing
    boxing.network.train()
    assert boxing.engine.calls[-2:] == ["train", "score"]
    assert (boxing.picks.stage, boxing.picks.live) == ("network", True)
    assert len(boxing.network.loss) == 5
    assert boxing.network.held_back == 0.9
    taught = boxing.network.picker.taught
    assert (taught.seconds, taught.positive, taught.negative) == (20.0, 2, 1)
    boxing.network.apply()
    # what is known already is not looked for again
    assert boxing.engine.calls[-1] == "score"
    assert boxing.engine.calls.count("score") == 2
    [kept] = boxed.session.particle_sets()
    assert kept.step.parameters["stage"] == "network"
    assert kept.step.parameters["rounds"] == 6
    assert kept.step.seed == 0
    boxing.network.train(more=True)
    assert "train more" in boxing.engine.calls
    assert len(boxing.network.loss) == 10
    assert boxing.network.picker.taught.seconds == 40.0
    boxing.network.reset()
    assert boxing.network.trained is None
    assert boxing.picks.stage == "instant"
    with pytest.raises(ParameterError, match="no network yet"):
        boxing.network.train(more=True)


def test_one_kind_of_reference_does_not_teach(boxed):
    boxing = boxed.boxing
    boxing.remove([(boxing.model("negative").uid, 0)])
    with pytest.raises(ParameterError, match="no negative reference"):
        boxing.network.train()
    assert "train" not in boxing.engine.calls
    with pytest.raises(ParameterError, match="click at least one"):
        boxing.network.apply()


def test_what_is_still_to_be_clicked():
    assert advice(5, 6) == ""
    assert advice(2, 5) == "At least 5 of each kind are advised: 3 more positive."
    assert advice(4, 0) == "At least 5 of each kind are advised: 1 more positive and 5 more negative."


def test_a_network_stays_while_more_is_clicked(boxed):
    boxing = boxed.boxing
    boxing.network.train()
    before = boxing.picks.shown.positions
    boxing.refer_at(BALLS[4], "negative")
    assert boxing.picks.stage == "network"
    np.testing.assert_array_equal(boxing.picks.shown.positions, before)
    boxing.picks.set_stage("instant")
    assert boxing.picks.picker.stage == "instant"
    boxing.picks.set_stage("network")
    np.testing.assert_array_equal(boxing.picks.shown.positions, before)


def test_particles_appear_as_they_are_found(boxed):
    boxing, waiting = boxed.boxing, Waiting()
    boxing.network.train()
    boxing.network.reset()
    boxed.run_long = waiting
    boxing.network.train()
    waiting.finish()
    counts = []

    def look(*_):
        boxing.picks.show_streamed()
        counts.append(len(boxing.picks.shown))

    function, done, _ = waiting.jobs.pop()
    put = boxing.picks.stream.put
    boxing.picks.stream.put = lambda *what: (put(*what), look())
    result = function()
    assert counts == sorted(counts)
    assert 0 < counts[0] < counts[-1]
    done(result)
    assert counts[-1] == len(boxing.picks.shown)
    assert boxing.picks.live
    # nothing is taken any more
    put([[1, 1, 1]], [1.0])
    assert boxing.picks.stream.take() is None


def test_stopping_leaves_what_was_there(boxed):
    boxing, waiting = boxed.boxing, Waiting()
    before = boxing.picks.shown
    boxed.run_long = waiting
    boxing.network.train()
    assert boxing.network.background.running
    assert boxing.network.background.title == "Training"
    assert boxed.controls.actions["cancel"]()
    assert not boxing.network.background.running
    waiting.finish()
    assert boxing.network.trained is None
    assert boxing.picks.shown is before
    assert boxing.network.message.startswith("Stopped: training")
    assert not boxing.stop()


def test_what_comes_too_late_is_dropped(boxed):
    boxing, waiting = boxed.boxing, Waiting()
    boxed.run_long = waiting
    boxing.refer_at(BALLS[3], "positive")
    boxing.refer_at(BALLS[4], "positive")
    assert len(waiting.jobs) == 2
    before = boxing.picks.shown
    # the later click is done first
    waiting.finish(1)
    newest = boxing.picks.shown
    assert newest is not before
    with pytest.raises(Cancelled):
        waiting.jobs[0][0]()
    waiting.finish(0)
    assert boxing.picks.shown is newest
    # another tomogram was opened meanwhile
    boxing.refer_at(BALLS[5], "positive")
    boxed.open_tomogram("other")
    waiting.finish(0)
    assert boxing.picks.shown is None
    waiting.finish(0)
    assert set(boxing.picks.shown.tomograms.tolist()) == {"other"}


def test_all_tomograms_one_after_the_other(boxed):
    boxing, session = boxed.boxing, boxed.session
    boxing.network.train()
    boxing.network.apply()
    by_hand = boxing.picks.kept
    boxing.network.apply_all()
    [kept] = session.particle_sets()
    assert kept.tomograms == ("tomo", "other")
    assert "1 of another voxel size left out" in boxing.network.message
    assert "1 done already" in boxing.network.message
    assert len(session.particles(kept.uid, "tomo")) == len(by_hand)
    assert session.undo_label.startswith("Pick ")
    with pytest.raises(ParameterError, match="do not skip"):
        boxing.network.apply_all()
    boxing.network.skip_done = False
    boxing.picks.set_cutoffs(maximum=3)
    boxing.network.apply_all()
    assert session.particle_set(kept.uid).count == 6
    assert not boxing.picks.live
    assert boxing.network.message.startswith("Kept 6 particles in 2 tomograms")


def test_a_tomogram_that_cannot_be_read_does_not_stop_the_others(boxed, tmp_path):
    boxing = boxed.boxing
    boxing.network.train()
    (tmp_path / "other.mrc").unlink()
    boxing.network.apply_all()
    assert "other: " in boxing.network.message
    [kept] = boxed.session.particle_sets()
    assert kept.tomograms == ("tomo",)


def test_stopping_between_tomograms_keeps_those_done(boxed):
    boxing, waiting = boxed.boxing, Waiting()
    boxing.network.train()
    boxed.run_long = waiting
    boxing.network.apply_all()
    waiting.finish()
    assert boxing.network.background.title.startswith("2 of 2")
    boxing.stop()
    waiting.finish()
    assert boxed.session.particle_sets()[0].tomograms == ("tomo",)


def test_a_failure_is_said_and_changes_nothing(boxed):
    boxing = boxed.boxing
    boxing.engine.fails = ParameterError("the references are all alike")
    boxing.network.train()
    assert boxed.trouble == "the references are all alike"
    assert "all alike" in boxing.network.message
    assert boxing.network.trained is None


def test_files(boxed, tmp_path):
    boxing = boxed.boxing
    with pytest.raises(FileFormatError):
        boxing.engine.load(tmp_path / "tomo.mrc")
    boxing.network.train()
    found = boxing.picks.shown.positions
    boxing.network.save(tmp_path / "balls")
    assert (tmp_path / "balls.safetensors").exists()
    [result] = boxed.session.results()
    assert (result.kind, result.path.name) == ("network", "balls.safetensors")
    boxing.network.reset()
    boxing.network.load(tmp_path / "balls.safetensors")
    assert "taught at 10 Å per voxel" in boxing.network.message
    assert boxing.picks.stage == "network"
    boxing.network.apply()
    np.testing.assert_array_equal(boxing.picks.kept.positions, found)
    assert boxed.session.particle_sets()[0].step.parameters["file"].endswith("balls.safetensors")
    boxing.network.load(tmp_path / "project.tomopick")
    assert "holds no network" in boxed.trouble
    boxed.open_tomogram("binned")
    boxing.network.load(tmp_path / "balls.safetensors")
    assert "this tomogram has 20 Å" in boxing.network.message
    assert boxing.particle_size == 5.0


def test_galleries(boxed):
    boxing, galleries = boxed.boxing, of_all_kinds(boxed.boxing)
    for gallery in galleries.values():
        gallery.set_page_size(100)
        gallery.refresh()
    assert galleries["positive"].title == "Positive 2"
    assert galleries["negative"].title == "Negative 1"
    particles = galleries["particles"]
    assert len(particles.boxes) == len(boxing.picks.shown)
    assert (np.diff(particles.boxes.scores) <= 0).all()
    galleries["positive"].click(1)
    np.testing.assert_allclose(boxed.viewer.dims.point, np.round(BALLS[1][::-1]))
    particles.go_to(3)
    assert boxed.review.selection.rows == [(PREVIEW, int(particles.boxes.ids[3]))]
    place = particles.boxes.positions[0]
    particles.click(0, control=True)
    np.testing.assert_array_equal(boxing.model("negative").points[-1], place)
    # what is shown now was found since
    boxing.picks.set_cutoffs(maximum=9)
    before = boxed.session.undo_label
    particles.click(0)
    assert boxed.session.undo_label == before
    assert boxed.viewer.status.startswith("The boxes have changed")
    particles.delete(0)
    assert len(boxing.picks.kept) == len(boxing.picks.shown)
    particles.refresh()
    particles.delete_from(3)
    assert len(boxing.picks.kept) == 3
    uncertain = galleries["uncertain"]
    boxing.picks.set_cutoffs(threshold=None, maximum=None)
    uncertain.refresh()
    before = len(uncertain.boxes)
    uncertain.go_to(0)
    uncertain.click(0)
    uncertain.refresh()
    assert boxing.count("positive") == 3
    assert len(uncertain.boxes) < before
    galleries["positive"].refresh()
    galleries["positive"].delete_from(1)
    assert boxing.count("positive") == 1


def test_another_project_begins_anew(boxed, tmp_path):
    boxing = boxed.boxing
    boxing.network.train()
    boxed.create_project(tmp_path / "new.tomopick")
    assert boxing.network.trained is None
    assert boxing.picks.shown is None
    assert boxing.labels == ()
    assert boxing.count("positive") == 0


def test_what_replaces_something_makes_it_stop():
    waiting = Waiting()
    background, said = Background(lambda: waiting), []

    def work(progress):
        progress(1, 2, "half")
        return "result"

    background.start("first", work, said.append, said.append)
    background.start("second", work, said.append, said.append)
    waiting.finish()
    assert said == []
    assert background.title == "second"
    waiting.finish()
    assert said == ["result"]
    assert not background.running
    assert background.progress == (0, 0, "")
