"""Spectra for alignment: the frequencies compared, and a spectrum that can be sampled between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

PADDING = 2
"""Spectra are sampled on a grid so much finer, where trilinear interpolation is good enough."""
_WHOLE = 0.8  # of half the box: up to there a box is left as it is, and from there on faded out


def soft_sphere(box_size: int) -> NDArray[np.float32]:
    """1 about voxel N // 2, falling to 0 towards the faces of the box; shape (N, N, N)."""
    d = np.arange(box_size, dtype=np.float32) - box_size // 2
    radius = np.sqrt(d[:, None, None] ** 2 + d[:, None] ** 2 + d**2) / (box_size / 2)
    beyond = np.clip((radius - _WHOLE) / (1 - _WHOLE), 0, 1)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * beyond), np.float32)


def low_pass_weights(radius: NDArray[np.floating], limit: float) -> NDArray[np.float32]:
    """1 up to nine tenths of a limit, falling to 0 at eleven tenths; both in cycles per box."""
    beyond = np.clip((radius / limit - 0.9) / 0.2, 0, 1)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * beyond), np.float32)


def rotation_spectrum(volume: NDArray[np.float32]) -> NDArray[np.complex64]:
    """The spectrum of a volume, finer than its own and corrected for trilinear interpolation.

    Parameters
    ----------
    volume : array, shape (N, N, N)

    Returns
    -------
    complex64 array, shape (P N, P N, P N // 2 + 1), P being `PADDING`
        For `aligning_kernels.turned_spectrum`; the centre voxel of the volume has no phase.
    """
    n = len(volume)
    m = PADDING * n
    # trilinear interpolation of a spectrum multiplies the volume by sinc^2 along each axis
    profile = (1 / np.sinc((np.arange(n) - n // 2) / m) ** 2).astype(np.float32)
    padded = np.zeros((m, m, m), np.float32)
    corrected = volume * (profile[:, None, None] * profile[:, None] * profile)
    low, high = slice(0, n - n // 2), slice(m - n // 2, m)
    first, second = slice(n // 2, n), slice(0, n // 2)
    for z, from_z in ((low, first), (high, second)):
        for y, from_y in ((low, first), (high, second)):
            for x, from_x in ((low, first), (high, second)):
                padded[z, y, x] = corrected[from_z, from_y, from_x]
    return np.ascontiguousarray(fft.rfftn(padded), np.complex64)


@dataclass(frozen=True, eq=False)
class Frequencies:
    """Half of the frequencies of an N box up to a limit, lowest first; 0 is left out.

    Boxes of two sizes have the same frequencies in the same order, as far as both go.

    Parameters
    ----------
    box_size : int
    xyz : float32 array, shape (k, 3)
        Cycles per box.
    radius : float32 array, shape (k,)
    """

    box_size: int
    xyz: NDArray[np.float32]
    radius: NDArray[np.float32]

    @classmethod
    def of(cls, box_size: int, limit: float) -> Frequencies:
        """Those up to a limit in cycles per box, at most up to one below Nyquist."""
        reach = box_size // 2 - 1
        grid = np.arange(-reach, reach + 1, dtype=np.float32)
        z, y, x = (axis.ravel() for axis in np.meshgrid(grid, grid, grid, indexing="ij"))
        radius = np.sqrt(x * x + y * y + z * z)
        half = (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))
        kept = np.flatnonzero(half & (radius <= min(limit, reach)))
        kept = kept[np.argsort(radius[kept], kind="stable")]
        return cls(box_size, np.column_stack([x, y, z])[kept], radius[kept])

    def __len__(self) -> int:
        return len(self.radius)

    def up_to(self, limit: float) -> int:
        """How many lie within a limit."""
        return int(np.searchsorted(self.radius, limit, side="right"))

    def of_volume(self, volume: NDArray[np.float32]) -> NDArray[np.complex64]:
        """The spectrum of a volume about voxel N // 2 at these frequencies, ``(k,)``."""
        n = self.box_size
        spectrum = fft.rfftn(np.roll(volume, -(n // 2), (0, 1, 2)))
        x, y, z = self.xyz.T.astype(np.int64)
        return np.asarray(spectrum[z, y, x], np.complex64)

    def volume(self, values: NDArray[np.complex64]) -> NDArray[np.float32]:
        """The volume that has these values at the first frequencies, and its centre at voxel N // 2."""
        n = self.box_size
        spectrum = np.zeros((n, n, n // 2 + 1), np.complex64)
        x, y, z = self.xyz[: len(values)].T.astype(np.int64)
        spectrum[z, y, x] = values
        # where x is 0, a frequency and its opposite are both in this half
        flat = x == 0
        spectrum[-z[flat], -y[flat], 0] = values[flat].conj()
        return np.asarray(np.roll(fft.irfftn(spectrum, (n, n, n)), n // 2, (0, 1, 2)), np.float32)

    def moved(self, values: NDArray[np.complex64], by: NDArray[np.float64]) -> NDArray[np.complex64]:
        """Values of the same volume moved by x, y, z voxels."""
        angle = (-2 * np.pi / self.box_size) * (self.xyz[: len(values)].astype(np.float64) @ by)
        return np.asarray(values * np.exp(1j * angle), np.complex64)
