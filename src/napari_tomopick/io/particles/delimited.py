"""Tables of text with a line of column names: comma, semicolon or tab between the fields."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.particles import lines

DELIMITERS = ("\t", ";", ",")
"""The first of them that is in the line of names separates the fields."""


@dataclass(frozen=True, eq=False)
class Delimited:
    """A table of text, and the line of the file that each row ends in.

    Parameters
    ----------
    path : Path
        Named in messages.
    frame : DataFrame of str
        None where a field is empty.
    lines : int array
    """

    path: Path
    frame: pd.DataFrame
    lines: NDArray[np.int64]

    def numbers(self, column: str, *, missing: bool = False) -> NDArray[np.float64]:
        """A column as finite numbers; with ``missing``, NaN where the field is empty or says nan.

        Raises
        ------
        FileFormatError
            Naming line, column and field.
        """
        texts = self.frame[column].tolist()
        try:
            values = np.array(texts, dtype=np.float64)
            if np.isfinite(values).all() and not any("_" in text for text in texts):
                return values
        except (ValueError, TypeError):
            pass
        found = np.full(len(texts), np.nan)
        for i, text in enumerate(texts):
            word = (text or "").strip()
            if not (missing and word.lower() in ("", "nan")):
                found[i] = lines.number(self.path, int(self.lines[i]), column, word)
        return found

    def whole_numbers(self, column: str) -> NDArray[np.int64]:
        """A column as whole numbers; see `numbers`."""
        values = self.numbers(column)
        bad = np.flatnonzero((values != np.round(values)) | (np.abs(values) > 2**53))
        if len(bad):
            row = int(bad[0])
            raise FileFormatError(
                f"{self.path}: line {self.lines[row]}, column {column}: {values[row]} is not a whole number"
            )
        return values.astype(np.int64)


def read_delimited(path: Path) -> Delimited:
    """Read a table with a line of names.

    Raises
    ------
    FileFormatError
        If there is no line of names, a name occurs twice, or a line has more or fewer fields than names.
    """
    content = lines.text_of(path)
    first = content.partition("\n")[0]
    if not first.strip():
        raise FileFormatError(f"{path}: line 1: not a CSV table: the line of column names is empty")
    delimiter = next((d for d in DELIMITERS if d in first), ",")
    # quoted fields may hold ends of lines, which stay as they are
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows: list[list[str]] = []
    numbers: list[int] = []
    try:
        names = [name.strip() for name in next(reader)]
        for row in reader:
            if not any(field.strip() for field in row) and len(row) != len(names):
                continue
            if len(row) != len(names):
                raise FileFormatError(f"{path}: {_wrong_length(reader.line_num, row, names, delimiter)}")
            rows.append(row)
            numbers.append(reader.line_num)
    except csv.Error as error:
        raise FileFormatError(f"{path}: line {reader.line_num}: not a CSV table: {error}") from error
    if all(lines.is_number(name) for name in names):
        raise FileFormatError(
            f"{path}: line 1: there are numbers where the names of the columns should be; put a line such as "
            f"{delimiter.join('xyz')} before it"
        )
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise FileFormatError(f"{path}: line 1: two columns have the name {twice[0]!r}")
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    frame = pd.DataFrame(
        {name: [field or None for field in fields] for name, fields in zip(names, columns, strict=True)},
        dtype=object,
    )
    return Delimited(path, frame, np.array(numbers, np.int64))


def _wrong_length(line: int, row: list[str], names: list[str], delimiter: str) -> str:
    text = f"line {line}: not a CSV table: {len(row)} fields, there are {len(names)} columns"
    if delimiter == "," and len(row) == 2 * len(names):
        text += "; if they have a decimal comma, write it with a point"
    return text
