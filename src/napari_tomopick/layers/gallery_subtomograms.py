"""`OpenedSubtomograms`: boxes that are cut already, in the gallery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_tomopick.layers.boxes import ORDERS, Boxes, Placing
from napari_tomopick.layers.selection import Selection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.layers.workspace import Workspace
    from napari_tomopick.models.particles import Particles
    from napari_tomopick.project import ParticleSet, Session
    from napari_tomopick.protocols.subtomograms import Subtomograms

SAME_PLACE = 0.51
"""Voxels within which a particle of a set is the one that a box was cut for: formats round positions."""


class OpenedSubtomograms:
    """A folder of subtomograms, and the particle set they were cut for, if the project has it.

    Parameters
    ----------
    found : Subtomograms
    workspace : Workspace

    Attributes
    ----------
    selection : Selection
        Of those that belong to no set of the project.
    """

    def __init__(self, found: Subtomograms, workspace: Workspace) -> None:
        self._found, self._workspace = found, workspace
        self.name = found.folder.name
        self.key = f"subtomograms:{found.folder.resolve()}"
        self.voxel_size_angstrom = found.voxel_size_angstrom
        self.selection = Selection()
        middle = found.box_size // 2
        turns = found.box_rotations.inv()
        upright = turns.as_matrix() if turns.magnitude().max(initial=0.0) > 0 else None
        self._placing = Placing(
            found.shifts() + middle,
            found.particles.rotations.as_matrix().reshape(-1, 3, 3),
            upright,
            np.arange(len(found)),
        )
        self._set_uid: str | None = None
        self._known: tuple[Session | None, tuple[ParticleSet, ...]] | None = None

    @property
    def particles(self) -> Particles:
        """Those that have a box, in voxels of the tomograms and turned to their frame."""
        return replace(self._found.particles, rotations=self._found.rotations_in_tomogram())

    def open(self, number: int) -> NDArray[np.float32]:
        """See `Volumes`: the box of this row."""
        return self._found.box(number)

    @property
    def set_uid(self) -> str | None:
        """The particle set of the project that the boxes were cut for; None if there is none."""
        session = self._workspace.session
        sets = () if session is None else session.particle_sets()
        if self._known is None or self._known[0] is not session or self._known[1] != sets:
            self._known = session, sets
            self._set_uid = None if session is None else self._origin(session, sets)
        return self._set_uid

    def _origin(self, session: Session, sets: tuple[ParticleSet, ...]) -> str | None:
        """The set of which most particles are those of the boxes: of the same ids, at the same places."""
        best, most = None, 0
        for entry in sets:
            particles = session.particles(entry.uid)
            ours = self._found.particles
            both, rows, there = np.intersect1d(ours.ids, particles.ids, return_indices=True)
            size, other = ours.voxel_size_angstrom, particles.voxel_size_angstrom
            if not len(both) or not size or not other:
                continue
            apart = ours.positions[rows] - particles.rescaled(size).positions[there]
            same = (np.abs(apart) < SAME_PLACE).all(axis=1)
            same &= ours.tomograms[rows] == particles.tomograms[there]
            # deleting must not reach a particle that is another one by now
            if same.all() and len(both) > most:
                best, most = entry.uid, len(both)
        return best

    def boxes(self, box_sizes: Mapping[str, int]) -> Boxes:
        """Those of particles that are in their set and pass its filters; all if they belong to none."""
        ours, uid = self._found.particles, self.set_uid
        found = Boxes(
            self.key if uid is None else uid,
            self.name,
            True,
            ours.ids,
            ours.positions,
            ours.scores,
            ours.groups,
            box_sizes.get(self.key) or self._found.box_size,
            self._placing,
        )
        if uid is None:
            return found
        there = found.at(np.isin(ours.ids, self._workspace.open_session.particles(uid).ids))
        review = self._workspace.review
        if not any(s.uid == uid for s in review.sets):
            return there
        # what is known, and filtered, is that of the tomogram that is shown
        measured, filters = review.particles(uid).ids, review.filters
        _, rows, found_in = np.intersect1d(there.ids, measured, return_indices=True)
        values = np.full(len(there), np.nan)
        measures = {}
        for key, quantity in filters.quantities(uid).items():
            if key not in ORDERS:
                measures[key] = replace(quantity, values=values.copy())
                measures[key].values[rows] = quantity.values[found_in]
        hidden = np.isin(there.ids, filters.out(uid))
        return replace(replace(there, measures=measures).at(~hidden), hidden=int(hidden.sum()))
