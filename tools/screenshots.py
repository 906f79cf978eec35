"""Make the pictures of the docs from the sample project, in a real window.

usage: python tools/screenshots.py [FOLDER]      (default: docs/images; needs a display, Xvfb will do)
"""

import os
import sys
import tempfile
from pathlib import Path

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs" / "images")
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "napari.yaml")

import napari  # noqa: E402  # it reads its settings when imported
from qtpy.QtTest import QTest  # noqa: E402

from napari_tomopick.layers.workspace import workspace_for  # noqa: E402
from napari_tomopick.protocols.demo import run_demo  # noqa: E402
from napari_tomopick.widgets.window import add_docks  # noqa: E402

SIZE = (1280, 800)


def main() -> None:
    """Open the sample project and take a picture of every dock."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    demo = run_demo(Path(tempfile.mkdtemp()) / "demo")
    viewer = napari.Viewer(title="TomoPick")
    viewer.window.resize(*SIZE)
    workspace = workspace_for(viewer)
    docks = add_docks(viewer)

    def take(name: str, wait_ms: int = 600) -> None:
        QTest.qWait(wait_ms)
        viewer.screenshot(str(FOLDER / f"{name}.png"), canvas_only=False, flash=False)

    workspace.open_project(demo.project)
    workspace.open_tomogram(workspace.open_session.tomograms()[0].name)
    while workspace.loading:
        QTest.qWait(50)
    QTest.qWait(1500)
    for uid in [entry.uid for entry in workspace.open_session.particle_sets()]:
        workspace.review.set_visible(uid, False)
    docks["Tomograms"].raise_()
    take("tomograms")
    docks["Picking"].raise_()
    take("picking")
    docks["Steps"].raise_()
    steps = next(w for w in docks["Steps"].findChildren(object) if w.objectName() == "tomopick-steps")
    for title in ("Import", "Crop points", "Orient", "Extract"):
        steps.show_step(title)
        take("step-" + title.lower().replace(" ", "-"))
    for uid in [entry.uid for entry in workspace.open_session.particle_sets()]:
        workspace.review.set_visible(uid, True)
    docks["Review"].raise_()
    take("review")
    viewer.dims.ndisplay = 3
    viewer.scene.camera.angles = (0.0, 25.0, 60.0)
    take("review-3d", 3000)
    workspace.close_project()
    viewer.close()


if __name__ == "__main__":
    main()
