"""The voxels of a tomogram, read when they are asked for."""

from __future__ import annotations

from typing import Any

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.volumes import open_volume
from napari_tomopick.models.tomogram import Tomogram


def voxels_of(tomogram: Tomogram) -> Any:
    """Open the file of a tomogram; what comes gives NumPy arrays when it is sliced.

    Raises
    ------
    FileFormatError
        If it cannot be read, or has another shape than before.
    """
    volume = open_volume(
        tomogram.path, voxel_size_angstrom=tomogram.voxel_size_angstrom, override_header=True
    )
    if volume.shape != tomogram.shape:
        raise FileFormatError(
            f"{tomogram.path}: has the shape {volume.shape} (z, y, x), not {tomogram.shape} as before: "
            "was it replaced by another file?"
        )
    return volume.data
