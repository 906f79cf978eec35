"""The command line on volumes with known truth, and on a real one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree

from benchmark_modules import BENCHMARKS, DATA, benchmark, needs_data
from napari_tomopick.io.models import write_models
from napari_tomopick.io.particles import read_particles
from napari_tomopick.io.volumes import open_volume

pytestmark = needs_data


@pytest.fixture
def run(monkeypatch, command_line, tmp_path):
    monkeypatch.chdir(tmp_path)
    return command_line


def rms_angle(first, second):
    cosines = np.clip(np.sum(first * second, axis=1), -1, 1)
    return np.degrees(np.sqrt(np.mean(np.arccos(cosines) ** 2)))


def test_the_leaflets_of_a_lysosome(run):
    tomogram = Path(DATA) / "lysosome" / "lysosome_crop_12.3A.mrc"
    models = BENCHMARKS / "data" / "lysosome_models.json"
    run("crop-points", models, "--tomogram", tomogram, "--cropping", 10, "-o", "membrane.star")
    run("extract", tomogram, "membrane.star", "--box", 32, "-o", "boxes")
    run("average", "boxes", "-o", "average.mrc")
    lysosome = benchmark("lysosome")
    profile = lysosome.z_profile(np.asarray(open_volume("average.mrc").data))
    (inner, outer), contrast = lysosome.leaflets(profile)
    assert abs(inner + outer) / 2 < 1
    assert 2 < outer - inner < 4.5
    assert contrast > 5


def test_crowns_on_a_membrane(run):
    data, membrane = Path(DATA), benchmark("membrane")
    tomogram = data / "membrane" / "membrane.mrc"
    surface = pd.read_csv(data / "membrane" / "membrane_surface_truth.csv").query("membrane == 'omm'")
    points, normals = surface[["x", "y", "z"]].to_numpy(), surface[["nx", "ny", "nz"]].to_numpy()
    crowns = pd.read_csv(data / "membrane" / "membrane_truth.csv").query("cls == 'crown'")
    write_models(Path("membrane.json"), [membrane.outer_membrane_as_clicked(points, normals, seed=0)])
    crowns[["x", "y", "z"]].to_csv("crowns.csv", index=False)

    run("crop-points", "membrane.json", "--tomogram", tomogram, "-o", "membrane.tbl")
    cropped = read_particles(Path("membrane.tbl"))
    nearest = cKDTree(points).query(cropped.positions)[1]
    off = np.sum((cropped.positions - points[nearest]) * normals[nearest], axis=1)
    assert np.sqrt(np.mean(off**2)) < 1.0
    assert rms_angle(cropped.directions(), normals[nearest]) < 3.5

    orient = ["orient", "crowns.csv", "membrane.json", "--tomogram", tomogram]
    run(*orient, "--twist-seed", 0, "-o", "crowns.star")
    oriented = read_particles(Path("crowns.star"))
    assert rms_angle(oriented.directions(), crowns[["nx", "ny", "nz"]].to_numpy()) < 5

    box = ["--box", 32, "--sub-voxel", "--tilt-range", -60, 60]
    run("extract", tomogram, "crowns.star", *box, "-o", "boxes")
    run("average", "boxes", "-o", "average.mrc", "--missing-wedge")
    template = np.asarray(open_volume(data / "templates" / "crown.mrc").data)
    both, _ = membrane.correlations(np.asarray(open_volume("average.mrc").data), template)
    assert both > 0.8
