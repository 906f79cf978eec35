"""MATLAB files with objects in them (Dynamo's catalogues and models), through `mat-io`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError


def load(path: Path, what: str, remedy: str) -> dict[str, Any]:
    """The variables of a file.

    Parameters
    ----------
    path : Path
    what : str
        What the file is, for the message.
    remedy : str
        What to do without mat-io.

    Raises
    ------
    FileFormatError
        If mat-io is not installed, or cannot read the file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # mat-io sets a pandas option that newer pandas calls outdated
            from matio import load_from_mat
    except ImportError as error:
        raise FileFormatError(
            f"{path}: reading a {what} needs mat-io (pip install 'napari-tomopick[dynamo]'); or {remedy}"
        ) from error
    try:
        return dict(load_from_mat(str(path)))
    except Exception as error:  # whatever a decoder of dumped MATLAB objects raises is about this file
        raise FileFormatError(f"{path}: mat-io cannot read this {what} ({error}); {remedy}") from error


def properties(node: Any) -> dict[str, Any] | None:
    """What an object or a struct holds, by name; None for anything else."""
    node = getattr(node, "properties", node)
    if isinstance(node, dict):
        return node
    names = getattr(getattr(node, "dtype", None), "names", None)
    if names and node.size == 1:
        record = node.ravel()[0]
        return {name: record[name] for name in names}
    return None


def children(node: Any) -> list[Any]:
    """What a cell array, an array of objects or of structs, an object or a struct holds."""
    held = properties(node)
    if held is not None:
        return list(held.values())
    dtype = getattr(node, "dtype", None)
    if dtype is None:
        return []
    if dtype.names:
        return [{name: record[name] for name in dtype.names} for record in node.ravel()]
    return list(node.ravel()) if dtype.kind == "O" else []


def text(value: Any) -> str:
    """A char array as text; "" for anything else."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "UO" and value.size == 1:
        value = value.ravel()[0]
    return str(value) if isinstance(value, str) else ""


def numbers(value: Any) -> NDArray[np.float64] | None:
    """A numeric array, or None."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "iufb":
        return value.astype(np.float64)
    return np.array([[float(value)]]) if isinstance(value, (int, float)) else None
