"""Edits of particle sets."""

from __future__ import annotations

import uuid
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tomopick.errors import ProjectError
from napari_tomopick.models.particles import Particles, concatenate
from napari_tomopick.models.step import Step
from napari_tomopick.project import checks, records
from napari_tomopick.project.editing import Editing
from napari_tomopick.project.journal import Row
from napari_tomopick.project.names import counted
from napari_tomopick.project.records import ParticleSet

DEFAULT_COLOUR = "#4cc9f0"


class ParticleEdits(Editing):
    """The part of a session that edits particle sets."""

    def particle_sets(self, tomogram: str | None = None) -> tuple[ParticleSet, ...]:
        """All particle sets, or those with particles in one tomogram, in the order of their making."""
        sets = self._store.rows("particle_sets").values()
        return tuple(
            map(self._set_of, (s for s in sets if tomogram is None or self._store.counts(s[0])[tomogram]))
        )

    def particle_set(self, uid: str) -> ParticleSet:
        """The particle set of this identity.

        Raises
        ------
        ProjectError
            If there is none (any more).
        """
        return self._set_of(self._set_row(uid))

    def particles(self, uid: str, tomogram: str | None = None) -> Particles:
        """The particles of a set, or those of them in one tomogram."""
        self._set_row(uid)
        particles = self._store.particles(uid)[1]
        return particles if tomogram is None else particles.in_tomogram(tomogram)

    def add_particles(self, name: str, particles: Particles, step: Step, colour: str | None = None) -> str:
        """Add a set of particles made by a step, and return its identity.

        Raises
        ------
        ProjectError
            If the name is taken, a particle's tomogram is not in the project, or the voxel size is not that
            of the tomograms.
        """
        names = [row[2] for row in self._store.rows("particle_sets").values()]
        checks.check_name(name, "particle set", names)
        colour = DEFAULT_COLOUR if colour is None else colour
        checks.check_colour(colour)
        size = self._check_particles(name, particles)
        columns = records.further_columns(particles.table)
        box = None if particles.box_size is None else int(particles.box_size)
        uid = uuid.uuid4().hex[:12]
        rows = records.particle_rows(uid, np.arange(len(particles)), particles)
        with self.edit(f"Add particles {name!r}"):
            number = self._next_number("particle_sets")
            made_by = self._record_step(step)
            self._put("particle_sets", (uid, number, name, colour, columns, size, box, made_by))
            self._put("particles", *rows)
        return uid

    def change_particle_set(self, uid: str, *, name: str | None = None, colour: str | None = None) -> None:
        """Give a set another name or colour.

        Raises
        ------
        ProjectError
            If the name is taken, or the colour is not one.
        """
        row = list(self._set_row(uid))
        if name is not None:
            others = [r[2] for r in self._store.rows("particle_sets").values() if r[0] != uid]
            checks.check_name(name, "particle set", others)
            row[2] = name
        if colour is not None:
            checks.check_colour(colour)
            row[3] = colour
        with self.edit("Rename particle set" if name is not None else "Colour particle set"):
            self._put("particle_sets", tuple(row))

    def update_particles(self, uid: str, particles: Particles) -> None:
        """Replace particles of a set by others with the same ids: moved, turned, with other columns.

        Some of them may be given alone if their further columns are those of the set.

        Raises
        ------
        ProjectError
            If an id is not in the set, a tomogram is not known, or the voxel size is not that of the
            tomograms.
        """
        row = self._set_row(uid)
        numbers, before = self._store.particles(uid)
        size = self._check_particles(row[2], particles)
        which = self._rows_of(row, before, particles.ids)
        box = None if particles.box_size is None else int(particles.box_size)
        columns = records.further_columns(particles.table)
        new_row = (*row[:4], columns, size, box, row[7])
        if new_row[4:7] != row[4:7] and len(which) != len(before):
            raise ProjectError(
                f"particle set {row[2]!r}: columns, voxel size and box size can only be changed for all "
                f"{len(before)} particles at once, got {len(which)}"
            )
        rows = records.particle_rows(uid, numbers[which], particles)
        with self.edit(counted("Change", len(rows), "particle")):
            if columns != row[4]:
                # rows are only ever read with the columns they were written with, in undoing too
                self._delete("particles", *((uid, id_) for id_ in before.ids.tolist()))
            self._put("particle_sets", new_row)
            self._put("particles", *rows)

    def replace_particles(self, uid: str, tomogram: str, particles: Particles, step: Step) -> None:
        """Put other particles in place of those that a set has in one tomogram, made by a step.

        Where a particle was before, it keeps its id; others get new ones, so that no id is given twice to
        different particles of what the set holds before and after. The ids that come with ``particles`` do
        not count. The set is then said to be made by this step.

        Raises
        ------
        ProjectError
            If a particle is not in this tomogram, or the voxel size is not that of the tomogram.
        """
        row = self._set_row(uid)
        size = self._check_particles(row[2], particles)
        if size is None:
            size = self.tomogram(tomogram).voxel_size_angstrom
        elsewhere = particles.tomograms != tomogram
        if elsewhere.any():
            raise ProjectError(
                f"particle set {row[2]!r}: a particle in {particles.tomograms[elsewhere][0]!r} cannot "
                f"replace those in {tomogram!r}"
            )
        numbers, before = self._store.particles(uid)
        here = before.tomograms == tomogram
        new = replace(particles, ids=_kept_ids(before, here, particles.positions))
        others = before.select(~here)
        # a set is in one grid and has one box size
        grid = replace(others, voxel_size_angstrom=size, box_size=new.box_size)
        whole = concatenate([grid, replace(new, voxel_size_angstrom=size)], keep_ids=True)
        columns = records.further_columns(whole.table)
        box = None if new.box_size is None else int(new.box_size)
        label = counted("Pick", len(new), "particle")
        first = int(numbers.max(initial=-1)) + 1
        places = np.concatenate([numbers[~here], np.arange(first, first + len(new))])
        # rows are only ever read with the columns they were written with
        rewritten = np.ones(len(whole), bool) if columns != row[4] else np.arange(len(whole)) >= len(others)
        gone = before.ids if columns != row[4] else before.ids[here]
        with self.edit(label):
            made_by = self._record_step(step)
            self._delete("particles", *((uid, id_) for id_ in gone.tolist()))
            self._put("particle_sets", (*row[:4], columns, size, box, made_by))
            rows = records.particle_rows(uid, places[rewritten], whole.select(rewritten))
            self._put("particles", *rows)

    def remove_particles(self, uid: str, ids: ArrayLike) -> None:
        """Remove the particles with these ids from a set.

        Raises
        ------
        ProjectError
            If an id is not in the set.
        """
        row = self._set_row(uid)
        wanted = np.unique(np.atleast_1d(np.asarray(ids, np.int64)))
        self._rows_of(row, self._store.particles(uid)[1], wanted)
        with self.edit(counted("Delete", len(wanted), "particle")):
            self._delete("particles", *((uid, id_) for id_ in wanted.tolist()))

    def remove_particle_set(self, uid: str) -> None:
        """Remove a set with its particles."""
        name = self._set_row(uid)[2]
        with self.edit(f"Delete particles {name!r}"):
            self._delete("particles", *((uid, id_) for id_ in self._store.particles(uid)[1].ids.tolist()))
            self._delete("particle_sets", (uid,))

    def _set_row(self, uid: str) -> Row:
        try:
            return self._store.rows("particle_sets")[(uid,)]
        except KeyError:
            raise ProjectError(f"this particle set is not in {self.path.name} (any more): {uid!r}") from None

    def _set_of(self, row: Row) -> ParticleSet:
        uid, _, name, colour, _, size, box, step = row
        counts = self._store.counts(uid)
        tomograms = tuple(key[0] for key in self._store.rows("tomograms") if counts[key[0]])
        return ParticleSet(uid, name, tomograms, counts.total(), colour, self._store.step(step), size, box)

    def _rows_of(self, set_row: Row, particles: Particles, ids: np.ndarray) -> np.ndarray:
        """Rows of the particles with these ids."""
        order = np.argsort(particles.ids)
        place = np.searchsorted(particles.ids, ids, sorter=order)
        known = np.isin(ids, particles.ids)
        if not known.all():
            raise ProjectError(
                f"particle set {set_row[2]!r} has no particle with id {ids[~known][0]}"
                + (f", nor {int((~known).sum()) - 1} other ids" if (~known).sum() > 1 else "")
            )
        return order[place]

    def _check_particles(self, name: str, particles: Particles) -> float | None:
        """See that particles lie in tomograms of the project and on their grid; return their voxel size."""
        broken = ~np.isfinite(particles.rotations.as_quat().reshape(-1, 4)).all(axis=1)
        if broken.any():
            raise ProjectError(
                f"particle set {name!r}: particle {particles.ids[broken][0]} has no finite orientation"
            )
        size = particles.voxel_size_angstrom
        for tomogram in map(str, np.unique(particles.tomograms)):
            if not tomogram:
                raise ProjectError(
                    f"particle set {name!r}: a particle does not tell its tomogram; name it in `tomograms`"
                )
            grid = self.tomogram(tomogram).voxel_size_angstrom
            if size is None:
                size = grid
            elif not checks.same_voxel_size(size, grid):
                raise ProjectError(
                    f"particle set {name!r} is on a grid of {size:g} Å per voxel, but tomogram {tomogram!r} "
                    f"has {grid:g} Å. Express the particles on that grid first (Particles.rescaled)"
                )
        return size if size is None else float(size)


def _kept_ids(
    before: Particles, here: NDArray[np.bool_], positions: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Ids for positions: those of the particles that were at the same places, and new ones."""
    known = {tuple(p): int(i) for p, i in zip(before.positions[here].tolist(), before.ids[here], strict=True)}
    following = int(before.ids.max(initial=0)) + 1
    found = []
    for position in positions.tolist():
        # of two at one place, one keeps the id
        kept = known.pop(tuple(position), None)
        if kept is None:
            kept, following = following, following + 1
        found.append(kept)
    return np.array(found, np.int64)
