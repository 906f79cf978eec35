"""The consensus of Scipion's "picking consensus" protocol (scipion-em-tomoviz 3.2), to the last digit.

For those who have to repeat what was done there; `consensus.consensus` is the better one. What it does, and
what is wrong with it:

- Only tomograms in which the first set has picks are looked at.
- Positions, counted from the centre of the tomogram, are scaled by the ratio of the voxel sizes and cut off
  to whole numbers, towards the centre.
- The picks of the first set are a cluster each, however near to each other. Those of the others come one by
  one, set by set and group by group: each goes to the nearest cluster if that is nearer than the radius, not
  just as near, and else begins a new one. So the order of the sets and of the picks matters.
- Each pick is a vote, also where one set has several in a cluster.
- Position: the mean. Orientation: at each vote the mean of what it was and of the new one, so that the last
  has half of the weight. Group: the last one's. Rotation matrices are kept with two decimals.
- Where all have to agree and one set has no picks in a tomogram, there is nothing in that tomogram.
- Scores and further columns are lost.

A single set has its own picks put together in the same way. Where exactly one pick is left in a tomogram,
Scipion fails as it writes it; here it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.models.particles import Particles
from napari_tomopick.picking.consensus import Consensus, Mode
from napari_tomopick.picking.consensus_pickers import Picker, check_pickers

Array = NDArray[np.float64]


def scipion_consensus(
    pickers: Sequence[Picker],
    *,
    radius: float = 10.0,
    votes: int = -1,
    mode: Mode = "atleast",
    centres: Sequence[Mapping[str, ArrayLike]] = (),
    progress: Callable[[int, int, str], None] | None = None,
) -> Consensus:
    """Keep what Scipion would keep.

    Parameters
    ----------
    pickers : sequence of Picker
        Their order matters; their weights do not.
    radius : float
        In voxels of the first one.
    votes : int
        How many it takes; 0, a negative number and more than there are sets all mean as many as sets.
    mode : "atleast" or "exactly"
    centres : sequence of mapping of str to array-like of 3, optional
        For each picker, the centre x, y, z of the tomograms it picked on, half their size in voxels. Where
        one is not given, positions are cut off from the corner of the tomogram.
    progress : callable, optional
        Called with (done, total, text) for each tomogram.

    Returns
    -------
    Consensus
        With a column ``votes``, which Scipion has not; without clusters to compare pickers by.

    Raises
    ------
    ParameterError
        If there is no picker, or a name is given twice.
    """
    check_pickers(pickers)
    sizes = [p.particles.voxel_size_angstrom for p in pickers]
    ratios = [size / sizes[0] if size is not None and sizes[0] is not None else 1.0 for size in sizes]
    names = list(dict.fromkeys(pickers[0].particles.tomograms.tolist()))
    parts: list[tuple[Array, Array, NDArray[np.int64], NDArray[np.int64]]] = []
    notes, found_in = [], []
    for number, name in enumerate(names):
        if progress is not None:
            progress(number, len(names), name)
        here, origins = [], []
        for k, picker in enumerate(pickers):
            particles = picker.particles.in_tomogram(name)
            given = centres[k].get(name) if k < len(centres) else None
            origin = np.zeros(3) if given is None else np.asarray(given, np.float64)
            stored = np.trunc((particles.positions - origin) * ratios[k])
            quaternions = particles.rotations.as_quat().reshape(-1, 4)
            # by group, each in the order of the picks
            order = np.argsort(particles.groups, kind="stable")
            here.append((stored[order], quaternions[order], particles.groups[order]))
            origins.append(origin)
        positions, quaternions, groups, counts = _worked(here, radius)
        everyone = votes <= 0 or votes >= len(pickers)
        needed = len(pickers) if votes <= 0 or votes > len(pickers) else votes
        kept = counts == needed if mode == "exactly" else counts >= needed
        if everyone and not all(len(stored) for stored, _, _ in here):
            kept[:] = False
        total = sum(len(stored) for stored, _, _ in here)
        jaccard = kept.sum() * len(pickers) / total
        notes.append(f"{name or 'the tomogram'}: Jaccard index as Scipion has it {jaccard:.6f}")
        rows = np.flatnonzero(kept)[np.argsort(groups[kept], kind="stable")]
        parts.append((positions[rows] + origins[0], quaternions[rows], groups[rows], counts[rows]))
        found_in += [name] * len(rows)
    at, turns, groups, counts = (
        np.concatenate([part[k] for part in parts]) if parts else np.empty((0, *((3,), (4,), (), ())[k]))
        for k in range(4)
    )
    # what is rounded is the matrix from the tomogram to the reference, the transpose of ours
    matrices = np.round(Rotation.from_quat(turns.reshape(-1, 4)).as_matrix().reshape(-1, 3, 3), 2)
    particles = Particles(
        at,
        Rotation.from_matrix(matrices),
        groups=groups,
        tomograms=found_in,  # type: ignore[arg-type]
        voxel_size_angstrom=sizes[0],
        box_size=pickers[0].particles.box_size,
    ).with_columns(votes=counts.astype(np.int64))
    nothing = np.empty((0, len(pickers)), np.int64)
    return Consensus(
        particles,
        tuple(p.name for p in pickers),
        nothing,
        np.empty(0, np.str_),
        np.empty(0, bool),
        tuple(notes),
    )


def _worked(
    sets: Sequence[tuple[Array, Array, NDArray[np.int64]]], radius: float
) -> tuple[Array, Array, NDArray[np.int64], NDArray[np.int64]]:
    """Positions, quaternions, groups and votes of the clusters in one tomogram."""
    total = sum(len(stored) for stored, _, _ in sets)
    positions, quaternions = np.zeros((total, 3)), np.zeros((total, 4))
    groups, votes = np.zeros(total, np.int64), np.zeros(total, np.int64)
    count = 0
    if len(sets) > 1:
        count = len(sets[0][0])
        positions[:count], quaternions[:count], groups[:count] = sets[0]
        votes[:count] = 1
    for stored, turns, of in sets[len(sets) > 1 :]:
        for position, turn, group in zip(stored, turns, of, strict=True):
            if count:
                squared = ((position - positions[:count]) ** 2).sum(axis=1)
                nearest = int(np.argmin(squared))
                if np.sqrt(squared[nearest]) < radius:
                    had = votes[nearest]
                    positions[nearest] = (had * positions[nearest] + position) / (had + 1)
                    both = np.outer(quaternions[nearest], quaternions[nearest]) + np.outer(turn, turn)
                    quaternions[nearest] = np.linalg.eigh(both)[1][:, -1]
                    groups[nearest] = group
                    votes[nearest] += 1
                    continue
            positions[count], quaternions[count], groups[count], votes[count] = position, turn, group, 1
            count += 1
    return positions[:count], quaternions[:count], groups[:count], votes[:count]
