"""Stacks of EMAN2's (.hdf) as subtomograms, both ways: every box with its header, in one file.

What headers say is in `io.particles.eman_hdf`. Coordinates are written as they are counted from voxel 0 of
the tomogram, as e2spt_boxer_old.py does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.orientations import identity
from napari_tomopick.io.particles import eman_hdf, shifts
from napari_tomopick.io.particles.eman_hdf import ALIGNMENT, COORDINATE, GROUP, ID, SCORE
from napari_tomopick.io.particles.eman_hdf import IMAGE as EMAN_IMAGE
from napari_tomopick.io.volumes.eman_hdf_stack import read_headers, write_images
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Acquisition
from napari_tomopick.protocols.describe import Progress
from napari_tomopick.protocols.staging import staged
from napari_tomopick.protocols.subtomograms import EMAN_SUFFIX, Subtomograms

FORMAT = "eman-hdf"
TILTS, AXIS = ("tomopickTiltMin", "tomopickTiltMax"), "tomopickTiltAxis"


def read_eman_stack(path: Path) -> Subtomograms:
    """Open a stack of EMAN2's.

    Raises
    ------
    FileFormatError
        If it cannot be read, the boxes are no cubes of one size, nothing says the voxel size, or an alignment
        is more than a rotation and a shift.
    """
    path = Path(path)
    headers = read_headers(path)
    placed = eman_hdf.particles_of(path, headers)
    particles = placed.particles
    centres, _ = shifts.divided(path, particles)
    messages = []
    if placed.nowhere:
        messages.append(
            f"{len(placed.nowhere)} boxes have no {COORDINATE}; their positions are put at 0: "
            f"{placed.nowhere[:10]}"
        )
    if placed.from_centre:
        messages.append(
            f"{len(placed.from_centre)} positions count from the centre of a tomogram whose size is not "
            f"known, and stay so: {placed.from_centre[:10]}"
        )
    assert particles.box_size is not None
    assert particles.voxel_size_angstrom is not None
    return Subtomograms(
        folder=path,
        particles=shifts.folded(particles),
        box_centres=centres,
        box_rotations=identity(len(headers)),
        box_size=particles.box_size,
        voxel_size_angstrom=particles.voxel_size_angstrom,
        acquisitions={
            name: _acquisition(header)
            for name, header in zip(particles.tomograms.tolist(), headers.values(), strict=True)
        },
        step=Step("eman", {}, (str(path),)),
        stack=True,
        messages=tuple(messages),
    )


def write_eman_stack(
    boxes: Subtomograms, output: Path, *, overwrite: bool = False, progress: Progress | None = None
) -> tuple[Path, tuple[str, ...]]:
    """Write subtomograms as a stack of EMAN2's, with coordinates in voxels of the boxes.

    Parameters
    ----------
    boxes : Subtomograms
    output : Path
        A .hdf file; it appears when all of it is written.
    overwrite : bool
        Replace an existing file.
    progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    Path
    tuple of str
        What the format has no place for, in words.

    Raises
    ------
    FileFormatError
        If a box cannot be read.
    ParameterError
        If the file exists, is not called .hdf, or the boxes are turned, which the format cannot say.
    TomopickError
        If it cannot be written.
    """
    output = Path(output)
    if output.suffix.lower() != EMAN_SUFFIX:
        raise ParameterError(f"{output}: EMAN2 goes by the suffix; end the name in {EMAN_SUFFIX}")
    if boxes.box_rotations.magnitude().max(initial=0.0) > 0:
        raise ParameterError(
            f"{boxes.folder}: these boxes were turned, and EMAN2's headers cannot say how they lie in the "
            "tomogram; give the boxes as they were extracted, with their particles' orientations"
        )
    particles = boxes.particles
    if len(particles) and np.abs(particles.ids).max() >= 2**31:
        raise ParameterError(f"{boxes.folder}: an id of {np.abs(particles.ids).max()}: EMAN2 has 32 bits")
    with staged(output, overwrite=overwrite) as (path,):
        write_images(path, _images(boxes, output, progress))
    kept = {name: _acquisition(_told(known)) for name, known in boxes.acquisitions.items()}
    lost = [f"column {name}" for name in particles.table.columns if name != EMAN_IMAGE]
    if kept != boxes.acquisitions:
        lost.append("tilt step, voltage and optics")
    return output, tuple(lost)


def _images(
    boxes: Subtomograms, output: Path, progress: Progress | None
) -> Iterator[tuple[NDArray[np.float32], Mapping[str, Any]]]:
    """Each box with its header."""
    p, size = boxes.particles, boxes.voxel_size_angstrom
    centres = replace(p, positions=boxes.box_centres).rescaled(size).positions
    shifts = boxes.shifts()
    inverse = p.rotations.inv().as_matrix().reshape(-1, 3, 3)
    for row in range(len(boxes)):
        if progress is not None:
            progress(row, len(boxes), "writing boxes")
        name = str(p.tomograms[row])
        header: dict[str, Any] = {f"apix_{axis}": float(size) for axis in "xyz"}
        header |= {f"origin_{axis}": 0.0 for axis in "xyz"}
        header |= {
            COORDINATE: centres[row],
            ALIGNMENT: np.column_stack([inverse[row], -inverse[row] @ shifts[row]]),
            "ptcl_source_image": name,
            "spt_tomogram": name,
            "spt_originalstack": output.name,
            ID: int(p.ids[row]),
            GROUP: int(p.groups[row]),
        }
        if np.isfinite(p.scores[row]):
            header[SCORE] = float(p.scores[row])
        yield boxes.box(row), header | _told(boxes.acquisitions.get(name, Acquisition()))


def _told(acquisition: Acquisition) -> dict[str, Any]:
    """What a header says of an acquisition."""
    tilts = acquisition.tilt_range_degrees
    told = {} if tilts is None else dict(zip(TILTS, map(float, tilts), strict=True))
    return told | {AXIS: acquisition.tilt_axis}


def _acquisition(header: Mapping[str, Any]) -> Acquisition:
    low, high = (header.get(key) for key in TILTS)
    return Acquisition(low, high, tilt_axis="x" if header.get(AXIS) == "x" else "y")
