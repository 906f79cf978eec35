"""Compiled loops of alignment in Fourier space: spectra at turned frequencies, and the best scores."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True, nogil=True, fastmath=True)
def turned_spectrum(
    spectrum: NDArray[Any],
    per_frequency: float,
    frequencies: NDArray[Any],
    matrices: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """Sample a spectrum at turned frequencies, trilinearly.

    Parameters
    ----------
    spectrum : complex64 array, shape (m, m, m // 2 + 1)
        Of a real volume, in the order of `numpy.fft.rfftn`, smooth: the volume's centre is at its voxel 0 and
        much of the box around it is empty.
    per_frequency : float
        How many steps of it make one of ``frequencies``.
    frequencies : float32 array, shape (k, 3)
        x, y, z, none so high that a turned one leaves the spectrum.
    matrices : float32 array, shape (n, 3, 3)
        ``out[i]`` at f is the spectrum at ``matrices[i] @ f``.
    out : float32 array, shape (n, 2, k)
        Real and imaginary parts.
    """
    m = spectrum.shape[0]
    for i in range(matrices.shape[0]):
        a = matrices[i]
        for j in range(frequencies.shape[0]):
            f0, f1, f2 = frequencies[j, 0], frequencies[j, 1], frequencies[j, 2]
            x = (a[0, 0] * f0 + a[0, 1] * f1 + a[0, 2] * f2) * per_frequency
            y = (a[1, 0] * f0 + a[1, 1] * f1 + a[1, 2] * f2) * per_frequency
            z = (a[2, 0] * f0 + a[2, 1] * f1 + a[2, 2] * f2) * per_frequency
            # only half of the spectrum is kept: the other is its conjugate at the opposite frequency
            sign = np.float32(1.0)
            if x < 0:
                x, y, z, sign = -x, -y, -z, np.float32(-1.0)
            fx, fy, fz = np.floor(x), np.floor(y), np.floor(z)
            u, v, w = np.float32(x - fx), np.float32(y - fy), np.float32(z - fz)
            x0, y0, z0 = int(fx), int(fy), int(fz)
            y1, z1 = y0 + 1, z0 + 1
            if y0 < 0:
                y0 += m
            if y1 < 0:
                y1 += m
            if z0 < 0:
                z0 += m
            if z1 < 0:
                z1 += m
            one = np.float32(1.0)
            low = (spectrum[z0, y0, x0] * (one - u) + spectrum[z0, y0, x0 + 1] * u) * (one - v) + (
                spectrum[z0, y1, x0] * (one - u) + spectrum[z0, y1, x0 + 1] * u
            ) * v
            high = (spectrum[z1, y0, x0] * (one - u) + spectrum[z1, y0, x0 + 1] * u) * (one - v) + (
                spectrum[z1, y1, x0] * (one - u) + spectrum[z1, y1, x0 + 1] * u
            ) * v
            value = low * (one - w) + high * w
            out[i, 0, j] = value.real
            out[i, 1, j] = value.imag * sign


@numba.njit(cache=True, nogil=True)
def best_products(
    products: NDArray[Any],
    inverse_norms: NDArray[Any],
    scores: NDArray[Any],
    rows: NDArray[Any],
    columns: NDArray[Any],
) -> None:
    """Where the scaled products of each of n particles are highest.

    Parameters
    ----------
    products : float32 array, shape (m, n, s)
        Orientations, particles, shifts.
    inverse_norms : float32 array, shape (m, n)
        What products of an orientation with a particle are multiplied by.
    scores : float32 array, shape (n,)
        Written: the highest.
    rows, columns : int64 array, shape (n,)
        Written: which orientation and which shift has it.
    """
    for p in range(products.shape[1]):
        best, row, column = np.float32(-np.inf), 0, 0
        for i in range(products.shape[0]):
            highest, at = products[i, p, 0], 0
            for s in range(1, products.shape[2]):
                if products[i, p, s] > highest:
                    highest, at = products[i, p, s], s
            scaled = highest * inverse_norms[i, p]
            if scaled > best:
                best, row, column = scaled, i, at
        scores[p], rows[p], columns[p] = best, row, column
