"""`consensus` on the command line, on plain files and on a project."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import ParameterError
from napari_tomopick.io.particles import read_particles, write_particles
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.project import Session
from napari_tomopick.protocols import consensus
from napari_tomopick.protocols.jobs_consensus import consensus_job


def picks(*x, tomogram="small", size=10.0, **given):
    return Particles(
        np.array([[value, 20.0, 10.0] for value in x]).reshape(-1, 3),
        tomograms=[tomogram] * len(x),
        voxel_size_angstrom=size,
        **given,
    )


HAND, NET = picks(10, 40, 50), picks(11, 30, 52, scores=[0.9, 0.2, 0.5])
MATCHED = picks(12, 41, rotations=Rotation.from_euler("z", [[20], [40]], degrees=True))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, particles in {"hand.csv": HAND, "net.csv": NET, "matched.star": MATCHED}.items():
        write_particles(tmp_path / name, particles)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(command_line):
    return lambda *words, fails=None: command_line("consensus", *words, fails=fails)[0]


@pytest.fixture
def session(tmp_path):
    with Session.create(tmp_path / "project.tomopick") as session:
        session.add_tomogram(Tomogram("small", tmp_path / "small.mrc", (40, 60, 60), 10.0))
        session.add_tomogram(
            Tomogram("small_bin2", tmp_path / "small_bin2.mrc", (20, 30, 30), 20.0, source="small", binning=2)
        )
        session.add_particles("hand", HAND, Step("manual"))
        session.add_particles("net", NET, Step("manual"))
        # where hand has its first two, seen on the binned copy
        coarse = picks(10, 40).rescaled(20.0)
        coarse = Particles(coarse.positions, tomograms=["small_bin2"] * 2, voxel_size_angstrom=20.0)
        session.add_particles("coarse", coarse, Step("manual"))
        yield session


def x_of(particles):
    return particles.positions[:, 0].round(6).tolist()


def test_files(folder, run):
    words = ["hand.csv", "net.csv", "matched.star", "--radius", 5, "--votes", 2, "-o", "out.csv"]
    out = run(*words, "--picture", "out.png", "--table", "table.csv", "--reference", "hand.csv")
    found = read_particles("out.csv")
    assert x_of(found) == [11, 40.5, 51]
    assert found.table.voters.tolist() == ["hand+matched+net", "hand+matched", "hand+net"]
    assert found.rotations.as_euler("zyx", degrees=True)[:, 0].round(4).tolist() == [20, 40, 0]
    np.testing.assert_array_equal(found.scores, [1, np.nan, 2 / 3])
    assert "3 particles from 8 picks in 3 sets" in out
    assert "hand, net: no orientations; they are those of the others" in out
    assert "1 of 3 particles have no orientation" in out
    assert "net against hand: precision 0.667, recall 0.667, F1 0.667" in out
    assert "the consensus against hand: precision 1.000, recall 1.000, F1 1.000" in out
    assert "hand + net + matched" in out
    assert (folder / "out.png").exists()
    assert (folder / "table.csv").read_text().startswith("tomogram,hand,net,matched,votes,clusters,kept\n")


def test_options(folder, run):
    arguments = ["hand.csv", "net.csv", "--radius", 5, "-o", "out.csv"]
    run(*arguments)
    assert x_of(read_particles("out.csv")) == [10.5, 51]
    run(*arguments, "--votes", 1, "--mode", "exactly")
    assert x_of(read_particles("out.csv")) == [30, 40]
    run(*arguments, "--weights", "3,1")
    assert x_of(read_particles("out.csv")) == [10.25, 50.5]
    run(*arguments, "--compatible")
    assert x_of(read_particles("out.csv")) == [10.5, 51]
    run("matched.star", "net.csv", "matched.star.csv", fails="no such file")
    write_particles("turned.csv", picks(12, rotations=Rotation.from_euler("z", [[70]], degrees=True)))
    run("matched.star", "turned.csv", "--max-angle", 20, "-o", "out.csv")
    assert x_of(read_particles("out.csv")) == []
    run("matched.star", "turned.csv", "--max-angle", 20, "--symmetry", "C6", "-o", "out.csv")
    assert x_of(read_particles("out.csv")) == [12]


def test_without_output_there_are_tables_only(folder, run):
    before = sorted(folder.iterdir())
    out = run("hand.csv", "net.csv")
    assert "Jaccard" in out
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hand.csv", "./hand.csv"], "hand.csv is named twice"),
        (["hand.csv", "net.csv", "--votes", 3], "3 votes of 2 sets"),
        (["hand.csv", "net.csv", "--weights", "1"], "1 weights for 2 sets"),
        (["hand.csv", "net.csv", "--weights", "a,b"], "separated by commas"),
        (["hand.csv", "net.csv", "--picture", "a.pdf"], "a picture is"),
        (["hand.csv", "net.csv", "--label", "x"], "this is for projects"),
        (["hand.csv", "net.csv", "--compatible", "--weights", "1,2"], "weights: Scipion has no such thing"),
        (["hand.csv", "net.csv", "--compatible", "--table", "t.csv"], "does not tell who picked what"),
        (["hand.csv", "net.csv", "-o", "nowhere/out.csv"], "no folder"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_written(folder, run, words, message):
    before = sorted(folder.iterdir())
    run(*(words if "-o" in words else [*words, "-o", "out.csv"]), fails=message)
    assert sorted(folder.iterdir()) == before


def test_files_of_one_name_are_told_apart():
    from napari_tomopick.cli.consensus import names_of_files

    assert names_of_files(["a/x.star", "b/y.csv"]) == ["x", "y"]
    assert names_of_files(["a/x.star", "b/x.csv"]) == ["x.star", "x.csv"]
    assert names_of_files(["a/x.star", "b/x.star"]) == ["a/x", "b/x"]


def test_a_tomogram_gives_what_files_lack(folder, run):
    write_mrc("small.mrc", np.zeros((40, 60, 60), np.int8), 10.0)
    (folder / "plain.csv").write_text("x,y,z\n11,20,10\n")
    run("hand.csv", "plain.csv", "--tomogram", "small.mrc", "-o", "out.csv")
    found = read_particles("out.csv")
    assert x_of(found) == [10.5]
    assert (found.voxel_size_angstrom, found.tomograms.tolist()) == (10, ["small"])


def test_compatible_with_and_without_the_size_of_the_tomogram():
    half = picks(10.6), picks(11.6)
    names = {"hand": half[0], "net": half[1]}
    tomogram = Tomogram("small", "small.mrc", (40, 60, 60), 10.0)
    known = consensus(names, [tomogram], compatible=True)
    # -19.4 and -18.4 from the centre
    assert x_of(known.particles) == [11.5]
    assert known.agreement is None
    unknown = consensus(names, compatible=True)
    assert x_of(unknown.particles) == [10.5]
    assert "towards its corner" in unknown.lines()[-1]
    assert x_of(consensus(names).particles) == [11.1]


def test_in_a_project_it_is_a_set_with_its_step_and_can_be_undone(session):
    uids = {entry.name: entry.uid for entry in session.particle_sets()}
    job = consensus_job(session, [uids["hand"], uids["net"]], {"radius": 5.0}, reference=uids["hand"])
    said = job.record(session, job.compute(None))
    assert said.endswith("kept as particle set consensus of hand, net")
    made = session.particle_sets()[-1]
    assert made.name == "consensus of hand, net"
    assert (made.count, made.step.name, made.tomograms) == (2, "consensus", ("small",))
    assert made.step.inputs == ("particle set hand", "particle set net", "reference hand")
    assert made.step.parameters["radius"] == 5.0
    assert made.step.parameters["votes"] == -1
    assert session.particles(made.uid).table.voters.tolist() == ["hand+net"] * 2
    session.undo()
    assert [entry.name for entry in session.particle_sets()] == ["hand", "net", "coarse"]


def test_a_binned_copy_is_the_same_place(session):
    uids = {entry.name: entry.uid for entry in session.particle_sets()}
    job = consensus_job(session, [uids["hand"], uids["coarse"]], {}, label="both")
    job.record(session, job.compute(None))
    found = session.particles(session.particle_sets()[-1].uid)
    assert found.tomograms.tolist() == ["small"] * 2
    assert x_of(found) == [10, 40]
    job = consensus_job(session, [uids["coarse"], uids["hand"]], {"votes": 1, "radius": 4.0})
    job.record(session, job.compute(None))
    found = session.particles(session.particle_sets()[-1].uid)
    assert set(found.tomograms) == {"small_bin2"}
    np.testing.assert_allclose(found.positions[:, 0], [4.75, 19.75, 24.75])


def test_a_place_without_a_copy_of_the_grid_of_the_first(session, tmp_path):
    session.add_tomogram(Tomogram("other", tmp_path / "other.mrc", (40, 60, 60), 10.0))
    uid = session.add_particles("there", picks(5, tomogram="other"), Step("manual"))
    coarse = next(entry.uid for entry in session.particle_sets() if entry.name == "coarse")
    with pytest.raises(ParameterError, match="grid of 20 Å, and other has no copy of that voxel size"):
        consensus_job(session, [coarse, uid], {"votes": 1}).compute(None)
    with pytest.raises(ParameterError, match="named twice"):
        consensus_job(session, [uid, uid], {})
    job = consensus_job(session, [coarse, uid], {})
    said = job.record(session, job.compute(None))
    assert (
        "no two sets have picks in the same tomogram, by their names: coarse in small; there in other" in said
    )
    assert said.endswith("no particle set was made, as there is nothing to put into it")


def test_a_project_on_the_command_line(session, run):
    path = session.path
    session.close()
    out = run(path, "hand", "net", "--radius", 5, "--label", "both", "-o", path.with_name("both.star"))
    assert out.splitlines()[-3:-1] == ["2 particles from 6 picks in 2 sets", "kept as particle set both"]
    assert x_of(read_particles(path.with_name("both.star"))) == [10.5, 51]
    run(path, "hand", "nobody", fails="no particle set is called 'nobody'")
    run(path, fails="say which particle sets")
    run(path, "hand", "net", "--tomogram", "small.mrc", fails="the project knows its tomograms")
    with Session.open(path) as again:
        assert [entry.name for entry in again.particle_sets()] == ["hand", "net", "coarse", "both"]
