"""Which particles a user wants to see: ranges of what tells them apart, for each particle set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_tomopick.layers.membranes import membranes_among, meshes_of
from napari_tomopick.layers.review_likeness import Comparing
from napari_tomopick.models.filters import Range, passing
from napari_tomopick.models.parting import Parting, parting
from napari_tomopick.models.quantities import LIKENESS, TABLE, Quantity, quantities

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.layers.selection import Ids
    from napari_tomopick.layers.workspace import Workspace
    from napari_tomopick.models.particles import Particles
    from napari_tomopick.models.user_points import Model


PARTED = ("score", TABLE + LIKENESS)
"""Quantities of which more is better, so that a lowest value can be proposed."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What is known of the particles of a set.

    Parameters
    ----------
    particles : Particles
    membranes : tuple of Model
        Those that distances and angles were measured to.
    quantities : mapping of str to Quantity
    lacking : list of str
        Why some membranes were left out.
    """

    particles: Particles
    membranes: tuple[Model, ...]
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()

    def of(self, particles: Particles) -> Mapping[str, Quantity]:
        """The quantities of other particles of the set, by their ids; of new ones nothing is known."""
        if particles is self.particles:
            return self.quantities
        order = np.argsort(self.particles.ids)
        at = np.searchsorted(self.particles.ids, particles.ids, sorter=order)
        rows = order[np.minimum(at, len(order) - 1)] if len(order) else np.zeros(len(at), np.int64)
        known = self.knows(particles)
        return {
            key: replace(q, values=np.where(known, q.values[rows] if len(order) else np.nan, np.nan))
            for key, q in self.quantities.items()
        }

    def knows(self, particles: Particles) -> NDArray[np.bool_]:
        """Which of other particles of the set were measured."""
        return np.isin(particles.ids, self.particles.ids)


class Filters:
    """The filters of the sets of the shown tomogram.

    Particles are measured in the background when somebody asks for their quantities, and again after each
    edit; meanwhile those that were known before count.

    Parameters
    ----------
    workspace : Workspace

    Attributes
    ----------
    comparing : Comparing
        Finds out what takes longer: how like particles are to their average.

    Signals
    -------
    changed()
        Other particles pass.
    measured()
        The quantities of a set are known now.
    """

    changed = Signal()
    measured = Signal()

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.comparing = Comparing(workspace)
        self._ranges: dict[str, dict[str, Range]] = {}
        self._measured: dict[str, Measured] = {}
        self._measuring: dict[str, tuple[Particles, tuple[Model, ...]]] = {}
        self._meshes: tuple[tuple[Model, ...], tuple[list, list[str]]] | None = None

    # what there is

    def ranges(self, uid: str) -> Mapping[str, Range]:
        """The ranges that particles of a set must lie in, by the key of their quantity."""
        return self._ranges.get(uid, {})

    def quantities(self, uid: str) -> Mapping[str, Quantity]:
        """What tells the particles of a set apart, as far as it is known; more of it is found out."""
        self.measure(uid)
        known = self._measured.get(uid)
        return {} if known is None else known.of(self._workspace.review.particles(uid))

    def lacking(self, uid: str) -> tuple[str, ...]:
        """Why some membranes do not count."""
        return self._measured[uid].lacking if uid in self._measured else ()

    def is_measuring(self, uid: str) -> bool:
        """Whether more about the particles of a set is being found out."""
        return uid in self._measuring

    def mask(self, uid: str) -> NDArray[np.bool_] | None:
        """Which particles of a set pass; None if all do."""
        ranges, known = self.ranges(uid), self._measured.get(uid)
        if not ranges or known is None:
            return None
        particles = self._workspace.review.particles(uid)
        found = passing(known.of(particles), {k: r for k, r in ranges.items() if k in known.quantities})
        # what came meanwhile, by undo, say, is not lost from sight
        found = found | ~known.knows(particles)
        return None if found.all() else found

    def masks(self) -> dict[str, NDArray[np.bool_]]:
        """Of each set of which not all particles pass, which do."""
        found = {s.uid: self.mask(s.uid) for s in self._workspace.review.sets}
        return {uid: mask for uid, mask in found.items() if mask is not None}

    def out(self, uid: str) -> Ids:
        """Ids of the particles of a set that are filtered out."""
        mask, ids = self.mask(uid), self._workspace.review.particles(uid).ids
        return ids[:0] if mask is None else ids[~mask]

    def proposed(self, uid: str, key: str) -> Parting | None:
        """Where the values of a quantity part best in two; None where no limit can be proposed."""
        quantity = self.quantities(uid).get(key) if key in PARTED else None
        return None if quantity is None else parting(quantity.values)

    # what a user does

    def propose(self, uid: str, key: str) -> None:
        """Let only what is above the proposed limit pass."""
        found = self.proposed(uid, key)
        if found is not None:
            label = self.quantities(uid)[key].label
            self._workspace.say(f"{label}: {found}")
            now = self.ranges(uid).get(key, Range())
            self.set_range(uid, key, replace(now, low=found.limit, high=None))

    def set_range(self, uid: str, key: str, wanted: Range | None) -> None:
        """Let only particles pass whose quantity lies in a range; None: whatever it is."""
        ranges = dict(self.ranges(uid))
        if wanted is None or wanted == Range():
            ranges.pop(key, None)
        else:
            ranges[key] = wanted
        if ranges != self.ranges(uid):
            self._ranges[uid] = ranges
            self.measure(uid)
            self._tell()

    def reset(self, uid: str) -> None:
        """Let all particles of a set pass."""
        if self._ranges.pop(uid, None):
            self._tell()

    def _tell(self) -> None:
        self._workspace.review.filter()
        self.changed.emit()

    # measuring

    def follow(self) -> None:
        """The sets, their particles or the membranes may be others."""
        there = {s.uid for s in self._workspace.review.sets}
        self._measured = {uid: known for uid, known in self._measured.items() if uid in there}
        for uid in there & self._ranges.keys():
            self.measure(uid)

    def measure(self, uid: str) -> None:
        """See that the quantities of a set are known, or found out in the background."""
        work = self._workspace
        wanted = work.review.particles(uid), membranes_among(work.picking.models)
        known = self._measured.get(uid)
        if known is not None and _same((known.particles, known.membranes), wanted):
            return
        if uid in self._measuring:
            return  # what is wanted then is seen when that is over
        self._measuring[uid] = wanted
        particles, membranes = wanted
        meshes = self._meshes
        if meshes is not None and not _same_models(meshes[0], membranes):
            meshes = None

        def compute() -> tuple[tuple[list, list[str]], Mapping[str, Quantity]]:
            found = meshes_of(membranes) if meshes is None else meshes[1]
            return found, quantities(particles, meshes=found[0])

        def done(result: tuple[tuple[list, list[str]], Mapping[str, Quantity]]) -> None:
            self._measuring.pop(uid, None)
            self._meshes = membranes, result[0]
            review = work.review
            if any(s.uid == uid for s in review.sets):
                # of another tomogram's particles of this set nothing is of use
                if set(particles.tomograms.tolist()) <= {work.tomogram_name}:
                    self._measured[uid] = Measured(particles, membranes, result[1], tuple(result[0][1]))
                self.measure(uid)
                if self.ranges(uid):
                    self._tell()
            self.measured.emit()

        def failed(error: Exception) -> None:
            self._measuring.pop(uid, None)
            self._measured[uid] = Measured(particles, membranes)
            with work.reporting():
                raise error

        work.run(compute, done, failed)


def _same(one: tuple[Particles, tuple[Model, ...]], other: tuple[Particles, tuple[Model, ...]]) -> bool:
    return one[0] is other[0] and _same_models(one[1], other[1])


def _same_models(one: tuple[Model, ...], other: tuple[Model, ...]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
