"""JSON files of other programs, read without trusting them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from napari_tomopick.errors import FileFormatError

LARGEST_WHOLE = 2**53
"""Beyond it, neighbouring whole numbers are one in JSON readers that know floats only."""


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises
    ------
    FileFormatError
        With line and column of what is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_int=_whole)
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror or error}") from error
    except json.JSONDecodeError as error:
        raise FileFormatError(
            f"{path}: line {error.lineno}, column {error.colno}: not JSON: {error.msg}"
        ) from error
    except RecursionError as error:
        raise FileFormatError(f"{path}: not a file of particles: lists within lists without end") from error
    except ValueError as error:  # no text
        raise FileFormatError(f"{path}: not JSON: {error}") from error


def has_keys(path: Path, *keys: str) -> bool:
    """Whether the file is a JSON mapping with all of these keys; False if it is no JSON."""
    try:
        content = read_json(path)
    except FileFormatError:
        return False
    return isinstance(content, dict) and all(key in content for key in keys)


def is_number(value: Any) -> bool:
    """Whether a value of a JSON file is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(digits: str) -> int | float:
    # thousands of digits are no number of anything, and take long to read
    return int(digits) if len(digits) < 20 else float(digits)
