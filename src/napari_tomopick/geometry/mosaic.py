"""Slices of a volume side by side in one picture: which slice lies where, and which voxel a place in it is.

Places in the picture are (right, up) in voxels, a whole number being the centre of a voxel and (0, 0) the
centre of its lowest left one. Slices stand in reading order: from the top left to the right, row by row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.coordinates import as_positions
from napari_tomopick.geometry.planes import Axis, Plane

Place = tuple[float, float]

# as many as are still large enough to click in
MAX_TILES = 20


@dataclass(frozen=True)
class Region:
    """A rectangle of whole voxels of a slice, as it lies on the screen.

    Parameters
    ----------
    left, bottom : int
        The lowest left voxel.
    width, height : int
        In voxels.

    Raises
    ------
    ParameterError
        If it has no voxel.
    """

    left: int
    bottom: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ParameterError(f"a region has at least one voxel, got {self.width} x {self.height}")

    def within(self, other: Region) -> Region:
        """The part of it that lies in another one.

        Raises
        ------
        ParameterError
            If there is none.
        """
        left, bottom = max(self.left, other.left), max(self.bottom, other.bottom)
        right = min(self.left + self.width, other.left + other.width)
        top = min(self.bottom + self.height, other.bottom + other.height)
        if left >= right or bottom >= top:
            raise ParameterError("nothing of the tomogram is in this region: look at it first")
        return Region(left, bottom, right - left, top - bottom)


def whole_slice(shape: tuple[int, ...], axis: Axis) -> Region:
    """The region that is all of the slices across an axis of a volume of ``(nz, ny, nx)`` voxels."""
    size = np.array(shape[::-1])
    plane = Plane.orthogonal(axis, 0)
    return Region(0, 0, int(plane.u @ size), int(plane.v @ size))


@dataclass(frozen=True)
class Mosaic:
    """Every so many slices of a volume, on pages of rows and columns, of which one page is shown.

    Parameters
    ----------
    axis : "x", "y" or "z"
        Across which the slices lie.
    first, last, step : int
        Slices ``first``, ``first + step`` and so on, up to ``last`` at most.
    rows, columns : int
        Slices on a page, below and beside each other.
    region : Region
        What of each slice is shown.
    gap : int
        Voxels between slices, or a few more, so that each begins with a whole pixel.
    spacing : int
        Voxels along a pixel of the picture, where slices are too large to be kept in full.
    page : int
        The one that is shown, from 0.

    Raises
    ------
    ParameterError
        If there is no such mosaic, or page of it.
    """

    axis: Axis
    first: int
    last: int
    step: int
    rows: int
    columns: int
    region: Region
    gap: int = 0
    spacing: int = 1
    page: int = 0

    def __post_init__(self) -> None:
        if self.axis not in ("x", "y", "z"):
            raise ParameterError(f"slices lie across x, y or z, got {self.axis!r}")
        least = {"first": 0, "step": 1, "rows": 1, "columns": 1, "gap": 0, "spacing": 1, "page": 0}
        for name, value in least.items():
            if getattr(self, name) < value:
                raise ParameterError(f"{name} of a montage is at least {value}, got {getattr(self, name)}")
        if self.last < self.first:
            raise ParameterError(
                f"the last slice of a montage cannot come before its first: got {self.first} to {self.last}"
            )
        if self.page >= self.pages:
            raise ParameterError(f"the montage has {self.pages} pages, so there is no page {self.page + 1}")

    # slices and pages

    @property
    def slices(self) -> range:
        """The numbers of the slices on all pages."""
        return range(self.first, self.last + 1, self.step)

    @property
    def per_page(self) -> int:
        """How many slices a full page has."""
        return self.rows * self.columns

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return -(-len(self.slices) // self.per_page)

    @property
    def shown(self) -> range:
        """The slices on the shown page; on the last one, there may be fewer than there is room for."""
        return self.slices[self.page * self.per_page : (self.page + 1) * self.per_page]

    def turned_to(self, page: int) -> Mosaic:
        """The same with another page shown; before the first is the first, and behind the last the last."""
        return replace(self, page=min(max(page, 0), self.pages - 1))

    def page_of(self, number: int) -> int:
        """The page with a slice.

        Raises
        ------
        ParameterError
            If the slice is on none.
        """
        if number not in self.slices:
            raise ParameterError(f"slice {number} is not in the montage of {self}")
        return self.slices.index(number) // self.per_page

    def nearest(self, number: float) -> int:
        """The slice in the montage that is nearest to a slice; of two as near, the lower."""
        which = math.ceil((number - self.first) / self.step - 0.5)
        return self.slices[min(max(which, 0), len(self.slices) - 1)]

    def __str__(self) -> str:
        every = f" in steps of {self.step}" if self.step > 1 else ""
        return f"{self.axis} slices {self.first} to {self.last}{every}"

    # places

    @property
    def tile_size(self) -> tuple[int, int]:
        """Width and height of a slice in pixels of the picture; the last ones may reach beyond the region."""
        return -(-self.region.width // self.spacing), -(-self.region.height // self.spacing)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in voxels: whole pixels."""
        (across, up), (width, height) = self._pitch, self.tile_size
        return (
            (self.columns - 1) * across + width * self.spacing,
            (self.rows - 1) * up + height * self.spacing,
        )

    @property
    def _pitch(self) -> tuple[int, int]:
        """Voxels from a slice to the next beside it, and below it."""
        width, height = (
            -(-(n + self.gap) // self.spacing) * self.spacing for n in (self.region.width, self.region.height)
        )
        return width, height

    def tile(self, number: int) -> tuple[int, int]:
        """Row and column, from the top left, of a slice on the shown page.

        Raises
        ------
        ParameterError
            If it is not on it.
        """
        if number not in self.shown:
            raise ParameterError(f"slice {number} is not on page {self.page + 1} of the montage")
        row, column = divmod(self.shown.index(number), self.columns)
        return row, column

    def corner(self, number: int) -> tuple[int, int]:
        """Place of the lowest left voxel of a slice on the shown page; errors as for `tile`."""
        row, column = self.tile(number)
        across, up = self._pitch
        return column * across, (self.rows - 1 - row) * up

    def slice_at(self, place: Place) -> int | None:
        """The slice at a place; None in a gap, beside the picture, and where a page has no more slices."""
        if not np.isfinite(place).all():
            return None
        # a voxel reaches half a voxel from its centre
        column, right = divmod(place[0] + 0.5, self._pitch[0])
        row_up, up = divmod(place[1] + 0.5, self._pitch[1])
        row = self.rows - 1 - int(row_up)
        if not (0 <= row < self.rows and 0 <= column < self.columns):
            return None
        which = row * self.columns + int(column)
        if right >= self.region.width or up >= self.region.height or which >= len(self.shown):
            return None
        return self.shown[which]

    def plane(self, number: int) -> Plane:
        """The plane of a slice, in which the first voxel of the volume is at (0, 0)."""
        return Plane.orthogonal(self.axis, number)

    def shift(self, number: int) -> tuple[int, int]:
        """What is added to u, v in the plane of a slice on the shown page to get the place in the picture."""
        right, up = self.corner(number)
        return right - self.region.left, up - self.region.bottom

    def position(self, place: Place) -> NDArray[np.float64] | None:
        """The position at a place, ``(3,)`` x, y, z exactly in its slice; None where `slice_at` is."""
        number = self.slice_at(place)
        if number is None:
            return None
        return np.asarray(self.plane(number).position(np.subtract(place, self.shift(number)))[0])

    def place(self, position: ArrayLike, number: int) -> Place:
        """Where a position is seen in a slice on the shown page: straight below or above it.

        It may be beside the part of the slice that is shown.

        Parameters
        ----------
        position : array-like, shape (3,)
            x, y, z in voxels.
        number : int
            The slice.

        Raises
        ------
        ParameterError
            If the slice is not on the shown page.
        """
        (uv,), _ = self.plane(number).coordinates(as_positions(position))
        right, up = uv + self.shift(number)
        return float(right), float(up)


def full_scene(
    shape: tuple[int, ...], axis: Axis, region: Region | None = None, *, aspect: float = 1.5, gap: int = 0
) -> Mosaic:
    """The montage of a whole volume on one page: every slice, or so few of them that `MAX_TILES` are enough.

    Parameters
    ----------
    shape : tuple of 3 int
        nz, ny, nx.
    axis : "x", "y" or "z"
    region : Region, optional
        What of each slice is shown; all of it, if not given.
    aspect : float
        Width by height of what it is shown in; rows and columns are such that slices are seen as large as
        can be.
    gap : int
        Voxels between slices.
    """
    n = int(shape["zyx".index(axis)])
    step = -(-n // MAX_TILES)
    count = -(-n // step)
    # as far from the first slice to the top as from the last to the bottom
    first = (n - 1 - (count - 1) * step) // 2
    region = whole_slice(shape, axis) if region is None else region
    rows, columns = layout(count, region, aspect)
    return Mosaic(axis, first, first + (count - 1) * step, step, rows, columns, region, gap)


def layout(count: int, region: Region, aspect: float) -> tuple[int, int]:
    """Rows and columns for this many slices with which they are seen largest; see `full_scene`."""

    def scale(columns: int) -> float:
        rows = -(-count // columns)
        return min(aspect / (columns * region.width), 1 / (rows * region.height))

    columns = max(range(1, count + 1), key=scale)
    return -(-count // columns), columns
