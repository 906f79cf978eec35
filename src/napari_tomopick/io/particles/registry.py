"""Which format a file is of, and the one way to read and to write any of them."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.io.particles import shifts
from napari_tomopick.io.particles.formats import FORMATS, Format
from napari_tomopick.models.particles import SHIFTS, Particles
from napari_tomopick.models.tomogram import Tomogram

SUFFIXES = tuple(dict.fromkeys(s for f in FORMATS if f.reads for s in f.suffixes))
"""Of the files that can be read."""
WRITE_SUFFIXES = tuple(dict.fromkeys(s for f in FORMATS if f.writes for s in f.suffixes))
"""Of the files that can be written."""
SHARED = (".em", ".hdf", ".json", ".txt")
"""Suffixes of files that need not hold particles."""


def read_particles(
    path: str | os.PathLike[str],
    *,
    tomograms: Sequence[Tomogram] = (),
    format: str | None = None,
    fold_shifts: bool = False,
    scipion_compatible: bool = False,
    coordinate_columns: Sequence[str] | None = None,
) -> Particles:
    """Read particles; what every format means by its numbers is in docs/formats.md.

    Parameters
    ----------
    path : path-like
        Its suffix says which formats it may be of, its content which of them it is.
    tomograms : sequence of Tomogram
        Those the particles may lie in. Formats that need a tomogram's shape or voxel size take them from
        here; particles without a tomogram's name are given that of a single one.
    format : str, optional
        Name of the format (`formats.FORMATS`), whatever the suffix and the content say.
    fold_shifts : bool
        Where a file gives a coordinate and how far the particle lies off it (RELION's origin, Dynamo's dx,
        dy, dz ...), the position is where the particle is, both put together, and the shift is kept in
        further columns (`models.particles.SHIFTS`), so that both can be written again. With this it is not:
        coordinates will be the positions. RELION's rotation of a subtomogram goes with it.
    scipion_compatible : bool
        Take Dynamo's coordinates for 0-based, as Scipion and copick do: for files that went through them,
        and for results that must agree with theirs. Dynamo itself counts from 1.
    coordinate_columns : sequence of 3 str, optional
        Names of the columns of a CSV file that hold x, y, z, where they are called otherwise.

    Returns
    -------
    Particles
        With every column that has no counterpart here as a further column.

    Raises
    ------
    FileFormatError
        Naming file, line or row, and column of the defect, or what is needed to read the file.
    ParameterError
        If there is no such format, or it has no such compatibility.
    """
    file = Path(path)
    kind = _named(file, format, "read") if format else _format_to_read(file)
    options: dict[str, Any] = _options(file, kind, scipion_compatible)
    if coordinate_columns is not None:
        if "coordinate_columns" not in kind.options:
            raise ParameterError(f"{file}: names of columns are for CSV files; this is {kind.title}")
        options["coordinate_columns"] = coordinate_columns
    try:
        particles: Particles = _module(kind).read(file, tuple(tomograms), **options)
    except OSError as error:
        raise FileFormatError(f"{file}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # what `Particles` itself refuses, such as an id that occurs twice
        raise FileFormatError(f"{file}: {error}") from error
    return shifts.folded(particles) if fold_shifts else particles


def write_particles(
    path: str | os.PathLike[str],
    particles: Particles,
    *,
    tomograms: Sequence[Tomogram] = (),
    format: str | None = None,
    scipion_compatible: bool = False,
) -> tuple[Path, ...]:
    """Write particles, atomically; what every format keeps is in docs/formats.md.

    Parameters
    ----------
    path : path-like
        Its suffix is the format.
    particles : Particles
    tomograms : sequence of Tomogram
        Those the particles lie in, for what a format says about them (file, tilt range, centre).
    format : str, optional
        Name of the format (`formats.FORMATS`), where several have this suffix. For .star the default is
        "relion5"; others are "relion5-centred" (with coordinates in Å from the centre of the tomogram as
        well), "relion4" (RELION 4 and 3.1) and "warp".
    scipion_compatible : bool
        Write Dynamo's coordinates 0-based, as Scipion and copick do, instead of as Dynamo does.

    Returns
    -------
    tuple of Path
        Every file written: for .tbl the map of the tomograms too.

    Raises
    ------
    FileFormatError
        If the format cannot hold these particles, or needs a tomogram that was not given.
    ParameterError
        If there is no such format, its files have other suffixes, or it has no such compatibility.
    TomopickError
        If the file cannot be written.
    """
    file = Path(path)
    kind = format_to_write(file, format)
    arguments: list[Any] = [file, particles, tuple(tomograms)]
    if kind.variant:
        arguments.append(kind.variant)
    options = _options(file, kind, scipion_compatible)
    written: tuple[Path, ...] = _module(kind).write(*arguments, **options)
    return written


def format_to_write(path: str | os.PathLike[str], format: str | None = None) -> Format:
    """The format in which a file of this name is written.

    Raises
    ------
    FileFormatError
        If particles are not written to files of this suffix.
    ParameterError
        If there is no format of the name given, or its files have other suffixes.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if format:
        kind = _named(file, format, "write")
        if not kind.folder and suffix not in kind.suffixes:
            raise ParameterError(f"{file}: {kind.title} ({format}) is a file of {' '.join(kind.suffixes)}")
        return kind
    for kind in FORMATS:
        if kind.writes and suffix in kind.suffixes:
            return kind
    raise FileFormatError(f"{file}: cannot write particles of this suffix; known: {' '.join(WRITE_SUFFIXES)}")


def what_is_lost(
    path: str | os.PathLike[str], particles: Particles, *, format: str | None = None
) -> tuple[str, ...]:
    """What these particles have that the format of a file has no place for, in words for the user.

    Parameters
    ----------
    path : path-like
    particles : Particles
    format : str, optional
        As in `write_particles`.
    """
    kind = format_to_write(path, format)
    lost = []
    if not kind.orientations and particles.rotations.magnitude().any():
        lost.append("orientations")
    if not kind.scores and np.isfinite(particles.scores).any():
        lost.append("scores")
    if not kind.groups and len(np.unique(particles.groups)) > 1:
        lost.append("groups")
    if not kind.ids:
        lost.append("ids")
    chosen = {_chosen(particles, group) for group in kind.one_of}
    others = {name for group in kind.one_of for name in group} - chosen
    others |= set() if kind.frames else set(shifts.in_own_frame(particles.table))
    for column in particles.table.columns:
        if column in SHIFTS:
            continue
        kept = str(column).startswith(kind.columns) and column not in others
        if not kept and column not in chosen:
            lost.append(f"column {column}")
    if not kind.shifts and "" not in kind.columns and shifts.any_shift(particles):
        lost.append(shifts.TOLD)
    if not kind.voxel_size and particles.voxel_size_angstrom is not None:
        lost.append("voxel size")
    if not kind.box_size and particles.box_size is not None:
        lost.append("box size")
    if not kind.blocks and particles.table.attrs.get("star_blocks"):
        lost.append("the other blocks of the STAR file")
    return tuple(lost)


def _chosen(particles: Particles, group: Sequence[str]) -> str | None:
    return next((name for name in group if name in particles.table), None)


def holds_particles(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one of particles, and not, say, a volume or a model file of the same suffix."""
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix in SUFFIXES and suffix not in SHARED:
        return True
    return _recognised(file) is not None


def _options(file: Path, kind: Format, scipion_compatible: bool) -> dict[str, bool]:
    if scipion_compatible and "scipion_compatible" not in kind.options:
        known = ", ".join(f.title for f in FORMATS if "scipion_compatible" in f.options)
        raise ParameterError(f"{file}: compatibility with Scipion is about {known}, not about {kind.title}")
    return {"scipion_compatible": True} if scipion_compatible else {}


def _format_to_read(file: Path) -> Format:
    candidates = _candidates(file)
    if not candidates:
        raise FileFormatError(
            f"{file}: cannot read particles of this suffix; known: {' '.join(SUFFIXES)}; or name the format"
        )
    if not file.exists():
        raise FileFormatError(f"{file}: no such file")
    if len(candidates) == 1 and not file.is_dir():
        return candidates[0]  # its reader says best what is wrong
    found = _recognised(file)
    if found is None:
        kinds = ", ".join(f"{f.title} ({f.name})" for f in candidates)
        raise FileFormatError(f"{file}: none of what this could be: {kinds}; if it is one, name the format")
    return found


def _recognised(file: Path) -> Format | None:
    """The first format of the suffix that takes the content for its own."""
    try:
        return next((f for f in _candidates(file) if _module(f).recognises(file)), None)
    except OSError:
        return None


def _candidates(file: Path) -> list[Format]:
    if file.is_dir():
        return [f for f in FORMATS if f.reads and f.folder]
    return [f for f in FORMATS if f.reads and not f.folder and file.suffix.lower() in f.suffixes]


def _named(file: Path, name: str, what: str) -> Format:
    """The format of this name; to read, the one of its module that reads."""
    known = [f for f in FORMATS if getattr(f, f"{what}s")]
    kind = next((f for f in FORMATS if f.name == name), None)
    if kind is not None and what == "read":
        kind = next((f for f in known if f.module == kind.module and f.folder == kind.folder), None)
    if kind not in known or kind is None:
        names = ", ".join(f.name for f in known)
        raise ParameterError(f"{file}: no format {name!r} to {what}; there are {names}")
    if what == "read" and not file.exists():
        raise FileFormatError(f"{file}: no such file")
    return kind


def _module(kind: Format) -> ModuleType:
    # imported when first needed, since some of their libraries are slow to import
    return importlib.import_module(f"napari_tomopick.io.particles.{kind.module}")
