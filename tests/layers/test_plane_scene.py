"""Models and particles as they are seen in a plane."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.planes import Plane
from napari_tomopick.layers.particle_looks import Look
from napari_tomopick.layers.plane_scene import PROPOSED, Scenery
from napari_tomopick.layers.user_points import CURVE_REACH, MARKER_SIZE, OTHERS_OPACITY
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.user_points import Model, ModelType

SQUARE = np.array([[10.0, 20, 5], [30, 20, 5], [30, 40, 5]])


def surface(**changes):
    return Model("m", ModelType.SURFACE, **{"points": SQUARE, "levels": [5, 5, 5], "uid": "m"} | changes)


def boxes(points, size=20, **changes):
    return Model("g", points=np.array(points, float), box_size=size, uid="g", **changes)


@pytest.mark.parametrize("axis", ["z", "y", "x"])
def test_a_box_is_seen_as_the_plane_cuts_its_sphere(axis):
    centre = np.array([50.0, 60, 70])
    index = centre["xyz".index(axis)] + 6
    circles = Scenery([boxes([centre])]).seen_in(Plane.orthogonal(axis, index)).overlay.circles
    assert circles.radii[0] == pytest.approx(8)
    np.testing.assert_allclose(circles.centres[0], np.delete(centre, "xyz".index(axis)))
    assert not len(Scenery([boxes([centre])]).seen_in(Plane.orthogonal(axis, index + 5)).overlay)


def test_in_an_oblique_plane_too():
    plane = Plane.tilted((50, 60, 70), 35, 20)
    centre = plane.position([[12.0, -7.0]])[0] + 6 * plane.normal
    circles = Scenery([boxes([centre])]).seen_in(plane).overlay.circles
    np.testing.assert_allclose(circles.centres[0], (12, -7))
    assert circles.radii[0] == pytest.approx(8)


def test_traced_points_stay_large_enough_to_be_hit():
    scene = Scenery([surface()]).seen_in(Plane.orthogonal("z", 5))
    assert (scene.overlay.circles.least > 2).all()
    assert scene.point_at((12, 20), pixels=1.0, grab=7) == ("m", 0)
    assert scene.point_at((12, 20), pixels=10.0, grab=7) is None
    assert scene.point_at((31, 39), pixels=1.0, grab=7) == ("m", 2)


def test_of_two_circles_the_nearer_is_hit():
    scene = Scenery([boxes([[10, 10, 5], [20, 10, 5]])]).seen_in(Plane.orthogonal("z", 5))
    assert scene.point_at((16, 10), 1.0, 5) == ("g", 1)
    assert scene.point_at((14, 10), 1.0, 5) == ("g", 0)
    assert scene.point_at((14, 35), 1.0, 5) is None


def test_curves_fade_with_distance():
    scenery = Scenery([surface()], "m")
    for away in (0.0, 3.0, 9.0):
        lines = scenery.seen_in(Plane.orthogonal("z", 5 + away)).overlay.lines
        np.testing.assert_allclose(lines.rgba[:, 3], 1 - away / CURVE_REACH)
        # a smooth curve through all of the points
        assert lines.ends[0, 0].tolist() == [10, 20]
        assert lines.ends[-1, 1].tolist() == pytest.approx([30, 40])
        assert np.linalg.norm(lines.ends - [30, 20], axis=-1).min() < 1e-9
    assert not len(scenery.seen_in(Plane.orthogonal("z", 5 + CURVE_REACH)).overlay)


def test_of_a_line_through_the_plane_only_what_is_near_is_seen():
    model = surface(points=[[0.0, 10, 5], [100, 10, 5]], levels=[5, 5])
    lines = Scenery([model], "m").seen_in(Plane.tilted((50, 10, 5), 90, 90)).overlay.lines
    # seen end on, and never further than the reach
    assert np.ptp(lines.ends) == pytest.approx(0, abs=1e-9)
    assert lines.rgba[:, 3].max() > 0.9
    assert lines.rgba[:, 3].min() < 0.1
    # 45 degrees: the part within the reach
    lines = Scenery([model], "m").seen_in(Plane.tilted((50, 10, 5), 45, 90)).overlay.lines
    reach = np.abs(lines.ends).max()
    assert reach == pytest.approx(CURVE_REACH, rel=1e-6)


def test_the_active_model_stands_out_and_comes_last():
    other = surface(uid="o")
    overlay = Scenery([surface(), other], "m").seen_in(Plane.orthogonal("z", 5)).overlay
    half = len(overlay.lines) // 2
    assert overlay.lines.rgba[:, 3].tolist() == [OTHERS_OPACITY] * half + [1.0] * half
    scene = Scenery([surface(), other], "m").seen_in(Plane.orthogonal("z", 5))
    assert [uid for uid, _ in scene.rows] == ["o"] * 3 + ["m"] * 3
    assert overlay.circles.widths[0] < overlay.circles.widths[-1]


def test_what_tracking_placed_is_hollow():
    scene = Scenery([surface(proposed=[False, True, False])]).seen_in(Plane.orthogonal("z", 5))
    assert (scene.overlay.circles.fills > 0).tolist() == [True, False, True]
    assert (scene.overlay.lines.rgba[:, 3] == PROPOSED * OTHERS_OPACITY).all()
    scene = Scenery([boxes([[1, 1, 5], [2, 2, 5]], proposed=[True, False])]).seen_in(Plane.orthogonal("z", 5))
    assert scene.overlay.circles.dashed.tolist() == [True, False]


def test_side_marker_and_arrows_to_the_outer_side():
    angles = np.linspace(0, 2 * np.pi, 13)[:-1]
    ring = np.column_stack([50 + 20 * np.cos(angles), 40 + 20 * np.sin(angles), np.full(12, 5.0)])
    model = surface(points=ring, levels=[5] * 12, marker=(52.0, 41, 5 + MARKER_SIZE / 4))
    scene = Scenery([model], "m").seen_in(Plane.orthogonal("z", 5))
    assert scene.overlay.crosses.centres.tolist() == [[52, 41]]
    assert scene.overlay.crosses.radii[0] == pytest.approx(MARKER_SIZE / 2 * np.sqrt(0.75))
    away = np.linalg.norm(scene.overlay.arrows.ends - [50, 40], axis=-1)
    assert len(away) >= 5
    assert (away[:, 1] > away[:, 0] + 3).all()
    assert scene.marker_at((53, 42), 1.0, 5) == "m"
    assert scene.marker_at((80, 80), 1.0, 5) is None
    # of the active model only
    assert not len(Scenery([model]).seen_in(Plane.orthogonal("z", 5)).overlay.arrows)


def test_particles_and_their_axes():
    rotations = Rotation.from_rotvec([[0, 0, 0], [0, np.pi / 2, 0]])
    particles = Particles(np.array([[10.0, 10, 5], [90, 90, 5]]), rotations, box_size=20)
    sets = {"s": (particles, "#ff0000")}
    overlay = Scenery(sets=sets, look=Look(arrow_length=12)).seen_in(Plane.orthogonal("z", 5)).overlay
    assert overlay.circles.radii.tolist() == [10, 10]
    assert overlay.circles.rgba[0].tolist() == [1, 0, 0, 1]
    # the first points at the eye, the second to the right
    np.testing.assert_allclose(overlay.arrows.ends[0], [[10, 10], [10, 10]], atol=1e-9)
    np.testing.assert_allclose(overlay.arrows.ends[1], [[90, 90], [102, 90]], atol=1e-9)
    hidden = Scenery(sets=sets, look=Look(arrows=False)).seen_in(Plane.orthogonal("z", 5)).overlay
    assert not len(hidden.arrows)
    assert len(hidden.circles) == 2


def test_particles_are_no_user_points():
    particles = Particles(np.array([[10.0, 10, 5]]), box_size=20)
    scene = Scenery([surface()], sets={"s": (particles, "#ff0000")}).seen_in(Plane.orthogonal("z", 5))
    assert scene.point_at((10, 10), 1.0, 5) is None


def test_selected_points_are_ringed():
    scene = Scenery([surface()], selected=[("m", 1)]).seen_in(Plane.orthogonal("z", 5))
    assert len(scene.overlay.circles) == 4
    assert len(scene.rows) == 3
    assert scene.overlay.circles.centres[3].tolist() == [30, 20]
    assert scene.point_at((30, 20), 1.0, 5) == ("m", 1)


def test_nothing_to_see():
    assert not len(Scenery().seen_in(Plane.orthogonal("x", 3)).overlay)
    assert Scenery([Model("empty", uid="e")]).seen_in(Plane.orthogonal("x", 3)).rows == []


def test_selected_particles_stand_out():
    particles = Particles(np.array([[10.0, 10, 5], [30, 10, 5]]), ids=np.array([7, 9]), box_size=8)
    sets = {"p": (particles, "#ff0000")}
    overlay = Scenery(sets=sets, chosen={"p": [9]}).seen_in(Plane.orthogonal("z", 5)).overlay
    assert overlay.circles.rgba.tolist() == [[1, 0, 0, 1], [1, 1, 1, 1]]
    assert overlay.circles.widths[1] > overlay.circles.widths[0]
