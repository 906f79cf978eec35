"""Exact template matching: against its formula, planted copies, tiles, and what users get wrong."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import affine_transform, gaussian_filter
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import Cancelled
from napari_tomopick.geometry.missing_wedge import frequencies, measured
from napari_tomopick.picking import exhaustive, fourier, transform_plans, vector_code
from napari_tomopick.picking.exhaustive import exhaustive_search, is_spherical
from napari_tomopick.picking.exhaustive_template import ExactTemplate

N = 16
SHAPE = (40, 52, 37)
Array = NDArray[np.float32]


def distances(n: int = N) -> NDArray[np.float64]:
    d = np.arange(n) - n // 2
    return np.sqrt(d[:, None, None] ** 2 + d[:, None] ** 2 + d**2)


BALL = np.clip(6.5 - distances(), 0, 1).astype(np.float32)


def make_density(seed: int = 0) -> Array:
    """Of no symmetry, and nothing at the faces of its box."""
    noise = np.random.default_rng(seed).normal(size=(N, N, N))
    return np.asarray(gaussian_filter(noise, 1.3) * np.clip(7 - distances(), 0, 1), np.float32)


def make_volume(seed: int = 1, shape: tuple[int, int, int] = SHAPE) -> Array:
    """Not of mean 0, nor of standard deviation 1."""
    return np.random.default_rng(seed).normal(3.0, 7.0, shape).astype(np.float32)


def turned(box: Array, rotation: Rotation) -> NDArray[np.float64]:
    """By SciPy: ``turned(x) = box(R^T x)`` in x, y, z about voxel n // 2."""
    matrix = rotation.as_matrix().T[::-1, ::-1]
    centre = np.full(3, len(box) // 2)
    return np.asarray(affine_transform(box.astype(float), matrix, centre - matrix @ centre, order=3))


def direct(volume: Array, template: NDArray, mask: NDArray, voxel: tuple[int, int, int]) -> float:
    """The score at a voxel (z, y, x), as it is defined; the volume is mirrored at its faces."""
    n = len(template)
    padded = np.pad(volume.astype(float), n, mode="symmetric")
    z, y, x = (v + n - n // 2 for v in voxel)
    f = padded[z : z + n, y : y + n, x : x + n]
    total = mask.sum()
    mean = (mask * template).sum() / total
    deviation = np.sqrt((mask * (template - mean) ** 2).sum() / total)
    local = (mask * f).sum() / total
    spread = np.sqrt((mask * f**2).sum() / total - local**2)
    return float((mask * (template - mean) / deviation * f).sum() / (total * spread))


def some_voxels(seed: int = 5) -> list[tuple[int, int, int]]:
    """Corners, faces, and within."""
    rng = np.random.default_rng(seed)
    inside = [tuple(int(rng.integers(0, n)) for n in SHAPE) for _ in range(12)]
    last = tuple(n - 1 for n in SHAPE)
    return [(0, 0, 0), last, (0, last[1], 20), *inside]  # type: ignore[list-item]


def check_directly(
    result: exhaustive.SearchResult,
    volume: Array,
    templates: list[NDArray],
    masks: list[NDArray],
) -> None:
    for voxel in some_voxels():
        expected = [direct(volume, t, m, voxel) for t, m in zip(templates, masks, strict=True)]
        assert result.scores[voxel] == pytest.approx(max(expected), abs=2e-6)
        assert result.orientations[voxel] == np.argmax(expected)


@pytest.mark.parametrize("count", [1, 4, 5])
def test_scores_are_those_of_the_formula(count: int) -> None:
    volume, density = make_volume(), make_density()
    rotations = Rotation.random(count, random_state=2)
    result = exhaustive_search(volume, density, BALL, rotations)
    assert result.scores.shape == result.orientations.shape == SHAPE
    assert result.scores.dtype == np.float32
    assert result.orientations.dtype == np.int32
    check_directly(result, volume, [turned(density, r) for r in rotations], [BALL] * count)


def test_a_mask_that_is_no_ball_is_turned_as_well() -> None:
    volume, density = make_volume(), make_density()
    z, y, x = np.indices((N, N, N)) - N // 2
    mask = np.exp(-0.5 * ((z / 1.7) ** 2 + (y / 1.1) ** 2 + ((x - 0.6) / 1.4) ** 2)).astype(np.float32)
    mask[mask < 1e-4] = 0
    rotations = Rotation.random(5, random_state=2)
    result = exhaustive_search(volume, density, mask, rotations)
    masks = [np.clip(turned(mask, r), 0, 1) for r in rotations]
    check_directly(result, volume, [turned(density, r) for r in rotations], masks)
    # and not if the caller says that it looks the same
    still = exhaustive_search(volume, density, mask, rotations, spherical=True)
    check_directly(still, volume, [turned(density, r) for r in rotations], [mask] * 5)


def test_the_weight_is_applied_to_the_turned_template() -> None:
    volume, density = make_volume(), make_density()
    weight = measured(frequencies(N), (-50, 60)).astype(np.float32)
    rotations = Rotation.random(4, random_state=2)
    result = exhaustive_search(volume, density, BALL, rotations, weight=weight)
    seen = [fft.irfftn(fft.rfftn(turned(density, r)) * weight) for r in rotations]
    check_directly(result, volume, seen, [BALL] * 4)


def test_a_planted_copy_is_found_where_it_is_as_it_is() -> None:
    density = make_density()
    rotations = Rotation.random(40, random_state=3)
    volume = np.zeros(SHAPE, np.float32)
    z, y, x = 23, 31, 12
    h = N // 2
    volume[z - h : z + h, y - h : y + h, x - h : x + h] = turned(density, rotations[17])
    result = exhaustive_search(volume, density, BALL, rotations)
    assert np.unravel_index(result.scores.argmax(), SHAPE) == (z, y, x)
    assert result.scores[z, y, x] == pytest.approx(1, abs=1e-4)
    assert result.orientations[z, y, x] == 17
    mirrored = exhaustive_search(volume, np.roll(density[:, :, ::-1], 1, axis=2), BALL, rotations)
    assert mirrored.scores.max() < 0.8


@pytest.mark.parametrize("spherical", [True, False])
def test_tiles_make_no_difference(spherical: bool) -> None:
    volume, density = make_volume(), make_density()
    mask = BALL if spherical else (BALL * np.linspace(0.5, 1, N)[:, None]).astype(np.float32)
    rotations = Rotation.random(3, random_state=2)
    reports: list[tuple[int, int]] = []
    whole = exhaustive_search(volume, density, mask, rotations)
    tiled = exhaustive_search(
        volume, density, mask, rotations, memory=500_000, report=lambda i, n, _: reports.append((i, n))
    )
    assert reports[-1][1] > 3 * 8  # more than two tiles along each axis
    assert reports[-1][0] == reports[-1][1]
    np.testing.assert_allclose(tiled.scores, whole.scores, atol=1e-6)
    assert np.mean(tiled.orientations != whole.orientations) < 1e-4
    assert tiled.deviation == pytest.approx(whole.deviation, rel=1e-5)


def test_threads_make_no_difference() -> None:
    volume, density, rotations = make_volume(), make_density(), Rotation.random(3, random_state=2)
    one, three = (exhaustive_search(volume, density, BALL, rotations, threads=n) for n in (1, 3))
    np.testing.assert_array_equal(one.scores, three.scores)
    np.testing.assert_array_equal(one.orientations, three.orientations)


def test_inside_the_borders_scores_are_the_same_and_beyond_there_are_none() -> None:
    volume, density, rotations = make_volume(), make_density(), Rotation.random(2, random_state=2)
    everywhere = exhaustive_search(volume, density, BALL, rotations)
    inside = exhaustive_search(volume, density, BALL, rotations, borders="inside")
    reach = 6  # of the mask
    part = tuple(slice(reach, n - reach) for n in SHAPE)
    np.testing.assert_allclose(inside.scores[part], everywhere.scores[part], atol=1e-6)
    inside.scores[part] = 0
    assert not inside.scores.any()


def test_the_deviation_is_that_of_all_scores() -> None:
    volume, density = make_volume(), make_density()
    rotations = Rotation.random(5, random_state=2)
    single = [exhaustive_search(volume, density, BALL, r).scores for r in rotations]
    result = exhaustive_search(volume, density, BALL, rotations)
    np.testing.assert_allclose(result.scores, np.max(single, axis=0), atol=1e-6)
    assert result.deviation == pytest.approx(np.std(single), rel=1e-4)


def test_the_deviation_of_many_scores_in_a_narrow_volume() -> None:
    # transforms along y are shorter here than those along x
    volume, density = make_volume(shape=(60, 9, 90)), make_density()
    rotations = Rotation.random(60, random_state=0)
    result = exhaustive_search(volume, density, BALL, rotations, threads=1)
    single = [exhaustive_search(volume, density, BALL, r).scores for r in rotations[:6]]
    assert result.deviation == pytest.approx(np.std(single), rel=0.02)


def test_places_that_do_not_vary_have_no_score() -> None:
    volume, density = make_volume(), make_density()
    volume[:, :25] = 3.0
    result = exhaustive_search(volume, density, BALL, Rotation.random(3, random_state=2))
    assert np.isfinite(result.scores).all()
    assert not result.scores[:, :19].any()
    assert not result.orientations[:, :19].any()
    assert result.scores[:, 25:].all()
    assert result.scores.max() < 1
    single = [exhaustive_search(volume, density, BALL, r).scores for r in Rotation.random(3, random_state=2)]
    scored = np.stack(single)[:, result.scores != 0]
    assert result.deviation == pytest.approx(scored.std(), rel=1e-4)
    nothing = exhaustive_search(np.full(SHAPE, 2.5), density, BALL, Rotation.identity())
    assert not nothing.scores.any()
    assert nothing.deviation == 0


@pytest.mark.parametrize("shape", [(5, 21, 33), (1, 1, 1), (16, 3, 70)])
def test_volumes_smaller_than_the_template(shape: tuple[int, int, int]) -> None:
    volume, density = make_volume(shape=shape), make_density()
    result = exhaustive_search(volume, density, BALL, Rotation.identity())
    voxel = tuple(n // 2 for n in shape)
    if volume.std() == 0:
        assert not result.scores.any()
        return
    # np.pad mirrors as often as it takes
    assert result.scores[voxel] == pytest.approx(direct(volume, density, BALL, voxel), abs=2e-6)  # type: ignore[arg-type]
    inside = exhaustive_search(volume, density, BALL, Rotation.identity(), borders="inside")
    assert not inside.scores.any()


def test_an_offset_and_another_type_make_no_difference() -> None:
    counts = np.random.default_rng(0).integers(0, 200, SHAPE).astype(np.uint16)
    density, rotations = make_density(), Rotation.random(2, random_state=2)
    plain = exhaustive_search(counts, density, BALL, rotations)
    far = exhaustive_search(counts.astype(np.float32) + 30000, density, BALL, rotations)
    np.testing.assert_allclose(plain.scores, far.scores, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_report_that_raises_stops_the_search(threads: int) -> None:
    done: list[int] = []

    def stop(i: int, total: int, text: str) -> None:
        assert total == 50
        assert text
        done.append(i)
        if i >= 6:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        exhaustive_search(
            make_volume(),
            make_density(),
            BALL,
            Rotation.random(50, random_state=0),
            threads=threads,
            report=stop,
        )
    assert done == [0, 2, 4, 6]


def test_an_error_in_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise MemoryError("no more")

    monkeypatch.setattr(ExactTemplate, "values", broken)
    with pytest.raises(MemoryError, match="no more"):
        exhaustive_search(make_volume(), make_density(), BALL, Rotation.random(4, random_state=0), threads=3)


def test_which_masks_are_spherical() -> None:
    assert is_spherical(BALL)
    assert is_spherical(np.exp(-((distances() / 2) ** 2)).astype(np.float32))
    assert not is_spherical(np.ones((N, N, N), np.float32))
    assert not is_spherical(np.roll(BALL, 1, axis=0))
    assert not is_spherical((BALL * np.linspace(0.9, 1, N)).astype(np.float32))


def _nan(box: Array) -> Array:
    box = box.copy()
    box[3, 3, 3] = np.nan
    return box


@pytest.mark.parametrize(
    ("message", "changed"),
    [
        ("three axes", {"volume": np.zeros((3, 3), np.float32)}),
        ("cubic", {"density": np.zeros((16, 16, 14), np.float32)}),
        ("even", {"density": np.zeros((15, 15, 15), np.float32)}),
        ("shape of its template", {"mask": np.zeros((14, 14, 14), np.float32)}),
        ("not all 0", {"mask": np.zeros((N, N, N), np.float32)}),
        ("from 0 to 1", {"mask": 2 * BALL}),
        ("weight", {"weight": np.ones((N, N, N), np.float32)}),
        ("template has values", {"density": _nan(make_density())}),
        ("volume has voxels", {"volume": _nan(make_volume())}),
        ("same everywhere", {"density": np.ones((N, N, N), np.float32)}),
        ("borders", {"borders": "round"}),
        ("at least one", {"rotations": Rotation.random(3)[:0]}),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(message: str, changed: dict[str, object]) -> None:
    arguments = {
        "volume": make_volume(),
        "density": make_density(),
        "mask": BALL,
        "rotations": Rotation.identity(),
        **changed,
    }
    with pytest.raises(ValueError, match=message):
        exhaustive_search(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [2, 10, 12, 16, 27, 30, 96, 100, 125, 128, 160, 243, 256, 270, 288, 360])
@pytest.mark.parametrize("nonzero", [1, 0.1, 1.0])
def test_lines_are_transformed_as_numpy_does(length: int, nonzero: float) -> None:
    lanes, row = vector_code.LANES, vector_code.ROW
    count = max(1, round(nonzero * length)) if isinstance(nonzero, float) else nonzero
    rng = np.random.default_rng(length)
    lines = np.zeros((length, lanes), complex)
    lines[:count] = rng.normal(size=(count, lanes)) + 1j * rng.normal(size=(count, lanes))
    x = np.stack([lines.real, lines.imag], axis=1).astype(np.float32).ravel()
    y, one, two = (np.empty(length * row, np.float32) for _ in range(3))
    rows = np.arange(length) * row
    plan = transform_plans.plan(length, count)
    assert np.prod(plan.radices) == length
    for swap, expected in ((0, np.fft.fft(lines, axis=0)), (1, np.fft.ifft(lines, axis=0) * length)):
        fourier.transform(
            length, plan.radices, plan.twiddles, x, rows, 0, y, rows, 0, swap, one, two, rows, count
        )
        found = y.reshape(length, 2, lanes)
        np.testing.assert_allclose(found[:, 0] + 1j * found[:, 1], expected, atol=3e-6 * np.sqrt(length))


def test_good_lengths_are_long_enough_and_can_be_transformed() -> None:
    for least in range(1, 400):
        for multiple in (1, 16):
            length = transform_plans.good_length(least, multiple)
            assert least <= length <= max(2 * least, 2 * multiple)
            assert length % multiple == 0
            transform_plans.plan(length)
    with pytest.raises(ValueError, match="factors"):
        transform_plans.plan(7)
