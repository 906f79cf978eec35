"""Stacks of EMAN2's (.hdf) as subtomograms, both ways: every box with its header, in one file.

The centre of a box of N is its voxel N // 2, and shows ``ptcl_source_coord``. ``xform.align3d`` takes the box
to the reference about that voxel: with R the orientation and s the offset of the particle in its box, both as
here, it is x -> R^-1 (x - s).

EMAN2 counts ``ptcl_source_coord`` in two ways: e2spt_boxer_old.py, where it cuts boxes out of a tomogram on
the command line (which also writes ``spt_tomogram``), from voxel 0; everything else from voxel N // 2 of the
tomogram, whose size the header does not have. The first is what is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.geometry.orientations import identity
from napari_tomopick.io.volumes import open_volume
from napari_tomopick.io.volumes.eman_hdf_stack import read_headers, write_images
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Acquisition
from napari_tomopick.protocols.describe import Progress
from napari_tomopick.protocols.staging import staged
from napari_tomopick.protocols.subtomograms import EMAN_IMAGE, EMAN_SUFFIX, Subtomograms

FORMAT = "eman-hdf"
COORDINATE, ALIGNMENT = "ptcl_source_coord", "xform.align3d"
ID, GROUP, SCORE = "tomopickId", "tomopickGroup", "tomopickScore"
TILTS, AXIS = ("tomopickTiltMin", "tomopickTiltMax"), "tomopickTiltAxis"
SAME_SIZE = 1e-3
"""Relative difference up to which two voxel sizes are one."""


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
    box_size, voxel_size = _box_size(path, headers), _voxel_size(path, headers)
    names = np.array([_tomogram(header) for header in headers.values()], np.str_)
    centres, messages = _centres(path, headers, voxel_size)
    placed = [_placed(path, number, header.get(ALIGNMENT)) for number, header in headers.items()]
    rotations = Rotation.concatenate([rotation for rotation, _ in placed])
    ids = [header.get(ID) for header in headers.values()]
    ours = all(isinstance(i, int) for i in ids) and len(set(ids)) == len(ids)
    particles = Particles(
        centres + np.array([shift for _, shift in placed]),
        rotations,
        ids=np.array(ids if ours else [number + 1 for number in headers], np.int64),
        groups=np.array([header.get(GROUP, 1) for header in headers.values()], np.int64),
        scores=np.array([header.get(SCORE, np.nan) for header in headers.values()], np.float64),
        tomograms=names,
        table=pd.DataFrame({EMAN_IMAGE: list(headers)}),
        voxel_size_angstrom=voxel_size,
        box_size=box_size,
    )
    return Subtomograms(
        folder=path,
        particles=particles,
        box_centres=centres,
        box_rotations=identity(len(headers)),
        box_size=box_size,
        voxel_size_angstrom=voxel_size,
        acquisitions={
            name: _acquisition(header) for name, header in zip(names.tolist(), headers.values(), strict=True)
        },
        step=Step("eman", {}, (str(path),)),
        stack=True,
        messages=messages,
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


def _tomogram(header: Mapping[str, Any]) -> str:
    """Name of the tomogram; of another program its file, without folder and suffix of a volume."""
    if ID in header:
        return str(header.get("ptcl_source_image", ""))
    name = Path(str(header.get("ptcl_source_image") or header.get("spt_tomogram") or "")).name
    known = (".hdf", ".mrc", ".rec", ".map", ".em")
    return name[: name.rindex(".")] if name.lower().endswith(known) else name


def _box_size(path: Path, headers: Mapping[int, Mapping[str, Any]]) -> int:
    first = next(iter(headers.values()))["shape"]
    for number, header in headers.items():
        shape = header["shape"]
        if len(shape) != 3 or len(set(shape)) != 1:
            raise FileFormatError(
                f"{path}: image {number} is one of {' x '.join(map(str, shape[::-1]))}; boxes are cubes"
            )
        if shape != first:
            raise FileFormatError(
                f"{path}: image {number} is a box of {shape[0]} where those before have {first[0]}; split it"
            )
    return int(first[0])


def _voxel_size(path: Path, headers: Mapping[int, Mapping[str, Any]]) -> float:
    found = 0.0
    for number, header in headers.items():
        sizes = [header.get(f"apix_{axis}", 0.0) for axis in "xyz"]
        found = found or float(sizes[0])
        if found in (0.0, 1.0) or not np.isfinite(found):
            raise FileFormatError(
                f"{path}: no voxel size: apix_x of image {number} is {sizes[0]:g}, as EMAN2 writes where it "
                "does not know; set it (e2proc3d.py --apix, or the attribute EMAN.apix_x, _y and _z)"
            )
        if not np.allclose(sizes, found, rtol=SAME_SIZE, atol=0):
            raise FileFormatError(
                f"{path}: image {number} has voxels of {' x '.join(f'{s:g}' for s in sizes)} Å, and the "
                f"first of {found:g} Å; boxes of one size of cubic voxels are needed"
            )
    return found


def _placed(path: Path, number: int, matrix: Any) -> tuple[Rotation, NDArray[np.float64]]:
    """Orientation of a particle and its offset from the centre of the box."""
    if matrix is None:
        return Rotation.identity(), np.zeros(3)
    turn, shift = np.asarray(matrix)[:, :3], np.asarray(matrix)[:, 3]
    if not (np.allclose(turn @ turn.T, np.eye(3), atol=1e-4) and np.linalg.det(turn) > 0):
        raise FileFormatError(
            f"{path}: {ALIGNMENT} of image {number} scales or mirrors, and is more than an orientation; "
            "align again without"
        )
    rotation = Rotation.from_matrix(turn).inv()
    return rotation, -rotation.apply(shift)


def _centres(
    path: Path, headers: Mapping[int, Mapping[str, Any]], voxel_size: float
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Places of the boxes in their tomograms, as far as headers have them, and what a user should know."""
    centres = np.zeros((len(headers), 3))
    without, from_centre = [], []
    middles: dict[str, NDArray[np.int64] | None] = {}
    for row, (number, header) in enumerate(headers.items()):
        place = header.get(COORDINATE)
        if place is None:
            without.append(number)
            continue
        if np.shape(place) != (3,) or not np.isfinite(place).all():
            raise FileFormatError(
                f"{path}: {COORDINATE} of image {number} is {place}, not x, y and z; it is no subtomogram"
            )
        centres[row] = place
        if "spt_tomogram" in header:
            continue
        image = str(header.get("ptcl_source_image", ""))
        if image not in middles:
            middles[image] = _middle(path, image, voxel_size)
        middle = middles[image]
        if middle is None:
            from_centre.append(number)
        else:
            centres[row] += middle
    messages = []
    if without:
        messages.append(
            f"{len(without)} boxes have no {COORDINATE}; their positions are put at 0: {without[:10]}"
        )
    if from_centre:
        messages.append(
            f"{len(from_centre)} positions count from the centre of a tomogram whose size is not known, and "
            f"stay so: {from_centre[:10]}"
        )
    return centres, tuple(messages)


def _middle(path: Path, image: str, voxel_size: float) -> NDArray[np.int64] | None:
    """Voxel N // 2 of a tomogram, x, y, z, where its file is found from a folder above the stack."""
    for folder in path.resolve().parents if image else ():
        file = folder / image
        if file.is_file():
            try:
                volume = open_volume(file)
            except FileFormatError:
                return None
            size = volume.voxel_size_angstrom
            # of another binning, the coordinates would be of another grid
            if size is None or abs(size / voxel_size - 1) > SAME_SIZE:
                return None
            return np.array(volume.shape[::-1], np.int64) // 2
    return None
