"""Particles of a stack of EMAN2's boxes (.hdf): what the header of each box says of its particle.

The centre of a box of N is its voxel N // 2, and shows ``ptcl_source_coord``. ``xform.align3d`` takes the box
to the reference about that voxel: with R the orientation and s the offset of the particle in its box, both as
here, it is x -> R^-1 (x - s).

EMAN2 counts ``ptcl_source_coord`` in two ways: e2spt_boxer_old.py, where it cuts boxes out of a tomogram on
the command line (which also writes ``spt_tomogram``), from voxel 0; everything else from voxel N // 2 of the
tomogram, whose size the header does not have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry.coordinates import SAME_RATIO, volume_centre
from napari_tomopick.io.particles import shifts
from napari_tomopick.io.volumes import eman_hdf_stack, open_volume
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

IMAGE = "eman_image"
"""Further column with the number of a particle's box."""
COORDINATE, ALIGNMENT = "ptcl_source_coord", "xform.align3d"
ID, GROUP, SCORE = "tomopickId", "tomopickGroup", "tomopickScore"
VOLUME_SUFFIXES = (".hdf", ".mrc", ".rec", ".map", ".em")


@dataclass(frozen=True, eq=False)
class Placed:
    """Particles, and which of the boxes their places are not known of.

    Parameters
    ----------
    particles : Particles
    nowhere : list of int
        Images without a coordinate, which are put at 0.
    from_centre : list of int
        Images whose coordinates count from the centre of a tomogram of unknown size, and stay so.
    """

    particles: Particles
    nowhere: list[int]
    from_centre: list[int]


def recognises(path: Path) -> bool:
    """Whether it is a stack of boxes that know where they come from, and not a tomogram."""
    return COORDINATE in eman_hdf_stack.first_header(path)


def read(path: Path, tomograms: Sequence[Tomogram]) -> Particles:
    """Read the particles of a stack; see `napari_tomopick.io.particles.read_particles`."""
    placed = particles_of(path, eman_hdf_stack.read_headers(path), tomograms)
    if placed.nowhere:
        raise FileFormatError(
            f"{path}: image {placed.nowhere[0]} has no {COORDINATE}, so that nobody knows where it comes from"
        )
    if placed.from_centre:
        row = placed.particles.table[IMAGE].tolist().index(placed.from_centre[0])
        name = placed.particles.tomograms[row]
        raise FileFormatError(
            f"{path}: its coordinates count from the centre of the tomogram {str(name)!r}, which is needed; "
            "give it (--tomogram), with the voxel size of the boxes"
        )
    return placed.particles


def particles_of(
    path: Path, headers: Mapping[int, Mapping[str, Any]], tomograms: Sequence[Tomogram] = ()
) -> Placed:
    """Particles of the headers of a stack, `eman_hdf_stack.read_headers`.

    Raises
    ------
    FileFormatError
        If the boxes are no cubes of one size, nothing says the voxel size, or an alignment is more than a
        rotation and a shift.
    """
    voxel_size = _voxel_size(path, headers)
    centres, nowhere, from_centre = _centres(path, headers, voxel_size, tomograms)
    placed = [_placed(path, number, header.get(ALIGNMENT)) for number, header in headers.items()]
    shift = np.array([shift for _, shift in placed])
    ids = [header.get(ID) for header in headers.values()]
    ours = all(isinstance(i, int) for i in ids) and len(set(ids)) == len(ids)
    particles = Particles(
        centres + shift,
        Rotation.concatenate([rotation for rotation, _ in placed]),
        ids=np.array(ids if ours else [number + 1 for number in headers], np.int64),
        groups=np.array([header.get(GROUP, 1) for header in headers.values()], np.int64),
        scores=np.array([header.get(SCORE, np.nan) for header in headers.values()], np.float64),
        tomograms=np.array([_tomogram(header) for header in headers.values()], np.str_),
        table=shifts.beside(pd.DataFrame({IMAGE: list(headers)}), shift),
        voxel_size_angstrom=voxel_size,
        box_size=_box_size(path, headers),
    )
    return Placed(particles, nowhere, from_centre)


def _tomogram(header: Mapping[str, Any]) -> str:
    """Name of the tomogram; of another program its file, without folder and suffix of a volume."""
    if ID in header:
        return str(header.get("ptcl_source_image", ""))
    name = Path(str(header.get("ptcl_source_image") or header.get("spt_tomogram") or "")).name
    return name[: name.rindex(".")] if name.lower().endswith(VOLUME_SUFFIXES) else name


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
        if not np.allclose(sizes, found, rtol=SAME_RATIO, atol=0):
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
    path: Path, headers: Mapping[int, Mapping[str, Any]], voxel_size: float, tomograms: Sequence[Tomogram]
) -> tuple[NDArray[np.float64], list[int], list[int]]:
    """Places of the boxes in their tomograms; images without, and those whose tomogram is not known."""
    centres = np.zeros((len(headers), 3))
    nowhere, from_centre = [], []
    middles: dict[str, NDArray[np.float64] | None] = {}
    for row, (number, header) in enumerate(headers.items()):
        place = header.get(COORDINATE)
        if place is None:
            nowhere.append(number)
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
            name = _tomogram(header)
            middles[image] = _middle(path, image, voxel_size, [t for t in tomograms if t.name == name])
        middle = middles[image]
        if middle is None:
            from_centre.append(number)
        else:
            centres[row] += middle
    return centres, nowhere, from_centre


def _middle(
    path: Path, image: str, voxel_size: float, given: Sequence[Tomogram]
) -> NDArray[np.float64] | None:
    """Voxel N // 2 of a tomogram that was given, or whose file is found from a folder above the stack."""
    # of another binning, the coordinates would be of another grid
    for tomogram in given:
        if abs(tomogram.voxel_size_angstrom / voxel_size - 1) <= SAME_RATIO:
            return volume_centre(tomogram.shape)
    for folder in path.resolve().parents if image else ():
        file = folder / image
        if file.is_file():
            try:
                volume = open_volume(file)
            except FileFormatError:
                return None
            size = volume.voxel_size_angstrom
            fits = size is not None and abs(size / voxel_size - 1) <= SAME_RATIO
            return volume_centre(volume.shape) if fits else None
    return None
