"""Stacks of boxes in EMAN2's HDF5 files (.hdf): their headers, one image at a time, and writing one.

Source: EMAN2, libEM/io/hdfio2.cpp: image i is /MDF/images/i/image, its header the attributes "EMAN.x" of the
group /MDF/images/i, and the highest i the attribute imageid_max of /MDF/images. EMAN2 takes every attribute
for 4-byte integers or reals (of single numbers also 8-byte reals), text that ends in a zero, or the three by
four numbers of a Transform.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError, TomopickError

if TYPE_CHECKING:
    import h5py

IMAGES = "MDF/images"
HIGHEST = "imageid_max"
PREFIX = "EMAN."
EM_FLOAT = 7
TRANSFORM = np.dtype([(f"{row}{column}", "<f4") for row in range(3) for column in range(4)])


def read_headers(path: Path) -> dict[int, dict[str, Any]]:
    """The header of every image by its number, with ``shape`` (z, y, x) for what is really there.

    Numbers become Python's, lists of them arrays, and a Transform an array of shape (3, 4).

    Raises
    ------
    FileFormatError
        If it is no HDF5 file, was not written by EMAN2, or has no image.
    """
    with _images(path) as images:
        numbers = sorted(int(name) for name in images if name.isdigit() and "image" in images[name])
        if not numbers:
            raise FileFormatError(f"{path}: no image in it")
        found = {}
        for number in numbers:
            group = images[str(number)]
            found[number] = _header(group) | {"shape": group["image"].shape}
        return found


def first_header(path: Path) -> dict[str, Any]:
    """The header of the first image; empty if the file is none of EMAN2's, or has no image."""
    try:
        with _images(path) as images:
            number = min((int(name) for name in images if name.isdigit()), default=None)
            return {} if number is None else _header(images[str(number)])
    except FileFormatError:
        return {}


def read_image(path: Path, number: int) -> NDArray[np.float32]:
    """One image, with voxels that were stored in few bits scaled back to the range that they had.

    Raises
    ------
    FileFormatError
        If the file cannot be read or has no such image.
    """
    with _images(path) as images:
        group = images.get(str(number))
        if group is None or "image" not in group:
            raise FileFormatError(f"{path}: no image {number} in it any more")
        box = np.asarray(group["image"][()], np.float32)
        bits, low, high = (
            _plain(group.attrs.get(f"{PREFIX}stored_render{what}")) for what in ("bits", "min", "max")
        )
        if bits and bits > 0 and low is not None and high is not None:
            scale = (high - low) / (2 ** int(bits) - 1)
            box = (box.astype(np.float64) * scale + low).astype(np.float32)
        return box


def write_images(path: Path, images: Iterable[tuple[NDArray[np.float32], Mapping[str, Any]]]) -> None:
    """Write a new file of boxes in the order given, in single precision.

    Parameters
    ----------
    path : Path
    images : iterable of (array, mapping)
        Each box (z, y, x) and what its header has besides sizes and statistics: text, whole numbers, reals,
        sequences of reals (stored in single precision), or an array of shape (3, 4) for a Transform.
    """
    import h5py

    with h5py.File(path, "x") as file:
        group, number = file.create_group(IMAGES), -1
        for number, (box, header) in enumerate(images):
            image = group.create_group(str(number))
            image.create_dataset("image", data=np.asarray(box, "<f4"))
            nz, ny, nx = box.shape
            whole = {"nx": nx, "ny": ny, "nz": nz, "datatype": EM_FLOAT, "is_complex": 0}
            statistics = {
                "minimum": float(box.min()),
                "maximum": float(box.max()),
                "mean": float(box.mean(dtype=np.float64)),
                "sigma": float(box.std(dtype=np.float64)),
            }
            for key, value in (whole | statistics | dict(header)).items():
                image.attrs.create(PREFIX + key, _stored(value))
        group.attrs.create(HIGHEST, _stored(number))


def _header(image: h5py.Group) -> dict[str, Any]:
    return {k.removeprefix(PREFIX): _plain(v) for k, v in image.attrs.items() if k.startswith(PREFIX)}


@contextmanager
def _images(path: Path) -> Iterator[h5py.Group]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            images = file.get(IMAGES)
            if images is None:
                raise FileFormatError(f"{path}: no /{IMAGES} in it: not written by EMAN2")
            yield images
    except TomopickError:
        raise
    except Exception as error:  # of a damaged file h5py raises what it happens to run into
        raise FileFormatError(f"{path}: not an HDF5 file, or damaged: {error}") from error


def _plain(value: Any) -> Any:
    """An attribute without the ways of HDF5: EMAN2 stores a number as a list of one."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").rstrip("\0")
    array = np.asarray(value)
    if array.dtype.names is not None:
        return np.array(list(array.ravel()[0]), np.float64).reshape(3, 4)
    if array.dtype.kind not in "iufb":
        return str(array)
    return array.ravel()[0].item() if array.size == 1 else array.astype(np.float64)


def _stored(value: Any) -> NDArray[Any]:
    """What EMAN2 reads such a value from."""
    if isinstance(value, str):
        text = value.encode("utf-8")
        return np.array(text, f"S{len(text) + 1}")
    if isinstance(value, int | np.integer):
        return np.array([value], "<i4")
    if isinstance(value, float):
        return np.array([value], "<f8")
    array = np.asarray(value)
    if array.shape == (3, 4):
        return np.array([tuple(array.ravel())], TRANSFORM)
    return array.astype("<f4")
