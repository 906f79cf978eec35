"""The tutorial's steps 1 and 2 on a real tomogram, by real events, with the habits of each program."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree
from windows import add_model, needs_a_screen, run_step, window_on

from benchmark_modules import BENCHMARKS, DATA, needs_data
from napari_tomopick.io.models import read_models
from napari_tomopick.models.tomogram import Acquisition
from napari_tomopick.project import Session
from napari_tomopick.protocols.import_tomograms import import_tomograms

AWAY, TOWARDS = 4, 5  # how X numbers the ways a wheel is turned


@dataclass(frozen=True)
class Habits:
    """How a user of a program does what the tutorial asks for.

    Parameters
    ----------
    slices : (keys, button)
        Keys held, and the way the wheel is turned, to get to higher slices.
    zoom : (keys, button)
        The same to zoom in.
    pan : (keys, button)
        Keys and button held to move the picture.
    pick : str or None
        The key that picks; None: a click.
    """

    slices: tuple[tuple[str, ...], int]
    zoom: tuple[tuple[str, ...], int]
    pan: tuple[tuple[str, ...], int]
    pick: str | None


HABITS = {
    "napari": Habits((("ctrl",), TOWARDS), ((), AWAY), ((), 1), "c"),
    "Dynamo": Habits(((), AWAY), (("ctrl",), AWAY), (("shift",), 1), "c"),
    "EMAN2": Habits((("shift",), AWAY), (("ctrl",), AWAY), ((), 3), None),
}


def held(hand, keys, *event):
    """Do something while keys are held."""
    for key in keys:
        hand.do("keydown", key)
    hand.do(*event)
    for key in keys:
        hand.do("keyup", key)


def wheel_to_slice(hand, habits, z):
    """Go to a higher slice with the wheel; a turn too many is taken back."""
    keys, way = habits.slices
    for key in keys:
        hand.do("keydown", key)
    while (now := hand.fresh()["slice"]) != z:
        hand.do("click", way if now < z else AWAY + TOWARDS - way)
    for key in keys:
        hand.do("keyup", key)
    assert hand.fresh()["slice"] == z


def drag(hand, keys, button, by):
    """Drag from the middle of the canvas."""
    x, y, width, height = hand.fresh()["canvas"]
    hand.point_at(x + width / 2, y + height / 2)
    for key in keys:
        hand.do("keydown", key)
    hand.do("mousedown", button)
    for part in np.linspace(0, 1, 6)[1:]:
        hand.point_at(x + width / 2 + part * by[0], y + height / 2 + part * by[1])
    hand.do("mouseup", button)
    for key in keys:
        hand.do("keyup", key)


def put(hand, habits, name, position):
    """Pick a position in the shown slice, and see that it is what is kept."""
    before = len(hand.state()["models"][name]["points"])
    hand.over(position[:2])
    if habits.pick is None:
        hand.do("click", 1)
    else:
        hand.key(habits.pick)
    seen = hand.until(lambda s: len(s["models"][name]["points"]) == before + 1, f"a point of {name}")
    pixel = abs(1 / seen["pixels_per_voxel"][0])
    np.testing.assert_allclose(seen["models"][name]["points"][-1], position, atol=0.5 * pixel + 0.05)


def remove(hand, scheme, name, position):
    """Take away the point picked last, as each program does."""
    count = len(hand.state()["models"][name]["points"])
    hand.over(position[:2])
    if scheme == "napari":
        hand.key("Delete")
    elif scheme == "Dynamo":
        hand.do("click", 3)
        hand.until(lambda s: "point-menu" in s["widgets"], "the menu of the point")
        hand.key("Down", "Return")
    else:
        held(hand, ["shift"], "click", 1)
    hand.until(lambda s: len(s["models"][name]["points"]) == count - 1, "the point to be gone")


def type_into(hand, name, number):
    """Set a field of numbers."""
    hand.click(name)
    hand.key("ctrl+a")
    hand.do("type", "--delay", 30, str(number))
    hand.key("Return")


def over_tile(hand, x, y, z):
    """Move the mouse over a voxel of a slice in the montage."""
    seen = hand.until(lambda s: str(z) in s["montage"]["tiles"], f"slice {z} in the montage")
    zero, scale = seen["montage"]["tiles"][str(z)], seen["montage"]["pixels_per_voxel"]
    hand.point_at(zero[0] + x * scale, zero[1] - y * scale)
    return 1 / scale


def ring(contour):
    """A dense closed curve through the points of a contour."""
    curve = CubicSpline(np.arange(len(contour) + 1), np.vstack([contour, contour[:1]]), bc_type="periodic")
    return curve(np.linspace(0, len(contour), 2000))


@needs_data
@needs_a_screen
@pytest.mark.parametrize("scheme", HABITS)
def test_the_tutorial_by_hand(tmp_path, scheme):
    habits = HABITS[scheme]
    [trace] = read_models(BENCHMARKS / "data" / "lysosome_models.json")
    contours = {round(contour[0, 2]): contour for contour in trace.contours()}
    [tomogram] = import_tomograms([Path(DATA) / "lysosome" / "lysosome_crop_12.3A.mrc"])
    tomogram = replace(tomogram, acquisition=Acquisition(tilt_min_degrees=-45, tilt_max_degrees=45))
    with window_on(tomogram, tmp_path) as hand:
        # step 1: particles
        loose = add_model(hand, "gene")
        hand.choose("scheme", scheme)
        x, y, width, height = hand.fresh()["canvas"]
        hand.point_at(x + width / 2, y + height / 2)
        before = hand.fresh()
        held(hand, habits.zoom[0], "click", habits.zoom[1])
        zoomed = hand.until(
            lambda s: s["pixels_per_voxel"][0] > before["pixels_per_voxel"][0], "the picture to be larger"
        )
        assert zoomed["slice"] == before["slice"]
        drag(hand, *habits.pan, (40, 25))
        moved = hand.until(
            lambda s: np.abs(np.subtract(s["zero"], zoomed["zero"]) - (40, 25)).max() < 2,
            "the picture to have moved by as much",
        )
        assert moved["slice"] == before["slice"]
        assert moved["models"][loose]["points"] == []
        # back to where all is seen
        held(hand, habits.zoom[0], "click", AWAY + TOWARDS - habits.zoom[1])
        drag(hand, *habits.pan, (-40, -25))
        wheel_to_slice(hand, habits, 70)
        particles = [(120.0, 150.0, 70.0), (150.0, 190.0, 70.0), (180.0, 140.0, 70.0)]
        for position in particles:
            put(hand, habits, loose, position)
        remove(hand, scheme, loose, particles[-1])
        hand.key("ctrl+z")
        hand.until(lambda s: len(s["models"][loose]["points"]) == 3, "undo")
        hand.over(particles[0][:2])
        hand.key("x")
        hand.until(lambda s: s["plane"] == 2, "the plane across x")
        hand.key("z")
        hand.until(lambda s: s["plane"] == 0, "the plane across z")

        # step 2: the membrane, in the montage
        surface = add_model(hand, "surf")
        hand.click("open-montage")
        hand.until(lambda s: s["montage"] and s["montage"]["tiles"], "the montage")
        type_into(hand, "montage-first", 50)
        type_into(hand, "montage-last", 95)
        type_into(hand, "montage-step", 5)
        hand.until(
            lambda s: "75" in s["montage"]["tiles"] and s["montage"]["complete"], "slices of the trace"
        )
        time.sleep(0.3)
        hand.click("montage-add")
        for n, (x, y, z) in enumerate(contours[75][::2], 1):
            pixel = over_tile(hand, x, y, 75)
            hand.do("click", 1)
            seen = hand.until(lambda s, n=n: len(s["models"][surface]["points"]) == n, f"point {n}")
            np.testing.assert_allclose(
                seen["models"][surface]["points"][-1], (x, y, z), atol=0.5 * pixel + 0.05
            )
        hand.click("montage-add")
        over_tile(hand, *trace.marker[:2], 75)
        hand.key("shift+c")
        hand.until(lambda s: s["models"][surface]["marker"] is not None, "the side marker")
        over_tile(hand, 150, 170, 80)
        if scheme != "EMAN2":
            hand.do("click", 1)
            hand.until(lambda s: s["montage"]["active"] == 80, "slice 80 to be active")
            assert len(hand.state()["models"][surface]["points"]) == 12
        else:
            # there a click adds, so the next slice is reached by its key
            hand.key("Right")
            hand.until(lambda s: s["montage"]["active"] == 80, "slice 80 to be active")
        hand.key("o")
        hand.until(lambda s: 80 in s["models"][surface]["levels"], "the membrane in slice 80")
        if scheme != "Dynamo":
            # what follows does not depend on the scheme, and takes long
            return
        hand.key("shift+o")
        seen = hand.until(lambda s: len(set(s["models"][surface]["levels"])) >= 6, "more slices")
        hand.until(lambda s: not s["tracking"], "the end of tracking")
        hand.key("a")
        hand.until(lambda s: not any(s["models"][surface]["proposed"]), "what was tracked to be accepted")
        x, y, width, height = hand.fresh()["montage"]["close"]
        hand.point_at(x + width / 2, y + height / 2)
        hand.do("click", 1)
        hand.until(lambda s: s["montage"] is None, "the montage to be closed")
        run_step(hand, "Crop", 1)
    with Session.open(tmp_path / "p.tomopick") as session:
        [model] = [m for m in session.models() if m.name == surface]
        [entry] = session.particle_sets()
        cropped = session.particles(entry.uid)
    cropped = cropped.select(cropped.table["tomopickModel"].to_numpy() == surface)
    tracked = model.points[12:]
    for z, contour in contours.items():
        here = tracked[tracked[:, 2] == z]
        if len(here):
            away = cKDTree(ring(contour)).query(here)[0]
            assert np.sqrt(np.mean(away**2)) < 1.5
    outward = np.sum(cropped.directions() * (cropped.positions - trace.marker), axis=1)
    assert len(cropped) > 100
    assert (outward > 0).all()
