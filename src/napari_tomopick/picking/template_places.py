"""Comparing a template with places of a volume: in every orientation first, then ever closer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.cropping import mirrored_indices
from napari_tomopick.picking.matching import shifts_within
from napari_tomopick.picking.matching_ground import LocalBoxes
from napari_tomopick.picking.template_kernels import boxes_under_mask
from napari_tomopick.picking.template_search import LEAST_VARIANCE, Bank
from napari_tomopick.picking.turned_template import TurnedTemplate

_ITERATIONS = 5
_ROOM = 4  # voxels that a pose may move before another box is cut
_TURN, _MOVE = np.radians(1.0), 0.15  # by which poses are changed to see what changes
_FURTHEST_TURN, _FURTHEST_MOVE = np.radians(8.0), 0.8  # in one step
_SETTLED_TURN, _SETTLED_MOVE = np.radians(0.3), 0.03
_DAMPING = 0.02
_CHANGES = np.vstack([np.zeros(6), np.diag([_TURN] * 3 + [_MOVE] * 3)])
_BY = np.array([_TURN] * 3 + [_MOVE] * 3, np.float32)


class Poses(NamedTuple):
    """Poses of a template and how well it agrees there.

    Parameters
    ----------
    at : array, shape (n, 3)
        x, y, z of the template's centre in voxels of the volume.
    rotations : Rotation, n of them
    scores : array, shape (n,)
        Locally normalised correlation.
    """

    at: NDArray[np.float64]
    rotations: Rotation
    scores: NDArray[np.float64]


class MatchedVolume:
    """A volume on a template's grid, in which boxes are compared with it.

    Parameters
    ----------
    volume : float32 array ``[z, y, x]``
        Whitened as the template is; dense is positive.
    turned : TurnedTemplate
    """

    def __init__(self, volume: NDArray[np.float32], turned: TurnedTemplate) -> None:
        self.turned = turned
        self._shape = volume.shape
        self._pad = turned.box_size // 2 + 4
        self._volume = volume
        nz, ny, nx = volume.shape
        self._rows_z, self._rows_y, self._rows_x = (
            mirrored_indices(-self._pad, n + 2 * self._pad, n) for n in (nz, ny, nx)
        )
        self._least = LEAST_VARIANCE * float(np.var(volume, dtype=np.float64))
        n = turned.box_size
        self._inside = np.stack(np.unravel_index(turned.inside, (n, n, n)), axis=1)
        weights = turned.mask.reshape(-1)[turned.inside].astype(np.float64)
        self._weights = (weights / weights.sum()).astype(np.float32)

    def boxes(self, voxels: NDArray[np.int64], shifts: NDArray[np.int64]) -> NDArray[np.float32]:
        """Voxels under the mask about whole places x, y, z moved by shifts, over their deviation.

        Returns
        -------
        float32 array, shape (places, shifts, voxels)
        """
        half = self.turned.box_size // 2
        corners = np.clip(voxels, 0, np.array(self._shape[::-1]) - 1)[:, ::-1] + self._pad - half
        out = np.empty((len(voxels), len(shifts), len(self._inside)), np.float32)
        boxes_under_mask(
            self._volume,
            self._rows_z,
            self._rows_y,
            self._rows_x,
            np.ascontiguousarray(corners),
            shifts,
            self._inside,
            self._weights,
            self._least,
            out,
        )
        return out


def look_closer(
    volume: MatchedVolume,
    bank: Bank,
    rotations: Rotation,
    places: NDArray[np.float64],
    within: float,
    starts: int,
) -> list[Poses]:
    """The best few poses of a template about each place.

    Parameters
    ----------
    volume : MatchedVolume
    bank : Bank
        Of the template in these rotations.
    rotations : Rotation
    places : array, shape (n, 3)
        x, y, z.
    within : float
        How far the template's centre may lie from a place, in voxels.
    starts : int
        How many poses, no two of about the same orientation.
    """
    shifts = shifts_within(within)
    quaternions = rotations.as_quat()
    step = (8 * np.pi**2 / len(rotations)) ** (1 / 3)  # of what is looked at, symmetry aside
    found = []
    at_once = max(1, 400 // len(shifts))
    for first in range(0, len(places), at_once):
        voxels = np.rint(places[first : first + at_once]).astype(np.int64)
        boxes = volume.boxes(voxels, shifts)
        count = len(boxes)
        components = boxes.reshape(count * len(shifts), -1) @ bank.basis.T
        products = (bank.weights @ components.T).reshape(len(bank.weights), count, len(shifts))
        for i in range(count):
            here = products[:, i]
            over = here.max(axis=1)
            rows: list[int] = []
            free = np.ones(len(over), bool)
            for _ in range(starts):
                row = int(np.argmax(np.where(free, over, -np.inf)))
                rows.append(row)
                apart = np.abs(quaternions @ quaternions[row])
                free &= apart < np.cos(step)  # half of an angle of two steps
            best = here[rows].argmax(axis=1)
            found.append(
                Poses(voxels[i] + shifts[best].astype(np.float64), rotations[rows], over[rows].astype(float))
            )
    return found


class Neighbourhood:
    """What lies about a place, whitened: boxes about all voxels near it are parts of one that is cut once.

    Parameters
    ----------
    boxes : LocalBoxes
    turned : TurnedTemplate
        On the grid of the boxes.
    voxel : int array, shape (3,)
        x, y, z.
    """

    def __init__(self, boxes: LocalBoxes, turned: TurnedTemplate, voxel: NDArray[np.int64]) -> None:
        self._boxes, self._turned = boxes, turned
        self._cut(voxel)

    def _cut(self, voxel: NDArray[np.int64]) -> None:
        self._middle = voxel
        self._wide = self._boxes.box(voxel, self._turned.box_size + 2 * _ROOM)

    def values(self, voxel: NDArray[np.int64]) -> NDArray[np.float32]:
        """Voxels under the template's mask about a voxel x, y, z."""
        if np.abs(voxel - self._middle).max() > _ROOM:
            self._cut(voxel)
        first = (voxel - self._middle)[::-1] + _ROOM
        n = self._turned.box_size
        box = self._wide[tuple(slice(int(f), int(f) + n) for f in first)]
        return box.reshape(-1)[self._turned.inside]

    def score(self, at: NDArray[np.float64], rotation: Rotation) -> float:
        """Locally normalised correlation with the template in a pose, x, y, z and one rotation."""
        voxel = np.rint(at).astype(np.int64)
        pose, shift = Rotation.concatenate([rotation]), (at - voxel)[None]
        row = self._turned.rows(pose, shift)[0]
        values = self.values(voxel)
        return float(row @ values) / _deviation(values, self._turned.masks(pose, shift)[0])


def under_mask(values: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Voxels under a mask less their mean, over their deviation there."""
    mean = float(values @ mask) / float(mask.sum(dtype=np.float64))
    return (values - np.float32(mean)) / np.float32(_deviation(values, mask))


def _deviation(values: NDArray[np.float32], mask: NDArray[np.float32]) -> float:
    total = float(mask.sum(dtype=np.float64))
    centred = values - np.float32(values @ mask / total)
    return float(np.sqrt(max(float((centred**2) @ mask) / total, 1e-12)))


def most_alike(around: Neighbourhood, at: NDArray[np.float64], rotations: Rotation) -> int:
    """Number of the pose of highest score.

    Parameters
    ----------
    around : Neighbourhood
    at : array, shape (s, 3)
        x, y, z in voxels of its grid.
    rotations : Rotation, s of them
    """
    return int(np.argmax([around.score(place, turn) for place, turn in zip(at, rotations, strict=True)]))


def refined(
    around: Neighbourhood,
    turned: TurnedTemplate,
    at: NDArray[np.float64],
    rotation: Rotation,
    iterations: int = _ITERATIONS,
) -> tuple[NDArray[np.float64], Rotation, float]:
    """Climb to the pose of best agreement near a given one.

    The score is the product of two vectors of norm 1, one of which, the template's, depends on the pose. With
    its derivatives J, and noise apart, the curvature of the score is ``-score J^T J``: a Gauss-Newton step
    takes no data but the slope. The slope is that of the whole template, as the data have nothing where
    nothing was measured; the score, without which no step is taken that does not raise it, is that of the
    template as it is seen.

    Parameters
    ----------
    around : Neighbourhood
    turned : TurnedTemplate
    at : array, shape (3,)
        x, y, z in voxels of that grid.
    rotation : Rotation, one
    iterations : int

    Returns
    -------
    at, rotation, score
    """
    weights = turned.mask.reshape(-1)[turned.inside]
    total = float(weights.sum(dtype=np.float64))
    # rows / sqrt(m) * sqrt(sum m), and data * sqrt(m) / sqrt(sum m), are of norm 1
    to_unit = (np.sqrt(total) / np.sqrt(np.maximum(weights, 1e-3))).astype(np.float32)
    best: tuple[NDArray[np.float64], Rotation, float] | None = None
    shrink, step = 1.0, np.zeros(6)
    for turn in range(iterations + 1):
        last = turn == iterations
        new_at = at + shrink * step[3:]
        new_rotation = Rotation.from_rotvec(shrink * step[:3]) * rotation
        score = around.score(new_at, new_rotation)
        if best is not None and score <= best[2]:
            shrink *= 0.4
            if shrink < 0.1:
                break
            continue
        at, rotation, shrink = new_at, new_rotation, 1.0
        best = at, rotation, score
        if last:
            break
        voxel = np.rint(at).astype(np.int64)
        data = under_mask(around.values(voxel), weights)
        rows = turned.whole(Rotation.from_rotvec(_CHANGES[:, :3]) * rotation, at - voxel + _CHANGES[:, 3:])
        slopes = (rows[1:] - rows[0]) / _BY[:, None]
        unit = slopes * to_unit
        curvature = (unit @ unit.T).astype(np.float64)
        # a symmetric template does not change in some directions
        curvature += np.diag(np.diag(curvature) * _DAMPING + 1e-9)
        step = np.linalg.solve(curvature, (slopes @ data).astype(np.float64)) / max(score, 0.05)
        if np.linalg.norm(step[:3]) < _SETTLED_TURN and np.linalg.norm(step[3:]) < _SETTLED_MOVE:
            break
        step[:3] *= min(1.0, _FURTHEST_TURN / max(float(np.linalg.norm(step[:3])), 1e-9))
        step[3:] *= min(1.0, _FURTHEST_MOVE / max(float(np.linalg.norm(step[3:])), 1e-9))
    assert best is not None
    return best
