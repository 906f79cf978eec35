"""The pages of the Review dock, in a window."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_tomopick.layers.projection import seen_in_viewer
from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step

N = 20
SETS, FILTER, CLEAN, ORIENT, TABLE = range(5)


@pytest.fixture
def review(window, dock, qtbot):
    """The dock, and the uid of a set of 20 particles in two rows in slice 20."""
    workspace = workspace_for(window)
    x = np.tile(8 + 6.0 * np.arange(N // 2), 2)
    y = np.repeat([20.0, 40.0], N // 2)
    particles = Particles(
        np.column_stack([x, y, np.full(N, 20.0)]),
        scores=np.arange(float(N)),
        groups=1 + np.arange(N) % 2,
        tomograms=["tomo_1"] * N,
        voxel_size_angstrom=10.0,
        box_size=8,
    )
    uid = workspace.session.add_particles("rows", particles, Step("manual"))
    window.dims.set_point(0, 20)
    found = dock("Review")
    qtbot.waitUntil(lambda: found.uid == uid)
    return found, uid


def drag(widget, *places):
    """Drag the mouse over a widget, from place to place."""
    points = [QPoint(round(x), round(y)) for x, y in places]
    QTest.mouseMove(widget, points[0])
    QTest.mousePress(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, points[0])
    for point in points[1:]:
        QTest.mouseMove(widget, point)
        QTest.qWait(30)
    QTest.mouseRelease(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, points[-1])


def test_from_filter_to_table_in_one_sitting(window, review, press, qtbot):
    dock, uid = review
    workspace = workspace_for(window)
    selection, session = workspace.review.selection, workspace.session

    # filter: the left end of the scores is dragged to the middle
    dock.tabs.setCurrentIndex(FILTER)
    qtbot.waitUntil(lambda: "score" in dock.filters._rows)
    line = dock.filters._rows["score"]
    plot = line.plot
    qtbot.waitUntil(plot.isVisible)
    qtbot.wait(100)  # until it has its place
    drag(plot, (plot.place_of(0), 20), (plot.place_of(5), 20), (plot.place_of(9.5), 20))
    qtbot.waitUntil(lambda: "10 of 20 pass" in dock.filters.count.text())
    assert workspace.review.view.points.shown.sum() == N // 2
    assert line.away.text() == "takes away 10"
    press(dock, "filter-select")
    qtbot.waitUntil(lambda: "10 selected, 10 of them hidden" in dock.selecting.state.text())
    # a number that is no range is refused, and nothing changes
    line.high.setText("3")
    line.high.editingFinished.emit()
    assert "low to high" in workspace.trouble
    assert workspace.review.filters.ranges(uid)["score"].high is None
    press(dock, "filter-reset")
    assert workspace.review.view.points.shown.all()

    # a lasso round the upper row, as it is drawn on the canvas
    press(dock, "mark-lasso")
    canvas = window.window._qt_viewer.canvas.native
    corners = np.array([[2.0, 34, 20], [78, 34, 20], [78, 46, 20], [2, 46, 20]])
    places = seen_in_viewer(window, corners).pixels
    between = np.concatenate([np.linspace(a, b, 6) for a, b in pairwise(places)])
    drag(canvas, *between)
    assert selection.ids(uid).tolist() == list(range(11, 21))
    assert dock.findChild(type(dock.selecting.tools["lasso"]), "mark-lasso").isChecked()
    press(dock, "mark-lasso")
    assert workspace.review.marking.tool == ""

    # clean: shown first, then removed
    dock.tabs.setCurrentIndex(CLEAN)
    dock.cleaning.forms[0]._fields["distance"].setValue(6.5)
    press(dock, "clean-look")
    qtbot.waitUntil(lambda: dock.cleaning.remove.isEnabled())
    assert dock.cleaning.remove.text() == "Remove 10"
    assert "better one" in dock.cleaning.reason.text()
    assert len(session.particles(uid)) == N
    press(dock, "clean-remove")
    assert len(session.particles(uid)) == N // 2
    press(dock, "undo")
    assert len(session.particles(uid)) == N

    # orient
    dock.tabs.setCurrentIndex(ORIENT)
    dock.turning.scope.setCurrentIndex(dock.turning.scope.findData("set"))
    dock.turning.refresh()
    press(dock, "turn-flip")
    assert np.allclose(session.particles(uid).directions(), [0, 0, -1])

    # the table: by score, the best first; a click and Shift+click select, a double click goes there
    dock.tabs.setCurrentIndex(TABLE)
    table = dock.particles.table
    qtbot.waitUntil(lambda: table.particles.rowCount() == N)
    titles = [column.title for column in table.particles.columns]
    for _ in range(2):
        table.horizontalHeader().sectionClicked.emit(titles.index("score"))
    assert table.particles.data(table.particles.index(0, 0)) == "20"
    viewport, at = table.viewport(), [table.visualRect(table.particles.index(i, 1)).center() for i in (1, 4)]
    QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at[0])
    QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, at[1])
    assert selection.ids(uid).tolist() == [16, 17, 18, 19]
    selection.set({uid: [3]})
    qtbot.waitUntil(lambda: table.particles.selected.nonzero()[0].tolist() == [2])
    window.dims.set_point(0, 3)
    table.doubleClicked.emit(table.particles.index(0, 0))
    assert window.dims.point[0] == 20
    assert selection.ids(uid).tolist() == [20]
    QTest.keyClick(table, Qt.Key.Key_Delete)
    assert len(session.particles(uid)) == N - 1
