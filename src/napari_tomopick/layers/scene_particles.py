"""The particles that the scene draws boxes and maps at: all that are shown, put together, nearest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.layers.particle_looks import colours

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_tomopick.layers.workspace import Workspace

HIGHLIGHT = (1.0, 1.0, 1.0, 1.0)
"""The colour of what is selected, which no set, group or score has."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Particles of one or more sets.

    Parameters
    ----------
    positions : array, shape (n, 3)
        x, y, z in voxels.
    quaternions : array, shape (n, 4)
        Reference frame to tomogram frame.
    colours : array, shape (n, 4)
    selected : bool array, shape (n,)
    box_sizes : int array, shape (n,)
        0 where none is known.
    distances : array, shape (n,)
        How far each is from where one looks, in voxels.
    where : str
        Where one looks: "the slice".
    """

    positions: NDArray[np.float64]
    quaternions: NDArray[np.float64]
    colours: NDArray[np.float32]
    selected: NDArray[np.bool_]
    box_sizes: NDArray[np.int64]
    distances: NDArray[np.float64]
    where: str

    def __len__(self) -> int:
        return len(self.positions)

    @classmethod
    def of(cls, workspace: Workspace, only: Collection[str] | None = None) -> Drawn:
        """The particles that are drawn now; ``only`` those of these sets, by uid."""
        review = workspace.review
        sets = [
            (uid, particles, colour)
            for uid, (particles, colour) in review.drawn.items()
            if len(particles) and (only is None or uid in only)
        ]
        positions = np.concatenate([np.empty((0, 3)), *(p.positions for _, p, _ in sets)])
        slice_ = workspace.scene.slice
        if slice_.shown:
            distances, where = np.abs((positions - slice_.position) @ slice_.normal), "the slice"
        else:
            centre = np.asarray(workspace.viewer.scene.camera.center, float)[::-1]
            distances, where = np.linalg.norm(positions - centre, axis=1), "the middle of the picture"
        return cls(
            positions,
            np.concatenate([np.empty((0, 4)), *(p.rotations.as_quat().reshape(-1, 4) for _, p, _ in sets)]),
            np.concatenate(
                [np.empty((0, 4), np.float32), *(colours(p, colour, review.look) for _, p, colour in sets)]
            ),
            np.concatenate([np.empty(0, bool), *(review.selection.mask(uid, p.ids) for uid, p, _ in sets)]),
            np.concatenate([np.empty(0, np.int64), *(np.full(len(p), p.box_size or 0) for _, p, _ in sets)]),
            distances,
            where,
        )

    def same_as(self, other: Drawn | None) -> bool:
        """Whether nothing would be drawn otherwise; most edits are told of more than once."""
        if other is None or len(self) != len(other):
            return False
        arrays = "positions quaternions colours selected box_sizes distances".split()
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in arrays)

    @property
    def seen(self) -> NDArray[np.float32]:
        """Their colours, ``(n, 4)``, with those that are selected highlighted."""
        return np.where(self.selected[:, None], np.array(HIGHLIGHT, np.float32), self.colours)

    def turns(self, rows: NDArray[np.int64]) -> Rotation:
        """How some of them lie."""
        return Rotation.from_quat(self.quaternions[rows])

    def nearest(self, most: int) -> NDArray[np.int64]:
        """At most so many rows, ascending: those selected before those nearest to where one looks."""
        if len(self) <= most:
            return np.arange(len(self))
        rank = np.where(self.selected, -1.0, self.distances)
        return np.sort(np.argpartition(rank, most - 1)[:most]) if most > 0 else np.empty(0, np.int64)

    def told_of(self, count: int, what: str) -> str:
        """What to tell a user of those that are left out."""
        return (
            f"{count:,} of {len(self):,} {what} are drawn: those selected, and those nearest to {self.where}."
        )
