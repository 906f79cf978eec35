"""Boxing by real mouse and keys: from the first click to kept particles of a trained network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree
from windows import needs_a_screen, window_on

from benchmark_modules import DATA, needs_data
from fake_engine import planted
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.project import Session
from napari_tomopick.protocols.import_tomograms import import_tomograms

SHAPE = (40, 96, 96)


def click(hand, *keys, button=1):
    """Click where the mouse is, with keys held."""
    for key in keys:
        hand.do("keydown", key)
    hand.do("click", button)
    for key in keys:
        hand.do("keyup", key)


def references(hand, role):
    return len(hand.state()["models"].get(f"particles {role}", {"points": []})["points"])


def refer(hand, place, role, *keys):
    """Click a place in its slice, and see that it is kept as this kind of reference."""
    before = references(hand, role)
    x, y, width, height = hand.fresh()["canvas"]
    hand.point_at(x + width / 2, y + height / 2)
    hand.go_to_slice(round(place[2]))
    hand.over(place[:2])
    click(hand, *keys)
    name = f"particles {role}"
    seen = hand.until(
        lambda s: len(s["models"].get(name, {"points": []})["points"]) == before + 1, f"a reference {role}"
    )
    pixel = abs(1 / seen["pixels_per_voxel"][0])
    kept = seen["models"][name]["points"][-1]
    np.testing.assert_allclose(kept, [*place[:2], round(place[2])], atol=0.5 * pixel + 0.05)


def at_rest(hand, condition=lambda boxing: True, what="boxing to be at rest"):
    return hand.until(lambda s: not s["boxing"]["running"] and condition(s["boxing"]), what)


def over_tile(hand, index):
    hand.fresh()
    x, y, width, height = hand.state()["boxing"]["tiles"][index]
    hand.point_at(x + width / 2, y + height / 2)


def drag(hand, name, part):
    """Drag the handle of a slider to a part of its length."""
    x, y, width, height = hand.fresh()["widgets"][name]["at"]
    handle = 8
    here = hand.state()["boxing"]["threshold"]
    for step, place in enumerate((here, (here + part) / 2, part)):
        hand.point_at(x + handle + place * (width - 2 * handle), y + height / 2)
        if not step:
            hand.do("mousedown", 1)
    hand.do("mouseup", 1)


@needs_a_screen
@pytest.mark.parametrize("scheme", ["napari", "Dynamo", "EMAN2"])
def test_from_the_first_click_to_kept_particles(tmp_path, monkeypatch, scheme):
    monkeypatch.setenv("TOMOPICK_STAND_IN", "1")
    volume, balls = planted(SHAPE, 14)
    write_mrc(tmp_path / "balls.mrc", volume, 10.0)
    balls = balls[np.argsort(balls[:, 2])]
    with window_on(Tomogram("balls", tmp_path / "balls.mrc", SHAPE, 10.0), tmp_path) as hand:
        hand.click("Picking")
        hand.choose("scheme", scheme)
        hand.click("open-boxing")
        seen = hand.until(lambda s: s["boxing"] is not None and s["boxing"]["on"], "the Boxing dock")
        assert seen["boxing"]["role"] == "positive"
        for ball in balls[:3]:
            refer(hand, ball, "+")
        assert hand.state()["boxing"]["picks"] == []
        refer(hand, (4, 4, balls[2][2]), "-", "ctrl")
        # by the switch, for those whose Ctrl+click arrives as something else
        hand.click("boxing-negative")
        refer(hand, (90, 4, balls[2][2]), "-")
        hand.click("boxing-positive")
        seen = at_rest(hand, lambda b: len(b["picks"]) > 0, "instant picks")
        assert seen["boxing"]["live"]
        assert seen["sets"] == {}
        # Shift takes the last one away, Ctrl+Z brings it back
        hand.over((90, 4))
        click(hand, "shift")
        hand.until(lambda s: len(s["models"]["particles -"]["points"]) == 1, "the reference to be gone")
        hand.key("ctrl+z")
        hand.until(lambda s: len(s["models"]["particles -"]["points"]) == 2, "the reference to be back")

        hand.click("train")
        seen = at_rest(hand, lambda b: b["stage"] == "network" and b["live"], "the network's picks")
        hand.click("apply")
        found = len(seen["boxing"]["picks"])
        hand.until(lambda s: s["sets"] == {"particles": found}, "the particles to be kept")
        away = np.linalg.norm(np.array(seen["boxing"]["picks"])[:, None] - balls[None], axis=2)
        assert (away.min(axis=0) < 3).all()

        drag(hand, "threshold-slider", float(np.median(seen["boxing"]["scores"])))
        seen = hand.until(lambda s: s["sets"]["particles"] != found and not s["boxing"]["live"], "fewer")
        fewer = seen["sets"]["particles"]
        assert fewer == len(seen["boxing"]["picks"])
        hand.key("ctrl+z")
        hand.until(lambda s: s["sets"]["particles"] == found, "one undo to bring all back")

        hand.click("boxing-galleries")  # its middle; nothing is meant by it but that it is in sight
        tabs = hand.fresh()["tabs"]
        hand.click(next(name for name in tabs if name.startswith("Particles")))
        hand.until(lambda s: s["boxing"]["kind"] == "particles" and len(s["boxing"]["tiles"]) > 4, "tiles")
        over_tile(hand, 3)
        click(hand, "shift")
        hand.until(lambda s: s["sets"]["particles"] == found - 1, "one particle less")
        over_tile(hand, 2)
        click(hand, "ctrl")
        hand.until(lambda s: len(s["models"]["particles -"]["points"]) == 3, "a negative reference")
        over_tile(hand, 1)
        click(hand, "ctrl", "shift")
        hand.until(lambda s: s["sets"]["particles"] == 1, "only the best to be left")
    with Session.open(tmp_path / "p.tomopick") as session:
        [kept] = session.particle_sets()
        assert (kept.name, kept.count, kept.step.name) == ("particles", 1, "pick")
        assert np.isfinite(session.particles(kept.uid).scores).all()


@needs_data
@needs_a_screen
def test_ribosomes_after_ten_clicks(tmp_path):
    pytest.importorskip("torch")
    folder = Path(DATA) / "ribosomes"
    truth = pd.read_csv(folder / "ribosomes_truth.csv")
    places, kinds = truth[["x", "y", "z"]].to_numpy(), truth["cls"].to_numpy()
    ribosomes, others = places[kinds == "4v7r"], places[kinds != "4v7r"]
    [tomogram] = import_tomograms([folder / "ribosomes.mrc"])

    def near_the_middle(which, count):
        inside = which[((which > 20) & (which < [236, 236, 108])).all(axis=1)]
        return inside[np.argsort(np.abs(inside[:, 2] - 63))][:count]

    with window_on(tomogram, tmp_path) as hand:
        hand.click("Picking")
        hand.click("open-boxing")
        hand.until(lambda s: s["boxing"] is not None and s["boxing"]["on"], "the Boxing dock")
        for place in near_the_middle(ribosomes, 5):
            refer(hand, place, "+")
        for place in near_the_middle(others, 5):
            refer(hand, place, "-", "ctrl")
        at_rest(hand, lambda b: len(b["picks"]) > 0 and b["live"], "instant picks")
        hand.click("train")
        hand.until(
            lambda s: s["boxing"]["stage"] == "network" and not s["boxing"]["running"],
            "the network's picks",
            timeout=400,
        )
        hand.click("apply")
        seen = hand.until(lambda s: s["sets"].get("particles"), "the particles to be kept")
        found = np.array(seen["boxing"]["picks"])
    recall = (cKDTree(found).query(ribosomes)[0] < 10).mean()
    precision = (cKDTree(ribosomes).query(found)[0] < 10).mean()
    assert recall > 0.8
    assert precision > 0.8
