"""What tracking hands out of a curve that can be trusted in parts."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from napari_tomopick.geometry.levels import is_closed
from napari_tomopick.geometry.tracked_levels import View, tracked_level

SAMPLES, RADIUS = 120, 40.0
SPACING = 2 * np.pi * RADIUS / 12


@dataclass
class Ring:
    k: int
    points: np.ndarray

    def __len__(self):
        return len(self.points)


def level(*holes):
    """A ring of twelve clicks' spacing, of which parts given in samples are not to be trusted."""
    angle = 2 * np.pi * np.arange(SAMPLES) / SAMPLES
    ring = 60 + RADIUS * np.column_stack([np.cos(angle), np.sin(angle)])
    kept = np.ones(SAMPLES, bool)
    for start, stop in holes:
        kept[start:stop] = False
    judged = SimpleNamespace(kept=kept, value=np.where(kept, 0.9, 0.1))
    view = View(np.zeros((8, 128, 128), np.float32))
    return tracked_level(view, Ring(3, ring), judged, SPACING, closed=True).points


def sides(points):
    return np.linalg.norm(np.diff(points, axis=0), axis=1)


def test_a_whole_ring_is_a_ring():
    assert is_closed(level())


def test_no_curve_is_drawn_across_a_hole_with_parts_in_it_that_are_too_short_for_a_point():
    # of what is kept, the widest gap is that at the end; of the points, that in between
    points = level((50, 69), (71, 89), (95, SAMPLES))
    assert not is_closed(points)
    assert sides(points).max() < 3 * SPACING


def test_a_ring_that_lacks_one_point_is_a_ring_all_the_same():
    assert is_closed(level((38, 52)))


def test_where_most_points_are_left_out_the_curve_is_open_too():
    points = level((3, 18), (25, 58), (65, 78), (85, 98), (103, 117))
    assert sides(points).max() < 2.5 * SPACING
    assert np.linalg.norm(points[0] - points[-1]) > 2.5 * SPACING
