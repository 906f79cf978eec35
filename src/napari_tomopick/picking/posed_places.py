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


class TurnedReference:
    """A reference in many orientations, as each of several tomograms would show it.

    Parameters
    ----------
    reference : float32 array ``[z, y, x]``
    rotations : Rotation
    """

    def __init__(self, reference: NDArray[np.float32], rotations: Rotation) -> None:
        self._reference = reference
        self.rotations = rotations
        self._banks: dict[object, NDArray[np.float32]] = {}

    def bank(self, volume: MatchingVolume) -> NDArray[np.float32]:
        """As `MatchingVolume.bank`; tomograms of one missing wedge share it."""
        key = volume.acquisition.tilt_range_degrees, volume.acquisition.tilt_axis
        if key not in self._banks:
            self._banks[key] = volume.bank(self._reference, self.rotations)
        return self._banks[key]


class PosedPlaces:
    """Places in several volumes with their poses, which alignment finds.

    Parameters
    ----------
    volumes : sequence of MatchingVolume
    places : sequence of array, shape (n, 3)
        x, y, z in voxels of each volume.
    """

    def __init__(
        self,
        volumes: Sequence[MatchingVolume],
        places: Sequence[NDArray[np.float64]],
    ) -> None:
        self._volumes = volumes
        self._places = np.concatenate(places)
        self._volume = np.repeat(np.arange(len(volumes)), [len(p) for p in places])
        self._middle = np.rint(self._places)
        self._at = self._middle.copy()
        self._turns = np.tile([0.0, 0.0, 0.0, 1.0], (len(self._places), 1))
        self.agreement: NDArray[np.float32] = np.zeros(len(self._places), np.float32)

    def __len__(self) -> int:
        return len(self._places)

    def some(self, rows: NDArray[np.int64]) -> PosedPlaces:
        """Some of them."""
        new = object.__new__(PosedPlaces)
        new._volumes = self._volumes
        for name in ("_places", "_volume", "_middle", "_at", "_turns", "agreement"):
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

    def recentre(self, within: float) -> None:
        """Look about where each was found from now on: along each axis at most so far from where it was."""
        given = np.rint(self._places)
        self._middle = given + np.clip(self._at - given, -within, within)

    def align_all(self, reference: TurnedReference, shifts: NDArray[np.int64]) -> NDArray[np.float32]:
        """Find the pose of each, and return the agreements; see `align_some`."""
        self.align_some(np.arange(len(self)), reference, shifts)
        return self.agreement.copy()

    def align_some(
        self, rows: NDArray[np.int64], reference: TurnedReference, shifts: NDArray[np.int64]
    ) -> None:
        """Find the pose of some.

        Parameters
        ----------
        rows : int array
        reference : TurnedReference
        shifts : int array, shape (m, 3)
            By how much a place may lie off the centre of what is there.
        """
        turns = reference.rotations.as_quat()
        for number, volume in enumerate(self._volumes):
            here = rows[self._volume[rows] == number]
            if len(here):
                found = match(volume, reference.bank(volume), self._middle[here], shifts)
                self.agreement[here] = found.scores
                self._at[here] = self._middle[here] + shifts[found.shifts]
                self._turns[here] = turns[found.orientations]

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
