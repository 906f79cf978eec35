"""What particles are compared by: their boxes, or what the network makes of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.geometry.coordinates import inside_volume
from napari_tomopick.geometry.cropping import crop_oriented
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.picking.likeness import Comparison
from napari_tomopick.protocols.boxes_from import open_as_imported
from napari_tomopick.protocols.describe import Progress

KEPT_BYTES = 2**29
"""Boxes are held in memory up to this; what is beyond is cut anew whenever it is needed."""


@dataclass(frozen=True, eq=False)
class Lying:
    """Particles and where they lie.

    Parameters
    ----------
    particles : Particles
        In voxels of the tomograms.
    which : int array, shape (n,)
        The tomogram of each, by its place.
    tomograms : sequence of Tomogram
    """

    particles: Particles
    which: NDArray[np.int64]
    tomograms: Sequence[Tomogram]

    @cached_property
    def volumes(self) -> list[Any]:
        """The voxels of the tomograms, not read yet."""
        return [open_as_imported(tomogram) for tomogram in self.tomograms]

    @cached_property
    def signs(self) -> list[float]:
        """-1 for tomograms whose particles are said to be dark where others' are said to be bright."""
        dark = [tomogram.particles_are_dark for tomogram in self.tomograms]
        mixed = True in dark and False in dark
        return [-1.0 if mixed and is_dark else 1.0 for is_dark in dark]


class Boxes:
    """What is compared of boxes, as many of which are held as memory allows; called in several threads.

    Parameters
    ----------
    lying : Lying
    comparison : Comparison
    """

    def __init__(self, lying: Lying, comparison: Comparison) -> None:
        self._lying, self._comparison = lying, comparison
        self._volumes, self._signs = lying.volumes, lying.signs
        self._most = KEPT_BYTES // (4 * comparison.size**3)
        self._held: dict[int, NDArray[np.float32] | None] = {}

    def row(self, number: int) -> NDArray[np.float32] | None:
        """See `Source`; None where more than half of the box lies outside, or is no number."""
        box = self._box(number)
        return None if box is None else self._comparison.row(box)

    def best(self, number: int, others: NDArray[np.float64]) -> float:
        """See `Source`."""
        box = self._box(number)
        return math.nan if box is None else self._comparison.best(box, others)

    def _box(self, row: int) -> NDArray[np.float32] | None:
        if row in self._held:
            return self._held[row]
        box = self._cut(row)
        if len(self._held) < self._most:
            self._held[row] = box
        return box

    def _cut(self, row: int) -> NDArray[np.float32] | None:
        particles, number = self._lying.particles, int(self._lying.which[row])
        [box] = crop_oriented(
            self._volumes[number],
            particles.positions[row : row + 1],
            particles.rotations[row : row + 1],
            self._comparison.cut_size,
            fill=np.nan,
            threads=1,
        )
        empty = ~np.isfinite(box)
        if empty.mean() > 0.5:
            return None
        if empty.any():
            box[empty] = box[~empty].mean(dtype=np.float64)
        return self._comparison.prepared(box * np.float32(self._signs[number]))


class Descriptions:
    """What the network makes of the places of particles, which are looked at when this is made.

    Parameters
    ----------
    lying : Lying
    diameter : float
        Of a particle, in voxels of the tomograms.
    progress : callable, optional
        Called with (done, total, text).

    Raises
    ------
    ParameterError
        If a tomogram is too small for such particles.
    FileFormatError
        If a tomogram cannot be read, or has values that are not finite.
    MissingExtraError
        If PyTorch is not installed.
    """

    def __init__(self, lying: Lying, diameter: float, progress: Progress | None) -> None:
        from napari_tomopick.picking.described_places import descriptions_at
        from napari_tomopick.picking.encoder import pretrained
        from napari_tomopick.picking.examined import Examined
        from napari_tomopick.picking.working_grid import WorkingGrid

        positions = lying.particles.positions
        self._rows: list[NDArray[np.float32] | None] = [None] * len(positions)
        steps = 2 * len(lying.tomograms)
        for number, (tomogram, volume) in enumerate(zip(lying.tomograms, lying.volumes, strict=True)):
            rows = np.flatnonzero(lying.which == number)
            rows = rows[inside_volume(positions[rows], tomogram.shape)]
            if not len(rows):
                continue

            def report(done: int, total: int, step: int) -> None:
                if progress is not None:
                    text = f"looking at {tomogram.name}"  # noqa: B023  # it is called in this round
                    progress(step * total + done, steps * total, text)

            try:
                WorkingGrid.for_diameter(tomogram.shape, diameter)
            except ValueError as error:
                raise ParameterError(f"{tomogram.path.name}: {error}") from error
            try:
                examined = Examined.of(
                    tomogram,
                    volume,
                    pretrained(),
                    diameter=diameter,
                    working_diameter=diameter,
                    # nearly all are
                    dark=tomogram.particles_are_dark is not False,
                    report=lambda done, total, step=2 * number: report(done, total, step),  # type: ignore[misc]
                )
                found = descriptions_at(
                    examined,
                    positions[rows],
                    lambda done, total, step=2 * number + 1: report(done, total, step),  # type: ignore[misc]
                )
            except ValueError as error:
                raise FileFormatError(f"{tomogram.path.name}: {error}") from error
            for row, described in zip(rows.tolist(), found, strict=True):
                self._rows[row] = described

    def row(self, number: int) -> NDArray[np.float32] | None:
        """See `Source`; None outside the tomogram."""
        found = self._rows[number]
        return None if found is None else found[0]

    def best(self, number: int, others: NDArray[np.float64]) -> float:
        """See `Source`."""
        found = self._rows[number]
        return (
            math.nan if found is None else float((found @ others).max() / max(np.linalg.norm(others), 1e-12))
        )
