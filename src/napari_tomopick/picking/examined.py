"""`Examined`: a tomogram that the encoder has looked at, and the complexes it has seen there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_tomopick.geometry.coordinates import clipped_to_volume
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.picking.encoder import DESCRIPTION, Weights, described
from napari_tomopick.picking.kinds import at_places, background_of, sample_places, unit
from napari_tomopick.picking.matching import MATCHING_DIAMETER, MatchingVolume, whitened
from napari_tomopick.picking.score_map import apart
from napari_tomopick.picking.working_grid import WORKING_DIAMETER, WorkingGrid, normalised

SMOOTHING = 0.7
"""Standard deviation of the Gaussian that maps are smoothed with before their peaks are taken."""

_KEPT_BYTES = 1_500_000_000
_DISTINCT = -0.6  # of a complex from the background; it is about -0.9 where there is none
_CANDIDATES_APART = 4.0  # voxels of the working grid: complexes touch at some eight
_MAX_SHIFT = 2.0
_MAX_CANDIDATES = 6000

Report = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Examined:
    """A tomogram on the grids on which particles are looked for.

    Parameters
    ----------
    tomogram : Tomogram
    diameter : float
        Of a particle, in voxels of the tomogram.
    dark : bool
        Whether particles are dark.
    grid : WorkingGrid
        Of the encoder.
    volume : float32 array ``[z, y, x]``
        On that grid, normalised; particles are dark.
    source : array-like ``[z, y, x]``
        The tomogram's voxels.
    encoder : mapping
        Weights.
    """

    tomogram: Tomogram
    diameter: float
    dark: bool
    grid: WorkingGrid
    volume: NDArray[np.float32] = field(repr=False)
    source: Any = field(repr=False)
    encoder: Weights = field(repr=False)
    _kept: list[tuple[slice, NDArray[np.float16]]] = field(default_factory=list, repr=False)

    @classmethod
    def of(
        cls,
        tomogram: Tomogram,
        source: Any,
        encoder: Weights,
        *,
        diameter: float,
        working_diameter: float,
        dark: bool,
        report: Report | None = None,
    ) -> Examined:
        """Bring a tomogram to the encoder's sampling.

        Parameters
        ----------
        tomogram, source, encoder, diameter, dark
            As the class has them.
        working_diameter : float
            Diameter in voxels of the tomogram that becomes `WORKING_DIAMETER`: `diameter`, or what the
            field of view asks for.
        report : callable, optional
            Called with (sections done, sections).

        Raises
        ------
        ValueError
            If the tomogram is too small for such particles, empty, or not finite.
        """
        grid = WorkingGrid.for_diameter(tomogram.shape, working_diameter)
        volume = normalised(grid.resample(source, report) * np.float32(1 if dark else -1))
        return cls(tomogram, diameter, dark, grid, volume, source, encoder)

    def slabs(
        self, first: float | None = None, report: Report | None = None
    ) -> Iterator[tuple[slice, NDArray[np.floating]]]:
        """Descriptions and ways to the centre, slab by slab; see `encoder.described`.

        They are kept for the next time unless they would fill the memory.
        """
        if self._kept:
            yield from self._kept
            return
        keep = (DESCRIPTION + 3) * 2 * self.volume.size <= _KEPT_BYTES
        about_x = self.tomogram.acquisition.tilt_axis == "x"
        # the encoder knows tomograms tilted about y: others are turned, not mirrored, for it
        volume = np.ascontiguousarray(np.rot90(self.volume, axes=(1, 2))) if about_x else self.volume
        found: list[tuple[slice, NDArray[np.float16]]] = []
        for part, fields in described(self.encoder, volume, first=first, report=report):
            if about_x:
                fields = np.rot90(fields, -1, axes=(2, 3)).copy()
                fields[DESCRIPTION : DESCRIPTION + 2] = np.stack(
                    [-fields[DESCRIPTION + 1], fields[DESCRIPTION]]
                )
            if keep:
                found.append((part, fields.astype(np.float16)))
            yield part, fields
        # only what was gone through to its end is whole
        self._kept.extend(found)

    def of_all(
        self, function: Callable[[NDArray[np.float32]], NDArray[np.float32]], report: Report | None = None
    ) -> NDArray[np.float32]:
        """A map of some function of the descriptions ``(c, k, ny, nx)``, on the working grid."""
        whole = np.empty(self.grid.shape, np.float32)
        for part, fields in self.slabs(report=report):
            whole[part] = function(np.asarray(fields[:DESCRIPTION], np.float32))
        return whole

    @cached_property
    def background(self) -> NDArray[np.float32]:
        """The description that there is nearly everywhere."""
        index = sample_places(self.grid.shape)
        samples = np.empty((index.shape[1], DESCRIPTION), np.float32)
        for part, fields in self.slabs():
            here = (index[0] >= part.start) & (index[0] < part.stop)
            z, y, x = index[:, here]
            samples[here] = fields[:DESCRIPTION, z - part.start, y, x].T
        return background_of(unit(samples))

    @cached_property
    def shifts(self) -> NDArray[np.float16]:
        """The way x, y, z from each voxel to the centre of the complex there, ``(3, nz, ny, nx)``."""
        whole = np.empty((3, *self.grid.shape), np.float16)
        for part, fields in self.slabs():
            whole[:, part] = fields[DESCRIPTION:]
        return whole

    def descriptions(self, places: NDArray[np.float64]) -> NDArray[np.float32]:
        """Descriptions at places ``(n, 3)``, x, y, z in voxels of the tomogram: ``(n, c)``."""
        at = self.grid.to_grid(places)
        found = np.zeros((len(at), DESCRIPTION), np.float32)
        for part, fields in self.slabs():
            # within this slab, its last half voxel included
            here = (at[:, 2] >= part.start - 0.5) & (at[:, 2] < part.stop - 0.5)
            if part.start == 0:
                here |= at[:, 2] < -0.5
            if part.stop == self.grid.shape[0]:
                here |= at[:, 2] >= part.stop - 0.5
            if here.any():
                found[here] = at_places(fields[:DESCRIPTION], at[here] - [0, 0, part.start])
        return unit(found)

    @cached_property
    def complexes(self) -> NDArray[np.float64]:
        """Where there is any complex, ``(n, 3)``, x, y, z in voxels of the tomogram, clearest first."""
        background = self.background
        clear = self.of_all(lambda d: -np.tensordot(background, d, axes=1))
        clear = ndimage.gaussian_filter(clear, SMOOTHING, mode="nearest")
        peaks = (clear > _DISTINCT) & (clear == ndimage.maximum_filter(clear, size=3, mode="nearest"))
        index = np.argwhere(peaks)
        index = index[np.argsort(-clear[tuple(index.T)], kind="stable")]
        index = index[apart(index.astype(float), _CANDIDATES_APART, _MAX_CANDIDATES)]
        shift = self.shifts[(slice(None), *index.T)].T.astype(np.float64)
        places = self.grid.to_tomogram(index[:, ::-1] + np.clip(shift, -_MAX_SHIFT, _MAX_SHIFT))
        return clipped_to_volume(places, self.tomogram.shape)

    @cached_property
    def matching_grid(self) -> WorkingGrid:
        """The grid on which references are matched."""
        scale = WORKING_DIAMETER / MATCHING_DIAMETER
        return WorkingGrid.for_diameter(self.tomogram.shape, self.diameter * scale)

    @cached_property
    def matching(self) -> MatchingVolume:
        """The whitened volume on that grid; particles are dark."""
        volume = normalised(self.matching_grid.resample(self.source) * np.float32(1 if self.dark else -1))
        return MatchingVolume(whitened(volume), self.acquisition)

    @property
    def acquisition(self) -> Acquisition:
        """How the tilt series was taken."""
        return self.tomogram.acquisition
