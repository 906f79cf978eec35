"""What is done with the selected particles; each of these is one edit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_tomopick.errors import ParameterError
from napari_tomopick.models.quantities import CLASS_COLUMNS, class_column
from napari_tomopick.models.step import Step
from napari_tomopick.project.names import counted, free_name

if TYPE_CHECKING:
    from napari_tomopick.layers.selection import Ids
    from napari_tomopick.layers.workspace import Workspace
    from napari_tomopick.models.particles import Particles

NOTHING = "No particle is selected."


class Actions:
    """The verbs for selected particles.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    # what is selected

    def select_all(self, uid: str) -> None:
        """Select all particles of a set, also those that are filtered out."""
        self._review.selection.set({uid: self._review.particles(uid).ids})

    def select_shown(self) -> None:
        """Select all particles that are seen, of all sets."""
        self._review.selection.set(self._shown())

    def invert(self) -> None:
        """Of the particles that are seen, select those that are not selected, and the others no more."""
        self._review.selection.toggle(self._shown())

    def _shown(self) -> Mapping[str, Ids]:
        return {uid: particles.ids for uid, (particles, _) in self._review.drawn.items()}

    # edits

    def keep_only(self) -> None:
        """Delete all particles but the selected ones from the sets that these are of, in this tomogram.

        Raises
        ------
        ParameterError
            If nothing is selected.
        """
        review = self._review
        gone = {uid: np.setdiff1d(review.particles(uid).ids, chosen.ids) for uid, chosen in self._chosen()}
        review.delete_particles(gone)

    def set_group(self, group: int) -> None:
        """Move the selected particles to a group.

        Raises
        ------
        ParameterError
            If nothing is selected, or the number is below 1.
        """
        if group < 1:
            raise ParameterError(f"groups are numbered from 1, got {group}")
        session = self._workspace.open_session
        chosen = list(self._chosen())
        with session.edit(f"{_counted('Move', chosen)} to group {group}"):
            for uid, some in chosen:
                session.update_particles(uid, replace(some, groups=np.full(len(some), group)))

    def set_class(self, number: int) -> None:
        """Put the selected particles in a class; others of their sets that had none get class 0.

        Raises
        ------
        ParameterError
            If nothing is selected, or the number is negative.
        """
        if number < 0:
            raise ParameterError(f"classes are numbered from 0, got {number}")
        session = self._workspace.open_session
        chosen = list(self._chosen())
        with session.edit(f"{_counted('Put', chosen)} in class {number}"):
            for uid, some in chosen:
                name = class_column(some)
                if name is not None:
                    session.update_particles(uid, some.with_columns(**{name: _numbers(some, name, number)}))
                    continue
                # a column is one of all particles of a set, in every tomogram
                whole = session.particles(uid)
                classes = np.where(np.isin(whole.ids, some.ids), number, 0)
                session.update_particles(uid, whole.with_columns(**{CLASS_COLUMNS[0]: classes}))

    def move_to_new_set(self, name: str) -> None:
        """Move the selected particles to a particle set of their own, and select them there.

        Raises
        ------
        ParameterError
            If nothing is selected.
        ProjectError
            If the name is taken, or particles of sets that cannot be put together are selected.
        """
        session, review = self._workspace.open_session, self._review
        chosen = list(self._chosen())
        if len(chosen) > 1:
            raise ParameterError(
                f"particles of {len(chosen)} sets are selected: select those of one to move them to a new set"
            )
        ((uid, some),) = chosen
        source = session.particle_set(uid)
        step = Step("select", {"particles": len(some)}, (f"particle set {source.name}",))
        with session.edit(f"{_counted('Move', chosen)} to {name.strip()!r}"):
            new = session.add_particles(name.strip(), some, step, source.colour)
            session.remove_particles(uid, some.ids)
        review.selection.set({new: session.particles(new, self._workspace.tomogram_name).ids})

    def free_set_name(self) -> str:
        """A name for a new set."""
        sets = self._workspace.open_session.particle_sets()
        uids = self._review.selection.uids
        source = next((s.name for s in sets if s.uid in uids), "particles")
        return free_name(f"{source} selected", [s.name for s in sets])

    @property
    def _review(self):  # type: ignore[no-untyped-def]
        return self._workspace.review

    def _chosen(self) -> Iterator[tuple[str, Particles]]:
        """The selected particles of each set of the project."""
        review = self._review
        found = [
            (s.uid, review.particles(s.uid).select(review.selection.mask(s.uid, review.particles(s.uid).ids)))
            for s in review.sets
            if len(review.selection.ids(s.uid))
        ]
        if not found:
            raise ParameterError(NOTHING)
        return iter(found)


def _counted(verb: str, chosen: list[tuple[str, Particles]]) -> str:
    return counted(verb, sum(len(some) for _, some in chosen), "particle")


def _numbers(particles: Particles, name: str, number: int) -> np.ndarray:
    """So many of this number, as the column has its numbers: another type would be another column."""
    return np.full(len(particles), number).astype(particles.table[name].dtype)
