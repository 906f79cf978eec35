"""Score maps: candidates, thresholds, distances, suggestions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_tomopick.picking.score_map import FLOOR, ScoreMap, apart
from napari_tomopick.picking.working_grid import WorkingGrid

GRID = WorkingGrid((60, 80, 100), (30, 40, 50))


def map_with(peaks):
    values = np.zeros(GRID.shape, np.float32)
    for (z, y, x), score in peaks.items():
        values[z, y, x] = score
    return values


NONE = np.zeros((3, *GRID.shape), np.float16)
PEAKS = {(5, 6, 7): 0.9, (5, 6, 12): 0.6, (20, 30, 40): 0.5, (2, 35, 3): 0.07, (28, 1, 1): 0.02}


def test_candidates_are_the_peaks_best_first_in_voxels_of_the_tomogram():
    places, scores = ScoreMap.of_values(GRID, map_with(PEAKS), NONE).candidates
    np.testing.assert_allclose(scores, [0.9, 0.6, 0.5, 0.07])
    np.testing.assert_allclose(places[0], GRID.to_tomogram([7, 6, 5]))
    np.testing.assert_allclose(places[0], [14.5, 12.5, 10.5])


def test_a_candidate_moves_to_the_centre_but_not_far():
    shifts = NONE.copy()
    shifts[:, 5, 6, 7] = (1.0, -0.5, 0.0)
    shifts[:, 20, 30, 40] = (0.0, 30.0, 0.0)
    places, _ = ScoreMap.of_values(GRID, map_with(PEAKS), shifts).candidates
    np.testing.assert_allclose(places[0], GRID.to_tomogram([8, 5.5, 5]))
    np.testing.assert_allclose(places[2], GRID.to_tomogram([40, 32.5, 20]))


def test_threshold_distance_and_number():
    found = ScoreMap.of_values(GRID, map_with(PEAKS), NONE)
    assert len(found.peaks(0.5, 0)[0]) == 3
    assert len(found.peaks(0.55, 0)[0]) == 2
    assert len(found.peaks(FLOOR, 10.1)[0]) == 3  # the second is 10 voxels from the first
    assert len(found.peaks(FLOOR, 9.9)[0]) == 4
    _, scores = found.peaks(FLOOR, 0, 2)
    np.testing.assert_allclose(scores, [0.9, 0.6])
    assert len(found.peaks(0.95, 0)[0]) == 0


def test_places_are_drawn_as_balls_that_peak_there():
    places = np.array([[30.0, 20.0, 25.0], [70.0, 60.0, 40.0], [1.0, 1.0, 1.0]])
    found = ScoreMap.of_places(GRID, places, np.array([0.8, 0.9, 0.01]))
    np.testing.assert_allclose(found.candidates[0], places[[1, 0]])
    z, y, x = np.unravel_index(found.values.argmax(), found.values.shape)
    np.testing.assert_allclose(GRID.to_tomogram([x, y, z]), places[1], atol=1.01)
    assert found.values.max() <= 0.9


def test_a_place_beyond_the_border_stays_within_the_tomogram():
    shifts = NONE.copy()
    shifts[:, 0, 0, 0] = (-2, -2, -2)
    places, _ = ScoreMap.of_values(GRID, map_with({(0, 0, 0): 0.8}), shifts).candidates
    np.testing.assert_allclose(places[0], [-0.5, -0.5, -0.5])


def test_the_most_uncertain_are_suggested_away_from_what_is_known():
    found = ScoreMap.of_values(GRID, map_with(PEAKS), NONE)
    _, scores = found.suggestions(2, 5.0)
    np.testing.assert_allclose(scores, [0.5, 0.6])
    _, scores = found.suggestions(5, 5.0, away_from=GRID.to_tomogram([[40, 30, 20]]))
    np.testing.assert_allclose(scores, [0.6, 0.9, 0.07])
    # one for an object: the second is nearer to the first than that
    assert 0.6 not in found.suggestions(5, 11.0)[1].round(6)


def test_nothing_found_is_no_error():
    found = ScoreMap.of_values(GRID, np.zeros(GRID.shape, np.float32), NONE)
    places, scores = found.peaks(0.5, 10)
    assert places.shape == (0, 3)
    assert scores.shape == (0,)
    assert found.suggestions(3, 5.0)[0].shape == (0, 3)
    assert ScoreMap.of_places(GRID, np.empty((0, 3)), np.empty(0)).candidates[0].shape == (0, 3)


@given(
    places=arrays(float, (30, 3), elements=st.floats(0, 20)),
    distance=st.floats(0.1, 15),
    at_most=st.none() | st.integers(0, 30),
)
def test_kept_places_are_apart_and_every_other_is_near_a_better_one(places, distance, at_most):
    kept = apart(places, distance, at_most)
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2)
    for i, row in enumerate(kept):
        assert (gaps[row, kept[:i]] >= distance * (1 - 1e-6)).all()
    if at_most is None:
        for row in set(range(len(places))) - set(kept.tolist()):
            assert (gaps[row, kept[kept < row]] < distance).any()
    else:
        np.testing.assert_array_equal(kept, apart(places, distance, None)[:at_most])


def test_no_distance_keeps_all():
    assert apart(np.zeros((4, 3)), 0, None).tolist() == [0, 1, 2, 3]
    assert apart(np.empty((0, 3)), 3, None).tolist() == []


@pytest.mark.parametrize("count", [20_000])
def test_many_candidates_are_few_pairs(count):
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 1000, (count, 3))
    kept = apart(places, 12, 500)
    assert len(kept) == 500
