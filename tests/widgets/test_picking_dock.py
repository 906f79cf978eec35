"""The Picking dock: models as a tree, points as a list, and what their controls mean."""

import time

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QModelIndex, QPoint, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QFileDialog, QMenu, QWidget

from napari_tomopick.io.models import write_models
from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.widgets.model_tree import BOX, NAME, POINTS, TYPE
from napari_tomopick.widgets.picking import PickingDock, box_size_of
from napari_tomopick.widgets.point_list import PointList

CHECKED, UNCHECKED, PARTLY = (
    Qt.CheckState.Checked,
    Qt.CheckState.Unchecked,
    Qt.CheckState.PartiallyChecked,
)


@pytest.fixture
def picking(window, dock):
    return dock("Picking")


@pytest.fixture
def workspace(window):
    return workspace_for(window)


@pytest.fixture
def three(workspace, picking, qtbot):
    """Uids of three models: two in group 1, one in group 4; the last is active."""
    verbs, session = workspace.picking, workspace.session
    uids = [
        verbs.active.uid,
        verbs.add_model(ModelType.GENERAL, "loose", box_size=24),
        verbs.add_model(ModelType.FILAMENT, "actin", group=4),
    ]
    session.add_points(uids[0], [[10, 10, 19], [30, 10, 19], [30, 30, 19]], [19] * 3)
    session.add_points(uids[1], [[50, 40, 19]], [19])
    settle(picking, qtbot)
    return uids


def settle(picking, qtbot):
    qtbot.wait(60)
    picking.refresh()


def texts(picking):
    """What the tree says: {group: [(name, type, box, points)]}."""
    items = picking.tree.items
    return {
        items.index(g, 0).data(): [
            tuple(items.index(r, c, items.index(g, 0)).data() for c in (NAME, TYPE, BOX, POINTS))
            for r in range(items.rowCount(items.index(g, 0)))
        ]
        for g in range(items.rowCount())
    }


def click(qtbot, view, index, modifier=Qt.KeyboardModifier.NoModifier, button=Qt.MouseButton.LeftButton):
    view.scrollTo(index)
    qtbot.mouseClick(view.viewport(), button, modifier, view.visualRect(index).center())


def test_models_stand_in_their_groups_with_what_matters_of_each(picking, three):
    assert texts(picking) == {
        "Group 1": [("membrane", "surface", "—", "3"), ("loose", "general", "24", "1")],
        "Group 4": [("actin", "filament", "—", "0")],
    }
    items = picking.tree.items
    assert items.index(0, POINTS).data() == "4"
    assert items.index_of(three[2]).data(Qt.ItemDataRole.FontRole).bold()
    assert items.index_of(three[0]).data(Qt.ItemDataRole.FontRole) is None


def test_a_model_is_added_chosen_and_duplicated(picking, workspace, press, qtbot):
    picking.new_type.setCurrentText("general")
    press(picking, "add-model")
    assert [m.type for m in workspace.picking.models] == [ModelType.SURFACE, ModelType.GENERAL]
    first, second = (m.uid for m in workspace.picking.models)
    assert [m.uid for m in picking.tree.selected] == [second]
    click(qtbot, picking.tree, picking.tree.items.index_of(first))
    assert workspace.picking.active.uid == first
    assert picking.type.currentText() == "general"  # until it is refreshed
    settle(picking, qtbot)
    assert picking.type.currentText() == "surface"
    press(picking, "duplicate-model")
    assert workspace.picking.active.name == "membrane copy"


def test_a_model_is_renamed_in_place_and_a_name_that_is_taken_refused(picking, workspace, three, qtbot):
    items = picking.tree.items
    assert items.setData(items.index_of(three[0]), " outer membrane ")
    assert workspace.picking.models[0].name == "outer membrane"
    items.setData(items.index_of(three[0]), "loose")
    assert "already" in workspace.trouble
    settle(picking, qtbot)
    assert items.index_of(three[0]).data() == "outer membrane"


def test_ticks_hide_and_show_models_and_groups(picking, workspace, three, qtbot):
    items, role, seen = picking.tree.items, Qt.ItemDataRole.CheckStateRole, workspace.picking.is_visible
    group = items.index(0, 0)
    items.setData(items.index_of(three[0]), UNCHECKED, role)
    assert [seen(uid) for uid in three] == [False, True, True]
    assert group.data(role) == PARTLY
    items.setData(group, UNCHECKED, role)
    assert [seen(uid) for uid in three] == [False, False, True]
    assert items.index_of(three[1]).data(role) == UNCHECKED
    items.setData(group, CHECKED, role)
    assert all(map(seen, three))
    assert group.data(role) == CHECKED


def test_a_click_on_the_square_asks_for_another_colour(picking, workspace, three, qtbot, monkeypatch):
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor("#123456"))
    tree = picking.tree
    click(qtbot, tree, tree.items.index_of(three[0]))
    assert workspace.picking.models[0].colour != "#123456"
    square = tree.swatch_rect(three[0]).center()
    assert tree.indexAt(square) == tree.items.index_of(three[0])
    qtbot.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=square)
    assert workspace.picking.models[0].colour == "#123456"
    assert workspace.session.undo_label == "Change colour"


def test_models_are_dragged_into_other_groups(picking, workspace, three, qtbot):
    items, session = picking.tree.items, workspace.session

    def drop(uids, onto):
        data = items.mimeData([items.index_of(uid) for uid in uids])
        assert isinstance(data, QMimeData)
        assert items.canDropMimeData(data, Qt.DropAction.MoveAction, -1, -1, onto)
        items.dropMimeData(data, Qt.DropAction.MoveAction, -1, -1, onto)
        settle(picking, qtbot)
        return [session.model(uid).group for uid in three]

    assert drop(three[:1], items.index(1, 0)) == [4, 1, 4]
    assert drop(three[:2], items.index_of(three[2])) == [4, 4, 4]
    assert session.undo_label == "Move model to group 4"
    assert drop(three[1:], QModelIndex()) == [4, 5, 5]
    assert session.undo_label == "Move 2 models to group 5"
    items.setData(items.index(1, 0), "7")
    settle(picking, qtbot)
    assert [session.model(uid).group for uid in three] == [4, 7, 7]
    assert items.setData(items.index(1, 0), "seven") is False
    assert list(texts(picking)) == ["Group 4", "Group 7"]


def test_a_group_that_was_folded_stays_so(picking, workspace, three, qtbot):
    tree = picking.tree
    tree.collapse(tree.items.index(0, 0))
    workspace.picking.set_group([three[0]], 4)
    settle(picking, qtbot)
    assert [tree.isExpanded(tree.items.index(row, 0)) for row in (0, 1)] == [False, True]


def test_box_sizes_are_typed_in_the_tree_and_beside_it(picking, workspace, three, qtbot):
    items, verbs = picking.tree.items, workspace.picking
    box = items.index_of(three[1]).siblingAtColumn(BOX)
    items.setData(box, "48")
    assert verbs.models[1].box_size == 48
    items.setData(box, "")
    assert verbs.models[1].box_size is None
    items.setData(box, "wide")
    assert "wide" in workspace.trouble
    assert verbs.models[1].box_size is None
    # the active one, beside the tree
    settle(picking, qtbot)
    assert picking.box.text() == "—"
    picking.box.setValue(32)
    picking.box.editingFinished.emit()
    picking.group.setValue(9)
    picking.group.editingFinished.emit()
    assert (verbs.active.box_size, verbs.active.group) == (32, 9)
    picking.box.setValue(picking.box.minimum())
    picking.box.editingFinished.emit()
    assert verbs.active.box_size is None


@pytest.mark.parametrize(("text", "size"), [("24", 24), (" 2 ", 2), ("—", None), ("", None)])
def test_box_sizes_as_typed(text, size):
    assert box_size_of(text) == size


def test_the_type_is_changed(picking, workspace, three):
    picking.type.setCurrentIndex(picking.type.findText("dipole"))
    picking.type.activated.emit(picking.type.currentIndex())
    assert workspace.picking.active.type is ModelType.DIPOLE


def test_delete_takes_the_selected_models_and_can_be_undone(picking, workspace, three, press, qtbot):
    tree, verbs = picking.tree, workspace.picking
    click(qtbot, tree, tree.items.index_of(three[0]))
    click(qtbot, tree, tree.items.index_of(three[1]), Qt.KeyboardModifier.ControlModifier)
    settle(picking, qtbot)
    qtbot.keyClick(tree, Qt.Key.Key_Delete)
    assert [m.uid for m in verbs.models] == [three[2]]
    settle(picking, qtbot)
    press(picking, "undo")
    assert [m.uid for m in verbs.models] == three
    press(picking, "delete-model")
    assert len(verbs.models) == 2


def test_a_right_click_offers_what_can_be_done_with_a_model(picking, workspace, three, qtbot):
    tree, verbs = picking.tree, workspace.picking
    click(qtbot, tree, tree.items.index_of(three[1]))
    tree.customContextMenuRequested.emit(QPoint(5, 5))
    menu = picking.findChild(QMenu, "model-menu")
    actions = {a.text(): a for a in menu.actions()}
    assert {"Rename", "Colour…", "Duplicate", "Show only this", "Show all", "Delete"} <= set(actions)
    actions["Show only this"].trigger()
    assert [verbs.is_visible(uid) for uid in three] == [False, True, False]
    actions["Show all"].trigger()
    groups = {a.text(): a for a in actions["Move to group"].menu().actions()}
    assert list(groups) == ["Group 1", "Group 4", "New group 5"]
    groups["New group 5"].trigger()
    assert workspace.session.model(three[1]).group == 5
    menu.close()


def test_a_click_in_the_list_goes_there_and_delete_deletes(picking, workspace, three, window, qtbot):
    verbs = workspace.picking
    verbs.activate(three[0])
    workspace.session.add_points(three[0], [[12, 14, 33]], [33])
    settle(picking, qtbot)
    rows = picking.points.model()
    assert [rows.index(3, c).data() for c in range(5)] == ["4", "12.0", "14.0", "33.0", "33"]
    assert picking.points_fold.full_title == picking.points_fold.title.text() == "Points of membrane (4)"
    click(qtbot, picking.points, rows.index(3, 1))
    assert window.dims.point[0] == 33
    assert verbs.view.selected == [(three[0], 3)]
    click(qtbot, picking.points, rows.index(0, 1), Qt.KeyboardModifier.ControlModifier)
    assert verbs.view.selected == [(three[0], 0), (three[0], 3)]
    assert window.dims.point[0] == 33
    qtbot.keyClick(picking.points, Qt.Key.Key_Delete)
    assert verbs.active.points[:, 0].tolist() == [30, 30]
    assert workspace.session.undo_label == "Delete 2 points"


def test_what_is_selected_in_the_slices_is_selected_in_the_list(picking, workspace, three, qtbot):
    workspace.picking.activate(three[0])
    workspace.picking.view.points.selected_data = {2, 3}
    settle(picking, qtbot)
    selected = [number for uid, number in workspace.picking.view.selected if uid == three[0]]
    assert picking.points.selected == selected != []


def test_what_tracking_proposed_is_marked_in_the_list(picking, workspace, three, qtbot):
    workspace.picking.activate(three[0])
    workspace.session.add_points(three[0], [[12, 14, 20]], [20], proposed=True)
    settle(picking, qtbot)
    rows = picking.points.model()
    assert [rows.index(r, 5).data() for r in range(4)] == ["", "", "", "○"]
    workspace.picking.accept_all()
    settle(picking, qtbot)
    assert rows.index(3, 5).data() == ""


def test_hundreds_of_thousands_of_points_are_listed_at_once(qtbot):
    listed = PointList()
    qtbot.addWidget(listed)
    listed.show()
    points = np.random.default_rng(0).uniform(0, 500, (300_000, 3))
    model = Model("m", points=points, uid="a")
    none, start = np.empty(0, np.int64), time.process_time()
    listed.set_model(model, none)
    listed.repaint()
    more = model.with_points(np.vstack([points, points[:1]]), np.zeros(300_001, int))
    listed.set_model(more, none)
    listed.repaint()
    listed.set_model(model, np.arange(300_000))
    assert len(listed.selected) == 300_000
    assert time.process_time() - start < 1.0


def test_modes_and_the_eraser(picking, workspace, press, qtbot):
    verbs = workspace.picking
    press(picking, "mode-add")
    assert verbs.mode == "add"
    verbs.view.points.mode = "select"
    settle(picking, qtbot)
    assert picking.modes["select"].isChecked()
    assert not picking.eraser.isVisible()
    press(picking, "mode-erase")
    assert verbs.mode == "erase"
    assert picking.eraser.isVisible()
    picking.eraser_radius.setValue(4.5)
    assert verbs.eraser_radius == 4.5


def test_the_marker_is_told_in_words_and_put_by_a_click(picking, workspace, window, press, qtbot):
    assert "Shift+C" in picking.marker.text()
    press(picking, "put-marker")
    canvas = window.window._qt_viewer.canvas.native
    workspace.picking.set_mode("add")
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(canvas.width() // 2, canvas.height() // 2))
    model = workspace.picking.active
    assert np.allclose(model.marker, [39.5, 29.5, 19], atol=1)
    assert len(model) == 0
    settle(picking, qtbot)
    assert "normals point away" in picking.marker.text()
    assert not picking.put_marker.isChecked()
    press(picking, "remove-marker")
    assert workspace.picking.active.marker is None


def test_only_surfaces_are_tracked_and_only_what_has_sides_has_a_marker(picking, workspace, three, qtbot):
    for uid, tracked in zip(three, (True, False, False), strict=True):
        workspace.picking.activate(uid)
        settle(picking, qtbot)
        assert picking.tracking_fold.isVisible() == tracked
        assert picking.marker_row.isVisible() == tracked


def test_right_click_menu_names_the_point(picking, workspace, window, qtbot):
    workspace.session.add_points(workspace.picking.active.uid, [[39.5, 29.5, 19]], [19])
    canvas = window.window._qt_viewer.canvas.native
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    qtbot.mouseMove(canvas, middle)
    qtbot.mouseClick(canvas, Qt.MouseButton.RightButton, pos=middle)
    menu = picking.findChild(QMenu, "point-menu")
    action = menu.actions()[0]
    assert action.text() == "Delete point: 1"
    action.trigger()
    menu.close()
    assert len(workspace.picking.active) == 0


def test_files_are_imported_as_new_models(picking, workspace, three, press, qtbot, tmp_path, monkeypatch):
    path = tmp_path / "traced.json"
    write_models(path, [workspace.session.model(three[0])])
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_, **__: ([str(path)], ""))
    press(picking, "import-points")
    qtbot.waitUntil(lambda: len(workspace.picking.models) == 4)
    assert workspace.picking.active.name == "membrane 2"


def test_other_docks_are_opened_from_here(picking, press, qtbot):
    press(picking, "open-gallery")
    assert picking.window().findChild(QWidget, "tomopick-gallery") is not None


def test_parts_stay_folded_as_they_were_left(picking, window, qtbot):
    title = picking.findChild(QWidget, "fold-points")
    assert picking.points.isVisible()
    qtbot.mouseClick(title, Qt.MouseButton.LeftButton)
    assert not picking.points.isVisible()
    other = PickingDock(window)
    qtbot.addWidget(other)
    assert other.points.isHidden()
    assert not other.tree.isHidden()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_is_cut_off_at_the_sides(picking, workspace, window, three, theme, qtbot):
    window.theme = theme
    workspace.picking.activate(three[0])
    workspace.picking.rename(three[0], "the outer membrane of the second lysosome, first try of two")
    settle(picking, qtbot)
    qtbot.wait(100)
    assert "…" in picking.points_fold.title.text()
    for name in ("add-model", "import-points", "delete-model", "remove-marker", "mode-erase", "open-gallery"):
        button = picking.findChild(QWidget, name)
        if button.isVisible():
            assert button.width() >= button.fontMetrics().horizontalAdvance(button.text())
            assert button.mapTo(picking, QPoint(button.width(), 0)).x() <= picking.width()


def test_without_a_tomogram_it_says_what_to_do(make_napari_viewer, qtbot):
    dock = PickingDock(make_napari_viewer())
    qtbot.addWidget(dock)
    assert "Open a tomogram" in dock.marker.text()
    assert not dock.add_button.isEnabled()
    assert not any(button.isEnabled() for button in dock.modes.values())
