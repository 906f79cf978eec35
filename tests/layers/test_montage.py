"""The montage: which slices it shows, what they look like, which is active; without a window."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.geometry.mosaic import Region
from napari_tomopick.layers import compat
from napari_tomopick.layers.montage import Montage
from napari_tomopick.layers.montage_tiles import Tile, Tiles
from napari_tomopick.layers.workspace import run_at_once

SHAPE = (40, 60, 80)


@pytest.fixture
def montage(shown):
    found = Montage(shown)
    found.connect()
    yield found
    found.disconnect()


class Later:
    """A runner whose work is done when the test says so."""

    def __init__(self):
        self.jobs = []

    def __call__(self, function, done, failed):
        self.jobs.append(lambda: run_at_once(function, done, failed))

    def next(self):
        self.jobs.pop(0)()


@pytest.fixture
def later(montage):
    montage.workspace.run = later = Later()
    yield later
    montage.workspace.run = run_at_once


def part(montage, number):
    """What the picture shows of a slice."""
    left, bottom = montage.mosaic.corner(number)
    region = montage.mosaic.region
    return montage.picture[bottom : bottom + region.height, left : left + region.width]


def is_read(montage, number):
    return part(montage, number).std() > 0


def test_the_full_scene_is_shown_first(montage):
    mosaic = montage.mosaic
    assert str(mosaic) == "z slices 0 to 38 in steps of 2"
    assert mosaic.pages == 1
    assert montage.active == 18  # nearest to the shown slice 19, the lower one
    width, height = mosaic.size
    assert montage.picture.shape == (height, width)


@pytest.mark.parametrize("axis", "xyz")
def test_each_slice_is_shown_as_in_the_viewer(montage, axis):
    workspace = montage.workspace
    compat.show_plane(workspace.viewer, axis, np.array([19.0, 30.0, 40.0]))
    montage.show_full_scene()
    assert montage.mosaic.axis == axis
    data = workspace.image.loaded.data
    for number in montage.mosaic.shown:
        index = [slice(None)] * 3
        index["zyx".index(axis)] = number
        assert np.array_equal(part(montage, number), workspace.display.grey(data[tuple(index)]))


def test_settings_and_pages(montage):
    montage.set(rows=2, columns=3, first=1, last=33, step=4)
    mosaic = montage.mosaic
    assert list(mosaic.slices) == [1, 5, 9, 13, 17, 21, 25, 29, 33]
    assert (mosaic.pages, mosaic.page, montage.active) == (2, 0, 17)
    montage.turn(1)
    assert (montage.mosaic.page, montage.active) == (1, 17)
    assert all(is_read(montage, number) for number in (25, 29, 33))
    montage.turn(1)
    assert montage.mosaic.page == 1
    montage.turn(-9)
    assert montage.mosaic.page == 0
    montage.activate(29)
    assert (montage.mosaic.page, montage.active) == (1, 29)
    montage.set(step=2)
    assert (montage.active, montage.mosaic.page) == (29, 2)
    montage.set(last=21)
    assert montage.active == 21


def test_arrows_step_over_the_pages(montage):
    montage.set(rows=1, columns=3, step=10, first=5, last=35)
    montage.activate(25)
    montage.step(1)
    assert (montage.active, montage.mosaic.page) == (35, 1)
    montage.step(1)
    assert montage.active == 35
    montage.step(-3)
    assert (montage.active, montage.mosaic.page) == (5, 0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"last": 40}, "40 slices across z: the last is 39"),
        ({"first": 39}, "39 to 38"),
        ({"step": 0}, "at least 1"),
        ({"rows": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_set_changes_nothing(montage, fields, message):
    before, picture = montage.mosaic, montage.picture
    with pytest.raises(ParameterError, match=message):
        montage.set(**fields)
    assert montage.mosaic is before
    assert montage.picture is picture


def test_thickness_is_that_of_the_viewer_until_set(montage):
    display, data = montage.workspace.display, montage.workspace.image.loaded.data
    montage.activate(18)
    display.set_thickness(3)
    assert montage.thickness == 3
    assert np.array_equal(part(montage, 18), display.grey(data[17:20].mean(axis=0)))
    montage.set_thickness(5)
    assert display.thickness == 3
    assert np.array_equal(part(montage, 18), display.grey(data[16:21].mean(axis=0)))
    display.set_thickness(1)
    assert montage.thickness == 5
    montage.set_thickness(None)
    assert np.array_equal(part(montage, 18), display.grey(data[18]))
    with pytest.raises(ParameterError, match="at least 1"):
        montage.set_thickness(0)


def test_contrast_is_that_of_the_viewer_and_reads_nothing(montage, monkeypatch):
    monkeypatch.setattr(Tile, "read", lambda *_: pytest.fail("read anew"))
    before = part(montage, 18).copy()
    montage.workspace.display.set_inverted(True)
    assert np.abs(part(montage, 18).astype(int) - (255 - before.astype(int))).max() <= 1


def test_of_this_view_is_shown_what_is_in_sight(montage):
    # 30 voxels wide and 20 high, about x 44.5, y 29.5
    viewer = montage.workspace.viewer
    viewer.canvas.size, viewer.scene.camera.zoom = (200, 300), 10.0
    viewer.scene.camera.center = (0.0, 29.5, 44.5)
    montage.set(first=4, last=13, step=3, rows=1, columns=4)
    montage.show_view()
    assert montage.mosaic.region == Region(30, 20, 30, 20)
    assert list(montage.mosaic.slices) == [4, 7, 10, 13]
    data = montage.workspace.image.loaded.data
    assert np.array_equal(part(montage, 7), montage.workspace.display.grey(data[7, 20:40, 30:60]))
    position = montage.mosaic.position(np.add(montage.mosaic.corner(7), (1.25, 2.5)))
    assert position.tolist() == [31.25, 22.5, 7]
    montage.workspace.show_3d(True)
    with pytest.raises(ParameterError, match="Show a slice"):
        montage.show_view()


def test_large_slices_are_shown_coarser(montage, monkeypatch):
    monkeypatch.setattr("napari_tomopick.layers.montage.MAX_PIXELS", 20 * 60 * 80 // 8)
    montage.show_full_scene()
    mosaic, data = montage.mosaic, montage.workspace.image.loaded.data
    assert mosaic.spacing == 3
    left, bottom = (n // 3 for n in mosaic.corner(18))
    blocks = data[18, :, :78].reshape(20, 3, 26, 3).mean(axis=(1, 3))
    shown = montage.picture[bottom : bottom + 20, left : left + 26]
    assert np.array_equal(shown, montage.workspace.display.grey(blocks))
    assert montage.picture.shape == tuple(n // 3 for n in mosaic.size[::-1])


# reading


def test_the_page_comes_in_parts_and_its_neighbours_before_they_are_asked_for(montage, later, monkeypatch):
    monkeypatch.setattr("napari_tomopick.layers.montage_tiles.BATCH_SECONDS", 0.0)
    montage.set(rows=1, columns=2, first=1, last=39, step=2)
    montage.activate(19)
    later.jobs[:-1] = []
    shown = list(montage.mosaic.shown)
    assert montage.missing == 2
    later.next()
    assert [is_read(montage, number) for number in shown] == [True, False]
    later.next()
    assert montage.missing == 0
    while later.jobs:
        later.next()
    montage.turn(1)
    assert montage.missing == 0
    assert all(is_read(montage, number) for number in montage.mosaic.shown)


def test_a_page_that_was_left_is_not_waited_for(montage, later):
    montage.set(rows=1, columns=2, first=1, last=39, step=2)
    left = later.jobs.pop()
    montage.turn(3)
    wanted = later.jobs.pop()
    left()
    assert not later.jobs
    assert montage.missing == 2
    wanted()
    assert montage.missing == 0


def test_no_slice_is_read_twice(montage, monkeypatch):
    read, reading = [], Tile.read
    monkeypatch.setattr(
        Tile, "read", lambda tile, sampler: read.append(tile.number) or reading(tile, sampler)
    )
    montage.set(rows=1, columns=4, first=0, last=39, step=1)
    for pages in (1, 1, -2, 9, -9, 2, 2):
        montage.turn(pages)
    assert len(read) == len(set(read))
    assert set(read) >= set(range(1, 39, 2))


def test_only_so_much_is_kept():
    """Of 3 tiles of 4 kB with room for 2; and what is wanted now, however much."""

    class Reader:
        def section(self, plane, width, height):
            return np.zeros((height, width), np.float32)

    def tile(number):
        return Tile("z", number, Region(0, 0, 32, 32), 1, None)

    tiles = Tiles(run_at_once, pytest.fail, budget_bytes=2 * 4096)
    for number in range(3):
        tiles.want([tile(number)], [], Reader())
    assert [tiles.get(tile(number)) is not None for number in range(3)] == [False, True, True]
    tiles.want([tile(1)], [tile(8), tile(9)], Reader())
    assert [tiles.get(tile(number)) is not None for number in (1, 2, 8, 9)] == [True, False, True, False]
    tiles.want([tile(number) for number in range(20, 25)], [tile(30)], Reader())
    assert all(tiles.get(tile(number)) is not None for number in range(20, 25))
    assert tiles.get(tile(30)) is None
    assert tiles.missing == 0


def test_a_slice_that_cannot_be_read_is_told_once(montage, monkeypatch, later):
    def refuse(*_):
        raise FileFormatError("the file is gone")

    monkeypatch.setattr(Tile, "read", refuse)
    told = []
    monkeypatch.setattr(compat, "show_error", told.append)
    montage.set(rows=1, columns=2, first=1, last=39, step=1)
    later.next()
    assert not later.jobs
    assert told == ["the file is gone"]


def test_nothing_late_is_shown_of_another_tomogram(montage, later, a_tomogram):
    workspace = montage.workspace
    montage.set(step=1)
    late = later.jobs.pop()
    workspace.run = run_at_once
    workspace.session.add_tomogram(a_tomogram("other", (10, 20, 30)))
    workspace.open_tomogram("other")
    assert str(montage.mosaic) == "z slices 0 to 9"
    picture = montage.picture.copy()
    late()
    assert np.array_equal(montage.picture, picture)


# following


def test_another_tomogram_and_none(montage, a_tomogram):
    workspace = montage.workspace
    workspace.session.add_tomogram(a_tomogram("other", (10, 20, 30)))
    workspace.open_tomogram("other")
    assert montage.active == 4
    assert is_read(montage, 4)
    workspace.close_tomogram()
    assert montage.mosaic is montage.active is montage.picture is None
    for verb in (
        montage.show_full_scene,
        montage.show_view,
        lambda: montage.turn(1),
        lambda: montage.step(1),
    ):
        with pytest.raises(ParameterError, match="Open a tomogram first"):
            verb()
    workspace.display.set_thickness(2)
    workspace.display.set_inverted(True)


def test_renaming_the_tomogram_leaves_the_montage(montage):
    montage.set(step=7)
    before = montage.mosaic
    montage.workspace.session.rename_tomogram("tomo", "renamed")
    assert montage.workspace.tomogram_name == "renamed"
    assert montage.mosaic is before


def test_the_slice_viewer_goes_along_when_linked(montage):
    viewer = montage.workspace.viewer
    montage.set(rows=1, columns=4, first=0, last=39, step=3)
    montage.activate(6)
    assert compat.slice_index(viewer) == 19
    montage.set_linked(True)
    assert compat.slice_index(viewer) == 6
    montage.activate(9)
    assert compat.slice_index(viewer) == 9
    viewer.dims.set_point(0, 31)
    assert montage.active == 30
    assert 30 in montage.mosaic.shown
    assert compat.slice_index(viewer) == 31  # and not pulled back
    compat.show_plane(viewer, "x", np.array([31.0, 30.0, 40.0]))
    viewer.dims.set_point(2, 50)
    assert montage.active == 30
    compat.show_plane(viewer, "z", np.array([31.0, 30.0, 40.0]))
    montage.set_linked(False)
    viewer.dims.set_point(0, 3)
    assert montage.active == 30


def test_going_to_a_position_shows_it_in_the_slice_viewer(montage):
    viewer = montage.workspace.viewer
    compat.show_plane(viewer, "x", np.array([19.0, 30.0, 40.0]))
    montage.go_to([12.0, 34.0, 8.0])
    assert tuple(viewer.dims.order) == (0, 1, 2)
    assert compat.slice_index(viewer) == 8
    assert np.allclose(viewer.scene.camera.center[-2:], (34, 12))


def test_signals(montage):
    heard = []
    for name in ("mosaic_changed", "picture_changed", "active_changed", "models_changed"):
        getattr(montage, name).connect(lambda name=name: heard.append(name))
    montage.activate(20)
    assert heard == ["active_changed"]
    heard.clear()
    montage.workspace.picking.add_model("surface")
    assert set(heard) == {"models_changed"}
    heard.clear()
    montage.set(step=3)
    assert {"mosaic_changed", "picture_changed"} <= set(heard)


def test_every_link_is_cut(shown):
    signals = (
        shown.tomogram_changed,
        shown.display.filtering_changed,
        shown.display.grey_changed,
        shown.picking.models_changed,
        shown.viewer.dims.events.point,
    )
    before = [len(signal) if hasattr(signal, "__len__") else len(signal.callbacks) for signal in signals]
    montage = Montage(shown)
    montage.connect()
    montage.disconnect()
    after = [len(signal) if hasattr(signal, "__len__") else len(signal.callbacks) for signal in signals]
    assert after == before
    kept = weakref.ref(montage)
    del montage
    gc.collect()
    assert kept() is None
    assert threading.active_count() < 20
