"""`clean` and `turn` on the command line, on plain files and on a project."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_tomopick.io.models import write_models
from napari_tomopick.io.particles import read_particles, write_particles
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.project import Session

VESICLE = Model(
    name="vesicle",
    type=ModelType.VESICLE,
    # on a sphere of radius 10 about 30, 30, 20
    points=np.array([[40, 30, 20], [20, 30, 20], [30, 40, 20], [30, 20, 20], [30, 30, 30], [30, 30, 10.0]]),
    levels=np.array([20, 20, 20, 20, 30, 10]),
    tomogram="small",
    voxel_size_angstrom=10.0,
)
PICKS = Particles(
    # outside of the vesicle; again; far from it; inside; near the border
    [[43, 30, 20], [44, 30, 20], [55, 50, 20], [30, 33, 20], [2, 30, 20]],
    scores=[0.5, 0.9, 0.8, 0.7, 0.1],
    tomograms=["small"] * 5,
    table=pd.DataFrame({"lot": [1, 1, 2, 2, 3]}),
    voxel_size_angstrom=10.0,
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_mrc(tmp_path / "small.mrc", np.zeros((40, 60, 60), np.int8), 10.0)
    write_models(tmp_path / "models.json", [VESICLE])
    write_particles(tmp_path / "picks.csv", PICKS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(command_line):
    return lambda *words, fails=None: command_line(*words, fails=fails)[0]


def left(path):
    return read_particles(path).positions[:, 0].round(3).tolist()


def test_each_criterion_says_what_it_removed(folder, run):
    out = run(
        "clean", "picks.csv", "--tomogram", "small.mrc", "--surfaces", "models.json", "--score", 0.2,
        "--border", 8, "--side", "outside", "--max-distance", 6, "--duplicates", 2, "-o", "good.star",
        "--removed", "bad.csv",
    )  # fmt: skip
    assert out.splitlines() == [
        "removed 1: 1 of 5 particles is out of range: score at least 0.2 (1 out)",
        "removed 0: 0 of 4 particles have boxes of 8 that would leave the tomogram",
        "removed 2: 2 of 4 particles do not go with the membrane: 1 not on the outside of the membrane, "
        "1 further from it than 6 voxels",
        "removed 1: 1 of 2 particles lies within 2 voxels of a better one",
        "1 of 5 particles left",
        "wrote good.star",
        "wrote bad.csv",
    ]
    assert left("good.star") == [44]
    assert left("bad.csv") == [43, 55, 30, 2]


def test_filters_by_any_quantity(folder, run):
    arguments = ["clean", "picks.csv", "-o", "good.csv"]
    run(*arguments, "--filter", "lot:2:")
    assert left("good.csv") == [55, 30, 2]
    run(*arguments, "--filter", "score:0.5:0.8", "--filter", "table:lot::1")
    assert left("good.csv") == [43]
    run(*arguments, "--surfaces", "models.json", "--filter", "membrane_distance:-8:-2")
    assert left("good.csv") == [30]
    run(*arguments, "--isolated", 5)
    assert left("good.csv") == [43, 44]
    run(*arguments, "--disagreeing", 5, "--agreeing", 2)
    assert left("good.csv") == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "say what to remove"),
        (["--filter", "score::"], "at least one end"),
        (["--filter", "score"], "a filter is QUANTITY:LOW:HIGH"),
        (["--filter", "score:a:2"], "got 'score:a:2'"),
        (["--filter", "score:3:2"], "from low to high"),
        (["--filter", "score:1:", "--filter", "score::2"], "filtered by twice"),
        (["--filter", "score:1:", "--score", "2"], "filtered by twice"),
        (["--filter", "nothing:1:"], "no quantity 'nothing'"),
        (["--border", "9"], "even"),
        (["--border", "8"], "size of tomogram 'small' is needed"),
        (["--max-distance", "5"], "no surface was given"),
        (["--surface", "vesicle"], "--surfaces"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_written(folder, run, words, message):
    before = sorted(folder.iterdir())
    run("clean", "picks.csv", "-o", "good.csv", *words, fails=message)
    assert sorted(folder.iterdir()) == before


def test_picks_of_two_programs_are_put_together(folder, run):
    write_particles(folder / "other.csv", PICKS.select([1, 3]))
    out = run("clean", "picks.csv", "other.csv", "--duplicates", 0, "-o", "both.csv")
    assert "removed 2: 2 of 7 particles lie within 0 voxels of a better one" in out
    assert left("both.csv") == left("picks.csv")
    assert read_particles("both.csv").ids.tolist() == [1, 2, 3, 4, 5]


def test_turned_in_files(folder, run):
    run("turn", "picks.csv", "--to-surface", "--surfaces", "models.json", "-o", "out.csv")
    outwards = read_particles("out.csv").directions()
    assert outwards[0] == pytest.approx([1, 0, 0], abs=0.05)
    run("turn", "out.csv", "--flip", "--in-plane", 30, "--random-twist", 1, "-o", "in.csv")
    assert read_particles("in.csv").directions() == pytest.approx(-outwards, abs=1e-5)
    run("turn", "picks.csv", "-o", "out.csv", fails="say how to turn")
    run("turn", "picks.csv", "set", "-o", "out.csv", "--flip", fails="SET: this is for projects")


def test_in_a_project_it_is_a_new_set_with_its_step(folder, run):
    run("import", "small.mrc", "picks.csv", "models.json", "--project", "p.tomopick")
    out = run(
        "clean", "p.tomopick", "picks", "--border", 8, "--filter", "membrane_distance:0:", "-o", "g.csv"
    )
    assert "3 of 5 particles left" in out
    assert "kept as particle set picks cleaned" in out
    assert left("g.csv") == [43, 44, 55]
    run("turn", "p.tomopick", "picks cleaned", "--to-surface")
    with Session.open("p.tomopick") as session:
        sets = {entry.name: entry for entry in session.particle_sets()}
        assert list(sets) == ["picks", "picks cleaned", "picks cleaned turned"]
        step = sets["picks cleaned"].step
        assert step.name == "clean"
        assert step.parameters["border"] == 8
        assert step.parameters["filters"] == {"membrane_distance": "at least 0"}
        assert session.particles(sets["picks cleaned"].uid).ids.tolist() == [1, 2, 3]
        turned = session.particles(sets["picks cleaned turned"].uid)
        assert turned.directions()[0] == pytest.approx([1, 0, 0], abs=0.05)
        session.undo()
        assert len(session.particle_sets()) == 2
    run("clean", "p.tomopick", "--duplicates", 3, fails="say which particle set is meant")
    run("clean", "p.tomopick", "nothing", "--duplicates", 3, fails="no particle set is called 'nothing'")
    both = run("clean", "p.tomopick", "picks", "picks cleaned", "--duplicates", 0)
    assert "removed 3: 3 of 8" in both
