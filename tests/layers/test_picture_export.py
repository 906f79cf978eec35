"""Pictures and turn-arounds: of the size asked for, whole or not at all; one looks as before afterwards."""

import numpy as np
import pytest
from napari.components import ViewerModel
from PIL import Image

from napari_tomopick.errors import Cancelled, ParameterError, TomopickError
from napari_tomopick.layers import movie_files
from napari_tomopick.layers.movie_files import check_movie, write_movie, write_picture
from napari_tomopick.layers.picture_export import Turnaround

WIDTH, HEIGHT = 40, 30


@pytest.fixture
def frames(tmp_path):
    """Four frames of one colour each."""
    files = []
    for number in range(4):
        files.append(tmp_path / f"frame{number}.png")
        Image.new("RGB", (WIDTH, HEIGHT), (60 * number, 10, 200)).save(files[-1])
    return files


def nothing(*_):
    pass


# files


@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_a_movie_has_all_frames_and_lasts_as_long_as_said(tmp_path, frames, suffix):
    told = []
    path = tmp_path / f"movie{suffix}"
    said = write_movie(path, frames, 2.0, lambda *how: told.append(how))
    assert said.startswith(f"movie{suffix}: 4 frames")
    # the first frame is begun with
    assert [(done, total) for done, total, _ in told] == [(0, 3), (1, 3), (2, 3)]
    with Image.open(path) as movie:
        assert (movie.n_frames, movie.size, movie.info.get("loop", 0)) == (4, (WIDTH, HEIGHT), 0)
        for number in range(4):
            movie.seek(number)
            assert movie.info["duration"] == 500
            assert np.abs(np.array(movie.convert("RGB"))[5, 5] - (60 * number, 10, 200)).max() < 3


def test_a_movie_as_a_folder_of_pictures(tmp_path, frames):
    write_movie(tmp_path / "turn", frames, 2.0, nothing)
    assert sorted(p.name for p in (tmp_path / "turn").iterdir()) == [f"turn_000{i}.png" for i in range(4)]
    with pytest.raises(TomopickError, match="it exists"):
        check_movie(tmp_path / "turn")


@pytest.mark.parametrize("name", ["movie.gif", "movie"])
def test_what_is_cancelled_leaves_nothing_and_what_was_there(tmp_path, frames, name):
    if name.endswith("gif"):
        (tmp_path / name).write_bytes(b"before")
    before = sorted(tmp_path.iterdir())

    def stop(done, *_):
        if done == 2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        write_movie(tmp_path / name, frames, 2.0, stop)
    assert sorted(tmp_path.iterdir()) == before
    assert not name.endswith("gif") or (tmp_path / name).read_bytes() == b"before"


def test_what_cannot_be_written_is_refused_before_any_frame_is_drawn(tmp_path, monkeypatch):
    with pytest.raises(ParameterError, match=r"\.gif"):
        check_movie(tmp_path / "movie.avi")
    with pytest.raises(TomopickError, match="no folder"):
        check_movie(tmp_path / "gone" / "movie.gif")
    monkeypatch.setattr(movie_files, "can_write_mp4", lambda: False)
    with pytest.raises(ParameterError, match="pip install imageio-ffmpeg"):
        check_movie(tmp_path / "movie.mp4")
    with pytest.raises(ParameterError, match="png"):
        write_picture(tmp_path / "a.jpg", np.zeros((4, 4, 3), np.uint8))


# of a viewer


@pytest.fixture
def filmed(shown, monkeypatch):
    """A workspace whose viewer has a camera that notes how it is looked with."""
    shown.show_3d(True)
    looks = []

    def screenshot(viewer, *, size, canvas_only, flash):
        camera = viewer.scene.camera
        looks.append((camera.view_direction, camera.zoom, viewer.canvas.overlays.text.visible))
        return np.full((*size, 4), len(looks), np.uint8)

    monkeypatch.setattr(ViewerModel, "screenshot", screenshot, raising=False)
    shown.looks = looks
    return shown


def look_of(viewer):
    camera = viewer.scene.camera
    return (*camera.angles, *camera.center, camera.zoom, viewer.canvas.overlays.text.visible)


def test_a_picture_shows_the_same_at_another_size_without_the_words_in_its_corner(filmed, tmp_path):
    viewer, pictures = filmed.viewer, filmed.scene.pictures
    viewer.canvas.overlays.text.visible = True
    before, zoom = look_of(viewer), viewer.scene.camera.zoom
    rows, columns = viewer.canvas.size
    pictures.save_picture(tmp_path / "scene.png", 2 * columns, 3 * rows)
    with Image.open(tmp_path / "scene.png") as picture:
        assert picture.size == (2 * columns, 3 * rows)
    [(_, with_zoom, words)] = filmed.looks
    assert with_zoom == pytest.approx(2 * zoom)
    assert not words
    assert look_of(viewer) == pytest.approx(before)
    with pytest.raises(ParameterError, match="width of a picture is 16 to 8192 pixels, got 9000"):
        pictures.picture(9000, 100)


def run(pictures):
    while pictures.step():
        pass


def test_a_turn_around_turns_once_and_the_camera_comes_back(filmed, tmp_path):
    viewer, pictures = filmed.viewer, filmed.scene.pictures
    filmed.scene.look((0, 0.6, -0.8), (0, 0.8, 0.6))
    before = look_of(viewer)
    pictures.start(Turnaround(tmp_path / "turn.gif", 8, 2.0, "z", WIDTH, HEIGHT))
    assert pictures.running
    with pytest.raises(ParameterError, match="already"):
        pictures.start(Turnaround(tmp_path / "other.gif"))
    run(pictures)
    assert not pictures.running
    assert pictures.said.startswith("turn.gif: 8 frames")
    views = np.array([view for view, _, _ in filmed.looks])[:, ::-1]
    # about z, an eighth of a turn each, all as steep
    np.testing.assert_allclose(views[:, 2], -0.8, atol=1e-6)
    angles = np.unwrap(np.arctan2(views[:, 1], views[:, 0]))
    np.testing.assert_allclose(np.diff(angles), -np.pi / 4, atol=1e-6)
    assert look_of(viewer) == pytest.approx(before, abs=1e-6)


def test_a_turn_around_can_be_given_up_at_any_time(filmed, tmp_path):
    pictures = filmed.scene.pictures
    before = look_of(filmed.viewer)
    pictures.start(Turnaround(tmp_path / "turn.gif", 8, width=WIDTH, height=HEIGHT))
    pictures.step()
    assert pictures.progress == (1, 8, "drawing")
    pictures.cancel()
    assert not pictures.running
    assert not pictures.step()
    assert not (tmp_path / "turn.gif").exists()
    assert look_of(filmed.viewer) == pytest.approx(before, abs=1e-6)


def test_turn_arounds_that_cannot_be_are_refused(filmed, tmp_path):
    pictures, path = filmed.scene.pictures, tmp_path / "turn.gif"
    for wrong, words in (
        (Turnaround(path, frames=1), "2 to 2000 frames, got 1"),
        (Turnaround(path, seconds=0), "seconds, got 0"),
        (Turnaround(path, axis="w"), "got 'w'"),
        (Turnaround(path, height=3), "height of a picture"),
        (Turnaround(tmp_path / "turn.txt"), "turn.txt"),
    ):
        with pytest.raises(ParameterError, match=words):
            pictures.start(wrong)
    filmed.show_3d(False)
    with pytest.raises(ParameterError, match="3D"):
        pictures.start(Turnaround(path))
    assert not pictures.running


def test_without_a_window_there_is_no_picture(shown):
    with pytest.raises(ParameterError, match="window"):
        shown.scene.pictures.picture(100, 100)
