"""What is done to the grey values of a box or a picture: downsampling, normalisation, low-pass."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Normalisation = Literal["none", "box", "background"]


def downsampled_size(box_size: int, factor: float) -> int:
    """Size of an N box after downsampling by a factor, which need not be whole.

    Raises
    ------
    ValueError
        If the factor is below 1 or the new size is not an even number; the message names factors that fit.
    """
    size = round(box_size / factor) if np.isfinite(factor) and factor >= 1 else 0
    if size < 2 or size % 2 or not np.isclose(size * factor, box_size, rtol=1e-3):
        if np.isfinite(factor) and factor >= 1:
            nearest = min(max(2, 2 * round(box_size / factor / 2)), box_size)
        else:
            nearest = box_size
        sizes = [m for m in (nearest - 2, nearest, nearest + 2) if 2 <= m <= box_size]
        fitting = ", ".join(f"{box_size / m:.6g} (box {m})" for m in reversed(sizes))
        raise ValueError(
            f"downsampling a box of {box_size} by {factor:g} gives no even box; factors that do: {fitting}"
        )
    return size


def downsample(box: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Crop the spectrum of an N box to that of a smaller one: nothing finer than its voxels is left to alias.

    The mean is kept, and so is the centre: the voxel N // 2 of even boxes stays the centre voxel, because
    ``(N / 2) (M / N) = M / 2``.

    Parameters
    ----------
    box : array, shape (N, N, N), N even
    size : int
        Even M, at most N.

    Returns
    -------
    array, shape (M, M, M), float32
    """
    if size == len(box):
        return box
    from scipy.signal import resample

    for axis in range(3):
        box = resample(box, size, axis=axis)
    return np.ascontiguousarray(box, dtype=np.float32)


@lru_cache(maxsize=4)
def outside_sphere(box_size: int, radius: float) -> NDArray[np.bool_]:
    """Voxels of an N box further than ``radius`` from its centre voxel N // 2; shared: do not write."""
    d = np.arange(box_size, dtype=np.float64) - box_size // 2
    return np.asarray(d[:, None, None] ** 2 + d[:, None] ** 2 + d**2 > radius**2)


def normalise(
    box: NDArray[np.float32], method: Normalisation, radius: float | None = None
) -> NDArray[np.float32]:
    """Shift and scale a box to zero mean and unit standard deviation.

    Parameters
    ----------
    box : array, shape (N, N, N)
    method : "none", "box" or "background"
        Leave it, or take mean and deviation over the whole box, or over the voxels outside a sphere.
    radius : float, optional
        Radius of the sphere in voxels of this box. Default: N / 2, the largest that fits.

    Raises
    ------
    ValueError
        If no voxel lies outside the sphere, or the voxels looked at have all one value.
    """
    if method == "none":
        return box
    looked_at = box
    if method == "background":
        size = len(box)
        outside = outside_sphere(size, size / 2 if radius is None else float(radius))
        if not outside.any():
            raise ValueError(f"no voxel of a box of {size} lies outside a sphere of radius {radius:g}")
        looked_at = box[outside]
    mean = looked_at.mean(dtype=np.float64)
    deviation = looked_at.std(dtype=np.float64)
    # rounding alone gives a constant box a deviation of about 1e-7 of its value
    if not deviation > 1e-6 * abs(mean):
        raise ValueError("the box holds only one grey value, which has no standard deviation to divide by")
    return ((box - mean) / deviation).astype(np.float32)


def low_pass(picture: NDArray[np.float32], cutoff: float) -> NDArray[np.float32]:
    """Low-pass filter a picture with a Gaussian, which leaves no rings around what is sharp.

    The picture goes on as its mirror image beyond its edges. What is not finite stays as it is, and is taken
    for the mean by its neighbours.

    Parameters
    ----------
    picture : array, shape (h, w), float32
    cutoff : float
        Frequency in cycles per pixel at which half of the amplitude is left: voxel size / resolution.

    Returns
    -------
    array, shape (h, w), float32

    Raises
    ------
    ValueError
        If the cutoff is not positive.
    """
    from scipy import fft

    reach = low_pass_reach(cutoff)
    finite = np.isfinite(picture)
    whole = bool(finite.all())
    known = picture if whole else np.where(finite, picture, _mean(picture[finite]))
    # a mirrored margin keeps one edge from reaching round to the other
    sizes = [fft.next_fast_len(n + 2 * reach, real=True) for n in picture.shape]
    margins = [(reach, size - n - reach) for size, n in zip(sizes, picture.shape, strict=True)]
    spectrum = fft.rfft2(np.pad(known, margins, mode="symmetric"), workers=2)
    spectrum *= _half_at(cutoff, fft.fftfreq(sizes[0]))[:, None]
    spectrum *= _half_at(cutoff, fft.rfftfreq(sizes[1]))
    padded = fft.irfft2(spectrum, s=sizes, workers=2, overwrite_x=True)
    found = np.asarray(padded[reach : reach + len(picture), reach : reach + picture.shape[1]])
    return found if whole else np.where(finite, found, picture)


def low_pass_reach(cutoff: float) -> int:
    """Pixels from which `low_pass` takes something into account.

    Raises
    ------
    ValueError
        If the cutoff is not positive.
    """
    if not (np.isfinite(cutoff) and cutoff > 0):
        raise ValueError(f"the cutoff of a low-pass filter must be a positive frequency, got {cutoff}")
    # four standard deviations of the Gaussian in real space
    return int(np.ceil(4 * np.sqrt(np.log(2) / 2) / (np.pi * cutoff)))


def _half_at(cutoff: float, frequencies: NDArray[np.float64]) -> NDArray[np.float32]:
    # amplitudes below 1e-17 are not to become slow denormal numbers
    return np.exp2(np.maximum(-((frequencies / cutoff) ** 2), -56.0)).astype(np.float32)


def _mean(values: NDArray[np.float32]) -> np.float32:
    return values.mean() if len(values) else np.float32(0)
