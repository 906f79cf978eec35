"""Make the pictures of docs/tomograms.md: the dock in the middle of a long picking session.

usage: python tools/screenshots_tomograms.py [FOLDER]    (default: docs/images; needs a display or Xvfb)
"""

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs" / "images")
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "napari.yaml")

import napari  # noqa: E402  # it reads its settings when imported
import numpy as np  # noqa: E402
from qtpy.QtTest import QTest  # noqa: E402
from qtpy.QtWidgets import QDialog  # noqa: E402

from napari_tomopick.layers.workspace import workspace_for  # noqa: E402
from napari_tomopick.models.particles import concatenate  # noqa: E402
from napari_tomopick.project import Session  # noqa: E402
from napari_tomopick.protocols.demo import run_demo  # noqa: E402
from napari_tomopick.widgets.window import add_docks  # noqa: E402

SIZE = (1280, 800)
COUNT = 42


def long_session(project: Path) -> None:
    """Give the sample tomogram as many siblings, some of which are picked, empty, or just begun."""
    rng = np.random.default_rng(0)
    with Session.open(project) as session, session.edit(f"Import {COUNT - 1} tomograms"):
        (first,) = session.tomograms()
        models = session.models(first.name)
        sets = {entry.uid: session.particles(entry.uid) for entry in session.particle_sets()}
        more = {uid: [particles] for uid, particles in sets.items()}
        for number in range(1, COUNT):
            name = f"lamella_{number}"
            session.add_tomogram(replace(first, name=name))
            status = "todo" if number > 26 else rng.choice(["done", "done", "nothing_here"])
            session.set_status(name, "in_progress" if number in (24, 26) else str(status))
            if status == "nothing_here" or number > 26:
                continue
            for model in models:
                kept = np.sort(rng.permutation(len(model))[: rng.integers(len(model) // 2, len(model) + 1)])
                points, levels = model.points[kept], model.levels[kept]
                session.add_model(
                    replace(model, uid="", tomogram=name, points=points, levels=levels, proposed=None)
                )
            if number < 24:
                for uid, particles in sets.items():
                    here = particles.select(rng.random(len(particles)) < 0.8)
                    more[uid].append(replace(here, tomograms=np.full(len(here), name)))
        for entry in session.particle_sets():
            session.remove_particle_set(entry.uid)
            together = concatenate(more[entry.uid])
            session.add_particles(entry.name, together, entry.step, colour=entry.colour)


def main() -> None:
    """Take the pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    demo = run_demo(Path(tempfile.mkdtemp()) / "lamellae")
    long_session(demo.project)
    viewer = napari.Viewer(title="TomoPick")
    viewer.window.resize(*SIZE)
    workspace = workspace_for(viewer)
    frame = add_docks(viewer)["Tomograms"]
    dock = next(w for w in frame.findChildren(object) if w.objectName() == "tomopick-tomograms")
    workspace.open_project(demo.project)
    workspace.open_tomogram("lamella_20")
    while workspace.loading:
        QTest.qWait(50)
    for entry in workspace.open_session.particle_sets():
        workspace.review.set_visible(entry.uid, False)
    frame.raise_()
    QTest.qWait(1500)
    dock.table.go_to("lamella_20")
    QTest.qWait(500)
    viewer.screenshot(str(FOLDER / "tomograms-list.png"), canvas_only=False, flash=False)
    dock.properties_button.click()
    QTest.qWait(500)
    dialog = dock.findChild(QDialog, "tomogram-properties")
    dialog.grab().save(str(FOLDER / "tomograms-properties.png"))
    dialog.reject()
    workspace.close_project()
    viewer.close()


if __name__ == "__main__":
    main()
