"""How keys and movements of the mouse are written: "C", "Ctrl+Shift+Z", "Shift+left click", "C+left drag".

Modifiers come first, in one order; then a key that is held, if any; then the key, or what the mouse does.
"""

from __future__ import annotations

from collections.abc import Collection

from napari_tomopick.errors import ParameterError

MODIFIERS = ("Ctrl", "Alt", "Shift", "Meta")
BUTTONS = ("left", "right", "middle")
MOUSE = (*(f"{button} {what}" for what in ("click", "drag") for button in BUTTONS), "wheel")

_NAMED_KEYS = (
    *("Delete", "Backspace", "Escape", "Enter", "Space", "Tab", "Insert", "Home", "End"),
    *("PageUp", "PageDown", "Up", "Down", "Left", "Right"),
    *(f"F{n}" for n in range(1, 13)),
)
_SYNONYMS = {"control": "Ctrl", "cmd": "Ctrl", "command": "Ctrl", "option": "Alt", "del": "Delete"} | {
    "esc": "Escape",
    "return": "Enter",
    "super": "Meta",
}
_WORDS = {word.lower(): word for word in (*MODIFIERS, *_NAMED_KEYS, *MOUSE)} | _SYNONYMS
# characters of an American keyboard that are keys
_SIGNS = frozenset("`1234567890-=[]\\;',./?+")


def gesture(text: str) -> str:
    """The one way of writing a gesture.

    Raises
    ------
    ParameterError
        If it is not a gesture.
    """
    parts = _parts(text)
    modifiers = [name for name in MODIFIERS if name in parts[:-1]]
    rest = [part for part in parts if part not in modifiers]
    held, what = rest[:-1], rest[-1] if rest else ""
    is_key = what not in MOUSE and what not in MODIFIERS
    good = what and what not in MODIFIERS and len(held) <= 1 and len(parts) == len(set(parts))
    if not good or (held and (is_key or not what.endswith("drag") or held[0] in MOUSE)):
        raise ParameterError(
            f"'{text}' is neither a key, such as Shift+C, nor something the mouse does, such as Ctrl+wheel."
        )
    return together(modifiers, what, held[0] if held else "")


def together(modifiers: Collection[str], what: str, held: str = "") -> str:
    """A gesture from its parts, of which each is spelled as here."""
    before = [name for name in MODIFIERS if name in modifiers]
    text = "+".join([*before, *([held] if held else []), what])
    return text[0].upper() + text[1:]


def is_key(name: str) -> bool:
    """Whether a gesture is pressed, and not done with the mouse."""
    return not name.lower().endswith(MOUSE)


def held_key(name: str) -> str:
    """The key that is held during a gesture of the mouse; "" if there is none."""
    before = [] if is_key(name) else name.split("+")[:-1]
    return next((part for part in before if part not in MODIFIERS), "")


def _parts(text: str) -> list[str]:
    """Modifiers and keys of a gesture, each as it is spelled here."""
    stripped = text.strip()
    # the plus sign joins, and is a key as well
    last = "+" if stripped.endswith("+") else ""
    words = stripped[: len(stripped) - 1].rstrip("+").split("+") if last else stripped.split("+")
    words = [word.strip() for word in words if word.strip()]
    return [_part(word, text) for word in words] + ([last] if last else [])


def _part(word: str, text: str) -> str:
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    if len(word) == 1 and (word.isalpha() or word in _SIGNS):
        return word.upper()
    raise ParameterError(f"'{text}' is not a key or a movement of the mouse: there is no '{word}'.")
