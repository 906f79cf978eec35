"""What a press, a drag, the wheel and a key come to over a picture, in each control scheme."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from napari_tomopick.errors import ModelError, TomopickError
from napari_tomopick.geometry.planes import Plane
from napari_tomopick.layers.controls import Controls
from napari_tomopick.layers.hand import CLICK_PIXELS, Hand, modifiers_of
from napari_tomopick.layers.pointing import Pointing, Spot
from napari_tomopick.layers.schemes import Scheme
from napari_tomopick.layers.settings import Settings

PIXELS_PER_VOXEL = 4.0


class Points:
    """Points as `Picking` has them, and a record of what was done."""

    def __init__(self):
        self.points = {"a": np.array([[10.0, 10, 5], [20, 20, 5], [30, 10, 9]])}
        self.markers = {}
        self.done = []
        self.previews = []
        self.mode, self.marker_armed, self.eraser_radius = "pan_zoom", False, 3.0
        self.refusing = False

    @property
    def models(self):
        class Model(SimpleNamespace):
            def __len__(self):
                return len(self.points)

        return [Model(uid=uid, points=points) for uid, points in self.points.items()]

    @property
    def active(self):
        return self.models[0]

    def add_at(self, spot):
        if self.refusing:
            raise ModelError("no")
        self.done.append(("add", tuple(spot.position)))
        self.points["a"] = np.vstack([self.points["a"], spot.position])

    def put_marker_at(self, spot):
        self.done.append(("marker", tuple(spot.position)))

    def add_at_cursor(self):
        raise ModelError("there is no slice under the mouse")

    def arm_marker(self, armed):
        self.marker_armed = armed

    def set_mode(self, mode):
        self.mode = mode

    def points_deleted(self, rows):
        self.done.append(("delete", list(rows)))

    def markers_deleted(self, uids):
        self.done.append(("delete marker", uids))

    def markers_moved(self, uids, positions):
        self.done.append(("move marker", uids, positions.tolist()))

    def select_points(self, rows):
        self.done.append(("select", list(rows)))

    def offer_menu_for(self, row):
        self.done.append(("menu", row))

    def accept_all(self):
        self.done.append(("accept",))

    def rows_within(self, xyz, radius):
        away = {uid: np.linalg.norm(p - xyz, axis=1) for uid, p in self.points.items()}
        return [(uid, int(i)) for uid, d in away.items() for i in np.flatnonzero(d <= radius)]

    def preview(self, rows, positions=None):
        self.previews.append(None if rows is None else (list(rows), positions))

    def move_points_to(self, rows, positions):
        self.done.append(("move", list(rows), np.asarray(positions).tolist()))


class Picture:
    """Slice z = 5, at 4 pixels per voxel."""

    drag_scrolls = True

    def __init__(self, points):
        self.points, self.done = points, []
        self.wide = 400

    def spot(self, at):
        if not 0 <= at[0] <= self.wide:
            return None
        x, y = np.array(at) / PIXELS_PER_VOXEL
        return Spot(np.array([x, y, 5.0]), Plane.orthogonal("z", 5), 1 / PIXELS_PER_VOXEL)

    def _near(self, at, candidates):
        place = np.array([*np.array(at) / PIXELS_PER_VOXEL, 5.0])
        near = [(np.linalg.norm(p - place), key) for key, p in candidates]
        return min(near)[1] if near and min(near)[0] < 2 else None

    def point_at(self, at):
        return self._near(at, [((u, i), p) for u, ps in self.points.points.items() for i, p in enumerate(ps)])

    def marker_at(self, at):
        return self._near(at, list(self.points.markers.items()))

    def click(self, at, second=False):
        self.done.append(("click", at, second))

    def pan(self, *by):
        self.done.append(("pan", *by))

    def rotate(self, *by):
        self.done.append(("rotate", *by))

    def zoom(self, factor, at):
        self.done.append(("zoom", factor, at))

    def scroll(self, slices, at):
        self.done.append(("scroll", slices))

    def show_plane(self, axis, at):
        self.done.append(("plane", axis, at))


@pytest.fixture
def points():
    return Points()


@pytest.fixture
def picture(points):
    return Picture(points)


@pytest.fixture
def controls(tmp_path):
    return Controls(Settings(tmp_path / "settings.json"))


@pytest.fixture
def complaints():
    return []


@pytest.fixture
def hand(points, picture, controls, complaints):
    @contextmanager
    def reporting():
        try:
            yield
        except TomopickError as error:
            complaints.append(str(error))

    return Hand(points, controls, Pointing(picture), reporting)


@pytest.fixture
def drag(hand, picture):
    """``drag(start, *to, button="left", modifiers=())``: whether press, last move, release were taken."""

    def drag(start, *to, button="left", modifiers=(), second=False):
        pressed = hand.press(picture, start, button, modifiers, second=second)
        moved = [hand.move(picture, at) for at in to]
        return pressed, moved[-1] if moved else None, hand.release(picture, (to or (start,))[-1], button)

    return drag


EMPTY, ON_POINT, FAR = (200.0, 200.0), (81.0, 81.0), (300.0, 200.0)
TREMBLE = (EMPTY[0] + CLICK_PIXELS - 1, EMPTY[1])


@pytest.mark.parametrize("scheme", [Scheme.NAPARI, Scheme.DYNAMO])
def test_a_plain_click_means_what_it_means_in_the_picture(hand, controls, drag, picture, points, scheme):
    controls.set_scheme(scheme)
    drag(EMPTY)
    drag(EMPTY, TREMBLE)
    assert picture.done == [("click", EMPTY, False), ("click", EMPTY, False)]
    assert points.done == []


def test_a_click_as_in_eman2_puts_a_point_where_the_button_went_down(controls, drag, points):
    controls.set_scheme("EMAN2")
    drag(EMPTY, TREMBLE)
    assert points.done == [("add", (50, 50, 5))]
    drag(ON_POINT)
    assert points.done[1:] == [("select", [("a", 1)])]


def test_the_latter_half_of_a_double_click_adds_nothing(controls, drag, points, picture):
    controls.set_scheme("EMAN2")
    drag(EMPTY)
    drag(EMPTY, second=True)
    assert len(points.done) == 1
    drag((EMPTY[0] + 40, EMPTY[1]))
    assert len(points.done) == 2
    # but where the first meant something else
    drag(ON_POINT, modifiers=("Shift",))
    drag((EMPTY[0] - 40, EMPTY[1]), second=True)
    assert [what for what, _ in points.done[2:]] == ["delete", "add"]
    controls.set_scheme("napari")
    drag(EMPTY, second=True)
    assert picture.done == [("click", EMPTY, True)]


@pytest.mark.parametrize("scheme", list(Scheme))
@pytest.mark.parametrize(
    "how",
    [
        {"modifiers": ("Shift",)},
        {"modifiers": ("Ctrl",)},
        {"modifiers": ("Ctrl", "Shift")},
        {"modifiers": ("Meta",)},
        {"button": "right"},
        {"button": "middle"},
    ],
    ids=str,
)
def test_no_modifier_and_no_other_button_adds_a_point(controls, drag, points, picture, scheme, how):
    controls.set_scheme(scheme)
    for to in ((), (FAR,)):
        drag(EMPTY, *to, **how)
    assert [done for done in points.done if done[0] == "add"] == []
    assert [done for done in picture.done if done[0] == "click"] == []


@pytest.mark.parametrize(
    ("scheme", "how"),
    [
        ("napari", {}),
        ("Dynamo", {"modifiers": ("Shift",)}),
        ("EMAN2", {"button": "right"}),
        ("EMAN2", {"modifiers": ("Ctrl", "Shift")}),
    ],
)
def test_dragging_pans_and_follows_the_mouse_exactly(controls, drag, picture, points, scheme, how):
    controls.set_scheme(scheme)
    # out and back again is a drag all the same
    assert drag(EMPTY, (210.0, 190.0), (205.5, 220.0), EMPTY, **how) == (True, True, True)
    assert np.sum([done[1:] for done in picture.done], axis=0).tolist() == [0, 0]
    assert {done[0] for done in picture.done} == {"pan"}
    assert points.done == []


def test_a_drag_in_dynamo_goes_through_slices_upwards(controls, drag, picture):
    controls.set_scheme("Dynamo")
    drag(EMPTY, (200.0, 170.0), (200.0, 164.0))
    assert sum(done[1] for done in picture.done) == 6
    picture.done.clear()
    drag(EMPTY, (200.0, 206.0), (200.0, 213.0))
    assert picture.done == [("scroll", -1), ("scroll", -1)]


def test_a_drag_in_dynamo_moves_what_is_side_by_side(controls, drag, picture):
    controls.set_scheme("Dynamo")
    picture.drag_scrolls = False
    drag(EMPTY, (200.0, 170.0), (203.0, 164.0))
    assert picture.done == [("pan", 0, -30), ("pan", 3, -6)]


@pytest.mark.parametrize("scheme", list(Scheme))
def test_where_dragging_moves_points_it_does_so_in_every_scheme(controls, drag, points, picture, scheme):
    controls.set_scheme(scheme)
    points.mode = "select"
    drag(ON_POINT, FAR)
    ((what, rows, _),) = points.done
    assert (what, rows) == ("move", [("a", 1)])
    assert picture.done == []


@pytest.mark.parametrize("scheme", list(Scheme))
def test_a_shift_click_deletes_the_point_under_it_and_no_other(controls, drag, points, scheme):
    controls.set_scheme(scheme)
    drag(EMPTY, modifiers=("Shift",))
    assert points.done == []
    drag(ON_POINT, modifiers=("Shift",))
    assert points.done == [("delete", [("a", 1)])]


@pytest.mark.parametrize("scheme", list(Scheme))
def test_a_right_click_on_a_point_offers_its_menu(controls, drag, points, scheme):
    controls.set_scheme(scheme)
    drag(EMPTY, button="right")
    drag(ON_POINT, FAR, button="right")
    assert points.done == []
    drag(ON_POINT, button="right")
    assert points.done == [("menu", ("a", 1))]


@pytest.mark.parametrize(("scheme", "mode"), [("EMAN2", "pan_zoom"), ("napari", "select")])
def test_a_point_is_dragged_with_a_preview_and_one_edit(controls, drag, points, scheme, mode):
    controls.set_scheme(scheme)
    points.mode = mode
    drag(ON_POINT, (101.0, 81.0), (121.0, 93.0))
    # it was taken a quarter of a voxel beside its middle, and stays so under the mouse
    assert points.done == [("move", [("a", 1)], [[30, 23, 5]])]
    assert [previewed[1][0].tolist() for previewed in points.previews] == [
        [25, 20, 5],
        [30, 23, 5],
        [30, 23, 5],
    ]


def test_a_point_that_is_seen_from_another_slice_keeps_its_distance(controls, drag, points):
    controls.set_scheme("EMAN2")
    points.points["a"][1, 2] = 6
    drag(ON_POINT, (121.0, 93.0))
    assert points.done == [("move", [("a", 1)], [[30, 23, 6]])]


def test_escape_gives_a_drag_up(controls, hand, picture, points):
    controls.set_scheme("EMAN2")
    hand.press(picture, ON_POINT, "left")
    hand.move(picture, FAR)
    assert hand.key(picture, FAR, "Escape")
    assert points.previews[-1] is None
    assert not hand.move(picture, EMPTY)
    assert not hand.release(picture, EMPTY, "left")
    assert points.done == []


def test_a_drag_from_an_empty_place_puts_a_point_where_it_is_let_go_in_eman2(controls, drag, points):
    controls.set_scheme("EMAN2")
    drag(EMPTY, (220.0, 200.0))
    assert points.done == [("add", (50, 50, 5)), ("move", [("a", 3)], [[55, 50, 5]])]


def test_a_refused_point_is_told_and_not_dragged(controls, drag, points, complaints, picture):
    controls.set_scheme("EMAN2")
    points.refusing = True
    drag(EMPTY, FAR)
    assert complaints == ["no"]
    assert points.done == []
    points.refusing = False
    drag((500.0, 0.0))
    assert "no slice under the mouse" in complaints[1]


def test_a_side_marker_is_dragged(drag, points):
    points.markers["a"] = np.array([60.0, 20, 5])
    points.mode = "select"
    drag((240.0, 80.0), (200.0, 80.0))
    assert points.done == [("move marker", ["a"], [[50, 20, 5]])]


def test_the_eraser_takes_what_it_touches_in_one_edit(hand, controls, drag, points, picture):
    points.points["a"] = np.array(
        [[10.0, 10, 5], [20, 10, 7], [30, 10, 9], [30, 10, 5], [60, 10, 5], [25, 14, 5]]
    )
    assert hand.key(picture, EMPTY, "E")
    assert points.mode == "erase"
    # quickly: three places at which the mouse was seen
    drag((30.0, 40.0), (70.0, 40.0), (130.0, 40.0))
    assert points.done == [("delete", [("a", 0), ("a", 1), ("a", 3)])]
    assert points.previews[0] == ([("a", 0)], None)
    assert points.previews[-1] == ([("a", 0), ("a", 1), ("a", 3)], None)
    assert picture.done == []
    hand.key(picture, EMPTY, "E")
    drag((240.0, 40.0))
    assert len(points.done) == 1


def test_a_click_erases_as_well_and_escape_gives_a_stroke_up(hand, drag, points, picture):
    points.set_mode("erase")
    drag((40.0, 40.0))
    assert points.done == [("delete", [("a", 0)])]
    drag(EMPTY)
    assert len(points.done) == 1
    hand.press(picture, (40.0, 40.0), "left")
    assert hand.key(picture, EMPTY, "Escape")
    assert points.previews[-1] is None
    assert points.mode == "erase"
    assert hand.key(picture, EMPTY, "Escape")
    assert points.mode == "pan_zoom"
    assert not hand.key(picture, EMPTY, "Escape")
    assert len(points.done) == 1


@pytest.mark.parametrize("scheme", list(Scheme))
def test_an_armed_marker_takes_the_next_click_but_no_drag(controls, drag, points, picture, scheme):
    controls.set_scheme(scheme)
    points.arm_marker(True)
    drag((40.0, 300.0), (40.0, 200.0), modifiers=("Shift",))
    assert points.marker_armed
    drag(EMPTY)
    assert points.done == [("marker", (50, 50, 5))]
    assert not points.marker_armed
    assert ("click", EMPTY, False) not in picture.done


@pytest.mark.parametrize(
    ("scheme", "modifiers", "expected"),
    [
        ("napari", (), ("zoom", 1.2, EMPTY)),
        ("napari", ("Ctrl",), ("scroll", -1)),
        ("Dynamo", (), ("scroll", 1)),
        ("Dynamo", ("Ctrl",), ("zoom", 1.2, EMPTY)),
        ("EMAN2", (), ("zoom", 1.2, EMPTY)),
        ("EMAN2", ("Ctrl",), ("zoom", 1.2, EMPTY)),
        ("EMAN2", ("Shift",), ("scroll", 1)),
    ],
)
def test_the_wheel(hand, controls, picture, scheme, modifiers, expected):
    controls.set_scheme(scheme)
    assert hand.wheel(picture, EMPTY, 1, modifiers)
    assert picture.done == [expected]


def test_a_touch_pad_goes_through_slices_by_parts_and_a_fast_wheel_by_one(hand, controls, picture):
    controls.set_scheme("Dynamo")
    for _ in range(8):
        hand.wheel(picture, EMPTY, 0.25)
    hand.wheel(picture, EMPTY, 3)
    assert picture.done == [("scroll", 1)] * 3


def test_what_the_picture_does_itself_is_left_to_it(hand, controls, picture):
    own = {"Wheel": "zoom", "Left click": "pick", "Left drag": "drag"}
    assert not hand.wheel(picture, EMPTY, 1, left_to_picture=own)
    assert not hand.press(picture, EMPTY, "left", left_to_picture=own)
    controls.set_scheme("Dynamo")
    assert hand.wheel(picture, EMPTY, 1, left_to_picture=own)
    assert hand.press(picture, EMPTY, "left", left_to_picture=own)


def test_what_nothing_is_bound_to_goes_to_whoever_is_next(hand, picture, drag):
    assert not hand.wheel(picture, EMPTY, 1, ("Alt",))
    assert not hand.key(picture, EMPTY, "Q")
    assert drag(EMPTY, FAR, button="middle") == (False, False, False)
    # a right drag is the picture's own, a right click ours
    assert drag(ON_POINT, FAR, button="right") == (False, False, False)


@pytest.mark.parametrize("scheme", list(Scheme))
@pytest.mark.parametrize("key", ["C", "Shift+C", "X", "Y", "Z"])
def test_keys_act_at_the_mouse(hand, controls, points, picture, scheme, key):
    controls.set_scheme(scheme)
    hand.key(picture, EMPTY, key)
    hand.key_up(key)
    expected = {"C": ("add", (50, 50, 5)), "Shift+C": ("marker", (50, 50, 5))}
    assert [*points.done, *picture.done] == [expected.get(key, ("plane", key.lower(), EMPTY))]


def test_c_is_not_added_when_it_was_held_for_a_rotation(hand, controls, picture, points):
    controls.set_scheme("Dynamo")
    hand.key(picture, EMPTY, "C")
    hand.press(picture, EMPTY, "left")
    hand.move(picture, (220.0, 210.0))
    hand.release(picture, (220.0, 210.0), "left")
    hand.key_up("C")
    assert picture.done == [("rotate", 20, 10)]
    assert points.done == []
    # and it is added where the key went down, not where the mouse is when it comes up
    hand.key(picture, EMPTY, "C")
    hand.key(picture, FAR, "C", repeated=True)
    hand.move(picture, FAR)
    hand.key_up("C")
    assert points.done == [("add", (50, 50, 5))]


def test_a_held_key_is_forgotten_when_the_keyboard_goes_elsewhere(hand, controls, picture, points):
    controls.set_scheme("Dynamo")
    hand.key(picture, EMPTY, "C")
    hand.let_go()
    hand.key_up("C")
    hand.press(picture, EMPTY, "left")
    hand.move(picture, (200.0, 180.0))
    assert {done[0] for done in picture.done} == {"scroll"}
    assert points.done == []


def test_a_key_that_repeats_adds_once_but_goes_on_through_slices(hand, picture, points):
    for repeated in (False, True, True):
        hand.key(picture, EMPTY, "C", repeated=repeated)
        hand.key(picture, EMPTY, "Right", repeated=repeated)
    assert len(points.done) == 1
    assert picture.done == [("scroll", 1)] * 3


def test_what_others_register_is_called_and_what_nobody_has_is_left(hand, controls, picture, complaints):
    assert not hand.key(picture, EMPTY, "O")
    called = []
    controls.actions["track"] = lambda: called.append("one")
    assert hand.key(picture, EMPTY, "O")

    def refuse():
        raise ModelError("nothing is traced")

    controls.actions["track"] = refuse
    assert hand.key(picture, EMPTY, "O")
    assert called == ["one"]
    assert complaints == ["nothing is traced"]


def test_no_key_acts_at_a_place_that_the_mouse_has_left(hand, controls, picture, points, complaints):
    hand.move(picture, EMPTY)
    hand.pointing.leave(picture)
    hand.key(picture, EMPTY, "C")
    assert points.done == []
    assert "over no picture" in complaints[0]
    controls.actions["undo"] = lambda: points.done.append("undo")
    hand.key(picture, EMPTY, "Ctrl+Z")
    assert points.done == ["undo"]


def test_another_button_or_picture_during_a_drag_changes_nothing(hand, picture, points):
    hand.press(picture, EMPTY, "left")
    hand.move(picture, FAR)
    assert hand.press(picture, FAR, "right")
    assert not hand.release(picture, FAR, "right")
    assert not hand.move(Picture(points), FAR)
    assert hand.key(picture, FAR, "C")
    assert hand.release(picture, FAR, "left")
    assert points.done == []


def test_modifiers_as_napari_names_them():
    assert modifiers_of(("Shift", "Control")) == ("Ctrl", "Shift")
    assert modifiers_of(()) == ()
