"""Text files of numbers, read without trusting them."""

from __future__ import annotations

import math
import re
from pathlib import Path

from napari_tomopick.errors import FileFormatError

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?")


def text_of(path: Path) -> str:
    """The text of a file, with its own ends of lines.

    Raises
    ------
    FileFormatError
        If it cannot be read, or is no text.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path}: not text: byte {error.start} is none of UTF-8") from error


def is_number(word: str) -> bool:
    """Whether a word is written as a number; "nan", "inf" and "1_000" are not."""
    return _NUMBER.fullmatch(word) is not None


def number(path: Path, line: int, column: str, word: str) -> float:
    """A word of a file as a finite number.

    Raises
    ------
    FileFormatError
        Naming line, column and word; a decimal comma is named as such.
    """
    if is_number(word):
        value = float(re.sub("[dD]", "e", word))  # Fortran's double precision
        if math.isfinite(value):
            return value
    hint = ""
    if is_number(word.replace(",", ".", 1)) and "," in word:
        hint = "; it seems to have a decimal comma, write it with a point"
    raise FileFormatError(f"{path}: line {line}, column {column}: {word[:60]!r} is not a number{hint}")


def whole_number(path: Path, line: int, column: str, word: str) -> int:
    """A word of a file as a whole number; see `number`."""
    value = number(path, line, column, word)
    if value != round(value) or abs(value) > 2**53:
        raise FileFormatError(f"{path}: line {line}, column {column}: {word[:60]!r} is not a whole number")
    return round(value)
