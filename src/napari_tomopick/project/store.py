"""The state of an open project: rows in the file, and objects kept that were read from them."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import ProjectError
from napari_tomopick.models.particles import Particles, concatenate
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model
from napari_tomopick.project import database, journal, records
from napari_tomopick.project.journal import Change, Key, Row
from napari_tomopick.project.schema import TABLES

# What the history may occupy in the file. When it grows beyond, the oldest edits can no longer be undone.
HISTORY_BYTES = 256 * 2**20


class Store:
    """Rows and their objects, transactions, and the history.

    The file is the truth. Everything in memory is read from it, follows each change to its rows, and is
    thrown away whenever a transaction is not carried through.

    Parameters
    ----------
    path : Path
        The project file, absolute.
    read_only : bool
        Open it for viewing only.

    Raises
    ------
    ProjectError
        As `database.connect`.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.connection = database.connect(path, read_only=read_only)
        self.path = path
        self.read_only = read_only
        self._closed = False
        self._identity = self._file_identity()
        self._depth = 0
        self._inverses: list[Change] = []
        self._done: list[tuple[Change, Change]] = []
        self._forget()
        try:
            with database.errors_of(path):
                query = "SELECT coalesce(sum(length(changes)), 0) FROM history"
                self._history_bytes: int = self.connection.execute(query).fetchone()[0]
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release the file; closing it again does nothing."""
        if self._closed:
            return
        self._closed = True
        database.release(self.connection, self.path, read_only=self.read_only)

    def _forget(self) -> None:
        self._small: dict[str, dict[Key, Row]] = {}
        self._points: dict[str, records.PointArrays] = {}
        self._models: dict[str, Model] = {}
        self._particles: dict[str, tuple[NDArray[np.int64], Particles]] = {}
        self._counts: dict[str, Counter[str]] = {}
        self._point_counts: Counter[str] | None = None
        self._tomograms: dict[Row, Tomogram] = {}

    # reading

    def rows(self, table: str) -> dict[Key, Row]:
        """All rows of a table that is small, by key, in the order in which they were added."""
        if table not in self._small:
            columns = TABLES[table].columns
            order = "number" if "number" in columns else "id"
            query = f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}"
            with database.errors_of(self.path):
                self._small[table] = {row[:1]: row for row in self.connection.execute(query)}
        return self._small[table]

    def _owned(self, table: str, owner: str) -> list[Row]:
        columns = TABLES[table].columns
        query = f"SELECT {', '.join(columns)} FROM {table} WHERE {columns[0]} = ?"
        return self.connection.execute(query, (owner,)).fetchall()

    def points(self, uid: str) -> records.PointArrays:
        """The points of a model."""
        if uid not in self._points:
            with database.reading(self.path):
                self._points[uid] = records.points_from(self._owned("points", uid))
        return self._points[uid]

    def model(self, uid: str) -> Model:
        """The model of this identity."""
        if uid not in self._models:
            with database.reading(self.path):
                self._models[uid] = records.model_from(self.rows("models")[(uid,)], self.points(uid))
        return self._models[uid]

    def particles(self, uid: str) -> tuple[NDArray[np.int64], Particles]:
        """Places in the set, and particles, of the set of this identity."""
        if uid not in self._particles:
            set_row = self.rows("particle_sets")[(uid,)]
            with database.reading(self.path):
                self._particles[uid] = records.particles_from(self._owned("particles", uid), set_row)
        return self._particles[uid]

    def counts(self, uid: str) -> Counter[str]:
        """How many particles of a set lie in which tomogram."""
        if uid not in self._counts:
            query = "SELECT tomogram, count(*) FROM particles WHERE particle_set = ? GROUP BY tomogram"
            with database.errors_of(self.path):
                self._counts[uid] = Counter(dict(self.connection.execute(query, (uid,)).fetchall()))
        return self._counts[uid]

    def point_counts(self) -> Counter[str]:
        """How many points each model has."""
        if self._point_counts is None:
            query = "SELECT model, count(*) FROM points GROUP BY model"
            with database.errors_of(self.path):
                self._point_counts = Counter(dict(self.connection.execute(query).fetchall()))
        return self._point_counts

    def tomogram(self, row: Row) -> Tomogram:
        """The tomogram of a row."""
        if row not in self._tomograms:
            with database.reading(self.path):
                self._tomograms[row] = records.tomogram_from(row, self.path.parent)
        return self._tomograms[row]

    def step(self, number: int) -> Step:
        """The step of this number."""
        with database.reading(self.path):
            return records.step_from(self.rows("steps")[(number,)])

    # writing

    @contextmanager
    def transaction(self, label: str) -> Iterator[None]:
        """One edit: on disk when it is left, or, after an exception, as if it had not begun.

        Within another, it becomes part of that one.
        """
        if self.read_only:
            raise ProjectError(f"{self.path} is open for viewing only")
        outer = self._depth == 0
        if outer:
            self._check_in_place()
            self._inverses, self._done = [], []
        mark = len(self._inverses), len(self._done)
        savepoint = f"level_{self._depth}"
        with database.errors_of(self.path):
            self._execute("BEGIN IMMEDIATE" if outer else f"SAVEPOINT {savepoint}")
            self._depth += 1
            try:
                yield
                if outer and self._inverses:
                    self._record(label)
                self._execute("COMMIT" if outer else f"RELEASE {savepoint}")
            except BaseException:
                del self._inverses[mark[0] :], self._done[mark[1] :]
                self._forget()
                # on a full disk SQLite may have rolled back by itself
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK" if outer else f"ROLLBACK TO {savepoint}")
                raise
            finally:
                self._depth -= 1

    def _file_identity(self) -> tuple[int, int] | None:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return stat.st_dev, stat.st_ino

    def _check_in_place(self) -> None:
        # SQLite goes on writing into a file that was deleted or replaced under it, and all that would be lost
        if self._file_identity() != self._identity:
            raise ProjectError(
                f"{self.path} was moved, deleted or replaced while it was open, so nothing more can be "
                "saved in it. Close it, and open it where it is now"
            )

    def _execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        if self._depth:
            self._check_alive()
        return self.connection.execute(statement, values)

    def _check_alive(self) -> None:
        if not self.connection.in_transaction:
            raise ProjectError(f"{self.path}: this edit failed before and was taken back as a whole")

    def apply(self, change: Change, *, undoable: bool = True) -> Change:
        """Carry a change out, within a transaction, and let the objects in memory follow.

        Returns
        -------
        Change
            Its inverse.
        """
        self._check_alive()
        done, inverse = journal.apply(self.connection, change)
        if done.put or done.delete:
            self._follow(done, inverse)
            self._done.append((done, inverse))
            if undoable:
                self._inverses.append(inverse)
        return inverse

    def take_applied(self) -> list[tuple[Change, Change]]:
        """What the transaction that just ended changed, (change, inverse) in order; within one, nothing."""
        if self._depth:
            return []
        applied, self._done = self._done, []
        return applied

    # keeping memory in step with the rows

    def _follow(self, done: Change, inverse: Change) -> None:
        if done.table == "points":
            self._follow_points(done, inverse)
        elif done.table == "particles":
            self._follow_particles(done, inverse)
        else:
            if done.table in self._small:
                rows = self._small[done.table]
                for row in inverse.put:
                    del rows[row[:1]]
                rows.update((row[:1], row) for row in done.put)
                if "number" in TABLES[done.table].columns:
                    self._small[done.table] = dict(sorted(rows.items(), key=lambda item: item[1][1]))
            for row in (*inverse.put, *done.put):
                self._tomograms.pop(row, None)
                self._models.pop(str(row[0]), None)
                self._particles.pop(str(row[0]), None)

    def _follow_points(self, done: Change, inverse: Change) -> None:
        if self._point_counts is not None:
            self._point_counts.subtract(row[0] for row in inverse.put)
            self._point_counts.update(row[0] for row in done.put)
        for uid in {row[0] for row in (*inverse.put, *done.put)}:
            self._models.pop(uid, None)
            if uid in self._points:
                old = self._points[uid]
                keep = ~np.isin(old.numbers, [row[1] for row in inverse.put if row[0] == uid])
                new = records.points_from([row for row in done.put if row[0] == uid])
                joined = [np.concatenate(pair) for pair in zip(old.take(keep), new, strict=True)]
                order = np.argsort(joined[0], kind="stable")
                self._points[uid] = records.PointArrays(*joined).take(order)

    def _follow_particles(self, done: Change, inverse: Change) -> None:
        for uid in {row[0] for row in (*inverse.put, *done.put)}:
            old = [row for row in inverse.put if row[0] == uid]
            new = [row for row in done.put if row[0] == uid]
            if uid in self._counts:
                counts = self._counts[uid]
                counts.subtract(row[3] for row in old)
                counts.update(row[3] for row in new)
                self._counts[uid] = +counts  # without those at zero
            if uid in self._particles:
                numbers, particles = self._particles[uid]
                keep = ~np.isin(particles.ids, [row[1] for row in old])
                numbers, particles = numbers[keep], particles.select(keep)
                if new:
                    more, added = records.particles_from(new, self.rows("particle_sets")[(uid,)])
                    numbers = np.concatenate([numbers, more])
                    particles = concatenate([particles, added], keep_ids=True)
                order = np.argsort(numbers, kind="stable")
                self._particles[uid] = numbers[order], records.frozen(particles.select(order))

    # the history

    def _record(self, label: str) -> None:
        self._execute("DELETE FROM history WHERE undone = 1")
        blob = journal.encode(reversed(self._inverses))
        created = datetime.now(UTC).isoformat(timespec="seconds")
        self._execute(
            "INSERT INTO history (label, created, undone, changes) VALUES (?, ?, 0, ?)",
            (label, created, blob),
        )
        self._history_bytes += len(blob)
        if self._history_bytes > HISTORY_BYTES:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        sizes = self._execute("SELECT id, length(changes) FROM history ORDER BY id DESC").fetchall()
        total = 0
        for number, size in sizes:
            # the newest edit can always be undone, however large it is
            if total and total + size > HISTORY_BYTES:
                self._execute("DELETE FROM history WHERE id <= ?", (number,))
                break
            total += size
        self._history_bytes = total

    def label(self, *, undone: bool) -> str | None:
        """Label of the edit that undoing (or, of the undone ones, redoing) would act on."""
        found = self._next(undone)
        return found[1] if found else None

    def _next(self, undone: bool) -> tuple[int, str] | None:
        order = "ASC" if undone else "DESC"
        query = f"SELECT id, label FROM history WHERE undone = ? ORDER BY id {order} LIMIT 1"
        with database.errors_of(self.path):
            found: tuple[int, str] | None = self.connection.execute(query, (int(undone),)).fetchone()
        return found

    def step_back_or_forth(self, *, undone: bool) -> str | None:
        """Undo the last edit, or redo the first of the ``undone`` ones.

        Returns
        -------
        str or None
            Its label; None if there is none.
        """
        if self._depth:
            raise RuntimeError("an edit is not finished yet; undo and redo come after it")
        found = self._next(undone)
        if found is None:
            return None
        number, label = found
        with self.transaction(label):
            (blob,) = self._execute("SELECT changes FROM history WHERE id = ?", (number,)).fetchone()
            with database.reading(self.path):
                inverses = [self.apply(change, undoable=False) for change in journal.decode(blob)]
            values = (int(not undone), journal.encode(reversed(inverses)), number)
            self._execute("UPDATE history SET undone = ?, changes = ? WHERE id = ?", values)
        return label
