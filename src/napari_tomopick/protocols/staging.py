"""Results that are several files, or a folder of them: all appear at the end, or none."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_tomopick.errors import ParameterError, TomopickError

MARKER = "extraction.json"
"""The file by which a folder is known to be a set of subtomograms made here."""


@contextmanager
def staged(*targets: Path, overwrite: bool = False) -> Iterator[list[Path]]:
    """Yield a temporary path for each target; at a clean exit they take the targets' places.

    Parameters
    ----------
    *targets : Path
        Files or folders, all in one existing folder.
    overwrite : bool
        Replace existing files, and existing folders that hold a set of subtomograms. Any other folder that is
        not empty is never touched.

    Yields
    ------
    list of Path
        One per target, with its name, in a hidden folder beside them. Those that the caller does not create
        are left out.

    Raises
    ------
    ParameterError
        If a target exists and must not be replaced.
    TomopickError
        If the folder cannot be written, or the disk is full; nothing is left behind.
    """
    parent = targets[0].parent
    for target in targets:
        _check_free(target, overwrite)
    temporary = parent / f".{uuid.uuid4().hex[:12]}"
    try:
        temporary.mkdir()
        new = [temporary / target.name for target in targets]
        yield new
        for source, target in zip(new, targets, strict=True):
            if source.exists():
                _put(source, target, temporary / f"{target.name}.replaced")
    except OSError as error:
        place = Path(os.fsdecode(error.filename)) if error.filename is not None else temporary
        reason = error.strerror or str(error)
        if place != temporary and temporary not in place.parents and place not in targets:
            raise TomopickError(f"{place}: {reason}; nothing was written") from error
        if not parent.exists():
            reason = f"the folder {parent} does not exist; make it first"
        raise TomopickError(f"cannot write {targets[0]}: {reason}; nothing was changed") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _check_free(target: Path, overwrite: bool) -> None:
    if target.is_dir():
        if not any(target.iterdir()):
            return
        if not (target / MARKER).is_file():
            raise ParameterError(
                f"{target} is a folder that holds something else than subtomograms; choose another name"
            )
    elif not target.exists():
        return
    if not overwrite:
        raise ParameterError(f"{target} exists already; choose another name, or ask to overwrite it")


def _put(source: Path, target: Path, aside: Path) -> None:
    """Rename, putting an existing folder aside first, since no rename replaces a folder that holds files."""
    if not target.is_dir():
        os.replace(source, target)
        return
    os.rename(target, aside)
    try:
        os.rename(source, target)
    except OSError:
        os.rename(aside, target)
        raise
