"""The scene in 3D: slice, boxes, membranes; of true hand; nothing of it is there in 2D."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.coordinates import xyz_to_zyx
from napari_tomopick.geometry.meshes import geodesic_sphere
from napari_tomopick.layers import compat, scene_boxes, scene_slice
from napari_tomopick.layers.projection import seen_in_viewer
from napari_tomopick.layers.scene_particles import HIGHLIGHT, Drawn
from napari_tomopick.layers.scene_shapes import box_edges, solid_arrow, wire_boxes, wires
from napari_tomopick.layers.scene_slice import corners_of, grey, rectangle
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.user_points import ModelType

SHAPE = (40, 60, 80)
UP = np.array([0.0, 0, 1])


def some_particles(n=6, box_size=16):
    rng = np.random.default_rng(0)
    return Particles(
        rng.uniform(5, 35, (n, 3)),
        Rotation.random(n, random_state=0),
        tomograms=["tomo"] * n,
        voxel_size_angstrom=10.0,
        box_size=box_size,
    )


@pytest.fixture
def scene(shown):
    shown.session.add_particles("one", some_particles(), Step("manual"), "#ff0000")
    shown.show_3d(True)
    return shown.scene


def names(shown):
    return {
        layer.name for layer in shown.viewer.layers if type(layer).__name__ == "Surface" and layer.visible
    }


# the slice


def test_keys_move_the_slice_by_one_voxel_along_its_arrow(shown, scene, press):
    before = scene.slice.position
    press("Up")
    np.testing.assert_allclose(scene.slice.position, before + UP)
    press("Down")
    press("Down")
    np.testing.assert_allclose(scene.slice.position, before - UP)
    scene.slice.tilt(30, 45)
    at, normal = scene.slice.position, scene.slice.normal
    press("Up")
    np.testing.assert_allclose(scene.slice.position, at + normal, atol=1e-9)


def test_the_slice_moves_by_voxels_of_the_tomogram_where_its_copy_is_binned(shown, monkeypatch, press):
    from napari_tomopick.layers import tomogram_image

    monkeypatch.setattr(tomogram_image, "MAX_3D_AXIS", 20)
    shown.close_tomogram()
    shown.open_tomogram("tomo")
    shown.show_3d(True)
    assert shown.image.layer.scale[0] == 4
    before = shown.scene.slice.position
    press("Up")
    np.testing.assert_allclose(shown.scene.slice.position, before + UP)


def test_a_key_looks_along_an_axis_at_the_slice_across_it_as_it_is_seen_in_2d(shown, scene, press):
    for axis in "xyz":
        _check_view(shown, scene, press, axis)


def _check_view(shown, scene, press, axis):
    viewer = shown.viewer
    where = np.array([[20.0, 20, 20], [21, 20, 20], [20, 21, 20], [20, 20, 21]])
    shown.show_3d(False)
    compat.show_plane(viewer, axis, np.array([20.0, 20, 20]))
    flat = seen_in_viewer(viewer, where).pixels
    compat.show_plane(viewer, "z", np.array([20.0, 20, 20]))
    shown.show_3d(True)
    press(axis.upper())
    assert abs(scene.slice.normal["xyz".index(axis)]) == 1
    solid = seen_in_viewer(viewer, where).pixels
    way, expected = solid[1:] - solid[0], flat[1:] - flat[0]
    scale = viewer.scene.camera.zoom
    np.testing.assert_allclose(way / scale, expected / np.abs(expected).max(), atol=1e-6)


def test_o_goes_back_to_the_first_view_in_3d_and_tracks_in_slices(shown, scene, press, monkeypatch):
    tracked = []
    monkeypatch.setattr(shown.tracking, "one", lambda: tracked.append(1))
    scene.slice.tilt(50, 20)
    scene.look((1, 0, 0), (0, 0, 1))
    press("O")
    assert not tracked
    np.testing.assert_allclose(scene.slice.normal, [0, 0, 1])
    np.testing.assert_allclose(shown.viewer.scene.camera.view_direction, [-1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(shown.viewer.scene.camera.center, [19.5, 29.5, 39.5])
    shown.show_3d(False)
    press("O")
    assert tracked


def test_tilt_and_rotation_say_how_the_slice_lies(scene):
    for tilt, rotation in ((0, 0), (90, 0), (35, 70), (120, -30)):
        scene.slice.tilt(tilt, rotation)
        assert scene.slice.angles == pytest.approx((tilt, rotation))
    scene.look((0, 0.6, -0.8), (0, 0.8, 0.6))
    scene.slice.face_eye()
    np.testing.assert_allclose(scene.slice.normal, [0, -0.6, 0.8], atol=1e-6)


def test_a_slice_stays_in_the_tomogram_and_needs_a_normal(scene):
    scene.slice.move(1000)
    assert scene.slice.position[2] == SHAPE[0] - 1
    with pytest.raises(ParameterError, match="length"):
        scene.slice.put(normal=(0, 0, 0))
    with pytest.raises(ParameterError, match="nan"):
        scene.slice.put(position=(0, 0, np.nan))


NORMALS = [(0, 0, 1), (0, 0, -1), (0, 1, 0), (1, 0, 0), (0.6, 0, 0.8), (0.5, 0.7, -0.3)]


def test_the_slice_is_drawn_with_the_voxels_that_lie_in_it(shown, scene):
    for normal in NORMALS:
        scene.slice.put((40, 30, 20), normal)
        _check_pixels(shown, scene.slice.fine.layer, normal)


def _check_pixels(shown, layer, normal):
    left_below, right_below, left_above, _ = layer.vertices[:, ::-1]
    pixels = layer.texture[::-1]
    values = np.asarray(shown.image.loaded.data)
    low, high = shown.display.limits
    height, width = pixels.shape[:2]
    for row, column in ((0, 0), (height // 2, width // 3), (height - 1, width - 1)):
        place = left_below + (column + 0.5) / width * (right_below - left_below)
        place = place + (row + 0.5) / height * (left_above - left_below)
        assert abs((place - (40, 30, 20)) @ normal) < 1e-4 * width
        index = np.round(xyz_to_zyx(place)).astype(int)
        inside = ((index >= 0) & (index < SHAPE)).all()
        if np.abs(normal).max() == 1:
            expected = np.clip((values[tuple(index)] - low) / (high - low) * 255, 0, 255)
            assert pixels[row, column, 0] == pytest.approx(expected, abs=1)
        elif row == height // 2:
            assert pixels[row, column, 3] == 255 * inside


def test_a_rectangle_holds_all_of_a_tilted_slice():
    where = rectangle(np.array([40.0, 30, 20]), np.array([0.0, -0.6, 0.8]), SHAPE)
    corners = corners_of(where)
    # it cuts the tomogram from its bottom to its top, all along x
    assert corners[:, 0].min() <= -0.5
    assert corners[:, 0].max() >= 79.5
    assert corners[:, 2].min() <= -0.5
    assert corners[:, 2].max() >= 39.5
    assert np.abs((corners - (40, 30, 20)) @ [0, -0.6, 0.8]).max() < 1e-9


def test_a_slice_of_too_many_voxels_is_drawn_coarser_and_that_is_said(shown, scene, monkeypatch):
    assert scene.slice.coarser == ""
    monkeypatch.setattr(scene_slice, "MOST_PIXELS", 30)
    scene.slice.lie_across("z")
    scene.slice.put(normal=(0, 0, 1), position=(40, 30, 11))
    assert max(scene.slice.fine.layer.texture.shape) <= 30
    assert "1 of 3 voxels" in scene.slice.coarser


def test_grey_values_outside_the_tomogram_are_clear():
    picture = grey(np.array([[0.0, 1, np.nan], [2, -5, 9]], np.float32), (0.0, 2.0), False)
    assert picture[..., 3].tolist() == [[255, 255, 0], [255, 255, 255]]
    assert picture[..., 0].tolist() == [[0, 127, 0], [255, 0, 255]]
    assert grey(np.array([[2.0]], np.float32), (0.0, 2.0), True)[0, 0].tolist() == [0, 0, 0, 255]


def test_contrast_and_filters_of_the_display_hold_for_the_slice(shown, scene):
    before = scene.slice.fine.layer.texture.copy()
    shown.display.set_inverted(True)
    assert np.abs(before[..., 0].astype(int) + scene.slice.fine.layer.texture[..., 0] - 255).max() <= 1
    shown.display.set_inverted(False)
    shown.display.set_thickness(9)
    assert not np.array_equal(before, scene.slice.fine.layer.texture)


# what is there


def test_there_is_nothing_of_the_scene_in_slices(shown, scene):
    scene.boxes.set_look(shown=True)
    assert names(shown) == {"slice", "slice normal", "boxes"}
    shown.show_3d(False)
    assert names(shown) == set()
    shown.show_3d(True)
    assert names(shown) == {"slice", "slice normal", "boxes"}
    shown.close_tomogram()
    assert len(shown.viewer.layers) == 0


def test_tomogram_as_slice_volume_or_not_at_all(shown, scene):
    image = shown.image.layer
    shown.set_depiction("none")
    assert not image.visible
    assert names(shown) == set()
    shown.show_3d(False)
    assert image.visible
    shown.show_3d(True)
    assert not image.visible
    # somebody opens its eye
    image.visible = True
    assert shown.image.depiction == "plane"
    assert names(shown) == {"slice", "slice normal"}
    shown.set_depiction("volume")
    assert names(shown) == set()
    assert max(image.data.shape) <= 512


def test_eyes_in_the_list_of_layers_are_the_toggles(shown, scene):
    scene.boxes.set_look(shown=True)
    shown.viewer.layers["boxes"].visible = False
    assert not scene.boxes.look.shown
    shown.viewer.layers["slice normal"].visible = False
    assert not scene.slice.normal_shown
    scene.boxes.set_look(shown=True)
    assert shown.viewer.layers["boxes"].visible


def test_new_layers_take_the_active_one_nothing_away(shown, scene):
    active = shown.viewer.layers.selection.active
    scene.boxes.set_look(shown=True)
    assert shown.viewer.layers.selection.active is active
    assert shown.viewer.layers["boxes"].locked


# boxes


def test_a_box_is_what_is_cut_out():
    starts, ends = wire_boxes(np.array([[10.0, 20, 30]]), None, np.array([4]))
    every = np.concatenate([starts, ends]).reshape(-1, 3)
    # voxels 8 to 11 along x: the centre is voxel 2 of 4
    assert every.min(axis=0).tolist() == [7.5, 17.5, 27.5]
    assert every.max(axis=0).tolist() == [11.5, 21.5, 31.5]
    assert np.linalg.norm(ends - starts, axis=-1).ravel().tolist() == [4] * 12
    odd, _ = wire_boxes(np.zeros((1, 3)), None, np.array([5]))
    assert odd.min() == -2.5


def test_boxes_lie_as_the_particles_or_along_the_axes(shown, scene):
    scene.boxes.set_look(shown=True)
    layer, particles = scene.boxes.surface.layer, some_particles()
    assert len(layer.faces) == 6 * 12 * 4
    # the corners of the first box, in its own frame
    own = particles.rotations[0].inv().apply(layer.vertices[:96, ::-1] - particles.positions[0])
    np.testing.assert_allclose([own.min(axis=0), own.max(axis=0)], [[-8.5] * 3, [7.5] * 3], atol=0.5)
    scene.boxes.set_look(turned=False, size=10)
    flat = scene.boxes.surface.layer.vertices[:96, ::-1] - particles.positions[0]
    np.testing.assert_allclose([flat.min(axis=0), flat.max(axis=0)], [[-5.5] * 3, [4.5] * 3], atol=0.5)


def test_boxes_follow_edits_colours_and_the_selection(shown, scene):
    scene.boxes.set_look(shown=True)
    [entry] = shown.review.sets
    colours = scene.boxes.surface.layer.vertex_colors
    assert np.unique(colours, axis=0).tolist() == [[1, 0, 0, 1]]
    shown.review.selection.set({entry.uid: [2]})
    assert np.allclose(scene.boxes.surface.layer.vertex_colors[96:192], HIGHLIGHT)
    assert np.allclose(scene.boxes.surface.layer.vertex_colors[:96], [1, 0, 0, 1])
    shown.session.remove_particles(entry.uid, [1, 2])
    assert len(scene.boxes.surface.layer.faces) == 4 * 12 * 4
    shown.review.set_visible(entry.uid, False)
    assert names(shown) == {"slice", "slice normal"}


def test_of_too_many_boxes_those_selected_and_those_nearest_are_drawn_and_that_is_said(
    shown, scene, monkeypatch
):
    monkeypatch.setattr(scene_boxes, "MOST_BOXES", 2)
    [entry] = shown.review.sets
    particles = some_particles()
    scene.slice.put(position=(40, 30, particles.positions[3, 2]))
    scene.boxes.set_look(shown=True)
    drawn = Drawn.of(shown)
    by_distance = np.argsort(np.abs(particles.positions[:, 2] - particles.positions[3, 2]))
    assert set(drawn.nearest(2)) == set(by_distance[:2])
    assert scene.boxes.left_out == ("2 of 6 boxes are drawn: those selected, and those nearest to the slice.")
    farthest = int(by_distance[-1])
    shown.review.selection.set({entry.uid: [farthest + 1]})
    assert set(Drawn.of(shown).nearest(2)) == {3, farthest}


def test_wires_and_arrows_are_as_long_and_thick_as_said():
    starts, ends = box_edges((0, 0, 0), (10, 20, 30))
    corners, faces = wires(starts, ends, 0.5)
    assert np.ptp(corners, axis=0) == pytest.approx([10.5, 20.5, 30.5], abs=0.5)
    assert faces.max() == len(corners) - 1
    corners, faces = solid_arrow((1, 2, 3), (0, 0, 1), 10)
    assert corners[:, 2].max() == 13
    assert faces.max() == len(corners) - 1


# membranes


def test_membranes_are_drawn_in_the_colour_of_their_model_and_follow_it(shown, scene):
    session = shown.session
    shown.picking.add_model(ModelType.VESICLE, "vesicle")
    uid = next(m.uid for m in session.models("tomo") if m.name == "vesicle")
    sphere = geodesic_sphere(3).vertices * 10 + (40, 30, 20)
    session.add_points(uid, sphere, np.round(sphere[:, 2]).astype(int))
    assert names(shown) == {"slice", "slice normal"}
    scene.membranes.show(True)
    layer = scene.membranes.surface.layer
    radii = np.linalg.norm(layer.vertices[:, ::-1] - (40, 30, 20), axis=1)
    np.testing.assert_allclose(radii, 10, atol=0.5)
    # what lies behind the slice is fainter, from wherever one looks
    front = layer.vertices[:, 0] >= scene.slice.position[2]
    np.testing.assert_allclose(layer.vertex_colors[:, 3], np.where(front, 0.45, 0.12))
    scene.look((0, 0, 1), (0, 1, 0))
    np.testing.assert_allclose(layer.vertex_colors[front, 3], 0.12)
    scene.slice.move(-15)
    np.testing.assert_allclose(layer.vertex_colors[:, 3], 0.12)
    session.add_points(uid, sphere + 4 * UP, np.round(sphere[:, 2]).astype(int))
    assert layer.vertices[:, 0].mean() == pytest.approx(22, abs=0.5)
    shown.picking.set_visible(uid, False)
    assert "membranes" not in names(shown)


def test_a_membrane_that_cannot_be_made_is_said(shown, scene):
    session = shown.session
    shown.picking.add_model(ModelType.SURFACE, "short")
    uid = next(m.uid for m in session.models("tomo") if m.name == "short")
    session.add_points(uid, np.array([[10.0, 10, 10]]), [10])
    scene.membranes.show(True)
    assert "short" in scene.membranes.lacking
    assert "membranes" not in names(shown)


# the hand


def helix(n=60):
    """A right-handed one about z, from the front of the tomogram to its back."""
    t = np.linspace(0, 4 * np.pi, n)
    return np.column_stack([40 + 10 * np.cos(t), 30 + 10 * np.sin(t), 20 + t])


def test_a_right_handed_helix_is_seen_right_handed(shown):
    shown.show_3d(True)
    for direction in ((0, 0, -1), (0, 1, 0), (-1, 0, 0), (0.5, 0.6, -0.62)):
        _check_hand(shown, direction)


def _check_hand(shown, direction):
    direction = np.array(direction, float) / np.linalg.norm(direction)
    up = np.array([0.0, 1, 0]) if abs(direction[2]) > 0.9 else np.array([0.0, 0, 1])
    up = up - (up @ direction) * direction
    shown.scene.look(direction, up / np.linalg.norm(up))
    seen = seen_in_viewer(shown.viewer, helix())
    right, above, near = seen.pixels[:, 0], -seen.pixels[:, 1], -seen.depths * shown.viewer.scene.camera.zoom
    path = np.column_stack([right, above, near])
    first = np.gradient(path, axis=0)
    second = np.gradient(first, axis=0)
    third = np.gradient(second, axis=0)
    torsion = np.einsum("nk,nk->n", np.cross(first, second), third)[5:-5]
    assert (torsion > 0).all()


def test_the_camera_shows_volumes_unmirrored(shown):
    assert tuple(shown.viewer.scene.camera.orientation) == ("towards", "up", "right")


def test_an_edit_that_is_told_of_twice_is_drawn_once(shown, scene, monkeypatch):
    scene.boxes.set_look(shown=True)
    drawn = []
    draw = scene.boxes.surface.draw
    monkeypatch.setattr(scene.boxes.surface, "draw", lambda what: (drawn.append(1), draw(what)))
    scene.redraw_particles()
    assert not drawn
    [entry] = shown.review.sets
    shown.review.selection.set({entry.uid: [1]})
    drawn.clear()
    # what is selected is gone as well
    shown.session.remove_particles(entry.uid, [1])
    assert len(drawn) == 1
