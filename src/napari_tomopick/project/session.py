"""`Session`: an open project, everything in it, and every edit of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np

from napari_tomopick.errors import ProjectError
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.project import checks, database, records
from napari_tomopick.project.model_edits import ModelEdits
from napari_tomopick.project.particle_edits import ParticleEdits
from napari_tomopick.project.records import ParticleSet, TomogramStatus
from napari_tomopick.project.store import Store
from napari_tomopick.project.summaries import TomogramSummary, summaries


def _file(path: str | os.PathLike[str]) -> Path:
    file = Path(os.path.abspath(path))
    # paths in a project are relative to where it really lies, whichever link it is opened by
    return file.resolve() if file.is_symlink() else file


class Session(ModelEdits, ParticleEdits):
    """An open project: everything a user sees and edits.

    Each edit is one transaction: when the method returns it is on disk, and it can be undone, also after
    closing or a crash. If it raises, nothing has changed. Signals (see `Events`) are emitted after that.
    Objects given out never change; ask again when a signal says so. A session belongs to the thread that
    opened it.

    The history keeps some 256 MB of edits (`napari_tomopick.project.store.HISTORY_BYTES`); beyond that the
    oldest can no longer be undone. Steps and results are a record of what was run, and are not undone.

    Examples
    --------
    >>> with Session.create("picking.tomopick") as session:  # doctest: +SKIP
    ...     session.add_tomogram(tomogram)
    ...     uid = session.add_model(Model("outer membrane", ModelType.SURFACE, tomogram=tomogram.name))
    ...     session.add_points(uid, [[196.2, 20.0, 40.0]], [40])
    ...     session.undo()
    'Add point'
    """

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> Session:
        """Make a new project and open it.

        Raises
        ------
        ProjectError
            If there is such a file already, or it cannot be written.
        """
        file = _file(path)
        database.create(file)
        return cls(Store(file))

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, read_only: bool = False) -> Session:
        """Open a project.

        With ``read_only`` it is for viewing alone, which also works in a folder that cannot be written.

        Raises
        ------
        ProjectError
            If it is missing, open elsewhere, not a project, damaged, or from a newer version.
        """
        file = _file(path)
        return cls(Store(file, read_only=read_only))

    def close(self) -> None:
        """Release the project. Nothing needs saving: every edit is on disk already."""
        self._store.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def summaries(self) -> tuple[TomogramSummary, ...]:
        """What a list of all tomograms shows of each, in the order in which they were added.

        No point or particle is loaded for it, so it is quick for hundreds of tomograms.
        """
        return summaries(self._store)

    def status(self, name: str) -> TomogramStatus:
        """How far the user is with a tomogram."""
        return TomogramStatus(self._tomogram_row(name)[14])

    def set_status(self, name: str, status: TomogramStatus | str) -> None:
        """Note how far the user is with a tomogram."""
        value = TomogramStatus(status).value
        row = self._tomogram_row(name)
        with self.edit(f"Mark {name!r} as {value.replace('_', ' ')}"):
            self._put("tomograms", (*row[:14], value, *row[15:]))

    def tomogram_step(self, name: str) -> Step | None:
        """The step that made a tomogram or brought it in, if that is known."""
        number = self._tomogram_row(name)[15]
        return None if number is None else self._store.step(number)

    def add_tomogram(self, tomogram: Tomogram, step: Step | None = None) -> None:
        """Add a tomogram, with the step that made it or brought it in.

        Raises
        ------
        ProjectError
            If the name is taken, or its size or voxel size cannot be.
        """
        checks.check_name(tomogram.name, "tomogram", [key[0] for key in self._store.rows("tomograms")])
        checks.check_tomogram(tomogram)
        with self.edit(f"Add tomogram {tomogram.name!r}"):
            number = self._next_number("tomograms")
            made_by = None if step is None else self._record_step(step)
            status = TomogramStatus.TODO.value
            self._put("tomograms", records.tomogram_row(tomogram, self.path.parent, number, status, made_by))

    def replace_tomogram(self, tomogram: Tomogram) -> None:
        """Tell other facts about the tomogram of this name; see `replace_tomograms`."""
        self.replace_tomograms([tomogram])

    def replace_tomograms(self, tomograms: Sequence[Tomogram]) -> None:
        """Tell other facts about the tomograms of these names: another file, voxel size, acquisition.

        Positions stay what they are in voxels. Where a voxel size is corrected, models and particle sets of
        the tomogram follow.

        Raises
        ------
        ProjectError
            If there is none of a name, or a particle set also lies in tomograms that keep the old voxel size.
        ModelError
            If points of a model would lie outside.
        """
        wanted = {tomogram.name: tomogram for tomogram in tomograms}
        for tomogram in tomograms:
            self._tomogram_row(tomogram.name)
            checks.check_tomogram(tomogram)
            for model in self.models(tomogram.name):
                checks.positions_inside(model.points, tomogram, f"model {model.name!r}: point")
                if model.marker is not None:
                    checks.positions_inside(model.marker, tomogram, f"model {model.name!r}: side marker")
        label = f"Change tomogram {tomograms[0].name!r}" if len(tomograms) == 1 else "Change tomograms"
        with self.edit(label):
            for tomogram in tomograms:
                row, size = self._tomogram_row(tomogram.name), float(tomogram.voxel_size_angstrom)
                self._put("tomograms", records.tomogram_row(tomogram, self.path.parent, row[1], *row[14:]))
                if size == row[6]:
                    continue
                model_rows = [self._model_row(model.uid) for model in self.models(tomogram.name)]
                self._put("models", *((*r[:12], size) for r in model_rows))
                sets = self.particle_sets(tomogram.name)
                for item in sets:
                    self._check_one_voxel_size(item, tomogram, wanted)
                set_rows = [self._set_row(item.uid) for item in sets]
                self._put("particle_sets", *((*r[:5], size, *r[6:]) for r in set_rows))

    def _check_one_voxel_size(
        self, item: ParticleSet, tomogram: Tomogram, wanted: Mapping[str, Tomogram]
    ) -> None:
        size = tomogram.voxel_size_angstrom
        for name in item.tomograms:
            other = wanted.get(name) or self.tomogram(name)
            if not checks.same_voxel_size(other.voxel_size_angstrom, size):
                raise ProjectError(
                    f"tomogram {tomogram.name!r} cannot take a voxel size of {size:g} Å: particle set "
                    f"{item.name!r} also lies in {name!r}, which keeps another. Change both, or split the set"
                )

    def rename_tomogram(self, name: str, new_name: str) -> None:
        """Give a tomogram another name; models, particles and binned copies of it follow.

        Raises
        ------
        ProjectError
            If there is none of this name, or the new one is taken.
        """
        row = self._tomogram_row(name)
        rows = self._store.rows("tomograms")
        checks.check_name(new_name, "tomogram", [key[0] for key in rows if key != (name,)])
        with self.edit(f"Rename tomogram {name!r} to {new_name!r}"):
            copies = [(*r[:11], new_name, *r[12:]) for r in rows.values() if r[11] == name]
            self._put("tomograms", *copies)
            self._delete("tomograms", (name,))
            self._put("tomograms", (new_name, *row[1:]))
            model_rows = [self._model_row(model.uid) for model in self.models(name)]
            self._put("models", *((*r[:2], new_name, *r[3:]) for r in model_rows))
            for item in self.particle_sets():
                numbers, particles = self._store.particles(item.uid)
                here = particles.tomograms == name
                moved = replace(particles.select(here), tomograms=np.full(here.sum(), new_name))
                self._put("particles", *records.particle_rows(item.uid, numbers[here], moved))

    def remove_tomogram(self, name: str) -> None:
        """Take a tomogram out of the project, with its models and particles; its file stays.

        A particle set that has no other particles goes as well.
        """
        self._tomogram_row(name)
        with self.edit(f"Remove tomogram {name!r}"):
            for model in self.models(name):
                self.remove_model(model.uid)
            for item in self.particle_sets(name):
                if item.tomograms == (name,):
                    self.remove_particle_set(item.uid)
                else:
                    self.remove_particles(item.uid, self.particles(item.uid, name).ids)
            self._delete("tomograms", (name,))
