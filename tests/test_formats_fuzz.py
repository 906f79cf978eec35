"""Damaged files: a reader reads them or says what is wrong, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import TomopickError
from napari_tomopick.io.particles import read_particles, write_particles
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

TOMOGRAM = Tomogram("TS_1", Path("TS_1.mrc"), (101, 300, 400), 5.0)
WRITTEN = [
    ("relion5", ".star"),
    ("relion5-centred", ".star"),
    ("relion4", ".star"),
    ("warp", ".star"),
    ("stopgap", ".star"),
    ("av3", ".em"),
    ("dynamo", ".tbl"),
]
PIECES = [
    *(b"", b"\n", b" ", b"#", b'"', b"'", b"_", b"data_", b"loop_", b"_rlnCoordinateX #1\n", b"0 " * 9),
    *(b"nan", b"inf", b"1e999", b"-1", b"0x10", b"99999999999999999999", b"[1,2", b"1e18", b".5"),
    *(b"\x00", b"\xff\xfe", "Å".encode()),
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("sound")
    particles = Particles(
        np.array([[1.25, 2, 3], [40, 50, 60.5], [7, 80, 9]]),
        Rotation.random(3, random_state=1),
        tomograms=np.array(["TS_1"] * 3),
        voxel_size_angstrom=5.0,
    ).with_columns(note=["a b", "c", "0012"])
    found = {}
    for kind, suffix in WRITTEN:
        path = folder / f"{kind}{suffix}"
        write_particles(path, particles, tomograms=[TOMOGRAM], format=kind)
        found[kind] = path.read_bytes()
    return found


def read_or_be_told(path: Path, fold: bool = True) -> Particles:
    """The particles, or none where the reader says, by the name of the file, what is wrong."""
    try:
        return read_particles(path, tomograms=[TOMOGRAM], fold_shifts=fold)
    except TomopickError as error:
        if path.name in str(error):
            return Particles(np.empty((0, 3)))
        raise


@st.composite
def damages(draw: st.DrawFn) -> list[tuple[str, float, bytes]]:
    """What is done to a file: cut, replace or put in something at a place."""
    pieces = st.sampled_from(PIECES)
    one = st.tuples(
        st.sampled_from(["cut", "put", "replace", "double"]),
        st.floats(0, 1),
        st.one_of(pieces, st.binary(max_size=8)),
    )
    return draw(st.lists(one, min_size=1, max_size=4))


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(WRITTEN), damages(), st.booleans())
def test_damaged_files(
    sound: dict[str, bytes],
    tmp_path: Path,
    written: tuple[str, str],
    damage: list[tuple[str, float, bytes]],
    fold: bool,
) -> None:
    kind, suffix = written
    content = sound[kind]
    for what, where, piece in damage:
        at = int(where * len(content))
        if what == "cut":
            content = content[:at]
        elif what == "double":
            content = content[:at] + content[max(0, at - 20) :]
        else:
            content = content[:at] + piece + content[at + (len(piece) if what == "replace" else 0) :]
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(content)
    particles = read_or_be_told(path, fold)
    assert np.isfinite(particles.positions).all()
    assert len(particles.table) == len(particles)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([".star", ".em", ".tbl"]), st.binary(max_size=700))
def test_anything_at_all(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"any{suffix}"
    path.write_bytes(content)
    read_or_be_told(path)
