"""How well false picks are thrown out by filters and cleaning, without looking at one of them.

    TOMOPICK_DATA=/path/to/data python benchmarks/review_cleaning.py [--seeds 10 11 ... 19] [--false 0.3]

The tomogram is `ribosomes`: 66 ribosomes among 215 other complexes. For every seed there is a set of picks:

- true: every ribosome, moved by 1 voxel (standard deviation along each axis) and turned by 4 degrees (about
  each axis). *By hand* this is the pick, and its score is that of this pose. *By a matcher* it is refined
  from there, as a matcher does. *Not oriented* are positions alone.
- false: 30 % of all picks, of four kinds alike.
  *random*: places drawn at random.
  *others*: complexes of other kinds, all kinds alike.
  *mistakes*: what template matching itself looks at to the end where there is no ribosome (some 30 places).
  *duplicates*: a second pick of a ribosome, 2 to 9 voxels off, turned by 10 degrees about each axis.
  All but the duplicates have the pose that agrees best with the template within a few voxels, of every
  orientation, and refined: what a matcher would report there, so that their scores are as high as can be.

The score is template matching's own, a locally normalised correlation at full sampling with the contrast
transfer measured from the tomogram.

The likeness is `napari_tomopick.protocols.likeness`, with its defaults, and needs no template: by boxes,
or where no orientation is known also by what the network makes of the places. Those picks have no other
score. *z axis only* are the picks by hand turned about it at random, as picks on a membrane are.

Nothing is known of the truth in setting the limits. A lowest score, or likeness, is where the values part
best in two (`models.parting`, Otsu's method), which is what the dock proposes. Duplicates are picks within
half a diameter of the particle.

How the likeness is measured was settled with seeds 0 to 7; the default ones are others.

A ribosome is lost if no pick within a quarter of its diameter is left, and what is left beyond one pick for
each ribosome is false. All is done by the calls of the dock: `quantities`, `passing`, `clean.duplicates`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from network_scenes import Scene, scene
from network_scoring import judge
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.rotation_sampling import rotations_by_step
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.filters import Range, passing
from napari_tomopick.models.particles import Particles, concatenate
from napari_tomopick.models.parting import parting
from napari_tomopick.models.quantities import LIKENESS, TABLE, quantities
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.picking.imaging import Imaging, whitening_of
from napari_tomopick.picking.matching_ground import Ground, LocalBoxes
from napari_tomopick.picking.measured_transfer import interpolated
from napari_tomopick.picking.settings import suggested_box_size
from napari_tomopick.picking.template import Template
from napari_tomopick.picking.template_places import (
    MatchedVolume,
    Neighbourhood,
    look_closer,
    most_alike,
    refined,
)
from napari_tomopick.picking.template_search import bank_of
from napari_tomopick.picking.turned_template import TurnedTemplate
from napari_tomopick.protocols import clean, likeness, match

Array = NDArray[np.float64]

_NEAR = 0.25
"""Within how many diameters of the truth a pick is right."""
_MOVED, _TURNED = 1.0, 4.0
_ACROSS = 14.0  # voxels across a particle where all orientations are compared
_RANDOM = 60
_MARGIN = 9.0  # voxels from the border of the tomogram, of places drawn at random
_KINDS = ("random", "others", "mistakes", "duplicates")


class Matcher:
    """Scores poses in a tomogram as template matching does.

    Parameters
    ----------
    where : Scene
    """

    def __init__(self, where: Scene) -> None:
        self.template = Template.of(where.density, where.voxel_size)
        low, high = where.tilt_range
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tomogram.mrc"
            write_mrc(path, where.volume, where.voxel_size)
            tomogram = Tomogram("scene", path, where.volume.shape, where.voxel_size, Acquisition(low, high))
            self.found = match(tomogram, self.template).found
        imaging = Imaging(
            where.tilt_range,
            "y",
            whitening_of(where.volume, where.voxel_size, where.tilt_range, "y", 0),
            interpolated(self.found.transfer),
        )
        ground = Ground(where.volume, where.voxel_size, dark=True, remove_gold=True)
        across = self.template.diameter_angstrom / where.voxel_size
        self._boxes = LocalBoxes(ground, imaging, 1.0)
        self._turned = TurnedTemplate(self.template, imaging, self._boxes.spacing_angstrom)
        self._grid, volume, _ = ground.whitened(across / _ACROSS, imaging)
        coarse = TurnedTemplate(self.template, imaging, ground.spacing(self._grid))
        self._rotations = rotations_by_step(15.0, "C1")
        self._bank = bank_of(coarse, self._rotations, 0.15, 300)
        self._coarse = MatchedVolume(volume, coarse)

    def scores(self, positions: Array, rotations: Rotation) -> Array:
        """Of poses as they are."""
        found = np.empty(len(positions))
        for i, at in enumerate(positions):
            around = Neighbourhood(self._boxes, self._turned, np.rint(at).astype(np.int64))
            found[i] = around.score(at, rotations[i])
        return found

    def climbed(self, positions: Array, rotations: Rotation) -> Particles:
        """What template matching reports from poses on, that is, refined."""
        at, turns = np.empty((len(positions), 3)), np.empty((len(positions), 4))
        scores = np.empty(len(positions))
        for i, start in enumerate(positions):
            around = Neighbourhood(self._boxes, self._turned, np.rint(start).astype(np.int64))
            at[i], rotation, scores[i] = refined(around, self._turned, start, rotations[i], 4)
            turns[i] = rotation.as_quat()
        return Particles(at, Rotation.from_quat(turns), scores=scores)

    def best_poses(self, places: Array) -> Particles:
        """What template matching reports at places."""
        there = self._grid.to_grid(places)
        starts = look_closer(self._coarse, self._bank, self._rotations, there, 1.5, 2)
        at, turns, scores = np.empty((len(places), 3)), np.empty((len(places), 4)), np.empty(len(places))
        for i, start in enumerate(starts):
            begin = self._grid.to_tomogram(start.at)
            around = Neighbourhood(self._boxes, self._turned, np.rint(begin[0]).astype(np.int64))
            best = most_alike(around, begin, start.rotations)
            at[i], rotation, scores[i] = refined(around, self._turned, begin[best], start.rotations[best], 4)
            turns[i] = rotation.as_quat()
        return Particles(at, Rotation.from_quat(turns), scores=scores)


@dataclass(frozen=True, eq=False)
class Pools:
    """Everything that picks are drawn from."""

    targets: Array
    rotations: Rotation
    false: dict[str, list[Particles]]
    """By kind, in parts of which all are drawn from alike."""


def pools(where: Scene, matcher: Matcher) -> Pools:
    """Look at all places once; the draws of the seeds come from these."""
    rng = np.random.default_rng(0)
    # where the centre of the map is
    targets = where.targets + where.rotations.apply(np.full((len(where.targets), 3), -where.origin))
    near = _NEAR * where.diameter

    def none_of(particles: Particles) -> Particles:
        return particles.select(cdist(particles.positions, targets).min(axis=1) > near)

    size = np.array(where.volume.shape[::-1])
    places = rng.uniform(_MARGIN, size - _MARGIN, (5 * _RANDOM, 3))
    free = places[cdist(places, targets).min(axis=1) > near][:_RANDOM]
    found = matcher.found
    matched = Particles(found.positions, found.rotations, scores=found.scores)
    return Pools(
        targets,
        where.rotations,
        {
            "random": [none_of(matcher.best_poses(free))],
            "others": [none_of(matcher.best_poses(where.others[kind])) for kind in sorted(where.others)],
            "mistakes": [none_of(matched)],
        },
    )


def picks(
    source: Pools, matcher: Matcher, share: float, seed: int, *, climb: bool
) -> tuple[Particles, list[str]]:
    """One set of picks, in random order, and what each is; the true ones refined or not."""
    rng = np.random.default_rng([seed, 17])
    n = len(source.targets)

    def shaken(rotations: Rotation, degrees: float) -> Rotation:
        return rotations * Rotation.from_rotvec(rng.normal(0, degrees, (len(rotations), 3)), degrees=True)

    at, turns = source.targets + rng.normal(0, _MOVED, (n, 3)), shaken(source.rotations, _TURNED)
    if climb:
        parts = [matcher.climbed(at, turns)]
    else:
        parts = [Particles(at, turns, scores=matcher.scores(at, turns))]
    what = ["true"] * n
    wanted = round(share / (1 - share) * n)
    for k, kind in enumerate(_KINDS):
        count = wanted // len(_KINDS) + (k < wanted % len(_KINDS))
        if kind == "duplicates":
            rows = rng.choice(n, count, replace=False)
            off = rng.normal(size=(count, 3))
            off *= rng.uniform(2, 9, (count, 1)) / np.linalg.norm(off, axis=1, keepdims=True)
            at, turns = source.targets[rows] + off, shaken(source.rotations[rows], 10.0)
            parts.append(Particles(at, turns, scores=matcher.scores(at, turns)))
        else:
            from_parts = [p.select(rng.permutation(len(p))) for p in source.false[kind]]
            order = rng.permutation(len(from_parts))
            rows_of = [from_parts[order[i % len(order)]].select([i // len(order)]) for i in range(count)]
            parts += rows_of
        what += [kind] * count
    every = concatenate(parts)
    order = rng.permutation(len(every))
    mixed = every.select(order)
    return Particles(mixed.positions, mixed.rotations, scores=mixed.scores), [what[i] for i in order]


def cleaned(particles: Particles, diameter: float, key: str) -> tuple[Particles, float]:
    """What is left by a slider where its values part, and by duplicates; and where it was put."""
    known = quantities(particles)
    parted = parting(known[key].values)
    assert parted is not None
    left = particles.select(passing(known, {key: Range(low=parted.limit)}, n=len(particles)))
    return clean.without(left, clean.duplicates(left, distance=diameter / 2)), parted.limit


@dataclass(frozen=True)
class Outcome:
    """How many true ones are lost and false ones left, of how many."""

    lost: int
    true: int
    left: int
    false: int
    kinds: tuple[str, ...]
    limit: float = 0.0


def outcome(
    source: Pools, particles: Particles, what: Sequence[str], kept: Particles, near: float
) -> Outcome:
    """Count by place, whichever of two picks of a ribosome is kept."""
    judged = judge(kept.positions, np.arange(len(kept), 0.0, -1.0), source.targets, near).above(-np.inf)
    by_id = dict(zip(particles.ids.tolist(), what, strict=True))
    kinds = tuple(sorted(by_id[i] for i in kept.ids.tolist() if by_id[i] not in ("true", "duplicates")))
    false = sum(kind != "true" for kind in what)
    return Outcome(judged.missed, len(source.targets), judged.false, false, kinds)


def origins(source: Pools, matcher: Matcher, share: float, seed: int) -> dict[str, tuple[Particles, list]]:
    """Sets of picks of one seed, by what is known of them."""
    made, what = picks(source, matcher, share, seed, climb=False)
    rng = np.random.default_rng([seed, 18])
    twist = np.column_stack([np.zeros((len(made), 2)), rng.uniform(0, 2 * np.pi, len(made))])
    return {
        "by a matcher": picks(source, matcher, share, seed, climb=True),
        "by hand": (made, what),
        "by hand, z axis only": (
            Particles(made.positions, made.rotations * Rotation.from_rotvec(twist)),
            what,
        ),
        "by hand, not oriented": (Particles(made.positions), what),
    }


def run(data: Path, seeds: Sequence[int], share: float) -> dict[tuple[str, str], list[Outcome]]:
    """Outcomes for each seed, by what the picks are and what is filtered by."""
    where = scene("ribosomes", 0, data)
    start = time.perf_counter()
    matcher = Matcher(where)
    source = pools(where, matcher)
    print(f"matched and looked at all places in {time.perf_counter() - start:.0f} s", flush=True)
    found: dict[tuple[str, str], list[Outcome]] = {}
    near, box = _NEAR * where.diameter, suggested_box_size(where.diameter)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tomogram.mrc"
        write_mrc(path, where.volume, where.voxel_size)
        tomogram = Tomogram(
            "scene", path, where.volume.shape, where.voxel_size, Acquisition(*where.tilt_range)
        )
        for seed in seeds:
            for origin, (made, what) in origins(source, matcher, share, seed).items():
                particles = replace(made, voxel_size_angstrom=where.voxel_size, box_size=box)
                ways = {"score": (particles, "score")} if np.isfinite(made.scores).all() else {}
                for by in ("boxes", "network") if origin.endswith("not oriented") else ("boxes",):
                    like = likeness(particles, [tomogram], by=by).particles
                    # as the picks of a program that gives no scores
                    bare = replace(like, scores=like.table[LIKENESS].to_numpy())
                    ways[f"likeness of {by}"] = bare, TABLE + LIKENESS
                for way, (measured, key) in ways.items():
                    kept, limit = cleaned(measured, where.diameter, key)
                    result = outcome(source, made, what, kept, near)
                    found.setdefault((origin, way), []).append(replace(result, limit=limit))
            print(f"seed {seed}: {time.perf_counter() - start:.0f} s", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(10, 20)))
    parser.add_argument("--false", type=float, default=0.3, help="share of the picks")
    options = parser.parse_args()
    folder = os.environ.get("TOMOPICK_DATA")
    if folder is None:
        raise SystemExit("this needs TOMOPICK_DATA, the folder of simulated tomograms")
    found = run(Path(folder), options.seeds, options.false)
    heads = (
        "true picks",
        "filtered by",
        "lowest",
        "true ones lost",
        "false ones left",
        "worst",
        "left, by kind",
    )
    print(f"| {' | '.join(heads)} |")
    print("|" + len(heads) * "---|")
    for (origin, way), outcomes in found.items():
        lost, true = sum(o.lost for o in outcomes), sum(o.true for o in outcomes)
        left, false = sum(o.left for o in outcomes), sum(o.false for o in outcomes)
        worst = max(outcomes, key=lambda o: o.lost / o.true + o.left / o.false)
        kinds = [kind for o in outcomes for kind in o.kinds]
        words = ", ".join(f"{kinds.count(kind)} {kind}" for kind in _KINDS if kind in kinds)
        limits = [o.limit for o in outcomes]
        cells = (
            origin,
            way,
            f"{min(limits):.2f} to {max(limits):.2f}",
            f"{lost} of {true} ({100 * lost / true:.1f} %)",
            f"{left} of {false} ({100 * left / false:.1f} %)",
            f"{worst.lost} lost, {worst.left} left",
            words,
        )
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
