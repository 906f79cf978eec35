"""STAR files through `starfile`: every block is kept, and what is damaged is said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from napari_tomopick import __version__
from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.atomic import atomic_path

Block = pd.DataFrame | dict[str, Any]

AS_TEXT = [
    "rlnTomoName", "rlnTomoParticleName", "rlnMicrographName", "rlnImageName", "rlnCtfImage",
    "rlnOpticsGroupName", "rlnTomoVisibleFrames", "wrpSourceName", "tomopickTomoName", "halfset",
]  # fmt: skip
"""Columns that stay text although they may look like numbers, such as a tomogram named 0012."""
HEAD_BYTES = 1 << 16


def kind(path: Path) -> Literal["stopgap", "warp", "relion"]:
    """Whose file it is, by the labels and names at its beginning; RELION's where it is neither other's."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if b"_motl_idx" in head or b"data_stopgap_motivelist" in head:
        return "stopgap"
    return "warp" if b".tomostar" in head or b"_wrpCoordinate" in head else "relion"


def read_blocks(path: Path, known: Sequence[str] = ()) -> dict[str, Block]:
    """Every block of a STAR file: a table, or a dictionary where it is a simple one of one value each.

    Parameters
    ----------
    path : Path
    known : sequence of str
        Labels besides RELION's and M's that are known to be numbers where they look like numbers.

    Raises
    ------
    FileFormatError
        If the file is not STAR, or a row has the wrong number of columns.
    """
    import starfile

    # of a column RELION does not know, nobody can say whether 0012 is a number
    unknown = [c for c in _labels(path) if not c.startswith(("rln", "wrp")) and c not in known]
    try:
        blocks = starfile.read(path, always_dict=True, parse_as_string=[*AS_TEXT, *unknown])
    except (ValueError, KeyError, IndexError, TypeError, pd.errors.ParserError) as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        raise FileFormatError(
            f"{path}: {_ragged(path) or f'not a STAR file, or damaged: {reason}'}"
        ) from error
    if not blocks:
        raise FileFormatError(f"{path}: not a STAR file: no data_ block in it")
    found: dict[str, Block] = {}
    for name, block in blocks.items():
        if isinstance(block, pd.DataFrame):
            if block.columns.has_duplicates:
                twice = block.columns[block.columns.duplicated()][0]
                raise FileFormatError(f"{path}: data_{name}: the column _{twice} occurs twice")
            # a row that ends too soon is filled up with nothing, which a word "nan" is not
            if len(block) and block.iloc[:, -1].isna().any() and (ragged := _ragged(path)):
                raise FileFormatError(f"{path}: {ragged}")
            for column in [c for c in block if c in unknown and c not in AS_TEXT]:
                block[column] = _typed(block[column])
        elif block is not None:
            block = {k: _typed_value(v) if k in unknown and k not in AS_TEXT else v for k, v in block.items()}
        found[name] = {} if block is None else block
    return found


def first_line(path: Path, block: str) -> int:
    """The line of the file in which the first row of a table stands; 1 if there is none."""
    return next((number for number, name, _, _ in _rows(path) if name == block), 1)


def write_blocks(path: Path, blocks: dict[str, Block]) -> None:
    """Write a STAR file, atomically.

    Raises
    ------
    FileFormatError
        If a name or a text cannot stand in a STAR file.
    TomopickError
        If the file cannot be written.
    """
    import starfile

    for block in blocks.values():
        if isinstance(block, dict):
            continue  # came from a STAR file as it is
        for column in block.columns:
            _check(path, str(column), f"the column name {str(column)!r}", " \t#'\"")
            if block[column].dtype.kind not in "iufb":
                for value in block[column]:
                    _check(path, str(value), f"column {column}: {value!r}", "#'\"")
    # ten digits: positions to 1e-6 voxel, angles to 1e-8 radian
    lines = starfile.to_string(blocks, float_format="%.10g", na_rep="nan").splitlines()
    # starfile's first line holds the time, and the same particles should give the same bytes
    lines[0] = f"# napari-tomopick {__version__}"
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def exactly(frame: pd.DataFrame) -> pd.DataFrame:
    """A table whose numbers are written with as many digits as they need to come back as they are."""
    frame = frame.copy()
    for column in frame.columns:
        if frame[column].dtype.kind != "f":
            continue
        values = frame[column].to_numpy()
        short = np.char.mod("%.10g", values).astype(np.float64) if len(values) else values
        if not np.array_equal(short, values, equal_nan=True):
            frame[column] = pd.Series([repr(float(v)) for v in values], index=frame.index, dtype=object)
    return frame


def _check(path: Path, text: str, what: str, forbidden: str) -> None:
    if any(c in text for c in forbidden + "\n\r"):
        raise FileFormatError(f"cannot write {path}: {what} holds a sign that a STAR file cannot; rename it")


def _labels(path: Path) -> list[str]:
    """Every label of the file, of whatever block."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path}: not a STAR file: {error}") from error
    return list(dict.fromkeys(re.findall(r"^[ \t]*_(\S+)", text, re.M)))


def _typed(column: pd.Series) -> pd.Series:
    """Numbers where all are written as numbers are; else text ("007" is a name)."""
    try:
        numeric = pd.to_numeric(column)
    except ValueError:
        return column
    if column.isna().all() or column.str.match(r"[+-]?0\d", na=False).any():
        return column
    return numeric


def _typed_value(text: str) -> str | int | float:
    return _typed(pd.Series([text], dtype=object)).tolist()[0]


def _ragged(path: Path) -> str:
    """Which row has another number of values than its table has columns; "" if none has."""
    for number, name, labels, line in _rows(path):
        count = len(re.findall(r'"[^"]*"|\'[^\']*\'|\S+', line))
        if count != len(labels):
            last = f" (the last one with a value is {labels[count - 1]})" if 0 < count < len(labels) else ""
            return f"damaged: line {number}: {count} values{last}; data_{name} has {len(labels)} columns"
    return ""


def _rows(path: Path) -> Iterator[tuple[int, str, list[str], str]]:
    """Line number, block, labels and text of every row of every table."""
    name, in_loop = "", False
    labels: list[str] = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, raw in enumerate(file, 1):
            line = raw.split("#")[0].strip() if not raw.lstrip().startswith("_") else raw.strip()
            if line.startswith("data_"):
                name, labels, in_loop = line[5:], [], False
            elif line.startswith("loop_"):
                in_loop = True
            elif line.startswith("_"):
                labels.append(line.split()[0][1:])
            elif line and in_loop:
                yield number, name, labels, line
