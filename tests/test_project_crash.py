"""Every edit is on disk when it returns, costs next to nothing, and stays there whatever ends the program."""

import os
import shutil
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import random_edits
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model
from napari_tomopick.project import Session

KILLS = 50
# what the journal of SQLite begins with as long as a transaction is not over
HOT = bytes.fromhex("d9d505f920a163d7")
SIDE = random_edits.SIDE


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A closed project with one tomogram and one empty model, whose making cannot be undone."""
    path = tmp_path / "p.tomopick"
    with Session.create(path) as session:
        session.add_tomogram(Tomogram(random_edits.TOMOGRAM, tmp_path / "ts1.mrc", (SIDE,) * 3, 10.0))
        session.add_model(Model("m", tomogram=random_edits.TOMOGRAM))
        session._store.connection.execute("DELETE FROM history")
    return path


# Children are forked from one interpreter, as starting it is what takes the time. Each edits its own project
# in a burst and says so after each edit, until it is killed.
KILLER = """
import os, random, signal, sys, time
from napari_tomopick.project import Session
from random_edits import do, edits

chance = random.Random(int(sys.argv[1]))
for seed, path in enumerate(sys.argv[2:]):
    said, say = os.pipe()
    child = os.fork()
    if child == 0:
        session = Session.open(path)
        for edit, _, _ in edits(seed):
            do(session, edit)
            os.write(say, b".")
    os.close(say)
    heard, wanted = 0, chance.randrange(40)
    start = time.monotonic()
    while heard <= wanted:
        heard += len(os.read(said, 100))
    one = (time.monotonic() - start) / heard
    time.sleep(chance.uniform(0, 3 * one))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while last := os.read(said, 10**6):
        heard += len(last)
    print(path, seed, heard)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks processes to kill them")
def test_kill_9_at_any_moment_loses_nothing_that_was_done(project: Path) -> None:
    copies = [shutil.copy(project, project.with_name(f"{n}.tomopick")) for n in range(KILLS)]
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    said = subprocess.run(
        [sys.executable, "-c", KILLER, str(time.time_ns()), *copies],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout.splitlines()
    assert len(said) == KILLS
    done, in_the_middle = set(), 0
    for line in said:
        copy, seed, acknowledged = line.split()
        planned = list(islice(random_edits.edits(int(seed)), int(acknowledged) + 1))
        journal = Path(f"{copy}-journal")
        in_the_middle += journal.exists() and journal.read_bytes().startswith(HOT)
        with Session.open(copy) as session:
            state = random_edits.held(session)
            # all that was acknowledged, and at most the one edit under way
            possible = {planned[-2][1]: planned[-2], planned[-1][1]: planned[-1]}
            assert state in possible
            assert session._store.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert session._store.connection.execute("PRAGMA foreign_key_check").fetchall() == []
            # the history is whole, too
            _, _, before = possible[state]
            if before is not None:
                assert session.undo() is not None
                assert random_edits.held(session) == before
                assert session.redo() is not None
            assert random_edits.held(session) == state
        done.add(int(acknowledged))
    # they were killed at different moments, also in the middle of an edit
    assert len(done) > 10
    assert in_the_middle > 0
    print(f"{in_the_middle} of {KILLS} were killed in the middle of a transaction")


def test_an_edit_costs_less_than_anyone_feels(project: Path) -> None:
    points = np.random.default_rng(0).uniform(0, SIDE - 1, (10_000, 3))
    with Session.open(project) as session:
        (model,) = session.models()
        session.add_points(model.uid, points, np.zeros(len(points), int))
        edits = {
            "add": lambda: session.add_points(model.uid, [[1, 2, 3]], [3]),
            "move": lambda: session.move_points(model.uid, [5000], [np.random.default_rng().random(3)]),
            "delete": lambda: session.delete_points(model.uid, [5000]),
            "marker": lambda: session.set_marker(model.uid, np.random.default_rng().random(3)),
            "undo": session.undo,
            "redo": session.redo,
        }
        for name, edit in edits.items():
            times = []
            for _ in range(15):
                start = time.perf_counter()
                edit()
                times.append(time.perf_counter() - start)
            print(f"{name}: {1e3 * np.median(times):.1f} ms, at most {1e3 * max(times):.1f} ms")
            assert np.median(times) < 0.02
