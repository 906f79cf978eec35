"""Atomic saving: a file is either what it was before, or wholly new; never half of each."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_tomopick.errors import TomopickError


def check_target(path: str | os.PathLike[str]) -> None:
    """Refuse a file that could not be written, before the work that it is for.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    TomopickError
        If its folder does not exist, or it is a folder itself.
    """
    target = Path(path)
    if target.is_dir():
        raise TomopickError(f"cannot write {target}: a folder of this name exists; choose another name")
    if not target.parent.is_dir():
        raise TomopickError(f"cannot write {target}: there is no folder {target.parent}; make it first")


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place at a clean exit.

    The temporary file is flushed to the disk before it is renamed, so that a power cut cannot leave an
    empty file under the final name. On any error it is removed and ``path`` stays as it was.

    Parameters
    ----------
    path : path-like
        The file to make or to replace; its folder must exist.

    Yields
    ------
    Path
        A file name in the same folder with the same suffix, which the caller must create.

    Raises
    ------
    TomopickError
        If the file cannot be written: no such folder, read-only folder, disk full.
    """
    target = Path(path)
    # hidden; in the same folder, since a rename is atomic only within one file system; the same suffix,
    # since writers go by it
    temporary = target.with_name(f".{uuid.uuid4().hex[:12]}{target.suffix}")
    try:
        check_target(target)
        yield temporary
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
        _sync_folder(target.parent)
    except OSError as error:
        # an input that could not be read inside the block is not a failure to write this file
        if error.filename is not None and Path(os.fsdecode(error.filename)) != temporary:
            raise
        raise TomopickError(
            f"cannot write {target}: {error.strerror or error}; nothing was changed"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, unless it is there.

    Raises
    ------
    TomopickError
        If it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TomopickError(f"cannot make the folder {path}: {error.strerror or error}") from error


def free_path(path: Path) -> Path:
    """Return the path, with a number behind its name if there is such a file or folder already."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem} {number}{path.suffix}")
    return free


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system lets a folder be opened (not on Windows)."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems refuse; the rename has happened all the same
        pass
    finally:
        os.close(descriptor)
