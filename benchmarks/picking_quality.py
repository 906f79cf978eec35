"""How well particles are found by template matching: ours, and as EMAN2 does it.

    TOMOPICK_DATA=/path/to/data python benchmarks/picking_quality.py [--scenes crowded ribosomes ...]
        [--methods ours eman2] [--seeds 0 1 2 3 4] [--template MAP.mrc]

The template is the true map of the particle. Scenes are those of `network_scenes.py`: `crowded`, the
project's own sample, where other kinds of complexes have the size and mass of the target (another tomogram
for every seed), and `crowded, faint`, the same with twice the noise; with TOMOPICK_DATA, `ribosomes`,
`crowns` and `membrane ribosomes`. A pick is right within a quarter of the particle's diameter, each particle
is found once.

- F1, precision, recall: at the threshold that the method sets without the truth; mean over seeds, and F1 of
  the worst;
- best F1: at the threshold that turns out best;
- chance: how many false picks ours expects at its threshold, and how many there are;
- angle, off: median error of the orientation in degrees (symmetry taken into account) and of the position in
  voxels, of the right picks.

Neither method is told the defocus. `eman2` is run at its own threshold (vthr 10) and at that of Scipion's
form (vthr 5), for it has no other way to set one.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import eman2_matching
import numpy as np
from network_scenes import CROWDED, Scene, names, scene
from network_scoring import judge

from napari_tomopick.geometry.symmetry import angles_between, point_group
from napari_tomopick.io.volumes import open_volume, write_mrc
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.picking.template import Template
from napari_tomopick.protocols import match

_NEAR = 0.25
"""Within how many diameters of the truth a pick is right."""
_SYMMETRY = {"crowns": "C12"}
_HEADER = (
    "| scene | method | F1 | worst F1 | precision | recall | best F1 | chance | false | angle | off | s |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Run:
    """One method on one tomogram."""

    f1: float
    precision: float
    recall: float
    best_f1: float
    chance: float
    false: float
    angle: float
    off: float
    seconds: float


def ours(where: Scene, template: Template, *, exact: bool = False) -> Run:
    """Match as a user does: from a file, nothing told but the tilt range."""
    low, high = where.tilt_range
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tomogram.mrc"
        write_mrc(path, where.volume, where.voxel_size)
        tomogram = Tomogram("scene", path, where.volume.shape, where.voxel_size, Acquisition(low, high))
        start = time.perf_counter()
        result = match(tomogram, template, exact=exact)
        seconds = time.perf_counter() - start
    # where the centre of the map is
    targets = where.targets + where.rotations.apply(np.full((len(where.targets), 3), -where.origin))
    found = result.found
    judged = judge(found.positions, found.scores, targets, _NEAR * where.diameter)
    score = judged.above(result.threshold)
    above = judged.scores >= result.threshold
    hits = above & (judged.particle >= 0)
    order = np.argsort(-found.scores, kind="stable")
    angles = angles_between(
        where.rotations[judged.particle[hits]],
        found.rotations[order[hits]],
        point_group(template.symmetry),
    )
    return Run(
        score.f1,
        score.precision,
        score.recall,
        judged.best().f1,
        result.false_positives(result.threshold),
        score.false,
        float(np.median(angles)) if len(angles) else np.nan,
        score.distance,
        seconds,
    )


def eman2(where: Scene, density: np.ndarray) -> dict[str, Run]:
    """Match as EMAN2 does, at two thresholds."""
    start = time.perf_counter()
    found = eman2_matching.score_map(where.volume, density)
    seconds = time.perf_counter() - start
    return {
        f"EMAN2-like, vthr {vthr:g}": _judged(
            where, *eman2_matching.picks(found, len(density), vthr), seconds
        )
        for vthr in (10.0, 5.0)
    }


def _judged(where: Scene, positions: np.ndarray, scores: np.ndarray, seconds: float) -> Run:
    judged = judge(positions, scores, where.targets, _NEAR * where.diameter)
    score = judged.above(-np.inf)
    return Run(
        score.f1,
        score.precision,
        score.recall,
        judged.best().f1,
        np.nan,
        score.false,
        np.nan,
        score.distance,
        seconds,
    )


def row(name: str, method: str, runs: Sequence[Run]) -> str:
    """A line of the table."""

    def mean(field: str) -> float:
        return float(np.mean([getattr(run, field) for run in runs]))

    return (
        f"| {name} | {method} | {mean('f1'):.3f} | {min(run.f1 for run in runs):.3f} | "
        f"{mean('precision'):.3f} | {mean('recall'):.3f} | {mean('best_f1'):.3f} | {mean('chance'):.2g} | "
        f"{mean('false'):.1f} | {mean('angle'):.1f} | {mean('off'):.2f} | {mean('seconds'):.1f} |"
    )


def main() -> None:
    found = os.environ.get("TOMOPICK_DATA")
    data = None if found is None else Path(found)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", nargs="+", default=["crowded, faint", *names(data)])
    parser.add_argument("--methods", nargs="+", default=["ours"], choices=["ours", "exact", "eman2"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--template", type=Path, help="a map to match with in place of the true one")
    options = parser.parse_args()
    print(_HEADER, flush=True)
    for name in options.scenes:
        for method in options.methods:
            runs: dict[str, list[Run]] = {}
            # only the sample is another one for every seed
            for seed in options.seeds if name in CROWDED else [0]:
                where = scene(name, seed, data)
                density, size = where.density, where.voxel_size
                if options.template is not None:
                    given = open_volume(options.template)
                    density, size = np.asarray(given.data, np.float32), given.voxel_size_angstrom or size
                template = Template.of(density, size, symmetry=_SYMMETRY.get(name, "C1"))
                if method == "eman2":
                    for called, each in eman2(where, template.density).items():
                        runs.setdefault(called, []).append(each)
                else:
                    done = ours(where, template, exact=method == "exact")
                    runs.setdefault(method, []).append(done)
            for called, all_of_it in runs.items():
                print(row(name, called, all_of_it), flush=True)


if __name__ == "__main__":
    main()
