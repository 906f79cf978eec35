"""What the microscope makes of each spatial frequency."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def electron_wavelength_angstrom(voltage_kv: float) -> float:
    """Relativistic wavelength (Reimer & Kohl, Transmission Electron Microscopy, eq. 2.14)."""
    volt = voltage_kv * 1e3
    return float(12.2643 / np.sqrt(volt * (1 + 0.978466e-6 * volt)))


def contrast_transfer(
    frequency: NDArray[np.floating],
    defocus_angstrom: float,
    *,
    voltage_kv: float = 300.0,
    spherical_aberration_mm: float = 2.7,
    amplitude_contrast: float = 0.1,
) -> NDArray[np.float64]:
    """Phase-flipped contrast transfer at spatial frequencies in 1/Å, underfocus positive.

    ``|sqrt(1 - A²) sin χ + A cos χ|`` with ``χ = π λ Δf k² - π/2 Cs λ³ k⁴`` and A the amplitude contrast.
    It is what gives a membrane its bright fringe.

    Parameters
    ----------
    frequency : array
        In 1/Å.
    defocus_angstrom : float
    voltage_kv, spherical_aberration_mm, amplitude_contrast : float
    """
    wavelength = electron_wavelength_angstrom(voltage_kv)
    aberration = spherical_aberration_mm * 1e7
    k2 = np.asarray(frequency, np.float64) ** 2
    chi = np.pi * wavelength * defocus_angstrom * k2 - np.pi / 2 * aberration * wavelength**3 * k2**2
    return np.abs(np.sqrt(1 - amplitude_contrast**2) * np.sin(chi) + amplitude_contrast * np.cos(chi))
