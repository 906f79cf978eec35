"""Small sets of picks, and where a consensus of them has its particles."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from napari_tomopick.models.particles import Particles
from napari_tomopick.picking.consensus_pickers import Picker


def picks(*positions, **given):
    return Particles(np.array(positions, float).reshape(-1, 3), **given)


def along_x(*x, **given):
    return picks(*([value, 0, 0] for value in x), **given)


def about_z(*degrees):
    return Rotation.from_euler("z", np.array(degrees, float)[:, None], degrees=True)


def of(*sets, weights=None):
    weights = weights or [1.0] * len(sets)
    return [Picker("ABCDEFG"[k], s, w) for k, (s, w) in enumerate(zip(sets, weights, strict=True))]


A = picks([0, 0, 0], [100, 0, 0])
B = picks([6, 0, 0], [200, 0, 0])
C = picks([3, 3, 0])
THREE = of(A, B, C)
ALL_OF_THEM = [[3, 1, 0], [100, 0, 0], [200, 0, 0]]


def places(result):
    return sorted(result.particles.positions.tolist())
