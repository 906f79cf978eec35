"""Reading TIFF stacks (.tif .tiff), memory-mapped where they are stored in one piece, else lazily."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.volumes.volume import RawVolume

# ImageJ writes the unit as the user typed it, OME as a sign
ANGSTROM_PER_UNIT = {
    "angstrom": 1.0, "angstroms": 1.0, "å": 1.0, "a": 1.0, "nm": 10.0, "nanometer": 10.0,
    "um": 1e4, "µm": 1e4, "\\u00b5m": 1e4, "micron": 1e4, "microns": 1e4, "pm": 0.01, "mm": 1e7,
}  # fmt: skip


def read(path: Path) -> RawVolume:
    """Open a TIFF stack; see `napari_tomopick.io.volumes.open_volume`.

    Raises
    ------
    FileFormatError
        If it is no TIFF file, is truncated, or holds something else than one stack of grey images.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as tif:
            if len(tif.series) != 1:
                raise FileFormatError(
                    f"{path}: {len(tif.series)} image series, not one tomogram; split it first"
                )
            series = tif.series[0]
            if len(series.shape) == 3 and "S" in series.axes:
                raise FileFormatError(f"{path}: a colour image (axes {series.axes}), not a tomogram")
            expected = series.dataoffset + series.nbytes if series.dataoffset is not None else 0
            if expected > path.stat().st_size:
                raise FileFormatError(
                    f"{path}: truncated: {expected} bytes needed, the file has {path.stat().st_size}; "
                    "copy it again"
                )
            in_one_piece = series.dataoffset is not None
            imagej = tif.imagej_metadata or {}
            sizes = _ome_voxel_sizes(tif.ome_metadata) or _voxel_sizes(imagej, tif.pages[0])
        data = tifffile.memmap(path, mode="r") if in_one_piece else _lazy(path)
    except tifffile.TiffFileError as error:
        raise FileFormatError(f"{path}: not a TIFF file, or damaged: {error}") from error
    assumed = ("rows are kept in the order of the file (IMOD and RELION turn TIFF files upside down)",)
    return RawVolume(data, sizes, assumed=assumed)


def _lazy(path: Path) -> Any:
    import tifffile
    import zarr

    store = tifffile.imread(path, aszarr=True)
    array = zarr.open_array(store, mode="r")
    weakref.finalize(array, store.close)  # the file stays open as long as someone holds the array
    return array


def _voxel_sizes(imagej: dict[str, Any], page: Any) -> tuple[float, float, float] | None:
    """ImageJ says the unit and the spacing along z; plain TIFF files say too little to be trusted."""
    scale = ANGSTROM_PER_UNIT.get(str(imagej.get("unit", "")).lower())
    x, y = (page.tags.get(f"{axis}Resolution") for axis in "XY")
    if scale is None or "spacing" not in imagej or x is None or y is None or 0 in (*x.value, *y.value):
        return None
    (nx, dx), (ny, dy) = x.value, y.value
    return scale * dx / nx, scale * dy / ny, scale * float(imagej["spacing"])


def _ome_voxel_sizes(xml: str | None) -> tuple[float, float, float] | None:
    """PhysicalSizeX, Y, Z of the OME-XML, in its default unit of micrometres or the one it names."""
    if xml is None:
        return None
    pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")
    sizes = []
    for axis in "XYZ":
        value = None if pixels is None else pixels.get(f"PhysicalSize{axis}")
        unit = "µm" if pixels is None else pixels.get(f"PhysicalSize{axis}Unit", "µm")
        scale = ANGSTROM_PER_UNIT.get(unit.lower())
        if value is None or scale is None:
            return None
        sizes.append(float(f"{float(value) * scale:.7g}"))
    return sizes[0], sizes[1], sizes[2]
