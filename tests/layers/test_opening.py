"""Going through the tomograms: opening, giving up, next and previous, statuses, corrected facts."""

import gc
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_tomopick.errors import Cancelled, FileFormatError, ParameterError, ProjectError
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers.tomogram_image import contrast_limits, load_tomogram
from napari_tomopick.layers.tomograms import neighbour
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model
from napari_tomopick.project import TomogramStatus


class Later:
    """A runner whose work is done when the test says so."""

    def __init__(self):
        self.waiting = []

    def __call__(self, function, done, failed):
        self.waiting.append((function, done, failed))

    def finish(self, n):
        function, done, failed = self.waiting[n]
        self.waiting[n] = None
        try:
            result = function()
        except Exception as error:
            failed(error)
        else:
            done(result)


@pytest.fixture
def several(workspace, a_tomogram):
    """A workspace with tomograms a, b, c, d, of which none is shown."""
    for name in "abcd":
        workspace.session.add_tomogram(a_tomogram(name))
    return workspace


def open_files(folder):
    """The files below a folder that this process has open or mapped."""
    fds = Path("/proc/self/fd")
    links = [os.readlink(fd) for fd in fds.iterdir() if fd.is_symlink()]
    mapped = [line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()]
    return sorted({path for path in (*links, *mapped) if path.startswith(str(folder))})


# which is next


@pytest.mark.parametrize(
    ("listing", "current", "step", "expected"),
    [
        ("abc", "a", 1, "b"),
        ("abc", "c", -1, "b"),
        ("abc", "c", 1, None),
        ("abc", "a", -1, None),
        ("cab", "c", 1, "a"),  # as sorted, not as added
        ("aBc", "a", 1, "c"),  # b is filtered out
        ("aBC", "a", 1, None),
        ("aBc", "b", 1, "c"),  # and has its place even so
        ("aBc", "b", -1, "a"),
        ("abc", "", 1, "a"),
        ("abc", "", -1, "c"),
        ("Abc", "", 1, "b"),
        ("abcd", "a", 2, "c"),
        ("abcd", "d", -2, "b"),
        ("abcd", "c", 2, None),
        ("", "", 1, None),
    ],
)
def test_neighbours(listing, current, step, expected):
    """Capitals stand for those that a filter hides."""
    assert neighbour([(name.lower(), name.islower()) for name in listing], current, step) == expected


def test_next_and_previous_go_through_the_project(several):
    opened = []
    several.tomogram_changed.connect(lambda: opened.append(several.tomogram_name))
    for step in (1, 1, 1, 1, 1, -1):
        several.open_neighbour(step)
    assert opened == ["a", "b", "c", "d", "c"]
    several.open_tomogram("a")
    several.open_neighbour(-1)
    assert several.tomogram_name == "a"
    assert "'a' is the first one listed" in several.viewer.status


def test_next_and_previous_follow_the_list_in_sight(several):
    several.tomograms.listing = lambda summaries: [("d", True), ("a", False), ("c", True), ("b", True)]
    several.open_neighbour(1)
    several.open_neighbour(1)
    assert several.tomogram_name == "c"
    several.open_tomogram("a")
    several.open_neighbour(-1)
    assert several.tomogram_name == "d"
    several.tomograms.listing = lambda summaries: [(s.tomogram.name, False) for s in summaries]
    several.open_neighbour(1)
    assert several.tomogram_name == "d"
    assert "no tomogram is listed" in several.viewer.status


def test_pressing_next_repeatedly_does_not_wait_for_the_ones_between(several):
    several.open_tomogram("a")
    several.run = later = Later()
    for _ in range(3):
        several.open_neighbour(1)
    assert several.loading == "d"
    for n in (2, 0, 1):
        later.finish(n)
    assert several.tomogram_name == "d"


def test_without_a_project_next_says_so(workspace):
    workspace.close_project()
    with pytest.raises(ProjectError, match="No project is open"):
        workspace.open_neighbour(1)


# giving up


def test_opening_can_be_given_up_and_what_is_shown_stays(several):
    several.open_tomogram("a")
    several.run = later = Later()
    several.open_tomogram("b")
    told = []
    several.loading_changed.connect(told.append)
    several.cancel_opening()
    later.finish(0)
    assert told == [""]
    assert (several.tomogram_name, several.loading, several.trouble) == ("a", "", "")


def test_the_same_one_asked_for_twice_is_shown_once(several):
    several.run = later = Later()
    shown = []
    several.tomogram_changed.connect(lambda: shown.append(several.tomogram_name))
    for name in "aba":
        several.open_tomogram(name)
    for n in range(3):
        later.finish(n)
    assert shown == ["a"]


def test_reading_itself_stops():
    class Slow:
        shape, read = (400, 8, 8), 0

        def __getitem__(self, index):
            self.read += 1
            return np.zeros((8, 8), np.float32)[index[1:]]

    data = Slow()
    with pytest.raises(Cancelled):
        contrast_limits(data, stopped=lambda: data.read == 2)
    assert data.read == 2
    contrast_limits(data)
    assert data.read == 7


def test_a_load_given_up_reads_no_slice(several, monkeypatch):
    several.run = later = Later()
    several.open_tomogram("a")
    several.open_tomogram("b")
    outcome = []
    later.waiting[0] = (later.waiting[0][0], outcome.append, outcome.append)
    later.finish(0)
    assert isinstance(outcome[0], Cancelled)


def test_the_project_closed_while_opening(several):
    several.run = later = Later()
    several.open_tomogram("a")
    several.close_project()
    later.finish(0)
    assert (several.tomogram, several.loading, list(several.viewer.layers)) == (None, "", [])


def test_a_tomogram_removed_while_it_is_opened_is_not_shown(several):
    several.run = later = Later()
    several.open_tomogram("b")
    several.session.remove_tomogram("b")
    assert several.loading == ""
    later.finish(0)
    assert several.tomogram is None


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("kind", ["mrc", "tif", "hdf"])
def test_a_late_result_lets_its_file_go(workspace, tmp_path, kind):
    volume = np.random.default_rng(0).integers(0, 99, (40, 60, 80)).astype(np.uint8)
    folder = tmp_path / "volumes"
    folder.mkdir()
    for name in ("late", "shown"):
        path = folder / f"{name}.{kind}"
        if kind == "mrc":
            write_mrc(path, volume.astype(np.float32), 10.0)
        elif kind == "tif":
            tifffile = pytest.importorskip("tifffile")
            tifffile.imwrite(path, volume, compression="zlib", photometric="minisblack")
        else:
            h5py = pytest.importorskip("h5py")
            with h5py.File(path, "w") as file:
                file["MDF/images/0/image"] = volume
        workspace.session.add_tomogram(Tomogram(name, path, volume.shape, 10.0))
    workspace.run = later = Later()
    workspace.open_tomogram("late")
    # the reading ends just before it is given up
    function, done, failed = later.waiting[0]
    loaded = function()
    assert open_files(folder)
    workspace.open_tomogram("shown")
    later.finish(1)
    done(loaded)
    del loaded, function, done, failed
    gc.collect()
    assert [Path(name).stem for name in open_files(folder)] == ["shown"]
    workspace.close_tomogram()
    gc.collect()
    assert open_files(folder) == []


def test_a_file_that_is_gone_is_told_and_what_was_shown_stays(several):
    several.open_tomogram("a")
    several.viewer.dims.set_point(0, 7)
    several.session.tomogram("b").path.unlink()
    before = len(notification_manager.records)
    several.open_tomogram("b")
    assert "b.mrc" in str(notification_manager.records[before].message)
    assert "b.mrc" in several.trouble
    assert (several.tomogram_name, several.loading) == ("a", "")
    assert several.image.layer in several.viewer.layers
    assert several.viewer.dims.point[0] == 7
    several.open_neighbour(1)
    assert several.tomogram_name == "a"


# statuses


def test_statuses_of_many_are_one_edit(several):
    several.tomograms.set_status(["a", "c"], TomogramStatus.DONE)
    session = several.session
    assert [session.status(n) for n in "abcd"] == ["done", "todo", "done", "todo"]
    assert session.undo_label == "Mark 2 tomograms as done"
    several.tomograms.set_status(["a"], TomogramStatus.DONE)  # is so already
    assert session.undo_label == "Mark 2 tomograms as done"
    several.undo()
    assert {session.status(n) for n in "abcd"} == {TomogramStatus.TODO}


def test_an_empty_tomogram_is_a_result_without_any_model(several):
    several.open_tomogram("b")
    several.tomograms.save_as_empty()
    assert several.session.status("b") is TomogramStatus.NOTHING_HERE
    assert several.viewer.status == "Saved as empty: 'b'."
    path = several.session.path
    several.close_project()
    several.open_project(path)
    assert several.session.status("b") is TomogramStatus.NOTHING_HERE
    assert several.session.models() == ()


def test_saving_as_empty_tells_what_is_there_nevertheless(several):
    several.session.add_model(Model("m", tomogram="c", points=np.eye(3)))
    several.tomograms.save_as_empty(["a", "c"])
    assert [several.session.status(n) for n in "ac"] == ["nothing_here"] * 2
    assert several.viewer.status == "Saved as empty: 2 tomograms; 'c' keeps 3 points and 0 particles."
    assert len(several.session.models("c")[0]) == 3


def test_nothing_shown_cannot_be_saved_as_empty(several):
    several.tomograms.save_as_empty()
    assert "No tomogram is shown" in several.viewer.status
    assert {several.session.status(n) for n in "abcd"} == {TomogramStatus.TODO}


def test_several_are_removed_as_one_edit(several):
    several.open_tomogram("b")
    several.tomograms.remove(["a", "b"])
    assert [t.name for t in several.session.tomograms()] == ["c", "d"]
    assert several.tomogram is None
    several.undo()
    assert [t.name for t in several.session.tomograms()] == list("abcd")


# corrected facts


def test_facts_of_many_are_one_edit_and_what_is_not_given_stays(several):
    session = several.session
    acquisition = replace(session.tomogram("a").acquisition, tilt_min_degrees=-50.0, tilt_max_degrees=40.0)
    session.replace_tomogram(replace(session.tomogram("a"), acquisition=acquisition))
    several.tomograms.change(["a", "b"], voxel_size_angstrom=7.5, particles_are_dark=True)
    assert [session.tomogram(n).voxel_size_angstrom for n in "abc"] == [7.5, 7.5, 10.0]
    assert [session.tomogram(n).particles_are_dark for n in "abc"] == [True, True, None]
    assert session.tomogram("a").acquisition.tilt_range_degrees == (-50, 40)
    several.tomograms.change(["a", "b"], tilt_range_degrees=(-60, 60), tilt_axis="x")
    assert session.tomogram("b").acquisition.tilt_range_degrees == (-60, 60)
    assert session.tomogram("b").acquisition.tilt_axis == "x"
    several.tomograms.change(["a"], tilt_range_degrees=None)
    assert session.tomogram("a").acquisition.tilt_range_degrees is None
    for _ in range(3):
        several.undo()
    assert [session.tomogram(n).voxel_size_angstrom for n in "ab"] == [10.0, 10.0]
    assert session.tomogram("a").acquisition.tilt_range_degrees == (-50, 40)


@pytest.mark.parametrize(
    ("facts", "error", "message"),
    [
        ({"tilt_range_degrees": (60, -60)}, ParameterError, "lowest tilt comes first"),
        ({"voxel_size_angstrom": 0.0}, ProjectError, "voxel size"),
        ({"name": "b", "voxel_size_angstrom": 7.0}, ProjectError, "named 'b' already"),
    ],
)
def test_facts_that_cannot_be_change_nothing(several, facts, error, message):
    before = several.session.tomograms()
    with pytest.raises(error, match=message):
        several.tomograms.change(["a"], **facts)
    assert several.session.tomograms() == before


def test_the_voxel_size_of_all_tomograms_of_a_set_is_corrected_together(several):
    particles = Particles(np.ones((2, 3)), tomograms=["a", "b"])
    uid = several.session.add_particles("crowns", particles, Step("manual"))
    with pytest.raises(ProjectError, match=r"also lies in .b., which keeps another\. Change both"):
        several.tomograms.change(["a"], voxel_size_angstrom=7.0)
    several.tomograms.change(["b", "a"], voxel_size_angstrom=7.0)
    assert several.session.particle_set(uid).voxel_size_angstrom == 7.0
    assert several.session.particles(uid).voxel_size_angstrom == 7.0


def test_the_shown_tomogram_follows_its_new_name_and_facts(several):
    several.open_tomogram("b")
    uid = several.picking.add_model("general", "m")
    several.session.add_points(uid, [[5, 6, 7]], [7])
    several.viewer.dims.set_point(0, 7)
    several.tomograms.change(["b"], name="beta", voxel_size_angstrom=8.0)
    assert several.tomogram == several.session.tomogram("beta")
    assert several.tomogram.voxel_size_angstrom == 8.0
    assert several.image.layer.name == "beta"
    assert several.viewer.dims.point[0] == 7
    assert several.picking.view.points.data.tolist() == [[7, 6, 5]]
    several.undo()
    assert several.tomogram_name == several.image.layer.name == "b"


def test_another_file_is_checked_and_shown(several, tmp_path):
    several.open_tomogram("b")
    other = tmp_path / "elsewhere.mrc"
    write_mrc(other, np.full((20, 60, 80), 3, np.float32), 5.0)
    several.tomograms.change(["b"], path=other)
    assert several.tomogram_name == "b"
    assert several.tomogram.shape == several.image.loaded.data.shape == (20, 60, 80)
    # the header of the new file says something else, but it is the user who knows
    assert several.tomogram.voxel_size_angstrom == 10.0
    several.undo()
    assert several.tomogram.shape == several.image.loaded.data.shape == (40, 60, 80)
    several.session.add_model(Model("m", tomogram="b", points=[[1, 1, 39]]))
    several.tomograms.change(["b"], path=other)
    assert "lies outside tomogram 'b'" in several.trouble
    several.tomograms.change(["b"], path=tmp_path / "nowhere.mrc")
    assert "no such file" in several.trouble
    assert several.tomogram.shape == (40, 60, 80)


def test_a_file_that_cannot_be_opened_is_told_in_words(tmp_path):
    folder = tmp_path / "t.mrc"
    folder.mkdir()
    with pytest.raises(FileFormatError, match=r"t\.mrc"):
        load_tomogram(Tomogram("t", folder, (4, 4, 4), 10.0))


def test_brackets_open_the_neighbours(shown, press, a_tomogram):
    shown.session.add_tomogram(a_tomogram("other"))
    press("]")
    assert shown.tomogram_name == "other"
    press("[")
    assert shown.tomogram_name == "tomo"
