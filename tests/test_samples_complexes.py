"""The crowded tomogram says truly where everything is, and only shape tells its complexes apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter
from scipy.spatial.distance import cdist, pdist
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.contrast_transfer import contrast_transfer
from napari_tomopick.samples.complexes import TARGET, CrowdedTomogram, crowded_tomogram
from napari_tomopick.samples.species import complexes, likened, mass, radius_of_gyration


@pytest.fixture(scope="module")
def sample() -> CrowdedTomogram:
    return crowded_tomogram(3, size=(128, 128, 80), targets=10, others=6, gold=4)


def every_position(sample: CrowdedTomogram) -> np.ndarray:
    return np.concatenate([particles.positions for particles in sample.particles.values()])


def aligned_average(sample: CrowdedTomogram, kind: str) -> np.ndarray:
    particles, n = sample.particles[kind], len(sample.maps[kind])
    z, y, x = np.mgrid[:n, :n, :n] - n // 2
    grid = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    total = np.zeros((n, n, n))
    for position, rotation in zip(particles.positions, particles.rotations, strict=True):
        places = rotation.apply(grid) + position
        total -= map_coordinates(sample.volume, places.T[::-1], order=1, mode="nearest").reshape(total.shape)
    return total


def as_imaged(density: np.ndarray, sample: CrowdedTomogram) -> np.ndarray:
    k = np.fft.fftfreq(len(density))
    frequency = np.sqrt(k[:, None, None] ** 2 + k[:, None] ** 2 + k**2)
    transfer = contrast_transfer(frequency / sample.voxel_size_angstrom, sample.defocus_angstrom)
    return np.fft.ifftn(np.fft.fftn(density) * transfer * np.exp(-((frequency / 0.25) ** 4))).real


def test_same_seed_same_bytes() -> None:
    small = {"size": (64, 56, 48), "targets": 2, "others": 1, "gold": 1}
    first, again, other = (crowded_tomogram(seed, **small) for seed in (5, 5, 6))
    assert first.volume.dtype == np.float32
    assert first.volume.shape == (48, 56, 64)
    assert first.volume.tobytes() == again.volume.tobytes()
    assert first.volume.tobytes() != other.volume.tobytes()
    for kind, particles in first.particles.items():
        assert particles.positions.tobytes() == again.particles[kind].positions.tobytes()


def test_neither_mass_nor_size_tells_the_kinds_apart() -> None:
    kinds = complexes()
    assert TARGET in kinds
    assert len(kinds) >= 6
    for thing in kinds.values():
        assert mass(thing) == pytest.approx(mass(kinds[TARGET]))
        assert radius_of_gyration(thing) == pytest.approx(radius_of_gyration(kinds[TARGET]))
        np.testing.assert_allclose(np.average(thing.centres, axis=0, weights=thing.weights), 0, atol=6)
        assert 190 < pdist(thing.centres).max() + 3 * thing.sigmas.mean() < 290
    peaks = [thing.scaled(0.1).map(36).max() for thing in kinds.values()]
    assert max(peaks) < 3 * min(peaks)


def test_likening_keeps_the_shape() -> None:
    kinds = complexes()
    grown = likened(kinds["rod"], kinds["rod"].scaled(2))
    ratio = pdist(grown.centres) / pdist(kinds["rod"].centres)
    np.testing.assert_allclose(ratio, ratio[0])
    assert radius_of_gyration(grown) == pytest.approx(2 * radius_of_gyration(kinds["rod"]))


def test_however_it_is_turned_no_other_kind_looks_like_the_target() -> None:
    kinds = {kind: thing.scaled(1 / 20).map(18) for kind, thing in complexes().items()}
    z, y, x = np.mgrid[:18, :18, :18] - 9
    grid = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    likeness = dict.fromkeys(kinds, 0.0)
    for rotation in Rotation.random(300, np.random.default_rng(0)):
        places = (rotation.apply(grid) + 9).T[::-1]
        turned = map_coordinates(kinds[TARGET], places, order=1)
        for kind, density in kinds.items():
            likeness[kind] = max(likeness[kind], np.corrcoef(turned, density.ravel())[0, 1])
    del likeness[TARGET]  # 1 where it lies as in its map, which is none of these rotations
    assert max(likeness.values()) < 0.85


def test_everything_keeps_apart_and_within_the_border(sample: CrowdedTomogram) -> None:
    counts = {kind: len(particles) for kind, particles in sample.particles.items()}
    assert counts.pop(TARGET) >= 7
    assert min(counts.values()) >= 4
    assert len(sample.gold) == 4
    everything = np.concatenate([every_position(sample), sample.gold])
    assert pdist(everything).min() >= 21
    assert np.abs(sample.vesicle.distance(everything)).min() > 5
    assert np.abs(sample.membrane.distance(everything)).min() > 5
    limit = np.array(sample.volume.shape[::-1]) - 1
    things = complexes()
    for kind, particles in sample.particles.items():
        thing = things[kind].scaled(1 / sample.voxel_size_angstrom)
        posed = [thing.posed(*p).centres for p in zip(particles.positions, particles.rotations, strict=True)]
        for centres in posed:
            assert ((centres > 1) & (centres < limit - 1)).all()


def test_the_average_at_the_true_poses_is_that_kinds_map(sample: CrowdedTomogram) -> None:
    imaged = {kind: as_imaged(density, sample) for kind, density in sample.maps.items()}
    n = len(imaged[TARGET])
    inside = np.linalg.norm(np.mgrid[:n, :n, :n] - n // 2, axis=0) < 15
    for kind in sample.particles:
        average = gaussian_filter(aligned_average(sample, kind), 0.8)[inside]
        likeness = {k: np.corrcoef(average, density[inside])[0, 1] for k, density in imaged.items()}
        assert likeness[kind] > 0.5
        assert max(likeness, key=lambda k: likeness[k]) == kind


def test_gold_is_the_darkest(sample: CrowdedTomogram) -> None:
    smooth = gaussian_filter(sample.volume, 1.0)
    at = tuple(np.round(sample.gold).astype(int).T[::-1])
    rest = np.array([smooth[tuple(p)] for p in np.round(every_position(sample)).astype(int)[:, ::-1]])
    assert smooth[at].max() < 2 * rest.min() < 0


def test_the_signal_to_noise_ratio_is_that_asked_for() -> None:
    same = {"size": (96, 96, 64), "targets": 4, "others": 2, "gold": 0}
    noisy, clean = (crowded_tomogram(1, snr=snr, **same).volume.ravel() for snr in (0.1, 1e6))
    # of a sum of independent parts, the squared correlation with one is its share of the variance
    share = np.corrcoef(noisy, clean)[0, 1] ** 2
    assert share / (1 - share) == pytest.approx(0.1, rel=0.1)


def test_a_blob_detector_finds_complexes_but_not_the_targets(sample: CrowdedTomogram) -> None:
    sigma = 0.3 * sample.diameter
    score = gaussian_filter(sample.volume, 1.25 * sigma) - gaussian_filter(sample.volume, 0.8 * sigma)
    found = np.argwhere(score == maximum_filter(score, round(0.8 * sample.diameter)))
    found = found[np.argsort(-score[tuple(found.T)])][:, ::-1]

    def recall(truth: np.ndarray) -> float:
        return float(np.mean(cdist(truth, found[: len(truth)]).min(axis=1) < sample.diameter / 4))

    assert recall(every_position(sample)) > 0.6
    assert recall(sample.particles[TARGET].positions) < 0.5
