"""The table of keys and gestures: three schemes, what a user changes in them, and where that is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tomopick.errors import ParameterError, TomopickError
from napari_tomopick.layers.controls import Controls, check_suits
from napari_tomopick.layers.gesture_names import gesture, held_key, is_key
from napari_tomopick.layers.schemes import ACTIONS, GROUPS, SCHEMES, Scheme
from napari_tomopick.layers.settings import Settings, settings_path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "own" / "settings.json"


@pytest.fixture
def controls(path):
    return Controls(Settings(path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("c", "C"),
        ("shift+control+z", "Ctrl+Shift+Z"),
        ("C + left drag", "C+left drag"),
        ("CTRL+WHEEL", "Ctrl+wheel"),
        ("ctrl++", "Ctrl++"),
        ("+", "+"),
        ("esc", "Escape"),
        ("pageup", "PageUp"),
        ("`", "`"),
    ],
)
def test_a_gesture_is_written_in_one_way(text, expected):
    assert gesture(text) == expected
    assert gesture(expected) == expected


@pytest.mark.parametrize(
    "text", ["", "Ctrl", "A+B", "Ctrl+Ctrl+C", "C+wheel", "C+left click", "hello", "wheel+C"]
)
def test_what_is_no_gesture_is_refused(text):
    with pytest.raises(ParameterError, match=r"neither a key|not a key"):
        gesture(text)


def test_keys_and_gestures_of_the_mouse():
    assert is_key("Shift+C")
    assert is_key("Left")
    assert not is_key("Left click")
    assert not is_key("Ctrl+wheel")
    assert held_key("C+left drag") == "C"
    assert held_key("Ctrl+left drag") == ""


@pytest.mark.parametrize("scheme", list(Scheme))
def test_each_scheme_is_whole_and_means_something(scheme):
    table = SCHEMES[scheme]
    for name, action in table.items():
        assert gesture(name) == name
        check_suits(action, name)
    for needed in (
        "add_point",
        "put_marker",
        "delete",
        "delete_point",
        "undo",
        "redo",
        "help",
        "eraser",
        "track",
    ):
        assert needed in table.values()
    assert {"slices", "slices_up"} & set(table.values())
    assert {action.group for action in ACTIONS.values()} == set(GROUPS)


# what the tutorial tells its readers to do, in its own programs
@pytest.mark.parametrize(
    ("scheme", "name", "action"),
    [
        ("Dynamo", "Wheel", "slices_up"),
        ("Dynamo", "X", "show_x"),
        ("Dynamo", "C", "add_point"),
        ("Dynamo", "Delete", "delete"),
        ("Dynamo", "Right click", "menu"),
        ("Dynamo", "Ctrl+wheel", "zoom"),
        ("Dynamo", "C+left drag", "rotate"),
        ("Dynamo", "Ctrl+left drag", "rotate"),
        ("Dynamo", "Shift+left drag", "pan"),
        ("Dynamo", "Shift+C", "put_marker"),
        ("Dynamo", "O", "track"),
        ("EMAN2", "Left click", "add_or_select"),
        ("EMAN2", "Shift+left click", "delete_point"),
        ("EMAN2", "Ctrl+wheel", "zoom"),
        ("EMAN2", "Right drag", "pan"),
        ("EMAN2", "Up", "next_slice"),
        ("EMAN2", "Down", "previous_slice"),
        ("EMAN2", "`", "next_slice"),
        ("EMAN2", "1", "previous_slice"),
        ("EMAN2", "Middle click", "options"),
        ("napari", "Ctrl+wheel", "slices"),
        ("napari", "Wheel", "zoom"),
        ("napari", "Left drag", "drag"),
        ("napari", "Alt+left drag", "rotate"),
        ("EMAN2", "Alt+left drag", "rotate"),
    ],
)
def test_the_habits_of_each_program(controls, scheme, name, action):
    controls.set_scheme(scheme)
    assert controls.action(name) == action


def test_a_changed_key_holds_and_is_kept(controls, path):
    told = []
    controls.changed.connect(lambda: told.append(controls.action("F")))
    controls.rebind("C", "f")
    assert told == ["add_point"]
    assert controls.action("C") is None
    again = Controls(Settings(path))
    assert again.action("F") == "add_point"
    assert again.action("C") is None
    assert [b.gesture for b in again.bindings if b.changed] == ["F"]
    # in this scheme alone
    again.set_scheme("Dynamo")
    assert again.action("C") == "add_point"
    assert Controls(Settings(path)).scheme is Scheme.DYNAMO


def test_a_key_that_is_taken_is_refused_or_swapped(controls):
    with pytest.raises(ParameterError, match="E is taken: eraser"):
        controls.rebind("C", "E")
    assert not controls.is_changed
    controls.rebind("C", "E", swap=True)
    assert (controls.action("C"), controls.action("E")) == ("eraser", "add_point")
    controls.reset("E")
    assert (controls.action("C"), controls.action("E")) == ("add_point", "eraser")
    assert not controls.is_changed


def test_a_gesture_that_was_merged_into_another_comes_back(controls):
    controls.rebind("Delete", "Backspace")
    assert controls.gestures("delete") == ("Backspace",)
    assert [b.gesture for b in controls.bindings if b.changed] == ["Backspace"]
    controls.reset("Backspace")
    assert set(controls.gestures("delete")) == {"Delete", "Backspace"}
    assert not controls.is_changed


@pytest.mark.parametrize(
    ("before", "after"), [("Wheel", "K"), ("Left drag", "Wheel"), ("C", "Ctrl+left drag")]
)
def test_what_a_gesture_cannot_do_is_refused(controls, before, after):
    with pytest.raises(ParameterError, match=f"{after[:1]}.* cannot do it"):
        controls.rebind(before, after)
    assert not controls.is_changed


def test_a_click_may_do_what_a_key_does(controls):
    controls.rebind("C", "Middle click")
    assert controls.action("Middle click") == "add_point"


_CHOICES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.booleans()), max_size=12)


@settings(max_examples=60, deadline=None)
@given(scheme=st.sampled_from(list(Scheme)), moves=_CHOICES)
def test_any_changes_can_be_taken_back_one_by_one(tmp_path_factory, scheme, moves):
    path = tmp_path_factory.mktemp("any") / "settings.json"
    controls = Controls(Settings(path))
    controls.set_scheme(scheme)
    free = ["F", "G", "K", "Ctrl+M", "Shift+right click", "Ctrl+middle drag", "Alt+wheel"]
    actions = sorted(b.action.name for b in controls.bindings)
    for i, j, swap in moves:
        names = [b.gesture for b in controls.bindings]
        others = [*names, *free]
        try:
            controls.rebind(names[i % len(names)], others[j % len(others)], swap=swap)
        except ParameterError:
            continue
        # nothing is lost, but two gestures of one action may become one
        assert {b.action.name for b in controls.bindings} == set(actions)
    kept = {b.gesture: b.action.name for b in Controls(Settings(path)).bindings}
    assert kept == {b.gesture: b.action.name for b in controls.bindings}
    for _ in range(50):
        changed = [b.gesture for b in controls.bindings if b.changed]
        assert bool(changed) == controls.is_changed
        if not changed:
            break
        controls.reset(changed[0])
    assert {b.gesture: b.action.name for b in controls.bindings} == SCHEMES[scheme]


@pytest.mark.parametrize("content", ["{", "[1]", '{"scheme": 3}', '{"bindings": {"napari": {"C": 4}}}', "\0"])
def test_a_damaged_file_is_told_and_left_alone(path, content):
    path.parent.mkdir()
    path.write_text(content)
    found = Settings(path)
    controls = Controls(found)
    assert str(path) in found.trouble
    assert "left as it is" in found.trouble
    assert controls.scheme is Scheme.NAPARI
    # a change holds for now, and is not kept at the cost of what is there
    with pytest.raises(TomopickError, match="until napari is closed"):
        controls.set_scheme("EMAN2")
    assert controls.scheme is Scheme.EMAN2
    assert path.read_text() == content


def test_what_another_version_has_written_is_kept(path):
    path.parent.mkdir()
    written = {"colour": "red", "scheme": "IMOD", "bindings": {"napari": {"C": "fly", "F": "add_point"}}}
    path.write_text(json.dumps(written))
    controls = Controls(Settings(path))
    assert controls.scheme is Scheme.NAPARI
    assert controls.action("C") == "add_point"
    assert controls.action("F") == "add_point"
    controls.set_scheme("Dynamo")
    assert json.loads(path.read_text())["colour"] == "red"


def test_a_folder_that_cannot_be_written_is_told_and_the_change_holds(controls, path, lock):
    path.parent.mkdir()
    lock(path.parent)
    with pytest.raises(TomopickError, match="cannot write"):
        controls.rebind("C", "F")
    assert controls.action("F") == "add_point"


def test_where_settings_are_kept(monkeypatch, tmp_path):
    assert settings_path().is_relative_to(tmp_path)
    monkeypatch.delenv("TOMOPICK_SETTINGS")
    assert settings_path().parent.name == "napari-tomopick"


def test_a_damaged_file_is_told_when_a_window_opens(tmp_path):
    from napari.components import ViewerModel
    from napari.utils.notifications import notification_manager

    from napari_tomopick.layers.workspace import workspace_for

    settings_path().parent.mkdir(parents=True, exist_ok=True)
    settings_path().write_text("{")
    viewer = ViewerModel()
    workspace_for(viewer)
    assert "Your settings cannot be read" in str(notification_manager.records[-1].message)


def test_the_documentation_prints_the_table():
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (Path(__file__).parents[2] / "docs" / "controls.md")
        .read_text(encoding="utf-8")
        .splitlines()
        if line.startswith("|")
    ]
    printed = {row[0]: row[1:] for row in rows}
    for action in ACTIONS.values():
        for scheme, cell in zip(Scheme, printed[action.help], strict=True):
            names = [name for name, what in SCHEMES[scheme].items() if what == action.name]
            shown = [f"`` {name} ``" if "`" in name else f"`{name}`" for name in names]
            assert cell == ", ".join(shown), action.help
