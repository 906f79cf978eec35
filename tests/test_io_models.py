"""Model files: what is written comes back, and what is wrong is said where."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tomopick.errors import FileFormatError, TomopickError
from napari_tomopick.io.models import read_models, write_models
from napari_tomopick.models.user_points import Model, ModelType

DATA = os.environ.get("TOMOPICK_DATA")

ISSUE_EXAMPLE = {
    "format": "tomopick-models",
    "version": 1,
    "tomogram": "membrane",
    "voxel_size_angstrom": 10.0,
    "models": [
        {
            "name": "outer membrane",
            "type": "surface",
            "group": 1,
            "marker": [220.0, 128.0, 64.0],
            "points": [{"x": 196.2, "y": 20.0, "z": 40.0, "level": 0}, {"x": 1, "y": 2, "z": 3, "level": 7}],
        }
    ],
}


def same(first: Model, second: Model) -> bool:
    return (
        all(
            getattr(first, name) == getattr(second, name)
            for name in ("name", "type", "group", "colour", "box_size", "tomogram", "voxel_size_angstrom")
        )
        and dict(first.parameters) == dict(second.parameters)
        and np.array_equal(first.points, second.points)
        and np.array_equal(first.levels, second.levels)
        and (first.marker is None) == (second.marker is None)
        and (first.marker is None or np.array_equal(first.marker, second.marker))
    )


def test_the_documented_example_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(ISSUE_EXAMPLE))
    (model,) = read_models(path)
    assert (model.name, model.type, model.group) == ("outer membrane", ModelType.SURFACE, 1)
    assert (model.tomogram, model.voxel_size_angstrom) == ("membrane", 10.0)
    assert model.points.tolist() == [[196.2, 20.0, 40.0], [1.0, 2.0, 3.0]]
    assert model.levels.tolist() == [0, 7]
    assert model.marker is not None
    assert model.marker.tolist() == [220.0, 128.0, 64.0]


finite = st.floats(-1e6, 1e6)
models = st.builds(
    lambda name, kind, rows, marker, group, box, parameters: Model(
        name=name,
        type=kind,
        points=np.array([r[:3] for r in rows], dtype=float).reshape(-1, 3),
        levels=np.array([r[3] for r in rows], dtype=np.int64),
        marker=None if marker is None else np.array(marker),
        group=group,
        colour="#12ab9f",
        box_size=box,
        parameters=parameters,
        tomogram="TS_01",
        voxel_size_angstrom=13.48,
    ),
    st.text(max_size=12),
    st.sampled_from(list(ModelType)),
    st.lists(st.tuples(finite, finite, finite, st.integers(-9, 9)), max_size=6),
    st.none() | st.tuples(finite, finite, finite),
    st.integers(0, 10**6),
    st.none() | st.integers(2, 200),
    st.dictionaries(st.text(max_size=5), finite | st.booleans() | st.text(max_size=5), max_size=3),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(models, max_size=3))
def test_json_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, some: list[Model]
) -> None:
    path = tmp_path_factory.mktemp("models") / "m.json"
    write_models(path, some)
    back = read_models(path)
    assert len(back) == len(some)
    assert all(same(a, b) for a, b in zip(some, back, strict=True))


def test_imod_keeps_points_contours_names_colours_and_markers(tmp_path: Path) -> None:
    surface = Model(
        name="membrane",
        type=ModelType.SURFACE,
        points=np.array([[1.0, 2.0, 3.0], [4.5, 5.5, 3.0], [7.0, 8.0, 9.0]]),
        levels=np.array([0, 0, 1]),
        marker=np.array([30.0, 20.0, 10.0]),
        colour="#ff8000",
        voxel_size_angstrom=10.0,
    )
    loose = Model(name="crowns", points=np.array([[9.0, 8.0, 7.0]]), group=2, voxel_size_angstrom=10.0)
    path = tmp_path / "m.mod"
    write_models(path, [surface, loose])
    first, second = read_models(path)
    assert same(first, surface)
    assert same(second, loose)


def broken(**changes: object) -> str:
    content = json.loads(json.dumps(ISSUE_EXAMPLE))
    content["models"][0].update(changes)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "line 1, column 2: not JSON"),
        ("[]", 'no "format"'),
        (json.dumps({**ISSUE_EXAMPLE, "version": 2}), "version 2.*update"),
        (json.dumps({**ISSUE_EXAMPLE, "voxel_size_angstrom": -1.0}), "voxel_size_angstrom must be positive"),
        (json.dumps({**ISSUE_EXAMPLE, "tomogramm": "x"}), "unknown key 'tomogramm'"),
        (broken(type="plane"), r"models\[0\].type: 'plane'.*general, surface"),
        (broken(points=[{"x": 1, "y": 2}]), r"models\[0\].points\[0\] has no 'z'"),
        (broken(points=[{"x": 1, "y": float("nan"), "z": 0}]), r"points\[0\].y must be a finite number"),
        (broken(points=[{"x": 1, "y": "2", "z": 0}]), r"points\[0\].y must be a finite number"),
        (broken(points=[{"x": 1, "y": 2, "z": 0, "level": 0.5}]), r"points\[0\].level must be a int"),
        (broken(marker=[1, 2]), r"marker: three numbers"),
        (broken(colr="#000000"), "unknown key 'colr', which would be lost"),
    ],
)
def test_a_defect_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=message) as caught:
        read_models(path)
    assert "bad.json" in str(caught.value)


def test_models_of_two_tomograms_do_not_go_into_one_file(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="several tomograms"):
        write_models(tmp_path / "m.json", [Model("a", tomogram="1"), Model("b", tomogram="2")])
    assert not list(tmp_path.iterdir())


def test_damaged_imod_files(tmp_path: Path) -> None:
    good = tmp_path / "good.mod"
    write_models(good, [Model("a", points=np.ones((20, 3)))])
    content = good.read_bytes()
    for n in (5, 200, 300, len(content) - 40, len(content) - 4):
        bad = tmp_path / "bad.mod"
        bad.write_bytes(content[:n])
        with pytest.raises(FileFormatError, match=r"bad\.mod: damaged.*(the file ends in|early|requires)"):
            read_models(bad)
    bad.write_bytes(b"MRC " + content)
    with pytest.raises(FileFormatError, match="not an IMOD model"):
        read_models(bad)
    with pytest.raises(FileFormatError, match="too long for IMOD"):
        write_models(tmp_path / "long.mod", [Model("a" * 70, points=np.ones((2, 3)))])
    with pytest.raises(TomopickError, match="there is no folder"):
        write_models(tmp_path / "no" / "m.mod", [Model("a")])


@pytest.mark.skipif(DATA is None, reason="TOMOPICK_DATA is not set: the folder of real files")
def test_real_imod_models() -> None:
    folder = Path(str(DATA)) / "formats" / "imod"
    (model,) = read_models(folder / "two_contour_example.mod")
    assert model.type is ModelType.SURFACE
    assert [len(c) for c in model.contours()] == [17, 8]
    assert model.voxel_size_angstrom == 4.48
    # x and y of the model count from the corner of the image, z from the middle of the first section
    np.testing.assert_allclose(model.points[0], [64.33333588 - 0.5, 64.66666412 - 0.5, 80.0])
    assert len(read_models(folder / "multiple_objects_example.mod")) == 3
    assert read_models(folder / "slicer_angle_example.mod")[0].type is ModelType.GENERAL


def test_a_colour_that_is_none_is_refused(tmp_path: Path) -> None:
    item = {"name": "m", "type": "general", "points": [], "colour": "red"}
    path = tmp_path / "m.json"
    path.write_text(json.dumps({"format": "tomopick-models", "version": 1, "models": [item]}))
    with pytest.raises(FileFormatError, match=r"models\[0\]\.colour must be #rrggbb, it is 'red'"):
        read_models(path)
