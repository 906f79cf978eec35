"""Dynamo's models (.omd): user points as `Model`, through mat-io.

A model file holds an object of one of the classes of ``dmodels``. Points count from 1, as all of Dynamo's
coordinates do; ``group_labels`` are the levels of a membrane, ``center`` marks its inner side. What Dynamo
computed from the points (meshes, crop points) is not read: it is computed here anew. No file of real Dynamo
is public; the names of the properties are those that published scripts set and Scipion's plugin reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io import matlab
from napari_tomopick.models.user_points import Model, ModelType

SUFFIX = ".omd"
TYPES = {
    "general": ModelType.GENERAL,
    "boxes": ModelType.GENERAL,
    "membraneByLevels": ModelType.SURFACE,
    "vesicle": ModelType.VESICLE,
    "ellipsoidalVesicle": ModelType.ELLIPSOIDAL_VESICLE,
    "markedEllipsoidalVesicle": ModelType.MARKED_ELLIPSOIDAL_VESICLE,
    "dipoleSet": ModelType.DIPOLE,
    "filament": ModelType.FILAMENT,
    "filamentWithTorsion": ModelType.FILAMENT_TORSION,
    "filamentSubunitsInHelix": ModelType.FILAMENT_HELIX,
    "filamentRings": ModelType.FILAMENT_RINGS,
}
PARAMETERS = {
    "mesh_parameter": "mesh_parameter",
    "mesh_maximum_triangles": "max_triangles",
    "subdivision_iterations": "subdivision",
    "crop_mesh_parameter": "cropping",
    "separation": "cropping",
    "dz": "dz",
    "dphi": "dphi_degrees",
    "radius": "radius",
    "ringSeparation": "ring_separation",
    "subunitsPerRing": "subunits_per_ring",
}
WHOLE = ("max_triangles", "subdivision", "subunits_per_ring")
REMEDY = "export its points from Dynamo as text, and import that"
DEEPEST = 12


def read_omd(path: Path) -> list[Model]:
    """Read the models of a file of Dynamo's.

    Raises
    ------
    FileFormatError
        If mat-io is not installed or cannot read it, there is no model in it, or one is of a type that has no
        counterpart here.
    """
    if not path.is_file():
        raise FileFormatError(f"{path}: no such file")
    found = list(_models(matlab.load(path, "Dynamo model", REMEDY)))
    if not found:
        raise FileFormatError(f"{path}: no Dynamo model in it: nothing there has points or dipoles; {REMEDY}")
    return [_model(path, node, number) for number, node in enumerate(found, 1)]


def _models(node: Any, depth: int = 0) -> Iterator[Any]:
    """Every object or struct that has user points, however deep."""
    held = matlab.properties(node)
    if held is not None and ("points" in held or "dipoles" in held):
        yield node
        return
    for child in matlab.children(node) if depth < DEEPEST else []:
        yield from _models(child, depth + 1)


def _model(path: Path, node: Any, number: int) -> Model:
    held = matlab.properties(node) or {}
    name = matlab.text(held.get("name")) or path.stem
    kind = _type(path, node, name)
    if kind is ModelType.DIPOLE and "dipoles" in held:
        points = _dipoles(path, held["dipoles"])
    else:
        points = _points(path, held.get("points"), "points")
    labels = matlab.numbers(held.get("group_labels"))
    if labels is not None and labels.size and labels.size != len(points):
        raise FileFormatError(f"{path}: model {name!r}: {len(points)} points, but {labels.size} group_labels")
    has_levels = labels is not None and labels.size > 0
    levels = labels.ravel() if labels is not None and has_levels else np.floor(points[:, 2] + 0.5)
    if not np.array_equal(levels, np.round(levels)):
        raise FileFormatError(f"{path}: model {name!r}: group_labels are not whole numbers")
    centre = _points(path, held.get("center"), "center")
    volume = matlab.properties(held.get("cvolume")) or {}
    file = matlab.text(volume.get("file")) or matlab.text(volume.get("fullFileName"))
    return Model(
        name=name,
        type=kind,
        points=points,
        levels=levels.astype(np.int64),
        marker=centre[0] if kind is ModelType.SURFACE and len(centre) == 1 else None,
        group=number,
        parameters=_parameters(held, kind),
        tomogram=Path(file.replace("\\", "/")).stem,
    )


def _type(path: Path, node: Any, name: str) -> ModelType:
    """By the class of the object; of a struct, by the name that Dynamo gives a model of each class."""
    tag = str(getattr(node, "classname", "")).rpartition(".")[2]
    if not tag:
        tag = next((t for t in sorted(TYPES, key=len, reverse=True) if name.startswith(f"m{t}")), "")
    if tag not in TYPES:
        what = f"of the class {tag!r}" if tag else "of a class that the file does not say"
        raise FileFormatError(f"{path}: model {name!r} is {what}; these are read: {', '.join(TYPES)}")
    return TYPES[tag]


def _points(path: Path, value: Any, what: str) -> NDArray[np.float64]:
    points = matlab.numbers(value)
    if points is None or not points.size:
        return np.empty((0, 3))
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        shape = " x ".join(map(str, points.shape))
        raise FileFormatError(f"{path}: {what} are {shape} numbers; they must be n x 3, and finite")
    return points - 1.0


def _dipoles(path: Path, value: Any) -> NDArray[np.float64]:
    """Centre and north of each dipole, in turn."""
    ends: list[NDArray[np.float64]] = []
    # one dipole alone may stand there as it is, and not in a cell
    single = matlab.properties(value)
    for node in [value] if single is not None and "center" in single else matlab.children(value):
        held = matlab.properties(node) or {}
        pair = [_points(path, held.get(end), end) for end in ("center", "north")]
        if any(len(p) != 1 for p in pair):
            number = len(ends) // 2 + 1
            raise FileFormatError(f"{path}: dipole {number} has no centre or no north; finish it in Dynamo")
        ends += pair
    return np.concatenate(ends) if ends else np.empty((0, 3))


def _parameters(held: dict[str, Any], kind: ModelType) -> dict[str, Any]:
    """The settings that mean something for the type here, where they are single positive numbers."""
    from napari_tomopick.models.crop_points import parameters_for

    found: dict[str, Any] = {}
    acting = parameters_for(kind)
    filament = kind.value.startswith("filament")
    for theirs, ours in PARAMETERS.items():
        value = matlab.numbers(held.get(theirs))
        if ours not in acting or value is None or value.size != 1 or (ours == "radius" and not filament):
            continue  # the radius of a vesicle is fitted from its points
        number = float(value.ravel()[0])
        if not np.isfinite(number) or (number <= 0 and ours not in ("dphi_degrees", "subdivision")):
            continue
        found.setdefault(ours, int(number) if ours in WHOLE else number)
    return found
