"""Scipion's consensus, to the last digit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from consensus_sets import ALL_OF_THEM, THREE, about_z, along_x, of, places
from napari_tomopick.picking.consensus import consensus
from napari_tomopick.picking.scipion_consensus import scipion_consensus


@pytest.mark.parametrize("function", [consensus, scipion_consensus])
@pytest.mark.parametrize(
    ("votes", "mode", "expected"),
    [
        (-1, "atleast", ALL_OF_THEM[:1]),
        (3, "atleast", ALL_OF_THEM[:1]),
        (2, "atleast", ALL_OF_THEM[:1]),
        (1, "atleast", ALL_OF_THEM),
        (1, "exactly", ALL_OF_THEM[1:]),
        (2, "exactly", []),
        (3, "exactly", ALL_OF_THEM[:1]),
    ],
)
def test_the_worked_example(function, votes, mode, expected):
    result = function(THREE, radius=10, votes=votes, mode=mode)
    np.testing.assert_allclose(np.array(places(result)).reshape(-1, 3), np.array(expected).reshape(-1, 3))


def test_votes_out_of_range_mean_all():
    for votes in (0, -7, 5):
        assert places(scipion_consensus(THREE, votes=votes)) == ALL_OF_THEM[:1]


def test_just_the_radius_is_too_far():
    assert len(scipion_consensus(of(along_x(0), along_x(10))).particles) == 0
    assert places(scipion_consensus(of(along_x(0), along_x(9)))) == [[4.5, 0, 0]]


def test_positions_are_cut_off_towards_the_centre():
    sets = of(along_x(0.9, 59.1))
    assert places(scipion_consensus(sets)) == [[0, 0, 0], [59, 0, 0]]
    centred = scipion_consensus(sets, centres=[{"": (50, 0, 0)}])
    assert places(centred) == [[1, 0, 0], [59, 0, 0]]


def test_binnings_are_scaled_about_the_centre():
    coarse = replace(along_x(60), voxel_size_angstrom=10.0)
    fine = replace(along_x(121), voxel_size_angstrom=5.0)
    result = scipion_consensus(of(coarse, fine), centres=[{"": (50, 0, 0)}, {"": (100, 0, 0)}])
    # 10 and 21 from the centre: 10.5 becomes 10
    assert places(result) == [[60, 0, 0]]


def test_orientations_depend_on_the_order():
    def angle(*degrees):
        sets = of(*(along_x(0, rotations=about_z(d)) for d in degrees))
        return scipion_consensus(sets).particles.rotations.as_euler("zyx", degrees=True)[0, 0]

    # but for two decimals in the matrix
    assert angle(0, 90, 0) == pytest.approx(22.5, abs=0.2)
    assert angle(0, 0, 90) == pytest.approx(45, abs=0.01)
    assert angle(0, 30) != pytest.approx(15, abs=0.001)


def test_each_pick_is_a_vote_and_the_last_tells_the_group():
    result = scipion_consensus(
        of(along_x(0, 4, groups=[5, 5]), along_x(1, groups=[7])), votes=2, mode="exactly"
    )
    # the two of the first stay apart
    assert places(result) == [[0.5, 0, 0]]
    assert result.particles.groups.tolist() == [7]
    assert scipion_consensus(of(along_x(0), along_x(1, 2)), votes=2).particles.table.votes.tolist() == [3]


def test_one_set_is_put_together_with_itself():
    result = scipion_consensus(of(along_x(0, 4, 8)), votes=1)
    assert places(result) == [[4, 0, 0]]


def test_only_tomograms_of_the_first():
    one, two = along_x(0, tomograms=["a"]), along_x(0, 50, tomograms=["a", "b"])
    assert scipion_consensus(of(one, two), votes=1).particles.tomograms.tolist() == ["a"]
    assert set(scipion_consensus(of(two, one), votes=1).particles.tomograms) == {"a", "b"}
    # all of them, and one has none
    assert scipion_consensus(of(two, one)).particles.tomograms.tolist() == ["a"]


def test_groups_come_in_order():
    first = along_x(0, 50, 100, groups=[3, 1, 2])
    assert scipion_consensus(of(first), votes=1).particles.groups.tolist() == [1, 2, 3]


def test_jaccard_index():
    assert scipion_consensus(THREE).notes == ("the tomogram: Jaccard index as Scipion has it 0.600000",)
