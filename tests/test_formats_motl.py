"""Motive lists of STOPGAP and AV3/TOM: worked numbers, referees, round trips, defects."""

from __future__ import annotations

from pathlib import Path

import emfile
import numpy as np
import pandas as pd
import pytest
import starfile
from eulerangles import euler2matrix
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry.orientations import angle_between
from napari_tomopick.io.particles import holds_particles, read_particles, what_is_lost, write_particles
from napari_tomopick.io.volumes import open_volume
from napari_tomopick.models.particles import SHIFTS, Particles
from napari_tomopick.models.tomogram import Tomogram

FIELDS = (
    "motl_idx tomo_num object subtomo_num halfset orig_x orig_y orig_z score x_shift y_shift z_shift phi psi "
    "the class"
).split()


def motl(path: Path, *rows: dict, fields: list[str] = FIELDS) -> Path:
    base = {"motl_idx": 1, "subtomo_num": 1, "tomo_num": 4, "object": 2, "halfset": "A", "class": 1}
    lines = [" ".join(str((base | row).get(f, 0)) for f in fields) for row in rows]
    head = "\ndata_stopgap_motivelist\n\nloop_\n" + "".join(f"_{f}\n" for f in fields)
    path.write_text(head + "\n" + "\n".join(lines) + "\n")
    return path


def em(path: Path, rows: dict[int, float], n: int = 1, order: str = "<") -> Path:
    """A motive list as AV3 on this or that machine would write it."""
    values = np.zeros((n, 20), order + "f4")
    for row, value in ({4: 1, 20: 1} | rows).items():
        values[:, row - 1] = value
    values[:, 3] += np.arange(n)
    header = bytearray(512)
    header[0], header[3] = (6 if order == "<" else 3), 5
    header[4:16] = np.array([20, n, 1], order + "i4").tobytes()
    path.write_bytes(bytes(header) + values.tobytes())
    return path


def asymmetric(n: int, seed: int) -> Particles:
    rng = np.random.default_rng(seed)
    return Particles(
        positions=rng.uniform(-5, 1300, (n, 3)) * [1, 2, 3],
        rotations=Rotation.random(n, random_state=seed) if n else None,
        ids=rng.permutation(10**6)[:n] + 1,
        groups=rng.integers(0, 99, n),
        scores=np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
        tomograms=np.array(["TS_1", "12", ""])[rng.integers(0, 3, n)] if n else np.array([], dtype=np.str_),
    )


# --- what the numbers mean ------------------------------------------------------------------------


def test_the_first_voxel_is_one_and_shifts_are_added(tmp_path: Path) -> None:
    place = {"orig_x": 100, "orig_y": 50, "orig_z": 25, "x_shift": 1.5, "y_shift": -2.25, "z_shift": 0.5}
    particles = read_particles(motl(tmp_path / "m.star", place))
    # STOPGAP: a box of 32 begins at 100 - 16, counted from 1, and its centre is voxel 17 of it
    assert particles.positions.tolist() == [[100.5, 46.75, 24.5]]
    assert (particles.tomograms[0], particles.groups[0]) == ("4", 2)
    rows = {8: 100, 9: 50, 10: 25, 11: 1.5, 12: -2.25, 13: 0.5, 5: 4, 6: 2, 1: 0.25}
    av3 = read_particles(em(tmp_path / "m.em", rows))
    assert av3.positions.tolist() == particles.positions.tolist()
    assert (av3.tomograms[0], av3.groups[0], av3.scores[0]) == ("4", 2, 0.25)


@pytest.mark.parametrize(
    ("phi", "psi", "the", "axis"),
    [
        # the axis is (sin psi sin the, -cos psi sin the, cos the)
        (17, 0, 0, (0, 0, 1)),
        (17, 0, 90, (0, -1, 0)),
        (17, 90, 90, (1, 0, 0)),
        # Dynamo's (30, 40, 50) with the signs of sg_motl_stopgap_to_dynamo
        (-50, -30, -40, (0.321394, 0.556670, 0.766044)),
        (130, 150, 40, (0.321394, 0.556670, 0.766044)),
    ],
)
def test_angles_point_the_particle(
    tmp_path: Path, phi: float, psi: float, the: float, axis: tuple[float, ...]
) -> None:
    particles = read_particles(motl(tmp_path / "m.star", {"phi": phi, "psi": psi, "the": the}))
    np.testing.assert_allclose(particles.directions()[0], axis, atol=1e-6)
    av3 = read_particles(em(tmp_path / "m.em", {17: phi, 18: psi, 19: the}))
    assert angle_between(particles.rotations, av3.rotations).max() < 1e-6


def test_the_matrix_is_that_of_sg_euler2matrix(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    angles = rng.uniform(-180, 180, (9, 3))
    rows = [
        {"motl_idx": i + 1, "subtomo_num": i + 1, "phi": a, "psi": b, "the": c}
        for i, (a, b, c) in enumerate(angles)
    ]
    ours = read_particles(motl(tmp_path / "m.star", *rows)).rotations.as_matrix()
    theirs = euler2matrix(angles[:, [0, 2, 1]], axes="zxz", intrinsic=False, right_handed_rotation=True)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_dynamo_and_stopgap_say_the_same(tmp_path: Path) -> None:
    particles = asymmetric(5, 2)
    write_particles(tmp_path / "t.tbl", particles)
    write_particles(tmp_path / "m.star", particles, format="stopgap")
    table, frame = np.loadtxt(tmp_path / "t.tbl"), starfile.read(tmp_path / "m.star")
    signs = Rotation.from_euler("zxz", -table[:, [8, 7, 6]], degrees=True)
    ours = Rotation.from_euler("zxz", frame[["phi", "the", "psi"]].to_numpy(), degrees=True)
    assert angle_between(signs, ours).max() < 1e-6
    place = frame[["orig_x", "orig_y", "orig_z"]].to_numpy()
    shift = frame[["x_shift", "y_shift", "z_shift"]].to_numpy()
    np.testing.assert_allclose(place + shift, table[:, 23:26] + table[:, 3:6], atol=1e-6)
    # STOPGAP rounds down where it extracts, so that only whole coordinates are safe
    assert (place == np.round(place)).all()
    assert np.abs(shift).max() <= 0.5


def test_emfile_reads_what_is_written_and_either_byte_order_is_read(tmp_path: Path) -> None:
    particles = asymmetric(6, 1)
    write_particles(tmp_path / "m.em", particles)
    header, data = emfile.read(tmp_path / "m.em")
    assert data.shape == (1, 6, 20)
    assert header["xdim"] == 20
    np.testing.assert_allclose(data[0, :, 7:10] + data[0, :, 10:13] - 1, particles.positions, atol=1e-4)
    assert data[0, :, 3].tolist() == particles.ids.tolist()
    big = read_particles(em(tmp_path / "big.em", {8: 300, 19: 40}, order=">"))
    assert big.positions[0, 0] == 299
    np.testing.assert_allclose(big.directions()[0], (0, -np.sin(np.radians(40)), np.cos(np.radians(40))))


def test_a_list_is_told_from_a_volume(tmp_path: Path) -> None:
    emfile.write(tmp_path / "v.em", np.zeros((2, 30, 20), np.float32))
    assert not holds_particles(tmp_path / "v.em")
    assert open_volume(tmp_path / "v.em").shape == (2, 30, 20)
    with pytest.raises(FileFormatError, match="20 x 30 x 2 values; a motive list has 20 x N x 1"):
        read_particles(tmp_path / "v.em")
    assert holds_particles(em(tmp_path / "m.em", {}, n=3))


# --- round trips ----------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 6), st.integers(0, 10**6), st.sampled_from(["stopgap", "av3"]), st.booleans())
def test_round_trips(
    tmp_path_factory: pytest.TempPathFactory, n: int, seed: int, kind: str, keep: bool
) -> None:
    path = tmp_path_factory.mktemp("motl") / ("m.star" if kind == "stopgap" else "m.em")
    particles = asymmetric(n, seed)
    rng = np.random.default_rng(seed)
    shifts = {name: np.round(rng.normal(size=n), 3) for name in SHIFTS}
    particles = particles.with_columns(motl_class=rng.integers(1, 9, n))
    if keep:
        placed = np.round(particles.positions) + np.column_stack(list(shifts.values()))
        particles = Particles(**{**vars(particles), "positions": placed}).with_columns(**shifts)
    write_particles(path, particles, format=kind)
    back = read_particles(path)
    np.testing.assert_allclose(back.positions, particles.positions, atol=1e-4, rtol=0)
    assert len(back) == n
    if not n:
        return
    assert np.radians(angle_between(back.rotations, particles.rotations)).max() < 1e-6
    np.testing.assert_allclose(back.scores, particles.scores, rtol=1e-6)
    for field in ("ids", "groups", "tomograms"):
        assert getattr(back, field).tolist() == getattr(particles, field).tolist()
    assert back.table["motl_class"].tolist() == particles.table["motl_class"].tolist()
    if keep:
        np.testing.assert_allclose(back.table[SHIFTS[1]], shifts[SHIFTS[1]], rtol=1e-6)
    # from one to the other
    other = path.with_suffix(".em" if kind == "stopgap" else ".star")
    write_particles(other, back, format="av3" if kind == "stopgap" else "stopgap")
    again = read_particles(other)
    np.testing.assert_allclose(again.positions, particles.positions, atol=1e-4, rtol=0)
    assert again.table["motl_class"].tolist() == particles.table["motl_class"].tolist()


def test_a_real_looking_list_comes_back_value_by_value(tmp_path: Path) -> None:
    rows = [
        {
            "motl_idx": i,
            "subtomo_num": 900 + i,
            "halfset": "AB"[i % 2],
            "orig_x": 10 * i,
            "orig_y": 7,
            "class": i,
        }
        | {
            "tomo_num": 3,
            "object": i // 2,
            "score": 0.5 / i,
            "x_shift": -1.75,
            "phi": 30,
            "psi": -60,
            "the": 45,
        }
        for i in (1, 2, 3)
    ]
    path = motl(tmp_path / "m.star", *rows)
    kept = read_particles(path)
    write_particles(tmp_path / "n.star", kept, format="stopgap")
    before, after = starfile.read(path), starfile.read(tmp_path / "n.star")
    pd.testing.assert_frame_equal(after, before, check_dtype=False, rtol=1e-9)
    assert (tmp_path / "n.star").read_text().startswith("\ndata_stopgap_motivelist\n\nloop_\n_motl_idx\n")
    assert what_is_lost("n.star", kept, format="stopgap") == ()
    # an entry for each class: the numbers of the entries are no ids
    path = motl(tmp_path / "c.star", {"class": 1}, {"class": 2})
    several = read_particles(path)
    assert several.ids.tolist() == [1, 2]
    write_particles(tmp_path / "d.star", several, format="stopgap")
    assert starfile.read(tmp_path / "d.star")["motl_idx"].tolist() == [1, 1]


def test_tomograms_have_numbers_and_files(tmp_path: Path) -> None:
    known = Tomogram("TS_9", Path("/data/TS_9.rec"), (8, 8, 8), 4.0)
    particles = Particles(np.ones((2, 3)), tomograms=np.array(["TS_9", "B"]))
    written = write_particles(tmp_path / "m.star", particles, tomograms=[known], format="stopgap")
    assert written == (tmp_path / "m.star", tmp_path / "m_tomolist.txt")
    assert (tmp_path / "m_tomolist.txt").read_text() == "1\t/data/TS_9.rec\n2\tB\n"
    back = read_particles(tmp_path / "m.star", tomograms=[known])
    assert back.tomograms.tolist() == ["TS_9", "B"]
    assert back.voxel_size_angstrom == 4.0
    (tmp_path / "m_tomolist.txt").rename(tmp_path / "tomolist.txt")
    assert read_particles(tmp_path / "m.star").tomograms.tolist() == ["TS_9", "B"]
    (tmp_path / "tomolist.txt").write_text("one /data/TS_9.rec\n")
    with pytest.raises(FileFormatError, match=r"tomolist\.txt: line 1: .* is not an index and a file"):
        read_particles(tmp_path / "m.star")


def test_what_is_lost_and_what_is_refused(tmp_path: Path) -> None:
    full = Particles(
        np.ones((2, 3)),
        table=pd.DataFrame({"motl_class": [1, 2], "note": ["a", "b"]}),
        voxel_size_angstrom=4.0,
        box_size=32,
    )
    assert what_is_lost("m.em", full) == ("column note", "voxel size", "box size")
    many = Particles(np.ones((1, 3)), ids=np.array([2**24 + 1]))
    with pytest.raises(FileFormatError, match=r"row 4: 1\.67772e\+07 is more than single precision"):
        write_particles(tmp_path / "m.em", many)
    odd = Particles(np.ones((1, 3)), table=pd.DataFrame({"motl_class": [1.5]}))
    with pytest.raises(FileFormatError, match=r"row 1, column motl_class: 1\.5 is not a whole number"):
        write_particles(tmp_path / "m.star", odd, format="stopgap")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"orig_y": "x"}, "line 22, column orig_y: 'x' is not a number"),
        ({"the": "nan"}, "line 22, column the: nan is not a number"),
        ({"object": 1.5}, r"line 22, column object: 1\.5 is not a whole number"),
        ({"class": ""}, r"line 22: 15 values \(the last one with a value is the\)"),
    ],
)
def test_defects_in_lists_of_stopgap(tmp_path: Path, row: dict, message: str) -> None:
    path = motl(tmp_path / "bad.star", row)
    with pytest.raises(FileFormatError, match=rf"bad\.star: .*{message}"):
        read_particles(path)


def test_defects_in_lists_of_av3(tmp_path: Path) -> None:
    for rows, message in (
        ({8: np.nan}, "particle 1, row 8: nan is not a number"),
        ({5: 1.5}, r"particle 1, row 5: 1\.5 is not a whole number"),
        ({14: 2.0}, r"a shift in the frame of the reference \(rows 14 to 16\) without"),
    ):
        with pytest.raises(FileFormatError, match=message):
            read_particles(em(tmp_path / "bad.em", rows))
    shifted = read_particles(em(tmp_path / "m.em", {12: 1.5, 14: 2.0, 2: 5.0}))
    write_particles(tmp_path / "n.em", shifted)
    assert (tmp_path / "n.em").read_bytes() == (tmp_path / "m.em").read_bytes()
    (tmp_path / "t.em").write_bytes((tmp_path / "m.em").read_bytes()[:-4])
    with pytest.raises(FileFormatError, match="truncated"):
        read_particles(tmp_path / "t.em")


def test_classes_and_half_sets_go_from_program_to_program(tmp_path: Path) -> None:
    relion = Particles(np.ones((3, 3))).with_columns(rlnClassNumber=[3, 1, 2], rlnRandomSubset=[2, 1, 2])
    write_particles(tmp_path / "m.star", relion, format="stopgap")
    frame = starfile.read(tmp_path / "m.star")
    assert frame["class"].tolist() == [3, 1, 2]
    assert frame["halfset"].tolist() == ["B", "A", "B"]
    assert what_is_lost("m.star", relion, format="stopgap") == ()
    stopgap = read_particles(tmp_path / "m.star")
    write_particles(tmp_path / "t.tbl", stopgap)
    assert np.loadtxt(tmp_path / "t.tbl")[:, 21].tolist() == [3, 1, 2]
    dynamo = read_particles(tmp_path / "t.tbl")
    write_particles(tmp_path / "m.em", dynamo)
    assert read_particles(tmp_path / "m.em").table["motl_class"].tolist() == [3, 1, 2]
    # of two, the format's own counts, and the other is told
    both = stopgap.with_columns(dyn_class=[7, 8, 9])
    assert what_is_lost("m.em", both) == ("column motl_halfset", "column dyn_class")
    assert what_is_lost("t.tbl", both) == ("column motl_halfset", "column motl_class")
