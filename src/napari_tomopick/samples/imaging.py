"""What the microscope and the reconstruction do to density: contrast transfer, missing wedge, noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_tomopick.geometry.missing_wedge import measured
from napari_tomopick.models.tomogram import Acquisition


def electron_wavelength_angstrom(voltage_kv: float) -> float:
    """Relativistic wavelength (Reimer & Kohl, Transmission Electron Microscopy, eq. 2.14)."""
    volt = voltage_kv * 1e3
    return float(12.2643 / np.sqrt(volt * (1 + 0.978466e-6 * volt)))


def contrast_transfer(
    frequency: NDArray[np.floating], acquisition: Acquisition, defocus_angstrom: float
) -> NDArray[np.float64]:
    """Phase-flipped contrast transfer at spatial frequencies in 1/Å, underfocus positive.

    ``|sqrt(1 - A²) sin χ + A cos χ|`` with ``χ = π λ Δf k² - π/2 Cs λ³ k⁴`` and A the amplitude contrast.
    It is what gives a membrane its bright fringe.
    """
    wavelength = electron_wavelength_angstrom(acquisition.voltage_kv)
    aberration = acquisition.spherical_aberration_mm * 1e7
    k2 = np.asarray(frequency, np.float64) ** 2
    chi = np.pi * wavelength * defocus_angstrom * k2 - np.pi / 2 * aberration * wavelength**3 * k2**2
    amplitude = acquisition.amplitude_contrast
    return np.abs(np.sqrt(1 - amplitude**2) * np.sin(chi) + amplitude * np.cos(chi))


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
    transfer = contrast_transfer(frequency / voxel_size_angstrom, acquisition, defocus_angstrom)
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
