"""What cleaning would remove, and why."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import ModelError, ParameterError
from napari_tomopick.geometry import orientations
from napari_tomopick.models.filters import Range
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.protocols import clean

NONE = Particles([])
VESICLE = Model(
    name="vesicle",
    type=ModelType.VESICLE,
    points=np.empty((0, 3)),
    parameters={"center": [50.0, 50.0, 50.0], "radius": 20.0},
    tomogram="a",
)


def tomogram(name="a", shape=(30, 40, 50), size=10.0):
    return Tomogram(name, Path(f"{name}.mrc"), shape, size)


def around(distances, directions=None, **more):
    """Particles that far from the vesicle, along +x; by default they point outwards."""
    positions = np.array([[70.0 + d, 50, 50] for d in distances])
    out = np.tile([1.0, 0, 0], (len(distances), 1)) if directions is None else directions
    more.setdefault("tomograms", ["a"] * len(distances))
    return Particles(positions, orientations.from_directions(out), **more)


def sheet(n=6, spacing=10.0):
    """A flat square lattice in z = 0, all pointing up."""
    i, j = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    return Particles(np.column_stack([i.ravel(), j.ravel(), np.zeros(n * n)]) * spacing)


def changed(particles, row, position=None, direction=None):
    positions, directions = particles.positions.copy(), particles.directions().copy()
    if position is not None:
        positions[row] += position
    if direction is not None:
        directions[row] = direction
    return Particles(positions, orientations.from_directions(directions))


# duplicates


def test_duplicates_are_told_with_the_one_that_stays():
    picks = Particles(
        [[0, 0, 0], [3, 0, 0], [0, 0, 0], [50, 0, 0]],
        ids=[10, 20, 30, 40],
        scores=[0.2, 0.9, np.nan, np.nan],
        tomograms=["a", "a", "b", "a"],
    )
    found = clean.duplicates(picks, distance=3)
    assert found.ids.tolist() == [10]
    assert found.instead.tolist() == [20]
    assert found.reason == "1 of 4 particles lies within 3 voxels of a better one"
    assert clean.without(picks, found).ids.tolist() == [20, 30, 40]
    assert len(clean.duplicates(picks, distance=2.9)) == 0


def test_exact_copies_without_scores():
    found = clean.duplicates(Particles([[1, 2, 3]] * 3, ids=[3, 1, 2]), distance=0)
    assert found.ids.tolist() == [3, 2]
    assert found.instead.tolist() == [1, 1]
    assert "2 of 3 particles lie within 0 voxels of one that is kept" in found.reason


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 15))
def test_duplicates_do_not_depend_on_the_order_and_are_gone_after_once(seed, distance):
    rng = np.random.default_rng(seed)
    picks = Particles(
        rng.integers(0, 20, (40, 3)),
        scores=rng.choice([0.1, 0.5, np.nan], 40),
        tomograms=rng.choice(["a", "b"], 40),
    )
    found = clean.duplicates(picks, distance=distance)
    other = clean.duplicates(picks.select(rng.permutation(40)), distance=distance)
    assert dict(zip(found.ids, found.instead, strict=True)) == dict(
        zip(other.ids, other.instead, strict=True)
    )
    assert len(clean.duplicates(clean.without(picks, found), distance=distance)) == 0


# the border


def test_the_box_must_fit_as_extraction_cuts_it():
    # a box of 8 around voxel c is c - 4 ... c + 3; halves go up
    x = [3.49, 3.5, 4, 46, 46.49, 46.5]
    picks = Particles([[value, 20, 15] for value in x], tomograms=["a"] * 6)
    found = clean.near_border(picks, [tomogram()], box_size=8)
    assert found.ids.tolist() == [1, 6]
    assert found.reason == "2 of 6 particles have boxes of 8 that would leave the tomogram"
    # z is the short axis: 30 slices
    deep = Particles([[20, 20, 4], [20, 20, 26], [20, 20, 27]])
    assert clean.near_border(deep, [tomogram()], box_size=8).ids.tolist() == [3]


def test_each_tomogram_has_its_own_border():
    picks = Particles([[45, 20, 15], [45, 20, 15]], tomograms=["a", "b"])
    both = [tomogram("a"), tomogram("b", (30, 40, 48))]
    assert clean.near_border(picks, both, box_size=8).ids.tolist() == [2]


def test_a_border_cannot_be_guessed():
    picks = Particles([[45, 20, 15]], tomograms=["c"], voxel_size_angstrom=5.0)
    with pytest.raises(ParameterError, match=r"tomogram 'c' is needed.*there are: a"):
        clean.near_border(picks, [tomogram()], box_size=8)
    with pytest.raises(ParameterError, match=r"5 Å per voxel.*10 Å"):
        clean.near_border(picks, [tomogram("c")], box_size=8)
    with pytest.raises(ParameterError, match="even number"):
        clean.near_border(NONE, [tomogram()], box_size=7)


# membranes


def test_on_the_side_and_at_the_distance_asked_for():
    picks = around([-6, -1, 1, 6, 15])
    outside = clean.off_membrane(picks, [VESICLE], side="outside", maximum_distance=10)
    assert outside.ids.tolist() == [1, 2, 5]
    assert "2 not on the outside of the membrane, 1 further from it than 10 voxels" in outside.reason
    # a particle in the membrane may be a little across
    a_little = clean.off_membrane(picks, [VESICLE], side="outside", minimum_distance=-2)
    assert a_little.ids.tolist() == [1]
    inside = clean.off_membrane(picks, [VESICLE], side="inside", maximum_distance=3)
    assert inside.ids.tolist() == [1, 3, 4, 5]
    either = clean.off_membrane(picks, [VESICLE], minimum_distance=3, maximum_distance=10)
    assert either.ids.tolist() == [2, 3, 5]
    assert len(clean.off_membrane(picks, [VESICLE])) == 0


def test_tilted_off_the_normal():
    picks = around([5, 5, 5], [[1, 0, 0], [1, 0.3, 0], [-1, 0, 0]])
    found = clean.off_membrane(picks, [VESICLE], maximum_angle_degrees=30)
    assert found.ids.tolist() == [3]
    assert "1 more than 30 degrees off its normal" in found.reason


def test_a_tomogram_without_a_surface_is_not_judged():
    picks = around([50, 50], tomograms=["a", "b"])
    found = clean.off_membrane(picks, [VESICLE], maximum_distance=10)
    assert found.ids.tolist() == [1]
    assert "1 were not judged, as there is no surface in b" in found.reason
    with pytest.raises(ModelError, match="no surface was given to judge the particles of b"):
        clean.off_membrane(picks.in_tomogram("b"), [VESICLE], maximum_distance=10)


@pytest.mark.parametrize(
    "wrong",
    [
        {"minimum_distance": 5, "maximum_distance": 2},
        {"maximum_distance": -1},
        {"side": "left"},
        {"maximum_angle_degrees": 190},
        {"maximum_distance": np.nan},
    ],
)
def test_limits_that_mean_nothing(wrong):
    with pytest.raises(ParameterError):
        clean.off_membrane(around([5]), [VESICLE], **wrong)


# neighbours


def test_isolated_ones():
    picks = Particles([[0, 0, 0], [4, 0, 0], [4, 3, 0], [90, 0, 0]], tomograms=["a", "a", "a", "a"])
    assert clean.isolated(picks, radius=4, neighbours=1).ids.tolist() == [4]
    assert clean.isolated(picks, radius=4, neighbours=2).ids.tolist() == [1, 3, 4]
    reason = clean.isolated(picks, radius=4, neighbours=2).reason
    assert reason == "3 of 4 particles have fewer than 2 neighbours within 4 voxels"
    # neighbours in another tomogram are none
    apart = Particles([[0, 0, 0], [4, 0, 0]], tomograms=["a", "b"])
    assert len(clean.isolated(apart, radius=5, neighbours=1)) == 2


def test_a_flat_lattice_agrees_with_itself():
    assert len(clean.disagreeing(sheet(), radius=12, angle_degrees=20, neighbours=2)) == 0


def test_one_that_is_tilted_or_out_of_plane_or_flipped_disagrees():
    row = 14
    arguments = {"radius": 12, "angle_degrees": 20, "neighbours": 2}
    tilted = clean.disagreeing(changed(sheet(), row, direction=[1, 0, 1]), **arguments)
    assert tilted.ids.tolist() == [row + 1]
    above = clean.disagreeing(changed(sheet(), row, position=[0, 0, 6]), **arguments)
    assert above.ids.tolist() == [row + 1]
    # a wide offset lets it be
    assert not len(
        clean.disagreeing(changed(sheet(), row, position=[0, 0, 6]), **arguments, offset_degrees=45)
    )
    flipped = clean.disagreeing(changed(sheet(), row, direction=[0, 0, -1]), **arguments)
    assert flipped.ids.tolist() == [row + 1]
    assert flipped.reason == (
        "1 of 36 particles agrees with fewer than 2 neighbours within 12 voxels (20 degrees); "
        "1 of them would agree if flipped"
    )


def test_a_lattice_on_a_sphere():
    n = 400
    k = np.arange(n) + 0.5
    polar, turn = np.arccos(1 - 2 * k / n), np.pi * (1 + 5**0.5) * k
    out = np.column_stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)])
    good = Particles(100 * out, orientations.from_directions(out))
    # some 18 voxels apart, 10 degrees between them
    assert len(clean.disagreeing(good, radius=26, angle_degrees=25)) == 0
    rng = np.random.default_rng(0)
    bad = rng.choice(n, 60, replace=False)
    directions = out.copy()
    directions[bad] = rng.normal(size=(60, 3))
    found = clean.disagreeing(
        Particles(100 * out, orientations.from_directions(directions)), radius=26, angle_degrees=25
    )
    by_chance = np.degrees(
        np.arccos(np.einsum("nk,nk->n", out[bad], directions[bad]) / np.linalg.norm(directions[bad], axis=1))
    )
    missed = set((bad + 1).tolist()) - set(found.ids.tolist())
    assert all(by_chance[np.flatnonzero(bad + 1 == i)[0]] < 40 for i in missed)
    assert len(set(found.ids.tolist()) - set((bad + 1).tolist())) <= 4


def test_the_twist_counts_modulo_the_symmetry():
    flat = sheet()
    quarter = orientations.twisted(flat.rotations, np.where(np.arange(36) % 2, 90.0, 0.0))
    turned = Particles(flat.positions, quarter)
    arguments = {"radius": 10, "angle_degrees": 20, "neighbours": 2}
    assert len(clean.disagreeing(turned, **arguments)) == 0
    assert len(clean.disagreeing(turned, **arguments, twist=True)) > 0
    assert len(clean.disagreeing(turned, **arguments, twist=True, symmetry="C4")) == 0


def test_a_particle_that_looks_the_same_upside_down_may_be():
    mixed = changed(sheet(), 14, direction=[0, 0, -1])
    arguments = {"radius": 12, "angle_degrees": 20, "neighbours": 2}
    assert len(clean.disagreeing(mixed, **arguments, symmetry="C6")) == 1
    assert len(clean.disagreeing(mixed, **arguments, symmetry="D6")) == 0


def test_small_lattices():
    both = np.concatenate([sheet().positions, [[200, 0, 0], [210, 0, 0], [205, 8, 0]]])
    arguments = {"radius": 12, "angle_degrees": 20, "neighbours": 2}
    assert len(clean.disagreeing(Particles(both), **arguments)) == 0
    assert clean.disagreeing(Particles(both), **arguments, smallest_lattice=4).ids.tolist() == [37, 38, 39]


def test_a_radius_that_takes_in_everything_is_refused(monkeypatch):
    monkeypatch.setattr("napari_tomopick.geometry.lattices._MOST_PAIRS", 100)
    with pytest.raises(ParameterError, match="35 others within 1000 voxels on average"):
        clean.disagreeing(sheet(), radius=1000, angle_degrees=20)


@pytest.mark.parametrize(
    "wrong",
    [
        {"radius": 0},
        {"angle_degrees": 0},
        {"neighbours": 0},
        {"symmetry": "C0"},
        {"offset_degrees": 200},
        {"smallest_lattice": 0},
    ],
)
def test_a_check_that_means_nothing(wrong):
    with pytest.raises(ParameterError):
        clean.disagreeing(sheet(), **{"radius": 12, "angle_degrees": 20, **wrong})


# ranges


def test_filtered_says_how_many_each_range_takes():
    picks = Particles(
        [[0, 0, 1], [0, 0, 2], [0, 0, 3], [0, 0, 4]],
        scores=[0.1, 0.5, np.nan, 0.9],
        table=pd.DataFrame({"rlnA": [1, 2, 3, 4]}),
    )
    found = clean.filtered(picks, [], {"score": Range(0.3), "rlnA": Range(None, 3)})
    assert found.ids.tolist() == [1, 4]
    assert found.reason == (
        "2 of 4 particles are out of range: score at least 0.3 (1 out), rlnA at most 3 (1 out)"
    )
    assert clean.filtered(picks, [], {"score": Range(missing=False)}).ids.tolist() == [3]
    assert len(clean.filtered(picks, [], {})) == 0
    with pytest.raises(ParameterError, match="no quantity 'rlnB'"):
        clean.filtered(picks, [], {"rlnB": Range(1)})


def test_filtered_by_the_membrane_and_by_what_is_alike_in_a_tomogram():
    picks = around([-6, 2, 30, 30], tomograms=["a", "a", "a", "b"], table=pd.DataFrame({"lot": [1, 1, 1, 2]}))
    found = clean.filtered(picks, [VESICLE], {"membrane_distance": Range(-3, 10)})
    assert found.ids.tolist() == [1, 3]
    known = clean.filtered(picks, [VESICLE], {"membrane_distance": Range(-3, 10, missing=False)})
    assert known.ids.tolist() == [1, 3, 4]
    # a column that is the same for all in each tomogram
    assert clean.filtered(picks, [], {"lot": Range(None, 1)}).ids.tolist() == [4]
    with pytest.raises(ModelError, match="no surface"):
        clean.filtered(picks, [], {"membrane_angle": Range(0, 30)})


def test_no_particles_and_one():
    for picks in (NONE, Particles([[25, 20, 15]], tomograms=["a"])):
        assert len(clean.duplicates(picks, distance=5)) == 0
        assert len(clean.near_border(picks, [tomogram()], box_size=8)) == 0
        assert len(clean.off_membrane(picks, [VESICLE])) == 0
        assert len(clean.isolated(picks, radius=5, neighbours=1)) == len(picks)
        assert len(clean.disagreeing(picks, radius=5, angle_degrees=20)) == len(picks)
        assert len(clean.disagreeing(picks, radius=5, angle_degrees=20, twist=True, symmetry="D2")) == len(
            picks
        )
        assert len(clean.filtered(picks, [VESICLE], {"membrane_distance": Range(), "z": Range(0)})) == 0
    assert clean.duplicates(NONE, distance=5).reason.startswith("0 of 0 particles")


def test_all_of_it_does_not_depend_on_the_order():
    rng = np.random.default_rng(3)
    picks = Particles(
        rng.uniform(10, 40, (80, 3)),
        Rotation.random(80, rng=rng),
        scores=rng.uniform(size=80),
        tomograms=rng.choice(["a", "b"], 80),
    )
    other = picks.select(rng.permutation(80))
    for look in (
        lambda p: clean.near_border(p, [tomogram("a"), tomogram("b")], box_size=12),
        lambda p: clean.isolated(p, radius=9, neighbours=2),
        lambda p: clean.disagreeing(p, radius=20, angle_degrees=60, neighbours=2),
        lambda p: clean.filtered(p, [], {"density": Range(3)}, density_radius=10),
    ):
        one, two = look(picks), look(other)
        assert 0 < len(one) < 80
        assert sorted(one.ids) == sorted(two.ids)
        assert one.reason == two.reason
