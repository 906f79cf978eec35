"""Particle files of every format: round trips, and what goes wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError, ParameterError, TomopickError
from napari_tomopick.geometry.orientations import angle_between
from napari_tomopick.io.particles import (
    SUFFIXES,
    WRITE_SUFFIXES,
    read_particles,
    what_is_lost,
    write_particles,
)
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Acquisition, Tomogram

SHAPE = (101, 300, 400)


def tomogram(name: str, **fields: object) -> Tomogram:
    values: dict = {"path": Path(f"{name}.mrc"), "shape": SHAPE, "voxel_size_angstrom": 13.48} | fields
    return Tomogram(name=name, **values)


TOMOGRAMS = (tomogram("TS_01"), tomogram("0012"))


@st.composite
def particle_sets(draw: st.DrawFn, names: tuple[str, ...] = ("TS_01", "0012")) -> Particles:
    n = draw(st.integers(0, 5))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    quaternions = rng.normal(size=(n, 4))
    # the poles and exact right angles, where Euler angles are degenerate
    special = draw(st.lists(st.sampled_from(range(24)), min_size=n, max_size=n))
    if n and draw(st.booleans()):
        quaternions = Rotation.create_group("O").as_quat()[special]
    return Particles(
        positions=rng.uniform(-50, 5000, (n, 3)),
        rotations=Rotation.from_quat(quaternions) if n else None,
        ids=rng.permutation(10**6)[:n],
        groups=rng.integers(0, 1000, n),
        scores=np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
        tomograms=rng.choice(names, n) if n else np.array([], dtype=np.str_),
        table=pd.DataFrame(
            {
                "tomopickDistance": rng.normal(size=n),
                "dyn_class": rng.integers(0, 9, n),
                "rlnImageName": [f"0{i} a.mrc" for i in range(n)],
            }
        ),
        voxel_size_angstrom=13.48,
    )


def assert_same(first: Particles, second: Particles, *, columns: bool = True) -> None:
    assert len(first) == len(second)
    np.testing.assert_allclose(second.positions, first.positions, atol=1e-4, rtol=0)
    if len(first):
        assert np.radians(angle_between(first.rotations, second.rotations)).max() < 1e-6
    np.testing.assert_array_equal(second.ids, first.ids)
    np.testing.assert_array_equal(second.groups, first.groups)
    np.testing.assert_allclose(second.scores, first.scores, rtol=1e-9)
    np.testing.assert_array_equal(second.tomograms, first.tomograms)
    if len(first):
        assert second.voxel_size_angstrom == first.voxel_size_angstrom
    if columns:
        assert sorted(second.table.columns) == sorted(first.table.columns)
        for name in first.table.columns if len(first) else ():
            if first.table[name].dtype.kind == "f":
                np.testing.assert_allclose(second.table[name], first.table[name], rtol=1e-9)
            else:
                assert second.table[name].tolist() == first.table[name].tolist()


@settings(max_examples=40, deadline=None)
@given(particle_sets(), st.sampled_from(["relion5", "relion5-centred", "relion4"]))
def test_star_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, particles: Particles, kind: str
) -> None:
    path = tmp_path_factory.mktemp("star") / "p.star"
    assert write_particles(path, particles, tomograms=TOMOGRAMS, format=kind) == (path,)
    back = read_particles(path, tomograms=TOMOGRAMS)
    if kind == "relion4":
        back = Particles(**{**vars(back), "table": back.table.drop(columns="rlnMicrographName")})
    back = Particles(**{**vars(back), "table": back.table.drop(columns="rlnOpticsGroup")})
    assert_same(particles, back)


@settings(max_examples=40, deadline=None)
@given(particle_sets())
def test_csv_gives_back_every_bit(tmp_path_factory: pytest.TempPathFactory, particles: Particles) -> None:
    path = tmp_path_factory.mktemp("csv") / "p.csv"
    write_particles(path, particles)
    back = read_particles(path)
    assert_same(particles, back)
    np.testing.assert_array_equal(back.positions, particles.positions)
    np.testing.assert_array_equal(back.scores, particles.scores)


@settings(max_examples=40, deadline=None)
@given(particle_sets())
def test_dynamo_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, particles: Particles
) -> None:
    folder = tmp_path_factory.mktemp("tbl")
    path = folder / "p.tbl"
    written = write_particles(path, particles, tomograms=TOMOGRAMS)
    assert written == ((path, folder / "p.doc") if len(particles) else (path,))
    back = read_particles(path)
    assert_same(particles, back, columns=False)
    if len(particles):
        assert back.table["dyn_class"].tolist() == particles.table["dyn_class"].tolist()


@settings(max_examples=30, deadline=None)
@given(particle_sets(names=("TS_01",)))
def test_imod_keeps_positions_orientations_and_groups(
    tmp_path_factory: pytest.TempPathFactory, particles: Particles
) -> None:
    path = tmp_path_factory.mktemp("mod") / "p.mod"
    write_particles(path, particles, tomograms=TOMOGRAMS)
    back = read_particles(path)
    order = np.argsort(particles.groups, kind="stable")
    # single precision: seven digits
    np.testing.assert_allclose(back.positions, particles.positions[order], rtol=1e-6, atol=1e-4)
    np.testing.assert_array_equal(back.groups, particles.groups[order])
    assert back.voxel_size_angstrom == 13.48
    if len(particles):
        assert angle_between(particles.rotations[order], back.rotations).max() < 1e-4


def test_the_same_particles_give_the_same_bytes(tmp_path: Path) -> None:
    particles = Particles(
        np.ones((2, 3)), voxel_size_angstrom=10.0, tomograms=np.array(["a", "a"]), box_size=16
    )
    for suffix in WRITE_SUFFIXES:
        first, second = tmp_path / "1" / f"p{suffix}", tmp_path / "2" / f"p{suffix}"
        first.parent.mkdir(exist_ok=True)
        second.parent.mkdir(exist_ok=True)
        write_particles(first, particles)
        write_particles(second, particles)
        assert first.read_bytes() == second.read_bytes()


def test_empty_sets_are_no_special_case(tmp_path: Path) -> None:
    empty = Particles(np.empty((0, 3)))
    for suffix in WRITE_SUFFIXES:
        write_particles(tmp_path / f"p{suffix}", empty)
        if suffix in SUFFIXES:
            assert len(read_particles(tmp_path / f"p{suffix}")) == 0


def test_a_csv_of_positions_alone(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("x, y, z, note\n1, 2, 3.5, NA\n4, 5, 6, b\n")
    particles = read_particles(path, tomograms=[tomogram("TS_01")])
    assert particles.positions.tolist() == [[1, 2, 3.5], [4, 5, 6]]
    assert particles.ids.tolist() == [1, 2]
    assert particles.tomograms.tolist() == ["TS_01", "TS_01"]
    assert particles.voxel_size_angstrom == 13.48
    assert particles.table["note"].tolist() == ["NA", "b"]
    assert np.isnan(particles.scores).all()


CSV = "id,x,y,z,qx,qy,qz,qw\n1,1,2,3,0,0,0,1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a CSV table"),
        ("x,y\n1,2\n", "line 1: no column 'z'"),
        ("x,y,z\n1,2,3\n1,oops,3\n", "line 3, column y: 'oops' is not a number"),
        ("x,y,z\n1,2,inf\n", "line 2, column z"),
        ("x,y,z\n1,2,3\n1,2,3,4,5\n", "line 3: not a CSV table: 5 fields"),
        ("x,y,z,qx\n1,2,3,1\n", "qy is missing"),
        (CSV + "2,1,2,3,0,0,0,2\n", "line 3: the quaternion.*length 2"),
        (CSV + "1,1,2,3,0,0,0,1\n", "ids must be unique; 1 occurs"),
        (CSV + "1.5,1,2,3,0,0,0,1\n", "column id: 1.5 is not a whole number"),
        ("x,y,z,voxel_size_angstrom\n1,2,3,4\n1,2,3,5\n", "several voxel_size_angstrom"),
    ],
)
def test_defects_in_csv(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=rf"bad\.csv.*{message}"):
        read_particles(path)


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    particles = Particles(np.ones((2, 3)), tomograms=np.array(["a", "b"]))
    with pytest.raises(FileFormatError, match=r"belongs to one tomogram.*'a', 'b'"):
        write_particles(tmp_path / "p.mod", particles)
    with pytest.raises(FileFormatError, match=r"needs the tomogram 'a'.*given: none"):
        write_particles(tmp_path / "p.star", particles, format="relion5-centred")
    with pytest.raises(ParameterError, match="no format 'relion3'"):
        write_particles(tmp_path / "p.star", particles, format="relion3")
    with pytest.raises(ParameterError, match=r"is a file of \.star"):
        write_particles(tmp_path / "p.csv", particles, format="relion5")
    with pytest.raises(FileFormatError, match="further column 'x'"):
        write_particles(tmp_path / "p.csv", particles.with_columns(x=[1, 2]))
    with pytest.raises(FileFormatError, match="column name 'a b' holds a sign"):
        write_particles(tmp_path / "p.star", particles.with_columns(**{"a b": [1, 2]}))
    with pytest.raises(FileFormatError, match="'a#1' holds a sign"):
        write_particles(tmp_path / "p.star", Particles(np.ones((1, 3)), tomograms=np.array(["a#1"])))
    with pytest.raises(FileFormatError, match=r"cannot write particles of this suffix.*\.star .*\.tbl"):
        write_particles(tmp_path / "p.pdf", particles)
    with pytest.raises(TomopickError, match="there is no folder"):
        write_particles(tmp_path / "no" / "p.csv", particles)
    with pytest.raises(FileFormatError, match="no such file"):
        read_particles(tmp_path / "p.csv")
    assert not list(tmp_path.iterdir())


def test_what_a_format_has_no_place_for_is_told() -> None:
    plain = Particles(np.ones((2, 3)))
    assert what_is_lost("p.mod", plain) == what_is_lost("p.mod", plain.select([])) == ("ids",)
    full = Particles(
        np.ones((2, 3)),
        rotations=Rotation.from_euler("z", [[10], [20]], degrees=True),
        scores=np.array([1.0, np.nan]),
        box_size=32,
        table=pd.DataFrame({"dyn_class": [1, 2], "tomopickDistance": [3.0, 4.0]}),
    )
    assert what_is_lost("p.star", full) == what_is_lost("p.csv", full) == ()
    assert what_is_lost("p.tbl", full) == ("column tomopickDistance", "box size")
    assert what_is_lost("p.mod", full) == (
        "scores", "ids", "column dyn_class", "column tomopickDistance", "box size"
    )  # fmt: skip


def test_acquisition_goes_into_dynamo_and_optics(tmp_path: Path) -> None:
    about_y = tomogram("TS_01", acquisition=Acquisition(-60.0, 54.0, voltage_kv=200.0))
    about_x = tomogram("0012", acquisition=Acquisition(-48.0, 45.0, tilt_axis="x"))
    particles = Particles(
        np.ones((3, 3)), tomograms=np.array(["TS_01", "0012", "other"]), voxel_size_angstrom=13.48
    )
    write_particles(tmp_path / "p.tbl", particles, tomograms=[about_y, about_x])
    table = read_particles(tmp_path / "p.tbl").table
    names = ["dyn_ftype", "dyn_ymintilt", "dyn_ymaxtilt", "dyn_xmintilt", "dyn_xmaxtilt"]
    assert table[names].to_numpy().tolist() == [[1, -60, 54, 0, 0], [0, 0, 0, -48, 45], [0] * 5]
    doc = (tmp_path / "p.doc").read_text()
    assert doc == "1\tTS_01.mrc\n2\t0012.mrc\n3\tother\n"
    write_particles(tmp_path / "p.star", particles, tomograms=[about_y, about_x])
    text = (tmp_path / "p.star").read_text()
    assert "_rlnVoltage" in text
    assert "200" in text
