"""Complexes that only their shape tells apart: of one mass and one radius of gyration, in Å.

All are lumpy on one scale, so that neither size, darkness nor contrast, coarse or fine, marks one kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tomopick.samples import phantoms
from napari_tomopick.samples.phantoms import Blobs

Points = NDArray[np.float64]

_BLOBS = 235  # of every kind, about as many as `phantoms.ribosome` has
_SCATTER_ANGSTROM = 7.0
_CROWD_ANGSTROM = 34.0
_MASS = 6.5e6  # in Å^3 of density: it then reaches 2.5 to 6 within a complex
# of `phantoms.ribosome`: as wide as the others, and lumpy, for its RNA
_RIBOSOME_SCALE, _RIBOSOME_SHARPNESS = 0.92, 0.6


def mass(thing: Blobs) -> float:
    """Integrated density, in the cube of the object's unit of length."""
    return float((2 * np.pi) ** 1.5 * np.sum(thing.weights * thing.sigmas**3))


def radius_of_gyration(thing: Blobs) -> float:
    """Root mean square distance of the density from its centre of mass, in the object's unit of length."""
    share = thing.weights * thing.sigmas**3
    share = share / share.sum()
    from_centre = thing.centres - share @ thing.centres
    return float(np.sqrt(share @ ((from_centre**2).sum(axis=1) + 3 * thing.sigmas**2)))


def likened(thing: Blobs, to: Blobs) -> Blobs:
    """The object about its centre of mass, spread and weighted to the radius of gyration and mass of another.

    The blobs keep their sigmas: what is fine in one object is as fine in the other.
    """
    share = thing.weights * thing.sigmas**3
    share = share / share.sum()
    centres = thing.centres - share @ thing.centres
    blurred = share @ (3 * thing.sigmas**2)
    spread = np.sqrt((radius_of_gyration(to) ** 2 - blurred) / (share @ (centres**2).sum(axis=1)))
    return replace(thing, centres=centres * spread, weights=thing.weights * (mass(to) / mass(thing)))


def complexes() -> Mapping[str, Blobs]:
    """All kinds by name, in Å about their centres of mass, some 200 to 280 across."""
    model = phantoms.ribosome()
    model = replace(model, centres=model.centres * _RIBOSOME_SCALE, sigmas=model.sigmas * _RIBOSOME_SHARPNESS)
    model = replace(model, weights=model.weights * (_MASS / mass(model)))
    shapes: dict[str, Callable[[], Points]] = {
        "barrel": _barrel,
        "shell": _shell,
        "rod": _rod,
        "tripod": _tripod,
        "ring": _ring,
        "claw": _claw,
    }
    kinds = {"ribosome": likened(model, model)}
    for name, shape in shapes.items():
        kinds[name] = likened(_lumpy(shape()), model)
    return kinds


def _lumpy(points: Points) -> Blobs:
    """Small blobs about these points, in the same number for every shape, about evenly dense on the whole."""
    # its own seed: the object is the same whatever the seed of the tomogram
    rng = np.random.default_rng(81)
    shape = (_BLOBS, 3)
    centres = np.resize(rng.permutation(points), shape) + rng.normal(0, _SCATTER_ANGSTROM, shape)
    apart = np.linalg.norm(centres[:, None] - centres, axis=2)
    crowd = np.exp(-((apart / _CROWD_ANGSTROM) ** 2)).sum(axis=1)
    return Blobs(centres, rng.uniform(12, 15, _BLOBS), rng.uniform(0.6, 1.4, _BLOBS) / crowd)


def _circle(n: int, radius: float, height: float, turn_degrees: float = 0.0) -> Points:
    angle = 2 * np.pi * np.arange(n) / n + np.radians(turn_degrees)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full(n, height)])


def _filled(centre: ArrayLike, radius: float, n: int) -> Points:
    """Points spread evenly through a ball, the same on every call."""
    k = np.arange(n) + 0.5
    azimuth = np.pi * (3 - np.sqrt(5)) * k
    height = 1 - 2 * ((k * 0.5545497) % 1)  # low-discrepancy: no two coordinates in step
    across = np.sqrt(1 - height**2)
    direction = np.column_stack([across * np.cos(azimuth), across * np.sin(azimuth), height])
    return np.asarray(centre) + radius * np.cbrt(k / n)[:, None] * direction


def _tube(path: Points, radius: float, per_step: int = 5) -> Points:
    """A thick cord along a path of points: circles of points about it, each turned against the last."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    aside = np.cross(along, [0.31, 0.59, 0.74])
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    third = np.cross(along, aside)
    parts = []
    for k, point in enumerate(path):
        angle = 2 * np.pi * (np.arange(per_step) + 0.5 * (k % 2)) / per_step
        offset = np.cos(angle)[:, None] * aside[k] + np.sin(angle)[:, None] * third[k]
        parts.append(point + radius * offset)
    return np.concatenate(parts)


def _barrel() -> Points:
    """Four stacked rings of seven, open at both ends, as a proteasome's core."""
    layers = [(46.0, -66.0, 0.0), (54.0, -22.0, 12.0), (54.0, 22.0, 12.0), (46.0, 66.0, 0.0)]
    rings = [_circle(7, *layer) for layer in layers]
    return np.concatenate(rings + [ring * [1.35, 1.35, 1.0] for ring in rings])


def _shell() -> Points:
    """A hollow ball, as an encapsulin or a small capsid."""
    k = np.arange(72) + 0.5
    height = 1 - 2 * k / 72
    azimuth = np.pi * (1 + np.sqrt(5)) * k
    across = np.sqrt(1 - height**2)
    return 80 * np.column_stack([across * np.cos(azimuth), across * np.sin(azimuth), height])


def _rod() -> Points:
    """A thick rod bent through a third of a circle."""
    angle = np.radians(np.linspace(-62, 62, 13))
    path = 130 * np.column_stack([np.cos(angle), np.sin(angle), np.zeros(13)])
    return np.concatenate([_tube(path, 44.0, 8), _tube(path, 16.0, 3)])


def _tripod() -> Points:
    """Three legs on a hub, with feet."""
    leg = np.linspace([34.0, 0.0, 0.0], [104.0, 0.0, -44.0], 6)
    one = np.concatenate([_tube(leg, 34.0, 7), _filled([118.0, 22.0, -56.0], 44.0, 24)])
    turns = [np.radians(120 * k) for k in range(3)]
    legs = [
        one @ np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1.0]]) for a in turns
    ]
    return np.concatenate([_filled([0.0, 0.0, 16.0], 40.0, 24), *legs])


def _ring() -> Points:
    """A flat ring with a knob on its rim."""
    angle = np.radians(np.arange(0, 360, 360 / 20))
    path = 82 * np.column_stack([np.cos(angle), np.sin(angle), np.zeros(20)])
    return np.concatenate([_tube(path, 31.0, 7), _filled([92.0, 0.0, 62.0], 42.0, 30)])


def _claw() -> Points:
    """A hub off which two fingers and a tail stand at right angles, no two of one length."""
    finger = _tube(np.linspace([0.0, 0.0, 0.0], [110.0, 0.0, 0.0], 7), 32.0, 7)
    hook = _tube(np.linspace([110.0, 0.0, 0.0], [118.0, 0.0, 76.0], 5), 28.0, 6)
    thumb = _tube(np.linspace([0.0, 0.0, 0.0], [0.0, 92.0, 0.0], 6), 32.0, 7)
    tail = _tube(np.linspace([0.0, 0.0, 0.0], [0.0, 0.0, -84.0], 5), 34.0, 7)
    return np.concatenate([_filled([0.0, 0.0, 0.0], 44.0, 30), finger, hook, thumb, tail])
