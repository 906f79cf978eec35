"""Stacks of subtomograms of EMAN2's: written, read, averaged, and what is wrong with one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import starfile
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from napari_tomopick.cli.window import app
from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.geometry.orientations import angle_between
from napari_tomopick.io.particles import holds_particles, read_particles
from napari_tomopick.io.particles.relion_columns import COORDINATES
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.protocols.average import average
from napari_tomopick.protocols.convert import convert
from napari_tomopick.protocols.eman_stack import write_eman_stack
from napari_tomopick.protocols.extract import extract
from napari_tomopick.protocols.subtomograms import Subtomograms, read_subtomograms

SIZE = 4.0
RNG = np.random.default_rng(5)
VOLUME = RNG.normal(size=(32, 34, 36)).astype(np.float32)


def cut(folder: Path, **options: Any) -> Subtomograms:
    """Three boxes of noise, which has no symmetry, their particles off the centre by a part of a voxel."""
    path = folder / "TS_1.mrc"
    write_mrc(path, VOLUME, SIZE)
    particles = Particles(
        np.array([[10.25, 11.75, 14.0], [20.25, 13.75, 13.0], [13.25, 20.75, 16.0]]),
        Rotation.random(3, random_state=1),
        ids=np.array([7, 3, 11]),
        groups=np.array([1, 2, 2]),
        scores=np.array([0.5, np.nan, 0.1]),
        tomograms=np.array(["TS_1"] * 3),
        voxel_size_angstrom=SIZE,
    )
    tomogram = Tomogram("TS_1", path, VOLUME.shape, SIZE, Acquisition(-60.0, 54.0))
    return extract(particles, [tomogram], folder / "boxes", box_size=8, **options)


@pytest.fixture
def boxes(tmp_path: Path) -> Subtomograms:
    return cut(tmp_path)


def by_hand(path: Path, *boxes: np.ndarray, **attributes: Any) -> Path:
    """A stack in which numbers are lists of one, as EMAN2 writes them."""
    with h5py.File(path, "w") as file:
        for i, box in enumerate(boxes):
            group = file.create_group(f"MDF/images/{i}")
            group["image"] = box
            header = {"apix_x": SIZE, "apix_y": SIZE, "apix_z": SIZE} | attributes
            for key, value in header.items():
                text = isinstance(value, str)
                data = np.bytes_(value) if text else np.atleast_1d(np.asarray(value))
                if not text and data.dtype.kind == "f":
                    data = data.astype("f4")
                group.attrs[f"EMAN.{key}"] = data
        file["MDF/images"].attrs["imageid_max"] = np.array([len(boxes) - 1], "i4")
    return path


def transform(matrix: np.ndarray) -> np.ndarray:
    fields = [(f"{row}{column}", "f4") for row in range(3) for column in range(4)]
    return np.array([tuple(matrix.ravel())], fields)


def test_subtomograms_become_a_stack_of_emans_and_come_back(tmp_path: Path, boxes: Subtomograms) -> None:
    out = tmp_path / "ptcls.hdf"
    result = CliRunner().invoke(app, ["convert", str(boxes.folder), str(out)])
    assert result.exit_code == 0, result.output
    back = read_subtomograms(out)
    np.testing.assert_allclose(back.particles.positions, boxes.particles.positions, atol=1e-5)
    np.testing.assert_allclose(back.box_centres, boxes.box_centres, atol=1e-5)
    np.testing.assert_allclose(back.shifts(), boxes.shifts(), atol=1e-5)
    assert np.abs(back.shifts()).max() == pytest.approx(0.25, abs=1e-5)
    assert angle_between(back.particles.rotations, boxes.particles.rotations).max() < 1e-4
    for name in ("ids", "groups", "scores", "tomograms"):
        np.testing.assert_array_equal(getattr(back.particles, name), getattr(boxes.particles, name))
    assert (back.box_size, back.voxel_size_angstrom) == (8, SIZE)
    assert back.acquisitions["TS_1"] == boxes.acquisitions["TS_1"]
    for row in range(3):
        np.testing.assert_array_equal(back.box(row), boxes.box(row))
    np.testing.assert_array_equal(back.box(0), VOLUME[10:18, 8:16, 6:14])
    assert CliRunner().invoke(app, ["convert", str(boxes.folder), str(out)]).exit_code != 0  # it exists


def test_what_is_written_is_what_eman_reads(tmp_path: Path, boxes: Subtomograms) -> None:
    out = tmp_path / "ptcls.hdf"
    written = convert(boxes.folder, out, format="eman-hdf")
    assert written.files == (out,)
    assert written.lost == (
        "column rlnOpticsGroup",
        "column rlnImageName",
    )  # which the star of the folder has
    with h5py.File(out) as file:
        images = file["MDF/images"]
        assert images.attrs["imageid_max"].tolist() == [2]
        assert images["1/image"].dtype == "f4"
        header = dict(images["1"].attrs)
        assert [header[f"EMAN.n{axis}"].tolist() for axis in "xyz"] == [[8], [8], [8]]
        assert header["EMAN.datatype"].tolist() == [7]
        assert header["EMAN.datatype"].dtype == "i4"
        assert [header[f"EMAN.apix_{axis}"].tolist() for axis in "xyz"] == [[SIZE]] * 3
        assert (header["EMAN.ptcl_source_coord"].tolist(), header["EMAN.ptcl_source_coord"].dtype) == (
            [20, 14, 13],
            "f4",
        )
        # text must end in a zero
        assert images["1"].attrs.get_id("EMAN.ptcl_source_image").get_type().get_size() == len("TS_1") + 1
        assert header["EMAN.sigma"][0] == pytest.approx(boxes.box(1).std(dtype=float))
        matrix = np.array(header["EMAN.xform.align3d"][0].tolist()).reshape(3, 4)
    # the particle lies where the inverse of the alignment shifts to
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 0, 1]]))
    np.testing.assert_allclose(inverse[:3, 3], [0.25, -0.25, 0], atol=1e-6)
    np.testing.assert_allclose(inverse[:3, :3], boxes.particles.rotations[1].as_matrix(), atol=1e-6)


def test_averages_of_a_stack_and_of_its_folder_are_one(tmp_path: Path, boxes: Subtomograms) -> None:
    convert(boxes.folder, tmp_path / "ptcls.hdf")
    for source, name in ((boxes.folder, "a.mrc"), (tmp_path / "ptcls.hdf", "b.mrc")):
        average(source, tmp_path / name)
    first, second = (read_subtomograms(tmp_path / f"{name}_aligned") for name in "ab")
    for row in range(3):
        np.testing.assert_allclose(second.box(row), first.box(row), atol=1e-4)
    path = by_hand(tmp_path / "c.hdf", VOLUME[:8, :8, :8])
    with pytest.raises(ParameterError, match="not known"):
        average(path, tmp_path / "c.mrc", missing_wedge=True)
    made = average(path, tmp_path / "c.mrc", missing_wedge=True, tilt_range_degrees=(-60.0, 60.0))
    assert made.aligned is not None
    with pytest.raises(ParameterError, match="these boxes were turned"):
        convert(tmp_path / "b_aligned", tmp_path / "turned.hdf")


def test_coordinates_of_shrunken_boxes_count_in_their_voxels(tmp_path: Path) -> None:
    boxes = cut(tmp_path, downsample=2.0)
    path, _ = write_eman_stack(boxes, tmp_path / "ptcls.hdf")
    back = read_subtomograms(path)
    assert (back.box_size, back.voxel_size_angstrom) == (4, 2 * SIZE)
    expected = boxes.particles.rescaled(2 * SIZE).positions
    np.testing.assert_allclose(back.particles.positions, expected, atol=1e-5)
    np.testing.assert_allclose(back.shifts(), boxes.shifts(), atol=1e-5)


@pytest.mark.parametrize(("dtype", "bits"), [("u1", 8), ("u1", 5), ("u2", 12), ("u2", 16), ("i2", 16)])
def test_integers_are_scaled_back(tmp_path: Path, dtype: str, bits: int) -> None:
    box = VOLUME[:8, :8, :8]
    low, high, most = float(box.min()), float(box.max()), 2**bits - 1
    stored = np.rint((box - low) / (high - low) * most)
    stored = np.clip(stored, 0, np.iinfo(dtype).max).astype(dtype)
    path = by_hand(
        tmp_path / "t.hdf",
        stored,
        stored_renderbits=np.int32(bits),
        stored_rendermin=low,
        stored_rendermax=high,
    )
    expected = stored.astype(float) / most * (high - low) + low
    np.testing.assert_allclose(read_subtomograms(path).box(0), expected, atol=2e-6)
    # without the number of bits EMAN2 leaves them
    plain = by_hand(tmp_path / "u.hdf", stored, stored_rendermin=low, stored_rendermax=high)
    np.testing.assert_array_equal(read_subtomograms(plain).box(0), stored)


def test_a_stack_of_the_boxer_counts_from_the_centre(tmp_path: Path) -> None:
    box = VOLUME[10:18, 8:16, 6:14]
    turn = Rotation.from_euler("z", 90, degrees=True)
    align = np.column_stack([turn.as_matrix(), [1.0, 2.0, 3.0]])
    (tmp_path / "particles3d").mkdir()
    path = tmp_path / "particles3d" / "t.hdf"
    by_hand(
        path,
        box,
        box * 2,
        ptcl_source_image="tomograms/TS_1.mrc",
        ptcl_source_coord=np.array([10 - 18, 12 - 17, 14 - 16], "i4"),
        **{"xform.align3d": transform(align)},
    )
    unknown = read_subtomograms(path)
    np.testing.assert_allclose(unknown.box_centres, [[-8, -5, -2]] * 2, atol=1e-9)
    assert "2 positions count from the centre of a tomogram whose size is not known" in unknown.messages[0]
    (tmp_path / "tomograms").mkdir()
    write_mrc(tmp_path / "tomograms" / "TS_1.mrc", VOLUME, SIZE)
    found = read_subtomograms(path)
    np.testing.assert_allclose(found.box_centres, [[10, 12, 14]] * 2, atol=1e-9)
    assert (found.messages, found.particles.ids.tolist()) == ((), [1, 2])
    assert set(found.particles.tomograms) == {"TS_1"}
    assert angle_between(found.particles.rotations, turn.inv()).max() < 1e-6
    # x -> turn x + (1, 2, 3) takes (-2, 1, -3) to the middle
    np.testing.assert_allclose(found.shifts(), [[-2, 1, -3]] * 2, atol=1e-6)
    np.testing.assert_array_equal(found.box(1), box * 2)


def test_missing_images_and_coordinates(tmp_path: Path) -> None:
    box = VOLUME[:8, :8, :8]
    path = by_hand(tmp_path / "t.hdf", box, box + 1, box + 2)
    with h5py.File(path, "a") as file:
        del file["MDF/images/1"]
    opened = read_subtomograms(path)
    assert opened.particles.ids.tolist() == [1, 3]
    np.testing.assert_array_equal(opened.box(1), box + 2)
    assert "2 boxes have no ptcl_source_coord" in opened.messages[0]
    assert opened.acquisitions[""].tilt_range_degrees is None
    with h5py.File(path, "a") as file:
        del file["MDF/images/2"]
    with pytest.raises(FileFormatError, match="no image 2 in it any more"):
        opened.box(1)


def test_what_is_wrong_with_a_stack_is_said(tmp_path: Path, boxes: Subtomograms) -> None:
    box = VOLUME[:8, :8, :8]
    mirror = transform(np.column_stack([np.diag([1.0, 1.0, -1.0]), np.zeros(3)]))
    for broken, message in (
        (((box, box[:6]), {}), "image 1 is one of 8 x 8 x 6; boxes are cubes"),
        (((box, box[:6, :6, :6]), {}), "image 1 is a box of 6 where those before have 8"),
        (((box,), {"apix_x": 1.0}), "no voxel size: apix_x of image 0 is 1"),
        (((box,), {"apix_z": 5.0}), "image 0 has voxels of 4 x 4 x 5 Å"),
        (((box,), {"ptcl_source_coord": np.array([1.0, 2.0])}), "ptcl_source_coord of image 0 is"),
        (((box,), {"xform.align3d": mirror}), "image 0 scales or mirrors"),
    ):
        path = by_hand(tmp_path / "t.hdf", *broken[0], **broken[1])
        with pytest.raises(FileFormatError, match=message):
            read_subtomograms(path)
    (tmp_path / "cut.hdf").write_bytes(path.read_bytes()[:700])
    with h5py.File(tmp_path / "other.hdf", "w") as file:
        file["data"] = box
    for name, message in (("cut", "damaged"), ("none", "damaged"), ("other", "not written by EMAN2")):
        with pytest.raises(FileFormatError, match=message):
            read_subtomograms(tmp_path / f"{name}.hdf")
    with pytest.raises(ParameterError, match=r"end the name in \.hdf"):
        convert(boxes.folder, tmp_path / "t.mrcs", format="eman-hdf")
    large = replace(boxes, particles=replace(boxes.particles, ids=np.array([1, 2, 2**31])))
    with pytest.raises(ParameterError, match="EMAN2 has 32 bits"):
        write_eman_stack(large, tmp_path / "large.hdf")
    assert not (tmp_path / "large.hdf").exists()


def test_the_particles_of_a_stack_go_to_any_format(tmp_path: Path, boxes: Subtomograms) -> None:
    convert(boxes.folder, tmp_path / "ptcls.hdf")
    result = CliRunner().invoke(app, ["convert", str(tmp_path / "ptcls.hdf"), str(tmp_path / "p.star")])
    assert result.exit_code == 0, result.output
    found, expected = read_particles(tmp_path / "p.star"), boxes.particles
    np.testing.assert_allclose(found.positions, expected.positions, atol=1e-5)
    assert angle_between(found.rotations, expected.rotations).max() < 1e-4
    assert found.table["eman_image"].tolist() == [0, 1, 2]
    # the centres of the boxes are the coordinates, and what is left of the positions the shifts
    rows = starfile.read(tmp_path / "p.star")["particles"]
    np.testing.assert_allclose(rows[COORDINATES].to_numpy(), boxes.box_centres, atol=1e-5)
    assert holds_particles(tmp_path / "ptcls.hdf")


def test_a_stack_that_does_not_say_where_is_refused_as_particles(tmp_path: Path) -> None:
    box = VOLUME[10:18, 8:16, 6:14]
    place = {"ptcl_source_coord": np.array([10 - 18, 12 - 17, 14 - 16], "i4")}
    path = by_hand(tmp_path / "t.hdf", box, ptcl_source_image="TS_1.mrc", **place)
    with pytest.raises(FileFormatError, match="count from the centre of the tomogram 'TS_1'"):
        read_particles(path)
    known = Tomogram("TS_1", tmp_path / "TS_1.mrc", VOLUME.shape, SIZE)
    np.testing.assert_array_equal(read_particles(path, tomograms=[known]).positions, [[10, 12, 14]])
    with pytest.raises(FileFormatError, match="count from the centre"):
        read_particles(path, tomograms=[replace(known, voxel_size_angstrom=2 * SIZE)])
    plain = by_hand(tmp_path / "u.hdf", box)
    assert not holds_particles(plain)
    with pytest.raises(FileFormatError, match="image 0 has no ptcl_source_coord"):
        read_particles(plain)
    for name in ("none", "text"):
        (tmp_path / "text.hdf").write_text("no HDF5")
        assert not holds_particles(tmp_path / f"{name}.hdf")
