"""Meshes of other programs: units, sides, particles oriented by one, and what goes wrong."""

from __future__ import annotations

import struct
import sys
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_tomopick import cli
from napari_tomopick.errors import FileFormatError, ModelError, ParameterError
from napari_tomopick.geometry.meshes import Mesh, geodesic_sphere
from napari_tomopick.io.meshes import SUFFIXES, read_mesh, write_mesh
from napari_tomopick.io.models import write_models
from napari_tomopick.io.particles import read_particles
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.protocols.convert import convert

CENTRE = np.array([30.0, 40.5, 20.0])


def sphere(radius: float = 12.0) -> Mesh:
    unit = geodesic_sphere(4)
    return Mesh(unit.vertices * radius + CENTRE, unit.faces)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_units_and_sides(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"s{suffix}"
    write_mesh(path, sphere(), "angstrom", 5.0)
    raw, _ = read_mesh(path, "voxel")
    np.testing.assert_allclose(raw.vertices.mean(axis=0), 5 * CENTRE, rtol=1e-6)
    back, messages = read_mesh(path, "angstrom", 5.0)
    assert not messages
    assert len(back.vertices) == len(sphere().vertices)
    assert back.area() == pytest.approx(sphere().area(), rel=1e-6)
    # the normals point away from the middle
    outward = back.vertices - CENTRE
    assert (np.einsum("nk,nk->n", back.normals(), outward) > 11).all()
    nm, _ = read_mesh(path, "nm", 5.0)
    np.testing.assert_allclose(nm.vertices, back.vertices * 10, rtol=1e-6)
    write_mesh(path, sphere().flipped(), "voxel")
    inwards, messages = read_mesh(path, "voxel")
    assert "look inwards" in messages[0]
    assert (np.einsum("nk,nk->n", inwards.normals(), inwards.vertices - CENTRE) < -11).all()


def test_the_unit_is_asked_for(tmp_path: Path) -> None:
    path = write_mesh(tmp_path / "s.ply", sphere(), "voxel")
    with pytest.raises(ParameterError, match="with a mesh in nm, the voxel size is needed"):
        read_mesh(path, "nm")
    with pytest.raises(ParameterError, match="does not say its unit"):
        read_mesh(path, "pixel")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="name it: --mesh-unit"):
        convert(path, tmp_path / "s.stl")
    convert(path, tmp_path / "s.stl", mesh_unit="nm")
    np.testing.assert_allclose(read_mesh(tmp_path / "s.stl", "voxel")[0].area(), sphere().area(), rtol=1e-6)


def test_surfaces_of_a_model_file(tmp_path: Path) -> None:
    points = geodesic_sphere(2).vertices * 12 + CENTRE
    vesicle = Model("v", ModelType.VESICLE, points, voxel_size_angstrom=5.0)
    other = replace(vesicle, name="w", points=points + 40)
    write_models(tmp_path / "m.json", [vesicle, other, Model("g", points=points, voxel_size_angstrom=5.0)])
    written = convert(tmp_path / "m.json", tmp_path / "m.ply", mesh_unit="angstrom")
    assert written.files == (tmp_path / "m.ply",)
    assert "which triangle is of which surface" in written.lost
    assert "'g', a general model" in written.lost
    mesh, _ = read_mesh(tmp_path / "m.ply", "angstrom", 5.0)
    assert mesh.area() == pytest.approx(2 * 4 * np.pi * 12**2, rel=0.01)
    write_models(tmp_path / "g.json", [Model("g", points=points)])
    with pytest.raises(ModelError, match="no surface or vesicle in it"):
        convert(tmp_path / "g.json", tmp_path / "m.ply", mesh_unit="voxel")
    with pytest.raises(ParameterError, match="a mesh is a surface"):
        convert(tmp_path / "m.ply", tmp_path / "m.star")


def test_particles_are_oriented_by_a_mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_mesh("s.ply", sphere(), "nm", 5.0)
    with mrcfile.new("ts.mrc") as file:
        file.set_data(np.zeros((50, 70, 60), np.float32))
        file.voxel_size = 5.0
    Path("p.csv").write_text("x,y,z\n42,40.5,20\n30,40.5,7\n30,30,20\n")
    words = ["orient", "p.csv", "s.ply", "--tomogram", "ts.mrc", "-o", "o.star"]
    for more, code in (([], 1), (["--mesh-unit", "nm"], 0)):
        monkeypatch.setattr(sys, "argv", ["napari-tomopick", *words, *more])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert (ended.value.code or 0) == code
    directions = read_particles("o.star").directions()
    np.testing.assert_allclose(directions, [[1, 0, 0], [0, 0, -1], [0, -1, 0]], atol=0.05)


def stl(*triangles: list) -> bytes:
    body = b"".join(struct.pack("<12fH", 0, 0, 0, *np.ravel(t), 0) for t in triangles)
    return b" " * 80 + struct.pack("<I", len(triangles)) + body


CORNER = [[0, 0, 0], [1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.stl", b"nothing", "damaged, or no .stl mesh|there is no triangle"),
        ("a.stl", stl(), "there is no triangle|damaged"),
        ("a.stl", stl(CORNER)[:-20], "damaged|there is no triangle"),
        ("a.stl", stl([[0, 0, 0], [np.nan, 0, 0], [0, 1, 0]]), "is not a place"),
        ("a.stl", stl([[0, 0, 0], [1, 0, 0], [2, 0, 0]]), "no area"),
        ("a.ply", b"ply\nformat ascii 1.0\nelement vertex 99999999999\nend_header\n", "damaged"),
        ("a.ply", b"ply\n", "damaged"),
        ("a.glb", b"glTF" + b"\0" * 30, "damaged"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", r"damaged|triangle 1 has the corners"),
        ("a.obj", b"v 0 0 0\n", "there is no triangle|damaged"),
        ("a.txt", b"", "not a mesh; these are read"),
    ],
)
def test_damaged_meshes(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=message):
        read_mesh(path, "voxel")


def test_triangles_without_area_are_left_out_and_said(tmp_path: Path) -> None:
    path = tmp_path / "a.stl"
    path.write_bytes(stl(CORNER, [[0, 0, 0], [1, 0, 0], [1, 0, 0]]))
    mesh, messages = read_mesh(path, "voxel")
    assert len(mesh.faces) == 1
    assert messages == ("1 triangles without area were left out",)
