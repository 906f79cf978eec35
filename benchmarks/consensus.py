"""How fast a consensus is, and how much better than one picker alone, and than Scipion's way of making it.

    python benchmarks/consensus.py [--seeds 10] [--largest 1000000] [--picture FILE]

**What it is worth.** In every tomogram there are 1000 particles, no two nearer than 20 voxels (a loose field,
each with a cube of 60 to itself), or than 12 (crowded, nearly side by side, with a radius of 6). Five
pickers, unlike each other:

    recall                              0.90  0.85  0.80  0.70  0.60
    error of position, voxels, per axis 2.0   1.5   2.5   1.0   3.0     (six tenths of that where crowded)
    false picks, of the true ones       40 %  30 %  30 %  20 %  10 %
    of them at what looks like one      60 %  60 %  60 %  60 %  60 %
    second picks of one particle        10 %  5 %   10 %  0     5 %

Half as many other things as particles look like particles: a picker that goes wrong goes there more often
than to a random place, so that false picks have company too. Orientations are 8 degrees off, about each axis;
false ones are random. Scored one to one (`agreement.matched`) within the radius. Each seed is another
tomogram.

The numbers are F1, precision and recall of each picker and of what each number of votes keeps, by our
consensus and by Scipion's (`scipion_consensus`, checked against its worked examples), with the error of
position and orientation of the hits. In Scipion's a second pick is a second vote. Its result depends on the
order of the sets: how much is told by the share of its particles, of 2 votes and more, that are not where
they were (to 0.01 voxel) after the sets are reversed. `--picture` draws the pickers of the first loose field.

**Time.** Five pickers, 20 tomograms, the loose field, orientations, scores and one further column; the time
of the wall and, as a machine is rarely all one's own, of the processor. Compiled code is loaded before.
Scipion's way takes the square of the number of picks in a tomogram, so that the ratio is at 10,000 in one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from napari_tomopick.models.particles import Particles
from napari_tomopick.picking.agreement import Agreement, Score, matched
from napari_tomopick.picking.consensus import Consensus, consensus
from napari_tomopick.picking.consensus_pickers import Picker
from napari_tomopick.picking.scipion_consensus import scipion_consensus
from napari_tomopick.protocols.agreement_picture import save_agreement_picture

Array = NDArray[np.float64]

RECALL = (0.90, 0.85, 0.80, 0.70, 0.60)
ERROR = (2.0, 1.5, 2.5, 1.0, 3.0)
FALSE = (0.4, 0.3, 0.3, 0.2, 0.1)
SECOND = (0.10, 0.05, 0.10, 0.0, 0.05)
DECOYS, LIKE_ONE, TURNED = 0.5, 0.6, 8.0


@dataclass(frozen=True)
class Field:
    """How particles lie."""

    name: str
    apart: float
    space: float  # edge of the cube that each has on average
    radius: float
    sharper: float


FIELDS = (Field("loose", 20.0, 60.0, 10.0, 1.0), Field("crowded", 12.0, 18.0, 6.0, 0.6))


@dataclass(frozen=True, eq=False)
class Worth:
    """What one result is worth."""

    score: Score
    position: float  # root mean square, voxels
    angle: float  # median, degrees


def places(rng: np.random.Generator, count: int, edge: float, apart: float) -> Array:
    """Places no two of which are nearer than a distance, by throwing and taking out."""
    found = np.empty((0, 3))
    while len(found) < count:
        thrown = np.concatenate([found, rng.uniform(0, edge, (count, 3))])
        near = cKDTree(thrown).query_pairs(apart, output_type="ndarray")
        gone = np.zeros(len(thrown), bool)
        for i, j in near[np.lexsort((near[:, 0], near[:, 1]))]:
            # the one that came first stays
            gone[j] |= not gone[i]
        found = thrown[~gone]
    return found[:count]


def scene(rng: np.random.Generator, field: Field, count: int) -> tuple[Particles, list[Picker]]:
    """True particles of one tomogram, and the picks of all pickers."""
    edge = field.space * count ** (1 / 3)
    every = places(rng, round(count * (1 + DECOYS)), edge, field.apart)
    order = rng.permutation(len(every))
    true, decoys = every[order[:count]], every[order[count:]]
    rotations = Rotation.random(count, rng=rng)
    pickers = []
    for k, (recall, error, false, second) in enumerate(zip(RECALL, ERROR, FALSE, SECOND, strict=True)):
        error *= field.sharper
        seen = np.flatnonzero(rng.random(count) < recall)
        again = rng.choice(seen, round(second * len(seen)), replace=False)
        number = round(false * len(seen))
        like = rng.choice(len(decoys), min(round(LIKE_ONE * number), len(decoys)), replace=False)
        anywhere = rng.uniform(0, edge, (number - len(like), 3))
        off = rng.normal(size=(len(again), 3))
        off *= field.radius * rng.uniform(0.4, 0.9, (len(again), 1)) / np.linalg.norm(off, axis=1)[:, None]
        positions = np.concatenate(
            [
                true[seen] + rng.normal(0, error, (len(seen), 3)),
                true[again] + off,
                decoys[like] + rng.normal(0, error, (len(like), 3)),
                anywhere,
            ]
        )
        turned = rotations[np.concatenate([seen, again])]
        turned = turned * Rotation.from_rotvec(rng.normal(0, TURNED, (len(turned), 3)), degrees=True)
        wrong = Rotation.random(number, rng=rng)
        mixed = rng.permutation(len(positions))
        quaternions = np.concatenate([turned.as_quat(), wrong.as_quat().reshape(-1, 4)])
        particles = Particles(
            positions[mixed], Rotation.from_quat(quaternions[mixed]), scores=rng.random(len(positions))
        )
        pickers.append(Picker(f"picker {k + 1}", particles))
    return Particles(true, rotations), pickers


def worth(found: Particles, truth: Particles, radius: float) -> Worth:
    which, apart = matched(found.positions, truth.positions, radius)
    right = which >= 0
    score = Score(int(right.sum()), int((~right).sum()), len(truth) - int(right.sum()), apart[right])
    if not right.any():
        return Worth(score, np.nan, np.nan)
    between = found.select(right).rotations.inv() * truth.select(which[right]).rotations
    angles = np.degrees(between.magnitude())
    return Worth(score, float(np.sqrt((apart[right] ** 2).mean())), float(np.median(angles)))


def moved(one: Particles, other: Particles) -> float:
    """Share of the particles that are not where they are in the other set."""
    if not len(one):
        return 0.0
    return float((cKDTree(other.positions).query(one.positions)[0] > 0.01).mean())


def row(name: str, results: Sequence[Worth]) -> None:
    f1 = np.array([r.score.f1 for r in results])
    means = [np.mean([getattr(r.score, what) for r in results]) for what in ("precision", "recall")]
    errors = [np.nanmean([getattr(r, what) for r in results]) for what in ("position", "angle")]
    print(
        f"{name:28s} {f1.mean():.3f} ± {f1.std(ddof=1):.3f}   {means[0]:.3f}   {means[1]:.3f}   "
        f"{errors[0]:5.2f}   {errors[1]:5.1f}"
    )


def quality(seeds: int) -> None:
    for field in FIELDS:
        results: dict[str, list[Worth]] = {}
        changes: dict[str, list[float]] = {"ours": [], "Scipion's": []}
        for seed in range(seeds):
            truth, pickers = scene(np.random.default_rng([seed, 5]), field, 1000)
            for picker in pickers:
                results.setdefault(picker.name, []).append(worth(picker.particles, truth, field.radius))
            for name, function in (("ours", consensus), ("Scipion's", scipion_consensus)):
                for votes in range(1, 6):
                    found = function(pickers, radius=field.radius, votes=votes).particles
                    kept = results.setdefault(f"{name}, {votes} of 5", [])
                    kept.append(worth(found, truth, field.radius))
                    if votes == 2:
                        back = function(pickers[::-1], radius=field.radius, votes=votes).particles
                        changes[name].append(moved(found, back))
        print(f"\n{field.name}: {field.apart:g} voxels apart, radius {field.radius:g}, {seeds} seeds")
        print(f"{'':28s} F1              precision recall  voxels  degrees")
        for name, each in results.items():
            row(name, each)
        for name, shares in changes.items():
            print(f"elsewhere with the sets reversed, {name}: {100 * np.mean(shares):.1f} %")


def timed(function: Callable[[], Consensus]) -> tuple[float, float, Consensus]:
    wall, processor = time.perf_counter(), time.process_time()
    result = function()
    return time.perf_counter() - wall, time.process_time() - processor, result


def crowd(total: int, tomograms: int) -> list[Picker]:
    """Five pickers with so many picks together; every fifth picked place is one's own."""
    rng, count = np.random.default_rng(1), total // 5
    edge = 60.0 * (count / tomograms) ** (1 / 3)
    true = rng.uniform(0, edge, (count, 3))
    rotations = Rotation.random(count, rng=rng)
    names = np.array([f"tomogram {k % tomograms}" for k in range(count)])
    pickers = []
    for k, error in enumerate(ERROR):
        at = np.where(rng.random((count, 1)) < 0.8, true, rng.uniform(0, edge, (count, 3)))
        particles = Particles(
            at + rng.normal(0, error, (count, 3)),
            rotations * Rotation.from_rotvec(rng.normal(0, TURNED, (count, 3)), degrees=True),
            scores=rng.random(count),
            tomograms=names,
            table=pd.DataFrame({"lot": rng.integers(0, 9, count)}),
        )
        pickers.append(Picker(f"picker {k + 1}", particles))
    return pickers


def speed(largest: int) -> None:
    consensus(crowd(100, 1), votes=1, max_angle_degrees=30)
    print("\npicks       options                         seconds   of the processor   particles")
    for total in sorted({100_000, largest}):
        pickers = crowd(total, 20)
        for words, options in (
            ("votes 3", {"votes": 3}),
            ("votes 1", {"votes": 1}),
            ("votes 3, angle 30, D2", {"votes": 3, "max_angle_degrees": 30.0, "symmetry": "D2"}),
        ):
            wall, processor, result = timed(partial(consensus, pickers, **options))
            print(f"{total:9d}   {words:30s} {wall:8.2f}   {processor:8.2f}   {len(result.particles)}")
    pickers = crowd(10_000, 1)
    ours = min(timed(lambda: consensus(pickers, votes=3))[1] for _ in range(3))
    theirs = min(timed(lambda: scipion_consensus(pickers, votes=3))[1] for _ in range(3))
    ratio = theirs / ours
    print(
        f"\n10000 picks in one tomogram: {ours:.3f} s, Scipion's way {theirs:.2f} s, {ratio:.1f} times that"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    if arguments.picture is not None:
        _, pickers = scene(np.random.default_rng([0, 5]), FIELDS[0], 1000)
        result = consensus(pickers, votes=3)
        title = f"{len(result.particles)} particles: radius 10, votes 3 or more"
        save_agreement_picture(arguments.picture, Agreement.of(result), title)
        return
    quality(arguments.seeds)
    speed(arguments.largest)


if __name__ == "__main__":
    main()
