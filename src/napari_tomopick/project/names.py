"""Names of edits, and names that are not taken yet."""

from __future__ import annotations

from collections.abc import Collection


def counted(verb: str, count: int, what: str) -> str:
    """A label: "Add point", "Delete 12 particles"."""
    return f"{verb} {what}" if count == 1 else f"{verb} {count} {what}s"


def free_name(wanted: str, taken: Collection[str]) -> str:
    """Return the wanted name, with a number behind it if it is taken."""
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted} {number}"
    return name
