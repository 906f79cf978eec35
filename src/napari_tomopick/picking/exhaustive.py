"""Exact template matching: every orientation at every voxel, as fast as Fourier transforms allow.

The score is the locally normalised correlation under a mask of Roseman (2003), Ultramicroscopy 94, 225. With
the turned template ``t``, the mask ``m``, ``N = sum m``, and ``t' = (t - mean_m t) / std_m t``, mean and
standard deviation being weighted by the mask, a place in the volume ``f`` scores

    sum(m t' f) / (N sqrt(sum(m f^2) / N - (sum(m f) / N)^2)),

sums going over the mask about the place. It lies between -1 and 1.

How the time is saved, compared with transforms of the whole volume for every orientation:

- Two templates are the real and the imaginary part of one complex box, and so are their scores.
- The template is small: along x and y, only its planes and rows are transformed; what is 0 is left out.
- Lines along z are transformed, multiplied by the volume's spectrum and transformed back while they are in
the
  cache. Of what comes back, only planes that are wanted are written.
- Each of these is transformed back along y and x in the cache, and there compared with the best so far.

Threads share the work on one pair of orientations, so that memory does not grow with them.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.cropping import check_box_size, mirrored_indices, spline_coefficients

Report = Callable[[int, int, str], None]

Borders = Literal["mirrored", "inside"]

BLANK = 0.01
"""Places where the volume varies by less than this part of its own standard deviation score 0."""

_SPREAD = (
    1e-4  # by how much a mask may differ between voxels equally far from its centre and yet be spherical
)
_MOST_TILES = 64  # along an axis
_TILE_COST = 500_000  # of what is done once for a tile and a pair of orientations, in voxels


class SearchResult(NamedTuple):
    """What was found at every voxel.

    Parameters
    ----------
    scores : float32 array ``[z, y, x]``
        The highest score of all orientations, -1 to 1, where the template's voxel ``n // 2`` lies on the
        voxel.
    orientations : int32 array ``[z, y, x]``
        Which orientation that was; of equal ones the first.
    deviation : float
        Standard deviation of all scores: of every orientation at every voxel that has them.
    """

    scores: NDArray[np.float32]
    orientations: NDArray[np.int32]
    deviation: float


def exhaustive_search(
    volume: Any,
    density: NDArray[np.float32],
    mask: NDArray[np.float32],
    rotations: Rotation,
    *,
    weight: NDArray[np.float32] | None = None,
    spherical: bool | None = None,
    borders: Borders = "mirrored",
    threads: int = 2,
    memory: int = 600_000_000,
    report: Report | None = None,
) -> SearchResult:
    """Score a template in given orientations at every voxel of a volume.

    Parameters
    ----------
    volume : array ``[z, y, x]``
        Of any shape and real type; may be a memory map. Its mean and scale do not matter.
    density : float32 array, shape (n, n, n), n even
        The template. What is not in the box counts as 0.
    mask : float32 array, shape (n, n, n)
        0 to 1.
    rotations : Rotation, at least one
        Reference frame to tomogram frame: the template turned by R has at x, from voxel ``n // 2``, what it
        had at ``R^-1 x``.
    weight : float32 array, shape (n, n, n // 2 + 1), optional
        What the transform (`numpy.fft.rfftn`) of the turned box is multiplied by, before it is normalised
        under the mask: what the tomogram has measured.
    spherical : bool, optional
        Whether the mask is the same in all orientations. By default that is looked up: it is if voxels
        equally far from the centre have equal values. If it is not, it is turned as well, which takes three
        times as long.
    borders : "mirrored" or "inside"
        What is done where the mask reaches beyond the faces of the volume: it is mirrored there, or these
        places score 0 in orientation 0, which is faster.
    threads : int
    memory : int
        Bytes to work in, besides the volume and the result; the volume is searched in overlapping tiles if it
        needs more. It is exceeded rather than that tiles get smaller than the template.
    report : callable, optional
        Called with (orientations done, orientations times tiles, what is being done); it may raise to stop.

    Returns
    -------
    SearchResult
        Places where the volume hardly varies (see `BLANK`) score 0 in orientation 0.

    Raises
    ------
    ValueError
        If shapes do not fit together, a value is not finite, the mask is nowhere above 0, or the template is
        the same everywhere under it.
    """
    density, mask, weight = _checked(volume, density, mask, weight)
    matrices = np.ascontiguousarray(rotations.as_matrix().reshape(-1, 3, 3))
    if not len(matrices):
        raise ValueError("at least one rotation is needed")
    template = _Template(density, mask, weight, is_spherical(mask) if spherical is None else spherical)
    shape = tuple(int(n) for n in volume.shape)
    mean, deviation = _mean_and_deviation(volume)
    scores, orientations = np.zeros(shape, np.float32), np.zeros(shape, np.int32)
    wanted = _wanted(shape, template, borders)
    totals = np.zeros(3)
    if deviation > 0 and all(end > first for first, end in wanted):
        tiles = list(_tiles(wanted, template, memory))
        progress = _Progress(report, len(matrices), len(tiles))
        with _crew(threads) as crew:
            for tile in tiles:
                whole = _piece(volume, tile, template)
                if not np.isfinite(whole).all():
                    raise ValueError(
                        "the volume has voxels that are not finite; replace them by its mean first"
                    )
                search = _TileSearch((whole - np.float32(mean)) / np.float32(deviation), template, crew)
                best, number, sums = search.run(matrices, progress)
                place = tuple(slice(*span) for span in tile)
                scores[place], orientations[place] = best, number
                totals += sums
    count, total, squares = totals
    spread = np.sqrt(max(squares / count - (total / count) ** 2, 0.0)) if count else 0.0
    return SearchResult(scores, orientations, float(spread))


def is_spherical(mask: NDArray[np.float32]) -> bool:
    """Whether voxels of a mask that are equally far from its centre, voxel ``n // 2``, have equal values."""
    d = np.arange(len(mask)) - len(mask) // 2
    far = (d[:, None, None] ** 2 + d[:, None] ** 2 + d**2).ravel()
    values, kinds = mask.ravel().astype(np.float64), int(far.max()) + 1
    highest, lowest = np.full(kinds, -np.inf), np.full(kinds, np.inf)
    np.maximum.at(highest, far, values)
    np.minimum.at(lowest, far, values)
    # a ball that the box cuts off is none: beyond its faces, the mask is 0
    reach = len(mask) // 2
    return bool((highest - lowest).max(where=highest > -np.inf, initial=0.0) <= _SPREAD) and not bool(
        (values[far >= reach**2] > _SPREAD).any()
    )


def _checked(
    volume: Any, density: NDArray[Any], mask: NDArray[Any], weight: NDArray[Any] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32] | None]:
    if len(volume.shape) != 3 or min(volume.shape) < 1:
        raise ValueError(f"a volume has three axes, got one of shape {tuple(volume.shape)}")
    density, mask = np.asarray(density, np.float32), np.asarray(mask, np.float32)
    if density.ndim != 3 or len(set(density.shape)) != 1:
        raise ValueError(f"a template is a cubic box, got one of shape {density.shape}")
    n = len(density)
    check_box_size(n)
    if mask.shape != density.shape:
        raise ValueError(f"a mask has the shape of its template, {density.shape}, got {mask.shape}")
    if weight is not None:
        weight = np.asarray(weight, np.float32)
        if weight.shape != (n, n, n // 2 + 1):
            raise ValueError(
                f"the weight of this template has shape {(n, n, n // 2 + 1)}, got {weight.shape}"
            )
    for name, array in (("template", density), ("mask", mask), ("weight", weight)):
        if array is not None and not np.isfinite(array).all():
            raise ValueError(f"the {name} has values that are not finite")
    if mask.min() < 0 or mask.max() > 1 or not mask.any():
        raise ValueError(f"a mask goes from 0 to 1 and is not all 0; got {mask.min():g} to {mask.max():g}")
    under = density[mask > 0]
    if under.min() == under.max():
        raise ValueError("the template is the same everywhere under the mask: there is nothing to look for")
    return density, mask, weight


def _mean_and_deviation(volume: Any) -> tuple[float, float]:
    """Of all voxels, read plane by plane."""
    total, squares, count, first = 0.0, 0.0, 0, 0.0
    for z in range(volume.shape[0]):
        plane = np.asarray(volume[z], dtype=np.float64)
        if z == 0:  # of values far from 0, the squares would say little
            first = float(plane.mean())
        plane = plane - first
        total, squares, count = (
            total + float(plane.sum()),
            squares + float(np.vdot(plane, plane)),
            count + plane.size,
        )
    mean = total / count
    if not np.isfinite(squares):
        raise ValueError("the volume has voxels that are not finite; replace them by its mean first")
    variance = squares / count - mean**2
    scale = squares / count + first**2
    return first + mean, float(np.sqrt(variance)) if variance > 1e-12 * scale else 0.0


# ---------------------------------------------------------------------------------------------------------
# The template


class _Template:
    """Turns a template and its mask.

    Its voxels within reach of the mask are looked at only. They reach ``before`` voxels to lower and
    ``after`` to higher coordinates from the centre, along every axis; `width` in all.
    """

    def __init__(
        self,
        density: NDArray[np.float32],
        mask: NDArray[np.float32],
        weight: NDArray[np.float32] | None,
        spherical: bool,
    ) -> None:
        n = len(mask)
        self._box, self._weight, self.spherical = n, weight, spherical
        self._coefficients = spline_coefficients(density)
        if spherical:
            inside = np.argwhere(mask > 0)
        else:
            offsets = np.argwhere(mask > 0) - n // 2
            reach = np.sqrt((offsets**2).sum(axis=1).max()) + 1
            d = np.arange(n) - n // 2
            inside = np.argwhere(d[:, None, None] ** 2 + d[:, None] ** 2 + d**2 <= reach**2)
            self._mask_coefficients = spline_coefficients(mask)
        self._inside = inside
        offsets = inside - n // 2
        self.before, self.after = int(max(-offsets.min(), 0)), int(max(offsets.max(), 0))
        self.width = self.before + self.after + 1
        self._offsets = np.ascontiguousarray(offsets[:, ::-1])
        self._mask = np.ascontiguousarray(mask[tuple(inside.T)])
        # a correlation is a convolution with what is mirrored at the centre
        self.places = self.after - offsets
        if weight is not None:
            every = np.indices((n, n, n)).reshape(3, -1).T - n // 2
            self._every = np.ascontiguousarray(every[:, ::-1])

    def mask(self, matrix: NDArray[np.float64]) -> NDArray[np.float32]:
        """The turned mask at `places`."""
        from napari_tomopick.picking.exhaustive_kernels import turned

        if self.spherical:
            return self._mask
        found = np.empty(len(self._inside), np.float32)
        turned(self._mask_coefficients, matrix, self._offsets, found)
        return np.clip(found, 0, 1, out=found)

    def values(self, matrix: NDArray[np.float64]) -> NDArray[np.float32]:
        """The turned and weighted density at `places`."""
        from napari_tomopick.picking.exhaustive_kernels import turned

        if self._weight is None:
            found = np.empty(len(self._inside), np.float32)
            turned(self._coefficients, matrix, self._offsets, found)
            return found
        n = self._box
        box = np.empty(n**3, np.float32)
        turned(self._coefficients, matrix, self._every, box)
        seen = fft.irfftn(fft.rfftn(box.reshape(n, n, n)) * self._weight, (n, n, n))
        return np.ascontiguousarray(seen[tuple(self._inside.T)], np.float32)


# ---------------------------------------------------------------------------------------------------------
# Tiles


Span = tuple[int, int]


def _wanted(shape: tuple[int, ...], template: _Template, borders: Borders) -> tuple[Span, ...]:
    """First place and the one after the last that are scored, along z, y, x."""
    if borders == "mirrored":
        return tuple((0, n) for n in shape)
    if borders != "inside":
        raise ValueError(f'borders are "mirrored" or "inside", got {borders!r}')
    return tuple((template.before, n - template.after) for n in shape)


def _lengths(sizes: tuple[int, ...], width: int) -> tuple[int, ...]:
    """Lengths of the transforms for so many places along z, y, x."""
    from napari_tomopick.picking.fourier import LANES, good_length

    multiples = (1, 1, LANES)
    return tuple(good_length(n + width - 1, m) for n, m in zip(sizes, multiples, strict=True))


def _bytes(sizes: tuple[int, ...], lengths: tuple[int, ...], spherical: bool) -> int:
    """About what searching a tile takes at its highest."""
    volume = math.prod(lengths)
    field = 8 * sizes[0] * lengths[1] * lengths[2]
    maps = (12 if spherical else 16) * math.prod(sizes)
    spectra = 8 * volume * (1 if spherical else 2)
    return max(spectra + field + maps, spectra + 12 * volume)


def _tiles(wanted: tuple[Span, ...], template: _Template, memory: int) -> Iterator[tuple[Span, ...]]:
    """Cut what is wanted into tiles, so that the memory is enough and the least is computed twice."""
    whole = tuple(end - first for first, end in wanted)
    options = []
    for n in whole:
        sizes = {-(-n // cuts) for cuts in range(1, _MOST_TILES + 1)}
        options.append([size for size in sizes if size >= min(n, template.width)])
    # enough memory first, then little work; the least memory where none is enough
    costs: list[tuple[float, float, tuple[int, ...]]] = []
    for chosen in itertools.product(*options):
        lengths = _lengths(chosen, template.width)
        needed = _bytes(chosen, lengths, template.spherical)
        count = math.prod(-(-n // size) for n, size in zip(whole, chosen, strict=True))
        costs.append((max(needed - memory, 0), count * (math.prod(lengths) + _TILE_COST), chosen))
    best = min(costs)[2]
    spans = [
        [(at, min(at + size, end)) for at in range(first, end, size)]
        for (first, end), size in zip(wanted, best, strict=True)
    ]
    yield from itertools.product(*spans)


def _piece(volume: Any, tile: tuple[Span, ...], template: _Template) -> NDArray[np.float32]:
    """What the places of a tile look at; mirrored at the faces of the volume."""
    places, spans = [], []
    for (first, end), n in zip(tile, volume.shape, strict=True):
        start = first - template.before
        at = mirrored_indices(start, end + template.after - start, n)
        spans.append(slice(int(at.min()), int(at.max()) + 1))
        places.append(at - at.min())
    part = np.asarray(volume[tuple(spans)], dtype=np.float32)
    return np.ascontiguousarray(part[np.ix_(*places)])


# ---------------------------------------------------------------------------------------------------------
# The search of a tile


@dataclass
class _Progress:
    """Tells how far the search is."""

    report: Report | None
    orientations: int
    tiles: int
    done: int = 0

    def tell(self, more: int = 0) -> None:
        self.done += more
        if self.report is not None:
            self.report(self.done, self.orientations * self.tiles, "matching the template")


class _Crew:
    """Threads that share one range of work at a time."""

    def __init__(self, pool: ThreadPoolExecutor | None, threads: int) -> None:
        self._pool, self._threads = pool, threads

    @property
    def threads(self) -> int:
        return self._threads

    def share(self, task: Callable[[int, int, int], None], count: int, at_once: int) -> None:
        """Call ``task(first, end, thread)`` until everything is done; what it raises is raised here."""
        starts = iter(range(0, count, at_once))
        lock = threading.Lock()

        def work(thread: int) -> None:
            while True:
                with lock:
                    first = next(starts, None)
                if first is None:
                    return
                task(first, min(first + at_once, count), thread)

        if self._pool is None:
            work(0)
            return
        others = [self._pool.submit(work, thread) for thread in range(1, self._threads)]
        try:
            work(0)
        finally:
            with lock:
                starts = iter(())
            errors = [other.exception() for other in others]
        for error in errors:
            if error is not None:
                raise error


@contextmanager
def _crew(threads: int) -> Iterator[_Crew]:
    if threads <= 1:
        yield _Crew(None, 1)
        return
    with ThreadPoolExecutor(threads - 1) as pool:
        yield _Crew(pool, threads)


def _rows(count: int) -> NDArray[np.float32]:
    """Zeros for so many float32, where vectors of the machine do not cross lines of its cache."""
    array = np.zeros(count + 16, np.float32)
    first = -array.ctypes.data % 64 // 4
    return array[first : first + count]


class _TileSearch:
    """The search of one tile: its spectrum, and what is needed to look for any template in it."""

    def __init__(self, piece: NDArray[np.float32], template: _Template, crew: _Crew) -> None:
        from napari_tomopick.picking.exhaustive_kernels import TOGETHER
        from napari_tomopick.picking.fourier import LANES, ROW, plan

        self._template, self._crew = template, crew
        width = template.width
        self._sizes = tuple(n - width + 1 for n in piece.shape)
        self._lengths = _lengths(self._sizes, width)
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
        self, matrices: NDArray[np.float64], progress: _Progress
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
        from napari_tomopick.picking.fourier import LANES

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
        from napari_tomopick.picking.fourier import LANES

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
        from napari_tomopick.picking.fourier import LANES

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
