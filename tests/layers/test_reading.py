"""Particle files dropped onto napari, and Points layers saved as particles, through npe2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Points, Surface
from npe2 import PluginManager, PluginManifest, io_utils
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry.meshes import Mesh
from napari_tomopick.geometry.orientations import angle_between
from napari_tomopick.io import meshes
from napari_tomopick.io import models as model_files
from napari_tomopick.io.particles import SUFFIXES, WRITE_SUFFIXES, read_particles, write_particles
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers import reading, reading_models
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.user_points import Model, ModelType


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_distribution("napari-tomopick")


@pytest.fixture
def manager(manifest, monkeypatch):
    """npe2 with this plugin alone."""
    own = PluginManager()
    own.register(manifest)
    monkeypatch.setattr(PluginManager, "instance", staticmethod(lambda: own))
    return own


def some(names=("TS_01", "TS_02")) -> Particles:
    rng = np.random.default_rng(1)
    n = 6
    return Particles(
        rng.uniform(10, 50, (n, 3)),
        Rotation.from_quat(rng.normal(size=(n, 4))),
        ids=np.array([9, 3, 5, 1, 20, 7]),
        groups=np.array([1, 1, 2, 2, 3, 3]),
        scores=np.array([0.5, np.nan, 0.1, 0.2, 0.3, 0.4]),
        tomograms=np.resize(names, n),
        table=pd.DataFrame({"rlnImageName": [f"{i}.mrc" for i in range(n)], "group": range(n)}),
        voxel_size_angstrom=10.0,
        box_size=16,
    )


def test_the_manifest_names_every_suffix(manifest) -> None:
    particles, models = manifest.contributions.readers
    assert sorted(particles.filename_patterns) == sorted(f"*{s}" for s in SUFFIXES)
    # of .mod every point is read as a particle
    others = {*model_files.SUFFIXES, *meshes.SUFFIXES} - {".mod"}
    assert sorted(models.filename_patterns) == sorted(f"*{s}" for s in others)
    points, surfaces = manifest.contributions.writers
    # of these a suffix alone does not say the format
    assert sorted(points.filename_extensions) == sorted(set(WRITE_SUFFIXES) - {".json", ".txt"})
    assert sorted(surfaces.filename_extensions) == sorted(meshes.SUFFIXES)


def test_a_dropped_file_becomes_layers(manager, tmp_path: Path) -> None:
    particles = some()
    path = tmp_path / "picks.csv"
    # the column called as one of ours came from some file
    write_particles(path, Particles(**{**vars(particles), "table": particles.table.drop(columns="group")}))
    layers = io_utils.read([str(path)], stack=False)
    assert [(kind, attributes["name"], attributes["visible"]) for _, attributes, kind in layers] == [
        ("vectors", "picks in TS_01 axes", True),
        ("points", "picks in TS_01", True),
        ("vectors", "picks in TS_02 axes", False),
        ("points", "picks in TS_02", False),
    ]
    first = particles.in_tomogram("TS_01")
    np.testing.assert_allclose(layers[1][0], first.positions[:, ::-1])
    lengths = np.linalg.norm(layers[0][0][:, 1], axis=1)
    np.testing.assert_allclose(layers[0][0][:, 1] / lengths[:, None], first.directions()[:, ::-1], atol=1e-12)
    assert layers[1][1]["features"]["id"].tolist() == first.ids.tolist()
    viewer = ViewerModel()
    for each in layers:
        viewer._add_layer_from_data(*each)
    assert [layer.ndim for layer in viewer.layers] == [3] * 4


def test_models_become_points_and_their_side_markers(manager, tmp_path: Path) -> None:
    model = Model(
        "outer",
        ModelType.SURFACE,
        np.array([[1, 2, 3], [4, 5, 9.5]]),
        np.array([3, 9]),
        np.array([7, 8, 6]),
        4,
    )
    path = model_files.write_models(tmp_path / "m.json", [model, Model("spots", points=np.ones((1, 3)))])
    layers = io_utils.read([str(path)], stack=False)
    assert [attributes["name"] for _, attributes, _ in layers] == [
        "outer (surface)",
        "outer inner side",
        "spots (general)",
    ]
    assert layers[0][0].tolist() == [[3, 2, 1], [9.5, 5, 4]]
    assert layers[0][1]["features"]["level"].tolist() == [3, 9]
    assert layers[1][0].tolist() == [[6, 8, 7]]
    viewer = ViewerModel()
    for each in layers:
        viewer._add_layer_from_data(*each)
    # what is saved of them are particles
    out = tmp_path / "p.csv"
    io_utils.write(str(out), [viewer.layers[0].as_layer_data_tuple()])
    assert read_particles(out).positions.tolist() == [[1, 2, 3], [4, 5, 9.5]]
    assert read_particles(out).groups.tolist() == [4, 4]
    (tmp_path / "settings.json").write_text('{"format": "else"}')
    assert reading_models.get_reader(str(tmp_path / "settings.json")) is None


@pytest.mark.parametrize("suffix", meshes.SUFFIXES)
def test_meshes_become_surfaces_and_are_saved(manager, tmp_path: Path, monkeypatch, suffix: str) -> None:
    said = []
    monkeypatch.setattr("napari.utils.notifications.show_info", said.append)
    vertices = np.array([[0.0, 0, 0], [10, 0, 0], [0, 20, 0], [0, 0, 40]])
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    path = meshes.write_mesh(tmp_path / f"m{suffix}", Mesh(vertices, faces), "voxel")
    [(data, attributes, kind)] = io_utils.read([str(path)], stack=False)
    assert (kind, attributes["name"]) == ("surface", "m")
    assert "does not say its unit" in said[0]
    assert sorted(np.unique(data[0], axis=0).tolist()) == sorted(vertices[:, ::-1].tolist())
    layer = Surface(data, **attributes)
    out = tmp_path / f"out{suffix}"
    assert io_utils.write(str(out), [layer.as_layer_data_tuple()]) == [str(out)]
    back, _ = meshes.read_mesh(out, "voxel")
    corners = back.vertices[back.faces]
    inside = np.einsum("nk,nk->n", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    # the same body, not turned inside out
    assert inside == pytest.approx(10 * 20 * 40 / 6)
    with pytest.raises(FileFormatError, match="those of this layer have 2 coordinates"):
        reading_models.write_surface(str(out), (vertices[:, :2], faces), {})


def test_points_are_saved_with_all_that_came_with_them(manager, tmp_path: Path) -> None:
    particles = some(("TS_01",))
    data, attributes, _ = reading.particle_layers(particles, "p")[1]
    layer = Points(data, **attributes)
    out = tmp_path / "out.star"
    assert io_utils.write(str(out), [layer.as_layer_data_tuple()]) == [str(out)]
    back = read_particles(out)
    np.testing.assert_allclose(back.positions, particles.positions, atol=1e-6)
    assert np.radians(angle_between(particles.rotations, back.rotations)).max() < 1e-7
    assert back.ids.tolist() == particles.ids.tolist()
    assert back.groups.tolist() == particles.groups.tolist()
    np.testing.assert_array_equal(back.scores, particles.scores)
    assert back.table["rlnImageName"].tolist() == particles.table["rlnImageName"].tolist()
    assert back.voxel_size_angstrom == 10.0
    assert back.box_size == 16


def test_points_added_in_napari_are_new(tmp_path: Path) -> None:
    data, attributes, _ = reading.particle_layers(some(("TS_01",)), "p")[1]
    layer = Points(data, **attributes)
    layer.add([[1.0, 2.0, 3.0]])
    layer.add([[4.0, 5.0, 6.0]])
    data, attributes, _ = layer.as_layer_data_tuple()
    found = reading.particles_of_points("x.csv", data, attributes)
    assert found.ids.tolist() == [9, 3, 5, 1, 20, 7, 21, 22]
    assert found.positions[-2:].tolist() == [[3, 2, 1], [6, 5, 4]]
    assert not found.rotations.magnitude()[-2:].any()
    assert np.isnan(found.scores[-2:]).all()
    assert found.tomograms[-1] == "TS_01"


def test_any_points_layer_can_be_saved(tmp_path: Path) -> None:
    path = tmp_path / "p.coords"
    reading.write_points(str(path), *Points([[3.0, 2.0, 1.0]]).as_layer_data_tuple()[:2])
    assert path.read_text() == "1\t2\t3\n"
    with pytest.raises(FileFormatError, match="the points of this layer have 2 coordinates"):
        reading.write_points(str(path), *Points([[3.0, 2.0]]).as_layer_data_tuple()[:2])
    reading.write_points(str(path), *Points(ndim=3).as_layer_data_tuple()[:2])
    assert path.read_text() == ""


def test_files_of_something_else_are_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Grid 3 was thick.\n")
    (tmp_path / "settings.json").write_text('{"a": 1}')
    (tmp_path / "p.coords").write_text("1 2 3\n")
    for name in ("notes.txt", "settings.json", "image.tif"):
        assert reading.get_reader(str(tmp_path / name)) is None
    assert reading.get_reader(str(tmp_path / "p.coords")) is reading.read_layers
    assert reading.get_reader([str(tmp_path / "p.coords"), str(tmp_path / "notes.txt")]) is None


def test_the_size_of_a_tomogram_comes_from_its_image_layer(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "ts_info.json").write_text('{"apix_unbin": 5, "boxes_3d": [[0, 2, 4, "manual", 0, 0]]}')
    path = str(tmp_path / "ts_info.json")
    viewer = ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    with pytest.raises(FileFormatError, match="give the tomogram"):
        reading.read_layers(path)
    volume = np.zeros((20, 30, 40), np.float32)
    write_mrc(tmp_path / "ts.mrc", volume, 10.0)
    layer = viewer.add_image(volume)
    monkeypatch.setattr(type(layer), "source", type("S", (), {"path": str(tmp_path / "ts.mrc")}))
    [(data, attributes, kind)] = reading.read_layers(path)
    assert kind == "points"
    assert data.tolist() == [[12, 16, 20]]
    assert attributes["metadata"]["tomopick"]["voxel_size_angstrom"] == 10.0


def test_particles_of_many_tomograms_share_a_layer(monkeypatch) -> None:
    said = []
    monkeypatch.setattr("napari.utils.notifications.show_info", said.append)
    n = reading.MOST_APART + 1
    particles = Particles(np.ones((n, 3)), tomograms=np.array([f"TS_{i}" for i in range(n)]))
    [(data, attributes, _)] = reading.particle_layers(particles, "p")
    assert len(data) == n
    assert attributes["features"]["tomogram"].nunique() == n
    assert "21 tomograms" in said[0]


@pytest.mark.parametrize("module", ["reading", "reading_models"])
def test_nothing_heavy_is_imported_with_the_module(module: str) -> None:
    program = (
        f"import sys, napari_tomopick.layers.{module}\n"
        "sys.exit(any(m in sys.modules for m in ('napari', 'pandas', 'numpy', 'scipy')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
