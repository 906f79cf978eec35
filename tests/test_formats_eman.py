"""EMAN2's info files and plain lists of coordinates: worked numbers, round trips, and what goes wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.io.particles import holds_particles, read_particles, what_is_lost, write_particles
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.protocols.convert import convert


def tomogram(name: str, nx: int, ny: int, nz: int, size: float, **fields: object) -> Tomogram:
    values: dict = {"path": Path(f"{name}.mrc"), "shape": (nz, ny, nx), "voxel_size_angstrom": size} | fields
    return Tomogram(name=name, **values)


def info(path: Path, boxes: list, **content: object) -> Path:
    path.write_text(json.dumps({"boxes_3d": boxes} | content))
    return path


# --- info files: worked numbers -------------------------------------------------------------------


def test_boxes_count_from_the_centre_in_unbinned_pixels(tmp_path: Path) -> None:
    path = info(
        tmp_path / "ts_info.json",
        [[-400, 120.5, 33.25, "tm", 7.5, 0]],
        apix_unbin=2.62,
        class_list={"0": {"name": "ribosome", "boxsize": 128}},
    )
    particles = read_particles(path, tomograms=[tomogram("ts", 928, 928, 300, 10.48)])
    np.testing.assert_allclose(particles.positions, [[364, 494.125, 158.3125]], atol=1e-9)
    assert particles.box_size == 32
    assert particles.scores.tolist() == [7.5]
    assert particles.groups.tolist() == [0]
    assert particles.tomograms.tolist() == ["ts"]
    assert particles.voxel_size_angstrom == 10.48
    assert particles.table.to_dict("list") == {"eman_method": ["tm"], "eman_class": ["ribosome"]}


def test_the_centre_of_an_odd_number_of_voxels_is_that_of_the_boxer(tmp_path: Path) -> None:
    path = info(tmp_path / "ts_info.json", [[0, 0, 0, "manual", 0.0, 0]], apix_unbin=2.62)
    particles = read_particles(path, tomograms=[tomogram("ts", 928, 928, 301, 10.48)])
    assert particles.positions.tolist() == [[464, 464, 150]]


def test_boxes_without_a_pixel_size_are_voxels(tmp_path: Path) -> None:
    path = info(tmp_path / "ts_info.json", [[364, 494, 158, "manual", 0.0, 0]])
    particles = read_particles(path)
    assert particles.positions.tolist() == [[364, 494, 158]]
    assert np.isnan(particles.scores[0])
    assert particles.voxel_size_angstrom is None
    assert particles.tomograms.tolist() == ["ts"]


def test_numbers_that_eman2_itself_wrote(tmp_path: Path) -> None:
    # a particle put at voxel 36, 92, 36 of 128 x 128 x 64, found by e2spt_tempmatch.py
    path = info(tmp_path / "sim_info.json", [[-28, 28, 4, "tm", 1.0, 0, 870.0]], apix_unbin=10.0)
    particles = read_particles(path, tomograms=[tomogram("sim", 128, 128, 64, 10.0)])
    assert particles.positions.tolist() == [[36, 92, 36]]
    assert particles.table["eman_peak_volume"].tolist() == [870.0]


def test_classes_become_groups_with_box_sizes_of_their_own(tmp_path: Path) -> None:
    rows = [[1, 2, 3, "manual", 0.0, 2], [4, 5, 6, "tm", 0.0, 5], [7, 8, 9], [1, 1, 1, "tm", 1.0, 2]]
    classes = {"2": {"name": "a", "boxsize": 64}, "5": {"name": "b", "boxsize": 30}, "0": "old"}
    path = info(tmp_path / "ts_info.json", rows, class_list=classes)
    particles = read_particles(path, tomograms=[tomogram("ts", 100, 100, 100, 5.0)])
    assert particles.groups.tolist() == [2, 5, 0, 2]
    assert particles.table["eman_class"].tolist() == ["a", "b", "old", "a"]
    np.testing.assert_array_equal(particles.table["eman_box_angstrom"], [320, 150, np.nan, 320])
    assert particles.box_size is None
    with pytest.raises(FileFormatError, match=r"box sizes .* give the tomogram"):
        read_particles(path)


# --- info files: writing --------------------------------------------------------------------------


def test_written_from_the_centre_where_the_tomogram_is_known(tmp_path: Path) -> None:
    ours = tomogram("ts", 928, 928, 301, 10.48, source="ts_bin1", binning=4)
    particles = Particles(np.array([[364, 494.125, 150.0]]), box_size=32, tomograms=np.array(["ts"]))
    path = tmp_path / "ts_info.json"
    write_particles(path, particles, tomograms=[ours], format="eman")
    content = json.loads(path.read_text())
    assert content["apix_unbin"] == pytest.approx(2.62)
    np.testing.assert_allclose(content["boxes_3d"][0][:3], [-400, 120.5, 0], atol=1e-9)
    assert content["boxes_3d"][0][3:] == ["manual", 0.0, 1]
    assert content["class_list"] == {"1": {"name": "particles_01", "boxsize": 128}}
    back = read_particles(path, tomograms=[ours])
    np.testing.assert_allclose(back.positions, particles.positions, atol=1e-9)
    assert back.box_size == 32


def test_everything_else_in_an_info_file_stays(tmp_path: Path) -> None:
    other = {"tlt_params": [[0.0, 1.5, -60.0]], "defocus": [3.1], "curves": [], "apix_unbin": 2.5}
    path = info(
        tmp_path / "ts_info.json",
        [[1, 2, 3, "tm", 0.5, 0], [4, 5, 6, "tomobox", 0.0, 7]],
        class_list={
            "0": {"name": "x", "boxsize": 20, "colour": "red"},
            "7": {"name": "kept", "boxsize": 24.0},
        },
        **other,
    )
    ours = tomogram("ts", 200, 200, 100, 10.0)
    particles = read_particles(path, tomograms=[ours])
    moved = particles.select(particles.groups == 0)
    moved = replace(moved, positions=moved.positions + 1.0)
    write_particles(path, moved, tomograms=[ours], format="eman")
    content = json.loads(path.read_text())
    assert {key: content[key] for key in other} == other
    assert content["boxes_3d"] == [[4, 5, 6, "tomobox", 0.0, 7], [5, 6, 7, "tm", 0.5, 0]]
    assert content["class_list"]["0"] == {"name": "x", "boxsize": 20, "colour": "red"}
    assert content["class_list"]["7"] == {"name": "kept", "boxsize": 24.0}


def test_boxes_of_another_class_are_not_overwritten(tmp_path: Path) -> None:
    path = info(tmp_path / "ts_info.json", [[1, 2, 3, "tm", 0.5, 1]], class_list={"1": {"name": "theirs"}})
    before = path.read_text()
    with pytest.raises(FileFormatError, match="class 1 is 'theirs'"):
        write_particles(path, Particles(np.ones((2, 3))), format="eman")
    assert path.read_text() == before


def test_only_an_info_file_is_written_into(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    path.write_text('{"format": "tomopick-models", "version": 1, "models": []}')
    with pytest.raises(FileFormatError, match="it exists, and is no info file"):
        write_particles(path, Particles(np.ones((1, 3))), format="eman")
    other = Particles(np.ones((1, 3)), tomograms=np.array(["ts"]), voxel_size_angstrom=5.0)
    with pytest.raises(FileFormatError, match=r"count in voxels of 5 Å, .* 'ts' has voxels of 10 Å"):
        write_particles(
            tmp_path / "n_info.json", other, tomograms=[tomogram("ts", 9, 9, 9, 10.0)], format="eman"
        )
    both = Particles(np.ones((2, 3)), tomograms=np.array(["a", "b"]))
    with pytest.raises(FileFormatError, match="belongs to one tomogram"):
        write_particles(tmp_path / "new_info.json", both, format="eman")
    info(path := tmp_path / "ts_info.json", [], apix_unbin=2.0)
    with pytest.raises(FileFormatError, match="count from the centre"):
        write_particles(path, Particles(np.ones((1, 3))), format="eman")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 6), st.integers(0, 2**32 - 1), st.booleans())
def test_an_info_file_round_trip(
    tmp_path_factory: pytest.TempPathFactory, n: int, seed: int, centred: bool
) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 4, n)
    ours = tomogram("ts", 401, 300, 101, 13.48, source="s", binning=4)
    particles = Particles(
        rng.uniform(-50, 5000, (n, 3)),
        groups=groups,
        scores=np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
        tomograms=np.full(n, "ts"),
        table=pd.DataFrame({"eman_method": ["manual"] * n, "eman_class": [f"class {g}" for g in groups]}),
        voxel_size_angstrom=13.48,
        box_size=36 if n else None,
    )
    path = tmp_path_factory.mktemp("eman") / "ts_info.json"
    write_particles(path, particles, tomograms=[ours] if centred else [], format="eman")
    back = read_particles(path, tomograms=[ours])
    np.testing.assert_allclose(back.positions, particles.positions, atol=1e-8)
    np.testing.assert_array_equal(back.groups, particles.groups)
    np.testing.assert_array_equal(back.scores, particles.scores)
    assert back.table["eman_class"].tolist() == particles.table["eman_class"].tolist()
    assert back.box_size == particles.box_size
    assert "ids" in what_is_lost(path, particles, format="eman")


# --- info files: damage ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"line 1, column 2: not JSON"),
        ("[1]", r"no info file of EMAN2"),
        ('{"boxes_3d": 5}', r'"boxes_3d" must be a list'),
        ('{"boxes_3d": [[1, 2]]}', r"boxes_3d\[0\]: a box is"),
        ('{"boxes_3d": [[1, 2, 3], [1, "2", 3]]}', r"boxes_3d\[1\], y: '2' is not a number"),
        ('{"boxes_3d": [[1, 2, NaN]]}', r"boxes_3d\[0\], z: nan is not a number"),
        ('{"boxes_3d": [[1, 2, 3, "tm", "x", 0]]}', r"boxes_3d\[0\], score: 'x'"),
        ('{"boxes_3d": [[1, 2, 3, "tm", 0, 1.5]]}', r"boxes_3d\[0\], class: 1.5 is not a whole"),
        ('{"boxes_3d": [[1, 2, 3, 4, 5, 6, 7, 8]]}', r"8 values; a box"),
        ('{"boxes_3d": [[1, 2, 3]], "apix_unbin": 0}', r"apix_unbin must be a positive"),
        ('{"boxes_3d": [[1, 2, 3]], "apix_unbin": 2}', r"centre of the tomogram 'a'.*give the tomogram"),
        ('{"boxes_3d": [[1, 2, 3]], "class_list": {"x": {}}}', r"class_list, 'x'"),
        ('{"boxes_3d": [[1, 2, 3]], "class_list": {"0": {"boxsize": "9"}}}', r"box size '9' is not"),
    ],
)
def test_damaged_info_files(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "a_info.json"
    path.write_text(content)
    with pytest.raises(FileFormatError, match=message):
        read_particles(path, format="eman")


# --- plain lists ----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".coords", ".box", ".txt"])
def test_lists_of_coordinates(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"ts{suffix}"
    path.write_text("# x y z\n364\t494\t158\n\n 1.5e1 -2.25 +3. \n")
    particles = read_particles(path, tomograms=[tomogram("ts", 928, 928, 300, 10.48)])
    assert particles.positions.tolist() == [[364, 494, 158], [15, -2.25, 3]]
    assert particles.tomograms.tolist() == ["ts", "ts"]
    assert particles.voxel_size_angstrom == 10.48
    write_particles(path, particles)
    assert path.read_text() == "364\t494\t158\n15\t-2.25\t3\n"
    np.testing.assert_array_equal(read_particles(path).positions, particles.positions)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1 2 3\n1 2\n", r"line 2: '1 2' is not x, y, z"),
        ("1 2 3\n1 2 x\n", r"line 2, column z: 'x' is not a number"),
        ("1 2 3\n1,5 2 3\n", r"line 2, column x: '1,5' .* decimal comma"),
        ("1 2 nan\n", r"line 1, column z: 'nan'"),
        ("10 20 30 30\n", r"line 1: four numbers"),
    ],
)
def test_damaged_lists(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "a.coords"
    path.write_text(content)
    with pytest.raises(FileFormatError, match=message):
        read_particles(path, format="coords")


def test_a_text_file_of_something_else_is_not_taken_for_coordinates(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Grid 3 was thick.\n")
    assert not holds_particles(path)
    with pytest.raises(FileFormatError, match=r"line 1: 'Grid 3 was thick\.' is not"):
        read_particles(path)


def test_a_model_file_does_not_replace_an_info_file_unasked(tmp_path: Path) -> None:
    path = info(tmp_path / "ts_info.json", [[1, 2, 3]])
    before = path.read_text()
    (tmp_path / "a.csv").write_text("x,y,z\n1,2,3\n")
    with pytest.raises(ParameterError, match="a file of another program is there"):
        convert(tmp_path / "a.csv", path)
    assert path.read_text() == before
    convert(tmp_path / "a.csv", tmp_path / "new.json")
    convert(tmp_path / "a.csv", tmp_path / "new.json")
