"""Block means: where they lie, what is left out, and how much memory they need."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tomopick.geometry.binning import (
    binned_shape,
    binned_slabs,
    block_mean,
    factor_from_dynamo_exponent,
)
from napari_tomopick.geometry.coordinates import rescale_positions


def test_dynamo_exponent():
    assert [factor_from_dynamo_exponent(k) for k in range(4)] == [1, 2, 4, 8]
    with pytest.raises(ValueError, match="-1"):
        factor_from_dynamo_exponent(-1)


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float32", ">f4", "float16"])
@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_mean_over_full_blocks(dtype, factor):
    volume = np.random.default_rng(0).integers(0, 100, (9, 14, 11)).astype(dtype)
    nz, ny, nx = binned_shape(volume.shape, factor)
    blocks = volume[: nz * factor, : ny * factor, : nx * factor].astype(float)
    expected = blocks.reshape(nz, factor, ny, factor, nx, factor).mean(axis=(1, 3, 5))
    binned = block_mean(volume, factor)
    assert binned.dtype == np.float32
    np.testing.assert_allclose(binned, expected, rtol=1e-6)


def test_sums_do_not_overflow_the_type():
    assert (block_mean(np.full((8, 8, 8), 127, np.int8), 8) == 127).all()


def test_a_place_keeps_its_place():
    # a block of 4 voxels around x = 1.5 becomes voxel 0; 49.625 at bin 4 is 200 at bin 1
    volume = np.zeros((4, 4, 16), np.float32)
    volume[:, :, 8:12] = 1
    x = float(block_mean(volume, 4)[0, 0].argmax())
    assert rescale_positions(x, 4) == 9.5
    assert rescale_positions(49.625, 4) == 200


def test_slabs_are_the_whole_and_respect_the_memory():
    class Counting:
        def __init__(self, data):
            self.data, self.shape, self.dtype, self.most, self.reads = data, data.shape, data.dtype, 0, 0

        def __getitem__(self, key):
            piece = self.data[key]
            self.most, self.reads = max(self.most, piece.nbytes), self.reads + 1
            return piece

    volume = Counting(np.random.default_rng(0).normal(size=(22, 33, 40)).astype(np.float32))
    expected = block_mean(volume.data, 4)
    sectionwise = 2 * 4 * 33 * 40 * 4
    for max_bytes in (10**9, 2 * sectionwise, sectionwise // 5, 1):
        volume.most = 0
        slabs = list(binned_slabs(volume, 4, max_bytes))
        np.testing.assert_array_equal(np.concatenate(slabs), expected)
        one_row_of_blocks = 4 * 4 * 40 * 4
        assert volume.most <= max(max_bytes, one_row_of_blocks)


def test_too_large_a_factor():
    with pytest.raises(ValueError, match="no full block of 5"):
        binned_shape((4, 100, 100), 5)
    with pytest.raises(ValueError, match="block of 0"):
        binned_shape((4, 100, 100), 0)
