"""The sampling at which particles are looked for: coarse enough that one is about ten voxels across.

Both stages of the picker learn best where the particle is 8 to 12 voxels across, whatever the voxel size of
the tomogram; `WorkingGrid` takes volumes and positions there and back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, ndimage

from napari_tomopick.geometry.coordinates import rescale_positions

WORKING_DIAMETER = 10.0
"""Diameter of a particle in voxels of the working grid."""

_MIN_VOXELS = 4
_SAMPLE_VOXELS = 2_000_000
CLIP_DEVIATIONS = 6.0
"""Robust standard deviations. Gold stands at ten and more; noise and particles hardly reach five."""
_LOCAL = WORKING_DIAMETER  # standard deviation of the Gaussian whose mean is taken away
_WORKERS = 2
_ROWS = 64  # that are resampled along z together


@dataclass(frozen=True)
class WorkingGrid:
    """A grid over the same volume as a tomogram, with other voxels.

    Parameters
    ----------
    tomogram_shape : tuple of 3 int
        Number of voxels of the tomogram along z, y, x.
    shape : tuple of 3 int
        Number of voxels of this grid along z, y, x.
    """

    tomogram_shape: tuple[int, int, int]
    shape: tuple[int, int, int]

    @classmethod
    def for_diameter(cls, tomogram_shape: tuple[int, int, int], diameter: float) -> WorkingGrid:
        """The grid on which a particle of this diameter in voxels of the tomogram is `WORKING_DIAMETER`.

        Raises
        ------
        ValueError
            If the diameter is not positive, or a particle is as large as the tomogram.
        """
        if not (np.isfinite(diameter) and diameter > 0):
            raise ValueError(f"the diameter of a particle is a positive number of voxels, got {diameter}")
        factor = diameter / WORKING_DIAMETER
        nz, ny, nx = (max(1, round(n / factor)) for n in tomogram_shape)
        if min(nz, ny, nx) < _MIN_VOXELS:
            raise ValueError(
                f"a particle of {diameter:g} voxels is too large for a tomogram of "
                f"{' x '.join(str(n) for n in tomogram_shape[::-1])} voxels (x, y, z)"
            )
        return cls(tomogram_shape, (nz, ny, nx))

    @classmethod
    def by_factor(cls, tomogram_shape: tuple[int, int, int], factor: float) -> WorkingGrid:
        """The grid whose voxels are larger by this factor, at least 1; by 1 it is the tomogram's own."""
        if not (np.isfinite(factor) and factor >= 1):
            raise ValueError(f"a grid is not finer than the tomogram, got the factor {factor}")
        nz, ny, nx = (max(1, round(n / factor)) for n in tomogram_shape)
        return cls(tomogram_shape, (nz, ny, nx))

    @property
    def factors(self) -> NDArray[np.float64]:
        """Size of a voxel of this grid in those of the tomogram, along x, y, z: nearly the same."""
        return np.array(self.tomogram_shape[::-1], float) / np.array(self.shape[::-1], float)

    def to_grid(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Express positions in the tomogram, ``(n, 3)`` x, y, z, in voxels of this grid."""
        return rescale_positions(positions, 1 / self.factors)

    def to_tomogram(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Express positions on this grid, ``(n, 3)`` x, y, z, in voxels of the tomogram."""
        return rescale_positions(positions, self.factors)

    def resample(
        self,
        volume: Any,
        report: Callable[[int, int], None] | None = None,
        *,
        clip_deviations: float = CLIP_DEVIATIONS,
    ) -> NDArray[np.float32]:
        """The volume on this grid, with what is finer than its voxels left out, and outliers clipped.

        Each axis is cropped in its cosine transform: the volume goes on as its mirror image beyond its faces,
        so that one face does not leak into the other, and the centres of voxels lie as `rescale_positions`
        has it. Section by section along z: of a memory-mapped file no more than one is held in full.

        Parameters
        ----------
        volume : array-like, shape (nz, ny, nx)
            Anything that gives NumPy arrays when sliced along z.
        report : callable, optional
            Called with (sections done, sections).
        clip_deviations : float
            Voxels further than so many robust standard deviations from the median count as that far.

        Returns
        -------
        float32 array, in units of the voxels' robust standard deviation about their median
        """
        nz, ny, nx = self.shape
        middle, deviation = robust_range(volume)
        sections = self.tomogram_shape[0]
        flat = np.empty((sections, ny, nx), np.float32)
        for z in range(sections):
            raw = np.asarray(volume[z], np.float32)
            if not np.isfinite(raw).all():
                raise ValueError(f"section {z} has voxels that are not finite")
            section = (raw - np.float32(middle)) / np.float32(deviation)
            np.clip(section, -clip_deviations, clip_deviations, out=section)
            flat[z] = resampled(resampled(section, ny, 0), nx, 1)
            if report is not None:
                report(z + 1, sections)
        if nz == sections:
            return flat
        out = np.empty(self.shape, np.float32)
        for y in range(0, ny, _ROWS):
            out[:, y : y + _ROWS] = resampled(flat[:, y : y + _ROWS], nz, 0)
        return out


def robust_range(volume: Any) -> tuple[float, float]:
    """Median and robust standard deviation (1.4826 times the median deviation) of a sample of the voxels.

    Raises
    ------
    ValueError
        If the voxels looked at have all one value, or are not finite.
    """
    nz, ny, nx = volume.shape
    step = max(1, int(np.ceil((nz * ny * nx / _SAMPLE_VOXELS) ** (1 / 3))))
    sample = np.concatenate(
        [np.asarray(volume[z], np.float32)[::step, ::step].ravel() for z in range(step // 2, nz, step)]
    )
    if not np.isfinite(sample).all():
        raise ValueError("the tomogram has voxels that are not finite")
    middle = float(np.median(sample))
    deviation = 1.4826 * float(np.median(np.abs(sample - middle)))
    if not deviation > 0:
        # more than half of the voxels may be empty: outside of the field of view
        deviation = float(sample.std(dtype=np.float64))
    if not deviation > 0:
        raise ValueError("the tomogram holds one grey value only")
    return middle, deviation


def resampled(array: NDArray[np.float32], size: int, axis: int) -> NDArray[np.float32]:
    """Crop or fill up the cosine transform (DCT-II) along one axis to ``size`` samples; the mean is kept."""
    n = array.shape[axis]
    if n == size:
        return array
    spectrum = fft.dct(array, axis=axis, norm="forward", workers=_WORKERS)
    if size < n:
        spectrum = np.take(spectrum, range(size), axis=axis)
    else:
        padding = [(0, size - n if i == axis else 0) for i in range(array.ndim)]
        spectrum = np.pad(spectrum, padding)
    return np.asarray(fft.idct(spectrum, axis=axis, norm="forward", workers=_WORKERS), np.float32)


def normalised(volume: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the networks see: variations slower than the particle taken away, unit deviation, clipped.

    Parameters
    ----------
    volume : float32 array
        On the working grid.
    """
    flat = volume - ndimage.gaussian_filter(volume, _LOCAL, mode="reflect", truncate=3.0)
    deviation = np.sqrt(np.mean(flat * flat, dtype=np.float64))
    if deviation > 0:
        flat /= np.float32(deviation)
    return np.clip(flat, -5.0, 5.0, out=flat)
