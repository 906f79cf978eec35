"""copick's picks and projects: a file that copick wrote, worked numbers, round trips, and what goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry.orientations import angle_between, to_relion
from napari_tomopick.io.particles import read_particles, what_is_lost, write_particles
from napari_tomopick.models.particles import SHIFTS, Particles
from napari_tomopick.models.tomogram import Tomogram

# written by copick 1.31 (new_picks, from_numpy, store)
PICKS = """{"pickable_object_name": "ribosome", "user_id": "alice", "session_id": "1", "run_name": "TS_01",
"voxel_spacing": null, "unit": "angstrom", "points": [
{"location": {"x": 100.0, "y": 200.0, "z": 300.0}, "transformation_": [
[0.7712805763691758, -0.6130920223795969, 0.17101007166283433, 0.0],
[0.633718360861996, 0.7146101771427564, -0.29619813272602374, 0.0],
[0.05939117461388469, 0.3368240888334651, 0.9396926207859084, 0.0],
[0.0, 0.0, 0.0, 1.0]], "instance_id": 0, "score": 1.0},
{"location": {"x": 50.0, "y": 60.0, "z": 70.0}, "transformation_": [
[0.37852230636979234, 0.4409696105298823, 0.813797681349374, 5.0],
[0.018028311236297223, -0.8825641192593857, 0.4698463103929541, -10.0],
[0.9254165783983236, -0.16317591116653477, -0.34202014332566855, 2.5],
[0.0, 0.0, 0.0, 1.0]], "instance_id": 7, "score": 0.5}], "trust_orientation": true}"""
KEYS = ("user_id", "session_id", "pickable_object_name")
OBJECTS = [{"name": "ribosome", "is_particle": True, "label": 3}, {"name": "apoferritin", "label": 5}]


def tomogram(name: str, size: float = 10.0, **fields: object) -> Tomogram:
    values: dict = {"path": Path(f"{name}.mrc"), "shape": (50, 60, 70), "voxel_size_angstrom": size} | fields
    return Tomogram(name=name, **values)


def project(folder: Path, **config: object) -> Path:
    path = folder / "copick_config.json"
    tree = {"pickable_objects": OBJECTS, "overlay_root": f"local://{folder / 'tree'}"}
    path.write_text(json.dumps(tree | config))
    (folder / "tree" / "ExperimentRuns" / "TS_01" / "Picks").mkdir(parents=True, exist_ok=True)
    return path


def test_a_file_that_copick_wrote(tmp_path: Path) -> None:
    path = tmp_path / "alice_1_ribosome.json"
    path.write_text(PICKS)
    particles = read_particles(path, tomograms=[tomogram("TS_01")])
    np.testing.assert_allclose(particles.positions, [[10, 20, 30], [5.5, 5, 7.25]], atol=1e-12)
    # the angles that copick itself gives for RELION
    expected = Rotation.from_euler("zxz", [[10, 20, 30], [100, 110, 120]], degrees=True)
    assert angle_between(expected, particles.rotations).max() < 1e-6
    np.testing.assert_allclose(to_relion(particles.rotations), [[80, 20, -120], [-10, 110, 150]], atol=1e-6)
    assert particles.scores.tolist() == [1, 0.5]
    assert particles.tomograms.tolist() == ["TS_01", "TS_01"]
    assert particles.table["copick_instance_id"].tolist() == [0, 7]
    assert particles.table["copick_object"].tolist() == ["ribosome", "ribosome"]
    # locations and translations are written as they were
    again = tmp_path / "bob_1_ribosome.json"
    write_particles(again, particles, tomograms=[tomogram("TS_01")], format="copick")
    before, after = (json.loads(file.read_text())["points"] for file in (path, again))
    for point, came in zip(after, before, strict=True):
        assert point["location"] == pytest.approx(came["location"], abs=1e-9)
        np.testing.assert_allclose(point["transformation_"], came["transformation_"], atol=1e-9)
    with pytest.raises(FileFormatError, match=r"locations are in Å, .* give the tomogram"):
        read_particles(path)


def test_where_the_voxel_size_comes_from(tmp_path: Path) -> None:
    picks = project(tmp_path).parent / "tree" / "ExperimentRuns" / "TS_01" / "Picks"
    path = picks / "alice_1_ribosome.json"
    path.write_text(PICKS)
    (picks.parent / "VoxelSpacing20.000").mkdir()
    assert read_particles(path).voxel_size_angstrom == 20.0
    path.write_text(PICKS.replace('"voxel_spacing": null', '"voxel_spacing": 4.0'))
    np.testing.assert_allclose(read_particles(path).positions[0], [25, 50, 75])
    inside = tomogram("wbp", 5.0, path=picks.parent / "VoxelSpacing20.000" / "wbp.zarr")
    particles = read_particles(path, tomograms=[inside])
    assert particles.tomograms.tolist() == ["wbp", "wbp"]
    np.testing.assert_allclose(particles.positions[0], [20, 40, 60])


def test_orientations_that_are_not_trusted_are_not_used(tmp_path: Path) -> None:
    path = tmp_path / "a_0_b.json"
    path.write_text(PICKS.replace('"trust_orientation": true', '"trust_orientation": false'))
    particles = read_particles(path, tomograms=[tomogram("TS_01")])
    assert not particles.rotations.magnitude().any()
    write_particles(path, particles, format="copick")
    assert json.loads(path.read_text())["trust_orientation"] is False


def test_the_name_of_the_file_says_whose_picks_they_are(tmp_path: Path) -> None:
    particles = Particles(np.array([[1, 2, 3.5]]), tomograms=np.array(["TS_01"]), voxel_size_angstrom=10.0)
    write_particles(tmp_path / "bob_4_virus-like.json", particles, format="copick")
    content = json.loads((tmp_path / "bob_4_virus-like.json").read_text())
    assert [content[k] for k in ("user_id", "session_id", "pickable_object_name")] == [
        "bob",
        "4",
        "virus-like",
    ]
    assert content["run_name"] == "TS_01"
    assert content["points"][0]["location"] == {"x": 10, "y": 20, "z": 35}
    assert content["points"][0]["score"] is None
    write_particles(tmp_path / "virus.json", particles, format="copick")
    content = json.loads((tmp_path / "virus.json").read_text())
    assert [content[k] for k in ("user_id", "session_id", "pickable_object_name")] == [
        "napari-tomopick",
        "0",
        "virus",
    ]
    with pytest.raises(FileFormatError, match="'a b' cannot be the object in copick"):
        write_particles(tmp_path / "a b.json", particles, format="copick")
    with pytest.raises(FileFormatError, match="voxel size of the particles is not known"):
        write_particles(tmp_path / "v.json", Particles(np.ones((1, 3))), format="copick")
    folder = project(tmp_path).parent / "tree" / "ExperimentRuns" / "TS_01" / "Picks"
    other = Particles(np.ones((1, 3)), tomograms=np.array(["TS_02"]), voxel_size_angstrom=1.0)
    with pytest.raises(FileFormatError, match="belongs to the run 'TS_01', the particles lie in 'TS_02'"):
        write_particles(folder / "a_0_b.json", other, format="copick")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 6), st.integers(0, 2**32 - 1), st.booleans())
def test_a_project_round_trip(
    tmp_path_factory: pytest.TempPathFactory, n: int, seed: int, named: bool
) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.choice([3, 5], n)
    table = pd.DataFrame(index=range(n))
    if named:
        table = pd.DataFrame(
            {
                "copick_user": rng.choice(["alice", "bob"], n),
                "copick_session": rng.choice(["1", "2"], n),
                "copick_instance_id": rng.integers(0, 9, n),
            }
        )
    particles = Particles(
        rng.uniform(0, 100, (n, 3)),
        Rotation.from_quat(rng.normal(size=(n, 4))) if n else None,
        groups=groups,
        scores=np.where(rng.random(n) < 0.3, np.nan, np.arange(n)),
        tomograms=rng.choice(["TS_01", "TS_02"], n) if n else None,
        table=table,
        voxel_size_angstrom=13.48,
    )
    path = project(tmp_path_factory.mktemp("copick"))
    write_particles(path, particles, format="copick-project")
    back = read_particles(path)
    assert len(back) == n
    # files are read in their order, so match by place
    order = np.lexsort(particles.positions.T), np.lexsort(back.positions.T)
    first, second = particles.select(order[0]), back.select(order[1])
    np.testing.assert_allclose(second.positions, first.positions, atol=1e-9)
    np.testing.assert_array_equal(second.groups, first.groups)
    np.testing.assert_array_equal(second.scores, first.scores)
    np.testing.assert_array_equal(second.tomograms, first.tomograms)
    if n:
        assert np.radians(angle_between(first.rotations, second.rotations)).max() < 1e-6
        assert back.voxel_size_angstrom == 13.48
        expected = first.table["copick_user"].tolist() if named else ["napari-tomopick"] * n
        assert second.table["copick_user"].tolist() == expected
    assert what_is_lost(path, particles, format="copick-project") == ("ids",)


def test_what_cannot_be_written_into_a_project_leaves_it_as_it_was(tmp_path: Path) -> None:
    path = project(tmp_path)
    names = np.array(["TS_01", "TS_02"])
    two = Particles(np.ones((2, 3)), groups=np.array([3, 4]), tomograms=names, voxel_size_angstrom=1.0)
    with pytest.raises(FileFormatError, match=r"no object has the label 4; there are 3 \(ribosome\), 5"):
        write_particles(path, two, format="copick-project")
    with pytest.raises(FileFormatError, match="no object is called 'x'"):
        write_particles(path, two.with_columns(copick_object=["ribosome", "x"]), format="copick-project")
    with pytest.raises(FileFormatError, match="no name of the tomogram is known"):
        write_particles(path, Particles(np.ones((1, 3)), groups=np.array([3])), format="copick-project")
    bad = Particles(np.ones((1, 3)), groups=np.array([3]), tomograms=np.array([".."]))
    with pytest.raises(FileFormatError, match=r"'\.\.' cannot be the name of a run"):
        write_particles(path, bad, format="copick-project")
    with pytest.raises(FileFormatError, match="there is no such configuration"):
        write_particles(tmp_path / "no.json", two, format="copick-project")
    assert not list((tmp_path / "tree").rglob("*.json"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"unit": "angstrom"', '"unit": "pixel"', "unit is 'pixel'; locations in angstrom"),
        ('"x": 100.0', '"x": "1"', r"points\[0\], location x: '1' is not a number"),
        ("0.7712805763691758", "2.0", r"points\[0\], transformation_: not a rotation"),
        ("[0.7712805763691758,", "[", r"points\[0\], transformation_: not 4 rows of 4"),
        ('"score": 0.5', '"score": "good"', r"points\[1\], score: 'good'"),
        ('"instance_id": 7', '"instance_id": 7.5', r"points\[1\], instance_id: 7.5"),
        ('"points": [', '"points": [5, ', r"points\[0\]: no location"),
        ('"user_id": "alice"', '"user_id": 5', "user_id must be text"),
        ('"voxel_spacing": null', '"voxel_spacing": -1', "voxel_spacing must be a positive"),
    ],
)
def test_damaged_picks(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in PICKS
    path = tmp_path / "a_0_b.json"
    path.write_text(PICKS.replace(old, new, 1))
    with pytest.raises(FileFormatError, match=message):
        read_particles(path, tomograms=[tomogram("other")])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"overlay_root": "s3://bucket/x"}, r"the folder of its picks \('s3://bucket/x'\) is not there"),
        ({"overlay_root": 5}, "overlay_root must be text"),
        ({"pickable_objects": [{"label": 1}]}, r"pickable_objects\[0\]: no name and label"),
        ({"pickable_objects": {}}, '"pickable_objects" must be a list'),
    ],
)
def test_damaged_configurations(tmp_path: Path, config: dict, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_particles(project(tmp_path, **config))


# run by a Python with copick, which cannot be installed beside this program (it is bound to zarr 2)
REFEREE = """
import json, sys
import copick, numpy as np
project = copick.from_file(sys.argv[1])
[run] = project.runs
seen = {
    picks.user_id: [
        [p.location.x, p.location.y, p.location.z, *np.array(p.transformation).ravel().tolist()]
        for p in picks.points
    ]
    for picks in run.picks
}
picks = run.new_picks("apoferritin", "9", "copick")
locations, transforms = next(p for p in run.picks if p.user_id == "alice").numpy()
picks.from_numpy(locations, transforms, scores=np.arange(len(locations)) / 4)
picks.store()
print(json.dumps(seen))
"""


@pytest.mark.skipif("TOMOPICK_COPICK" not in os.environ, reason="TOMOPICK_COPICK names no Python with copick")
def test_copick_itself_reads_what_is_written_and_writes_what_is_read(tmp_path: Path) -> None:
    objects = [{"is_particle": True} | entry for entry in OBJECTS]
    about = {"name": "t", "description": "t", "version": "1.31.0", "config_type": "filesystem"}
    path = project(tmp_path, pickable_objects=objects, overlay_fs_args={}, **about)
    shift = np.round(np.random.default_rng(3).normal(size=(3, 4)), 3)
    particles = Particles(
        np.random.default_rng(2).uniform(0, 90, (4, 3)),
        Rotation.random(4, random_state=2),
        groups=np.full(4, 3),
        tomograms=np.full(4, "TS_01"),
        voxel_size_angstrom=8.0,
    ).with_columns(copick_user=["alice"] * 4, **dict(zip(SHIFTS, shift, strict=True)))
    write_particles(path, particles, format="copick-project")
    said = subprocess.check_output([os.environ["TOMOPICK_COPICK"], "-c", REFEREE, str(path)], text=True)
    rows = np.array(json.loads(said)["alice"])
    np.testing.assert_allclose(rows[:, :3] / 8.0 + shift.T, particles.positions, atol=1e-9)
    matrices = rows[:, 3:].reshape(4, 4, 4)
    np.testing.assert_allclose(matrices[:, :3, :3], particles.rotations.as_matrix(), atol=1e-9)
    np.testing.assert_allclose(matrices[:, :3, 3] / 8.0, shift.T, atol=1e-9)
    (tmp_path / "tree" / "ExperimentRuns" / "TS_01" / "VoxelSpacing8.000").mkdir()
    theirs = read_particles(path)
    theirs = theirs.select(theirs.table["copick_user"].to_numpy() == "copick")
    np.testing.assert_allclose(theirs.positions, particles.positions, atol=1e-9)
    assert angle_between(theirs.rotations, particles.rotations).max() < 1e-6
    assert theirs.scores.tolist() == [0, 0.25, 0.5, 0.75]
    assert set(theirs.groups) == {5}
