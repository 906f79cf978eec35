"""How fast the gallery fills, and how much memory it takes.

    python benchmarks/gallery.py [--boxes 5000] [--box-size 48] [--page 300] [--folder DIR]

A float32 tomogram of 512 x 512 x 200 voxels is written to a temporary folder and memory-mapped, as it is when
it is opened, with oriented particles anywhere in it. Without a window, everything at once. Reported:

- pictures a second of boxes as they lie, and in the particles' own frames, one section and all three, the
  mean of 5 slices and of 1: what a page of them takes from the wish to the grey tiles;
- what it takes to make the tiles of a page again that is read already, as in scrolling;
- particles a second in the running average, trilinear and cubic;
- the anonymous memory of the program before, and at most while all pages are looked at and all is averaged.

The file is in the page cache. Times are of the wall and, as a machine is rarely all one's own, of the
processor in brackets.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from napari.components import ViewerModel
from scipy.spatial.transform import Rotation

from napari_tomopick.io.volumes import MrcSlabWriter
from napari_tomopick.layers.gallery import Gallery
from napari_tomopick.layers.workspace import Workspace, workspace_for
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram

SHAPE = (200, 512, 512)


def opened(folder: Path, count: int, box_size: int) -> tuple[Workspace, str]:
    """A workspace showing a new tomogram, and the uid of its particles."""
    rng = np.random.default_rng(0)
    with MrcSlabWriter(folder / "tomogram.mrc", SHAPE, np.float32, 10.0) as writer:
        for _ in range(SHAPE[0]):
            writer.write(rng.standard_normal((1, *SHAPE[1:]), dtype=np.float32))
    workspace = workspace_for(ViewerModel())
    workspace.create_project(folder / "project.tomopick")
    session = workspace.open_session
    session.add_tomogram(Tomogram("tomogram", folder / "tomogram.mrc", SHAPE, 10.0))
    workspace.open_tomogram("tomogram")
    margin = box_size  # so that no box is spared for being outside
    positions = rng.uniform(margin, np.array(SHAPE[::-1]) - margin, (count, 3))
    particles = Particles(
        positions,
        Rotation.random(count, rng=1),
        tomograms=np.full(count, "tomogram"),
        voxel_size_angstrom=10.0,
        box_size=box_size,
    )
    return workspace, session.add_particles("particles", particles, Step("benchmark", {}))


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the wall and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - wall, time.process_time() - cpu


class Memory:
    """The most anonymous memory that the program has, from here on, in MiB."""

    def __init__(self) -> None:
        self.most = self.now()
        self._done = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    @staticmethod
    def now() -> float:
        """What it has now."""
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            self.most = max(self.most, self.now())

    def end(self) -> float:
        """The most so far."""
        self._done.set()
        return self.most


def fill(gallery: Gallery) -> None:
    """Look at the page in sight until all of it is there."""
    gallery.load()
    assert all(tile.picture is not None for tile in gallery.tiles())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--boxes", type=int, default=5000)
    parser.add_argument("--box-size", type=int, default=48)
    parser.add_argument("--page", type=int, default=300)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        workspace, uid = opened(Path(name), options.boxes, options.box_size)
        measure(workspace, uid, options.boxes, options.page)
        workspace.close_project()


def measure(workspace: Workspace, uid: str, count: int, page: int) -> None:
    """All that is reported."""

    def a_gallery(**look: object) -> Gallery:
        gallery = Gallery(workspace)
        gallery.set_page_size(page)
        gallery.show(uid)
        gallery.set_cut(**look)  # type: ignore[arg-type]
        # only what is looked at is counted
        type(gallery.view).near = ()  # type: ignore[assignment,misc]
        return gallery

    # compiled code is compiled, or read, at the first use
    for frame in ("tomogram", "own"):
        warm = a_gallery(frame=frame)
        warm.set_page_size(2)
        fill(warm)
    print(f"{count} particles, a page of {page}, boxes of {warm.boxes.box_size} voxels")
    for frame, view, slices in (
        ("tomogram", "z", 5),
        ("tomogram", "y", 5),
        ("tomogram", "three", 5),
        ("own", "y", 1),
        ("own", "y", 5),
        ("own", "three", 5),
    ):
        gallery = a_gallery(frame=frame, view=view, slices=slices)
        times = []
        for number in range(4):
            gallery.turn_to(number)
            times.append(timed(lambda g=gallery: fill(g)))  # type: ignore[misc]
        wall, cpu = (min(t) for t in zip(*times, strict=True))
        again = min(timed(gallery.tiles)[0] for _ in range(5))
        print(
            f"  {frame:8} {view:5} {slices} slices: {page / wall:6.0f} pictures/s "
            f"({page / cpu:.0f}/s of processor), tiles again in {1000 * again:.1f} ms"
        )
    for interpolation, some in (("linear", 600), ("cubic", 60)):
        gallery = a_gallery()
        gallery.average.set_interpolation(interpolation)  # type: ignore[arg-type]
        gallery.select(range(some))
        wall, cpu = timed(lambda g=gallery: g.average.set_on(True))  # type: ignore[misc]
        assert gallery.average.count == some
        print(f"  average, {interpolation}: {some / wall:.0f} particles/s ({some / cpu:.0f}/s of processor)")
    del gallery
    before, memory = Memory.now(), Memory()
    gallery = a_gallery(frame="own", view="three")
    for number in range(gallery.pages):
        gallery.turn_to(number)
        fill(gallery)
    gallery.average.set_of("all")
    gallery.average.set_on(True)
    most, pages = memory.end(), gallery.pages
    print(f"  memory: {before:.0f} MiB before, at most {most:.0f} MiB with {pages} pages and all averaged")


if __name__ == "__main__":
    main()
