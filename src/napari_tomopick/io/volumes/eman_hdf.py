"""Reading EMAN2's HDF5 files (.hdf), lazily.

Source: EMAN2, libEM/io/hdfio2.cpp: the images are /MDF/images/0, 1, ...; their attributes are named "EMAN.x".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.volumes.volume import RawVolume


def read(path: Path) -> RawVolume:
    """Open an EMAN2 file; see `napari_tomopick.io.volumes.open_volume`.

    Raises
    ------
    FileFormatError
        If it is no HDF5 file, was not written by EMAN2, or holds several images.
    """
    import h5py

    try:
        # the data set keeps the file open as long as someone holds it
        file = h5py.File(path, "r")
    except OSError as error:
        raise FileFormatError(f"{path}: not an HDF5 file, or truncated: {error}") from error
    images = file.get("MDF/images")
    if images is None or "0/image" not in images:
        raise FileFormatError(f"{path}: no /MDF/images/0 in it: not written by EMAN2; convert it to MRC")
    if len(images) > 1:
        raise FileFormatError(
            f"{path}: a stack of {len(images)} images, not one tomogram: open it as subtomograms, or split it"
        )
    attributes = images["0"].attrs
    sizes = tuple(float(np.ravel(attributes.get(f"EMAN.apix_{axis}", 0.0))[0]) for axis in "xyz")
    origin = tuple(float(np.ravel(attributes.get(f"EMAN.origin_{axis}", 0.0))[0]) for axis in "xyz")
    assumed: tuple[str, ...] = ()
    if "EMAN.stored_rendermin" in attributes and images["0/image"].dtype.kind in "iu":
        assumed = (
            "EMAN2 stored the voxels in few bits; they are used as stored, not scaled to the old range",
        )
    return RawVolume(
        images["0/image"], (sizes[0], sizes[1], sizes[2]), (origin[0], origin[1], origin[2]), assumed
    )
