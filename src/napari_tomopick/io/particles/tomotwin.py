"""TomoTwin's .tloc, which is not read: it is a pickle, and opening one can run any program.

What TomoTwin's tomotwin_pick.py makes of it are .coords and .cbox files, which are read; so are those that
napari-boxmanager saves.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_tomopick.errors import FileFormatError
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram


def recognises(path: Path) -> bool:
    """Whether a file has TomoTwin's suffix; it is not looked into."""
    return path.suffix.lower() == ".tloc"


def read(path: Path, tomograms: Sequence[Tomogram]) -> Particles:
    """Refuse a .tloc file, and say what to do.

    Raises
    ------
    FileFormatError
        Always.
    """
    raise FileFormatError(
        f"{path}: located particles of TomoTwin are a Python pickle, which could run any program when "
        "opened, and is not read. Pick with tomotwin_pick.py, or save them in napari-boxmanager, as "
        ".coords or .cbox"
    )
