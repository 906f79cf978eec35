"""Colours of models, easily told from each other and from a grey picture."""

from __future__ import annotations

from collections.abc import Collection

MODEL_COLOURS = ("#ffd166", "#06d6a0", "#ef476f", "#4cc9f0", "#f78c6b", "#c77dff", "#b5e48c", "#ff99c8")


def free_colour(taken: Collection[str]) -> str:
    """Return a colour that is not taken; if all are, the one that is taken least often.

    Parameters
    ----------
    taken : collection of str
        "#rrggbb" of the other models, as often as they occur.
    """
    used = [colour.lower() for colour in taken]
    return min(MODEL_COLOURS, key=used.count)
