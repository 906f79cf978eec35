"""Changes to rows, and their inverses: doing, undoing and redoing are one operation.

A `Change` says which rows of a table shall go and which shall be there. Applying it gives its inverse, with
the rows that were there before. The history keeps, for each edit, the changes that take it back; undoing
applies them and keeps their inverses instead, which redo it.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from napari_tomopick.project.schema import TABLES, Table

Row = tuple[Any, ...]
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Change:
    """Rows of one table to remove, by their keys, and whole rows to write (new, or in place of what was)."""

    table: str
    delete: Sequence[Key] = ()
    put: Sequence[Row] = ()


def runs(table: Table, keys: Iterable[Key]) -> list[Row]:
    """Sorted keys, those of an owner and successive whole numbers put together as (owner, first, last)."""
    if table.key_length == 1:
        return sorted(keys)
    merged: list[list[Any]] = []
    for owner, number in sorted(keys):
        if merged and merged[-1][0] == owner and merged[-1][2] == number - 1:
            merged[-1][2] = number
        else:
            merged.append([owner, number, number])
    return [tuple(run) for run in merged]


def _where(table: Table) -> str:
    first = f"WHERE {table.columns[0]} = ?"
    return first if table.key_length == 1 else f"{first} AND {table.columns[1]} BETWEEN ? AND ?"


def apply(connection: sqlite3.Connection, change: Change) -> tuple[Change, Change]:
    """Carry a change out.

    Returns
    -------
    done, inverse : Change
        What was done, less the rows that were so already, and what takes it back.
    """
    table = TABLES[change.table]
    size = table.key_length
    put = {row[:size]: row for row in change.put}
    select = f"SELECT {', '.join(table.columns)} FROM {table.name} {_where(table)}"
    before: dict[Key, Row] = {}
    for run in runs(table, {*change.delete, *put}):
        before.update((row[:size], row) for row in connection.execute(select, run))
    for key in [key for key, row in before.items() if put.get(key) == row]:
        del before[key], put[key]
    connection.executemany(f"DELETE FROM {table.name} {_where(table)}", runs(table, before))
    connection.executemany(
        f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.columns))})", put.values()
    )
    done = Change(table.name, [key for key in before if key not in put], list(put.values()))
    inverse = Change(table.name, [key for key in put if key not in before], list(before.values()))
    return done, inverse


def encode(changes: Iterable[Change]) -> bytes:
    """Changes as compressed JSON: ``[[table, runs of keys to remove, rows to write], ...]``."""
    plain = [[c.table, runs(TABLES[c.table], c.delete), c.put] for c in changes]
    return zlib.compress(json.dumps(plain, separators=(",", ":")).encode(), 1)


def decode(blob: bytes) -> list[Change]:
    """The changes that `encode` made bytes of."""
    changes = []
    for name, removed, put in json.loads(zlib.decompress(blob)):
        table = TABLES[name]
        if table.key_length == 1:
            keys: list[Key] = [tuple(key) for key in removed]
        else:
            keys = [(owner, n) for owner, first, last in removed for n in range(first, last + 1)]
        lacking = {n: table.added[len(table.added) - n :] for n in range(1, len(table.added) + 1)}
        full = len(table.columns)
        rows = [(*row, *lacking.get(full - len(row), ())) for row in put]
        changes.append(Change(name, keys, rows))
    return changes
