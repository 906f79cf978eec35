"""How user points are drawn: hollow proposals, curves, arrows to the outer side; and what that costs."""

import numpy as np
import pytest
from napari.utils.colormaps.standardize_color import transform_color

from napari_tomopick.layers.curves import arrow_strokes, curve_segments, outward_arrows
from napari_tomopick.layers.user_points import CURVE_WIDTH, FILL, OTHERS_OPACITY, PROPOSED_OPACITY
from napari_tomopick.models.user_points import ModelType


def ring(z, radius=15.0, n=10):
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.column_stack([40 + radius * np.cos(angle), 30 + radius * np.sin(angle), np.full(n, z)])


@pytest.fixture
def traced(shown):
    """Uid of a surface with rings in slices 10 and 14."""
    uid = shown.picking.active.uid
    for z in (10, 14):
        shown.session.add_points(uid, ring(z), np.full(10, z))
    return uid


def lines(shown):
    """What the layer of curves shows, as ``(n, 2, 3)`` start and end in x, y, z."""
    data = shown.picking.view.curves.data[..., ::-1]
    return np.stack([data[:, 0], data.sum(axis=1)], axis=1)


def expected_lines(*segments):
    data = np.concatenate(segments)
    return np.stack([data[:, 0], data.sum(axis=1)], axis=1)


def test_what_tracking_proposed_is_hollow_and_its_curve_faint_until_it_is_accepted(shown, traced):
    session, view = shown.session, shown.picking.view
    session.add_points(traced, ring(18), np.full(10, 18), proposed=True)
    assert np.allclose(view.points.face_color[:20, 3], FILL)
    assert np.allclose(view.points.face_color[20:, 3], 0)
    assert (view.points.border_width[20:] < view.points.border_width[0]).all()
    level = view.curves.data[:, 0, 0]
    assert np.allclose(view.curves.edge_color[level == 14, 3], 1)
    assert np.allclose(view.curves.edge_color[level == 18, 3], PROPOSED_OPACITY)
    shown.picking.accept(traced, [20, 21])
    assert np.allclose(view.points.face_color[20:22, 3], FILL)
    assert np.allclose(view.curves.edge_color[level == 18, 3], PROPOSED_OPACITY)
    shown.picking.accept_all()
    assert np.allclose(view.points.face_color[:, 3], FILL)
    assert np.allclose(view.curves.edge_color[:, 3], 1)
    shown.undo()
    assert np.allclose(view.points.face_color[22:, 3], 0)


def test_arrows_are_there_with_the_marker_and_follow_each_point(shown, traced):
    model = shown.picking.active
    assert np.allclose(lines(shown), expected_lines(curve_segments(model)))
    shown.session.set_marker(traced, [40, 30, 12])
    model = shown.picking.active
    arrows = outward_arrows(model)
    assert ((arrows[:, 0] - (40, 30, 0))[:, :2] * arrows[:, 1, :2]).sum() > 0
    assert np.allclose(lines(shown), expected_lines(curve_segments(model), arrow_strokes(arrows)))
    shown.session.set_marker(traced, [70, 30, 12])
    assert np.allclose(outward_arrows(shown.picking.active)[:, 1], -arrows[:, 1])
    shown.session.add_points(traced, ring(18), np.full(10, 18))
    assert 18 in {start[2] for start, _ in lines(shown)[-20:]}
    shown.picking.remove_marker()
    assert np.allclose(lines(shown), expected_lines(curve_segments(shown.picking.active)))


def test_only_the_active_model_has_arrows_and_it_stands_out(shown, traced):
    shown.session.set_marker(traced, [40, 30, 12])
    own = len(lines(shown))
    shown.picking.add_model(ModelType.SURFACE, "other")
    model = shown.session.model(traced)
    assert len(lines(shown)) == len(curve_segments(model)) < own
    curves = shown.picking.view.curves
    assert np.allclose(curves.edge_color[:, 3], OTHERS_OPACITY)
    assert np.allclose(curves.edge_color[:, :3], transform_color(model.colour)[0, :3])


def test_curves_do_not_leave_the_tomogram_where_sliders_would_follow(shown):
    uid = shown.picking.active.uid
    corner = [[2, 2, 10], [77, 0, 10], [79, 58, 10], [0, 59, 10.0]]
    range_before = shown.viewer.dims.range
    shown.session.add_points(uid, corner, [10] * 4)
    shown.session.set_marker(uid, [40, 30, 10])
    found = lines(shown)
    assert found.min() >= 0
    assert (found.max(axis=(0, 1)) <= (79, 59, 39)).all()
    assert shown.viewer.dims.range == range_before


def test_curves_stay_visible_however_far_one_zooms_out(shown, traced):
    curves, camera = shown.picking.view.curves, shown.viewer.scene.camera
    camera.zoom = 4.0
    assert curves.edge_width == pytest.approx(CURVE_WIDTH)
    camera.zoom = 0.25
    assert curves.edge_width * camera.zoom == pytest.approx(1.5)
    camera.zoom = 4.0
    assert curves.edge_width == pytest.approx(CURVE_WIDTH)


def test_layers_with_nothing_to_show_are_hidden_and_their_wish_is_kept(shown, traced):
    view, review = shown.picking.view, shown.review.view
    assert view.curves.visible
    assert not any(layer.visible for layer in (view.markers, *review.layers))
    shown.session.set_marker(traced, [40, 30, 12])
    assert view.markers.visible
    # as a user does it in napari's list of layers
    view.markers.visible = False
    shown.undo()
    shown.redo()
    assert not view.markers.visible
    view.markers.visible = True
    shown.picking.show(False)
    assert not any(layer.visible for layer in view.layers)
    shown.picking.remove_marker()
    shown.picking.show(True)
    assert view.curves.visible
    assert not view.markers.visible


def test_an_edit_slices_each_layer_once(shown, traced, monkeypatch):
    view, sliced = shown.picking.view, []

    def counting(layer):
        slice_it = layer.set_view_slice
        return lambda: (sliced.append(layer.name), slice_it())

    for layer in (*view.layers, shown.image.layer):
        monkeypatch.setattr(layer, "set_view_slice", counting(layer))
    shown.session.add_points(traced, [[50, 30, 10]], [10])
    assert sorted(sliced) == ["level curves", "user points"]
    sliced.clear()
    shown.undo()
    assert sorted(sliced) == ["level curves", "user points"]
    sliced.clear()
    shown.session.set_marker(traced, [40, 30, 12])
    assert "user points" not in sliced
    assert shown.image.layer.name not in sliced


def test_what_napari_tells_of_a_point_is_made_when_it_is_asked_for(shown, traced):
    layer = shown.picking.view.points
    assert layer.features["number"].tolist() == [*range(1, 21)]
    assert layer.features is layer.features
    shown.picking.points_deleted([(traced, 3)])
    assert layer.features["number"].tolist() == [*range(1, 20)]
    assert layer.features["level"].tolist() == [10] * 9 + [14] * 10
    # what napari shows in its status bar is for people: no identities
    assert set(layer.features.columns) == {"model", "level", "number"}
    assert set(layer.features["model"]) == {shown.session.model(traced).name}


def test_hundreds_of_points_are_selected_at_once(shown, traced):
    picking = shown.picking
    other = picking.add_model(ModelType.GENERAL, "loose")
    picking.select_points([(traced, 4), (traced, 12), (other, 0)])
    assert picking.view.selected == [(traced, 4), (traced, 12)]
    told = []
    picking.selection_changed.connect(lambda: told.append(1))
    picking.view.points.selected_data = {1}
    assert told
    assert picking.view.selected == [(traced, 1)]


def test_curves_reach_where_napari_would_say_they_reach(shown, traced):
    import napari.layers

    ours = shown.picking.view.curves
    theirs = napari.layers.Vectors(ours.data)
    assert np.allclose(ours.extent.data, theirs.extent.data)
    ours.data = np.empty((0, 2, 3))
    assert np.isnan(ours.extent.data).all()


def test_the_status_bar_may_ask_while_points_are_being_replaced(shown, traced):
    """A thread of napari does, and finds new positions with the sizes of the old ones."""
    layer, asked = shown.picking.view.points, []

    def ask():
        asked.append(layer.get_value((19.0, 50.0, 70.0), dims_displayed=[1, 2], world=True))

    size = layer.size
    layer._size = size[:-3]
    ask()
    layer._size = size
    ask()
    assert asked == [None, None]
