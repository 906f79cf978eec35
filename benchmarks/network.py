"""How well particles are picked after a few clicks: our picker, a network as EMAN2's, and simpler methods.

    TOMOPICK_DATA=/path/to/data python benchmarks/network.py [--scenes crowded crowns] [--references 5 20]
        [--methods blob template instant trained] [--seeds 0 1 2 3 4] [--applying]

n positive and n negative references are clicked with 1 voxel of jitter along each axis; each method learns
from them and picks in the same tomogram. Scenes: `crowded`, the project's own sample (another tomogram for
every seed), with 5 and with 20 references; and, with TOMOPICK_DATA, `ribosomes`, `crowns` and
`membrane ribosomes`, with 5. A pick is right within a quarter of the particle's diameter;
`network_scoring.py` says how it is counted.

- F1, precision, recall: at the threshold that the method sets without the truth; mean over seeds, and F1 of
  the worst seed;
- off: median distance of the right picks from the truth, in voxels;
- best F1: at the threshold that turns out best. A diagnosis: nobody has it while picking;
- train, apply: seconds. Bringing the tomogram to the network's sampling is part of training.

Methods: `blob`, `template`, `instant`, `trained`; and only if asked for, for the time they take, `eman2`
(two learning rates, some 7 minutes each to train on two free cores, so only the first seed unless --seeds is
given) and `map` (matching with the true map, a minute or two; first seed only, likewise).

--applying: only how long our picker takes in tomograms of 256x256x128 and 512x512x200 voxels that it has not
seen, its file being read included.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from network_peers import AveragedTemplate, Blob, Method, TrueMap
from network_scenes import Scene, names, scene
from network_scoring import Score, judge

_NEAR = 0.25
"""Within how many diameters of the truth a pick is right."""
_SLOW = ("eman2", "map")
_HEADER = (
    "| scene | n | method | F1 | worst F1 | precision | recall | off | best F1 | train | apply |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Run:
    """One method on one tomogram with one set of clicks."""

    score: Score
    best: Score
    train: float
    apply: float


def methods(name: str, scene: Scene) -> list[Method]:
    """The methods that a name on the command line means."""
    if name == "blob":
        return [Blob()]
    if name == "template":
        return [AveragedTemplate()]
    if name == "map":
        return [TrueMap(scene.density, scene.transfer)]
    if name == "eman2":
        from network_eman2 import Eman2Recipe

        return [Eman2Recipe(1e-5), Eman2Recipe(1e-4)]
    from network_ours import Ours

    return [Ours(name)]


def run(method: Method, scene: Scene, n: int, seed: int) -> Run:
    """Click, learn, pick, judge."""
    clicks = scene.clicks(n, seed)
    start = time.perf_counter()
    model = method.train(
        scene.volume,
        scene.voxel_size,
        scene.tilt_range,
        clicks.positive,
        clicks.negative,
        scene.diameter,
        seed,
    )
    trained = time.perf_counter()
    picks = method.pick(model, scene.volume)
    applied = time.perf_counter()
    judged = judge(picks.positions, picks.scores, scene.targets, _NEAR * scene.diameter, clicks.references)
    return Run(judged.above(picks.threshold), judged.best(), trained - start, applied - trained)


def row(name: str, n: int, method: str, runs: Sequence[Run]) -> str:
    """A line of the table."""

    def mean(value: Callable[[Run], float]) -> float:
        values = np.array([value(run) for run in runs])
        return float(values[~np.isnan(values)].mean()) if not np.isnan(values).all() else np.nan

    worst = min(run.score.f1 for run in runs)
    return (
        f"| {name} | {n} | {method} | {mean(lambda r: r.score.f1):.3f} | {worst:.3f} | "
        f"{mean(lambda r: r.score.precision):.3f} | {mean(lambda r: r.score.recall):.3f} | "
        f"{mean(lambda r: r.score.distance):.2f} | {mean(lambda r: r.best.f1):.3f} | "
        f"{mean(lambda r: r.train):.1f} | {mean(lambda r: r.apply):.1f} |"
    )


def compare(
    scenes: Sequence[str],
    references: Sequence[int] | None,
    chosen: Sequence[str],
    seeds: Sequence[int] | None,
    data: Path | None,
) -> None:
    """Print the table, a line as soon as it is known."""
    print(_HEADER, flush=True)
    for name in scenes:
        tomograms: dict[int, Scene] = {}
        for n in references or ((5, 20) if name == "crowded" else (5,)):
            for choice in chosen:
                runs: dict[str, list[Run]] = {}
                for seed in seeds or (range(1) if choice in _SLOW else range(5)):
                    if seed not in tomograms:
                        tomograms[seed] = scene(name, seed, data)
                    for method in methods(choice, tomograms[seed]):
                        runs.setdefault(method.name, []).append(run(method, tomograms[seed], n, seed))
                for method_name, done in runs.items():
                    print(row(name, n, method_name, done), flush=True)


def applying(stages: Sequence[str]) -> None:
    """Print how long our picker takes in two tomograms that it has not seen, read from their files."""
    from network_ours import Ours

    small = scene("crowded", 0, None)
    elsewhere = scene("crowded", 1, None).volume
    sizes = [(0, n - m) for n, m in zip((200, 512, 512), elsewhere.shape, strict=True)]
    clicks = small.clicks(5, 0)
    print("| tomogram | method | seconds | picks |\n|---|---|---|---|")
    for stage in stages:
        method = Ours(stage)
        model = method.train(
            small.volume,
            small.voxel_size,
            small.tilt_range,
            clicks.positive,
            clicks.negative,
            small.diameter,
            0,
        )
        for volume in (elsewhere, np.pad(elsewhere, sizes, mode="wrap")):
            start = time.perf_counter()
            picks = method.pick_elsewhere(model, volume)
            seconds = time.perf_counter() - start
            found = int((picks.scores >= picks.threshold).sum())
            print(f"| {'x'.join(map(str, volume.shape[::-1]))} | {method.name} | {seconds:.1f} | {found} |")


def main() -> None:
    folder = os.environ.get("TOMOPICK_DATA")
    data = None if folder is None else Path(folder)
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenes", nargs="+", choices=list(names(data)), default=list(names(data)))
    parser.add_argument("--references", type=int, nargs="+", help="positive ones, and as many negative ones")
    every = ("blob", "template", "instant", "trained", *_SLOW)
    parser.add_argument("--methods", nargs="+", choices=every)
    parser.add_argument("--seeds", type=int, nargs="+", help="of clicks, and of the crowded tomogram")
    parser.add_argument("--applying", action="store_true")
    options = parser.parse_args()
    if options.applying:
        applying([m for m in options.methods or every if m in ("instant", "trained")])
    else:
        chosen = options.methods or ["blob", "template", "instant", "trained"]
        compare(options.scenes, options.references, chosen, options.seeds, data)


if __name__ == "__main__":
    main()
