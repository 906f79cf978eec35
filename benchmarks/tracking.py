"""How far and how well a membrane is followed from one traced slice, and whether a run-away goes unnoticed.

    TOMOPICK_DATA=/path/to/data python benchmarks/tracking.py [--seeds 20 21 22]

From one slice, traced with 10 to 14 points of 1 voxel jitter, 20 slices up and 20 down in steps of 2, for
several starts and seeds (`track`, without drawing). For each kind of membrane:

- slices: share of those asked for that were handed out;
- RMS: of the distances of the points handed out from the true membrane, in voxels;
- within 2: share of these points within 2 voxels;
- worst slice: the largest RMS of one slice;
- run-aways: slices handed out with an RMS above 2.5 voxels;
- ms: what one core computes per slice, the checks by tracking back included.

"Between": two slices 20 apart are traced, and those between them filled. The last table compares the
confidence of the points with how many of them are within 2 voxels. Without TOMOPICK_DATA the simulated
mitochondrion is left out.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tracking_scenes import ACQUISITION, Scene, failures, phantoms, simulated

from napari_tomopick.geometry.membrane_tracking import Track, track_between, track_outward
from napari_tomopick.geometry.tracked_levels import TrackedLevel, View

REACH, STEP = 20, 2
RUN_AWAY = 2.5
PHANTOM_SNR = (1.0, 0.3, 0.1, 0.05, 0.02)
FAILURE_SNR = (0.3, 0.1, 0.03)


@dataclass
class Measures:
    """Of all tracks on one kind of membrane.

    Parameters
    ----------
    asked, found : int
        Slices.
    distances : list of arrays
        Of the points of each slice found, from the true membrane.
    confidences : list of arrays
        Of these points.
    seconds : float
    stopped : set of str
        Every reason to stop.
    """

    asked: int = 0
    found: int = 0
    distances: list[NDArray[np.float64]] = field(default_factory=list)
    confidences: list[NDArray[np.float64]] = field(default_factory=list)
    seconds: float = 0.0
    stopped: set[str] = field(default_factory=set)

    def add(self, scene: Scene, track: Track, asked: int) -> None:
        """Run a track to its end."""
        start = time.thread_time()
        levels: list[TrackedLevel] = list(track)
        self.seconds += time.thread_time() - start
        self.asked += asked
        self.found += len(levels)
        # where there is no membrane, any position is far from it
        self.distances += [np.minimum(np.abs(scene.distance(level.points)), 20) for level in levels]
        self.confidences += [level.point_confidence for level in levels]
        self.stopped.add(track.stopped)

    @property
    def rms(self) -> float:
        """Over all points."""
        return float(np.sqrt(np.mean(np.concatenate(self.distances) ** 2))) if self.found else np.nan

    @property
    def within(self) -> float:
        """Share of the points within 2 voxels."""
        return float(np.mean(np.concatenate(self.distances) <= 2)) if self.found else np.nan

    @property
    def slices(self) -> NDArray[np.float64]:
        """RMS of each slice."""
        return np.array([np.sqrt((d**2).mean()) for d in self.distances])

    @property
    def run_aways(self) -> int:
        """Slices that were handed out although they are off the membrane."""
        return int((self.slices > RUN_AWAY).sum())

    def row(self, name: str) -> str:
        """A line of the table."""
        if not self.found:
            return f"| {name} | 0% | – | – | – | 0 | – |"
        worst = self.slices.max()
        return (
            f"| {name} | {self.found / self.asked:.0%} | {self.rms:.2f} | {self.within:.1%} | {worst:.2f} | "
            f"{self.run_aways} | {1000 * self.seconds / self.found:.0f} |"
        )


def view_of(scene: Scene) -> View:
    return View(scene.volume, tilt_range_degrees=ACQUISITION.tilt_range_degrees)


def outward(scenes: Iterable[Scene], seeds: Sequence[int]) -> Measures:
    """From each start of each scene, up and down."""
    measures = Measures()
    for scene in scenes:
        for start in scene.starts:
            for seed in seeds:
                clicks = scene.clicks(start, 10 + 4 * (seed % 2), 1.0, np.random.default_rng(seed))
                for sign in (1, -1):
                    targets = range(start + sign * STEP, start + sign * (REACH + 1), sign * STEP)
                    targets = [k for k in targets if 0 <= k < scene.volume.shape[0]]
                    traced = {start: clicks}
                    measures.add(
                        scene,
                        track_outward(view_of(scene), traced, targets, closed=scene.closed),
                        len(targets),
                    )
    return measures


def between(scenes: Iterable[Scene], seeds: Sequence[int]) -> Measures:
    """From two slices into those between them."""
    measures = Measures()
    for scene in scenes:
        for start in scene.starts:
            end = start + REACH
            if scene.closed:  # about the equator
                start, end = start - REACH // 2, start + REACH // 2
            for seed in seeds:
                rng = np.random.default_rng(seed)
                traced = {k: scene.clicks(k, 10 + 4 * (seed % 2), 1.0, rng) for k in (start, end)}
                targets = list(range(start + STEP, end, STEP))
                track = track_between(view_of(scene), traced, start, end, targets, closed=scene.closed)
                measures.add(scene, track, len(targets))
    return measures


def kinds(scenes: Iterable[Scene]) -> Iterator[tuple[str, list[Scene]]]:
    """Scenes of the same kind together; what follows a comma in their name is the seed."""
    groups: dict[str, list[Scene]] = {}
    for scene in scenes:
        groups.setdefault(scene.name.split(",")[0], []).append(scene)
    yield from groups.items()


def main() -> None:
    parser = argparse.ArgumentParser()
    # the constants of the tracking were set with seeds below 20
    parser.add_argument("--seeds", type=int, nargs="+", default=[20, 21, 22], help="of clicks and phantoms")
    seeds = parser.parse_args().seeds
    every: list[Measures] = []

    def table(title: str, scenes: Iterable[Scene], *, both_sides: bool) -> None:
        for kind, same in kinds(scenes):
            every.append(outward(same, seeds))
            print(every[-1].row(f"{title}{kind}"), flush=True)
            if both_sides:
                every.append(between(same, seeds))
                print(every[-1].row(f"{title}{kind}, between"), flush=True)

    print(
        "| membrane | slices | RMS | within 2 | worst slice | run-aways | ms |\n|---|---|---|---|---|---|---|"
    )
    if "TOMOPICK_DATA" in os.environ:
        table("simulated, ", simulated(Path(os.environ["TOMOPICK_DATA"])), both_sides=True)
    for snr in PHANTOM_SNR:
        scenes = [scene for seed in seeds for scene in phantoms(snr, seed)]
        table(f"SNR {snr:g}, ", scenes, both_sides=snr == 0.1)
    for snr in FAILURE_SNR:
        scenes = [scene for seed in seeds for scene in failures(snr, seed)]
        table(f"SNR {snr:g}, ", scenes, both_sides=False)

    confidence = np.concatenate([c for m in every for c in m.confidences])
    distance = np.concatenate([d for m in every for d in m.distances])
    print("\n| confidence | points | within 2 voxels |\n|---|---|---|")
    edges = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
    for low, high in pairwise(edges):
        here = (confidence >= low) & ((confidence < high) | (high == 1.0))
        print(f"| {low:g} to {high:g} | {here.sum()} | {np.mean(distance[here] <= 2):.1%} |")
    print(f"\nrun-aways: {sum(m.run_aways for m in every)} of {sum(m.found for m in every)} slices")


if __name__ == "__main__":
    main()
