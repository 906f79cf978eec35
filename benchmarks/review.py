"""What reviewing 50,000 oriented particles costs: in a window, with the image and without.

    python benchmarks/review.py [--particles 50000] [--repeats 15] [--folder DIR] [--profile]

Needs a screen; Xvfb will do. Each line has the time until the call returned, until the canvas was painted,
and what all threads of the process computed for it, in seconds (medians), beside its limit. Without a
graphics card most of what a 3D line takes is the painting, which is the processor's then.

- scene: from opening the tomogram of a project with the particles to their circles and arrows on the screen.
- selecting a tenth of them, deleting those (which is on disk when it returns), undoing and doing it again.
- filter: a slider at its next place, by which some thousand particles more or less are shown.
- slice: a step to the next slice with all of them, against the same step of plain napari with the bare image.
- memory: what the process has at the end, less what it had with the bare image; without the pages of files.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("NAPARI_CONFIG", str(Path(tempfile.mkdtemp()) / "napari.yaml"))

import numpy as np
import pandas as pd
from interaction import SHAPE, bare, by_turns, painted, project, step, tomogram_file
from scipy.spatial.transform import Rotation

from napari_tomopick.layers.scrolling import REST
from napari_tomopick.layers.workspace import Workspace
from napari_tomopick.models.filters import Range
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.widgets.dock import run_in_thread

BOX = 24


@dataclass(frozen=True)
class Line:
    """One measure: seconds until it returned, until it was painted, and computed; and what it may take."""

    what: str
    returned: float
    painted: float
    cpu: float
    limit: str


def particles(count: int) -> Particles:
    """Evenly over the tomogram, in every direction, with scores, groups and columns of numbers."""
    rng = np.random.default_rng(2)
    return Particles(
        rng.uniform(0, np.array(SHAPE[::-1]) - 1, (count, 3)),
        Rotation.random(count, rng=rng),
        scores=rng.normal(size=count),
        groups=rng.integers(1, 5, count),
        tomograms=["large"] * count,
        table=pd.DataFrame({"rlnClassNumber": rng.integers(1, 4, count), "other": rng.normal(size=count)}),
        box_size=BOX,
    )


def timed(viewer: object, what: str, limit: str, *actions: Callable[[], object]) -> Line:
    """Medians over actions that do the same."""
    taken = []
    for action in actions:
        start, cpu = time.perf_counter(), time.process_time()
        action()
        returned = time.perf_counter()
        painted(viewer)
        taken.append((returned - start, time.perf_counter() - start, time.process_time() - cpu))
    return Line(what, *np.median(np.array(taken), axis=0).tolist(), limit)


def lines(viewer: object, workspace: Workspace, count: int, repeats: int) -> Iterator[Line]:
    """All measures in the slices, then those in 3D."""
    session, review, rng = workspace.open_session, workspace.review, np.random.default_rng(3)
    uid = session.add_particles("p", particles(count), Step("x"))
    painted(viewer)
    workspace.close_tomogram()
    painted(viewer)
    yield timed(viewer, "scene, from opening the tomogram", "3", lambda: workspace.open_tomogram("large"))
    review.filters.measure(uid)
    edges = np.quantile(session.particles(uid).scores, np.linspace(0.4, 0.6, repeats))
    for where in ("", " in 3D"):
        if where:
            workspace.show_3d(True)
            workspace.image.layer.visible = False
            painted(viewer)
        chosen = [rng.choice(session.particles(uid).ids, count // 10, replace=False) for _ in range(3)]
        yield timed(
            viewer,
            f"select {count // 10}{where}",
            "0.5",
            *(lambda ids=ids: review.selection.set({uid: ids}) for ids in chosen),
        )
        for what, action in (
            ("delete them", review.delete),
            ("undo", workspace.undo),
            ("redo", workspace.redo),
        ):
            yield timed(viewer, f"{what}{where}", "0.5", action)
        workspace.undo()
        review.selection.clear()
        painted(viewer)
        yield timed(
            viewer,
            f"filter: the slider moves{where}",
            "0.1",
            *(lambda low=low: review.filters.set_range(uid, "score", Range(low=low)) for low in edges),
        )
        review.filters.reset(uid)
        painted(viewer)


def megabytes() -> float:
    """What the process has, less what it has mapped from files, which the system takes back at will."""
    words = Path("/proc/self/status").read_text().split()
    return int(words[words.index("RssAnon:") + 1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--particles", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--folder", type=Path, default=None, help="for 1 GB; default: a temporary one")
    parser.add_argument("--profile", action="store_true", help="print where the time goes as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder = options.folder or Path(temporary)
        path, profile = tomogram_file(folder), cProfile.Profile()
        with bare(path) as plain, project(path, folder) as (viewer, workspace):
            before = megabytes()
            print(f"{'':<42}{'call':>8}{'painted':>9}{'cpu':>8}   limit")
            if options.profile:
                profile.enable()
            for line in lines(viewer, workspace, options.particles, options.repeats):
                times = f"{line.returned:8.3f}{line.painted:9.3f}{line.cpu:8.3f}"
                print(f"{line.what:<42}{times}   {line.limit}", flush=True)
            workspace.show_3d(False)
            workspace.image.layer.visible = True
            actions = {"bare": (plain, step(plain)), "ours": (viewer, step(viewer))}
            # as with docks: arrows wait in another thread until scrolling is over
            workspace.run, at_once = run_in_thread, workspace.run
            times = by_turns(actions, options.repeats)
            until = time.perf_counter() + 3 * REST
            while time.perf_counter() < until:
                painted(viewer)
            workspace.run = at_once
            if options.profile:
                profile.disable()
            ours, alone = times["ours"], times["bare"]
            for what, one in (("a slice", ours), ("a slice of the bare image", alone)):
                print(f"{what:<42}{'':>8}{one.wall / 1000:9.3f}{one.cpu / 1000:8.3f}")
            ratio = f"{ours.wall / alone.wall:9.2f}{ours.cpu / alone.cpu:8.2f}"
            print(f"{'against the bare image, times':<42}{'':>8}{ratio}   1.5")
            print(f"{'memory, MB':<42}{megabytes() - before:8.0f}")
        if options.profile:
            pstats.Stats(profile).sort_stats("cumtime").print_stats(60)


if __name__ == "__main__":
    main()
