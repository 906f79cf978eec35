"""Weeding out by rule: what would be removed is selected first, and removed when the user has seen it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_tomopick.geometry.sampling import spacing
from napari_tomopick.layers.membranes import membranes_among
from napari_tomopick.layers.user_points import DEFAULT_BOX
from napari_tomopick.protocols import clean

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Workspace
    from napari_tomopick.models.particles import Particles

CHANGED = "The particles have changed since they were looked at: nothing was removed. Look again."


@dataclass(frozen=True, eq=False)
class Found:
    """What a rule would remove.

    Parameters
    ----------
    rule : str
    uid : str
        Of the particle set.
    particles : Particles
        Those it was looked for in: of the shown tomogram, or of all.
    removal : napari_tomopick.protocols.clean.Removal
    everywhere : bool
        Whether in all tomograms of the set.
    """

    rule: str
    uid: str
    particles: Particles
    removal: clean.Removal
    everywhere: bool


class Cleaning:
    """Rules that say which particles of a set are wrong.

    Parameters
    ----------
    workspace : Workspace

    Signals
    -------
    changed()
        Something is being looked for, was found, or is gone.
    """

    changed = Signal()

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.found: Found | None = None
        self.looking = False
        self._next: Callable[[], None] | None = None

    # what to look for

    def look(
        self,
        rule: str,
        uid: str,
        settings: Mapping[str, Any],
        *,
        everywhere: bool = False,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Find out in the background what a rule would remove, and select it.

        Parameters
        ----------
        rule : "duplicates", "near_border", "off_membrane", "isolated", "disagreeing" or "filtered"
            See the functions of `napari_tomopick.protocols.clean`.
        uid : str
            Of the particle set.
        settings : mapping
            Keyword arguments of that function.
        everywhere : bool
            In all tomograms of the set, and not only in the shown one.
        then : callable, optional
            What is done when it is found.
        """
        work = self._workspace
        session = work.open_session
        particles = session.particles(uid) if everywhere else work.review.particles(uid)
        models = session.models() if everywhere else work.picking.models
        tomograms = [session.tomogram(name) for name in np.unique(particles.tomograms)]
        inputs: dict[str, tuple[Any, ...]] = {
            "near_border": (tomograms,),
            "off_membrane": (membranes_among(models),),
            "filtered": (membranes_among(models),),
        }

        def compute() -> clean.Removal:
            function: Callable[..., clean.Removal] = getattr(clean, rule)
            return function(particles, *inputs.get(rule, ()), **settings)

        def done(removal: clean.Removal) -> None:
            if self._over():
                return
            if work.session is not session or all(s.uid != uid for s in work.review.sets):
                self.changed.emit()
                return
            self.found = Found(rule, uid, particles, removal, everywhere)
            here = np.intersect1d(removal.ids, work.review.particles(uid).ids)
            work.review.selection.set({uid: here})
            self.changed.emit()
            if then is not None:
                then()

        def failed(error: Exception) -> None:
            if self._over():
                return
            self.found = None
            self.changed.emit()
            with work.reporting():
                raise error

        def start() -> None:
            self.looking = True
            self.changed.emit()
            work.run(compute, done, failed)

        # one at a time; of those that are asked for meanwhile, the last
        if self.looking:
            self._next = start
        else:
            start()

    def _over(self) -> bool:
        """Begin what was asked for meanwhile; whether there is such a thing."""
        self.looking = False
        following, self._next = self._next, None
        if following is not None:
            following()
        return following is not None

    def remove(self) -> None:
        """Remove what was found, as one edit."""
        found, work = self.found, self._workspace
        if found is None or not len(found.removal):
            return
        if not self._is_fresh(found):
            self.found = None
            work.say(CHANGED)
            self.changed.emit()
            return
        self.found = None
        work.review.delete_particles({found.uid: found.removal.ids})
        self.changed.emit()

    def forget(self) -> None:
        """What was found is not wanted any more."""
        if self.found is not None:
            self.found = None
            self.changed.emit()

    def _is_fresh(self, found: Found) -> bool:
        session, review = self._workspace.session, self._workspace.review
        if session is None or all(s.uid != found.uid for s in review.sets):
            return False
        now = session.particles(found.uid) if found.everywhere else review.particles(found.uid)
        return now is found.particles

    def follow(self) -> None:
        """Forget what was found among particles that are not there any more."""
        if self.found is not None and not self._is_fresh(self.found):
            self.forget()

    # what may be sensible

    def box_size(self, uid: str) -> int:
        """The box size of a set, or the one that is assumed."""
        particles = self._workspace.review.particles(uid)
        size = int(particles.box_size or DEFAULT_BOX)
        return size + size % 2

    def spacing(self, uid: str) -> float:
        """How far neighbours of a set are apart, in voxels; the box size if there are none."""
        found = spacing(self._workspace.review.particles(uid).positions, at_most=2000)
        return float(np.median(found)) if len(found) else float(self.box_size(uid))
