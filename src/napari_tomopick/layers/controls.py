"""`Controls`: which gesture does what for this user, now: a control scheme with the user's changes to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from psygnal import Signal

from napari_tomopick.errors import ParameterError, TomopickError
from napari_tomopick.layers.gesture_names import gesture, held_key, is_key
from napari_tomopick.layers.schemes import (
    ACTIONS,
    CLICKS_ONLY,
    DRAGS,
    GROUPS,
    SCHEMES,
    WHEELS,
    Action,
    Scheme,
)
from napari_tomopick.layers.settings import Settings


@dataclass(frozen=True)
class Binding:
    """A gesture and what it does.

    Parameters
    ----------
    gesture : str
    action : Action
    changed : bool
        Whether the user has made it so, or has left only this of several that did the same.
    """

    gesture: str
    action: Action
    changed: bool


class Controls:
    """See the module.

    Parameters
    ----------
    settings : Settings
        The user's own, where scheme and changes are kept.

    Attributes
    ----------
    actions : dict of str to callable
        What carries out those actions that need no place in a picture, such as "undo"; anyone may add theirs.

    Signals
    -------
    changed()
        A gesture does something else now.
    """

    changed = Signal()

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.actions: dict[str, Callable[[], object]] = {}
        self._read()

    def _read(self) -> None:
        names = {str(scheme) for scheme in Scheme}
        self.scheme = Scheme(self._settings.scheme) if self._settings.scheme in names else Scheme.NAPARI
        self._changes: dict[Scheme, dict[str, str]] = {
            scheme: _known(self._settings.bindings.get(str(scheme), {})) for scheme in Scheme
        }
        self._put_together()

    def _put_together(self) -> None:
        table = SCHEMES[self.scheme] | self._changes[self.scheme]
        self._table = {name: action for name, action in table.items() if action}
        self._held = frozenset(filter(None, map(held_key, self._table)))

    # looking up

    def action(self, name: str) -> str | None:
        """The name of what a gesture does; None if it does nothing."""
        return self._table.get(name)

    @property
    def keys(self) -> tuple[str, ...]:
        """All gestures that are keys."""
        return tuple(filter(is_key, self._table))

    @property
    def mouse(self) -> tuple[str, ...]:
        """All gestures that are done with the mouse."""
        return tuple(name for name in self._table if not is_key(name))

    @property
    def held_keys(self) -> frozenset[str]:
        """The keys that mean something while the mouse is dragged."""
        return self._held

    def gestures(self, action: str) -> tuple[str, ...]:
        """Everything that does this."""
        return tuple(name for name, what in self._table.items() if what == action)

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """All gestures in use, in the order of the actions; those that do the same follow each other."""
        order = list(ACTIONS)
        table = sorted(self._table.items(), key=lambda item: order.index(item[1]))
        changes, default = self._changes[self.scheme], SCHEMES[self.scheme]
        # what has a gesture less, and no other for it, has no new one to be taken back
        fewer = {default[name] for name in changes if name in default} - set(changes.values())
        found = [Binding(name, ACTIONS[action], name in changes or action in fewer) for name, action in table]
        return tuple(sorted(found, key=lambda binding: GROUPS.index(binding.action.group)))

    # changing

    def set_scheme(self, scheme: Scheme | str) -> None:
        """Follow the habits of another program from now on."""
        self.scheme = Scheme(scheme)
        self._keep()

    def rebind(self, before: str, after: str, *, swap: bool = False) -> None:
        """Let another gesture do what one does now.

        Parameters
        ----------
        before, after : str
            Gestures.
        swap : bool
            Where the new one does something already: let the old one do that; else it is refused.

        Raises
        ------
        ParameterError
            If it does something already, or cannot do this: no key drags, for instance.
        """
        after = gesture(after)
        action = self._table[before]
        other = self._table.get(after)
        if after == before:
            return
        check_suits(action, after)
        if other is not None and other != action:
            if not swap:
                raise ParameterError(
                    f"{after} is taken: {ACTIONS[other].help}. Choose another, or swap the two."
                )
            check_suits(other, before)
        wanted = dict(self._table)
        del wanted[before]
        wanted[after] = action
        if other is not None and other != action:
            wanted[before] = other
        self._take(wanted)

    def reset(self, name: str) -> None:
        """Let everything that a change of this gesture has touched be as in the scheme."""
        default = SCHEMES[self.scheme]
        changes = self._changes[self.scheme]
        pending, done = {name}, set()
        while pending:
            one = pending.pop()
            done.add(one)
            # the gestures that had lost or got the same actions go back with it
            actions = {changes.get(one), default.get(one)} - {None, ""}
            touched = {g for g in changes if {changes[g], default.get(g)} & actions}
            pending |= touched - done
        self._changes[self.scheme] = {g: action for g, action in changes.items() if g not in done}
        self._keep()

    def reset_all(self) -> None:
        """Let every gesture of this scheme do what it does by default."""
        self._changes[self.scheme] = {}
        self._keep()

    @property
    def is_changed(self) -> bool:
        """Whether the user has changed anything in this scheme."""
        return bool(self._changes[self.scheme])

    def _take(self, table: dict[str, str]) -> None:
        default = SCHEMES[self.scheme]
        changes = {name: action for name, action in table.items() if default.get(name) != action}
        changes |= {name: "" for name in default if name not in table}
        self._changes[self.scheme] = changes
        self._keep()

    def _keep(self) -> None:
        self._put_together()
        self._settings.scheme = str(self.scheme)
        self._settings.bindings = {str(s): dict(changes) for s, changes in self._changes.items() if changes}
        try:
            self._settings.save()
        finally:
            # what cannot be kept holds at least for now
            self.changed.emit()


def check_suits(action: str, name: str) -> None:
    """See to it that a gesture can do something.

    Raises
    ------
    ParameterError
        If it cannot: a wheel does not put points.
    """
    kind = "key" if is_key(name) else name.lower().split()[-1].split("+")[-1]
    if action in DRAGS:
        wanted, words = {"drag"}, "by dragging the mouse"
    elif action in WHEELS:
        wanted, words = {"wheel"}, "with the wheel"
    elif action in CLICKS_ONLY:
        wanted, words = {"click"}, "by a click"
    else:
        wanted, words = {"key", "click"}, "with a key or a click"
    if kind not in wanted:
        raise ParameterError(f"'{ACTIONS[action].help}' is done {words}: {name} cannot do it.")


def _known(changes: dict[str, str]) -> dict[str, str]:
    """The changes that mean something to this version."""
    found = {}
    for name, action in changes.items():
        try:
            if action:
                check_suits(ACTIONS[action].name, gesture(name))
            found[gesture(name)] = action
        except (KeyError, TomopickError):
            continue
    return found
