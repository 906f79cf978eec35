"""How much of everything there is: layers, callbacks, docks, open files. What grows with use leaks."""

from __future__ import annotations

import gc
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from psygnal import Signal


def signals_of(owner: Any) -> dict[str, Any]:
    """The psygnal signals of an object, by name."""
    names = {
        name
        for kind in type(owner).__mro__
        for name, value in vars(kind).items()
        if isinstance(value, Signal)
    }
    return {f"{type(owner).__name__}.{name}": getattr(owner, name) for name in sorted(names)}


def listeners(workspace: Any) -> Counter[str]:
    """How many listen to each signal of a workspace, of its parts, of its session, viewer and layers."""
    found: Counter[str] = Counter()
    for owner in (workspace, *vars(workspace).values()):
        if type(owner).__module__.startswith("napari_tomopick"):
            found.update({name: len(signal) for name, signal in signals_of(owner).items()})
    viewer = workspace.viewer
    parts = (viewer, viewer.dims, viewer.scene.camera, viewer.cursor, viewer.layers, viewer.layers.selection)
    for part in (*parts, *workspace._own_layers()):
        name = getattr(part, "name", type(part).__name__)
        for event, emitter in part.events.emitters.items():
            found[f"{name}.{event}"] = len(emitter.callbacks)
    for kind in ("mouse_drag_callbacks", "mouse_move_callbacks", "mouse_wheel_callbacks"):
        found[kind] = len(getattr(viewer, kind))
    return found


def open_files(folder: Path) -> list[str]:
    """The files below a folder that this process has open or mapped; Linux only."""
    if sys.platform != "linux":
        return []
    opened = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            opened.append(os.readlink(link))
        except OSError:
            continue  # the one that lists them
    opened += [line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()]
    return sorted({path for path in opened if path.startswith(f"{folder}{os.sep}")})


def alive(*kinds: type) -> Counter[str]:
    """How many objects of these classes there are, after those nobody holds are gone."""
    gc.collect()
    # not isinstance, which asks proxies of what is long gone
    return Counter(type(thing).__name__ for thing in gc.get_objects() if issubclass(type(thing), kinds))


def resident_bytes() -> int:
    """Memory this process has of its own, not counting mapped files; Linux only."""
    if sys.platform != "linux":
        return 0
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))
