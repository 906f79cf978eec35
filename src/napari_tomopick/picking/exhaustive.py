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
  the cache. Of what comes back, only planes that are wanted are written.
- Each of these is transformed back along y and x in the cache, and there compared with the best so far.

Threads share the work on one pair of orientations, so that memory does not grow with them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.cropping import check_box_size
from napari_tomopick.picking.exhaustive_crew import Report, SearchProgress, crew_of
from napari_tomopick.picking.exhaustive_template import ExactTemplate
from napari_tomopick.picking.exhaustive_tile_search import TileSearch
from napari_tomopick.picking.exhaustive_tiles import Borders, piece_of, tiles_of, wanted_places

_SPREAD = 1e-4  # by how much a mask may differ among voxels equally far from its centre and yet be spherical


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
        Places where the volume hardly varies (see `exhaustive_tile_search.BLANK`) score 0 in orientation 0.

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
    template = ExactTemplate(density, mask, weight, is_spherical(mask) if spherical is None else spherical)
    shape = tuple(int(n) for n in volume.shape)
    mean, deviation = _mean_and_deviation(volume)
    scores, orientations = np.zeros(shape, np.float32), np.zeros(shape, np.int32)
    wanted = wanted_places(shape, template, borders)
    totals = np.zeros(3)
    if deviation > 0 and all(end > first for first, end in wanted):
        tiles = list(tiles_of(wanted, template, memory))
        progress = SearchProgress(report, len(matrices), len(tiles))
        with crew_of(threads) as crew:
            for tile in tiles:
                whole = piece_of(volume, tile, template)
                if not np.isfinite(whole).all():
                    raise ValueError(
                        "the volume has voxels that are not finite; replace them by its mean first"
                    )
                search = TileSearch((whole - np.float32(mean)) / np.float32(deviation), template, crew)
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
