"""Opening and writing tomograms: every format, and everything that can be wrong with one."""

from __future__ import annotations

import errno
import gc
import os
import time
import warnings
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from mrcfile.dtypes import HEADER_DTYPE

from napari_tomopick.errors import Cancelled, FileFormatError, ParameterError, TomopickError
from napari_tomopick.io.volumes import (
    MrcSlabWriter,
    check_finite,
    list_tomogram_files,
    open_volume,
    write_mrc,
)

DATA = os.environ.get("TOMOPICK_DATA")
A = np.random.default_rng(1).normal(size=(5, 6, 7)).astype(np.float32)


def change_header(path: Path, **fields: Any) -> Path:
    """Overwrite header fields; cella and origin as x, y, z."""
    content = bytearray(path.read_bytes())
    header = np.frombuffer(content, HEADER_DTYPE, count=1)
    for name, value in fields.items():
        header[name] = value
    path.write_bytes(content)
    return path


@pytest.fixture
def mrc(tmp_path: Path) -> Path:
    write_mrc(tmp_path / "t.mrc", A, 10.0, origin_angstrom=(1.0, 2.0, 3.0))
    return tmp_path / "t.mrc"


# --- writing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float16", "float32"])
def test_mrc_gives_back_what_was_written(tmp_path: Path, dtype: str) -> None:
    array = (A * 20 + (100 if dtype == "uint16" else 0)).astype(dtype)
    path = tmp_path / "t.mrc"
    write_mrc(path, array, 13.48, origin_angstrom=(1.5, -2.0, 3.0))
    volume = open_volume(path)
    assert volume.data.dtype == dtype
    np.testing.assert_array_equal(volume.data, array)
    assert volume.shape == (5, 6, 7)
    assert volume.voxel_size_angstrom == volume.header_voxel_size_angstrom == 13.48
    assert volume.origin_angstrom == (1.5, -2.0, 3.0)
    assert volume.assumed == ()
    with mrcfile.open(path) as other:
        np.testing.assert_array_equal(other.data, array)
        assert other.is_volume()
        np.testing.assert_allclose(other.header.dmean, array.mean(dtype=float), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(other.header.rms, array.std(dtype=float), rtol=1e-4)
        assert (other.header.dmin, other.header.dmax) == (array.min(), array.max())
    assert dtype == "float16" or mrcfile.validate(path)  # which overflows on float16 itself


def test_types_mrc_does_not_have(tmp_path: Path) -> None:
    write_mrc(tmp_path / "a.mrc", A.astype(float), 1.0)
    assert open_volume(tmp_path / "a.mrc").data.dtype == np.float32
    write_mrc(tmp_path / "b.mrc", np.full((2, 3, 4), 255, np.uint8), 1.0)
    assert open_volume(tmp_path / "b.mrc").data.max() == 255
    with pytest.raises(ParameterError, match=r"MRC holds int8, int16, .* not int64"):
        write_mrc(tmp_path / "c.mrc", np.ones((2, 2, 2), np.int64), 1.0)
    with pytest.raises(ParameterError, match="voxel size is 0"):
        write_mrc(tmp_path / "c.mrc", A, 0.0)
    with pytest.raises(ParameterError, match="shape"):
        write_mrc(tmp_path / "c.mrc", A[0], 1.0)
    with pytest.raises(TomopickError, match="exists already"):
        write_mrc(tmp_path / "a.mrc", A, 1.0, overwrite=False)
    with pytest.raises(TomopickError, match="there is no folder"):
        write_mrc(tmp_path / "no" / "a.mrc", A, 1.0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mrc", "b.mrc"]


def test_slabs_make_the_same_file_as_the_whole(tmp_path: Path) -> None:
    write_mrc(tmp_path / "whole.mrc", A, 10.0)
    with MrcSlabWriter(tmp_path / "slabs.mrc", A.shape, np.float32, 10.0) as writer:
        for z in (0, 2, 4):
            writer.write(A[z : z + 2])
        assert not (tmp_path / "slabs.mrc").exists()
    whole, slabs = ((tmp_path / f"{n}.mrc").read_bytes() for n in ("whole", "slabs"))
    assert whole[1024:] == slabs[1024:]


def test_an_unfinished_volume_never_appears(tmp_path: Path) -> None:
    path = tmp_path / "t.mrc"
    path.write_text("old")

    def write(*slabs: np.ndarray, dtype: str = "float32", error: Exception | None = None) -> None:
        with MrcSlabWriter(path, A.shape, dtype, 10.0) as writer:
            for slab in slabs:
                writer.write(slab)
            if error is not None:
                raise error

    with pytest.raises(TomopickError, match="only 2 of 5 sections"):
        write(A[:2])
    with pytest.raises(Cancelled):
        write(A, error=Cancelled("stop"))
    with pytest.raises(ParameterError, match="does not fit"):
        write(A, A[:1])
    with pytest.raises(ParameterError, match="float32 values cannot be stored as int8"):
        write(A, dtype="int8")
    with pytest.raises(TomopickError, match="No space left"):
        write(A, error=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


# --- MRC headers ----------------------------------------------------------------------------------


def test_a_truncated_file_names_both_lengths(mrc: Path) -> None:
    mrc.write_bytes(mrc.read_bytes()[:-1])
    with pytest.raises(FileFormatError, match=r"t\.mrc: truncated: 7 x 6 x 5 .* need 1864 bytes.* has 1863"):
        open_volume(mrc)
    mrc.write_bytes(mrc.read_bytes()[:500])
    with pytest.raises(FileFormatError, match=r"not an MRC file \(500 bytes long\)"):
        open_volume(mrc)
    mrc.write_bytes(b"")
    with pytest.raises(FileFormatError, match=r"not an MRC file \(0 bytes long\)"):
        open_volume(mrc)
    mrc.write_text("hello " * 1000)
    with pytest.raises(FileFormatError, match="not an MRC file"):
        open_volume(mrc)


def test_the_typed_voxel_size_is_checked_against_the_header(mrc: Path) -> None:
    assert open_volume(mrc, voxel_size_angstrom=10.05).voxel_size_angstrom == 10.05
    with pytest.raises(FileFormatError, match=r"voxel size of 10 Å, but 13\.1 Å was given.*override"):
        open_volume(mrc, voxel_size_angstrom=13.1)
    volume = open_volume(mrc, voxel_size_angstrom=13.1, override_header=True)
    assert (volume.voxel_size_angstrom, volume.header_voxel_size_angstrom) == (13.1, 10.0)
    assert "set aside" in volume.assumed[0]
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(FileFormatError, match="must be positive"):
            open_volume(mrc, voxel_size_angstrom=wrong)


def test_headers_without_a_voxel_size(mrc: Path) -> None:
    change_header(mrc, cella=(7, 6, 5))
    volume = open_volume(mrc)
    assert volume.voxel_size_angstrom == 1.0
    assert "1 Å" in volume.assumed[0]
    assert open_volume(mrc, voxel_size_angstrom=13.1).voxel_size_angstrom == 13.1
    change_header(mrc, cella=(0, 0, 0))
    volume = open_volume(mrc)
    assert volume.voxel_size_angstrom is volume.header_voxel_size_angstrom is None
    assert volume.assumed == ("the header has no voxel size",)
    assert open_volume(mrc, voxel_size_angstrom=13.1).voxel_size_angstrom == 13.1


def test_voxels_that_are_no_cubes(mrc: Path) -> None:
    change_header(mrc, cella=(70, 60, 75))
    with pytest.raises(FileFormatError, match=r"not cubes, the header gives 10 x 10 x 15 Å"):
        open_volume(mrc)
    with pytest.raises(FileFormatError, match="10 x 10 x 15 Å"):
        open_volume(mrc, voxel_size_angstrom=10.0)
    assert open_volume(mrc, voxel_size_angstrom=10.0, override_header=True).voxel_size_angstrom == 10.0
    change_header(mrc, cella=(70, 60, -50))
    with pytest.raises(FileFormatError, match=r"voxel sizes 10 x 10 x -10 Å"):
        open_volume(mrc)
    change_header(mrc, cella=(70, 60, np.nan))
    with pytest.raises(FileFormatError, match=r"10 x 10 x nan Å"):
        open_volume(mrc)


def test_origin_from_the_start(mrc: Path) -> None:
    change_header(mrc, origin=(0, 0, 0), nxstart=3, nystart=-2)
    volume = open_volume(mrc)
    assert volume.origin_angstrom == (30.0, -20.0, 0.0)
    assert "start (3, -2, 0)" in volume.assumed[0]


def test_axes_in_another_order(tmp_path: Path) -> None:
    # columns along z, rows along x, sections along y; the voxel sizes are along x, y, z all the same
    write_mrc(tmp_path / "t.mrc", np.ascontiguousarray(A.transpose(1, 2, 0)), 10.0)
    path = change_header(tmp_path / "t.mrc", mapc=3, mapr=1, maps=2, mx=7, my=6, mz=5, cella=(70, 60, 50),
                         nxstart=1, nystart=2, nzstart=3)  # fmt: skip
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.data, A)
    assert isinstance(volume.data, np.memmap)
    assert volume.voxel_size_angstrom == 10.0
    assert volume.origin_angstrom == (20.0, 30.0, 10.0)
    assert "run along z, x, y" in volume.assumed[0]
    change_header(path, mapc=1, mapr=1, maps=2)
    with pytest.raises(FileFormatError, match=r"mapr, maps is \(1, 1, 2\)"):
        open_volume(path)
    write_mrc(path, A, 10.0)
    change_header(path, mapc=0, mapr=0, maps=0)
    assert "columns are taken as x" in open_volume(path).assumed[0]


def test_bytes_with_and_without_sign(tmp_path: Path) -> None:
    path = tmp_path / "t.mrc"
    write_mrc(path, np.full((2, 3, 4), -56, np.int8), 10.0)
    assert open_volume(path).data.min() == -56

    def imod(flags: int) -> bytes:
        return bytes(40) + (1146047817).to_bytes(4, "little") + flags.to_bytes(4, "little") + bytes(36)

    change_header(path, dmin=0, dmax=200)
    assert open_volume(path).data.max() == 200
    change_header(path, extra2=np.void(imod(1)))
    assert open_volume(path).data.min() == -56
    change_header(path, extra2=np.void(imod(0)))
    volume = open_volume(path)
    assert volume.data.min() == 200
    assert "unsigned" in volume.assumed[0]


def test_what_is_no_tomogram(tmp_path: Path) -> None:
    path = tmp_path / "t.mrc"
    write_mrc(path, A[:1], 10.0)
    with pytest.raises(FileFormatError, match="one 2D image"):
        open_volume(path)
    write_mrc(path, np.concatenate([A, A]), 10.0)
    change_header(path, ispg=401, mz=5, cella=(70, 60, 50))
    with pytest.raises(FileFormatError, match="a stack of 2 volumes"):
        open_volume(path)
    write_mrc(path, A, 10.0)
    change_header(path, mode=4)
    with pytest.raises(FileFormatError, match=r"truncated|real numbers"):
        open_volume(path)
    change_header(path, mode=3)
    with pytest.raises(FileFormatError, match=r"mode 3 is not supported.*newstack"):
        open_volume(path)
    change_header(path, mode=2, nx=-7)
    with pytest.raises(FileFormatError, match="-7 x 6 x 5 voxels"):
        open_volume(path)
    change_header(path, nx=7, ispg=0, mz=1, cella=(70, 60, 10))
    assert "stack of images" in open_volume(path).assumed[0]


def test_a_missing_map_string_is_told(mrc: Path) -> None:
    change_header(mrc, map=b"")
    volume = open_volume(mrc)
    np.testing.assert_array_equal(volume.data, A)
    assert "Map ID" in volume.assumed[0]


def test_the_other_byte_order_and_an_extended_header(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "t.rec", A) as other:
        other.voxel_size = 7.5
        other.set_extended_header(np.zeros(333, "V1"))
    volume = open_volume(tmp_path / "t.rec")
    np.testing.assert_array_equal(volume.data, A)
    header = np.frombuffer((tmp_path / "t.rec").read_bytes()[:1024], HEADER_DTYPE).byteswap()
    header["machst"] = (0x11, 0x11, 0, 0)
    (tmp_path / "big.map").write_bytes(header.tobytes() + bytes(333) + A.astype(">f4").tobytes())
    volume = open_volume(tmp_path / "big.map")
    np.testing.assert_array_equal(volume.data, A)
    assert volume.voxel_size_angstrom == 7.5


# --- size and life --------------------------------------------------------------------------------


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is measured through /proc")
def test_ten_gigabytes_open_at_once_and_cost_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "big.mrc"
    write_mrc(path, A, 10.0)
    shape = (640, 2048, 2048)
    change_header(path, nx=2048, ny=2048, nz=640, mx=2048, my=2048, mz=640, cella=(20480, 20480, 6400))
    os.truncate(path, 1024 + 4 * int(np.prod(shape)))  # a sparse file: it takes no room on the disk
    before, start = resident_bytes(), time.perf_counter()
    volume = open_volume(path)
    corner = np.array(volume.data[-1, -8:, -8:])
    assert time.perf_counter() - start < 1.0
    assert resident_bytes() - before < 50 * 2**20
    assert volume.shape == shape
    assert not corner.any()
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(FileFormatError, match="truncated"):
        open_volume(path)


def test_the_map_outlives_the_volume_and_the_file_name(mrc: Path) -> None:
    data = open_volume(mrc).data
    gc.collect()
    mrc.unlink()
    np.testing.assert_array_equal(data, A)
    assert not data.flags.writeable


def test_nan_is_found_by_who_asks(tmp_path: Path) -> None:
    array = A.copy()
    write_mrc(tmp_path / "good.mrc", array, 10.0)
    check_finite(open_volume(tmp_path / "good.mrc"))
    array[3, 2, 1] = np.nan
    array[4, 5, 6] = np.inf
    write_mrc(tmp_path / "bad.mrc", array, 10.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(FileFormatError, match=r"2 voxels are NaN .* first at x, y, z = \(1, 2, 3\)"):
            check_finite(open_volume(tmp_path / "bad.mrc"))
    write_mrc(tmp_path / "whole.mrc", array[:2].astype(np.int8), 10.0)
    check_finite(open_volume(tmp_path / "whole.mrc"))


# --- the registry ---------------------------------------------------------------------------------


def test_names_that_lead_nowhere(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="no such file"):
        open_volume(tmp_path / "none.mrc")
    for name, message in {"a.png": "these are read: .mrc", "a.mrc.gz": "decompress it first"}.items():
        (tmp_path / name).write_text("x")
        with pytest.raises(FileFormatError, match=message):
            open_volume(tmp_path / name)
    (tmp_path / "folder.mrc").mkdir()
    with pytest.raises(FileFormatError, match=r"a folder, which \.mrc is not"):
        open_volume(tmp_path / "folder.mrc")
    (tmp_path / "file.zarr").write_text("x")
    with pytest.raises(FileFormatError, match=r"a file, which \.zarr is not"):
        open_volume(tmp_path / "file.zarr")


@pytest.mark.skipif(DATA is None, reason="TOMOPICK_DATA is not set: the folder of real files")
def test_real_tomograms() -> None:
    volume = open_volume(Path(str(DATA)) / "lysosome" / "lysosome_crop_12.3A.mrc", voxel_size_angstrom=12.3)
    assert volume.shape == (128, 320, 320)
    assert volume.voxel_size_angstrom == volume.header_voxel_size_angstrom == 12.3
    assert volume.assumed == ()
    files = list_tomogram_files(Path(str(DATA)) / "lysosome")
    assert [f.name for f in files] == ["lysosome_24.6A.mrc", "lysosome_crop_12.3A.mrc"]
