"""Which tomogram files are meant by a file, a folder, a pattern, a list (.vll) or a catalogue (.ctlg)."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io import matlab
from napari_tomopick.io.atomic import atomic_path
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
        if path.is_dir() or glob.has_magic(str(path)):
            raise FileFormatError(f"{path}: no tomogram found there ({' '.join(SUFFIXES)})")
        raise FileFormatError(f"{path}: no such file or folder")
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


def write_tomogram_list(path: str | os.PathLike[str], files: Sequence[Path]) -> Path:
    """Write a Dynamo volume list (.vll): one path in each line, relative where it lies below the list.

    Raises
    ------
    FileFormatError
        If there is none, or a path could not be read back.
    TomopickError
        If the list cannot be written.
    """
    target = Path(path)
    if not files:
        raise FileFormatError(f"cannot write {target}: a list of volumes needs a tomogram at least")
    folder = target.absolute().parent
    lines = []
    for file in files:
        whole = file.absolute()
        line = str(whole.relative_to(folder) if whole.is_relative_to(folder) else whole)
        if "#" in line or "\n" in line or line.startswith("*") or line != line.strip():
            raise FileFormatError(f"cannot write {target}: {line!r} cannot stand in a volume list; rename it")
        lines.append(line + "\n")
    with atomic_path(target) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
    return target


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
    content = matlab.load(path, "catalogue", remedy)
    files = list(dict.fromkeys(_volume_files(content)))
    missing = [f for f in files if not (path.parent / f).exists()]
    if not files or missing:
        what = f"its volume {missing[0]} does not exist" if missing else "no volumes found in it"
        raise FileFormatError(f"{path}: {what}; {remedy}")
    return [path.parent / f for f in files]


def _volume_files(node: Any, key: str = "", depth: int = 0) -> Iterator[str]:
    """Every file name held as "fullFileName" or "file" by something held as "volumes", however deep."""
    if depth > 16:
        return
    if isinstance(node, str):
        if key == "file" and Path(node).suffix.lower() in SUFFIXES:
            yield node
        return
    node = getattr(node, "properties", node)  # a MATLAB object
    if isinstance(node, dict):
        items = list(node.items())
    elif getattr(node, "dtype", None) is None:
        return
    elif node.dtype.names:  # an array of structs
        items = [(name, record[name]) for record in node.ravel() for name in node.dtype.names]
    elif node.dtype.kind in "OU":
        items = [("", item) for item in node.ravel().tolist()]
    else:
        return
    for name, value in items:
        inside = key or ("volumes" if name == "volumes" else "")
        if key == "volumes" and name in ("file", "fullFileName"):
            inside = "file"
        yield from _volume_files(value, inside, depth + 1)
