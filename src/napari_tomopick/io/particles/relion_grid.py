"""On which grid the coordinates of a RELION file count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.particles import common
from napari_tomopick.io.particles.relion_columns import (
    DETECTOR,
    MAGNIFICATION,
    OPTICS_GROUP,
    PIXEL_SIZES,
    WARP_PIXEL_SIZES,
    WARP_SUFFIX,
)
from napari_tomopick.models.tomogram import Tomogram


def pixel_sizes(names: NDArray[np.str_]) -> tuple[str, ...]:
    """Where the pixel size of a file with these names of tomograms is looked for."""
    return WARP_PIXEL_SIZES if any(n.endswith(WARP_SUFFIX) for n in np.unique(names)) else PIXEL_SIZES


def pixel_size(
    path: Path, frame: pd.DataFrame, optics: pd.DataFrame | None, order: Sequence[str], line: int = 1
) -> float | None:
    """The size of the pixel that coordinates count in; None where the file does not say it.

    Parameters
    ----------
    path : Path
    frame, optics : DataFrame
        The particles, and the optics groups where there are any.
    order : sequence of str
        Which columns are looked at, in this order.
    line : int
        Line of the file in which the first particle stands.

    Raises
    ------
    FileFormatError
        If particles have several, or it is not positive.
    """
    for column in order:
        if column in frame:
            sizes = common.numbers(path, frame, column, first_row=line)
        elif optics is not None and column in optics:
            sizes = common.numbers(path, optics, column)
            if OPTICS_GROUP in frame and _same_kind(frame[OPTICS_GROUP], optics.get(OPTICS_GROUP)):
                used = set(frame[OPTICS_GROUP].tolist())
                sizes = sizes[[g in used for g in optics[OPTICS_GROUP].tolist()]]
        else:
            continue
        return _positive(path, sizes, column)
    if DETECTOR in frame and MAGNIFICATION in frame:
        magnification = common.numbers(path, frame, MAGNIFICATION, first_row=line)
        _positive(path, magnification, MAGNIFICATION)
        detector = common.numbers(path, frame, DETECTOR, first_row=line)
        return _positive(path, detector * 1e4 / magnification, DETECTOR)
    return None


def _same_kind(first: pd.Series, second: pd.Series | None) -> bool:
    # Warp names the optics group of a particle where RELION numbers it
    return second is not None and first.dtype.kind == second.dtype.kind


def _positive(path: Path, sizes: NDArray[np.float64], column: str) -> float | None:
    size = common.one_value(path, sizes, "pixel sizes")
    if size is not None and size <= 0:
        raise FileFormatError(f"{path}: {column} must be positive, it is {size}")
    return size


def reference(tomogram: Tomogram, tomograms: Sequence[Tomogram]) -> tuple[Tomogram, float]:
    """The tomogram RELION's centre refers to, and how many of its voxels make one of ``tomogram``'s.

    A copy binned here lies up to half a voxel off where RELION, which samples instead of averaging, puts one
    of that size; so the centre is taken in the tomogram it was binned from.
    """
    by_name, factor = {t.name: t for t in tomograms}, 1.0
    while tomogram.source in by_name:
        factor *= tomogram.binning
        tomogram = by_name.pop(tomogram.source)
    return tomogram, factor
