"""RELION and Warp: worked numbers, files that belong together, shifts kept, and every value that came in."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import starfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from napari_tomopick.cli.window import app
from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry import orientations
from napari_tomopick.geometry.orientations import angle_between
from napari_tomopick.io.particles import read_particles, what_is_lost, write_particles
from napari_tomopick.io.particles.relion_columns import COORDINATES
from napari_tomopick.io.particles.relion_set import read_tomogram_list
from napari_tomopick.models.particles import Particles, concatenate
from napari_tomopick.models.tomogram import Tomogram

DATA = os.environ.get("TOMOPICK_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="TOMOPICK_DATA is not set: the folder of real files")
SHIFT = {"rlnOriginXAngst": 6.0, "rlnOriginYAngst": -4.0, "rlnOriginZAngst": 8.0}


def tomogram(name: str, nx: int, ny: int, nz: int, size: float, **fields: object) -> Tomogram:
    values: dict = {"path": Path(f"{name}.mrc"), "shape": (nz, ny, nx), "voxel_size_angstrom": size} | fields
    return Tomogram(name=name, **values)


def table(name: str, **columns: object) -> str:
    """A loop block; a column of one value is repeated."""
    n = max(len(v) if isinstance(v, list) else 1 for v in columns.values())
    lists = [v if isinstance(v, list) else [v] * n for v in columns.values()]
    head = "\n".join(f"_{c} #{i}" for i, c in enumerate(columns, 1))
    rows = "\n".join(" ".join(map(str, row)) for row in zip(*lists, strict=True))
    return f"\ndata_{name}\n\nloop_\n{head}\n{rows}\n\n"


def place(x: object = 100.0, y: object = 50.0, z: object = 25.0) -> dict:
    return {"rlnCoordinateX": x, "rlnCoordinateY": y, "rlnCoordinateZ": z}


def angles(rot: float = -40.0, tilt: float = 40.0, psi: float = 120.0) -> dict:
    return {"rlnAngleRot": rot, "rlnAngleTilt": tilt, "rlnAnglePsi": psi}


# --- RELION 5: a set of files ---------------------------------------------------------------------


def project(folder: Path) -> Path:
    """A RELION project: the set names files relative to the project, not to itself."""
    for name in ("Refine3D/job1", "Tomograms/job2/tilt_series"):
        (folder / name).mkdir(parents=True)
    (folder / "Refine3D/job1/set.star").write_text(
        "\ndata_\n\n_rlnTomoParticlesFile Refine3D/job1/particles.star\n"
        "_rlnTomoTomogramsFile Tomograms/job2/tomograms.star\n"
    )
    centred = {f"rlnCenteredCoordinate{a}Angst": v for a, v in zip("XYZ", (0.0, -10.0, 20.0), strict=True)}
    (folder / "Refine3D/job1/particles.star").write_text(
        table("particles", rlnTomoName=["TS_1", "TS_2"], **centred, rlnTomoVisibleFrames="[1,0,1]")
    )
    (folder / "Tomograms/job2/tomograms.star").write_text(
        table(
            "global",
            rlnTomoName=["TS_1", "TS_2"],
            rlnTomoTiltSeriesStarFile=["Tomograms/job2/tilt_series/TS_1.star", "missing.star"],
            rlnVoltage=200.0,
            rlnTomoTiltSeriesPixelSize=5.0,
            rlnTomoTomogramBinning=4.0,
            rlnTomoSizeX=400,
            rlnTomoSizeY=300,
            rlnTomoSizeZ=[101, 121],
        )
    )
    (folder / "Tomograms/job2/tilt_series/TS_1.star").write_text(
        table("TS_1", rlnTomoNominalStageTiltAngle=[-60.0, 0.0, 57.0], rlnTomoYTilt=[-60.2, 0.1, 57.5])
    )
    return folder / "Refine3D/job1/set.star"


def test_an_optimisation_set_is_enough(tmp_path: Path) -> None:
    particles = read_particles(project(tmp_path))
    # pixel = Å / pixel size + size / 2 in the unbinned tomogram, an odd size giving half a pixel
    assert particles.positions.tolist() == [[200.0, 148.0, 54.5], [200.0, 148.0, 64.5]]
    assert particles.voxel_size_angstrom == 5.0
    assert particles.table["rlnTomoVisibleFrames"].tolist() == ["[1,0,1]", "[1,0,1]"]
    # a tomogram that is given counts, binned as it is
    given_one = [tomogram("TS_1", 100, 75, 25, 20.0), tomogram("TS_2", 100, 75, 30, 20.0)]
    binned = read_particles(tmp_path / "Refine3D/job1/set.star", tomograms=given_one)
    assert binned.positions.tolist() == [[50.0, 37.0, 13.5], [50.0, 37.0, 16.0]]


def test_a_list_of_tomograms_says_shape_voxel_size_and_tilts(tmp_path: Path) -> None:
    project(tmp_path)
    first, second = read_tomogram_list(tmp_path / "Tomograms/job2/tomograms.star")
    assert (first.name, first.shape, first.voxel_size_angstrom) == ("TS_1", (101, 300, 400), 5.0)
    assert first.acquisition.tilt_range_degrees == (-60.2, 57.5)
    assert first.acquisition.voltage_kv == 200.0
    assert second.acquisition.tilt_range_degrees is None


def test_what_is_wrong_with_a_set_is_said(tmp_path: Path) -> None:
    path = project(tmp_path)
    listed = tmp_path / "Tomograms/job2/tomograms.star"
    text = listed.read_text()
    listed.write_text(text.replace(" 400 ", " 0 "))
    with pytest.raises(FileFormatError, match=r"tomograms\.star: line 13: a tomogram of 0 x 300 x 101"):
        read_particles(path)
    listed.write_text(text.replace(" 300 ", " 300.5 "))
    with pytest.raises(FileFormatError, match=r"line 13, column rlnTomoSizeY: 300\.5 is not a whole number"):
        read_particles(path)
    listed.unlink()
    with pytest.raises(FileFormatError, match=r"set names Tomograms/job2/tomograms\.star, which is neither"):
        read_particles(path)
    path.write_text("data_\n\n_rlnTomoTomogramsFile x.star\n_rlnTomoName 1\n")
    with pytest.raises(FileFormatError, match="names no particle files"):
        read_particles(path)
    listed.write_text(table("global", rlnTomoName="a"))
    with pytest.raises(FileFormatError, match="not a list of tomograms with their sizes"):
        read_tomogram_list(listed)


# --- older RELIONs --------------------------------------------------------------------------------


@pytest.mark.parametrize("block", ["", "images"])
def test_relion_30_has_one_block_and_a_magnification(tmp_path: Path, block: str) -> None:
    path = tmp_path / "p.star"
    pixel = {"rlnMagnification": 10000.0, "rlnDetectorPixelSize": 13.5}
    origin = {"rlnOriginX": 1.5, "rlnOriginY": -2.0, "rlnOriginZ": 0.25}
    name = {"rlnMicrographName": "Tomograms/TS_3/TS_3.mrc"}
    path.write_text(table(block, **name, **place(), **angles(), **origin, **pixel))
    particles = read_particles(path)
    assert particles.positions.tolist() == [[98.5, 52.0, 24.75]]
    assert particles.voxel_size_angstrom == 13.5  # µm on the detector * 10000 / magnification
    assert particles.tomograms.tolist() == ["TS_3"]
    # the particle's axis: Dynamo's (30, 40, 50) in RELION's angles
    np.testing.assert_allclose(particles.directions()[0], (0.321394, 0.556670, 0.766044), atol=1e-6)
    path.write_text(table(block, **name, **place(), **(pixel | {"rlnMagnification": 0})))
    with pytest.raises(FileFormatError, match="rlnMagnification must be positive"):
        read_particles(path)


# --- Warp and M -----------------------------------------------------------------------------------


def test_warp_counts_from_the_centre_of_the_first_voxel(tmp_path: Path) -> None:
    path = tmp_path / "TS_01_picks.star"
    path.write_text(table("", **place(), **angles(), rlnMicrographName="TS_01.tomostar"))
    particles = read_particles(path, tomograms=[tomogram("TS_01", 464, 464, 200, 10.0)])
    assert particles.positions.tolist() == [[100.0, 50.0, 25.0]]
    assert particles.tomograms.tolist() == ["TS_01"]
    assert particles.voxel_size_angstrom == 10.0
    out = tmp_path / "out.star"
    write_particles(out, particles, format="warp")
    blocks = starfile.read(out, always_dict=True)
    assert list(blocks) == [""]  # RELION 3.0's one block, in which Warp asks for no optics
    row = blocks[""].iloc[0]
    assert row["rlnMicrographName"] == "TS_01.tomostar"
    assert (row["rlnCoordinateX"], row["rlnPixelSize"], row["rlnMagnification"]) == (100, 10, 10000)
    assert "rlnOriginXAngst" not in row
    back = read_particles(out)
    assert back.tomograms.tolist() == ["TS_01"]
    assert back.voxel_size_angstrom == 10.0


def test_coordinates_of_warps_2d_stacks_count_in_pixels_of_the_images(tmp_path: Path) -> None:
    optics = {"rlnOpticsGroup": 1, "rlnOpticsGroupName": "og", "rlnTomoTiltSeriesPixelSize": 1.35}
    optics |= {"rlnTomoSubtomogramBinning": 4, "rlnImagePixelSize": 5.4}
    rows = {"rlnTomoName": "TS_01.tomostar", **place(), **angles(), **SHIFT, "rlnOpticsGroup": 1}
    rows |= {"rlnImageName": "particleseries/TS_01/TS_01_000001.mrcs", "rlnTomoVisibleFrames": "[1,1,0]"}
    path = tmp_path / "p.star"
    path.write_text(
        "data_general\n\n_rlnTomoSubTomosAre2DStacks 1\n"
        + table("optics", **optics)
        + table("particles", **rows)
    )
    particles = read_particles(path)
    assert particles.voxel_size_angstrom == 5.4
    np.testing.assert_allclose(particles.positions, [[100 - 6 / 5.4, 50 + 4 / 5.4, 25 - 8 / 5.4]])
    assert particles.tomograms.tolist() == ["TS_01"]
    # and all of it goes back to where it came from, as RELION needs the name of its list of tomograms
    write_particles(tmp_path / "q.star", particles)
    before, after = starfile.read(path), starfile.read(tmp_path / "q.star")
    assert list(after) == ["general", "optics", "particles"]
    assert after["general"] == {"rlnTomoSubTomosAre2DStacks": 1}
    pd.testing.assert_frame_equal(after["optics"], before["optics"], check_dtype=False)
    same = after["particles"][list(before["particles"].columns)]
    pd.testing.assert_frame_equal(same, before["particles"], check_dtype=False, rtol=1e-9)
    # in another tomogram they have its name
    moved = Particles(**{**vars(particles), "tomograms": np.array(["B"])})
    write_particles(tmp_path / "r.star", moved)
    assert starfile.read(tmp_path / "r.star")["particles"]["rlnTomoName"].tolist() == ["B"]


def test_fractions_of_warps_template_matching_need_the_tomogram(tmp_path: Path) -> None:
    path = tmp_path / "TS_01_10.00Apx_matching.star"
    path.write_text(table("", **place(0.25, 0.5, 0.125), **angles(), rlnMicrographName="TS_01.tomostar"))
    found = read_particles(path, tomograms=[tomogram("TS_01", 464, 460, 200, 10.0)])
    assert found.positions.tolist() == [[116.0, 230.0, 25.0]]
    with pytest.raises(FileFormatError, match="fractions of the volume: needs the tomogram 'TS_01'"):
        read_particles(path)


def test_a_species_of_m_is_in_angstrom(tmp_path: Path) -> None:
    path = tmp_path / "particles.star"
    pose = {f"wrpCoordinate{a}{n}": v * n for n in (1, 2) for a, v in zip("XYZ", (100, 50, 25), strict=True)}
    turn = {"wrpAngleRot1": -40.0, "wrpAngleTilt1": 40.0, "wrpAnglePsi1": 120.0}
    path.write_text(table("", **pose, **turn, wrpRandomSubset=1, wrpSourceName="TS_01.tomostar"))
    particles = read_particles(path, tomograms=[tomogram("TS_01", 464, 464, 200, 10.0)])
    assert particles.positions.tolist() == [[10.0, 5.0, 2.5]]
    np.testing.assert_allclose(particles.directions()[0], (0.321394, 0.556670, 0.766044), atol=1e-6)
    assert particles.table["wrpCoordinateX2"].tolist() == [200]
    with pytest.raises(FileFormatError, match="coordinates in Å: needs the tomogram 'TS_01'"):
        read_particles(path)


# --- shifts ---------------------------------------------------------------------------------------


def test_shifts_come_back_unless_they_are_folded(tmp_path: Path) -> None:
    outer = {"rlnTomoSubtomogramRot": 10.0, "rlnTomoSubtomogramTilt": 70.0, "rlnTomoSubtomogramPsi": -35.0}
    rows = {"rlnTomoName": "T", **place(), **angles(), **outer, **SHIFT, "rlnAngleTiltPrior": 90.0}
    rows |= {"rlnOpticsGroup": 1}
    path = tmp_path / "p.star"
    path.write_text(
        table("optics", rlnOpticsGroup=1, rlnTomoTiltSeriesPixelSize=2.0) + table("particles", **rows)
    )
    folded, kept = read_particles(path, fold_shifts=True), read_particles(path)
    turned = orientations.from_relion([[10.0, 70.0, -35.0]])
    np.testing.assert_allclose(folded.positions, [100, 50, 25] - turned.apply([3.0, -2.0, 4.0]))
    # a particle is where it is, however a file divides that
    np.testing.assert_array_equal(kept.positions, folded.positions)
    # an orientation is what it is, whatever frame a file gives it in
    assert angle_between(folded.rotations, kept.rotations).max() < 1e-9
    write_particles(tmp_path / "q.star", kept)
    before, after = starfile.read(path)["particles"], starfile.read(tmp_path / "q.star")["particles"]
    pd.testing.assert_frame_equal(after[list(before.columns)], before, check_dtype=False, rtol=1e-9)
    again = read_particles(tmp_path / "q.star")
    np.testing.assert_allclose(again.positions, folded.positions, atol=1e-6)
    write_particles(tmp_path / "f.star", folded)
    plain = starfile.read(tmp_path / "f.star")["particles"]
    assert not {"rlnOriginXAngst", "rlnTomoSubtomogramTilt", "rlnAngleTiltPrior"} & set(plain)
    np.testing.assert_allclose(plain[COORDINATES].to_numpy(), folded.positions, atol=1e-6)
    assert angle_between(read_particles(tmp_path / "f.star").rotations, kept.rotations).max() < 1e-5
    # to and fro between binnings, and where particles without shifts are added
    binned = kept.rescaled(8.0)
    np.testing.assert_allclose(binned.positions, (folded.positions + 0.5) / 4 - 0.5)
    write_particles(tmp_path / "b.star", binned)
    origins = [f"rlnOrigin{axis}Angst" for axis in "XYZ"]
    scaled = starfile.read(tmp_path / "b.star")["particles"]
    np.testing.assert_allclose(scaled[origins].to_numpy(), before[origins].to_numpy())
    bare = Particles([[1, 2, 3]], tomograms=np.array(["T"]), voxel_size_angstrom=2.0)
    write_particles(tmp_path / "c.star", concatenate([kept, bare]))
    both = starfile.read(tmp_path / "c.star")["particles"]
    assert both[origins].to_numpy()[1].tolist() == [0, 0, 0]
    np.testing.assert_allclose(both[COORDINATES].to_numpy(), [[100, 50, 25], [1, 2, 3]])
    # what has been moved is where it was put
    moved = Particles(**{**vars(kept), "positions": kept.positions + 7.25})
    write_particles(tmp_path / "m.star", moved)
    np.testing.assert_allclose(read_particles(tmp_path / "m.star").positions, moved.positions, atol=1e-6)


def test_shifts_go_from_program_to_program(tmp_path: Path) -> None:
    outer = {"rlnTomoSubtomogramRot": 10.0, "rlnTomoSubtomogramTilt": 70.0, "rlnTomoSubtomogramPsi": -35.0}
    path = tmp_path / "p.star"
    path.write_text(
        table("optics", rlnOpticsGroup=1, rlnTomoTiltSeriesPixelSize=2.0)
        + table("particles", rlnTomoName="T", **place(), **angles(), **outer, **SHIFT, rlnOpticsGroup=1)
    )
    particles = read_particles(path)
    shift = -orientations.from_relion([[10.0, 70.0, -35.0]]).apply([3.0, -2.0, 4.0])
    write_particles(tmp_path / "t.tbl", particles)
    row = np.loadtxt(tmp_path / "t.tbl")
    np.testing.assert_allclose(row[3:6], shift[0], atol=1e-8)
    np.testing.assert_allclose(row[23:26], [101, 51, 26], atol=1e-8)
    assert not [said for said in what_is_lost("t.tbl", particles) if "hift" in said]
    write_particles(tmp_path / "m.star", particles, format="stopgap")
    row = starfile.read(tmp_path / "m.star").iloc[0]
    assert row[["orig_x", "orig_y", "orig_z"]].tolist() == [101, 51, 26]
    np.testing.assert_allclose(row[["x_shift", "y_shift", "z_shift"]].tolist(), shift[0], atol=1e-8)
    write_particles(tmp_path / "w.star", particles, format="warp")
    row = starfile.read(tmp_path / "w.star").iloc[0]
    assert not [column for column in row.index if "Subtomogram" in column]
    assert "column rlnTomoSubtomogramTilt" in what_is_lost("w.star", particles, format="warp")
    np.testing.assert_allclose([row[f"rlnOrigin{a}Angst"] for a in "XYZ"], -2 * shift[0], atol=1e-8)
    write_particles(tmp_path / "p.csv", particles)
    for name in ("t.tbl", "m.star", "w.star", "p.csv"):
        back = read_particles(tmp_path / name)
        np.testing.assert_allclose(back.positions, particles.positions, atol=1e-6)
        assert np.radians(angle_between(back.rotations, particles.rotations)).max() < 1e-6
    # and from there as it was
    write_particles(tmp_path / "q.star", read_particles(tmp_path / "p.csv"))
    again = starfile.read(tmp_path / "q.star")["particles"]
    before = starfile.read(path)["particles"].drop(columns="rlnOpticsGroup")
    pd.testing.assert_frame_equal(again[list(before)], before, check_dtype=False, rtol=1e-9)
    # where there is no place for them, positions have them, and that is said
    for name in ("p.mod", "p.coords"):
        assert "shifts apart from coordinates (the positions have them in them)" in what_is_lost(
            name, particles
        )
        write_particles(tmp_path / name, particles)
        np.testing.assert_allclose(read_particles(tmp_path / name).positions, particles.positions, rtol=1e-6)
    # a size of pixels that nobody knows
    write_particles(tmp_path / "n.star", read_particles(tmp_path / "m.star"))
    assert "rlnOriginX" in starfile.read(tmp_path / "n.star")
    np.testing.assert_allclose(read_particles(tmp_path / "n.star").positions, particles.positions, atol=1e-6)
    odd = particles.with_columns(tomopickShiftY=["x"])
    with pytest.raises(FileFormatError, match=r"row 1, column tomopickShiftY: 'x' is not a number"):
        write_particles(tmp_path / "o.tbl", odd)


# --- values ---------------------------------------------------------------------------------------

FURTHER = st.fixed_dictionaries(
    {
        "rlnLogLikeliContribution": st.floats(allow_nan=False, allow_infinity=False),
        "myNumber": st.floats(allow_nan=False, allow_infinity=False),
        "myCount": st.integers(-(2**62), 2**62),
        "myName": st.from_regex(r"[A-Za-z0-9_./@:\[\],+-]{1,12}", fullmatch=True).filter(
            lambda s: s.lower() not in ("nan", "<na>") and not s.startswith(("data_", "loop_", "_"))
        ),
        "mySerial": st.from_regex(r"0[0-9]{1,6}", fullmatch=True),
        "rlnImageName": st.from_regex(r"[0-9]{6}@[a-z ]{1,8}\.mrcs", fullmatch=True).map(str.strip),
    }
)


@settings(max_examples=60, deadline=None)
@given(st.lists(FURTHER, min_size=1, max_size=4), st.sampled_from(["relion5", "relion4", "warp"]))
def test_every_value_of_every_column_survives(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict], kind: str
) -> None:
    path = tmp_path_factory.mktemp("values") / "p.star"
    columns = pd.DataFrame(rows)
    particles = Particles(
        np.ones((len(rows), 3)),
        Rotation.from_quat(np.tile([0.0, 0.0, 0.0, 1.0], (len(rows), 1))),
        tomograms=np.array(["T"] * len(rows)),
        table=columns,
    )
    write_particles(path, particles, format=kind)
    back = read_particles(path).table
    for name in columns:
        if name == "myName" and pd.to_numeric(columns[name], errors="coerce").notna().all():
            continue  # all of them look like numbers, so that numbers is what they are
        assert back[name].tolist() == columns[name].tolist()
    assert what_is_lost(path, particles, format=kind) == ()


def test_numbers_that_are_names_and_rows_that_end_too_soon(tmp_path: Path) -> None:
    path = tmp_path / "p.star"
    path.write_text(table("particles", **place([1, 2], 2, 3), mySerial=["0012", "0100"], rlnClassNumber=1))
    particles = read_particles(path)
    assert particles.table["mySerial"].tolist() == ["0012", "0100"]
    assert particles.table["rlnClassNumber"].tolist() == [1, 1]
    path.write_text(path.read_text().replace("2 2 3 0100 1", "2 2 3 0100"))
    with pytest.raises(
        FileFormatError,
        match=r"line 11: 4 values \(the last one with a value is mySerial\); data_particles has 5",
    ):
        read_particles(path)


@needs_data
def test_real_set_of_relion_5(tmp_path: Path) -> None:
    folder = Path(str(DATA)) / "formats" / "relion"
    first, second = read_tomogram_list(folder / "tomograms.star")
    assert (first.name, first.shape, first.voxel_size_angstrom) == ("TS_01", (44, 136, 84), 10.52)
    assert second.name == "TS_02"
    for name, target in (
        ("particles", "Picks/job_picks/particles.star"),
        ("tomograms", "Tomograms/job_tomo/tomograms.star"),
        ("optimisation_set", "set.star"),
    ):
        (tmp_path / target).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / target).write_bytes((folder / f"{name}.star").read_bytes())
    particles = read_particles(tmp_path / "set.star")
    np.testing.assert_allclose(
        particles.positions[0], [-176.94 / 10.52 + 42, 765.48005 / 10.52 + 68, 11.16 / 10.52 + 22]
    )


def test_convert_takes_a_list_of_tomograms(tmp_path: Path) -> None:
    path = project(tmp_path).with_name("particles.star")
    listed = ["--tomogram", str(tmp_path / "Tomograms/job2/tomograms.star")]
    words = ["convert", str(path), str(tmp_path / "out.star"), *listed, "--format", "warp"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    out = starfile.read(tmp_path / "out.star")
    assert out["rlnMicrographName"].tolist() == ["TS_1.tomostar", "TS_2.tomostar"]
    assert out["rlnCoordinateX"].tolist() == [200, 200]


def test_warp_takes_origins_but_no_frame_of_a_subtomogram(tmp_path: Path) -> None:
    path = tmp_path / "p.star"
    path.write_text(
        table("", **place(), **SHIFT, rlnPixelSize=2.0, rlnTomoSubtomogramRot=[0.0]).replace(
            "rlnTomoSubtomogramRot", "rlnTomoSubtomogramTilt"
        )
    )
    with pytest.raises(FileFormatError, match="no column rlnTomoSubtomogramRot"):
        read_particles(path)
    outer = {"rlnTomoSubtomogramRot": 10.0, "rlnTomoSubtomogramTilt": 0.0, "rlnTomoSubtomogramPsi": 0.0}
    path.write_text(table("", **place(), **SHIFT, rlnPixelSize=2.0, **outer))
    turned = read_particles(path)
    write_particles(tmp_path / "q.star", turned, format="warp")
    back = read_particles(tmp_path / "q.star")
    np.testing.assert_allclose(back.positions, turned.positions, atol=1e-6)
    assert angle_between(back.rotations, turned.rotations).max() < 1e-5
    path.write_text(table("", **place(), **SHIFT, rlnPixelSize=2.0))
    write_particles(tmp_path / "q.star", read_particles(path), format="warp")
    assert read_particles(tmp_path / "q.star").positions.tolist() == [[97.0, 52.0, 21.0]]
    assert starfile.read(tmp_path / "q.star")["rlnCoordinateX"].tolist() == [100.0]


def test_a_tomogram_that_is_given_goes_before_one_of_the_list(tmp_path: Path) -> None:
    path = project(tmp_path)
    for name in ("Refine3D/job1/particles.star", "Tomograms/job2/tomograms.star"):
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(
            text.replace("TS_1 ", "TS_1.tomostar ").replace("TS_2 ", "TS_2.tomostar ")
        )
    assert read_particles(path).tomograms.tolist() == ["TS_1.tomostar", "TS_2.tomostar"]
    given_ones = [tomogram("TS_1", 100, 75, 25, 20.0), tomogram("TS_2", 100, 75, 30, 20.0)]
    particles = read_particles(path, tomograms=given_ones)
    assert particles.tomograms.tolist() == ["TS_1", "TS_2"]
    assert particles.voxel_size_angstrom == 20.0
