"""Opening a project file, holding it against a second window, and saying plainly what went wrong.

While a project is open, nothing in this program may open its file by other means (to copy it, say): on POSIX
systems, closing that would release the lock.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from napari_tomopick import __version__
from napari_tomopick.errors import ProjectError
from napari_tomopick.project import schema

# What SQLite says, and what that means to a user. SQLite takes a failed edit back as a whole.
_MEANINGS = {
    "database or disk is full": "the disk is full. Nothing was changed; free some space and do it again",
    "attempt to write a readonly database": "the file or its folder cannot be written. Nothing was changed",
    "unable to open database file": "the file or its folder cannot be opened or written",
    "file is not a database": "this is not a tomopick project (not an SQLite file)",
    "database disk image is malformed": "the file is damaged. Take it from a backup, or save what "
    "can be read with `sqlite3 FILE .recover`",
    "database is locked": "another program is using the file. Close it there, then try again",
    "disk I/O error": "reading or writing the disk failed. Nothing was changed",
}


@contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the file into a `ProjectError` that names it and says what to do.

    Errors of the program itself (a wrong thread, a broken constraint) pass through as they are.
    """
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError, sqlite3.InterfaceError):
        raise
    except sqlite3.Error as error:
        raise ProjectError(f"{path}: {_MEANINGS.get(str(error), str(error))}") from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Like `errors_of`, for turning rows into objects: rows that make no sense are damage, too."""
    try:
        with errors_of(path):
            yield
    except (ValueError, TypeError, LookupError, zlib.error, sqlite3.IntegrityError) as error:
        raise ProjectError(f"{path} is damaged, or was edited by another program: {error!r}") from error


def holder_file(path: Path) -> Path:
    """The note beside a project that says who has it open. It informs; the lock itself is SQLite's."""
    return path.with_name(path.name + ".lock")


def _holder(path: Path) -> str:
    """Who has the project open, in words."""
    try:
        note = json.loads(holder_file(path).read_text(encoding="utf-8"))
        if note["host"] == socket.gethostname() and note["pid"] == os.getpid():
            return f"this program has it open already, since {note['since']}"
        return f"{note['user']} on {note['host']} (process {note['pid']}) has it open since {note['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another program has it open"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "somebody"  # in a container, a user may have no name


def _note_holder(path: Path) -> None:
    note = {
        "host": socket.gethostname(),
        "user": _user(),
        "pid": os.getpid(),
        "since": datetime.now().astimezone().isoformat(sep=" ", timespec="seconds"),
    }
    try:
        holder_file(path).write_text(json.dumps(note) + "\n", encoding="utf-8")
    except OSError as error:
        raise ProjectError(
            f"{path}: its folder cannot be written ({error.strerror}), so edits could not be saved. "
            "Copy the project elsewhere, or open it for viewing only"
        ) from error


def create(path: Path) -> None:
    """Make a new, empty project.

    Raises
    ------
    ProjectError
        If the file exists (other than as an empty file), or cannot be written.
    """
    if path.exists() and path.stat().st_size:
        raise ProjectError(f"{path} exists already. Open it, or choose another name")
    if not path.parent.is_dir():
        raise ProjectError(f"{path}: there is no folder {path.parent}")
    release(_connect(path, new=True), path, read_only=False)


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open an existing project and hold it: for itself, or with other viewers if ``read_only``.

    Raises
    ------
    ProjectError
        If it is missing, held by someone else, no project, damaged, or from a newer version.
    """
    if not path.is_file():
        raise ProjectError(f"{path}: there is no such project file")
    if not path.stat().st_size:
        raise ProjectError(f"{path} is empty: this is not a tomopick project. Make a new project instead")
    return _connect(path, read_only=read_only)


def _connect(path: Path, *, new: bool = False, read_only: bool = False) -> sqlite3.Connection:
    mode = "ro" if read_only else "rwc" if new else "rw"
    made = new and not path.exists()
    held = False
    # not Path.as_uri: SQLite takes the host of a Windows network path only as part of the path
    name = path.as_posix() if path.as_posix().startswith("/") else f"/{path.as_posix()}"
    address = f"file://{quote(name)}?mode={mode}"
    with errors_of(path):
        connection = sqlite3.connect(address, uri=True, timeout=0.3, isolation_level=None)
    try:
        with errors_of(path):
            _hold(connection, path, read_only)
            held = not read_only
            if not new:
                _check_version(connection, path, read_only)
            if not read_only:
                _note_holder(path)
                schema.migrate(connection)
    except BaseException:
        if held:
            with suppress(OSError):
                holder_file(path).unlink()
        connection.close()
        if made:
            path.unlink(missing_ok=True)
        raise
    return connection


def _hold(connection: sqlite3.Connection, path: Path, read_only: bool) -> None:
    # In exclusive locking mode SQLite keeps the operating system's lock on the file until the connection
    # closes or the process dies, so a crash leaves nothing behind that would block the next window.
    # Write-ahead logging is not used: it needs shared memory, which network drives do not have.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    try:
        if read_only:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        else:
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise ProjectError(
                f"{path}: {_holder(path)}. Close it there, then open it here; "
                "two windows on one project would undo each other's work"
            ) from error
        if read_only and "readonly" in str(error):
            raise ProjectError(
                f"{path}: a program was stopped in the middle of an edit, which must be taken back first: "
                "open the project once for editing, where it can be written"
            ) from error
        raise


def _check_version(connection: sqlite3.Connection, path: Path, read_only: bool) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != schema.APPLICATION_ID:
        raise ProjectError(f"{path} is an SQLite file of another program, not a tomopick project")
    ours = len(schema.MIGRATIONS)
    if version > ours:
        try:
            row = connection.execute("SELECT value FROM project WHERE key = 'program_version'").fetchone()
            writer = f"napari-tomopick {row[0]}" if row else "a newer napari-tomopick"
        except sqlite3.Error:
            writer = "a newer napari-tomopick"
        raise ProjectError(
            f"{path} was written by {writer} (project version {version}; this is napari-tomopick "
            f"{__version__}, which knows version {ours}). "
            "Upgrade with `pip install --upgrade napari-tomopick`; the file was left as it is"
        )
    if version < ours and read_only:
        raise ProjectError(
            f"{path} was made by an older napari-tomopick and must be brought up to date first: "
            "open it once for editing"
        )


def release(connection: sqlite3.Connection, path: Path, *, read_only: bool) -> None:
    """Close the project and take the note away that says who holds it."""
    if not read_only:
        # before the lock goes, lest the note of whoever comes next be removed
        with suppress(OSError):
            holder_file(path).unlink()
    connection.close()
