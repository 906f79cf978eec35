"""What a protocol's options are, read from its signature and docstring.

The command line and the form widgets are both generated from this, so that an option has one name, one
default, one range and one explanation everywhere. The options of a protocol are its keyword-only parameters,
except `progress`; its positional parameters are data, which each front end finds in its own way.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

_KINDS = (bool, int, float, str, Path)

Progress = Callable[[int, int, str], None]
"""Called with (done, total, what is being done); it may raise `errors.Cancelled` to stop the step."""


@dataclass(frozen=True)
class Bounds:
    """Smallest and largest sensible value of a number, and whether it is an advanced option."""

    minimum: float | None = None
    maximum: float | None = None
    advanced: bool = False


@dataclass(frozen=True)
class Option:
    """One option of a protocol.

    Parameters
    ----------
    name : str
        As in Python; the command line writes ``--name-with-dashes``.
    kind : type
        bool, int, float, str or pathlib.Path, or a tuple of them for a fixed number of values.
    optional : bool
        Whether None is a value.
    default : object
        `inspect.Parameter.empty` where one must be given.
    help : str
        From the docstring.
    choices : tuple of str
        Allowed words of a `Literal`.
    bounds : Bounds
    """

    name: str
    kind: Any
    optional: bool
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    bounds: Bounds = Bounds()

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is inspect.Parameter.empty


def parameter_help(function: Callable[..., Any]) -> dict[str, str]:
    """Read the descriptions in the "Parameters" section of a NumPy-style docstring."""
    text = inspect.getdoc(function) or ""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}|\Z)", text, re.M | re.S)
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", section.group(1) if section else ""):
        head, _, body = entry.partition("\n")
        for name in head.split(":")[0].split(","):
            found[name.strip()] = " ".join(body.split())
    return found


def options(function: Callable[..., Any]) -> tuple[Option, ...]:
    """Return the options of a protocol, in the order of its signature.

    Raises
    ------
    TypeError
        If an option's type is not one that a command line and a form can offer, or it is not documented:
        a defect of the protocol.
    """
    hints = get_type_hints(function, include_extras=True)
    documented = parameter_help(function)
    result = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not parameter.KEYWORD_ONLY or parameter.name == "progress":
            continue
        if not documented.get(parameter.name):
            raise TypeError(f"{function.__name__}: option {parameter.name!r} is not documented")
        kind, bounds, optional, choices = _resolve(hints[parameter.name])
        if kind not in _KINDS and get_origin(kind) is not tuple:
            raise TypeError(f"{function.__name__}: option {parameter.name!r} has the unusable type {kind}")
        result.append(
            Option(
                parameter.name,
                kind,
                optional,
                parameter.default,
                documented[parameter.name],
                choices,
                bounds,
            )
        )
    return tuple(result)


def _resolve(hint: Any) -> tuple[Any, Bounds, bool, tuple[str, ...]]:
    """Take a type hint apart into kind, bounds, whether None is allowed, and the words to choose from."""
    bounds = Bounds()
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        bounds = next((extra for extra in extras if isinstance(extra, Bounds)), bounds)
    optional = False
    if get_origin(hint) in (Union, types.UnionType):
        members = [member for member in get_args(hint) if member is not type(None)]
        optional = len(members) < len(get_args(hint))
        # a wider union is for Python callers; its first member is what a person can type
        hint = members[0]
        if get_origin(hint) is Annotated:
            hint, inner, _, _ = _resolve(hint)
            bounds = inner
    if get_origin(hint) is Literal:
        return str, bounds, optional, tuple(map(str, get_args(hint)))
    return hint, bounds, optional, ()
