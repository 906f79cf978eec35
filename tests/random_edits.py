"""Edits by chance, and what a project must hold after each: the same for whoever asks with the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from napari_tomopick.project import Session

TOMOGRAM, SIDE = "ts1", 100
Position = tuple[float, float, float]


@dataclass(frozen=True)
class State:
    """What one model and the status of its tomogram are, as plain values."""

    points: tuple[tuple[Position, int], ...] = ()
    marker: Position | None = None
    status: str = "todo"


def held(session: Session) -> State:
    """What a project really holds."""
    (model,) = session.models()
    points = zip(map(tuple, model.points.tolist()), model.levels.tolist(), strict=True)
    marker = None if model.marker is None else tuple(model.marker.tolist())
    return State(tuple(points), marker, session.status(TOMOGRAM).value)


def edits(seed: int) -> Iterator[tuple[tuple[Any, ...], State, State | None]]:
    """Endless (edit, the state after it, the state that undoing leads to)."""
    chance = random.Random(seed)
    state, past, future = State(), list[State](), list[State]()

    def somewhere() -> Position:
        x, y, z = (chance.randrange(SIDE) / 1.0 for _ in range(3))
        return x, y, z

    while True:
        kind = chance.choice(["add", "add", "add", "move", "delete", "marker", "group", "undo", "redo"])
        points, edit, after = list(state.points), (kind,), state
        if kind == "add":
            new = [(somewhere(), chance.randrange(SIDE)) for _ in range(chance.choice([1, 1, 30]))]
            edit, after = (kind, new), replace(state, points=(*points, *new))
        elif kind == "move" and points:
            row, to = chance.randrange(len(points)), somewhere()
            points[row] = (to, points[row][1])
            edit, after = (kind, row, to), replace(state, points=tuple(points))
        elif kind == "delete" and points:
            rows = sorted(chance.sample(range(len(points)), min(len(points), chance.choice([1, 1, 20]))))
            left = tuple(point for row, point in enumerate(points) if row not in rows)
            edit, after = (kind, rows), replace(state, points=left)
        elif kind == "marker":
            at = somewhere()
            edit, after = (kind, at), replace(state, marker=at)
        elif kind == "group":
            new, at = [(somewhere(), 5)], somewhere()
            status = chance.choice(["todo", "in_progress", "done"])
            edit, after = (kind, new, at, status), State((*points, *new), at, status)
        elif kind == "undo" and past:
            future.append(state)
            after = past.pop()
        elif kind == "redo" and future:
            past.append(state)
            after = future.pop()
        else:
            continue
        if kind not in ("undo", "redo"):
            if after == state:
                continue
            past.append(state)
            future.clear()
        state = after
        yield edit, state, past[-1] if past else None


def do(session: Session, edit: tuple[Any, ...]) -> None:
    """Carry one of `edits` out."""
    (model,) = session.models()
    kind, *values = edit
    if kind == "add":
        (new,) = values
        session.add_points(model.uid, [p for p, _ in new], [level for _, level in new])
    elif kind == "move":
        session.move_points(model.uid, [values[0]], [values[1]])
    elif kind == "delete":
        session.delete_points(model.uid, values[0])
    elif kind == "marker":
        session.set_marker(model.uid, values[0])
    elif kind == "group":
        new, at, status = values
        with session.edit("group"):
            session.add_points(model.uid, [p for p, _ in new], [level for _, level in new])
            session.set_marker(model.uid, at)
            session.set_status(TOMOGRAM, status)
    elif kind == "undo":
        session.undo()
    elif kind == "redo":
        session.redo()
