"""What there is to remove from a set of picks. Nothing is removed here: a user sees it before.

Each function looks at the particles of each tomogram on their own, and says which it would remove and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import ModelError, ParameterError
from napari_tomopick.geometry import cropping, neighbourhood
from napari_tomopick.geometry.coordinates import SAME_RATIO
from napari_tomopick.geometry.lattices import lattice_members
from napari_tomopick.geometry.symmetry import point_group
from napari_tomopick.models.filters import Range
from napari_tomopick.models.membrane_relation import relation_to_surfaces
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.quantities import chosen_quantities
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
Side = Literal["outside", "inside", "either"]


@dataclass(frozen=True, eq=False)
class Removal:
    """What would be removed.

    Parameters
    ----------
    ids : int array
        In the order of the particles.
    reason : str
        One line for a person, with numbers.
    instead : int array
        For duplicates the id of the one that is kept, for each; else empty.
    """

    ids: NDArray[np.int64]
    reason: str
    instead: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def __len__(self) -> int:
        return len(self.ids)


def without(particles: Particles, removal: Removal) -> Particles:
    """The particles that stay."""
    return particles.select(~np.isin(particles.ids, removal.ids))


def duplicates(particles: Particles, *, distance: float) -> Removal:
    """All but the best of those that are the same particle.

    The best score stays and takes out what is within the distance, then the next best of those left. What
    stays does not depend on the order of the particles: among equal scores their place decides. A particle
    without a score is worse than any other.

    Parameters
    ----------
    particles : Particles
    distance : float
        In voxels; those at just this distance are duplicates too. 0 for exact copies.

    Raises
    ------
    ParameterError
        If the distance is negative.
    """
    _at_least("distance", distance, 0)
    stands_for = np.arange(len(particles))
    for rows in _tomograms(particles):
        kept = neighbourhood.suppress(
            particles.positions[rows], particles.scores[rows], particles.ids[rows], distance
        )
        stands_for[rows] = rows[kept]
    gone = stands_for != np.arange(len(particles))
    kind = "a better one" if np.isfinite(particles.scores).any() else "one that is kept"
    reason = f"{_of(gone, 'lies', 'lie')} within {distance:g} voxels of {kind}"
    return Removal(particles.ids[gone], reason, particles.ids[stands_for[gone]])


def near_border(particles: Particles, tomograms: Sequence[Tomogram], *, box_size: int) -> Removal:
    """Those whose box would leave the tomogram, as extraction cuts it.

    Parameters
    ----------
    particles : Particles
    tomograms : sequence of Tomogram
        Those in which the particles lie, of the same voxel size. Particles that do not name a tomogram lie in
        the only one.
    box_size : int
        In voxels, even.

    Raises
    ------
    ParameterError
        If the box size is odd, a tomogram is missing or has another voxel size.
    """
    try:
        cropping.check_box_size(box_size)
    except ValueError as error:
        raise ParameterError(str(error)) from error
    by_name = {tomogram.name: tomogram for tomogram in tomograms}
    gone = np.zeros(len(particles), bool)
    for rows in _tomograms(particles):
        name = str(particles.tomograms[rows[0]])
        tomogram = by_name.get(name) or (tomograms[0] if not name and len(tomograms) == 1 else None)
        if tomogram is None:
            raise ParameterError(
                f"the size of tomogram {name!r} is needed to tell which boxes leave it; there are: "
                f"{', '.join(by_name) or 'none'}"
            )
        size = particles.voxel_size_angstrom
        if size is not None and abs(size / tomogram.voxel_size_angstrom - 1) > SAME_RATIO:
            raise ParameterError(
                f"the particles are given at {size:g} Å per voxel, but tomogram {tomogram.name!r} has "
                f"{tomogram.voxel_size_angstrom:g} Å: bring them to the same voxel size first."
            )
        corners = cropping.box_corners(cropping.nearest_voxels(particles.positions[rows]), box_size)
        gone[rows] = ~cropping.boxes_inside(corners, box_size, tomogram.shape)
    reason = f"{_of(gone, 'has a box', 'have boxes')} of {box_size} that would leave the tomogram"
    return Removal(particles.ids[gone], reason)


def off_membrane(
    particles: Particles,
    surfaces: Sequence[Model],
    *,
    minimum_distance: float | None = None,
    maximum_distance: float | None = None,
    side: Side = "either",
    maximum_angle_degrees: float | None = None,
) -> Removal:
    """Those that are not where a membrane says they should be.

    Distances and angles are those of `membrane_relation.MembraneRelation`. Particles of a tomogram that has
    no surface are not judged, which the reason says.

    Parameters
    ----------
    particles : Particles
    surfaces : sequence of Model
        Surfaces and vesicles.
    minimum_distance, maximum_distance : float, optional
        In voxels on the side asked for. The minimum may be negative with a side: -2 lets a particle be up to
        2 voxels across the membrane. Default of the minimum: 0.
    side : "outside", "inside" or "either"
    maximum_angle_degrees : float, optional
        Between the particle's own z axis and the outward normal.

    Raises
    ------
    ModelError
        If no tomogram of the particles has a surface, or one is not defined.
    ParameterError
        If the limits mean nothing, or voxel sizes differ.
    """
    if side not in ("outside", "inside", "either"):
        raise ParameterError(f"side must be outside, inside or either, got {side!r}")
    low = 0.0 if minimum_distance is None else minimum_distance
    high = np.inf if maximum_distance is None else maximum_distance
    angle = 180.0 if maximum_angle_degrees is None else maximum_angle_degrees
    if not low <= high:
        raise ParameterError(f"the distances to the membrane go from low to high, got {low:g} to {high:g}")
    if not 0 <= angle <= 180:
        raise ParameterError(f"maximum_angle_degrees must be from 0 to 180, got {angle:g}")
    relation = relation_to_surfaces(particles, surfaces)
    judged = relation.surfaces >= 0
    if len(particles) and not judged.any():
        names = ", ".join(sorted(set(particles.tomograms.tolist()))) or "the tomogram"
        raise ModelError(f"no surface was given to judge the particles of {names} by")
    distance = {"outside": 1, "inside": -1}.get(side, np.sign(relation.distances)) * relation.distances
    causes = {
        f"not on the {side} of the membrane": (distance < 0) & (distance < low),
        f"nearer to it than {low:g} voxels": distance < low,
        f"further from it than {high:g} voxels": distance > high,
        f"more than {angle:g} degrees off its normal": relation.angles_degrees > angle,
    }
    gone = np.zeros(len(particles), bool)
    words = []
    for cause, found in causes.items():
        new = found & judged & ~gone
        gone |= new
        if new.any():
            words.append(f"{int(new.sum())} {cause}")
    reason = _of(gone, "does", "do") + " not go with the membrane"
    reason += f": {', '.join(words)}" if words else ""
    if not judged.all():
        missing = ", ".join(sorted(set(particles.tomograms[~judged].tolist())))
        reason += f"; {int((~judged).sum())} were not judged, as there is no surface in {missing}"
    return Removal(particles.ids[gone], reason)


def isolated(particles: Particles, *, radius: float, neighbours: int) -> Removal:
    """Those with fewer than so many neighbours within a radius; all are counted before any is removed.

    Parameters
    ----------
    particles : Particles
    radius : float
        In voxels.
    neighbours : int

    Raises
    ------
    ParameterError
        If the radius is not positive, or the number is below 1.
    """
    _positive("radius", radius)
    _at_least("neighbours", neighbours, 1)
    gone = np.zeros(len(particles), bool)
    for rows in _tomograms(particles):
        gone[rows] = neighbourhood.neighbour_counts(particles.positions[rows], radius) < neighbours
    what = "no neighbour" if neighbours == 1 else f"fewer than {neighbours} neighbours"
    return Removal(particles.ids[gone], f"{_of(gone, 'has', 'have')} {what} within {radius:g} voxels")


def disagreeing(
    particles: Particles,
    *,
    radius: float,
    angle_degrees: float,
    neighbours: int = 3,
    symmetry: str = "C1",
    twist: bool = False,
    offset_degrees: float | None = None,
    smallest_lattice: int = 1,
) -> Removal:
    """Those that are not part of a lattice: too few neighbours with which they agree.

    The criteria are MagpiEM's (`geometry.lattices`). A particle agrees with a neighbour if their orientations
    differ by no more than an angle, and it lies near the plane of the neighbour, which is at right angles to
    its z axis.

    Parameters
    ----------
    particles : Particles
    radius : float
        In voxels; somewhat more than the spacing of the lattice.
    angle_degrees : float
        Largest difference of orientation: of the own z axes, with ``twist`` of the whole rotations.
    neighbours : int
        With how many a particle has to agree.
    symmetry : str
        Point group of the particle, in which orientations that look the same are the same.
    twist : bool
        Whether the turn about the z axis has to agree too.
    offset_degrees : float, optional
        How far above or below its neighbour's plane a particle may be seen from there. Default: the angle of
        the orientations; a lattice of curvature has half the angle between its particles.
    smallest_lattice : int
        Lattices of fewer particles are removed too.

    Raises
    ------
    ParameterError
        If a value means nothing, or the radius takes in so many that they are no lattice.
    """
    _positive("radius", radius)
    _at_least("neighbours", neighbours, 1)
    _at_least("smallest_lattice", smallest_lattice, 1)
    offset = angle_degrees if offset_degrees is None else offset_degrees
    for name, value in (("angle_degrees", angle_degrees), ("offset_degrees", offset)):
        if not 0 < value <= 180:
            raise ParameterError(f"{name} must be above 0 and at most 180, got {value:g}")
    gone, flipped = np.zeros(len(particles), bool), np.zeros(len(particles), bool)
    try:
        group = point_group(symmetry)
        for rows in _tomograms(particles):
            here = particles.select(rows)
            members, flipped[rows] = lattice_members(
                here.positions,
                here.rotations,
                radius=radius,
                angle_degrees=angle_degrees,
                offset_degrees=offset,
                neighbours=neighbours,
                group=group,
                twist=twist,
                smallest=smallest_lattice,
            )
            gone[rows] = ~members
    except ValueError as error:
        raise ParameterError(str(error)) from error
    reason = (
        f"{_of(gone, 'agrees', 'agree')} with fewer than {neighbours} neighbours within {radius:g} voxels "
        f"({angle_degrees:g} degrees{', twist included' if twist else ''})"
    )
    if smallest_lattice > 1:
        reason += f" or belong to a lattice of fewer than {smallest_lattice}"
    if flipped.any():
        reason += f"; {int(flipped.sum())} of them would agree if flipped"
    return Removal(particles.ids[gone], reason)


def filtered(
    particles: Particles,
    surfaces: Sequence[Model],
    ranges: Mapping[str, Range],
    *,
    density_radius: float | None = None,
) -> Removal:
    """Those that are out of the ranges of their quantities.

    Parameters
    ----------
    particles : Particles
    surfaces : sequence of Model
        For distances and angles to membranes. In a tomogram without a surface they are missing values.
    ranges : mapping of str to Range
        By the keys of `models.quantities`.
    density_radius : float, optional
        As of `models.quantities.quantities`.

    Raises
    ------
    ModelError
        If a distance or angle to a membrane is asked for, and no tomogram has a surface.
    ParameterError
        If there is no such quantity.
    """
    out_of = {key: np.zeros(len(particles), bool) for key in ranges}
    membrane = [key for key in ranges if key.startswith("membrane_")]
    others = [key for key in ranges if key not in membrane]
    if membrane and len(particles):
        relation = relation_to_surfaces(particles, surfaces)
        if not (relation.surfaces >= 0).any():
            raise ModelError(f"there is no surface to tell {' and '.join(membrane)} by")
        values = {"membrane_distance": relation.distances, "membrane_angle": relation.angles_degrees}
        for key in membrane:
            if key not in values:
                raise ParameterError(f"there is no quantity {key!r}: {', '.join(values)} are there")
            out_of[key] = ~ranges[key].contains(values[key])
    for rows in _tomograms(particles):
        found = chosen_quantities(particles.select(rows), others, density_radius=density_radius)
        for key in others:
            out_of[key][rows] = ~ranges[key].contains(found[key].values)
    gone = np.logical_or.reduce([np.zeros(len(particles), bool), *out_of.values()])
    each = ", ".join(f"{key} {ranges[key]} ({int(out_of[key].sum())} out)" for key in ranges)
    reason = f"{_of(gone, 'is', 'are')} out of range" + (f": {each}" if each else "")
    return Removal(particles.ids[gone], reason)


def _tomograms(particles: Particles) -> Iterator[Rows]:
    """Rows of the particles of each tomogram."""
    for name in np.unique(particles.tomograms):
        yield np.flatnonzero(particles.tomograms == name)


def _of(gone: Mask, one: str, more: str) -> str:
    """ "3 of 10 particles lie": how many it is about, and the verb that goes with it."""
    number, total = int(gone.sum()), len(gone)
    return f"{number} of {total} particle{'s' * (total != 1)} {one if number == 1 else more}"


def _positive(name: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise ParameterError(f"{name} must be a positive number, got {value:g}")


def _at_least(name: str, value: float, least: float) -> None:
    if not (np.isfinite(value) and value >= least):
        raise ParameterError(f"{name} must be at least {least:g}, got {value:g}")
