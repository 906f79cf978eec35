"""Dynamo: worked numbers, independent referees, maps and lists of tomograms."""

from __future__ import annotations

from pathlib import Path

import dynamotable
import numpy as np
import pytest
from eulerangles import convert_eulers, euler2matrix
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from napari_tomopick.cli.window import app
from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.geometry import orientations
from napari_tomopick.io.particles import read_particles, write_particles
from napari_tomopick.io.volumes import list_tomogram_files, write_mrc, write_tomogram_list
from napari_tomopick.models.particles import SHIFTS, Particles
from napari_tomopick.models.tomogram import Tomogram


def tomogram(name: str, path: str = "", **fields: object) -> Tomogram:
    values: dict = {"path": Path(path or f"{name}.mrc"), "shape": (8, 8, 8), "voxel_size_angstrom": 2.0}
    return Tomogram(name=name, **(values | fields))


def asymmetric(n: int = 7, seed: int = 3) -> Particles:
    rng = np.random.default_rng(seed)
    return Particles(
        positions=rng.uniform(-5, 500, (n, 3)) * [1, 2, 3],
        rotations=Rotation.random(n, random_state=seed) if n else None,
        ids=rng.permutation(1000)[:n] + 1,
        groups=rng.integers(1, 9, n),
        scores=rng.normal(size=n),
        tomograms=np.array(["TS_1", "TS_2"])[rng.integers(0, 2, n)],
        voxel_size_angstrom=2.62,
    )


def line(**columns: object) -> str:
    names = (
        "tag aligned averaged dx dy dz tdrot tilt narot cc cc2 cpu ftype ymintilt ymaxtilt xmintilt xmaxtilt "
        "fs1 fs2 tomo reg class annotation x y z dshift daxis dnarot dcc otag npar col33 ref sref apix"
    ).split()
    return " ".join(str(columns.get(name, 1 if name == "tag" else 0)) for name in names) + "\n"


# --- referees -------------------------------------------------------------------------------------


def test_dynamotable_reads_what_is_written(tmp_path: Path) -> None:
    particles = asymmetric()
    write_particles(tmp_path / "t.tbl", particles, tomograms=[tomogram("TS_1", "/data/TS_1.rec")])
    table = dynamotable.read(tmp_path / "t.tbl", tmp_path / "t.doc")
    np.testing.assert_allclose(table[["x", "y", "z"]], particles.positions + 1, atol=1e-4)
    assert table["tag"].tolist() == particles.ids.tolist()
    assert table["reg"].tolist() == particles.groups.tolist()
    np.testing.assert_allclose(table["cc"], particles.scores)
    assert set(table["tomo_file"]) == {"/data/TS_1.rec", "TS_2"}
    # the matrix of eulerangles' Dynamo takes the tomogram to the reference, as Dynamo's does
    matrices = euler2matrix(
        table[["tdrot", "tilt", "narot"]].to_numpy(), axes="zxz", intrinsic=False, right_handed_rotation=True
    )
    np.testing.assert_allclose(matrices, particles.rotations.inv().as_matrix(), atol=1e-8)


def test_a_table_of_dynamotable_is_read(tmp_path: Path) -> None:
    particles = asymmetric()
    write_particles(tmp_path / "t.tbl", particles)
    table = dynamotable.read(tmp_path / "t.tbl")
    table["dx"] = np.arange(len(table)) * 0.25
    dynamotable.write(table, tmp_path / "u.tbl")
    back = read_particles(tmp_path / "u.tbl")
    expected = particles.positions + np.column_stack([table["dx"], 0 * table["dx"], 0 * table["dx"]])
    # it writes five digits behind the point
    np.testing.assert_allclose(back.positions, expected, atol=1e-4)
    assert orientations.angle_between(back.rotations, particles.rotations).max() < 1e-4


def test_eulerangles_agrees_on_every_convention() -> None:
    rotations = Rotation.random(50, random_state=11)
    dynamo, relion = orientations.to_dynamo(rotations), orientations.to_relion(rotations)
    theirs = convert_eulers(dynamo, source_meta="dynamo", target_meta="relion")
    np.testing.assert_allclose((theirs - relion + 180) % 360 - 180, 0, atol=1e-6)
    theirs = convert_eulers(relion, source_meta="relion", target_meta="dynamo")
    assert orientations.angle_between(orientations.from_dynamo(theirs), rotations).max() < 1e-6


# --- base and shifts ------------------------------------------------------------------------------


def test_compatibility_with_scipion_is_one_voxel(tmp_path: Path) -> None:
    path = tmp_path / "t.tbl"
    path.write_text(line(x=100, y=50, z=25, dx=1.5))
    assert read_particles(path).positions.tolist() == [[100.5, 49, 24]]
    theirs = read_particles(path, scipion_compatible=True)
    assert theirs.positions.tolist() == [[101.5, 50, 25]]
    write_particles(tmp_path / "u.tbl", theirs, scipion_compatible=True)
    words = (tmp_path / "u.tbl").read_text().split()
    assert (words[3], words[23:26]) == ("1.5", ["100", "50", "25"])
    with pytest.raises(ParameterError, match=r"with Scipion is about Dynamo table, .*, not about CSV"):
        write_particles(tmp_path / "u.csv", theirs, scipion_compatible=True)
    words = ["convert", str(path), str(tmp_path / "o.csv"), "--scipion-compatible"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert read_particles(tmp_path / "o.csv").positions.tolist() == [[101.5, 50, 25]]


def test_shifts_of_a_table_are_kept_unless_they_are_folded(tmp_path: Path) -> None:
    path = tmp_path / "t.tbl"
    path.write_text(line(x=100, y=50, z=25, dx=1.5, dy=-2.25, dz="3e-05", tdrot=30, tilt=40, narot=50))
    kept = read_particles(path)
    np.testing.assert_allclose(kept.positions, [[100.5, 46.75, 24.00003]])
    write_particles(tmp_path / "u.tbl", kept)
    before, after = ([float(v) for v in p.read_text().split()] for p in (path, tmp_path / "u.tbl"))
    np.testing.assert_allclose(after, before, rtol=1e-9)
    write_particles(tmp_path / "f.tbl", read_particles(path, fold_shifts=True))
    words = (tmp_path / "f.tbl").read_text().split()
    assert (words[3:6], words[23:26]) == (["0", "0", "0"], ["101.5", "47.75", "25.00003"])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 6), st.integers(0, 10**6), st.booleans(), st.booleans())
def test_round_trips(
    tmp_path_factory: pytest.TempPathFactory, n: int, seed: int, fold: bool, compatible: bool
) -> None:
    path = tmp_path_factory.mktemp("tbl") / "t.tbl"
    particles = asymmetric(n, seed)
    if not fold:
        shift = np.random.default_rng(seed).normal(size=(3, n))
        particles = particles.with_columns(**dict(zip(SHIFTS, shift, strict=True)))
    write_particles(path, particles, scipion_compatible=compatible)
    back = read_particles(path, scipion_compatible=compatible)
    np.testing.assert_allclose(back.positions, particles.positions, atol=1e-4)
    if n:
        assert np.radians(orientations.angle_between(back.rotations, particles.rotations)).max() < 1e-6
        assert back.tomograms.tolist() == particles.tomograms.tolist()
    if n and not fold:
        np.testing.assert_allclose(back.table[SHIFTS[1]], shift[1], rtol=1e-9)
        z = [float(row.split()[25]) for row in path.read_text().splitlines()]
        expected = particles.positions[:, 2] - shift[2] + (not compatible)
        np.testing.assert_allclose(z, expected, atol=1e-4)


# --- lists ----------------------------------------------------------------------------------------


def test_a_volume_list_names_the_tomograms_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "t.tbl"
    path.write_text(line(tag=1, tomo=1) + line(tag=2, tomo=2))
    (tmp_path / "t.vll").write_text("# all of them\n/data/TS_05.rec\n* label = the good one\nsub/TS_06.rec\n")
    assert read_particles(path).tomograms.tolist() == ["TS_05", "TS_06"]
    (tmp_path / "t.doc").write_text("1 /data/A.rec\n2 /data/B.rec\n")
    assert read_particles(path).tomograms.tolist() == ["A", "B"]


def test_tomograms_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.tbl"
    path.write_text(line(tag=1, tomo=7) + line(tag=2, tomo=3))
    (tmp_path / "t.doc").write_text("3 /data/A.rec\n7 /data/B.rec\n")
    particles = read_particles(path)
    assert particles.tomograms.tolist() == ["B", "A"]
    write_particles(tmp_path / "u.tbl", particles, tomograms=[tomogram("A", "/data/A.rec")])
    assert (tmp_path / "u.doc").read_text() == "7\tB\n3\t/data/A.rec\n"
    # in other tomograms they have other numbers
    moved = Particles(**{**vars(particles), "tomograms": np.array(["A", "A"])})
    write_particles(tmp_path / "v.tbl", moved)
    assert (tmp_path / "v.doc").read_text() == "1\tA\n"


def test_a_volume_list_is_written_and_read(tmp_path: Path) -> None:
    files = [tmp_path / "sub" / "TS_1.mrc", tmp_path.parent / f"{tmp_path.name}_TS_2.mrc"]
    (tmp_path / "sub").mkdir()
    for file in files:
        write_mrc(file, np.zeros((4, 4, 4), np.float32), 5.0)
    write_tomogram_list(tmp_path / "all.vll", files)
    assert (tmp_path / "all.vll").read_text().splitlines() == ["sub/TS_1.mrc", str(files[1])]
    assert [f.resolve() for f in list_tomogram_files(tmp_path / "all.vll")] == [f.resolve() for f in files]
    for wrong, message in (
        ([], "needs a tomogram"),
        ([tmp_path / "a#1.mrc"], "cannot stand in a volume list"),
    ):
        with pytest.raises(FileFormatError, match=message):
            write_tomogram_list(tmp_path / "bad.vll", wrong)
    # the list as the tomograms of a conversion, and as its result
    (tmp_path / "t.tbl").write_text(line(x=3, y=3, z=3))
    listed = ["--tomogram", str(tmp_path / "all.vll")]
    result = CliRunner().invoke(app, ["convert", str(tmp_path / "t.tbl"), str(tmp_path / "b.vll"), *listed])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "b.vll").read_text() == (tmp_path / "all.vll").read_text()
