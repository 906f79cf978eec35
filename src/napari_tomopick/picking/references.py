"""What a user has shown of one kind of particle in one tomogram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import ModelError
from napari_tomopick.geometry.coordinates import as_positions, inside_volume
from napari_tomopick.models.tomogram import Tomogram

ADVISED = 5
"""So many references of either class are advised."""


@dataclass(frozen=True, eq=False)
class References:
    """Places that are particles, and places that are not.

    Parameters
    ----------
    tomogram : Tomogram
    positive, negative : array, shape (n, 3)
        x, y, z in voxels of the tomogram.

    Raises
    ------
    ModelError
        If a place lies outside the tomogram.
    """

    tomogram: Tomogram
    positive: NDArray[np.float64]
    negative: NDArray[np.float64]

    def __post_init__(self) -> None:
        for role in ("positive", "negative"):
            places = as_positions(getattr(self, role))
            outside = ~inside_volume(places, self.tomogram.shape) if len(places) else np.zeros(0, bool)
            if outside.any():
                x, y, z = places[outside][0].tolist()
                nz, ny, nx = self.tomogram.shape
                raise ModelError(
                    f"{int(outside.sum())} {role} references lie outside tomogram {self.tomogram.name!r} of "
                    f"{nx} x {ny} x {nz} voxels (x, y, z), the first at ({x:g}, {y:g}, {z:g}): "
                    "are they those of another tomogram, or of another binning?"
                )
            object.__setattr__(self, role, places)


def check_classes(positive: int, negative: int) -> None:
    """See that there are references of both classes.

    Raises
    ------
    ModelError
        Naming the class that is missing.
    """
    for count, role, what in ((positive, "positive", "particles"), (negative, "negative", "no particles")):
        if not count:
            raise ModelError(
                f"there is no {role} reference: mark at least one place, better {ADVISED}, where there are "
                f"{what}"
            )


def still_missing(positive: int, negative: int) -> str:
    """How many more of which class are advised; "" where there is enough of both."""
    return " and ".join(
        f"{ADVISED - count} more {role}"
        for role, count in (("positive", positive), ("negative", negative))
        if count < ADVISED
    )


def advice(positive: int, negative: int) -> str:
    """What is still to be marked; "" where there is enough of both classes."""
    missing = still_missing(positive, negative)
    return f"at least {ADVISED} references of each class are advised: {missing}" if missing else ""
