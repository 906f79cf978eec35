"""Damaged files of every format: a reader says what is wrong, and nothing else comes out of it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark_modules import benchmark
from napari_tomopick.io.particles import FORMATS

fuzz = benchmark("fuzz_readers")
FILES_OF_EACH = 25


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list:
    return fuzz.cases(tmp_path_factory.mktemp("fuzz"))


def test_every_format_is_there_and_its_valid_file_is_read(cases: list) -> None:
    names = {case.name.split(":")[0] for case in cases}
    assert names >= {f.name for f in FORMATS if f.reads and f.writes}
    for case in cases:
        case.read()


def test_damaged_files_raise_format_errors_only(cases: list) -> None:
    for number, case in enumerate(cases):
        rng = random.Random(number)
        for _ in range(FILES_OF_EACH):
            content = fuzz.damaged(case.content, rng)
            error = fuzz.wrong(case, content)
            assert error is None, f"{case.name}: {error!r} of {content!r}"
        case.path.write_bytes(case.content)


@settings(max_examples=15, deadline=None)
@given(content=st.binary(max_size=300), cut=st.integers(0, 2000))
def test_bytes_of_any_kind(cases: list, content: bytes, cut: int) -> None:
    for case in cases:
        error = fuzz.wrong(case, case.content[:cut] + content)
        assert error is None, f"{case.name}: {error!r} of {cut} bytes and {content!r}"
        case.path.write_bytes(case.content)


def test_what_goes_wrong_is_found(tmp_path: Path) -> None:
    def wrong_reader() -> None:
        raise KeyError("x")

    case = fuzz.Case("x", tmp_path / "x", b"1", wrong_reader)
    assert isinstance(fuzz.wrong(case, b"2"), KeyError)
    (tmp_path / "report").mkdir()
    assert fuzz.at_random(case, 0.05, tmp_path / "report")[1] > 0
    assert len(list((tmp_path / "report").glob("*.txt"))) == 1
