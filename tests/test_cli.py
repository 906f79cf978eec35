"""The command line, as a user types it, on a small synthetic tomogram."""

import json
import re
import sys

import mrcfile
import numpy as np
import pytest

from napari_tomopick import cli
from napari_tomopick.io.models import read_models, write_models
from napari_tomopick.io.particles import read_particles, write_particles
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.user_points import ModelType
from napari_tomopick.project import Session
from napari_tomopick.samples import membrane_tomogram


@pytest.fixture(scope="module")
def sample():
    return membrane_tomogram(size=(144, 128, 64), crowns=6, ribosomes=4)


@pytest.fixture
def folder(tmp_path, sample, monkeypatch):
    write_mrc(tmp_path / "synthetic.mrc", sample.volume, sample.voxel_size_angstrom)
    models = sample.user_points()
    write_models(tmp_path / "models.json", models)
    write_models(tmp_path / "crowns.json", [m for m in models if m.type is ModelType.GENERAL])
    write_models(tmp_path / "membrane.json", [m for m in models if m.type is ModelType.SURFACE])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(command_line):
    return lambda *words, fails=None: command_line(*words, fails=fails)[0]


def test_the_directional_workflow_on_plain_files(folder, run, sample):
    out = run("crop-points", "membrane.json", "--tomogram", "synthetic.mrc", "-o", "membrane.star")
    assert "outer membrane: " in out
    assert "mean 10" in out
    crop = read_particles(folder / "membrane.star")
    assert np.abs(sample.membrane.distance(crop.positions)).mean() < 1.0
    assert (crop.directions() @ [-1, 0, 0] > 0.5).all()

    out = run("orient", "crowns.json", "membrane.json", "--tomogram", "synthetic.mrc", "-o", "crowns.csv")
    assert "6 particles oriented" in out
    crowns = read_particles(folder / "crowns.csv")
    assert crowns.table["tomopickDistance"].notna().all()
    cosines = np.sum(crowns.directions() * sample.crowns.directions(), axis=1)
    assert np.degrees(np.arccos(cosines)).max() < 12

    run(
        "extract",
        "synthetic.mrc",
        "crowns.csv",
        "--box",
        24,
        "--invert",
        "--tilt-range",
        -60,
        60,
        "-o",
        "boxes",
    )
    assert len(list((folder / "boxes").glob("particle_*.mrc"))) > 0
    assert "weighted" in run("average", "boxes", "-o", "average.mrc", "--missing-wedge")
    with mrcfile.open(folder / "average.mrc") as mrc:
        assert mrc.data.shape == (24, 24, 24)
        assert mrc.voxel_size.x == pytest.approx(10.0)
    assert (folder / "average.png").exists()


def test_the_same_in_a_project_which_remembers_how(folder, run):
    run("import", "synthetic.mrc", "--project", "p.tomopick", "--tilt-range", -60, 60, "--contrast", "dark")
    with Session.open(folder / "p.tomopick") as session:
        tomogram = session.tomogram("synthetic")
        assert tomogram.acquisition.tilt_range_degrees == (-60, 60)
        assert tomogram.particles_are_dark
    assert "outer membrane: 64 points" in run("import", "models.json", "--project", "p.tomopick")
    run("crop-points", "p.tomopick", "--model", "outer membrane", "--cropping", 12, "-o", "out.tbl")
    run("orient", "p.tomopick", "--points", "crowns", "--surface", "outer membrane")
    run("extract", "p.tomopick", "crowns oriented", "--box", 16, "-o", "boxes")
    run("average", "boxes", "-o", "average.mrc", "--project", "p.tomopick")
    run("bin", "p.tomopick", "binned", "--factor", 2)
    run("convert", "p.tomopick", "crowns.mod", "--particles", "crowns oriented")
    assert len(read_particles(folder / "out.tbl")) > 20
    with Session.open(folder / "p.tomopick") as session:
        sets = {entry.name: entry for entry in session.particle_sets()}
        assert set(sets) == {"outer membrane crop points", "crowns oriented"}
        step = sets["outer membrane crop points"].step
        assert (step.name, step.seed) == ("crop-points", 0)
        assert step.parameters["cropping"] == 12
        assert step.parameters["mesh_parameter"] == 5.0
        assert [result.kind for result in session.results()] == ["subtomograms", "average"]
        binned = session.tomogram("synthetic_bin2")
        assert (binned.source, binned.binning, binned.voxel_size_angstrom) == ("synthetic", 2, 20.0)
        session.undo()
        assert [entry.name for entry in session.tomograms()] == ["synthetic"]


def test_importing_a_folder_again_adds_what_is_new(folder, run):
    run("import", "*.mrc", "--project", "p.tomopick")
    run("bin", "synthetic.mrc", "half.mrc", "--factor", 2)
    out = run("import", "*.mrc", "--project", "p.tomopick")
    assert "1 tomogram imported; 1 in the project already" in out
    with Session.open(folder / "p.tomopick") as session:
        assert [tomogram.name for tomogram in session.tomograms()] == ["synthetic", "half"]


def test_picks_made_elsewhere_find_their_tomogram(folder, run, sample):
    write_particles(folder / "in.csv", sample.crowns)
    run("import", "in.csv", "--project", "p.tomopick", fails="no such project")
    run("bin", "synthetic.mrc", "half.mrc", "--factor", 2)
    run("import", "synthetic.mrc", "half.mrc", "in.csv", "--project", "p.tomopick")
    run("import", "in.csv", "--in", "half", "--project", "p.tomopick")
    run("import", "membrane.json", "--in", "half", "--project", "p.tomopick")
    run(
        "import",
        "in.csv",
        "--in",
        "other",
        "--project",
        "p.tomopick",
        fails="the project has synthetic, half",
    )
    with Session.open(folder / "p.tomopick") as session:
        as_is, halved = (session.particles(entry.uid) for entry in session.particle_sets())
        np.testing.assert_allclose(as_is.positions, sample.crowns.positions, atol=1e-6)
        np.testing.assert_allclose((halved.positions + 0.5) * 2 - 0.5, sample.crowns.positions, atol=1e-6)
        [model] = session.models("half")
        assert model.voxel_size_angstrom == 20
        assert session.undo() == "Import 1 file of picks"
        assert not session.models("half")


def test_crop_points_picked_at_another_binning_are_in_voxels_of_the_tomogram(folder, run):
    run("bin", "synthetic.mrc", "half.mrc", "--factor", 2)
    run("crop-points", "membrane.json", "--tomogram", "synthetic.mrc", "-o", "full.csv")
    run("crop-points", "membrane.json", "--tomogram", "half.mrc", "-o", "half.csv")
    full, half = read_particles(folder / "full.csv"), read_particles(folder / "half.csv")
    np.testing.assert_allclose(full.positions, (half.positions + 0.5) * 2 - 0.5, atol=1e-4)


def test_every_suffix_keeps_positions(folder, run, sample):
    write_particles(folder / "in.csv", sample.crowns)
    for suffix in (".star", ".tbl", ".mod"):
        run("convert", "in.csv", f"out{suffix}", "--tomogram", "synthetic.mrc")
        run("convert", f"out{suffix}", f"back{suffix}.csv", "--tomogram", "synthetic.mrc")
        back = read_particles(folder / f"back{suffix}.csv")
        np.testing.assert_allclose(back.positions, sample.crowns.positions, atol=1e-4)


def test_binning_in_both_ways_of_counting(folder, run):
    assert "36 x 32 x 16 at 40 Å" in run("bin", "synthetic.mrc", "a.mrc", "--factor", 4)
    assert "36 x 32 x 16 at 40 Å" in run("bin", "synthetic.mrc", "b.mrc", "--dynamo-exponent", 2)
    assert (folder / "a.mrc").stat().st_size == (folder / "b.mrc").stat().st_size
    assert "the last 4, 3 and 4 voxels" in run("bin", "synthetic.mrc", "c.mrc", "--factor", 5)
    run("bin", "synthetic.mrc", "d.mrc", fails="either a binning factor or Dynamo's")
    run("bin", "synthetic.mrc", "d.mrc", "--factor", 2, "--dynamo-exponent", 1, fails="either")


def test_the_missing_wedge_needs_a_tilt_range(folder, run, sample):
    write_particles(folder / "in.csv", sample.crowns)
    run("extract", "synthetic.mrc", "in.csv", "--box", 16, "-o", "boxes")
    assert "plain mean" in run("average", "boxes", "-o", "plain.mrc")
    run("average", "boxes", "-o", "a.mrc", "--missing-wedge", fails="tilt range of the tomogram 'synthetic'")
    run("average", "boxes", "-o", "a.mrc", "--tilt-range", -60, 60, fails="missing wedge")
    assert "weighted" in run("average", "boxes", "-o", "a.mrc", "--missing-wedge", "--tilt-range", -60, 60)


def test_info_tells_what_a_file_holds(folder, run):
    out = run("info", "synthetic.mrc")
    assert "144 x 128 x 64 (x, y, z)" in out
    assert "10 Å" in out
    assert "64 points in 8 levels, side marker set" in run("info", "models.json")


def test_help_names_every_option(run):
    out = run("crop-points", "--help")
    for option in (
        "--mesh-parameter",
        "--max-triangles",
        "--subdivision",
        "--cropping",
        "--seed",
        "--tomogram",
    ):
        assert option in out


def _without_marker(folder):
    content = json.loads((folder / "membrane.json").read_text())
    content["models"][0].pop("marker")
    (folder / "membrane.json").write_text(json.dumps(content))


def _one_point(folder):
    content = json.loads((folder / "membrane.json").read_text())
    content["models"][0]["points"] = content["models"][0]["points"][:1]
    (folder / "membrane.json").write_text(json.dumps(content))


def _no_points(folder):
    content = json.loads((folder / "membrane.json").read_text())
    content["models"][0]["points"] = []
    (folder / "membrane.json").write_text(json.dumps(content))


def _marker_on_membrane(folder):
    content = json.loads((folder / "membrane.json").read_text())
    point = content["models"][0]["points"][30]
    content["models"][0]["marker"] = [point["x"], point["y"], point["z"]]
    (folder / "membrane.json").write_text(json.dumps(content))


def _far_point(folder):
    content = json.loads((folder / "membrane.json").read_text())
    content["models"][0]["points"][3]["x"] = 1e4
    (folder / "membrane.json").write_text(json.dumps(content))


def _truncated(folder):
    whole = (folder / "synthetic.mrc").read_bytes()
    (folder / "synthetic.mrc").write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_without_marker, "side marker"),
        (_one_point, "surface"),
        (_no_points, "has no points"),
        (_marker_on_membrane, "marker"),
        (_far_point, "point 4 at (10000"),
        (_truncated, "bytes"),
    ],
)
def test_what_cannot_give_crop_points_is_refused_and_nothing_written(folder, run, spoil, message):
    spoil(folder)
    before = sorted(folder.iterdir())
    run("crop-points", "membrane.json", "--tomogram", "synthetic.mrc", "-o", "out.star", fails=message)
    assert sorted(folder.iterdir()) == before


def _with_nan(folder, sample):
    volume = sample.volume.copy()
    x, y, z = np.rint(sample.crowns.positions[0]).astype(int)
    volume[z, y, x] = np.nan
    write_mrc(folder / "synthetic.mrc", volume, sample.voxel_size_angstrom)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--box", "31"], "even"),
        (["--box", "32", "--downsample", "1.7"], "even"),
        (["--box", "16", "-o", "missing/boxes"], "missing"),
        (["--box", "1000"], "volume"),
    ],
)
def test_what_cannot_be_extracted_is_refused_and_nothing_written(folder, run, sample, words, message):
    write_particles(folder / "in.csv", sample.crowns)
    before = sorted(folder.iterdir())
    run("extract", "synthetic.mrc", "in.csv", "-o", "boxes", *words, fails=message)
    assert sorted(folder.iterdir()) == before


def test_voxels_that_are_not_numbers_are_refused(folder, run, sample):
    write_particles(folder / "in.csv", sample.crowns)
    _with_nan(folder, sample)
    run("extract", "synthetic.mrc", "in.csv", "--box", 16, "-o", "boxes", fails="NaN")
    assert not (folder / "boxes").exists()


def test_a_voxel_size_that_contradicts_the_header_is_refused(folder, run):
    run("import", "synthetic.mrc", "--project", "p.tomopick", "--voxel-size", 4, fails="voxel size")
    assert not (folder / "p.tomopick").exists()


@pytest.mark.parametrize("words", [["nothing.mrc"], ["nothing_*.mrc"]])
def test_a_missing_file_is_named(folder, run, words):
    run("import", *words, "--project", "p.tomopick", fails="nothing")
    assert not (folder / "p.tomopick").exists()


def test_a_project_open_elsewhere_is_refused(folder, run):
    with Session.create(folder / "p.tomopick"):
        run("import", "synthetic.mrc", "--project", "p.tomopick", fails="p.tomopick")


def test_an_unknown_model_names_those_there_are(folder, run):
    run("import", "synthetic.mrc", "--project", "p.tomopick")
    run("crop-points", "p.tomopick", "--model", "vesicel", fails="no model called 'vesicel'")


def test_oriented_particles_do_not_fit_a_model_file(folder, run, sample):
    write_particles(folder / "in.csv", sample.crowns)
    run("convert", "in.csv", "out.json", fails="oriented")
    assert not (folder / "out.json").exists()


def test_the_doctor_finds_a_cluster_node_healthy(run, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    out = run("doctor")
    assert "napari-tomopick" in out
    assert "every command works" in out


def test_the_doctor_sees_a_display_that_is_not_there(run, monkeypatch, capsys):
    monkeypatch.setenv("DISPLAY", ":987")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "argv", ["napari-tomopick", "doctor"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "cannot open on this display" in capsys.readouterr().out


def test_a_project_shows_and_gives_away_what_is_in_it(folder, run):
    run("import", "synthetic.mrc", "models.json", "--project", "p.tomopick")
    run("crop-points", "p.tomopick", "--model", "outer membrane")
    out = run("info", "p.tomopick")
    assert "tomogram synthetic" in out
    assert "64 points in 8 levels, side marker set" in out
    assert "by crop-points" in out
    run("convert", "p.tomopick", "out.json")
    before, after = read_models(folder / "models.json"), read_models(folder / "out.json")
    assert [model.name for model in after] == [model.name for model in before]
    np.testing.assert_array_equal(after[0].points, before[0].points)


def test_boxes_of_a_project_may_be_cut_from_another_tomogram(folder, run):
    run("import", "synthetic.mrc", "models.json", "--project", "p.tomopick")
    run("orient", "p.tomopick", "--points", "crowns", "--surface", "outer membrane")
    run("bin", "p.tomopick", "binned", "--factor", 2)
    run("extract", "p.tomopick", "--box", 8, "--from", "synthetic_bin2", "-o", "boxes")
    with mrcfile.open(next((folder / "boxes").glob("particle_*.mrc"))) as mrc:
        assert mrc.voxel_size.x == pytest.approx(20.0)
    with Session.open(folder / "p.tomopick") as session:
        assert "tomogram synthetic_bin2" in session.results()[0].step.inputs


@pytest.mark.parametrize("output", ["out.xyz", "missing/out.star", "out.json"])
def test_nothing_is_recorded_where_the_file_cannot_be_written(folder, run, output):
    run("import", "synthetic.mrc", "models.json", "--project", "p.tomopick")
    run("crop-points", "p.tomopick", "--model", "outer membrane", "-o", output, fails="")
    with Session.open(folder / "p.tomopick") as session:
        assert session.particle_sets() == ()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["crop-points", "p.tomopick", "--tomogram", "synthetic.mrc"], "--tomogram: the project knows"),
        (["crop-points", "membrane.json", "--in", "x", "-o", "o.csv"], "--in: this is for projects"),
        (
            ["crop-points", "membrane.json", "--voxel-size", 9, "-o", "o.csv"],
            "--voxel-size: give",
        ),
        (["orient", "p.tomopick", "membrane.json"], "MODELS: the project knows"),
        (
            ["extract", "p.tomopick", "--box", 8, "-o", "b", "--tilt-range", -60, 60],
            "--tilt-range: the",
        ),
        (["bin", "synthetic.mrc", "o.mrc", "--factor", 2, "--in", "x"], "--in: this is for projects"),
        (["convert", "crowns.json", "o.csv", "--particles", "x"], "--particles: this is for projects"),
        (["import", "synthetic.mrc", "--project", "p.txt"], "ends in .tomopick"),
    ],
)
def test_an_option_that_would_not_act_is_refused(folder, run, words, message):
    run("import", "synthetic.mrc", "--project", "p.tomopick")
    before = sorted(folder.iterdir())
    run(*words, fails=message)
    assert sorted(folder.iterdir()) == before


def test_a_failed_import_leaves_no_project(folder, run):
    (folder / "bad.json").write_text("{}")
    run("import", "synthetic.mrc", "bad.json", "--project", "p.tomopick", fails="not a model file")
    assert not (folder / "p.tomopick").exists()


def test_a_binned_tomogram_replaces_no_file_unasked(folder, run):
    run("bin", "synthetic.mrc", "half.mrc", "--factor", 2)
    run("bin", "synthetic.mrc", "half.mrc", "--factor", 4, fails="half.mrc exists already")
    assert "36 x 32 x 16" in run("bin", "synthetic.mrc", "half.mrc", "--factor", 4, "--overwrite")


def test_what_a_format_cannot_hold_is_said(folder, run, sample, capsys, monkeypatch):
    write_particles(folder / "in.csv", sample.crowns)
    for words, lost in (
        (("in.csv", "out.mod"), ".mod files have no place for: ids"),
        (("models.json", "models.mod"), "the type of 'vesicle'"),
    ):
        monkeypatch.setattr(sys, "argv", ["napari-tomopick", "convert", *words])
        with pytest.raises(SystemExit):
            cli.main()
        assert lost in capsys.readouterr().err


def test_what_is_assumed_is_said(folder, run, sample, capsys, monkeypatch):
    write_mrc(folder / "unset.mrc", sample.volume, 1.0)
    (folder / "bare.csv").write_text("x,y,z\n60,60,30\n")
    for words, said in (
        (("import", "unset.mrc", "--project", "u.tomopick"), "voxel size is 1 Å, which programs write"),
        (("extract", "synthetic.mrc", "bare.csv", "--box", "8", "-o", "b"), "bare.csv holds no voxel size"),
        (
            ("bin", "synthetic.mrc", "o.mrc", "--factor", "2", "--voxel-size", "4"),
            "voxel size of 10 Å set aside for 4 Å",
        ),
    ):
        monkeypatch.setattr(sys, "argv", ["napari-tomopick", *words])
        with pytest.raises(SystemExit):
            cli.main()
        assert said in capsys.readouterr().err


def test_an_option_without_effect_is_told(folder, run):
    words = ("crop-points", "membrane.json", "--tomogram", "synthetic.mrc", "-o", "o.csv")
    assert "dz = 4.0 has no effect" in run(*words, "--dz", 4)
    content = json.loads((folder / "membrane.json").read_text())
    content["models"][0]["parameters"] = {"cropping": 20}
    (folder / "membrane.json").write_text(json.dumps(content))
    assert "its own cropping = 20 goes before the 15.0 given" in run(*words, "--cropping", 15)


def test_a_file_without_membranes_orients_nothing(folder, run):
    words = ("--tomogram", "synthetic.mrc", "-o", "o.csv")
    run("orient", "crowns.json", "crowns.json", *words, fails="'crowns' is a general model")
    run("orient", "crowns.json", "models.json", *words, "--surface", "no", fails="no model called 'no'")


def test_the_demo_runs_the_whole_workflow_without_a_display(tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    out = run("demo", "demo-output")
    error = float(re.search(r"crown axes +([\d.]+) degrees", out).group(1))
    assert error < 5
    names = {path.name for path in (tmp_path / "demo-output").iterdir()}
    assert names >= {"demo.tomopick", "crowns.star", "crowns_average.mrc", "crowns_average.png", "crowns"}
    run("demo", "demo-output")  # a run of its own, beside the first
    assert (tmp_path / "demo-output 2" / "crowns_average.mrc").exists()


def test_the_demo_says_where_it_cannot_write(folder, run, lock):
    lock(folder)
    run("demo", "--headless", "out", fails="cannot make the folder out: Permission denied")
