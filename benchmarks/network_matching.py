"""Locally normalised correlation, and exhaustive template matching with the true map.

Used by `network_peers.py`. Matching with the true map says how well a tomogram can be picked by who knows the
answer. It is a ceiling, not a competitor: nobody has the map before picking. Correlation: Roseman (2003)
Ultramicroscopy 94, 225.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import binary_dilation, gaussian_filter, map_coordinates
from scipy.signal import resample
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.missing_wedge import frequencies, measured

Array = NDArray[np.float64]
Volume = NDArray[np.float32]

_GOLD = 8.0
"""Standard deviations below the mean, slightly smoothed, from which a voxel is taken for gold."""


def resampled(volume: NDArray, factor: float) -> tuple[Volume, Array]:
    """Crop the spectrum by a factor (pad it where that is below 1), to even sizes.

    Returns
    -------
    volume : float32 array
    factors : array, shape (3,)
        What the factor came to along x, y, z: a position in the new volume, times this, is one in the old.
    """
    result: NDArray = np.asarray(volume, np.float32)
    sizes = [2 * round(n / factor / 2) for n in volume.shape]
    for axis, size in enumerate(sizes):
        if size != result.shape[axis]:
            result = resample(result, size, axis=axis)
    return np.asarray(result, np.float32), (np.array(volume.shape) / sizes)[::-1]


def without_gold(volume: Volume, radius: int) -> Volume:
    """Put zeros where there are gold beads and around them: nothing else in ice is so dark.

    The volume has mean 0 and standard deviation 1, and dense is dark.
    """
    smooth = gaussian_filter(volume, 1.0)
    deviation = 1.4826 * np.median(np.abs(smooth))
    beads = binary_dilation(smooth < -_GOLD * deviation, iterations=radius)
    return np.where(beads, np.float32(0), volume)


def ball(radius: float, box: int) -> Volume:
    """A ball about voxel ``box // 2`` with an edge of one voxel."""
    return np.clip(radius - distances(box) + 0.5, 0, 1).astype(np.float32)


def distances(box: int) -> Array:
    """Of the voxels of a box from its voxel ``box // 2``."""
    d = np.arange(box) - box // 2
    return np.sqrt(d[:, None, None] ** 2 + d[:, None] ** 2 + d**2)


class LocalCorrelation:
    """Locally normalised correlation of a volume with any number of templates under one mask."""

    def __init__(self, volume: Volume, mask: Volume) -> None:
        self._shape = volume.shape
        self._mask = mask / mask.sum()
        weighing = self._conjugate(self._mask)
        self._spectrum = fft.rfftn(volume)
        mean = fft.irfftn(self._spectrum * weighing, self._shape)
        variance = fft.irfftn(fft.rfftn(volume**2) * weighing, self._shape) - mean**2
        self._deviation = np.sqrt(np.maximum(variance, 0.01 * np.median(variance)))

    def __call__(self, template: NDArray) -> Volume:
        """Correlation, -1 to 1, of a template in a box of the mask's size about every voxel."""
        centred = template - (template * self._mask).sum()
        centred = centred / np.sqrt((centred**2 * self._mask).sum())
        score = fft.irfftn(self._spectrum * self._conjugate(centred * self._mask), self._shape)
        return np.asarray(score / self._deviation, np.float32)

    def _conjugate(self, box: NDArray) -> NDArray:
        whole = np.zeros(self._shape, np.float32)
        whole[tuple(slice(0, n) for n in box.shape)] = box
        return np.conj(fft.rfftn(np.roll(whole, [-(n // 2) for n in box.shape], axis=(0, 1, 2))))


def match(
    volume: NDArray,
    density: NDArray,
    tilt_range: tuple[float, float],
    diameter: float,
    transfer: Callable[[Array], Array] | None = None,
    *,
    orientations: int = 2500,
    across: float = 12.0,
) -> tuple[Volume, Array]:
    """Best correlation over evenly random orientations, at the sampling of a particle `across` voxels wide.

    The template has the tomogram's missing wedge and contrast transfer, and the noise is whitened in both.

    Parameters
    ----------
    volume : array ``[z, y, x]``
        Dense is dark; mean 0, standard deviation 1.
    density : array
        The map at the same voxel size, dense is positive, origin at voxel ``N // 2``.
    tilt_range : tuple of 2 float
        In degrees, about y.
    diameter : float
        Of the particle, in voxels.
    transfer : callable, optional
        Contrast transfer at a frequency in cycles per voxel.

    Returns
    -------
    score : float32 array
    factors : array, shape (3,)
        A position in it, x, y, z, times this is one in the volume.
    """
    small, factors = resampled(without_gold(np.asarray(volume, np.float32), 5), diameter / across)
    factor = float(factors.mean())
    whiten = _whitening(small)
    small = _filtered(small, whiten)

    def as_imaged(frequency: Array) -> Array:
        weight = np.exp(-((frequency * 2 * factor) ** 4)) * whiten(frequency * factor)
        return weight if transfer is None else weight * transfer(frequency)

    template = _filtered(density, as_imaged)
    box = 2 * round(0.9 * across)
    correlate = LocalCorrelation(-small, ball(0.58 * across, box))
    grid = (np.arange(box) - box // 2) * factor
    z, y, x = np.meshgrid(grid, grid, grid, indexing="ij")
    places = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    wedge = measured(frequencies(box), tilt_range)
    best = np.full(small.shape, -1, np.float32)
    for rotation in Rotation.random(orientations, np.random.default_rng(0)):
        at = rotation.inv().apply(places) + len(density) // 2
        turned = map_coordinates(template, at.T[::-1], order=1).reshape(box, box, box)
        turned = fft.irfftn(fft.rfftn(turned) * wedge, turned.shape)
        np.maximum(best, correlate(turned), out=best)
    return best, factors


def _frequency(shape: tuple[int, ...]) -> Array:
    z, y, x = np.meshgrid(*map(fft.fftfreq, shape[:2]), fft.rfftfreq(shape[2]), indexing="ij")
    return np.sqrt(z**2 + y**2 + x**2)


def _filtered(volume: NDArray, weight: Callable[[Array], Array]) -> Volume:
    spectrum = fft.rfftn(volume) * weight(_frequency(volume.shape))
    return np.asarray(fft.irfftn(spectrum, volume.shape), np.float32)


def _whitening(volume: Volume) -> Callable[[Array], Array]:
    """What makes the measured part of a volume's spectrum flat, as a function of cycles per voxel."""
    power = np.abs(fft.rfftn(volume)) ** 2
    shell = (_frequency(volume.shape) * 60).astype(int)
    seen = power > 1e-4 * power.mean()  # nothing was measured in the wedge
    n = 31
    count = np.bincount(shell[seen], minlength=n)[:n]
    amplitude = np.sqrt(count / np.bincount(shell[seen], power[seen], n)[:n])
    amplitude[0] = amplitude[1]
    amplitude /= amplitude.max()
    return lambda frequency: np.interp(frequency, (np.arange(n) + 0.5) / 60, amplitude)
