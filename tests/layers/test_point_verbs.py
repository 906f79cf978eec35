"""Verbs on user points that any picture of the tomogram calls, and what becomes of models."""

import numpy as np
import pytest

from napari_tomopick.errors import FileFormatError, ModelError
from napari_tomopick.geometry.planes import Plane
from napari_tomopick.io.models import write_models
from napari_tomopick.io.particles import write_particles
from napari_tomopick.layers.pointing import Spot
from napari_tomopick.models.colours import MODEL_COLOURS, free_colour
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.protocols.import_points import import_points
from napari_tomopick.protocols.jobs import import_picks_job


def spot(x, y, z, axis="z"):
    position = np.array([x, y, z], float)
    return Spot(position, Plane.orthogonal(axis, position["xyz".index(axis)]), 1.0)


def drawn(picking):
    """What the layer shows: {(uid, row): (x, y, z)}."""
    layer = picking.view.points
    return {picking.view.row(i): tuple(p[::-1]) for i, p in enumerate(layer.data)}


@pytest.fixture
def ring(shown):
    """Uid of a surface traced in slices 10 and 14, with four points each."""
    uid = shown.picking.active.uid
    for z in (10, 14):
        for x, y in ((20, 20), (40, 20), (40, 40), (20, 40)):
            shown.picking.add_at(spot(x, y, z))
    return uid


def test_a_point_gets_the_level_of_its_model_whichever_picture_it_is_clicked_in(shown):
    picking = shown.picking
    picking.add_at(spot(20, 30, 10))
    picking.add_at(spot(25.25, 30, 12.5, axis="y"))
    picking.add_at(spot(30.0, 30.5, 13.4, axis="x"))
    assert picking.active.points.tolist() == [[20, 30, 10], [25.25, 30, 12.5], [30, 30.5, 13.4]]
    assert picking.active.levels.tolist() == [10, 13, 13]
    shown.undo()
    assert len(picking.active) == 2


def test_a_point_can_be_put_from_another_picture_while_the_slice_viewer_is_in_3d(shown):
    shown.viewer.dims.ndisplay = 3
    shown.picking.add_at(spot(20, 30, 10))
    assert len(shown.picking.active) == 1


def test_without_a_model_it_is_said_what_to_do(shown):
    shown.picking.remove(shown.picking.active.uid)
    with pytest.raises(ModelError, match="add one in the Picking dock"):
        shown.picking.add_at(spot(20, 30, 10))
    with pytest.raises(ModelError, match="add one in the Picking dock"):
        shown.picking.put_marker_at(spot(20, 30, 10))


def test_a_marker_is_put_at_a_place(shown):
    shown.picking.put_marker_at(spot(20.5, 30, 10.25, axis="y"))
    assert shown.picking.active.marker.tolist() == [20.5, 30, 10.25]


def test_levels_follow_points_moved_across_them_and_only_those(shown, ring):
    picking = shown.picking
    picking.move_points_to([(ring, 0), (ring, 5)], [[21, 22, 10], [40, 20, 15.6]])
    model = picking.active
    assert model.points[[0, 5]].tolist() == [[21, 22, 10], [40, 20, 15.6]]
    assert model.levels[[0, 5]].tolist() == [10, 16]
    assert shown.session.undo_label == "Move 2 points"
    shown.undo()
    assert picking.active.levels.tolist() == [10] * 4 + [14] * 4


def test_levels_that_are_no_slices_stay(shown):
    uid = shown.session.add_model(
        Model("contours", ModelType.SURFACE, np.full((4, 3), 20.5), np.array([1, 1, 2, 2]), tomogram="tomo")
    )
    shown.picking.move_points_to([(uid, 0)], [[5, 6, 7]])
    assert shown.session.model(uid).levels.tolist() == [1, 1, 2, 2]


def test_moving_accepts_a_proposal(shown, ring):
    shown.session.add_points(ring, [[20, 20, 16], [40, 20, 16]], [16, 16], proposed=True)
    shown.picking.move_points_to([(ring, 9)], [[41, 20, 16]])
    assert np.flatnonzero(shown.picking.active.proposed).tolist() == [8]


def test_rows_within_is_a_ball_over_the_visible_models(shown, ring):
    picking = shown.picking
    other = picking.add_model(ModelType.GENERAL, "loose")
    picking.add_at(spot(20, 20, 12))
    picking.add_at(spot(70, 50, 12))
    assert set(picking.rows_within((20, 20, 12), 2)) == {(ring, 0), (ring, 4), (other, 0)}
    assert set(picking.rows_within((20, 20, 12), 1.99)) == {(other, 0)}
    picking.set_visible(ring, False)
    assert picking.rows_within((20, 20, 12), 2) == [(other, 0)]
    picking.show(False)
    assert picking.rows_within((20, 20, 12), 2) == []


def test_a_preview_is_drawn_and_is_no_edit(shown, ring):
    picking = shown.picking
    before, label = drawn(picking), shown.session.undo_label
    told = []
    picking.models_changed.connect(lambda: told.append(1))
    picking.preview([(ring, 0), (ring, 2), (ring, 5)], [(1, 2, 3), None, None])
    expected = {row: p for row, p in before.items() if row not in {(ring, 2), (ring, 5)}}
    expected[(ring, 0)] = (1, 2, 3)
    assert drawn(picking) == expected
    assert [len(m) for m in picking.drawn_models] == [6]
    assert told
    picking.preview([(ring, 7)])
    assert drawn(picking) == {row: p for row, p in before.items() if row != (ring, 7)}
    picking.preview(None)
    assert drawn(picking) == before
    assert shown.session.undo_label == label
    told.clear()
    picking.preview(None)
    assert not told


def test_an_edit_ends_a_preview(shown, ring):
    picking = shown.picking
    picking.preview([(ring, 0)], [None])
    picking.points_deleted([(ring, 1)])
    assert len(drawn(picking)) == 7
    assert drawn(picking)[(ring, 0)] == (20, 20, 10)
    assert drawn(picking)[(ring, 1)] == (40, 40, 10)


def test_a_menu_names_the_point_and_what_can_be_done_with_it(shown, ring):
    picking = shown.picking
    shown.session.add_points(ring, [[20, 20, 16], [40, 20, 16]], [16, 16], proposed=True)
    other = picking.add_model(ModelType.GENERAL, "loose")
    offered = []
    picking.menu_requested.connect(offered.append)
    picking.offer_menu_for((ring, 9))
    entries = dict(offered.pop())
    assert list(entries) == [
        "Delete point: 10 of 'membrane'",
        "Go to",
        "Accept",
        "Accept the 2 points of level 16",
        "Make 'membrane' the active model",
    ]
    entries["Go to"]()
    assert shown.viewer.dims.point[0] == 16
    assert picking.view.selected == [(ring, 9)]
    entries["Accept"]()
    assert np.flatnonzero(shown.session.model(ring).proposed).tolist() == [8]
    entries["Make 'membrane' the active model"]()
    assert picking.active.uid == ring != other
    entries["Delete point: 10 of 'membrane'"]()
    assert len(shown.session.model(ring)) == 9


def test_proposals_are_accepted_or_discarded_as_one_edit(shown, ring):
    picking, session = shown.picking, shown.session
    other = picking.add_model(ModelType.SURFACE, "other")
    for uid in (ring, other):
        session.add_points(uid, [[20, 20, 16], [40, 20, 16]], [16, 16], proposed=True)
    assert picking.proposed == 4
    picking.accept_all()
    assert (picking.proposed, session.undo_label) == (0, "Accept 4 points")
    shown.undo()
    picking.accept(ring, [8])
    assert picking.proposed == 3
    # what is not seen is neither accepted nor thrown away
    picking.set_visible(other, False)
    picking.discard_all()
    assert [len(session.model(uid)) for uid in (ring, other)] == [9, 2]
    shown.undo()
    assert len(session.model(ring)) == 10


def test_the_eraser_is_a_mode_that_others_end(shown):
    picking, told = shown.picking, []
    picking.mode_changed.connect(lambda: told.append(picking.mode))
    picking.set_mode("erase")
    assert str(picking.view.points.mode) == "pan_zoom"
    picking.view.points.mode = "add"
    picking.set_mode("erase")
    picking.set_mode("pan_zoom")
    assert told == ["erase", "add", "erase", "pan_zoom"]


def test_models_are_put_into_groups_and_deleted_together(shown):
    picking, first = shown.picking, shown.picking.active.uid
    second, third = picking.add_model(ModelType.GENERAL, "b"), picking.add_model(ModelType.GENERAL, "c")
    picking.set_group([first, third], 4)
    assert [m.group for m in picking.models] == [4, 1, 4]
    assert shown.session.undo_label == "Move 2 models to group 4"
    picking.remove(first, second)
    assert [m.uid for m in picking.models] == [third]
    shown.undo()
    shown.undo()
    assert [m.group for m in picking.models] == [1, 1, 1]
    picking.set_all_visible(False)
    assert picking.visible_models == ()
    picking.set_all_visible(True, [first, second])
    assert [m.uid for m in picking.visible_models] == [first, second]


def test_a_copy_is_told_from_the_original_by_its_colour(shown, ring):
    copy = shown.session.model(shown.picking.duplicate(ring))
    assert copy.colour != shown.session.model(ring).colour
    assert len(copy) == 8
    assert shown.session.undo_label == "Duplicate model"


def test_colours_repeat_only_when_all_are_taken():
    assert free_colour([]) == MODEL_COLOURS[0]
    assert free_colour([MODEL_COLOURS[0].upper(), MODEL_COLOURS[2]]) == MODEL_COLOURS[1]
    assert free_colour([*MODEL_COLOURS, *MODEL_COLOURS[:3]]) == MODEL_COLOURS[3]


def particles(tomograms, groups=(1, 1, 2)):
    positions = [[5.0, 6, 7], [8, 9, 10.5], [11, 12, 13]]
    return Particles(positions, groups=groups, tomograms=tomograms, voxel_size_angstrom=10.0)


@pytest.mark.parametrize(
    ("suffix", "named"),
    [(".csv", "tomo"), (".csv", "TS_01"), (".csv", ""), (".star", "tomo"), (".star", "TS_01")],
)
def test_particles_of_a_file_become_loose_points_by_group(shown, tmp_path, suffix, named):
    path = tmp_path / f"found{suffix}"
    write_particles(path, particles([named] * 3), tomograms=[shown.tomogram])
    shown.picking.import_points(path)
    new = shown.picking.models[1:]
    assert [(m.name, m.type, m.group) for m in new] == [
        ("found", ModelType.GENERAL, 1),
        ("found 2", ModelType.GENERAL, 2),
    ]
    assert np.allclose(new[0].points, [[5, 6, 7], [8, 9, 10.5]])
    assert new[0].levels.tolist() == [7, 11]
    assert shown.picking.active.uid == new[0].uid
    assert len({m.colour for m in shown.picking.models}) == 3
    shown.undo()
    assert len(shown.picking.models) == 1


def test_models_of_a_file_come_with_their_levels_and_their_own_colours(shown, ring, tmp_path):
    path = tmp_path / "traced.json"
    write_models(path, [shown.session.model(ring)])
    shown.picking.import_points(path)
    new = shown.picking.active
    assert (new.name, new.type, new.levels.tolist()) == (
        "membrane 2",
        ModelType.SURFACE,
        [10] * 4 + [14] * 4,
    )
    assert new.colour != shown.session.model(ring).colour


def test_models_that_a_step_imports_are_told_apart_too(shown, ring, tmp_path):
    path = tmp_path / "traced.json"
    write_models(path, [shown.session.model(ring)])
    job = import_picks_job(shown.session, [path, path])
    job.record(shown.session, job.compute(None))
    models = shown.picking.models
    assert [m.name for m in models] == ["membrane", "membrane 2", "membrane 3"]
    assert len({m.colour for m in models}) == 3


def test_a_file_of_several_other_tomograms_is_refused(shown, tmp_path):
    path = tmp_path / "found.csv"
    write_particles(path, particles(["TS_01", "TS_02", "TS_02"]), tomograms=[shown.tomogram])
    shown.picking.import_points(path)
    assert "TS_01" in shown.trouble
    assert len(shown.picking.models) == 1


def test_a_file_that_cannot_be_read_is_said(shown, tmp_path):
    path = tmp_path / "found.json"
    path.write_text("nothing")
    shown.picking.import_points(path)
    assert "not JSON" in shown.trouble
    with pytest.raises(FileFormatError):
        import_points(path, [shown.tomogram])
