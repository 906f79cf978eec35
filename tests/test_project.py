"""The edit session: what it takes, what it refuses, what it tells, and that undo takes all of it back."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from psygnal import EmitLoopError
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import ModelError, ProjectError
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.project import Session, TomogramStatus
from napari_tomopick.project import store as store_module

SIGNALS = (
    "tomograms_changed",
    "models_changed",
    "model_changed",
    "sets_changed",
    "particles_changed",
    "results_changed",
    "history_changed",
)
STEP = Step("crop-points", {"cropping": 10.0, "seed": 0}, ("outer membrane",), seed=0)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session.create(tmp_path / "p.tomopick") as session:
        session.add_tomogram(tomogram(tmp_path))
        yield session


def tomogram(folder: Path, name: str = "ts1", **fields: Any) -> Tomogram:
    return Tomogram(
        **{"name": name, "path": folder / f"{name}.mrc", "shape": (100, 200, 300)}
        | {"voxel_size_angstrom": 10.0}
        | fields
    )


def particles(n: int = 5, tomograms: Any = "ts1", **fields: Any) -> Particles:
    rng = np.random.default_rng(n)
    names = [tomograms] * n if isinstance(tomograms, str) else tomograms
    return Particles(
        rng.uniform(0, 99, (n, 3)),
        Rotation.random(n, rng=rng),
        tomograms=names,
        voxel_size_angstrom=10.0,
        **fields,
    )


def listen(session: Session) -> list[tuple[str, ...]]:
    heard: list[tuple[str, ...]] = []
    for name in SIGNALS:
        getattr(session, name).connect(lambda *args, name=name: heard.append((name, *args)))
    return heard


def reopened(session: Session) -> Session:
    session.close()
    return Session.open(session.path)


def contents(session: Session) -> list[str]:
    """Everything in the project but its history and its record of steps and results, as SQL."""
    skip = ('"history"', '"steps"', '"results"', '"project"')
    lines = session._store.connection.iterdump()
    return sorted(line for line in lines if line.startswith("INSERT") and not line[12:].startswith(skip))


def assert_same_particles(one: Particles, other: Particles) -> None:
    np.testing.assert_array_equal(one.positions, other.positions)
    np.testing.assert_allclose(one.rotations.as_quat(), other.rotations.as_quat(), atol=1e-15)
    for name in ("ids", "groups", "scores", "tomograms"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    pd.testing.assert_frame_equal(one.table, other.table)
    assert (one.voxel_size_angstrom, one.box_size) == (other.voxel_size_angstrom, other.box_size)


# what goes in comes out


def test_a_tomogram_comes_back_as_it_went_in(session: Session, tmp_path: Path) -> None:
    full = tomogram(
        tmp_path,
        "bin4",
        acquisition=Acquisition(-60.0, 48.5, 3.0, "x", 200.0, 2.0, 0.07),
        origin_angstrom=(1.5, -2.0, 1e-9),
        particles_are_dark=True,
        source="ts1",
        binning=4,
    )
    session.add_tomogram(full, Step("bin", {"factor": 4}))
    with reopened(session) as session:
        assert session.tomogram("bin4") == full
        assert [t.name for t in session.tomograms()] == ["ts1", "bin4"]
        step = session.tomogram_step("bin4")
        assert step is not None
        assert (step.name, step.parameters) == ("bin", {"factor": 4})
        assert session.tomogram_step("ts1") is None


def test_a_model_comes_back_as_it_went_in(session: Session) -> None:
    model = Model(
        "outer membrane",
        ModelType.SURFACE,
        points=np.array([[0.1, 20.0, 40.0], [1 / 3, 20.5, 40.0], [5.0, 6.0, 50.0]]),
        levels=np.array([40, 40, 50]),
        marker=np.array([220.0, 128.0, 64.0]),
        group=3,
        colour="#00ff00",
        parameters={"cropping": 12.5, "center": np.array([1.0, 2.0, 3.0])},
        box_size=32,
        tomogram="ts1",
    )
    uid = session.add_model(model)
    with reopened(session) as session:
        back = session.model(uid)
        np.testing.assert_array_equal(back.points, model.points)
        np.testing.assert_array_equal(back.levels, model.levels)
        np.testing.assert_array_equal(back.marker, model.marker)
        assert back.parameters == {"cropping": 12.5, "center": [1.0, 2.0, 3.0]}
        assert (back.name, back.type, back.group, back.colour, back.box_size, back.tomogram, back.uid) == (
            "outer membrane",
            ModelType.SURFACE,
            3,
            "#00ff00",
            32,
            "ts1",
            uid,
        )
        assert back.voxel_size_angstrom == 10.0  # taken from the tomogram


def test_particles_come_back_with_every_column_and_its_type(session: Session) -> None:
    table = pd.DataFrame(
        {
            "rlnClassNumber": np.array([1, 2, 3, 4, 2**62], np.int64),
            "small": np.array([1, 2, 3, 4, 255], np.uint8),
            "tomopickDistance": np.array([0.1, np.nan, np.inf, -np.inf, 1e300]),
            "single": np.array([0.1, 0.2, 0.3, np.nan, 0.5], np.float32),
            "good": [True, False, True, True, False],
            "rlnMicrographName": ["a.mrc", None, "Å 'quoted\" \n.mrc", "", "inf"],
            "maybe": pd.array([1, None, 3, 4, 5], dtype="Int64"),
            "mixed": pd.Series([1, "two", None, 4.5, [5]], dtype=object),
        }
    )
    whole = particles(
        ids=[7, 3, 9, 1, 2**40],
        groups=[1, 1, 2, 2, 3],
        scores=[0.5, np.nan, np.inf, 0.0, -1.0],
        table=table,
        box_size=32,
    )
    uid = session.add_particles("crowns", whole, STEP)
    assert_same_particles(session.particles(uid), whole)
    with reopened(session) as session:
        assert_same_particles(session.particles(uid), whole)
        (item,) = session.particle_sets("ts1")
        assert (item.uid, item.name, item.tomograms, item.count) == (uid, "crowns", ("ts1",), 5)
        assert item.step == STEP
        session.remove_particles(uid, [7, 1])
        assert_same_particles(session.particles(uid), whole.select([1, 2, 4]))
        session.undo()
        assert_same_particles(session.particles(uid), whole)
        session.remove_particles(uid, whole.ids)
        assert session.particle_sets()[0].count == 0
        session.undo()
        assert_same_particles(session.particles(uid), whole)


def test_particles_of_several_tomograms_are_told_apart(session: Session, tmp_path: Path) -> None:
    session.add_tomogram(tomogram(tmp_path, "ts2"))
    both = particles(4, ["ts2", "ts1", "ts2", "ts1"])
    uid = session.add_particles("both", both, STEP)
    assert session.particle_sets()[0].tomograms == ("ts1", "ts2")
    np.testing.assert_array_equal(session.particles(uid, "ts2").ids, [1, 3])
    session.remove_particles(uid, [2, 4])
    assert session.particle_sets("ts1") == ()
    assert session.particle_sets("ts2")[0].count == 2


def test_paths_below_the_project_move_with_it_and_others_stay(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "project", tmp_path / "data" / "far.mrc"
    folder.mkdir()
    with Session.create(folder / "p.tomopick") as session:
        session.add_tomogram(tomogram(folder / "tomograms", "near"))
        session.add_tomogram(tomogram(folder, "far", path=elsewhere))
        session.add_result("average", folder / "average.mrc", STEP)
    moved = folder.rename(tmp_path / "moved")
    with Session.open(moved / "p.tomopick") as session:
        assert session.tomogram("near").path == moved / "tomograms" / "near.mrc"
        assert session.tomogram("far").path == elsewhere
        assert session.results()[0].path == moved / "average.mrc"


def test_a_result_keeps_what_made_it_and_is_not_undone(session: Session) -> None:
    heard = listen(session)
    uid = session.add_particles("crowns", particles(), STEP)
    session.undo()
    heard.clear()
    session.add_result("average", session.path.parent / "average.mrc", Step("average", {"box": np.int64(32)}))
    assert heard == [("results_changed",)]
    session.redo()  # a result is no edit, so the undone edits are still there
    assert session.particles(uid).ids.tolist() == [1, 2, 3, 4, 5]
    assert session.particle_sets()[0].step == STEP
    session.undo()
    with reopened(session) as session:
        (result,) = session.results()
        assert (result.kind, result.step.name, result.step.parameters) == ("average", "average", {"box": 32})


def test_what_is_given_out_cannot_be_changed_behind_the_project(session: Session) -> None:
    uid = session.add_model(Model("m", tomogram="ts1", points=np.ones((2, 3))))
    key = session.add_particles("p", particles(), STEP)
    for array in (session.model(uid).points, session.model(uid).levels, session.particles(key).positions):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    session.add_points(uid, [[5, 5, 5]], [5])
    session.remove_particles(key, [2])
    for array in (session.model(uid).points, session.particles(key).positions, session.particles(key).scores):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


# edits of points


def test_points_keep_their_order_through_edits_and_undo(session: Session) -> None:
    uid = session.add_model(Model("m", tomogram="ts1"))
    session.add_points(uid, [[1, 1, 1], [2, 2, 2], [3, 3, 3]], [1, 2, 3])
    session.add_points(uid, [[4, 4, 4]], [4])
    session.delete_points(uid, [1, 2])
    assert session.model(uid).points[:, 0].tolist() == [1, 4]
    session.move_points(uid, [1, 0], [[40, 4, 4], [10, 1, 1]])
    assert session.model(uid).points[:, 0].tolist() == [10, 40]
    assert session.model(uid).levels.tolist() == [1, 4]
    session.add_points(uid, [[5, 5, 5]], [5])
    assert session.model(uid).levels.tolist() == [1, 4, 5]
    labels = [session.undo() for _ in range(5)]
    assert labels == ["Add point", "Move 2 points", "Delete 2 points", "Add point", "Add 3 points"]
    assert len(session.model(uid)) == 0
    for _ in range(2):
        session.redo()
    assert session.model(uid).points[:, 0].tolist() == [1, 2, 3, 4]


def test_a_model_changes_field_by_field(session: Session) -> None:
    uid = session.add_model(Model("m", tomogram="ts1", points=np.arange(12).reshape(4, 3)))
    session.delete_points(uid, [1])
    before = contents(session)
    session.change_model(uid, name="outer", type="vesicle", colour="#abcdef", group=2, parameters={"dz": 4})
    session.change_model(uid, points=np.full((5, 3), 7.0), levels=np.arange(5))
    session.set_marker(uid, [1, 2, 3])
    model = session.model(uid)
    assert (model.name, model.type, model.colour, model.group) == ("outer", ModelType.VESICLE, "#abcdef", 2)
    assert model.parameters == {"dz": 4}
    assert model.levels.tolist() == [0, 1, 2, 3, 4]
    assert model.marker is not None
    assert session.undo() == "Set side marker"
    assert session.model(uid).marker is None
    session.change_model(uid, points=np.ones((2, 3)), levels=[3, 3])
    assert len(session.model(uid)) == 2
    for _ in range(3):
        session.undo()
    assert contents(session) == before


# refusals: an error that names the thing, and nothing changed


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda s, u, k: s.add_points(u, [[1, 2, 3], [299.6, 2, 3]], [3, 3]),
            ModelError,
            r"point 1 .* 300 x 200 x 100",
        ),
        (lambda s, u, k: s.add_points(u, [[np.nan, 2, 3]], [3]), ModelError, "not finite"),
        (lambda s, u, k: s.add_points(u, [[1, 2, 3]], [3, 4]), ModelError, "1 points, but 2 levels"),
        (lambda s, u, k: s.add_points(u, [[1, 2, 3]], [3.5]), ModelError, "whole number"),
        (lambda s, u, k: s.add_points("gone", [[1, 2, 3]], [3]), ModelError, "not in p.tomopick"),
        (lambda s, u, k: s.move_points(u, [2], [[1, 1, 1]]), ModelError, "row 2: the model has 2 points"),
        (lambda s, u, k: s.move_points(u, [-1], [[1, 1, 1]]), ModelError, "row -1"),
        (lambda s, u, k: s.move_points(u, [0, 0], [[1, 1, 1]] * 2), ModelError, "named twice"),
        (lambda s, u, k: s.delete_points(u, [0, 5]), ModelError, "row 5"),
        (lambda s, u, k: s.delete_points(u, [True, False]), ModelError, "row numbers"),
        (lambda s, u, k: s.set_marker(u, [1, 2, 100]), ModelError, "side marker"),
        (lambda s, u, k: s.set_marker(u, [1, np.inf, 100]), ModelError, "not finite"),
        (lambda s, u, k: s.change_model(u, points=np.ones((3, 3))), ModelError, "levels"),
        (lambda s, u, k: s.change_model(u, levels=[0.5, 1]), ModelError, "whole number"),
        (lambda s, u, k: s.change_model(u, type="blob"), ModelError, "blob"),
        (lambda s, u, k: s.change_model(u, colour="red"), ProjectError, "#rrggbb"),
        (lambda s, u, k: s.change_model(u, name=" "), ProjectError, "needs a name"),
        (lambda s, u, k: s.add_model(Model("m", tomogram="ts1")), ProjectError, "'m' already"),
        (lambda s, u, k: s.add_model(Model("n", tomogram="ts9")), ProjectError, "no tomogram 'ts9'.*'ts1'"),
        (
            lambda s, u, k: s.add_model(Model("n", tomogram="ts1", voxel_size_angstrom=40.0)),
            ModelError,
            "40 Å.*10 Å",
        ),
        (lambda s, u, k: s.add_tomogram(tomogram(Path())), ProjectError, "'ts1' already"),
        (lambda s, u, k: s.add_tomogram(tomogram(Path(), "")), ProjectError, "needs a name"),
        (lambda s, u, k: s.add_tomogram(tomogram(Path(), "t", shape=(0, 1, 1))), ProjectError, "shape"),
        (
            lambda s, u, k: s.add_tomogram(tomogram(Path(), "t", voxel_size_angstrom=0)),
            ProjectError,
            "voxel size",
        ),
        (lambda s, u, k: s.replace_tomogram(tomogram(Path(), "t")), ProjectError, "no tomogram 't'"),
        (
            lambda s, u, k: s.replace_tomogram(tomogram(Path(), shape=(4, 4, 4))),
            ModelError,
            "model 'm': point 0",
        ),
        (lambda s, u, k: s.remove_tomogram("t"), ProjectError, "no tomogram 't'"),
        (lambda s, u, k: s.add_particles("crowns", particles(), STEP), ProjectError, "'crowns' already"),
        (
            lambda s, u, k: s.add_particles("n", particles(1, ""), STEP),
            ProjectError,
            "does not tell its tomogram",
        ),
        (lambda s, u, k: s.add_particles("n", particles(1, "ts9"), STEP), ProjectError, "no tomogram 'ts9'"),
        (lambda s, u, k: s.add_particles("n", particles().rescaled(2.5), STEP), ProjectError, "2.5 Å.*10 Å"),
        (lambda s, u, k: s.add_particles("n", particles(), STEP, "blue"), ProjectError, "#rrggbb"),
        (
            lambda s, u, k: s.add_particles(
                "n", particles().with_columns(when=np.array(["2026-01-01"] * 5, "M8[s]")), STEP
            ),
            ProjectError,
            "'when' is of type",
        ),
        (lambda s, u, k: s.remove_particles(k, [1, 77]), ProjectError, "id 77"),
        (lambda s, u, k: s.update_particles(k, particles(6)), ProjectError, "id 6"),
        (
            lambda s, u, k: s.update_particles(k, particles(2).with_columns(a=[1, 2])),
            ProjectError,
            "all 5 particles",
        ),
        (lambda s, u, k: s.remove_particle_set("gone"), ProjectError, "not in p.tomopick"),
        (lambda s, u, k: s.change_model(u, uid="x"), TypeError, "uid"),
        (lambda s, u, k: s.set_status("ts1", "great"), ValueError, "great"),
    ],
)
def test_a_refused_edit_names_the_reason_and_changes_nothing(
    session: Session, call: Any, error: type[Exception], message: str
) -> None:
    uid = session.add_model(Model("m", tomogram="ts1", points=[[10, 10, 10], [20, 20, 20]]))
    key = session.add_particles("crowns", particles(), STEP)
    before, label, heard = contents(session), session.undo_label, listen(session)
    with pytest.raises(error, match=message):
        call(session, uid, key)
    assert contents(session) == before
    assert session.undo_label == label
    assert heard == []


# tomograms


def test_removing_a_tomogram_takes_what_lies_in_it_and_undo_brings_all_back(
    session: Session, tmp_path: Path
) -> None:
    session.add_tomogram(tomogram(tmp_path, "ts2"))
    here = session.add_model(Model("m", tomogram="ts1", points=np.ones((3, 3))))
    there = session.add_model(Model("m", tomogram="ts2"))
    only = session.add_particles("only here", particles(), STEP)
    both = session.add_particles("both", particles(4, ["ts1", "ts2", "ts1", "ts2"]), STEP)
    session.set_status("ts1", "done")
    before = contents(session)
    session.remove_tomogram("ts1")
    assert [t.name for t in session.tomograms()] == ["ts2"]
    assert [m.uid for m in session.models()] == [there]
    assert [(p.uid, p.tomograms, p.count) for p in session.particle_sets()] == [(both, ("ts2",), 2)]
    assert session.models("ts1") == ()
    assert session.undo() == "Remove tomogram 'ts1'"
    assert contents(session) == before
    assert [t.name for t in session.tomograms()] == ["ts1", "ts2"]
    assert session.status("ts1") is TomogramStatus.DONE
    assert len(session.model(here)) == 3
    assert [p.uid for p in session.particle_sets()] == [only, both]


def test_a_tomogram_is_relinked_and_its_voxel_size_corrected(session: Session, tmp_path: Path) -> None:
    uid = session.add_model(Model("m", tomogram="ts1", points=np.ones((3, 3))))
    key = session.add_particles("p", particles(), STEP)
    session.set_status("ts1", TomogramStatus.IN_PROGRESS)
    before = contents(session)
    session.replace_tomogram(tomogram(tmp_path, path=tmp_path / "other.mrc", voxel_size_angstrom=12.3))
    assert session.tomogram("ts1").path.name == "other.mrc"
    assert session.status("ts1") is TomogramStatus.IN_PROGRESS
    assert session.model(uid).voxel_size_angstrom == 12.3
    assert session.particles(key).voxel_size_angstrom == 12.3
    assert session.undo() == "Change tomogram 'ts1'"
    assert contents(session) == before
    assert session.particles(key).voxel_size_angstrom == 10.0

    session.add_tomogram(tomogram(tmp_path, "ts2"))
    session.add_particles("both", particles(2, ["ts1", "ts2"]), STEP)
    with pytest.raises(ProjectError, match="'both' also lies in 'ts2'"):
        session.replace_tomogram(tomogram(tmp_path, voxel_size_angstrom=12.3))


def test_a_renamed_tomogram_keeps_all_that_is_in_it(session: Session, tmp_path: Path) -> None:
    session.add_tomogram(tomogram(tmp_path, "ts1_bin2", source="ts1", binning=2))
    uid = session.add_model(Model("m", tomogram="ts1", points=np.ones((3, 3))))
    key = session.add_particles("p", particles(2, ["ts1", "ts1_bin2"]), STEP)
    before = contents(session)
    session.rename_tomogram("ts1", "TS_01")
    assert [t.name for t in session.tomograms()] == ["TS_01", "ts1_bin2"]
    assert session.tomogram("ts1_bin2").source == "TS_01"
    assert session.model(uid).tomogram == "TS_01"
    assert session.particles(key).tomograms.tolist() == ["TS_01", "ts1_bin2"]
    assert session.particle_sets()[0].tomograms == ("TS_01", "ts1_bin2")
    session.undo()
    assert contents(session) == before


# particle sets


def test_particles_are_moved_turned_and_given_columns(session: Session) -> None:
    whole = particles(5, ids=[5, 3, 1, 2, 4])
    uid = session.add_particles("p", whole, STEP)
    before = contents(session)
    oriented = whole.select([4, 3, 2, 1, 0]).with_columns(tomopickDistance=np.arange(5.0), side=["in"] * 5)
    session.particles(uid)
    session.update_particles(uid, oriented)
    assert_same_particles(session.particles(uid), oriented.select([4, 3, 2, 1, 0]))  # in the order of the set
    moved = session.particles(uid).select([1])
    session.update_particles(
        uid,
        Particles(
            moved.positions + 1,
            moved.rotations,
            moved.ids,
            tomograms=["ts1"],
            table=moved.table,
            voxel_size_angstrom=10.0,
        ),
    )
    np.testing.assert_allclose(session.particles(uid).positions[1], whole.positions[1] + 1)
    session.change_particle_set(uid, name="crowns", colour="#123456")
    assert session.particle_set(uid).name == "crowns"
    assert [session.undo() for _ in range(3)] == [
        "Rename particle set",
        "Change particle",
        "Change 5 particles",
    ]
    assert contents(session) == before
    assert_same_particles(session.particles(uid), whole)
    for _ in range(3):
        session.redo()
    assert session.particle_set(uid).colour == "#123456"
    assert session.particles(uid).table["side"].tolist() == ["in"] * 5


# the history


def test_a_new_edit_discards_what_was_undone(session: Session) -> None:
    uid = session.add_model(Model("m", tomogram="ts1"))
    session.add_points(uid, [[1, 1, 1]], [1])
    session.undo()
    assert session.redo_label == "Add point"
    session.set_status("ts1", "done")
    assert session.redo_label is None
    assert session.redo() is None
    assert session.undo_label == "Mark 'ts1' as done"


def test_an_edit_that_changes_nothing_is_not_in_the_history(session: Session) -> None:
    uid = session.add_model(Model("m", tomogram="ts1", points=np.ones((2, 3))))
    heard = listen(session)
    session.move_points(uid, [0], [[1, 1, 1]])
    session.change_model(uid, name="m")
    session.add_points(uid, np.empty((0, 3)), [])
    session.set_status("ts1", "todo")
    assert session.undo_label == "Add model"
    assert heard == []


def test_the_history_is_bounded_and_drops_the_oldest(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = session.add_model(Model("m", tomogram="ts1"))
    monkeypatch.setattr(store_module, "HISTORY_BYTES", 2000)
    for x in range(100):
        session.add_points(uid, [[x, 0, 0]], [0])
    with reopened(session) as session:
        undone = 0
        while session.undo():
            undone += 1
        assert 10 < undone < 100
        assert len(session.model(uid)) == 100 - undone
    monkeypatch.setattr(store_module, "HISTORY_BYTES", 1)
    with Session.open(session.path) as session:
        session.set_status("ts1", "done")
        assert session.undo() == "Mark 'ts1' as done"  # the newest can always be undone
        assert session.undo() is None


# groups and signals


def test_a_group_is_one_edit_with_its_signals_once_at_the_end(session: Session) -> None:
    uid = session.add_model(Model("m", tomogram="ts1"))
    before, heard = contents(session), listen(session)
    with session.edit("Trace membrane"):
        for z in range(3):
            session.add_points(uid, [[1, 1, z]], [z])
            assert len(session.model(uid)) == z + 1  # seen at once within the group
        with session.edit("inner"):
            session.set_marker(uid, [5, 5, 5])
        session.change_model(uid, name="outer")
        assert heard == []
    assert heard == [("models_changed", "ts1"), ("model_changed", uid), ("history_changed",)]
    assert session.undo() == "Trace membrane"
    assert contents(session) == before


def test_an_exception_takes_the_whole_group_back(session: Session) -> None:
    uid = session.add_model(Model("m", tomogram="ts1", points=np.ones((1, 3))))
    before, heard = contents(session), listen(session)

    def trace() -> None:
        with session.edit("Trace"):
            session.add_points(uid, [[1, 1, 1]], [1])
            session.add_tomogram(tomogram(Path(), "ts2"))
            session.add_points(uid, [[1, 1, 1000]], [1])

    with pytest.raises(ModelError):
        trace()
    assert contents(session) == before
    assert len(session.model(uid)) == 1
    assert len(session.tomograms()) == 1
    assert heard == []
    assert session.undo_label == "Add model"


def test_an_exception_caught_within_a_group_takes_back_the_inner_group_alone(session: Session) -> None:
    uid = session.add_model(Model("m", tomogram="ts1"))
    before = contents(session)

    def inner() -> None:
        with session.edit("inner"):
            session.add_points(uid, [[2, 2, 2]], [2])
            raise ZeroDivisionError

    with session.edit("outer"):
        session.add_points(uid, [[1, 1, 1]], [1])
        with pytest.raises(ZeroDivisionError):
            inner()
        session.add_points(uid, [[3, 3, 3]], [3])
    assert session.model(uid).levels.tolist() == [1, 3]
    session.undo()
    assert contents(session) == before


def test_undo_within_a_group_is_refused(session: Session) -> None:
    with session.edit("group"), pytest.raises(RuntimeError, match="not finished"):
        session.undo()


def test_signals_tell_what_changed_and_undo_tells_the_same(session: Session, tmp_path: Path) -> None:
    heard = listen(session)

    def told(*expected: tuple[str, ...]) -> None:
        assert heard == [*expected, ("history_changed",)]
        heard.clear()

    session.add_tomogram(tomogram(tmp_path, "ts2"))
    told(("tomograms_changed",))
    uid = session.add_model(Model("m", tomogram="ts1", points=np.ones((2, 3))))
    told(("models_changed", "ts1"))
    session.add_points(uid, [[1, 1, 1]], [1])
    told(("model_changed", uid))
    key = session.add_particles("p", particles(2, ["ts1", "ts2"]), STEP)
    told(("sets_changed", ""), ("sets_changed", "ts1"), ("sets_changed", "ts2"))
    session.remove_particles(key, [2])
    told(("sets_changed", "ts2"), ("particles_changed", key))
    session.undo()
    told(("sets_changed", "ts2"), ("particles_changed", key))
    session.remove_model(uid)
    told(("models_changed", "ts1"))
    session.undo()
    told(("models_changed", "ts1"))
    session.undo()
    told(("sets_changed", ""), ("sets_changed", "ts1"), ("sets_changed", "ts2"))
    session.undo()
    told(("model_changed", uid))


def test_a_view_that_fails_keeps_no_other_from_hearing_of_the_edit(session: Session) -> None:
    heard: list[str] = []

    def fail() -> None:
        raise ZeroDivisionError

    session.tomograms_changed.connect(fail)
    session.history_changed.connect(lambda: heard.append("history"))
    with pytest.raises(EmitLoopError):
        session.set_status("ts1", "done")
    assert heard == ["history"]
    assert session.status("ts1") is TomogramStatus.DONE


def test_a_view_may_edit_when_it_hears_of_an_edit(session: Session) -> None:
    uid = session.add_model(Model("m", tomogram="ts1"))

    def add_once(uid: str) -> None:
        if session.status("ts1") is TomogramStatus.TODO:
            session.set_status("ts1", "in_progress")

    session.model_changed.connect(add_once)
    session.add_points(uid, [[1, 1, 1]], [1])
    assert [session.undo(), session.undo()] == ["Mark 'ts1' as in progress", "Add point"]


def test_another_thread_is_refused(session: Session) -> None:
    caught: list[BaseException] = []

    def edit() -> None:
        try:
            session.set_status("ts1", "done")
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=edit)
    thread.start()
    thread.join()
    assert isinstance(caught[0], sqlite3.ProgrammingError)
    assert session.status("ts1") is TomogramStatus.TODO
