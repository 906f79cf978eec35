"""What the matching dock draws and says: sections, wedge, histogram, transfer, times; holding a search."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from fake_matching import FakeMatching, a_map, a_tomogram
from napari_tomopick.errors import Cancelled
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers import matching_words as words
from napari_tomopick.layers.background import Background
from napari_tomopick.layers.matching_histogram import Histogram, zero_crossing
from napari_tomopick.layers.matching_pictures import SIDE, central_sections, wedge_picture
from napari_tomopick.picking.template import Template
from napari_tomopick.protocols.match import load_template, match


def test_sections_show_their_axes():
    volume = np.zeros((16, 16, 16), np.float32)
    volume[8, 8, 8:12] = volume[8, 8:11, 8] = volume[8:10, 8, 8] = 1.0
    xy, xz, yz = central_sections(Template.of(volume, 10.0))
    assert [s.axes for s in (xy, xz, yz)] == ["xy", "xz", "yz"]
    # how far the arms reach upward and to the right: 4 along x, 3 along y, 2 along z
    for section, up, right in ((xy, 3, 4), (xz, 2, 4), (yz, 2, 3)):
        assert (section.grey[8:, 8] > 128).sum() == up
        assert (section.grey[8, 8:] > 128).sum() == right
        assert section.mask[8, 8]
        assert not section.mask[0, 0]


def test_the_measured_part_of_fourier_space():
    picture = wedge_picture((-60, 60))
    middle = SIDE // 2
    assert picture[middle, -2]
    assert not picture[-2, middle]
    assert not picture[0, 0]
    inside = np.hypot(*np.meshgrid(*2 * [np.arange(SIDE) - (SIDE - 1) / 2])) <= SIDE / 2
    assert picture[inside].mean() == pytest.approx(120 / 180, abs=0.02)
    lopsided = wedge_picture((-10, 60))
    # positive tilts measure where kx and kz have the same sign
    assert lopsided[middle + 12, middle + 12]
    assert not lopsided[middle - 12, middle + 12]
    # about x it is seen from the side, along x, with ky to the right: kz = -ky tan t
    np.testing.assert_array_equal(wedge_picture((-10, 60), "x"), lopsided[:, ::-1])


@pytest.fixture
def found(tmp_path):
    tomogram = a_tomogram(tmp_path, "tomo")
    template = load_template(a_map(tmp_path / "t.mrc"))
    return FakeMatching(particles=12, others=60).matched(tomogram, template, {})


def test_the_histogram_counts_all(found):
    histogram = Histogram.of(found)
    assert histogram.candidates.sum() == 72
    low, high = histogram.range
    assert low < found.found.scores.min()
    assert high > found.found.scores.max()
    assert histogram.candidates[histogram.edges[1:] > 0.4].sum() == 12
    assert histogram.by_chance.sum() == pytest.approx(100, rel=0.1)
    assert histogram.by_chance[histogram.edges[1:] > 0.4].sum() < 1e-3


def test_where_contrast_turns_over(found):
    frequency = np.linspace(0, 0.05, 501)
    assert zero_crossing(frequency, np.cos(100 * frequency)) == pytest.approx(np.pi / 200, rel=1e-3)
    assert zero_crossing(frequency, np.ones(501)) is None


def test_time_left():
    assert words.time_left(10, 1000, 30.0) == ""
    assert words.time_left(500, 1000, 2.0) == ""
    assert words.time_left(500, 1000, 22.0) == "about 20 s left"
    assert words.time_left(100, 1000, 20.0) == "about 3 min left"
    assert words.time_left(100, 1000, 1200.0) == "about 3.0 h left"


def test_something_held_waits_and_goes_on():
    ended, steps = [], []
    done = threading.Event()
    go = threading.Semaphore(0)

    def runner(function, succeeded, failed):
        def run():
            try:
                function()
                ended.append("done")
            except Cancelled:
                ended.append("stopped")
            done.set()

        threading.Thread(target=run, daemon=True).start()

    def work(progress):
        for i in range(4):
            go.acquire(timeout=10)
            progress(i, 4, "working")
            steps.append(i)

    def until(condition):
        end = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.005)

    background = Background(lambda: runner)
    background.start("Working", work, lambda _: None, lambda _: None)
    go.release()
    until(lambda: steps == [0])
    assert words.progress(background) == "working"
    background.pause()
    assert words.progress(background) == "working, pausing …"
    go.release(2)
    until(lambda: background.waiting)
    assert words.progress(background) == "working, paused"
    seconds = background.seconds
    time.sleep(0.05)
    assert background.seconds == seconds
    assert steps == [0]
    background.resume()
    until(lambda: steps == [0, 1, 2])
    # what is held can be stopped all the same
    background.pause()
    go.release()
    until(lambda: background.waiting)
    background.stop()
    assert done.wait(10)
    assert ended == ["stopped"]
    assert steps == [0, 1, 2]


def test_the_map_of_a_real_search_lies_on_the_particle(tmp_path):
    """Of sections of a volume with one particle, whose place the map shows as well."""
    template = load_template(a_map(tmp_path / "t.mrc"))
    tomogram = a_tomogram(tmp_path, "tomo", shape=(72, 48, 48))
    volume = np.random.default_rng(0).normal(size=tomogram.shape).astype(np.float32)
    z, y, x = 50, 20, 27
    volume[z - 8 : z + 8, y - 8 : y + 8, x - 8 : x + 8] -= 6 * template.density
    write_mrc(tomogram.path, volume, 10.0)
    sections = (46, 54)
    result = match(
        tomogram,
        template,
        contrast="dark",
        angle_step_degrees=40.0,
        sections=sections,
        number=1,
        rmgold=False,
        contrast_transfer_from="none",
    )
    np.testing.assert_allclose(result.found.positions[0], (x, y, z), atol=1.5)
    first = result.first_section
    assert first > 20
    best = np.unravel_index(result.found.score_map.argmax(), result.found.score_map.shape)
    place = result.found.grid.to_tomogram(np.array(best[::-1], float)[None])[0] + (0, 0, first)
    np.testing.assert_allclose(place, (x, y, z), atol=1.5)
