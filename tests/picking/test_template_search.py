"""The search against the formula written down voxel by voxel, and the poses against the truth."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.cropping import parts
from napari_tomopick.geometry.rotation_sampling import rotations_by_step
from napari_tomopick.picking.gpu import combine
from napari_tomopick.picking.imaging import (
    Imaging,
    filtered,
    filtered_in_tiles,
    radial_frequencies,
    whitening_of,
)
from napari_tomopick.picking.matching_ground import Ground, LocalBoxes
from napari_tomopick.picking.template import Template
from napari_tomopick.picking.template_places import MatchedVolume, Neighbourhood, look_closer, refined
from napari_tomopick.picking.template_search import bank_of, search
from napari_tomopick.picking.turned_template import TurnedTemplate
from small_scene import SmallScene, lumps, small_scene

TILTS = (-60.0, 60.0)


@pytest.fixture(scope="module")
def made() -> SmallScene:
    return small_scene()


@pytest.fixture(scope="module")
def template(made: SmallScene) -> Template:
    return Template.of(made.map, 10.0)


def locally_normalised(volume: np.ndarray, turned: np.ndarray, mask: np.ndarray, at: np.ndarray) -> float:
    """Roseman's correlation at one voxel z, y, x, as one would write it down."""
    n = len(mask)
    box = volume[tuple(slice(c - n // 2, c - n // 2 + n) for c in at)].astype(float)
    m = mask.astype(float)
    t = turned - (m * turned).sum() / m.sum()
    t /= np.sqrt((m * t**2).sum() / m.sum())
    deviation = np.sqrt((m * box**2).sum() / m.sum() - ((m * box).sum() / m.sum()) ** 2)
    return float((m * t * box).sum() / (m.sum() * deviation))


def test_scores_are_those_of_the_formula(made: SmallScene, template: Template) -> None:
    turned = TurnedTemplate(template, Imaging(TILTS), 10.0)
    rotations = rotations_by_step(60.0)
    bank = bank_of(turned, rotations, residual=0.0, at_most=10_000)
    found = search(made.volume, turned, bank)
    boxes = turned.seen(turned.boxes(rotations))
    rng = np.random.default_rng(0)
    for _ in range(12):
        at = np.array([int(rng.integers(14, n - 14)) for n in made.volume.shape])
        scores = [locally_normalised(made.volume, box, turned.mask, at) for box in boxes]
        assert found.scores[tuple(at)] == pytest.approx(max(scores), abs=2e-4)
        assert scores[found.orientations[tuple(at)]] == pytest.approx(max(scores), abs=2e-4)


def test_what_is_left_out_of_a_bank_is_what_it_says(template: Template) -> None:
    turned = TurnedTemplate(template, Imaging(TILTS), 12.0)
    rotations = rotations_by_step(40.0)
    rows = turned.rows(rotations)
    for residual in (0.5, 0.2):
        bank = bank_of(turned, rotations, residual, 10_000)
        left = rows - bank.weights @ bank.basis
        relative = np.sqrt((left**2).sum() / (rows**2).sum())
        assert relative == pytest.approx(bank.residual, abs=0.02)
        assert relative <= residual
    assert len(bank_of(turned, rotations, 0.0, 7).basis) == 7


def test_parts_give_the_same_as_the_whole(made: SmallScene, template: Template) -> None:
    turned = TurnedTemplate(template, Imaging(TILTS), 10.0)
    bank = bank_of(turned, rotations_by_step(50.0), 0.3, 60)
    whole, tiled = (search(made.volume, turned, bank, tile=tile) for tile in (200, 30))
    np.testing.assert_allclose(tiled.scores, whole.scores, atol=2e-5)
    assert (tiled.orientations == whole.orientations).mean() > 0.999


def test_parts_cover_everything_once() -> None:
    seen = np.zeros((50, 97, 31), int)
    for part in parts(seen.shape, 24):
        seen[part] += 1
    assert (seen == 1).all()


def test_a_search_can_be_stopped(made: SmallScene, template: Template) -> None:
    turned = TurnedTemplate(template, Imaging(TILTS), 10.0)
    bank = bank_of(turned, rotations_by_step(90.0), 0.5, 10)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(made.volume, turned, bank, tile=30, report=stop)


def test_a_template_turns_as_particles_do() -> None:
    # an asymmetric object, drawn turned, is what the turned template shows; its mirror image is not
    thing = lumps(1)
    template = Template.of(thing.map(24), 10.0)
    turned = TurnedTemplate(template, Imaging((-89.9, 89.9)), 10.0)
    for seed in range(3):
        rotation = Rotation.random(1, np.random.default_rng(seed))
        shift = np.array([0.4, -0.3, 0.2])
        n = turned.box_size
        expected = np.zeros((n, n, n), np.float32)
        thing.posed(np.full(3, n // 2) + shift, rotation[0]).add_to(expected)
        row = turned.whole(rotation, shift[None])[0]
        inside = turned.inside

        def agreement(volume: np.ndarray, row: np.ndarray = row, inside: np.ndarray = inside) -> float:
            values = volume.reshape(-1)[inside]
            weights = turned.mask.reshape(-1)[inside]
            values = values - (values @ weights) / weights.sum()
            return float(row @ values / np.sqrt((values**2 * weights).sum() / weights.sum()))

        assert agreement(expected) > 0.99
        assert agreement(expected[:, :, ::-1].copy()) < 0.9


@pytest.mark.parametrize("factor", [1.0, 0.5, 2.0])
def test_any_voxel_size_of_the_template_will_do(factor: float) -> None:
    thing = lumps(1)
    template = Template.of(thing.scaled(1 / factor).map(2 * round(13 / factor)), 10.0 * factor)
    turned = TurnedTemplate(template, Imaging((-89.9, 89.9)), 10.0)
    exact = TurnedTemplate(Template.of(thing.map(26), 10.0), Imaging((-89.9, 89.9)), 10.0)
    rotation = Rotation.from_rotvec([[0.4, -0.9, 0.3]])
    one, other = (t.boxes(rotation)[0] for t in (turned, exact))
    n = min(len(one), len(other))
    one, other = (
        b[tuple(slice(len(b) // 2 - n // 2, len(b) // 2 + n // 2) for _ in range(3))] for b in (one, other)
    )
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.97


def test_a_mask_that_is_no_ball_turns_with_the_template() -> None:
    radius = np.linalg.norm(np.indices((24,) * 3) - 12, axis=0)
    mask = np.clip(10 - radius, 0, 1)
    mask[:, :, :12] = 0  # the half with x >= 0
    template = Template.of(lumps(1).map(24), 10.0, mask=mask)
    turned = TurnedTemplate(template, Imaging(TILTS), 10.0)
    n = turned.box_size
    _, y, x = np.unravel_index(turned.inside, (n, n, n))
    about_z = Rotation.from_euler("z", [[0.0], [90.0], [180.0]], degrees=True)
    lying, standing, back = turned.masks(about_z)
    assert lying[x > n // 2 + 1].sum() > 20 * lying[x < n // 2 - 1].sum()
    assert standing[y > n // 2 + 1].sum() > 20 * standing[y < n // 2 - 1].sum()
    assert back[x < n // 2 - 1].sum() > 20 * back[x > n // 2 + 1].sum()


def test_whitening_makes_coloured_noise_white() -> None:
    rng = np.random.default_rng(0)
    shape = (64, 72, 80)
    frequency = radial_frequencies(shape, 1.0)
    noise = filtered(rng.normal(size=shape).astype(np.float32), 1 / (0.05 + frequency))
    white = filtered(noise, whitening_of(noise, 1.0, (-89.9, 89.9))(frequency))
    power = np.abs(np.fft.rfftn(white)) ** 2
    low, high = (power[(frequency > a) & (frequency < b)].mean() for a, b in ((0.05, 0.1), (0.4, 0.45)))
    assert low / high == pytest.approx(1, abs=0.2)
    before = np.abs(np.fft.rfftn(noise)) ** 2
    assert before[(frequency > 0.05) & (frequency < 0.1)].mean() > 5 * before[frequency > 0.4].mean()


def test_whitening_in_parts_shows_no_seams() -> None:
    rng = np.random.default_rng(0)
    noise = filtered(
        rng.normal(size=(70, 60, 90)).astype(np.float32), 1 / (0.05 + radial_frequencies((70, 60, 90), 1.0))
    )
    whitening = whitening_of(noise, 1.0, TILTS)
    whole = filtered_in_tiles(noise, whitening, 1.0, tile=200)
    tiled = filtered_in_tiles(noise, whitening, 1.0, tile=30)
    assert np.abs(tiled - whole).max() < 0.02 * whole.std()


def test_poses_are_found_between_voxels_and_orientations(made: SmallScene, template: Template) -> None:
    ground = Ground(made.volume, 10.0, dark=True, remove_gold=False)
    _, plain, _ = ground.on_grid(1.0)
    imaging = Imaging(TILTS, whitening=whitening_of(plain, 10.0, TILTS))
    _, volume, _ = ground.whitened(1.0, imaging)
    turned = TurnedTemplate(template, imaging, 10.0)
    rotations = rotations_by_step(18.0)
    bank = bank_of(turned, rotations, 0.1, 400)
    rng = np.random.default_rng(3)
    places = np.rint(made.positions + rng.uniform(-1, 1, made.positions.shape))
    coarse = look_closer(MatchedVolume(volume, turned), bank, rotations, places, 2.0, 1)
    boxes = LocalBoxes(ground, imaging, 1.0)
    angles, distances = [], []
    for poses, position, rotation in zip(coarse, made.positions, made.rotations, strict=True):
        at, turn, score = refined(
            Neighbourhood(boxes, turned, np.rint(poses.at[0]).astype(int)),
            turned,
            poses.at[0],
            poses.rotations[0],
        )
        assert score > poses.scores[0] - 0.02
        angles.append(np.degrees((turn.inv() * rotation).magnitude()))
        distances.append(np.linalg.norm(at - position))
    assert np.median(angles) < 3.0
    assert np.max(angles) < 8.0
    assert np.median(distances) < 0.25


def test_boxes_cut_from_the_file_are_those_of_the_whole(made: SmallScene) -> None:
    ground = Ground(made.volume, 10.0, dark=True, remove_gold=False)
    _, plain, _ = ground.on_grid(1.0)
    imaging = Imaging(TILTS, whitening=whitening_of(plain, 10.0, TILTS))
    _, whole, _ = ground.whitened(1.0, imaging)
    boxes = LocalBoxes(ground, imaging, 1.0)
    for voxel in ([40, 41, 30], [30, 50, 25]):
        x, y, z = voxel
        expected = whole[z - 10 : z + 10, y - 10 : y + 10, x - 10 : x + 10]
        found = boxes.box(np.array(voxel), 20)
        # what is slower than the box differs a little
        assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.95
    # at a corner the volume goes on as its mirror image
    corner = ground.brick(np.array([-3, -2, -4]), 12)
    np.testing.assert_array_equal(corner[4:, 2:, 3:], corner[4:, 2:, 3:])
    np.testing.assert_array_equal(corner[:4, 2:, 3:], corner[4:8, 2:, 3:][::-1])
    np.testing.assert_array_equal(corner[:, :, :3], corner[:, :, 3:6][:, :, ::-1])


def test_gold_is_set_aside_and_particles_are_not() -> None:
    rng = np.random.default_rng(0)
    volume = rng.normal(size=(48, 96, 96)).astype(np.float32)
    grid = np.stack(np.meshgrid(*[np.arange(8, n - 6, 14) for n in volume.shape], indexing="ij"), -1)
    places = rng.permutation(grid.reshape(-1, 3))[:60]
    z, y, x = np.indices(volume.shape)
    for k, (a, b, c) in enumerate(places):
        depth = 60.0 if k < 3 else 7.0
        volume -= depth * np.exp(-0.5 * ((z - a) ** 2 + (y - b) ** 2 + (x - c) ** 2) / 2.0**2)
    _, kept, gold = Ground(volume, 20.0, dark=True, remove_gold=True).on_grid(1.0)
    at = tuple(places.T)
    assert gold[at][:3].all()
    assert not gold[at][3:].any()
    assert (kept[gold] == 0).all()
    # particles that nothing is as dense as are no gold
    without = volume.copy()
    for a, b, c in places[3:]:
        without += 7.0 * np.exp(-0.5 * ((z - a) ** 2 + (y - b) ** 2 + (x - c) ** 2) / 2.0**2)
    assert not Ground(without, 20.0, dark=True, remove_gold=True).on_grid(1.0)[2].any()


def test_what_a_graphics_card_computes_is_the_same() -> None:
    # the code for the card, on the processor
    pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(9000, 7)).astype(np.float32)
    maps = rng.normal(size=(7, 300)).astype(np.float32)
    best, which = np.full(300, -2, np.float32), np.zeros(300, np.int32)
    best[:5] = 1e3
    combine(weights, maps, best, which, "cpu")
    products = weights @ maps
    assert (best[:5] == 1e3).all()
    np.testing.assert_array_equal(which[:5], 0)
    np.testing.assert_allclose(best[5:], products.max(axis=0)[5:], rtol=1e-5)
    np.testing.assert_array_equal(which[5:], products.argmax(axis=0)[5:])
