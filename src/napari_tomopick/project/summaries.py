"""What a list of the tomograms shows of each: counted, without loading a point or a particle."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.project.records import TomogramStatus
from napari_tomopick.project.store import Store


class Count(NamedTuple):
    """How many user points a model has, or how many particles of a set lie in one tomogram."""

    uid: str
    name: str
    colour: str
    number: int


@dataclass(frozen=True)
class TomogramSummary:
    """One tomogram at a glance.

    Parameters
    ----------
    tomogram : Tomogram
    status : TomogramStatus
    points : tuple of Count
        User points of each model, in the order of the models; one without points is there, too.
    particles : tuple of Count
        Particles in this tomogram of each set that has any here.
    """

    tomogram: Tomogram
    status: TomogramStatus
    points: tuple[Count, ...] = ()
    particles: tuple[Count, ...] = ()

    @property
    def total_points(self) -> int:
        """User points in all models."""
        return sum(count.number for count in self.points)

    @property
    def total_particles(self) -> int:
        """Particles in all sets."""
        return sum(count.number for count in self.particles)


def summaries(store: Store) -> tuple[TomogramSummary, ...]:
    """Summaries of all tomograms, in the order in which they were added."""
    points: dict[str, list[Count]] = defaultdict(list)
    number_of = store.point_counts()
    for row in store.rows("models").values():
        points[row[2]].append(Count(row[0], row[3], row[9], number_of[row[0]]))
    particles: dict[str, list[Count]] = defaultdict(list)
    for uid, _, name, colour, *_ in store.rows("particle_sets").values():
        for tomogram, number in store.counts(uid).items():
            particles[tomogram].append(Count(uid, name, colour, number))
    return tuple(
        TomogramSummary(
            store.tomogram(row), TomogramStatus(row[14]), tuple(points[name]), tuple(particles[name])
        )
        for (name,), row in store.rows("tomograms").items()
    )
