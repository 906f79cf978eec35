"""Following a membrane from slice to slice, on membranes whose place is known."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmark_modules import BENCHMARKS, benchmark
from napari_tomopick import cli
from napari_tomopick.errors import Cancelled, ModelError, ParameterError
from napari_tomopick.geometry import planar_curves
from napari_tomopick.geometry.membrane_clicks import onto_membrane, single_pass
from napari_tomopick.geometry.membrane_profiles import FINENESS, SliceReader, correlations, strip
from napari_tomopick.geometry.membrane_tracking import track_between, track_outward
from napari_tomopick.geometry.minimal_paths import minimal_path
from napari_tomopick.geometry.missing_wedge import degrees_outside, measured
from napari_tomopick.geometry.tracked_levels import View
from napari_tomopick.geometry.tracking_confidence import Confidence, verdict
from napari_tomopick.io.models import read_models, write_models
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.project import Session
from napari_tomopick.protocols.jobs import track_job, track_slice_job
from napari_tomopick.protocols.track import track, track_slice
from napari_tomopick.samples import membrane_tomogram
from napari_tomopick.samples.membranes import bilayer

TILTS = (-60.0, 60.0)


@pytest.fixture(scope="module")
def tracking():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield benchmark("tracking")


@pytest.fixture(scope="module")
def sample():
    return membrane_tomogram(size=(144, 128, 64), crowns=6, ribosomes=4)


def traced(sample, z, n=12, jitter=1.0, seed=0):
    """Clicks along the outer membrane in one slice."""
    rng = np.random.default_rng(seed)
    y = np.linspace(8, 120, n) + rng.uniform(-2, 2, n)
    points = sample.membrane.points(y, np.asarray(float(z)))
    return points + rng.normal(0, jitter, (n, 3)) * [1, 1, 0]


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


# the parts


def test_the_cheapest_path_is_found_and_one_bad_row_does_not_move_it():
    rng = np.random.default_rng(0)
    true = np.round(10 + 5 * np.sin(np.arange(80) / 8)).astype(int)
    costs = rng.normal(0, 0.1, (80, 21))
    costs[np.arange(80), true] -= 1
    costs[40, :] = 0
    costs[40, 20] = -3
    path = minimal_path(costs, 0.05, 2, closed=False)
    assert np.abs(path - true).max() <= 1
    assert np.abs(np.diff(path)).max() <= 2


def test_a_closed_path_closes_and_does_not_depend_on_where_it_begins():
    angle = 2 * np.pi * np.arange(60) / 60
    costs = -np.exp(-0.5 * (np.arange(21) - (10 + 4 * np.sin(angle + 1))[:, None]) ** 2)
    path = minimal_path(costs, 0.05, 2, closed=True)
    assert abs(path[0] - path[-1]) <= 2
    np.testing.assert_array_equal(
        np.roll(path, 17), minimal_path(np.roll(costs, 17, axis=0), 0.05, 2, closed=True)
    )


@pytest.mark.parametrize("closed", [True, False])
def test_a_curve_through_clicks_is_dense_and_even(closed):
    angle = np.linspace(0, 2 * np.pi if closed else 4, 12, endpoint=not closed)
    circle = 40 * np.column_stack([np.cos(angle), np.sin(angle)])
    curve = planar_curves.through_clicks(circle, 2.0, closed=closed)
    sides = np.linalg.norm(np.diff(planar_curves.ring(curve, closed=closed), axis=0), axis=1)
    np.testing.assert_allclose(sides, 2.0, rtol=0.03)
    np.testing.assert_allclose(np.linalg.norm(curve, axis=1), 40, atol=0.3)
    # turned by +90 degrees from the direction of travel, which is to the inside
    across = planar_curves.normals(curve, closed=closed)
    np.testing.assert_allclose(across[5:-5], -curve[5:-5] / 40, atol=0.05)
    offset = planar_curves.offsets_between(curve, across, curve * 0.9, closed=closed)
    np.testing.assert_allclose(offset[3:-3], 4.0, atol=0.1)


def test_repeated_clicks_are_one_click():
    clicks = np.array([[0, 0], [10, 0], [10, 0], [20, 5], [30, 5.0]])
    assert np.isfinite(planar_curves.through_clicks(clicks, 2.0, closed=False)).all()
    with pytest.raises(ValueError, match="3 different"):
        planar_curves.through_clicks(np.repeat(clicks[:2], 3, axis=0), 2.0, closed=False)


def test_a_profile_is_found_where_it_lies_whatever_the_contrast_and_grey():
    grid = FINENESS * np.arange(-40, 41)
    values = 7 - 0.2 * np.exp(-0.5 * ((grid - 3) / 1.5) ** 2)
    profile = -np.exp(-0.5 * (FINENESS * np.arange(-16, 17) / 1.5) ** 2)
    scores = correlations(values[None], profile[None])[0]
    assert (scores.argmax() - len(scores) // 2) * FINENESS == 3
    assert scores.max() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_strip_lies_where_it_says_in_slices_of_every_direction(axis):
    # the grey value is a plane, so that interpolation is exact
    z, y, x = np.meshgrid(np.arange(30.0), np.arange(34.0), np.arange(38.0), indexing="ij")
    volume = 100 * z + 10 * y + x
    curve = np.array([[12.0, 14.5], [14.0, 15.0], [16.0, 15.5]])
    across = np.array([[0.0, 1.0], [0.6, 0.8], [1.0, 0.0]])
    values, inside = strip(SliceReader(volume, axis), 15, curve, across, 4.0)
    places = curve[:, None] + FINENESS * np.arange(-8, 9)[:, None] * across[:, None]
    weights = np.delete([1.0, 10.0, 100.0], axis)
    np.testing.assert_allclose(values, places @ weights + 15 * [1.0, 10.0, 100.0][axis], rtol=1e-6)
    assert inside.all()


def test_only_the_slices_needed_are_read_and_only_when_asked_for(sample):
    reads = []

    class Watched:
        shape = sample.volume.shape

        def __getitem__(self, key):
            reads.append((key[0].start, key[0].stop, (key[2].stop - key[2].start)))
            return sample.volume[key]

    track = track_outward(View(Watched(), tilt_range_degrees=TILTS), {30: traced(sample, 30)}, [32, 34, 60])
    assert reads == []
    found = iter(track)
    next(found)
    assert min(first for first, _, _ in reads) >= 26
    assert max(last for _, last, _ in reads) <= 36
    assert max(width for _, _, width in reads) < 100


@pytest.mark.parametrize("seed", [2, 3, 6])
def test_clicks_off_to_either_side_do_not_take_halves_of_a_curve_to_its_fringes(sample, seed):
    rng = np.random.default_rng(seed)
    clicks = sample.membrane.points(np.linspace(8, 120, 12), np.asarray(32.0))
    clicks[:, 0] += rng.normal(0, 1, 12) + np.where(np.arange(12) < 6, 1.0, -1.0)
    curve = onto_membrane(View(sample.volume).reader, 32, clicks[:, :2], closed=False)
    assert rms(sample.membrane.distance(np.insert(curve, 2, 32, axis=1))) < 0.7


@pytest.mark.parametrize("closed", [False, True])
def test_what_is_traced_again_is_known(closed):
    rng = np.random.default_rng(0)
    t = np.linspace(0, 1, 12, endpoint=not closed)
    if closed:
        curve = 50 * np.column_stack([np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)])
    else:
        curve = np.column_stack([12 * np.sin(4 * t), 200 * t])
    first, again, aside = (curve + rng.normal(0, 0.7, curve.shape) for _ in range(3))
    assert single_pass(first) == 12
    assert single_pass(np.vstack([first, again])) == 12
    assert 12 <= single_pass(np.vstack([first, again[::-1]])) <= 13
    assert single_pass(np.vstack([first, first[:1]])) == 12
    # clicks one voxel apart
    dense = planar_curves.through_clicks(first, 1.0, closed=closed)
    assert single_pass(dense[:-10]) == len(dense) - 10
    if not closed:
        assert single_pass(np.vstack([first, aside + np.array([15, 0])])) == 12
        # a fold is no leap
        assert single_pass(np.vstack([first, aside[::-1] + np.array([15, 0])])) == 24


@pytest.mark.parametrize("nothing", [np.nan, np.inf])
@pytest.mark.parametrize("where", [np.s_[36], np.s_[32], np.s_[:, 40:60, 60:80], np.s_[40, 20, 70]])
def test_voxels_that_are_no_numbers_are_neither_dark_nor_bright(sample, nothing, where):
    volume = sample.volume.astype(np.float32)
    volume[where] = nothing
    levels = list(
        track_outward(View(volume, tilt_range_degrees=TILTS), {32: traced(sample, 32)}, range(34, 45, 2))
    )
    assert len(levels) >= 5
    assert all(rms(sample.membrane.distance(level.points)) < 1 for level in levels)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_tomogram_may_have_few_slices(sample, count):
    clicks = traced(sample, 32) - [0, 0, 32]
    volume = sample.volume[32 : 32 + count]
    run = track_outward(View(volume), {0: clicks}, range(1, 6))
    levels = list(run)
    assert [level.slice for level in levels] == list(range(1, count))
    assert all(rms(sample.membrane.distance(level.points + np.array([0, 0, 32]))) < 1 for level in levels)
    assert run.stopped == "the tomogram ends there"


def test_how_far_a_direction_lies_in_the_wedge_agrees_with_what_was_measured():
    directions = np.random.default_rng(0).normal(size=(500, 3))
    for tilts in ((-60, 60), (-40, 66)):
        for axis in ("x", "y"):
            outside = degrees_outside(directions, tilts, axis)
            np.testing.assert_array_equal(outside <= 0, measured(directions, tilts, axis))
    assert degrees_outside([[0, 0, 1.0]], (-60, 60))[0] == pytest.approx(30)
    assert degrees_outside([[1, 0, 0.0]], (-60, 60))[0] == pytest.approx(-60)
    assert degrees_outside([[0, 1, 0.0]], (-60, 60))[0] == pytest.approx(0)


# from one slice


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sheet_is_followed_from_one_slice_and_dark_or_bright_makes_no_difference(sample, sign):
    targets = range(32 + 2 * sign, 32 + 21 * sign, 2 * sign)
    clicks = {32: traced(sample, 32)}
    run = track_outward(View(sample.volume, tilt_range_degrees=TILTS), clicks, targets)
    levels = list(run)
    assert run.stopped == ""
    assert [level.slice for level in levels] == list(targets)
    for level in levels:
        assert (level.points[:, 2] == level.slice).all()
        assert 8 <= len(level.points) <= 13
        assert rms(sample.membrane.distance(level.points)) < 1
        assert (np.diff(level.points[:, 1]) > 0).all()  # in the order in which it was clicked
        assert 0.5 <= level.point_confidence.min() <= level.point_confidence.max() <= 1
    inverted = list(track_outward(View(-sample.volume, tilt_range_degrees=TILTS), clicks, targets))
    np.testing.assert_allclose(inverted[-1].points, levels[-1].points, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1])
def test_slices_may_lie_across_any_axis(sample, axis):
    # turn the tomogram and the clicks so that what was z is another axis
    order = [[2, 0, 1], [0, 2, 1]][axis]  # which old axis (x, y, z) each new one is
    volume = sample.volume.transpose([2 - order[i] for i in (2, 1, 0)])
    clicks = traced(sample, 32)
    plain = list(track_outward(View(sample.volume), {32: clicks}, [34, 36]))
    turned = list(track_outward(View(volume, axis), {32: clicks[:, order]}, [34, 36]))
    for one, other in zip(plain, turned, strict=True):
        assert (other.points[:, axis] == one.slice).all()
        assert rms(sample.membrane.distance(other.points[:, np.argsort(order)])) < 1
        assert len(one.points) == len(other.points)


def test_small_voxels_are_binned_to_look_for_the_membrane(sample):
    fine = sample.volume.repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)
    clicks = (traced(sample, 32) + 0.5) * 2 - 0.5
    view = View(fine, 2, 5.0, TILTS)
    assert view.binning == 2
    (level,) = track_outward(view, {64: clicks}, [72])
    assert (level.points[:, 2] == 72).all()
    assert rms(sample.membrane.distance((level.points + 0.5) / 2 - 0.5)) < 1


def test_steps_may_be_long(sample):
    levels = list(
        track_outward(View(sample.volume, tilt_range_degrees=TILTS), {32: traced(sample, 32)}, [44, 56])
    )
    assert [level.slice for level in levels] == [44, 56]
    assert rms(sample.membrane.distance(levels[-1].points)) < 1


def test_it_stops_where_the_tomogram_does(sample):
    run = track_outward(View(sample.volume), {58: traced(sample, 58)}, range(60, 80, 2))
    assert [level.slice for level in run][-1] <= 62
    assert run.stopped == "the tomogram ends there"


def test_a_vesicle_is_followed_until_it_closes():
    z, y, x = np.meshgrid(np.arange(60.0), np.arange(80.0), np.arange(80.0), indexing="ij")
    radius = np.sqrt((x - 40) ** 2 + (y - 40) ** 2 + (z - 24) ** 2)
    volume = np.random.default_rng(0).normal(0, 0.3, x.shape) - bilayer(radius - 26, 10.0)
    angle = 2 * np.pi * np.arange(12) / 12
    ring = np.column_stack([40 + 26 * np.cos(angle), 40 + 26 * np.sin(angle), np.full(12, 24.0)])
    run = track_outward(
        View(volume.astype(np.float32), tilt_range_degrees=(-89, 89)), {24: ring}, range(26, 58, 2)
    )
    levels = list(run)
    assert 38 <= levels[-1].slice <= 50
    assert run.stopped
    lengths = [len(level.points) for level in levels]
    assert lengths[0] == 12
    assert lengths[-1] < 12
    for level in levels:
        assert np.abs(np.linalg.norm(level.points - [40, 40, 24], axis=1) - 26).max() < 2


def test_two_runs_are_the_same(sample):
    first, second = (
        [level.points for level in track_outward(View(sample.volume), {32: traced(sample, 32)}, [34, 36])]
        for _ in range(2)
    )
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(second))


def test_a_curve_may_be_sampled_anew_with_one_sample_more_or_less(sample):
    # lengths at which rounding goes either way
    for top in np.linspace(100, 120, 12):
        clicks = sample.membrane.points(np.linspace(8, top, 10), np.asarray(32.0))
        assert len(list(track_outward(View(sample.volume), {32: clicks}, [34]))) == 1


# planted failures


def failing(tracking, name, snr=0.3):
    from tracking_scenes import failures

    return next(scene for scene in failures(snr, 0) if scene.name.startswith(name))


def test_where_a_membrane_ends_the_curve_gets_shorter_and_then_stops(tracking):
    scene = failing(tracking, "it ends")
    clicks = scene.clicks(24, 12, 1.0, np.random.default_rng(0))
    run = track_outward(
        View(scene.volume, tilt_range_degrees=TILTS), {24: clicks}, range(26, 60, 2), closed=False
    )
    levels = list(run)
    assert "ends or fades" in run.stopped
    assert levels[-1].slice < 48
    assert len(levels[-1].points) <= 8
    assert all(np.abs(scene.distance(level.points)).max() < 2.5 for level in levels)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("it fades", "ends or fades"),
        ("leaning by 0.9", ""),
        ("leaning by 0.4", "missing wedge"),
        ("curling", "missing wedge"),
    ],
)
def test_it_stops_rather_than_drifts(tracking, name, reason):
    scene = failing(tracking, name)
    clicks = scene.clicks(24, 12, 1.0, np.random.default_rng(0))
    run = track_outward(
        View(scene.volume, tilt_range_degrees=TILTS), {24: clicks}, range(26, 46, 2), closed=False
    )
    levels = list(run)
    assert len(levels) < 10
    assert run.stopped
    assert reason in run.stopped
    assert all(rms(scene.distance(level.points)) < 2 for level in levels)


@pytest.mark.parametrize("name", ["crossed by another", "another 11 voxels beside"])
def test_it_does_not_go_over_to_another_membrane(tracking, name):
    measures = tracking.outward([failing(tracking, name, 0.1)], [0, 1])
    assert measures.found > 30
    assert measures.run_aways == 0
    assert measures.within > 0.99


def test_clicks_too_far_apart_are_told():
    def place(y):
        return 48 + 8 * np.sin(2 * np.pi * y / 60)

    _, y, x = np.meshgrid(np.arange(24.0), np.arange(128.0), np.arange(96.0), indexing="ij")
    noise = np.random.default_rng(0).normal(0, 0.5, x.shape)
    view = View((noise - bilayer(x - place(y), 10.0)).astype(np.float32), tilt_range_degrees=TILTS)
    for n in (3, 14):
        at = np.linspace(8, 120, n)
        run = track_outward(view, {8: np.column_stack([place(at), at, np.full(n, 8.0)])}, [10, 12])
        assert len(list(run)) == (0 if n == 3 else 2)
        assert ("the points are 56 voxels apart" in run.stopped) == (n == 3)


def test_a_dozen_clicks_around_a_large_vesicle_are_enough():
    # 12 clicks are 68 voxels apart here, and nevertheless say where the ring runs
    centre, radius = 150.0, 130.0
    _, y, x = np.meshgrid(np.arange(16.0), np.arange(300.0), np.arange(300.0), indexing="ij")
    noise = np.random.default_rng(0).normal(0, 0.5, x.shape)
    away = np.hypot(x - centre, y - centre) - radius
    view = View((noise - bilayer(away, 10.0)).astype(np.float32), tilt_range_degrees=TILTS)
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = np.column_stack(
        [centre + radius * np.cos(angles), centre + radius * np.sin(angles), np.full(12, 6.0)]
    )
    [level] = track_outward(view, {6: ring}, [8])
    off = np.hypot(*(level.points[:, :2] - centre).T) - radius
    assert np.sqrt(np.mean(off**2)) < 1


@pytest.mark.parametrize(
    ("visible", "reason"), [(0.2, "the membrane leans into"), (0.8, "fades or leans"), (1.0, "ends or fades")]
)
def test_the_wedge_is_named_as_far_as_it_may_be_the_cause(visible, reason):
    m = 60
    judged = Confidence(
        np.zeros(m), np.zeros(m), np.ones(m), np.ones(m), np.full(m, visible), np.zeros(m), np.ones(m, bool)
    )
    assert reason in verdict(judged, 2.0 * m)


def test_noise_is_not_followed():
    noise = np.random.default_rng(0).normal(size=(40, 96, 96)).astype(np.float32)
    clicks = np.column_stack([np.linspace(10, 86, 12), np.full(12, 48.0), np.full(12, 20.0)])
    run = track_outward(View(noise), {20: clicks}, range(22, 40, 2))
    assert list(run) == []
    assert run.stopped


# from two slices


def test_between_two_traced_slices_both_sides_count(sample):
    clicks = {20: traced(sample, 20), 40: traced(sample, 40, seed=1)[::-1]}
    run = track_between(View(sample.volume, tilt_range_degrees=TILTS), clicks, 20, 40, range(22, 40, 2))
    levels = list(run)
    assert [level.slice for level in levels] == list(range(22, 40, 2))
    assert all(rms(sample.membrane.distance(level.points)) < 1 for level in levels)
    assert min(level.confidence for level in levels) > 0.8


def test_where_the_two_sides_disagree_nothing_is_handed_out(sample):
    # the other slice was traced 7 voxels beside the membrane
    clicks = {28: traced(sample, 28), 36: traced(sample, 36) - [7, 0, 0]}
    run = track_between(View(sample.volume, tilt_range_degrees=TILTS), clicks, 28, 36, [30, 32, 34])
    assert list(run) == []
    assert "slices 30, 32, 34: what is tracked from slices 28 and 36 lies" in run.stopped


# as a step


@pytest.fixture
def tomogram(tmp_path, sample):
    path = write_mrc(tmp_path / "synthetic.mrc", sample.volume, sample.voxel_size_angstrom)
    path = tmp_path / "synthetic.mrc" if path is None else path
    return Tomogram(
        "synthetic",
        tmp_path / "synthetic.mrc",
        sample.volume.shape,
        sample.voxel_size_angstrom,
        Acquisition(tilt_min_degrees=-60, tilt_max_degrees=60),
    )


@pytest.fixture
def model(sample):
    points = np.concatenate([traced(sample, z) for z in (24, 32)])
    return Model(
        "outer", ModelType.SURFACE, points, points[:, 2].astype(int), tomogram="synthetic", colour="#112233"
    )


def test_a_model_is_tracked_between_and_beyond_its_levels(tomogram, model, sample):
    found = []
    seen = []
    result = track(
        tomogram, model, found.append, slices=6, progress=lambda done, total, text: seen.append((done, total))
    )
    assert [level.slice for level in result.levels] == [26, 28, 30, 34, 36, 38, 22, 20, 18]
    assert [level.slice for level in found] == [level.slice for level in result.levels]
    assert seen[-1] == (9, 9)
    np.testing.assert_array_equal(result.model.points[:24], model.points)
    assert not result.model.proposed[:24].any()
    assert result.model.proposed[24:].all()
    np.testing.assert_array_equal(result.model.levels, np.rint(result.model.points[:, 2]))
    assert result.model.colour == "#112233"
    assert rms(sample.membrane.distance(result.points)) < 1
    assert "9 slices tracked (18 to 38)" in result.lines()[0]


@pytest.mark.parametrize(
    ("direction", "expected"), [("up", [26, 28, 30, 34, 36]), ("down", [26, 28, 30, 22, 20])]
)
def test_the_direction_says_where_to_go_beyond(tomogram, model, direction, expected):
    result = track(tomogram, model, slices=4, direction=direction)
    assert [level.slice for level in result.levels] == expected


def test_slices_with_points_are_left_alone_and_proposals_are_not_traced_from(tomogram, model):
    once = track(tomogram, model, slices=4).model
    again = track(tomogram, once, slices=8)
    assert [level.slice for level in again.levels] == [38, 40, 18, 16]
    direct = track(tomogram, model, slices=8)
    last = direct.levels[-1]
    # tracking on from the proposals is the same as having gone on
    np.testing.assert_allclose(again.levels[-1].points, last.points, atol=1.0)
    assert "already" in " ".join(track(tomogram, once, slices=4).lines())


def test_one_slice_is_filled_from_its_neighbours(tomogram, model, sample):
    for number in (28, 39):
        result = track_slice(tomogram, model, number)
        assert [level.slice for level in result.levels] == [number]
        assert rms(sample.membrane.distance(result.points)) < 1
    with pytest.raises(ModelError, match="slice 32 already"):
        track_slice(tomogram, model, 32)
    with pytest.raises(ParameterError, match="no slice 64 along z: they go to 63"):
        track_slice(tomogram, model, 64)


def test_levels_that_are_only_numbered_go_on_being_numbered(tomogram, model):
    contours = replace(model, levels=(model.levels - 24) // 8 + 100)
    result = track(tomogram, contours, slices=2)
    assert sorted(set(result.level_numbers.tolist())) == [102, 103, 104, 105, 106]
    assert len(result.model.contours()) == 7


def test_what_is_not_known_or_not_used_is_said(tomogram, model):
    short = Model(
        "outer",
        ModelType.SURFACE,
        np.concatenate([model.points[:12], model.points[12:14]]),
        model.levels[:14],
        tomogram="synthetic",
    )
    result = track(replace(tomogram, acquisition=Acquisition()), short, slices=2)
    assert any("fewer than 3 points were not used: 32" in line for line in result.lines())
    assert any("-60 to 60 degrees were assumed" in line for line in result.lines())
    assert [level.slice for level in result.levels] == [26, 22]


def test_a_slice_traced_twice_is_followed_once(tomogram, model, sample):
    once = model.with_points(model.points[:12], model.levels[:12])
    points = np.vstack([once.points, traced(sample, 24, seed=1)])
    twice = track(tomogram, model.with_points(points, np.full(24, 24)), slices=4)
    for level, expected in zip(twice.levels, track(tomogram, once, slices=4).levels, strict=True):
        np.testing.assert_array_equal(level.points, expected.points)
    assert "not used in slices 24" in " ".join(twice.lines())
    # contours of some other program
    other = track(tomogram, model.with_points(points[:23], np.repeat([100, 101], [12, 11])), slices=4)
    assert "several curves, of which the one with most points was used: 24" in " ".join(other.lines())
    assert rms(sample.membrane.distance(other.points)) < 1


@pytest.mark.parametrize(
    ("changes", "options", "error", "text"),
    [
        ({"type": ModelType.VESICLE}, {}, ModelError, "of type vesicle"),
        ({"points": np.empty((0, 3)), "levels": []}, {}, ModelError, "click along the membrane"),
        ({"points": [[70, 10, 9], [70, 20, 9.0]], "levels": [9, 9]}, {}, ModelError, "longest has 2"),
        ({"points": [[70, 10, 9], [70, 20, 99], [7, 30, 9.0]], "levels": [9] * 3}, {}, ModelError, "outside"),
        ({"points": np.eye(3) * 50, "levels": [7] * 3}, {}, ModelError, "slices of one direction"),
        ({"voxel_size_angstrom": 12.0}, {}, ParameterError, "picked at 12 Å per voxel"),
        ({}, {"step": 30}, ParameterError, "make the step smaller"),
        ({}, {"step": 0}, ParameterError, "1 or more"),
        ({}, {"direction": "left"}, ParameterError, "both, up or down"),
    ],
)
def test_what_cannot_be_tracked_is_told(tomogram, model, changes, options, error, text):
    if "points" in changes:
        changes = {"proposed": None, **changes, "levels": np.asarray(changes["levels"], int)}
    with pytest.raises(error, match=text):
        track(tomogram, replace(model, **changes), **options)


def test_proposals_alone_are_no_start(tomogram, model):
    proposals = model.with_points(model.points, model.levels, np.ones(len(model), bool))
    with pytest.raises(ModelError, match="accept what was tracked"):
        track(tomogram, proposals)


def test_tracking_is_one_edit_of_a_project_and_can_be_given_up(tmp_path, tomogram, model):
    with Session.create(tmp_path / "p.tomopick") as session:
        session.add_tomogram(tomogram)
        uid = session.add_model(model)

        def give_up(done, total, text):
            if done:
                raise Cancelled("stop")

        job = track_job(session, uid, {"step": 2, "slices": 4})
        with pytest.raises(Cancelled):
            job.compute(give_up)
        assert len(session.model(uid)) == 24

        text = job.record(session, job.compute(None))
        assert "7 slices tracked" in text
        assert session.model(uid).proposed.sum() == len(session.model(uid)) - 24 > 0
        assert session.undo_label == "Track 7 slices"
        session.undo()
        assert len(session.model(uid)) == 24

        job = track_slice_job(session, uid, 28)
        job.record(session, job.compute(None))
        assert set(session.model(uid).levels[24:]) == {28}
        assert session.undo_label == "Track 1 slice"
        # without a number of slices, as far as it goes
        session.undo()
        job = track_job(session, uid, {"step": 2})
        job.record(session, job.compute(None))
        assert np.ptp(session.model(uid).levels) > 40


def test_what_was_traced_meanwhile_stays_as_it_is(tmp_path, tomogram, model, sample):
    with Session.create(tmp_path / "p.tomopick") as session:
        session.add_tomogram(tomogram)
        uid = session.add_model(model)
        job = track_job(session, uid, {"slices": 4})
        result = job.compute(None)
        session.add_points(uid, traced(sample, 34), np.full(12, 34))
        job.record(session, result)
        after = session.model(uid)
        assert (after.levels == 34).sum() == 12
        assert not after.proposed[after.levels == 34].any()
        assert after.proposed[after.levels == 36].any()


# on the command line


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*words, fails=None):
        monkeypatch.setattr(sys, "argv", ["napari-tomopick", "track", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        assert (ended.value.code or 0) == (0 if fails is None else 1), err
        if fails is not None:
            assert fails in " ".join(err.split())
        return out

    return call


def test_the_command_writes_all_models_with_the_tracked_points(tomogram, model, run):
    loose = Model("loose", points=model.points[:3], levels=model.levels[:3], tomogram="synthetic")
    write_models("m.json", [loose, model])
    words = ("synthetic.mrc", "m.json", "--model", "outer", "--step", 2, "--slices", 4, "-o", "out.json")
    out = run(*words, "--direction", "up", "--tilt-range", -60, 60)
    assert "outer: 5 slices tracked (26 to 36)" in out
    assert "wrote out.json" in out
    other, tracked = read_models("out.json")
    assert other.name == "loose"
    np.testing.assert_array_equal(other.points, loose.points)
    np.testing.assert_allclose(tracked.points[:24], model.points)
    assert set(tracked.levels[tracked.proposed]) == {26, 28, 30, 34, 36}
    assert (read_models("m.json")[1].points == tracked.points[:24]).all()

    run("synthetic.mrc", "m.json", "-o", "one.json", "--slices", 2)  # the only surface
    run(
        *words[:3],
        "nobody",
        "-o",
        "x.json",
        fails="no model called 'nobody'; there are: 'loose' (general), 'outer'",
    )
    run(*words[:3], "loose", "-o", "x.json", fails="of type general")
    run(*words[:4], fails="-o FILE.json")
    # before the work that the file is for
    assert "tracked" not in run(*words[:4], "-o", "x.csv", fails="models are written as .json .mod")
    assert "tracked" not in run(*words[:4], "-o", "nowhere/x.json", fails="no folder nowhere")
    write_models("two.json", [model, replace(model, name="inner")])
    run("synthetic.mrc", "two.json", "-o", "x.json", fails="--model NAME")
    write_models("big.json", [replace(model, points=model.points + np.array([100, 0, 0]))])
    run("synthetic.mrc", "big.json", "-o", "x.json", fails="Is it the right tomogram?")


def test_the_command_tracks_in_a_project(tomogram, model, run, tmp_path):
    with Session.create(tmp_path / "p.tomopick") as session:
        session.add_tomogram(tomogram)
        session.add_model(model)
    assert "5 slices tracked" in run("p.tomopick", "--model", "outer", "--slices", 2)
    with Session.open(tmp_path / "p.tomopick") as session:
        assert session.models()[0].proposed.any()
    run("p.tomopick", "--model", "outer", "-o", "x.json", fails="--output")
    run("p.tomopick", "--in", "other", fails="no tomogram called 'other'; there are: synthetic")
