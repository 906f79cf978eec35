"""The directional workflow in a real window, by real mouse and key events, from clicks to an average."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hand import Hand

from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.project import Session
from napari_tomopick.samples import membrane_tomogram

pytestmark = [
    pytest.mark.skipif(
        shutil.which("xdotool") is None, reason="xdotool, which drives the window, is missing"
    ),
    pytest.mark.skipif(
        sys.platform != "linux" or not (os.environ.get("DISPLAY") or shutil.which("Xvfb")),
        reason="there is no X display to open a window on",
    ),
]


@pytest.fixture
def sample():
    return membrane_tomogram(size=(144, 128, 64), crowns=6, ribosomes=4)


@pytest.fixture
def hand(tmp_path, sample):
    write_mrc(tmp_path / "synthetic.mrc", sample.volume, sample.voxel_size_angstrom)
    nz, ny, nx = sample.volume.shape
    with Session.create(tmp_path / "p.tomopick") as session:
        session.add_tomogram(
            Tomogram("synthetic", tmp_path / "synthetic.mrc", (nz, ny, nx), 10.0, sample.acquisition)
        )
    state = tmp_path / "state.json"
    log = open(tmp_path / "window.log", "wb")
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("watched_window.py"), tmp_path / "p.tomopick", state],
        env={**os.environ, "NAPARI_CONFIG": str(tmp_path / "napari.yaml"), "QT_QPA_PLATFORM": "xcb"},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    hand = Hand(state, process)
    try:
        hand.until(lambda s: s["tomogram"] == "synthetic" and not s["loading"], "the tomogram", timeout=120)
        yield hand
    finally:
        process.kill()
        process.wait()
        log.close()


def middle(hand):
    x, y, width, height = hand.state()["canvas"]
    hand.point_at(x + width / 2, y + height / 2)


def test_from_clicks_to_an_average(hand, sample, tmp_path):
    # a membrane, traced in five slices, and its side marker
    hand.click("Picking")
    hand.choose("new-model-type", "surf")
    hand.click("add-model")
    hand.until(lambda s: len(s["models"]) == 1, "the surface model")
    middle(hand)
    clicked = []
    for z in (14, 23, 32, 41, 50):
        hand.go_to_slice(z)
        for y in (14, 40, 66, 92, 116):
            x = sample.membrane.points(np.array([y]), np.array(z))[0, 0]
            hand.over((x, y))
            hand.key("c")
            clicked.append((x, y, z))
            n = len(clicked)
            hand.until(lambda s, n=n: len(next(iter(s["models"].values()))["points"]) == n, f"point {n}")
    [surface] = hand.state()["models"]
    picked = np.array(hand.state()["models"][surface]["points"])
    scale = hand.state()["pixels_per_voxel"][0]
    # what was under the mouse is what is kept: within the pixel the mouse can point at
    np.testing.assert_allclose(picked, clicked, atol=0.5 / scale + 0.05)

    # undo and redo by key
    hand.key("ctrl+z")
    hand.until(lambda s: len(s["models"][surface]["points"]) == 24, "undo")
    hand.key("ctrl+shift+z")
    hand.until(lambda s: len(s["models"][surface]["points"]) == 25, "redo")

    hand.go_to_slice(32)
    hand.over(sample.marker[:2])
    hand.key("shift+c")
    hand.until(lambda s: s["models"][surface]["marker"] is not None, "the side marker")

    # crowns as loose points
    hand.choose("new-model-type", "gene")
    hand.click("add-model")
    hand.until(lambda s: len(s["models"]) == 2, "the general model")
    middle(hand)
    crowns = next(name for name in hand.state()["models"] if name != surface)
    for n, (x, y, z) in enumerate(sample.crowns.positions, 1):
        hand.go_to_slice(round(z))
        hand.over((x, y))
        hand.key("c")
        hand.until(lambda s, n=n: len(s["models"][crowns]["points"]) == n, f"crown {n}")

    # the steps, each run with its button
    hand.click("Steps")
    hand.choose("step", "Orient")
    hand.click("run-step")
    hand.until(lambda s: any("oriented" in name for name in s["sets"]), "oriented particles")
    hand.choose("step", "Extract")
    hand.click("run-step")
    hand.until(lambda s: len(s["results"]) == 1, "subtomograms")
    hand.choose("step", "Average")
    hand.click("run-step")
    seen = hand.until(lambda s: len(s["results"]) == 2, "the average")
    assert Path(seen["results"][1]).exists()

    # pulling the plug loses nothing
    hand._process.kill()
    hand._process.wait()
    with Session.open(tmp_path / "p.tomopick") as session:
        [entry] = session.particle_sets()
        particles = session.particles(entry.uid)
        assert session.undo_label is not None
    assert len(particles) == 6
    cosines = np.sum(particles.directions() * sample.crowns.directions(), axis=1)
    assert np.degrees(np.arccos(cosines)).max() < 12
