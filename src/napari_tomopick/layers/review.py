"""What a user does with particle sets: look, colour, weed out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from psygnal import Signal

from napari_tomopick.geometry.coordinates import xyz_to_zyx
from napari_tomopick.layers import compat
from napari_tomopick.layers.particle_layers import ParticleView
from napari_tomopick.layers.particle_looks import Look, legible_reach
from napari_tomopick.layers.review_actions import Actions
from napari_tomopick.layers.review_cleaning import Cleaning
from napari_tomopick.layers.review_filters import Filters
from napari_tomopick.layers.review_marking import Marking
from napari_tomopick.layers.review_turning import Turning
from napari_tomopick.layers.scrolling import WhileScrolling
from napari_tomopick.layers.selection import Selection
from napari_tomopick.project.names import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.layers.workspace import Workspace
    from napari_tomopick.models.particles import Particles
    from napari_tomopick.models.tomogram import Tomogram
    from napari_tomopick.project import ParticleSet


PREVIEW = "preview"
"""In place of the uid of a set: particles that are drawn, but not in the project."""


class Preview(NamedTuple):
    """Particles that are drawn without being in the project; ``instead_of`` is the uid of a set, or ""."""

    particles: Particles
    colour: str
    instead_of: str


class Review:
    """The particle sets of the shown tomogram, and which of their particles are selected.

    Parameters
    ----------
    workspace : Workspace

    Signals
    -------
    sets_changed()
        Sets, previews, or their particles are others.
    look_changed()
        They are drawn otherwise.
    redrawn()
        Particles were drawn, or others of them are shown.
    """

    sets_changed = Signal()
    look_changed = Signal()
    redrawn = Signal()

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._hidden: set[str] = set()
        self._particles: dict[str, Particles] = {}
        # where they were taken from
        self._whole: dict[str, tuple[Tomogram, Particles]] = {}
        self._previews: dict[str, Preview] = {}
        # what is done where a user deletes particles of a preview, given by their ids
        self.preview_deleted: dict[str, Callable[[list[int]], None]] = {}
        self.sets: tuple[ParticleSet, ...] = ()
        self.look = Look()
        self.selection = Selection()
        self.filters = Filters(workspace)
        self.actions = Actions(workspace)
        self.marking = Marking(workspace)
        self.turning = Turning(workspace)
        self.cleaning = Cleaning(workspace)
        # those that pass, by the uid of their set, with what they were taken from
        self._subsets: dict[str, tuple[Particles, NDArray[np.bool_], Particles]] = {}
        self.view = ParticleView(self.selection, self.delete_particles, self.redraw)
        self.view.points.events.mode.connect(self._on_mode)
        self.selection.changed.connect(self._on_selected)
        self.view.arrows.events.visible.connect(self._on_arrows_visible)
        self.reach = self._largest = 0.0
        # napari takes longer for them than for all else of a slice
        self._scrolling = WhileScrolling(workspace, lambda: bool(self.crowded), self.view.pause_arrows)

    def particles(self, uid: str) -> Particles:
        """The particles of a set in the shown tomogram."""
        return self._particles[uid]

    def count(self, uid: str) -> int:
        """How many particles of a set lie in the shown tomogram; 0 of a set that is not there any more."""
        return len(self._particles[uid]) if uid in self._particles else 0

    @property
    def scored(self) -> bool:
        """Whether any particle has a score."""
        return any(np.isfinite(p.scores).any() for p in self._particles.values())

    def is_visible(self, uid: str) -> bool:
        """Whether a set is drawn."""
        return uid not in self._hidden

    def set_visible(self, uid: str, visible: bool) -> None:
        """Draw a set or not; this is not an edit."""
        (self._hidden.discard if visible else self._hidden.add)(uid)
        self.redraw()

    def set_look(self, **changes: Any) -> None:
        """Change how particles are drawn; see `Look`."""
        self.look = replace(self.look, **changes)
        self.redraw()
        self.look_changed.emit()

    def _on_selected(self) -> None:
        """Make the particles the active layer, so that the Delete key means them."""
        work, points = self._workspace, self.view.points
        if len(self.selection) and points in work.viewer.layers and work.picking.mode != "add":
            work.viewer.layers.selection.active = points

    def _on_mode(self) -> None:
        """Put our tool away where a user takes one of napari's."""
        if str(self.view.points.mode) != "pan_zoom":
            self.marking.set_tool("")

    def _on_arrows_visible(self) -> None:
        """Take it as meant here when a user hides the arrows in napari's list of layers."""
        if self.view.arrows_wanted != self.look.arrows:
            self.look = replace(self.look, arrows=self.view.arrows_wanted)
            self.look_changed.emit()

    def reload(self) -> None:
        """Ask the session for the particles of the shown tomogram, and draw them."""
        session, tomogram = self._workspace.session, self._workspace.tomogram
        name = "" if tomogram is None else tomogram.name
        for uid, shown in list(self._previews.items()):
            if (shown.particles.tomograms != name).any():
                del self._previews[uid]
        if session is None or tomogram is None:
            self.sets, self._particles, self._whole = (), {}, {}
        else:
            before, self.sets = self.sets, session.particle_sets(tomogram.name)
            whole = {s.uid: (tomogram, session.particles(s.uid)) for s in self.sets}
            same = {uid for uid, (_, all_of_it) in whole.items() if self._is_known(uid, tomogram, all_of_it)}
            if whole and len(same) == len(whole) == len(self._whole) and before == self.sets:
                # most edits are told of more than once
                return
            self._particles = {
                uid: self._particles[uid] if uid in same else all_of_it.in_tomogram(tomogram.name)
                for uid, (_, all_of_it) in whole.items()
            }
            self._whole = whole
        self._forget_selected()
        self.redraw()
        # after that: where nothing runs in the background, what is measured is filtered at once
        self.filters.follow()
        self.cleaning.follow()
        self.sets_changed.emit()

    def _is_known(self, uid: str, tomogram: Tomogram, whole: Particles) -> bool:
        """Whether the particles of a set are those shown already: objects of a session never change."""
        known, particles = self._whole.get(uid, (None, None))
        return particles is whole and known == tomogram

    def _forget_selected(self) -> None:
        """What is gone is no longer selected, but what is only not drawn still is."""
        shown = {uid: preview.particles for uid, preview in self._previews.items()}
        self.selection.keep({uid: p.ids for uid, p in (self._particles | shown).items()})

    def redraw(self) -> None:
        """Draw the sets as the session had them last."""
        shown = self._visible
        tomogram = self._workspace.tomogram
        shape = tomogram.shape if tomogram is not None else (0, 0, 0)
        self._largest = self.view.draw(shown, self.look, shape, self.filters.masks())
        self._fit_slab()
        self.redrawn.emit()

    def _fit_slab(self) -> None:
        tomogram = self._workspace.tomogram
        sections = 0 if tomogram is None else min(tomogram.shape)
        before, self.reach = self.reach, legible_reach(self._largest, len(self.view.seen_rows), sections)
        if self.reach != before:
            self._workspace.update_slab()

    @property
    def crowded(self) -> str:
        """What is to be said where particles are drawn in fewer slices than they reach; "" elsewhere."""
        if self.reach >= self._largest:
            return ""
        return (
            f"So many are drawn within {self.reach:.0f} voxels of a slice only, not wherever they reach "
            f"({self._largest:.0f} voxels): filter them to see each in full."
        )

    def filter(self) -> None:
        """Show those particles that pass the filters now; nothing is drawn anew."""
        self.view.filter(self.filters.masks())
        self._fit_slab()
        self.redrawn.emit()

    @property
    def drawn(self) -> dict[str, tuple[Particles, str]]:
        """The particles that pass the filters, and their colour, by the uid of their set or preview."""
        return {uid: (self._passing(uid, p), colour) for uid, (p, colour) in self._visible.items()}

    def _passing(self, uid: str, particles: Particles) -> Particles:
        mask = self.filters.mask(uid) if uid in self._particles else None
        if mask is None:
            return particles
        known, by, found = self._subsets.get(uid, (None, None, particles))
        if known is not particles or not np.array_equal(by, mask):
            found = particles.select(mask)
            self._subsets[uid] = particles, mask, found
        return found

    @property
    def _visible(self) -> dict[str, tuple[Particles, str]]:
        """The particles of the sets and previews that are drawn, and their colour, whatever is filtered."""
        stood_for = {shown.instead_of for shown in self._previews.values()}
        found = {
            s.uid: (self._particles[s.uid], s.colour)
            for s in self.sets
            if self.is_visible(s.uid) and s.uid not in stood_for
        }
        return found | {uid: shown[:2] for uid, shown in self._previews.items()}

    def preview(
        self, particles: Particles | None, colour: str = "", instead_of: str = "", *, uid: str = PREVIEW
    ) -> None:
        """Draw particles without an edit, or with None no more.

        Parameters
        ----------
        particles : Particles or None
        colour : str
            "#rrggbb".
        instead_of : str, optional
            Uid of a set that they stand for, and that is not drawn meanwhile.
        uid : str
            In place of the uid of a set: whose preview it is.
        """
        if particles is None and uid not in self._previews:
            return
        if particles is None:
            del self._previews[uid]
        else:
            self._previews[uid] = Preview(particles, colour, instead_of)
        self._forget_selected()
        self.redraw()
        self.sets_changed.emit()

    def select(self, uid: str, particle_id: int) -> None:
        """Select one particle and show it."""
        particles = self._previews[uid].particles if uid in self._previews else self._particles[uid]
        position = particles.positions[particles.ids == particle_id][0]
        compat.go_to(self._workspace.viewer, xyz_to_zyx(position))
        self.selection.set({uid: [particle_id]})
        # also where clicks add points
        self._workspace.viewer.layers.selection.active = self.view.points

    @property
    def hidden_count(self) -> int:
        """How many of the selected particles are not seen: filtered out, or of a set that is not drawn."""
        seen = {uid: particles.ids for uid, (particles, _) in self.drawn.items()}
        return len(self.selection) - sum(int(self.selection.mask(uid, i).sum()) for uid, i in seen.items())

    def delete(self) -> None:
        """Delete the selected particles, as one edit."""
        self.delete_particles({uid: self.selection.ids(uid) for uid in self.selection.uids})

    def delete_particles(self, ids: Mapping[str, ArrayLike]) -> None:
        """Delete particles, ``{set uid: ids}``, as one edit."""
        wanted = {uid: np.asarray(some, np.int64) for uid, some in ids.items()}
        for uid in [uid for uid in wanted if uid in self._previews]:
            gone = wanted.pop(uid)
            if uid in self.preview_deleted and len(gone):
                self.preview_deleted[uid](gone.tolist())
        count = sum(map(len, wanted.values()))
        if not count:
            return
        session = self._workspace.open_session
        with session.edit(counted("Delete", count, "particle")):
            for uid, some in wanted.items():
                session.remove_particles(uid, some)
