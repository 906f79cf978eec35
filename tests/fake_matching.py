"""A stand-in for template matching: particles at given places, and chance elsewhere, at once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.picking.template_matching import Found
from napari_tomopick.picking.working_grid import WorkingGrid
from napari_tomopick.protocols.match import Matched, load_template

SHAPE = (40, 60, 80)
SIZE = 16
"""Side of the template in voxels."""


def a_map(path, size=SIZE, voxel_size=10.0, inverted=False):
    """Write a small lop-sided map, and return where it is."""
    volume = np.zeros((size,) * 3, np.float32)
    c = size // 2
    volume[c - 2 : c + 2, c - 3 : c + 3, c - 4 : c + 4] = 1.0
    volume[c + 1 : c + 4, c - 3 : c, c] = 1.5
    volume = gaussian_filter(volume, 0.7)
    write_mrc(path, -volume if inverted else volume, voxel_size)
    return path


def a_tomogram(folder, name, voxel_size=10.0, tilts=(-60.0, 60.0), shape=SHAPE):
    """A small tomogram of noise in a file."""
    seed = sum(map(ord, name))
    path = folder / f"{name}.mrc"
    write_mrc(path, np.random.default_rng(seed).normal(size=shape).astype(np.float32), voxel_size)
    return Tomogram(name, path, shape, voxel_size, Acquisition(*(tilts or (None, None))))


@dataclass
class FakeMatching:
    """Notes what it is asked for; ``gate`` holds a search up until it is set."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    fails: dict[str, Exception] = field(default_factory=dict)
    particles: int = 12
    others: int = 60
    reports: int = 10

    def __post_init__(self):
        self.gate.set()

    def load(self, path, mask, symmetry):
        return load_template(path, mask=mask, symmetry=symmetry)

    def match(self, tomogram, template, options, progress):
        self.calls.append((tomogram.name, dict(options)))
        for i in range(self.reports):
            progress(i, self.reports, "searching")
            while not self.gate.wait(0.01):
                progress(i, self.reports, "searching")
        if tomogram.name in self.fails:
            raise self.fails[tomogram.name]
        progress(self.reports, self.reports, "")
        return self.matched(tomogram, template, options)

    def matched(self, tomogram, template, options):
        rng = np.random.default_rng(sum(map(ord, tomogram.name)))
        low, high = options.get("sections") or (0, tomogram.shape[0] - 1)
        n = self.particles + self.others
        upper = np.array(tomogram.shape[::-1]) - 1.0
        places = rng.uniform(0, 1, (n, 3)) * (upper - [0, 0, upper[2]]) + [0, 0, 0]
        places[:, 2] = rng.uniform(low, high, n)
        scores = np.concatenate([rng.uniform(0.5, 0.7, self.particles), rng.normal(0.1, 0.02, self.others)])
        order = np.argsort(-scores)
        grid = WorkingGrid.by_factor(tomogram.shape, 2.0)
        frequency = np.linspace(0, 0.05, 65)
        found = Found(
            places,
            Rotation.random(n, rng=0),
            scores[order],
            rng.normal(0.1, 0.02, 40),
            100,
            grid,
            rng.normal(0.1, 0.02, grid.shape).astype(np.float32),
            np.zeros(grid.shape, np.int32),
            Rotation.identity(1),
            (frequency, np.cos(100 * frequency)),
            True,
        )
        own = options.get("box_size") or SIZE
        sections = options.get("sections")
        around = int(np.ceil(template.diameter_angstrom / tomogram.voxel_size_angstrom))
        return Matched(
            tomogram,
            template,
            found,
            0.3,
            options.get("number", 500),
            own,
            options.get("group", 1),
            first_section=0 if sections is None else max(0, sections[0] - around),
        )
