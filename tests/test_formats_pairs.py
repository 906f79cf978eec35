"""One asymmetric set through every pair of formats: a particle stays where it is, and as it lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.orientations import angle_between
from napari_tomopick.io.particles import FORMATS, Format, read_particles, write_particles
from napari_tomopick.models.particles import SHIFTS, Particles
from napari_tomopick.models.tomogram import Tomogram

TOMOGRAM = Tomogram("TS1", Path("TS1.mrc"), (101, 300, 400), 5.0)
BOTH_WAYS = [
    f
    for f in FORMATS
    if f.writes and not f.folder and any(g.reads and g.module == f.module and not g.folder for g in FORMATS)
]


def asymmetric() -> Particles:
    rng = np.random.default_rng(8)
    return Particles(
        # on a quarter of a voxel: what is written with few decimals is exact
        np.round(rng.uniform(20, 80, (5, 3)) * [1, 2, 1] * 4) / 4,
        Rotation.random(5, random_state=8),
        ids=np.array([4, 2, 9, 7, 1]),
        groups=np.ones(5, np.int64),
        scores=np.array([0.5, 0.25, 0.75, 0.125, 1.0]),
        tomograms=np.array(["TS1"] * 5),
        table=pd.DataFrame(dict(zip(SHIFTS, np.round(rng.normal(size=(3, 5)) * 8) / 8, strict=True))),
        voxel_size_angstrom=5.0,
        box_size=32,
    )


def through(particles: Particles, kind: Format, folder: Path) -> Particles:
    # a file may be found by the name of its tomogram
    path = folder / kind.name / f"TS1{kind.suffixes[0]}"
    path.parent.mkdir(parents=True)
    write_particles(path, particles, tomograms=[TOMOGRAM], format=kind.name)
    return read_particles(path, tomograms=[TOMOGRAM], format=kind.name)


@pytest.mark.parametrize("first", BOTH_WAYS, ids=lambda f: f.name)
def test_through_every_pair(tmp_path: Path, first: Format) -> None:
    if first.name == "copick-project":
        pytest.skip("a project has a configuration, which its own test makes")
    start = asymmetric()
    once = through(start, first, tmp_path / "once")
    for second in BOTH_WAYS:
        if second.name == "copick-project":
            continue
        twice = through(replace(once, box_size=32), second, tmp_path / second.name)
        np.testing.assert_allclose(twice.positions, start.positions, atol=1e-4, err_msg=second.name)
        if first.orientations and second.orientations:
            angles = np.radians(angle_between(twice.rotations, start.rotations))
            assert angles.max() < 1e-6, second.name
        if first.scores and second.scores:
            np.testing.assert_allclose(twice.scores, start.scores, rtol=1e-6, err_msg=second.name)
        both = first.shifts and second.shifts
        if both or ("csv" in {first.name, second.name} and (first.shifts or second.shifts)):
            shifts = start.table[list(SHIFTS)].to_numpy()
            given = twice.table[list(SHIFTS)].to_numpy(np.float64)
            # motive lists have whole coordinates, and shifts of what is left
            rest = (given - shifts) if {first.module, second.module} & {"stopgap", "av3"} else 0.0
            assert np.abs(rest).max() <= 0.5
            np.testing.assert_allclose(given - rest, shifts, atol=1e-4, err_msg=second.name)
        if first.ids and second.ids:
            assert twice.ids.tolist() == start.ids.tolist(), second.name
