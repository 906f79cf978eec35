"""What the microscope and the reconstruction do to density: contrast transfer, missing wedge, noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_tomopick.geometry.contrast_transfer import contrast_transfer
from napari_tomopick.geometry.missing_wedge import measured
from napari_tomopick.models.tomogram import Acquisition


def image(
    density: NDArray[np.float32],
    voxel_size_angstrom: float,
    acquisition: Acquisition,
    *,
    snr: float,
    defocus_angstrom: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Turn density (dense is positive) into a tomogram in which dense is dark.

    Signal and noise go through the same missing wedge and a fall-off towards high frequencies; the noise also
    has the mild grain of a weighted back-projection. The grey scale has mean 0 and standard deviation 1.

    Parameters
    ----------
    density : array ``[z, y, x]``
    snr : float
        Variance of the signal over that of the noise, both as they are in the tomogram.
    acquisition : Acquisition
        Its tilt range must be known.
    rng : Generator
        Source of the noise.

    Raises
    ------
    ValueError
        If the tilt range is not known or empty.
    """
    nz, ny, nx = density.shape
    z, y, x = np.meshgrid(fft.fftfreq(nz), fft.fftfreq(ny), fft.rfftfreq(nx), indexing="ij")
    frequency = np.sqrt(z**2 + y**2 + x**2)
    tilt_range = acquisition.tilt_range_degrees
    if tilt_range is None:
        raise ValueError("a tilt range is needed")
    wedge = measured(np.stack([x, y, z], axis=-1), tilt_range, acquisition.tilt_axis)
    low_pass = np.exp(-((frequency / 0.36) ** 4))
    transfer = contrast_transfer(
        frequency / voxel_size_angstrom,
        defocus_angstrom,
        voltage_kv=acquisition.voltage_kv,
        spherical_aberration_mm=acquisition.spherical_aberration_mm,
        amplitude_contrast=acquisition.amplitude_contrast,
    )
    signal = _filtered(density, wedge * low_pass * transfer)
    # noise of the projections is white; the weighting leaves slightly less of it at low frequencies
    noise = _filtered(
        rng.standard_normal(density.shape, dtype=np.float32), wedge * low_pass * (0.35 + frequency) / 0.85
    )
    tomogram = noise * (signal.std() / noise.std() / np.sqrt(snr)) - signal
    tomogram -= tomogram.mean(dtype=np.float64)
    return np.asarray(tomogram / tomogram.std(dtype=np.float64), np.float32)


def _filtered(volume: NDArray[np.float32], transfer: NDArray[np.floating]) -> NDArray[np.float32]:
    spectrum = fft.rfftn(volume)
    spectrum *= transfer.astype(np.float32)
    return np.asarray(fft.irfftn(spectrum, volume.shape), np.float32)
