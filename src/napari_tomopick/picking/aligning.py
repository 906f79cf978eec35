"""Aligning boxes to references in Fourier space, over what each box has measured.

The score of a box F and a turned reference A is the constrained correlation (Förster et al., PNAS 2005)

    sum W w Re(A* F) / sqrt(sum W w |A|^2  sum W w |F|^2)

over the frequencies up to a limit, W being 1 where the box has measured and w a low-pass. Boxes are whitened:
each frequency is divided by the root of its mean power over all boxes, so that neither what is dark at low
resolution nor the noise at high resolution outvotes what has a shape. A box's spectrum is known at the
frequencies of its own grid and moved by phases; the reference's is sampled where they lie once it is turned.
So all orientations and shifts are one matrix product, and a missing wedge is exact however a box lies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.picking.aligning_kernels import best_products, turned_spectrum
from napari_tomopick.picking.aligning_poses import Directions, Poses, Wedge
from napari_tomopick.picking.aligning_spectra import (
    PADDING,
    Frequencies,
    low_pass_weights,
    rotation_spectrum,
    soft_sphere,
)

_PRODUCTS = 2**22  # in memory at a time
_PART = 16  # boxes that one thread works on at a time

Made = TypeVar("Made")


class Bank(NamedTuple):
    """A reference in many orientations.

    Parameters
    ----------
    turns : array, shape (m, 4)
        Quaternions: reference frame to the frame of a box.
    values : float32 array, shape (m, 2, k)
        Real and imaginary parts at the first k frequencies, low-passed.
    limit : float
        Of the low-pass, cycles per box.
    """

    turns: NDArray[np.float64]
    values: NDArray[np.float32]
    limit: float


class AlignedBoxes:
    """Boxes on one grid, whitened, to be aligned and averaged.

    Parameters
    ----------
    boxes : sequence of n arrays, shape (N, N, N), float32
        Particles bright. They may be made when they are asked for; each is, whenever it is averaged.
    wedges : sequence of n Wedge
    offsets : array, shape (n, 3)
        Where each particle is said to be, from the centre voxel of its box: x, y, z in voxels.
    limit : float
        Highest frequency that is ever looked at, cycles per box.
    threads : int
        For methods that are not called side by side.
    """

    def __init__(
        self,
        boxes: Sequence[NDArray[np.float32]],
        wedges: Sequence[Wedge],
        offsets: NDArray[np.float64],
        limit: float,
        threads: int = 1,
    ) -> None:
        self._boxes, self._wedges, self._offsets, self._threads = boxes, list(wedges), offsets, threads
        n = self.box_size = len(boxes[0])
        self.frequencies = Frequencies.of(n, 1.1 * limit)
        self.window = soft_sphere(n)
        self._radius = self.frequencies.radius
        numbers: dict[object, int] = {}
        self._kind = np.array([numbers.setdefault(wedge.kind, len(numbers)) for wedge in self._wedges])
        first = [int(np.argmax(self._kind == number)) for number in range(len(numbers))]
        self._masks = np.array(
            [self._wedges[row].measured(self.frequencies.xyz) for row in first], np.float32
        )

        def spectrum(row: int) -> NDArray[np.complex64]:
            values = self.frequencies.of_volume(self._windowed(row))
            return self.frequencies.moved(values * self._masks[self._kind[row]], -offsets[row])

        self._spectra = np.empty((len(boxes), len(self._radius)), np.complex64)
        for part, made in self._in_parts(
            lambda part: [spectrum(row) for row in part], np.arange(len(boxes)), threads
        ):
            self._spectra[part] = made
        self.white = self._mean_amplitude()
        self._spectra /= self.white

    def __len__(self) -> int:
        return len(self._boxes)

    def _windowed(self, row: int) -> NDArray[np.float32]:
        box = self._boxes[row]
        return np.asarray((box - float((box * self.window).sum() / self.window.sum())) * self.window)

    def _mean_amplitude(self) -> NDArray[np.float32]:
        """Root of the mean power at each frequency, alike over shells."""
        shell = np.rint(self._radius).astype(np.int64)
        power = np.zeros(len(self._radius))
        for spectrum in self._spectra:
            power += np.abs(spectrum) ** 2
        count = np.bincount(self._kind, minlength=len(self._masks)).astype(np.float32) @ self._masks
        mean = np.bincount(shell, power) / np.maximum(np.bincount(shell, count), 1)
        known = np.flatnonzero(mean > 0)
        amplitude = np.interp(self._radius, known, np.sqrt(mean[known]))
        return np.asarray(amplitude, np.float32)

    def _in_parts(
        self, function: Callable[[NDArray[np.int64]], Made], rows: NDArray[np.int64], threads: int
    ) -> list[tuple[NDArray[np.int64], Made]]:
        """A function of some rows at a time: the same parts in the same order, whatever the threads."""
        parts = [rows[first : first + _PART] for first in range(0, len(rows), _PART)]
        if threads == 1 or len(parts) == 1:
            return [(part, function(part)) for part in parts]
        with ThreadPoolExecutor(threads) as pool:
            return list(zip(parts, pool.map(function, parts), strict=True))

    def whitened(self, volume: NDArray[np.float32]) -> NDArray[np.complex64]:
        """The spectrum of a volume, shape (N, N, N), whitened as the boxes are."""
        return np.asarray(self.frequencies.of_volume(volume) / self.white, np.complex64)

    def coloured(self, values: NDArray[np.complex64]) -> NDArray[np.float32]:
        """The volume that a whitened spectrum stands for, shape (N, N, N)."""
        return self.frequencies.volume(values * self.white[: len(values)])

    def sums(
        self, rows: NDArray[np.int64], poses: Poses, limit: float
    ) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
        """Sum of whitened spectra in the reference frame, and how often each frequency was measured.

        Parameters
        ----------
        rows : int array
            The boxes.
        poses : Poses
            Of all boxes.
        limit : float
            Highest frequency, cycles per box.

        Returns
        -------
        total : complex64 array, shape (k,)
            At the first k of `frequencies`.
        weight : float32 array, shape (k,)
        """
        k = self.frequencies.up_to(1.1 * limit)
        xyz = self.frequencies.xyz[:k]

        def some(part: NDArray[np.int64]) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
            total, weight = np.zeros(k, np.complex64), np.zeros(k, np.float32)
            out = np.empty((1, 2, k), np.float32)
            for row, matrix in zip(part, poses.some(part).rotations().as_matrix(), strict=True):
                spectrum = rotation_spectrum(self._windowed(row))
                turned_spectrum(spectrum, float(PADDING), xyz, matrix[None].astype(np.float32), out)
                # the particle lies off the centre: bring it back
                at = (self._offsets[row] + poses.shifts[row]) @ matrix
                seen = self._wedges[row].measured(xyz, matrix)
                total += self.frequencies.moved((out[0, 0] + 1j * out[0, 1]) * seen, -at)
                weight += seen
            return total, weight

        total, weight = np.zeros(k, np.complex64), np.zeros(k, np.float32)
        for _, (more, weights) in self._in_parts(some, rows, self._threads):
            total += more
            weight += weights
        return np.asarray(total / self.white[:k], np.complex64), weight

    def bank(self, reference: NDArray[np.float32], rotations: Rotation, limit: float) -> Bank:
        """A whitened reference in many orientations, for `align`.

        Parameters
        ----------
        reference : array, shape (N, N, N)
            With its centre at voxel N // 2.
        rotations : Rotation, m of them
        limit : float
            Highest frequency, cycles per box.
        """
        values = self._turned(rotation_spectrum(reference), rotations.as_matrix(), limit)
        return Bank(rotations.as_quat(), values, limit)

    def _turned(
        self, spectrum: NDArray[np.complex64], matrices: NDArray[np.float64], limit: float
    ) -> NDArray[np.float32]:
        k = self.frequencies.up_to(1.1 * limit)
        values = np.empty((len(matrices), 2, k), np.float32)
        # what a turned volume has at f, the volume has at R^T f
        back = np.ascontiguousarray(np.swapaxes(matrices, 1, 2), np.float32)
        turned_spectrum(spectrum, float(PADDING), self.frequencies.xyz[:k], back, values)
        values *= low_pass_weights(self._radius[:k], limit)
        return values

    def align(self, rows: NDArray[np.int64], bank: Bank, shifts: NDArray[np.float64]) -> Poses:
        """Find the poses of boxes among the orientations of a bank and some shifts.

        Parameters
        ----------
        rows : int array
        bank : Bank
        shifts : array, shape (s, 3)
            x, y, z in voxels.

        Returns
        -------
        Poses
            Of these boxes.
        """
        k = bank.values.shape[2]
        power = (bank.values**2).sum(axis=1) @ self._masks[:, :k].T  # (m, kinds)
        inverse = 1 / np.sqrt(np.maximum(power, 1e-12))
        flat = bank.values.reshape(len(bank.values), -1)
        phases = self._phases(shifts, k)
        weights = low_pass_weights(self._radius[:k], bank.limit)
        found = Poses.unknown(len(rows))
        at_once = max(1, _PRODUCTS // (len(flat) * len(shifts)))
        for first in range(0, len(rows), at_once):
            some = rows[first : first + at_once]
            spectra = self._spectra[some, :k] * weights
            norms = np.sqrt((np.abs(spectra) ** 2).sum(axis=1))
            data = _parts(spectra[:, None] * phases).reshape(len(some) * len(shifts), -1)
            products = (flat @ data.T).reshape(len(flat), len(some), len(shifts))
            scores = np.empty(len(some), np.float32)
            which, where = np.empty(len(some), np.int64), np.empty(len(some), np.int64)
            best_products(products, inverse[:, self._kind[some]], scores, which, where)
            here = np.arange(first, first + len(some))
            found.put(here, Poses(bank.turns[which], shifts[where], scores / np.maximum(norms, 1e-12)))
        return found

    def _phases(self, shifts: NDArray[np.float64], k: int) -> NDArray[np.complex64]:
        """What brings a particle that lies at a shift back to the centre, ``(s, k)``."""
        angle = (2 * np.pi / self.box_size) * (shifts @ self.frequencies.xyz[:k].T.astype(np.float64))
        return np.asarray(np.exp(1j * angle), np.complex64)

    def align_near(
        self,
        rows: NDArray[np.int64],
        reference: NDArray[np.float32],
        limit: float,
        poses: Poses,
        turns: Rotation,
        shifts: NDArray[np.float64],
        reach: float,
        directions: Directions | None = None,
    ) -> Poses:
        """Find the poses of boxes near those they have.

        Parameters
        ----------
        rows : int array
        reference : array, shape (N, N, N)
            Whitened.
        limit : float
            Highest frequency, cycles per box.
        poses : Poses
            Of all boxes: where to look.
        turns : Rotation
            To turn the reference by before it takes the orientation of a box, the first of them none.
        shifts : array, shape (s, 3)
            To be added to a box's own, the first of them none; x, y, z in voxels.
        reach : float
            How far a particle may lie from where it was said to be, in voxels.
        directions : Directions, optional
            Of all boxes, to be kept.

        Returns
        -------
        Poses
            Of these boxes.
        """
        k = self.frequencies.up_to(1.1 * limit)
        spectrum = rotation_spectrum(reference)
        weights = low_pass_weights(self._radius[:k], limit)
        around = self._phases(shifts, k)
        small = turns.as_matrix()

        def some(part: NDArray[np.int64]) -> Poses:
            found = Poses.unknown(len(part))
            starts = poses.some(part)
            for i, (row, turn) in enumerate(zip(part, starts.rotations().as_matrix(), strict=True)):
                matrices = turn @ small
                if directions is not None:
                    allowed = directions.allowed(row, matrices)
                    allowed[0] |= not allowed.any()
                    matrices = matrices[allowed]
                bank = self._turned(spectrum, matrices, limit)
                power = (bank**2).sum(axis=1) @ self._masks[self._kind[row], :k]
                at = starts.shifts[i] + shifts
                inside = np.linalg.norm(at, axis=1) <= reach
                inside[0] |= not inside.any()
                data = self._spectra[row, :k] * weights * self._phases(starts.shifts[i][None], k)
                products = bank.reshape(len(bank), -1) @ _parts(data * around[inside]).T
                products /= np.sqrt(np.maximum(power, 1e-12))[:, None]
                which, where = np.unravel_index(int(products.argmax()), products.shape)
                score = products[which, where] / max(float(np.linalg.norm(data)), 1e-12)
                turned = Rotation.from_matrix(matrices[which]).as_quat()
                found.put(np.array([i]), Poses(turned[None], at[inside][where][None], np.array([score])))
            return found

        found = Poses.unknown(len(rows))
        place = 0
        for part, poses_of in self._in_parts(some, rows, self._threads):
            found.put(np.arange(place, place + len(part)), poses_of)
            place += len(part)
        return found


def _parts(values: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Real parts, then imaginary ones, along the last axis."""
    return np.concatenate([values.real, values.imag], axis=-1)
