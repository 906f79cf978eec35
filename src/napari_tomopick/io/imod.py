"""IMOD model files (.mod): objects of contours of points, through `imodmodel`.

In IMOD the centre of the first voxel is (0.5, 0.5, 0): x and y are measured from the corner of the image, z
from the middle of the first section. Sources: PEET's ``index2ImodPoints`` ("the center of an IMOD voxel is on
1/2 index values for X and Y and unit index values for Z"); https://bio3d.colorado.edu/imod/doc/binspec.html,
model flags 10 (z starts at -0.5) and 14, and refcurtrans in asciispec.html for models made on a part of an
image.

Slicer angles x, y, z turn the volume about z, then y, then x, so that the slice lies flat (help of 3dmod's
slicer; setForwardMatrix in slicer.cpp, imodMatRot in imat.c). What lies flat is the reference, so a particle
that the angles were saved for has the orientation ``Rz(-z) Ry(-y) Rx(-x)``.
"""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.atomic import atomic_path

VOXEL_CENTRE = np.array([0.5, 0.5, 0.0])
ANGSTROM_PER_UNIT = {-10: 1.0, -9: 10.0, -6: 1e4, -3: 1e7}
"""IMOD gives the unit of length as a power of ten of the metre; 0 is pixels."""
NAME_BYTES = 63
OUR_NAME = "napari-tomopick"
"""What the model files of this program are called within."""


@dataclass(frozen=True)
class ImodObject:
    """One object of an IMOD model.

    Parameters
    ----------
    name : str
    contours : list of arrays, shape (n, 3)
        Positions x, y, z in voxels, 0-based, whole numbers at voxel centres.
    scattered : bool
        The points are loose; else they are strung on the contours.
    colour : tuple of 3 float
        Red, green, blue from 0 to 1.
    """

    name: str
    contours: list[NDArray[np.float64]]
    scattered: bool = True
    colour: tuple[float, float, float] = (0.0, 1.0, 0.0)


@dataclass(frozen=True)
class ImodFile:
    """What is used of an IMOD model file; shape is z, y, x.

    Parameters
    ----------
    objects : list of ImodObject
    voxel_size_angstrom : float, optional
    shape : tuple of 3 int
        z, y, x of the image; 0 if not known.
    slice_centres : array, shape (n, 3)
        Where slicer angles were saved, as positions.
    slice_rotations : Rotation, n of them, optional
        The orientation of a particle there that lies flat in the slice. None where there are no angles.
    """

    objects: list[ImodObject]
    voxel_size_angstrom: float | None = None
    shape: tuple[int, int, int] = field(default=(0, 0, 0))
    slice_centres: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))
    slice_rotations: Rotation | None = None


HEADER_BYTES = 240
_FIXED = {b"OBJT": 176, b"CONT": 16, b"MESH": 16}
"""Bytes of what begins without saying its length; points, vertices and lists follow the last two."""
_USED = {b"MINX": 72, b"SLAN": 60}
"""Bytes of the other chunks that are used."""
SLAN_OF_IMODMODEL = 48
"""What imodmodel 0.1 says of the 60 bytes that it writes; 3dmod would take the rest for the next chunk."""


def _without_what_is_not_used(content: bytes) -> io.BytesIO:
    """The header, objects, contours, slicer angles and image reference of a model file.

    What the parser gets is checked to be whole, since it takes every number of points for true. Meshes, of
    which it reads one kind, are left out.

    Raises
    ------
    EOFError, ValueError
        Where the file ends early, or a length is impossible.
    """
    kept = [content[:HEADER_BYTES]]
    place = HEADER_BYTES
    while (tag := content[place : place + 4]) != b"IEOF":
        start = place
        if tag in _FIXED:
            place += 4 + _FIXED[tag]
            sizes = struct.unpack(">2i", content[start + 4 : start + 12].ljust(8, b"\0"))
            if tag != b"OBJT":
                points, listed = sizes if tag == b"MESH" else (sizes[0], 0)
                if points < 0 or listed < 0:
                    raise ValueError(f"{min(points, listed)} points at byte {start}")
                place += 12 * points + 4 * listed
        else:
            length = int.from_bytes(content[place + 4 : place + 8], "big")
            if tag == b"SLAN" and length == SLAN_OF_IMODMODEL:
                length = _USED[tag]
            if length != _USED.get(tag, length):
                raise ValueError(f"{tag!r} of {length} bytes at byte {start}, it has {_USED[tag]}")
            place += 8 + length
        if place > len(content) or len(tag) < 4:
            raise EOFError(f"the file ends in what begins at byte {start} ({tag!r})")
        if tag in (b"OBJT", b"CONT") or tag in _USED:
            kept.append(content[start:place])
    return io.BytesIO(b"".join([*kept, b"IEOF"]))


def read_imod(path: str | os.PathLike[str]) -> ImodFile:
    """Read an IMOD model.

    Raises
    ------
    FileFormatError
        If it is no IMOD model, or is damaged.
    """
    from imodmodel.parsers import parse_model

    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror}") from error
    if not content.startswith(b"IMOD"):
        raise FileFormatError(f"{path}: not an IMOD model: it starts with {content[:4]!r}, not IMOD")
    try:
        model = parse_model(_without_what_is_not_used(content))
    except (EOFError, struct.error, ValueError, IndexError) as error:
        raise FileFormatError(f"{path}: damaged, or of a kind imodmodel cannot read: {error}") from error
    for number, item in enumerate(model.objects, 1):
        if not all(0 <= part <= 1 for part in item.color):
            raise FileFormatError(f"{path}: object {number} has a colour that is none: {item.color}")
        for contour_number, contour in enumerate(item.contours, 1):
            if not np.isfinite(contour.points).all():
                raise FileFormatError(
                    f"{path}: object {number}, contour {contour_number} has a point that is not a number"
                )
    shift = _image_shift(model)
    objects = [
        ImodObject(
            name=item.header.name,
            contours=[c.points.astype(np.float64) + shift - VOXEL_CENTRE for c in item.contours],
            scattered=bool(item.header.flags.scattered),
            colour=item.color,
        )
        for item in model.objects
    ]
    header = model.header
    scale = ANGSTROM_PER_UNIT.get(header.units)
    # single precision holds seven digits; what follows them is not the user's voxel size
    size = float(f"{header.pixelsize * scale:.7g}") if scale and header.pixelsize > 0 else None
    centres, rotations = _slices(path, model)
    return ImodFile(
        objects, size, (header.zmax, header.ymax, header.xmax), centres + shift - VOXEL_CENTRE, rotations
    )


def _slices(path: str | os.PathLike[str], model: Any) -> tuple[NDArray[np.float64], Rotation | None]:
    """Centres in the file's own coordinates, and orientations, of the slicer angles."""
    if not model.slicer_angles:
        return np.empty((0, 3)), None
    centres = np.array([each.center for each in model.slicer_angles], dtype=np.float64)
    angles = np.array([each.angles for each in model.slicer_angles], dtype=np.float64)
    if not (np.isfinite(centres).all() and np.isfinite(angles).all()):
        raise FileFormatError(f"{path}: a slicer angle or its centre is not a number")
    return centres, Rotation.from_euler("ZYX", -angles[:, ::-1], degrees=True)


def is_ours(path: Path) -> bool:
    """Whether a model file was written by this program, and not by a person's hand in 3dmod."""
    with path.open("rb") as file:
        return file.read(8 + len(OUR_NAME) + 1)[8:] == OUR_NAME.encode() + b"\0"


def _image_shift(model: Any) -> NDArray[np.float64]:
    """What to add to the coordinates of a model made on a part of an image (asciispec.html)."""
    if model.minx is None or not model.header.flags.otrans_has_image_origin_values:
        return np.zeros(3)
    scale = np.array(model.minx.cscale, dtype=np.float64)
    if not (np.isfinite(scale) & (scale > 0)).all():
        return np.zeros(3)
    return np.asarray((np.array(model.minx.otrans) - np.array(model.minx.ctrans)) / scale)


def write_imod(path: str | os.PathLike[str], content: ImodFile) -> None:
    """Write an IMOD model, atomically; coordinates are in single precision there.

    Raises
    ------
    FileFormatError
        If a name is too long for the format.
    TomopickError
        If the file cannot be written.
    """
    from imodmodel.models import Contour, ImodModel, ModelHeader, Object, ObjectHeader
    from imodmodel.writers import write_model

    objects = []
    for item in content.objects:
        if len(item.name.encode()) > NAME_BYTES:
            raise FileFormatError(
                f"cannot write {path}: the name {item.name!r} is too long for IMOD ({NAME_BYTES} bytes)"
            )
        header = ObjectHeader(name=item.name)
        header.flags.scattered = item.scattered
        header.flags.open = not item.scattered
        contours = [Contour(points=points + VOXEL_CENTRE) for points in item.contours]
        objects.append(Object(header=header, contours=contours, color=item.colour))
    nz, ny, nx = content.shape
    model_header = ModelHeader(name=OUR_NAME, xmax=nx, ymax=ny, zmax=nz)
    model_header.flags.z_coordinates_start_from_negative_half = True
    if content.voxel_size_angstrom is not None:
        model_header.units, model_header.pixelsize = -9, content.voxel_size_angstrom / 10.0
    file = io.BytesIO()
    write_model(file, ImodModel(header=model_header, objects=objects))
    body = file.getvalue().removesuffix(b"IEOF")
    with atomic_path(path) as temporary:
        temporary.write_bytes(body + _slicer_angles(content) + b"IEOF")


def _slicer_angles(content: ImodFile) -> bytes:
    if content.slice_rotations is None or not len(content.slice_centres):
        return b""
    angles = _to_slicer(content.slice_rotations)
    chunks = [
        struct.pack(">4sii6f32s", b"SLAN", _USED[b"SLAN"], 1, *a, *c, b"")
        for a, c in zip(angles.tolist(), (content.slice_centres + VOXEL_CENTRE).tolist(), strict=True)
    ]
    return b"".join(chunks)


def _to_slicer(rotations: Rotation) -> NDArray[np.float64]:
    """Slicer angles x, y, z in degrees, ``(n, 3)``; where y is ±90, z takes the whole turn."""
    matrix = rotations.as_matrix().reshape(-1, 3, 3)
    cos_y = np.hypot(matrix[:, 0, 0], matrix[:, 1, 0])
    pole = cos_y < 1e-9
    x = np.where(pole, 0.0, np.arctan2(matrix[:, 2, 1], matrix[:, 2, 2]))
    y = np.arctan2(-matrix[:, 2, 0], cos_y)
    z = np.where(
        pole, np.arctan2(-matrix[:, 0, 1], matrix[:, 1, 1]), np.arctan2(matrix[:, 1, 0], matrix[:, 0, 0])
    )
    return -np.degrees(np.column_stack([x, y, z]))
