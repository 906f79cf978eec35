"""Picking with a trained reference network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from napari_tomopick.errors import ParameterError
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.picking.picker import Picker
from napari_tomopick.picking.score_map import FLOOR, ScoreMap
from napari_tomopick.picking.settings import suggested_box_size
from napari_tomopick.protocols import boxing
from napari_tomopick.protocols.describe import Bounds, Progress

APART = 0.6
"""Smallest distance of two particles unless another is given, in diameters: they may touch, sideways."""
_SAME_SIZE = 0.01


@dataclass(frozen=True)
class Picked:
    """Particles of one tomogram.

    Parameters
    ----------
    particles : Particles
        With their scores, best first; they have no orientation.
    scores : ScoreMap
    threshold : float
        The score from which places count.
    messages : tuple of str
    """

    particles: Particles
    scores: ScoreMap
    threshold: float
    messages: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """How many were found, and what a user should know."""
        n = len(self.particles)
        return [
            f"{n} particle{'s' if n != 1 else ''} with a score of {self.threshold:.2f} or more",
            *self.messages,
        ]


def pick(
    tomogram: Tomogram,
    picker: Picker,
    *,
    threshold: Annotated[float | None, Bounds(FLOOR, 1.0)] = None,
    minimum_distance: Annotated[float | None, Bounds(0, 10_000)] = None,
    maximum_number: Annotated[int | None, Bounds(1, None)] = None,
    box_size: Annotated[int | None, Bounds(2, 4096)] = None,
    group: Annotated[int, Bounds(0, None)] = 1,
    progress: Progress | None = None,
) -> Picked:
    """Find particles in a tomogram with a network that was trained on this one or on another.

    Parameters
    ----------
    tomogram : Tomogram
        Of any voxel size: it is brought to the sampling of the network.
    picker : Picker
    threshold : float, optional
        Lowest score of a particle, from 0.05 to 1. Default: the network's own.
    minimum_distance : float, optional
        Of two particles, in voxels. Default: 0.6 diameters.
    maximum_number : int, optional
        Only the best so many.
    box_size : int, optional
        Box size of the particles in voxels. Default: one and a half diameters.
    group : int
        Group id of the particles.
    progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    Picked

    Raises
    ------
    ParameterError
        If a parameter makes no sense, or a particle is as large as the tomogram.
    FileFormatError
        If the tomogram cannot be read.
    MissingExtraError
        If PyTorch is not installed.
    """
    if threshold is not None and not FLOOR <= threshold <= 1:
        raise ParameterError(f"the threshold is a score from {FLOOR:g} to 1, got {threshold:g}")
    if minimum_distance is not None and not (np.isfinite(minimum_distance) and minimum_distance >= 0):
        raise ParameterError(f"the minimum distance must be 0 or more voxels, got {minimum_distance}")
    if maximum_number is not None and maximum_number < 1:
        raise ParameterError(f"the maximum number must be 1 or more, got {maximum_number}")
    size = tomogram.voxel_size_angstrom
    diameter = picker.diameter(size)
    scores = boxing.score(tomogram, picker, progress=progress)
    level = picker.threshold if threshold is None else threshold
    apart = APART * diameter if minimum_distance is None else minimum_distance
    positions, values = scores.peaks(level, apart, maximum_number)
    messages = []
    if abs(size / picker.voxel_size_angstrom - 1) > _SAME_SIZE:
        messages.append(
            f"the network was trained at {picker.voxel_size_angstrom:g} Å per voxel and the tomogram has "
            f"{size:g} Å: it was resampled"
        )
    particles = Particles(
        positions,
        scores=values,
        groups=np.full(len(positions), group),
        tomograms=np.full(len(positions), tomogram.name),
        voxel_size_angstrom=size,
        box_size=suggested_box_size(diameter) if box_size is None else box_size,
    )
    return Picked(particles, scores, level, tuple(messages))
