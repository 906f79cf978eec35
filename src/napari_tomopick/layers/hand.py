"""`Hand`: what keys and mouse mean over any picture of the tomogram, by the control scheme in use."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_tomopick.errors import ModelError
from napari_tomopick.layers.gesture_names import MODIFIERS, together
from napari_tomopick.layers.schemes import ACTIONS
from napari_tomopick.layers.strokes import Erase, MoveMarker, MovePoint, Pan, Rotate, Scroll, Stroke

if TYPE_CHECKING:
    from napari_tomopick.layers.controls import Controls
    from napari_tomopick.layers.picking import Picking
    from napari_tomopick.layers.pointing import Pane, Pixel, Pointing, Referring
    from napari_tomopick.layers.review_marking import Marking
    from napari_tomopick.models.references import Role

# napari's own limit between a click and a drag, in pixels of the screen
CLICK_PIXELS = 5.0
ZOOM_PER_STEP = 1.2
ZOOM_PER_KEY = 2.0
NO_BOXING = "References for a network are clicked with the Boxing dock open."
NOT_OVER = "The mouse is over no picture of the tomogram: move it to where you mean."

NOTHING: Mapping[str, str] = {}
# the second half of a double click is not to add another
ONCE = frozenset({"pick", "add_point", "add_or_select", "put_marker", "negative_reference"})


@dataclass
class _Press:
    """A button that is held down."""

    pane: Pane
    at: Pixel
    button: str
    click: str | None
    drag: str | None
    second: bool
    moved: bool = False
    # what was done at once, so that letting go does nothing more
    done: bool = False
    stroke: Stroke | None = None


class Hand:
    """Turns what the mouse and the keyboard do over a picture into what is meant by it.

    One for all pictures of a workspace. It is told of every press, movement, release, turn of the wheel and
    key, and answers whether it has made something of it: if not, the event is for whoever is next. Places are
    in pixels of the picture; buttons are "left", "right", "middle"; modifiers "Ctrl", "Alt", "Shift", "Meta".

    Parameters
    ----------
    picking : Picking
    controls : Controls
    pointing : Pointing
    reporting : callable
        A context in which errors are shown to the user.
    """

    def __init__(
        self,
        picking: Picking,
        controls: Controls,
        pointing: Pointing,
        reporting: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._picking, self._controls, self.pointing = picking, controls, pointing
        self._reporting = reporting
        self.boxing: Referring | None = None
        self.marking: Marking | None = None
        self._press: _Press | None = None
        # the button and modifiers that were pressed last
        self._gesture: tuple[str, frozenset[str]] = ("", frozenset())
        self._turned = 0.0
        # keys held down of those that mean something to the mouse; what they do when let go; see `key`
        self._held: dict[str, Callable[[], None] | None] = {}
        self._at_place: dict[str, Callable[[Pane, Pixel], object]] = {
            "add_point": self._add,
            "put_marker": self._put_marker,
            "pick": lambda pane, at: pane.click(at),
            "add_or_select": self._add_or_select,
            "delete_point": self._delete_point,
            "negative_reference": lambda pane, at: self._refer(pane, at, "negative"),
            "menu": self._offer_menu,
            "show_x": lambda pane, at: pane.show_plane("x", at),
            "show_y": lambda pane, at: pane.show_plane("y", at),
            "show_z": lambda pane, at: pane.show_plane("z", at),
            "next_slice": lambda pane, at: pane.scroll(1, at),
            "previous_slice": lambda pane, at: pane.scroll(-1, at),
            "zoom_in": lambda pane, at: pane.zoom(ZOOM_PER_KEY, at),
            "zoom_out": lambda pane, at: pane.zoom(1 / ZOOM_PER_KEY, at),
        }
        self._own: dict[str, Callable[[], object]] = {
            "eraser": lambda: picking.set_mode("pan_zoom" if picking.mode == "erase" else "erase"),
            "accept": picking.accept_all,
            "mode_add": lambda: picking.set_mode("add"),
            "mode_select": lambda: picking.set_mode("select"),
            "mode_look": lambda: picking.set_mode("pan_zoom"),
        }

    @property
    def picking(self) -> Picking:
        """What it works on."""
        return self._picking

    # the mouse

    @property
    def dragging(self) -> bool:
        """Whether a drag of the hand's own is under way."""
        return self._press is not None and self._press.stroke is not None

    def repeats(self, button: str, modifiers: Collection[str]) -> bool:
        """Whether that is what was pressed last: Qt takes any two quick clicks for a double click."""
        return self._gesture == (button, frozenset(modifiers))

    def press(
        self,
        pane: Pane,
        at: Pixel,
        button: str,
        modifiers: Collection[str] = (),
        *,
        second: bool = False,
        left_to_picture: Mapping[str, str] = NOTHING,
    ) -> bool:
        """A button goes down.

        Parameters
        ----------
        pane : Pane
        at : Pixel
        button : str
        modifiers : collection of str, optional
        second : bool, optional
            It is the latter half of a double click: that never adds a second point, unless it means something
            else than the first.
        left_to_picture : mapping of str to str, optional
            What the picture does itself with a gesture, where it is bound to just this.

        Returns
        -------
        bool
            Whether what follows is the hand's. Where only a click means something, a drag is not.
        """
        if self._press is not None:
            # another button during a drag
            return self.dragging
        second = second and self.repeats(button, modifiers)
        self._gesture = button, frozenset(modifiers)
        self.pointing.move(pane, at)
        plain = button == "left" and not modifiers
        if button == "left" and self.marking is not None and self.marking.takes(pane, modifiers):
            self._press = _Press(pane, at, button, None, None, second, done=True)
            self._press.stroke = self.marking.begin(pane, at, modifiers)  # type: ignore[arg-type]
            return True
        if plain and self._picking.mode == "erase":
            self._press = _Press(pane, at, button, None, None, second, done=True)
            with self._reporting():
                self._press.stroke = Erase(self._picking, pane, at)
            return True
        drag = self._meaning(f"{button} drag", modifiers, left_to_picture, held=True)
        click = self._meaning(f"{button} click", modifiers, left_to_picture)
        if plain and self._picking.marker_armed:
            click = "put_marker"
        elif self._boxes:
            # whatever the picture does itself with a click
            click = self._meaning(f"{button} click", modifiers, NOTHING)
        elif click == "negative_reference":
            click = None
        if click is None and drag is None:
            return False
        self._press = _Press(pane, at, button, click, drag, second)
        return drag is not None

    def move(self, pane: Pane, at: Pixel) -> bool:
        """The mouse moves, with a button down or not. True if that is a drag of the hand's own."""
        press = self._press
        if press is None or press.pane is not pane:
            self.pointing.move(pane, at)
            return False
        if not press.moved and math.dist(at, press.at) > CLICK_PIXELS:
            press.moved = True
            if press.stroke is None and press.drag is not None:
                for key in self._held:
                    # a key that was held for a drag means nothing by itself
                    self._held[key] = None
                with self._reporting():
                    press.stroke = self._stroke(press)
        if press.stroke is not None:
            with self._reporting():
                press.stroke.to(at)
        self.pointing.move(pane, at)
        return press.stroke is not None

    def release(self, pane: Pane, at: Pixel, button: str) -> bool:
        """A button is let go. True if that ends something of the hand's own."""
        press = self._press
        if press is None or press.button != button or press.pane is not pane:
            return False
        self.move(pane, at)
        self._press = None
        with self._reporting():
            if press.stroke is not None:
                press.stroke.end()
            elif press.moved or press.click is None or press.done:
                return False
            else:
                self._click(press)
        return True

    def wheel(
        self,
        pane: Pane,
        at: Pixel,
        steps: float,
        modifiers: Collection[str] = (),
        *,
        left_to_picture: Mapping[str, str] = NOTHING,
    ) -> bool:
        """The wheel is turned by so many notches, away from the user if positive; a touch pad by parts."""
        action = self._meaning("wheel", modifiers, left_to_picture)
        if action is None:
            return False
        self.pointing.move(pane, at)
        with self._reporting():
            if action == "zoom":
                pane.zoom(ZOOM_PER_STEP**steps, at)
                # a voxel is as large as another number of pixels
                self.pointing.move(pane, at)
                return True
            # one slice at a time, however many lines the system scrolls for a notch
            self._turned += max(-1.0, min(1.0, steps)) * (1 if action == "slices_up" else -1)
            slices = math.trunc(self._turned)
            if slices:
                self._turned -= slices
                pane.scroll(slices, at)
        return True

    # keys

    def key(self, pane: Pane, at: Pixel, key: str, *, repeated: bool = False) -> bool:
        """A key goes down, with its modifiers, as "Shift+C".

        A key that is also held for a drag acts when it is let go without one, at the place where it went
        down: see `key_up`.
        """
        if self._press is not None and key != "Escape" and self._press.stroke is not None:
            return True
        action = self._controls.action(key)
        if action is None:
            return False
        if action == "cancel":
            return self.cancel()
        if not self._can(action):
            return False
        if key in self._controls.held_keys:
            if key not in self._held:
                self._held[key] = lambda: self._do(action, pane, at)
            return True
        if repeated and action not in ("next_slice", "previous_slice", "undo", "redo", "zoom_in", "zoom_out"):
            # one press, one point
            return True
        self._do(action, pane, at)
        return True

    def key_up(self, key: str) -> bool:
        """A key is let go."""
        name = key.split("+")[-1] or "+"
        if name not in self._held:
            return False
        act = self._held.pop(name)
        if act is not None:
            act()
        return True

    def let_go(self) -> None:
        """The keyboard is no longer ours: keys that are held are so no more, and mean nothing."""
        self._held.clear()

    def do(self, action: str) -> None:
        """Do something under the mouse, as if by its key."""
        self._do(action, self.pointing.pane, self.pointing.at)

    def cancel(self) -> bool:
        """Give up what was begun. True if there was anything."""
        press, self._press = self._press, None
        self._held.clear()
        if press is not None and press.stroke is not None:
            press.stroke.cancel()
        elif self._picking.marker_armed:
            self._picking.arm_marker(False)
        elif self._picking.mode == "erase":
            self._picking.set_mode("pan_zoom")
        elif self.marking is not None and self.marking.tool:
            self.marking.set_tool("")
        else:
            further = self._controls.actions.get("cancel")
            return bool(further is not None and further())
        return True

    # what is meant

    def _meaning(
        self, what: str, modifiers: Collection[str], left_to_picture: Mapping[str, str], held: bool = False
    ) -> str | None:
        """What a gesture of the mouse does; None if nothing, or if the picture does it by itself."""
        names = [together(modifiers, what, key) for key in self._held] if held else []
        names.append(together(modifiers, what))
        for name in names:
            action = self._controls.action(name)
            if action is not None:
                return None if left_to_picture.get(name) == action else action
        return None

    def _can(self, action: str) -> bool:
        return action in self._at_place or action in self._own or action in self._controls.actions

    def _do(self, action: str, pane: Pane, at: Pixel) -> None:
        with self._reporting():
            if ACTIONS[action].at_mouse and not self.pointing.over:
                raise ModelError(NOT_OVER)
            if action in self._at_place:
                self._at_place[action](pane, at)
            else:
                # a window may know better
                self._controls.actions.get(action, self._own.get(action, _nothing))()

    def _click(self, press: _Press) -> None:
        assert press.click is not None
        if press.second and press.click in ONCE and (press.click != "pick" or self._boxes):
            return
        if press.click in ("pick", "add_or_select") and self._boxes:
            self._refer(press.pane, press.at)
            return
        if press.click == "pick":
            press.pane.click(press.at, press.second)
            return
        if press.click == "put_marker":
            self._picking.arm_marker(False)
        self._do(press.click, press.pane, press.at)

    def _stroke(self, press: _Press) -> Stroke:
        pane, at, drag = press.pane, press.at, press.drag
        moves = drag in ("drag", "drag_slices") and self._picking.mode == "select"
        if drag == "move_point" or moves:
            uid = pane.marker_at(at)
            row = pane.point_at(at)
            if row is None and uid is not None:
                return MoveMarker(self._picking, uid, pane)
            if row is None and drag == "move_point":
                row = self._add(pane, at)
            if row is not None:
                return MovePoint(self._picking, row, self._position(row), pane, at)
        if drag == "drag_slices" and pane.drag_scrolls:
            return Scroll(pane, at)
        return Rotate(pane, at) if drag == "rotate" else Pan(pane, at)

    @property
    def _boxes(self) -> bool:
        return self.boxing is not None and self.boxing.on

    def _refer(self, pane: Pane, at: Pixel, role: Role | None = None) -> tuple[str, int] | None:
        if self.boxing is None or not self.boxing.on:
            raise ModelError(NO_BOXING)
        self.pointing.move(pane, at)
        return self.boxing.refer(pane.spot(at), role)

    def _position(self, row: tuple[str, int]):  # type: ignore[no-untyped-def]
        return next(model for model in self._picking.models if model.uid == row[0]).points[row[1]]

    def _add(self, pane: Pane, at: Pixel) -> tuple[str, int] | None:
        """Add a point, or a reference, and return its row."""
        if self._boxes:
            return self._refer(pane, at)
        spot = pane.spot(at)
        if spot is not None:
            self._picking.add_at(spot)
        else:
            # that says what is amiss
            self.pointing.move(pane, at)
            self._picking.add_at_cursor()
        model = self._picking.active
        return None if model is None else (model.uid, len(model) - 1)

    def _put_marker(self, pane: Pane, at: Pixel) -> None:
        spot = pane.spot(at)
        if spot is not None:
            self._picking.put_marker_at(spot)
        else:
            self.pointing.move(pane, at)
            self._picking.put_marker_at_cursor()

    def _add_or_select(self, pane: Pane, at: Pixel) -> None:
        row = pane.point_at(at)
        if row is None:
            self._add(pane, at)
        else:
            self._picking.select_points([row])

    def _delete_point(self, pane: Pane, at: Pixel) -> None:
        row, uid = pane.point_at(at), pane.marker_at(at)
        if self._boxes:
            self.boxing.remove_at(pane.spot(at), row)  # type: ignore[union-attr]
        elif row is not None:
            self._picking.points_deleted([row])
        elif uid is not None:
            self._picking.markers_deleted([uid])

    def _offer_menu(self, pane: Pane, at: Pixel) -> None:
        row = pane.point_at(at)
        if row is not None:
            self._picking.offer_menu_for(row)


def modifiers_of(names: Collection[str]) -> tuple[str, ...]:
    """Modifiers as napari names them, as they are named here."""
    found = {"Ctrl" if name == "Control" else name for name in names}
    return tuple(name for name in MODIFIERS if name in found)


def _nothing() -> None:
    pass
