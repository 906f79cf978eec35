"""From clicks to a model, and with it to all particles, in a real window by real mouse and key events."""

from dataclasses import replace

import numpy as np
from windows import add_model, needs_a_screen, pick, run_step, window_on

from napari_tomopick.project import Session
from small_scene import small_scene

BOX = 24


@needs_a_screen
def test_from_clicks_to_matches(tmp_path):
    scene = small_scene(copies=14, others=3, snr=0.8)
    tomogram = replace(scene.written(tmp_path), particles_are_dark=True)
    with window_on(tomogram, tmp_path) as hand:
        clicked = scene.positions[:12]
        pick(hand, add_model(hand, "gene"), clicked[np.argsort(clicked[:, 2])])
        run_step(hand, "Crop", 1)
        hand.click("Steps")
        hand.choose("step", "Extract")
        hand.click("option-box_size")
        hand.key("ctrl+a")
        hand.do("type", str(BOX))
        hand.key("Tab")
        for name in ("option-invert", "option-normalise"):
            hand.until(lambda s, n=name: n in s["widgets"], f"the field {name}")
        hand.click("run-step")
        hand.until(lambda s: len(s["results"]) == 1, "the subtomograms")
        hand.click("Picking")
        hand.click("open-initial-model")
        hand.until(
            lambda s: " subtomograms of 24" in s["widgets"].get("model-about", {}).get("text", ""), "them"
        )
        hand.click("run-model")
        hand.until(lambda s: len(s["results"]) == 2, "the model", timeout=120)
        hand.click("model-template")
        hand.until(lambda s: s["widgets"].get("match", {}).get("enabled"), "the template to be chosen")
        hand.click("match")
        seen = hand.until(lambda s: len(s["sets"]) == 2, "the matches", timeout=120)
        hand.click("Review")
        hand.until(lambda s: s["tabs"].get("Review"), "the review")
    [name] = [name for name in seen["sets"] if "initial model" in name]
    with Session.open(tmp_path / "p.tomopick") as session:
        [entry] = [each for each in session.particle_sets() if each.name == name]
        particles = session.particles(entry.uid)
    apart = np.linalg.norm(particles.positions[:, None] - scene.positions[None], axis=2)
    # those that were clicked, and those that were not
    assert (apart.min(axis=0) < 3.0).sum() >= 11
    assert (apart.min(axis=1) < 3.0).mean() >= 0.85
