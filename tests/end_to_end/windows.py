"""A real window on a project, and what a hand does in it again and again."""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hand import Hand

from napari_tomopick.project import Session


def needs_a_screen(test):
    """Mark tests that drive a window."""
    no_hand = pytest.mark.skipif(
        shutil.which("xdotool") is None, reason="xdotool, which drives the window, is missing"
    )
    no_screen = pytest.mark.skipif(
        sys.platform != "linux" or not (os.environ.get("DISPLAY") or shutil.which("Xvfb")),
        reason="there is no X display to open a window on",
    )
    return no_hand(no_screen(test))


@contextmanager
def window_on(tomogram, folder):
    """A window on a new project with one tomogram, and a hand to drive it."""
    with Session.create(folder / "p.tomopick") as session:
        session.add_tomogram(tomogram)
    state = folder / "state.json"
    with open(folder / "window.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("watched_window.py"), folder / "p.tomopick", state],
            env={
                **os.environ,
                "NAPARI_CONFIG": str(folder / "napari.yaml"),
                "TOMOPICK_SETTINGS": str(folder / "settings.json"),
                "QT_QPA_PLATFORM": "xcb",
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        hand = Hand(state, process)
        try:
            hand.until(lambda s: s["tomogram"] and not s["loading"], "the tomogram", timeout=120)
            yield hand
        finally:
            # pulling the plug is how every one of these tests ends
            process.kill()
            process.wait()


def add_model(hand, letters):
    """Add a model of the type that begins with these letters, and return its name."""
    before = set(hand.state()["models"])
    hand.click("Picking")
    hand.choose("new-model-type", letters)
    hand.click("add-model")
    seen = hand.until(lambda s: set(s["models"]) != before, "the new model")
    x, y, width, height = seen["canvas"]
    hand.point_at(x + width / 2, y + height / 2)
    return next(iter(set(seen["models"]) - before))


def pick(hand, name, points):
    """Put points into the active model, each in its slice, and see that what was meant is what is kept."""
    seen, shown = hand.fresh(), None
    for n, (x, y, z) in enumerate(points, 1):
        if round(z) != shown:
            shown = round(z)
            hand.go_to_slice(shown)
        hand.over((x, y), seen)
        hand.key("c")
        hand.until(lambda s, n=n: len(s["models"][name]["points"]) == n, f"point {n} of {name}")
    kept = np.array(hand.state()["models"][name]["points"])
    pixel = abs(1 / hand.state()["pixels_per_voxel"][0])
    meant = np.column_stack([np.asarray(points)[:, :2], np.rint(np.asarray(points)[:, 2])])
    # the mouse stands on whole pixels of the screen
    np.testing.assert_allclose(kept, meant, atol=0.5 * pixel + 0.05)


def put_marker(hand, name, marker):
    hand.go_to_slice(round(marker[2]))
    hand.over(marker[:2])
    hand.key("shift+c")
    hand.until(lambda s: s["models"][name]["marker"] is not None, "the side marker")


def run_step(hand, letters, results, timeout=60):
    """Run a step with its button, until the project holds this many particle sets and results."""
    hand.click("Steps")
    hand.choose("step", letters)
    hand.click("run-step")
    return hand.until(
        lambda s: len(s["sets"]) + len(s["results"]) == results and s["widgets"]["run-step"]["enabled"],
        f"the result of {letters}",
        timeout,
    )
