"""Tables of numbers that pandas has pickled, read without running what a pickle may say.

A pickle is a program: it calls what it names. Here it gets nothing to call. Every name stands for a record of
the arguments it is given, and of those that a table is made of the numbers are taken: the blocks of a
DataFrame, which rows of each are which columns, and their names. Any other name is an error.

Tried with what pandas 1.5, 2.0, 2.2 and 3.1 write, with protocols from 3 on; names of columns that pyarrow
keeps (pandas 3) are refused.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError

LARGEST_BYTES = 1 << 30


class _Part:
    """What something was called with, and what was put into it."""

    def __new__(cls, *args: Any) -> _Part:
        part = object.__new__(cls)
        part.args, part.state = args, None
        return part

    def __init__(self, *_args: Any) -> None:
        self.args: tuple[Any, ...]
        self.state: Any

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Frame(_Part):
    pass


class _ArrayOfBytes(_Part):
    pass


class _Slice(_Part):
    pass


PARTS: dict[str, type[_Part]] = {
    "builtins.slice": _Slice,
    "numpy.ndarray": _Part,
    "numpy.dtype": _Part,
    "numpy.core.multiarray._reconstruct": _Part,
    "numpy._core.multiarray._reconstruct": _Part,
    "numpy.core.numeric._frombuffer": _ArrayOfBytes,
    "numpy._core.numeric._frombuffer": _ArrayOfBytes,
    "pandas.DataFrame": _Frame,
    "pandas.core.frame.DataFrame": _Frame,
    "pandas.core.internals.managers.BlockManager": _Part,
    "pandas._libs.internals._unpickle_block": _Part,
    "pandas.core.indexes.base._new_Index": _Part,
    "pandas.Index": _Part,
    "pandas.core.indexes.base.Index": _Part,
    "pandas.core.indexes.numeric.Int64Index": _Part,
    "pandas.RangeIndex": _Part,
    "pandas.core.indexes.range.RangeIndex": _Part,
}
"""All that a table of numbers is made of, by the name that a pickle has for it."""


class _Refused(Exception):
    """The pickle asks for something else."""


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in PARTS:
            raise _Refused(f"{module}.{name}")
        return PARTS[f"{module}.{name}"]

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("something outside the file")


def read_pickled_table(path: Path) -> pd.DataFrame:
    """The columns of a pickled DataFrame that are numbers or text, with its ``attrs``; rows are counted anew.

    Raises
    ------
    FileFormatError
        If it is damaged, too large, something else, or made of other parts than tables of numbers are.
    """
    if path.stat().st_size > LARGEST_BYTES:
        raise FileFormatError(f"{path}: {path.stat().st_size / 1e9:.1f} GB is no list of particles")
    try:
        content = path.read_bytes()
        # what ends too soon is noticed here, before memory is set aside for it
        for _ in pickletools.genops(content):
            pass
        found = _Reader(io.BytesIO(content)).load()
        if not isinstance(found, _Frame) or not isinstance(found.state, dict):
            raise FileFormatError(f"{path}: no pickled table, but {_what(found)}")
        table = pd.DataFrame(_columns(found.state["_mgr"]))
        attrs = found.state.get("attrs")
    except _Refused as refused:
        raise FileFormatError(
            f"{path}: not opened: it is a pickle that asks for {refused}, of which no table of numbers is "
            "made; save the table as text (.coords, .cbox, .csv)"
        ) from refused
    except (FileFormatError, OSError):
        raise
    except Exception as error:  # a damaged pickle raises what it happens to run into
        raise FileFormatError(f"{path}: damaged, or no table of pandas: {error!r:.100}") from error
    table.attrs = attrs if isinstance(attrs, dict) else {}
    return table


def _columns(blocks: _Part) -> dict[str, NDArray[Any]]:
    """Each column by its name, in their order."""
    parts, axes = blocks.args
    names = [str(name) for name in _index(axes[0])]
    found: dict[int, NDArray[Any]] = {}
    for part in parts:
        values, placement, _ = part.args
        rows = _array(values)
        for row, column in zip(rows, _placement(placement, len(names)), strict=True):
            found[column] = row
    if sorted(found) != list(range(len(names))) or len(set(names)) != len(names):
        raise ValueError("columns and names do not fit together")
    return {name: found[i] for i, name in enumerate(names)}


def _placement(placement: Any, count: int) -> list[int]:
    if isinstance(placement, _Slice):
        return list(range(count))[slice(*placement.args)]
    return [int(i) for i in _array(placement)]


def _index(part: _Part) -> list[Any]:
    """The values of an index of names."""
    _, fields = part.args
    data = fields["data"]
    return list(data) if isinstance(data, list) else _array(data).tolist()


def _array(part: Any) -> NDArray[Any]:
    """The values of an array of numbers, or of text."""
    if isinstance(part, _ArrayOfBytes):
        data, dtype, shape, order = part.args
    else:
        _, shape, dtype, fortran, data = part.state
        order = "F" if fortran else "C"
    kind = _dtype(dtype)
    if kind == "O":
        if not all(value is None or isinstance(value, str | int | float) for value in data):
            raise ValueError("a column that is neither numbers nor text")
        flat = np.empty(len(data), object)
        flat[:] = data
    else:
        flat = np.frombuffer(data, kind)
    return flat.reshape(tuple(int(n) for n in shape), order="F" if order == "F" else "C")


def _dtype(part: _Part) -> str:
    """A type as numpy writes it, of numbers or objects."""
    name = str(part.args[0])
    if not re.fullmatch(r"[biuf][1248]|O8?", name):
        raise ValueError(f"values of the type {name!r:.20}")
    byte_order = part.state[1] if part.state is not None else "|"
    return "O" if name.startswith("O") else (">" if byte_order == ">" else "<") + name


def _what(found: Any) -> str:
    return "what a table is made of" if isinstance(found, _Part) else f"a {type(found).__name__}"
