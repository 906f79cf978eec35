"""IMOD models with slicer angles: worked numbers, real files, round trips, and what goes wrong."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry.orientations import angle_between
from napari_tomopick.io.imod import ImodFile, ImodObject, read_imod, write_imod
from napari_tomopick.io.particles import read_particles, write_particles
from napari_tomopick.models.particles import Particles

DATA = os.environ.get("TOMOPICK_DATA")


def slan(angles: tuple, centre: tuple, length: int = 60) -> bytes:
    return struct.pack(">4sii6f32s", b"SLAN", length, 1, *angles, *centre, b"label")


def with_angles(path: Path, points: list, *angles: bytes) -> Path:
    write_imod(path, ImodFile([ImodObject("a", [np.array(points, dtype=float)])]))
    path.write_bytes(path.read_bytes().removesuffix(b"IEOF") + b"".join(angles) + b"IEOF")
    return path


def test_a_slice_that_lies_flat_has_the_axis_along_z(tmp_path: Path) -> None:
    # turning the volume by 90 degrees about x brings +y to +z, and about y it brings +z to +x
    for angles, axis in (
        ((90, 0, 0), [0, 1, 0]),
        ((0, 90, 0), [-1, 0, 0]),
        ((0, 0, 90), [0, 0, 1]),
        ((90, 0, 90), [1, 0, 0]),  # z first: +x to +y, then x: +y to +z
    ):
        path = with_angles(tmp_path / "a.mod", [[10, 20, 30]], slan(angles, (10.5, 20.5, 30)))
        np.testing.assert_allclose(read_particles(path).directions(), [axis], atol=1e-6)


def test_angles_belong_to_the_point_they_were_saved_for(tmp_path: Path) -> None:
    points = [[10, 20, 30], [50, 20, 30], [90, 20, 30]]
    far, near, again = (
        slan((10, 0, 0), (70.5, 20.5, 30)),
        slan((0, 20, 0), (92, 21, 30)),
        slan((0, 0, 30), (89, 20.5, 31)),
    )
    particles = read_particles(with_angles(tmp_path / "a.mod", points, far, near, again))
    assert particles.table["imod_slicer_angle"].tolist() == [0, 0, 3]
    expected = Rotation.from_euler("z", [[0], [0], [-30]], degrees=True)
    np.testing.assert_allclose(angle_between(expected, particles.rotations), 0, atol=1e-4)


def test_lengths_of_slicer_angles_as_other_programs_write_them(tmp_path: Path) -> None:
    path = with_angles(tmp_path / "a.mod", [[1, 2, 3]], slan((0, 0, 30), (1.5, 2.5, 3), 48))
    assert read_particles(path).rotations.magnitude()[0] == pytest.approx(np.radians(30))
    path = with_angles(tmp_path / "a.mod", [[1, 2, 3]], slan((0, 0, 30), (1.5, 2.5, 3), 52))
    with pytest.raises(FileFormatError, match=r"b'SLAN' of 52 bytes at byte \d+, it has 60"):
        read_particles(path)
    path = with_angles(tmp_path / "a.mod", [[1, 2, 3]], slan((0, np.nan, 30), (1.5, 2.5, 3)))
    with pytest.raises(FileFormatError, match="slicer angle or its centre is not a number"):
        read_particles(path)


def test_written_slicer_angles_have_the_length_of_3dmod(tmp_path: Path) -> None:
    turned = Rotation.from_euler("zyx", [[10, 20, 30]], degrees=True)
    write_particles(tmp_path / "p.mod", Particles(np.array([[1, 2, 3]]), turned))
    content = (tmp_path / "p.mod").read_bytes()
    place = content.index(b"SLAN")
    assert content[place + 4 : place + 8] == struct.pack(">i", 60)
    assert content[place + 8 + 60 :] == b"IEOF"
    write_particles(tmp_path / "p.mod", Particles(np.array([[1, 2, 3]])))
    assert b"SLAN" not in (tmp_path / "p.mod").read_bytes()


@pytest.mark.skipif(DATA is None, reason="TOMOPICK_DATA is not set: the folder of real files")
def test_slicer_angles_of_a_real_file() -> None:
    (path,) = Path(DATA or "").rglob("slicer_angle_example.mod")
    particles = read_particles(path)
    assert particles.table["imod_slicer_angle"].tolist() == [1, 2, 3, 4]
    # 13.1, 0, -30.2: turned back about x by 13.1 and then about z by 30.2
    x, z = np.radians([13.1, 30.2])
    expected = [-np.sin(x) * np.sin(z), np.sin(x) * np.cos(z), np.cos(x)]
    np.testing.assert_allclose(particles.directions()[0], expected, atol=1e-6)


def test_meshes_of_any_kind_are_left_out(tmp_path: Path) -> None:
    path = with_angles(tmp_path / "a.mod", [[1, 2, 3]])
    mesh = struct.pack(">4siiIhh", b"MESH", 2, 3, 0, 0, 0) + b"\0" * 24 + struct.pack(">3i", -23, 0, -1)
    path.write_bytes(path.read_bytes().removesuffix(b"IEOF") + mesh + b"IEOF")
    assert read_particles(path).positions.tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("count", [-1, -(2**31), 3, 2**31 - 1])
def test_impossible_numbers_of_points(tmp_path: Path, count: int) -> None:
    path = with_angles(tmp_path / "a.mod", [[1, 2, 3], [4, 5, 6]])
    content = bytearray(path.read_bytes())
    place = content.index(b"CONT") + 4
    content[place : place + 4] = struct.pack(">i", count)
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="damaged"):
        read_imod(path)


def test_points_that_are_not_numbers(tmp_path: Path) -> None:
    path = with_angles(tmp_path / "a.mod", [[1, 2, 3]])
    content = bytearray(path.read_bytes())
    place = content.index(b"CONT") + 20
    content[place : place + 4] = struct.pack(">f", np.nan)
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="object 1, contour 1 has a point that is not a number"):
        read_imod(path)
