"""Dynamo's models (.omd), as mat-io encodes objects of MATLAB classes, and as structs."""

from __future__ import annotations

import builtins
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_tomopick.cli.window import app
from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.models import read_models, write_models
from napari_tomopick.io.volumes import list_tomogram_files
from napari_tomopick.models.user_points import ModelType
from napari_tomopick.protocols.info import info

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    matio = pytest.importorskip("matio", reason="mat-io is not installed (napari-tomopick[dynamo])")


def matlab_object(classname: str, **properties: Any) -> Any:
    from matio.utils.matclass import MatlabOpaque

    values = {k: np.array(v, dtype=float) if isinstance(v, list) else v for k, v in properties.items()}
    return MatlabOpaque(values, classname)


def save(path: Path, content: Any, version: str = "v7") -> Path:
    matio.save_to_mat(str(path), {"m": content}, version=version)
    return path


POINTS = [[11.0, 21.0, 31.0], [12.5, 21.0, 31.0], [11.0, 25.0, 33.0]]


@pytest.mark.parametrize("version", ["v7", "v7.3"])
def test_a_membrane_with_its_levels_and_side(tmp_path: Path, version: str) -> None:
    volume = matlab_object("dpkdata.volume", file="/data/TS_1.rec")
    model = matlab_object(
        "dmodels.membraneByLevels",
        name="outer",
        points=POINTS,
        group_labels=[[1, 1, 2]],
        center=[[100, 50, 40]],
        cvolume=volume,
        crop_mesh_parameter=[[12]],
        mesh_maximum_triangles=[[5000]],
        subdivision_iterations=[[0]],
        mesh=np.empty((0, 0)),
    )
    (read,) = read_models(save(tmp_path / "m.omd", model, version))
    assert (read.name, read.type, read.tomogram) == ("outer", ModelType.SURFACE, "TS_1")
    # Dynamo counts from 1
    assert read.points.tolist() == [[10, 20, 30], [11.5, 20, 30], [10, 24, 32]]
    assert read.levels.tolist() == [1, 1, 2]
    assert read.marker is not None
    assert read.marker.tolist() == [99, 49, 39]
    assert dict(read.parameters) == {"cropping": 12.0, "max_triangles": 5000, "subdivision": 0}
    # on it goes as a model of ours
    write_models(tmp_path / "m.json", [read])
    (back,) = read_models(tmp_path / "m.json")
    assert back.points.tolist() == read.points.tolist()
    assert (
        info(tmp_path / "m.omd").facts["outer"].startswith("surface: 3 points in 2 levels, side marker set")
    )


def test_dipoles_filaments_and_loose_points(tmp_path: Path) -> None:
    dipoles = np.empty((1, 2), dtype=object)
    for i in range(2):
        centre, north = [[1.0 + i, 2, 3]], [[1.0 + i, 2, 13]]
        dipoles[0, i] = matlab_object("dmodels.dipole", center=centre, north=north)
    (read,) = read_models(save(tmp_path / "d.omd", matlab_object("dmodels.dipoleSet", dipoles=dipoles)))
    assert (read.type, read.name) == (ModelType.DIPOLE, "d")
    assert read.points.tolist() == [[0, 1, 2], [0, 1, 12], [1, 1, 2], [1, 1, 12]]
    chain = matlab_object(
        "dmodels.filamentWithTorsion", points=POINTS, dz=[[4.5]], dphi=[[-27]], radius=[[0]]
    )
    (read,) = read_models(save(tmp_path / "f.omd", chain))
    assert dict(read.parameters) == {"dz": 4.5, "dphi_degrees": -27.0}
    # no levels in it: the slices of the points
    assert read.levels.tolist() == [30, 30, 32]
    loose = matlab_object("dmodels.general", points=POINTS)
    save(tmp_path / "g.omd", loose)
    result = CliRunner().invoke(app, ["convert", str(tmp_path / "g.omd"), str(tmp_path / "g.csv")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "g.csv").read_text().splitlines()[2].startswith("2,11.5,20.0,30.0,")


def test_a_struct_is_known_by_the_name_dynamo_gives(tmp_path: Path) -> None:
    struct = {"name": "mmarkedEllipsoidalVesicle_1", "points": np.array(POINTS)}
    (read,) = read_models(save(tmp_path / "m.omd", struct))
    assert read.type is ModelType.MARKED_ELLIPSOIDAL_VESICLE


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": np.eye(3)}, "no Dynamo model in it"),
        ({"name": "mine", "points": np.array(POINTS)}, "'mine' is of a class that the file does not say"),
        (matlab_object("dmodels.cubicCrystal", points=POINTS), "of the class 'cubicCrystal'; these are read"),
        (matlab_object("dmodels.general", points=[[1, 2]]), r"points are 1 x 2 numbers; they must be n x 3"),
        (matlab_object("dmodels.general", points=[[1, 2, np.nan]]), "and finite"),
        (
            matlab_object("dmodels.membraneByLevels", points=POINTS, group_labels=[[1, 2]]),
            "3 points, but 2 group_labels",
        ),
        (
            matlab_object("dmodels.dipoleSet", dipoles=matlab_object("dmodels.dipole", center=[[1, 2, 3]])),
            "dipole 1 has no centre or no north",
        ),
    ],
)
def test_what_is_no_model_of_ours_is_said(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(FileFormatError, match=rf"bad\.omd: .*{message}"):
        read_models(save(tmp_path / "bad.omd", content))


def test_without_mat_io_the_way_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "m.omd", matlab_object("dmodels.general", points=POINTS))
    (tmp_path / "n.omd").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))
    with pytest.raises(FileFormatError, match=r"n\.omd: mat-io cannot read this Dynamo model"):
        read_models(tmp_path / "n.omd")
    with pytest.raises(FileFormatError, match="models are written as"):
        write_models(tmp_path / "o.omd", [])
    real = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "matio":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(FileFormatError, match=r"needs mat-io \(pip install 'napari-tomopick\[dynamo\]'\)"):
        read_models(tmp_path / "m.omd")


@pytest.mark.parametrize("version", ["v7", "v7.3"])
def test_a_catalogue_of_objects_names_its_volumes(tmp_path: Path, version: str) -> None:
    volumes = np.empty((1, 2), dtype=object)
    for i, name in enumerate(("a.mrc", "sub/b.rec")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        volumes[0, i] = matlab_object("dcatalogue.volume", file=name, index=[[i + 1]], note="c.mrc")
    matio.save_to_mat(
        str(tmp_path / "c.ctlg"),
        {"c": matlab_object("dcatalogue.catalogue", volumes=volumes)},
        version=version,
    )
    assert list_tomogram_files(tmp_path / "c.ctlg") == [tmp_path / "a.mrc", tmp_path / "sub" / "b.rec"]
