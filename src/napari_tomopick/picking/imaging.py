"""What microscope, reconstruction and noise do to a particle, as far as a template has to follow them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_tomopick.geometry.cropping import mirrored_indices, parts
from napari_tomopick.geometry.missing_wedge import frequencies, measured

Radial = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""A function of spatial frequency in 1/Å."""

_BLOCK = 64
_BLOCKS = 40
_FLOOR = 1e-3  # of the largest power: below it there is no signal to bring out


@dataclass(frozen=True)
class Imaging:
    """How a particle of a given orientation appears in a tomogram.

    Parameters
    ----------
    tilt_range_degrees : (lowest, highest)
    tilt_axis : "y" or "x"
    whitening : callable
        Amplitude that the tomogram is multiplied with at each frequency, so that its noise is alike at all.
    transfer : callable, optional
        What the particle is multiplied with: contrast transfer, dose.
    """

    tilt_range_degrees: tuple[float, float]
    tilt_axis: Literal["x", "y"] = "y"
    whitening: Radial = np.ones_like
    transfer: Radial = np.ones_like

    def wedge(self, box_size: int) -> NDArray[np.float32]:
        """What was measured, on the frequencies of `numpy.fft.rfftn` of an N box: ``(N, N, N // 2 + 1)``."""
        return _wedge(box_size, self.tilt_range_degrees, self.tilt_axis)

    def of_template(self, frequency: NDArray[np.float64]) -> NDArray[np.float64]:
        """What a template is multiplied with to look as in the tomogram after `whitening`."""
        return self.whitening(frequency) * self.transfer(frequency)


@lru_cache(maxsize=8)
def _wedge(
    box_size: int, tilt_range_degrees: tuple[float, float], tilt_axis: Literal["x", "y"]
) -> NDArray[np.float32]:
    return measured(frequencies(box_size), tilt_range_degrees, tilt_axis).astype(np.float32)


def radial_frequencies(shape: tuple[int, ...], spacing_angstrom: float) -> NDArray[np.float64]:
    """Absolute frequencies in 1/Å of `numpy.fft.rfftn` of an array of this shape."""
    z, y, x = fft.fftfreq(shape[0]), fft.fftfreq(shape[1]), fft.rfftfreq(shape[2])
    return np.asarray(np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2) / spacing_angstrom)


def filtered(volume: NDArray[np.float32], weight: NDArray[np.floating]) -> NDArray[np.float32]:
    """Multiply the Fourier transform of a volume with a weight at each frequency of its `rfftn`."""
    return np.asarray(
        fft.irfftn(fft.rfftn(volume) * weight.astype(np.float32, copy=False), volume.shape), np.float32
    )


def filtered_in_tiles(
    volume: NDArray[np.float32], radial: Radial, spacing_angstrom: float, *, tile: int = 256, margin: int = 24
) -> NDArray[np.float32]:
    """Weight each spatial frequency of a volume, part by part: it may be as large as memory.

    Parameters
    ----------
    volume : float32 array ``[z, y, x]``
        Mirrored beyond its faces.
    radial : callable
        Smooth, so that no voxel feels what lies beyond the margin.
    spacing_angstrom : float
    tile, margin : int
        Side of a part, and what is looked at around it, in voxels.
    """
    out = np.empty_like(volume)
    weights: dict[tuple[int, ...], NDArray[np.float32]] = {}
    for part in parts(volume.shape, tile):
        rows = [
            mirrored_indices(p.start - margin, p.stop - p.start + 2 * margin, n)
            for p, n in zip(part, volume.shape, strict=True)
        ]
        block = volume[np.ix_(*rows)]
        if block.shape not in weights:
            weights = {
                block.shape: radial(radial_frequencies(block.shape, spacing_angstrom)).astype(np.float32)
            }
        inner = tuple(slice(margin, n - margin) for n in block.shape)
        out[part] = filtered(block, weights[block.shape])[inner]
    return out


def whitening_of(
    volume: Any,
    spacing_angstrom: float,
    tilt_range_degrees: tuple[float, float],
    tilt_axis: Literal["x", "y"] = "y",
    seed: int = 0,
) -> Radial:
    """What makes the spectrum of a tomogram flat: one over the root of its mean power at each frequency.

    Parameters
    ----------
    volume : array-like ``[z, y, x]``
        Blocks of it are looked at, so that a file that is mapped is not read in full.
    spacing_angstrom : float
    tilt_range_degrees, tilt_axis
        Only what was measured counts.
    seed : int
        Of the places of the blocks.
    """
    rng = np.random.default_rng(seed)
    size = min(_BLOCK, 2 * (min(volume.shape) // 2))
    window = np.hanning(size + 2)[1:-1].astype(np.float32)
    window3 = window[:, None, None] * window[:, None] * window
    seen = _wedge(size, tilt_range_degrees, tilt_axis) > 0
    shell = np.rint(radial_frequencies((size,) * 3, 1.0) * size).astype(np.int64)
    half = size // 2
    inside = seen & (shell <= half)
    power = np.zeros(half + 1)
    free = np.array(volume.shape) - size
    for _ in range(_BLOCKS):
        corner = rng.integers(0, free + 1)
        part = tuple(slice(int(c), int(c) + size) for c in corner)
        block = np.asarray(volume[part], np.float32)
        block = (block - block.mean()) * window3
        power += np.bincount(shell[inside], np.abs(fft.rfftn(block)[inside]) ** 2, minlength=half + 1)
    count = np.bincount(shell[inside], minlength=half + 1)
    mean = power / np.maximum(count, 1)
    # what lies below the first shells is the window's and the ice's
    mean[0] = mean[1] = mean[2] if half >= 2 else mean[-1]
    mean = np.maximum(mean, _FLOOR * mean.max())
    amplitude = 1 / np.sqrt(mean)
    amplitude /= amplitude.max()
    at = np.arange(half + 1) / size / spacing_angstrom

    def weight(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.interp(frequency, at, amplitude))

    return weight
