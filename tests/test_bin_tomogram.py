"""Binning a tomogram's file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from napari_tomopick.errors import Cancelled, FileFormatError, ParameterError
from napari_tomopick.geometry.binning import block_mean
from napari_tomopick.io.volumes import open_volume, write_mrc
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.protocols.bin_tomogram import bin_tomogram, binning_line


@pytest.fixture
def tomogram(tmp_path: Path) -> Tomogram:
    volume = np.random.default_rng(0).integers(-100, 100, (22, 33, 40)).astype(np.int8)
    write_mrc(tmp_path / "T.mrc", volume, 2.5)
    return Tomogram(
        "T",
        tmp_path / "T.mrc",
        volume.shape,
        2.5,
        Acquisition(-60, 60),
        (10.0, 0.0, -5.0),
        particles_are_dark=True,
    )


def test_voxel_size_origin_and_source_follow(tmp_path: Path, tomogram: Tomogram) -> None:
    seen: list[tuple[int, int, str]] = []
    binned = bin_tomogram(tomogram, tmp_path / "T_bin4.mrc", factor=4, progress=lambda *a: seen.append(a))
    volume = open_volume(binned.path)
    assert (binned.name, binned.source, binned.binning) == ("T_bin4", "T", 4)
    assert (binned.shape, volume.shape) == ((5, 8, 10), (5, 8, 10))
    assert (binned.voxel_size_angstrom, volume.voxel_size_angstrom) == (10.0, 10.0)
    # voxel 0 of the binned one lies in the middle of voxels 0 to 3: 1.5 voxels of 2.5 Å further
    assert binned.origin_angstrom == (13.75, 3.75, -1.25)
    np.testing.assert_allclose(volume.origin_angstrom, binned.origin_angstrom)
    assert (binned.acquisition, binned.particles_are_dark) == (tomogram.acquisition, True)
    np.testing.assert_array_equal(volume.data, block_mean(np.asarray(open_volume(tomogram.path).data), 4))
    assert seen[-1][:2] == (5, 5)
    assert "the last 0, 1 and 2 voxels along x, y and z fill no block" in binning_line(tomogram, binned)


@pytest.mark.parametrize(
    ("output", "factor", "message"),
    [
        ("T_bin.mrc", 1, "2 or more, got 1"),
        ("T_bin.mrc", 30, "smaller factor"),
        ("T.mrc", 2, "is the tomogram that is to be binned"),
        ("T_bin.tif", 2, "end the name in .mrc"),
    ],
)
def test_nonsense_writes_nothing(
    tmp_path: Path, tomogram: Tomogram, output: str, factor: int, message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        bin_tomogram(tomogram, tmp_path / output, factor=factor)
    assert os.listdir(tmp_path) == ["T.mrc"]


def test_nan_is_found_and_nothing_left(tmp_path: Path, tomogram: Tomogram) -> None:
    volume = np.zeros((12, 12, 12), np.float32)
    volume[9, 4, 7] = np.nan
    write_mrc(tmp_path / "T.mrc", volume, 2.5)
    with pytest.raises(FileFormatError, match=r"T.mrc: NaN .* within 2 voxels of x, y, z = \(6, 4, 8\)"):
        bin_tomogram(tomogram, tmp_path / "out.mrc", factor=2)
    assert os.listdir(tmp_path) == ["T.mrc"]


def test_cancelled_leaves_nothing(tmp_path: Path, tomogram: Tomogram) -> None:
    def cancel(done: int, total: int, what: str) -> None:
        if done:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        bin_tomogram(tomogram, tmp_path / "out.mrc", factor=2, progress=cancel)
    assert os.listdir(tmp_path) == ["T.mrc"]
