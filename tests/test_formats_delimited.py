"""CSV and TSV of other programs: names of columns, separators, and what goes wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_tomopick import cli
from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.io.particles import csv_table, read_particles, write_particles
from napari_tomopick.models.particles import Particles
from napari_tomopick.protocols.convert import convert


@pytest.mark.parametrize(
    "header",
    [
        "x,y,z,v",
        "X;Y;Z;v",
        "pos_x\tpos_y\tpos_z\tv",
        "CoordinateX, CoordinateY, CoordinateZ, v",
        "x_coord,y_coord,z_coord,v",
    ],
)
def test_names_and_separators(tmp_path: Path, header: str) -> None:
    separator = next(s for s in "\t;," if s in header)
    path = tmp_path / "a.csv"
    path.write_text("\ufeff" + header + "\r\n" + separator.join(["1", "2.5", "-3", "007"]) + "\r\n\r\n")
    particles = read_particles(path)
    assert particles.positions.tolist() == [[1, 2.5, -3]]
    assert particles.table.to_dict("list") == {"v": ["007"]}


def test_points_saved_by_napari_are_z_y_x(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("index,axis-0,axis-1,axis-2\n0.0,30.0,20.0,10.0\n")
    assert read_particles(path).positions.tolist() == [[10, 20, 30]]


def test_exact_names_come_first_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("X,pos_x,pos_y,pos_z,x,y,z\n9,4,5,6,1,2,3\n")
    particles = read_particles(path)
    assert particles.positions.tolist() == [[1, 2, 3]]
    assert particles.table.columns.tolist() == ["X", "pos_x", "pos_y", "pos_z"]
    named = csv_table.read(path, (), coordinate_columns=("pos_z", "X", "pos_x"))
    assert named.positions.tolist() == [[6, 9, 4]]
    with pytest.raises(FileFormatError, match="line 1: no column 'q'; it has X, pos_x"):
        csv_table.read(path, (), coordinate_columns=("q", "X", "pos_x"))
    with pytest.raises(FileFormatError, match="three columns are needed, got 2"):
        csv_table.read(path, (), coordinate_columns=("X", "pos_x"))


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_text_of_any_kind_comes_back(tmp_path: Path, suffix: str) -> None:
    texts = ['a,b;c\td "e"', "two\nlines\r\n", "007", "\u2028", "NA", "1_000", "Å"]
    particles = Particles(np.arange(21.0).reshape(7, 3), table=pd.DataFrame({"text": texts}))
    path = tmp_path / f"a{suffix}"
    write_particles(path, particles)
    back = read_particles(path)
    assert back.table["text"].tolist() == texts
    np.testing.assert_array_equal(back.positions, particles.positions)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n4,5,6\n", r"line 1: there are numbers where the names .* such as x,y,z"),
        ("x,y,y\n1,2,3\n", r"line 1: two columns have the name 'y'"),
        ("x;y;z\n1,5;2;3\n", r"line 2, column x: '1,5' .* decimal comma"),
        ("x,y,z\n1,5,2,5,3,5\n", r"line 2: .* 6 fields, .* decimal comma"),
        ("x,y,z\n1,2\n", r"line 2: .* 2 fields, there are 3 columns"),
        ("x,y,z,group\n1,2,3,4\n1,2,3,\n", r"line 3, column group: '' is not a number"),
        ("x,y,z,group\n1,2,3,1e300\n", r"line 2, column group: 1e\+300 is not a whole number"),
        ("x,y,z,score\n1,2,3,high\n", r"line 2, column score: 'high' is not a number"),
        ("x,y,z\n1,2,1_0\n", r"line 2, column z: '1_0' is not a number"),
        ("x,y,z,box_size\n1,2,3,8.5\n", r"line 2, column box_size: 8.5 is not a whole number"),
        ('x,y,z,t\n1,2,3,"a\nb"\n1,2,q,\n', r"line 4, column z: 'q'"),
        ("a,Y,Z\n1,2,3\n", r"line 1: no column 'x'; it has 'a', 'Y', 'Z'. If x, y, z are called otherwise"),
        ("\n", r"line 1: not a CSV table"),
    ],
)
def test_defects(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=message):
        read_particles(path)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"x,y,z\n1,2,\xff\n")
    with pytest.raises(FileFormatError, match="not text: byte 10"):
        read_particles(path)


def test_a_score_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y,z,score\n1,2,3,\n1,2,3,nan\n1,2,3,0.5\n")
    np.testing.assert_array_equal(read_particles(path).scores, [np.nan, np.nan, 0.5])


def test_columns_and_box_size_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("col,row,slice\n1,2,3\n")
    words = ["convert", "a.csv", "b.cbox", "--coordinate-columns", "col, row, slice", "--box", "16"]
    monkeypatch.setattr(sys, "argv", ["napari-tomopick", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    back = read_particles("b.cbox")
    assert back.positions.tolist() == [[1, 2, 3]]
    assert back.box_size == 16
    with pytest.raises(ParameterError, match="three names of columns"):
        convert(Path("a.csv"), Path("c.csv"), coordinate_columns="col,row")
    with pytest.raises(ParameterError, match="names of columns are for CSV files; this is crYOLO boxes"):
        convert(Path("b.cbox"), Path("c.csv"), coordinate_columns="a,b,c")
