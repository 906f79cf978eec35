"""The O key: which slice it fills, and what becomes of what it placed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers.tracking import next_slice
from napari_tomopick.layers.workspace import run_at_once
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.models.user_points import ModelType

SHAPE = (40, 90, 90)
CENTRE_X = 45.0


def wall(y, z):
    """x of a curved membrane that leans."""
    return CENTRE_X + 5 * np.sin(np.asarray(y) / 20) + 0.2 * (np.asarray(z) - 20)


@pytest.mark.parametrize(
    ("traced", "shown", "step", "upward", "expected"),
    [
        ([20], 25, 2, True, 25),  # the slice that was made active, as in Dynamo
        ([20], 20, 2, True, 22),
        ([20], 20, 2, False, 18),
        ([20, 24], 24, 2, False, 26),  # outward from an end, whatever the direction
        ([20, 24], 20, 2, True, 18),
        ([20, 24, 30], 24, 2, True, 26),
        ([20, 24, 30], 24, 2, False, 22),
        ([20, 22, 30], 20, 2, True, 18),
        ([20, 22, 24], 22, 1, False, 21),
        ([20, 22, 24, 26], 22, 2, True, 28),  # past what is traced already
        ([39], 39, 2, True, None),
        ([0, 5], 0, 2, True, None),
    ],
)
def test_which_slice_is_next(traced, shown, step, upward, expected):
    assert next_slice(traced, shown, step, upward, 40) == expected


@given(st.sets(st.integers(0, 39), min_size=1), st.integers(0, 39), st.integers(1, 9), st.booleans())
def test_it_is_never_one_that_is_traced(traced, shown, step, upward):
    found = next_slice(sorted(traced), shown, step, upward, 40)
    assert found is None or (0 <= found < 40 and found not in traced)


@pytest.fixture
def traced(workspace, tmp_path):
    """A workspace on a tomogram with a dark membrane, traced in slice 20."""
    z, y, x = np.mgrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    away = x - wall(y, z)
    volume = -np.exp(-((away - 2) ** 2) / 2) - np.exp(-((away + 2) ** 2) / 2)
    volume += np.random.default_rng(0).normal(scale=0.3, size=SHAPE)
    path = tmp_path / "wall.mrc"
    write_mrc(path, volume.astype(np.float32), 10.0)
    acquisition = Acquisition(tilt_min_degrees=-60, tilt_max_degrees=60)
    workspace.session.add_tomogram(Tomogram("wall", path, SHAPE, 10.0, acquisition=acquisition))
    workspace.open_tomogram("wall")
    uid = workspace.picking.add_model(ModelType.SURFACE, "membrane")
    rows = np.linspace(5, 84, 12)
    points = np.column_stack([wall(rows, 20), rows, np.full(12, 20.0)])
    workspace.session.add_points(uid, points, np.full(12, 20))
    workspace.viewer.dims.set_point(0, 20)
    return workspace


def model(workspace):
    return workspace.picking.active


def levels(workspace):
    return np.unique(model(workspace).levels).tolist()


def test_o_fills_the_next_slice_and_shows_it(traced):
    traced.tracking.one()
    assert levels(traced) == [20, 22]
    placed = model(traced).proposed
    assert placed.sum() >= 8
    points = model(traced).points[placed]
    np.testing.assert_array_equal(points[:, 2], 22)
    assert np.abs(points[:, 0] - wall(points[:, 1], 22)).max() < 1.5
    assert traced.viewer.dims.point[0] == 22


def test_o_fills_the_slice_that_is_shown(traced):
    traced.viewer.dims.set_point(0, 26)
    traced.tracking.one()
    assert levels(traced) == [20, 26]


def test_one_slice_is_one_undo(traced):
    traced.tracking.one()
    assert traced.session.undo_label == "Track 1 slice"
    traced.undo()
    assert levels(traced) == [20]
    traced.redo()
    assert model(traced).proposed.sum() >= 8


def test_tracking_on_is_one_undo(traced):
    traced.tracking.set_step(4)
    traced.tracking.on()
    assert len(levels(traced)) > 4
    points = model(traced).points
    assert np.abs(points[:, 0] - wall(points[:, 1], points[:, 2])).max() < 2
    traced.undo()
    assert levels(traced) == [20]


def test_direction(traced):
    traced.tracking.set_direction("down")
    traced.tracking.on()
    assert max(levels(traced)) == 20
    assert min(levels(traced)) < 12


def test_what_was_placed_is_accepted_or_discarded(traced):
    traced.tracking.one()
    assert traced.picking.proposed == model(traced).proposed.sum() > 0
    traced.picking.accept_all()
    assert traced.picking.proposed == 0
    assert levels(traced) == [20, 22]
    traced.undo()
    traced.picking.discard_all()
    assert levels(traced) == [20]
    traced.undo()
    assert levels(traced) == [20, 22]


def test_a_run_can_be_stopped(traced):
    waiting = []
    traced.run = lambda function, done, failed: waiting.append((function, done, failed))
    traced.tracking.on()
    assert traced.tracking.running
    traced.tracking.stop()
    run_at_once(*waiting[0])
    assert not traced.tracking.running
    assert "stopped" in traced.tracking.message
    assert levels(traced) == [20]
    assert traced.trouble == ""


def test_a_run_that_another_project_overtook_is_dropped(traced, tmp_path):
    waiting = []
    traced.run = lambda function, done, failed: waiting.append((function, done, failed))
    traced.tracking.one()
    before = traced.session.path
    traced.create_project(tmp_path / "other.tomopick")
    run_at_once(*waiting[0])
    assert not traced.tracking.running
    traced.open_project(before)
    [found] = traced.session.models()
    assert not found.proposed.any()


def test_what_cannot_be_tracked_is_said(traced):
    picking = traced.picking
    picking.add_model(ModelType.GENERAL)
    with traced.reporting():
        traced.tracking.one()
    assert "surface" in traced.trouble
    picking.add_model(ModelType.SURFACE)
    with traced.reporting():
        traced.tracking.on()
    assert "trace" in traced.trouble


def test_the_end_of_the_tomogram_is_said(traced):
    traced.tracking.set_step(30)
    with traced.reporting():
        traced.tracking.one()
    assert "ends here" in traced.trouble
