"""A map at every particle: where, how large, in which colours, and never more triangles than can be drawn."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers import attached_map, map_surface
from napari_tomopick.layers.attached_map import instances
from napari_tomopick.layers.map_surface import Shape, load_map, shape_of
from napari_tomopick.layers.scene_particles import HIGHLIGHT
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step


def blobs(n=24, contrast=1.0):
    """A large ball in the centre voxel, and a small one on its +x side."""
    z, y, x = np.indices((n, n, n)) - n // 2
    big = np.exp(-(x**2 + y**2 + z**2) / (2 * 2.5**2))
    small = np.exp(-((x - 7) ** 2 + y**2 + z**2) / (2 * 1.5**2))
    return (contrast * (big + small)).astype(np.float32)


@pytest.fixture
def a_map(tmp_path):
    def a_map(volume, voxel_size=10.0, name="map.mrc"):
        write_mrc(tmp_path / name, volume, voxel_size)
        return tmp_path / name

    return a_map


@pytest.fixture
def attached(shown):
    turned = Rotation.from_rotvec(np.outer([0, 90, 180], [0, 0, 1]), degrees=True)
    particles = Particles(
        np.array([[20.0, 20, 20], [40, 30, 20], [60, 40, 10]]),
        turned,
        tomograms=["tomo"] * 3,
        voxel_size_angstrom=10.0,
    )
    shown.session.add_particles("one", particles, Step("manual"), "#ff0000")
    return shown.scene.map


def per_particle(layer, n=3):
    return layer.vertices.reshape(n, -1, 3)[..., ::-1], layer.vertex_colors.reshape(n, -1, 4)


def test_each_particle_has_the_map_in_its_own_pose_about_voxel_half_n(attached, a_map):
    attached.attach(a_map(blobs()))
    corners, _ = per_particle(attached.surface.layer)
    for (x, y, z), way, its in zip(
        [(20, 20, 20), (40, 30, 20), (60, 40, 10)], [(1, 0, 0), (0, 1, 0), (-1, 0, 0)], corners, strict=True
    ):
        away = its - (x, y, z)
        # the large ball is about the centre voxel; the small one reaches out along the particle's own x
        along = away @ way
        assert along.min() == pytest.approx(-np.abs(away[:, 2]).max(), abs=0.4)
        assert along.max() > -along.min() + 2


def test_voxel_sizes_of_map_and_tomogram_are_respected(attached, a_map):
    attached.attach(a_map(blobs(), 10.0))
    size = np.ptp(per_particle(attached.surface.layer)[0][0], axis=0)
    attached.attach(a_map(blobs(), 20.0, "coarse.mrc"))
    twice = np.ptp(per_particle(attached.surface.layer)[0][0], axis=0)
    np.testing.assert_allclose(twice, 2 * size, rtol=1e-3)
    assert "take" not in attached.words


def test_the_level_is_found_and_moved_and_one_sees_what_it_encloses(attached, a_map):
    attached.attach(a_map(blobs()))
    map_ = attached.map
    assert 0.1 < map_.level < 0.7
    assert not map_.dark
    sizes = []
    for level in (0.2, 0.5, 0.8):
        attached.set_level(level)
        sizes.append(np.ptp(per_particle(attached.surface.layer)[0][0], axis=0)[2])
    assert sizes[0] > sizes[1] > sizes[2]
    volume = (blobs() > 0.8).sum()
    assert f"encloses {volume:,.0f} nm³" in attached.words
    with pytest.raises(ParameterError, match="no surface at 9"):
        attached.set_level(9)
    assert attached.level == 0.8
    attached.set_level_automatically()
    assert attached.level == map_.level


def test_a_dark_particle_is_found_in_its_map(attached, a_map):
    attached.attach(a_map(blobs()))
    bright = attached.surface.layer.vertices.copy()
    attached.attach(a_map(blobs(contrast=-1.0), name="dark.mrc"))
    assert attached.map.dark
    np.testing.assert_allclose(attached.surface.layer.vertices, bright, atol=1e-3)
    attached.set_dark(False)
    assert not attached.map.dark


def test_surfaces_face_outwards_and_are_lit(a_map):
    shape = shape_of(load_map(a_map(blobs())), 0.5, 20_000)
    a, b, c = (shape.corners[shape.faces[:, k]] for k in range(3))
    outwards = np.cross(b - a, c - a)
    centres = (a + b + c) / 3
    ball = centres[:, 0] < 2
    assert (np.einsum("nk,nk->n", outwards, centres)[ball] >= 0).mean() > 0.99
    assert (np.einsum("nk,nk->n", shape.normals, shape.corners)[shape.corners[:, 0] < 2] > 0).mean() > 0.99


def test_colours_selection_and_edits_are_followed(shown, attached, a_map):
    attached.attach(a_map(blobs()))
    [entry] = shown.review.sets
    _, colours = per_particle(attached.surface.layer)
    assert (colours[..., 1:3] == 0).all()
    shown.review.selection.set({entry.uid: [2]})
    _, colours = per_particle(attached.surface.layer)
    hue = colours[1, :, :3] / colours[1, :, :1]
    np.testing.assert_allclose(hue, np.tile(HIGHLIGHT[:3], (len(hue), 1)), atol=1e-5)
    assert (colours[0, :, 1:3] == 0).all()
    shown.session.remove_particles(entry.uid, [1])
    assert len(per_particle(attached.surface.layer, 2)[0]) == 2
    shown.undo()
    assert len(per_particle(attached.surface.layer)[0]) == 3
    shown.show_3d(False)
    assert not attached.surface.layer.visible
    attached.detach()
    shown.show_3d(True)
    assert not attached.surface.layer.visible


def test_it_is_shown_at_one_set_or_at_all(shown, attached, a_map):
    other = shown.session.add_particles(
        "two",
        Particles(np.array([[10.0, 10, 10]]), tomograms=["tomo"], voxel_size_angstrom=10.0),
        Step("manual"),
    )
    attached.attach(a_map(blobs()))
    assert "at each of 4 particles" in attached.words
    attached.show_at(other)
    assert "at each of 1 particles" in attached.words
    shown.review.set_visible(other, False)
    assert "No particles" in attached.words


def test_the_budget_of_triangles_is_kept_and_what_is_left_out_is_said(attached, a_map, monkeypatch):
    monkeypatch.setattr(attached_map, "MOST_TRIANGLES", 3000)
    monkeypatch.setattr(attached_map, "MOST_OF_ONE", 20_000)
    attached.attach(a_map(blobs()))
    assert 300 < len(attached.surface.layer.faces) <= 3000
    assert "at each of 3 particles" in attached.words
    monkeypatch.setattr(attached_map, "MOST_TRIANGLES", 300)
    attached.set_level(0.4)
    assert len(attached.surface.layer.faces) <= 300
    assert "of 3 particles are drawn" in attached.words


def test_a_coarser_surface_is_as_large_and_where_it_was(a_map):
    map_ = load_map(a_map(blobs(48)))
    fine, coarse = shape_of(map_, 0.4, 20_000), shape_of(map_, 0.4, 400)
    assert len(coarse.faces) <= 400 < len(fine.faces)
    for end in (np.min, np.max):
        np.testing.assert_allclose(end(coarse.corners, axis=0), end(fine.corners, axis=0), atol=1.0)


def test_a_large_map_is_binned_and_stays_where_it_was(a_map, monkeypatch):
    fine = shape_of(load_map(a_map(blobs(48))), 0.4, 20_000)
    monkeypatch.setattr(map_surface, "MOST_VOXELS", 30**3)
    map_ = load_map(a_map(blobs(48)))
    assert map_.factor == 2
    binned = shape_of(map_, 0.4, 20_000)
    np.testing.assert_allclose(binned.corners.max(axis=0), fine.corners.max(axis=0), atol=0.7)
    np.testing.assert_allclose(binned.corners.min(axis=0), fine.corners.min(axis=0), atol=0.7)


def test_what_is_no_map_is_refused_and_the_one_before_stays(attached, a_map, tmp_path, monkeypatch):
    attached.attach(a_map(blobs()))
    before = attached.map
    with pytest.raises(FileFormatError, match="no such file"):
        load_map(tmp_path / "gone.mrc")
    with pytest.raises(FileFormatError, match="everywhere"):
        load_map(a_map(np.ones((8, 8, 8), np.float32), name="flat.mrc"))
    attached.attach(tmp_path / "gone.mrc")
    assert "no such file" in attached._workspace.trouble
    assert attached.map is before
    with pytest.raises(ParameterError, match="no average"):
        attached.attach_latest()


def test_the_latest_average_of_the_project_is_one_click_away(shown, attached, a_map):
    shown.session.add_result("average", a_map(blobs(), name="first.mrc"), Step("average"))
    shown.session.add_result("subtomograms", a_map(blobs(), name="no_map.mrc"), Step("extract"))
    shown.session.add_result("initial model", a_map(blobs(), name="second.mrc"), Step("initial model"))
    assert [r.path.name for r in attached.offered] == ["second.mrc", "first.mrc"]
    attached.attach_latest()
    assert attached.map.name == "second.mrc"
    assert shown.is_3d


def test_no_particle_no_surface():
    shape = Shape(np.zeros((3, 3)), np.array([[0, 1, 2]], np.int32), np.zeros((3, 3)))
    assert (
        instances(shape, 1.0, np.zeros((0, 3)), Rotation.from_quat(np.zeros((0, 4))), np.zeros((0, 4)))
        is None
    )


def test_what_reaches_out_of_the_tomogram_has_no_other_layer_sliced_anew(shown, attached, a_map):
    """napari counts slices from the lowest to the highest coordinate of any layer."""
    sliced = []
    shown.show_3d(True)
    shown.review.view.points.events.set_data.connect(lambda: sliced.append(1))
    attached.attach(a_map(blobs(), 200.0))
    assert attached.surface.layer.vertices.min() < 0
    assert not sliced
    assert shown.viewer.dims.range[0] == (0, 39, 1)
