"""The tomogram as template matching sees it: dense is positive, clipped, without gold, whitened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_tomopick.geometry.cropping import mirrored_indices
from napari_tomopick.picking.imaging import Imaging, filtered, filtered_in_tiles, radial_frequencies
from napari_tomopick.picking.working_grid import CLIP_DEVIATIONS, WorkingGrid, robust_range

_GOLD = 8.0  # standard deviations that gold reaches at least (EMAN2's rmgold)
_DENSE = 4.0  # that dense objects reach
_GAP = 1.8  # by which gold is denser than anything else; without such a gap none is taken for gold
_ELSE = 30  # dense objects that there are at least besides: particles alone in noise stand out like gold
_BEAD_ANGSTROM = 26.0  # voxels in which gold is looked for
_ABOUT_GOLD_ANGSTROM = 50.0
_MARGIN = 8  # voxels about a box within which whitening feels what is cut away
_HELD = 1.2  # grids coarser than the tomogram by this factor are held in memory
_NEVER = 1e9


class Ground:
    """A tomogram, read where it is needed.

    Parameters
    ----------
    data : array-like ``[z, y, x]``
        Gives NumPy arrays when sliced.
    voxel_size_angstrom : float
    dark : bool
        Whether dense is dark.
    remove_gold : bool
        Whether places of gold are set to the mean.

    Raises
    ------
    ValueError
        If the voxels have all one value, or are not finite.
    """

    def __init__(self, data: Any, voxel_size_angstrom: float, *, dark: bool, remove_gold: bool) -> None:
        self.data = data
        self.shape: tuple[int, int, int] = tuple(int(n) for n in data.shape)  # type: ignore[assignment]
        self.voxel_size_angstrom = voxel_size_angstrom
        self._sign = np.float32(-1 if dark else 1)
        self._remove_gold = remove_gold
        self._middle, self._deviation = robust_range(data)
        self._gold: tuple[WorkingGrid, NDArray[np.bool_]] | None = None
        self._kept: tuple[Any, tuple[WorkingGrid, NDArray[np.float32], NDArray[np.bool_]]] | None = None

    def spacing(self, grid: WorkingGrid) -> float:
        """Of a grid, in Å."""
        return self.voxel_size_angstrom * float(grid.factors.mean())

    def on_grid(
        self, factor: float, report: Callable[[int, int], None] | None = None
    ) -> tuple[WorkingGrid, NDArray[np.float32], NDArray[np.bool_]]:
        """The tomogram on a coarser grid, not yet whitened, and where there is gold."""
        grid = WorkingGrid.by_factor(self.shape, factor)
        volume = grid.resample(self.data, report, clip_deviations=_NEVER)
        volume *= self._sign
        gold = self._gold_on(grid) if self._remove_gold else np.zeros(volume.shape, bool)
        volume -= np.float32(volume.mean(dtype=np.float64, where=~gold))
        volume[gold] = 0
        limit = np.float32(CLIP_DEVIATIONS * volume.std(dtype=np.float64))
        return grid, np.clip(volume, -limit, limit, out=volume), gold

    def _gold_on(self, grid: WorkingGrid) -> NDArray[np.bool_]:
        """Where gold is, looked for where a bead is a few voxels across."""
        if self._gold is None:
            coarse = WorkingGrid.by_factor(self.shape, max(1.0, _BEAD_ANGSTROM / self.voxel_size_angstrom))
            volume = self._sign * coarse.resample(self.data, clip_deviations=_NEVER)
            self._gold = coarse, _gold(volume, self.spacing(coarse))
        coarse, gold = self._gold
        index = []
        for axis, n in enumerate(grid.shape):
            places = np.zeros((n, 3))
            places[:, 2 - axis] = np.arange(n)
            there = np.rint(coarse.to_grid(grid.to_tomogram(places))[:, 2 - axis])
            index.append(np.clip(there, 0, gold.shape[axis] - 1).astype(np.int64))
        return gold[np.ix_(*index)]

    def whitened(
        self, factor: float, imaging: Imaging, report: Callable[[int, int], None] | None = None
    ) -> tuple[WorkingGrid, NDArray[np.float32], NDArray[np.bool_]]:
        """The same, whitened: mean 0, standard deviation 1. What was asked for last is kept."""
        grid = WorkingGrid.by_factor(self.shape, factor)
        key = grid.shape, imaging.whitening
        if self._kept is None or self._kept[0] != key:
            # two of them may be as large as memory
            self._kept = None
            _, volume, gold = self.on_grid(factor, report)
            white = filtered_in_tiles(volume, imaging.whitening, self.spacing(grid))
            white /= np.float32(max(float(white.std(dtype=np.float64)), 1e-12))
            self._kept = key, (grid, white, gold)
        return self._kept[1]

    def brick(self, first: NDArray[np.int64], size: int) -> NDArray[np.float32]:
        """A cube of the tomogram as it is sampled, clipped; mirrored beyond the faces.

        Parameters
        ----------
        first : int array, shape (3,)
            Its first voxel x, y, z.
        size : int
        """
        rows = _rows(first, size, self.shape)
        spans = [slice(int(r.min()), int(r.max()) + 1) for r in rows]
        part = np.asarray(self.data[tuple(spans)], np.float32)
        part = part[np.ix_(*[r - s.start for r, s in zip(rows, spans, strict=True)])]
        part = (part - np.float32(self._middle)) * (self._sign / np.float32(self._deviation))
        return np.clip(part, -CLIP_DEVIATIONS, CLIP_DEVIATIONS)


def _rows(first: NDArray[np.int64], size: int, shape: tuple[int, ...]) -> list[NDArray[np.int64]]:
    """Indices z, y, x of a cube whose first voxel is x, y, z; mirrored beyond the faces."""
    return [mirrored_indices(int(f), size, n) for f, n in zip(first[::-1], shape, strict=True)]


def _gold(volume: NDArray[np.float32], spacing_angstrom: float) -> NDArray[np.bool_]:
    """Gold beads and what they spoil around them.

    Gold is far denser than all else. In a tomogram without much noise particles stand as high above the mean
    as gold does in others, so that a height alone does not tell: there has to be a gap below.
    """
    smooth = ndimage.gaussian_filter(volume, 0.7)
    smooth /= np.float32(max(float(smooth.std(dtype=np.float64)), 1e-12))
    tops = smooth[(smooth > _DENSE) & (smooth == ndimage.maximum_filter(smooth, 3))]
    levels = np.sort(tops)[_ELSE:]
    gaps = (levels[1:] > _GAP * levels[:-1]) & (levels[1:] > _GOLD)
    if not gaps.any():
        return np.zeros(volume.shape, bool)
    gap = int(np.argmax(gaps))
    beads = smooth > np.sqrt(levels[gap] * levels[gap + 1])
    around = int(np.ceil(_ABOUT_GOLD_ANGSTROM / spacing_angstrom))
    return np.asarray(ndimage.binary_dilation(beads, iterations=around))


class LocalBoxes:
    """Whitened boxes about places, cut when they are asked for, on the tomogram's own grid or a coarser one.

    Parameters
    ----------
    ground : Ground
    imaging : Imaging
    factor : float
        Of the grid; below 1.2 it is the tomogram's own.
    """

    def __init__(self, ground: Ground, imaging: Imaging, factor: float) -> None:
        self._ground, self._imaging = ground, imaging
        self._held: NDArray[np.float32] | None = None
        if factor < _HELD:
            self.grid = WorkingGrid.by_factor(ground.shape, 1.0)
        else:
            self.grid, self._held, _ = ground.whitened(factor, imaging)
        self.spacing_angstrom = ground.spacing(self.grid)
        self._weights: dict[int, NDArray[np.float64]] = {}

    def box(self, voxel: NDArray[np.int64], size: int) -> NDArray[np.float32]:
        """The cube whose voxel ``size // 2`` is this one (x, y, z), whitened."""
        first = np.asarray(voxel) - size // 2
        if self._held is not None:
            rows = [
                mirrored_indices(int(f), size, n) for f, n in zip(first[::-1], self._held.shape, strict=True)
            ]
            return self._held[np.ix_(*rows)]
        wide = size + 2 * _MARGIN
        if wide not in self._weights:
            self._weights[wide] = self._imaging.whitening(
                radial_frequencies((wide,) * 3, self.spacing_angstrom)
            )
        brick = filtered(self._ground.brick(first - _MARGIN, wide), self._weights[wide])
        inner = slice(_MARGIN, _MARGIN + size)
        return brick[inner, inner, inner]
