"""What alignment is told of each box, and what it finds: missing wedges, poses, directions that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.missing_wedge import measured
from napari_tomopick.geometry.orientations import from_directions
from napari_tomopick.models.tomogram import Acquisition


class Wedge(NamedTuple):
    """What the tilt series measured of a box.

    Parameters
    ----------
    acquisition : Acquisition
        With a known tilt range.
    rotation : array, shape (3, 3)
        Frame of the box to frame of the tomogram.
    """

    acquisition: Acquisition
    rotation: NDArray[np.float64]

    @property
    def kind(self) -> tuple[object, ...]:
        """Alike for boxes of which the same was measured."""
        return self.acquisition.tilt_range_degrees, self.acquisition.tilt_axis, self.rotation.tobytes()

    def measured(
        self, frequencies_xyz: NDArray[np.floating], rotation: NDArray[np.float64] | None = None
    ) -> NDArray[np.bool_]:
        """Which frequencies were measured.

        Parameters
        ----------
        frequencies_xyz : array, shape (..., 3)
            In the frame of the box, or in that of a reference.
        rotation : array, shape (3, 3), optional
            Frame of that reference to frame of the box.

        Raises
        ------
        ValueError
            If the tilt range is not known.
        """
        tilts = self.acquisition.tilt_range_degrees
        if tilts is None:
            raise ValueError("the tilt range of a box is not known")
        turn = self.rotation if rotation is None else self.rotation @ rotation
        return measured(np.asarray(frequencies_xyz, np.float64), tilts, self.acquisition.tilt_axis, turn)


class Poses(NamedTuple):
    """How a reference lies in each of n boxes.

    Parameters
    ----------
    turns : array, shape (n, 4)
        Quaternions: reference frame to the frame of the box.
    shifts : array, shape (n, 3)
        Where the reference's centre lies, from where the particle was said to be: x, y, z in voxels.
    scores : array, shape (n,)
        Constrained correlation with the reference; NaN for a box that was not aligned yet.
    """

    turns: NDArray[np.float64]
    shifts: NDArray[np.float64]
    scores: NDArray[np.float32]

    @classmethod
    def unknown(cls, count: int) -> Poses:
        """Of boxes that were not aligned yet."""
        return cls(
            np.tile([0.0, 0.0, 0.0, 1.0], (count, 1)),
            np.zeros((count, 3)),
            np.full(count, np.nan, np.float32),
        )

    def copy(self) -> Poses:
        """The same in memory of its own."""
        return Poses(self.turns.copy(), self.shifts.copy(), self.scores.copy())

    def some(self, rows: NDArray[np.int64]) -> Poses:
        """Some of them."""
        return Poses(self.turns[rows], self.shifts[rows], self.scores[rows])

    def put(self, rows: NDArray[np.int64], poses: Poses) -> None:
        """Write the poses of some boxes in place."""
        self.turns[rows], self.shifts[rows], self.scores[rows] = poses

    def rotations(self) -> Rotation:
        """The turns as rotations."""
        return Rotation.from_quat(self.turns.reshape(-1, 4))

    def on_grid(self, factor: float) -> Poses:
        """With shifts in voxels of a grid so many times finer."""
        return self._replace(shifts=self.shifts * factor)

    def of_moved_reference(self, rotation: Rotation, centre: NDArray[np.float64]) -> Poses:
        """The same boxes, told by a reference that was moved so that a point came to its centre, then turned.

        Parameters
        ----------
        rotation : Rotation
            By which the reference was turned.
        centre : array, shape (3,)
            x, y, z of the point in the old reference, from its centre, in voxels.
        """
        turns = self.rotations()
        return self._replace(
            shifts=self.shifts + turns.apply(centre), turns=(turns * rotation.inv()).as_quat().reshape(-1, 4)
        )


def best_of(every: Sequence[Poses]) -> tuple[NDArray[np.int64], Poses]:
    """Which of several poses of each box has the highest score, and that pose."""
    best = np.array([poses.scores for poses in every]).argmax(axis=0)
    chosen = Poses.unknown(len(best))
    for number, poses in enumerate(every):
        mine = np.flatnonzero(best == number)
        chosen.put(mine, poses.some(mine))
    return best, chosen


class Directions(NamedTuple):
    """Directions that are known beforehand, and by how much a particle may deviate from its own.

    Parameters
    ----------
    turns : array, shape (n, 4)
        Quaternions that take +z of the reference to the direction in the frame of each box.
    cone_degrees : float
    """

    turns: NDArray[np.float64]
    cone_degrees: float

    def rotations(self) -> Rotation:
        """The turns as rotations."""
        return Rotation.from_quat(self.turns)

    def around(self, step_degrees: float) -> Rotation:
        """What to turn the reference by, before its direction is that of a box: any twist, and the cone."""
        twists = Rotation.from_rotvec(
            np.arange(0, 360, 360 / np.ceil(360 / step_degrees))[:, None] * [0.0, 0.0, 1.0], degrees=True
        )
        tilts = [[0.0, 0.0, 0.0]]
        rings = int(np.ceil(self.cone_degrees / step_degrees))
        for ring in range(1, rings + 1):
            angle = np.arange(6 * ring) * (2 * np.pi / (6 * ring))
            tilt = self.cone_degrees * ring / rings
            tilts.extend(tilt * np.column_stack([np.cos(angle), np.sin(angle), np.zeros(6 * ring)]))
        return Rotation.concatenate([Rotation.from_rotvec(tilt, degrees=True) * twists for tilt in tilts])

    def straightening(self, rows: NDArray[np.int64], poses: Poses) -> Rotation:
        """The smallest turn of a reference after which boxes do not deviate from their directions on average.

        Within the cone, a reference could tilt and all its boxes with it.

        Parameters
        ----------
        rows : int array
        poses : Poses
            Of all boxes.
        """
        axes = self.rotations().as_matrix()[rows][:, :, 2]
        mean = poses.some(rows).rotations().inv().apply(axes).mean(axis=0)
        mean /= max(float(np.linalg.norm(mean)), 1e-9)
        return from_directions(mean).inv()[0]

    def allowed(self, row: int, matrices: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of these orientations of a box, ``(m, 3, 3)``, lie within the cone about its direction."""
        axis = Rotation.from_quat(self.turns[row]).as_matrix()[:, 2]
        return np.asarray(matrices[:, :, 2] @ axis >= np.cos(np.radians(self.cone_degrees + 0.01)))
