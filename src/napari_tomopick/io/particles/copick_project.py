"""copick projects: all picks in the tree that a configuration file names.

``<root>/ExperimentRuns/<run>/Picks/<user>_<session>_<object>.json``, in ``overlay_root`` and, to read,
``static_root``; a run is a tomogram, and the group of a particle the label of its object. Source: copick
1.31, ``models.py`` (PickableObject, CopickConfig) and ``impl/filesystem.py``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.atomic import make_folder
from napari_tomopick.io.particles import common, copick, json_text
from napari_tomopick.models.particles import Particles, concatenate
from napari_tomopick.models.tomogram import Tomogram

OBJECTS = "pickable_objects"
NOT_IN_RUNS = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]|^\.*$')


def recognises(path: Path) -> bool:
    """Whether a JSON file is the configuration of a copick project."""
    return json_text.has_keys(path, OBJECTS)


def read(path: Path, tomograms: Sequence[Tomogram]) -> Particles:
    """Read all picks of a project; see `napari_tomopick.io.particles.read_particles`."""
    config = _config(path)
    labels = _objects(path, config)
    found: dict[tuple[str, str], Particles] = {}
    for file in _files(path, config):
        particles = copick.read(file, tomograms)
        name = copick.kinds(particles, copick.OBJECT)
        group = labels.get(name[0], 0) if name else 0
        particles = replace(particles, groups=np.full(len(particles), group))
        # those in the overlay count where both have them
        found.setdefault((file.parent.parent.name, file.name), particles)
    sets = [each for each in found.values() if len(each)]
    if not sets:
        return Particles(np.empty((0, 3)))
    common.one_value(path, [s.voxel_size_angstrom for s in sets if s.voxel_size_angstrom], "voxel sizes")
    sets = [replace(s, voxel_size_angstrom=sets[0].voxel_size_angstrom) for s in sets]
    return concatenate(sets)


def write(path: Path, particles: Particles, tomograms: Sequence[Tomogram]) -> tuple[Path, ...]:
    """Write particles into the project of a configuration file, one file for each run, object and user."""
    if not path.is_file():
        raise FileFormatError(f"cannot write into {path}: there is no such configuration of a copick project")
    config = _config(path)
    root = _root(path, config, "overlay_root")
    if root is None:
        raise FileFormatError(f"cannot write into {path}: its overlay_root is no folder of this computer")
    for run in np.unique(particles.tomograms).tolist():
        if NOT_IN_RUNS.search(run):
            said = f"{run!r} cannot be the name of a run" if run else "no name of the tomogram is known"
            raise FileFormatError(f"cannot write into {path}: {said}")
    users = _column(particles, copick.USER, copick.OUR_USER)
    sessions = _column(particles, copick.SESSION, copick.TOOL_SESSION)
    objects = _objects_of(path, particles, _objects(path, config))
    keys = list(zip(particles.tomograms.tolist(), users, sessions, objects, strict=True))
    files: dict[Path, dict[str, Any]] = {}
    for key in dict.fromkeys(keys):
        run, user, session, name = key
        file = root / copick.RUNS / run / copick.PICKS / f"{user}_{session}_{name}.json"
        names = {copick.OBJECT: name, copick.USER: user, copick.SESSION: session}
        rows = np.array([k == key for k in keys])
        files[file] = copick.picks(file, particles.select(rows), tomograms, run, names)
    for file in files:
        make_folder(file.parent)
    copick.save(files)
    return tuple(files)


def _column(particles: Particles, column: str, default: str) -> list[str]:
    if column not in particles.table:
        return [default] * len(particles)
    return [value or default for value in common.text(particles.table, column).tolist()]


def _objects_of(path: Path, particles: Particles, labels: Mapping[str, int]) -> list[str]:
    """The object of every particle: the one it came with, else that of its group's number."""
    times = Counter(labels.values())
    by_label = {label: name for name, label in labels.items() if times[label] == 1}
    objects = []
    for name, group in zip(_column(particles, copick.OBJECT, ""), particles.groups.tolist(), strict=True):
        objects.append(name or by_label.get(group, ""))
        if objects[-1] not in labels:
            said = f"no object is called {name!r}" if name else f"no object has the label {group}"
            known = ", ".join(f"{label} ({n})" for n, label in labels.items()) or "none"
            raise FileFormatError(
                f"cannot write into {path}: {said}; there are {known}. The group of particles is the label "
                "of their object"
            )
    return objects


def _config(path: Path) -> Mapping[str, Any]:
    config = json_text.read_json(path)
    if not isinstance(config, dict) or OBJECTS not in config:
        raise FileFormatError(f'{path}: no configuration of a copick project: it has no "{OBJECTS}"')
    return config


def _objects(path: Path, config: Mapping[str, Any]) -> dict[str, int]:
    """The label of every object of a configuration."""
    objects = config.get("pickable_objects")
    if not isinstance(objects, list):
        raise FileFormatError(f'{path}: "pickable_objects" must be a list')
    labels: dict[str, int] = {}
    for i, item in enumerate(objects):
        name = item.get("name") if isinstance(item, dict) else None
        label = item.get("label", 1) if isinstance(item, dict) else None
        if not isinstance(name, str) or not isinstance(label, int | None) or abs(label or 0) > 2**53:
            raise FileFormatError(f"{path}: pickable_objects[{i}]: no name and label: {str(item)[:60]}")
        labels[name] = i + 1 if label is None else label
    return labels


def _root(path: Path, config: Mapping[str, Any], key: str) -> Path | None:
    """The folder of a root of the project; None where it is not on this computer."""
    root = config.get(key)
    if root is None:
        return None
    if not isinstance(root, str) or "\0" in root:
        raise FileFormatError(f"{path}: {key} must be text, it is {root!r}")
    local = re.sub("^(local|file)://", "", root)
    try:
        return None if "://" in local else Path(local).expanduser()
    except RuntimeError as error:  # no such home
        raise FileFormatError(f"{path}: {key}: {error}") from error


def _files(path: Path, config: Mapping[str, Any]) -> Iterator[Path]:
    roots = [_root(path, config, key) for key in ("overlay_root", "static_root")]
    found = [root for root in dict.fromkeys(roots) if root is not None and root.is_dir()]
    if not found:
        said = " and ".join(repr(config[key]) for key in ("overlay_root", "static_root") if key in config)
        raise FileFormatError(f"{path}: the folder of its picks ({said or 'none named'}) is not there")
    for root in found:
        yield from sorted((root / copick.RUNS).glob(f"*/{copick.PICKS}/*.json"))
