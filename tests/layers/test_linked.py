"""Views that go together: one focus, planes through it, and what is cut when they close."""

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.planes import Plane
from napari_tomopick.layers.linked import COLOURS, LinkedViews
from napari_tomopick.layers.linked_pane import LinkedPane
from napari_tomopick.layers.oblique import Attitude, extent_in, plane_through_points, trace
from napari_tomopick.layers.overlay import Overlay
from napari_tomopick.layers.viewport import Viewport
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step

SHAPE = (40, 60, 80)
angles = st.floats(-180, 180)


class Canvas:
    """Takes down what a pane shows."""

    def __init__(self, width=200, height=100):
        self.viewport = Viewport(width, height)
        self.extent, self.picture, self.overlay = None, None, Overlay()
        self.cross = self.caption = self.frame = None
        self.pictures = self.overlays = 0

    def set_viewport(self, viewport):
        self.viewport = viewport

    def set_extent(self, box):
        self.extent = box

    def fit(self):
        self.viewport = self.viewport.fitted(self.extent)

    def set_picture(self, grey, *, left=0.0, bottom=0.0, spacing=1.0):
        self.picture, self.corner, self.spacing = grey, (left, bottom), spacing
        self.pictures += 1

    def set_overlay(self, overlay):
        self.overlay = overlay
        self.overlays += 1

    def set_cross(self, place, upright="#ffffff", level="#ffffff"):
        self.cross = place

    def set_caption(self, text, colour="#ffffff", note=""):
        self.caption = (text, note)

    def set_frame(self, colour):
        self.frame = colour


@pytest.fixture
def views(shown):
    found = LinkedViews(shown)
    found.link()
    yield found
    found.unlink()


@pytest.fixture
def pane(views):
    """``pane(kind)``: a pane that has been refreshed, with its canvas."""

    def pane(kind, **size):
        canvas = Canvas(**size)
        found = LinkedPane(views, canvas, lambda: kind)
        found.refresh()
        return found, canvas

    return pane


def voxels(shown):
    return np.asarray(shown.image.loaded.data)


# the focus


def test_the_focus_is_where_napari_stands(views, shown):
    assert views.focus.tolist() == [39, 29, 19]
    shown.viewer.dims.set_point(0, 7)
    assert views.focus.tolist() == [39, 29, 7]
    views.look_at((10, 20.4, 30))
    assert tuple(shown.viewer.dims.point) == (30, 20, 10)
    assert views.focus.tolist() == [10, 20.4, 30]
    # where the slider is moved, what lay between voxels is gone
    shown.viewer.dims.set_point(1, 25)
    assert views.focus.tolist() == [10, 25, 30]


def test_beside_the_tomogram_there_is_nothing_to_look_at(views):
    views.look_at((-5, 100, 30))
    assert views.focus.tolist() == [0, 59, 30]


def test_the_slice_viewer_moves_only_to_what_it_does_not_show(views, shown):
    camera = shown.viewer.scene.camera
    camera.zoom = 40.0
    before = camera.center
    views.look_at((41, 30, 5))
    assert camera.center == before
    views.look_at((2, 3, 5))
    np.testing.assert_allclose(camera.center[-2:], (3, 2))


def test_the_dock_shows_what_the_slice_viewer_does_not(views, shown):
    assert views.main_axis == "z"
    assert views.others == ("y", "x")
    views.show_in_main("x", (10, 20, 30))
    assert views.main_axis == "x"
    assert views.others == ("z", "y")
    assert views.focus.tolist() == [10, 20, 30]


@pytest.mark.parametrize(("kind", "axis"), [("x", 0), ("y", 1), ("z", 2)])
def test_scrolling_goes_along_the_axis_and_not_out(views, kind, axis):
    before = views.focus
    views.scroll(kind, 3)
    assert (views.focus - before).tolist() == [3 if i == axis else 0 for i in range(3)]
    views.scroll(kind, 1000)
    assert views.focus[axis] == SHAPE[2 - axis] - 1


def test_scrolling_an_oblique_plane_goes_along_its_normal(views):
    views.set_attitude(Attitude(30, 45, 10))
    before, normal = views.focus, views.plane("oblique").normal
    views.scroll("oblique", 2)
    np.testing.assert_allclose(views.focus - before, 2 * normal)
    views.scroll("oblique", 500)
    np.testing.assert_allclose(views.focus - before, 2 * normal)


# the oblique plane


@given(angles, angles, angles)
def test_an_attitude_says_how_a_plane_lies(tilt, rotation, spin):
    attitude = Attitude(tilt, rotation, spin)
    plane = attitude.through((3, 4, 5))
    again = Attitude.of(plane, near=attitude).through((3, 4, 5))
    np.testing.assert_allclose([again.u, again.v], [plane.u, plane.v], atol=1e-5)


def test_angles_do_not_leap_when_the_plane_is_turned_through_flat():
    found, seen = Attitude(10, 25, 5), []
    for _ in range(20):
        plane = found.through((0, 0, 0))
        # by 1 degree about the line about which it is tilted
        line = [np.cos(np.radians(25)), np.sin(np.radians(25)), 0]
        turn = Rotation.from_rotvec(np.radians(-1) * np.array(line))
        found = Attitude.of(Plane(plane.origin, *turn.apply(np.array([plane.u, plane.v]))), found)
        seen.append((found.tilt_degrees, found.rotation_degrees, found.spin_degrees))
    np.testing.assert_allclose(seen, [(9 - i, 25, 5) for i in range(20)], atol=1e-4)


def test_a_plane_is_laid_through_points():
    rng = np.random.default_rng(3)
    plane = Attitude(40, 30).through((20, 30, 15))
    points = plane.position(rng.uniform(-15, 15, (20, 2)))
    middle, attitude = plane_through_points(points, (0, 0, 1))
    np.testing.assert_allclose(middle, points.mean(axis=0))
    np.testing.assert_allclose(attitude.through(middle).normal, plane.normal, atol=1e-9)
    behind = plane_through_points(points, (0, 0, -1))[1].through(middle)
    np.testing.assert_allclose(behind.normal, -plane.normal, atol=1e-9)


def test_points_on_a_line_define_no_plane():
    with pytest.raises(ParameterError, match="one line"):
        plane_through_points([[0, 0, 0], [1, 1, 1], [5, 5, 5.1]], (0, 0, 1))
    with pytest.raises(ParameterError, match="three points"):
        plane_through_points([[0, 0, 0], [1, 1, 1]], (0, 0, 1))


def test_through_the_points_of_the_active_model_or_those_selected(views, shown):
    with pytest.raises(ParameterError, match="0 points"):
        views.through_points()
    plane = Attitude(30, 70).through((40, 30, 20))
    on = plane.position([[-8, -5], [9, 2], [3, 8.0]])
    uid = shown.picking.active.uid
    shown.session.add_points(uid, [*on, [10, 10, 10], [70, 50, 5]], [0] * 5)
    shown.picking.view.points.selected_data = {0, 1, 2}
    views.through_points()
    np.testing.assert_allclose(np.abs(views.plane("oblique").coordinates(on)[1]), 0, atol=1e-9)
    np.testing.assert_allclose(views.focus, on.mean(axis=0), atol=1e-9)


def test_what_is_seen_obliquely_does_not_shift_when_the_focus_moves_in_it(views):
    views.set_attitude(Attitude(25, 40))
    before = views.plane("oblique")
    views.look_at(before.position([[7.3, -4.2]])[0])
    after = views.plane("oblique")
    np.testing.assert_allclose(after.origin, before.origin, atol=1e-9)
    np.testing.assert_allclose(after.coordinates(views.focus)[1], 0, atol=1e-9)


@pytest.mark.parametrize("kind", ["x", "y", "z"])
def test_a_slice_is_seen_as_a_whole(kind):
    plane = Plane.orthogonal(kind, 3)
    size = [n for axis, n in zip("xyz", SHAPE[::-1], strict=True) if axis != kind]
    assert extent_in(plane, SHAPE) == (-0.5, -0.5, size[0] - 0.5, size[1] - 0.5)


def test_of_an_oblique_plane_what_it_cuts():
    # 45 degrees about x, through the middle of a volume that is 40 high
    left, bottom, right, top = extent_in(Plane.tilted((39.5, 29.5, 19.5), 45), SHAPE)
    np.testing.assert_allclose((left, right), (-40, 40))
    np.testing.assert_allclose((bottom, top), (-20 * np.sqrt(2), 20 * np.sqrt(2)))


@given(angles, angles, angles, angles)
def test_the_trace_lies_in_both_planes(tilt, rotation, other_tilt, other_rotation):
    plane = Attitude(tilt, rotation).through((1, 2, 3))
    other = Attitude(other_tilt, other_rotation).through((9, -4, 6))
    cut = trace(plane, other)
    if cut is None:
        assert abs(plane.normal @ other.normal) > 1 - 1e-5
        return
    place, direction = cut
    assert np.linalg.norm(direction) == pytest.approx(1)
    # where they are nearly parallel, the line is far away
    if abs(plane.normal @ other.normal) < 0.99:
        on = plane.position([place, place + 10 * direction])
        np.testing.assert_allclose(other.coordinates(on)[1], 0, atol=1e-6)


# a pane


@pytest.mark.parametrize("kind", ["x", "y", "z"])
def test_a_pane_shows_the_very_voxels(pane, shown, views, kind):
    views.look_at((11, 22, 33))
    found, canvas = pane(kind)
    volume = voxels(shown)
    expected = {"z": volume[33], "y": volume[:, 22], "x": volume[:, :, 11]}[kind]
    assert canvas.picture.tolist() == shown.display.grey(expected).tolist()
    assert canvas.corner == (0, 0)
    number = {"x": 11, "y": 22, "z": 33}[kind]
    assert canvas.caption[1] == f"{kind} {number}"
    assert canvas.frame == COLOURS[kind]
    assert found.shown.plane.origin.tolist() == Plane.orthogonal(kind, number).origin.tolist()


@pytest.mark.parametrize("kind", ["x", "y", "z", "oblique"])
def test_what_is_clicked_is_what_is_seen(pane, views, kind):
    views.set_attitude(Attitude(20, 30, 15))
    views.look_at((40, 31, 21))
    found, canvas = pane(kind)
    at = canvas.viewport.to_canvas(found.shown.plane.coordinates(views.focus)[0][0])
    spot = found.spot(tuple(at + np.array([6, -4])))
    uv = np.array([6, 4]) / canvas.viewport.scale
    expected = views.focus + uv[0] * found.shown.plane.u + uv[1] * found.shown.plane.v
    np.testing.assert_allclose(spot.position, expected, atol=1e-9)
    assert spot.voxels_per_pixel == 1 / canvas.viewport.scale
    assert found.spot((-5000, 0)) is None


def test_the_cross_is_at_the_focus(pane, views):
    views.look_at((11, 22, 33))
    assert pane("y")[1].cross == (11, 33)
    assert pane("x")[1].cross == (22, 33)
    views.set_options(cross_shown=False)
    assert pane("x")[1].cross is None


def test_the_oblique_plane_leaves_its_trace_in_the_others(pane, views):
    views.look_at((40, 30, 20))
    views.set_attitude(Attitude(45, 0))
    assert not len(pane("x")[1].overlay.lines)
    views.set_options(oblique_shown=True)
    (line,) = pane("x")[1].overlay.lines.ends
    # in the x plane, y is to the right and z up: a line at 45 degrees through the focus
    np.testing.assert_allclose(line[:, 1] - 20, line[:, 0] - 30, atol=1e-9)
    assert len(pane("oblique")[1].overlay.lines) == 3


def test_only_what_changed_is_painted_anew(pane, views, shown):
    found, canvas = pane("y")
    found.refresh()
    assert (canvas.pictures, canvas.overlays) == (1, 1)
    # scrolling the slice viewer moves the cross, and reads nothing
    shown.viewer.dims.set_point(0, 3)
    found.refresh()
    assert canvas.cross == (39, 3)
    assert canvas.pictures == 1
    shown.display.set_inverted(True)
    found.refresh()
    assert canvas.pictures == 2
    shown.display.set_thickness(3)
    found.refresh()
    np.testing.assert_allclose(found.shown.values, voxels(shown)[:, 28:31].mean(axis=1), rtol=1e-5, atol=1e-6)


def test_points_appear_as_they_are_picked(pane, views, shown):
    found, canvas = pane("y")
    shown.session.add_points(shown.picking.active.uid, [[20, 29, 10]], [10])
    found.refresh()
    assert canvas.overlay.circles.centres.tolist() == [[20, 10]]
    assert canvas.cross == (20, 10)
    at = tuple(canvas.viewport.to_canvas((20, 10)))
    assert found.point_at(at) == (shown.picking.active.uid, 0)
    shown.picking.show(False)
    found.refresh()
    assert not len(canvas.overlay.circles)


def test_particles_are_seen_too(pane, views, shown):
    particles = Particles(np.array([[20.0, 29, 10]]), tomograms=["tomo"], box_size=10)
    uid = shown.session.add_particles("set", particles, Step("manual"))
    found, canvas = pane("y")
    assert len(canvas.overlay.circles) == 1
    shown.review.set_visible(uid, False)
    found.refresh()
    assert not len(canvas.overlay.circles)


def test_the_cross_stays_in_sight(pane, views):
    found, canvas = pane("y", width=100, height=100)
    canvas.set_viewport(canvas.viewport.zoomed(8))
    seen = canvas.viewport
    views.look_at(views.focus + np.array([1, 0, 0]))
    found.refresh()
    assert canvas.viewport == seen
    views.look_at((70, 5, 5))
    found.refresh()
    np.testing.assert_allclose(canvas.viewport.to_canvas((70, 5)), (50, 50))


def test_of_planes_wanted_while_one_is_read_only_the_last_is_read(pane, views, shown):
    jobs = []
    shown.run = lambda function, done, failed: jobs.append((function, done))
    found, canvas = pane("y")
    for y in (5, 6, 7):
        views.look_at((40, y, 20))
        found.refresh()
    assert len(jobs) == 1
    function, done = jobs.pop()
    done(function())
    # what is on the screen is what is clicked, until the next is there
    assert found.shown.plane.origin[1] == 29
    function, done = jobs.pop()
    done(function())
    assert not jobs
    assert canvas.picture.tolist() == shown.display.grey(voxels(shown)[:, 7]).tolist()


def test_a_tomogram_closed_while_it_is_read_is_not_shown(pane, views, shown):
    jobs = []
    shown.run = lambda function, done, failed: jobs.append((function, done))
    found, canvas = pane("y")
    shown.close_tomogram()
    found.refresh()
    function, done = jobs.pop()
    done(function())
    assert found.shown is None
    assert canvas.picture.size == 0
    assert found.spot((50, 50)) is None


def test_a_plane_that_cannot_be_read_is_told(pane, views, shown, monkeypatch):
    errors = []
    monkeypatch.setattr("napari_tomopick.layers.compat.show_error", lambda text: errors.append(text))
    shown.run = lambda function, done, failed: failed(ParameterError("the file is gone"))
    found, _canvas = pane("y")
    assert errors == ["the file is gone"]
    assert found.shown is None


def test_one_scale_for_all(pane, views, shown):
    found, canvas = pane("y")
    camera = shown.viewer.scene.camera
    camera.zoom, camera.center = 5.0, (0, 33, 44)
    views.set_options(same_scale=True)
    found.refresh()
    assert canvas.viewport.scale == 5
    # x is to the right in both; z is up in this one only
    assert canvas.viewport.right == 44
    up = canvas.viewport.up
    found.pan(10, 20)
    found.share_scale()
    np.testing.assert_allclose(camera.center[-2:], (33, 42))
    found.zoom(2.0, (100, 50))
    found.share_scale()
    assert camera.zoom == 10
    found.refresh()
    np.testing.assert_allclose(canvas.viewport.up, up + 4)


def test_keys_for_planes_work_in_a_pane(pane, views, shown):
    found, canvas = pane("y")
    at = tuple(canvas.viewport.to_canvas((10, 12)))
    found.show_plane("x", at)
    assert views.main_axis == "x"
    np.testing.assert_allclose(views.focus, (10, 29, 12))
    found.scroll(2, at)
    assert views.focus[1] == 31


def test_rotating_turns_only_the_oblique_plane(pane, views):
    pane("y")[0].rotate(10, 10)
    assert views.attitude == Attitude()
    pane("oblique")[0].rotate(0, 50)
    # down: the upper edge comes to the eye
    assert views.plane("oblique").v[2] == pytest.approx(np.sin(np.radians(20)))


# what a click means


def test_a_click_adds_where_clicking_adds_and_looks_elsewhere(pane, views, shown):
    picking, session = shown.picking, shown.session
    found, canvas = pane("y")
    at = tuple(canvas.viewport.to_canvas((20.3, 10.25)))
    found.click(at)
    np.testing.assert_allclose(views.focus, (20.3, 29, 10.25))
    picking.set_mode("add")
    found.click(at)
    found.click(at, second=True)
    model = session.model(picking.active.uid)
    np.testing.assert_allclose(model.points, [[20.3, 29, 10.25]])
    # an empty model is traced along the axis of the picture that is clicked first
    assert model.levels.tolist() == [29]
    picking.set_mode("select")
    found.refresh()
    views.look_at((50, 29, 20))
    found.click(at)
    assert picking.view.selected == [(model.uid, 0)]
    assert views.focus.tolist() == [50, 29, 20]
    found.click((-500, 0))
    assert len(session.model(model.uid)) == 1


def test_a_click_in_the_slice_viewer_takes_all_views_there(views, shown, click):
    shown.viewer.dims.set_point(0, 12)
    click((12, 20.25, 30.5))
    assert views.focus.tolist() == [30.5, 20.25, 12]
    # a drag pans; with a modifier, another button, or where clicking does something, it is no look
    click((12, 40, 40), to=(12, 45, 60))
    click((12, 40, 40), modifiers=("Shift",))
    click((12, 40, 40), button=2)
    shown.picking.arm_marker(True)
    click((12, 41, 41))
    shown.picking.set_mode("select")
    click((12, 40, 40))
    assert views.focus.tolist() == [30.5, 20.25, 12]
    shown.picking.set_mode("pan_zoom")
    shown.controls.set_scheme("EMAN2")
    click((12, 40.5, 40))
    # there, a click puts a point, to which all views go
    assert shown.picking.active.points.tolist() == [[40, 40.5, 12]]
    views.unlink()
    shown.controls.set_scheme("napari")
    click((12, 7, 7))
    assert views.focus.tolist() == [40, 40.5, 12]


def test_all_views_go_to_a_point_that_is_put(views, shown):
    uid = shown.picking.active.uid
    shown.session.add_points(uid, [[20.5, 29, 10]], [10])
    assert views.focus.tolist() == [20.5, 29, 10]
    assert shown.viewer.dims.point[0] == 10
    views.look_at((40, 40, 10))
    # but not to many at once, to what tracking proposes, nor where points are deleted
    shown.session.add_points(uid, [[1, 2, 3], [4, 5, 6]], [3, 6])
    shown.session.add_points(uid, [[7, 8, 9]], [9], proposed=[True])
    shown.session.delete_points(uid, [0])
    shown.undo()
    assert views.focus.tolist() == [40, 40, 10]


def test_obliquely_points_are_put_between_voxels(pane, views, shown):
    views.set_attitude(Attitude(35, 20))
    found, canvas = pane("oblique")
    shown.picking.set_mode("add")
    place = found.shown.plane.coordinates(views.focus)[0][0] + np.array([5.2, 3.7])
    found.click(tuple(canvas.viewport.to_canvas(place)))
    (point,) = shown.session.model(shown.picking.active.uid).points
    np.testing.assert_allclose(point, found.shown.plane.position([place])[0])
    assert (point != np.round(point)).all()
    found.refresh()
    np.testing.assert_allclose(canvas.overlay.circles.centres, [place])


def test_a_point_that_is_being_dragged_is_seen_where_it_is(pane, views, shown):
    found, canvas = pane("y")
    uid = shown.picking.active.uid
    shown.session.add_points(uid, [[20, 29, 10]], [10])
    shown.picking.preview([(uid, 0)], [(30, 29, 15)])
    found.refresh()
    assert canvas.overlay.circles.centres.tolist() == [[30, 15]]
    shown.picking.preview([(uid, 0)], [None])
    found.refresh()
    assert not len(canvas.overlay.circles)
    shown.picking.preview(None)
    found.refresh()
    assert canvas.overlay.circles.centres.tolist() == [[20, 10]]


# links


def test_every_link_is_cut_again(shown):
    heard = []
    views = LinkedViews(shown)
    views.changed.connect(lambda: heard.append(1))
    before = _callbacks(shown)
    views.link()
    views.link()
    assert _callbacks(shown) > before
    shown.viewer.dims.set_point(0, 3)
    assert heard
    views.unlink()
    assert _callbacks(shown) == before
    heard.clear()
    shown.viewer.dims.set_point(0, 5)
    shown.display.set_inverted(True)
    shown.picking.redraw()
    assert not heard


def test_nothing_holds_views_that_are_gone(shown):
    views = LinkedViews(shown)
    canvas = Canvas()
    found = LinkedPane(views, canvas, lambda: "y")
    views.link()
    found.refresh()
    views.unlink()
    left = [weakref.ref(thing) for thing in (views, found, canvas)]
    del views, found, canvas
    gc.collect()
    assert [ref() for ref in left] == [None] * 3


def _callbacks(shown):
    """How many listen to anything that the views follow."""
    viewer, picking, review = shown.viewer, shown.picking, shown.review
    emitters = (
        *(viewer.dims.events.point, viewer.dims.events.order, viewer.dims.events.ndisplay),
        *(viewer.scene.camera.events.center, viewer.scene.camera.events.zoom),
        review.view.points.events.data,
    )
    signals = (
        picking.selection_changed,
        *(shown.tomogram_changed, shown.display.filtering_changed, shown.display.grey_changed),
        *(picking.models_changed, picking.active_changed, picking.shown_changed),
        *(review.sets_changed, review.look_changed),
    )
    count = sum(len(e.callbacks) for e in emitters) + sum(len(s) for s in signals)
    return count + len(viewer.mouse_drag_callbacks)
