"""Montages: every voxel of every slice has one place, and every place at most one voxel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.mosaic import MAX_TILES, Mosaic, Region, full_scene, layout, whole_slice

SHAPE = (20, 30, 50)


@pytest.fixture
def mosaic():
    """Seven slices in two rows of two: 4, 7, 10, 13 | 16, 19, 22; each 10 wide, 6 high."""
    return Mosaic("z", 4, 23, 3, 2, 2, Region(100, 50, 10, 6), gap=2)


@st.composite
def mosaics(draw):
    number = st.integers(0, 300)
    first = draw(number)
    found = Mosaic(
        draw(st.sampled_from("xyz")),
        first,
        first + draw(number),
        draw(st.integers(1, 40)),
        draw(st.integers(1, 6)),
        draw(st.integers(1, 6)),
        Region(draw(number), draw(number), draw(st.integers(1, 700)), draw(st.integers(1, 700))),
        draw(st.integers(0, 12)),
        draw(st.integers(1, 5)),
    )
    return found.turned_to(draw(st.integers(0, found.pages - 1)))


def test_slices_stand_in_reading_order(mosaic):
    assert list(mosaic.slices) == [4, 7, 10, 13, 16, 19, 22]
    assert (mosaic.pages, list(mosaic.shown)) == (2, [4, 7, 10, 13])
    assert [mosaic.tile(number) for number in mosaic.shown] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [mosaic.corner(number) for number in mosaic.shown] == [(0, 8), (12, 8), (0, 0), (12, 0)]
    assert mosaic.size == (22, 14)
    second = mosaic.turned_to(1)
    assert list(second.shown) == [16, 19, 22]
    assert second.corner(22) == (0, 0)
    assert [mosaic.page_of(number) for number in (13, 16)] == [0, 1]
    assert mosaic.turned_to(-3).page == 0
    assert mosaic.turned_to(9).page == 1


def test_a_place_is_a_position_between_voxels(mosaic):
    assert mosaic.position((0, 8)).tolist() == [100, 50, 4]
    assert mosaic.position((13.25, 9.5)).tolist() == [101.25, 51.5, 7]
    assert mosaic.position((0, 0)).tolist() == [100, 50, 10]
    assert mosaic.place((101.25, 51.5, 6), 7) == (13.25, 9.5)
    assert replace(mosaic, axis="y").position((13.25, 9.5)).tolist() == [101.25, 7, 51.5]
    assert replace(mosaic, axis="x").position((13.25, 9.5)).tolist() == [7, 101.25, 51.5]


def test_there_is_nothing_between_and_beside_slices(mosaic):
    assert mosaic.position((-0.5, 8)).tolist() == [99.5, 50, 4]
    assert mosaic.slice_at((9.49, 8)) == 4
    assert mosaic.slice_at((11.5, 8)) == 7
    for place in ((9.5, 8), (11.4, 8), (3, 6.5), (-0.6, 8), (3, -0.6), (3, 13.5), (21.5, 3), (np.nan, 3)):
        assert mosaic.slice_at(place) is None
        assert mosaic.position(place) is None
    # the fourth tile of the second page is empty
    assert mosaic.turned_to(1).slice_at((13, 3)) is None
    assert mosaic.turned_to(1).slice_at((3, 3)) == 22


@given(mosaics(), st.data())
def test_round_trip(mosaic, data):
    number = data.draw(st.sampled_from(mosaic.shown))
    region = mosaic.region
    part = st.floats(0, 0.999)
    uv = np.array(
        [
            region.left - 0.5 + data.draw(part) * region.width,
            region.bottom - 0.5 + data.draw(part) * region.height,
        ]
    )
    position = mosaic.plane(number).position(uv)[0]
    place = mosaic.place(position, number)
    assert mosaic.slice_at(place) == number
    assert np.allclose(mosaic.position(place), position, atol=1e-9)
    assert mosaic.position(place)["xyz".index(mosaic.axis)] == number
    width, height = mosaic.size
    assert -0.5 <= place[0] < width - 0.5
    assert -0.5 <= place[1] < height - 0.5


@given(mosaics(), st.data())
def test_every_place_is_of_one_slice_or_none(mosaic, data):
    width, height = mosaic.size
    place = data.draw(st.tuples(st.floats(-20, width + 20), st.floats(-20, height + 20)))
    inside = []
    for number in mosaic.shown:
        right, up = mosaic.corner(number)
        region = mosaic.region
        if 0 <= place[0] + 0.5 - right < region.width and 0 <= place[1] + 0.5 - up < region.height:
            inside.append(number)
    assert mosaic.slice_at(place) == (inside[0] if inside else None)
    assert len(inside) <= 1


@given(mosaics(), st.floats(-50, 700))
def test_the_nearest_slice(mosaic, number):
    assert abs(mosaic.nearest(number) - number) == min(abs(n - number) for n in mosaic.slices)
    assert mosaic.shown[0] in mosaic.turned_to(mosaic.page_of(mosaic.shown[0])).shown


def test_of_two_as_near_the_lower(mosaic):
    assert (mosaic.nearest(5.5), mosaic.nearest(8.5), mosaic.nearest(6)) == (4, 7, 7)


def test_slices_too_large_for_the_memory_begin_with_a_whole_pixel(mosaic):
    coarse = replace(mosaic, spacing=4)
    assert coarse.tile_size == (3, 2)
    assert [coarse.corner(number) for number in coarse.shown] == [(0, 8), (12, 8), (0, 0), (12, 0)]
    coarse = replace(mosaic, spacing=3)
    assert [coarse.corner(number) for number in coarse.shown] == [(0, 9), (12, 9), (0, 0), (12, 0)]
    assert coarse.size == (24, 15)
    assert coarse.position((12.25, 9)).tolist() == [100.25, 50, 7]
    assert coarse.slice_at((21.49, 9)) == 7
    assert coarse.slice_at((21.5, 9)) is None


def test_what_cannot_be_is_told(mosaic):
    for wrong, message in (
        ({"axis": "w"}, "across x, y or z"),
        ({"step": 0}, "step of a montage is at least 1, got 0"),
        ({"rows": 0}, "rows"),
        ({"first": -1}, "first"),
        ({"last": 3}, "got 4 to 3"),
        ({"page": 2}, "2 pages, so there is no page 3"),
    ):
        with pytest.raises(ParameterError, match=message):
            replace(mosaic, **wrong)
    with pytest.raises(ParameterError, match="slice 16 is not on page 1"):
        mosaic.corner(16)
    with pytest.raises(ParameterError, match="slice 5 is not in the montage of z slices 4 to 23 in"):
        mosaic.page_of(5)
    with pytest.raises(ParameterError, match="0 x 6"):
        Region(0, 0, 0, 6)


def test_regions_are_cut_to_the_slice():
    whole = whole_slice(SHAPE, "y")
    assert whole == Region(0, 0, 50, 20)
    assert whole_slice(SHAPE, "z") == Region(0, 0, 50, 30)
    assert whole_slice(SHAPE, "x") == Region(0, 0, 30, 20)
    assert Region(-5, 12, 30, 30).within(whole) == Region(0, 12, 25, 8)
    with pytest.raises(ParameterError, match="nothing of the tomogram"):
        Region(50, 0, 5, 5).within(whole)


@given(st.integers(1, 2000), st.sampled_from("xyz"))
def test_the_full_scene_is_on_one_page_from_end_to_end(n, axis):
    shape = [300, 400, 500]
    shape["zyx".index(axis)] = n
    mosaic = full_scene(tuple(shape), axis)
    assert mosaic.pages == 1
    assert len(mosaic.slices) <= MAX_TILES
    assert n <= MAX_TILES * mosaic.step
    before, behind = mosaic.first, n - 1 - mosaic.last
    assert 0 <= behind - before <= 1
    assert mosaic.last == mosaic.slices[-1]
    assert before < mosaic.step


def test_slices_are_as_large_as_the_window_allows():
    square, wide = Region(0, 0, 512, 512), Region(0, 0, 512, 128)
    assert layout(20, square, 1.5) == (4, 5)
    assert layout(20, square, 0.7) == (5, 4)
    assert layout(20, wide, 1.5) == (7, 3)
    assert layout(1, square, 1.5) == (1, 1)
    assert layout(5, square, 0.1) == (5, 1)
