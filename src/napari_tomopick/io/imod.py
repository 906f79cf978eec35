"""IMOD model files (.mod): objects of contours of points, through `imodmodel`.

In IMOD the centre of the first voxel is (0.5, 0.5, 0): x and y are measured from the corner of the image, z
from the middle of the first section. Sources: PEET's ``index2ImodPoints`` ("the center of an IMOD voxel is on
1/2 index values for X and Y and unit index values for Z"); https://bio3d.colorado.edu/imod/doc/binspec.html,
model flags 10 (z starts at -0.5) and 14, and refcurtrans in asciispec.html for models made on a part of an
image.
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

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.atomic import atomic_path

VOXEL_CENTRE = np.array([0.5, 0.5, 0.0])
ANGSTROM_PER_UNIT = {-10: 1.0, -9: 10.0, -6: 1e4, -3: 1e7}
"""IMOD gives the unit of length as a power of ten of the metre; 0 is pixels."""
NAME_BYTES = 63


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
    """What is used of an IMOD model file; shape is z, y, x."""

    objects: list[ImodObject]
    voxel_size_angstrom: float | None = None
    shape: tuple[int, int, int] = field(default=(0, 0, 0))


class _Strict(io.BytesIO):
    """A file that refuses to end early, which the parser would not notice."""

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if size is not None and len(data) < size:
            raise EOFError(f"the file ends {size - len(data)} bytes too early")
        return data


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
        model = parse_model(_Strict(content))
    except (EOFError, struct.error, ValueError, IndexError) as error:
        raise FileFormatError(
            f"{path}: damaged, or of a kind imodmodel cannot read: {error}; if it holds meshes, take them "
            "out with imodmesh -e"
        ) from error
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
    return ImodFile(objects, size, (header.zmax, header.ymax, header.xmax))


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
    model_header = ModelHeader(name="napari-tomopick", xmax=nx, ymax=ny, zmax=nz)
    model_header.flags.z_coordinates_start_from_negative_half = True
    if content.voxel_size_angstrom is not None:
        model_header.units, model_header.pixelsize = -9, content.voxel_size_angstrom / 10.0
    with atomic_path(path) as temporary:
        ImodModel(header=model_header, objects=objects).to_file(temporary)
