"""`Look`: what there is to see of models, while they are made and when they are done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.fourier_shells import resolution_at
from napari_tomopick.io.volumes import open_volume
from napari_tomopick.layers.initial_model_pictures import Sections, central_sections, solid

if TYPE_CHECKING:
    from napari_tomopick.protocols.initial_model import InitialModel, InitialModelState

HALVES_AGREE = 0.143
THRESHOLDS = (HALVES_AGREE, 0.5)
"""Correlations of two halves at which a resolution is read off."""


class Look:
    """Never changes, but for pictures that are made when they are first asked for.

    Parameters
    ----------
    maps : tuple of arrays, shape (M, M, M)
        One per class, particles bright.
    voxel_size_angstrom : float
    directions : array, shape (n, 3)
        Where the z axes of the particles point in the tomogram; NaN where that is not known yet.
    classes : int array, shape (n,)
        0-based; -1 where that is not known yet.
    curves : tuple of tuples of float
        Scores of the steps of each start, and of the refinement if ``refined``.
    ahead : int
        The start that the maps are of.
    refined : bool
        Whether the last of the curves is that of the refinement.
    correlations : tuple of arrays, shape (M // 2 + 1,)
        Fourier shell correlation of the halves of each class; empty while there are none.
    """

    def __init__(
        self,
        maps: tuple[NDArray[np.float32], ...],
        voxel_size_angstrom: float,
        directions: NDArray[np.float64],
        classes: NDArray[np.int64],
        curves: tuple[tuple[float, ...], ...],
        ahead: int | None,
        refined: bool,
        correlations: tuple[NDArray[np.float64], ...] = (),
    ) -> None:
        self.maps, self.voxel_size_angstrom = maps, voxel_size_angstrom
        self._directions, self._classes = directions, classes
        self.curves, self.ahead, self.refined = curves, ahead, refined
        self.correlations = correlations
        self._sections: dict[int, Sections] = {}
        self._solids: dict[int, NDArray[np.uint8]] = {}

    @classmethod
    def of_state(cls, state: InitialModelState) -> Look:
        """What is seen while it is made."""
        model = state.model
        known = np.isfinite(model.scores) & (model.classes >= 0)
        directions = np.full((len(known), 3), np.nan)
        if known.any():
            directions[known] = Rotation.from_quat(model.turns[known]).apply([0.0, 0, 1])
        return cls(
            model.maps,
            state.voxel_size_angstrom,
            directions,
            np.where(known, model.classes, -1),
            model.curves,
            model.start,
            model.stage == "refinement",
            model.correlations,
        )

    @classmethod
    def of_result(cls, result: InitialModel, before: Look | None) -> Look:
        """What is seen in the end; which start was kept is known from what was seen before."""
        particles = result.particles
        # classes without particles have no map, and are the last
        classes = particles.table["rlnClassNumber"].to_numpy(np.int64) - 1
        return cls(
            tuple(np.asarray(open_volume(each.path).data[:], np.float32) for each in result.classes),
            result.voxel_size_angstrom,
            particles.rotations.apply([0.0, 0, 1]).reshape(-1, 3),
            classes,
            result.curves,
            None if before is None else before.ahead,
            before is not None and before.refined,
            tuple(each.correlation for each in result.classes),
        )

    @property
    def count(self) -> int:
        """How many classes there are."""
        return len(self.maps)

    def members(self, number: int) -> int:
        """How many particles a class has."""
        return int((self._classes == number).sum())

    def directions(self, number: int) -> NDArray[np.float64]:
        """Where the z axes of the particles of a class point, ``(m, 3)``."""
        return self._directions[self._classes == number]

    def sections(self, number: int) -> Sections:
        """The central sections of a class."""
        if number not in self._sections:
            self._sections[number] = central_sections(self.maps[number])
        return self._sections[number]

    def solid(self, number: int) -> NDArray[np.uint8]:
        """The surface of a class, seen from the side."""
        if number not in self._solids:
            self._solids[number] = solid(self.maps[number])
        return self._solids[number]

    def correlation(self, number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Frequencies in 1/Å and how the halves of a class correlate there; None if there are no halves."""
        values = self.correlations[number] if number < len(self.correlations) else np.zeros(0)
        if not values.any():
            return None
        side = len(self.maps[number]) * self.voxel_size_angstrom
        return np.arange(1, len(values)) / side, values[1:]

    def resolutions(self, number: int) -> tuple[float, ...]:
        """In Å, where the correlation of the halves falls below each of `THRESHOLDS`."""
        if self.correlation(number) is None:
            return tuple(float("inf") for _ in THRESHOLDS)
        size = len(self.maps[number])
        return tuple(
            resolution_at(self.correlations[number], threshold, size, self.voxel_size_angstrom)
            for threshold in THRESHOLDS
        )
