"""Boxing with references, from the tomogram to the particles, on a small crowded tomogram."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy.spatial import cKDTree

from napari_tomopick.errors import (
    Cancelled,
    FileFormatError,
    MissingExtraError,
    ModelError,
    ParameterError,
    TomopickError,
)
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.picking import finding
from napari_tomopick.picking.picker import Picker
from napari_tomopick.picking.references import References, advice
from napari_tomopick.picking.settings import BoxingSettings
from napari_tomopick.protocols import boxing
from napari_tomopick.protocols.pick import pick
from napari_tomopick.protocols.train import train
from napari_tomopick.samples import membrane_tomogram

ROUNDS = 2


@pytest.fixture(scope="module")
def sample():
    return membrane_tomogram(3, size=(176, 176, 64), ribosomes=14, crowns=4, snr=0.5)


def as_file(folder, volume, voxel_size=10.0, name="tomo", **known):
    write_mrc(folder / f"{name}.mrc", volume, voxel_size)
    acquisition = Acquisition(tilt_min_degrees=-60, tilt_max_degrees=60)
    return Tomogram(name, folder / f"{name}.mrc", volume.shape, voxel_size, acquisition, **known)


@pytest.fixture(scope="module")
def tomogram(tmp_path_factory, sample):
    return as_file(tmp_path_factory.mktemp("boxing"), sample.volume)


@pytest.fixture(scope="module")
def clicks(sample):
    rng = np.random.default_rng(0)
    positive = sample.ribosomes.positions[:5] + rng.normal(0, 1, (5, 3))
    middle = sample.vesicle.centre
    negative = np.concatenate(
        [sample.crowns.positions[:3], [[middle[0] + sample.vesicle.radius, *middle[1:]], [20.0, 160.0, 32.0]]]
    )
    return positive, negative


@pytest.fixture(scope="module")
def references(tomogram, clicks):
    return References(tomogram, *clicks)


@pytest.fixture(scope="module")
def prepared(tomogram, clicks):
    return boxing.prepare(tomogram, BoxingSettings(), clicks[0])


@pytest.fixture(scope="module")
def trained(references, prepared):
    states, steps = [], []
    picker = boxing.train(
        [references],
        BoxingSettings(),
        prepared=[prepared],
        rounds=ROUNDS,
        report=states.append,
        progress=lambda done, total, text: steps.append((done, total)),
    )
    return picker, states, steps


def recall_and_precision(positions, sample, near=7.0):
    truth = sample.ribosomes.positions
    found = cKDTree(positions).query(truth)[0] < near if len(positions) else np.zeros(len(truth))
    right = cKDTree(truth).query(positions)[0] < near if len(positions) else np.zeros(0)
    return found.mean(), right.mean()


def test_five_clicks_of_each_find_the_others_at_once(sample, prepared, clicks):
    picker = boxing.learn([(prepared, *clicks)], name="ribosome")
    assert picker.stage == "instant"
    assert 22 < picker.particle_size < 34
    positions, scores = boxing.score(prepared, picker).peaks(picker.threshold, 16)
    recall, precision = recall_and_precision(positions, sample)
    assert recall >= 0.8
    assert precision >= 0.7
    assert (np.diff(scores) <= 0).all()


def test_training_finds_them_closer_to_their_centres(sample, prepared, trained):
    picker, states, steps = trained
    positions, _ = boxing.score(prepared, picker).peaks(picker.threshold, 16)
    recall, precision = recall_and_precision(positions, sample)
    assert recall >= 0.9
    assert precision >= 0.9
    errors = cKDTree(sample.ribosomes.positions).query(positions)[0]
    assert np.median(errors) < 1.5
    assert [state.step for state in states] == [1, 2]
    assert states[-1].loss == picker.history
    assert len(picker.history) == ROUNDS
    assert picker.held_back is not None
    assert picker.held_back > 0.8
    # progress goes forward, and not beyond its end
    assert all(done <= total for done, total in steps)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_the_same_seed_gives_the_same_network(references, prepared, trained):
    again = boxing.train([references], BoxingSettings(), prepared=[prepared], rounds=ROUNDS)
    np.testing.assert_array_equal(again.reference, trained[0].reference)
    assert again.calibration == trained[0].calibration
    assert again.history == trained[0].history


def test_training_goes_on(references, prepared, trained):
    more = boxing.train(
        [references], BoxingSettings(), prepared=[prepared], start=trained[0], rounds=1, seed=1
    )
    assert more.history[:ROUNDS] == trained[0].history
    assert len(more.history) == ROUNDS + 1
    assert more.taught.rounds == ROUNDS + 1


def test_a_saved_network_finds_the_same(tmp_path, prepared, trained):
    trained[0].save(tmp_path / "net.safetensors")
    loaded = Picker.load(tmp_path / "net.safetensors")
    for one, other in zip(
        boxing.score(prepared, loaded).candidates, boxing.score(prepared, trained[0]).candidates, strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert loaded.lines() == trained[0].lines()
    assert loaded.taught == trained[0].taught
    assert loaded.positive_thumbnails.shape == (5, 16, 16)
    np.testing.assert_array_equal(loaded.negative_thumbnails, trained[0].negative_thumbnails)


def test_particles_have_scores_and_what_was_asked_for(tomogram, sample, trained):
    result = pick(tomogram, trained[0], maximum_number=7, group=3, box_size=40, threshold=0.3)
    particles = result.particles
    assert len(particles) == 7
    assert set(particles.groups) == {3}
    assert particles.box_size == 40
    assert (particles.scores >= 0.3).all()
    assert set(particles.tomograms) == {"tomo"}
    assert particles.voxel_size_angstrom == 10.0
    assert "7 particles" in result.lines()[0]


def test_another_voxel_size_is_resampled_and_said(tmp_path, sample, trained):
    z, y, x = (n // 2 for n in sample.volume.shape)
    half = (
        sample.volume[: 2 * z, : 2 * y, : 2 * x].reshape(z, 2, y, 2, x, 2).mean((1, 3, 5), dtype=np.float32)
    )
    result = pick(as_file(tmp_path, half, 20.0), trained[0])
    recall, precision = recall_and_precision((result.particles.positions + 0.5) * 2 - 0.5, sample)
    assert recall >= 0.8
    assert precision >= 0.8
    assert "resampled" in "\n".join(result.lines())


def test_light_particles_are_told_from_the_clicks(tmp_path, sample, clicks):
    light = as_file(tmp_path, -sample.volume)
    prepared = boxing.prepare(light, BoxingSettings(), clicks[0])
    assert prepared.dark is False
    picker = boxing.learn([(prepared, *clicks)])
    positions, _ = boxing.score(prepared, picker).peaks(picker.threshold, 16)
    recall, _ = recall_and_precision(positions, sample)
    assert recall >= 0.8
    # what is known of the tomogram counts
    told = boxing.prepare(dataclasses.replace(light, particles_are_dark=True), BoxingSettings(), clicks[0])
    assert told.dark is True


def test_grey_scale_and_offset_do_not_matter(tmp_path, sample, clicks, prepared):
    other = as_file(tmp_path, 1e4 + 300 * sample.volume)
    same = boxing.prepare(other, BoxingSettings(), clicks[0])
    np.testing.assert_allclose(same.volume, prepared.volume, atol=2e-3)


def test_the_network_box_decides_on_the_sampling(tomogram, clicks, prepared):
    wide = boxing.prepare(tomogram, BoxingSettings(network_box=2 * 2.2 * prepared.diameter), clicks[0])
    np.testing.assert_allclose(wide.grid.factors, 2 * prepared.grid.factors, rtol=0.06)
    assert wide.diameter == prepared.diameter


def test_small_particles_are_allowed(tomogram, clicks):
    small = boxing.prepare(tomogram, BoxingSettings(particle_size=12), clicks[0])
    assert small.grid.shape == (53, 147, 147)


def test_candidates_come_as_they_are_found_nearest_first(prepared, trained, monkeypatch):
    monkeypatch.setattr(finding, "_AT_ONCE", 10)
    calls = []
    boxing.score(prepared, trained[0], first_z=60.0, found=lambda p, s: calls.append(p))
    assert len(calls) > 3
    assert abs(calls[0][:, 2] - 60).mean() < abs(calls[-1][:, 2] - 60).mean() - 10


def test_references_of_two_tomograms_teach_together(tmp_path, sample, references, clicks):
    other = membrane_tomogram(4, size=(144, 144, 64), ribosomes=8, crowns=2, snr=0.5)
    second = as_file(tmp_path, other.volume, name="second")
    shown = References(second, other.ribosomes.positions[:3], other.crowns.positions[:1])
    picker = boxing.train([shown, references], BoxingSettings(), rounds=1)
    assert picker.taught.positive == 8
    assert set(picker.taught.tomograms) == {"tomo", "second"}
    result = pick(second, picker)
    found = cKDTree(result.particles.positions).query(other.ribosomes.positions)[0] < 7
    assert found.mean() > 0.7


@pytest.mark.parametrize("missing", ["positive", "negative"])
def test_a_missing_class_is_a_clear_error(tomogram, clicks, missing):
    shown = dict(zip(("positive", "negative"), clicks, strict=True))
    shown[missing] = np.empty((0, 3))
    with pytest.raises(ModelError, match=f"no {missing} reference"):
        train([References(tomogram, **shown)], rounds=1, particle_size=26)


def test_one_of_each_is_enough_to_begin(tomogram, clicks, prepared):
    positive, negative = clicks[0][:1], clicks[1][:1]
    result = train([References(tomogram, positive, negative)], rounds=1, particle_size=prepared.diameter)
    assert "4 more positive and 4 more negative" in "\n".join(result.lines())
    assert advice(5, 7) == ""


def test_references_outside_the_tomogram_are_refused(tomogram):
    with pytest.raises(ModelError, match=r"1 positive references lie outside tomogram 'tomo'.*\(500, 3, 3\)"):
        References(tomogram, np.array([[500.0, 3, 3]]), np.empty((0, 3)))


@pytest.mark.parametrize("step", ["prepare", "train", "score"])
def test_it_stops_when_asked(tomogram, references, prepared, trained, step):
    def stop(done, total, text):
        raise Cancelled("stopped")

    calls = {
        "prepare": lambda: boxing.prepare(tomogram, BoxingSettings(), references.positive, progress=stop),
        "train": lambda: boxing.train([references], BoxingSettings(), prepared=[prepared], progress=stop),
        "score": lambda: boxing.score(tomogram, trained[0], progress=stop),
    }
    with pytest.raises(Cancelled):
        calls[step]()


def test_bad_tomograms_are_named(tmp_path, sample, clicks):
    flat = as_file(tmp_path, np.zeros((40, 40, 40), np.float32), name="flat")
    with pytest.raises(FileFormatError, match=r"flat\.mrc.*one grey value"):
        boxing.prepare(flat, BoxingSettings(particle_size=10), np.empty((0, 3)))
    broken = sample.volume.copy()
    broken[40, 50, 60] = np.nan
    with pytest.raises(FileFormatError, match=r"broken\.mrc.*not finite"):
        boxing.prepare(as_file(tmp_path, broken, name="broken"), BoxingSettings(), clicks[0])
    small = as_file(tmp_path, sample.volume[:20, :20, :20], name="small")
    with pytest.raises(ParameterError, match="too large for a tomogram of 20 x 20 x 20"):
        boxing.prepare(small, BoxingSettings(particle_size=100), np.empty((0, 3)))
    with pytest.raises(ModelError, match="click on one, or give the size"):
        boxing.prepare(small, BoxingSettings(), np.empty((0, 3)))


def test_sizes_that_make_no_sense_are_refused():
    with pytest.raises(ParameterError, match="at least 2 voxels"):
        BoxingSettings(particle_size=0.5)
    with pytest.raises(ParameterError, match="make its box 66"):
        BoxingSettings(particle_size=30, network_box=20)


def test_parameters_of_picking_are_checked(tomogram, trained):
    for wrong in ({"threshold": 2.0}, {"minimum_distance": -1.0}, {"maximum_number": 0}):
        with pytest.raises(ParameterError):
            pick(tomogram, trained[0], **wrong)


def test_a_strangers_file_is_read_as_data_or_refused(tmp_path, trained):
    path = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, path)
    with pytest.raises(FileFormatError, match="no network of this program"):
        Picker.load(path)
    path.write_bytes(b"\x80\x04\x95c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93.")
    with pytest.raises(FileFormatError, match="cannot be read"):
        Picker.load(path)
    with pytest.raises(FileFormatError, match="no such file"):
        Picker.load(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": "99"}, "newer version"),
        ({"settings": "{}"}, "damaged"),
        ({"settings": "__import__('os').system('true')"}, "damaged"),
        ({"taught": '{"a": 1}'}, "damaged"),
    ],
)
def test_a_damaged_header_is_refused(tmp_path, trained, change, message):
    from safetensors import safe_open

    good = tmp_path / "good.safetensors"
    trained[0].save(good)
    with safe_open(good, "numpy") as file:
        header, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}
    bad = tmp_path / "bad.safetensors"
    save_file(tensors, bad, {**header, **change})
    with pytest.raises(FileFormatError, match=message):
        Picker.load(bad)
    del tensors["kinds.background"]
    save_file(tensors, bad, header)
    with pytest.raises(FileFormatError, match="damaged"):
        Picker.load(bad)


def test_a_network_that_cannot_be_written_leaves_what_there_was(tmp_path, trained, lock):
    path = tmp_path / "net.safetensors"
    path.write_text("before")
    lock(tmp_path)
    with pytest.raises(TomopickError):
        trained[0].save(path)
    assert path.read_text() == "before"


def test_without_the_extra_it_is_said_how_to_get_it(monkeypatch, tomogram, clicks):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"napari-tomopick\[torch\]"):
        boxing.prepare(tomogram, BoxingSettings(), clicks[0])


def test_torch_is_not_imported_before_it_is_needed():
    import subprocess

    code = (
        "import sys, napari_tomopick.protocols.boxing, napari_tomopick.protocols.jobs_boxing, "
        "napari_tomopick.cli.boxing; sys.exit('torch' in sys.modules or 'safetensors' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
