"""Which format a file is taken for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_tomopick.cli import formats  # noqa: F401  # for its command
from napari_tomopick.cli.window import app
from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.io.models import read_models
from napari_tomopick.io.particles import (
    FORMATS,
    SUFFIXES,
    format_to_write,
    holds_particles,
    read_particles,
    write_particles,
)
from napari_tomopick.io.particles.registry import _module
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.user_points import Model
from napari_tomopick.protocols.convert import convert, write, write_models


def test_every_row_of_the_table_keeps_what_it_promises() -> None:
    assert len({f.name for f in FORMATS}) == len(FORMATS)
    suffixes = [s for f in FORMATS if f.reads for s in f.suffixes]
    for kind in FORMATS:
        assert kind.reads or kind.writes
        assert kind.folder == (not kind.suffixes)
        assert all(s == s.lower() and s.startswith(".") for s in kind.suffixes)
        module = _module(kind)
        assert not kind.reads or callable(module.read)
        assert not kind.writes or callable(module.write)
        if kind.reads and (kind.folder or any(suffixes.count(s) > 1 for s in kind.suffixes)):
            assert callable(module.recognises)


def test_a_named_format_wins_over_suffix_and_content(tmp_path: Path) -> None:
    particles = Particles(np.array([[1.0, 2.0, 3.0]]))
    write_particles(tmp_path / "p.csv", particles)
    (tmp_path / "p.txt").write_bytes((tmp_path / "p.csv").read_bytes())
    assert read_particles(tmp_path / "p.txt", format="csv").positions.tolist() == [[1, 2, 3]]
    with pytest.raises(FileFormatError, match=r"p\.csv: line 1: 13 columns|p\.csv: line 1: 1 columns"):
        read_particles(tmp_path / "p.csv", format="dynamo")
    # one module reads all of RELION's
    write_particles(tmp_path / "p.star", particles, format="relion4")
    assert len(read_particles(tmp_path / "p.star", format="relion4")) == 1
    with pytest.raises(ParameterError, match=r"no format 'relion6' to read; there are relion5, .*dynamo"):
        read_particles(tmp_path / "p.star", format="relion6")
    with pytest.raises(FileFormatError, match="no such file"):
        read_particles(tmp_path / "q.csv", format="csv")


def test_what_no_format_is(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"cannot read particles of this suffix; known: \.star"):
        read_particles(tmp_path / "p.xyzzy")
    with pytest.raises(FileFormatError, match="cannot write particles of this suffix"):
        format_to_write(tmp_path / "p.xyzzy")
    assert format_to_write("p.STAR").name == "relion5"
    assert holds_particles("p.star")  # by its suffix: there need be no file
    assert not holds_particles(tmp_path / "p.mrc")
    assert ".star" in SUFFIXES


def test_the_command_line_lists_them() -> None:
    result = CliRunner().invoke(app, ["formats"])
    assert result.exit_code == 0, result.output
    listed = {line.split()[0] for line in result.output.splitlines() if line[:1].strip()}
    assert {f.name for f in FORMATS} <= listed


def test_a_file_for_each_tomogram(tmp_path: Path) -> None:
    particles = Particles(
        np.arange(12.0).reshape(4, 3), tomograms=np.array(["B", "A", "B", "C.1"]), voxel_size_angstrom=5.0
    ).with_columns(note=["a", "b", "c", "d"])
    source = tmp_path / "all.csv"
    write_particles(source, particles)
    words = ["convert", str(source), str(tmp_path / "picks_{tomogram}.mod")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "column note" in result.output
    assert sorted(p.name for p in tmp_path.glob("picks_*")) == ["picks_A.mod", "picks_B.mod", "picks_C.1.mod"]
    assert read_particles(tmp_path / "picks_B.mod").positions.tolist() == [[0, 1, 2], [6, 7, 8]]
    # whoever does not know is told
    with pytest.raises(FileFormatError, match=r"write one for each: \{tomogram\}\.coords"):
        convert(source, tmp_path / "o.coords")
    written = convert(source, tmp_path / "{tomogram}_info.json", format="eman")
    assert [path.name for path in written.files] == ["B_info.json", "A_info.json", "C.1_info.json"]
    # and those of models
    models = [Model(name, points=np.ones((1, 3)), tomogram=name) for name in ("A", "B")]
    written = write_models(tmp_path / "m_{tomogram}.json", models)
    assert [path.name for path in written.files] == ["m_A.json", "m_B.json"]
    assert [model.name for model in read_models(tmp_path / "m_B.json")] == ["B"]
    for names, said in (
        (["A", "B/1", "C", "C"], "the tomogram 'B/1'"),
        (["A", "", "C", "C"], "whose name is not known"),
    ):
        with pytest.raises(ParameterError, match=f"no file can be named for .*{said}"):
            write(tmp_path / "z_{tomogram}.coords", replace(particles, tomograms=np.array(names)))
    assert not list(tmp_path.glob("z_*"))
    with pytest.raises(ParameterError, match="there are no particles"):
        write(tmp_path / "z_{tomogram}.coords", particles.select([]))
