"""The one selection of particles."""

import numpy as np
import pytest

from napari_tomopick.layers.selection import Selection


@pytest.fixture
def selection():
    return Selection()


@pytest.fixture
def told(selection):
    calls = []
    selection.changed.connect(lambda: calls.append(selection.rows))
    return calls


def test_set_add_remove_toggle(selection):
    selection.set({"a": [3, 1, 3], "b": []})
    assert selection.rows == [("a", 1), ("a", 3)]
    selection.add({"b": [7]})
    selection.remove({"a": [1, 99]})
    assert selection.rows == [("a", 3), ("b", 7)]
    selection.toggle({"a": [3, 4, 4], "b": [8]})
    assert selection.rows == [("a", 4), ("b", 7), ("b", 8)]
    assert len(selection) == 3
    selection.clear()
    assert selection.rows == []


def test_tells_only_of_changes(selection, told):
    selection.set({"a": [1, 2]})
    selection.set({"a": [2, 1]})
    selection.add({"a": [1]})
    selection.remove({"b": [1]})
    assert told == [[("a", 1), ("a", 2)]]


def test_mask(selection):
    selection.set({"a": [2, 5]})
    np.testing.assert_array_equal(selection.mask("a", [1, 2, 5, 2]), [False, True, True, True])
    assert not selection.mask("b", [2, 5]).any()


def test_keeps_only_what_is_there(selection):
    selection.set({"a": [1, 2, 3], "b": [1]})
    selection.keep({"a": [2, 3, 4]})
    assert selection.rows == [("a", 2), ("a", 3)]
