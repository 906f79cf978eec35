"""Places in tomograms, and the poses in which a reference agrees best with what is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.picking.matching import MatchingVolume, Sums, match, summed


class Poses(NamedTuple):
    """A pose for each of n places.

    Parameters
    ----------
    at : array, shape (n, 3)
        Voxel x, y, z of the centre.
    turns : array, shape (n, 4)
        Quaternions: reference frame to tomogram frame.
    agreement : array, shape (n,)
        With the reference, in that pose.
    """

    at: NDArray[np.float64]
    turns: NDArray[np.float64]
    agreement: NDArray[np.float32]


class PosedPlaces:
    """Places in several volumes with their poses, which alignment finds.

    Parameters
    ----------
    volumes : sequence of MatchingVolume
    places : sequence of array, shape (n, 3)
        x, y, z in voxels of each volume.
    shifts : int array, shape (m, 3)
        By how much a place may lie off the centre of what is there.
    """

    def __init__(
        self,
        volumes: Sequence[MatchingVolume],
        places: Sequence[NDArray[np.float64]],
        shifts: NDArray[np.int64],
    ) -> None:
        self._volumes = volumes
        self._shifts = shifts
        self._places = np.concatenate(places)
        self._volume = np.repeat(np.arange(len(volumes)), [len(p) for p in places])
        self._boxes = np.concatenate(
            [volume.boxes(p, shifts) for volume, p in zip(volumes, places, strict=True)]
        )
        self._at = np.rint(self._places)
        self._turns = np.tile([0.0, 0.0, 0.0, 1.0], (len(self._places), 1))
        self.agreement: NDArray[np.float32] = np.zeros(len(self._places), np.float32)

    def __len__(self) -> int:
        return len(self._places)

    def some(self, rows: NDArray[np.int64]) -> PosedPlaces:
        """Some of them."""
        new = object.__new__(PosedPlaces)
        new._volumes, new._shifts = self._volumes, self._shifts
        for name in ("_places", "_volume", "_boxes", "_at", "_turns", "agreement"):
            setattr(new, name, getattr(self, name)[rows].copy())
        return new

    def box(self, row: int) -> NDArray[np.float32]:
        """The voxels about a place, as they lie."""
        return self._volumes[self._volume[row]].box(self._places[row])

    def poses(self) -> Poses:
        """All poses, copied."""
        return Poses(self._at.copy(), self._turns.copy(), self.agreement.copy())

    def set_poses(self, poses: Poses) -> None:
        """Take over poses that `poses` gave."""
        self._at, self._turns = poses.at.copy(), poses.turns.copy()
        self.agreement = poses.agreement.copy()

    def align_all(self, reference: NDArray[np.float32], rotations: Rotation) -> NDArray[np.float32]:
        """Find the pose of each, and return the agreements."""
        self.align_some(np.arange(len(self)), reference, rotations)
        return self.agreement.copy()

    def align_some(
        self,
        rows: NDArray[np.int64],
        reference: NDArray[np.float32],
        rotations: Rotation,
    ) -> None:
        """Find the pose of some; tomograms of one missing wedge share a bank."""
        banks: dict[object, NDArray[np.float32]] = {}
        for number, volume in enumerate(self._volumes):
            here = rows[self._volume[rows] == number]
            if len(here):
                key = volume.acquisition.tilt_range_degrees, volume.acquisition.tilt_axis
                if key not in banks:
                    banks[key] = volume.bank(reference, rotations)
                self._align(here, banks[key], rotations)

    def _align(self, rows: NDArray[np.int64], bank: NDArray[np.float32], rotations: Rotation) -> None:
        found = match(bank, self._boxes[rows])
        self.agreement[rows] = found.scores
        self._at[rows] = np.rint(self._places[rows]) + self._shifts[found.shifts]
        self._turns[rows] = rotations.as_quat()[found.orientations]

    def sums(self, rows: NDArray[np.int64]) -> Sums:
        """What some of them add to a mean."""
        parts = [Sums.none()]
        for number, volume in enumerate(self._volumes):
            here = rows[self._volume[rows] == number]
            if len(here):
                parts.append(volume.sums(self._at[here], Rotation.from_quat(self._turns[here])))
        return summed(parts)

    def offsets(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Where places given lie in the reference's own frame, from its centre: x, y, z, ``(n, 3)``."""
        turns = Rotation.from_quat(self._turns[rows].reshape(-1, 4))
        return np.asarray(turns.inv().apply(self._places[rows] - self._at[rows])).reshape(-1, 3)
