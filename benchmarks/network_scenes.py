"""Tomograms in which one kind of particle is to be picked, and what a user might click in them.

Used by `network.py`. Positions are x, y, z in voxels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.contrast_transfer import contrast_transfer
from napari_tomopick.io.volumes import open_volume
from napari_tomopick.samples import complexes

Array = NDArray[np.float64]

JITTER = 1.0
"""Standard deviation in voxels of the hand's error, along each axis."""


@dataclass(frozen=True, eq=False)
class Clicks:
    """What a user clicked.

    Parameters
    ----------
    positive, negative : array, shape (n, 3)
    references : int array, shape (n,)
        Rows of the scene's `targets` that the positive ones mean.
    """

    positive: Array
    negative: Array
    references: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scene:
    """A tomogram and what is in it.

    Parameters
    ----------
    name : str
    volume : float32 array ``[z, y, x]``
        Dense is dark.
    voxel_size : float
        In Å.
    tilt_range : tuple of 2 float
        In degrees.
    diameter : float
        Of the targets, in voxels.
    targets : array, shape (n, 3)
        True positions of the particles to be picked.
    others : mapping of str to array
        Those of every other kind of complex.
    things : mapping of str to array
        Places on whatever else one can click: membranes, gold.
    density : array
        True map of the target (dense is positive).
    rotations : Rotation
        Of the targets: frame of the map to frame of the tomogram.
    origin : float
        Where the targets' positions lie in the map, from its voxel ``N // 2``, along each axis: -0.5 where
        they are those of the middle of an even box.
    transfer : callable, optional
        Contrast transfer at a frequency in cycles per voxel.
    """

    name: str
    volume: NDArray[np.float32]
    voxel_size: float
    tilt_range: tuple[float, float]
    diameter: float
    targets: Array
    others: dict[str, Array]
    things: dict[str, Array]
    density: NDArray[np.float32]
    rotations: Rotation
    origin: float = 0.0
    transfer: Callable[[Array], Array] | None = None

    def clicks(self, n: int, seed: int) -> Clicks:
        """n targets at random, and n things that are none.

        Three in five of the negative ones are other complexes, of as many kinds as possible; the rest lie by
        turns on membrane or gold (where there is any) and where there is nothing.
        """
        rng = np.random.default_rng([seed, n])
        rows = rng.permutation(len(self.targets))[:n]
        kinds = [rng.permutation(self.others[kind]) for kind in rng.permutation(sorted(self.others))]
        turns = (turn[k] for k in range(max(map(len, kinds))) for turn in kinds if k < len(turn))
        things = [rng.permutation(self.things[kind]) for kind in rng.permutation(sorted(self.things))]
        negative = []
        for k in range(n):
            if k % 5 < 3:
                negative.append(next(turns))
            elif k % 5 == 3 and things:
                turn = things[(k // 5) % len(things)]
                negative.append(turn[k // 5 // len(things)])
            else:
                negative.append(self._nothing(rng))

        def clicked(places: Array) -> Array:
            limit = np.array(self.volume.shape[::-1]) - 1.0
            return np.clip(places + rng.normal(0, JITTER, places.shape), 0, limit)

        return Clicks(clicked(self.targets[rows]), clicked(np.array(negative)), rows)

    def _nothing(self, rng: np.random.Generator) -> Array:
        occupied = np.concatenate([self.targets, *self.others.values(), *self.things.values()])
        limit = np.array(self.volume.shape[::-1]) - 1.0
        places = rng.uniform(0.4 * self.diameter, limit - 0.4 * self.diameter, (500, 3))
        apart = cdist(places, occupied).min(axis=1)
        free = places[apart > 0.9 * self.diameter]
        return np.asarray(free[0] if len(free) else places[np.argmax(apart)])


def crowded(seed: int, snr: float = 0.1) -> Scene:
    """The project's own crowded sample, another one for every seed."""
    sample = complexes.crowded_tomogram(seed, snr=snr)
    others = {k: p.positions for k, p in sample.particles.items() if k != complexes.TARGET}
    nx, ny, nz = sample.volume.shape[::-1]
    rng = np.random.default_rng(seed)
    sheet = sample.membrane.points(rng.uniform(0.1, 0.9, 300) * ny, rng.uniform(0.1, 0.9, 300) * nz)
    outward = rng.normal(size=(300, 3))
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    around = np.array(sample.vesicle.centre) + sample.vesicle.radius * outward
    inside = np.abs(sheet[:, 0] - nx / 2) < nx / 2 - 5
    size = sample.voxel_size_angstrom

    def transfer(frequency: Array) -> Array:
        fall_off = np.exp(-((frequency / 0.36) ** 4))
        return contrast_transfer(frequency / size, sample.defocus_angstrom) * fall_off

    return Scene(
        f"crowded, seed {seed}",
        sample.volume,
        size,
        (-60.0, 60.0),
        sample.diameter,
        sample.particles[complexes.TARGET].positions,
        others,
        {"gold": sample.gold, "membrane": np.concatenate([sheet[inside], around])},
        sample.maps[complexes.TARGET],
        sample.particles[complexes.TARGET].rotations,
        transfer=transfer,
    )


def simulated(data: Path, folder: str, target: str, template: str, diameter: float) -> Scene:
    """One of the simulated tomograms of the folder of data; `target` is a class of its truth."""
    table = pd.read_csv(data / folder / f"{folder}_truth.csv")
    positions = {str(k): rows[["x", "y", "z"]].to_numpy(float) for k, rows in table.groupby("cls")}
    things = {}
    surface = data / folder / f"{folder}_surface_truth.csv"
    if surface.exists():
        points = pd.read_csv(surface)[["x", "y", "z"]].to_numpy(float)
        apart = cdist(points, np.concatenate(list(positions.values()))).min(axis=1)
        things["membrane"] = points[apart > 0.7 * diameter]
    volume = np.asarray(open_volume(data / folder / f"{folder}.mrc").data, np.float32)
    matrices = table.loc[table.cls == target, [f"r{i}{j}" for i in "123" for j in "123"]].to_numpy(float)
    return Scene(
        f"{folder}, {target}",
        volume,
        10.0,
        (-60.0, 60.0),
        diameter,
        positions.pop(target),
        positions,
        things,
        np.asarray(open_volume(data / "templates" / f"{template}.mrc").data, np.float32),
        Rotation.from_matrix(matrices.reshape(-1, 3, 3)),
        origin=-0.5,
    )


def scene(name: str, seed: int, data: Path | None) -> Scene:
    """A scene by name: one of `names`."""
    if name in CROWDED:
        return crowded(seed, CROWDED[name])
    if data is None:
        raise SystemExit(f"the scene {name} needs TOMOPICK_DATA, the folder of simulated tomograms")
    folder, target, template, diameter = _SIMULATED[name]
    return simulated(data, folder, target, template, diameter)


CROWDED = {"crowded": 0.1, "crowded, faint": 0.05}
"""The signal-to-noise ratio of the scenes of which there is another for every seed."""

_SIMULATED = {
    "ribosomes": ("ribosomes", "4v7r", "ribosome_80S_10A", 28.0),
    "crowns": ("membrane", "crown", "crown", 23.0),
    "membrane ribosomes": ("membrane", "ribosome", "ribosome", 28.0),
}


def names(data: Path | None) -> Iterator[str]:
    """Names of the scenes there are."""
    yield "crowded"
    if data is not None:
        yield from _SIMULATED
