"""The scene's page in a real window: its fields are the scene's, and what is drawn is of true hand."""

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog, QWidget
from scipy.spatial.transform import Rotation

from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers.projection import seen_in_viewer
from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.widgets.dock import Dock
from napari_tomopick.widgets.review_scene import ScenePage

SHAPE = (40, 60, 80)


class SceneDock(Dock):
    """A dock with nothing but the page."""

    def __init__(self, viewer):
        super().__init__(viewer, "scene")
        self.page = ScenePage(self)
        self.column.addWidget(self.page)


@pytest.fixture
def work(window):
    work = workspace_for(window)
    # the F below is all there is to see
    work.picking.show(False)
    return work


@pytest.fixture
def page(window, work, qtbot):
    dock = SceneDock(window)
    window.window.add_dock_widget(dock, area="right")
    qtbot.wait(100)
    return dock.page


def add_particles(work, positions):
    work.session.add_particles(
        "set",
        Particles(
            np.asarray(positions, float),
            Rotation.identity(len(positions)),
            tomograms=["tomo_1"] * len(positions),
            voxel_size_angstrom=10.0,
            box_size=12,
        ),
        Step("manual"),
        "#ff0000",
    )


def f_map():
    """A map of the letter F, x to the right and y up, with a foot towards +z."""
    volume = np.zeros((24, 24, 24), np.float32)
    volume[10:14, 3:21, 6:9] = 1  # its stem, along y
    volume[10:14, 18:21, 6:18] = 1  # the arm at its top, to the right
    volume[10:14, 11:14, 6:14] = 1
    volume[14:21, 3:6, 6:9] = 1  # at the foot of the stem, towards +z
    return volume


def pixels_of(viewer):
    return viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)


def middle_of(mask):
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean(), rows.mean()])


# where one looks, what is up, and which axes are then to the right and up in a picture of true hand
VIEWS = [((0, 0, -1), (0, 1, 0), 0, 1), ((0, 1, 0), (0, 0, 1), 0, 2), ((-1, 0, 0), (0, 0, 1), 1, 2)]
# the ends of the parts of the F from its centre voxel, and where a mirrored one would have something
ENDS = np.array([[-4.5, 7.5, 0], [4.5, 7.5, 0], [0.5, 0.5, 0], [-4.5, -7.5, 0], [-4.5, -7.5, 6.5]])
NOWHERE = np.array([[3.0, -6, 0], [-8.0, 7.5, 0]])


def test_what_is_drawn_is_of_true_hand(window, work, tmp_path, qtbot):
    """An F is seen as an F from all sides, as in IMOD and ChimeraX: a mirrored one is none."""
    write_mrc(tmp_path / "f.mrc", f_map(), 10.0)
    add_particles(work, [[40, 30, 20]])
    work.show_3d(True)
    work.set_depiction("none")
    work.review.set_look(arrows=False)
    work.scene.show_points(False)
    work.scene.map.attach(tmp_path / "f.mrc")
    work.scene.map.set_level(0.5)
    camera = window.scene.camera
    for direction, up, right, above in VIEWS:
        work.scene.look(direction, up)
        camera.center, camera.zoom = (20, 30, 40), 12
        qtbot.wait(50)
        lit = pixels_of(window).sum(axis=2) > 60
        scale = lit.shape[0] / window.canvas.size[0]

        def seen(places, right=right, above=above, lit=lit, scale=scale):
            columns = (lit.shape[1] / 2 + 12 * scale * places[:, right]).round().astype(int)
            return lit[(lit.shape[0] / 2 - 12 * scale * places[:, above]).round().astype(int), columns]

        assert seen(ENDS).all(), direction
        if above == 1:
            assert not seen(NOWHERE).any()
    work.scene.map.detach()
    _check_slice(window, work, qtbot)


def _check_slice(window, work, qtbot):
    """A bright spot of the tomogram is seen where a point at its place would be, also in a tilted slice."""
    loaded = work.image.loaded
    data = np.zeros(SHAPE, np.float32)
    data[17:22, 38:43, 55:60] = 1
    object.__setattr__(loaded, "data", data)
    work.image.show(loaded)
    work.display.set_file_limits(0, 1)
    work.set_depiction("plane")
    work.scene.slice.show_normal(False)
    for normal in ((0, 0, 1), (0.3, -0.4, 0.85)):
        work.scene.slice.put((57, 40, 19), np.array(normal) / np.linalg.norm(normal))
        work.scene.look((0.1, 0.3, -0.9486833), (0, 0.9534626, 0.3015113))
        window.scene.camera.center, window.scene.camera.zoom = (20, 30, 40), 5
        qtbot.waitUntil(lambda: not work.scene.slice.fine.empty)
        qtbot.wait(50)
        bright = pixels_of(window).min(axis=2) > 180
        scale = np.array(bright.shape[::-1]) / np.array(window.canvas.size[::-1])
        [expected] = seen_in_viewer(window, np.array([[57.0, 40, 19]])).pixels * scale
        np.testing.assert_allclose(middle_of(bright), expected, atol=4)


def test_fields_say_and_do_what_the_scene_does(window, work, page, qtbot, tmp_path, monkeypatch):
    add_particles(work, [[40, 30, 20], [20, 20, 10]])
    box, scene = page.what, work.scene
    work.show_3d(True)
    qtbot.waitUntil(page.slice.tilt.isEnabled)
    box.boxes.setChecked(True)
    assert window.layers["boxes"].visible
    box.size.setValue(20)
    assert np.ptp(scene.boxes.surface.layer.vertices[:96, 0]) == pytest.approx(20, abs=1)
    box.tomogram.setCurrentIndex(2)
    box.tomogram.activated.emit(2)
    assert work.image.depiction == "none"
    qtbot.waitUntil(lambda: not page.slice.tilt.isEnabled())
    work.set_depiction("plane")
    qtbot.waitUntil(page.slice.tilt.isEnabled)
    page.slice.tilt.number.setValue(90)
    np.testing.assert_allclose(scene.slice.normal, [0, -1, 0], atol=1e-9)
    page.slice.along[0].click()
    qtbot.waitUntil(lambda: page.slice.rotation.value == 90)
    page.slice.up.click()
    assert scene.slice.position[0] == 40
    box.points.setChecked(False)
    assert not work.review.view.points.visible
    _check_map(window, work, page, qtbot, tmp_path, monkeypatch)


def _check_map(window, work, page, qtbot, tmp_path, monkeypatch):
    write_mrc(tmp_path / "f.mrc", f_map(), 10.0)
    assert not page.map.latest.isEnabled()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "f.mrc"), ""))
    page.map.file.click()
    qtbot.waitUntil(lambda: "at each of 2 particles" in page.map.words.text())
    before = work.scene.map.surface.layer.vertices
    page.map.level.number.setValue(0.9)
    qtbot.waitUntil(lambda: work.scene.map.surface.layer.vertices is not before)
    assert work.scene.map.level == pytest.approx(0.9)
    page.map.remove.click()
    qtbot.waitUntil(lambda: page.map.settings.isHidden())
    assert not window.layers["attached map"].visible


def test_a_picture_and_a_turn_around_are_saved(window, work, page, qtbot, tmp_path, monkeypatch):
    from PIL import Image

    add_particles(work, [[40, 30, 20]])
    work.show_3d(True)
    page.findChild(QWidget, "scene-pictures-fold").setChecked(True)
    box = page.pictures
    qtbot.waitUntil(box.film.isEnabled)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "scene"), ""))
    box.width_.setValue(300)
    box.height_.setValue(200)
    box.save.click()
    with Image.open(tmp_path / "scene.png") as picture:
        assert picture.size == (300, 200)
        # something is seen
        assert np.asarray(picture.convert("L")).std() > 5
    camera = window.scene.camera
    before = (*camera.angles, camera.zoom)
    box.movie_width.setValue(120)
    box.movie_height.setValue(90)
    box.frames.setValue(3)
    box.film.click()
    qtbot.waitUntil(lambda: box.cancel.isVisibleTo(box))
    qtbot.waitUntil(lambda: "3 frames" in box.said.text())
    with Image.open(tmp_path / "scene.gif") as movie:
        assert (movie.n_frames, movie.size) == (3, (120, 90))
    assert (*camera.angles, camera.zoom) == pytest.approx(before, abs=1e-6)
    # given up
    (tmp_path / "scene.gif").unlink()
    box.frames.setValue(200)
    box.film.click()
    qtbot.wait(50)
    box.cancel.click()
    qtbot.waitUntil(box.film.isEnabled)
    assert not (tmp_path / "scene.gif").exists()
