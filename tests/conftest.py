"""What the tests of several parts share."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from napari_tomopick import cli

CAPABILITIES_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1
"""The right by which root writes where the permissions forbid it; see capabilities(7)."""


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither read nor write the settings of the user who runs the tests."""
    monkeypatch.setenv("TOMOPICK_SETTINGS", str(tmp_path / "settings" / "tomopick.json"))


@pytest.fixture
def command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[str, str]]:
    """Run a command as a user does; what it says on both streams. ``fails`` is in its error where it must."""

    def call(*words: object, fails: str | None = None) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["napari-tomopick", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        assert bool(ended.value.code) == (fails is not None), out + err
        assert " ".join((fails or "").split()) in " ".join(err.split())
        return out, err

    return call


@pytest.fixture
def lock() -> Iterator[Callable[[Path], None]]:
    """Make a folder one that nothing can be written into until the test ends, not even by root."""
    if os.name == "nt":
        pytest.skip("permissions do not lock a folder on Windows")
    with ExitStack() as undo:

        def make_read_only(folder: Path) -> None:
            folder.chmod(0o500)
            undo.callback(folder.chmod, 0o700)
            undo.enter_context(_bound_by_permissions())

        yield make_read_only


@contextmanager
def _bound_by_permissions() -> Iterator[None]:
    """Take from root the right to pass over permissions, which no other user has."""
    if os.geteuid() != 0:
        yield
        return
    # Switching to another user would also lock the interpreter's own files where they are root's.
    # capget and capset work on the calling thread; threads it starts meanwhile inherit what it has.
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION_3, 0)
    before = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then the same for higher numbers
    if not hasattr(libc, "capget") or libc.capget(header, before):
        pytest.skip("root's right to write anywhere cannot be taken away on this system")
    without = (ctypes.c_uint32 * 6)(*before)
    without[0] &= ~(1 << CAP_DAC_OVERRIDE)
    assert libc.capset(header, without) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0, os.strerror(ctypes.get_errno())
