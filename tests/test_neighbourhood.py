"""Nearest neighbours, counts, and which of several near each other stays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tomopick.geometry.neighbourhood import (
    nearest_distances,
    neighbour_counts,
    pairs_within,
    suppress,
)

ROW = [[0, 0, 0], [3, 0, 0], [3, 4, 0], [20, 0, 0]]


def test_known_neighbours():
    assert nearest_distances(ROW) == pytest.approx([3, 3, 4, np.sqrt(17**2)])
    # just at the radius counts
    assert neighbour_counts(ROW, 4).tolist() == [1, 2, 1, 0]
    assert neighbour_counts(ROW, 5).tolist() == [2, 2, 2, 0]
    assert sorted(map(sorted, pairs_within(ROW, 4).tolist())) == [[0, 1], [1, 2]]


def test_none_and_one():
    assert nearest_distances([]).shape == (0,)
    assert np.isnan(nearest_distances([[1, 2, 3]])).all()
    assert neighbour_counts([], 5).shape == (0,)
    assert neighbour_counts([[1, 2, 3]], 5).tolist() == [0]
    assert pairs_within([], 5).shape == (0, 2)
    assert suppress([], [], [], 5).shape == (0,)
    assert suppress([[1, 2, 3]], [np.nan], [7], 5).tolist() == [0]


def test_two_at_one_place_are_neighbours_at_distance_nothing():
    assert nearest_distances([[1, 1, 1]] * 2 + [[5, 1, 1]]).tolist() == [0, 0, 4]
    assert neighbour_counts([[1, 1, 1]] * 3, 0).tolist() == [2, 2, 2]


def test_the_best_stands_for_its_neighbours():
    assert suppress(ROW, [0.1, 0.9, 0.5, 0.0], [1, 2, 3, 4], 4).tolist() == [1, 1, 1, 3]
    # a chain: what the taken-out one is near to stays
    assert suppress([[0, 0, 0], [3, 0, 0], [6, 0, 0]], [3, 2, 1], [1, 2, 3], 3).tolist() == [0, 0, 2]
    # no score is worse than any
    assert suppress([[0, 0, 0], [1, 0, 0]], [np.nan, -5.0], [1, 2], 3).tolist() == [1, 1]
    # of equal ones the first in space, then the first id
    assert suppress([[1, 0, 0], [0, 0, 0]], [1, 1], [1, 2], 3).tolist() == [1, 1]
    assert suppress([[0, 0, 0], [0, 0, 0]], [1, 1], [9, 2], 3).tolist() == [1, 1]


scattered = st.lists(
    st.tuples(*[st.integers(0, 8)] * 3, st.one_of(st.just(np.nan), st.integers(0, 3))), max_size=30
)


@settings(max_examples=60, deadline=None)
@given(scattered, st.floats(0, 6), st.randoms(use_true_random=False))
def test_what_stays_does_not_depend_on_the_order(rows, distance, random):
    shuffled = list(range(len(rows)))
    random.shuffle(shuffled)
    points = np.array([row[:3] for row in rows], float).reshape(-1, 3)
    scores, ids = np.array([row[3] for row in rows], float), np.arange(len(rows))
    one = suppress(points, scores, ids, distance)
    other = suppress(points[shuffled], scores[shuffled], ids[shuffled], distance)
    assert {i: int(one[i]) for i in ids} == {shuffled[i]: shuffled[int(row)] for i, row in enumerate(other)}
    kept = np.flatnonzero(one == ids)
    # those that stay are further apart, and a second time nothing changes
    assert not len(pairs_within(points[kept], distance))
    again = suppress(points[kept], scores[kept], ids[kept], distance)
    assert again.tolist() == list(range(len(kept)))
    assert (np.linalg.norm(points - points[one], axis=1) <= distance + 1e-9).all()
