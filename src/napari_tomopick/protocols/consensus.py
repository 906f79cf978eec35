"""Put the picks of several pickers together, and say how well they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.coordinates import SAME_RATIO, half_size
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.picking.agreement import Agreement, Score, score_against
from napari_tomopick.picking.consensus import Consensus
from napari_tomopick.picking.consensus import consensus as agreed
from napari_tomopick.picking.consensus_pickers import Picker, check_pickers, on_one_grid
from napari_tomopick.picking.scipion_consensus import scipion_consensus
from napari_tomopick.protocols.describe import Bounds, Progress

CONSENSUS = "the consensus"


@dataclass(frozen=True, eq=False)
class Agreed:
    """A consensus, and how well the pickers agree.

    Parameters
    ----------
    result : Consensus
    agreement : Agreement, optional
        Who picked what; None for a consensus as Scipion makes it, which does not tell pickers apart.
    scores : dict of str to Score
        What each set, and the consensus, is worth if the reference is right. Empty without one.
    reference : str, optional
        Name of the reference.
    picks : dict of str to int
        How many picks each set has.
    """

    result: Consensus
    agreement: Agreement | None
    scores: dict[str, Score] = field(default_factory=dict)
    reference: str | None = None
    picks: dict[str, int] = field(default_factory=dict)

    @property
    def particles(self) -> Particles:
        """The consensus."""
        return self.result.particles

    def lines(self) -> list[str]:
        """What came of it, in words."""
        total = sum(self.picks.values())
        sets = f"{len(self.picks)} set{'s' * (len(self.picks) != 1)}"
        lines = [f"{len(self.particles)} particles from {total} picks in {sets}", *self.result.notes]
        lines += [
            f"{name} against {self.reference}: precision {score.precision:.3f}, recall {score.recall:.3f}, "
            f"F1 {score.f1:.3f}"
            for name, score in self.scores.items()
        ]
        return lines


def consensus(
    sets: Mapping[str, Particles],
    tomograms: Sequence[Tomogram] = (),
    reference: tuple[str, Particles] | None = None,
    *,
    radius: Annotated[float, Bounds(minimum=0)] = 10.0,
    votes: Annotated[int, Bounds(minimum=-1)] = -1,
    mode: Literal["atleast", "exactly"] = "atleast",
    max_angle_degrees: Annotated[float | None, Bounds(0, 180)] = None,
    symmetry: str = "C1",
    weights: str | Sequence[float] | None = None,
    absent: Annotated[Literal["counts", "abstains"], Bounds(advanced=True)] = "counts",
    compatible: Annotated[bool, Bounds(advanced=True)] = False,
    progress: Progress | None = None,
) -> Agreed:
    """Keep the particles that enough pickers have picked, each with the mean of its picks.

    Picks of different binnings are brought to the grid of the first set. The result does not depend on the
    order of the sets but for that grid.

    Parameters
    ----------
    sets : mapping of str to Particles
        The picks of each picker, by its name; the first one's grid is that of the result.
    tomograms : sequence of Tomogram
        Those the picks lie in, for ``compatible`` only. There may be several of one name and different voxel
        size.
    reference : tuple of str and Particles, optional
        Name and picks of a set that is taken to be right. It has no vote; the others, and the consensus, are
        scored against it, in the tomograms in which it has picks.
    radius : float
        Picks within this distance, in voxels of the first set, may be the same particle.
    votes : int
        How many sets a particle has to be in: -1 for all of them, 1 for any.
    mode : "atleast" or "exactly"
        Whether a particle with more votes is kept too.
    max_angle_degrees : float, optional
        Picks of one particle differ by no more than this angle in orientation, modulo symmetry.
    symmetry : str
        Point group of the particle, for its orientations: C1, C6, D2, T, O, I.
    weights : str, optional
        How much each set counts in mean positions, orientations and scores, in their order, separated by
        commas: 2,1,1. Votes are not weighted. Default: all alike.
    absent : "counts" or "abstains"
        Where all have to agree, a set without picks in a tomogram either counts there as one that found
        nothing, so that nothing has all votes, or abstains there.
    compatible : bool
        Do exactly what Scipion's picking consensus does, with its defects: whole voxels, several votes of one
        set, order of the sets, no scores.
    progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    Agreed

    Raises
    ------
    ParameterError
        If an option, a name or a voxel size makes no sense.
    """
    pickers = [
        Picker(name, particles, weight)
        for (name, particles), weight in zip(sets.items(), _weights(weights, len(sets)), strict=True)
    ]
    if compatible:
        given = {
            "a largest angle": max_angle_degrees is not None,
            "a symmetry": symmetry.strip().upper() != "C1",
            "weights": weights is not None,
            "absent = abstains": absent != "counts",
        }
        if any(given.values()):
            which = ", ".join(name for name, there in given.items() if there)
            raise ParameterError(f"{which}: Scipion has no such thing; leave it out, or do not be compatible")
        centres = [_centres(picker.particles, tomograms) for picker in pickers]
        result = scipion_consensus(
            pickers, radius=radius, votes=votes, mode=mode, centres=centres, progress=progress
        )
        unknown = {name for p in pickers for name in p.particles.tomograms.tolist()} - set().union(*centres)
        if unknown:
            note = (
                "the size of a tomogram is not known, so that positions are cut to whole numbers towards its "
                "corner, not its centre as in Scipion; give the tomogram"
            )
            result = replace(result, notes=(*result.notes, note))
    else:
        result = agreed(
            pickers,
            radius=radius,
            votes=votes,
            mode=mode,
            max_angle_degrees=max_angle_degrees,
            symmetry=symmetry,
            absent=absent,
            progress=progress,
        )
    return Agreed(
        result,
        None if compatible else Agreement.of(result),
        {} if reference is None else _scores(pickers, result, reference, radius),
        None if reference is None else reference[0],
        {picker.name: len(picker.particles) for picker in pickers},
    )


def _weights(weights: str | Sequence[float] | None, count: int) -> list[float]:
    if weights is None:
        return [1.0] * count
    parts = weights.split(",") if isinstance(weights, str) else list(weights)
    try:
        found = [float(part) for part in parts]
    except ValueError:
        raise ParameterError(
            f"weights are numbers separated by commas, such as 2,1,1; got {weights!r}"
        ) from None
    if len(found) != count:
        raise ParameterError(f"{len(found)} weights for {count} sets; give one for each, in their order")
    return found


def _scores(
    pickers: Sequence[Picker], result: Consensus, reference: tuple[str, Particles], radius: float
) -> dict[str, Score]:
    """Of each set, and of the consensus, against the reference."""
    name, truth = reference
    if not len(truth):
        raise ParameterError(f"the reference {name} has no picks")
    # the reference may be one of the sets too
    check_pickers(pickers)
    others = [Picker(f"set {k}", p.particles) for k, p in enumerate(pickers)]
    *on_grid, right = on_one_grid([*others, Picker("the reference", truth)])[0]
    scores = {
        picker.name: score_against(there.particles, right.particles, radius)
        for picker, there in zip(pickers, on_grid, strict=True)
    }
    found = on_one_grid([Picker("reference", right.particles), Picker(CONSENSUS, result.particles)])[0][1]
    return {**scores, CONSENSUS: score_against(found.particles, right.particles, radius)}


def _centres(particles: Particles, tomograms: Sequence[Tomogram]) -> dict[str, NDArray[np.float64]]:
    """Half the size of the tomograms of these particles in their voxels, as x, y, z, where it is known."""
    size, found = particles.voxel_size_angstrom, {}
    for name in np.unique(particles.tomograms):
        known = [tomogram for tomogram in tomograms if tomogram.name == name]
        if known and size is not None:
            ratios = np.array([tomogram.voxel_size_angstrom / size for tomogram in known])
            nearest = int(np.abs(np.log(ratios)).argmin())
            half, ratio = half_size(known[nearest].shape), float(ratios[nearest])
            found[str(name)] = half if abs(ratio - 1) < SAME_RATIO else half * ratio
        elif known:
            found[str(name)] = half_size(known[0].shape)
    return found
