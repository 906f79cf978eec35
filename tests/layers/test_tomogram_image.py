"""The shown tomogram: exact positions, contrast, and never more in 3D than a graphics card takes."""

import numpy as np
import pytest

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers import compat, tomogram_image
from napari_tomopick.layers.tomogram_image import (
    LoadedTomogram,
    binned_copy,
    binning_for_3d,
    contrast_limits,
    load_tomogram,
)
from napari_tomopick.models.tomogram import Tomogram


class Watched:
    """An array that remembers the largest piece that was ever asked of it."""

    ndim = 3

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.size = array, array.shape, array.dtype, array.size
        self.largest = 0

    def __getitem__(self, index):
        piece = self.array[index]
        self.largest = max(self.largest, piece.size)
        return piece

    def __array__(self, dtype=None, copy=None):
        self.largest = self.size
        return np.asarray(self.array, dtype)


@pytest.mark.parametrize(
    ("shape", "factor"),
    [
        ((100, 200, 200), 1),
        ((256, 256, 256), 1),
        ((1024, 1024, 1024), 4),
        ((200, 1000, 1000), 3),
        ((10, 4000, 500), 8),
    ],
)
def test_3d_is_bounded(shape, factor):
    assert binning_for_3d(shape) == factor


def test_binned_copy_is_the_mean_of_blocks_and_covers_the_edges():
    data = np.random.default_rng(0).normal(size=(4, 6, 7)).astype(np.float32)
    small = binned_copy(data, 2)
    assert small.shape == (2, 3, 4)
    assert np.allclose(small[1, 2, 1], data[2:4, 4:6, 2:4].mean())
    assert np.allclose(small[0, 0, 3], data[0:2, 0:2, 6].mean())


def test_contrast_is_robust_and_survives_odd_volumes():
    data = np.random.default_rng(0).normal(size=(20, 50, 50)).astype(np.float32)
    data[10, 5, 5], data[10, 6, 6] = 1e6, np.nan
    low, high = contrast_limits(data)
    assert -3 < low < -2 < 2 < high < 3
    assert contrast_limits(np.full((3, 4, 4), np.nan, np.float32)) == (0, 1)
    low, high = contrast_limits(np.full((3, 4, 4), 7, np.int8))
    assert low < 7 < high


@pytest.mark.parametrize(("plane", "at"), [("Z", (11, 22, 33)), ("Y", (11, 22, 33)), ("X", (0, 0, 79))])
def test_3d_never_reads_the_whole_file_at_once_and_2d_comes_back(shown, press, monkeypatch, plane, at):
    monkeypatch.setattr(tomogram_image, "MAX_3D_AXIS", 30)
    data = Watched(np.asarray(shown.image.loaded.data))
    shown.image.show(LoadedTomogram(shown.tomogram, data, (-3.0, 3.0)))
    viewer, layer = shown.viewer, shown.image.layer
    viewer.layers.selection.active = shown.picking.view.points
    assert data.largest <= 60 * 80
    viewer.dims.set_point(range(3), at)
    press(plane, at)
    order = tuple(viewer.dims.order)
    press("C", at)
    viewer.dims.ndisplay = 3
    assert layer.data.shape == (14, 20, 27)
    assert max(layer.data.shape) <= 30
    # toggling the eye uploads the small copy again, nothing else
    layer.visible = False
    layer.visible = True
    # voxel i of the copy is the middle of voxels 3 i ... 3 i + 2
    assert np.allclose(layer.data_to_world((2, 3, 4)), (7, 10, 13))
    assert np.allclose(layer.data[2, 3, 4], np.asarray(data.array)[6:9, 9:12, 12:15].mean(), atol=1e-6)
    viewer.dims.ndisplay = 2
    assert layer.data is data
    assert tuple(layer.scale) == (1, 1, 1)
    assert tuple(layer.translate) == (0, 0, 0)
    assert tuple(viewer.dims.point) == at
    assert tuple(viewer.dims.order) == order
    # the binned copy was made slab by slab
    assert data.largest <= 3 * 60 * 80
    assert shown.picking.active.points.tolist() == [list(at[::-1])]


def test_a_tomogram_opened_while_in_3d_is_safe_too(shown, monkeypatch):
    monkeypatch.setattr(tomogram_image, "MAX_3D_AXIS", 30)
    shown.viewer.dims.ndisplay = 3
    data = Watched(np.zeros((40, 60, 80), np.int8))
    shown.image.show(LoadedTomogram(shown.tomogram, data, (-3.0, 3.0)))
    assert data.largest <= 3 * 60 * 80
    shown.viewer.dims.ndisplay = 2
    assert shown.image.layer.data is data


def test_the_scene_is_never_mirrored(shown, press):
    """Looked at from in front x is to the right, y up; from every plane the axes keep their order."""
    press("Y", (11, 22, 33))
    shown.viewer.dims.ndisplay = 3
    assert tuple(shown.viewer.dims.order) == (0, 1, 2)
    camera = shown.viewer.scene.camera
    assert tuple(map(str, camera.orientation)) == compat.CAMERA_ORIENTATION
    camera.angles = (0, 0, 0)
    assert np.allclose(camera.view_direction, (-1, 0, 0))
    assert np.allclose(camera.up_direction, (0, 1, 0))
    press("X")
    assert np.allclose(camera.view_direction, (0, 0, -1), atol=1e-6)
    assert np.allclose(camera.up_direction, (1, 0, 0), atol=1e-6)


def test_x_y_z_keep_what_is_under_the_cursor_where_it_is_on_the_canvas(shown, press):
    viewer = shown.viewer
    viewer.scene.camera.zoom = 7.5
    viewer.scene.camera.center = (0, 31, 40)
    viewer.dims.set_point(0, 10)
    voxel = (10, 25.25, 52.5)
    offset = np.array([25.25 - 31, 52.5 - 40])
    press("X", voxel)
    assert tuple(viewer.dims.displayed) == (0, 1)
    assert viewer.dims.point[2] == 52
    assert viewer.scene.camera.zoom == 7.5
    assert np.allclose(np.array([10, 25.25]) - viewer.scene.camera.center[1:], offset)


def test_a_file_that_changed_its_shape_is_refused(tmp_path):
    write_mrc(tmp_path / "t.mrc", np.zeros((4, 5, 6), np.float32), 10.0)
    with pytest.raises(FileFormatError, match=r"t\.mrc.*\(4, 5, 6\).*\(4, 5, 7\)"):
        load_tomogram(Tomogram("t", tmp_path / "t.mrc", (4, 5, 7), 10.0))
    with pytest.raises(FileFormatError, match="gone"):
        load_tomogram(Tomogram("t", tmp_path / "gone.mrc", (4, 5, 7), 10.0))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.float32])
def test_a_large_file_never_goes_to_the_graphics_card_as_it_is(workspace, dtype):
    """A cube of 1024 bytes along each side, as float32 in a texture, aborted the process in napari."""
    huge = np.broadcast_to(np.ones(1, dtype), (1024, 1024, 1024))
    assert binning_for_3d(huge.shape) == 4
    uploaded = []
    workspace.image._run = lambda make, done: uploaded.append(make)
    workspace.image.show(LoadedTomogram(Tomogram("huge", "huge.mrc", huge.shape, 10.0), huge, (0.0, 2.0)))
    workspace.viewer.dims.ndisplay = 3
    for depiction in ("plane", "volume", "none", "plane"):
        workspace.image.set_depiction(depiction)
        data = workspace.image.layer.data
        assert data.shape == (256, 256, 256)
        assert np.asarray(data[0]).dtype == np.float32
    assert len(uploaded) == 1
    # the copy itself, of a part that is quick to bin
    assert binned_copy(huge[:8], 4).shape == (2, 256, 256)
    workspace.viewer.dims.ndisplay = 2
    assert workspace.image.layer.data.shape == huge.shape
    workspace.image.clear()
