"""The project file: two windows, full disks, damage, other versions. No work is ever lost."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_tomopick.errors import ProjectError
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model
from napari_tomopick.project import Session, TomogramStatus, schema


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A closed project with one tomogram and one model of three points."""
    path = tmp_path / "p.tomopick"
    with Session.create(path) as session:
        session.add_tomogram(Tomogram("ts1", tmp_path / "ts1.mrc", (100, 100, 100), 10.0))
        session.add_model(Model("m", tomogram="ts1", points=np.eye(3)))
    return path


def run(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stdin=pipe, stderr=pipe, text=True)


def count_of(path: Path) -> int:
    with Session.open(path) as session:
        return len(session.models()[0])


def test_undone_edits_survive_closing(project: Path) -> None:
    with Session.open(project) as session:
        uid = session.models()[0].uid
        session.delete_points(uid, [0, 1])
        session.set_marker(uid, [1, 2, 3])
        session.undo()
    with Session.open(project) as session:
        assert (session.undo_label, session.redo_label) == ("Delete 2 points", "Set side marker")
        session.redo()
        assert session.model(uid).marker is not None
    with Session.open(project) as session:
        assert [session.undo(), session.undo()] == ["Set side marker", "Delete 2 points"]
        np.testing.assert_array_equal(session.model(uid).points, np.eye(3))


# a second window

HOLDER = """
import sys
from napari_tomopick.project import Session
session = Session.open(sys.argv[1], read_only=sys.argv[2] == "view")
print("open", flush=True)
sys.stdin.read()
"""


def test_a_second_window_is_told_who_has_the_project_open(project: Path) -> None:
    holder = run(HOLDER, project, "edit")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "open\n"
    before = project.read_bytes()
    for read_only in (False, True):
        with pytest.raises(ProjectError, match=rf"on .* \(process {holder.pid}\) has it open since 20"):
            Session.open(project, read_only=read_only)
    assert project.read_bytes() == before
    holder.kill()  # leaves its note, but not the lock
    holder.communicate()
    assert project.with_name("p.tomopick.lock").exists()
    assert count_of(project) == 3
    assert sorted(p.name for p in project.parent.iterdir()) == ["p.tomopick"]


def test_the_same_program_is_told_that_it_has_the_project_open_itself(project: Path) -> None:
    with Session.open(project) as session:
        with pytest.raises(ProjectError, match="this program has it open already"):
            Session.open(project)
        other, _ = run(HOLDER, project, "edit").communicate("")
        assert other == ""  # the attempt has not released the first window's lock
        session.set_status("ts1", "done")
    session.close()  # closing twice is no error
    with Session.open(project) as session:
        assert session.status("ts1") is TomogramStatus.DONE


def test_several_may_view_while_nobody_edits(project: Path) -> None:
    viewer = run(HOLDER, project, "view")
    assert viewer.stdout is not None
    assert viewer.stdout.readline() == "open\n"
    with Session.open(project, read_only=True) as session:
        assert session.read_only
        assert len(session.models()[0]) == 3
        with pytest.raises(ProjectError, match="viewing only"):
            session.set_status("ts1", "done")
        with pytest.raises(ProjectError, match="viewing only"):
            session.undo()
    with pytest.raises(ProjectError, match="another program has it open"):
        Session.open(project)
    viewer.communicate("")
    assert count_of(project) == 3


# places that cannot be written


def test_a_full_disk_is_told_and_nothing_is_half_done(project: Path) -> None:
    rng = np.random.default_rng(0)
    many = Particles(rng.uniform(0, 99, (5000, 3)), tomograms=["ts1"] * 5000)
    with Session.open(project) as session:
        (pages,) = session._store.connection.execute("PRAGMA page_count").fetchone()
        session._store.connection.execute(f"PRAGMA max_page_count = {pages + 5}")
        label = session.undo_label
        with pytest.raises(ProjectError, match=r"p\.tomopick: the disk is full\. Nothing was changed"):
            session.add_particles("many", many, Step("manual"))
        assert session.particle_sets() == ()
        assert session.undo_label == label
        session.set_status("ts1", "done")  # what fits is still saved
        session._store.connection.execute("PRAGMA max_page_count = 100000")
        uid = session.add_particles("many", many, Step("manual"))
    with Session.open(project) as session:
        assert len(session.particles(uid)) == 5000


def test_a_disk_that_fills_up_within_a_group_takes_the_whole_group_back(project: Path) -> None:
    many = Particles(np.ones((5000, 3)), tomograms=["ts1"] * 5000)
    with Session.open(project) as session:
        (pages,) = session._store.connection.execute("PRAGMA page_count").fetchone()
        session._store.connection.execute(f"PRAGMA max_page_count = {pages + 5}")

        def group() -> None:
            with session.edit("group"):
                session.set_status("ts1", "done")
                session.add_particles("many", many, Step("manual"))

        with pytest.raises(ProjectError, match="the disk is full"):
            group()
        assert session.status("ts1") is TomogramStatus.TODO
        assert session.undo_label == "Add model"


def test_a_group_that_goes_on_after_a_full_disk_is_all_or_nothing(project: Path) -> None:
    with Session.open(project) as session:

        def group() -> None:
            with session.edit("group"):
                session.set_status("ts1", "done")
                session._store.connection.execute("ROLLBACK")  # as SQLite may do when the disk is full
                session.set_status("ts1", "nothing_here")

        with pytest.raises(ProjectError, match="taken back as a whole"):
            group()
        assert session.status("ts1") is TomogramStatus.TODO
        assert session.undo_label == "Add model"


class FailingConnection:
    """A connection whose statements of one kind fail, as on a disk that fills up at that moment."""

    def __init__(self, connection: sqlite3.Connection, statement: str, message: str) -> None:
        self._connection, self._statement, self._message = connection, statement, message

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def _check(self, statement: str) -> None:
        if statement.startswith(self._statement):
            raise sqlite3.OperationalError(self._message)

    def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        self._check(statement)
        return self._connection.execute(statement, *values)  # type: ignore[arg-type]

    def executemany(self, statement: str, *values: object) -> sqlite3.Cursor:
        self._check(statement)
        return self._connection.executemany(statement, *values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "statement", ["BEGIN", "INSERT INTO points", "INSERT INTO history", "DELETE", "COMMIT"]
)
@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ("database or disk is full", "free some space"),
        ("disk I/O error", "reading or writing the disk failed"),
    ],
)
def test_memory_and_disk_agree_wherever_an_edit_fails(
    project: Path, statement: str, message: str, meaning: str
) -> None:
    with Session.open(project) as session:
        uid = session.models()[0].uid
        sound = session._store.connection
        session._store.connection = FailingConnection(sound, statement, message)  # type: ignore[assignment]
        with pytest.raises(ProjectError, match=meaning):
            session.add_points(uid, [[5, 5, 5]], [5])
        np.testing.assert_array_equal(session.model(uid).points, np.eye(3))
        session._store.connection = sound
        assert session.undo_label == "Add model"
        session.add_points(uid, [[6, 6, 6]], [6])
        assert len(session.model(uid)) == 4
    assert count_of(project) == 4


def test_a_folder_that_cannot_be_written_is_told_and_can_be_viewed(
    project: Path, lock: Callable[[Path], None]
) -> None:
    before = sorted(project.parent.iterdir())
    lock(project.parent)
    with pytest.raises(ProjectError, match=r"cannot be written \(Permission denied\).*viewing"):
        Session.open(project)
    with Session.open(project, read_only=True) as session:
        assert len(session.models()[0]) == 3
    with pytest.raises(ProjectError, match=r"new\.tomopick: the file or its folder cannot be"):
        Session.create(project.with_name("new.tomopick"))
    assert sorted(project.parent.iterdir()) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let an open file be moved")
def test_a_project_that_is_moved_while_open_takes_no_more_edits(project: Path) -> None:
    with Session.open(project) as session:
        session.set_status("ts1", "done")
        project.rename(project.with_name("moved.tomopick"))
        with pytest.raises(ProjectError, match="moved, deleted or replaced"):
            session.set_status("ts1", "todo")
        assert session.status("ts1") is TomogramStatus.DONE
    with Session.open(project.with_name("moved.tomopick")) as session:
        assert session.status("ts1") is TomogramStatus.DONE


# files that are no projects, damaged, or of another version


def test_creating_over_an_existing_file_is_refused(project: Path) -> None:
    before = project.read_bytes()
    with pytest.raises(ProjectError, match="exists already"):
        Session.create(project)
    assert project.read_bytes() == before
    with pytest.raises(ProjectError, match="there is no folder"):
        Session.create(project.parent / "nowhere" / "p.tomopick")
    empty = project.with_name("empty.tomopick")
    empty.touch()
    with Session.create(empty) as session:  # as a dialog that asks for a name may leave behind
        assert session.tomograms() == ()


def test_odd_names_of_files_are_taken_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a b#c?d%20é&mode=ro.tomopick"
    with Session.create(path) as session:
        session.add_tomogram(Tomogram("ts1", tmp_path / "ts1.mrc", (100, 100, 100), 10.0))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    with Session.open(path) as session:
        assert len(session.tomograms()) == 1


@pytest.mark.parametrize("read_only", [False, True])
def test_what_is_no_project_is_refused_and_left_alone(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "x.tomopick"
    with pytest.raises(ProjectError, match="no such project file"):
        Session.open(path, read_only=read_only)
    for content, message in [(b"", "is empty"), (b"hello, this is text" * 100, "not an SQLite file")]:
        path.write_bytes(content)
        with pytest.raises(ProjectError, match=message):
            Session.open(path, read_only=read_only)
        assert path.read_bytes() == content
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE tomograms (name)")
    other.commit()
    other.close()
    content = path.read_bytes()
    with pytest.raises(ProjectError, match="SQLite file of another program"):
        Session.open(path, read_only=read_only)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def alter(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_project_of_a_newer_version_is_refused_and_left_alone(project: Path, read_only: bool) -> None:
    newer = len(schema.MIGRATIONS) + 1
    alter(
        project,
        f"PRAGMA user_version = {newer}",
        "UPDATE project SET value = '7.8.9' WHERE key = 'program_version'",
    )
    before = project.read_bytes()
    with pytest.raises(ProjectError, match=rf"napari-tomopick 7\.8\.9 \(project version {newer};.*upgrade"):
        Session.open(project, read_only=read_only)
    assert project.read_bytes() == before
    assert list(project.parent.iterdir()) == [project]


def test_a_project_of_an_older_version_is_brought_up_to_date_or_left_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version_2 = (
        "ALTER TABLE results ADD COLUMN note TEXT",
        "CREATE TABLE later (x)",
        "UPDATE tomograms SET status = 'done'",
    )
    before = project.read_bytes()
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, (*version_2, "this is no SQL")))
    with pytest.raises(ProjectError, match="syntax error"):
        Session.open(project)
    assert project.read_bytes() == before  # all of a migration, or nothing
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS[:-1], version_2))
    with pytest.raises(ProjectError, match=r"older.*open it once for editing"):
        Session.open(project, read_only=True)
    with Session.open(project) as session:
        assert session.status("ts1") is TomogramStatus.DONE
        assert session.undo() == "Add model"
    connection = sqlite3.connect(project)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)
    assert connection.execute("SELECT * FROM later").fetchall() == []
    connection.close()


def test_damage_is_an_error_that_says_so(project: Path) -> None:
    sound = project.read_bytes()
    alter(project, "UPDATE models SET parameters = 'no JSON'")
    with Session.open(project) as session, pytest.raises(ProjectError, match="is damaged"):
        session.models()
    project.write_bytes(sound)
    alter(project, "UPDATE tomograms SET acquisition = '{\"unknown\": 1}'")
    with Session.open(project) as session, pytest.raises(ProjectError, match="is damaged"):
        session.tomograms()
    project.write_bytes(sound)
    alter(project, "UPDATE history SET changes = x'00'")
    with Session.open(project) as session:
        with pytest.raises(ProjectError, match="is damaged"):
            session.undo()
        assert session.undo_label == "Add model"
    project.write_bytes(sound)
    alter(project, "DROP TABLE points")
    with Session.open(project) as session, pytest.raises(ProjectError, match="no such table: points"):
        session.models()
    project.write_bytes(sound[: len(sound) // 2])
    with pytest.raises(ProjectError, match=r"the file is damaged"), Session.open(project) as session:
        session.models()
    project.write_bytes(sound[:200] + b"\xff" * (len(sound) - 200))
    with pytest.raises(ProjectError, match=r"the file is damaged"), Session.open(project) as session:
        session.models()


def test_anyone_can_read_a_project_with_sqlite3(project: Path) -> None:
    with Session.open(project) as session:
        particles = Particles(np.array([[1.0, 2.0, 3.0]]), tomograms=["ts1"]).with_columns(
            tomopickDistance=[4.5]
        )
        session.add_particles("crowns", particles, Step("manual"))
    connection = sqlite3.connect(project)
    assert connection.execute(
        "SELECT s.name, p.tomogram, p.x, p.y, p.z, p.score, json_extract(p.further, '$.tomopickDistance') "
        "FROM particles p JOIN particle_sets s ON s.uid = p.particle_set"
    ).fetchall() == [("crowns", "ts1", 1.0, 2.0, 3.0, None, 4.5)]
    assert connection.execute(
        "SELECT m.name, count(*), sum(x) FROM points JOIN models m ON m.uid = model"
    ).fetchall() == [("m", 3, 1.0)]
    (path, acquisition) = connection.execute("SELECT path, acquisition FROM tomograms").fetchone()
    assert path == "ts1.mrc"
    assert json.loads(acquisition)["tilt_axis"] == "y"
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()


def test_a_link_to_a_project_opens_the_project_itself(project: Path, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "link.tomopick"
    link.symlink_to(project)
    with Session.open(link) as session:
        assert session.path == project
        assert session.tomogram("ts1").path == tmp_path / "ts1.mrc"
        with pytest.raises(ProjectError, match="this program has it open already"):
            Session.open(project)


def test_a_user_without_a_name_can_open_a_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found: 1234")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert count_of(project) == 3
