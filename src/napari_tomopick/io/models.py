"""Model files: user points before they are particles (JSON), and IMOD contours (.mod) as such."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.atomic import atomic_path, check_target
from napari_tomopick.io.dynamo_models import read_omd
from napari_tomopick.io.imod import ImodFile, ImodObject, read_imod, write_imod
from napari_tomopick.io.particles import json_text
from napari_tomopick.models.user_points import Model, ModelType

FORMAT = "tomopick-models"
VERSION = 1
SUFFIXES = (".json", ".mod", ".omd")
"""Of the files that can be read."""
WRITE_SUFFIXES = (".json", ".mod")
MARKER = " marker"
"""An IMOD object of this ending holds the side marker of the model before the ending."""


def read_models(path: str | os.PathLike[str]) -> list[Model]:
    """Read the models of a model file.

    Parameters
    ----------
    path : path-like
        .json; .mod: there each object is a model, each contour a level; loose points are a general model, all
        others a surface; .omd of Dynamo, with mat-io.

    Raises
    ------
    FileFormatError
        If the file is damaged or says something unknown; the message names the place in the file.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".mod":
        return _from_imod(path)
    if suffix == ".omd":
        return read_omd(Path(path))
    if suffix != ".json":
        raise FileFormatError(f"{path}: not a model file; these are read: {' '.join(SUFFIXES)}")
    content = json_text.read_json(Path(path))
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise FileFormatError(f'{path}: not a model file: it has no "format": "{FORMAT}"')
    if content.get("version") != VERSION:
        raise FileFormatError(
            f"{path}: version {content.get('version')} of the format, this program reads version {VERSION}; "
            "update napari-tomopick"
        )
    reader = _Reader(path)
    file = reader.mapping(
        content, "the file", ("format", "version", "tomogram", "voxel_size_angstrom", "models"), ("models",)
    )
    tomogram = reader.of_type(file.get("tomogram", ""), str, "tomogram")
    size = file.get("voxel_size_angstrom")
    if size is not None and reader.number(size, "voxel_size_angstrom") <= 0:
        raise FileFormatError(f"{path}: voxel_size_angstrom must be positive, it is {size}")
    items = reader.of_type(file["models"], list, "models")
    return [reader.model(item, f"models[{i}]", tomogram, size) for i, item in enumerate(items)]


def write_models(path: str | os.PathLike[str], models: Sequence[Model]) -> Path:
    """Write models to a model file, atomically.

    Parameters
    ----------
    path : path-like
        .json keeps everything but the uid. .mod keeps names, points, contours, colours and markers; a
        type other than general and surface comes back as surface, and parameters are not kept.
    models : sequence of Model
        All of one tomogram.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    FileFormatError
        If the models belong to several tomograms, or the suffix is unknown.
    TomopickError
        If the file cannot be written.
    """
    tomograms = sorted({m.tomogram for m in models})
    sizes = {m.voxel_size_angstrom for m in models}
    if len(tomograms) > 1 or len(sizes) > 1:
        raise FileFormatError(
            f"cannot write {path}: the models belong to several tomograms or voxel sizes "
            f"({', '.join(tomograms)}; {', '.join(map(str, sizes))} Å); write one for each: "
            f"{{tomogram}}{Path(path).suffix}"
        )
    check_output(path)
    if Path(path).suffix.lower() == ".mod":
        write_imod(path, _to_imod(models, sizes.pop() if sizes else None))
        return Path(path)
    content: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    if tomograms and tomograms[0]:
        content["tomogram"] = tomograms[0]
    if sizes and None not in sizes:
        content["voxel_size_angstrom"] = sizes.pop()
    content["models"] = [_as_json(m) for m in models]
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return Path(path)


def check_output(path: str | os.PathLike[str]) -> None:
    """Refuse a model file that `write_models` could not write, before the work that it is for.

    Raises
    ------
    FileFormatError
        If the suffix is unknown.
    TomopickError
        If there is no such folder, or a folder of this name.
    """
    if Path(path).suffix.lower() not in WRITE_SUFFIXES:
        raise FileFormatError(f"cannot write {path}: models are written as {' '.join(WRITE_SUFFIXES)}")
    check_target(path)


def what_is_lost(path: str | os.PathLike[str], models: Sequence[Model]) -> tuple[str, ...]:
    """What these models have that a file of this suffix has no place for, in words for the user."""
    if Path(path).suffix.lower() != ".mod":
        return ()
    kept = (ModelType.GENERAL, ModelType.SURFACE)
    lost = [f"the type of {m.name!r} ({m.type})" for m in models if m.type not in kept]
    lost += [f"which points of {m.name!r} are not accepted yet" for m in models if m.proposed.any()]
    lost += [f"the parameters of {m.name!r}" for m in models if m.parameters]
    lost += [f"the box size of {m.name!r}" for m in models if m.box_size is not None]
    return tuple(lost)


def _as_json(model: Model) -> dict[str, Any]:
    item: dict[str, Any] = {"name": model.name, "type": str(model.type), "group": model.group}
    if model.marker is not None:
        item["marker"] = model.marker.tolist()
    item["colour"] = model.colour
    if model.box_size is not None:
        item["box_size"] = model.box_size
    if model.parameters:
        item["parameters"] = dict(model.parameters)
    item["points"] = [
        {"x": x, "y": y, "z": z, "level": level} | ({"proposed": True} if proposed else {})
        for (x, y, z), level, proposed in zip(
            model.points.tolist(), model.levels.tolist(), model.proposed.tolist(), strict=True
        )
    ]
    return item


class _Reader:
    """Checks what is read, and knows the file for the message."""

    MODEL_KEYS = ("name", "type", "group", "marker", "colour", "box_size", "parameters", "points")

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path

    def model(self, value: Any, where: str, tomogram: str, voxel_size: float | None) -> Model:
        item = self.mapping(value, where, self.MODEL_KEYS, ("name", "type", "points"))
        kind = item["type"]
        if kind not in list(ModelType):
            raise FileFormatError(
                f"{self.path}: {where}.type: {kind!r} is not a type; types are {', '.join(ModelType)}"
            )
        points = self.of_type(item["points"], list, f"{where}.points")
        rows = [self.point(p, f"{where}.points[{i}]") for i, p in enumerate(points)]
        marker = item.get("marker")
        if marker is not None:
            marker = [
                self.number(v, f"{where}.marker") for v in self.of_type(marker, list, f"{where}.marker")
            ]
            if len(marker) != 3:
                raise FileFormatError(
                    f"{self.path}: {where}.marker: three numbers x, y, z, got {len(marker)}"
                )
        box = item.get("box_size")
        colour = self.of_type(item.get("colour", Model.colour), str, f"{where}.colour")
        if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
            raise FileFormatError(f"{self.path}: {where}.colour must be #rrggbb, it is {colour!r}")
        return Model(
            name=self.of_type(item["name"], str, f"{where}.name"),
            type=ModelType(kind),
            points=np.array([r[0] for r in rows], dtype=np.float64).reshape(-1, 3),
            levels=np.array([r[1] for r in rows], dtype=np.int64),
            proposed=np.array([r[2] for r in rows], dtype=bool),
            marker=None if marker is None else np.array(marker),
            group=self.of_type(item.get("group", 1), int, f"{where}.group"),
            colour=colour,
            parameters=self.of_type(item.get("parameters", {}), dict, f"{where}.parameters"),
            box_size=None if box is None else self.of_type(box, int, f"{where}.box_size"),
            tomogram=tomogram,
            voxel_size_angstrom=None if voxel_size is None else float(voxel_size),
        )

    def point(self, value: Any, where: str) -> tuple[list[float], int, bool]:
        item = self.mapping(value, where, ("x", "y", "z", "level", "proposed"), ("x", "y", "z"))
        position = [self.number(item[axis], f"{where}.{axis}") for axis in "xyz"]
        level = self.of_type(item.get("level", 0), int, f"{where}.level")
        return position, level, self.of_type(item.get("proposed", False), bool, f"{where}.proposed")

    def mapping(
        self, value: Any, where: str, known: Sequence[str], needed: Sequence[str]
    ) -> Mapping[str, Any]:
        self.of_type(value, dict, where)
        missing = [k for k in needed if k not in value]
        unknown = [k for k in value if k not in known]
        if missing:
            raise FileFormatError(f"{self.path}: {where} has no {missing[0]!r}")
        if unknown:
            raise FileFormatError(
                f"{self.path}: {where}: unknown key {unknown[0]!r}, which would be lost; known are "
                f"{', '.join(known)}"
            )
        return value

    def of_type(self, value: Any, kind: type, where: str) -> Any:
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise FileFormatError(f"{self.path}: {where} must be a {kind.__name__}, it is {value!r}")
        return value

    def number(self, value: Any, where: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise FileFormatError(f"{self.path}: {where} must be a finite number, it is {value!r}")
        return float(value)


def _from_imod(path: str | os.PathLike[str]) -> list[Model]:
    file = read_imod(path)
    markers = {o.name: o.contours[0][0] for o in file.objects if o.name.endswith(MARKER) and o.contours}
    models: list[Model] = []
    for number, item in enumerate(file.objects, 1):
        if item.name in markers:
            continue
        name = item.name or f"object {number}"
        contours = [c for c in item.contours if len(c)]
        loose = item.scattered or all(len(c) == 1 for c in contours)
        models.append(
            Model(
                name=name,
                type=ModelType.GENERAL if loose else ModelType.SURFACE,
                points=np.concatenate(contours) if contours else np.empty((0, 3)),
                levels=np.repeat(np.arange(len(contours)), [len(c) for c in contours]),
                marker=markers.get(name + MARKER),
                group=len(models) + 1,
                colour="#{:02x}{:02x}{:02x}".format(*(round(255 * c) for c in item.colour)),
                voxel_size_angstrom=file.voxel_size_angstrom,
            )
        )
    return models


def _to_imod(models: Sequence[Model], voxel_size: float | None) -> ImodFile:
    objects = []
    for model in models:
        red, green, blue = (int(model.colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        colour = (red, green, blue)
        scattered = model.type is ModelType.GENERAL
        objects.append(ImodObject(model.name, model.contours(), scattered, colour))
        if model.marker is not None:
            objects.append(ImodObject(model.name + MARKER, [model.marker[None]], True, colour))
    return ImodFile(objects, voxel_size)
