"""`match` on the command line, on plain files and on a project."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tomopick.io.particles import read_particles
from napari_tomopick.io.volumes import open_volume, write_mrc
from small_scene import FEWER, VOXEL, small_scene


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    scene = small_scene()
    scene.written(folder)
    write_mrc(folder / "template.mrc", scene.map, VOXEL)
    return scene, folder


@pytest.fixture
def run(monkeypatch, command_line):
    for module, values in FEWER.items():
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)
    return command_line


def test_match_writes_particles_and_map(made, tmp_path, run):
    scene, folder = made
    out, err = run(
        "match", folder / "small.mrc", folder / "template.mrc", "--tilt-range", -60, 60, "--number", 20,
        "--angle-step", 20, "--scores", tmp_path / "scores.mrc", "-o", tmp_path / "found.star",
    )  # fmt: skip
    assert " particles with a score" in out
    assert "1857 orientations" in err
    particles = read_particles(tmp_path / "found.star")
    apart = np.linalg.norm(particles.positions[:, None] - scene.positions[None], axis=2).min(axis=0)
    assert np.median(apart) < 0.3
    assert open_volume(tmp_path / "scores.mrc").voxel_size_angstrom > VOXEL


def test_what_is_missing_is_named_and_nothing_is_written(made, tmp_path, run):
    _, folder = made
    both = folder / "small.mrc", folder / "template.mrc"
    run("match", *both, "-o", tmp_path / "a.star", fails="tilt range is not known")
    run("match", *both, "--tilt-range", -60, 60, fails="-o FILE.star")
    words = "--tilt-range", -60, 60, "--symmetry", "Z9", "-o", tmp_path / "a.star"
    run("match", *both, *words, fails="no point group")
    assert not list(tmp_path.iterdir())


def test_match_in_a_project(made, tmp_path, run):
    _, folder = made
    project = tmp_path / "p.tomopick"
    run("import", folder / "small.mrc", "--project", project, "--tilt-range", -60, 60)
    assert " particles with a score" in run("match", project, folder / "template.mrc", "--angle-step", 30)[0]
    assert "passed over" in run("match", project, folder / "template.mrc", "--skip-done")[0]
    words = "-o", tmp_path / "x.star"
    run("match", project, folder / "template.mrc", *words, fails="recorded in it")
