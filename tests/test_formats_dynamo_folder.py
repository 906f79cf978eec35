"""Data folders of Dynamo's: read, averaged, written, and what is wrong with one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import emfile
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from napari_tomopick.cli.window import app
from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry.orientations import angle_between
from napari_tomopick.io.particles import holds_particles, read_particles
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.protocols.extract import extract
from napari_tomopick.protocols.subtomograms import Subtomograms, read_subtomograms

SIZE = 4.0


@pytest.fixture
def boxes(tmp_path: Path) -> Subtomograms:
    """Three boxes around bright voxels, which lie where the positions say."""
    positions = np.array([[10.0, 12.0, 14.0], [20.0, 14.0, 13.0], [13.0, 21.0, 16.0]])
    volume = np.zeros((32, 34, 36), np.float32)
    for i, (x, y, z) in enumerate(positions.astype(int), 1):
        volume[z, y, x] = i
    path = tmp_path / "TS_1.mrc"
    write_mrc(path, volume, SIZE)
    tomogram = Tomogram("TS_1", path, volume.shape, SIZE, Acquisition(-60.0, 54.0))
    particles = Particles(
        # off the voxels by less than half of one, which is left as a shift
        positions + np.array([0.25, -0.25, 0.0]),
        Rotation.random(3, random_state=1),
        ids=np.array([7, 3, 11]),
        tomograms=np.array(["TS_1"] * 3),
        voxel_size_angstrom=SIZE,
    )
    return extract(particles, [tomogram], tmp_path / "boxes", box_size=8)


def check(folder: Path, boxes: Subtomograms) -> Subtomograms:
    back = read_subtomograms(folder)
    order = [back.particles.ids.tolist().index(i) for i in boxes.particles.ids.tolist()]
    np.testing.assert_allclose(back.particles.positions[order], boxes.particles.positions, atol=1e-6)
    np.testing.assert_allclose(back.shifts()[order], boxes.shifts(), atol=1e-6)
    rotations = back.particles.select(order).rotations
    assert angle_between(rotations, boxes.particles.rotations).max() < 1e-6
    assert (back.box_size, back.voxel_size_angstrom) == (8, SIZE)
    for row, other in enumerate(order):
        np.testing.assert_array_equal(back.box(other), boxes.box(row))
        assert back.box(other)[4, 4, 4] == row + 1  # the centre of a box of 8 is voxel 4, counted from 0
    return back


def test_subtomograms_become_a_folder_of_dynamos_and_come_back(tmp_path: Path, boxes: Subtomograms) -> None:
    out = tmp_path / "data"
    words = ["convert", str(boxes.folder), str(out), "--format", "dynamo-folder"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    names = sorted(file.name for file in out.iterdir())
    assert names == [
        "crop.tbl", "indices_column20.doc", "particle_000003.em", "particle_000007.em", "particle_000011.em"
    ]  # fmt: skip
    table = np.loadtxt(out / "crop.tbl")
    assert table[0, 23:26].tolist() == [11, 13, 15]  # counted from 1
    np.testing.assert_allclose(table[0, 3:6], [0.25, -0.25, 0])
    np.testing.assert_array_equal(emfile.read(out / "particle_000007.em")[1], boxes.box(0))
    back = check(out, boxes)
    assert back.acquisitions["TS_1"].tilt_range_degrees == (-60.0, 54.0)
    assert holds_particles(out)
    particles = read_particles(out)
    assert set(particles.tomograms) == {"TS_1"}
    assert CliRunner().invoke(app, words).exit_code != 0  # the folder exists


def test_a_folder_with_tilts_other_names_and_missing_boxes(tmp_path: Path, boxes: Subtomograms) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    rows = [line.split() for line in (boxes.folder / "particles.tbl").read_text().splitlines()]
    (folder / "crop.tbl").write_text("".join(" ".join(row) + "\n" for row in rows))
    for row, particle in enumerate(boxes.particles.ids.tolist()):
        write_mrc(folder / f"particle_{particle:05d}.mrc", boxes.box(row), SIZE)
    back = check(folder, boxes)
    assert back.acquisitions["1"].tilt_range_degrees == (-60.0, 54.0)
    (folder / "particle_00003.mrc").unlink()
    few = read_subtomograms(folder)
    assert (few.particles.ids.tolist(), few.skipped) == ([7, 11], (3,))
    assert few.lines()[1] == "1 particles of crop.tbl have no box: [3]"


def test_what_is_wrong_with_a_folder_is_said(tmp_path: Path, boxes: Subtomograms) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with pytest.raises(FileFormatError, match=r"it has no extraction\.json \(and no crop\.tbl of Dynamo's\)"):
        read_subtomograms(folder)
    with pytest.raises(FileFormatError, match="none of what this could be: data folder of Dynamo"):
        read_particles(folder)
    text = (boxes.folder / "particles.tbl").read_text()
    (folder / "crop.tbl").write_text(text)
    with pytest.raises(FileFormatError, match=r"no box of a particle in crop\.tbl is there"):
        read_subtomograms(folder)
    emfile.write(folder / "particle_000007.em", np.zeros((8, 8, 7), np.float32))
    with pytest.raises(FileFormatError, match=r"a box of \(8, 8, 7\) voxels"):
        read_subtomograms(folder)
    emfile.write(folder / "particle_000007.em", np.zeros((8, 8, 8), np.float32), overwrite=True)
    rows = [line.split() for line in text.splitlines()]
    (folder / "crop.tbl").write_text("".join(" ".join(row[:35]) + "\n" for row in rows))
    with pytest.raises(FileFormatError, match=r"no voxel size: column 36 \(apix\) is 0"):
        read_subtomograms(folder)
    (folder / "crop.tbl").write_text(text)
    emfile.write(folder / "particle_000003.em", np.zeros((6, 6, 6), np.float32))
    opened = read_subtomograms(folder)
    with pytest.raises(FileFormatError, match=r"particle_000003\.em: a box of shape \(6, 6, 6\)"):
        opened.box(opened.particles.ids.tolist().index(3))
    moved = replace(opened, folder=tmp_path)
    with pytest.raises(FileFormatError, match="the box cannot be read"):
        moved.box(0)
