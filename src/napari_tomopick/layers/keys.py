"""Every key of the plugin: one table, from which they are bound and from which the help is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tomopick.layers import compat

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Workspace


@dataclass(frozen=True)
class Key:
    """One key.

    Parameters
    ----------
    binding : str
        As napari spells it.
    action : str
        Name in `actions`.
    help : str
        What it does, for the user.
    """

    binding: str
    action: str
    help: str

    @property
    def shown(self) -> str:
        """As printed in the help."""
        return self.binding.replace("Control", "Ctrl").replace("-", "+")


KEYS = (
    Key("C", "add_point", "put a point under the mouse"),
    Key("Shift-C", "put_marker", "put the side marker there"),
    Key("Delete", "delete", "delete selected, else last"),
    Key("Backspace", "delete", "the same"),
    Key("Control-Z", "undo", "undo"),
    Key("Control-Shift-Z", "redo", "redo"),
    Key("X", "show_x", "slice across x, at mouse"),
    Key("Y", "show_y", "slice across y, at mouse"),
    Key("Z", "show_z", "slice across z, at mouse"),
)

MOUSE = (
    ("Ctrl+wheel", "next slice (also ← →)"),
    ("Wheel, drag", "zoom, pan"),
    ("2, click", "put points by clicking"),
    ("3, drag", "select points, move them"),
    ("4", "back to pan and zoom"),
    ("Right click", "delete the point there"),
)


def actions(workspace: Workspace) -> dict[str, Callable[[Any], None]]:
    """What each action of the table calls, with the viewer or layer its key is bound on."""
    viewer, picking, review = workspace.viewer, workspace.picking, workspace.review

    def delete() -> None:
        active = viewer.layers.selection.active
        if active in review.view.layers:
            review.delete()
        elif active is picking.view.markers:
            active.remove_selected()
        else:
            picking.delete()

    def show(plane: str) -> Callable[[], None]:
        def action() -> None:
            if workspace.tomogram is not None:
                last = np.array(workspace.tomogram.shape) - 1.0
                compat.show_plane(viewer, plane, np.clip(compat.cursor_zyx(viewer), 0.0, last))

        return action

    table = {
        "add_point": picking.add_at_cursor,
        "put_marker": picking.put_marker_at_cursor,
        "delete": delete,
        "undo": workspace.undo,
        "redo": workspace.redo,
        **{f"show_{plane}": show(plane) for plane in "xyz"},
    }

    def reported(action: Callable[[], None]) -> Callable[[Any], None]:
        def run(_target: Any) -> None:
            with workspace.reporting():
                action()

        return run

    return {name: reported(action) for name, action in table.items()}


def bind(target: Any, actions: Mapping[str, Callable[[Any], None]]) -> None:
    """Bind the table's keys on the viewer or on one of our layers.

    A layer's keys win over those of the viewer, and over those napari gives to its kind of layer (X, Y, Z, C
    of an image, Delete of points), so both need them.
    """
    for key in KEYS:
        target.bind_key(key.binding, actions[key.action], overwrite=True)
