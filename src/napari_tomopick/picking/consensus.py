"""One set of picks from several of the same tomograms: what enough pickers agree on.

Which picks are the same particle is said in `consensus_clusters.clusters`, what becomes of scores and columns
in `consensus_columns`. Nothing depends on the order in which the pickers or their picks are given, but for
this: the result is on the grid of the first picker, and the radius is in its voxels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry import orientations
from napari_tomopick.geometry.rotation_means import mean_rotations
from napari_tomopick.geometry.symmetry import point_group
from napari_tomopick.models.particles import Particles
from napari_tomopick.picking.consensus_clusters import clusters
from napari_tomopick.picking.consensus_columns import Votes, consensus_columns, labels_of, ranks
from napari_tomopick.picking.consensus_pickers import Picker, check_pickers, on_one_grid

Mode = Literal["atleast", "exactly"]
Absent = Literal["counts", "abstains"]
ALL = -1


@dataclass(frozen=True, eq=False)
class Consensus:
    """What the pickers agree on.

    Parameters
    ----------
    particles : Particles
        Those with enough votes, ordered by tomogram and position.
    names : tuple of str
        Of the pickers.
    picks : int array, shape (clusters, pickers)
        For every cluster, also those with too few votes, the row of the pick in the particles of each picker;
        -1 where it has none. A picker's second pick of one particle is in no row.
    tomograms : str array, shape (clusters,)
        Where each lies.
    kept : bool array, shape (clusters,)
        Which of them are the particles.
    notes : tuple of str
        What a user should know about how it came to be.
    """

    particles: Particles
    names: tuple[str, ...]
    picks: NDArray[np.int64]
    tomograms: NDArray[np.str_]
    kept: NDArray[np.bool_]
    notes: tuple[str, ...] = field(default=())


def consensus(
    pickers: Sequence[Picker],
    *,
    radius: float = 10.0,
    votes: int = ALL,
    mode: Mode = "atleast",
    max_angle_degrees: float | None = None,
    symmetry: str = "C1",
    absent: Absent = "counts",
    progress: Callable[[int, int, str], None] | None = None,
) -> Consensus:
    """Keep what enough pickers have picked.

    Position: the mean of the picks, weighted by picker. Orientation: their weighted mean; see
    `geometry.rotation_means`. A picker none of whose particles is turned has no orientations to give, only
    positions: it has no part in this, and agrees with any orientation.

    Parameters
    ----------
    pickers : sequence of Picker
    radius : float
        In voxels of the first picker.
    votes : int
        How many pickers it takes; -1 for all of them.
    mode : "atleast" or "exactly"
        Whether more votes will do as well.
    max_angle_degrees : float, optional
        Largest angle between two picks of a particle, modulo symmetry.
    symmetry : str
        Point group of the particle.
    absent : "counts" or "abstains"
        What it means for "all" that a picker has no pick at all in a tomogram: that it found nothing there,
        so that nothing has all votes, or that it never looked, so that it takes the votes of the others only.
    progress : callable, optional
        Called with (done, total, text) for each tomogram.

    Returns
    -------
    Consensus

    Raises
    ------
    ParameterError
        If there is no picker, or names, votes, weights, voxel sizes or names of tomograms make no sense.
    """
    check_pickers(pickers)
    if not (np.isfinite(radius) and radius >= 0):
        raise ParameterError(f"the radius is a number of voxels of at least 0, got {radius}")
    if votes != ALL and not 1 <= votes <= len(pickers):
        raise ParameterError(
            f"{votes} votes of {len(pickers)} sets: say 1 (any) to {len(pickers)}, or -1 for all of them"
        )
    try:
        group = point_group(symmetry)
    except ValueError as error:
        raise ParameterError(str(error)) from error
    pickers, notes = on_one_grid(pickers)
    turned = np.array([bool((p.particles.rotations.magnitude() > 1e-9).any()) for p in pickers])
    if turned.any() and not turned.all():
        without = [p.name for p, t in zip(pickers, turned, strict=True) if not t and len(p.particles)]
        if without:
            notes.append(f"{', '.join(without)}: no orientations; they are those of the others")
    if max_angle_degrees is not None and not turned.any() and any(len(p.particles) for p in pickers):
        raise ParameterError("there is a largest angle, but none of the sets has orientations; leave it out")

    found = _Picks.of(pickers, turned)
    label = np.empty(len(found.rows), np.int64)
    count = 0
    for number, name in enumerate(found.tomograms):
        if progress is not None:
            progress(number, len(found.tomograms), name)
        rows = slice(found.starts[number], found.starts[number + 1])
        here = clusters(
            found.positions[rows],
            found.by[rows],
            radius,
            rotations=None if max_angle_degrees is None else Rotation.from_quat(found.quaternions[rows]),
            oriented=turned[found.by[rows]],
            group=group,
            max_angle_degrees=max_angle_degrees,
        )
        label[rows] = count + here
        count += int(here.max(initial=-1)) + 1
    votes_at = _one_each(found, label, count, len(pickers))
    if not votes_at.all():
        notes.append(f"second picks of one particle by one set, without a vote: {int((~votes_at).sum())}")
    picks = np.full((count, len(pickers)), -1)
    picks[label[votes_at], found.by[votes_at]] = found.rows[votes_at]
    where = np.empty(count, np.int64)
    where[label] = found.place
    needed, said = _needed(found, pickers, votes, absent)
    notes += said
    voted = (picks >= 0).sum(axis=1)
    kept = voted == needed[where] if mode == "exactly" else voted >= needed[where]
    particles = _particles(pickers, found, label, votes_at, kept, turned, group)
    whole = [p.particles.table.attrs for p in pickers if len(p.particles)]
    if any(whole):
        # what belongs to a whole file, such as the optics groups of a STAR file
        if all(attributes == whole[0] for attributes in whole):
            particles.table.attrs = whole[0]
        else:
            notes.append(
                "the other blocks of the files are not kept, as they are not the same in all of them"
            )
    bare = int(np.isnan(particles.table["angle_spread"]).sum())
    if bare and turned.any():
        notes.append(
            f"{bare} of {len(particles)} particles have no orientation, as none who picked them gives one"
        )
    names = np.array(found.tomograms, np.str_)[where] if count else np.empty(0, np.str_)
    return Consensus(particles, tuple(p.name for p in pickers), picks, names, kept, tuple(notes))


@dataclass(frozen=True, eq=False)
class _Picks:
    """The picks of all pickers, tomogram by tomogram, in an order that does not depend on how they came."""

    positions: NDArray[np.float64]
    quaternions: NDArray[np.float64]
    by: NDArray[np.int64]  # picker
    rows: NDArray[np.int64]  # in its particles
    place: NDArray[np.int64]  # in the list of tomograms
    tomograms: list[str]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, pickers: Sequence[Picker], turned: NDArray[np.bool_]) -> _Picks:
        sets = [p.particles for p in pickers]
        positions = np.concatenate([s.positions for s in sets])
        quaternions = np.concatenate([s.rotations.as_quat().reshape(-1, 4) for s in sets])
        by = np.repeat(np.arange(len(sets)), [len(s) for s in sets])
        rows = np.concatenate([np.arange(len(s)) for s in sets])
        codes, tomograms = pd.factorize(np.concatenate([s.tomograms for s in sets]).astype(object), sort=True)
        x, y, z = positions.T
        order = np.lexsort((z, y, x, codes))
        same = (np.diff(positions[order], axis=0) == 0).all(axis=1) & (np.diff(codes[order]) == 0)
        if same.any():
            # at one place: the names of the pickers tell, and then what else there is
            place = np.argsort(np.argsort([p.name for p in pickers]))
            signs = np.where(quaternions[:, 3:] < 0, -1.0, 1.0)
            scores = np.concatenate([s.scores for s in sets])
            groups = np.concatenate([s.groups for s in sets])
            ids = np.concatenate([s.ids for s in sets])
            keys = (ids, *(quaternions * signs).T, groups, -scores, place[by], z, y, x, codes)
            order = np.lexsort(keys)
        counts = np.bincount(codes, minlength=len(tomograms))
        return cls(
            positions[order],
            quaternions[order],
            by[order],
            rows[order],
            codes[order],
            [str(name) for name in tomograms],
            np.concatenate([[0], np.cumsum(counts)]),
        )


def _one_each(found: _Picks, label: NDArray[np.int64], count: int, pickers: int) -> NDArray[np.bool_]:
    """Which picks have a vote: of several of one picker in a cluster the one nearest to its centre."""
    size = np.bincount(label, minlength=count)
    centre = [np.bincount(label, x, minlength=count) / size for x in found.positions.T]
    off = sum((x - c[label]) ** 2 for x, c in zip(found.positions.T, centre, strict=True))
    vote = label * pickers + found.by
    # stable, so that the first of equally near ones has it
    order = np.lexsort((off, vote))
    first = np.ones(len(vote), bool)
    first[order[1:]] = vote[order[1:]] != vote[order[:-1]]
    return first


def _needed(
    found: _Picks, pickers: Sequence[Picker], votes: int, absent: Absent
) -> tuple[NDArray[np.int64], list[str]]:
    """How many votes it takes in each tomogram, and what is to be said where pickers have none there."""
    there = np.zeros((len(found.tomograms), len(pickers)), bool)
    there[found.place, found.by] = True
    needed = np.full(len(found.tomograms), len(pickers) if votes == ALL else votes)
    notes = []
    if votes == ALL and absent == "abstains":
        needed = there.sum(axis=1)
    if votes != 1 and len(found.tomograms) > 1 and there.sum(axis=1).max() == 1:
        lies = "; ".join(
            f"{p.name} in {', '.join(np.array(found.tomograms)[has][:3])}"
            for p, has in zip(pickers, there.T, strict=True)
            if has.any()
        )
        return needed, [f"no two sets have picks in the same tomogram, by their names: {lies}"]
    for picker, has in zip(pickers, there.T, strict=True):
        if votes == ALL and not has.all():
            missing = [name or "the tomogram" for name in np.array(found.tomograms)[~has]]
            shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            means = (
                "nothing there has all votes (with absent = abstains the others decide)"
                if absent == "counts"
                else "the others decide there"
            )
            notes.append(f"{picker.name} has no picks in {shown}: {means}")
    return needed, notes


def _particles(
    pickers: Sequence[Picker],
    found: _Picks,
    label: NDArray[np.int64],
    votes_at: NDArray[np.bool_],
    kept: NDArray[np.bool_],
    turned: NDArray[np.bool_],
    group: Rotation,
) -> Particles:
    """The clusters that are kept, as particles."""
    # numbered in the order of the lowest pick; renumbered by position at the end
    number = np.cumsum(kept) - 1
    chosen = kept[label] & votes_at
    of, by, rows = number[label[chosen]], found.by[chosen], found.rows[chosen]
    count = int(kept.sum())
    weight = np.array([p.weight for p in pickers])[by]
    total = np.bincount(of, weight, minlength=count)
    picked = found.positions[chosen]
    centre = np.column_stack([np.bincount(of, weight * x, minlength=count) / total for x in picked.T])
    off = ((picked - centre[of]) ** 2).sum(axis=1)
    spread = np.sqrt(np.bincount(of, weight * off, minlength=count) / total)

    quaternions, angle_spread = orientations.identity(count).as_quat().reshape(-1, 4), np.full(count, np.nan)
    oriented = turned[by]
    if oriented.any():
        with_one, inverse = np.unique(of[oriented], return_inverse=True)
        means, angle_spread[with_one] = mean_rotations(
            Rotation.from_quat(found.quaternions[chosen][oriented]), inverse, weight[oriented], group
        )
        quaternions[with_one] = means.as_quat()

    sets = [p.particles for p in pickers]
    ranked = np.concatenate([ranks(s.scores) for s in sets])
    first = np.cumsum([0, *map(len, sets)])
    votes = Votes(of, by, rows, ranked[first[by] + rows], off, weight, count)
    columns = consensus_columns(sets, labels_of([p.name for p in pickers]), votes)
    columns.table.insert(2, "spread", spread)
    columns.table.insert(3, "angle_spread", angle_spread)
    where = np.zeros(count, np.int64)
    where[of] = found.place[chosen]
    names = np.array(found.tomograms, np.str_)[where] if count else np.empty(0, np.str_)
    particles = Particles(
        centre,
        Rotation.from_quat(quaternions),
        groups=columns.groups,
        scores=columns.scores,
        tomograms=names,
        table=columns.table,
        voxel_size_angstrom=pickers[0].particles.voxel_size_angstrom,
        box_size=next((s.box_size for s in sets if s.box_size is not None), None),
    )
    order = np.lexsort((*centre.T[::-1], where))
    return replace(particles.select(order), ids=np.arange(1, count + 1))
