"""The commands train and pick, as a user types them, on files and on a project."""

from __future__ import annotations

import sys

import mrcfile
import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree

from napari_tomopick import cli
from napari_tomopick.io.particles import read_particles
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.references import Sizes
from napari_tomopick.picking.picker import Picker
from napari_tomopick.project import Session
from napari_tomopick.protocols import jobs_boxing
from napari_tomopick.samples import membrane_tomogram


@pytest.fixture(scope="module")
def sample():
    return membrane_tomogram(3, size=(160, 160, 64), ribosomes=12, crowns=4, snr=0.5)


def clicks_of(sample):
    vesicle = [sample.vesicle.centre[0] + sample.vesicle.radius, *sample.vesicle.centre[1:]]
    return sample.ribosomes.positions[:5], np.concatenate([sample.crowns.positions[:3], [vesicle]])


@pytest.fixture(scope="module")
def trained(tmp_path_factory, sample):
    """A folder with a tomogram, clicks, and a network trained on them."""
    folder = tmp_path_factory.mktemp("boxing")
    write_mrc(folder / "tomo.mrc", sample.volume, sample.voxel_size_angstrom)
    for name, places in zip(("positives", "negatives"), clicks_of(sample), strict=True):
        pd.DataFrame(places, columns=["x", "y", "z"]).to_csv(folder / f"{name}.csv", index=False)
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(
        sys,
        "argv",
        "napari-tomopick train tomo.mrc positives.csv negatives.csv --rounds 1 -o net.safetensors".split(),
    )
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    monkeypatch.undo()
    return folder


@pytest.fixture
def run(monkeypatch, command_line, trained):
    monkeypatch.chdir(trained)
    return lambda words, fails=None: "".join(command_line(*words.split(), fails=fails))


def test_a_network_is_trained_on_files(trained):
    picker = Picker.load(trained / "net.safetensors")
    assert picker.stage == "network"
    assert (picker.taught.positive, picker.taught.negative) == (5, 4)
    assert picker.taught.rounds == 1


def test_particles_are_picked_into_a_file(run, sample, trained):
    said = run("pick tomo.mrc net.safetensors -o found.star --scores scores.mrc --tilt-range -60 60")
    found = read_particles(trained / "found.star")
    gaps = cKDTree(found.positions).query(sample.ribosomes.positions)[0]
    assert (gaps < 7).mean() > 0.8
    assert (found.scores >= 0.5).all()
    assert f"{len(found)} particles" in said
    with mrcfile.open(trained / "scores.mrc") as file:
        assert 0.5 < file.data.max() <= 1.0
        assert file.voxel_size.x == pytest.approx(160 / file.data.shape[2] * 10, rel=0.01)


def test_threshold_and_number(run, trained):
    run("pick tomo.mrc net.safetensors -o few.csv --threshold 0.2 --maximum-number 3")
    assert len(read_particles(trained / "few.csv")) == 3


def test_training_goes_on_from_a_file(run, trained):
    run("train tomo.mrc positives.csv negatives.csv --rounds 1 --from net.safetensors -o more.safetensors")
    assert Picker.load(trained / "more.safetensors").taught.rounds == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train tomo.mrc positives.csv -o net2.safetensors", "needs TOMOGRAM, POSITIVES and NEGATIVES"),
        ("train tomo.mrc positives.csv negatives.csv -o net2.h5", "ends in .safetensors"),
        ("train tomo.mrc positives.csv negatives.csv -o no/net2.safetensors", "there is no folder"),
        ("train tomo.mrc positives.csv negatives.csv --label a -o net2.safetensors", "--label"),
        ("train none.mrc positives.csv negatives.csv -o net2.safetensors", "no such file"),
        ("pick tomo.mrc positives.csv -o p.csv", "cannot be read as a safetensors file"),
        ("pick tomo.mrc net.safetensors", "say where to write"),
        ("pick tomo.mrc net.safetensors --skip-done -o p.csv", "--skip-done"),
    ],
)
def test_wrong_arguments_change_nothing(run, trained, words, message):
    before = sorted(path.name for path in trained.iterdir())
    run(words, fails=message)
    assert sorted(path.name for path in trained.iterdir()) == before


def test_in_a_project(run, sample, trained):
    path = trained / "lab.tomopick"
    run("import tomo.mrc --project lab.tomopick --tilt-range -60 60")
    run("train lab.tomopick -o p.safetensors", fails="it has no references yet")
    with Session.open(path) as session:
        for role, places in zip(("positive", "negative"), clicks_of(sample), strict=True):
            levels = np.rint(places[:, 2]).astype(int)
            jobs_boxing.add_references(session, "ribosome", "tomo", role, places, levels, Sizes(box_size=40))
    run("train lab.tomopick --label proteasome -o p.safetensors", fails="no references of 'proteasome'")
    run("train lab.tomopick --rounds 1 -o p.safetensors")
    assert Picker.load(trained / "p.safetensors").name == "ribosome"
    run("pick lab.tomopick p.safetensors")
    with Session.open(path, read_only=True) as session:
        [entry] = session.particle_sets()
        assert entry.name == "ribosome"
        assert entry.step.name == "pick"
        assert "p.safetensors" in entry.step.inputs
        gaps = cKDTree(session.particles(entry.uid).positions).query(sample.ribosomes.positions)[0]
        assert (gaps < 7).mean() > 0.8
    assert "passed over" in run("pick lab.tomopick p.safetensors --skip-done")
