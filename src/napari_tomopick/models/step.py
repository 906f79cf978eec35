"""`Step`: what made a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from napari_tomopick import __version__


@dataclass(frozen=True)
class Step:
    """One run of one step of the workflow, enough to repeat it.

    Parameters
    ----------
    name : str
        Name of the step as on the command line ("crop-points"), or "import", "manual".
    parameters : mapping
        Every parameter with the value used, defaults included; values that JSON can hold.
    inputs : tuple of str
        Files, or names of models and particle sets, that went in.
    seed : int, optional
        Seed of its random part.
    version : str
        Version of this program.
    created : str
        UTC time, ISO 8601.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    seed: int | None = None
    version: str = __version__
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
