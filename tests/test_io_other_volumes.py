"""Tomograms that are not MRC, and lists of tomograms."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.volumes import list_tomogram_files, open_volume, write_mrc

A = np.random.default_rng(1).normal(size=(5, 6, 7)).astype(np.float32)


# --- EM -------------------------------------------------------------------------------------------


def em(path: Path, array: np.ndarray, machine: int = 6, kind: int = 5) -> Path:
    order = "<" if machine == 6 else ">"
    header = bytes([machine, 0, 0, kind]) + struct.pack(f"{order}3i", *array.shape[::-1])
    path.write_bytes(header.ljust(512, b"\0") + array.astype(array.dtype.newbyteorder(order)).tobytes())
    return path


@pytest.mark.parametrize("machine", [6, 5, 3])
@pytest.mark.parametrize(("kind", "dtype"), [(1, "i1"), (2, "i2"), (4, "i4"), (5, "f4"), (9, "f8")])
def test_em_of_both_byte_orders(tmp_path: Path, machine: int, kind: int, dtype: str) -> None:
    array = (A * 20).astype(dtype)
    volume = open_volume(em(tmp_path / "t.em", array, machine, kind), voxel_size_angstrom=8.0)
    np.testing.assert_array_equal(volume.data, array)
    assert isinstance(volume.data, np.memmap)
    assert (volume.voxel_size_angstrom, volume.header_voxel_size_angstrom) == (8.0, None)


def test_damaged_em(tmp_path: Path) -> None:
    path = em(tmp_path / "t.em", A)
    assert open_volume(path).assumed == ("the header has no voxel size",)
    content = path.read_bytes()
    for broken, message in {
        content[:-4]: "truncated: 7 x 6 x 5 voxels of 4 bytes need 1352 bytes, the file has 1348",
        content[:100]: "truncated: an EM header has 512 bytes, the file 100",
        b"\x09" + content[1:]: "not an EM file: .* machine 9",
        content[:3] + b"\x08" + content[4:]: "data type 8",
        content[:4] + bytes(4) + content[8:]: "0 x 6 x 5 voxels",
    }.items():
        path.write_bytes(broken)
        with pytest.raises(FileFormatError, match=message):
            open_volume(path)


# --- EMAN2 ----------------------------------------------------------------------------------------


def eman(path: Path, *arrays: np.ndarray, **attributes: Any) -> Path:
    with h5py.File(path, "w") as file:
        for i, array in enumerate(arrays):
            group = file.create_group(f"MDF/images/{i}")
            group["image"] = array
            group.attrs.update({f"EMAN.{k}": v for k, v in attributes.items()})
    return path


def test_eman_is_lazy(tmp_path: Path) -> None:
    path = eman(tmp_path / "t.hdf", A, apix_x=7.5, apix_y=7.5, apix_z=7.5)
    volume = open_volume(path)
    assert isinstance(volume.data, h5py.Dataset)
    np.testing.assert_array_equal(volume.data[1:3, 2:, :4], A[1:3, 2:, :4])
    assert volume.voxel_size_angstrom == 7.5
    assert open_volume(eman(tmp_path / "no.hdf", A)).voxel_size_angstrom is None
    compressed = eman(tmp_path / "c.hdf", (A * 9).astype("u1"), stored_rendermin=-3.0)
    assert "few bits" in open_volume(compressed).assumed[0]


def test_damaged_eman(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="a stack of 2 images"):
        open_volume(eman(tmp_path / "t.hdf", A, A))
    with pytest.raises(FileFormatError, match="10 x 10 x 20 Å"):
        open_volume(eman(tmp_path / "u.hdf", A, apix_x=10.0, apix_y=10.0, apix_z=20.0))
    with h5py.File(tmp_path / "v.hdf", "w") as file:
        file["data"] = A
    with pytest.raises(FileFormatError, match="not written by EMAN2"):
        open_volume(tmp_path / "v.hdf")
    (tmp_path / "w.hdf").write_bytes((tmp_path / "u.hdf").read_bytes()[:700])
    with pytest.raises(FileFormatError, match="not an HDF5 file, or truncated"):
        open_volume(tmp_path / "w.hdf")


# --- TIFF -----------------------------------------------------------------------------------------


def test_tiff_in_one_piece_is_mapped(tmp_path: Path) -> None:
    path = tmp_path / "t.tif"
    metadata = {"spacing": 1.2, "unit": "nm"}
    tifffile.imwrite(path, A, imagej=True, resolution=(1 / 1.2, 1 / 1.2), metadata=metadata)
    volume = open_volume(path)
    assert isinstance(volume.data, np.memmap)
    np.testing.assert_array_equal(volume.data, A)
    assert volume.voxel_size_angstrom == pytest.approx(12.0)
    assert "order of the file" in volume.assumed[0]


def test_compressed_tiff_is_lazy_and_says_no_voxel_size(tmp_path: Path) -> None:
    path = tmp_path / "t.tiff"
    tifffile.imwrite(path, A, compression="zlib", resolution=(300, 300))
    volume = open_volume(path)
    assert not isinstance(volume.data, np.ndarray)
    np.testing.assert_array_equal(volume.data[1:3], A[1:3])
    assert volume.voxel_size_angstrom is None


def test_damaged_tiff(tmp_path: Path) -> None:
    path = tmp_path / "t.tif"
    path.write_text("no")
    with pytest.raises(FileFormatError, match="not a TIFF file"):
        open_volume(path)
    tifffile.imwrite(path, np.zeros((40, 50, 3), np.uint8), photometric="rgb")
    with pytest.raises(FileFormatError, match="a colour image"):
        open_volume(path)
    tifffile.imwrite(path, A[0])
    with pytest.raises(FileFormatError, match="2D image"):
        open_volume(path)
    tifffile.imwrite(path, A, metadata=None)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(FileFormatError):
        open_volume(path)


# --- OME-Zarr -------------------------------------------------------------------------------------


def ome_zarr(path: Path, version: str = "0.5", unit: str | None = "nanometer", **changes: Any) -> Path:
    group = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
    group.create_array("0", data=A, chunks=(2, 4, 4))
    image = {
        "axes": [{"name": a, "type": "space"} | ({"unit": unit} if unit else {}) for a in "zyx"],
        "datasets": [
            {
                "path": "0",
                "coordinateTransformations": [
                    {"type": "scale", "scale": [1.2, 1.2, 1.2]},
                    {"type": "translation", "translation": [3.0, 2.0, 1.0]},
                ],
            }
        ],
    } | changes
    attributes: dict[str, Any] = {"multiscales": [image]}
    group.attrs.update({"ome": {"version": "0.5"} | attributes} if version == "0.5" else attributes)
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_is_lazy(tmp_path: Path, version: str) -> None:
    volume = open_volume(ome_zarr(tmp_path / "t.ome.zarr", version))
    assert isinstance(volume.data, zarr.Array)
    np.testing.assert_array_equal(volume.data[1:3, 2:, :4], A[1:3, 2:, :4])
    assert volume.voxel_size_angstrom == pytest.approx(12.0)
    assert volume.origin_angstrom == pytest.approx((10.0, 20.0, 30.0))


def test_ome_zarr_units(tmp_path: Path) -> None:
    assert open_volume(ome_zarr(tmp_path / "a.zarr", unit="angstrom")).voxel_size_angstrom == 1.2
    volume = open_volume(ome_zarr(tmp_path / "b.zarr", unit=None))
    assert volume.voxel_size_angstrom is None
    assert "no unit" in volume.assumed[0]
    with pytest.raises(FileFormatError, match=r"units \['parsec'\]"):
        open_volume(ome_zarr(tmp_path / "c.zarr", unit="parsec"))
    outer = [{"type": "scale", "scale": [10.0, 10.0, 10.0]}]
    scaled = ome_zarr(tmp_path / "d.zarr", unit="angstrom", coordinateTransformations=outer)
    assert open_volume(scaled).voxel_size_angstrom == 12.0


def test_damaged_ome_zarr(tmp_path: Path) -> None:
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(FileFormatError, match="not a Zarr folder"):
        open_volume(tmp_path / "empty.zarr")
    zarr.open_group(tmp_path / "group.zarr", mode="w")
    with pytest.raises(FileFormatError, match="no multiscales"):
        open_volume(tmp_path / "group.zarr")
    axes = [{"name": a} for a in "czyx"]
    with pytest.raises(FileFormatError, match="its axes are c, z, y, x"):
        open_volume(ome_zarr(tmp_path / "c.zarr", axes=axes))
    with pytest.raises(FileFormatError, match="no array of full resolution"):
        open_volume(ome_zarr(tmp_path / "d.zarr", datasets=[{"path": "7"}]))
    zarr.create_array(tmp_path / "plain.zarr", data=A)
    assert "plain Zarr array" in open_volume(tmp_path / "plain.zarr").assumed[0]


# --- lists ----------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name in ("b.mrc", "a.mrc", "sub/c.rec"):
        write_mrc(tmp_path / name, A, 10.0)
    (tmp_path / "notes.txt").write_text("x")
    return tmp_path


def test_files_folders_and_patterns(folder: Path) -> None:
    assert list_tomogram_files(folder / "b.mrc") == [folder / "b.mrc"]
    assert list_tomogram_files(folder) == [folder / "a.mrc", folder / "b.mrc"]
    assert list_tomogram_files(f"{folder}/**/*.rec") == [folder / "sub" / "c.rec"]
    assert list_tomogram_files(str(folder / "?.mrc")) == [folder / "a.mrc", folder / "b.mrc"]
    zarr_folder = ome_zarr(folder / "t.zarr")
    assert list_tomogram_files(zarr_folder) == [zarr_folder]
    with pytest.raises(FileFormatError, match=r"x\*\.mrc: no tomogram found"):
        list_tomogram_files(folder / "x*.mrc")
    with pytest.raises(FileFormatError, match=r"none\.mrc: no such file or folder"):
        list_tomogram_files(folder / "none.mrc")


def test_volume_lists(folder: Path) -> None:
    path = folder / "list.vll"
    path.write_text(f"# mine\nb.mrc\n* label = b\n\n{folder}/a.mrc\nsub/c.rec\n")
    assert list_tomogram_files(path) == [folder / "b.mrc", folder / "a.mrc", folder / "sub" / "c.rec"]
    path.write_text("b.mrc\nmissing.mrc\n")
    with pytest.raises(FileFormatError, match=r"list\.vll: line 2: missing\.mrc: no such file"):
        list_tomogram_files(path)
    path.write_text("\n")
    with pytest.raises(FileFormatError, match="names no volume"):
        list_tomogram_files(path)
    with pytest.raises(FileFormatError, match="cannot be read"):
        list_tomogram_files(folder / "none.vll")


def test_catalogues(folder: Path) -> None:
    catalogue = folder / "ctgr.ctlg"
    with pytest.raises(FileFormatError, match="no such file"):
        list_tomogram_files(catalogue)
    catalogue.write_bytes(b"MATLAB 5.0 MAT-file, but not really")
    with pytest.raises(FileFormatError, match=r"ctgr\.ctlg: .*put the volume list .* as ctgr\.vll"):
        list_tomogram_files(catalogue)
    (folder / "ctgr.vll").write_text("a.mrc\n")
    assert list_tomogram_files(catalogue) == [folder / "a.mrc"]


def test_catalogue_read_directly(folder: Path) -> None:
    matio = pytest.importorskip("matio", reason="mat-io is not installed (napari-tomopick[dynamo])")
    volumes = np.empty((1, 2), dtype=object)
    for i, name in enumerate(("b.mrc", "sub/c.rec")):
        volumes[0, i] = {"file": name, "index": float(i + 1), "note": "a.mrc"}
    matio.save_to_mat(str(folder / "ctgr.ctlg"), {"catalogue": {"volumes": volumes}}, version="v7")
    assert list_tomogram_files(folder / "ctgr.ctlg") == [folder / "b.mrc", folder / "sub" / "c.rec"]
    volumes[0, 1]["file"] = "gone.mrc"
    matio.save_to_mat(str(folder / "ctgr.ctlg"), {"catalogue": {"volumes": volumes}}, version="v7")
    with pytest.raises(FileFormatError, match=r"its volume gone\.mrc does not exist; put"):
        list_tomogram_files(folder / "ctgr.ctlg")


@pytest.mark.parametrize(("unit", "angstrom"), [("nm", 12.0), ("Å", 1.2), (None, 12000.0)])
def test_an_ome_tiff_tells_its_voxel_size(tmp_path: Path, unit: str | None, angstrom: float) -> None:
    sizes = {f"PhysicalSize{axis}": 1.2 for axis in "XYZ"}
    units = {f"PhysicalSize{axis}Unit": unit for axis in "XYZ"} if unit else {}
    path = tmp_path / "t.ome.tif"
    tifffile.imwrite(path, np.zeros((3, 4, 5), np.float32), metadata={"axes": "ZYX", **sizes, **units})
    assert open_volume(path).voxel_size_angstrom == pytest.approx(angstrom)
