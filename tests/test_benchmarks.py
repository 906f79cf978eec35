"""The workflow's two measures on data that are not part of the project; they lie in $TOMOPICK_DATA."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmark_modules import BENCHMARKS, DATA, benchmark, needs_data
from napari_tomopick.io.models import read_models
from napari_tomopick.models.user_points import ModelType


def test_the_traced_lysosome_can_be_read() -> None:
    (model,) = read_models(BENCHMARKS / "data" / "lysosome_models.json")
    assert model.type is ModelType.SURFACE
    assert len(model.contours()) == 10
    assert all(np.ptp(contour[:, 2]) == 0 for contour in model.contours())
    assert model.marker is not None
    from_marker = np.linalg.norm((model.points - model.marker)[:, :2], axis=1)
    assert 115 < from_marker.min() < from_marker.max() < 140


def test_leaflets_are_found_between_voxels() -> None:
    lysosome = benchmark("lysosome")
    z = np.arange(32) - 16
    noise = np.random.default_rng(0).normal(0, 0.01, 32)
    profile = noise - np.exp(-0.5 * ((z + 1.7) / 0.7) ** 2) - np.exp(-0.5 * ((z - 1.3) / 0.7) ** 2)
    (inner, outer), contrast = lysosome.leaflets(profile)
    assert inner == pytest.approx(-1.7, abs=0.15)
    assert outer == pytest.approx(1.3, abs=0.15)
    assert contrast > 20


@needs_data
def test_the_average_of_a_real_membrane_shows_its_two_leaflets(tmp_path: Path) -> None:
    result = benchmark("lysosome").run(Path(str(DATA)), tmp_path)
    assert result.extracted > 250
    inner, outer = result.offsets
    assert abs(inner + outer) / 2 < 0.5  # in the middle
    assert 30 < result.distance_angstrom < 45
    assert result.contrast > 5
    assert (tmp_path / "leaflets.png").stat().st_size > 0


@needs_data
def test_crowns_on_a_simulated_membrane_from_user_points_to_the_average(tmp_path: Path) -> None:
    result = benchmark("membrane").run(Path(str(DATA)), tmp_path)
    assert result.surface_distance < 1.0
    assert result.normal_angle < 3.5
    assert result.wrong_side == 0
    assert result.spacing_spread < 0.12
    assert result.axis_angle < 5.0
    assert result.correlation > 0.8
