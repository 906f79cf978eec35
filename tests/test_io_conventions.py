"""What the numbers of each format mean, by worked numbers and real files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import starfile
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry import orientations
from napari_tomopick.geometry.orientations import angle_between
from napari_tomopick.io.imod import read_imod
from napari_tomopick.io.particles import read_particles, write_particles
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

DATA = os.environ.get("TOMOPICK_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="TOMOPICK_DATA is not set: the folder of real files")


def tomogram(name: str, nx: int, ny: int, nz: int, size: float, **fields: object) -> Tomogram:
    values: dict = {"path": Path(f"{name}.mrc"), "shape": (nz, ny, nx), "voxel_size_angstrom": size} | fields
    return Tomogram(name=name, **values)


def star(path: Path, blocks: dict) -> Path:
    tables = {
        k: pd.DataFrame(v) if isinstance(next(iter(v.values())), list) else v for k, v in blocks.items()
    }
    starfile.write(tables, path, float_format="%.10g")
    return path


def tbl(path: Path, *rows: dict[int, object], width: int = 36) -> Path:
    lines = []
    for row in rows:
        values = {1: len(lines) + 1, 21: 1} | row
        lines.append(" ".join(str(values.get(i, 0)) for i in range(1, width + 1)))
    path.write_text("\n".join(lines) + "\n")
    return path


# --- Dynamo ---------------------------------------------------------------------------------------


def test_dynamo_counts_from_one_and_adds_its_shifts(tmp_path: Path) -> None:
    path = tbl(
        tmp_path / "t.tbl",
        {24: 100, 25: 100, 26: 100},
        {24: 10, 25: 20, 26: 30, 4: 1.5, 5: -2, 6: 0.25, 10: 0.7, 20: 3, 21: 9, 36: 2.62},
    )
    particles = read_particles(path)
    # r = 100 and a box of 32 are 84..115 counted from one, so the centre is voxel 99 counted from zero
    assert particles.positions.tolist() == [[99, 99, 99], [10.5, 17, 29.25]]
    assert particles.scores.tolist() == [0, 0.7]
    assert particles.groups.tolist() == [1, 9]
    assert particles.tomograms.tolist() == ["", "3"]
    assert particles.voxel_size_angstrom == 2.62
    write_particles(tmp_path / "out.tbl", particles)
    rows = [line.split() for line in (tmp_path / "out.tbl").read_text().splitlines()]
    assert (rows[1][23:26], rows[1][3:6]) == (["10", "20", "30"], ["1.5", "-2", "0.25"])
    write_particles(tmp_path / "out.tbl", read_particles(path, fold_shifts=True))
    rows = [line.split() for line in (tmp_path / "out.tbl").read_text().splitlines()]
    assert (rows[1][23:26], rows[1][3:6]) == (["11.5", "18", "30.25"], ["0", "0", "0"])


@pytest.mark.parametrize(
    ("dynamo", "axis"),
    [
        ((0, 0, 0), (0, 0, 1)),
        ((0, 90, 0), (0, 1, 0)),
        ((90, 90, 0), (1, 0, 0)),
        ((30, 40, 17), (0.321394, 0.556670, 0.766044)),
        ((-155.55, 63.924, 197.81), (-0.371769, -0.817663, 0.439563)),
    ],
)
def test_dynamo_angles_point_the_particle(tmp_path: Path, dynamo: tuple, axis: tuple) -> None:
    path = tbl(tmp_path / "t.tbl", dict(zip((7, 8, 9), dynamo, strict=True)))
    np.testing.assert_allclose(read_particles(path).directions()[0], axis, atol=2e-6)


@pytest.mark.parametrize(
    ("dynamo", "relion"),
    [
        ((30, 40, 50), (-40, 40, 120)),
        ((66.96, 79.961, -66.96), (-156.96, 79.961, 156.96)),
        ((-155.55, 63.924, 197.81), (107.81, 63.924, -65.55)),
    ],
)
def test_dynamo_to_relion_and_back(tmp_path: Path, dynamo: tuple, relion: tuple) -> None:
    particles = read_particles(tbl(tmp_path / "t.tbl", dict(zip((7, 8, 9), dynamo, strict=True))))
    write_particles(tmp_path / "p.star", particles)
    frame = starfile.read(tmp_path / "p.star")
    angles = frame[["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]].to_numpy()[0]
    np.testing.assert_allclose(angles, relion, atol=1e-6)
    back = read_particles(tmp_path / "p.star")
    assert angle_between(back.rotations, particles.rotations).max() < 1e-6


def test_dynamo_complex_numbers_and_extra_columns_survive(tmp_path: Path) -> None:
    path = tbl(tmp_path / "t.tbl", {28: "0.1+0.2i", 42: 0.125}, {28: "3", 22: 4}, width=42)
    particles = read_particles(path)
    assert particles.table["dyn_daxis"].tolist() == ["0.1+0.2i", "3"]
    write_particles(tmp_path / "out.tbl", particles)
    rows = [line.split() for line in (tmp_path / "out.tbl").read_text().splitlines()]
    assert rows[0][27] == "0.1+0.2i"
    assert (rows[1][21], rows[0][41]) == ("4", "0.125")


def test_dynamo_map_gives_names(tmp_path: Path) -> None:
    path = tbl(tmp_path / "t.tbl", {20: 2}, {20: 7})
    (tmp_path / "indices_column20.doc").write_text("2 /data/some where/TS_05.rec\n7 vol.mrc\n")
    assert read_particles(path).tomograms.tolist() == ["TS_05", "vol"]
    known = tomogram("seven", 1, 1, 2, 1.0, path=Path("/x/vol.mrc"))
    assert read_particles(path, tomograms=[known]).tomograms.tolist() == ["TS_05", "seven"]
    (tmp_path / "t.doc").write_text("2\n")
    with pytest.raises(FileFormatError, match=r"t\.doc: line 1: '2' is not an index and a file"):
        read_particles(path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({25: "abc"}, r"line 2, column 25 \(y\): 'abc' is not a number"),
        ({7: "nan"}, r"line 2, column 7 \(tdrot\)"),
        ({1: 2.5}, "line 2: tag is 2.5"),
        ({1: 1}, "ids must be unique"),
        ({36: 9.0}, "several voxel sizes"),
    ],
)
def test_defects_in_dynamo_tables(tmp_path: Path, row: dict, message: str) -> None:
    path = tbl(tmp_path / "bad.tbl", {36: 1.0}, {36: 1.0} | row)
    with pytest.raises(FileFormatError, match=rf"bad\.tbl: .*{message}"):
        read_particles(path)


def test_short_and_ragged_dynamo_tables(tmp_path: Path) -> None:
    path = tmp_path / "bad.tbl"
    path.write_text("1 2 3\n")
    with pytest.raises(FileFormatError, match=r"line 1: 3 columns.*at least 26"):
        read_particles(path)
    path.write_text(" ".join("0" * 26) + "\n\n" + " ".join("0" * 27) + "\n")
    with pytest.raises(FileFormatError, match="line 3: 27 columns"):
        read_particles(path)


# --- RELION ---------------------------------------------------------------------------------------

ANGLES = {"rlnAngleRot": [-40.0], "rlnAngleTilt": [40.0], "rlnAnglePsi": [120.0]}
PLACE = {"rlnTomoName": ["T"], "rlnCoordinateX": [100.0], "rlnCoordinateY": [50.0], "rlnCoordinateZ": [25.0]}


def test_relion_shifts_are_subtracted(tmp_path: Path) -> None:
    shift = {"rlnOriginXAngst": [6.0], "rlnOriginYAngst": [-4.0], "rlnOriginZAngst": [8.0]}
    optics = {
        "rlnOpticsGroup": [1, 2],
        "rlnTomoTiltSeriesPixelSize": [2.0, 5.0],
        "rlnImagePixelSize": [8.0, 8.0],
    }
    path = star(
        tmp_path / "p.star",
        {"optics": optics, "particles": {**PLACE, **ANGLES, **shift, "rlnOpticsGroup": [1]}},
    )
    particles = read_particles(path)
    assert particles.voxel_size_angstrom == 2.0
    np.testing.assert_allclose(particles.positions, [[97.0, 52.0, 21.0]])
    path = star(tmp_path / "no_size.star", {"particles": {**PLACE, **shift}})
    with pytest.raises(FileFormatError, match=r"shifts rlnOriginXAngst \.\.\. are in Å"):
        read_particles(path)
    assert read_particles(path, tomograms=[tomogram("T", 8, 8, 8, 4.0)]).positions[0, 0] == 98.5


def test_relion_subtomogram_orientations_are_composed(tmp_path: Path) -> None:
    outer = {
        "rlnTomoSubtomogramRot": [10.0],
        "rlnTomoSubtomogramTilt": [70.0],
        "rlnTomoSubtomogramPsi": [-35.0],
    }
    shift = {"rlnOriginXAngst": [0.0], "rlnOriginYAngst": [0.0], "rlnOriginZAngst": [-20.0]}
    frame = {**PLACE, **ANGLES, **outer, **shift, "rlnAngleTiltPrior": [90.0]}
    path = star(tmp_path / "p.star", {"optics": {"rlnTomoTiltSeriesPixelSize": [2.0]}, "particles": frame})
    particles = read_particles(path)
    # RELION: A = A_subtomogram A_particle takes the particle to the tomogram frame, and the particle is at
    # coordinate - A_subtomogram origin
    outer_rotation = orientations.from_relion([[10.0, 70.0, -35.0]])
    expected = outer_rotation * orientations.from_relion([[-40.0, 40.0, 120.0]])
    assert angle_between(particles.rotations, expected).max() < 1e-6
    moved = particles.positions[0] - [100.0, 50.0, 25.0]
    np.testing.assert_allclose(moved, 10.0 * orientations.directions(outer_rotation)[0], atol=1e-9)
    assert list(read_particles(path, fold_shifts=True).table) == []


def test_relion_centred_coordinates(tmp_path: Path) -> None:
    centred = {f"rlnCenteredCoordinate{a}Angst": [v] for a, v in zip("XYZ", (0.0, -10.0, 20.0), strict=True)}
    path = star(tmp_path / "p.star", {"particles": {"rlnTomoName": ["T"], **centred}})
    with pytest.raises(FileFormatError, match=r"needs the tomogram 'T'.*--tomogram"):
        read_particles(path)
    with pytest.raises(FileFormatError, match=r"needs the tomogram 'T'.*given: other"):
        read_particles(path, tomograms=[tomogram("other", 8, 8, 8, 5.0)])
    # pixel = Å / pixel size + size / 2, an odd size giving half a pixel
    fine = tomogram("T", 400, 300, 101, 5.0)
    np.testing.assert_allclose(read_particles(path, tomograms=[fine]).positions, [[200.0, 148.0, 54.5]])
    # a copy binned by averaging: by way of its source, whose voxel x lies at (x + 1/2) / 4 - 1/2
    coarse = tomogram("T", 100, 75, 25, 20.0, source="fine", binning=4)
    source = tomogram("fine", 400, 300, 101, 5.0)
    binned = read_particles(path, tomograms=[coarse, source])
    np.testing.assert_allclose(binned.positions, [[49.625, 36.625, 13.25]])
    assert binned.voxel_size_angstrom == 20.0
    write_particles(tmp_path / "q.star", binned, tomograms=[coarse, source], format="relion5-centred")
    frame = starfile.read(tmp_path / "q.star")["particles"]
    np.testing.assert_allclose(frame[list(centred)].to_numpy(), [[0.0, -10.0, 20.0]], atol=1e-6)


def test_relion_31_names_come_from_the_file(tmp_path: Path) -> None:
    frame = {k: v for k, v in PLACE.items() if k != "rlnTomoName"} | {"rlnMicrographName": ["a/b/TS_3.mrc"]}
    particles = read_particles(star(tmp_path / "p.star", {"": frame}))
    assert particles.tomograms.tolist() == ["TS_3"]
    assert particles.table["rlnMicrographName"].tolist() == ["a/b/TS_3.mrc"]


def test_unknown_columns_and_blocks_survive(tmp_path: Path) -> None:
    general = {"rlnTomoSubTomosAre2DStacks": 1}
    optics = {
        "rlnOpticsGroup": [1],
        "rlnOpticsGroupName": ["og"],
        "rlnVoltage": [200.0],
        "rlnTomoTiltSeriesPixelSize": [2.0],
    }
    frame = {
        **PLACE,
        **ANGLES,
        "rlnOpticsGroup": [1],
        "rlnLogLikeliContribution": [1.5e-7],
        "myNote": ["a b"],
    }
    path = star(tmp_path / "p.star", {"general": general, "optics": optics, "particles": frame})
    write_particles(tmp_path / "q.star", read_particles(path))
    blocks = starfile.read(tmp_path / "q.star")
    assert blocks["general"] == general
    assert list(blocks) == ["general", "optics", "particles"]
    assert blocks["optics"].to_dict("list") == optics
    back = blocks["particles"].to_dict("list")
    assert {k: back[k] for k in frame if not k.startswith("rlnAngle")} == {
        k: v for k, v in frame.items() if not k.startswith("rlnAngle")
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello\n", "no data_ block"),
        ("data_\n\nloop_\n_a #1\n1\n", "no rlnCoordinateX/Y/Z"),
        ("data_\n\nloop_\n_rlnTomoParticlesFile #1\nx.star\n", "optimisation set"),
        ("data_\n\nloop_\n_rlnTomoTiltSeriesStarFile #1\nx.star\n", "list of tomograms"),
        (
            "data_\n\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n1 2 3\n1 2 3 4\n",
            r"damaged: line 8: 4 values; data_ has 3 columns",
        ),
        (
            "data_\n\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n1 2 3\n1 zwei 3\n",
            "line 8, column rlnCoordinateY: 'zwei' is not a number",
        ),
        (
            "data_\n\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n_rlnAngleRot\n1 2 3 4\n",
            "no column rlnAngleTilt",
        ),
        (
            "data_\n\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n_rlnPixelSize\n1 2 3 0\n",
            "rlnPixelSize must be positive",
        ),
    ],
)
def test_defects_in_star_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.star"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=rf"bad\.star: .*{message}"):
        read_particles(path)


# --- IMOD -----------------------------------------------------------------------------------------


def test_imod_counts_from_the_corner_in_x_and_y(tmp_path: Path) -> None:
    from imodmodel.models import ImodModel

    write_particles(tmp_path / "p.mod", Particles(np.array([[0.0, 0.0, 0.0], [10.25, 20.0, 30.0]])))
    (item,) = ImodModel.from_file(tmp_path / "p.mod").objects
    assert item.contours[0].points.tolist() == [[0.5, 0.5, 0.0], [10.75, 20.5, 30.0]]


# --- real files -----------------------------------------------------------------------------------


@needs_data
def test_truth_table_of_the_membrane(tmp_path: Path) -> None:
    truth = pd.read_csv(Path(str(DATA)) / "membrane" / "membrane_truth.csv")
    particles = Particles(
        truth[["x", "y", "z"]].to_numpy(), Rotation.from_quat(truth[["qx", "qy", "qz", "qw"]].to_numpy())
    )
    write_particles(tmp_path / "p.star", particles)
    write_particles(tmp_path / "p.tbl", particles)
    relion = starfile.read(tmp_path / "p.star")
    for ours, theirs in (
        (
            relion[["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]].to_numpy(),
            ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"],
        ),
        (np.loadtxt(tmp_path / "p.tbl")[:, 6:9], ["dyn_tdrot", "dyn_tilt", "dyn_narot"]),
    ):
        difference = (ours - truth[theirs].to_numpy() + 180.0) % 360.0 - 180.0
        assert np.abs(difference).max() < 2e-3  # the truth has four digits of angles and six of quaternions
    np.testing.assert_allclose(np.loadtxt(tmp_path / "p.tbl")[:, 23:26], particles.positions + 1.0, atol=1e-6)


@needs_data
def test_real_dynamo_table(tmp_path: Path) -> None:
    folder = Path(str(DATA)) / "formats" / "dynamo"
    particles = read_particles(folder / "t_double.tbl")
    assert len(particles) == 300
    np.testing.assert_allclose(
        particles.positions[0], [141.28 + 2.5178 - 1, 114.71 - 3.523 - 1, 163.08 + 2.1043 - 1]
    )
    assert particles.table["dyn_class"][0] == 9
    write_particles(tmp_path / "out.tbl", particles)
    before = np.loadtxt(folder / "t_double.tbl")
    after = np.loadtxt(tmp_path / "out.tbl")
    # angles may say the same orientation in another way
    untouched = [i for i in range(35) if i not in range(6, 9)]
    np.testing.assert_allclose(after[:, untouched], before[:, untouched], rtol=1e-7, atol=1e-9)
    write_particles(tmp_path / "folded.tbl", read_particles(folder / "t_double.tbl", fold_shifts=True))
    folded = np.loadtxt(tmp_path / "folded.tbl")
    np.testing.assert_allclose(folded[:, 23:26], before[:, 23:26] + before[:, 3:6], atol=1e-6)
    assert not folded[:, 3:6].any()


@needs_data
def test_real_relion_files(tmp_path: Path) -> None:
    folder = Path(str(DATA)) / "formats" / "relion"
    for name, first in (("hsp60", [1142.0204, 3235.5812, 1015.192]), ("mitoribosome", None)):
        particles = read_particles(folder / f"{name}.star")
        assert first is None or particles.positions[0].tolist() == first
        write_particles(tmp_path / "out.star", particles)
        before, after = starfile.read(folder / f"{name}.star"), starfile.read(tmp_path / "out.star")
        for column in before.columns:
            if before[column].dtype.kind == "f":
                np.testing.assert_allclose(after[column], before[column], atol=1e-5)
            else:
                assert after[column].tolist() == before[column].tolist()
    tomograms = [tomogram("TS_01", 84, 136, 40, 10.52), tomogram("TS_02", 84, 136, 40, 10.52)]
    centred = read_particles(folder / "particles.star", tomograms=tomograms)
    np.testing.assert_allclose(
        centred.positions[0], [-176.94 / 10.52 + 42, 765.48005 / 10.52 + 68, 11.16 / 10.52 + 20]
    )
    with pytest.raises(FileFormatError, match="optimisation set"):
        read_particles(folder / "optimisation_set.star")
    with pytest.raises(FileFormatError, match="list of tomograms"):
        read_particles(folder / "tomograms.star")


@needs_data
def test_real_imod_points() -> None:
    path = Path(str(DATA)) / "formats" / "imod" / "two_contour_example.mod"
    assert len(read_particles(path)) == 25
    assert read_imod(path).shape == (128, 128, 128)
