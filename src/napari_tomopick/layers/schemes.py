"""Everything keys and mouse can do, and what does it in each control scheme.

One table: the help panel prints it, keys are bound from it, and the hand goes by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scheme(StrEnum):
    """Whose habits keys and mouse follow."""

    NAPARI = "napari"
    DYNAMO = "Dynamo"
    EMAN2 = "EMAN2"


@dataclass(frozen=True)
class Action:
    """Something that keys or the mouse can do.

    Parameters
    ----------
    name : str
    help : str
        What it does, for the user.
    group : str
        What it belongs to in the help.
    at_mouse : bool
        Whether it is done to what is under the mouse.
    """

    name: str
    help: str
    group: str
    at_mouse: bool = True


PICKING, MOVING, TRACKING, TOMOGRAMS = "Picking", "Moving about", "Tracking", "Tomograms and help"
BOXING = "Boxing: clicks are references"
GROUPS = (PICKING, MOVING, TRACKING, BOXING, TOMOGRAMS)

ACTIONS = {
    action.name: action
    for action in (
        Action("add_point", "put a point under the mouse", PICKING),
        Action("put_marker", "put the side marker under the mouse", PICKING),
        Action("pick", "put a point where clicking adds; elsewhere look there", PICKING),
        Action("add_or_select", "put a point, or select the one under the mouse", PICKING),
        Action("move_point", "move the point under the mouse, or a new one", PICKING),
        Action("delete", "delete the selected points, or else the last one", PICKING, False),
        Action("delete_point", "delete the point under the mouse", PICKING),
        Action("menu", "menu of the point under the mouse: delete, …", PICKING),
        Action("eraser", "eraser on or off: a stroke deletes points", PICKING, False),
        Action("accept", "accept the points that tracking has proposed", PICKING, False),
        Action("mode_add", "clicking adds points", PICKING, False),
        Action("mode_select", "clicking selects points, dragging moves them", PICKING, False),
        Action("mode_look", "clicking and dragging only look", PICKING, False),
        Action("undo", "undo", PICKING, False),
        Action("redo", "redo", PICKING, False),
        Action("cancel", "give up what was begun: a drag, the eraser, the side marker", PICKING, False),
        Action("show_x", "show the plane across x, at the mouse; in 3D look along x", MOVING),
        Action("show_y", "show the plane across y, at the mouse; in 3D look along y", MOVING),
        Action("show_z", "show the plane across z, at the mouse; in 3D look along z", MOVING),
        Action("slices", "slices: turned away from you, the previous one", MOVING),
        Action("slices_up", "slices: turned away from you, the next one", MOVING),
        Action("next_slice", "next slice; in 3D the slice moves along its arrow", MOVING),
        Action("previous_slice", "previous slice; in 3D the slice moves against its arrow", MOVING),
        Action("drag_slices", "slices: upwards, the next ones; where dragging moves points, a point", MOVING),
        Action("zoom", "zoom", MOVING),
        Action("zoom_in", "zoom in on what is under the mouse", MOVING),
        Action("zoom_out", "zoom out", MOVING),
        Action("pan", "move the picture", MOVING),
        Action("drag", "move the picture; where dragging moves points, a point", MOVING),
        Action("rotate", "rotate the view; from a slice: in 3D, back with X, Y, Z", MOVING),
        Action("options", "display options: slab, low-pass, contrast", MOVING, False),
        Action("track", "follow the membrane into the next slice; in 3D: the first view", TRACKING, False),
        Action("track_on", "follow it until it is lost", TRACKING, False),
        Action("mode_box", "clicking says what is a particle, for a network", BOXING, False),
        Action("negative_reference", "then: what is under the mouse is not a particle", BOXING),
        Action("previous_tomogram", "previous tomogram", TOMOGRAMS, False),
        Action("next_tomogram", "next tomogram", TOMOGRAMS, False),
        Action("help", "this list", TOMOGRAMS, False),
    )
}

DRAGS = frozenset({"move_point", "drag_slices", "pan", "drag", "rotate"})
WHEELS = frozenset({"slices", "slices_up", "zoom"})
CLICKS_ONLY = frozenset({"pick", "add_or_select"})

_COMMON = {
    "C": "add_point",
    "Shift+C": "put_marker",
    "Delete": "delete",
    "Backspace": "delete",
    "Shift+left click": "delete_point",
    "Right click": "menu",
    "E": "eraser",
    "A": "accept",
    "2": "mode_add",
    "3": "mode_select",
    "4": "mode_look",
    "5": "mode_box",
    "Ctrl+left click": "negative_reference",
    "Ctrl+Z": "undo",
    "Ctrl+Shift+Z": "redo",
    "Escape": "cancel",
    "X": "show_x",
    "Y": "show_y",
    "Z": "show_z",
    "Right": "next_slice",
    "Left": "previous_slice",
    "Up": "next_slice",
    "Down": "previous_slice",
    "O": "track",
    "Shift+O": "track_on",
    "[": "previous_tomogram",
    "]": "next_tomogram",
    "F1": "help",
    "?": "help",
}

SCHEMES: dict[Scheme, dict[str, str]] = {
    # Ctrl+Y is not redo here: in napari it goes to 3D and back
    Scheme.NAPARI: {
        **_COMMON,
        "Left click": "pick",
        "Left drag": "drag",
        "Alt+left drag": "rotate",
        "Wheel": "zoom",
        "Ctrl+wheel": "slices",
    },
    Scheme.DYNAMO: {
        **_COMMON,
        "Ctrl+Y": "redo",
        "Left click": "pick",
        "Left drag": "drag_slices",
        "Shift+left drag": "pan",
        "Ctrl+left drag": "rotate",
        "C+left drag": "rotate",
        "Wheel": "slices_up",
        "Ctrl+wheel": "zoom",
        "=": "zoom_in",
        "V": "zoom_in",
        "-": "zoom_out",
    },
    Scheme.EMAN2: {
        **_COMMON,
        "Ctrl+Y": "redo",
        "Left click": "add_or_select",
        "Left drag": "move_point",
        "Right drag": "pan",
        "Ctrl+Shift+left drag": "pan",
        "Alt+left drag": "rotate",
        "Wheel": "zoom",
        "Ctrl+wheel": "zoom",
        "Shift+wheel": "slices_up",
        "`": "next_slice",
        "1": "previous_slice",
        "Middle click": "options",
        "Alt+left click": "options",
    },
}
