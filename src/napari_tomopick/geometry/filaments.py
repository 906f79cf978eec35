"""Filaments: a smooth backbone, a frame that does not turn about it, and subunits on and around it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry import orientations
from napari_tomopick.geometry.tensor_splines import Axis

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Backbone:
    """A smooth curve by arc length.

    Parameters
    ----------
    arc_length : array, shape (n,)
        Ascending from 0, in voxels.
    positions, tangents : arrays, shape (n, 3)
    """

    arc_length: Array
    positions: Array
    tangents: Array

    @property
    def length(self) -> float:
        """Length in voxels."""
        return float(self.arc_length[-1])

    def at(self, s: Array) -> tuple[Array, Rotation]:
        """Positions ``(n, 3)`` and frames at ascending arc lengths.

        The frames' z runs along the filament, and they do not turn about it: each follows from the one before
        by the smallest rotation (a rotation-minimising frame, Bishop 1975), the first from the smallest
        rotation of the reference.
        """
        curve = CubicHermiteSpline(self.arc_length, self.positions, self.tangents)
        # steps of a fine grid, so that the frame depends on the curve and not on where it is sampled
        grid = np.union1d(self.arc_length, s)
        tangents = curve(grid, 1)
        tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
        frame = orientations.from_directions(tangents[:1])[0]
        quaternions = [frame.as_quat()]
        for a, b in pairwise(tangents):
            axis = np.cross(a, b)
            sine = np.linalg.norm(axis)
            if sine > 1e-12:
                frame = Rotation.from_rotvec(axis / sine * math.atan2(sine, a @ b)) * frame
            quaternions.append(frame.as_quat())
        return curve(s), Rotation.from_quat(np.array(quaternions)[np.searchsorted(grid, s)])


def fit_backbone(points: Array) -> Backbone:
    """The smooth curve through clicks along a filament.

    A P-spline (Eilers & Marx 1996) on chord length; its bending penalty is found by maximising the restricted
    likelihood, so straight filaments come out straight.

    Parameters
    ----------
    points : array, shape (n, 3)
        At least 2, in order, no two following ones alike.
    """
    chord = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    axis = Axis(0.0, float(chord[-1]), int(np.clip(2 * len(points), 4, 200)))
    design, bend = axis.design(chord), axis.differences(2)
    mean = points.mean(axis=0)
    penalty, n, size = bend.T @ bend * axis.step, len(points), axis.size
    gram = design.T @ design
    values = np.linalg.eigvalsh(penalty)[2:]
    log_det_penalty = np.log(np.maximum(values, 1e-300)).sum()

    def solve(length: float) -> tuple[float, Array]:
        weight = length**4 * n / chord[-1]
        matrix = gram + weight * penalty + 1e-9 * np.eye(size)
        control = np.linalg.solve(matrix, design.T @ (points - mean))
        misfit = ((points - mean) * (points - mean - design @ control)).sum()
        # 0.01 voxel: clicks are never better, and exact ones must not make the likelihood infinite
        variance = max(misfit, 0.0) / (2 * max(n - 2, 1)) + 1e-4
        log_det = np.linalg.slogdet(matrix)[1] - log_det_penalty - (size - 2) * np.log(weight)
        return 2 * (n - 2) * np.log(variance) + 2 * log_det, control

    control = min((solve(x) for x in chord[-1] * np.geomspace(0.01, 3, 25)), key=lambda fit: fit[0])[1]
    t = np.linspace(0.0, chord[-1], 8 * axis.intervals + 1)
    index, value, slope = axis.weights(t)
    positions = np.einsum("ni,nik->nk", value, control[index]) + mean
    derivative = np.einsum("ni,nik->nk", slope, control[index])
    speed = np.linalg.norm(derivative, axis=1)
    # Simpson is not needed: the grid is eight times finer than the spline pieces
    steps = np.diff(t) * (speed[1:] + speed[:-1]) / 2
    return Backbone(np.concatenate([[0.0], np.cumsum(steps)]), positions, derivative / speed[:, None])


def steps(backbone: Backbone, spacing: float) -> Array:
    """Arc lengths from the start of the backbone to its end, ``spacing`` voxels apart."""
    # a millionth of a voxel, so that 50 voxels in steps of 10 have both ends
    return np.minimum(np.arange(0.0, backbone.length + 1e-6, spacing), backbone.length)


def along(backbone: Backbone, dz: float, dphi_degrees: float) -> tuple[Array, Rotation]:
    """Subunits on the backbone every ``dz`` voxels: z along it, x turned by ``dphi_degrees`` each time."""
    s = steps(backbone, dz)
    positions, frames = backbone.at(s)
    return positions, orientations.twisted(frames, dphi_degrees * np.arange(len(s)))


def around(backbone: Backbone, s: Array, angles_degrees: Array, radius: float) -> tuple[Array, Rotation]:
    """Subunits at a radius from the backbone: z points away from it, x runs along it.

    Parameters
    ----------
    s, angles_degrees : arrays, shape (n,)
        Arc length of each subunit, ascending, and its angle about the backbone.
    """
    positions, frames = backbone.at(s)
    turned = orientations.twisted(frames, angles_degrees)
    # the frame's own x becomes z, its z becomes x
    swap = Rotation.from_matrix([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0], [1.0, 0.0, 0.0]])
    rotations = turned * swap
    return positions + radius * orientations.directions(rotations), rotations
