"""`Particles` validate once and never lose a column."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.models.particles import Particles, concatenate
from napari_tomopick.models.user_points import Model, ModelType


def some(n=5, **more):
    rng = np.random.default_rng(1)
    return Particles(
        rng.uniform(0, 50, (n, 3)),
        Rotation.random(n, rng=rng),
        scores=rng.uniform(size=n),
        groups=np.arange(n) % 2,
        tomograms=["a", "b"] * (n // 2) + ["a"] * (n % 2),
        table=pd.DataFrame({"rlnClassNumber": np.arange(n), "note": [f"n{i}" for i in range(n)]}),
        voxel_size_angstrom=8.0,
        **more,
    )


def test_a_selection_keeps_everything_paired():
    particles = some()
    chosen = particles.select([3, 1])
    assert chosen.ids.tolist() == [4, 2]
    assert chosen.table["note"].tolist() == ["n3", "n1"]
    np.testing.assert_array_equal(chosen.positions, particles.positions[[3, 1]])
    np.testing.assert_allclose(chosen.rotations.as_quat(), particles.rotations.as_quat()[[3, 1]])
    assert particles.select(particles.groups == 1).ids.tolist() == [2, 4]


def test_no_particles_are_particles_too():
    none = some().select(np.zeros(5, bool))
    assert len(none) == 0
    assert none.directions().shape == (0, 3)
    assert none.table.columns.tolist() == ["rlnClassNumber", "note"]
    assert len(concatenate([none, some()])) == 5
    assert len(concatenate([Particles([]), Particles([])])) == 0


def test_put_together_columns_that_one_lacks_are_empty():
    both = concatenate([some(3), some(2).with_columns(tomopickDistance=[1.0, 2.0])])
    assert both.ids.tolist() == [1, 2, 3, 4, 5]
    assert both.table["tomopickDistance"].isna().tolist() == [True, True, True, False, False]
    assert both.table["note"].tolist() == ["n0", "n1", "n2", "n0", "n1"]


def test_kept_ids_must_be_unique():
    with pytest.raises(ValueError, match="unique; 1 occurs"):
        concatenate([some(2), some(2)], keep_ids=True)


def test_different_voxel_sizes_are_not_mixed():
    with pytest.raises(ValueError, match="voxel sizes"):
        concatenate([some(), some().rescaled(4.0)])


def test_rescaled_to_the_unbinned_tomogram():
    particles = some(1, box_size=32)
    fine = particles.rescaled(2.0)
    np.testing.assert_allclose(fine.positions, (particles.positions + 0.5) * 4 - 0.5)
    assert (fine.box_size, fine.voxel_size_angstrom) == (128, 2.0)
    assert some(1, box_size=33).rescaled(8.0).box_size == 33
    # 8 Å, rounded in a header
    np.testing.assert_allclose(particles.rescaled(2.0005).positions, fine.positions)
    with pytest.raises(ValueError, match="not known"):
        Particles([[1, 2, 3]]).rescaled(2.0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ids": [1, 1]}, "unique"),
        ({"scores": [1.0]}, "2 positions, but 1 scores"),
        ({"rotations": Rotation.identity()}, "2 positions, but 1 rotations"),
        ({"tomograms": ["a"]}, "1 tomograms"),
        ({"table": pd.DataFrame({"c": [1]})}, "1 rows"),
    ],
)
def test_what_does_not_match_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Particles([[1, 2, 3], [4, 5, 6]], **wrong)


def test_a_model_gives_its_points_level_by_level():
    model = Model("m", "surface", [[0, 0, 9], [1, 0, 3], [2, 0, 9]], [9, 3, 9], marker=(1, 2, 3))
    assert model.type is ModelType.SURFACE
    assert [contour[:, 0].tolist() for contour in model.contours()] == [[1], [0, 2]]
    assert model.marker.shape == (3,)
    with pytest.raises(ValueError, match="levels of shape"):
        Model("m", points=[[0, 0, 0]], levels=[1, 2])
