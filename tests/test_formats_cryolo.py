"""crYOLO's .cbox: a file that its box manager wrote, round trips, and what goes wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.particles import read_particles, what_is_lost, write_particles
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

# napari-boxmanager 0.4.14, for boxes of 16 around z, y, x = (30, 20.5, 10) and (31, 50, 60.25)
CBOX = """
data_global

_cbox_format_version   1.0

data_cryolo

loop_
_CoordinateX #1
_CoordinateY #2
_CoordinateZ #3
_Width #4
_Height #5
_Depth #6
_EstWidth #7
_EstHeight #8
_Confidence #9
_NumBoxes #10
_Angle #11
  2.000000  12.500000  30.000000  16  16  16  14.000000  14.000000  0.500000 <NA>         <NA>
 52.250000  42.000000  31.000000  16  16  16  15.500000  15.500000  0.750000 <NA>         <NA>

data_cryolo_include

loop_
_slice_index #1
  7.000000
 30.000000
 31.000000
"""


def test_a_file_of_the_box_manager(tmp_path: Path) -> None:
    path = tmp_path / "ts.cbox"
    path.write_text(CBOX)
    ts = Tomogram("ts", Path("ts.mrc"), (64, 64, 64), 10.0)
    particles = read_particles(path, tomograms=[ts])
    assert particles.positions.tolist() == [[10, 20.5, 30], [60.25, 50, 31]]
    assert particles.scores.tolist() == [0.5, 0.75]
    assert particles.box_size == 16
    assert particles.table.to_dict("list") == {"cbox_EstWidth": [14, 15.5], "cbox_EstHeight": [14, 15.5]}
    assert particles.voxel_size_angstrom == 10.0
    write_particles(tmp_path / "out.cbox", particles)
    text = (tmp_path / "out.cbox").read_text()
    assert "_CoordinateX #1" in text
    assert text.split("data_cryolo_include")[1].split()[-3:] == ["7", "30", "31"]
    assert text.split("_Angle #11")[1].split()[:11] == "2 12.5 30 16 16 16 14 14 0.5 <NA> <NA>".split()


def test_filaments_are_groups(tmp_path: Path) -> None:
    path = tmp_path / "ts.cbox"
    lines = CBOX.replace("_Angle #11\n", "_Angle #11\n_filamentid #12\n").splitlines()
    at = lines.index("_filamentid #12")
    lines[at + 1] += " 0"
    lines[at + 2] += " 3"
    vertices = "data_filament_vertices\n\nloop_\n_CoordinateX #1\n_CoordinateY #2\n1.0 2.0\n3.0 4.0\n"
    path.write_text("\n".join(lines) + "\n" + vertices)
    particles = read_particles(path)
    assert particles.groups.tolist() == [0, 3]
    write_particles(path, particles)
    again = read_particles(path)
    assert again.groups.tolist() == [0, 3]
    assert "data_filament_vertices" in path.read_text()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 6), st.integers(0, 2**32 - 1), st.integers(1, 65))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, n: int, seed: int, box: int) -> None:
    rng = np.random.default_rng(seed)
    particles = Particles(
        rng.uniform(-50, 5000, (n, 3)),
        scores=np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
        table=pd.DataFrame({"cbox_NumBoxes": rng.integers(1, 9, n)}),
        box_size=box,
    )
    path = tmp_path_factory.mktemp("cbox") / "p.cbox"
    write_particles(path, particles)
    back = read_particles(path)
    np.testing.assert_allclose(back.positions, particles.positions, atol=1e-5)
    np.testing.assert_allclose(back.scores, particles.scores, rtol=1e-9)
    if n:
        assert back.box_size == box
        assert back.table["cbox_NumBoxes"].tolist() == particles.table["cbox_NumBoxes"].tolist()
    assert what_is_lost(path, particles) == ("ids",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("data_cryolo\n", "data_other\n", "no block data_cryolo"),
        ("_CoordinateZ #3", "_Other #3", r"has no z \(_CoordinateZ\)"),
        ("30.000000  16", "<NA>  16", r"has no z \(_CoordinateZ\)"),
        ("31.000000  16", "oops  16", r"line \d+, column CoordinateZ: 'oops' is not a number"),
        ("0.750000", "high", "column Confidence: 'high' is not a number"),
        ("<NA>         <NA>\n 52", "<NA>\n 52", "10 values"),
    ],
)
def test_damaged_files(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in CBOX
    path = tmp_path / "bad.cbox"
    path.write_text(CBOX.replace(old, new, 1))
    with pytest.raises(FileFormatError, match=message):
        read_particles(path)


def test_a_box_size_is_needed(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"box size of these particles is not known; give it"):
        write_particles(tmp_path / "p.cbox", Particles(np.ones((1, 3))))
