"""Boxing with a reference network: a user shows what is a particle and what is not, and the rest is found.

`Boxing` holds what is being taught: the kind of particle (its label), and its references, which are models of
the project. `Learning` shows at once what they lead to, `Network` trains and applies a network, and `Picks`
are the particles that come of either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from psygnal import Signal

from napari_tomopick.errors import ModelError, ParameterError
from napari_tomopick.layers import compat
from napari_tomopick.layers.boxing_engine import Engine, ReferenceNetwork, Taught
from napari_tomopick.layers.boxing_learning import Learning
from napari_tomopick.layers.boxing_network import Network
from napari_tomopick.layers.boxing_picks import Picks
from napari_tomopick.layers.picking import NO_SLICE, OUTSIDE
from napari_tomopick.layers.review import PREVIEW
from napari_tomopick.models import references as roles
from napari_tomopick.models.references import ROLES, Role, Sizes
from napari_tomopick.models.user_points import Model
from napari_tomopick.project.names import counted
from napari_tomopick.protocols import jobs_boxing as jobs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.layers.pointing import Spot
    from napari_tomopick.layers.workspace import Workspace

Stage = Literal["instant", "network"]

NO_TOMOGRAM = "Open a tomogram first."
NOTHING_HERE = "There is no reference and no particle under the mouse."
ARTICLES: dict[Role, str] = {"positive": "a positive", "negative": "a negative"}
MIN_SIZE, MAX_SIZE = 2, 4096
DEFAULT_SIZES = Sizes(box_size=32)
# two references nearer than this part of the box are of one particle
SAME_PARTICLE = 0.25


class Boxing:
    """See the module. Nothing is listened to before `open`, and nothing after `close`.

    Parameters
    ----------
    workspace : Workspace
    engine : Engine, optional
        What learns and finds. Default: the reference network.

    Attributes
    ----------
    label : str
        The kind of particle that is boxed.
    role : "positive" or "negative"
        What a plain click says of the place.

    Signals
    -------
    changed()
        Something that is shown of it has changed.
    """

    changed = Signal()

    def __init__(self, workspace: Workspace, engine: Engine | None = None) -> None:
        self.workspace = workspace
        self.engine: Engine = ReferenceNetwork() if engine is None else engine
        self.label = jobs.DEFAULT_LABEL
        self.role: Role = "positive"
        # of kinds of particles that have no references yet
        self._planned: dict[str, Sizes] = {}
        self._seen: tuple[Any, ...] = ()
        self._links: list[tuple[Any, Callable[..., Any]]] = []
        self.picks = Picks(self)
        self.learning = Learning(self)
        self.network = Network(self)
        for part in (self.learning.background, self.network.background):
            part.changed.connect(self._tell)

    def _tell(self) -> None:
        self.changed.emit()

    def _caption(self) -> None:
        """Say in the picture what a click is."""
        what = f"{self.label}: a click is {ARTICLES[self.role]} reference"
        self.workspace.picking.set_boxing_caption(f"● {what}", roles.COLOURS[self.role])

    # being open

    @property
    def opened(self) -> bool:
        """Whether a user is at it."""
        return bool(self._links)

    def open(self) -> None:
        """Begin: clicks are references from now on, and what they lead to is shown."""
        if self._links:
            return
        work = self.workspace
        for signal, slot in (
            (work.session_changed, self._on_session),
            (work.tomogram_changed, self._on_tomogram),
            (work.tomograms_changed, self._on_models),
            (work.review.sets_changed, self._on_sets),
            (work.picking.mode_changed, self._tell),
        ):
            signal.connect(slot)
            self._links.append((signal, slot))
        work.review.preview_deleted[PREVIEW] = self.picks.delete
        self._take_label()
        work.picking.set_mode("box")
        self._on_tomogram()

    def close(self) -> None:
        """End: what runs is stopped, and what is not kept is no longer drawn."""
        for signal, slot in self._links:
            signal.disconnect(slot)
        self._links = []
        self.stop()
        self.learning.forget()
        self.picks.close()
        self.workspace.review.preview_deleted.pop(PREVIEW, None)
        if self.workspace.picking.mode == "box":
            self.workspace.picking.set_mode("pan_zoom")

    def stop(self) -> bool:
        """Give up what is under way. False if nothing is."""
        learning, network = self.learning.stop(), self.network.stop()
        self.picks.stop_streaming()
        return learning or network

    def _on_session(self) -> None:
        self.stop()
        self.learning.forget()
        self.network.forget_all()
        self.picks.forget()
        self._take_label()

    def _take_label(self) -> None:
        """Go on with a kind of particle of the project."""
        known = self.labels
        self.label = self.label if self.label in known else known[0] if known else jobs.DEFAULT_LABEL
        self._caption()

    def _on_tomogram(self) -> None:
        self.picks.show_tomogram()
        self._seen = self._signature()
        self.learning.learn(show=not self.picks.has_kept)
        self.changed.emit()

    def _on_models(self) -> None:
        now = self._signature()
        if now != self._seen:
            self._seen = now
            self.learning.learn(show=True)
        self.changed.emit()

    def _on_sets(self) -> None:
        self.picks.follow_kept()
        self.changed.emit()

    def _signature(self) -> tuple[Any, ...]:
        """What is taught now; models and their points never change in place."""
        name, sizes = self.workspace.tomogram_name, self.sizes
        points = (id(m.points) for m in self.models() if len(m))
        return name, self.label, sizes.particle_size, sizes.network_box, *points

    # the kind of particle

    @property
    def labels(self) -> tuple[str, ...]:
        """The kinds of particles there are references of, and the one that is boxed."""
        session = self.workspace.session
        return () if session is None else roles.labels(session.models())

    def set_label(self, label: str) -> None:
        """Box another kind of particle, known or new.

        Raises
        ------
        ParameterError
            If it has no name.
        """
        label = label.strip()
        if not label:
            raise ParameterError("a kind of particle needs a name")
        if label != self.label:
            self.stop()
            self._planned.setdefault(label, self.sizes)
            self.label = label
            self._caption()
            self.picks.show_tomogram()
            self._on_models()

    def rename_label(self, new: str) -> None:
        """Call the kind of particle otherwise, with its references and its particles."""
        before, new = self.label, new.strip()
        if new == before:
            return
        self._planned[new] = self.sizes
        if self.models():
            jobs.rename_label(self.workspace.open_session, before, new)
        self.network.rename(before, new)
        self.label = new
        self._caption()
        self._seen = self._signature()
        self.changed.emit()

    @property
    def sizes(self) -> Sizes:
        """The sizes of the kind of particle: those its references have, the shown tomogram's first."""
        models = self.models(self.workspace.tomogram_name) or self.models()
        if models:
            found = roles.sizes_of(models[0])
            return found if found.box_size else replace(found, box_size=DEFAULT_SIZES.box_size)
        return self._planned.get(self.label, DEFAULT_SIZES)

    @property
    def box_size(self) -> int:
        """Side of the box of the particles."""
        return self.sizes.box_size or DEFAULT_SIZES.box_size or 2

    @property
    def particle_size(self) -> float | None:
        """Diameter of a particle in voxels of the shown tomogram: as settled, else as estimated."""
        return self.sizes.particle_size or self._learned("particle_size")

    @property
    def network_box(self) -> float | None:
        """Side of what the network sees, in voxels of the shown tomogram: as settled, else as chosen."""
        return self.sizes.network_box or self._learned("network_box")

    def _learned(self, size: str) -> float | None:
        picker, tomogram = self.picks.picker, self.workspace.tomogram
        if picker is None or tomogram is None:
            return None
        return float(getattr(picker, size) * picker.voxel_size_angstrom / tomogram.voxel_size_angstrom)

    def set_sizes(self, **changes: Any) -> None:
        """Settle ``box_size``, ``particle_size``, ``network_box`` (None: automatic), or ``group``.

        Raises
        ------
        ParameterError
            If a size is not from 2 to 4096 voxels.
        """
        for name, value in changes.items():
            if name != "group" and value is not None and not MIN_SIZE <= value <= MAX_SIZE:
                raise ParameterError(
                    f"a {name.replace('_', ' ')} is from {MIN_SIZE} to {MAX_SIZE} voxels, got {value}"
                )
        wanted = replace(self.sizes, **changes)
        if wanted == self.sizes:
            return
        self._planned[self.label] = wanted
        if self.models():
            jobs.set_sizes(self.workspace.open_session, self.label, wanted)
        else:
            self._on_models()
        # the box and the group are those of what is looked at, too
        self.picks.redraw()

    # references

    def models(self, tomogram: str | None = None) -> tuple[Model, ...]:
        """The models with references of this kind of particle, in all tomograms or one."""
        session = self.workspace.session
        return () if session is None else jobs.reference_models(session, self.label, tomogram)

    def model(self, role: Role) -> Model | None:
        """The model with the positive or the negative references in the shown tomogram."""
        here = self.models(self.workspace.tomogram_name)
        return next((model for model in here if roles.role_of(model) == role), None)

    def count(self, role: Role, *, everywhere: bool = False) -> int:
        """How many references of a kind there are in the shown tomogram, or in all."""
        models = self.models(None if everywhere else self.workspace.tomogram_name)
        return sum(len(model) for model in models if roles.role_of(model) == role)

    def taught(self) -> list[Taught]:
        """All references, by tomogram; the shown tomogram comes first."""
        session, shown = self.workspace.open_session, self.workspace.tomogram_name
        found = []
        for tomogram in sorted(session.tomograms(), key=lambda t: t.name != shown):
            models = [m for m in self.models(tomogram.name) if len(m)]
            if models:
                found.append(Taught(tomogram, *(jobs.positions(models, role) for role in ROLES)))
        return found

    # what clicks are

    @property
    def on(self) -> bool:
        """Whether clicks are references."""
        return self.opened and self.workspace.picking.mode == "box"

    def set_role(self, role: Role | None) -> None:
        """Let a plain click say that something is a particle, or that it is not; None: clicks only look."""
        if role is not None:
            self.role = role
            self._caption()
        self.workspace.picking.set_mode("pan_zoom" if role is None else "box")
        self.changed.emit()

    def refer(self, spot: Spot | None, role: Role | None = None) -> tuple[str, int]:
        """Take a click as a reference, of the kind that is chosen or of this one; return its row.

        Raises
        ------
        ModelError
            If it is outside the tomogram, or not in a slice.
        """
        if self.workspace.tomogram is None:
            raise ModelError(NO_TOMOGRAM)
        if spot is None:
            raise ModelError(NO_SLICE if compat.is_3d(self.workspace.viewer) else OUTSIDE)
        role = role or self.role
        model = self.model(role) or Model("", tomogram=self.workspace.tomogram_name)
        return self._refer(spot.position, spot.level_in(model), role)

    def refer_at(self, position: ArrayLike, role: Role) -> tuple[str, int]:
        """Take a place, such as that of a particle that was found, as a reference."""
        place = np.asarray(position, np.float64)
        return self._refer(place, int(np.floor(place[2] + 0.5)), role)

    def _refer(self, place: NDArray[np.float64], level: int, role: Role) -> tuple[str, int]:
        work, other = self.workspace, ROLES[role == "positive"]
        session, picking = work.open_session, work.picking
        there = self._near(place, SAME_PARTICLE * self.box_size, role)
        if there is not None:
            work.say(f"There is a {role} reference here already; Shift+click removes it.")
            return there
        contrary = self._near(place, SAME_PARTICLE * self.box_size, other)
        model = self.model(role)
        if model is not None:
            self._activate(model.uid)
        with session.edit(f"Add {role} reference"):
            if contrary is not None:
                session.delete_points(contrary[0], [contrary[1]])
            uid = jobs.add_references(
                session, self.label, work.tomogram_name, role, place[None], [level], self.sizes
            )
        self._activate(uid)
        if not picking.shown:
            picking.show(True)
        number = len(session.model(uid))
        work.say(f"{role.capitalize()} reference {number} of '{self.label}' in this tomogram.")
        return uid, number - 1

    def _activate(self, uid: str) -> None:
        """Let it be the one that other gestures, such as Delete, mean."""
        picking = self.workspace.picking
        if picking.active is None or picking.active.uid != uid or not picking.is_visible(uid):
            picking.activate(uid)

    def _near(
        self, place: NDArray[np.float64], radius: float, role: Role | None = None
    ) -> tuple[str, int] | None:
        """The row of the nearest reference within a radius."""
        found: tuple[float, str, int] | None = None
        for model in self.models(self.workspace.tomogram_name):
            if len(model) and role in (None, roles.role_of(model)):
                away = np.linalg.norm(model.points - place, axis=1)
                nearest = int(away.argmin())
                if away[nearest] <= radius and (found is None or away[nearest] < found[0]):
                    found = float(away[nearest]), model.uid, nearest
        return None if found is None else (found[1], found[2])

    def remove_at(self, spot: Spot | None, row: tuple[str, int] | None) -> None:
        """Remove the reference under the mouse, or else the particle.

        Raises
        ------
        ModelError
            If there is neither.
        """
        mine = {model.uid for model in self.models(self.workspace.tomogram_name)}
        if row is not None and row[0] not in mine:
            row = None
        if row is None and spot is not None:
            row = self._near(spot.position, self.box_size / 2)
        if row is not None:
            self.remove([row])
        elif spot is None or not self.picks.delete_at(spot.position, self.box_size / 2):
            raise ModelError(NOTHING_HERE)

    def remove(self, rows: Sequence[tuple[str, int]]) -> None:
        """Remove references, given as (model uid, row), as one edit."""
        session = self.workspace.open_session
        with session.edit(counted("Remove", len(rows), "reference")):
            for uid in dict.fromkeys(uid for uid, _ in rows):
                session.delete_points(uid, [row for u, row in rows if u == uid])
