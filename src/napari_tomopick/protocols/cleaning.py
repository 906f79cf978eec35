"""Clean a set of picks by several criteria, one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal

import numpy as np

from napari_tomopick.errors import ParameterError
from napari_tomopick.models.filters import Range
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model
from napari_tomopick.protocols import clean
from napari_tomopick.protocols.clean import Removal
from napari_tomopick.protocols.describe import Bounds, Progress


@dataclass(frozen=True, eq=False)
class Cleaned:
    """What is left of a set of picks.

    Parameters
    ----------
    particles : Particles
        With their ids.
    removed : Particles
        The others.
    removals : tuple of Removal
        What each criterion took, in the order in which they were applied.
    """

    particles: Particles
    removed: Particles
    removals: tuple[Removal, ...] = field(default=())

    def lines(self) -> list[str]:
        """What each criterion took, and how many are left."""
        total = len(self.particles) + len(self.removed)
        lines = [f"removed {len(removal)}: {removal.reason}" for removal in self.removals]
        return [*lines, f"{len(self.particles)} of {total} particles left"]


def clean_particles(
    particles: Particles,
    surfaces: Sequence[Model] = (),
    tomograms: Sequence[Tomogram] = (),
    ranges: Mapping[str, Range] | None = None,
    *,
    score: float | None = None,
    without_value: Literal["keep", "remove"] = "keep",
    border: Annotated[int | None, Bounds(minimum=2)] = None,
    min_distance: float | None = None,
    max_distance: float | None = None,
    side: Literal["either", "outside", "inside"] = "either",
    max_angle_degrees: Annotated[float | None, Bounds(0, 180)] = None,
    duplicates: Annotated[float | None, Bounds(minimum=0)] = None,
    isolated: Annotated[float | None, Bounds(minimum=0)] = None,
    neighbours: Annotated[int, Bounds(minimum=1)] = 1,
    disagreeing: Annotated[float | None, Bounds(minimum=0)] = None,
    agreeing: Annotated[int, Bounds(minimum=1)] = 3,
    agreeing_angle_degrees: Annotated[float, Bounds(0, 180)] = 30.0,
    offset_degrees: Annotated[float | None, Bounds(0, 180, advanced=True)] = None,
    symmetry: str = "C1",
    twist: bool = False,
    smallest_lattice: Annotated[int, Bounds(minimum=1)] = 1,
    density_radius: Annotated[float | None, Bounds(minimum=0, advanced=True)] = None,
    progress: Progress | None = None,
) -> Cleaned:
    """Remove picks by what is asked for: score and filters, border, membrane, duplicates, neighbours.

    In this order, each among those that the one before left. Tomograms are looked at one by one.

    Parameters
    ----------
    particles : Particles
    surfaces : sequence of Model
        Surfaces and vesicles, for the membrane.
    tomograms : sequence of Tomogram
        For the border.
    ranges : mapping of str to Range, optional
        Filters, by the keys of `models.quantities`.
    score : float, optional
        Lowest score that stays.
    without_value : "keep" or "remove"
        What becomes of particles without a score or another value that is filtered by.
    border : int, optional
        Box size; particles whose box would leave the tomogram are removed.
    min_distance : float, optional
        Smallest distance from the nearest membrane in voxels, on the side that is asked for. With a side, a
        negative one lets particles be so far across the membrane.
    max_distance : float, optional
        Largest distance from the nearest membrane in voxels.
    side : "either", "outside" or "inside"
        Side of the membrane on which particles stay.
    max_angle_degrees : float, optional
        Largest angle between a particle's z axis and the outward normal of the membrane.
    duplicates : float, optional
        Of particles within this distance in voxels, only the one with the best score stays.
    isolated : float, optional
        Radius in voxels; particles with too few neighbours within it are removed.
    neighbours : int
        How many neighbours a particle needs not to be isolated.
    disagreeing : float, optional
        Radius in voxels, somewhat more than the spacing of a lattice; particles that do not agree with enough
        neighbours within it, in orientation and in lying in their plane, are removed.
    agreeing : int
        With how many neighbours a particle of a lattice has to agree.
    agreeing_angle_degrees : float
        Largest angle between the z axes of neighbours in a lattice, and out of their plane.
    offset_degrees : float, optional
        Largest angle out of a neighbour's plane, where it is not to be that of the axes.
    symmetry : str
        Point group of the particle, for the lattice: C1, C6, D2, T, O, I.
    twist : bool
        In the lattice the turn about the z axis has to agree too.
    smallest_lattice : int
        Lattices of fewer particles are removed.
    density_radius : float, optional
        Radius in voxels of the filter "density". Default: the box size, or 3 times the median distance to the
        nearest neighbour.
    progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    Cleaned

    Raises
    ------
    ModelError
        If a membrane is needed and there is none, or it is incomplete.
    ParameterError
        If nothing is asked for, or a value makes no sense.
    """
    missing = without_value == "keep"
    wanted = {key: Range(r.low, r.high, r.missing and missing) for key, r in (ranges or {}).items()}
    if score is not None:
        if "score" in wanted:
            raise ParameterError(
                "the score is filtered by twice: give the lowest score, or a range, not both"
            )
        wanted["score"] = Range(score, None, missing)
    membrane = not (min_distance is max_distance is max_angle_degrees is None and side == "either")
    steps: list[tuple[str, Callable[[Particles], Removal]]] = []
    if wanted:
        steps.append(
            (
                "filtering",
                partial(clean.filtered, surfaces=surfaces, ranges=wanted, density_radius=density_radius),
            )
        )
    if border is not None:
        steps.append(
            ("looking at the border", partial(clean.near_border, tomograms=tomograms, box_size=border))
        )
    if membrane:
        off = partial(
            clean.off_membrane,
            surfaces=surfaces,
            minimum_distance=min_distance,
            maximum_distance=max_distance,
            side=side,
            maximum_angle_degrees=max_angle_degrees,
        )
        steps.append(("measuring to the membrane", off))
    if duplicates is not None:
        steps.append(("looking for duplicates", partial(clean.duplicates, distance=duplicates)))
    if isolated is not None:
        alone = partial(clean.isolated, radius=isolated, neighbours=neighbours)
        steps.append(("counting neighbours", alone))
    if disagreeing is not None:
        lattice = partial(
            clean.disagreeing,
            radius=disagreeing,
            angle_degrees=agreeing_angle_degrees,
            neighbours=agreeing,
            symmetry=symmetry,
            twist=twist,
            offset_degrees=offset_degrees,
            smallest_lattice=smallest_lattice,
        )
        steps.append(("comparing neighbours", lattice))
    if not steps:
        raise ParameterError("say what to remove: duplicates, a border, a range of scores, a filter ...")
    left, removals = particles, []
    for number, (text, step) in enumerate(steps):
        if progress is not None:
            progress(number, len(steps), text)
        removals.append(step(left))
        left = clean.without(left, removals[-1])
    return Cleaned(left, particles.select(~np.isin(particles.ids, left.ids)), tuple(removals))


def parse_filter(text: str) -> tuple[str, Range]:
    """Read a filter as it is typed: ``quantity:low:high``, where an end may be empty.

    Raises
    ------
    ParameterError
        If it is not one.
    """
    key, *ends = text.rsplit(":", 2)
    try:
        low, high = (float(end) if end.strip() else None for end in ends)
    except ValueError:
        raise ParameterError(
            f"a filter is QUANTITY:LOW:HIGH, such as score:0.3: or z:10:90, got {text!r}"
        ) from None
    if not key or low is high is None:
        raise ParameterError(f"the filter {text!r} needs a quantity and at least one end: QUANTITY:LOW:HIGH")
    try:
        return key, Range(low, high)
    except ParameterError as error:
        raise ParameterError(f"filter {text!r}: {error}") from error


def parse_filters(texts: Sequence[str]) -> dict[str, Range]:
    """Read several filters, each of another quantity."""
    found: dict[str, Range] = {}
    for text in texts:
        key, wanted = parse_filter(text)
        if key in found:
            raise ParameterError(f"{key!r} is filtered by twice; give one range")
        found[key] = wanted
    return found
