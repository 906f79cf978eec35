"""Points that tracking placed stay marked until they are accepted or touched."""

from __future__ import annotations

import json
import sqlite3
import zlib

import numpy as np
import pytest

from napari_tomopick.errors import FileFormatError, ModelError
from napari_tomopick.io.models import read_models, what_is_lost, write_models
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.project import Session


@pytest.fixture
def session(tmp_path):
    with Session.create(tmp_path / "p.tomopick") as session:
        session.add_tomogram(Tomogram("t", tmp_path / "t.mrc", (30, 40, 50), 10.0))
        yield session


@pytest.fixture
def uid(session):
    uid = session.add_model(Model("m", ModelType.SURFACE, tomogram="t"))
    session.add_points(uid, [[1, 2, 3], [4, 5, 3]], [3, 3])
    session.add_points(uid, [[1, 2, 5], [4, 5, 5]], [5, 5], proposed=True)
    return uid


def test_what_tracking_placed_is_marked_on_disk(session, uid):
    path = session.path
    assert session.model(uid).proposed.tolist() == [False, False, True, True]
    session.close()
    with Session.open(path) as again:
        assert again.model(uid).proposed.tolist() == [False, False, True, True]


def test_touching_a_point_accepts_it(session, uid):
    session.move_points(uid, [2], [[2, 2, 5]])
    assert session.model(uid).proposed.tolist() == [False, False, False, True]
    session.undo()
    assert session.model(uid).proposed.tolist() == [False, False, True, True]


def test_a_point_moved_to_another_slice_takes_its_level(session, uid):
    session.move_points(uid, [0], [[1, 2, 9]], [9])
    assert session.model(uid).levels.tolist() == [9, 3, 5, 5]


def test_accepting_is_one_edit(session, uid):
    session.accept_points(uid)
    assert not session.model(uid).proposed.any()
    assert session.undo_label == "Accept 2 points"
    session.undo()
    session.accept_points(uid, [0, 3])
    assert session.model(uid).proposed.tolist() == [False, False, True, False]
    with pytest.raises(ModelError, match="7"):
        session.accept_points(uid, [7])


def test_accepting_what_is_accepted_is_no_edit(session, uid):
    session.accept_points(uid)
    label = session.undo_label
    session.accept_points(uid)
    assert session.undo_label == label
    session.undo()
    assert session.model(uid).proposed.sum() == 2


def test_model_files_keep_it(session, uid, tmp_path):
    model = session.model(uid)
    (again,) = read_models(write_models(tmp_path / "m.json", [model]))
    assert again.proposed.tolist() == model.proposed.tolist()
    assert any("accepted" in text for text in what_is_lost("m.mod", [model]))
    (tmp_path / "bad.json").write_text((tmp_path / "m.json").read_text().replace("true", "1"))
    with pytest.raises(FileFormatError, match="proposed"):
        read_models(tmp_path / "bad.json")


def test_a_project_of_the_version_before_opens_with_its_history(tmp_path):
    path = tmp_path / "old.tomopick"
    with Session.create(path) as session:
        session.add_tomogram(Tomogram("t", tmp_path / "t.mrc", (30, 40, 50), 10.0))
        uid = session.add_model(Model("m", tomogram="t"))
        session.add_points(uid, [[1, 2, 3]], [3])
        session.delete_points(uid, [0])
    _as_version_1(path)
    with Session.open(path) as session:
        session.undo()
        np.testing.assert_array_equal(session.model(uid).points, [[1, 2, 3]])
        assert session.model(uid).proposed.tolist() == [False]
        session.undo()
        session.redo()
        assert session.model(uid).levels.tolist() == [3]


def _as_version_1(path):
    """Make a project what the version before would have written: rows of points without the last column."""
    connection = sqlite3.connect(path)
    with connection:
        trimmed = 0
        for number, blob in connection.execute("SELECT id, changes FROM history").fetchall():
            changes = json.loads(zlib.decompress(blob))
            for table, _, rows in changes:
                if table == "points":
                    trimmed += len(rows)
                    rows[:] = [row[:-1] for row in rows]
            packed = zlib.compress(json.dumps(changes).encode())
            connection.execute("UPDATE history SET changes = ? WHERE id = ?", (packed, number))
        assert trimmed
        connection.execute("ALTER TABLE points DROP COLUMN proposed")
        connection.execute("PRAGMA user_version = 1")
    connection.close()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_axis_of_the_levels(axis):
    points = np.random.default_rng(axis).uniform(0, 50, (12, 3))
    points[:, axis] = np.repeat([4, 9, 20], 4)
    model = Model("m", ModelType.SURFACE, points=points, levels=points[:, axis].astype(int))
    assert model.level_axis() == axis


def test_levels_that_are_no_slices_have_no_axis():
    points = np.random.default_rng(0).uniform(20, 50, (12, 3))
    assert Model("m", points=points, levels=np.repeat([0, 1, 2], 4)).level_axis() is None
    assert Model("m").level_axis() is None


def test_a_point_on_the_diagonal_counts_as_clicked_in_z():
    assert Model("m", points=np.array([[7.0, 7.0, 7.0]]), levels=np.array([7])).level_axis() == 2
