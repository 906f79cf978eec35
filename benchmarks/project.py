"""How long edits of a project take, each of them on disk when its time ends.

    python benchmarks/project.py [--points 10000] [--particles 50000] [--folder DIR]

Edits are dominated by what the disk takes to write through its caches: choose the folder on the disk that
matters (a network drive, say). ``one write to the disk`` is a single fsync of 4 kB there, for comparison.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model
from napari_tomopick.project import Session


def timed(label: str, action: Callable[[], object]) -> None:
    """Run once and print the time."""
    start = time.perf_counter()
    action()
    print(f"{label:<58}{time.perf_counter() - start:9.3f} s")


def repeated(label: str, action: Callable[[int], object], times: int = 100) -> None:
    """Run many times and print the median and the longest time."""
    took = []
    for number in range(times):
        start = time.perf_counter()
        action(number)
        took.append(1000 * (time.perf_counter() - start))
    print(f"{label:<58}{np.median(took):9.2f} ms (at most {max(took):.2f})")


def main(points: int, particles: int, folder: Path) -> None:
    """Time edits of a model of so many points, and of a set of so many particles."""
    rng = np.random.default_rng(0)
    path = folder / "benchmark.tomopick"

    def write(number: int) -> None:
        with (folder / "write").open("wb") as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())

    repeated("one write to the disk", write)
    with Session.create(path) as session:
        session.add_tomogram(Tomogram("t", folder / "t.mrc", (500, 1000, 1000), 10.0))
        model = Model("m", tomogram="t", points=rng.uniform(0, 400, (points, 3)))
        uid = session.add_model(model)

        def add(number: int) -> None:
            session.add_points(uid, [[number, 1, 1]], [1])
            session.model(uid)

        repeated(f"add a point to {points}", add)
        repeated("move a point", lambda n: session.move_points(uid, [n], [[n, 2, 2]]))
        repeated("delete a point", lambda n: session.delete_points(uid, [n]))
        repeated("undo", lambda n: session.undo())
        repeated("redo", lambda n: session.redo())

        many = Particles(
            rng.uniform(0, 400, (particles, 3)),
            Rotation.random(particles, rng=rng),
            scores=rng.random(particles),
            tomograms=["t"] * particles,
        ).with_columns(tomopickDistance=rng.random(particles), tomopickSurface=["outer membrane"] * particles)
        timed(
            f"save {particles} particles with 2 further columns",
            lambda: session.add_particles("p", many, Step("x")),
        )
        key = session.particle_sets()[0].uid
        timed("load them", lambda: session.particles(key))
        chosen = rng.permutation(particles)[: particles // 10] + 1
        timed(
            f"delete {len(chosen)} of them",
            lambda: (session.remove_particles(key, chosen), session.particles(key)),
        )
        timed("undo that", lambda: (session.undo(), session.particles(key)))
        repeated("delete one", lambda n: (session.remove_particles(key, [n + 1]), session.particles(key)), 20)
        turned = session.particles(key).with_columns(tomopickDistance=rng.random(particles - 20))
        timed("change them all", lambda: (session.update_particles(key, turned), session.particles(key)))
        timed("undo that", lambda: (session.undo(), session.particles(key)))
    timed("open the project again", lambda: Session.open(path).close())
    print(f"{'size of the file':<58}{path.stat().st_size / 2**20:9.1f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--particles", type=int, default=50_000)
    parser.add_argument("--folder", type=Path, default=None, help="default: the system's temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        main(options.points, options.particles, Path(temporary))
