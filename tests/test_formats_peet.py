"""PEET's motive lists with their models: worked numbers, round trips, and what goes wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry.orientations import angle_between
from napari_tomopick.io.imod import ImodFile, ImodObject, read_imod, write_imod
from napari_tomopick.io.particles import read_particles, what_is_lost, write_particles
from napari_tomopick.io.particles.peet import HEADER
from napari_tomopick.models.particles import Particles


def motive_list(path: Path, *rows: dict[int, object], header: str = HEADER) -> Path:
    lines = [header]
    for i, row in enumerate(rows, 1):
        values = {1: 1, 4: i, 5: 1} | row
        lines.append(",".join(str(values.get(c, 0)) for c in range(1, 21)))
    path.write_text("\n".join(lines) + "\n")
    return path


def model(path: Path, *contours: list) -> Path:
    write_imod(path, ImodFile([ImodObject("a", [np.array(c, dtype=float) for c in contours])], 5.0))
    return path


def test_points_offsets_and_angles(tmp_path: Path) -> None:
    model(tmp_path / "tomo1.mod", [[10, 20, 30], [40, 50, 60]], [[70, 80, 90]])
    path = motive_list(
        tmp_path / "tomo1_MOTL_Tom1_Iter3.csv",
        {1: 0.75, 11: 1.5, 12: -2, 13: 0.25, 17: 90},
        {1: "NaN", 4: 3, 17: 90, 19: 90},
        {4: 2, 17: 45, 19: 90, 20: 7},
        header=HEADER + ",CREATED WITH PEET Version 1.15.0 10-January-2021",
    )
    particles = read_particles(path)
    assert particles.positions.tolist() == [[11.5, 18, 30.25], [70, 80, 90], [40, 50, 60]]
    np.testing.assert_array_equal(particles.scores, [0.75, np.nan, 1])
    assert particles.ids.tolist() == [1, 3, 2]
    assert particles.table["peet_column_20"].tolist() == [0, 0, 7]
    assert particles.voxel_size_angstrom == 5.0
    # points and offsets stay what they are
    write_particles(tmp_path / "again.csv", particles, format="peet")
    points = read_imod(tmp_path / "again.mod").objects[0].contours[0]
    np.testing.assert_allclose(points, [[10, 20, 30], [70, 80, 90], [40, 50, 60]])
    rows = np.loadtxt(tmp_path / "again.csv", delimiter=",", skiprows=1)
    assert rows[:, 10:13].tolist() == [[1.5, -2, 0.25], [0, 0, 0], [0, 0, 0]]
    # the unit vectors that PEET's own eulerRotateTest turns: x to y; x to z; x to (1, 0, 1)
    x = particles.rotations.apply([1, 0, 0])
    half = np.sqrt(0.5)
    np.testing.assert_allclose(x, [[0, 1, 0], [0, 0, 1], [half, 0, half]], atol=1e-12)


def test_a_list_finds_its_model(tmp_path: Path) -> None:
    path = motive_list(tmp_path / "a_initMOTL.csv", {})
    with pytest.raises(FileFormatError, match=r"there is no model in the folder; put .* as a_initMOTL\.mod"):
        read_particles(path)
    model(tmp_path / "other.mod", [[1, 2, 3]])
    assert read_particles(path).positions.tolist() == [[1, 2, 3]]
    model(tmp_path / "another.mod", [[4, 5, 6]])
    with pytest.raises(FileFormatError, match="there are 2 models in the folder"):
        read_particles(path)
    model(tmp_path / "a.mod", [[7, 8, 9]])
    assert read_particles(path).positions.tolist() == [[7, 8, 9]]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 5), st.integers(0, 2**32 - 1), st.booleans())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, n: int, seed: int, special: bool) -> None:
    rng = np.random.default_rng(seed)
    turns = (
        Rotation.create_group("O").as_quat()[rng.integers(0, 24, n)] if special else rng.normal(size=(n, 4))
    )
    particles = Particles(
        rng.uniform(0, 1000, (n, 3)),
        Rotation.from_quat(turns) if n else None,
        scores=np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
        table=pd.DataFrame({"peet_column_20": rng.integers(0, 9, n), "peet_column_6": rng.normal(size=n)}),
        voxel_size_angstrom=13.48,
    )
    path = tmp_path_factory.mktemp("peet") / "p.csv"
    assert write_particles(path, particles, format="peet") == (path, path.with_suffix(".mod"))
    back = read_particles(path)
    np.testing.assert_allclose(back.positions, particles.positions, atol=1e-4)
    if n:
        assert np.radians(angle_between(particles.rotations, back.rotations)).max() < 1e-6
        assert back.table["peet_column_20"].tolist() == particles.table["peet_column_20"].tolist()
        assert back.table["peet_column_5"].tolist() == [1] * n
    np.testing.assert_allclose(back.scores, particles.scores, rtol=1e-9)
    assert what_is_lost(path, particles, format="peet") == ("ids",)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({11: "x"}, r"line 3, column 11 \(xOffset\): 'x' is not a number"),
        ({4: 3}, r"line 3, column pIndex: 3 is not the number of one of the 2 points of p\.mod"),
        ({4: 1.5}, r"line 3, column pIndex: 1\.5"),
        ({20: "1,2"}, r"line 3: 21 values; a motive list of PEET has 20"),
        ({4: 1}, r"ids must be unique; 1 occurs"),
        ({17: "nan"}, r"line 3, column 17 \(EulerZ\(1\)\): 'nan'"),
    ],
)
def test_defects(tmp_path: Path, row: dict, message: str) -> None:
    model(tmp_path / "p.mod", [[1, 2, 3], [4, 5, 6]])
    with pytest.raises(FileFormatError, match=message):
        read_particles(motive_list(tmp_path / "p.csv", {}, row))


def test_a_model_made_by_hand_is_not_replaced(tmp_path: Path) -> None:
    path, particles = tmp_path / "p.csv", Particles(np.ones((1, 3)))
    write_particles(path, particles, format="peet")
    write_particles(path, particles, format="peet")
    (tmp_path / "p.mod").write_bytes(
        (tmp_path / "p.mod").read_bytes().replace(b"napari-tomopick", b"IMOD-NewModel\0\0")
    )
    with pytest.raises(FileFormatError, match=r"its model p\.mod would replace one"):
        write_particles(path, particles, format="peet")
