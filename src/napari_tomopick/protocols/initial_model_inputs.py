"""What an initial model is made from: boxes of one contrast, a reference and a mask on their grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.cropping import sample, spline_coefficients
from napari_tomopick.geometry.filters import downsample, downsampled_size, normalise
from napari_tomopick.geometry.orientations import angle_between, identity
from napari_tomopick.io.volumes import check_finite, open_volume
from napari_tomopick.picking.aligning_poses import Directions, Wedge
from napari_tomopick.picking.initial_settings import LOWEST_LIMIT, Material, highest_limit
from napari_tomopick.protocols.subtomograms import Subtomograms

Contrast = Literal["auto", "dark", "bright"]

_HELD_BYTES = 2**30
_CERTAIN = 3.0  # standard errors by which the middle of boxes must differ from their outer part
_ORIENTED_DEGREES = 1e-3

EMAN2_FILTER_ANGSTROM = 50.0
_COARSEST, _FINEST = 5.0, 12.0  # cycles per box between which the default filter is kept


class NormalisedBoxes(Sequence[NDArray[np.float32]]):
    """The boxes of a set, shrunk, with mean 0 and standard deviation 1, particles bright.

    They are held in memory where they need less than 1 GiB, and read whenever they are asked for otherwise.

    Parameters
    ----------
    boxes : Subtomograms
    size : int
        Even size to shrink them to.

    Raises
    ------
    ParameterError
        If a box holds only one grey value, or values that are not finite.
    FileFormatError
        If a box cannot be read.
    """

    def __init__(self, boxes: Subtomograms, size: int) -> None:
        self._boxes, self._size = boxes, size
        self._sign = np.float32(1)
        held = 4 * size**3 * len(boxes) <= _HELD_BYTES
        self._held = [self._read(row) for row in range(len(boxes))] if held else None

    def __len__(self) -> int:
        return len(self._boxes)

    def __getitem__(self, row):  # type: ignore[no-untyped-def]  # one box at a time
        return self._sign * (self._held[row] if self._held is not None else self._read(row))

    def invert(self) -> None:
        """Turn dark into bright."""
        self._sign = np.float32(-1)

    def brightness(self) -> float:
        """By how many standard errors the middle of the boxes is brighter than what is around it."""
        d = np.arange(self._size) - self._size // 2
        radius = np.sqrt(d[:, None, None] ** 2 + d[:, None] ** 2 + d**2) / self._size
        middle, around = radius < 0.25, (radius > 0.35) & (radius < 0.5)
        found = np.array([self[row][middle].mean() - self[row][around].mean() for row in range(len(self))])
        return float(found.mean() / max(found.std(ddof=1) / np.sqrt(len(found)), 1e-12))

    def _read(self, row: int) -> NDArray[np.float32]:
        box = self._boxes.box(row)
        name = f"{self._boxes.folder}: the box of particle {int(self._boxes.particles.ids[row])}"
        if not np.isfinite(box).all():
            raise ParameterError(f"{name} holds NaN or infinite values; leave that particle out")
        try:
            return normalise(downsample(box, self._size), "box")
        except ValueError as error:
            raise ParameterError(f"{name} holds only one grey value; leave that particle out") from error


def shrunk_size(boxes: Subtomograms, shrink: float) -> int:
    """Size of the boxes after shrinking.

    Raises
    ------
    ParameterError
        If it is no even number; the message names factors that fit.
    """
    try:
        return downsampled_size(boxes.box_size, shrink)
    except ValueError as error:
        raise ParameterError(f"{boxes.folder}: {error}") from error


def settle_contrast(boxes: NormalisedBoxes, contrast: Contrast, inverted: bool) -> tuple[bool, str]:
    """Make particles bright.

    Parameters
    ----------
    boxes : NormalisedBoxes
    contrast : "auto", "dark" or "bright"
        Of the particles in the set.
    inverted : bool
        Whether they were inverted when they were extracted.

    Returns
    -------
    turned : bool
        Whether the contrast was inverted.
    message : str
        What was assumed; empty if nothing was.
    """
    if contrast != "auto":
        dark, message = contrast == "dark", ""
    elif inverted:
        dark, message = False, "Particles were taken to be bright, since they were inverted when extracted."
    else:
        brightness = boxes.brightness()
        dark = brightness < _CERTAIN
        if abs(brightness) < _CERTAIN:
            why = "as is usual; nothing in the middle of the boxes stands out"
        else:
            why = f"since the middle of the boxes is {'darker' if dark else 'brighter'} than what is around"
        message = f"Particles were taken to be {'dark' if dark else 'bright'}, {why}."
    if dark:
        boxes.invert()
    return dark, message


def filter_limit(filter_to_angstrom: float | None, size: int, voxel_size_angstrom: float) -> float:
    """The highest frequency the search looks at, in cycles per box; see `initial_model` for the default.

    Raises
    ------
    ParameterError
        If boxes of this size and sampling do not show such detail.
    """
    side, highest = size * voxel_size_angstrom, highest_limit(size)
    if filter_to_angstrom is None:
        return min(float(np.clip(side / EMAN2_FILTER_ANGSTROM, _COARSEST, _FINEST)), highest)
    limit = side / filter_to_angstrom
    if not LOWEST_LIMIT <= limit <= highest:
        raise ParameterError(
            f"detail of {filter_to_angstrom:g} Å cannot be looked at in a box of {size} voxels of "
            f"{voxel_size_angstrom:g} Å; {side / highest:.3g} to {side / LOWEST_LIMIT:.3g} Å can"
        )
    return limit


def wedges_of(boxes: Subtomograms) -> list[Wedge]:
    """What was measured of each box; its tilt range must be known."""
    names = boxes.particles.tomograms.tolist()
    turns = boxes.box_rotations.as_matrix().reshape(-1, 3, 3)
    return [Wedge(boxes.acquisitions[name], turn) for name, turn in zip(names, turns, strict=True)]


def directions_of(boxes: Subtomograms, cone_degrees: float) -> Directions | None:
    """The directions of the particles in their boxes; None where no particle has an orientation."""
    turned = angle_between(identity(len(boxes)), boxes.rotations_in_tomogram())
    if not (turned > _ORIENTED_DEGREES).any():
        return None
    return Directions(boxes.particles.rotations.as_quat().reshape(-1, 4), cone_degrees)


def on_grid(
    path: Path, what: str, size: int, voxel_size_angstrom: float
) -> tuple[NDArray[np.float32], list[str]]:
    """Read a map and bring it to the grid of the boxes, centre voxel to centre voxel.

    Parameters
    ----------
    path : Path
    what : str
        "reference" or "mask".
    size : int
    voxel_size_angstrom : float

    Returns
    -------
    volume : array, shape (N, N, N), float32
        What lies outside the map is 0.
    messages : list of str
        What was assumed.

    Raises
    ------
    ParameterError
        If it is no cube.
    FileFormatError
        If it cannot be read, or holds values that are not finite.
    """
    volume = open_volume(path)
    if len(set(volume.shape)) != 1:
        shape = " x ".join(map(str, volume.shape[::-1]))
        raise ParameterError(f"{path}: a {what} is a cube, this one has {shape} voxels; pad it to a cube")
    check_finite(volume)
    messages = []
    own = volume.voxel_size_angstrom
    if own is None:
        own = voxel_size_angstrom
        messages.append(f"{path.name} does not tell its voxel size; that of the subtomograms was taken.")
    data = np.asarray(volume.data[:], np.float32)
    n = len(data)
    # nothing finer than the voxels of the boxes is left to alias
    coarser = min(n, 2 * int(np.ceil(n * own / voxel_size_angstrom / 2)))
    if coarser < n:
        data = downsample(data, coarser)
    scale = voxel_size_angstrom / (own * n / len(data))
    centre = np.full(3, (n // 2) * len(data) / n)
    return sample(spline_coefficients(data), centre, scale * np.eye(3), size, "cubic"), messages


def material_of(
    boxes: Subtomograms,
    size: int,
    *,
    contrast: Contrast,
    reference: Path | None,
    mask: Path | None,
    cone_degrees: float | None,
) -> tuple[Material, bool, list[str]]:
    """Read everything a model is made from.

    Parameters
    ----------
    boxes : Subtomograms
    size : int
        Even size to shrink the boxes to.
    contrast, reference, mask
        As in `initial_model`.
    cone_degrees : float, optional
        By how much a particle may deviate from its direction; without it directions are not regarded.

    Returns
    -------
    material : Material
    turned : bool
        Whether the contrast was inverted.
    messages : list of str
        What was assumed.

    Raises
    ------
    ParameterError
        If a box is unusable, or a map no cube.
    FileFormatError
        If something cannot be read.
    """
    voxel_size = boxes.voxel_size_angstrom * boxes.box_size / size
    shrunk = NormalisedBoxes(boxes, size)
    turned, assumed = settle_contrast(shrunk, contrast, boxes.inverted)
    messages = [assumed]
    directions = None if cone_degrees is None else directions_of(boxes, cone_degrees)
    if directions is not None:
        messages.append(f"The directions of the subtomograms were kept within {cone_degrees:g} degrees.")
    start = within = None
    if reference is not None:
        start, more = on_grid(Path(reference), "reference", size, voxel_size)
        messages += more
    if mask is not None:
        within, more = on_grid(Path(mask), "mask", size, voxel_size)
        within = np.clip(within, 0, 1)
        messages += more
    offsets = boxes.shifts() * size / boxes.box_size
    return Material(shrunk, wedges_of(boxes), offsets, directions, start, within), turned, messages
