"""Data folders of Dynamo's as subtomograms, both ways: particle_000001.em ... with their table, crop.tbl.

The centre of a box of N is its voxel N // 2, counted from 0, and shows the place the table gives as x, y, z;
the particle lies dx, dy, dz off it. (What Dynamo does with a fraction of a voxel where it crops is not
documented, and its averages take no notice of it.)
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry.orientations import identity
from napari_tomopick.io.particles import read_particles, shifts
from napari_tomopick.io.particles.dynamo import MAP_NAME
from napari_tomopick.io.particles.dynamo_folder import TABLE, recognises
from napari_tomopick.io.volumes import em, open_volume
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.protocols.describe import Progress
from napari_tomopick.protocols.staging import staged
from napari_tomopick.protocols.subtomograms import Subtomograms, write_table

__all__ = ["read_dynamo_folder", "recognises", "write_dynamo_folder"]

FORMAT = "dynamo-folder"
PATTERN = "particle_{:06d}.em"


def read_dynamo_folder(folder: Path) -> Subtomograms:
    """Open a data folder of Dynamo's.

    Raises
    ------
    FileFormatError
        If its table cannot be read, it has no box, or nothing says the voxel size.
    """
    folder = Path(folder)
    listed = read_particles(folder / TABLE, format="dynamo")
    pattern, present = _files(folder)
    has_box = np.array([i in present for i in listed.ids.tolist()], bool)
    if not has_box.any():
        raise FileFormatError(
            f"{folder}: no box of a particle in {TABLE} is there; names are {PATTERN.format(1)} or .mrc"
        )
    skipped = listed.ids[~has_box].tolist()
    particles = listed.select(has_box)
    centres, _ = shifts.divided(folder / TABLE, particles)
    first = open_volume(folder / pattern.format(int(particles.ids[0])))
    if len(set(first.shape)) != 1:
        raise FileFormatError(f"{first.path}: a box of {first.shape} voxels (z, y, x); boxes are cubes")
    size = particles.voxel_size_angstrom or first.voxel_size_angstrom
    if size is None:
        raise FileFormatError(
            f"{folder / TABLE}: no voxel size: column 36 (apix) is 0, and the boxes have none; fill column 36"
        )
    particles = replace(
        particles,
        table=shifts.folded(particles).table,
        voxel_size_angstrom=float(size),
        box_size=first.shape[0],
    )
    messages = (f"{len(skipped)} particles of {TABLE} have no box: {skipped[:10]}",) if skipped else ()
    return Subtomograms(
        folder=folder,
        particles=particles,
        box_centres=centres,
        box_rotations=identity(len(particles)),
        box_size=first.shape[0],
        voxel_size_angstrom=float(size),
        acquisitions=_acquisitions(particles),
        step=Step("dynamo", {}, (str(folder),)),
        skipped=tuple(skipped),
        messages=messages,
        pattern=pattern,
    )


def write_dynamo_folder(
    boxes: Subtomograms, output: Path, *, overwrite: bool = False, progress: Progress | None = None
) -> tuple[Path, ...]:
    """Write subtomograms as a data folder of Dynamo's.

    Parameters
    ----------
    boxes : Subtomograms
    output : Path
        The folder; it appears when all of it is written.
    overwrite : bool
        Replace an empty folder.
    progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    tuple of Path
        The folder and its table.

    Raises
    ------
    FileFormatError
        If a box cannot be read.
    ParameterError
        If the folder exists.
    TomopickError
        If it cannot be written.
    """
    output = Path(output)
    with staged(output, overwrite=overwrite) as (folder,):
        folder.mkdir()
        for row, particle in enumerate(boxes.particles.ids.tolist()):
            if progress is not None:
                progress(row, len(boxes), "writing boxes")
            em.write(folder / PATTERN.format(particle), boxes.box(row))
        write_table(boxes, folder / TABLE, _as_known(boxes))
        names = (folder / TABLE).with_suffix(".doc")
        if names.exists():
            names.rename(folder / MAP_NAME)
    return (output, output / TABLE)


def _as_known(boxes: Subtomograms) -> list[Tomogram]:
    """The tomograms, as far as the boxes know them: name and acquisition."""
    return [
        Tomogram(name, Path(name), (1, 1, 1), boxes.voxel_size_angstrom, acquisition)
        for name, acquisition in boxes.acquisitions.items()
        if name
    ]


def _files(folder: Path) -> tuple[str, set[int]]:
    """How the boxes are called, and of which particles there is one."""
    found: dict[str, set[int]] = {}
    for file in folder.iterdir():
        match = re.fullmatch(r"particle_(\d+)(\.em|\.mrc)", file.name)
        if match:
            pattern = f"particle_{{:0{len(match[1])}d}}{match[2]}"
            found.setdefault(pattern, set()).add(int(match[1]))
    # numbers that are too long for the width make a pattern of their own
    for pattern, numbers in found.items():
        for other in found:
            if other.endswith(pattern[-4:]):
                numbers |= {n for n in found[other] if (folder / pattern.format(n)).is_file()}
    return max(found.items(), key=lambda item: len(item[1]), default=(PATTERN, set()))


def _acquisitions(particles: Particles) -> dict[str, Acquisition]:
    """Tilt ranges of the table, by tomogram, where all its particles have the same."""
    found = {}
    for name in np.unique(particles.tomograms).tolist():
        rows = particles.table[particles.tomograms == name]
        for axis in ("y", "x"):
            tilts: NDArray[np.float64] = rows[[f"dyn_{axis}mintilt", f"dyn_{axis}maxtilt"]].to_numpy(float)
            if tilts.any() and (tilts == tilts[0]).all() and tilts[0, 0] < tilts[0, 1]:
                low, high = tilts[0].tolist()
                found[name] = Acquisition(low, high, tilt_axis="y" if axis == "y" else "x")
                break
        else:
            found[name] = Acquisition()
    return found
