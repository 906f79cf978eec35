"""Random edits, undone, redone and reopened, against a plain copy of what the project must hold."""

import copy
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from scipy.spatial.transform import Rotation

from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model
from napari_tomopick.project import Session

SHAPE = (40, 50, 60)
coordinates = st.floats(0, 39, allow_subnormal=False)
positions = st.tuples(coordinates, coordinates, coordinates)
points = st.lists(st.tuples(positions, st.integers(0, 39)), min_size=1, max_size=4)
choices = st.integers(0, 1000)


def plain(name: str, particles: Particles) -> dict[str, Any]:
    """A particle set as plain values: its columns with their types, and one row for each particle."""
    p = particles
    angles = np.round(p.directions(), 9) + 0.0  # quaternions, normalised anew, may differ in the last bit
    scores = [None if np.isnan(score) else score for score in p.scores]
    further = [tuple(map(repr, row)) for row in p.table.itertuples(index=False, name=None)]
    columns = [p.ids.tolist(), p.tomograms.tolist(), p.positions.tolist(), angles.tolist()]
    return {
        "name": name,
        "columns": [(column, str(dtype)) for column, dtype in p.table.dtypes.items()],
        "rows": list(zip(*columns, p.groups.tolist(), scores, further or [()] * len(p), strict=True)),
    }


def held(session: Session) -> dict[str, Any]:
    """All that a session shows, as plain values."""
    return {
        "tomograms": {t.name: [session.status(t.name).value, t.source] for t in session.tomograms()},
        "models": {
            m.uid: {
                "tomogram": m.tomogram,
                "name": m.name,
                "points": list(zip(map(tuple, m.points.tolist()), m.levels.tolist(), strict=True)),
                "marker": None if m.marker is None else tuple(m.marker.tolist()),
            }
            for m in session.models()
        },
        "sets": {p.uid: plain(p.name, session.particles(p.uid)) for p in session.particle_sets()},
    }


class Edits(RuleBasedStateMachine):
    """Every edit is made twice: in a project and in plain dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.session = Session.create(Path(self.folder.name) / "p.tomopick")
        self.state: dict[str, Any] = {"tomograms": {}, "models": {}, "sets": {}}
        self.past: list[dict[str, Any]] = []
        self.future: list[dict[str, Any]] = []
        self.names = (f"name {number}" for number in range(10**6))
        self.group: dict[str, Any] | None = None
        self.add_tomogram()

    def teardown(self) -> None:
        self.session.close()
        self.folder.cleanup()

    def edited(self, before: dict[str, Any]) -> None:
        if before != self.state and self.group is None:
            self.past.append(before)
            self.future.clear()

    def pick(self, kind: str, choice: int) -> Any:
        keys = list(self.state[kind])
        return keys[choice % len(keys)]

    def particles(self, rows: list[Any], seed: int) -> Particles:
        rng = np.random.default_rng(seed)
        columns = {
            "distance": rng.choice([0.1, np.nan, np.inf, 2.0], len(rows)),
            "class": rng.integers(0, 255, len(rows), dtype=np.uint8),
            "image": rng.choice(np.array(["a.mrc", "Å", None], object), len(rows)),
        }
        chosen = rng.permutation(list(columns))[: rng.integers(0, 4)]
        names = list(self.state["tomograms"])
        return Particles(
            np.array([row[0] for row in rows]),
            Rotation.random(len(rows), rng=rng),
            ids=rng.permutation(1000)[: len(rows)],
            groups=rng.integers(1, 3, len(rows)),
            scores=rng.choice([0.5, np.nan, 1.0], len(rows)),
            tomograms=rng.choice(names, len(rows)),
            table=pd.DataFrame({name: columns[name] for name in chosen}),
        )

    # edits

    @rule()
    def add_tomogram(self) -> None:
        name, before = next(self.names), copy.deepcopy(self.state)
        source = next(iter(self.state["tomograms"]), None)
        self.session.add_tomogram(Tomogram(name, Path("t.mrc"), SHAPE, 10.0, source=source))
        self.state["tomograms"][name] = ["todo", source]
        self.edited(before)

    @precondition(lambda self: self.state["tomograms"])
    @rule(choice=choices, status=st.sampled_from(["todo", "in_progress", "done", "nothing_here"]))
    def set_status(self, choice: int, status: str) -> None:
        name, before = self.pick("tomograms", choice), copy.deepcopy(self.state)
        self.session.set_status(name, status)
        self.state["tomograms"][name][0] = status
        self.edited(before)

    @precondition(lambda self: len(self.state["tomograms"]) > 1)
    @rule(choice=choices)
    def remove_tomogram(self, choice: int) -> None:
        name, before = self.pick("tomograms", choice), copy.deepcopy(self.state)
        self.session.remove_tomogram(name)
        del self.state["tomograms"][name]
        models, sets = self.state["models"], self.state["sets"]
        self.state["models"] = {uid: m for uid, m in models.items() if m["tomogram"] != name}
        for uid, item in list(sets.items()):
            rows = [row for row in item["rows"] if row[1] != name]
            if item["rows"] and not rows:
                del sets[uid]
            else:
                item["rows"] = rows
        self.edited(before)

    @precondition(lambda self: self.state["tomograms"])
    @rule(choice=choices)
    def rename_tomogram(self, choice: int) -> None:
        name, new, before = self.pick("tomograms", choice), next(self.names), copy.deepcopy(self.state)
        self.session.rename_tomogram(name, new)
        tomograms = self.state["tomograms"].items()
        self.state["tomograms"] = {
            (new if key == name else key): [status, new if source == name else source]
            for key, (status, source) in tomograms
        }
        for model in self.state["models"].values():
            model["tomogram"] = new if model["tomogram"] == name else model["tomogram"]
        for item in self.state["sets"].values():
            item["rows"] = [(row[0], new, *row[2:]) if row[1] == name else row for row in item["rows"]]
        self.edited(before)

    @precondition(lambda self: self.state["tomograms"])
    @rule(choice=choices, clicked=points)
    def add_model(self, choice: int, clicked: Any) -> None:
        tomogram, name, before = self.pick("tomograms", choice), next(self.names), copy.deepcopy(self.state)
        xyz, levels = map(np.array, zip(*clicked, strict=True))
        uid = self.session.add_model(Model(name, tomogram=tomogram, points=xyz, levels=levels))
        self.state["models"][uid] = {"tomogram": tomogram, "name": name, "points": clicked, "marker": None}
        self.edited(before)

    @precondition(lambda self: self.state["models"])
    @rule(choice=choices)
    def remove_model(self, choice: int) -> None:
        uid, before = self.pick("models", choice), copy.deepcopy(self.state)
        self.session.remove_model(uid)
        del self.state["models"][uid]
        self.edited(before)

    @precondition(lambda self: self.state["models"])
    @rule(choice=choices, clicked=points)
    def add_points(self, choice: int, clicked: Any) -> None:
        uid, before = self.pick("models", choice), copy.deepcopy(self.state)
        self.session.add_points(uid, [p for p, _ in clicked], [level for _, level in clicked])
        self.state["models"][uid]["points"] = self.state["models"][uid]["points"] + clicked
        self.edited(before)

    @precondition(lambda self: any(m["points"] for m in self.state["models"].values()))
    @rule(choice=choices, where=st.lists(choices, min_size=1, max_size=3), to=positions)
    def move_points(self, choice: int, where: list[int], to: Any) -> None:
        before = copy.deepcopy(self.state)
        uid = self.pick("models", choice)
        mine = list(self.state["models"][uid]["points"])
        rows = sorted({row % len(mine) for row in where}, reverse=True) if mine else []
        self.session.move_points(uid, rows, [to] * len(rows))
        for row in rows:
            mine[row] = (to, mine[row][1])
        self.state["models"][uid]["points"] = mine
        self.edited(before)

    @precondition(lambda self: self.state["models"])
    @rule(choice=choices, where=st.lists(choices, min_size=1, max_size=3))
    def delete_points(self, choice: int, where: list[int]) -> None:
        uid, before = self.pick("models", choice), copy.deepcopy(self.state)
        mine = self.state["models"][uid]["points"]
        rows = {row % len(mine) for row in where} if mine else set()
        self.session.delete_points(uid, list(rows))
        self.state["models"][uid]["points"] = [p for row, p in enumerate(mine) if row not in rows]
        self.edited(before)

    @precondition(lambda self: self.state["models"])
    @rule(choice=choices, clicked=points, marker=st.none() | positions)
    def change_model(self, choice: int, clicked: Any, marker: Any) -> None:
        uid, name, before = self.pick("models", choice), next(self.names), copy.deepcopy(self.state)
        xyz, levels = map(np.array, zip(*clicked, strict=True))
        self.session.change_model(uid, points=xyz, levels=levels, name=name, marker=marker)
        self.state["models"][uid].update(points=clicked, name=name, marker=marker)
        self.edited(before)

    @precondition(lambda self: self.state["tomograms"])
    @rule(clicked=points, seed=choices)
    def add_particles(self, clicked: Any, seed: int) -> None:
        name, before, particles = next(self.names), copy.deepcopy(self.state), self.particles(clicked, seed)
        uid = self.session.add_particles(name, particles, Step("manual"))
        self.state["sets"][uid] = plain(name, particles)
        self.edited(before)

    @precondition(lambda self: self.state["sets"])
    @rule(choice=choices, seed=choices)
    def update_particles(self, choice: int, seed: int) -> None:
        uid, before = self.pick("sets", choice), copy.deepcopy(self.state)
        ids = [row[0] for row in self.state["sets"][uid]["rows"]]
        new = self.particles([((1.0, 2.0, 3.0), 0)] * len(ids), seed)
        order = np.random.default_rng(seed).permutation(len(ids))
        new = replace(new, ids=np.array(ids, np.int64)[order])
        self.session.update_particles(uid, new)
        self.state["sets"][uid] = plain(self.state["sets"][uid]["name"], new.select(np.argsort(order)))
        self.edited(before)

    @precondition(lambda self: self.state["sets"])
    @rule(choice=choices, where=st.lists(choices, min_size=1, max_size=3))
    def remove_particles(self, choice: int, where: list[int]) -> None:
        uid, before = self.pick("sets", choice), copy.deepcopy(self.state)
        rows = self.state["sets"][uid]["rows"]
        ids = {rows[place % len(rows)][0] for place in where} if rows else set()
        self.session.remove_particles(uid, list(ids))
        self.state["sets"][uid]["rows"] = [row for row in rows if row[0] not in ids]
        self.edited(before)

    @precondition(lambda self: self.state["sets"])
    @rule(choice=choices)
    def remove_particle_set(self, choice: int) -> None:
        uid, before = self.pick("sets", choice), copy.deepcopy(self.state)
        self.session.remove_particle_set(uid)
        del self.state["sets"][uid]
        self.edited(before)

    @precondition(lambda self: self.state["models"] and self.state["sets"])
    @rule(choice=choices, clicked=points, fails=st.booleans())
    def several_in_a_group(self, choice: int, clicked: Any, fails: bool) -> None:
        before = self.group = copy.deepcopy(self.state)
        try:
            with self.session.edit("group"):
                self.add_points(choice, clicked)
                self.remove_particles(choice, [choice])
                self.delete_points(choice, [choice])
                self.change_model(choice, clicked, None)
                self.rename_tomogram(choice)
                if fails:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            self.state = before
        self.group = None
        self.edited(before)

    # going back and forth

    @rule(times=st.integers(1, 5))
    def undo(self, times: int) -> None:
        for _ in range(times):
            assert (self.session.undo() is None) == (not self.past)
            if self.past:
                self.future.append(self.state)
                self.state = self.past.pop()

    @rule(times=st.integers(1, 5))
    def redo(self, times: int) -> None:
        for _ in range(times):
            assert (self.session.redo() is None) == (not self.future)
            if self.future:
                self.past.append(self.state)
                self.state = self.future.pop()

    @rule()
    def reopen(self) -> None:
        self.session.close()
        self.session = Session.open(self.session.path)

    @invariant()
    def the_project_holds_what_was_done(self) -> None:
        shown = held(self.session)
        assert shown == self.state
        assert list(shown["tomograms"]) == list(self.state["tomograms"])
        assert (self.session.undo_label is None) == (not self.past)
        assert (self.session.redo_label is None) == (not self.future)
        assert self.session._store.connection.execute("PRAGMA foreign_key_check").fetchall() == []


TestEdits = Edits.TestCase
TestEdits.settings = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
