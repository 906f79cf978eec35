"""Averaging boxes that lie in the reference frame, with or without regard to what each has measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WEIGHT_FLOOR = 0.05
"""Frequencies measured by fewer than this share of the particles are damped, not divided up to full size."""


class PlainAverage:
    """The arithmetic mean, box by box.

    Parameters
    ----------
    box_size : int
    """

    def __init__(self, box_size: int) -> None:
        self._sum = np.zeros((box_size,) * 3)
        self._count = 0

    @property
    def count(self) -> int:
        """How many boxes it is of."""
        return self._count

    def add(self, box: NDArray[np.float32]) -> None:
        """Add one box, shape (N, N, N), that lies in the reference frame."""
        self._sum += box
        self._count += 1

    def remove(self, box: NDArray[np.float32]) -> None:
        """Take a box out again that was added here, or in the average that this one is put together with."""
        self._sum -= box
        self._count -= 1

    def put_together(self, other: PlainAverage) -> None:
        """Take in what another one has added and removed."""
        self._sum += other._sum
        self._count += other._count

    def slab(self, axis: int, part: slice) -> NDArray[np.float32]:
        """The mean over some slices along an axis (0, 1, 2 for z, y, x) of the result, shape (N, N)."""
        picture = self._sum[(slice(None),) * axis + (part,)].mean(axis=axis) / self._count
        return picture.astype(np.float32)

    def result(self) -> NDArray[np.float32]:
        """The mean of the boxes so far, shape (N, N, N)."""
        return (self._sum / self._count).astype(np.float32)


class WedgeAverage:
    """The mean over those particles that have measured a frequency, for each frequency.

    ``A(k) = sum_i W_i(k) F_i(k) / max(sum_i W_i(k), floor)``, W being 1 where a particle's tilt series has
    measured and 0 in its missing wedge. The floor, `WEIGHT_FLOOR` of the number of particles and at least a
    half, keeps frequencies that hardly any particle has measured from being blown up to full size with their
    noise; those that none has measured are zero.

    Parameters
    ----------
    box_size : int
    """

    def __init__(self, box_size: int) -> None:
        self._box_size = box_size
        half = (box_size, box_size, box_size // 2 + 1)
        self._sum = np.zeros(half, np.complex128)
        self._weights = np.zeros(half)
        self._count = 0

    def add(self, box: NDArray[np.float32], measured: NDArray[np.bool_]) -> None:
        """Add one box that lies in the reference frame.

        Parameters
        ----------
        box : array, shape (N, N, N)
        measured : bool array, shape (N, N, N // 2 + 1)
            What was measured of it, in the reference frame, in the order of `numpy.fft.rfftn`.
        """
        self._sum += np.where(measured, np.fft.rfftn(box), 0)
        self._weights += measured
        self._count += 1

    def result(self) -> NDArray[np.float32]:
        """The average of the boxes so far, shape (N, N, N)."""
        floor = max(0.5, WEIGHT_FLOOR * self._count)
        spectrum = self._sum / np.maximum(self._weights, floor)
        return np.fft.irfftn(spectrum, s=(self._box_size,) * 3, axes=(0, 1, 2)).astype(np.float32)
