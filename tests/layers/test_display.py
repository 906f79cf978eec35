"""What is shown of a tomogram: slab, low-pass and contrast, in every plane, with nothing copied."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.filters import low_pass
from napari_tomopick.geometry.planes import Plane
from napari_tomopick.layers.display import Display, Filtering, Slices, percentile_limits
from napari_tomopick.layers.tomogram_image import LoadedTomogram
from napari_tomopick.models.tomogram import Tomogram

SHAPE = (40, 60, 80)


class Read:
    """An array that notes how many voxels were asked of it."""

    ndim = 3

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.size = array, array.shape, array.dtype, array.size
        self.voxels = 0

    def __getitem__(self, index):
        piece = self.array[index]
        self.voxels += piece.size
        return piece

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("the whole volume was read")


def drawn(workspace):
    """The slice that is on the screen, as napari has it; rows are the vertical axis."""
    return np.asarray(workspace.image.layer._slice.image.raw)


def voxels(workspace):
    return np.asarray(workspace.image.loaded.data)


# slices


def test_the_file_itself_is_shown_where_nothing_is_done_to_it(shown):
    assert shown.image.layer.data is shown.image.loaded.data
    shown.display.set_thickness(3)
    assert isinstance(shown.image.layer.data, Slices)
    shown.display.set_thickness(1)
    assert shown.image.layer.data is shown.image.loaded.data


@pytest.mark.parametrize(("plane", "axis"), [("Z", 0), ("Y", 1), ("X", 2)])
def test_a_slab_is_the_mean_about_the_slice_in_every_plane(shown, press, plane, axis):
    data = voxels(shown)
    press(plane, (11, 22, 33))
    for thickness, first, end in ((2, -1, 1), (4, -2, 2), (5, -2, 3)):
        shown.display.set_thickness(thickness)
        for number in (11, 20):
            shown.viewer.dims.set_point(axis, number)
            expected = data.take(range(number + first, number + end), axis=axis).mean(axis=axis)
            assert np.allclose(drawn(shown), expected, atol=1e-6)
    # at the end of the tomogram it is thinner
    shown.viewer.dims.set_point(axis, SHAPE[axis] - 1)
    assert np.allclose(drawn(shown), data.take([-3, -2, -1], axis=axis).mean(axis=axis), atol=1e-6)


@pytest.mark.parametrize(("plane", "axis"), [("Z", 0), ("Y", 1), ("X", 2)])
def test_low_pass_is_in_angstrom_and_after_the_slab(shown, press, plane, axis):
    press(plane, (11, 22, 33))
    number = 22
    shown.viewer.dims.set_point(axis, number)
    shown.display.set_low_pass(80.0)
    expected = low_pass(voxels(shown).take(number, axis=axis), 10.0 / 80.0)
    assert np.array_equal(drawn(shown), expected)
    shown.display.set_thickness(3)
    mean = voxels(shown).take(range(number - 1, number + 2), axis=axis).mean(axis=axis)
    assert np.allclose(drawn(shown), low_pass(mean, 10.0 / 80.0), atol=1e-5)
    shown.display.set_low_pass(None)
    assert np.allclose(drawn(shown), mean, atol=1e-6)


def test_slice_zoom_and_place_stay(shown, press):
    press("X", (11, 22, 33))
    viewer = shown.viewer
    viewer.scene.camera.zoom = 3.25
    viewer.scene.camera.center = (0, 12, 30)
    before = tuple(viewer.dims.point), tuple(viewer.dims.order), tuple(map(tuple, viewer.dims.range))
    for change in (
        lambda: shown.display.set_thickness(10),
        lambda: shown.display.set_low_pass(60),
        lambda: shown.display.fit_slice(),
        lambda: shown.display.set_thickness(1),
        lambda: shown.display.set_low_pass(None),
    ):
        change()
        now = tuple(viewer.dims.point), tuple(viewer.dims.order), tuple(map(tuple, viewer.dims.range))
        assert now == before
        assert viewer.scene.camera.zoom == 3.25
        assert tuple(viewer.scene.camera.center) == (0, 12, 30)


def test_only_the_slab_is_read_and_drawing_it_again_is_free():
    data = Read(np.random.default_rng(0).normal(size=(30, 40, 50)).astype(np.float32))
    slices = Slices(data, 10.0, Filtering(4, 50.0))
    assert (slices.shape, slices.ndim, slices.dtype, slices.size) == ((30, 40, 50), 3, np.float32, 60000)
    first = slices[np.int64(12), :, :]
    assert data.voxels == 4 * 40 * 50
    assert np.array_equal(slices[12], first)
    assert np.array_equal(slices[12, ::2, 5:9], first[::2, 5:9])
    assert np.array_equal(slices[-18], first)
    assert data.voxels == 4 * 40 * 50
    slices[:, 7, :]
    assert data.voxels == 4 * 40 * 50 + 4 * 30 * 50
    with pytest.raises(IndexError):
        slices[30]
    # anything else is the voxels of the file
    assert np.array_equal(slices[3:5], data.array[3:5])
    assert slices[3, 4, 5] == data.array[3, 4, 5]


@pytest.mark.parametrize("dtype", ["i1", "u1", ">i2", "f2", "?"])
def test_every_kind_of_file_can_be_averaged(shown, dtype):
    values = np.random.default_rng(0).integers(0, 2 if dtype == "?" else 90, size=SHAPE).astype(dtype)
    shown.image.show(LoadedTomogram(shown.tomogram, values, (0.0, 90.0)))
    shown.display.set_thickness(4)
    shown.display.set_low_pass(70.0)
    shown.display.set_low_pass(None)
    assert np.allclose(drawn(shown), values[17:21].astype(np.float32).mean(axis=0), atol=1e-4)
    shown.display.set_thickness(1)
    assert np.array_equal(drawn(shown), values[19])


def test_it_stays_when_another_tomogram_is_opened(shown, a_tomogram):
    shown.display.set_thickness(5)
    shown.display.set_low_pass(50.0)
    shown.display.set_inverted(True)
    other = a_tomogram("other", (30, 50, 70))
    shown.session.add_tomogram(Tomogram("other", other.path, other.shape, 10.0))
    shown.open_tomogram("other")
    expected = low_pass(voxels(shown)[12:17].mean(axis=0), 10 / 50)
    assert np.allclose(drawn(shown), expected, atol=1e-5)
    assert shown.image.layer.colormap.name == "gray_r"
    low, high = percentile_limits(expected, 0.5)
    assert np.allclose(shown.image.layer.contrast_limits, (low, high), atol=0.3 * (high - low))
    shown.close_tomogram()
    assert shown.display.slices is None
    shown.display.set_thickness(1)
    assert not shown.undo()


def test_3d_is_the_binned_copy_with_its_own_contrast(shown):
    shown.display.set_thickness(7)
    in_slices, in_file = shown.display.limits, shown.display.file_limits
    assert in_slices[1] - in_slices[0] < 0.5 * (in_file[1] - in_file[0])
    shown.viewer.dims.ndisplay = 3
    assert isinstance(shown.image.layer.data, np.ndarray)
    assert np.allclose(shown.image.layer.contrast_limits, in_file)
    shown.display.set_thickness(9)
    assert isinstance(shown.image.layer.data, np.ndarray)
    shown.viewer.dims.ndisplay = 2
    assert np.allclose(drawn(shown), voxels(shown)[15:24].mean(axis=0), atol=1e-6)
    assert np.allclose(shown.image.layer.contrast_limits, shown.display.limits)


# contrast


def clipped(workspace):
    """Which share of the shown slice is plainly black, and which white."""
    low, high = workspace.image.layer.contrast_limits
    picture = drawn(workspace)
    return (picture <= low).mean(), (picture >= high).mean()


def test_contrast_follows_what_is_shown(shown):
    assert np.allclose(clipped(shown), 0.005, atol=0.004)
    for change in (
        lambda: shown.display.set_thickness(10),
        lambda: shown.display.set_low_pass(100.0),
        lambda: shown.display.set_thickness(1),
    ):
        change()
        assert np.allclose(clipped(shown), 0.005, atol=0.01)
    before = shown.image.loaded.contrast_limits
    shown.display.set_low_pass(None)
    assert np.allclose(shown.image.layer.contrast_limits, before)


def test_contrast_chosen_in_napari_is_kept_by_filtering_and_shared(shown):
    greys = []
    shown.display.grey_changed.connect(lambda: greys.append(shown.display.limits))
    shown.image.layer.contrast_limits = (-1.0, 2.0)
    assert np.allclose(greys, [(-1, 2)])
    share = clipped(shown)
    shown.display.set_thickness(8)
    assert np.allclose(clipped(shown), share, atol=0.03)
    shown.display.set_thickness(1)
    assert np.allclose(shown.image.layer.contrast_limits, (-1, 2))
    shown.image.layer.colormap = "gray_r"
    assert shown.display.inverted
    shown.display.set_inverted(False)
    assert shown.image.layer.colormap.name == "gray"
    # a colour map of one's own is left alone
    shown.image.layer.colormap = "viridis"
    shown.display.widen(2.0)
    assert shown.image.layer.colormap.name == "viridis"


def test_contrast_by_percentile_of_the_tomogram_and_of_the_slice(shown):
    display = shown.display
    display.set_clip(10.0)
    assert np.allclose(clipped(shown), 0.1, atol=0.015)
    data = voxels(shown)
    data = np.array(data)
    data[19] = data[19] * 0.1 + 5
    shown.image.show(LoadedTomogram(shown.tomogram, data, (-9.0, 9.0)))
    assert np.ptp(shown.image.layer.contrast_limits) > 1.5
    display.fit_slice()
    assert np.allclose(clipped(shown), 0.1, atol=0.005)
    display.set_thickness(3)
    display.fit_slice()
    assert np.allclose(clipped(shown), 0.1, atol=0.005)
    display.set_thickness(1)
    display.fit_tomogram()
    low, high = shown.image.layer.contrast_limits
    display.widen(2.0)
    assert np.allclose(shown.image.layer.contrast_limits, (low - (high - low) / 2, high + (high - low) / 2))


def test_nonsense_is_refused_and_changes_nothing(shown):
    display = shown.display
    for wrong in (
        lambda: display.set_thickness(0),
        lambda: display.set_thickness(501),
        lambda: display.set_low_pass(0),
        lambda: display.set_low_pass(np.nan),
        lambda: display.set_clip(50),
        lambda: display.set_clip(-1),
    ):
        with pytest.raises(ParameterError):
            wrong()
    assert display.filtering == Filtering()
    assert display.clip_percent == 0.5
    with pytest.raises(ParameterError, match="Open a tomogram"):
        Display().section(Plane.orthogonal("z", 0), 4, 4)


def test_a_tomogram_of_one_grey_value_can_be_shown(shown):
    shown.image.show(LoadedTomogram(shown.tomogram, np.full(SHAPE, 7.0, np.float32), (6.5, 7.5)))
    shown.display.set_thickness(5)
    shown.display.fit_slice()
    low, high = shown.image.layer.contrast_limits
    assert low < 7 < high


# other canvases


@pytest.mark.parametrize(("axis", "name"), list(enumerate("zyx")))
@pytest.mark.parametrize("filtering", [(1, None), (4, None), (1, 60.0), (5, 60.0)])
def test_a_section_is_what_the_slices_show(shown, axis, name, filtering):
    shown.display.set_thickness(filtering[0])
    shown.display.set_low_pass(filtering[1])
    number = 17
    whole = np.asarray(shown.display.slices[(slice(None),) * axis + (number,)])
    height, width = whole.shape
    plane = Plane.orthogonal(name, number)
    found = shown.display.section(plane, width, height)
    assert np.allclose(found, whole, atol=1e-5)
    # any part of it is the same
    part = shown.display.section(plane.moved(11, 7), 20, 15)
    assert np.allclose(part, whole[7:22, 11:31], atol=2e-3)
    beyond = shown.display.section(plane.moved(-5, -6), width, height)
    assert np.isnan(beyond[:6]).all()
    assert np.isnan(beyond[:, :5]).all()
    assert np.allclose(beyond[6:, 5:], whole[:-6, :-5], atol=2e-3)


def test_a_sampler_has_its_own_slab_and_never_changes(shown):
    sampler = shown.display.sampler(thickness=3)
    plane = Plane.orthogonal("z", 20)
    before = sampler.section(plane, 80, 60)
    assert np.allclose(before, voxels(shown)[19:22].mean(axis=0), atol=1e-6)
    shown.display.set_low_pass(50.0)
    shown.display.set_thickness(9)
    assert np.array_equal(sampler.section(plane, 80, 60), before)
    assert np.isnan(sampler.section(plane.moved(500, 500), 4, 4)).all()


def test_grey_values_are_those_of_the_canvas(shown):
    display = shown.display
    display.set_limits(-1.0, 1.0)
    picture = np.array([[-5, -1, 0, 1, 9, np.nan, np.inf, -np.inf]], np.float32)
    assert display.grey(picture).tolist() == [[0, 0, 128, 255, 255, 0, 255, 0]]
    display.set_inverted(True)
    assert display.grey(picture).tolist() == [[255, 255, 128, 0, 0, 0, 0, 255]]
    assert display.grey(picture).dtype == np.uint8


def test_others_hear_what_must_be_done_anew(shown):
    heard = []
    shown.display.filtering_changed.connect(lambda: heard.append("filtering"))
    shown.display.grey_changed.connect(lambda: heard.append("grey"))
    shown.display.set_thickness(4)
    assert heard == ["filtering", "grey"]
    shown.display.set_thickness(4)
    shown.display.set_inverted(False)
    assert heard == ["filtering", "grey"]
    shown.display.set_clip(1.0)
    assert heard == ["filtering", "grey", "grey"]
