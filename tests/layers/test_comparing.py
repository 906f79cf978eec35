"""Comparing the particles of a set with their average, and proposing a limit, without a window."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import ParameterError
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.parting import parting
from napari_tomopick.models.quantities import LIKENESS
from napari_tomopick.models.step import Step

KEY = f"table:{LIKENESS}"


@pytest.fixture
def uid(shown):
    """Uid of nine particles in noise, six of them with high scores."""
    particles = Particles(
        np.column_stack([10.0 + 7 * np.arange(9), np.full(9, 30.0), np.full(9, 20.0)]),
        # turned, as without orientations PyTorch is asked
        Rotation.random(9, rng=np.random.default_rng(1)),
        scores=[5, 1, 6, 7, 1.5, 6, 5.5, 0.5, 7],
        tomograms=["tomo"] * 9,
        voxel_size_angstrom=10.0,
        box_size=12,
    ).with_columns(lot=[1, 2] * 4 + [1])
    return shown.session.add_particles("row", particles, Step("x"))


class Later:
    """A runner that does nothing until it is told to."""

    def __call__(self, function, done, failed):
        self.function, self.done, self.failed = function, done, failed

    def go(self):
        try:
            result = self.function()
        except Exception as error:
            self.failed(error)
        else:
            self.done(result)


def test_the_likeness_becomes_a_quantity_in_one_edit(shown, uid):
    filters, told = shown.review.filters, []
    comparing = filters.comparing
    comparing.compared.connect(told.append)
    assert comparing.box_size(uid) == 12
    comparing.start(uid)
    assert told == [uid]
    assert "9 of 9 compared" in comparing.said
    assert list(filters.quantities(uid))[:2] == ["score", KEY]
    assert shown.session.undo_label == "Compare 9 particles with the average"
    shown.session.undo()
    assert KEY not in filters.quantities(uid)


def test_it_can_be_cancelled_and_only_one_runs(shown, uid):
    comparing = shown.review.filters.comparing
    shown.run_long = later = Later()
    comparing.start(uid, 16)
    assert comparing.running
    with pytest.raises(ParameterError, match="already"):
        comparing.start(uid)
    comparing.cancel()
    assert not comparing.running
    later.go()
    assert LIKENESS not in shown.session.particles(uid).table
    with pytest.raises(ParameterError, match="no particle set"):
        comparing.start("none")


def test_a_set_that_is_gone_meanwhile_is_left_alone(shown, uid):
    comparing = shown.review.filters.comparing
    shown.run_long = later = Later()
    comparing.start(uid)
    shown.session.remove_particle_set(uid)
    later.go()
    assert not comparing.running
    assert comparing.said == ""
    assert not shown.trouble


def test_what_cannot_be_compared_is_said(shown):
    few = Particles([[10.0, 20, 20], [30, 20, 20]], tomograms=["tomo"] * 2, voxel_size_angstrom=10.0)
    uid = shown.session.add_particles("few", few, Step("x"))
    shown.review.filters.comparing.start(uid)
    assert "3 of them" in shown.trouble


def test_a_limit_is_proposed_of_what_is_better_the_more(shown, uid):
    filters = shown.review.filters
    filters.measure(uid)
    found = filters.proposed(uid, "score")
    assert found == parting(shown.review.particles(uid).scores)
    assert (found.limit, found.below) == (3.25, 3)
    filters.propose(uid, "score")
    assert filters.ranges(uid)["score"].low == 3.25
    assert filters.mask(uid).sum() == 6
    assert "part best at 3.25" in shown.viewer.status
    for key in ("table:lot", "z", "none"):
        assert filters.proposed(uid, key) is None
    filters.propose(uid, "table:lot")
    assert list(filters.ranges(uid)) == ["score"]
