"""From picks to a model, and with it to all particles: by the examples, on the command line and in Python."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_tomopick.io.particles import read_particles, write_particles
from napari_tomopick.models.particles import Particles
from small_scene import VOXEL, SmallScene, small_scene

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallScene, Path]:
    folder = tmp_path_factory.mktemp("chain")
    scene = small_scene(copies=14, others=3, snr=0.8)
    scene.written(folder)
    rng = np.random.default_rng(0)
    picks = scene.positions + rng.normal(0, 0.7, scene.positions.shape)
    write_particles(
        folder / "picks.csv", Particles(picks, tomograms=["small"] * 14, voxel_size_angstrom=VOXEL)
    )
    return scene, folder


def check(particles: Particles, scene: SmallScene) -> None:
    apart = np.linalg.norm(particles.positions[:, None] - scene.positions[None], axis=2)
    found = apart.min(axis=0) < 3.0
    assert found.sum() >= 11
    assert (apart.min(axis=1) < 3.0).mean() >= 0.85
    # one global turn away from the truth, the orientations are those of the particles
    row = apart.argmin(axis=0)[found]
    relative = particles.rotations[row].inv() * scene.rotations[found]
    spread = (relative * relative.mean().inv()).magnitude()
    assert np.degrees(np.median(spread)) < 10


def test_in_python(made: tuple[SmallScene, Path], tmp_path: Path) -> None:
    scene, folder = made
    spec = importlib.util.spec_from_file_location("template_chain", EXAMPLES / "template_matching.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    particles = example.run(folder / "small.mrc", folder / "picks.csv", 24, (-60.0, 60.0), tmp_path / "out")
    check(particles, scene)
    assert (tmp_path / "out" / "model_fsc.csv").is_file()


def test_in_one_shell_script(made: tuple[SmallScene, Path], tmp_path: Path) -> None:
    scene, folder = made
    beside = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": beside + os.pathsep + os.environ["PATH"]}
    out = tmp_path / "out"
    words = [folder / "small.mrc", folder / "picks.csv", 24, -60, 60, out]
    subprocess.run(
        ["bash", EXAMPLES / "template_matching.sh", *map(str, words)],
        check=True,
        env=environment,
        capture_output=True,
    )
    check(read_particles(out / "matched.star"), scene)
    assert len(list((out / "matched").glob("particle_*.mrc"))) >= 8
