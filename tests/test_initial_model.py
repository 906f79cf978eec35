"""The initial model from a folder of subtomograms: what is written, what it means, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import Cancelled, ParameterError
from napari_tomopick.geometry.coordinates import volume_centre
from napari_tomopick.io.particles import read_particles
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.project import Session
from napari_tomopick.protocols.average import average
from napari_tomopick.protocols.extract import extract
from napari_tomopick.protocols.initial_model import initial_model
from napari_tomopick.protocols.jobs_initial_model import initial_model_job
from napari_tomopick.protocols.subtomograms import read_subtomograms
from napari_tomopick.samples.imaging import image
from noisy_boxes import SIZE, best_correlation, handed

QUICK = {"iterations": 1, "batches": 8, "starts": 2}
PLACES = np.stack(np.meshgrid(*[np.arange(16, 96, 26)] * 3, indexing="ij"), -1).reshape(-1, 3)[:40]


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A tomogram of 40 dark particles in random orientations, and where they are."""
    folder = tmp_path_factory.mktemp("scene")
    rng = np.random.default_rng(11)
    turns = Rotation.random(len(PLACES), rng=rng)
    positions = PLACES + rng.uniform(-1, 1, PLACES.shape)
    density = np.zeros((112,) * 3, np.float32)
    for position, turn in zip(positions, turns, strict=True):
        handed().posed(position, turn).add_to(density)
    tilts = Acquisition(-60.0, 60.0)
    volume = image(density, 10.0, tilts, snr=0.5, defocus_angstrom=30000, rng=rng)
    write_mrc(folder / "T.mrc", volume, 10.0)
    tomogram = Tomogram("T", folder / "T.mrc", volume.shape, 10.0, tilts)
    particles = Particles(
        positions=positions, rotations=turns, tomograms=["T"] * len(positions), voxel_size_angstrom=10.0
    )
    return tomogram, particles


@pytest.fixture(scope="module")
def boxes(scene, tmp_path_factory):
    """Boxes without orientations, as dark as the tomogram."""
    tomogram, particles = scene
    unoriented = replace(particles, rotations=None)
    folder = tmp_path_factory.mktemp("boxes") / "boxes"
    return extract(unoriented, [tomogram], folder, box_size=SIZE)


@pytest.fixture(scope="module")
def made(boxes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    return initial_model(boxes.folder, folder / "model.mrc", **QUICK)


def values(path: Path) -> np.ndarray:
    with mrcfile.open(path) as mrc:
        return np.array(mrc.data)


def test_the_map_shows_the_particle_bright_with_its_voxel_size(made) -> None:
    with mrcfile.open(made.path) as mrc:
        assert mrc.voxel_size.x == pytest.approx(10)
        model = np.array(mrc.data)
    assert mrcfile.validate(made.path)
    assert model.shape == (SIZE,) * 3
    centre = SIZE // 2
    assert (
        model[centre - 2 : centre + 3, centre - 2 : centre + 3, centre - 2 : centre + 3].mean() > model.std()
    )
    assert best_correlation(model, handed().map(SIZE), 6.0)[0] > 0.85
    assert any("taken to be dark, since the middle" in line for line in made.messages)


def test_everything_promised_is_there_and_nothing_else(made, boxes) -> None:
    assert sorted(path.name for path in made.path.parent.iterdir()) == [
        "model.mrc",
        "model.png",
        "model.star",
        "model_aligned",
        "model_fsc.csv",
        "model_half1.mrc",
        "model_half2.mrc",
    ]
    table = pd.read_csv(made.table)
    assert list(table) == ["frequency_per_angstrom", "resolution_angstrom", "fsc"]
    assert table["resolution_angstrom"].iloc[-1] == pytest.approx(20)
    np.testing.assert_allclose(table["fsc"], made.classes[0].correlation[1:], atol=1e-5)
    text = "\n".join(made.lines())
    assert f"initial model of {len(boxes)} subtomograms" in text
    assert "its halves agree to" in text
    assert "cross-validated" in text


def test_the_average_of_the_aligned_set_is_the_map(made) -> None:
    aligned = read_subtomograms(made.classes[0].aligned.folder)
    assert aligned.inverted
    assert len(aligned) == 40
    result = average(aligned, made.path.with_name("average.mrc"), missing_wedge=True, aligned_set=False)
    again, model = values(result.path), values(made.path)
    result.path.unlink()
    result.picture.unlink()
    # the map is the same but for its filter: compared where that leaves something, shell by shell
    spectra = [np.fft.rfftn(each) for each in (again, model)]
    k = np.fft.fftfreq(SIZE, 1 / SIZE)
    radius = np.rint(np.sqrt(k[:, None, None] ** 2 + k[:, None] ** 2 + np.arange(SIZE // 2 + 1) ** 2))
    for shell in (1, 2, 3):
        one, other = (spectrum[radius == shell] for spectrum in spectra)
        assert abs(np.vdot(one, other)) > 0.99 * np.linalg.norm(one) * np.linalg.norm(other)


def test_poses_in_the_star_are_those_in_the_tomogram(made, scene) -> None:
    _, truth = scene
    particles = read_particles(made.particles_path)
    np.testing.assert_allclose(particles.positions, made.particles.positions, atol=1e-3)
    between = truth.rotations.inv() * particles.rotations
    quaternions = between.as_quat()
    common = between[int(np.median(np.abs(quaternions @ quaternions.T), axis=1).argmax())]
    off = np.degrees((common.inv() * between).magnitude())
    assert np.median(off) < 15
    # all particles have the model's centre at the same place of the molecule
    shifts = truth.rotations.inv().apply(particles.positions - truth.positions)
    assert np.median(np.linalg.norm(shifts - np.median(shifts, axis=0), axis=1)) < 1.2
    assert np.isfinite(particles.scores).all()


def test_a_direction_is_kept_and_it_is_said(scene, tmp_path) -> None:
    tomogram, particles = scene
    twist = Rotation.from_rotvec(np.random.default_rng(0).uniform(-3, 3, (40, 1)) * [0, 0, 1])
    given = replace(particles, rotations=particles.rotations * twist)
    oriented = extract(given, [tomogram], tmp_path / "boxes", box_size=SIZE, invert=True)
    found = initial_model(oriented, tmp_path / "model.mrc", return_aligned=False, **QUICK)
    cosines = (found.particles.directions() * particles.directions()).sum(axis=1)
    assert np.median(np.degrees(np.arccos(np.clip(cosines, -1, 1)))) < 10
    assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).max() < 45
    assert any("directions of the subtomograms were kept within 20" in line for line in found.messages)
    assert any("inverted when extracted" in line for line in found.messages)
    assert not (tmp_path / "model_aligned").exists()
    free = initial_model(oriented, tmp_path / "free.mrc", use_directions=False, return_aligned=False, **QUICK)
    assert not any("directions" in line for line in free.messages)
    # the aligned set of a model tells directions too
    assert values(found.path)[SIZE // 2, SIZE // 2, SIZE // 2] > 0


def test_an_aligned_set_can_be_used_again(made, tmp_path) -> None:
    aligned = made.classes[0].aligned
    found = initial_model(aligned.folder, tmp_path / "again.mrc", return_aligned=False, **QUICK)
    assert best_correlation(values(found.path), handed().map(SIZE), 6.0)[0] > 0.85
    assert not any("dark" in line for line in found.messages)


def test_shrunk_boxes_make_a_shrunk_model(boxes, tmp_path) -> None:
    found = initial_model(boxes, tmp_path / "small.mrc", shrink=1.5, **QUICK)
    with mrcfile.open(found.path) as mrc:
        assert mrc.data.shape == (16, 16, 16)
        assert mrc.voxel_size.x == pytest.approx(15)
    aligned = read_subtomograms(tmp_path / "small_aligned")
    assert (aligned.box_size, aligned.voxel_size_angstrom) == (16, 15)
    assert np.abs(found.particles.positions - boxes.particles.positions).max() < 8


def test_several_classes_have_files_each(boxes, tmp_path) -> None:
    found = initial_model(boxes, tmp_path / "model.mrc", classes=2, iterations=1, batches=2, starts=1)
    counts = [each.count for each in found.classes]
    assert sum(counts) == len(boxes)
    assert counts == sorted(counts, reverse=True)
    for each in found.classes:
        assert each.path.exists()
        assert len(read_subtomograms(each.aligned.folder)) == each.count
    missing = 2 - len(counts)
    assert sum("got no subtomogram" in line for line in found.messages) == missing
    numbers = read_particles(found.particles_path).table["rlnClassNumber"]
    assert np.bincount(numbers)[1:].tolist() == counts


def test_a_reference_of_another_sampling_gives_its_place(boxes, tmp_path) -> None:
    turn = Rotation.from_euler("xy", [30, 50], degrees=True)
    fine = np.zeros((50,) * 3, np.float32)
    handed().scaled(2.0).posed(volume_centre(fine.shape), turn).add_to(fine)
    write_mrc(tmp_path / "reference.mrc", fine, 5.0)
    mask = (np.linalg.norm(np.indices((SIZE,) * 3) - SIZE // 2, axis=0) < 10).astype(np.float32)
    write_mrc(tmp_path / "mask.mrc", mask, 10.0)
    found = initial_model(
        boxes,
        tmp_path / "model.mrc",
        reference=tmp_path / "reference.mrc",
        mask=tmp_path / "mask.mrc",
        iterations=1,
        batches=4,
        starts=1,
    )
    coarse = np.zeros((SIZE,) * 3, np.float32)
    handed().posed(volume_centre(coarse.shape), turn).add_to(coarse)
    inside = mask > 0
    assert np.corrcoef(values(found.path)[inside], coarse[inside])[0, 1] > 0.75


@pytest.mark.parametrize("asked", ["report", "progress"])
def test_cancelled_it_writes_the_best_so_far_and_says_so(boxes, tmp_path, asked) -> None:
    calls = []

    def stop(*state) -> None:
        calls.append(state)
        if len(calls) == 12:
            raise Cancelled("enough")

    found = initial_model(boxes, tmp_path / "model.mrc", **{asked: stop}, **QUICK)
    assert len(calls) == 12
    assert found.cancelled
    assert found.path.exists()
    assert any("stopped early" in line for line in found.messages)
    assert any("not refined apart" in line for line in found.messages)


def test_cancelled_before_the_first_step_it_leaves_nothing(boxes, tmp_path, monkeypatch) -> None:
    def stop(*_) -> None:
        raise Cancelled("at once")

    monkeypatch.setattr("napari_tomopick.picking.initial_model.Search.step", stop)
    with pytest.raises(Cancelled):
        initial_model(boxes, tmp_path / "model.mrc", **QUICK)
    assert not list(tmp_path.iterdir())


def test_states_tell_the_voxel_size_of_their_maps(boxes, tmp_path) -> None:
    states, told = [], []
    initial_model(
        boxes,
        tmp_path / "model.mrc",
        states.append,
        iterations=1,
        batches=1,
        starts=1,
        progress=lambda *so_far: told.append(so_far),
    )
    for state in states:
        assert len(state.model.maps[0]) * state.voxel_size_angstrom == pytest.approx(SIZE * 10)
    assert [done for done, _, _ in told] == list(range(1, told[0][1] + 1))


def fewer(boxes, count):
    rows = np.arange(count)
    return replace(
        boxes,
        particles=boxes.particles.select(rows),
        box_centres=boxes.box_centres[rows],
        box_rotations=Rotation.from_quat(boxes.box_rotations.as_quat()[rows]),
    )


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (
            {"acquisitions": {"T": Acquisition()}},
            {},
            r"tilt range of the tomogram 'T' is not known.*--tilt-range",
        ),
        ({}, {"tilt_range_degrees": (-60.0, 95.0)}, "stays within 90 degrees"),
        ({}, {"shrink": 1.4}, "gives no even box; factors that do: .*1.5 .box 16."),
        ({}, {"shrink": 4.0}, "too small to tell orientations"),
        ({}, {"filter_to_angstrom": 5.0}, "detail of 5 Å cannot be looked at.*24 voxels of 10 Å"),
        ({}, {"symmetry": "C0"}, "'C0' is no point group"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_fix(boxes, tmp_path, change, options, message) -> None:
    with pytest.raises(ParameterError, match=message):
        initial_model(replace(boxes, **change), tmp_path / "model.mrc", **QUICK, **options)
    assert not list(tmp_path.iterdir())


def test_three_subtomograms_are_too_few(boxes, tmp_path) -> None:
    with pytest.raises(ParameterError, match="at least 4 subtomograms, better 50; there are 3"):
        initial_model(fewer(boxes, 3), tmp_path / "model.mrc")


def test_a_tilt_range_that_was_not_known_can_be_given(boxes, tmp_path) -> None:
    unknown = replace(fewer(boxes, 4), acquisitions={})
    found = initial_model(
        unknown, tmp_path / "model.mrc", tilt_range_degrees=(-60.0, 60.0), iterations=1, batches=1, starts=1
    )
    assert found.classes[0].count == 4


def test_the_output_must_be_mrc_and_free(boxes, tmp_path) -> None:
    with pytest.raises(ParameterError, match=r"end the name in \.mrc"):
        initial_model(boxes, tmp_path / "model.hdf")
    (tmp_path / "model_half2.mrc").write_text("mine")
    with pytest.raises(ParameterError, match=r"model_half2\.mrc exists already"):
        initial_model(boxes, tmp_path / "model.mrc")
    assert (tmp_path / "model_half2.mrc").read_text() == "mine"


def test_a_reference_that_is_no_cube_is_refused(boxes, tmp_path) -> None:
    write_mrc(tmp_path / "flat.mrc", np.zeros((24, 24, 20), np.float32), 10.0)
    with pytest.raises(ParameterError, match="a reference is a cube, this one has 20 x 24 x 24 voxels"):
        initial_model(boxes, tmp_path / "model.mrc", reference=tmp_path / "flat.mrc", **QUICK)


def test_a_box_of_one_grey_value_is_named(scene, tmp_path) -> None:
    tomogram, particles = scene
    set_of = extract(particles, [tomogram], tmp_path / "boxes", box_size=SIZE)
    write_mrc(tmp_path / "boxes" / "particle_000007.mrc", np.ones((SIZE,) * 3, np.float32), 10.0)
    with pytest.raises(ParameterError, match="box of particle 7 holds only one grey value"):
        initial_model(set_of, tmp_path / "model.mrc", **QUICK)


def test_a_project_remembers_the_model(boxes, tmp_path) -> None:
    options = {"iterations": 1, "batches": 1, "starts": 1, "seed": 5}
    job = initial_model_job(boxes.folder, tmp_path / "model.mrc", options)
    with Session.create(tmp_path / "p.tomopick") as session:
        assert "initial model of 40" in job.record(session, job.compute(None))
        (result,) = session.results()
        assert (result.kind, result.path) == ("initial model", tmp_path / "model.mrc")
        assert result.step.seed == 5
        assert result.step.parameters["batch_size"] == 12
