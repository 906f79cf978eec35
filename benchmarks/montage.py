"""How smooth the Montage dock is: 4 x 5 slices of 512 x 512 with 20 models of 100 points each.

    python benchmarks/montage.py [--repeats 30]

Median and worst time in milliseconds of work of the window's own thread, which other programs do not change
(of the last, on the clock, since others do the reading), of

- pan, zoom: one more step of it, painted, with the whole page seen and at one pixel per voxel;
- active slice: another slice gets the red frame;
- points: what is drawn over the slices is put together anew, none of which has changed, and painted;
- edit: a point is added: journalled in the project, drawn in the slice viewer, and painted here;
- contrast: other grey values, on all slices;
- page (read before): the next page, painted;
- page (from the file): the next page where nothing is read ahead, until the last of its slices is painted.

No graphics card is used; QT_QPA_PLATFORM=offscreen gives the same pictures without a screen.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication

from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers.workspace import Workspace, workspace_for
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.widgets.montage import MontageDock

SHAPE = (120, 512, 512)
ROWS, COLUMNS = 4, 5
MODELS, POINTS_PER_LEVEL, LEVELS = 20, 10, 10
WINDOW = (1280, 800)


def prepared(folder: Path) -> Workspace:
    """A workspace showing a noisy tomogram with traced surfaces."""
    rng = np.random.default_rng(0)
    write_mrc(folder / "tomo.mrc", rng.normal(size=SHAPE).astype(np.float32), 10.0)
    workspace = workspace_for(ViewerModel())
    workspace.create_project(folder / "project.tomopick")
    session = workspace.open_session
    session.add_tomogram(Tomogram("tomo", folder / "tomo.mrc", SHAPE, 10.0))
    workspace.open_tomogram("tomo")
    angle = np.linspace(0, 2 * np.pi, POINTS_PER_LEVEL, endpoint=False)
    for k in range(MODELS):
        centre, radius = rng.uniform(100, 412, 2), rng.uniform(30, 90)
        ring = centre + radius * np.column_stack([np.cos(angle), np.sin(angle)])
        levels = np.repeat(np.arange(LEVELS) * 2, POINTS_PER_LEVEL)
        points = np.column_stack([np.tile(ring, (LEVELS, 1)), levels])
        session.add_model(
            Model(f"m{k}", ModelType.SURFACE, points, levels, marker=[*centre, 8.0], tomogram="tomo")
        )
    return workspace


def timed(
    action: Callable[[int], object], repeats: int, clock: Callable[[], float] = time.thread_time
) -> tuple[float, float]:
    """Median and worst time in ms."""
    times = []
    for k in range(repeats):
        start = clock()
        action(k)
        times.append((clock() - start) * 1000)
    return float(np.median(times)), max(times)


def run(repeats: int) -> dict[str, tuple[float, float]]:
    """The times of all actions."""
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    with tempfile.TemporaryDirectory() as folder:
        workspace = prepared(Path(folder))
        dock = MontageDock(workspace.viewer)
        dock.resize(*WINDOW)
        dock.show()
        montage, canvas = dock.montage, dock.canvas

        def until_read() -> None:
            while montage.mosaic is None or montage.missing:
                app.processEvents()
            canvas.repaint()

        def page(k: int) -> None:
            montage.turn(1 if k % 2 == 0 else -1)
            until_read()

        def page_from_file(k: int) -> None:
            montage.set_thickness(2 + k)
            until_read()

        until_read()
        montage.set(first=0, last=SHAPE[0] - 1, step=2, rows=ROWS, columns=COLUMNS)
        montage.activate(0)  # the traced slices are on the first page
        until_read()
        found = {}
        for name, scale in (("whole page", None), ("1 px per voxel", 1.0)):
            canvas.fit()
            if scale is not None:
                canvas.zoom(scale / canvas.viewport.scale, (100.0, 100.0))
            found[f"pan, {name}"] = timed(
                lambda k: (canvas.pan((-1) ** k * 9.0, 4.0 * (-1) ** k), canvas.repaint()), repeats
            )
            found[f"zoom, {name}"] = timed(
                lambda k: (canvas.zoom(1.1 if k % 2 == 0 else 1 / 1.1), canvas.repaint()), repeats
            )
        canvas.fit()
        found["active slice"] = timed(lambda k: (montage.activate(2 * (k % 10)), canvas.repaint()), repeats)
        session, model = workspace.open_session, workspace.picking.active
        assert model is not None
        found["points"] = timed(
            lambda _: (workspace.picking.models_changed.emit(), canvas.repaint()), repeats
        )
        found["edit"] = timed(
            lambda k: (session.add_points(model.uid, [[200.0 + k, 256.0, 8.0]], [8]), canvas.repaint()),
            repeats,
        )
        found["contrast"] = timed(
            lambda k: (workspace.display.widen(1.1 if k % 2 == 0 else 1 / 1.1), canvas.repaint()), repeats
        )
        montage.turn(1)
        until_read()
        end = time.perf_counter() + 2
        while time.perf_counter() < end:
            app.processEvents()
        found["page (read before)"] = timed(page, repeats)
        found["page (from the file)"] = timed(page_from_file, min(repeats, 8), time.perf_counter)
        dock.close()
        workspace.close_project()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=30)
    for name, (median, worst) in run(parser.parse_args().repeats).items():
        print(f"{name:28s} {median:7.1f} ms   worst {worst:7.1f} ms")


if __name__ == "__main__":
    main()
