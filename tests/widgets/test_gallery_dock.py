"""The Gallery dock in a real window: what mouse, wheel and keys do there, and that nothing stays behind."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QApplication, QComboBox, QLabel, QPushButton, QScrollBar, QSpinBox

from napari_tomopick.layers.gallery import Tile
from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.user_points import ModelType
from napari_tomopick.widgets.selecting_grid import SelectingGrid
from napari_tomopick.widgets.thumbnails import LARGEST, SMALLEST, ThumbnailGrid

SHAPE = (40, 60, 80)
NONE, SHIFT, CTRL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)
LEFT, NOTHING = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


def scattered(n, seed=0):
    return np.random.default_rng(seed).uniform(6, np.array(SHAPE[::-1]) - 6, size=(n, 3))


def tile(place, **changes):
    picture = np.full((16, 16), 100, np.uint8)
    fields = {"picture": picture, "outside": None, "current": False, **changes}
    return Tile(place, str(place + 1), f"number {place + 1}", **fields)


# the grid


@pytest.fixture
def grid(qtbot):
    grid = ThumbnailGrid(60)
    qtbot.addWidget(grid)
    grid.resize(400, 300)
    grid.show()
    qtbot.waitExposed(grid)
    heard = []
    for name in ("chosen", "deleted", "deleted_from", "stepped", "turned", "capacity_changed"):
        getattr(grid, name).connect(lambda value, name=name: heard.append((name, value)))
    grid.delete_pressed.connect(lambda: heard.append(("delete_pressed",)))
    grid.heard = heard
    return grid


def middle(grid, index):
    return grid.tile_rect(index).center()


def is_grey(colour, grey=100):
    """Whether a colour on the screen, which may have few bits, is this grey."""
    return all(abs(part - grey) < 8 for part in colour)


def crossed_out(grid, index):
    """Whether something is drawn over the middle of a tile."""
    return not is_grey(grid.grab().toImage().pixelColor(middle(grid, index)).getRgb()[:3])


def test_clicks_mean_one_tile(grid, qtbot):
    grid.show_tiles([tile(10 + i) for i in range(7)])
    left = Qt.MouseButton.LeftButton
    qtbot.mouseClick(grid, left, NONE, middle(grid, 2))
    qtbot.mouseClick(grid, left, SHIFT, middle(grid, 3))
    qtbot.mouseClick(grid, left, SHIFT | CTRL, middle(grid, 6))
    assert grid.heard == [("chosen", 12), ("deleted", 13), ("deleted_from", 16)]
    # beside the tiles, with another button, or let go elsewhere, nothing is meant
    qtbot.mouseClick(grid, left, SHIFT, grid.rect().bottomRight() - QPoint(2, 2))
    qtbot.mouseClick(grid, Qt.MouseButton.RightButton, SHIFT, middle(grid, 3))
    qtbot.mousePress(grid, left, SHIFT, middle(grid, 1))
    qtbot.mouseRelease(grid, left, SHIFT, middle(grid, 5))
    assert len(grid.heard) == 3


def test_keys_and_wheel(grid, qtbot):
    grid.show_tiles([tile(i) for i in range(7)])
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Delete, Qt.Key.Key_PageDown):
        qtbot.keyClick(grid, key)
    columns = grid.columns
    assert columns > 1
    assert grid.heard == [
        ("stepped", 1),
        ("stepped", -columns),
        ("stepped", columns),
        ("delete_pressed",),
        ("turned", 1),
    ]
    grid.heard.clear()

    def wheel(by, modifiers=NONE):
        at = QPointF(20, 20)
        event = QWheelEvent(
            at,
            grid.mapToGlobal(at),
            QPoint(),
            QPoint(0, by),
            Qt.MouseButton.NoButton,
            modifiers,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(grid, event)

    wheel(-120)
    for _ in range(4):
        wheel(30)
    assert grid.heard == [("turned", 1), ("turned", -1)]
    wheel(120 * 6, CTRL)
    assert grid.tile_size > 100
    assert [h[0] for h in grid.heard[2:]] == ["capacity_changed"]
    for size, found in ((1, SMALLEST), (5000, LARGEST)):
        grid.set_tile_size(size)
        assert grid.tile_size == found


def test_rows_fill_the_height_and_all_tiles_are_in_sight(grid):
    for width, height in ((400, 300), (345, 180), (1200, 175), (300, 90), (90, 700)):
        grid.resize(width, height)
        last = grid.tile_rect(grid.capacity - 1)
        below = last.bottom() + grid.fontMetrics().height()
        assert last.right() <= width
        assert below <= height
        assert height - below < last.height() / 2 or width == 90
    assert grid.heard[-1] == ("capacity_changed", grid.capacity)


def test_pictures_are_upright_and_marked(grid):
    picture = np.zeros((16, 16), np.uint8)
    picture[8:] = 255  # the upper half
    outside = np.zeros((16, 16), bool)
    outside[:, :4] = True
    grid.show_tiles(
        [tile(0, picture=picture), tile(1, outside=outside), tile(2, current=True), tile(3, picture=None)]
    )
    image = grid.grab().toImage()

    def colour(index, right, up):
        rect = grid.tile_rect(index)
        x, y = rect.left() + right * rect.width(), rect.bottom() - up * rect.height()
        return image.pixelColor(int(x), int(y)).getRgb()[:3]

    assert is_grey(colour(0, 0.5, 0.8), 255)
    assert is_grey(colour(0, 0.5, 0.2), 0)
    assert is_grey(colour(1, 0.6, 0.5))
    red, _, blue = colour(1, 0.1, 0.5)
    assert blue > red + 20
    assert colour(2, 0.5, 0.99)[0] > 200
    assert is_grey(colour(2, 0.5, 0.5))


def test_what_a_click_would_delete_is_crossed_out(grid, qtbot):
    grid.show_tiles([tile(i) for i in range(6)])

    def point(index, modifiers):
        at = QPointF(middle(grid, index))
        none = Qt.MouseButton.NoButton
        event = QMouseEvent(QEvent.Type.MouseMove, at, grid.mapToGlobal(at), none, none, modifiers)
        QApplication.sendEvent(grid, event)
        return [crossed_out(grid, i) for i in range(6)]

    assert point(2, NONE) == [False] * 6
    assert point(2, SHIFT) == [False, False, True, False, False, False]
    assert point(3, SHIFT | CTRL) == [False, False, False, True, True, True]
    assert point(2, NONE) == [False] * 6
    # as soon as the key goes down, though the mouse rests
    qtbot.keyPress(grid, Qt.Key.Key_Shift)
    assert [crossed_out(grid, i) for i in range(6)] == [False, False, True, False, False, False]
    qtbot.keyRelease(grid, Qt.Key.Key_Shift, SHIFT)
    assert [crossed_out(grid, i) for i in range(6)] == [False] * 6
    assert point(2, SHIFT) == [False, False, True, False, False, False]
    QApplication.sendEvent(grid, QEvent(QEvent.Type.Leave))
    assert [crossed_out(grid, i) for i in range(6)] == [False] * 6


# selecting


@pytest.fixture
def selecting(qtbot):
    grid = SelectingGrid()
    qtbot.addWidget(grid)
    grid.resize(400, 300)
    grid.show()
    qtbot.waitExposed(grid)
    grid.show_tiles([tile(10 + i) for i in range(14)])
    heard = []
    for name in ("chosen", "deleted", "deleted_from", "toggled", "selected_to", "extended", "pressed"):
        getattr(grid, name).connect(lambda value, name=name: heard.append((name, value)))
    grid.boxed.connect(lambda places, as_well: heard.append(("boxed", places, as_well)))
    grid.scrolled.connect(lambda rows: heard.append(("scrolled", rows)))
    grid.heard = heard
    return grid


def drag(grid, start, end, modifiers=NONE):
    for kind, at, button, buttons in (
        (QEvent.Type.MouseButtonPress, start, LEFT, LEFT),
        (QEvent.Type.MouseMove, (start + end) / 2, NOTHING, LEFT),
        (QEvent.Type.MouseMove, end, NOTHING, LEFT),
        (QEvent.Type.MouseButtonRelease, end, LEFT, NOTHING),
    ):
        where = QPointF(at)
        QApplication.sendEvent(
            grid, QMouseEvent(kind, where, grid.mapToGlobal(where), button, buttons, modifiers)
        )


def test_clicks_and_keys_that_select(selecting, qtbot):
    grid = selecting
    qtbot.mouseClick(grid, LEFT, CTRL, middle(grid, 2))
    qtbot.mouseClick(grid, LEFT, NONE, middle(grid, 3))
    # as ever, until it is asked for otherwise
    qtbot.mouseClick(grid, LEFT, SHIFT, middle(grid, 4))
    grid.shift_selects = True
    qtbot.mouseClick(grid, LEFT, SHIFT, middle(grid, 5))
    qtbot.mouseClick(grid, LEFT, SHIFT | CTRL, middle(grid, 6))
    assert grid.heard == [
        ("toggled", 12),
        ("chosen", 13),
        ("deleted", 14),
        ("selected_to", 15),
        ("deleted_from", 16),
    ]
    grid.heard.clear()
    qtbot.keyClick(grid, Qt.Key.Key_A, CTRL)
    qtbot.keyClick(grid, Qt.Key.Key_I, CTRL)
    qtbot.keyClick(grid, Qt.Key.Key_Escape)
    qtbot.keyClick(grid, Qt.Key.Key_Down, SHIFT)
    wanted = ("pressed", "all"), ("pressed", "others"), ("pressed", "none"), ("extended", grid.columns)
    assert tuple(grid.heard) == wanted


def test_drawing_round_tiles_selects_them(selecting):
    grid = selecting
    columns = grid.columns
    start, end = grid.tile_rect(1).topLeft() + QPoint(5, 5), grid.tile_rect(columns + 2).center()
    drag(grid, start, end)
    drag(grid, end, start, CTRL)
    inside = [11, 12, 10 + columns + 1, 10 + columns + 2]
    assert grid.heard == [("boxed", inside, False), ("boxed", inside, True)]
    grid.heard.clear()
    # beside all of them, nothing is: and a slip of the mouse is a click
    drag(grid, grid.rect().bottomRight() - QPoint(3, 3), grid.rect().bottomRight() - QPoint(3, 20))
    drag(grid, middle(grid, 0), middle(grid, 0) + QPoint(4, 5))
    assert grid.heard == [("boxed", [], False), ("chosen", 10)]


def test_selected_tiles_are_marked_and_small_ones_have_no_caption(selecting):
    grid = selecting
    grid.show_tiles([tile(0), tile(1, selected=True), tile(2, selected=True, current=True)])
    image = grid.grab().toImage()

    def edge(index, inwards):
        rect = grid.tile_rect(index)
        return image.pixelColor(rect.left() + inwards, rect.center().y()).getRgb()[:3]

    assert is_grey(edge(0, 1))
    assert edge(1, 1)[2] > edge(1, 1)[0] + 60
    assert edge(2, 1)[2] > edge(2, 1)[0] + 60
    assert edge(2, 5)[0] > edge(2, 5)[2] + 60
    before = grid.capacity
    grid.set_tile_size(SMALLEST)
    assert grid.capacity > 1.5 * before
    assert grid.tile_rect(grid.columns).top() - grid.tile_rect(0).bottom() < 10
    # three sections side by side
    grid.set_parts(3)
    assert grid.tile_rect(0).width() == 3 * grid.tile_rect(0).height()


# the dock


@pytest.fixture
def picked(window):
    """A model with 30 points in the shown tomogram."""
    workspace = workspace_for(window)
    uid = workspace.picking.add_model(ModelType.GENERAL, "balls", box_size=16)
    workspace.session.add_points(uid, scattered(30), np.zeros(30, int))
    return uid


@pytest.fixture
def found(window):
    """A particle set of 12 with scores."""
    particles = Particles(
        scattered(12, 1),
        scores=np.linspace(0, 1, 12),
        tomograms=np.full(12, "tomo_1"),
        table=pd.DataFrame(index=range(12)),
        voxel_size_angstrom=10.0,
        box_size=12,
    )
    return workspace_for(window).session.add_particles("found", particles, Step("test", {}))


def wait_until_loaded(dock, qtbot):
    qtbot.waitUntil(
        lambda: bool(dock.grid.tiles) and all(t.picture is not None for t in dock.grid.tiles), timeout=5000
    )


def press_tile(dock, qtbot, index, modifiers=NONE):
    qtbot.mouseClick(dock.grid, Qt.MouseButton.LeftButton, modifiers, middle(dock.grid, index))
    qtbot.wait(60)


def choose(dock, name, data):
    combo = dock.findChild(QComboBox, name)
    index = combo.findData(data)
    assert index >= 0
    combo.setCurrentIndex(index)
    combo.activated.emit(index)


def test_it_opens_below_the_slices_and_fills_in_the_background(window, dock, picked, qtbot):
    gallery = dock("Gallery")
    wait_until_loaded(gallery, qtbot)
    assert gallery.mapTo(window.window._qt_window, QPoint()).y() > 200
    assert gallery.findChild(QComboBox, "gallery-source").currentText() == "balls (model)"
    assert len(gallery.grid.tiles) == min(30, gallery.grid.capacity)
    assert "Shift+click: delete." in gallery.findChild(QLabel, "gallery-state").text()
    assert gallery.findChild(QSpinBox, "gallery-box").value() == 16


def test_click_shift_click_and_undo(window, dock, picked, qtbot):
    workspace = workspace_for(window)
    gallery = dock("Gallery")
    wait_until_loaded(gallery, qtbot)
    before = workspace.session.model(picked).points
    press_tile(gallery, qtbot, 1)
    assert tuple(window.dims.point) == tuple(np.round(before[1][::-1]))
    assert gallery.grid.tiles[1].current
    press_tile(gallery, qtbot, 1, SHIFT)
    assert np.array_equal(workspace.session.model(picked).points, np.delete(before, 1, axis=0))
    # the frame is on the one that came after it, and so Delete goes on
    assert gallery.grid.tiles[1].current
    gallery.grid.setFocus()
    qtbot.keyClick(gallery.grid, Qt.Key.Key_Delete)
    qtbot.wait(60)
    assert len(workspace.session.model(picked)) == 28
    workspace.undo()
    workspace.undo()
    qtbot.wait(100)
    assert np.array_equal(workspace.session.model(picked).points, before)
    assert gallery.grid.tiles[1].caption == "2"


def test_the_worst_are_cut_off_with_one_click(window, dock, found, qtbot):
    workspace = workspace_for(window)
    gallery = dock("Gallery")
    choose(gallery, "gallery-source", found)
    choose(gallery, "gallery-sorting", "score")
    wait_until_loaded(gallery, qtbot)
    assert gallery.grid.tiles[0].caption == "12 · 1"
    press_tile(gallery, qtbot, 2, SHIFT | CTRL)
    assert workspace.session.particles(found).ids.tolist() == [11, 12]
    assert len(gallery.grid.tiles) == 2
    workspace.undo()
    qtbot.wait(100)
    assert len(workspace.session.particles(found)) == 12


def test_pages_sizes_and_settings(window, dock, picked, press, qtbot):
    gallery = dock("Gallery")
    gallery.grid.set_tile_size(LARGEST)
    wait_until_loaded(gallery, qtbot)
    page = gallery.findChild(QLabel, "gallery-page")
    capacity = gallery.grid.capacity
    assert capacity < 30
    assert page.text() == f"1–{capacity} of 30"
    gallery.grid.setFocus()
    qtbot.keyClick(gallery.grid, Qt.Key.Key_PageDown)
    assert page.text().startswith(f"{capacity + 1}–")
    assert gallery.grid.tiles[0].place == capacity
    qtbot.keyClick(gallery.grid, Qt.Key.Key_PageUp)
    assert gallery.grid.tiles[0].place == 0
    wait_until_loaded(gallery, qtbot)
    one = gallery.grid.tiles[0].picture
    gallery.findChild(QSpinBox, "gallery-slices").setValue(1)
    wait_until_loaded(gallery, qtbot)
    assert not np.array_equal(gallery.grid.tiles[0].picture, one)
    gallery.findChild(QSpinBox, "gallery-box").setValue(20)
    choose(gallery, "gallery-plane", "x")
    wait_until_loaded(gallery, qtbot)
    assert gallery.grid.tiles[0].picture.shape == (20, 20)
    press(gallery, "gallery-reverse")
    assert gallery.grid.tiles[0].caption == "30"


def test_selecting_averaging_and_deleting(window, dock, found, press, qtbot):
    workspace = workspace_for(window)
    gallery = dock("Gallery")
    choose(gallery, "gallery-source", found)
    wait_until_loaded(gallery, qtbot)
    press_tile(gallery, qtbot, 1, CTRL)
    press_tile(gallery, qtbot, 3, CTRL)
    assert workspace.review.selection.ids(found).tolist() == [2, 4]
    assert [t.selected for t in gallery.grid.tiles[:4]] == [False, True, False, True]
    press(gallery, "gallery-averaging")
    text = gallery.findChild(QLabel, "average-text")
    qtbot.waitUntil(lambda: text.text() == "Average of 2 selected")
    assert gallery.average.picture.sections.shape == (3, 12, 12)
    assert gallery.findChild(QPushButton, "average-save").isEnabled()
    # what is selected elsewhere is so here
    workspace.review.selection.set({found: [1]})
    qtbot.waitUntil(lambda: text.text() == "Average of 1 selected")
    assert gallery.grid.tiles[0].selected
    gallery.grid.setFocus()
    qtbot.keyClick(gallery.grid, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: 1 not in workspace.session.particles(found).ids)
    assert "Select boxes" in text.text()
    workspace.undo()
    qtbot.waitUntil(lambda: len(gallery.gallery.boxes) == 12)


def test_scrolling_by_rows(window, dock, picked, qtbot):
    gallery = dock("Gallery")
    gallery.grid.set_tile_size(LARGEST)
    wait_until_loaded(gallery, qtbot)
    bar, columns = gallery.findChild(QScrollBar, "gallery-scroll"), gallery.grid.columns
    gallery.grid.scrolled.emit(2)
    assert gallery.grid.tiles[0].place == 2 * columns
    bar.setValue(bar.maximum())
    assert gallery.grid.tiles[-1].place == 29
    assert gallery.findChild(QLabel, "gallery-page").text().endswith("30 of 30")


def test_without_anything_to_show_it_says_what_to_do(window, dock, qtbot):
    gallery = dock("Gallery")
    state = gallery.findChild(QLabel, "gallery-state")
    assert "pick points" in state.text()
    assert not gallery.findChild(QScrollBar, "gallery-scroll").isEnabled()
    workspace_for(window).close_tomogram()
    qtbot.wait(100)
    assert "Open a tomogram" in state.text()


def test_a_closed_dock_is_gone(window, dock, picked, qtbot):
    workspace = workspace_for(window)
    before = len(workspace.display.grey_changed), len(workspace.picking.models_changed)
    gallery = dock("Gallery")
    wait_until_loaded(gallery, qtbot)
    left = weakref.ref(gallery)
    window.window.remove_dock_widget(gallery)
    gallery.deleteLater()
    del gallery

    def gone():
        gc.collect()
        return left() is None

    qtbot.waitUntil(gone)
    assert (len(workspace.display.grey_changed), len(workspace.picking.models_changed)) == before
    workspace.display.set_inverted(True)
