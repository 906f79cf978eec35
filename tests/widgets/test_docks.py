"""The docks show the session, and their controls mean what they say."""

import gc

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QDockWidget, QWidget

from napari_tomopick.geometry import orientations
from napari_tomopick.geometry.planes import Plane
from napari_tomopick.layers.pointing import Spot
from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.user_points import ModelType
from napari_tomopick.widgets.picking import PickingDock
from napari_tomopick.widgets.review import ReviewDock
from napari_tomopick.widgets.tomograms import TomogramsDock

NAMES = ("Tomograms", "Picking", "Steps", "Review")


def cell(table, row, column):
    return table.model().index(row, column).data()


def test_a_dock_behind_another_is_shown_anew_when_it_comes_to_the_front(window, dock, qtbot, monkeypatch):
    picking, tomograms = dock("Picking"), dock("Tomograms")
    workspace = workspace_for(window)
    refreshed = []
    monkeypatch.setattr(picking, "refresh", lambda: refreshed.append(1))
    workspace.session.add_points(workspace.picking.active.uid, [[1.0, 2, 3]], [3])
    qtbot.waitUntil(lambda: cell(tomograms.table, 0, 2) == "1")
    assert refreshed == []
    assert tomograms.raised(PickingDock, "Picking") is picking
    qtbot.waitUntil(lambda: refreshed == [1])
    workspace.session.add_points(workspace.picking.active.uid, [[1.0, 2, 4]], [4])
    qtbot.waitUntil(lambda: refreshed == [1, 1])
    assert cell(tomograms.table, 0, 2) == "1"


def test_docks_opened_from_the_menu_are_tabs(window, dock, qtbot):
    docks = [dock(name) for name in NAMES]
    qtbot.wait(50)
    assert [d.visibleRegion().isEmpty() for d in docks] == [True, True, True, False]
    main = window.window._qt_window
    frames = [f for f in main.findChildren(QDockWidget) if any(f.isAncestorOf(d) for d in docks)]
    assert len(main.tabifiedDockWidgets(frames[0])) == 3


def test_review_steps_through_selects_and_deletes(window, dock, press, qtbot):
    workspace = workspace_for(window)
    rng = np.random.default_rng(0)
    particles = Particles(
        rng.uniform(5, 35, (5, 3)),
        orientations.from_directions(rng.normal(size=(5, 3))),
        scores=np.arange(5.0),
        tomograms=["tomo_1"] * 5,
        voxel_size_angstrom=10.0,
    )
    uid = workspace.session.add_particles("crowns", particles, Step("orient"))
    review = dock("Review")
    assert cell(review.sets.table, 0, 0) == "crowns"
    press(review, "next-particle")
    press(review, "next-particle")
    assert review.which.text() == "particle 2 of 5"
    assert workspace.review.selection.rows == [(uid, 2)]
    press(review, "delete-particles")
    assert workspace.session.particles(uid).ids.tolist() == [1, 3, 4, 5]
    press(review, "undo")
    assert len(workspace.session.particles(uid)) == 5
    review.sets.colour_by.textActivated.emit("score")
    assert workspace.review.look.colour_by == "score"
    review.sets.arrows.setChecked(False)
    assert not workspace.review.view.arrows.visible
    review.sets.user_points.setChecked(False)
    assert not any(layer.visible for layer in workspace.picking.view.layers)
    press(review, "toggle-3d")
    assert window.dims.ndisplay == 3
    window.dims.ndisplay = 2
    qtbot.wait(60)
    assert not review.scene.isChecked()
    # what is picked is seen
    workspace.picking.add_at(Spot(np.array([40.0, 30, 19]), Plane.orthogonal("z", 19), 1.0))
    qtbot.wait(60)
    assert review.sets.user_points.isChecked()
    assert workspace.picking.view.points.visible


def test_colour_by_a_score_that_is_not_there_is_told(window, dock, qtbot):
    workspace = workspace_for(window)
    particles = Particles(np.full((2, 3), 9.0), tomograms=["tomo_1"] * 2, voxel_size_angstrom=10.0)
    workspace.session.add_particles("some", particles, Step("manual"))
    review = dock("Review")
    workspace.review.set_look(colour_by="score")
    qtbot.waitUntil(lambda: "no scores" in review.selecting.state.text())


def test_errors_become_notifications_with_their_own_words(window, dock, monkeypatch):
    told = []
    monkeypatch.setattr("napari_tomopick.layers.compat.show_error", told.append)
    picking = dock("Picking")
    workspace = workspace_for(window)
    workspace.picking.add_model(ModelType.SURFACE, "other")
    picking.refresh()
    items = picking.tree.items
    items.setData(items.index_of(workspace.picking.active.uid), "membrane", Qt.ItemDataRole.EditRole)
    assert len(told) == 1
    assert "membrane" in told[0]


def test_what_went_wrong_is_said_in_full_until_the_next_thing_is_done(window, dock, press, qtbot):
    picking = dock("Picking")
    workspace = workspace_for(window)
    said = picking.findChild(QWidget, "trouble")
    assert not said.isVisible()
    outside, inside = (Spot(np.array([x, 30.0, 19]), Plane.orthogonal("z", 19), 1.0) for x in (500, 50))
    with workspace.reporting():
        workspace.picking.add_at(outside)
    qtbot.waitUntil(said.isVisible)
    assert "500" in said.text()
    assert "outside" in said.text()
    assert picking.trouble.width() <= picking.width()
    # all of it is seen
    assert picking.trouble.verticalScrollBar().maximum() == 0
    with workspace.reporting():
        workspace.picking.add_at(inside)
    qtbot.waitUntil(lambda: not said.isVisible())


def test_closed_docks_let_go_of_the_session(window, dock, qtbot):
    workspace = workspace_for(window)
    listeners = (
        workspace.tomogram_changed,
        workspace.tomograms_changed,
        workspace.history_changed,
        workspace.trouble_changed,
        workspace.session_changed,
        workspace.picking.models_changed,
        workspace.picking.menu_requested,
        workspace.review.sets_changed,
        workspace.matching.changed,
    )
    # what the scene itself listens to
    before = [len(signal) for signal in listeners]
    for _ in range(3):
        for name in (*NAMES, "Template matching"):
            widget = dock(name)
            window.window.remove_dock_widget(widget)
            widget.deleteLater()
            del widget
            QApplication.sendPostedEvents(None, 52)  # QEvent.DeferredDelete
            qtbot.wait(40)
    gc.collect()
    assert [len(signal) for signal in listeners] == before
    workspace.session.add_points(workspace.picking.active.uid, [[1.0, 2, 3]], [3])


def test_docks_without_a_project_say_what_to_do(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    tomograms = TomogramsDock(viewer)
    picking = PickingDock(viewer)
    review = ReviewDock(viewer)
    for widget in (tomograms, picking, review):
        qtbot.addWidget(widget)
    assert "make a new one" in tomograms.project.text()
    assert "Tomograms dock" in picking.marker.text()
    assert not picking.add_button.isEnabled()
