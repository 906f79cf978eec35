"""One workspace per viewer: opening, switching, closing, and what is left behind."""

import gc
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils._proxies import PublicOnlyProxy
from napari.utils.notifications import notification_manager

from napari_tomopick.layers.schemes import Scheme
from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.user_points import ModelType


def test_docks_on_one_viewer_share_it_and_viewers_do_not():
    one, other = ViewerModel(), ViewerModel()
    assert workspace_for(one) is workspace_for(PublicOnlyProxy(one))
    assert workspace_for(one) is not workspace_for(other)


def test_it_goes_with_its_viewer():
    viewer = ViewerModel()
    gone = weakref.ref(workspace_for(viewer))
    del viewer
    gc.collect()
    assert gone() is None


def test_every_key_of_every_scheme_does_something(shown):
    # a window adds what opens over it
    shown.controls.actions |= dict.fromkeys(["help", "options", "track", "track_on"], lambda: None)
    for scheme in Scheme:
        shown.controls.set_scheme(scheme)
        for key in shown.controls.keys:
            if key != "Escape":
                assert shown.hand.key(shown.main_pane, (400.0, 300.0), key), key
                shown.hand.key_up(key)


class Later:
    """A runner whose work is done when the test says so."""

    def __init__(self):
        self.waiting = []

    def __call__(self, function, done, failed):
        self.waiting.append((function, done, failed))

    def finish(self, n):
        function, done, failed = self.waiting[n]
        try:
            result = function()
        except Exception as error:
            failed(error)
        else:
            done(result)


def test_opening_another_tomogram_gives_up_the_first(workspace, a_tomogram):
    for name in "ab":
        workspace.session.add_tomogram(a_tomogram(name))
    workspace.run = later = Later()
    told = []
    workspace.loading_changed.connect(told.append)
    workspace.open_tomogram("a")
    workspace.open_tomogram("b")
    later.finish(1)
    later.finish(0)
    assert workspace.tomogram_name == "b"
    assert told == ["a", "b", ""]
    assert workspace.image.layer.name == "b"


def test_a_missing_file_is_told_and_what_was_shown_stays(shown, a_tomogram):
    other = a_tomogram("other")
    shown.session.add_tomogram(other)
    other.path.unlink()
    before = len(notification_manager.records)
    shown.open_tomogram("other")
    (record,) = notification_manager.records[before:]
    assert "other.mrc" in str(record.message)
    assert shown.tomogram_name == "tomo"
    assert shown.loading == ""


def test_a_defect_is_not_hidden(shown):
    def broken():
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        shown.run_in_background(broken, print)


def test_switching_and_closing_leaves_no_layer_behind(shown, press, a_tomogram):
    shown.session.add_tomogram(a_tomogram("other", (30, 30, 30)))
    press("C", (19, 5, 10))
    layers = set(shown.viewer.layers)
    for name in ("other", "tomo") * 3:
        shown.open_tomogram(name)
        assert len(shown.viewer.layers) == len(layers)
        assert len(shown.picking.view.points.data) == (name == "tomo")
        assert shown.viewer.layers[0] is shown.image.layer
        assert shown.viewer.layers.selection.active is shown.picking.view.points
    shown.close_project()
    assert len(shown.viewer.layers) == 0
    assert shown.tomogram is None


def test_the_active_model_is_remembered_for_each_tomogram(shown, a_tomogram):
    shown.session.add_tomogram(a_tomogram("other"))
    second = shown.picking.add_model(ModelType.GENERAL, "second")
    shown.open_tomogram("other")
    assert shown.picking.active is None
    shown.picking.add_model(ModelType.GENERAL, "there")
    shown.open_tomogram("tomo")
    assert shown.picking.active.uid == second


def test_reopening_shows_the_same_state_with_undo(shown, press):
    for x in (10, 20):
        press("C", (19, 5, x))
    path = shown.session.path
    shown.close_project()
    shown.open_project(path)
    shown.open_tomogram("tomo")
    assert shown.picking.view.points.data.tolist() == [[19, 5, 10], [19, 5, 20]]
    press("Control-Z")
    assert shown.picking.view.points.data.tolist() == [[19, 5, 10]]


def test_import_adds_the_tomograms_as_one_edit_and_shows_the_first(workspace, a_tomogram, tmp_path):
    for name in "ab":
        a_tomogram(name)
    workspace.import_tomograms([tmp_path / "a.mrc", tmp_path / "b.mrc"])
    assert [t.name for t in workspace.session.tomograms()] == ["a", "b"]
    assert workspace.tomogram_name == "a"
    step = workspace.session.tomogram_step("b")
    assert (step.name, step.inputs) == ("import", (str(tmp_path / "a.mrc"), str(tmp_path / "b.mrc")))
    workspace.undo()
    assert workspace.session.tomograms() == ()
    assert workspace.tomogram is None


def test_a_refused_import_says_where_to_give_what_is_missing(workspace, a_tomogram, tmp_path):
    tomogram = a_tomogram("a")
    workspace.session.add_tomogram(tomogram)
    before = len(notification_manager.records)
    workspace.import_tomograms([tmp_path / "gone.mrc"])
    other = tmp_path / "elsewhere" / tomogram.path.name
    other.parent.mkdir()
    tomogram.path.rename(other)
    workspace.import_tomograms([other])
    gone, taken = notification_manager.records[before:]
    assert "gone.mrc" in str(gone.message)
    assert "With voxel size, tilt range" in str(gone.message)
    assert "'a'" in str(taken.message)
    assert [t.name for t in workspace.session.tomograms()] == ["a"]


def test_an_import_into_a_project_closed_meanwhile_is_told(workspace, a_tomogram, tmp_path):
    path = a_tomogram("a").path
    workspace.run = later = Later()
    workspace.import_tomograms([path])
    workspace.create_project(tmp_path / "other.tomopick")
    before = len(notification_manager.records)
    later.finish(0)
    assert "Another project" in str(notification_manager.records[before].message)
    assert workspace.session.tomograms() == ()


def test_a_volume_does_not_cut_points_and_arrows_to_pieces(shown):
    """A volume has its depth where the ray met the darkest voxel, before and behind what else is drawn."""
    own = [layer for layer in shown.viewer.layers if layer is not shown.image.layer]
    shown.show_3d(True)
    shown.set_depiction("volume")
    assert str(shown.image.layer.blending) == "translucent_no_depth"
    assert {str(layer.blending) for layer in own} == {"translucent"}
    shown.set_depiction("plane")
    assert str(shown.image.layer.blending) == "translucent"


def test_slices_stay_whole_numbers_with_points_at_the_very_edge(shown):
    """napari counts slices from the lowest coordinate of any layer."""
    uid = shown.picking.active.uid
    shown.session.add_points(uid, np.array([[0, 0, -0.4]]), [0])
    shown.viewer.dims.set_point(0, 7)
    shown.picking.points_added(np.array([[10.0, 10, 7]]))
    assert shown.picking.active.points[-1, 2] == np.round(shown.viewer.dims.point[0])


def test_sliders_count_the_slices_whatever_reaches_out_of_the_tomogram(shown):
    """An arrow out of the tomogram neither shifts the slice numbers nor has all layers sliced twice."""
    ranges = []
    shown.viewer.dims.events.range.connect(lambda: ranges.append(tuple(shown.viewer.dims.range)))
    up = Particles(np.array([[40.0, 30.0, 38.0]]), tomograms=["tomo"], voxel_size_angstrom=10.0)
    shown.session.add_particles("near the top", up, Step("manual"))
    assert ranges == []
    shown.viewer.add_points([[-20.0, 10.0, 10.0], [90.0, 10.0, 10.0]])
    assert tuple(tuple(r) for r in shown.viewer.dims.range) == ((0, 39, 1), (0, 59, 1), (0, 79, 1))
