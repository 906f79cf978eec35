"""Looking for a template everywhere in a volume in thousands of orientations.

The turned templates are much alike: a few hundred maps, combined with the right weights, stand for all of
them (their principal components). Correlation is linear, so the volume is correlated with these few maps by
FFT, and the scores of all orientations are products of two matrices, of which only the largest are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft, linalg
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits

from napari_tomopick.geometry.cropping import mirrored_indices, parts
from napari_tomopick.picking.gpu import combine, graphics_card
from napari_tomopick.picking.template_kernels import keep_best
from napari_tomopick.picking.turned_template import TurnedTemplate

Report = Callable[[int, int], None]

_COLUMNS = 1024
_ROWS = 512
_SAMPLE = 1500  # orientations
_SPARE, _ITERATIONS = 20, 2
LEAST_VARIANCE = 0.05  # of the usual variance under the mask: flatter places hold nothing


class Bank(NamedTuple):
    """Many orientations of a template as sums of few maps.

    Parameters
    ----------
    basis : float32 array, shape (k, voxels)
        Within the mask.
    weights : float32 array, shape (orientations, k)
        ``weights @ basis`` are nearly the turned templates.
    residual : float
        Root mean square of what is left out, relative to the templates.
    """

    basis: NDArray[np.float32]
    weights: NDArray[np.float32]
    residual: float


class Search(NamedTuple):
    """The best over all orientations at every voxel.

    Parameters
    ----------
    scores : float32 array ``[z, y, x]``
        Locally normalised correlation, -1 to 1.
    orientations : int32 array ``[z, y, x]``
        Number of the orientation in which the score was reached.
    """

    scores: NDArray[np.float32]
    orientations: NDArray[np.int32]


def bank_of(turned: TurnedTemplate, rotations: Rotation, residual: float, at_most: int) -> Bank:
    """Express a template in many orientations by principal components.

    Parameters
    ----------
    turned : TurnedTemplate
    rotations : Rotation
    residual : float
        Relative root mean square of what may be left out.
    at_most : int
        Number of components, whatever is left out.
    """
    count = len(rotations)
    # some stand for all: the components are those of a smooth function of the orientation
    chosen = np.unique(np.linspace(0, count - 1, min(count, _SAMPLE)).astype(int))
    rows = turned.rows(rotations[chosen])
    with threadpool_limits(1, "blas"):
        return _bank(turned, rotations, rows, len(chosen) == count, residual, at_most)


def _bank(
    turned: TurnedTemplate,
    rotations: Rotation,
    rows: NDArray[np.float32],
    complete: bool,
    residual: float,
    at_most: int,
) -> Bank:
    """The bank, from some or all of its rows."""
    count = len(rotations)
    values, basis = _components(rows, min(at_most, *rows.shape))
    power = float(np.einsum("rv,rv->", rows, rows, dtype=np.float64))
    left = np.maximum(1 - np.cumsum(values) / power, 0.0)
    size = min(len(values), int(np.searchsorted(-left, -(residual**2))) + 1)
    basis = np.ascontiguousarray(basis[:size])
    if complete:
        weights = rows @ basis.T
    else:
        weights = np.empty((count, size), np.float32)
        for start in range(0, count, _SAMPLE):
            weights[start : start + _SAMPLE] = turned.rows(rotations[start : start + _SAMPLE]) @ basis.T
    return Bank(basis, np.ascontiguousarray(weights), float(np.sqrt(left[size - 1])))


def _components(rows: NDArray[np.float32], count: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The first principal components, ``(count, voxels)``, and the power of the rows in each, largest first.

    By subspace iteration from random vectors (Halko, Martinsson & Tropp 2011), which takes a fraction of the
    time of all eigenvectors; where nearly all are wanted, there is nothing to be saved.
    """
    width = count + _SPARE
    if width > min(rows.shape) // 2:
        _, values, right = linalg.svd(rows, full_matrices=False, overwrite_a=False, check_finite=False)
        return values[:count].astype(np.float64) ** 2, right[:count]
    start = np.random.default_rng(0).standard_normal((rows.shape[0], width), dtype=np.float32)
    subspace = linalg.qr(rows.T @ start, mode="economic", check_finite=False)[0]
    for _ in range(_ITERATIONS):
        subspace = linalg.qr(rows.T @ (rows @ subspace), mode="economic", check_finite=False)[0]
    within = rows @ subspace
    values, turn = linalg.eigh(within.T @ within, check_finite=False)
    basis = (subspace @ turn[:, ::-1][:, :count]).T
    return np.maximum(values[::-1][:count], 0).astype(np.float64), basis


def search(
    volume: NDArray[np.float32],
    turned: TurnedTemplate,
    bank: Bank,
    *,
    threads: int = 2,
    tile: int = 96,
    report: Report | None = None,
) -> Search:
    """Score every voxel of a volume.

    Parameters
    ----------
    volume : float32 array ``[z, y, x]``
        On the template's grid, whitened as the template is; dense is positive.
    turned : TurnedTemplate
    bank : Bank
    threads : int
    tile : int
        Side of the parts that are worked on one after another; memory grows with its cube.
    report : callable, optional
        Called with (voxels done, voxels in all); it may raise to stop.
    """
    box = turned.box_size
    scores = np.empty(volume.shape, np.float32)
    orientations = np.zeros(volume.shape, np.int32)
    done = 0
    usual = float(np.var(volume, dtype=np.float64))
    spectra: dict[tuple[int, ...], tuple[NDArray[np.complex64], NDArray[np.complex64]]] = {}
    for part in parts(volume.shape, tile):
        rows = [
            mirrored_indices(p.start - box // 2, p.stop - p.start + box, n)
            for p, n in zip(part, volume.shape, strict=True)
        ]
        block = volume[np.ix_(*rows)]
        shape = tuple(fft.next_fast_len(n, real=True) for n in block.shape)
        if shape not in spectra:
            spectra = {shape: _spectra(turned, bank, shape, threads)}
        basis, mask = spectra[shape]
        inner = tuple(slice(0, p.stop - p.start) for p in part)
        transform = fft.rfftn(block, shape, workers=threads)
        inverse = 1 / _deviation(block, transform, mask, shape, inner, usual, threads)
        maps = np.empty((len(basis), inverse.size), np.float32)

        def correlate(k: int) -> None:
            found = fft.irfftn(transform * basis[k], shape)  # noqa: B023 (used within this turn of the loop)
            np.multiply(found[inner], inverse, out=maps[k].reshape(inverse.shape))  # noqa: B023

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(correlate, range(len(basis))))
        best, which = np.full(inverse.size, -2, np.float32), np.zeros(inverse.size, np.int32)
        _combine(bank.weights, maps, best, which, threads)
        scores[part] = best.reshape(inverse.shape)
        orientations[part] = which.reshape(inverse.shape)
        done += inverse.size
        if report is not None:
            report(done, volume.size)
    return Search(scores, orientations)


def _spectra(
    turned: TurnedTemplate, bank: Bank, shape: tuple[int, ...], threads: int
) -> tuple[NDArray[np.complex64], NDArray[np.complex64]]:
    n = turned.box_size
    box = np.zeros((n, n, n), np.float32)
    basis = np.empty((len(bank.basis), *shape[:2], shape[2] // 2 + 1), np.complex64)
    for k, values in enumerate(bank.basis):
        box.reshape(-1)[turned.inside] = values
        basis[k] = fft.rfftn(box, shape, workers=threads).conj()
    mask = turned.mask / turned.mask.sum(dtype=np.float64)
    return basis, fft.rfftn(mask.astype(np.float32), shape, workers=threads).conj()


def _deviation(
    block: NDArray[np.float32],
    transform: NDArray[np.complex64],
    mask: NDArray[np.complex64],
    shape: tuple[int, ...],
    inner: tuple[slice, ...],
    usual: float,
    threads: int,
) -> NDArray[np.float32]:
    """Standard deviation of the volume under the mask about every voxel."""
    mean = fft.irfftn(transform * mask, shape, workers=threads)[inner]
    square = fft.irfftn(fft.rfftn(block**2, shape, workers=threads) * mask, shape, workers=threads)[inner]
    return np.asarray(np.sqrt(np.maximum(square - mean**2, LEAST_VARIANCE * usual)), np.float32)


def _combine(
    weights: NDArray[np.float32],
    maps: NDArray[np.float32],
    best: NDArray[np.float32],
    which: NDArray[np.int32],
    threads: int,
) -> None:
    device = graphics_card()
    if device is not None:
        combine(weights, maps, best, which, device)
        return

    def chunk(first: int) -> None:
        part = slice(first, min(first + _COLUMNS, maps.shape[1]))
        columns = np.ascontiguousarray(maps[:, part])
        products = np.empty((_ROWS, columns.shape[1]), np.float32)
        for row in range(0, len(weights), _ROWS):
            some = weights[row : row + _ROWS]
            np.matmul(some, columns, out=products[: len(some)])
            keep_best(products[: len(some)], row, best[part], which[part])

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        list(pool.map(chunk, range(0, maps.shape[1], _COLUMNS)))
