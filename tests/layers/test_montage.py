"""The montage: which slices it shows, what they look like, which is active; without a window."""

from __future__ import annotations

import dataclasses
import gc
import threading
import weakref

import numpy as np
import pytest

from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.geometry.mosaic import Region
from napari_tomopick.layers import compat
from napari_tomopick.layers.montage import Montage
from napari_tomopick.layers.montage_scene import MontagePane, active_frame
from napari_tomopick.layers.montage_tiles import Tile, Tiles
from napari_tomopick.layers.viewport import Viewport
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


# what is drawn over the slices


RED = [1.0, 0.16, 0.16, 1.0]


@pytest.fixture
def traced(montage):
    """Slices 2, 5, ... 38, six on a page; traced in 5 and 14, and a side marker in 11."""
    session, uid = montage.workspace.session, montage.workspace.picking.active.uid
    points = [[10, 20, 5], [30, 25, 5], [50, 20, 5], [12, 20, 14], [32, 25, 14]]
    session.add_points(uid, points, [5, 5, 5, 14, 14])
    session.set_marker(uid, [30.0, 10.0, 11.0])
    montage.set(first=2, last=38, step=3, rows=2, columns=3)
    montage.activate(2)
    return montage


def in_tile(montage, number, places):
    """Which places lie in a slice, and where in it."""
    left, bottom = montage.mosaic.corner(number)
    region = montage.mosaic.region
    away = np.asarray(places) - (left, bottom)
    inside = ((away >= -0.5) & (away <= np.array([region.width, region.height]) - 0.5)).all(axis=-1)
    return away[inside] if away.ndim == 2 else away[inside.all(axis=-1)]


def test_points_and_curves_are_in_their_slices(traced):
    overlay = traced.scene.overlay
    assert in_tile(traced, 5, overlay.circles.centres).tolist() == [[10, 20], [30, 25], [50, 20]]
    assert in_tile(traced, 14, overlay.circles.centres).tolist() == [[12, 20], [32, 25]]
    assert len(overlay.circles) == 5
    curve = in_tile(traced, 5, overlay.lines.ends)
    assert curve[0, 0].tolist() == [10, 20]
    assert curve[-1, 1].tolist() == [50, 20]
    assert np.array_equal(curve[1:, 0], curve[:-1, 1])


def test_a_slice_that_is_not_traced_has_the_nearest_curve_faintly(traced):
    lines = traced.scene.overlay.lines
    for number, nearest in ((2, 5), (8, 5), (11, 14), (17, 14)):
        assert np.allclose(in_tile(traced, number, lines.ends), in_tile(traced, nearest, lines.ends))
    strong = lines.rgba[:, 3] == 1
    assert strong.sum() == len(in_tile(traced, 5, lines.ends)) + len(in_tile(traced, 14, lines.ends))
    assert (lines.rgba[~strong, 3] < 0.5).all()
    traced.turn(2)
    assert len(traced.scene.overlay.lines) == 0  # 38 is too far from any


def test_slices_tell_their_number_and_whether_they_are_traced(traced):
    overlay = traced.scene.overlay
    assert list(overlay.texts.texts) == ["z 2", "z 5 · 3", "z 8", "z 11", "z 14 · 2", "z 17"]
    assert len(overlay.frames) == 2
    half_way = 0.5 + traced.mosaic.gap / 2
    for frame, number in zip(overlay.frames.corners, (5, 14), strict=True):
        left, bottom = traced.mosaic.corner(number)
        assert (frame[0] < (left, bottom)).all()
        assert (frame[1] > (left + 79, bottom + 59)).all()
        assert (np.abs(frame - [[left, bottom], [left + 79, bottom + 59]]) <= half_way).all()
    red = active_frame(traced.mosaic, 2).frames
    assert red.rgba.tolist() == [RED]
    assert red.widths[0] > overlay.frames.widths.max()
    assert len(active_frame(traced.mosaic, 38)) == 0


def test_the_side_marker_is_on_every_slice_and_pale_where_it_is_not(traced):
    crosses = traced.scene.overlay.crosses
    assert len(crosses) == 6
    for number in traced.mosaic.shown:
        assert in_tile(traced, number, crosses.centres).tolist() == [[30, 10]]
    here = np.abs(np.array([2, 5, 8, 11, 14, 17]) - 11) < 7.5
    assert (crosses.rgba[:, 3] == 1).sum() == here.sum()
    montage_pane = MontagePane(traced, Still())
    left, bottom = traced.mosaic.corner(11)
    assert montage_pane.marker_at((left + 30, -bottom - 10)) == traced.workspace.picking.active.uid
    left, bottom = traced.mosaic.corner(2)
    assert montage_pane.marker_at((left + 30, -bottom - 10)) is None


def test_what_is_not_shown_is_not_drawn(traced):
    picking = traced.workspace.picking
    picking.show(False)
    assert len(traced.scene.overlay.circles) == len(traced.scene.overlay.frames) == 0
    picking.show(True)
    picking.set_visible(picking.active.uid, False)
    assert len(traced.scene.overlay.circles) == len(traced.scene.overlay.crosses) == 0
    assert len(traced.scene.overlay.texts) == 6


def test_nothing_reaches_out_of_its_slice(montage):
    session = montage.workspace.session
    uid = montage.workspace.picking.add_model("general", "crowns", box_size=32)
    session.add_points(uid, [[2, 2, 8], [78, 58, 8]], [8, 8])
    montage.set(first=2, last=38, step=3, rows=2, columns=3)
    montage.activate(8)
    lines = montage.scene.overlay.lines
    assert len(lines)
    places = lines.ends.reshape(-1, 2)
    assert sum(len(in_tile(montage, n, np.round(places, 6))) for n in montage.mosaic.shown) == len(places)
    # a box is seen in all slices that it reaches
    assert {n for n in montage.mosaic.shown if len(in_tile(montage, n, places))} == set(montage.mosaic.shown)


class Still:
    """A canvas with a pixel for every voxel and the place (0, 0) in its corner."""

    viewport = Viewport(2.0, 2.0, 1.0, -1.0, 1.0)


def test_a_hand_finds_what_it_points_at(traced):
    pane = MontagePane(traced, Still())
    left, bottom = traced.mosaic.corner(14)
    spot = pane.spot((left + 12.25, -bottom - 20.5))
    assert spot.position.tolist() == [12.25, 20.5, 14]
    assert spot.level_in(traced.workspace.picking.active) == 14
    uid = traced.workspace.picking.active.uid
    assert pane.point_at((left + 12.25, -bottom - 20.5)) == (uid, 3)
    assert pane.point_at((left + 60, -bottom - 50)) is None
    assert pane.spot((left - 1.0, -bottom - 20.5)) is None
    assert pane.point_at((left - 1.0, -bottom - 20.5)) is None


def test_another_plane_goes_through_what_is_pointed_at(traced):
    pane = MontagePane(traced, Still())
    left, bottom = traced.mosaic.corner(14)
    pane.show_plane("x", (left + 33, -bottom - 20))
    assert traced.mosaic.axis == "x"
    assert abs(traced.active - 33) <= traced.mosaic.step / 2


def test_a_point_that_is_added_anywhere_makes_its_slice_active(traced):
    session, uid = traced.workspace.session, traced.workspace.picking.active.uid
    session.add_points(uid, [[20, 20, 17]], [17])
    assert traced.active == 17
    session.add_points(uid, [[20, 20, 38]], [38])  # on another page
    session.add_points(uid, [[20, 20, 6]], [6])  # in no slice of it
    session.undo()
    assert (traced.active, traced.mosaic.page) == (17, 0)


def test_after_any_edit_everything_is_drawn_as_if_from_the_start(traced):
    """Slices far from an edit are not worked out anew; it must not be seen."""
    workspace = traced.workspace
    session, picking = workspace.session, workspace.picking
    uid = picking.active.uid

    def other_model():
        picking.add_model("general", "crowns", box_size=32)
        session.add_points(picking.active.uid, [[40, 30, 9]], [9])

    edits = (
        lambda: session.add_points(uid, [[60, 30, 5]], [5]),
        lambda: session.add_points(uid, [[20, 40, 8], [40, 42, 8], [50, 30, 8]], [8, 8, 8], proposed=True),
        lambda: session.move_points(uid, [1], [[31, 28, 5]]),
        lambda: session.accept_points(uid, [6]),
        lambda: session.delete_points(uid, [0]),
        lambda: session.set_marker(uid, [30.0, 50.0, 11.0]),
        lambda: session.delete_points(uid, [2, 3]),
        session.undo,
        other_model,
        lambda: session.change_model(picking.active.uid, box_size=20),
        lambda: session.change_model(uid, colour="#123456"),
        lambda: picking.activate(uid),
        lambda: picking.select_points([(uid, 1)]),
        lambda: picking.preview([(uid, 1)], [[20.0, 20.0, 5.0]]),
        lambda: picking.preview(None),
        lambda: session.change_model(
            uid, points=np.array([[5.0, 5, 2], [5, 40, 20], [60, 50, 30]]), levels=[0, 0, 0]
        ),
        session.undo,
        lambda: picking.set_visible(uid, False),
        lambda: session.remove_model(uid),
    )
    for edit in edits:
        assert len(traced.scene.overlay)
        edit()
        fresh = Montage(workspace)
        fresh.connect()
        fresh.set(first=2, last=38, step=3, rows=2, columns=3)
        fresh.turn(-9)
        assert fresh.mosaic == traced.mosaic
        for kind in ("lines", "arrows", "circles", "crosses", "frames", "texts"):
            found, wanted = (getattr(m.scene.overlay, kind) for m in (traced, fresh))
            for field in dataclasses.fields(wanted):
                assert np.array_equal(getattr(found, field.name), getattr(wanted, field.name)), kind
        assert {n: list(t.rows) for n, t in traced.scene.tiles.items()} == {
            n: list(t.rows) for n, t in fresh.scene.tiles.items()
        }
        fresh.disconnect()


def test_slices_far_from_an_edit_are_kept(traced):
    before = traced.scene.tiles
    session, uid = traced.workspace.session, traced.workspace.picking.active.uid
    session.set_marker(uid, None)
    assert not any(traced.scene.tiles[n] is before[n] for n in before)
    before = traced.scene.tiles
    session.add_points(uid, [[60, 30, 14]], [14])
    assert [n for n in before if traced.scene.tiles[n] is not before[n]] == [14]
