"""What tells particles apart, and which of them pass ranges of it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.meshes import geodesic_sphere
from napari_tomopick.models.filters import Range, counts, passing
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.quantities import (
    Quantity,
    chosen_quantities,
    class_column,
    numeric_values,
    quantities,
)


def some(**columns):
    return Particles(
        [[0, 0, 0], [3, 0, 0], [3, 4, 1]],
        groups=[1, 1, 2],
        scores=[0.5, np.nan, 0.25],
        table=pd.DataFrame(columns) if columns else pd.DataFrame(),
    )


def test_every_quantity_by_its_key():
    found = quantities(
        some(rlnClassNumber=[1, 2, 2], rlnCoarse=[1.5, 2.5, np.nan], note=["x", "y", "z"], same=[7, 7, 7]),
        meshes=[("ball", geodesic_sphere(3))],
        density_radius=4.0,
    )
    assert list(found) == [
        "score",
        "membrane_distance",
        "membrane_angle",
        "nearest",
        "density",
        "z",
        "group",
        "class",
        "table:rlnCoarse",
    ]
    values = {key: quantity.values for key, quantity in found.items()}
    np.testing.assert_array_equal(values["score"], [0.5, np.nan, 0.25])
    assert values["membrane_distance"][0] == pytest.approx(-1, abs=0.1)
    assert values["membrane_distance"][1] == pytest.approx(2, abs=0.1)
    assert values["nearest"] == pytest.approx([3, 3, np.sqrt(17)])
    assert values["density"].tolist() == [1, 1, 0]
    assert values["z"].tolist() == [0, 0, 1]
    assert values["class"].tolist() == [1, 2, 2]
    assert [key for key, quantity in found.items() if quantity.whole] == ["density", "group", "class"]
    assert found["density"].label == "neighbours within 4 voxels"
    assert "voxels" in found["membrane_distance"].label


def test_what_does_not_tell_apart_is_left_out_but_for_the_score():
    one = Particles([[1, 2, 3]], scores=[0.5], table=pd.DataFrame({"a": [1.0]}))
    assert list(quantities(one)) == ["score"]
    assert quantities(Particles([[1, 2, 3]])) == {}
    assert quantities(Particles([])) == {}
    assert list(quantities(Particles([]), meshes=[("ball", geodesic_sphere(1))])) == []
    # asked for by name, it is there
    assert chosen_quantities(one, ["z", "a", "table:a"])["a"].values.tolist() == [1.0]


def test_density_within_the_box_or_what_the_spacing_gives():
    line = np.column_stack([np.arange(10.0) * 5, np.zeros(10), np.zeros(10)])
    assert quantities(Particles(line))["density"].values.tolist() == [3, 4, 5, 6, 6, 6, 6, 5, 4, 3]
    assert quantities(Particles(line, box_size=10))["density"].values.tolist() == [2, 3] + [4] * 6 + [3, 2]
    # all at one place: no spacing to go by
    assert "density" not in quantities(Particles([[1, 1, 1]] * 4, scores=[1, 2, 3, 4]))
    with pytest.raises(ParameterError, match="positive"):
        quantities(Particles(line), density_radius=-1)


def test_whole_numbers_with_gaps_come_in_several_guises():
    for column in (
        pd.Series([1.0, np.nan, 3.0]),
        pd.Series([1, None, 3], dtype="Int64"),
        pd.Series([1, None, 3], dtype=object),
    ):
        quantity = quantities(some(n=column))["table:n"]
        np.testing.assert_array_equal(quantity.values, [1, np.nan, 3])
        assert quantity.whole
    np.testing.assert_array_equal(numeric_values(pd.Series([True, False])), [1, 0])
    np.testing.assert_array_equal(numeric_values(pd.Series([1.0, np.inf, -np.inf])), [1, np.nan, np.nan])
    assert not quantities(some(n=[1.0, 2.5, 3.0]))["table:n"].whole
    for text in (["1", "2"], pd.Series(["a", "b"], dtype="string"), ["a", None], pd.Categorical(["a", "b"])):
        assert numeric_values(pd.Series(text)) is None


def test_the_column_of_the_class():
    assert class_column(some()) is None
    assert class_column(some(dyn_class=[1, 2, 3], rlnClassNumber=[1, 1, 2])) == "rlnClassNumber"
    both = quantities(some(rlnClassNumber=[1, 1, 2], **{"class": [3, 2, 1]}))
    assert both["class"].values.tolist() == [3, 2, 1]
    assert "table:rlnClassNumber" in both


def test_a_quantity_that_is_not_there_is_named():
    with pytest.raises(ParameterError, match=r"'nonsense': score, nearest.*need a surface"):
        chosen_quantities(some(), ["nonsense"])
    with pytest.raises(ParameterError, match="'note' does not hold numbers"):
        chosen_quantities(some(note=["x", "y", "z"]), ["note"])
    with pytest.raises(ParameterError, match="range of 'class'"):
        passing(quantities(some()), {"class": Range(1, 2)})


def of(**values):
    return {key: Quantity(key, key, np.array(v, float), False) for key, v in values.items()}


def test_both_ends_are_included_and_missing_values_pass_or_not():
    found = of(a=[1, 2, 3, np.nan])
    assert passing(found, {"a": Range(1, 2)}).tolist() == [True, True, False, True]
    assert passing(found, {"a": Range(2, missing=False)}).tolist() == [False, True, True, False]
    assert passing(found, {"a": Range(missing=False)}).tolist() == [True, True, True, False]
    assert passing(found, {}).tolist() == [True] * 4
    assert passing({}, {}, n=2).tolist() == [True, True]
    assert passing({}, {}).shape == (0,)


def test_counts_of_each_and_all():
    found = counts(of(a=[1, 2, 3, np.nan], b=[1, 1, 5, 5]), {"a": Range(2, None), "b": Range(None, 4)})
    assert found.each == {"a": 3, "b": 2}
    assert (found.together, found.total) == (1, 4)


@pytest.mark.parametrize("ends", [(2, 1), (np.nan, 1), (0, np.nan)])
def test_ranges_that_mean_nothing(ends):
    with pytest.raises(ParameterError):
        Range(*ends)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.one_of(st.just(np.nan), st.integers(-3, 3)), min_size=1, max_size=20),
    st.tuples(st.integers(-3, 3), st.integers(-3, 3)),
    st.booleans(),
)
def test_a_wider_range_lets_no_fewer_through(values, ends, missing):
    low, high = min(ends), max(ends)
    quantity = of(a=values)
    inner = passing(quantity, {"a": Range(low, high, missing)})
    outer = passing(quantity, {"a": Range(low - 1, high, missing)})
    assert not (inner & ~outer).any()
    expected = [missing if np.isnan(v) else low <= v <= high for v in values]
    assert inner.tolist() == expected
