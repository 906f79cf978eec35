"""Membranes to track, with the truth about them: good ones, and some on which tracking must fail.

Used by `tracking.py`. A scene has one membrane to follow, and says for any position how far it lies from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_tomopick.io.volumes import open_volume
from napari_tomopick.models.tomogram import Acquisition
from napari_tomopick.samples import membrane_tomogram
from napari_tomopick.samples.imaging import image
from napari_tomopick.samples.membranes import bilayer
from napari_tomopick.samples.scene import clutter

Array = NDArray[np.float64]
Distance = Callable[[Array], Array]

_BLUR = 4.0
"""How far in voxels along z a membrane shows beyond its end: the missing wedge smears it out."""
ACQUISITION = Acquisition(tilt_min_degrees=-60, tilt_max_degrees=60)


@dataclass(frozen=True, eq=False)
class Scene:
    """A tomogram and the membrane to follow in it.

    Parameters
    ----------
    name : str
    volume : array ``[z, y, x]``
    distance : callable
        Signed distance in voxels of positions ``(..., 3)`` from the middle of the membrane; infinite where
        there is none.
    path : callable
        ``path(t, r)``: positions ``(n, 2)`` in the slice, for t from 0 to 1 along the membrane and r across.
    across : tuple of 2 float
        Values of r on either side of the membrane.
    closed : bool
    starts : tuple of int
        Slices from which it is tracked.
    fails : bool
        Whether the membrane cannot be followed all the way: a tracker has to stop.
    """

    name: str
    volume: NDArray
    distance: Distance
    path: Callable[[Array, Array], Array]
    across: tuple[float, float]
    closed: bool
    starts: tuple[int, ...]
    fails: bool = False

    def clicks(self, z: int, n: int, jitter: float, rng: np.random.Generator) -> Array:
        """What a user clicks in slice z: ``(n, 3)``, at uneven distances, off by the jitter in x and y."""
        t = (np.arange(n) + 0.5 + rng.uniform(-0.3, 0.3, n)) / n
        low, high = np.full(n, self.across[0]), np.full(n, self.across[1])

        def at(r: Array) -> Array:
            return np.column_stack([self.path(t, r), np.full(n, z)])

        side = np.sign(self.distance(at(low)))
        for _ in range(40):
            middle = (low + high) / 2
            same = np.sign(self.distance(at(middle))) == side
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        return at(low) + rng.normal(0, jitter, (n, 3)) * [1, 1, 0]


def _round(centre: tuple[float, float]) -> Callable[[Array, Array], Array]:
    def path(t: Array, r: Array) -> Array:
        angle = 2 * np.pi * t
        return np.asarray(centre) + r[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])

    return path


def _along_y(first: float, last: float) -> Callable[[Array, Array], Array]:
    return lambda t, r: np.column_stack([r, first + (last - first) * t])


def _along_x(first: float, last: float) -> Callable[[Array, Array], Array]:
    return lambda t, r: np.column_stack([first + (last - first) * t, r])


def _diagonal(length: float) -> Callable[[Array, Array], Array]:
    def path(t: Array, r: Array) -> Array:
        beside = length * (t - 0.5)
        return np.column_stack([r + beside, r - beside]) / np.sqrt(2)

    return path


def simulated(data: Path) -> Iterator[Scene]:
    """Both sheets and the vesicle of the simulated mitochondrion in ``data/membrane``."""
    volume = open_volume(data / "membrane" / "membrane.mrc").data
    table = pd.read_csv(data / "membrane" / "membrane_surface_truth.csv")
    for name in ("omm", "imm", "vesicle"):
        rows = table[table["membrane"] == name]
        points, normals = rows[["x", "y", "z"]].to_numpy(), rows[["nx", "ny", "nz"]].to_numpy()
        distance = _from_samples(points, normals)
        if name == "vesicle":
            yield Scene(name, volume, distance, _round((93, 123)), (5, 95), True, (50, 64, 74))
        else:
            yield Scene(name, volume, distance, _along_y(10, 246), (150, 250), False, (24, 64, 100))


def _from_samples(points: Array, normals: Array) -> Distance:
    tree = cKDTree(points)

    def distance(positions: Array) -> Array:
        flat = positions.reshape(-1, 3)
        apart, rows = tree.query(flat, k=4)
        weights = 1 / (apart + 0.5) ** 2
        offsets = ((flat[:, None] - points[rows]) * normals[rows]).sum(axis=-1)
        return ((offsets * weights).sum(axis=1) / weights.sum(axis=1)).reshape(positions.shape[:-1])

    return distance


def phantoms(snr: float, seed: int) -> Iterator[Scene]:
    """The sheet and the vesicle of the project's own sample."""
    sample = membrane_tomogram(seed, snr=snr)
    _, ny, nx = sample.volume.shape
    name = f"seed {seed}"
    path = _along_y(0.05 * ny, 0.95 * ny)
    yield Scene(
        f"sheet, {name}", sample.volume, sample.membrane.distance, path, (0.4 * nx, 0.95 * nx), False,
        (24, 48, 72),
    )  # fmt: skip
    x, y, z = sample.vesicle.centre
    yield Scene(
        f"vesicle, {name}", sample.volume, sample.vesicle.distance, _round((x, y)),
        (2, sample.vesicle.radius + 8), True, (round(z) - 8, round(z)),
    )  # fmt: skip


def failures(snr: float, seed: int) -> Iterator[Scene]:
    """Membranes that end, fade, are crossed by another, or lean into the missing wedge."""
    size = (128, 128, 96)
    z, y, x = np.meshgrid(*(np.arange(n, dtype=np.float64) for n in size[::-1]), indexing="ij")
    rng = np.random.default_rng(seed)
    start = 24

    def scene(name: str, density: NDArray, distance: Distance, fails: bool, along_x: bool = False) -> Scene:
        density = density.astype(np.float32)
        clutter(size, 10.0, rng).add_to(density)
        volume = image(density, 10.0, ACQUISITION, snr=snr, defocus_angstrom=45000.0, rng=rng)
        path = _along_x(14, 114) if along_x else _along_y(14, 114)
        across = (2.0, 126.0)
        return Scene(f"{name}, seed {seed}", volume, distance, path, across, False, (start,), fails)

    def sheet(points: Array, slope: float = 0.15, at: float = 60.0) -> Array:
        px, py, pz = np.moveaxis(points, -1, 0)
        f = at + 4 * np.sin(2 * np.pi * (py / 110 + seed / 7)) + slope * (pz - start)
        return (f - px) / np.sqrt(1 + slope**2)

    grid = np.stack([x, y, z], axis=-1)
    plain = bilayer(sheet(grid), 10.0)

    def end(points: Array) -> Array:
        return start + 3 + 0.12 * points[..., 1] - points[..., 2]

    edge = np.clip(end(grid) + 0.5, 0, 1)
    yield scene(
        "it ends",
        plain * edge,
        lambda p: np.where(end(p) > -_BLUR, sheet(p), np.inf * np.sign(sheet(p))),
        True,
    )
    yield scene("it fades", plain * np.clip(1 - (z - start) / 14, 0, 1), sheet, True)
    other = sheet(grid, -0.75, 84.0)
    yield scene("crossed by another", plain + bilayer(other, 10.0), sheet, True)
    beside = sheet(grid, 0.15, 71.0 + 0)
    yield scene("another 11 voxels beside", plain + bilayer(beside, 10.0), sheet, False)

    for slope in (0.4, 0.9):

        def leaning(points: Array, slope: float = slope) -> Array:
            px, py, pz = np.moveaxis(points, -1, 0)
            f = 40 + 0.008 * (px - 64) ** 2 / 2 + slope * (pz - start)
            return (f - py) / np.sqrt(1 + slope**2)

        name = f"leaning by {slope:g} into the wedge"
        yield scene(name, bilayer(leaning(grid), 10.0), leaning, True, along_x=True)

    def curling(points: Array) -> Array:
        px, py, pz = np.moveaxis(points, -1, 0)
        ahead = np.clip(pz - start, 0, None)
        along = (px + py) / np.sqrt(2)
        return (75 + 0.05 * ahead**2 - along) / np.sqrt(1 + (0.1 * ahead) ** 2)

    curled = scene("curling into the wedge", bilayer(curling(grid), 10.0), curling, True)
    # across x + y, so that its normal is 45 degrees off the tilt axis
    yield replace(curled, path=_diagonal(70.0), across=(20.0, 130.0))
