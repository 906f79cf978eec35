"""Command-line options made from a protocol's own options."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import typer

from napari_tomopick.protocols.describe import Option, options

# what the field's users type, where it is shorter than the Python name
SHORT = {"box_size": "--box", "voxel_size_angstrom": "--voxel-size", "sphere_radius": "--radius"}
UNITS = ("_angstrom", "_degrees", "_kv", "_mm")


def flag(name: str) -> str:
    """Return the flag of an option: dashes for underscores, and the unit left to the help text."""
    if name in SHORT:
        return SHORT[name]
    for unit in UNITS:
        name = name.removesuffix(unit)
    return "--" + name.replace("_", "-")


def with_options(
    protocol: Callable[..., Any], *, leave_out: tuple[str, ...] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command every option of a protocol, in place of its own ``**options``.

    Parameters
    ----------
    protocol : callable
        The protocol; the command receives its options by their Python names.
    leave_out : tuple of str
        Options that the command sets by itself.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(command, eval_str=True)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        taken = {p.name for p in own}
        made = [
            _parameter(option)
            for option in options(protocol)
            if option.name not in leave_out and option.name not in taken
        ]

        @functools.wraps(command)
        def wrapper(**values: Any) -> Any:
            return command(**values)

        keyword = [p.replace(kind=p.KEYWORD_ONLY) for p in own]
        wrapper.__signature__ = signature.replace(parameters=keyword + made)  # type: ignore[attr-defined]
        return wrapper

    return decorate


def _parameter(option: Option) -> inspect.Parameter:
    kind = Literal[option.choices] if option.choices else option.kind  # type: ignore[valid-type]
    numeric = option.kind in (int, float)
    declaration = typer.Option(
        ... if option.required else option.default,
        flag(option.name),
        help=option.help,
        min=option.bounds.minimum if numeric else None,
        max=option.bounds.maximum if numeric else None,
        rich_help_panel="Advanced" if option.bounds.advanced else None,
        metavar="LOW HIGH" if get_origin(kind) is tuple and len(get_args(kind)) == 2 else None,
    )
    if option.kind is bool:
        declaration.param_decls = (f"{flag(option.name)}/--no-{flag(option.name)[2:]}",)
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=declaration,
        annotation=kind | None if option.optional else kind,
    )
