"""How much the plugin adds to what napari itself needs, as one picks: in a window, both in the same run.

    python benchmarks/interaction.py [--repeats 40] [--folder DIR] [--profile]

Needs a screen; Xvfb will do. Each line is measured in a window with the plugin, and in one of plain napari
that shows the same, the two taking turns: medians of the time until the canvas is painted (wall) and of what
all threads of the process computed (cpu), in milliseconds.

- slice: a step to the next slice of a memory-mapped file of 1 GB with 2,000 particles and their arrows,
  against the bare image; and with 10,000 user points in 20 models, against as many in one.
- add: one more point to 10,000, journalled on disk, against ``Points.add`` of a layer of 10,000 points that
  look alike, over the same image. So are undo, against ``Points.remove``, and moving one, against setting
  ``Points.data``. A surface also has its curves, and arrows to its outer side, which plain napari has not.
- an edit: of a project alone, until it is on disk.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("NAPARI_CONFIG", str(Path(tempfile.mkdtemp()) / "napari.yaml"))

import mrcfile
import napari
import numpy as np
from qtpy.QtWidgets import QApplication
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.planes import Plane
from napari_tomopick.io.volumes import open_volume
from napari_tomopick.layers import compat
from napari_tomopick.layers.pointing import Spot
from napari_tomopick.layers.workspace import Workspace, workspace_for
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model, ModelType

SHAPE = (256, 1024, 1024)
PARTICLES, POINTS, MODELS = 2_000, 10_000, 20
SIZE = (1280, 800)
BOX = 24


@dataclass(frozen=True)
class Times:
    """Medians in ms."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Line:
    """One measure: the plugin's times, those of plain napari, and how many times those they may be."""

    what: str
    ours: Times
    bare: Times
    limit: float


def painted(viewer: napari.Viewer) -> None:
    """Paint the canvas now."""
    viewer.window._qt_viewer.canvas.native.update()
    QApplication.processEvents()


def by_turns(
    actions: dict[str, tuple[napari.Viewer, Callable[[int], object]]], repeats: int
) -> dict[str, Times]:
    """Times of actions, each until its viewer is painted, taking turns so that all meet the same machine."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in actions}
    for k in range(repeats + 3):
        for name, (viewer, action) in actions.items():
            wall, cpu = time.perf_counter(), time.process_time()
            action(k)
            painted(viewer)
            taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    # the first few fill caches
    return {
        name: Times(*(1000 * np.median(np.array(times[3:]), axis=0)).tolist())
        for name, times in taken.items()
    }


def tomogram_file(folder: Path) -> Path:
    """A noisy file of 1 GB."""
    path = folder / "large.mrc"
    if not path.exists():
        block = np.random.default_rng(0).normal(size=(16, *SHAPE[1:])).astype(np.float32)
        with mrcfile.new_mmap(path, SHAPE, mrc_mode=2) as file:
            for z in range(0, SHAPE[0], 16):
                file.data[z : z + 16] = block
            file.voxel_size = 10.0
    return path


def positions(count: int) -> np.ndarray:
    """Evenly over the tomogram, x, y, z."""
    return np.random.default_rng(1).uniform(0, np.array(SHAPE[::-1]) - 1, (count, 3)).round(1)


@contextmanager
def window() -> Iterator[napari.Viewer]:
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    yield viewer
    viewer.close()


@contextmanager
def bare(path: Path) -> Iterator[napari.Viewer]:
    """Plain napari on the image."""
    with window() as viewer:
        compat.unmirror(viewer)
        viewer.add_image(open_volume(path).data, contrast_limits=(-3, 3), projection_mode="none")
        painted(viewer)
        yield viewer


def bare_points(viewer: napari.Viewer, looks: compat.Points, z_margin: float) -> napari.layers.Points:
    """A layer of napari's own that looks like ours."""
    layer = viewer.add_points(
        looks.data,
        size=looks.size,
        border_color=looks.border_color,
        face_color=looks.face_color,
        border_width=looks.border_width,
        border_width_is_relative=False,
        projection_mode="rescale_spherical",
    )
    viewer.dims.margin_left = viewer.dims.margin_right = (z_margin,) * 3
    painted(viewer)
    return layer


@contextmanager
def project(path: Path, folder: Path) -> Iterator[tuple[napari.Viewer, Workspace]]:
    """The plugin on the image, with no points yet."""
    with window() as viewer, tempfile.TemporaryDirectory(dir=folder) as here:
        workspace = workspace_for(viewer)
        workspace.create_project(Path(here) / "p.tomopick")
        workspace.open_session.add_tomogram(Tomogram("large", path, SHAPE, 10.0))
        workspace.open_tomogram("large")
        viewer.layers[0].contrast_limits = (-3, 3)
        painted(viewer)
        yield viewer, workspace
        workspace.close_project()


def add_models(workspace: Workspace, count: int, kind: ModelType = ModelType.GENERAL) -> list[str]:
    """So many models, with `POINTS` points in all."""
    session = workspace.open_session
    if kind is ModelType.GENERAL:
        parts = np.array_split(positions(POINTS), count)
    else:
        parts = [traced(POINTS // count, k) for k in range(count)]
    with session.edit("Add models"):
        uids = [
            session.add_model(
                Model(
                    f"m{k}",
                    kind,
                    part,
                    np.round(part[:, 2]).astype(int),
                    marker=part.mean(axis=0) if kind is ModelType.SURFACE else None,
                    tomogram="large",
                    box_size=BOX,
                    colour=f"#{40 + 10 * k:02x}d{k % 10}a0",
                )
            )
            for k, part in enumerate(parts)
        ]
    workspace.picking.activate(uids[-1])
    return uids


def traced(count: int, seed: int) -> np.ndarray:
    """Clicks around a vesicle in every second slice, 20 in each, x, y, z."""
    rng = np.random.default_rng(seed)
    levels = np.arange(count) // 20
    angle = np.arange(count) % 20 * (2 * np.pi / 20)
    z = (2 * levels + 10 * seed) % (SHAPE[0] - 1)
    radius = 100 + 30 * np.sin(levels / 10) + 80 * (levels // 120)
    centre = rng.uniform(500, 524, 2)
    return np.column_stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle), z])


def add_particles(workspace: Workspace) -> None:
    workspace.open_session.add_particles(
        "p",
        Particles(
            positions(PARTICLES),
            Rotation.random(PARTICLES, rng=np.random.default_rng(2)),
            tomograms=["large"] * PARTICLES,
            box_size=BOX,
        ),
        Step("x"),
    )


def step(viewer: napari.Viewer) -> Callable[[int], None]:
    return lambda k: viewer.dims.set_point(0, 60 + k)


def slice_steps(path: Path, folder: Path, repeats: int) -> list[Line]:
    """What a step to the next slice costs."""
    with bare(path) as plain, project(path, folder) as (empty_viewer, empty):
        actions = {"bare": (plain, step(plain)), "empty": (empty_viewer, step(empty_viewer))}
        times = by_turns(actions, repeats)
        found = [Line("slice, nothing picked yet", times["empty"], times["bare"], 1.5)]
        add_particles(empty)
        painted(empty_viewer)
        times = by_turns(actions, repeats)
        found.append(Line(f"slice, {PARTICLES} particles with arrows", times["empty"], times["bare"], 1.5))
    with project(path, folder) as (one_viewer, one), project(path, folder) as (many_viewer, many):
        add_models(one, 1)
        add_models(many, MODELS)
        times = by_turns(
            {"one": (one_viewer, step(one_viewer)), "many": (many_viewer, step(many_viewer))}, repeats
        )
        found.append(
            Line(f"slice, {POINTS} points in {MODELS} models against 1", times["many"], times["one"], 1.2)
        )
    return found


def edits(path: Path, folder: Path, repeats: int, models: int, kind: ModelType) -> list[Line]:
    """What adding, moving and undoing cost."""
    with bare(path) as plain, project(path, folder) as (viewer, workspace):
        uid = add_models(workspace, models, kind)[-1]
        picking, looks = workspace.picking, workspace.picking.view.points
        layer = bare_points(plain, looks, picking.reach)
        for one in (plain, viewer):
            one.dims.set_point(0, 100)
            painted(one)
        where = np.random.default_rng(3).uniform(300, 700, (10 * repeats + 10, 2))
        last = len(workspace.open_session.model(uid))

        def add(k: int) -> None:
            picking.add_at(Spot(np.array([*where[k][::-1], 100.0]), Plane.orthogonal("z", 100), 1.0))

        def move(k: int) -> None:
            picking.move_points_to([(uid, last + k % 5)], [[*where[k][::-1], 100.0]])

        def move_bare(k: int) -> None:
            data = layer.data.copy()
            data[-1 - k % 5] = (100.0, *where[k])
            layer.data = data

        def both(ours: Callable[[int], object], bare_action: Callable[[int], object]) -> tuple[Times, Times]:
            times = by_turns({"ours": (viewer, ours), "bare": (plain, bare_action)}, repeats)
            return times["ours"], times["bare"]

        of = f"{POINTS} {kind} points in {models} model{'s' * (models > 1)}"
        return [
            Line(f"add to {of}", *both(add, lambda k: layer.add((100.0, *where[k]))), 1.3),
            Line(f"move one of {of}", *both(move, move_bare), 1.3),
            Line(
                f"undo with {of}",
                *both(lambda k: workspace.undo(), lambda k: layer.remove([len(layer.data) - 1])),
                1.3,
            ),
        ]


def journalled(path: Path, folder: Path, repeats: int) -> float:
    """Milliseconds of an edit of a project, until it is on disk."""
    from napari_tomopick.project import Session

    taken = []
    with (
        tempfile.TemporaryDirectory(dir=folder) as here,
        Session.create(Path(here) / "p.tomopick") as session,
    ):
        session.add_tomogram(Tomogram("large", path, SHAPE, 10.0))
        uid = session.add_model(Model("m", points=positions(POINTS), tomogram="large"))
        for k in range(repeats):
            start = time.perf_counter()
            session.add_points(uid, [[k, 1, 1]], [1])
            taken.append(1000 * (time.perf_counter() - start))
    return float(np.median(taken))


def run(folder: Path, repeats: int) -> Iterator[Line]:
    """All measures."""
    path = tomogram_file(folder)
    yield from slice_steps(path, folder, repeats)
    yield from edits(path, folder, repeats, 1, ModelType.GENERAL)
    yield from edits(path, folder, repeats, MODELS, ModelType.GENERAL)
    yield from edits(path, folder, repeats, 1, ModelType.SURFACE)


def report(line: Line) -> str:
    ours, plain = line.ours, line.bare
    ratios = ours.wall / plain.wall, ours.cpu / plain.cpu
    return (
        f"{line.what:<52}{ours.wall:7.1f} {plain.wall:7.1f} {ratios[0]:6.2f}"
        f"{ours.cpu:9.1f} {plain.cpu:7.1f} {ratios[1]:6.2f}   {line.limit:g}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--folder", type=Path, default=None, help="for 1 GB; default: a temporary one")
    parser.add_argument("--profile", action="store_true", help="print where the time goes as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder = options.folder or Path(temporary)
        profile = cProfile.Profile()
        print(f"{'':<52}{'wall':>7} {'napari':>7} {'ratio':>6}{'cpu':>9} {'napari':>7} {'ratio':>6}   limit")
        if options.profile:
            profile.enable()
        for line in run(folder, options.repeats):
            print(report(line), flush=True)
        print(f"{'an edit, on disk':<52}{journalled(tomogram_file(folder), folder, options.repeats):7.1f}")
        if options.profile:
            profile.disable()
            pstats.Stats(profile).sort_stats("cumtime").print_stats(60)


if __name__ == "__main__":
    main()
