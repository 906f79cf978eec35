"""Tracking on a simulated mitochondrion and on a real lysosome; they lie in $TOMOPICK_DATA."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark_modules import BENCHMARKS, DATA, benchmark, needs_data
from napari_tomopick.io.models import read_models
from napari_tomopick.protocols.import_tomograms import describe_tomogram, with_tilt_range
from napari_tomopick.protocols.track import track

pytestmark = needs_data


@pytest.fixture(scope="module")
def tracking():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield benchmark("tracking")


@pytest.mark.parametrize("number", [0, 1, 2], ids=["omm", "imm", "vesicle"])
def test_membranes_of_a_mitochondrion_from_one_slice(tracking, number):
    scene = list(tracking.simulated(Path(str(DATA))))[number]
    measures = tracking.outward([scene], [0, 1])
    assert measures.found >= 0.75 * measures.asked
    assert measures.rms < 0.8
    assert measures.within >= 0.98
    assert measures.slices.max() < 1.5
    assert measures.run_aways == 0
    assert measures.seconds / measures.found < 0.1


@pytest.mark.parametrize("number", [0, 1, 2], ids=["omm", "imm", "vesicle"])
def test_membranes_of_a_mitochondrion_between_two_slices(tracking, number):
    scene = list(tracking.simulated(Path(str(DATA))))[number]
    measures = tracking.between([scene], [0])
    assert measures.found >= 0.85 * measures.asked
    assert measures.rms < 0.6
    assert measures.within >= 0.99


def test_a_real_vesicle_from_its_equator():
    path = Path(str(DATA)) / "lysosome" / "lysosome_crop_12.3A.mrc"
    tomogram = with_tilt_range(describe_tomogram(path), (-45.0, 45.0))
    (model,) = read_models(BENCHMARKS / "data" / "lysosome_models.json")
    here = model.levels == model.levels[np.abs(model.points[:, 2] - 70).argmin()]
    one = replace(model.with_points(model.points[here], model.levels[here]), tomogram=tomogram.name)
    result = track(tomogram, one, slices=30)
    levels = {level.slice: level.points for level in result.levels}
    assert len(levels) > 22
    centre = np.array([148.0, 170.0])

    def polar(points):
        x, y = (points[:, :2] - centre).T
        return np.arctan2(y, x), np.hypot(x, y)

    compared = 0
    for z in (50, 60, 80, 90):
        angle, radius = polar(model.points[np.abs(model.points[:, 2] - z) < 0.5])
        order = np.argsort(angle)
        at, found = polar(levels[z])
        error = found - np.interp(at, angle[order], radius[order], period=2 * np.pi)
        assert np.sqrt((error**2).mean()) < 0.8
        assert np.abs(error).max() < 2
        compared += len(error)
    assert compared > 70
