"""The command initial-model, as a user types it."""

from __future__ import annotations

import signal

import mrcfile
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.cli.initial_model import _stopped_by_interrupt
from napari_tomopick.errors import Cancelled
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.project import Session
from napari_tomopick.protocols.extract import extract
from noisy_boxes import handed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the subtomograms of a small tomogram whose tilt range nobody told."""
    folder = tmp_path_factory.mktemp("cli")
    rng = np.random.default_rng(0)
    places = np.stack(np.meshgrid([16, 40], [16, 40], [16, 40], indexing="ij"), -1).reshape(-1, 3)
    volume = rng.normal(0, 0.5, (56,) * 3).astype(np.float32)
    for place, turn in zip(places, Rotation.random(8, rng=rng), strict=True):
        handed().posed(place, turn).add_to(volume)
    write_mrc(folder / "T.mrc", -volume, 8.0)
    tomogram = Tomogram("T", folder / "T.mrc", volume.shape, 8.0, Acquisition())
    particles = Particles(positions=places, tomograms=["T"] * 8, voxel_size_angstrom=8.0)
    extract(particles, [tomogram], folder / "boxes", box_size=24)
    return folder


@pytest.fixture
def run(monkeypatch, command_line, folder):
    monkeypatch.chdir(folder)

    def call(words, fails=False):
        # any error will do, which the test looks at
        out, err = command_line(*words.split(), fails="" if fails else None)
        return " ".join((err if fails else out).split())

    return call


QUICK = "--iterations 1 --batches 2 --starts 1"


def test_a_model_is_made_and_told(run, folder) -> None:
    said = run(f"initial-model boxes -o model.mrc --tilt-range -60 60 --no-return-aligned {QUICK}")
    assert "initial model of 8 subtomograms in model.mrc, box of 24 voxels of 8 Å" in said
    with mrcfile.open(folder / "model.mrc") as mrc:
        assert mrc.voxel_size.x == pytest.approx(8)
    assert not (folder / "model_aligned").exists()


def test_a_tilt_range_nobody_told_is_asked_for(run, folder) -> None:
    assert "give it (--tilt-range)" in run("initial-model boxes -o other.mrc", fails=True)
    assert not (folder / "other.mrc").exists()


def test_a_project_records_it(run, folder) -> None:
    with Session.create(folder / "p.tomopick"):
        pass
    run(f"initial-model boxes -o recorded.mrc --tilt-range -60 60 --project p.tomopick {QUICK}")
    with Session.open(folder / "p.tomopick", read_only=True) as session:
        assert [result.kind for result in session.results()] == ["initial model"]


def test_an_interrupt_keeps_what_was_found_and_a_second_one_does_not() -> None:
    before = signal.getsignal(signal.SIGINT)
    with _stopped_by_interrupt() as watch:
        watch(None)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Cancelled):
            watch(None)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
