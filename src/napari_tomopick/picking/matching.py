"""Comparing a reference with places of a tomogram in every orientation, with the missing wedge in mind.

What is compared is whitened: every spatial frequency counts by its signal over its noise, so that neither the
dark blob that all complexes are at low resolution nor the noise at high resolution outvotes what tells kinds
apart. The reference is turned first and loses what the tilt series has not measured then, so that it looks as
the particle would, had it that orientation (Förster et al., PNAS 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.missing_wedge import frequencies, measured
from napari_tomopick.models.tomogram import Acquisition
from napari_tomopick.picking.rotation_kernels import boxes_at, turned

MATCHING_DIAMETER = 12.0
"""Diameter of a particle in voxels of the grid on which it is matched."""
BOX = 18
"""Side of a reference on that grid; its centre is voxel BOX // 2."""

USUAL_TILTS = (-60.0, 60.0)
_MASK_RADIUS = 0.62 * MATCHING_DIAMETER
_SOFT_EDGE = 1.5
_FINER = 2  # references are turned on a grid so much finer, where trilinear interpolation is good enough
_WORKERS = 2
_SHELLS = 80  # of the power spectrum, from 0 to the sampling frequency
_AT_ONCE = 450  # boxes in one matrix product


def _radius() -> NDArray[np.float64]:
    d = np.arange(BOX) - BOX // 2
    return np.asarray(np.sqrt(d[:, None, None] ** 2 + d[:, None] ** 2 + d**2))


_RADIUS = _radius()
_MASK = np.flatnonzero(_RADIUS.ravel() <= _MASK_RADIUS)
_INSIDE = np.argwhere(_RADIUS <= _MASK_RADIUS)
_WINDOW = np.clip((_MASK_RADIUS + _SOFT_EDGE - _RADIUS) / _SOFT_EDGE, 0, 1).astype(np.float32)


class Matches(NamedTuple):
    """How well places agree with a reference.

    Parameters
    ----------
    scores : array, shape (n,)
        Normalised correlation, from -1 to 1, in the best orientation at the best of the shifts.
    orientations : int array, shape (n,)
        Number of that orientation.
    shifts : int array, shape (n,)
        Number of that shift.
    """

    scores: NDArray[np.float32]
    orientations: NDArray[np.int64]
    shifts: NDArray[np.int64]


def whitened(volume: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide a volume's Fourier transform by the root of its mean power at each frequency."""
    spectrum = fft.rfftn(volume, workers=_WORKERS)
    nz, ny, nx = volume.shape
    k = np.sqrt(fft.fftfreq(nz)[:, None, None] ** 2 + fft.fftfreq(ny)[:, None] ** 2 + fft.rfftfreq(nx) ** 2)
    shell = np.minimum((k * _SHELLS).astype(np.int32), _SHELLS * 3 // 4).ravel()
    power = np.bincount(shell, np.abs(spectrum.ravel()) ** 2) / np.maximum(np.bincount(shell), 1)
    spectrum /= np.sqrt(power[shell] + 1e-9 * power.max()).reshape(spectrum.shape).astype(np.float32)
    found = np.asarray(fft.irfftn(spectrum, volume.shape, workers=_WORKERS), np.float32)
    return found / np.float32(max(float(found.std(dtype=np.float64)), 1e-12))


@dataclass(frozen=True, eq=False)
class MatchingVolume:
    """A whitened volume in which references are made and compared.

    Parameters
    ----------
    volume : float32 array ``[z, y, x]``
        On the grid where a particle is `MATCHING_DIAMETER` across; dense is dark.
    acquisition : Acquisition
        Its tilt range; `USUAL_TILTS` where it is not known.
    """

    volume: NDArray[np.float32]
    acquisition: Acquisition

    def __post_init__(self) -> None:
        object.__setattr__(self, "_padded", np.pad(self.volume, BOX, mode="symmetric"))
        object.__setattr__(self, "_wedge", self._measured(None).astype(np.float32))

    _padded: NDArray[np.float32] = None  # type: ignore[assignment]  # filled in __post_init__
    _wedge: NDArray[np.float32] = None  # type: ignore[assignment]

    def _measured(self, rotation: NDArray[np.float64] | None) -> NDArray[np.bool_]:
        tilts = self.acquisition.tilt_range_degrees or USUAL_TILTS
        return measured(frequencies(BOX), tilts, self.acquisition.tilt_axis, rotation)

    def _corners(self, places: NDArray[np.float64]) -> NDArray[np.int64]:
        """First voxel z, y, x, in the padded volume, of the boxes about the voxels nearest to places."""
        nearest = np.clip(np.rint(places), 0, np.array(self.volume.shape[::-1]) - 1)
        return np.ascontiguousarray(nearest[:, ::-1].astype(np.int64) + BOX - BOX // 2)

    def box(self, place: NDArray[np.float64]) -> NDArray[np.float32]:
        """The voxels about the voxel nearest to a place (x, y, z); mirrored beyond the faces."""
        z, y, x = self._corners(place[None])[0]
        return self._padded[z : z + BOX, y : y + BOX, x : x + BOX]

    def boxes(self, places: NDArray[np.float64], shifts: NDArray[np.int64]) -> NDArray[np.float32]:
        """Normalised voxels within the mask about places moved by shifts, ``(n, shifts, voxels)``."""
        found = np.empty((len(places), len(shifts), len(_MASK)), np.float32)
        boxes_at(self._padded, self._corners(places), shifts, _INSIDE, found)
        return found

    def bank(self, reference: NDArray[np.float32], rotations: Rotation) -> NDArray[np.float32]:
        """The reference in many orientations as it would be seen here, ``(rotations, voxels)``."""
        fine = _finer(reference * _WINDOW)
        # what lies at R x when turned lay at x before
        matrices = np.ascontiguousarray(np.swapaxes(rotations.as_matrix(), 1, 2), np.float32)
        bank = np.empty((len(matrices), len(_MASK)), np.float32)

        def fill(first: int) -> None:
            some = matrices[first : first + 128]
            boxes = np.empty((len(some), BOX, BOX, BOX), np.float32)
            turned(fine, float(_FINER), some, boxes)
            seen = fft.irfftn(fft.rfftn(boxes, axes=(1, 2, 3)) * self._wedge, boxes.shape[1:], axes=(1, 2, 3))
            bank[first : first + 128] = seen.reshape(len(some), -1)[:, _MASK]

        with ThreadPoolExecutor(_WORKERS) as pool:
            list(pool.map(fill, range(0, len(matrices), 128)))
        return _normalised(bank)

    def sums(self, places: NDArray[np.float64], rotations: Rotation) -> Sums:
        """What these places, in these orientations, add to an average."""
        total, weight = Sums.none()
        back = np.empty((1, BOX, BOX, BOX), np.float32)
        for place, matrix in zip(places, rotations.as_matrix(), strict=True):
            box = self.box(place)
            inside = box.reshape(-1)[_MASK]
            # alike in strength, so that what is very dense does not outweigh the others
            box = (box - inside.mean()) / max(float(inside.std()), 1e-6)
            turned(_finer(box), float(_FINER), matrix[None].astype(np.float32), back)
            seen = self._measured(matrix)
            total += fft.rfftn(back[0]) * seen
            weight += seen
        return Sums(total, weight)


class Sums(NamedTuple):
    """Sums of transforms in the reference's own orientation, and how often each frequency was measured."""

    total: NDArray[np.complex64]
    weight: NDArray[np.float32]

    @classmethod
    def none(cls) -> Sums:
        """Nothing yet."""
        shape = (BOX, BOX, BOX // 2 + 1)
        return cls(np.zeros(shape, np.complex64), np.zeros(shape, np.float32))

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(self.total + other.total, self.weight + other.weight)

    def times(self, factor: float) -> Sums:
        """As if every box were there so many times."""
        return Sums(self.total * np.float32(factor), self.weight * np.float32(factor))

    def average(self) -> NDArray[np.float32]:
        """The average, each frequency over the boxes in which it was measured."""
        most = max(float(self.weight.max()), 1.0)
        found = fft.irfftn(self.total / np.maximum(self.weight, 0.1 * most), (BOX,) * 3)
        return np.asarray(found - found[_RADIUS > 0.6 * MATCHING_DIAMETER].mean(), np.float32)


def summed(parts: Sequence[Sums]) -> Sums:
    """All of them together."""
    total = Sums.none()
    for part in parts:
        total = total.plus(part)
    return total


def moved(reference: NDArray[np.float32], by: NDArray[np.float64]) -> NDArray[np.float32]:
    """Move a reference by x, y, z voxels, by a phase in its Fourier transform."""
    phase = np.exp(-2j * np.pi * (frequencies(BOX) @ by) / BOX)
    return np.asarray(fft.irfftn(fft.rfftn(reference) * phase, reference.shape), np.float32)


def match(
    volume: MatchingVolume,
    bank: NDArray[np.float32],
    places: NDArray[np.float64],
    shifts: NDArray[np.int64],
) -> Matches:
    """Compare what is about places, ``(n, 3)``, each at every shift, with every orientation of a bank."""
    count, voxels = len(places), bank.shape[1]
    scores, best_shift = np.empty(count, np.float32), np.empty(count, np.int64)
    best_orientation = np.empty(count, np.int64)
    at_once = max(1, _AT_ONCE // len(shifts))
    for first in range(0, count, at_once):
        boxes = volume.boxes(places[first : first + at_once], shifts)
        some = len(boxes)
        products = (bank @ boxes.reshape(-1, voxels).T).reshape(len(bank), some, len(shifts))
        # no argmax over everything: it is slower than the product
        over = products.max(axis=0)
        part = slice(first, first + some)
        best_shift[part], scores[part] = over.argmax(axis=1), over.max(axis=1)
        for i in range(some):
            best_orientation[first + i] = products[:, i, best_shift[first + i]].argmax()
    return Matches(scores, best_orientation, best_shift)


def settled(
    volume: MatchingVolume, places: NDArray[np.float64], rows: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Move whole places, ``(n, 3)``, by less than a voxel to where agreement is best.

    Parameters
    ----------
    volume : MatchingVolume
    places : array, shape (n, 3)
        x, y, z.
    rows : float32 array, shape (n, voxels)
        The reference as it is seen in the orientation of each place: rows of its bank.
    """
    around = np.vstack([np.zeros((1, 3), np.int64), np.eye(3, dtype=np.int64), -np.eye(3, dtype=np.int64)])
    products = (volume.boxes(places, around) @ rows[:, :, None])[:, :, 0]
    here, above, below = products[:, :1], products[:, 1:4], products[:, 4:]
    curvature = above - 2 * here + below
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(curvature < 0, 0.5 * (below - above) / curvature, 0.0)
    return np.asarray(np.rint(places) + np.clip(step, -0.5, 0.5))


def shifts_within(radius: float) -> NDArray[np.int64]:
    """Whole shifts x, y, z of at most this length, ``(n, 3)``, the first of them none."""
    reach = int(radius)
    grid = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    length = (grid**2).sum(axis=1)
    order = np.argsort(length, kind="stable")
    return np.asarray(grid[order][length[order] <= radius**2 + 1e-9])


def _normalised(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    rows -= rows.mean(axis=-1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)
    return rows


def _finer(box: NDArray[np.float32]) -> NDArray[np.float32]:
    """The box on a grid `_FINER` times finer, by Fourier interpolation; voxel 0 stays voxel 0."""
    n, m = BOX, BOX * _FINER
    spectrum = np.zeros((m, m, m), np.complex64)
    first = m // 2 - n // 2
    inside = slice(first, first + n)
    spectrum[inside, inside, inside] = fft.fftshift(fft.fftn(box))
    return np.ascontiguousarray(fft.ifftn(fft.ifftshift(spectrum)).real * _FINER**3, np.float32)
