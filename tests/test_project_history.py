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
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.models.user_points import Model
from napari_tomopick.project import Session
from napari_tomopick.project.particle_edits import DEFAULT_COLOUR

SHAPE = (40, 50, 60)
coordinates = st.floats(0, 39, allow_subnormal=False)
positions = st.tuples(coordinates, coordinates, coordinates)
points = st.lists(st.tuples(positions, st.integers(0, 39)), min_size=1, max_size=4)
choices = st.integers(0, 1000)
# type, group, colour, box size
looks = st.tuples(
    st.sampled_from(["general", "surface", "dipole"]),
    st.integers(1, 3),
    st.sampled_from(["#ffd166", "#06d6a0"]),
    st.none() | st.integers(2, 64),
)
STANDARD_LOOK = (Model("").type.value, 1, Model("").colour, None)


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
        "tomograms": {
            t.name: [
                session.status(t.name).value,
                t.source,
                t.voxel_size_angstrom,
                t.acquisition.tilt_range_degrees,
            ]
            for t in session.tomograms()
        },
        "models": {
            m.uid: {
                "tomogram": m.tomogram,
                "name": m.name,
                "points": list(zip(map(tuple, m.points.tolist()), m.levels.tolist(), strict=True)),
                "proposed": m.proposed.tolist(),
                "marker": None if m.marker is None else tuple(m.marker.tolist()),
                "look": (m.type.value, m.group, m.colour, m.box_size),
                "voxel size": m.voxel_size_angstrom,
            }
            for m in session.models()
        },
        "sets": {
            p.uid: {
                **plain(p.name, session.particles(p.uid)),
                "colour": p.colour,
                "voxel size": p.voxel_size_angstrom,
            }
            for p in session.particle_sets()
        },
    }


def counted(state: dict[str, Any]) -> dict[str, Any]:
    """What the summaries of the tomograms must say of a state."""
    models, sets = state["models"].values(), state["sets"].values()
    return {
        name: (
            facts[0],
            {m["name"]: len(m["points"]) for m in models if m["tomogram"] == name},
            {
                s["name"]: sum(row[1] == name for row in s["rows"])
                for s in sets
                if any(row[1] == name for row in s["rows"])
            },
        )
        for name, facts in state["tomograms"].items()
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
        size = next((facts[2] for facts in self.state["tomograms"].values()), 10.0)
        self.session.add_tomogram(Tomogram(name, Path("t.mrc"), SHAPE, size, source=source))
        self.state["tomograms"][name] = ["todo", source, size, None]
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
            (new if key == name else key): [status, new if source == name else source, *facts]
            for key, (status, source, *facts) in tomograms
        }
        for model in self.state["models"].values():
            model["tomogram"] = new if model["tomogram"] == name else model["tomogram"]
        for item in self.state["sets"].values():
            item["rows"] = [(row[0], new, *row[2:]) if row[1] == name else row for row in item["rows"]]
        self.edited(before)

    @precondition(lambda self: self.state["tomograms"])
    @rule(size=st.sampled_from([8.0, 10.0, 13.5]), tilts=st.none() | st.just((-60.0, 57.5)))
    def correct_all_tomograms(self, size: float, tilts: Any) -> None:
        before, (low, high) = copy.deepcopy(self.state), tilts or (None, None)
        acquisition = Acquisition(tilt_min_degrees=low, tilt_max_degrees=high)
        self.session.replace_tomograms(
            [
                replace(tomogram, voxel_size_angstrom=size, acquisition=acquisition)
                for tomogram in self.session.tomograms()
            ]
        )
        for facts in self.state["tomograms"].values():
            facts[2:] = [size, tilts]
        owners = [*self.state["models"].values(), *(s for s in self.state["sets"].values() if s["rows"])]
        for owner in owners:
            owner["voxel size"] = size
        self.edited(before)

    @precondition(lambda self: self.state["tomograms"])
    @rule(choice=choices, clicked=points)
    def add_model(self, choice: int, clicked: Any) -> None:
        tomogram, name, before = self.pick("tomograms", choice), next(self.names), copy.deepcopy(self.state)
        xyz, levels = map(np.array, zip(*clicked, strict=True))
        uid = self.session.add_model(Model(name, tomogram=tomogram, points=xyz, levels=levels))
        self.state["models"][uid] = {
            "tomogram": tomogram,
            "name": name,
            "points": clicked,
            "proposed": [False] * len(clicked),
            "marker": None,
            "look": STANDARD_LOOK,
            "voxel size": self.state["tomograms"][tomogram][2],
        }
        self.edited(before)

    @precondition(lambda self: self.state["models"])
    @rule(choice=choices)
    def remove_model(self, choice: int) -> None:
        uid, before = self.pick("models", choice), copy.deepcopy(self.state)
        self.session.remove_model(uid)
        del self.state["models"][uid]
        self.edited(before)

    @precondition(lambda self: self.state["models"])
    @rule(choice=choices, clicked=points, proposed=st.booleans())
    def add_points(self, choice: int, clicked: Any, proposed: bool) -> None:
        uid, before = self.pick("models", choice), copy.deepcopy(self.state)
        xyz, levels = map(np.array, zip(*clicked, strict=True))
        self.session.add_points(uid, xyz, levels, proposed=proposed)
        model = self.state["models"][uid]
        model["points"] = [*model["points"], *clicked]
        model["proposed"] = [*model["proposed"], *[proposed] * len(clicked)]
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
            self.state["models"][uid]["proposed"][row] = False
        self.state["models"][uid]["points"] = mine
        self.edited(before)

    @precondition(lambda self: self.state["models"])
    @rule(choice=choices, where=st.lists(choices, min_size=1, max_size=3))
    def delete_points(self, choice: int, where: list[int]) -> None:
        uid, before = self.pick("models", choice), copy.deepcopy(self.state)
        mine = self.state["models"][uid]["points"]
        rows = {row % len(mine) for row in where} if mine else set()
        self.session.delete_points(uid, list(rows))
        for what in ("points", "proposed"):
            kept = self.state["models"][uid][what]
            self.state["models"][uid][what] = [p for row, p in enumerate(kept) if row not in rows]
        self.edited(before)

    @precondition(lambda self: self.state["models"])
    @rule(choice=choices, clicked=points, marker=st.none() | positions)
    def change_model(self, choice: int, clicked: Any, marker: Any) -> None:
        uid, name, before = self.pick("models", choice), next(self.names), copy.deepcopy(self.state)
        xyz, levels = map(np.array, zip(*clicked, strict=True))
        self.session.change_model(uid, points=xyz, levels=levels, name=name, marker=marker)
        proposed = [False] * len(clicked)
        self.state["models"][uid].update(points=clicked, proposed=proposed, name=name, marker=marker)
        self.edited(before)

    @precondition(lambda self: self.state["models"])
    @rule(choice=choices, where=st.none() | st.lists(choices, max_size=3))
    def accept_points(self, choice: int, where: list[int] | None) -> None:
        uid, before = self.pick("models", choice), copy.deepcopy(self.state)
        mine = self.state["models"][uid]["proposed"]
        rows = {row % len(mine) for row in where} if where and mine else set()
        self.session.accept_points(uid, None if where is None else sorted(rows))
        self.state["models"][uid]["proposed"] = [
            was and where is not None and row not in rows for row, was in enumerate(mine)
        ]
        self.edited(before)

    @precondition(lambda self: self.state["models"])
    @rule(choice=choices, marker=st.none() | positions)
    def set_marker(self, choice: int, marker: Any) -> None:
        uid, before = self.pick("models", choice), copy.deepcopy(self.state)
        self.session.set_marker(uid, marker)
        self.state["models"][uid]["marker"] = marker
        self.edited(before)

    @precondition(lambda self: self.state["models"])
    @rule(choice=choices, look=looks)
    def change_look(self, choice: int, look: Any) -> None:
        uid, before = self.pick("models", choice), copy.deepcopy(self.state)
        fields = dict(zip(("type", "group", "colour", "box_size"), look, strict=True))
        self.session.change_model(uid, **fields)
        self.state["models"][uid]["look"] = look
        self.edited(before)

    @precondition(lambda self: self.state["tomograms"])
    @rule(clicked=points, seed=choices)
    def add_particles(self, clicked: Any, seed: int) -> None:
        name, before, particles = next(self.names), copy.deepcopy(self.state), self.particles(clicked, seed)
        uid = self.session.add_particles(name, particles, Step("manual"))
        size = next(facts[2] for facts in self.state["tomograms"].values())
        self.state["sets"][uid] = {**plain(name, particles), "colour": DEFAULT_COLOUR, "voxel size": size}
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
        item = self.state["sets"][uid]
        item.update(plain(item["name"], new.select(np.argsort(order))))
        item["voxel size"] = next(facts[2] for facts in self.state["tomograms"].values()) if ids else None
        self.edited(before)

    @precondition(lambda self: self.state["sets"])
    @rule(choice=choices, colour=st.none() | st.sampled_from(["#111111", "#eeeeee"]))
    def change_particle_set(self, choice: int, colour: str | None) -> None:
        uid, before = self.pick("sets", choice), copy.deepcopy(self.state)
        name = None if colour is not None else next(self.names)
        self.session.change_particle_set(uid, name=name, colour=colour)
        item = self.state["sets"][uid]
        item.update(name=name or item["name"], colour=colour or item["colour"])
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
                self.add_points(choice, clicked, False)
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

    @precondition(lambda self: self.state["models"] and self.state["sets"])
    @rule(choice=choices, clicked=points)
    def a_group_of_which_a_part_fails(self, choice: int, clicked: Any) -> None:
        before = self.group = copy.deepcopy(self.state)
        with self.session.edit("group"):
            self.add_points(choice, clicked, True)
            kept = copy.deepcopy(self.state)
            try:
                with self.session.edit("part"):
                    self.delete_points(choice, [choice, choice + 1])
                    self.remove_particle_set(choice)
                    self.correct_all_tomograms(20.0, None)
                    raise ZeroDivisionError
            except ZeroDivisionError:
                self.state = kept
            self.set_marker(choice, (1.0, 2.0, 3.0))
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
        assert counted(self.state) == {
            s.tomogram.name: (
                s.status.value,
                {count.name: count.number for count in s.points},
                {count.name: count.number for count in s.particles},
            )
            for s in self.session.summaries()
        }
        assert (self.session.undo_label is None) == (not self.past)
        assert (self.session.redo_label is None) == (not self.future)
        assert self.session._store.connection.execute("PRAGMA foreign_key_check").fetchall() == []


TestEdits = Edits.TestCase
TestEdits.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
