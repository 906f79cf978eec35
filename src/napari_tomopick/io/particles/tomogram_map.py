"""Numbers of tomograms and the files that they stand for: Dynamo's .doc and .vll, STOPGAP's tomolist.

All are text: a number and a file in each line, but for .vll, in which the number is that of the line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.atomic import atomic_path
from napari_tomopick.models.tomogram import Tomogram

LIST_SUFFIX = ".vll"


def read_map(candidates: Sequence[Path]) -> dict[int, str]:
    """The tomogram files by number, of the first of these files that exists; empty if none does.

    Raises
    ------
    FileFormatError
        If a line is not a number and a file.
    """
    path = next((p for p in candidates if p.is_file()), None)
    if path is None:
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path}: not a map of tomograms: {error}") from error
    if path.suffix.lower() == LIST_SUFFIX:
        return dict(enumerate(entries_of_list(lines), 1))
    files: dict[int, str] = {}
    for number, line in enumerate(lines, 1):
        parts = line.split(None, 1)
        if not parts:
            continue
        if len(parts) != 2 or not parts[0].isdigit():
            raise FileFormatError(f"{path}: line {number}: {line!r} is not an index and a file")
        files[int(parts[0])] = parts[1].strip()
    return files


def entries_of_list(lines: Sequence[str]) -> list[str]:
    """The volumes of a .vll; it knows comments and lines with properties of a volume ("* label = ...")."""
    entries = (line.split("#")[0].strip() for line in lines)
    return [entry for entry in entries if entry and not entry.startswith("*")]


def names_of(
    index: NDArray[np.int64], files: Mapping[int, str], tomograms: Sequence[Tomogram]
) -> NDArray[np.str_]:
    """Names of tomograms for their numbers: by their files, else the only tomogram given, else the number."""
    names: dict[int, str] = {}
    numbers = np.unique(index).tolist()
    for i in numbers:
        if i in files:
            names[i] = _name_of(files[i], tomograms)
        elif len(tomograms) == 1 and len(numbers) == 1:
            names[i] = tomograms[0].name
        else:
            names[i] = str(i) if i else ""
    return np.array([names[i] for i in index.tolist()], dtype=np.str_)


def numbers_of(names: NDArray[np.str_], came: NDArray[np.float64] | None = None) -> dict[str, int]:
    """A number for each tomogram; 0 for particles that lie in none.

    Parameters
    ----------
    names : array, shape (n,)
        Of each particle's tomogram.
    came : array, shape (n,), optional
        The numbers that came with the particles. They stay where each stands for one name; else names that
        are numbers are these, and others are counted from 1.
    """
    found = list(dict.fromkeys(names.tolist()))
    if came is not None and ((came == np.round(came)) & (came >= 0) & (came <= 2**53)).all():
        pairs = set(zip(names.tolist(), came.astype(np.int64).tolist(), strict=True))
        if len(pairs) == len(found) == len({number for _, number in pairs}):
            return {name: dict(pairs)[name] for name in found}
    named = [n for n in found if n]
    if all(n.isascii() and n.isdigit() and str(int(n)) == n and int(n) > 0 for n in named):
        return {n: int(n or 0) for n in found}
    return {n: named.index(n) + 1 if n else 0 for n in found}


def write_map(path: Path, numbers: Mapping[str, int], tomograms: Sequence[Tomogram]) -> tuple[Path, ...]:
    """Write the map of these tomograms, with the files of those that are given; nothing if none has a name.

    Raises
    ------
    TomopickError
        If the file cannot be written.
    """
    by_name = {t.name: str(t.path) for t in tomograms}
    lines = [f"{i}\t{by_name.get(name, name)}\n" for name, i in numbers.items() if name]
    if not lines:
        return ()
    with atomic_path(path) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
    return (path,)


def _name_of(file: str, tomograms: Sequence[Tomogram]) -> str:
    for tomogram in tomograms:
        if file in (str(tomogram.path), tomogram.path.name, tomogram.name):
            return tomogram.name
    stem = Path(file).stem
    return next((t.name for t in tomograms if t.path.stem == stem), stem)
