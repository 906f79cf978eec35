"""copick: the picks of one object in one run (``<user>_<session>_<object>.json``).

The documented JSON is read and written as such, without the library, which is bound to zarr 2. A location is
in Å, the middle of the first voxel being 0; the particle is at the location plus the translation of its
transformation, whose rotation takes the object to the tomogram. Source: copick 1.31, ``models.py``
(CopickPoint, CopickPicksFile) and ``impl/filesystem.py``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.atomic import atomic_path
from napari_tomopick.io.particles import common, json_text, lines, shifts
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

OBJECT, USER, SESSION = "copick_object", "copick_user", "copick_session"
INSTANCE = "copick_instance_id"
NAMES = {OBJECT: "pickable_object_name", USER: "user_id", SESSION: "session_id"}
OUR_USER, TOOL_SESSION = "napari-tomopick", "0"
RUNS, PICKS = "ExperimentRuns", "Picks"
NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\s_]')
IDENTITY = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
LARGEST_ANGSTROM = 1e12
NOT_QUITE_A_ROTATION = 1e-3
"""Single precision, rounding and the like; a matrix farther off is no rotation."""


def recognises(path: Path) -> bool:
    """Whether a JSON file has picks of copick."""
    return json_text.has_keys(path, NAMES[OBJECT], "points")


def read(path: Path, tomograms: Sequence[Tomogram]) -> Particles:
    """Read a file of picks; see `napari_tomopick.io.particles.read_particles`."""
    content = json_text.read_json(path)
    if not isinstance(content, dict) or NAMES[OBJECT] not in content:
        raise FileFormatError(f'{path}: no file of picks: it has no "{NAMES[OBJECT]}"')
    unit = content.get("unit") or "angstrom"
    if unit != "angstrom":
        raise FileFormatError(f"{path}: unit is {unit!r}; locations in angstrom are read")
    points = content.get("points") or []
    if not isinstance(points, list):
        raise FileFormatError(f'{path}: "points" must be a list, it is {str(points)[:40]!r}')
    parsed = [_point(path, point, i) for i, point in enumerate(points)]
    run = content.get("run_name") or (path.parent.parent.name if path.parent.name == PICKS else "")
    if not isinstance(run, str):
        raise FileFormatError(f"{path}: run_name must be text, it is {run!r}")
    tomogram = _tomogram(run, tomograms)
    only = tomograms[0] if len(tomograms) == 1 else None
    size = _voxel_size(path, content, tomogram, only)
    trusted = content.get("trust_orientation")
    transformations = np.array([p[1] for p in parsed], np.float64).reshape(-1, 4, 4)
    _check_rotations(path, transformations)
    translations = transformations[:, :3, 3]
    places = np.array([p[0] for p in parsed], np.float64).reshape(-1, 3) + translations
    table: dict[str, Any] = {}
    for column, key in NAMES.items():
        value = content.get(key, "")
        if not isinstance(value, str):
            raise FileFormatError(f"{path}: {key} must be text, it is {value!r}")
        table[column] = [value] * len(parsed)
    table[INSTANCE] = np.array([p[3] for p in parsed], np.int64)
    if tomogram is not None or (only is not None and not run):
        run = (tomogram or only).name  # type: ignore[union-attr]
    further = pd.DataFrame(table)
    return Particles(
        positions=places / (size or 1.0),
        rotations=Rotation.from_matrix(transformations[:, :3, :3])
        if len(parsed) and trusted is not False
        else None,
        scores=np.array([p[2] for p in parsed], np.float64),
        tomograms=np.full(len(parsed), run),
        table=shifts.beside(further, translations / (size or 1.0)),
        voxel_size_angstrom=size,
    )


def write(path: Path, particles: Particles, tomograms: Sequence[Tomogram]) -> tuple[Path, ...]:
    """Write a file of picks; see `napari_tomopick.io.particles.write_particles`."""
    run = common.only_tomogram(path, particles, "a file of picks")
    in_tree = path.parent.parent if path.parent.name == PICKS else None
    if in_tree is not None and run not in ("", in_tree.name):
        raise FileFormatError(
            f"cannot write {path}: it belongs to the run {in_tree.name!r}, the particles lie in {run!r}"
        )
    run = run or (in_tree.name if in_tree is not None else "")
    # copick's own name of the file says what the columns need not
    parts = path.stem.split("_")
    named = dict(zip((USER, SESSION, OBJECT), parts, strict=True)) if len(parts) == 3 else {}
    names = {}
    for column, default in ((OBJECT, path.stem), (USER, OUR_USER), (SESSION, TOOL_SESSION)):
        values = kinds(particles, column)
        if len(values) > 1:
            raise FileFormatError(
                f"cannot write {path}: the particles are of several kinds ({column}: {', '.join(values)}), a "
                "file of picks holds one; write into a project (copick-project), or one file for each"
            )
        names[column] = named.get(column) or (values[0] if values else default)
    save({path: picks(path, particles, tomograms, run, names)})
    return (path,)


def _point(path: Path, point: Any, i: int) -> tuple[list[float], list[list[float]], float, int]:
    """Location in Å, transformation, score and instance of a point."""
    where = f"{path}: points[{i}]"
    location = point.get("location") if isinstance(point, dict) else None
    if not isinstance(location, dict):
        raise FileFormatError(f"{where}: no location of x, y, z")
    place = []
    for axis in "xyz":
        if not json_text.is_number(location.get(axis)):
            raise FileFormatError(f"{where}, location {axis}: {location.get(axis)!r} is not a number")
        place.append(float(location[axis]))
    rows = point.get("transformation_")
    if rows is None:
        rows = IDENTITY
    if (
        not isinstance(rows, list)
        or [len(row) if isinstance(row, list) else 0 for row in rows] != [4] * 4
        or not all(json_text.is_number(v) and abs(v) < LARGEST_ANGSTROM for row in rows for v in row)
    ):
        raise FileFormatError(f"{where}, transformation_: not 4 rows of 4 numbers")
    score, instance = point.get("score"), point.get("instance_id") or 0
    unknown = score is None or score != score  # JSON of Python may say NaN
    if not unknown and not json_text.is_number(score):
        raise FileFormatError(f"{where}, score: {score!r} is not a number")
    if not json_text.is_number(instance) or instance != round(instance) or abs(instance) > 2**53:
        raise FileFormatError(f"{where}, instance_id: {instance!r} is not a whole number")
    return place, rows, math.nan if unknown else float(score), int(instance)


def _check_rotations(path: Path, transformations: NDArray[np.float64]) -> None:
    rotations = transformations[:, :3, :3]
    product = rotations @ rotations.transpose(0, 2, 1)
    good = (
        (np.abs(transformations[:, 3] - [0, 0, 0, 1]) < 1e-6).all(axis=1)
        & (np.abs(product - np.eye(3)) < NOT_QUITE_A_ROTATION).all(axis=(1, 2))
        & (np.linalg.det(rotations) > 0)
    )
    bad = np.flatnonzero(~good)
    if len(bad):
        raise FileFormatError(
            f"{path}: points[{bad[0]}], transformation_: not a rotation and a translation: "
            f"{transformations[bad[0]].tolist()}"
        )


def _voxel_size(
    path: Path, content: Mapping[str, Any], tomogram: Tomogram | None, only: Tomogram | None
) -> float | None:
    """That of the tomogram, the file, the only voxel spacing of the run, or the only tomogram given."""
    if tomogram is not None:
        return tomogram.voxel_size_angstrom
    size = content.get("voxel_spacing")
    if size is not None:
        if not json_text.is_number(size) or size <= 0:
            raise FileFormatError(f"{path}: voxel_spacing must be a positive number of Å, it is {size!r}")
        return float(size)
    folders = path.parent.parent.glob("VoxelSpacing*") if path.parent.name == PICKS else ()
    spacings = {folder.name.removeprefix("VoxelSpacing") for folder in folders}
    if len(spacings) == 1 and lines.is_number(found := spacings.pop()) and float(found) > 0:
        return float(found)
    if only is not None:
        return only.voxel_size_angstrom
    if not content.get("points"):
        return None
    raise FileFormatError(
        f"{path}: its locations are in Å, and the voxel size they are to be expressed in is not in the file; "
        "give the tomogram (--tomogram)"
    )


def _is_meant(run: str, tomogram: Tomogram) -> bool:
    """Whether a run is that of a tomogram, by its name or the folder of the run."""
    folders = tomogram.path.parts
    in_tree = RUNS in folders and folders[folders.index(RUNS) + 1 :][:1] == (run,)
    return run == tomogram.name or in_tree or run == tomogram.path.stem


def _tomogram(run: str, tomograms: Sequence[Tomogram]) -> Tomogram | None:
    exact = next((t for t in tomograms if t.name == run), None)
    return exact or next((t for t in tomograms if _is_meant(run, t)), None)


def kinds(particles: Particles, column: str) -> list[str]:
    """The names that occur in a column, without the empty one."""
    if column not in particles.table:
        return []
    return [n for n in dict.fromkeys(common.text(particles.table, column).tolist()) if n]


def picks(
    path: Path, particles: Particles, tomograms: Sequence[Tomogram], run: str, names: Mapping[str, str]
) -> dict[str, Any]:
    """The content of a file of picks.

    Raises
    ------
    FileFormatError
        If the voxel size is not known, or copick allows no such name.
    """
    for column, name in names.items():
        if not name or NOT_IN_NAMES.search(name):
            raise FileFormatError(
                f"cannot write {path}: {name!r} cannot be the {column.removeprefix('copick_')} in copick: "
                "names have no blank, underscore or sign that a file name must not have"
            )
    tomogram = next((t for t in tomograms if t.name == run), None)
    if tomogram is not None:
        common.check_grid(path, particles, tomogram)
    size = particles.voxel_size_angstrom or (tomogram.voxel_size_angstrom if tomogram else None)
    if size is None:
        raise FileFormatError(
            f"cannot write {path}: locations are in Å, and the voxel size of the particles is not known; "
            "give the tomogram (--tomogram)"
        )
    matrices = np.tile(np.eye(4), (len(particles), 1, 1))
    matrices[:, :3, :3] = particles.rotations.as_matrix().reshape(-1, 3, 3)
    coordinates, shift = shifts.divided(path, particles)
    matrices[:, :3, 3] = shift * size
    instances = np.zeros(len(particles), np.int64)
    if INSTANCE in particles.table:
        given = common.floats(particles.table[INSTANCE])
        instances = np.where(np.isnan(given), 0, given).astype(np.int64)
    points = [
        {
            "location": dict(zip("xyz", place, strict=True)),
            "transformation_": matrix,
            "instance_id": instance,
            "score": score if math.isfinite(score) else None,
        }
        for place, matrix, instance, score in zip(
            (coordinates * size).tolist(),
            matrices.tolist(),
            instances.tolist(),
            particles.scores.tolist(),
            strict=True,
        )
    ]
    content = {NAMES[column]: name for column, name in names.items()} | {
        "run_name": run or None,
        "voxel_spacing": size,
        "unit": "angstrom",
        "points": points,
        # where nothing is turned, nobody knows how the particles lie
        "trust_orientation": bool((particles.rotations.magnitude() > 1e-9).any()) if points else True,
    }
    return content


def save(files: Mapping[Path, Mapping[str, Any]]) -> None:
    """Write files of picks."""
    for path, content in files.items():
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(content, indent=4, allow_nan=False), encoding="utf-8")
