"""The models of the shown tomogram: which there are, which are drawn, and which one gets the points."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_tomopick.errors import ModelError, ProjectError
from napari_tomopick.models.colours import free_colour
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.project.names import counted, free_name

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Workspace

NO_TOMOGRAM = "Open a tomogram first: a model belongs to one."


class ModelList:
    """The models of the shown tomogram, one of which is active and gets the points.

    Every change of a model is an edit of the session, and can be undone; which ones are drawn is not.

    Parameters
    ----------
    workspace : Workspace

    Signals
    -------
    models_changed()
        Models or their points are others, or drawn otherwise.
    active_changed()
        Another model gets the points.
    """

    models_changed = Signal()
    active_changed = Signal()

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._hidden: set[str] = set()
        self._active: dict[str, str] = {}

    def redraw(self) -> None:
        """Draw the models as the session has them now; for the owner of layers to say how."""
        self.models_changed.emit()

    @property
    def models(self) -> tuple[Model, ...]:
        """The models of the shown tomogram."""
        session, tomogram = self._workspace.session, self._workspace.tomogram
        return session.models(tomogram.name) if session is not None and tomogram is not None else ()

    @property
    def active(self) -> Model | None:
        """The model that gets the points: the one activated last in this tomogram, else its first."""
        models = self.models
        wanted = self._active.get(self._workspace.tomogram_name, "")
        return next((m for m in models if m.uid == wanted), models[0] if models else None)

    def activate(self, uid: str) -> None:
        """Let a model get the points from now on, and show it."""
        self._active[self._workspace.tomogram_name] = uid
        self._hidden.discard(uid)
        self.redraw()
        self.active_changed.emit()

    # what is drawn

    @property
    def visible_models(self) -> tuple[Model, ...]:
        """The models that are drawn."""
        return tuple(model for model in self.models if self.is_visible(model.uid))

    def is_visible(self, uid: str) -> bool:
        """Whether a model is drawn."""
        return uid not in self._hidden

    def set_visible(self, uid: str, visible: bool) -> None:
        """Draw a model or not; this is not an edit."""
        self.set_all_visible(visible, [uid])

    def set_all_visible(self, visible: bool, uids: Iterable[str] | None = None) -> None:
        """Draw all models of the shown tomogram (or these of them), or none; this is not an edit."""
        which = {model.uid for model in self.models} if uids is None else set(uids)
        self._hidden = self._hidden - which if visible else self._hidden | which
        self.redraw()

    # edits

    def add_model(
        self, type: ModelType, name: str = "", *, group: int = 1, box_size: int | None = None
    ) -> str:
        """Make an empty model of the shown tomogram, and let it get the points. Returns its uid.

        Raises
        ------
        ModelError
            If no tomogram is shown.
        """
        session, tomogram = self._workspace.session, self._workspace.tomogram
        if session is None or tomogram is None:
            raise ModelError(NO_TOMOGRAM)
        uid = session.add_model(
            Model(
                name=name or self._free_name(str(type).replace("_", " ")),
                type=type,
                group=group,
                colour=self._free_colour(),
                box_size=box_size,
                tomogram=tomogram.name,
                voxel_size_angstrom=tomogram.voxel_size_angstrom,
            )
        )
        self.activate(uid)
        return uid

    def duplicate(self, uid: str) -> str:
        """Copy a model under another name and colour, and let the copy get the points. Returns its uid."""
        session = self._workspace.open_session
        model = session.model(uid)
        name = self._free_name(f"{model.name} copy")
        with session.edit("Duplicate model"):
            copy = session.add_model(replace(model, uid="", name=name, colour=self._free_colour()))
        self.activate(copy)
        return copy

    def change(self, uid: str, **fields: Any) -> None:
        """Change fields of a model (name, type, colour, group, box_size)."""
        self._workspace.open_session.change_model(uid, **fields)

    def rename(self, uid: str, name: str) -> None:
        """Give a model another name."""
        self.change(uid, name=name.strip())

    def set_group(self, uids: Iterable[str], group: int) -> None:
        """Put models into a group (Dynamo's region, Scipion's group id), as one edit."""
        session = self._workspace.open_session
        moved = [uid for uid in uids if session.model(uid).group != group]
        with session.edit(f"{counted('Move', len(moved), 'model')} to group {group}"):
            for uid in moved:
                session.change_model(uid, group=group)

    def remove(self, *uids: str) -> None:
        """Delete models, as one edit."""
        session = self._workspace.open_session
        with session.edit(counted("Delete", len(uids), "model")):
            for uid in uids:
                session.remove_model(uid)

    def import_points(self, path: str | os.PathLike[str]) -> None:
        """Read a file of points or particles in the background, as new models, and activate the first.

        Points lie in the shown tomogram unless the file names one of the project.
        """
        from napari_tomopick.protocols.import_points import import_points_job

        workspace, session, tomogram = (
            self._workspace,
            self._workspace.open_session,
            self._workspace.tomogram,
        )
        job = import_points_job(session, Path(path), None if tomogram is None else tomogram.name)
        workspace.say(f"{job.title} …")

        def done(found: tuple[Model, ...]) -> None:
            with workspace.reporting():
                if session is not workspace.session:
                    raise ProjectError("Another project was opened meanwhile, so nothing was imported.")
                before = {model.uid for model in self.models}
                workspace.say(job.record(session, found))
                new = [model.uid for model in self.models if model.uid not in before]
                if new:
                    self.activate(new[0])

        workspace.run_in_background(lambda: job.compute(None), done)

    def _free_name(self, base: str) -> str:
        return free_name(base, {model.name for model in self.models})

    def _free_colour(self) -> str:
        return free_colour([model.colour for model in self.models])
