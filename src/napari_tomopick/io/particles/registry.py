"""Which module reads and writes which suffix."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

# the modules are imported when first needed, since some of their libraries are slow to import
FORMATS = {".star": "relion", ".tbl": "dynamo", ".csv": "csv_table", ".mod": "imod_points"}
SUFFIXES = tuple(FORMATS)
FLAVOURS = ("relion5", "relion5-centred", "relion4")


def read_particles(path: str | os.PathLike[str], *, tomograms: Sequence[Tomogram] = ()) -> Particles:
    """Read particles; what every format means by its numbers is in docs/formats.md.

    Parameters
    ----------
    path : path-like
        .star (RELION 5, 4, 3.1), .tbl (Dynamo, with its .doc map), .csv, .mod (IMOD).
    tomograms : sequence of Tomogram
        Those the particles may lie in. Formats that need a tomogram's shape or voxel size take them from
        here; particles without a tomogram's name are given that of a single one.

    Returns
    -------
    Particles
        With every column that has no counterpart here as a further column.

    Raises
    ------
    FileFormatError
        Naming file, line or row, and column of the defect, or what is needed to read the file.
    """
    file = Path(path)
    module = _module(file, "read")
    if not file.is_file():
        raise FileFormatError(f"{file}: no such file")
    try:
        particles: Particles = module.read(file, tuple(tomograms))
    except OSError as error:
        raise FileFormatError(f"{file}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # what `Particles` itself refuses, such as an id that occurs twice
        raise FileFormatError(f"{file}: {error}") from error
    return particles


def write_particles(
    path: str | os.PathLike[str],
    particles: Particles,
    *,
    tomograms: Sequence[Tomogram] = (),
    flavour: str | None = None,
) -> tuple[Path, ...]:
    """Write particles, atomically; what every format keeps is in docs/formats.md.

    Parameters
    ----------
    path : path-like
        .star, .tbl, .csv or .mod.
    particles : Particles
    tomograms : sequence of Tomogram
        Those the particles lie in, for what a format says about them (file, tilt range, centre).
    flavour : str, optional
        For .star: "relion5" (the default), "relion5-centred" (with coordinates in Å from the centre of the
        tomogram as well), "relion4" (RELION 4 and 3.1).

    Returns
    -------
    tuple of Path
        Every file written: for .tbl the map of the tomograms too.

    Raises
    ------
    FileFormatError
        If the format cannot hold these particles, or needs a tomogram that was not given.
    TomopickError
        If the file cannot be written.
    """
    file = Path(path)
    module = _module(file, "write")
    if flavour is None:
        written: tuple[Path, ...] = module.write(file, particles, tuple(tomograms))
        return written
    if FORMATS[file.suffix.lower()] != "relion" or flavour not in FLAVOURS:
        raise ParameterError(f"{file}: no flavour {flavour!r}; .star files have {', '.join(FLAVOURS)}")
    written = module.write(file, particles, tuple(tomograms), flavour)
    return written


def what_is_lost(path: str | os.PathLike[str], particles: Particles) -> tuple[str, ...]:
    """What these particles have that a file of this suffix has no place for, in words for the user."""
    suffix = Path(path).suffix.lower()
    lost = []
    if suffix in (".mod", ".json"):
        if particles.rotations.magnitude().any():
            lost.append("orientations")
        if np.isfinite(particles.scores).any():
            lost.append("scores")
        lost.append("ids")
    if suffix in (".mod", ".json", ".tbl"):
        kept = "dyn_" if suffix == ".tbl" else ()
        lost += [f"column {c}" for c in particles.table.columns if not str(c).startswith(kept)]
        lost += ["box size"] if particles.box_size is not None and suffix != ".json" else []
    if suffix != ".star" and particles.table.attrs.get("star_blocks"):
        lost.append("the other blocks of the STAR file")
    return tuple(lost)


def _module(file: Path, what: str) -> ModuleType:
    name = FORMATS.get(file.suffix.lower())
    if name is None:
        raise FileFormatError(f"{file}: cannot {what} particles of this suffix; known: {' '.join(SUFFIXES)}")
    return importlib.import_module(f"napari_tomopick.io.particles.{name}")
