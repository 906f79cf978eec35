"""Which tomogram files are meant by a file, a folder, a pattern, a list (.vll) or a catalogue (.ctlg)."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.volumes.registry import SUFFIXES


def list_tomogram_files(what: str | os.PathLike[str]) -> list[Path]:
    """Find the tomogram files meant.

    Parameters
    ----------
    what : path-like
        A tomogram; a folder (every tomogram directly in it); a pattern with ``*``, ``?`` or ``[]``; a
        Dynamo volume list (.vll: one path in each line, relative to the list); a Dynamo catalogue (.ctlg:
        through the .vll of the same name beside it, else read with mat-io where that is installed).

    Returns
    -------
    list of Path
        In the order of the list, or sorted.

    Raises
    ------
    FileFormatError
        If nothing is found, a file of a list does not exist, or the catalogue cannot be read.
    """
    path = Path(what)
    suffix = path.suffix.lower()
    if suffix == ".vll":
        return _from_list(path)
    if suffix == ".ctlg":
        return _from_catalogue(path)
    if path.exists() and (path.is_file() or suffix in SUFFIXES):
        return [path]
    if path.is_dir():
        found = [p for p in sorted(path.iterdir()) if p.suffix.lower() in SUFFIXES]
    else:
        found = [Path(p) for p in sorted(glob.glob(str(path), recursive=True))]
    if not found:
        raise FileFormatError(f"{path}: no tomogram found there ({' '.join(SUFFIXES)})")
    return found


def _from_list(path: Path) -> list[Path]:
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path}: cannot be read as a list of volumes: {error}") from error
    found = []
    for number, line in enumerate(lines, 1):
        # besides the paths, Dynamo knows comments and lines with properties of a volume ("* label = ...")
        entry = line.split("#")[0].strip()
        if not entry or entry.startswith("*"):
            continue
        file = path.parent / entry
        if not file.exists():
            raise FileFormatError(f"{path}: line {number}: {entry}: no such file (searched {file})")
        found.append(file)
    if not found:
        raise FileFormatError(f"{path}: the list names no volume")
    return found


def _from_catalogue(path: Path) -> list[Path]:
    if not path.exists():
        raise FileFormatError(f"{path}: no such file")
    beside = path.with_suffix(".vll")
    if beside.exists():
        return _from_list(beside)
    remedy = (
        f"put the volume list of the catalogue beside it as {beside.name} (one path in each line), "
        "or name the tomograms themselves"
    )
    try:
        from matio import load_from_mat
    except ImportError as error:
        raise FileFormatError(
            f"{path}: reading a catalogue needs mat-io (pip install 'napari-tomopick[dynamo]'); or {remedy}"
        ) from error
    try:
        content = load_from_mat(str(path))
    except (
        Exception
    ) as error:  # a catalogue is a dump of MATLAB objects: any error of the decoder is about the file
        raise FileFormatError(f"{path}: mat-io cannot read this catalogue ({error}); {remedy}") from error
    files = list(dict.fromkeys(_volume_files(content)))
    missing = [f for f in files if not (path.parent / f).exists()]
    if not files or missing:
        what = f"its volume {missing[0]} does not exist" if missing else "no volumes found in it"
        raise FileFormatError(f"{path}: {what}; {remedy}")
    return [path.parent / f for f in files]


def _volume_files(node: Any, key: str = "", depth: int = 0) -> Iterator[str]:
    """Every string held under "fullFileName" or "file" of something held under "volumes"."""
    if depth > 12:
        return
    if isinstance(node, str):
        if key == "volumes/file" and Path(node).suffix.lower() in SUFFIXES:
            yield node
        return
    properties = getattr(node, "properties", node)  # a MATLAB object, or a struct
    if isinstance(properties, dict):
        for name, value in properties.items():
            inside = key.startswith("volumes") or name == "volumes"
            is_file = inside and name in ("file", "fullFileName")
            yield from _volume_files(
                value, "volumes/file" if is_file else "volumes" if inside else "", depth + 1
            )
    elif hasattr(node, "dtype") and node.dtype.kind in "OU":
        for item in node.ravel().tolist():
            yield from _volume_files(item, key, depth + 1)
