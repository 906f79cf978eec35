"""Saving is all or nothing."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_tomopick.errors import Cancelled, TomopickError
from napari_tomopick.io.atomic import atomic_path


def test_a_new_file_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "out.star"
    path.write_text("old")
    with atomic_path(path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".star"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def fail_while_writing(path: Path, error: BaseException) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", [Cancelled("stop"), ValueError("x"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "out.star"
    path.write_text("old")
    with pytest.raises(type(error)):
        fail_while_writing(path, error)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(TomopickError, match=r"cannot write .*out\.mrc: No space left on device; nothing was"):
        fail_while_writing(tmp_path / "out.mrc", full)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_noticed_when_the_file_is_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TomopickError, match="No space left"), atomic_path(tmp_path / "a.csv") as temporary:
        temporary.write_text("all of it")
    assert not list(tmp_path.iterdir())


def test_a_read_only_folder(tmp_path: Path, lock: Callable[[Path], None]) -> None:
    lock(tmp_path)
    with (
        pytest.raises(TomopickError, match="Permission denied"),
        atomic_path(tmp_path / "a.csv") as temporary,
    ):
        temporary.write_text("x")
    assert not list(tmp_path.iterdir())


def test_folders_in_the_way_and_missing(tmp_path: Path) -> None:
    with pytest.raises(TomopickError, match="a folder of this name exists"), atomic_path(tmp_path):
        pass
    with pytest.raises(TomopickError, match="there is no folder"), atomic_path(tmp_path / "no" / "a.csv"):
        pass


def test_an_input_that_cannot_be_read_is_not_called_a_failure_to_write(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.csv"):
        (tmp_path / "missing.mrc").read_bytes()
    assert not list(tmp_path.iterdir())
