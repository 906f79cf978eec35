"""Template matching as EMAN2's e2spt_tempmatch does it, re-created from its description.

Used by `picking_quality.py`. Its steps and defaults, of the version of 2021 and later: the reference is
low-passed and high-passed, and so is the tomogram, whose voxels are clamped at 3 standard deviations; plain
correlation in orientations 30 degrees apart (588 in EMAN2, 576 here), without mask, missing wedge or local
normalisation; the largest at each voxel, filtered again; connected regions above vthr standard deviations,
ranked by the sum of their voxels.

EMAN's Gaussian filters are ``exp(-(f / c)^2)`` for a low-pass with the cut-off c, and one minus that for a
high-pass; f in cycles per voxel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.spatial.transform import Rotation

Volume = NDArray[np.float32]


def orientations(delta: float) -> Rotation:
    """EMAN's grid over all directions and turns, ``delta`` degrees apart."""
    angles = []
    for altitude in np.arange(0, 180 + 1e-6, delta):
        sine = np.sin(np.radians(altitude))
        around = 1 if sine < 1e-6 else int(np.ceil(360 * sine / delta - 1e-6))
        for azimuth in 360.0 / around * np.arange(around):
            angles += [[azimuth, altitude, phi] for phi in np.arange(0, 360 - 1e-6, delta)]
    return Rotation.from_euler("ZXZ", angles, degrees=True)


def score_map(volume: Volume, density: NDArray, delta: float = 30.0) -> Volume:
    """The largest correlation over all orientations, in standard deviations.

    Parameters
    ----------
    volume : float32 array ``[z, y, x]``
        Dense is dark.
    density : array, shape (n, n, n)
        Dense is bright, at the same voxel size.
    delta : float
        In degrees.
    """
    box = len(density)
    reference = -_edge_normalised(_filtered(density.astype(np.float32), low=0.4, high=4 / box))
    ready = _filtered(volume, low=0.4, high=box / 2 / volume.shape[2])
    ready = np.clip(_edge_normalised(ready), -3, 3)
    spectrum = fft.rfftn(ready, workers=2)
    best = np.full(volume.shape, -np.inf, np.float32)
    for rotation in orientations(delta):
        whole = np.zeros(volume.shape, np.float32)
        whole[:box, :box, :box] = _turned(reference, rotation)
        product = spectrum * fft.rfftn(whole, workers=2).conj()
        np.maximum(best, fft.irfftn(product, volume.shape, workers=2), out=best)
    # what was compared had its centre at voxel box // 2
    best = np.roll(best, [box // 2] * 3, axis=(0, 1, 2))
    found = _edge_normalised(_filtered(best, low=0.3, high=24 / volume.shape[2]))
    return found * (1 - _gold(volume))


def picks(
    found: Volume, box: int, vthr: float, number: int = 500
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions x, y, z and scores, best first.

    Parameters
    ----------
    found : float32 array ``[z, y, x]``
        From `score_map`.
    box : int
        Of the reference.
    vthr : float
        In standard deviations of the map.
    number : int
    """
    return _regions(np.where(found >= vthr, found, 0), box, number)


def _turned(box: Volume, rotation: Rotation) -> Volume:
    centre = np.full(3, len(box) // 2)
    matrix = rotation.inv().as_matrix()[::-1, ::-1]
    return np.asarray(ndimage.affine_transform(box, matrix, centre - matrix @ centre, order=1))


def _regions(found: Volume, box: int, number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    labels, count = ndimage.label(found)
    numbers = np.arange(1, count + 1)
    if not count:
        return np.empty((0, 3)), np.empty(0)
    total = np.asarray(ndimage.sum_labels(found, labels, numbers))
    size = np.asarray(ndimage.sum_labels(found > 0, labels, numbers))
    at = np.array(ndimage.maximum_position(found, labels, numbers), float)[:, ::-1]
    kept = (total > 5) & (size < box**3)
    at, total = at[kept], total[kept]
    order = np.argsort(-total, kind="stable")
    chosen: list[int] = []
    for row in order:
        if len(chosen) < number and all(np.linalg.norm(at[row] - at[c]) >= box / 2 for c in chosen):
            chosen.append(int(row))
    scores = total[chosen]
    return at[chosen], scores / max(scores.max(initial=0.0), 1e-12)


def _gold(volume: Volume) -> Volume:
    """Where gold is, softly."""
    beads = -_edge_normalised(volume) > 8
    return np.clip(_filtered(beads.astype(np.float32), low=0.05), 0, 1)


def _edge_normalised(volume: NDArray) -> Volume:
    """Mean of the faces 0, standard deviation of all voxels 1."""
    faces = np.concatenate([np.take(volume, [0, -1], axis=axis).ravel() for axis in range(3)])
    return np.asarray((volume - faces.mean()) / volume.std(), np.float32)


def _filtered(volume: Volume, low: float | None = None, high: float | None = None) -> Volume:
    z, y, x = (fft.fftfreq(n) for n in volume.shape)
    x = fft.rfftfreq(volume.shape[2])
    squared = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2
    weight = np.ones_like(squared)
    if low is not None:
        weight *= np.exp(-squared / low**2)
    if high is not None:
        weight *= 1 - np.exp(-squared / high**2)
    spectrum = fft.rfftn(volume, workers=2) * weight.astype(np.float32)
    return np.asarray(fft.irfftn(spectrum, volume.shape, workers=2), np.float32)
