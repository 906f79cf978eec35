"""Initial models of known objects from noisy boxes that the missing wedge has cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import Cancelled
from napari_tomopick.geometry.cropping import sample, spline_coefficients
from napari_tomopick.picking.aligning_poses import Directions
from napari_tomopick.picking.initial_model import find_model, model_maps
from napari_tomopick.picking.initial_settings import Material, Settings
from napari_tomopick.samples.phantoms import Blobs
from noisy_boxes import SIZE, Noisy, best_correlation, handed, mirrored, noisy_boxes

QUICK = Settings(limit=5.0, iterations=2, batches=6, starts=2)
LIMIT = 6.0


def material(noisy: Noisy, **more) -> Material:
    return Material(noisy.boxes, noisy.wedges, np.zeros((len(noisy.boxes), 3)), **more)


def other() -> Blobs:
    centres = [[0, 0, -6], [0, 0, -3], [0, 0, 0], [0, 0, 3], [4, 0, 3], [-4, 0, 3], [0, 4, -4], [0, 0, 6]]
    return Blobs(np.array(centres, float), np.full(8, 1.4), np.ones(8))


def fourfold() -> Blobs:
    part = np.array([[6, 0, -4], [5, 2.5, 0], [3, 0, 4]], float)
    turns = [Rotation.from_euler("z", 90 * i, degrees=True) for i in range(4)]
    return Blobs(np.concatenate([turn.apply(part) for turn in turns]), np.full(12, 1.3), np.ones(12))


@pytest.fixture(scope="module")
def noisy() -> Noisy:
    return noisy_boxes([handed()] * 30, noise=1.0, seed=3)


@pytest.fixture(scope="module")
def found(noisy):
    states = []
    return find_model(material(noisy), QUICK, states.append), states


def test_thirty_noisy_boxes_show_the_object_and_its_hand(noisy, found) -> None:
    (model,) = model_maps(material(noisy), QUICK, found[0])
    with_truth, _ = best_correlation(model.map, handed().map(SIZE), LIMIT)
    with_mirror, _ = best_correlation(model.map, mirrored(handed()).map(SIZE), LIMIT)
    assert with_truth > 0.97
    assert with_truth > with_mirror + 0.02
    assert model.correlation[5] > 0.7
    assert model.boxes == 30


def test_poses_are_those_of_the_truth_but_for_one_rotation(noisy, found) -> None:
    between = noisy.rotations.inv() * found[0].poses.rotations()
    common = between[int(np.median(np.abs(between.as_quat() @ between.as_quat().T), axis=1).argmax())]
    off = np.degrees((common.inv() * between).magnitude())
    assert np.median(off) < 10
    shifts = noisy.rotations.inv().apply(found[0].poses.shifts - noisy.shifts)
    assert np.median(np.linalg.norm(shifts - np.median(shifts, axis=0), axis=1)) < 1.0


def test_every_step_is_told(noisy, found) -> None:
    _, states = found
    searched = [state for state in states if state.stage == "search"]
    assert [state.step for state in searched] == list(range(1, QUICK.steps + 1))
    first, last = searched[0], states[-1]
    assert len(first.curves) == QUICK.starts
    assert np.isnan(first.scores).sum() >= 30 - 2 * QUICK.batch_size
    assert (first.classes == -1).sum() == np.isnan(first.scores).sum()
    assert first.maps[0].shape == (len(first.maps[0]),) * 3
    assert len(first.maps[0]) * first.coarser == SIZE
    assert last.stage == "refinement"
    assert last.step == last.steps
    assert not np.isnan(last.scores).any()
    assert last.correlations[0][1] > 0.9
    centre = len(last.maps[0]) // 2
    assert last.maps[0][centre - 2 : centre + 3, centre, centre].mean() > last.maps[0].std()  # bright


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads(noisy) -> None:
    short = replace(QUICK, iterations=1, batches=2)
    one = find_model(material(noisy), short)
    other = find_model(material(noisy), replace(short, threads=1))
    assert one.poses.turns.tobytes() == other.poses.turns.tobytes()
    assert one.poses.shifts.tobytes() == other.poses.shifts.tobytes()
    maps = [model_maps(material(noisy), short, each)[0].map.tobytes() for each in (one, other)]
    assert maps[0] == maps[1]
    different = find_model(material(noisy), replace(short, seed=1))
    assert one.poses.turns.tobytes() != different.poses.turns.tobytes()


@pytest.mark.parametrize("stage", ["search", "refinement"])
def test_cancelled_it_keeps_the_best_so_far(noisy, stage) -> None:
    def stop(state) -> None:
        if state.stage == stage and (stage == "refinement" or state.step == state.steps - 4):
            raise Cancelled("enough")

    kept = find_model(material(noisy), QUICK, stop)
    assert kept.cancelled
    assert kept.independent == (stage == "refinement")
    assert not np.isnan(kept.poses.scores).any()
    (model,) = model_maps(material(noisy), QUICK, kept)
    assert best_correlation(model.map, handed().map(SIZE), LIMIT)[0] > 0.9


def test_directions_are_kept(noisy) -> None:
    rng = np.random.default_rng(0)
    twist = Rotation.from_rotvec(rng.uniform(-np.pi, np.pi, (30, 1)) * [0, 0, 1])
    wobble = Rotation.from_rotvec(np.radians(4) * rng.normal(size=(30, 3)))
    given = noisy.rotations * wobble * twist
    directions = Directions(given.as_quat(), 15.0)
    found = find_model(material(noisy, directions=directions), QUICK)
    axes = found.poses.rotations().as_matrix()[:, :, 2]
    off = np.degrees(np.arccos(np.clip((axes * given.as_matrix()[:, :, 2]).sum(axis=1), -1, 1)))
    assert np.median(off) < 8
    (model,) = model_maps(material(noisy), QUICK, found)
    # only the twist is free: it lies upright
    correlation, laid = best_correlation(model.map, handed().map(SIZE), LIMIT)
    assert correlation > 0.97
    turned = [
        sample(
            spline_coefficients(model.map),
            [SIZE // 2] * 3,
            Rotation.from_euler("z", angle, degrees=True).as_matrix(),
            SIZE,
            "cubic",
        )
        for angle in range(0, 360, 10)
    ]
    assert max(np.corrcoef(each.ravel(), laid.ravel())[0, 1] for each in turned) > 0.8


def test_boxes_that_were_cut_turned_have_turned_wedges() -> None:
    frames = Rotation.random(30, rng=np.random.default_rng(1))
    noisy = noisy_boxes([handed()] * 30, noise=0.7, seed=2, frames=frames)
    (model,) = model_maps(material(noisy), QUICK, find_model(material(noisy), QUICK))
    assert best_correlation(model.map, handed().map(SIZE), LIMIT)[0] > 0.96


def test_a_model_keeps_the_place_of_its_reference(noisy) -> None:
    turn = Rotation.from_euler("xy", [40, 70], degrees=True)
    reference = np.zeros((SIZE,) * 3, np.float32)
    handed().posed(np.full(3, SIZE // 2), turn).add_to(reference)
    found = find_model(material(noisy, reference=reference), replace(QUICK, starts=1))
    (model,) = model_maps(material(noisy), QUICK, found)
    assert np.corrcoef(model.map.ravel(), reference.ravel())[0, 1] > 0.85
    expected = noisy.rotations * turn.inv()
    assert np.median(np.degrees((expected.inv() * found.poses.rotations()).magnitude())) < 10


def test_axes_are_found_and_averaged_over_if_asked() -> None:
    noisy = noisy_boxes([fourfold()] * 24, noise=0.7, seed=0)
    quarter = Rotation.from_euler("z", 90, degrees=True).as_matrix()
    alike = {}
    for applied in (False, True):
        settings = replace(QUICK, symmetry="C4", apply_symmetry=applied)
        found = find_model(material(noisy), settings)
        assert found.agreement > 0.9
        (model,) = model_maps(material(noisy), settings, found)
        turned = sample(spline_coefficients(model.map), [SIZE // 2] * 3, quarter, SIZE, "cubic")
        alike[applied] = np.corrcoef(model.map.ravel(), turned.ravel())[0, 1]
    assert 0.8 < alike[False] < alike[True]
    assert alike[True] > 0.99


def test_two_objects_make_two_classes() -> None:
    objects = [handed(), other()]
    noisy = noisy_boxes([objects[i % 2] for i in range(40)], noise=0.7, seed=2)
    settings = replace(QUICK, classes=2, iterations=4)
    found = find_model(material(noisy), settings)
    maps = model_maps(material(noisy), settings, found)
    assert [each.boxes for each in maps] == np.bincount(found.classes).tolist()
    assert maps[0].boxes >= maps[1].boxes > 8
    which = np.arange(40) % 2
    right = (found.classes == which).mean()
    assert max(right, 1 - right) > 0.75
    order = objects if right > 0.5 else objects[::-1]
    for each, own, others in zip(maps, order, order[::-1], strict=True):
        with_own = best_correlation(each.map, own.map(SIZE), LIMIT)[0]
        assert with_own > 0.93
        assert with_own > best_correlation(each.map, others.map(SIZE), LIMIT)[0]


def test_noise_alone_is_not_taken_for_a_model() -> None:
    rng = np.random.default_rng(0)
    noisy = noisy_boxes([handed()] * 30, noise=0.0, seed=0)
    boxes = [rng.normal(size=(SIZE,) * 3).astype(np.float32) for _ in noisy.boxes]
    empty = replace(material(noisy), boxes=boxes)
    found = find_model(empty, replace(QUICK, iterations=1))
    (model,) = model_maps(empty, QUICK, found)
    # beyond what both halves began with, they do not agree
    assert np.abs(model.correlation[6:]).max() < 0.35


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"limit": 30.0}, "cannot be looked at"),
        ({"starts": 0}, "starts must be at least 1"),
        ({"learning_rate": 0.0}, "learning rate"),
        ({"symmetry": "X3"}, "no point group"),
    ],
)
def test_settings_that_mean_nothing_are_refused(noisy, change, message) -> None:
    with pytest.raises(ValueError, match=message):
        find_model(material(noisy), replace(QUICK, **change))


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([np.zeros((24, 24, 24), np.float32)] * 3, "at least 4 boxes"),
        ([np.zeros((23, 23, 23), np.float32)] * 9, "even number of voxels, these are 23 x 23 x 23"),
        ([np.zeros((24, 20, 16), np.float32)] * 9, "these are 16 x 20 x 24"),
        ([np.zeros((8, 8, 8), np.float32)] * 9, "too small"),
    ],
)
def test_boxes_that_cannot_be_used_are_refused(noisy, boxes, message) -> None:
    wrong = Material(boxes, noisy.wedges[: len(boxes)], np.zeros((len(boxes), 3)))
    with pytest.raises(ValueError, match=message):
        find_model(wrong, QUICK)
