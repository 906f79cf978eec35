"""Edits as a user knows them: done at once, grouped, undone and done again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_tomopick.errors import ProjectError
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.project import records
from napari_tomopick.project.events import Events
from napari_tomopick.project.journal import Change, Row
from napari_tomopick.project.records import Result
from napari_tomopick.project.store import Store


class Editing(Events):
    """The part of a session that knows of edits, but not of what is edited."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def path(self) -> Path:
        """The project file."""
        return self._store.path

    @property
    def read_only(self) -> bool:
        """Whether the project is open for viewing only."""
        return self._store.read_only

    @contextmanager
    def edit(self, label: str) -> Iterator[None]:
        """Make the edits within it one: one transaction, one step of undo, signals once, at the end.

        An exception takes all of them back.
        """
        with self._store.transaction(label):
            yield
        self._tell()

    def undo(self) -> str | None:
        """Take the last edit back; return its label, None if there is nothing to undo."""
        label = self._store.step_back_or_forth(undone=False)
        self._tell()
        return label

    def redo(self) -> str | None:
        """Do the edit again that was undone last; return its label, None if there is none."""
        label = self._store.step_back_or_forth(undone=True)
        self._tell()
        return label

    @property
    def undo_label(self) -> str | None:
        """What `undo` would take back."""
        return self._store.label(undone=False)

    @property
    def redo_label(self) -> str | None:
        """What `redo` would do again."""
        return self._store.label(undone=True)

    def _tell(self) -> None:
        self._emit_for(self._store.take_applied(), self._store)

    def _put(self, table: str, *rows: Row) -> None:
        self._store.apply(Change(table, put=rows))

    def _delete(self, table: str, *keys: Row) -> None:
        self._store.apply(Change(table, delete=keys))

    def _next_number(self, table: str) -> int:
        return max((row[1] for row in self._store.rows(table).values()), default=0) + 1

    # the record of what was run, which is kept whatever is undone

    def _record_step(self, step: Step) -> int:
        number = len(self._store.rows("steps")) + 1
        self._store.apply(Change("steps", put=[records.step_row(number, step)]), undoable=False)
        return number

    def add_result(self, kind: str, path: Path, step: Step) -> Result:
        """Record a file or folder that a step made; ``kind`` is "average", "subtomograms" or the like.

        `undo` does not take it back: the file is there.
        """
        with self.edit(f"Add {kind}"):
            number = len(self._store.rows("results")) + 1
            row = (number, kind, records.stored_path(path, self.path.parent), self._record_step(step))
            self._store.apply(Change("results", put=[row]), undoable=False)
        return self.results()[-1]

    def results(self) -> tuple[Result, ...]:
        """The files and folders that steps made, in the order in which they were made."""
        return tuple(
            Result(kind, self.path.parent / path, self._store.step(step))
            for _, kind, path, step in self._store.rows("results").values()
        )

    # tomograms, as far as other edits need them

    def tomograms(self) -> tuple[Tomogram, ...]:
        """All tomograms, in the order in which they were added."""
        return tuple(map(self._store.tomogram, self._store.rows("tomograms").values()))

    def tomogram(self, name: str) -> Tomogram:
        """The tomogram of this name.

        Raises
        ------
        ProjectError
            If there is none.
        """
        return self._store.tomogram(self._tomogram_row(name))

    def _tomogram_row(self, name: str) -> Row:
        rows = self._store.rows("tomograms")
        if (name,) not in rows:
            known = ", ".join(repr(key[0]) for key in list(rows)[:5]) or "none yet"
            raise ProjectError(
                f"there is no tomogram {name!r} in {self.path.name}; it has {len(rows)}: {known}"
                + (", ..." if len(rows) > 5 else "")
            )
        return rows[(name,)]
