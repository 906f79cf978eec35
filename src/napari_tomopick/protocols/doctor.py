"""Check an installation: versions, the Qt binding, and what a bug report needs."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
from dataclasses import dataclass

from napari_tomopick import __version__

REQUIRED = ("napari", "numpy", "scipy", "numba", "mrcfile", "pandas", "starfile", "imodmodel", "trimesh")
OPTIONAL = {
    "PyQt6": "the window (or PySide6)",
    "PySide6": "the window (or PyQt6)",
    "torch": "boxing with a reference network",
    "safetensors": "the files of such networks",
    "mat-io": "Dynamo catalogues without a .vll beside them",
}


@dataclass(frozen=True)
class Finding:
    """One line of the report; `ok` is False where something will not work."""

    what: str
    found: str
    ok: bool = True


def doctor() -> list[Finding]:
    """Look at everything the program needs and say what was found."""
    findings = [
        Finding("napari-tomopick", __version__),
        Finding("Python", f"{platform.python_version()} ({sys.executable})", sys.version_info >= (3, 11)),
        Finding("system", f"{platform.platform()}, {os.cpu_count()} processors"),
    ]
    for name in REQUIRED:
        version = _version(name)
        findings.append(Finding(name, version or "missing: pip install napari-tomopick", version is not None))
    for name, purpose in OPTIONAL.items():
        findings.append(Finding(name, _version(name) or f"not installed; for {purpose}"))
    binding = any(_version(name) for name in ("PyQt6", "PySide6"))
    findings.append(
        Finding(
            "Qt binding",
            "found" if binding else 'none, so no window: pip install "napari-tomopick[all]"',
            binding,
        )
    )
    findings.append(_display())
    return findings


def has_display() -> bool:
    """Whether a window can be expected to open here."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _display() -> Finding:
    if has_display():
        return Finding("display", os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or "yes")
    # nothing is broken on a cluster node
    return Finding("display", "none: no window here, but every command works")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
