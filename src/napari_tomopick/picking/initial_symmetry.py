"""Where the axes of a symmetric model lie, and the model with its symmetry imposed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.rotation_sampling import uniform_rotations
from napari_tomopick.picking.aligning_kernels import turned_spectrum
from napari_tomopick.picking.aligning_spectra import (
    PADDING,
    Frequencies,
    low_pass_weights,
    rotation_spectrum,
    soft_sphere,
)

_CANDIDATES = 2000
_REFINED = 3
_EVALUATIONS = 200
_REACH = 1 / 8  # of the box: how far the symmetry centre may lie from its centre
_SAMPLES = 2**24  # spectrum values in memory at a time


class Setting(NamedTuple):
    """How to bring a model into the standard setting of its point group.

    Parameters
    ----------
    rotation : Rotation
        To turn it by, after its symmetry centre was moved to the centre of the box.
    centre : array, shape (3,)
        Where that lies, from the centre of the box: x, y, z in voxels.
    agreement : float
        Share of the model's power that its average over the group keeps there, from 0 to 1.
    """

    rotation: Rotation
    centre: NDArray[np.float64]
    agreement: float


class SymmetrySearch:
    """Looks for the setting in which a model agrees best with its average over a point group.

    Every orientation is tried in steps of some 16 degrees, or every twist where the direction is known, and
    the best few are refined together with the centre.

    Parameters
    ----------
    frequencies : Frequencies
        Of the model.
    group : Rotation
        See `geometry.symmetry.point_group`.
    limit : float
        Highest frequency to compare, cycles per box.
    """

    def __init__(self, frequencies: Frequencies, group: Rotation, limit: float) -> None:
        self._frequencies, self._group, self._limit = frequencies, group, limit
        self._k = frequencies.up_to(1.1 * limit)
        self._xyz = frequencies.xyz[: self._k]
        self._back = np.swapaxes(group.as_matrix(), 1, 2)

    def find(self, values: NDArray[np.complex64], *, along_z: bool = False, near: bool = False) -> Setting:
        """Find the setting of a model.

        Parameters
        ----------
        values : complex64 array, shape (>= k,)
            Its whitened spectrum at the first frequencies.
        along_z : bool
            The axis lies along z already.
        near : bool
            The model nearly has its setting: only refine it.
        """
        if near:
            candidates = Rotation.identity(1)
        elif along_z:
            turns = np.arange(0, 360, 4.0)[:, None] * [0.0, 0.0, 1.0]
            candidates = Rotation.from_rotvec(turns, degrees=True)
        else:
            candidates = uniform_rotations(_CANDIDATES)
        start = self._spectrum(values, np.zeros(3))
        agreements = np.concatenate(
            [self._agreement(start, some.as_matrix()) for some in _in_parts(candidates, self._at_once())]
        )
        best = Setting(Rotation.identity(), np.zeros(3), -1.0)
        for number in np.argsort(-agreements, kind="stable")[:_REFINED]:
            found = self._refined(values, Setting(candidates[int(number)], np.zeros(3), -1.0), 1.0)
            best = max(best, found, key=lambda setting: setting.agreement)
        return self._refined(values, best, 0.3)

    def _refined(self, values: NDArray[np.complex64], start: Setting, step: float) -> Setting:
        """The best setting near one, by a simplex so many voxels, and six times as many degrees, wide."""
        from scipy.optimize import minimize

        def setting(x: NDArray[np.float64]) -> tuple[Rotation, NDArray[np.float64]]:
            return Rotation.from_rotvec(x[:3] / 10) * start.rotation, start.centre + x[3:]

        def lost(x: NDArray[np.float64]) -> float:
            rotation, centre = setting(x)
            if np.linalg.norm(centre) > _REACH * self._frequencies.box_size:
                return 1.0  # a model that has left its box agrees with anything
            spectrum = self._spectrum(values, centre)
            return -float(self._agreement(spectrum, rotation.as_matrix()[None])[0])

        found = minimize(
            lost,
            np.zeros(6),
            method="Nelder-Mead",
            options={
                "initial_simplex": step * np.vstack([np.zeros(6), np.eye(6)]),
                "xatol": 0.01,
                "fatol": 1e-5,
                "maxfev": _EVALUATIONS,
            },
        )
        return Setting(*setting(found.x), -float(found.fun))

    def applied(
        self, values: NDArray[np.complex64], setting: Setting, *, average: bool
    ) -> NDArray[np.complex64]:
        """A model brought into a setting, and averaged over the group if asked."""
        turn = setting.rotation.as_matrix()
        back = self._back if average else np.eye(3)[None]
        frequencies = self._frequencies.xyz[: len(values)]
        sampled = self._sampled(self._spectrum(values, setting.centre), turn.T @ back, frequencies)
        mean = sampled.mean(axis=0)
        return np.asarray(mean[0] + 1j * mean[1], np.complex64)

    def _at_once(self) -> int:
        return max(1, _SAMPLES // (2 * self._k * len(self._group)))

    def _spectrum(self, values: NDArray[np.complex64], centre: NDArray[np.float64]) -> NDArray[np.complex64]:
        moved = self._frequencies.moved(values, -centre)
        return rotation_spectrum(self._frequencies.volume(moved) * soft_sphere(self._frequencies.box_size))

    @staticmethod
    def _sampled(
        spectrum: NDArray[np.complex64], matrices: NDArray[np.float64], xyz: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        out = np.empty((len(matrices), 2, len(xyz)), np.float32)
        turned_spectrum(spectrum, float(PADDING), xyz, np.ascontiguousarray(matrices, np.float32), out)
        return out

    def _agreement(self, spectrum: NDArray[np.complex64], turns: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of power kept in each of m settings, ``(m,)``."""
        # what the model turned by Q and then g has at f, the model has at Q^T g^T f
        matrices = np.swapaxes(turns, 1, 2)[:, None] @ self._back
        sampled = self._sampled(spectrum, matrices.reshape(-1, 3, 3), self._xyz)
        sampled *= low_pass_weights(self._frequencies.radius[: self._k], self._limit)
        sampled = sampled.reshape(len(turns), len(self._back), 2, self._k)
        kept = (sampled.mean(axis=1) ** 2).sum(axis=(1, 2))
        whole = (sampled**2).sum(axis=(2, 3)).mean(axis=1)
        return np.asarray(kept / np.maximum(whole, 1e-12), np.float64)


def _in_parts(rotations: Rotation, at_once: int) -> list[Rotation]:
    return [rotations[first : first + at_once] for first in range(0, len(rotations), at_once)]
