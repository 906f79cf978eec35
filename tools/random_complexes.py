"""Complexes of random shapes in small simulated volumes, for the encoder to learn to tell them apart.

Everything is on the working grid, where a particle is some ten voxels across. None of the shapes is that of
a real complex: lobes, rings, shells, rods, legs, symmetric copies of a subunit, strings of domains.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import fft
from scipy.spatial.transform import Rotation

from napari_tomopick.picking.working_grid import WORKING_DIAMETER, normalised

Array = NDArray[np.float64]
_MARGIN = 8
_REACH = 3.2


@dataclass(frozen=True)
class Shape:
    """Gaussian blobs about the centre of mass: centres ``(k, 3)``, sigmas, weights."""

    centres: Array
    sigmas: Array
    weights: Array


def random_shape(rng: np.random.Generator) -> Shape:
    """A complex that nobody has seen, from 0.6 to 1.35 times as large as a particle should be."""
    x = (_lobes, _rings, _shell, _rod, _legs, _copies, _string)[rng.integers(7)](rng)
    x = x - x.mean(axis=0)
    radius = np.percentile(np.linalg.norm(x, axis=1), 95)
    x = x * (0.5 * WORKING_DIAMETER * rng.uniform(0.6, 1.35) * 0.85 / radius)
    even = rng.random() >= 0.5
    sigmas = np.full(len(x), rng.uniform(0.5, 1.0)) if even else rng.uniform(0.45, 1.1, len(x))
    mass = rng.uniform(0.5, 1.0, len(x))
    x = x - (mass[:, None] * x).sum(axis=0) / mass.sum()
    # a density of about one half within it, whatever its size
    volume = 4 / 3 * np.pi * (np.percentile(np.linalg.norm(x, axis=1), 80) + 0.7) ** 3
    weights = mass / sigmas**3
    weights *= rng.uniform(0.7, 1.3) * 0.5 * volume / ((2 * np.pi) ** 1.5 * mass.sum())
    return Shape(x, sigmas, weights)


def _unit(rng: np.random.Generator, n: int) -> Array:
    v = rng.normal(size=(n, 3))
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def _lobes(rng: np.random.Generator) -> Array:
    lobes = []
    for _ in range(rng.integers(1, 5)):
        n = int(rng.integers(10, 40))
        inside = _unit(rng, n) * rng.uniform(0, 1, (n, 1)) ** (1 / 3) * rng.uniform(0.25, 0.8, 3)
        lobes.append(_unit(rng, 1) * rng.uniform(0, 0.7) + inside)
    return np.concatenate(lobes)


def _rings(rng: np.random.Generator) -> Array:
    n, count = int(rng.integers(5, 13)), int(rng.integers(1, 6))
    radius, half = rng.uniform(0.4, 1.0), rng.uniform(0.3, 1.3)
    rings = []
    for z in np.linspace(-half, half, count) if count > 1 else [0.0]:
        angle = 2 * np.pi * np.arange(n) / n + rng.uniform(0, 6)
        r = radius * rng.uniform(0.8, 1.1)
        rings.append(np.column_stack([r * np.cos(angle), r * np.sin(angle), np.full(n, z)]))
    if rng.random() < 0.4:
        rings.append(0.25 * _unit(rng, 10) + [0, 0, rng.uniform(-1.2, 1.2)])
    return np.concatenate(rings)


def _shell(rng: np.random.Generator) -> Array:
    n = int(rng.integers(30, 80))
    shell = _unit(rng, n) * rng.uniform(0.9, 1, (n, 1)) * rng.uniform(0.7, 1.1, 3)
    return np.concatenate([shell, _unit(rng, 12) * rng.uniform(0.1, 0.4)]) if rng.random() < 0.4 else shell


def _rod(rng: np.random.Generator) -> Array:
    n = int(rng.integers(20, 50))
    t = np.linspace(-1, 1, n)
    axis = np.column_stack([1.3 * t, rng.uniform(-0.9, 0.9) * t**2, rng.uniform(-0.6, 0.6) * t**3])
    return axis + rng.normal(0, rng.uniform(0.05, 0.3), (n, 3))


def _legs(rng: np.random.Generator) -> Array:
    directions = _unit(rng, int(rng.integers(2, 6)))
    t = np.linspace(0, 1, 12)[:, None]
    legs = [d * t * rng.uniform(0.6, 1.3) + rng.normal(0, 0.1, (12, 3)) for d in directions]
    return np.concatenate(legs)


def _copies(rng: np.random.Generator) -> Array:
    n = int(rng.integers(2, 8))
    subunit = _unit(rng, 12) * rng.uniform(0, 0.45, (12, 1))
    subunit = subunit + np.array([rng.uniform(0.3, 0.8), 0, rng.uniform(-0.3, 0.3)])
    turns = (Rotation.from_euler("z", 360 * i / n, degrees=True) for i in range(n))
    copies = np.concatenate([turn.apply(subunit) for turn in turns])
    if rng.random() < 0.4:
        copies = np.concatenate([copies, copies * [1, -1, -1] + [0, 0, rng.uniform(0.3, 0.8)]])
    return copies


def _string(rng: np.random.Generator) -> Array:
    n = int(rng.integers(4, 12))
    domains = np.cumsum(_unit(rng, n) * rng.uniform(0.25, 0.5), axis=0)
    return np.concatenate([d + _unit(rng, 8) * rng.uniform(0, 0.3, (8, 1)) for d in domains])


@dataclass(frozen=True)
class Condition:
    """How the volumes of one batch are imaged, and what else is in them."""

    scale: float
    apart: float
    tilts: tuple[float, float]
    snr: float
    transfer: tuple[float, float, float] | None  # voxel size in Å, defocus in Å, amplitude contrast
    envelope: float | None
    noise_floor: float
    noise_envelope: float
    small_proteins: bool
    gold: bool
    membrane: tuple[float, float, float] | None  # of a leaflet: thickness, distance, density
    heights: dict[int, float] = field(default_factory=dict)  # of kinds that stand on the membrane

    @classmethod
    def random(cls, rng: np.random.Generator) -> Condition:
        """From a noisy tomogram of a cell to a clean one of purified complexes."""
        attached = rng.random() < 0.6
        return cls(
            scale=rng.uniform(0.88, 1.15),
            apart=rng.uniform(0.75, 1.3) * WORKING_DIAMETER,
            tilts=(-rng.uniform(40, 70), rng.uniform(40, 70)),
            snr=float(np.exp(rng.uniform(np.log(0.25), np.log(6)))),
            transfer=(rng.uniform(10, 40), rng.uniform(20000, 70000), rng.uniform(0.05, 0.3))
            if rng.random() < 0.75
            else None,
            envelope=rng.uniform(0.25, 0.6) if rng.random() < 0.5 else None,
            noise_floor=rng.uniform(0.2, 1.5),
            noise_envelope=rng.uniform(0.3, 0.9),
            small_proteins=rng.random() < 0.4,
            gold=rng.random() < 0.3,
            membrane=(rng.uniform(0.4, 1.0), rng.uniform(0, 2.2), rng.uniform(0.4, 1.3))
            if rng.random() < 0.4
            else None,
            heights={int(k): rng.uniform(-2, 6) for k in rng.permutation(9)[:4]} if attached else {},
        )


@dataclass(frozen=True)
class Scene:
    """A volume as the encoder sees it; positions x, y, z of what is whole in it.

    ``every`` has the complexes beyond the border as well, ``bad`` places on membranes and gold.
    """

    volume: NDArray[np.float32]
    positions: Array
    kinds: NDArray[np.int64]
    every: Array
    bad: Array


def random_scene(
    rng: np.random.Generator, shapes: list[Shape], chosen: NDArray[np.int64], how: Condition, size: int = 48
) -> Scene:
    """A volume of ``size`` voxels a side with complexes of the chosen kinds."""
    n = size + 2 * _MARGIN
    volume = np.zeros((n, n, n), np.float32)
    surface = _Surface(rng, n) if how.membrane is not None and rng.random() < 0.75 else None
    places: list[Array] = []
    kinds: list[int] = []
    count = rng.integers(15, 60)
    for place in rng.uniform(2, n - 2, (400, 3)):
        if len(places) == count:
            break
        which = int(rng.integers(len(chosen)))
        turn = Rotation.random(rng=rng)
        if surface is not None:
            foot, normal = surface.nearest(place)
            if which in how.heights:
                place = foot + normal * how.heights[which]
                upright, _ = Rotation.align_vectors([normal], [[0, 0, 1]])
                turn = upright * Rotation.from_euler("z", rng.uniform(0, 7))
            elif np.linalg.norm(place - foot) < 4.5:
                continue
        if places and np.linalg.norm(np.array(places) - place, axis=1).min() <= how.apart:
            continue
        places.append(place)
        kinds.append(int(chosen[which]))
        shape = shapes[kinds[-1]]
        _add(
            volume,
            turn.apply(shape.centres * how.scale) + place,
            shape.sigmas * how.scale,
            shape.weights * rng.uniform(0.85, 1.15),
        )
    every = np.array(places).reshape(-1, 3)
    bad = np.zeros((0, 3))
    if surface is not None and how.membrane is not None:
        distance = surface.distance(n)
        thickness, gap, dense = how.membrane
        for side in (-gap / 2, gap / 2):
            volume += (dense * np.exp(-0.5 * ((distance + side) / thickness) ** 2)).astype(np.float32)
        on = np.argwhere(np.abs(distance) < 0.7)[:, ::-1].astype(float)
        on = on[rng.permutation(len(on))[:40]]
        if len(on) and len(every):
            on = on[np.linalg.norm(on[:, None] - every[None], axis=2).min(axis=1) > 4]
        bad = on[:10]
    if how.gold and rng.random() < 0.7:
        beads = rng.uniform(0, n, (rng.integers(1, 4), 3))
        _add(volume, beads, np.full(len(beads), rng.uniform(0.8, 2)), np.full(len(beads), rng.uniform(3, 12)))
        bad = np.concatenate([bad, beads])
    if how.small_proteins:
        k = int(rng.integers(20, 150))
        _add(volume, rng.uniform(0, n, (k, 3)), rng.uniform(0.5, 1.2, k), rng.uniform(0.2, 1.0, k))
    seen = _imaged(volume, how, rng)[(slice(_MARGIN, _MARGIN + size),) * 3]
    every, bad = every - _MARGIN, bad - _MARGIN
    whole = ((every > 2.5) & (every < size - 3.5)).all(axis=1)
    inside = ((bad > 2) & (bad < size - 3)).all(axis=1)
    return Scene(normalised(seen), every[whole], np.array(kinds, np.int64)[whole], every, bad[inside])


class _Surface:
    """A plane or a sphere through the volume."""

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        normal = _unit(rng, 1)[0]
        if rng.random() < 0.6:  # upright ones are seen best
            normal = normal * [1, 1, 0.5] / np.linalg.norm(normal * [1, 1, 0.5])
        self._normal, self._through = normal, rng.uniform(12, n - 12, 3)
        self._radius = None if rng.random() < 0.5 else rng.uniform(10, 40)

    def nearest(self, place: Array) -> tuple[Array, Array]:
        if self._radius is None:
            return place - ((place - self._through) @ self._normal) * self._normal, self._normal
        middle = self._through - self._normal * self._radius
        outward = (place - middle) / np.linalg.norm(place - middle)
        return middle + outward * self._radius, outward

    def distance(self, n: int) -> Array:
        grid = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1)[..., ::-1]
        if self._radius is None:
            return (grid - self._through) @ self._normal
        return np.linalg.norm(grid - (self._through - self._normal * self._radius), axis=-1) - self._radius


def _imaged(density: NDArray[np.float32], how: Condition, rng: np.random.Generator) -> NDArray[np.float32]:
    """Dense becomes dark; missing wedge, contrast transfer and noise."""
    n = len(density)
    z, y, x = np.meshgrid(fft.fftfreq(n), fft.fftfreq(n), fft.rfftfreq(n), indexing="ij")
    k = np.sqrt(x**2 + y**2 + z**2)
    low, high = np.tan(np.radians(how.tilts))
    measured = (z >= low * x - 1e-9) & (z <= high * x + 1e-9)
    # little of what is not measured is left, so that nothing is divided by nothing
    wedge = 1e-3 + measured
    transfer = wedge
    if how.transfer is not None:
        voxel, defocus, amplitude = how.transfer
        phase = np.pi * 0.0197 * defocus * (k / voxel) ** 2
        transfer = transfer * np.abs(np.sqrt(1 - 0.07**2) * np.sin(phase) + amplitude * np.cos(phase))
    if how.envelope is not None:
        transfer = transfer * np.exp(-((k / how.envelope) ** 2))
    signal = fft.irfftn(fft.rfftn(density) * transfer, density.shape)
    grain = wedge * (how.noise_floor + k) * np.exp(-((k / how.noise_envelope) ** 2))
    noise = fft.irfftn(fft.rfftn(rng.standard_normal(density.shape)) * grain, density.shape)
    inside = density > 0.3
    strength = np.sqrt(np.mean(signal[inside] ** 2)) if inside.sum() > 50 else signal.std()
    return (noise * (strength / noise.std() / np.sqrt(how.snr)) - signal).astype(np.float32)


@njit(cache=True, fastmath=True)
def _add(volume, centres, sigmas, weights):  # type: ignore[no-untyped-def]  # pragma: no cover
    nz, ny, nx = volume.shape
    for i in range(len(centres)):
        reach = _REACH * sigmas[i]
        z0 = max(0, int(np.ceil(centres[i, 2] - reach)))
        z1 = min(nz, int(np.floor(centres[i, 2] + reach)) + 1)
        y0 = max(0, int(np.ceil(centres[i, 1] - reach)))
        y1 = min(ny, int(np.floor(centres[i, 1] + reach)) + 1)
        x0 = max(0, int(np.ceil(centres[i, 0] - reach)))
        x1 = min(nx, int(np.floor(centres[i, 0] + reach)) + 1)
        factor = -0.5 / (sigmas[i] * sigmas[i])
        for z in range(z0, z1):
            at_z = weights[i] * np.exp(factor * (z - centres[i, 2]) ** 2)
            for y in range(y0, y1):
                at_y = at_z * np.exp(factor * (y - centres[i, 1]) ** 2)
                for x in range(x0, x1):
                    volume[z, y, x] += at_y * np.exp(factor * (x - centres[i, 0]) ** 2)
