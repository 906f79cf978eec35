"""The exact search of one tile."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_tomopick.picking.exhaustive_crew import Crew, SearchProgress
from napari_tomopick.picking.exhaustive_template import ExactTemplate
from napari_tomopick.picking.exhaustive_tiles import transform_lengths
from napari_tomopick.picking.transform_plans import plan

BLANK = 0.01
"""Places where the volume varies by less than this part of its own standard deviation score 0."""


def _rows(count: int) -> NDArray[np.float32]:
    """Zeros for so many float32, where vectors of the machine do not cross lines of its cache."""
    array = np.zeros(count + 16, np.float32)
    first = -array.ctypes.data % 64 // 4
    return array[first : first + count]


class TileSearch:
    """The search of one tile: its spectrum, and what is needed to look for any template in it."""

    def __init__(self, piece: NDArray[np.float32], template: ExactTemplate, crew: Crew) -> None:
        from napari_tomopick.picking.exhaustive_kernels import TOGETHER
        from napari_tomopick.picking.vector_code import LANES, ROW

        self._template, self._crew = template, crew
        width = template.width
        self._sizes = tuple(n - width + 1 for n in piece.shape)
        self._lengths = transform_lengths(self._sizes, width)
        _, ly, lx = self._lengths
        nz, ny, nx = self._sizes
        self._plan_z, self._plan_y, self._plan_x = (plan(n, width) for n in self._lengths)
        self._blocks = -(-ny // LANES)
        self._map_shape = (nz, self._blocks, nx, LANES)
        self._stride = self._blocks * ROW + LANES

        # the template on its way in
        across = -(-width // LANES)
        self._box = _rows(width * across * (width + 1) * ROW)
        z, y, x = template.places.T
        self._at = ((z * across + y // LANES) * (width + 1) + x) * ROW + y % LANES
        # rows that are as many bytes apart as a power of two would all fall on the same few lines of a cache
        self._pitch = ((width + 1) | 1) * ROW
        self._small = _rows(lx // LANES * ly * self._pitch)
        self._field = np.empty(0, np.float32)
        self._plane = lx * ly * 2 + ROW

        i = np.arange(max(self._lengths) + LANES)
        rows, inside = i * ROW, np.minimum(i, width) * ROW
        between = np.where(i < width, i, across * LANES) * ROW
        self._inward = np.stack([rows, inside, between, i * self._pitch])
        self._through = np.stack([rows, inside])
        self._outward = np.stack([rows, i * self._stride])
        most = max(TOGETHER * len(i) * ROW, lx // LANES * (across * LANES + 1) * ROW, lx * self._stride)
        most = -(-most // 16) * 16
        self._scratch = [_rows(5 * most).reshape(5, most) for _ in range(crew.threads)]

        self._second: NDArray[np.float32] | None = None
        if template.spherical:
            self._spectrum = self._transformed(piece, with_squares=True)
            self._field = _rows(nz * self._plane)
            self._inverse, self._count = self._denominators(np.eye(3), self._spectrum)
            self._field = np.empty(0, np.float32)
            self._spectrum = np.empty(0, np.float32)
        else:
            self._second = self._transformed(piece, with_squares=True)
        self._spectrum = self._transformed(piece, with_squares=False)
        self._field = _rows(nz * self._plane)

    def run(
        self, matrices: NDArray[np.float64], progress: SearchProgress
    ) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float64]]:
        """Scores, orientations, and the number, sum and sum of squares of all scores."""
        best = _rows(math.prod(self._map_shape))
        best[:] = -2.0
        number = np.zeros(best.size, np.int32)
        totals = np.zeros(3)
        progress.tell()
        for first in range(0, len(matrices), 2):
            pair = matrices[first : first + 2]
            totals += self._pair(pair, first, best, number)
            progress.tell(len(pair))
        # the last of an odd number has been looked for twice
        np.minimum(number, len(matrices) - 1, out=number)
        return self._as_volume(best), self._as_volume(number), totals

    def _pair(
        self,
        pair: NDArray[np.float64],
        first: int,
        best: NDArray[np.float32],
        number: NDArray[np.int32],
    ) -> NDArray[np.float64]:
        """Look for a template in two orientations, or in one."""
        from napari_tomopick.picking.exhaustive_kernels import best_of_planes, placed

        template = self._template
        if template.spherical:
            counts = [self._count] * len(pair)
            inverse = [self._inverse] * len(pair)
        else:
            assert self._second is not None
            turned_masks = [self._denominators(matrix, self._second) for matrix in pair]
            inverse, counts = [m[0] for m in turned_masks], [m[1] for m in turned_masks]
        if len(pair) == 1:  # the same twice
            pair, inverse = np.concatenate([pair, pair]), inverse * 2

        def fill(start: int, end: int, thread: int) -> None:
            for part in range(start, end):
                mask = template.mask(pair[part])
                total = float(mask.sum(dtype=np.float64))
                placed(template.values(pair[part]), mask, total, self._box, self._at, part)

        self._crew.share(fill, 2, 1)
        self._correlate(self._spectrum)
        nz, _, nx = self._sizes
        sums = []

        def keep(start: int, end: int, thread: int) -> None:
            sums.append(
                best_of_planes(
                    start, end, self._field, self._plane, template.width, self._plan_y, self._plan_x, nx,
                    self._outward, self._stride, self._scratch[thread], inverse[0], inverse[1],
                    best, number, first,
                )
            )  # fmt: skip

        self._crew.share(keep, nz, 4)
        total, squares = np.sum(sums, axis=0) * (len(counts) / 2)
        return np.array([sum(counts), total, squares])

    def _denominators(
        self, matrix: NDArray[np.float64], spectrum: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], int]:
        """What sums under the turned mask are multiplied by to be scores; how many are not 0."""
        from napari_tomopick.picking.exhaustive_kernels import denominators
        from napari_tomopick.picking.vector_code import LANES

        mask = self._template.mask(matrix)
        total = float(mask.sum(dtype=np.float64))
        self._box[self._at], self._box[self._at + LANES] = mask, 0.0
        self._correlate(spectrum)
        nz, ny, nx = self._sizes
        found = _rows(math.prod(self._map_shape))
        counts = []

        def work(start: int, end: int, thread: int) -> None:
            counts.append(
                denominators(
                    start, end, self._field, self._plane, self._template.width, self._plan_y, ny,
                    self._plan_x, nx, self._outward, self._stride, self._scratch[thread],
                    total, BLANK**2, found,
                )
            )  # fmt: skip

        self._crew.share(work, nz, 4)
        return found, sum(counts)

    def _correlate(self, spectrum: NDArray[np.float32]) -> None:
        """From the template in its box to the field: along y and x still to be transformed back."""
        from napari_tomopick.picking.exhaustive_kernels import small_spectra, through
        from napari_tomopick.picking.vector_code import LANES

        width = self._template.width
        _, ly, lx = self._lengths

        def inward(start: int, end: int, thread: int) -> None:
            small_spectra(
                start, end, self._box, width, self._plan_y, self._plan_x, self._inward,
                self._scratch[thread], self._small,
            )  # fmt: skip

        def across(start: int, end: int, thread: int) -> None:
            through(
                start, end, self._small, self._pitch, width, self._plan_z, self._sizes[0], self._through,
                spectrum, self._scratch[thread], self._plane, self._field,
            )  # fmt: skip

        self._crew.share(inward, width, 2)
        self._crew.share(across, lx // LANES * ly, 64)

    def _transformed(self, piece: NDArray[np.float32], *, with_squares: bool) -> NDArray[np.float32]:
        """The spectrum of the volume, or of it plus i times its square, over the number of voxels."""
        from napari_tomopick.picking.exhaustive_kernels import in_rows
        from napari_tomopick.picking.vector_code import LANES

        lx = self._lengths[2]
        whole = np.zeros(self._lengths, np.complex64)
        part = whole[: piece.shape[0], : piece.shape[1], : piece.shape[2]]
        part.real = piece
        if with_squares:
            np.square(piece, out=part.imag)
        whole = fft.fftn(whole, overwrite_x=True, workers=self._crew.threads)
        found = _rows(2 * whole.size)
        scale = np.float32(1.0 / whole.size)

        def work(start: int, end: int, thread: int) -> None:
            in_rows(start, end, whole, scale, found)

        self._crew.share(work, lx // LANES, 1)
        return found

    def _as_volume(self, found: NDArray[Any]) -> NDArray[Any]:
        nz, ny, nx = self._sizes
        lanes = found.reshape(self._map_shape)
        return lanes.transpose(0, 1, 3, 2).reshape(nz, -1, nx)[:, :ny]
