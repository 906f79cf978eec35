"""Tomograms: opened without reading them, written in slabs, found in lists."""

from napari_tomopick.io.volumes.lists import list_tomogram_files, write_tomogram_list
from napari_tomopick.io.volumes.mrc_writer import MrcSlabWriter, write_mrc
from napari_tomopick.io.volumes.registry import SUFFIXES, check_finite, open_volume
from napari_tomopick.io.volumes.volume import Volume

__all__ = [
    "SUFFIXES",
    "MrcSlabWriter",
    "Volume",
    "check_finite",
    "list_tomogram_files",
    "open_volume",
    "write_mrc",
    "write_tomogram_list",
]
