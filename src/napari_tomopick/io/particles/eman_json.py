"""EMAN2's info files (``info/<tomogram>_info.json``): ``boxes_3d`` with their classes.

Rows are ``[x, y, z, method, score, class]``, with the volume of the peak as a seventh. Where the file has
``apix_unbin``, they count from the centre of the tomogram in pixels of that size; else they are voxels.
Sources: programs/e2spt_boxer.py, e2spt_boxer_convnet.py and e2spt_tempmatch.py of EMAN2 2.99; base_name and
info_name in libpyEM/EMAN2.py. For an odd number of voxels the boxer takes ``n // 2`` as the centre, the other
two ``n / 2``; the boxer is followed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry.coordinates import volume_centre
from napari_tomopick.io.atomic import atomic_path
from napari_tomopick.io.particles import common, json_text
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

ENDING = "_info"
BOXES, CLASSES, PIXEL = "boxes_3d", "class_list", "apix_unbin"
METHOD, NAME, PEAK = "eman_method", "eman_class", "eman_peak_volume"
BOX = "eman_box_angstrom"
"""Box size of each particle's class, where classes differ or it is no whole number of voxels."""
UNSCORED = ("manual", "tomobox")
"""Methods for which EMAN2 writes a score of 0 because it has none."""


def recognises(path: Path) -> bool:
    """Whether a JSON file is an info file of EMAN2."""
    return json_text.has_keys(path, BOXES)


def read(path: Path, tomograms: Sequence[Tomogram]) -> Particles:
    """Read the boxes of an info file; see `napari_tomopick.io.particles.read_particles`."""
    content = _info(path)
    rows = content.get(BOXES)
    if rows is None:
        raise FileFormatError(f'{path}: no "{BOXES}"; it is no info file of EMAN2, or nothing was picked')
    if not isinstance(rows, list):
        raise FileFormatError(f'{path}: "{BOXES}" must be a list of boxes, it is {str(rows)[:40]!r}')
    boxes = [_box(path, row, i) for i, row in enumerate(rows)]
    tomogram = _tomogram(path, tomograms)
    positions = np.array([box[:3] for box in boxes], dtype=np.float64).reshape(-1, 3)
    voxel_size, ratio = _scale(path, content, tomogram)
    if ratio is not None and tomogram is not None:
        positions = positions / ratio + volume_centre(tomogram.shape)
    groups = np.array([box[5] for box in boxes], np.int64)
    methods = [box[3] for box in boxes]
    scores = np.array([box[4] for box in boxes], np.float64)
    scores[(scores == 0) & np.isin(methods, UNSCORED)] = np.nan
    classes = _classes(path, content)
    table: dict[str, Any] = {METHOD: methods, NAME: [classes.get(g, ("", None))[0] for g in groups.tolist()]}
    if any(box[6] is not None for box in boxes):
        table[PEAK] = np.array([np.nan if box[6] is None else box[6] for box in boxes])
    sizes = {g: classes[g][1] for g in set(groups.tolist() or classes) if g in classes}
    voxels = {g: size / (ratio or 1.0) for g, size in sizes.items() if size is not None}
    known = set(voxels.values())
    box_size = round(known.pop()) if len(known) == 1 and _is_whole(*known) else None
    if box_size is None and voxels and voxel_size is not None:
        table[BOX] = np.array([voxels.get(g, np.nan) * voxel_size for g in groups.tolist()])
    elif box_size is None and voxels:
        raise FileFormatError(
            f"{path}: its classes have box sizes of {sorted(set(sizes.values()), key=str)}, in pixels of a "
            "size that the file does not tell; give the tomogram (--tomogram)"
        )
    name = tomogram.name if tomogram is not None and _is_meant(path, tomogram) else _base(path)
    return Particles(
        positions=positions,
        groups=groups,
        scores=scores,
        tomograms=np.full(len(boxes), name),
        table=pd.DataFrame(table),
        voxel_size_angstrom=voxel_size,
        box_size=box_size,
    )


def write(path: Path, particles: Particles, tomograms: Sequence[Tomogram]) -> tuple[Path, ...]:
    """Write boxes into an info file, which keeps everything else that is in it.

    With the tomogram given, or where the file has ``apix_unbin`` already, boxes are written as EMAN2 does,
    from the centre; else as voxels. Boxes of classes that the particles do not have stay.
    """
    name = common.only_tomogram(path, particles, "an info file of EMAN2")
    content = _info(path) if path.exists() else {}
    if path.exists() and not ({BOXES, CLASSES, PIXEL, "tlt_params", "tlt_file"} & set(content)):
        raise FileFormatError(f"cannot write {path}: it exists, and is no info file of EMAN2")
    tomogram = next((t for t in tomograms if t.name == name), None)
    positions, ratio = particles.positions, 1.0
    if PIXEL in content or (tomogram is not None and BOXES not in content):
        if tomogram is None:
            raise FileFormatError(
                f"cannot write {path}: its boxes count from the centre of the tomogram, which is needed; "
                f"give {name or 'it'} (--tomogram)"
            )
        common.check_grid(path, particles, tomogram)
        content.setdefault(PIXEL, tomogram.voxel_size_angstrom / tomogram.binning)
        ratio = tomogram.voxel_size_angstrom / _pixel(path, content)
        positions = (positions - volume_centre(tomogram.shape)) * ratio
    classes = _with_classes(path, content, particles, ratio)
    methods = common.text(particles.table, METHOD) if METHOD in particles.table else None
    peaks = common.floats(particles.table[PEAK]) if PEAK in particles.table else None
    written = set(particles.groups.tolist())
    kept = content.get(BOXES, [])
    boxes = [row for i, row in enumerate(kept) if _box(path, row, i)[5] not in written]
    for i, position in enumerate(positions.tolist()):
        score = float(particles.scores[i])
        method = methods[i] if methods is not None and methods[i] else "manual"
        row: list[Any] = [*position, str(method), score if math.isfinite(score) else 0.0]
        row.append(int(particles.groups[i]))
        if peaks is not None and math.isfinite(peaks[i]):
            row.append(float(peaks[i]))
        boxes.append(row)
    content |= {BOXES: boxes, CLASSES: classes}
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return (path,)


def _with_classes(path: Path, content: dict[str, Any], particles: Particles, ratio: float) -> dict[str, Any]:
    """The classes of the file, with those of the particles."""
    known = _classes(path, content)
    classes = dict(content.get(CLASSES, {}))
    has_boxes = {_box(path, row, i)[5] for i, row in enumerate(content.get(BOXES, []))}
    names = common.text(particles.table, NAME) if NAME in particles.table else None
    boxes = common.floats(particles.table[BOX]) if BOX in particles.table else None
    for group in np.unique(particles.groups).tolist():
        row = int(np.flatnonzero(particles.groups == group)[0])
        name = str(names[row]) if names is not None else ""
        old = known.get(group)
        if old is not None and group in has_boxes and old[0] != name:
            raise FileFormatError(
                f"cannot write {path}: its class {group} is {old[0]!r} and has boxes, while the particles of "
                f"group {group} are {name or 'of no such class'}; give them another group, a further column "
                f"{NAME} of {old[0]!r} to replace those boxes, or write another file"
            )
        size = None if particles.box_size is None else particles.box_size * ratio
        if size is None and boxes is not None and particles.voxel_size_angstrom:
            size = float(boxes[row]) / particles.voxel_size_angstrom * ratio
        if size is None or not math.isfinite(size):
            size = None if old is None else old[1]
        entry = classes.get(str(group))
        entry = dict(entry) if isinstance(entry, dict) else {}
        entry["name"] = name or (old[0] if old else f"particles_{group:02d}")
        if size is not None:
            entry["boxsize"] = round(size) if _is_whole(size) else size
        classes[str(group)] = entry
    return classes


def _info(path: Path) -> dict[str, Any]:
    content = json_text.read_json(path)
    if not isinstance(content, dict):
        raise FileFormatError(f"{path}: no info file of EMAN2: it holds a {type(content).__name__}")
    return content


def _pixel(path: Path, content: dict[str, Any]) -> float:
    value = content[PIXEL]
    if not json_text.is_number(value) or value <= 0:
        raise FileFormatError(f"{path}: {PIXEL} must be a positive number of Å, it is {value!r}")
    return float(value)


def _scale(
    path: Path, content: dict[str, Any], tomogram: Tomogram | None
) -> tuple[float | None, float | None]:
    """Voxel size of the positions, and unbinned pixels in a voxel (None where boxes are voxels)."""
    if PIXEL not in content:
        return (None if tomogram is None else tomogram.voxel_size_angstrom), None
    pixel = _pixel(path, content)
    if tomogram is None:
        raise FileFormatError(
            f"{path}: its boxes count from the centre of the tomogram {_base(path)!r}, in pixels of "
            f"{pixel:g} Å; give the tomogram (--tomogram), in a file of that name"
        )
    return tomogram.voxel_size_angstrom, tomogram.voxel_size_angstrom / pixel


def _box(path: Path, row: Any, i: int) -> tuple[float, float, float, str, float, int, float | None]:
    where = f"{path}: {BOXES}[{i}]"
    if not isinstance(row, list) or len(row) < 3:
        raise FileFormatError(f"{where}: a box is x, y, z, method, score, class; it is {str(row)[:60]!r}")
    for column, value in zip("xyz", row, strict=False):
        if not json_text.is_number(value):
            raise FileFormatError(f"{where}, {column}: {value!r} is not a number")
    # method, score and class are missing in files of old versions
    method, score, group, peak, *further = [*row[3:], *[None] * 4][: max(4, len(row) - 3)]
    if further:
        raise FileFormatError(f"{where}: {len(row)} values; a box of EMAN2 has at most 7")
    if not isinstance(method, str | None):
        raise FileFormatError(f"{where}, method: {method!r} is not text")
    for column, value in (("score", score), ("class", group), ("volume", peak)):
        if value is not None and not json_text.is_number(value):
            raise FileFormatError(f"{where}, {column}: {value!r} is not a number")
    if group is not None and (group != round(group) or abs(group) > json_text.LARGEST_WHOLE):
        raise FileFormatError(f"{where}, class: {group!r} is not a whole number")
    x, y, z = map(float, row[:3])
    return x, y, z, method or "manual", float(score or 0.0), int(group or 0), peak


def _classes(path: Path, content: dict[str, Any]) -> dict[int, tuple[str, float | None]]:
    """Name and box size of each class."""
    found = content.get(CLASSES, {})
    if not isinstance(found, dict):
        raise FileFormatError(f'{path}: "{CLASSES}" must be a mapping of classes, it is {str(found)[:40]!r}')
    classes: dict[int, tuple[str, float | None]] = {}
    for key, value in found.items():
        entry = {"name": value} if isinstance(value, str) else value  # old files have the name alone
        if not (key.removeprefix("-").isdecimal() and len(key) < 16 and isinstance(entry, dict)):
            raise FileFormatError(f"{path}: {CLASSES}, {key!r}: not a number with name and box size")
        size, name = entry.get("boxsize"), entry.get("name", "")
        if size is not None and (not json_text.is_number(size) or size <= 0):
            # 0 and below stand for no box size in files of old versions
            if not json_text.is_number(size):
                raise FileFormatError(f"{path}: {CLASSES}, {key!r}: box size {size!r} is not a number")
            size = None
        if not isinstance(name, str):
            raise FileFormatError(f"{path}: {CLASSES}, {key!r}: name {name!r} is not text")
        classes[int(key)] = (name, None if size is None else float(size))
    return classes


def _is_whole(value: float) -> bool:
    return math.isfinite(value) and abs(value - round(value)) < 1e-6


def _base(path: Path) -> str:
    """What the info file is about: its name without the ending."""
    return path.stem.removesuffix(ENDING)


def _is_meant(path: Path, tomogram: Tomogram) -> bool:
    """Whether EMAN2 would give this tomogram an info file of this name."""
    file = tomogram.path
    stem = file.name.removesuffix(file.suffix).removesuffix("_ptcls").removesuffix(ENDING)
    names = {tomogram.name, stem, stem.split("__")[0], f"{file.parent.name}-{stem}"}
    return _base(path) in names


def _tomogram(path: Path, tomograms: Sequence[Tomogram]) -> Tomogram | None:
    """The tomogram the file is named after, else the only one given."""
    meant = [t for t in tomograms if _is_meant(path, t)]
    exactly = [t for t in meant if t.name == _base(path)]
    if len(exactly or meant) == 1:
        return (exactly or meant)[0]
    return tomograms[0] if len(tomograms) == 1 else None
