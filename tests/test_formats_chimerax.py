"""ChimeraX scripts: where things are, and what is opened."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.particles import read_particles, what_is_lost, write_particles
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram


def test_places_in_the_scene_of_the_tomogram(tmp_path: Path) -> None:
    origin = (100.0, -20.0, 5.0)
    ts = Tomogram("ts", Path("/data/my tomograms/ts.mrc"), (60, 70, 80), 10.0, origin_angstrom=origin)
    particles = Particles(
        np.array([[1, 2, 3.5], [40, 50, 60]]),
        Rotation.from_euler("y", [[90], [0]], degrees=True),
        ids=np.array([7, 9]),
        groups=np.array([1, 4]),
        scores=np.array([0.5, np.nan]),
        tomograms=np.array(["ts", "ts"]),
        box_size=32,
    )
    written = write_particles(tmp_path / "p.cxc", particles, tomograms=[ts])
    assert [file.name for file in written] == ["p.cxc", "p.cmm", "p.bild"]
    script = (tmp_path / "p.cxc").read_text().splitlines()
    assert script[1:6] == [
        'open "/data/my tomograms/ts.mrc" id #1',
        "volume #1 voxelSize 10 origin 100,-20,5",
        "volume #1 style image region all step 1 showOutlineBox true",
        'open "p.cmm" id #2',
        'open "p.bild" id #3',
    ]
    markers = ElementTree.parse(tmp_path / "p.cmm").getroot()
    assert [(m.get("id"), m.get("x"), m.get("y"), m.get("z"), m.get("radius")) for m in markers] == [
        ("7", "110", "0", "40", "80"),
        ("9", "500", "480", "605", "80"),
    ]
    assert [m.get("note") for m in markers] == ["group 1, score 0.5", "group 4"]
    arrows = [line.split() for line in (tmp_path / "p.bild").read_text().splitlines() if "arrow" in line]
    # along x, and along z
    np.testing.assert_allclose(np.array(arrows[0][1:7], float), [110, 0, 40, 350, 0, 40], atol=1e-4)
    np.testing.assert_allclose(np.array(arrows[1][1:7], float), [500, 480, 605, 500, 480, 845], atol=1e-4)
    assert what_is_lost("p.cxc", particles) == ()


def test_without_a_tomogram_the_origin_is_the_first_voxel(tmp_path: Path) -> None:
    particles = Particles(np.array([[1, 2, 3]]), voxel_size_angstrom=4.0)
    assert len(write_particles(tmp_path / "p.cxc", particles)) == 2
    assert 'x="4" y="8" z="12"' in (tmp_path / "p.cmm").read_text()
    assert "volume" not in (tmp_path / "p.cxc").read_text()
    with pytest.raises(FileFormatError, match="voxel size of the particles is not known"):
        write_particles(tmp_path / "q.cxc", Particles(np.ones((1, 3))))
    with pytest.raises(FileFormatError, match="cannot read particles of this suffix"):
        read_particles(tmp_path / "p.cxc")
