"""Reading OME-Zarr (.zarr), full resolution, lazily.

Source: https://ngff.openmicroscopy.org, versions 0.4 (multiscales among the attributes) and 0.5 (under
"ome").
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.volumes.volume import RawVolume

ANGSTROM_PER_UNIT = {"angstrom": 1.0, "nanometer": 10.0, "micrometer": 1e4}


def read(path: Path) -> RawVolume:
    """Open level 0 of an OME-Zarr image; see `napari_tomopick.io.volumes.open_volume`.

    Raises
    ------
    FileFormatError
        If it is no Zarr folder, its axes are not z, y, x, or its unit is not one of length.
    """
    import zarr

    try:
        node = zarr.open(str(path), mode="r")
    except (FileNotFoundError, ValueError, KeyError) as error:
        raise FileFormatError(f"{path}: not a Zarr folder: {error}") from error
    if isinstance(node, zarr.Array):
        return RawVolume(
            node, assumed=("a plain Zarr array without OME metadata; its axes are taken as z, y, x",)
        )
    attributes: dict[str, Any] = dict(node.attrs)
    multiscales = attributes.get("ome", attributes).get("multiscales")
    if not multiscales:
        raise FileFormatError(
            f"{path}: no multiscales in it: not an OME-Zarr image; open the array inside it"
        )
    image = multiscales[0]
    axes = [axis["name"] for axis in image.get("axes", ())]
    if axes and axes != ["z", "y", "x"]:
        raise FileFormatError(f"{path}: its axes are {', '.join(axes)}; a tomogram has z, y, x only")
    try:
        level = image["datasets"][0]
        data = node[level["path"]]
    except (KeyError, IndexError) as error:
        raise FileFormatError(f"{path}: damaged: no array of full resolution in it ({error})") from error
    return RawVolume(data, *_scale(path, image, level))


def _scale(
    path: Path, image: dict[str, Any], level: dict[str, Any]
) -> tuple[tuple[float, float, float] | None, tuple[float, float, float], tuple[str, ...]]:
    """Voxel sizes and origin as x, y, z in Å, and notes."""
    scale, shift = [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]  # z, y, x
    found = False
    for transform in [
        *level.get("coordinateTransformations", ()),
        *image.get("coordinateTransformations", ()),
    ]:
        if transform["type"] == "scale":
            scale = [a * b for a, b in zip(scale, transform["scale"], strict=True)]
            shift = [a * b for a, b in zip(shift, transform["scale"], strict=True)]
            found = True
        elif transform["type"] == "translation":
            shift = [a + b for a, b in zip(shift, transform["translation"], strict=True)]
    units = {axis.get("unit") for axis in image.get("axes", ())}
    if not found or units <= {None}:
        return None, (0.0, 0.0, 0.0), ("the file gives no unit of length, so its scale is set aside",) * found
    if len(units) != 1 or not units <= set(ANGSTROM_PER_UNIT):
        raise FileFormatError(
            f"{path}: its axes have the units {sorted(map(str, units))}; known: "
            f"{', '.join(ANGSTROM_PER_UNIT)}"
        )
    factor = ANGSTROM_PER_UNIT[units.pop()]
    z, y, x = (factor * s for s in scale)
    oz, oy, ox = (factor * s for s in shift)
    return (x, y, z), (ox, oy, oz), ()
