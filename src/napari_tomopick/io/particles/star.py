"""STAR files through `starfile`: every block is kept, and what is damaged is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from napari_tomopick import __version__
from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.atomic import atomic_path

Block = pd.DataFrame | dict[str, Any]

AS_TEXT = [
    "rlnTomoName", "rlnTomoParticleName", "rlnMicrographName", "rlnImageName", "rlnCtfImage",
    "rlnOpticsGroupName", "rlnTomoVisibleFrames",
]  # fmt: skip
"""Columns that stay text although they may look like numbers, such as a tomogram named 0012."""


def read_blocks(path: Path) -> dict[str, Block]:
    """Every block of a STAR file: a table, or a dictionary where it is a simple one of one value each.

    Raises
    ------
    FileFormatError
        If the file is not STAR, or a row has the wrong number of columns.
    """
    import starfile

    try:
        blocks = starfile.read(path, always_dict=True, parse_as_string=AS_TEXT)
    except (ValueError, KeyError, IndexError, TypeError, pd.errors.ParserError) as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        raise FileFormatError(f"{path}: not a STAR file, or damaged: {reason}") from error
    if not blocks:
        raise FileFormatError(f"{path}: not a STAR file: no data_ block in it")
    return dict(blocks)


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


def _check(path: Path, text: str, what: str, forbidden: str) -> None:
    if any(c in text for c in forbidden + "\n\r"):
        raise FileFormatError(f"cannot write {path}: {what} holds a sign that a STAR file cannot; rename it")
