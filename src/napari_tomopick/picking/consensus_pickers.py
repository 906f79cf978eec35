"""The sets that a consensus is made of, and their common grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.coordinates import binning_ratio
from napari_tomopick.models.particles import Particles


@dataclass(frozen=True, eq=False)
class Picker:
    """The picks of one picker, which has one vote.

    Parameters
    ----------
    name : str
        Unlike that of the others.
    particles : Particles
        In any number of tomograms.
    weight : float
        How much its picks count in the mean position, orientation and score; above 0. Votes are not weighted.
    """

    name: str
    particles: Particles
    weight: float = 1.0


def check_pickers(pickers: Sequence[Picker]) -> None:
    """See that there are pickers, with names and weights that can be.

    Raises
    ------
    ParameterError
    """
    if not pickers:
        raise ParameterError("a consensus takes at least one set of picks")
    names = [p.name for p in pickers]
    for name in names:
        if not name.strip():
            raise ParameterError("every set of picks needs a name")
        if names.count(name) > 1:
            raise ParameterError(f"two sets are called {name!r}: each picker votes once, under its own name")
    for picker in pickers:
        if not (np.isfinite(picker.weight) and picker.weight > 0):
            raise ParameterError(f"the weight of {picker.name} must be a number above 0, got {picker.weight}")


def on_one_grid(pickers: Sequence[Picker]) -> tuple[list[Picker], list[str]]:
    """Express all picks on the grid of the first picker, in tomograms with names; and what was assumed.

    Raises
    ------
    ParameterError
        If voxel sizes differ and one is not known, or some picks do not tell their tomogram and there are
        several.
    """
    sizes = {p.name: p.particles.voxel_size_angstrom for p in pickers}
    known = {name: size for name, size in sizes.items() if size is not None}
    unknown = [p.name for p in pickers if sizes[p.name] is None and len(p.particles)]
    notes: list[str] = []
    grid = next((sizes[p.name] for p in pickers if sizes[p.name] is not None), None)
    if grid is not None:
        differ = {name: size for name, size in known.items() if binning_ratio(size, grid) != 1}
        if unknown and differ:
            told = ", ".join(f"{name} {size:g} Å" for name, size in known.items())
            raise ParameterError(
                f"the voxel size of {', '.join(unknown)} is not known, and those of the others differ "
                f"({told}): give the tomogram too"
            )
        if unknown:
            notes.append(
                f"{', '.join(unknown)}: no voxel size in it; taken to be {grid:g} Å as in the others"
            )
    named = sorted({str(name) for p in pickers for name in np.unique(p.particles.tomograms)} - {""})
    nameless = [p.name for p in pickers if (p.particles.tomograms == "").any()]
    if nameless and len(named) > 1:
        raise ParameterError(
            f"{', '.join(nameless)}: picks that do not tell their tomogram, and the others lie in "
            f"{len(named)} of them ({', '.join(named[:5])}): give the tomogram too"
        )
    if nameless and named:
        notes.append(f"{', '.join(nameless)}: no tomogram in it; taken to be {named[0]} as in the others")
    changed = []
    for picker in pickers:
        particles = picker.particles
        if particles.voxel_size_angstrom is None or grid is None:
            particles = replace(particles, voxel_size_angstrom=grid)
        else:
            particles = particles.rescaled(grid)
        if named:
            names = np.where(particles.tomograms == "", named[0], particles.tomograms)
            particles = replace(particles, tomograms=names.astype(np.str_))
        changed.append(replace(picker, particles=particles))
    return changed, notes
