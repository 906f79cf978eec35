"""Who agrees with whom: counted in clusters, scored against a truth, drawn and written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_tomopick.errors import ParameterError, TomopickError
from napari_tomopick.models.particles import Particles
from napari_tomopick.picking.agreement import Agreement, matched, score_against
from napari_tomopick.picking.consensus import consensus
from napari_tomopick.picking.consensus_pickers import Picker
from napari_tomopick.protocols.agreement_picture import MOST, save_agreement_picture
from napari_tomopick.protocols.agreement_table import save_agreement_table


def along_x(*x):
    return np.array([[value, 0.0, 0.0] for value in x]).reshape(-1, 3)


def in_two(a, b):
    """Picks in tomogram a and in tomogram b."""
    return Particles(along_x(*a, *b), tomograms=["a"] * len(a) + ["b"] * len(b))


@pytest.fixture
def agreement():
    result = consensus(
        [
            Picker("one", in_two([0, 100, 200], [0])),
            Picker("two", in_two([1, 101, 300], [100])),
            Picker("<3>", in_two([2], [1, 200])),
        ],
        votes=2,
    )
    return Agreement.of(result)


def test_combinations_and_their_counts(agreement):
    assert agreement.combinations == (
        (True, True, True),
        (True, True, False),
        (True, False, True),
        (False, True, False),
        (True, False, False),
        (False, False, True),
    )
    assert agreement.totals().tolist() == [1, 1, 1, 2, 1, 1]
    assert agreement.counts[:, 0].tolist() == [1, 1, 0, 1, 1, 0]
    assert agreement.kept.sum(axis=1).tolist() == [1, 1, 1, 0, 0, 0]
    assert agreement.words(agreement.combinations[2]) == "one + <3>"


def test_by_picker(agreement):
    assert agreement.by_picker().tolist() == [4, 4, 3]
    assert agreement.by_picker("b").tolist() == [1, 1, 2]
    assert agreement.alone().tolist() == [1, 2, 1]
    assert agreement.alone("a").tolist() == [1, 1, 0]


def test_jaccard(agreement):
    np.testing.assert_allclose(agreement.jaccard(), [[1, 2 / 6, 2 / 5], [2 / 6, 1, 1 / 6], [2 / 5, 1 / 6, 1]])
    assert agreement.jaccard("b")[0].tolist() == [1, 0, 0.5]


def test_nothing_agrees_with_nothing():
    nothing = Agreement.of(consensus([Picker("one", in_two([], [])), Picker("two", in_two([], []))]))
    assert nothing.combinations == ()
    assert nothing.by_picker().tolist() == [0, 0]
    assert np.isnan(nothing.jaccard()).all()


def test_nearest_pairs_first_without_scores():
    found, apart = matched(along_x(4, 3), along_x(0, 6), 4.0)
    assert found.tolist() == [1, 0]
    assert apart.tolist() == [2, 3]
    # the one that is in between takes the nearer, and leaves nothing for the other
    found, apart = matched(along_x(2, 0.5), along_x(0), 4.0)
    assert found.tolist() == [-1, 0]
    assert np.isnan(apart[0])


def test_best_first_with_scores():
    assert matched(along_x(2, 0.5), along_x(0), 4.0, [2, 1])[0].tolist() == [0, -1]
    assert matched(along_x(2, 0.5), along_x(0), 4.0, [np.nan, 1])[0].tolist() == [-1, 0]
    assert matched(along_x(2, 0.5), along_x(0), 4.0, [1, 1])[0].tolist() == [-1, 0]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 30), max_size=12), st.lists(st.integers(0, 30), max_size=12))
def test_pairs_are_one_to_one_and_as_many_either_way(picks, truth):
    found, apart = matched(along_x(*picks), along_x(*truth), 3.0)
    right = found[found >= 0]
    assert len(set(right.tolist())) == len(right)
    assert (apart[found >= 0] <= 3).all()
    assert (matched(along_x(*truth), along_x(*picks), 3.0)[0] >= 0).sum() == len(right)


def test_scores_leave_out_tomograms_that_the_truth_is_silent_about():
    score = score_against(in_two([0, 50], [7]), Particles(along_x(1, 90), tomograms=["a", "a"]), 5.0)
    assert (score.hits, score.false, score.missed) == (1, 1, 1)
    assert (score.precision, score.recall, score.f1, score.distance) == (0.5, 0.5, 0.5, 1)


def test_the_table(agreement, tmp_path):
    save_agreement_table(tmp_path / "table.csv", agreement)
    table = pd.read_csv(tmp_path / "table.csv")
    assert list(table.columns) == ["tomogram", "one", "two", "<3>", "votes", "clusters", "kept"]
    assert table.clusters.sum() == 7
    assert table[table.tomogram == "b"][["one", "two", "<3>"]].to_numpy().tolist() == [
        [1, 0, 1],
        [0, 1, 0],
        [0, 0, 1],
    ]


def test_the_picture(agreement, tmp_path):
    save_agreement_picture(tmp_path / "a.png", agreement, "a title")
    save_agreement_picture(tmp_path / "a.svg", agreement, "a title")
    text = (tmp_path / "a.svg").read_text()
    assert "&lt;3&gt;" in text
    # one dot for each of three pickers in six combinations
    assert text.count("<circle") == 18
    with Image.open(tmp_path / "a.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20)}
        assert {(0x1F, 0x77, 0xB4), (0x9A, 0xA5, 0xB1), (0xD0, 0xD4, 0xDA)} <= colours
        assert picture.width > 600


def test_a_picture_of_many_has_one_bar_for_the_rest(tmp_path):
    # the binary digits of a number say who has picked at that place
    sets = [Particles(along_x(*(100 * n for n in range(32) if n >> k & 1))) for k in range(5)]
    many = Agreement.of(consensus([Picker(f"set {k}", each) for k, each in enumerate(sets)], votes=1))
    save_agreement_picture(tmp_path / "a.svg", many)
    assert (tmp_path / "a.svg").read_text().count("<circle") == MOST * 5
    assert "11 more" in (tmp_path / "a.svg").read_text()
    nothing = Agreement.of(consensus([Picker("one", Particles(np.empty((0, 3))))]))
    save_agreement_picture(tmp_path / "nothing.png", nothing)


def test_a_picture_that_cannot_be(agreement, tmp_path):
    with pytest.raises(ParameterError, match=r"a picture is \.png or \.svg"):
        save_agreement_picture(tmp_path / "a.pdf", agreement)
    with pytest.raises(TomopickError, match="there is no folder"):
        save_agreement_picture(tmp_path / "no" / "a.png", agreement)
