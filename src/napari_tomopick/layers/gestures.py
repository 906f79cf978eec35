"""What the mouse does over the canvas, beyond napari's own add, select and pan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_tomopick.layers.picking import Picking

# napari's own limit between a click and a drag, in canvas pixels
CLICK_PIXELS = 5
RIGHT_BUTTON = 2


def connect(viewer: ViewerModel, picking: Picking, reporting: Callable[[], Any]) -> None:
    """Watch presses, and offer a menu on a right click on a user point, whichever layer is active."""

    def pressed(_viewer: Any, event: Any) -> Iterator[None]:
        # napari adds a point for any button and with any modifier; viewer callbacks run before its own
        plain = event.button == 1 and not event.modifiers
        # a click that puts the side marker is not one that adds a point
        picking.press_is_plain = plain and not picking.marker_armed
        start, moved = np.array(event.pos), False
        yield
        while event.type == "mouse_move":
            moved = moved or np.linalg.norm(np.array(event.pos) - start) > CLICK_PIXELS
            yield
        if moved:
            return
        if event.button == RIGHT_BUTTON:
            picking.offer_menu(event)
        elif plain and picking.marker_armed:
            picking.arm_marker(False)
            with reporting():
                picking.put_marker_at_cursor()

    def hovering(_viewer: Any, _event: Any) -> None:
        picking.press_is_plain = True

    viewer.mouse_drag_callbacks.append(pressed)
    viewer.mouse_move_callbacks.append(hovering)
