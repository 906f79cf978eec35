"""Editing orientations: the arrows follow at once, and each is one edit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_tomopick.errors import ParameterError
from napari_tomopick.layers.membranes import membranes_among
from napari_tomopick.layers.review_actions import NOTHING
from napari_tomopick.project.names import counted
from napari_tomopick.protocols import turn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_tomopick.layers.selection import Ids
    from napari_tomopick.layers.workspace import Workspace
    from napari_tomopick.models.particles import Particles

Scope = Literal["selected", "groups", "set"]


class Turning:
    """Turns particles of the shown tomogram.

    ``scope`` is "selected" for the selected ones, "groups" for all of the groups that they are of (crop
    points have the group of their model), or "set" for all of a set.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def chosen(self, scope: Scope, uid: str) -> Mapping[str, Ids]:
        """Which particles would be turned, ``{set uid: ids}``; ``uid`` is that of the set for "set"."""
        review = self._workspace.review
        if scope == "set":
            return {uid: review.particles(uid).ids} if uid in {s.uid for s in review.sets} else {}
        found = {s.uid: review.selection.ids(s.uid) for s in review.sets if len(review.selection.ids(s.uid))}
        if scope == "groups":
            for one, ids in found.items():
                particles = review.particles(one)
                groups = particles.groups[np.isin(particles.ids, ids)]
                found[one] = particles.ids[np.isin(particles.groups, groups)]
        return found

    def flip(self, scope: Scope, uid: str) -> None:
        """Reverse the z axes."""
        self._turn("Flip", scope, uid, turn.flip)

    def in_plane(self, scope: Scope, uid: str, angle_degrees: float) -> None:
        """Turn about the own z axes, counter-clockwise as seen from their tips."""
        self._turn("Turn", scope, uid, lambda p, ids: turn.turn_in_plane(p, angle_degrees, ids))

    def random_twist(self, scope: Scope, uid: str, seed: int) -> None:
        """Turn about the own z axes by random angles."""
        self._turn("Twist", scope, uid, lambda p, ids: turn.random_twist(p, seed, ids))

    def to_surface(self, scope: Scope, uid: str) -> None:
        """Let the z axes be the outward normals of the nearest membranes; in the background."""
        work, session = self._workspace, self._workspace.open_session
        chosen = self._some(scope, uid)
        before = {one: work.review.particles(one) for one in chosen}
        membranes = membranes_among(work.picking.models)

        def compute() -> dict[str, Particles]:
            return {one: turn.to_surface(p, membranes, chosen[one]) for one, p in before.items()}

        def done(turned: dict[str, Particles]) -> None:
            with work.reporting():
                now = {one: work.review.particles(one) for one in turned if work.review.count(one)}
                if session is not work.session or any(now.get(one) is not p for one, p in before.items()):
                    raise ParameterError("The particles have changed meanwhile: nothing was turned.")
                self._store("Orient", chosen, turned)

        work.run_in_background(compute, done)

    def _turn(self, verb: str, scope: Scope, uid: str, how: Callable[[Particles, Any], Particles]) -> None:
        chosen = self._some(scope, uid)
        review = self._workspace.review
        self._store(verb, chosen, {one: how(review.particles(one), ids) for one, ids in chosen.items()})

    def _some(self, scope: Scope, uid: str) -> Mapping[str, Ids]:
        found = self.chosen(scope, uid)
        if not found:
            raise ParameterError(NOTHING if scope != "set" else "There is no particle set to turn.")
        return found

    def _store(self, verb: str, chosen: Mapping[str, Ids], turned: Mapping[str, Particles]) -> None:
        session = self._workspace.open_session
        with session.edit(counted(verb, sum(map(len, chosen.values())), "particle")):
            for uid, particles in turned.items():
                session.update_particles(uid, particles.select(np.isin(particles.ids, chosen[uid])))
