"""Edits of models: points, markers, and what a model is called."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tomopick.errors import ModelError, ProjectError
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model
from napari_tomopick.project import checks, records
from napari_tomopick.project.editing import Editing
from napari_tomopick.project.journal import Row
from napari_tomopick.project.names import counted

_POINT_FIELDS = {"points", "levels", "proposed"}
_FIELDS = _POINT_FIELDS | {"name", "type", "marker", "group", "colour", "parameters", "box_size"}


class ModelEdits(Editing):
    """The part of a session that edits models."""

    def models(self, tomogram: str | None = None) -> tuple[Model, ...]:
        """All models, or those of one tomogram, in the order in which they were added."""
        rows = self._store.rows("models").values()
        return tuple(self._store.model(row[0]) for row in rows if tomogram is None or row[2] == tomogram)

    def model(self, uid: str) -> Model:
        """The model of this identity.

        Raises
        ------
        ModelError
            If there is none (any more).
        """
        self._model_row(uid)
        return self._store.model(uid)

    def _model_row(self, uid: str) -> Row:
        try:
            return self._store.rows("models")[(uid,)]
        except KeyError:
            raise ModelError(f"this model is not in {self.path.name} (any more): {uid!r}") from None

    def add_model(self, model: Model) -> str:
        """Add a model, with its points if it has any, and return its identity.

        Its tomogram must be one of the project's, whose voxel size it takes if it does not tell its own.

        Raises
        ------
        ModelError
            If a point or the marker is outside the tomogram, or the voxel size is another one.
        ProjectError
            If the tomogram is not known, or has a model of this name.
        """
        tomogram = self.tomogram(model.tomogram)
        size = model.voxel_size_angstrom
        if size is None:
            size = tomogram.voxel_size_angstrom
        elif not checks.same_voxel_size(size, tomogram.voxel_size_angstrom):
            raise ModelError(
                f"model {model.name!r} was picked at {size:g} Å per voxel, but tomogram {tomogram.name!r} "
                f"has {tomogram.voxel_size_angstrom:g} Å. Add it to the tomogram it was picked in, or "
                "rescale its points"
            )
        uid = uuid.uuid4().hex[:12]
        model = replace(model, uid=uid, voxel_size_angstrom=size)
        self._check_model(model, tomogram)
        with self.edit("Add model"):
            self._put("models", records.model_row(model, self._next_number("models")))
            self._put("points", *_rows_of(model, np.arange(len(model))))
        return uid

    def change_model(self, uid: str, **fields: Any) -> None:
        """Change fields of a model.

        They are name, type, points and levels and proposed, marker, group, colour, parameters, box_size.

        Raises
        ------
        ModelError, ProjectError
            As for `add_model`.
        """
        unknown = set(fields) - _FIELDS
        if unknown:
            raise TypeError(f"these are no fields of a model that can be changed: {sorted(unknown)}")
        row = self._model_row(uid)
        before = self._store.model(uid)
        # points set by hand are nobody's proposals
        values = {"proposed": None, **fields} if "points" in fields else fields
        try:
            model = replace(before, **values)
        except ValueError as error:
            raise ModelError(f"model {before.name!r}: {error}") from error
        self._check_model(model, self.tomogram(model.tomogram))
        (one,) = fields if len(fields) == 1 else ("model",)
        with self.edit(f"Change {one.replace('_', ' ')}"):
            self._put("models", records.model_row(model, row[1]))
            if _POINT_FIELDS & set(fields):
                numbers = self._store.points(uid).numbers
                self._delete("points", *((uid, number) for number in numbers[len(model) :].tolist()))
                if len(model) > len(numbers):
                    first = int(numbers[-1]) + 1 if len(numbers) else 0
                    numbers = np.append(numbers, np.arange(first, first + len(model) - len(numbers)))
                self._put("points", *_rows_of(model, numbers[: len(model)]))

    def remove_model(self, uid: str) -> None:
        """Remove a model and its points."""
        self._model_row(uid)
        with self.edit("Delete model"):
            self._delete("points", *((uid, number) for number in self._store.points(uid).numbers.tolist()))
            self._delete("models", (uid,))

    def add_points(self, uid: str, points: ArrayLike, levels: ArrayLike, *, proposed: bool = False) -> None:
        """Add points, (k, 3) x, y, z in voxels, with the level (slice) of each, after those there are.

        ``proposed`` ones are marked as placed by tracking, until they are accepted or moved.

        Raises
        ------
        ModelError
            If a point is not finite or outside the tomogram.
        """
        positions = checks.positions_inside(points, self.tomogram(self._model_row(uid)[2]))
        slices = checks.whole_levels(levels, len(positions))
        numbers = self._store.points(uid).numbers
        first = int(numbers[-1]) + 1 if len(numbers) else 0
        with self.edit(counted("Add", len(positions), "point")):
            added = records.PointArrays(
                np.arange(first, first + len(positions)),
                positions,
                slices,
                np.full(len(positions), proposed),
            )
            self._put("points", *records.point_rows(uid, added))

    def move_points(
        self, uid: str, rows: ArrayLike, points: ArrayLike, levels: ArrayLike | None = None
    ) -> None:
        """Move the points in these rows to (k, 3) x, y, z in voxels, which accepts them.

        Their levels stay, unless others are given.

        Raises
        ------
        ModelError
            If a row is not there, or a point is not finite or outside the tomogram.
        """
        positions = checks.positions_inside(points, self.tomogram(self._model_row(uid)[2]))
        before = self._store.points(uid)
        which = checks.rows_within(rows, len(before.numbers))
        if len(which) != len(positions):
            raise ModelError(f"{len(which)} rows, but {len(positions)} points")
        slices = before.levels[which] if levels is None else checks.whole_levels(levels, len(positions))
        with self.edit(counted("Move", len(which), "point")):
            moved = records.PointArrays(before.numbers[which], positions, slices, np.zeros(len(which), bool))
            self._put("points", *records.point_rows(uid, moved))

    def accept_points(self, uid: str, rows: ArrayLike | None = None) -> None:
        """Accept points that were placed by tracking: those in these rows, or all of the model's.

        Raises
        ------
        ModelError
            If a row is not there.
        """
        self._model_row(uid)
        points = self._store.points(uid)
        which = (
            np.arange(len(points.numbers)) if rows is None else checks.rows_within(rows, len(points.numbers))
        )
        which = which[points.proposed[which]]
        with self.edit(counted("Accept", len(which), "point")):
            accepted = points.take(which)._replace(proposed=np.zeros(len(which), bool))
            self._put("points", *records.point_rows(uid, accepted))

    def delete_points(self, uid: str, rows: ArrayLike) -> None:
        """Delete the points in these rows.

        Raises
        ------
        ModelError
            If a row is not there.
        """
        self._model_row(uid)
        numbers = self._store.points(uid).numbers
        which = numbers[checks.rows_within(rows, len(numbers))].tolist()
        with self.edit(counted("Delete", len(which), "point")):
            self._delete("points", *((uid, number) for number in which))

    def set_marker(self, uid: str, xyz: ArrayLike | None) -> None:
        """Put the side marker (x, y, z in voxels) on the inner side of the membrane, or remove it.

        Raises
        ------
        ModelError
            If it is not finite or outside the tomogram.
        """
        with self.edit("Remove side marker" if xyz is None else "Set side marker"):
            self.change_model(uid, marker=None if xyz is None else np.asarray(xyz, np.float64))

    def _check_model(self, model: Model, tomogram: Tomogram) -> None:
        """See that a model is good for its tomogram and its name is not another's."""
        others = [
            m[3] for m in self._store.rows("models").values() if m[2] == tomogram.name and m[0] != model.uid
        ]
        checks.check_name(model.name, f"model in tomogram {tomogram.name!r}", others)
        checks.check_colour(model.colour)
        checks.positions_inside(model.points, tomogram)
        if model.marker is not None:
            checks.positions_inside(model.marker, tomogram, "side marker")
        if model.box_size is not None and model.box_size < 1:
            raise ProjectError(f"model {model.name!r}: the box size must be above 0, got {model.box_size}")


def _rows_of(model: Model, numbers: NDArray[np.int64]) -> list[Row]:
    """The rows of all points of a model, by these numbers."""
    arrays = records.PointArrays(numbers, model.points, model.levels, model.proposed)
    return records.point_rows(model.uid, arrays)
