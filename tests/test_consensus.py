"""Picks of several pickers put together: known numbers, and what holds for any picks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus_sets import THREE, A, B, C, about_z, along_x, of, picks, places
from napari_tomopick.errors import Cancelled, ParameterError
from napari_tomopick.models.particles import Particles
from napari_tomopick.picking.consensus import consensus
from napari_tomopick.picking.consensus_clusters import clusters
from napari_tomopick.picking.consensus_pickers import Picker


class TestClusters:
    def test_the_radius_is_included_and_nothing_is_cut_off(self):
        assert places(consensus(of(along_x(0), along_x(10)), radius=10)) == [[5, 0, 0]]
        assert len(consensus(of(along_x(0), along_x(10.001)), radius=10).particles) == 0
        assert places(consensus(of(along_x(0.25), along_x(0.5)))) == [[0.375, 0, 0]]

    def test_a_picker_votes_once(self):
        result = consensus(of(along_x(0, 2), along_x(1.5)), votes=1)
        assert places(result) == [[1.75, 0, 0]]
        assert result.particles.table.votes.tolist() == [2]
        assert result.particles.table.id_A.tolist() == [2]
        assert result.notes == ("second picks of one particle by one set, without a vote: 1",)

    def test_a_second_pick_does_not_part_those_who_agree(self):
        # of A and C, and of B and the other of A
        sets = of(along_x(0, 5), along_x(6), along_x(-1))
        assert consensus(sets).particles.table.votes.tolist() == [3]

    def test_two_who_say_that_there_are_two_are_believed(self):
        result = consensus(of(along_x(0, 5), along_x(1, 6)), votes=1)
        assert places(result) == [[0.5, 0, 0], [5.5, 0, 0]]

    def test_one_alone_is_believed_too(self):
        assert len(consensus(of(along_x(0, 5), along_x(50)), votes=1).particles) == 3

    def test_nearest_first(self):
        # B is nearer to the second of A, whatever comes first
        result = consensus(of(along_x(0, 15), along_x(8)), radius=10)
        assert places(result) == [[11.5, 0, 0]]

    def test_a_chain_is_not_one_particle(self):
        sets = of(along_x(0), along_x(9), along_x(18), along_x(27))
        result = consensus(sets, radius=10, votes=1)
        assert places(result) == [[4.5, 0, 0], [22.5, 0, 0]]

    def test_what_is_near_the_centre_of_others_joins_them(self):
        sets = of(along_x(0), along_x(6), along_x(12))
        assert places(consensus(sets, radius=10)) == [[6, 0, 0]]

    def test_exact_copies_with_no_radius(self):
        assert places(consensus(of(along_x(1, 2), along_x(2, 3)), radius=0)) == [[2, 0, 0]]

    def test_orientation_as_second_condition(self):
        sets = of(along_x(0, rotations=about_z(3)), along_x(1, rotations=about_z(40)))
        assert len(consensus(sets, max_angle_degrees=30).particles) == 0
        assert len(consensus(sets, max_angle_degrees=37).particles) == 1
        found = consensus(sets, max_angle_degrees=30, symmetry="C8").particles
        assert found.table.angle_spread[0] == pytest.approx(4)
        # all pairs: 1 and 3 differ by 50
        sets = of(*(along_x(0, rotations=about_z(a)) for a in (5, 30, 55)))
        assert len(consensus(sets, max_angle_degrees=30).particles) == 0

    def test_tomograms_are_apart(self):
        sets = of(along_x(0, tomograms=["a"]), along_x(0, tomograms=["b"]))
        result = consensus(sets, votes=1)
        assert result.particles.tomograms.tolist() == ["a", "b"]
        assert result.particles.table.votes.tolist() == [1, 1]


class TestWhatComesOut:
    def test_weights(self):
        sets = of(along_x(0, rotations=about_z(10)), along_x(9, rotations=about_z(100)), weights=[2, 1])
        found = consensus(sets).particles
        assert found.positions.tolist() == [[3, 0, 0]]
        assert found.table.spread[0] == pytest.approx(np.sqrt((2 * 9 + 36) / 3))
        assert found.rotations.as_euler("zyx", degrees=True)[0, 0] == pytest.approx(36.565051)

    def test_orientations_in_any_order(self):
        for degrees in ((10, 100, 10), (10, 10, 100), (100, 10, 10)):
            sets = of(*(along_x(0, rotations=about_z(a)) for a in degrees))
            found = consensus(sets).particles
            assert found.rotations.as_euler("zyx", degrees=True)[0, 0] == pytest.approx(36.565051)

    def test_sets_without_orientation_have_no_part_in_it(self):
        sets = of(along_x(0, rotations=about_z(50)), along_x(1), along_x(2, rotations=about_z(30)))
        result = consensus(sets, max_angle_degrees=25)
        assert result.particles.rotations.as_euler("zyx", degrees=True)[0, 0] == pytest.approx(40)
        assert result.particles.table.angle_spread.tolist() == [pytest.approx(10)]
        assert result.notes == ("B: no orientations; they are those of the others",)
        assert np.isnan(consensus(of(A, B, C)).particles.table.angle_spread).all()

    def test_scores_are_means_of_ranks_and_kept(self):
        one = along_x(0, 100, 200, scores=[0.1, 0.3, np.nan])
        two = along_x(1, 101, 300, 201, scores=[700, 500, 600, 800])
        table = consensus(of(one, two), votes=1).particles
        np.testing.assert_allclose(table.scores, [(0.5 + 0.75) / 2, (1 + 0.25) / 2, 1, 0.5])
        np.testing.assert_array_equal(table.table.score_A, [0.1, 0.3, np.nan, np.nan])
        np.testing.assert_array_equal(table.table.score_B, [700, 500, 800, 600])
        np.testing.assert_array_equal(table.table.id_B, [1, 2, 4, 3])
        assert table.table.voters.tolist() == ["A+B", "A+B", "A+B", "B"]

    def test_columns_of_the_best_voter_and_of_each_where_they_differ(self):
        one = along_x(
            0, 100, scores=[1, 2], groups=[4, 4], table=pd.DataFrame({"lot": ["x", "y"], "same": [1, 2]})
        )
        two = along_x(
            1, 101, scores=[1, 0], groups=[4, 5],
            table=pd.DataFrame({"lot": ["z", None], "same": [1, 2], "only": [0.5, 0.25], "votes": [7, 8]}),
        )  # fmt: skip
        found = consensus(of(one, two)).particles
        # B is better at the first place, A at the second
        assert found.table.lot.tolist() == ["z", "y"]
        assert found.table.lot_A.tolist() == ["x", "y"]
        assert found.table.same.tolist() == [1, 2]
        assert "same_A" not in found.table
        assert found.table.only.tolist() == [0.5, 0.25]
        assert found.table.votes.tolist() == [2, 2]
        assert found.table.votes_B.tolist() == [7, 8]
        assert found.groups.tolist() == [4, 4]
        assert found.table.group_B.tolist() == [4, 5]

    def test_what_belongs_to_whole_files(self):
        def with_blocks(x, value):
            table = pd.DataFrame({"lot": [1]})
            table.attrs = {"star_blocks": {"optics": value}}
            return along_x(x, table=table)

        alike = consensus(of(with_blocks(0, [7]), with_blocks(1, [7])))
        assert alike.particles.table.attrs == {"star_blocks": {"optics": [7]}}
        assert alike.notes == ()
        unlike = consensus(of(with_blocks(0, [7]), with_blocks(1, [8])))
        assert unlike.particles.table.attrs == {}
        assert unlike.notes[0].startswith("the other blocks of the files are not kept")

    def test_names_that_cannot_stand_in_a_column(self):
        sets = [Picker("by hand", along_x(0)), Picker("by/hand", along_x(1))]
        assert consensus(sets).particles.table.voters.tolist() == ["by_hand+by_hand_2"]

    def test_nothing_one_and_empty_ones(self):
        nothing = picks()
        assert len(consensus(of(nothing, nothing)).particles) == 0
        assert len(consensus(of(A, nothing)).particles) == 0
        assert places(consensus(of(A, nothing), votes=1)) == A.positions.tolist()
        assert places(consensus(of(nothing, A), votes=1)) == A.positions.tolist()
        assert places(consensus(of(C))) == C.positions.tolist()

    def test_a_tomogram_that_one_set_lacks(self):
        one = along_x(0, 0, tomograms=["a", "b"])
        two = along_x(1, tomograms=["a"])
        strict = consensus(of(one, two))
        assert strict.particles.tomograms.tolist() == ["a"]
        assert strict.notes[0].startswith("B has no picks in b: nothing there has all votes")
        lenient = consensus(of(one, two), absent="abstains")
        assert lenient.particles.tomograms.tolist() == ["a", "b"]
        assert lenient.notes == ("B has no picks in b: the others decide there",)
        assert len(consensus(of(one, two), votes=2, absent="abstains").particles) == 1

    def test_binnings(self):
        fine = along_x(41.5, voxel_size_angstrom=2.5, box_size=64)
        coarse = along_x(10, voxel_size_angstrom=10.0)
        found = consensus(of(coarse, fine), radius=1).particles
        assert found.positions.tolist() == [[10, 0 + (0.5 / 4 - 0.5) / 2, (0.5 / 4 - 0.5) / 2]]
        assert (found.voxel_size_angstrom, found.box_size) == (10, 16)
        assert consensus(of(fine, coarse)).particles.positions[0, 0] == 41.5


class TestRefusals:
    @pytest.mark.parametrize(
        ("sets", "options", "message"),
        [
            ([], {}, "at least one set"),
            ([Picker("A", A), Picker("A", B)], {}, "two sets are called 'A'"),
            ([Picker(" ", A)], {}, "needs a name"),
            (of(A, B, weights=[1, 0]), {}, "the weight of B must be a number above 0, got 0"),
            (THREE, {"votes": 4}, "4 votes of 3 sets"),
            (THREE, {"votes": 0}, "0 votes of 3 sets"),
            (THREE, {"radius": -1}, "the radius"),
            (THREE, {"symmetry": "Q3"}, "'Q3' is no point group"),
            (THREE, {"max_angle_degrees": 10}, "none of the sets has orientations"),
            (
                of(along_x(0, voxel_size_angstrom=10.0), along_x(0, voxel_size_angstrom=5.0), A),
                {},
                r"the voxel size of C is not known, .*\(A 10 Å, B 5 Å\)",
            ),
            (of(along_x(0, 1, tomograms=["a", "b"]), A), {}, "B: picks that do not tell their tomogram"),
        ],
    )
    def test_what_makes_no_sense(self, sets, options, message):
        with pytest.raises(ParameterError, match=message):
            consensus(sets, **options)

    def test_a_radius_that_holds_everything(self):
        crowd = picks(*np.random.default_rng(0).uniform(0, 1, (9000, 3)))
        with pytest.raises(ParameterError, match="9000 others within the radius of 10"):
            consensus(of(crowd, crowd.select(np.arange(1))), radius=10)

    def test_what_is_assumed_is_said(self):
        sized = along_x(0, voxel_size_angstrom=10.0, tomograms=["a"])
        result = consensus(of(along_x(1), sized))
        assert result.notes == (
            "A: no voxel size in it; taken to be 10 Å as in the others",
            "A: no tomogram in it; taken to be a as in the others",
        )
        assert result.particles.voxel_size_angstrom == 10

    def test_cancelling(self):
        def stop(done, total, text):
            raise Cancelled

        with pytest.raises(Cancelled):
            consensus(THREE, progress=stop)


def same(one, other):
    np.testing.assert_array_equal(one.positions, other.positions)
    np.testing.assert_allclose(np.abs((one.rotations.as_quat() * other.rotations.as_quat()).sum(axis=1)), 1)
    np.testing.assert_array_equal(one.scores, other.scores)
    np.testing.assert_array_equal(one.groups, other.groups)
    np.testing.assert_array_equal(one.tomograms, other.tomograms)
    pd.testing.assert_frame_equal(one.table, other.table)


# a coarse lattice, so that many are equally far
PLACE = st.tuples(*[st.integers(0, 6).map(lambda i: 4.0 * i)] * 3)
PICK = st.tuples(PLACE, st.integers(0, 3), st.sampled_from(["a", "b"]), st.sampled_from([0.5, 1.0, np.nan]))
SETS = st.lists(st.lists(PICK, max_size=12), min_size=1, max_size=4)


def sets_of(lists):
    return of(
        *(
            Particles(
                np.array([p[0] for p in each], float).reshape(-1, 3),
                about_z(*(30 * p[1] + 1 for p in each)) if each else None,
                groups=[p[1] for p in each],
                tomograms=[p[2] for p in each],
                scores=[p[3] for p in each],
                table=pd.DataFrame({"lot": [f"{p[1]}" for p in each]}),
            )
            for each in lists
        )
    )


@settings(deadline=None, max_examples=30)
@given(SETS, st.randoms(use_true_random=False), st.sampled_from([None, 40.0]))
def test_the_order_of_sets_and_picks_does_not_matter(lists, random, angle):
    pickers = sets_of(lists)
    if angle is not None and not any(lists):
        angle = None
    result = consensus(pickers, radius=6, votes=1, max_angle_degrees=angle)
    mixed = [replace(p, particles=p.particles.select(shuffled(len(p.particles), random))) for p in pickers]
    random.shuffle(mixed)
    again = consensus(mixed, radius=6, votes=1, max_angle_degrees=angle)
    same(result.particles, again.particles)


def shuffled(n, random):
    rows = list(range(n))
    random.shuffle(rows)
    return rows


@settings(deadline=None, max_examples=30)
@given(SETS, st.sampled_from([0.0, 4.0, 6.5, 9.0]))
def test_every_pick_is_in_one_cluster_and_a_picker_votes_once(lists, radius):
    pickers = sets_of(lists)
    result = consensus(pickers, radius=radius, votes=1)
    assert result.kept.all()
    voted = (result.picks >= 0).sum(axis=1)
    assert (voted >= 1).all()
    seconds = sum(map(len, lists)) - voted.sum()
    assert seconds == sum(int(note.split()[-1]) for note in result.notes if "second" in note)
    for k in range(len(pickers)):
        rows = result.picks[:, k]
        assert len(set(rows[rows >= 0])) == (rows >= 0).sum()
    for cluster, tomogram in zip(result.picks, result.tomograms, strict=True):
        names = {p.particles.tomograms[r] for p, r in zip(pickers, cluster, strict=True) if r >= 0}
        assert names == {tomogram}
    votes = result.particles.table.votes
    for needed in range(1, len(pickers) + 1):
        assert len(consensus(pickers, radius=radius, votes=needed).particles) == (votes >= needed).sum()
        exactly = consensus(pickers, radius=radius, votes=needed, mode="exactly").particles
        assert len(exactly) == (votes == needed).sum()


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(PLACE, st.integers(0, 3)), min_size=1, max_size=20), st.sampled_from([0, 4, 6.5, 9])
)
def test_clusters_are_no_wider_than_the_radius_and_have_one_second_pick_at_most(each, radius):
    positions, by = np.array([e[0] for e in each]), np.array([e[1] for e in each])
    label = clusters(positions, by, radius)
    # numbered in the order of their first picks
    assert list(dict.fromkeys(label)) == list(range(label.max() + 1))
    for number in range(label.max() + 1):
        members = positions[label == number]
        assert np.linalg.norm(members - members.mean(axis=0), axis=1).max() <= radius + 1e-9
        distinct = len(set(by[label == number]))
        assert len(members) - distinct <= (1 if distinct > 1 else 0)


@settings(deadline=None, max_examples=30)
@given(SETS)
def test_who_has_no_other_near_by_is_alone_and_who_has_is_not(lists):
    pickers = sets_of(lists)
    result = consensus(pickers, radius=4, votes=1)
    voted = (result.picks >= 0).sum(axis=1)
    # of two clusters by different pickers, one pick each, none is left that could be put together
    single = np.flatnonzero(voted == 1)
    by = (result.picks[single] >= 0).argmax(axis=1)
    at = np.array(
        [pickers[k].particles.positions[result.picks[row, k]] for row, k in zip(single, by, strict=True)]
    ).reshape(-1, 3)
    apart = np.linalg.norm(at[:, None] - at[None], axis=2)
    where = result.tomograms[single]
    could = (by[:, None] != by) & (where[:, None] == where) & (apart <= 4)
    assert not could.any()
