"""User points: what keys, clicks and drags do to the session, and what is then drawn."""

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_tomopick.geometry.coordinates import xyz_to_zyx
from napari_tomopick.layers.user_points import TRACED_POINT_SIZE
from napari_tomopick.models.user_points import ModelType


@pytest.fixture
def complaints():
    """The texts of the notifications since the start of the test."""
    start = len(notification_manager.records)
    return lambda: [str(r.message) for r in notification_manager.records[start:]]


def drawn(workspace):
    """What the layer shows, as {(model name, number): (x, y, z)}."""
    layer = workspace.picking.view.points
    return {
        (row.model, row.number): tuple(xyz_to_zyx(p))
        for row, p in zip(layer.features.itertuples(), layer.data, strict=True)
    }


def expected(workspace):
    return {
        (m.name, i + 1): tuple(p) for m in workspace.session.models("tomo") for i, p in enumerate(m.points)
    }


def points(workspace):
    return workspace.picking.active.points.tolist()


@pytest.mark.parametrize(
    ("plane", "at", "level"),
    [("Z", (12.0, 33.25, 44.5), 12), ("Y", (12.25, 33.0, 44.5), 33), ("X", (12.5, 33.25, 44.0), 44)],
)
def test_c_adds_the_point_under_the_cursor_with_the_slice_as_level(shown, press, plane, at, level):
    shown.viewer.dims.set_point(range(3), at)
    press(plane, at)
    press("C", at)
    assert points(shown) == [list(at[::-1])]
    assert shown.picking.active.levels.tolist() == [level]
    assert drawn(shown) == expected(shown)


def test_shift_c_puts_the_side_marker(shown, press):
    shown.viewer.dims.set_point(0, 10)
    press("Shift-C", (10, 21, 31))
    assert shown.picking.active.marker.tolist() == [31, 21, 10]
    assert shown.picking.view.markers.data.tolist() == [[10, 21, 31]]


def test_a_click_in_add_mode_adds(shown, click):
    shown.viewer.dims.set_point(0, 7)
    shown.picking.view.points.mode = "add"
    click((7, 20.5, 30.25))
    click((7, 25, 35))
    assert points(shown) == [[30.25, 20.5, 7], [35, 25, 7]]
    assert drawn(shown) == expected(shown)


@pytest.mark.parametrize(
    "how",
    [
        {"to": (7, 40, 60)},
        {"modifiers": ("Shift",)},
        {"modifiers": ("Control",)},
        {"modifiers": ("Alt",)},
        {"button": 2},
        {"button": 3},
    ],
    ids=["pan", "shift", "control", "alt", "right", "middle"],
)
def test_a_pan_a_modifier_or_another_button_adds_nothing(shown, click, how):
    shown.viewer.dims.set_point(0, 7)
    shown.picking.view.points.mode = "add"
    click((7, 20, 30), **how)
    assert points(shown) == []
    assert len(shown.picking.view.points.data) == 0
    click((7, 20, 30))
    assert len(points(shown)) == 1


def test_dragging_moves_a_point_in_one_edit(shown, click, press):
    shown.viewer.dims.set_point(0, 7)
    press("C", (7, 20, 30))
    press("C", (7, 40, 50))
    shown.picking.view.points.mode = "select"
    click((7, 40, 50), to=(7, 45, 55))
    assert points(shown) == [[30, 20, 7], [55, 45, 7]]
    press("Control-Z")
    assert points(shown) == [[30, 20, 7], [50, 40, 7]]
    assert drawn(shown) == expected(shown)


@pytest.mark.parametrize(("zoom", "off"), [(0.5, 10.0), (1.0, 5.0), (4.0, 1.25)])
def test_a_small_point_is_grabbed_where_it_is_seen(shown, click, press, zoom, off):
    shown.viewer.dims.set_point(0, 7)
    press("C", (7, 20, 30))
    press("C", (7, 20, 65))
    layer = shown.picking.view.points
    layer.mode = "select"
    shown.viewer.scene.camera.zoom = zoom
    # a window tells the layers how far one has zoomed; there is none here
    layer.scale_factor = 1 / zoom
    click((7, 20 + off, 30), to=(7, 40, 50))
    assert points(shown)[0] == pytest.approx([50, 40, 7], abs=off)
    assert points(shown)[1] == [65, 20, 7]
    layer.selected_data = set()
    click((7, 20 + 8 / zoom, 65))
    assert layer.selected_data == set()
    shown.viewer.dims.set_point(0, 9)
    click((9, 20, 65))
    assert layer.selected_data == set()


def test_a_trembling_click_moves_nothing(shown, click, press):
    shown.viewer.dims.set_point(0, 7)
    press("C", (7, 20, 30))
    shown.viewer.scene.camera.zoom = 4.0
    shown.picking.view.points.mode = "select"
    label = shown.session.undo_label
    click((7, 20, 30), to=(7, 20.25, 30.5))
    assert points(shown) == [[30, 20, 7]]
    assert drawn(shown) == expected(shown)
    assert shown.session.undo_label == label


def test_delete_takes_the_selected_points_and_the_right_looks_stay(shown, press):
    first = shown.picking.active.uid
    for x in (10, 20, 30):
        press("C", (19, 5, x))
    shown.picking.add_model(ModelType.GENERAL, "loose")
    for x in (40, 50):
        press("C", (19, 5, x))
    layer = shown.picking.view.points
    colours = {m.name: m.colour for m in shown.session.models("tomo")}
    assert len(set(colours.values())) == 2
    layer.selected_data = {0}
    press("Delete")
    assert [p[0] for p in shown.session.model(first).points] == [20, 30]
    assert drawn(shown) == expected(shown)
    # napari truncates looks from the end; here the last rows belong to the other model
    from napari.utils.colormaps.standardize_color import transform_color

    for row, colour, size in zip(layer.features.itertuples(), layer.border_color, layer.size, strict=True):
        assert np.allclose(colour, transform_color(colours[row.model])[0])
        assert size == (32 if row.model == "loose" else TRACED_POINT_SIZE)
    assert layer.selected_data == set()


def test_delete_without_selection_takes_the_last_point_of_the_active_model(shown, press):
    for x in (10, 20):
        press("C", (19, 5, x))
    shown.picking.view.points.selected_data = set()
    shown.viewer.layers.selection.active = shown.image.layer
    press("Delete")
    assert [p[0] for p in points(shown)] == [10]
    press("Delete")
    press("Delete")
    assert points(shown) == []


def test_the_layer_controls_delete_button_deletes_from_the_session(shown, press):
    for x in (10, 20, 30):
        press("C", (19, 5, x))
    shown.picking.view.points.selected_data = {0, 2}
    shown.picking.view.points.remove_selected()
    assert [p[0] for p in points(shown)] == [20]
    assert drawn(shown) == expected(shown)


def test_a_selected_point_of_another_model_does_not_lend_its_features_to_the_next(shown, press, click):
    press("C", (19, 5, 10))
    uid = shown.picking.add_model(ModelType.SURFACE, "other")
    layer = shown.picking.view.points
    layer.selected_data = {0}
    layer.mode = "add"
    click((19, 30, 30))
    assert len(shown.session.model(uid)) == 1
    assert drawn(shown) == expected(shown)
    assert layer.features["model"].tolist()[-1] == "other"
    # napari selects what it has added
    assert shown.picking.view.selected == [(uid, 0)]


def test_the_first_point_begins_the_tomogram_and_undo_takes_both_back(shown, press):
    assert shown.session.status("tomo") == "todo"
    press("C", (19, 5, 10))
    assert shown.session.status("tomo") == "in_progress"
    assert shown.session.undo_label == "Add point"
    press("Control-Z")
    assert shown.session.status("tomo") == "todo"
    assert points(shown) == []
    shown.session.set_status("tomo", "done")
    press("C", (19, 5, 10))
    assert shown.session.status("tomo") == "done"


def test_changing_the_slice_edits_nothing(shown, press):
    press("C", (19, 5, 10))
    label = shown.session.undo_label
    told = []
    shown.session.model_changed.connect(told.append)
    for z in range(0, 40, 3):
        shown.viewer.dims.set_point(0, z)
    shown.viewer.dims.ndisplay = 3
    shown.viewer.dims.ndisplay = 2
    assert told == []
    assert shown.session.undo_label == label
    assert drawn(shown) == expected(shown)


def test_undo_and_redo_by_key_redraw(shown, press):
    press("C", (19, 5, 10))
    press("C", (19, 5, 20))
    press("Control-Z")
    assert [p[0] for p in points(shown)] == [10]
    assert drawn(shown) == expected(shown)
    press("Control-Shift-Z")
    assert [p[0] for p in points(shown)] == [10, 20]
    assert drawn(shown) == expected(shown)


def test_outside_the_tomogram_is_a_message_not_an_exception(shown, press, click, complaints):
    press("C", (19, 5, 200))
    assert "outside" in complaints()[-1]
    shown.picking.view.points.mode = "add"
    click((19, -30, 5))
    assert "outside" in complaints()[-1]
    assert points(shown) == []
    assert len(shown.picking.view.points.data) == 0


def test_without_a_model_or_in_3d_the_message_says_what_to_do(shown, press, complaints):
    shown.viewer.dims.ndisplay = 3
    press("C", (19, 5, 20))
    assert "2D" in complaints()[-1]
    shown.viewer.dims.ndisplay = 2
    shown.picking.remove(shown.picking.active.uid)
    press("C", (19, 5, 20))
    assert "add one in the Picking dock" in complaints()[-1]


def test_dragging_out_of_the_tomogram_is_refused_and_drawn_back(shown, press, click, complaints):
    press("C", (19, 5, 10))
    shown.picking.view.points.mode = "select"
    click((19, 5, 10), to=(19, 5, -20))
    assert "outside" in complaints()[-1]
    assert drawn(shown) == expected(shown)


@pytest.mark.parametrize(
    "meddle",
    [
        lambda layer: setattr(layer, "data", layer.data[:1]),
        lambda layer: setattr(layer, "data", np.zeros((0, 3))),
        lambda layer: setattr(layer, "mode", "transform"),
    ],
)
def test_what_means_nothing_for_user_points_is_drawn_back(shown, press, meddle):
    for x in (10, 20, 30):
        press("C", (19, 5, x))
    layer = shown.picking.view.points
    meddle(layer)
    assert len(points(shown)) == 3
    assert drawn(shown) == expected(shown)
    assert str(layer.mode) != "transform"


def test_the_marker_can_be_dragged_and_deleted(shown, press, click):
    press("Shift-C", (19, 30, 30))
    layer = shown.picking.view.markers
    shown.viewer.layers.selection.active = layer
    layer.mode = "select"
    click((19, 30, 30), to=(19, 35, 40))
    assert shown.picking.active.marker.tolist() == [40, 35, 19]
    layer.selected_data = {0}
    press("Delete")
    assert shown.picking.active.marker is None
    press("Control-Z")
    assert shown.picking.active.marker.tolist() == [40, 35, 19]


def test_right_click_offers_to_delete_the_point_whichever_layer_is_active(shown, press, click):
    for x in (10, 40):
        press("C", (19, 5, x))
    offered = []
    shown.picking.menu_requested.connect(offered.extend)
    shown.viewer.layers.selection.active = shown.image.layer
    click((19, 5, 40), button=2)
    assert [text for text, _ in offered] == ["Delete point: 2", "Go to"]
    delete = offered[0][1]
    delete()
    assert [p[0] for p in points(shown)] == [10]
    click((19, 40, 60), button=2)
    assert len(offered) == 2


def test_points_near_the_slice_shrink_with_distance_and_the_image_is_not_averaged(shown, press):
    shown.picking.add_model(ModelType.GENERAL, "loose", box_size=20)
    press("C", (19, 30, 30))
    layer = shown.picking.view.points
    sizes = []
    for z in (19, 25, 28, 30):
        shown.viewer.dims.set_point(0, z)
        sizes.append(layer._view_size.tolist())
        assert np.array_equal(shown.image.layer._slice.image.raw, shown.image.loaded.data[z])
    # the circle in which a plane at distance d cuts a sphere of diameter 20
    assert sizes[0] == [20]
    assert sizes[1] == [pytest.approx(2 * np.sqrt(100 - 36))]
    assert sizes[2] == [pytest.approx(2 * np.sqrt(100 - 81))]
    assert sizes[3] == []


def test_points_of_a_level_are_seen_in_it_and_hardly_beside_it(shown, press):
    """Whoever traces every second slice never sees the points of two of them at once."""
    for z in (20, 22):
        shown.viewer.dims.set_point(0, z)
        for x in (10, 30):
            press("C", (z, 30, x))
    layer, curves = shown.picking.view.points, shown.picking.view.curves
    shown.viewer.dims.set_point(0, 22)
    assert {p[0] for p in layer.data[layer._view_indices]} == {22}
    # the curve of the level before guides the hand, and is fainter
    assert sorted(curves._view_alphas) == [pytest.approx(1 - 2 / 12), 1]


def test_it_is_seen_which_model_gets_the_points(shown, press):
    caption = shown.viewer.canvas.overlays.text
    press("C", (19, 5, 10))
    press("C", (19, 5, 20))
    assert (caption.visible, caption.text) == (True, "● membrane (surface)")
    shown.picking.add_model(ModelType.GENERAL, "loose")
    press("C", (19, 30, 20))
    assert caption.text == "● loose (general)"
    layer = shown.picking.view.points
    # membrane, membrane, loose
    assert layer.border_width[2] > layer.border_width[0] == layer.border_width[1]
    assert shown.picking.view.curves.edge_color[0, 3] < 1
    shown.picking.activate(shown.picking.models[0].uid)
    assert layer.border_width[0] < layer.border_width[1] == layer.border_width[2]
    assert shown.picking.view.curves.edge_color[0, 3] == 1
    shown.viewer.dims.ndisplay = 3
    assert not caption.visible
    shown.viewer.dims.ndisplay = 2
    assert caption.visible
    shown.close_tomogram()
    assert not caption.visible


def test_models_can_be_hidden_renamed_copied_and_deleted_with_undo(shown, press):
    press("C", (19, 5, 10))
    uid = shown.picking.active.uid
    shown.picking.set_visible(uid, False)
    assert len(shown.picking.view.points.data) == 0
    press("C", (19, 5, 20))
    assert shown.picking.is_visible(uid)
    press("Control-Z")
    copy = shown.picking.duplicate(uid)
    assert shown.session.model(copy).name == "membrane copy"
    assert shown.session.model(copy).points.tolist() == [[10, 5, 19]]
    shown.picking.change(copy, name="inner", colour="#112233", group=4)
    assert shown.session.model(copy).group == 4
    shown.picking.remove(copy)
    assert shown.picking.active.uid == uid
    press("Control-Z")
    assert [m.name for m in shown.session.models("tomo")] == ["membrane", "inner"]
    assert drawn(shown) == expected(shown)


def test_curves_keep_their_colours_when_a_model_goes(shown, press):
    from napari.utils.colormaps.standardize_color import transform_color

    for x in (10, 20, 30):
        press("C", (19, 5, x))
    first = shown.picking.active.uid
    other = shown.picking.add_model(ModelType.SURFACE, "other")
    for x in (10, 20):
        press("C", (19, 15, x))
    curves = shown.picking.view.curves
    assert set(curves.data[:, 0, 1]) == {5, 15}
    shown.picking.remove(first)
    assert set(curves.data[:, 0, 1]) == {15}
    assert np.allclose(curves.edge_color, transform_color(shown.session.model(other).colour))


def test_napari_can_neither_delete_our_layers_nor_paste_into_them(shown, press, complaints):
    press("C", (19, 5, 10))
    layer = shown.picking.view.points
    layer.selected_data = {0}
    press("Control-C")
    press("Control-V")
    assert len(layer.data) == 1
    assert "pasted" in complaints()[-1]
    shown.viewer.layers.remove_selected()
    assert layer in shown.viewer.layers
