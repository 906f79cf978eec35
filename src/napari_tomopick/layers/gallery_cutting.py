"""How the pictures and boxes of the gallery are cut: in the frame of the tomogram, or of each particle.

One pixel is one voxel, and pixel ``N // 2`` is the middle of the box. In the frame of the tomogram that is
the voxel in which the particle lies, so that a picture is of the very voxels that are extracted; in its own
frame it is the particle's exact position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.cropping import Interpolation, crop_oriented, nearest_voxels
from napari_tomopick.geometry.planes import Plane
from napari_tomopick.layers.boxes import Boxes
from napari_tomopick.layers.display import Filtering, Sampler

Axis = Literal["z", "y", "x"]
View = Literal["z", "y", "x", "three"]
Frame = Literal["tomogram", "own"]

AXES: dict[View, tuple[Axis, ...]] = {"z": ("z",), "y": ("y",), "x": ("x",), "three": ("z", "y", "x")}


class Volumes(Protocol):
    """What boxes are read from.

    Attributes
    ----------
    key : str
        Tells it apart from others; what was read of another one is not shown.
    voxel_size_angstrom : float
    """

    key: str
    voxel_size_angstrom: float

    def open(self, number: int) -> Any:
        """The array, indexed z, y, x, in which the box of this number lies; called in any thread."""


class OneVolume:
    """A tomogram, in which all boxes lie."""

    def __init__(self, key: str, data: Any, voxel_size_angstrom: float) -> None:
        self.key, self._data, self.voxel_size_angstrom = key, data, voxel_size_angstrom

    def open(self, number: int) -> Any:
        """See `Volumes`."""
        return self._data


class Cut(NamedTuple):
    """What a picture of a box depends on.

    Parameters
    ----------
    source : str
        Key of the `Volumes`.
    number : int
        Of the box; -1 where all boxes lie in one volume.
    centre : tuple of 3 float
        x, y, z in voxels of the volume in which it lies.
    turn : tuple of 9 float, optional
        The rotation matrix, row by row, from the frame of the picture to that of the volume. None: none.
    axes : tuple of "x", "y" or "z"
        A section across each is cut.
    box_size, slices : int
    low_pass_angstrom : float, optional
    """

    source: str
    number: int
    centre: tuple[float, float, float]
    turn: tuple[float, ...] | None
    axes: tuple[Axis, ...]
    box_size: int
    slices: int
    low_pass_angstrom: float | None

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The rotation from the frame of the picture to that of the volume, shape (3, 3)."""
        return np.eye(3) if self.turn is None else np.reshape(self.turn, (3, 3))


class Cutter(NamedTuple):
    """How boxes are cut into pictures.

    Parameters
    ----------
    frame : "tomogram" or "own"
    view : "z", "y", "x" or "three"
        Across which axis of that frame; or all three, side by side.
    slices : int
        Over which the mean is taken.
    """

    frame: Frame = "tomogram"
    view: View = "z"
    slices: int = 5

    def cuts(
        self, boxes: Boxes, places: Sequence[int], source: str, low_pass_angstrom: float | None
    ) -> list[Cut]:
        """The cuts of the boxes in these places."""
        if not len(places):
            return []
        placed = boxes.placed.at(np.asarray(places, np.int64))
        turns = placed.turns if self.frame == "own" and placed.turns is not None else placed.upright
        centres = nearest_voxels(placed.centres).astype(float) if turns is None else placed.centres
        n = len(places)
        numbers = [-1] * n if placed.numbers is None else placed.numbers.tolist()
        turned = [None] * n if turns is None else [tuple(t) for t in turns.reshape(n, 9).tolist()]
        rest = AXES[self.view], boxes.box_size, self.slices, low_pass_angstrom
        return [
            Cut(source, number, (x, y, z), turn, *rest)
            for number, (x, y, z), turn in zip(numbers, centres.tolist(), turned, strict=True)
        ]


def sections(volumes: Volumes, cut: Cut) -> NDArray[np.float32]:
    """The sections of a box, ``(k, N, N)`` with row 0 the lowest, NaN outside the volume."""
    filtering = Filtering(cut.slices, cut.low_pass_angstrom)
    sampler = Sampler(volumes.open(cut.number), volumes.voxel_size_angstrom, filtering)
    n = cut.box_size
    out = np.empty((len(cut.axes), n, n), np.float32)
    for picture, axis in zip(out, cut.axes, strict=True):
        picture[:] = sampler.section(plane(cut, axis).centred(n, n), n, n)
    return out


def plane(cut: Cut, axis: Axis) -> Plane:
    """The plane across an axis of the frame of a picture, with the middle of the box at (0, 0)."""
    straight, centre = Plane.orthogonal(axis, 0), np.array(cut.centre)
    if cut.turn is None:
        return Plane(centre, straight.u, straight.v)
    turn = cut.matrix
    found = Plane(centre, turn @ straight.u, turn @ straight.v)
    along = turn[:, "xyz".index(axis)]
    if cut.slices % 2 == 0 and along[np.abs(along).argmax()] < 0:
        # of an even number of slices one more lies before the middle one along the axis of the particle,
        # not of the tomogram
        found = replace(found, origin=centre - along)
    return found


def box(
    volumes: Volumes,
    number: int,
    centre: NDArray[np.float64],
    turn: NDArray[np.float64],
    box_size: int,
    interpolation: Interpolation = "linear",
) -> NDArray[np.float32] | None:
    """A box in the frame of its particle, ``(N, N, N)``, the particle at its very middle.

    What lies outside the volume, or is no number there, is the mean of the rest; None if there is no rest.

    Parameters
    ----------
    volumes : Volumes
    number : int
    centre : array, shape (3,)
        x, y, z in voxels.
    turn : array, shape (3, 3)
        From the frame of the particle to that of the volume.
    box_size : int
    interpolation : "linear" or "cubic"
    """
    # of an odd box, that of one voxel more without its first ones has the middle in voxel N // 2
    size = box_size + box_size % 2
    [found] = crop_oriented(
        volumes.open(number),
        centre[None],
        Rotation.from_matrix(turn[None]),
        size,
        interpolation=interpolation,
        fill=np.nan,
        threads=1,
        max_bytes=0,  # never the spline coefficients of all of a tomogram for one box
    )
    found = found[(slice(size - box_size, None),) * 3]
    empty = ~np.isfinite(found)
    if empty.all():
        return None
    if empty.any():
        found[empty] = found[~empty].mean(dtype=np.float64)
    return found
