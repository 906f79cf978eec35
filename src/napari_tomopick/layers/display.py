"""How slices are shown: thickness of the slab, low-pass, contrast. Shared by everything that shows a slice.

None of it is an edit: it says how one looks at a tomogram, stays when another is opened, and is not saved.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.filters import low_pass, low_pass_reach
from napari_tomopick.geometry.planes import Plane, section, slab

CLIP_PERCENT = 0.5
"""Share of the darkest and of the brightest voxels that are shown plainly black and white, each."""

MAX_THICKNESS = 500

Limits = tuple[float, float]


@dataclass(frozen=True)
class Filtering:
    """What is done to the voxels before they are shown.

    Parameters
    ----------
    thickness : int
        Mean over this many slices; see `napari_tomopick.geometry.planes.slab` for which.
    low_pass_angstrom : float, optional
        Half of the amplitude is left at this resolution, within the shown plane; the slab is what filters
        across it. None: no filter.
    """

    thickness: int = 1
    low_pass_angstrom: float | None = None

    def __bool__(self) -> bool:
        return self.thickness > 1 or self.low_pass_angstrom is not None

    def cutoff(self, voxel_size_angstrom: float) -> float | None:
        """The low-pass in cycles per voxel."""
        return None if self.low_pass_angstrom is None else voxel_size_angstrom / self.low_pass_angstrom


class Sampler:
    """Shows a tomogram in any plane, filtered; never changes, and so may be used in any thread.

    Parameters
    ----------
    data : array-like, shape (nz, ny, nx)
    voxel_size_angstrom : float
    filtering : Filtering
    """

    def __init__(self, data: Any, voxel_size_angstrom: float, filtering: Filtering) -> None:
        self._data = data
        self._voxel_size = voxel_size_angstrom
        self.filtering = filtering

    def section(self, plane: Plane, width: int, height: int, *, spacing: float = 1.0) -> NDArray[np.float32]:
        """What is seen in a plane, ``(height, width)`` float32, NaN outside the tomogram.

        As `napari_tomopick.geometry.planes.section`: pixel ``[j, i]`` is ``(i, j) * spacing`` of the plane,
        row 0 the lowest on the screen. An orthogonal plane shows what the slices of the viewer show,
        whichever part of it is asked for.
        """
        cutoff = self.filtering.cutoff(self._voxel_size)
        margin = 0 if cutoff is None else low_pass_reach(cutoff * spacing)
        picture = section(
            self._data,
            plane.moved(-margin * spacing, -margin * spacing),
            width + 2 * margin,
            height + 2 * margin,
            spacing=spacing,
            thickness=self.filtering.thickness,
        )
        if cutoff is None:
            return picture
        # where the tomogram ends, its mirror image goes on, as in the slices of the viewer
        inside = np.isfinite(picture)
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        if len(rows):
            part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            picture[part] = low_pass(picture[part], cutoff * spacing)
        return picture[margin : margin + height, margin : margin + width]


class Slices:
    """The filtered slices of a tomogram, as an array of which napari asks one at a time.

    Whole, or in any other way, it is the voxels of the file.

    Parameters
    ----------
    data : array-like, shape (nz, ny, nx)
    voxel_size_angstrom : float
    filtering : Filtering
    """

    ndim = 3
    # what was shown last is often shown again: napari slices for the thumbnail, for values under the mouse
    KEPT = 12

    def __init__(self, data: Any, voxel_size_angstrom: float, filtering: Filtering) -> None:
        self._data = data
        self._cutoff = filtering.cutoff(voxel_size_angstrom)
        self._thickness = filtering.thickness
        self._kept: OrderedDict[tuple[int, int], NDArray[np.float32]] = OrderedDict()
        self.shape = tuple(int(n) for n in data.shape)
        self.size = int(np.prod(self.shape, dtype=np.int64))
        self.dtype = np.dtype(np.float32)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self._data, dtype)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        full = index if isinstance(index, tuple) else (index,)
        full = (*full, *(slice(None),) * (3 - len(full)))
        cut = [axis for axis, i in enumerate(full) if isinstance(i, int | np.integer)]
        if len(cut) != 1 or not all(isinstance(i, slice) for axis, i in enumerate(full) if axis != cut[0]):
            return np.asarray(self._data[index])
        number = range(self.shape[cut[0]])[full[cut[0]]]
        return self.slice(cut[0], number)[tuple(i for i in full if isinstance(i, slice))]

    def slice(self, axis: int, number: int) -> NDArray[np.float32]:
        """One slice along an axis (0, 1, 2 for z, y, x), filtered; shared, do not write."""
        key = axis, number
        if key not in self._kept:
            self._kept[key] = self._filtered(axis, number)
            if len(self._kept) > self.KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _filtered(self, axis: int, number: int) -> NDArray[np.float32]:
        first, end = slab(number, self._thickness, self.shape[axis])
        part = np.asarray(self._data[(slice(None),) * axis + (slice(first, end),)])
        picture = part.mean(axis=axis, dtype=np.float32)
        return picture if self._cutoff is None else low_pass(picture, self._cutoff)


class Display:
    """How the slices of the shown tomogram are shown.

    Signals
    -------
    filtering_changed()
        What is shown must be sampled anew: another slab, low-pass or tomogram.
    grey_changed()
        The grey values are shown otherwise: other limits, inverted.
    """

    filtering_changed = Signal()
    grey_changed = Signal()

    def __init__(self) -> None:
        self.filtering = Filtering()
        self.clip_percent = CLIP_PERCENT
        self.inverted = False
        # the slice on the screen as (axis, number), on which contrast goes by what is seen
        self.shown_slice: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self._data: Any = None
        self._voxel_size = 1.0
        self._slices: Any = None
        self._find_limits: Callable[[float], Limits] = lambda _: (0.0, 1.0)
        # of the file's own grey values; and what filters make of those: (middle, narrowing)
        self._limits: Limits = (0.0, 1.0)
        self._narrowed: dict[Filtering, tuple[float, float]] = {}

    # the tomogram

    def show(
        self, data: Any, voxel_size_angstrom: float, find_limits: Callable[[float], Limits], limits: Limits
    ) -> None:
        """Show another tomogram, in the way the one before was shown.

        Parameters
        ----------
        data : array-like, shape (nz, ny, nx)
        voxel_size_angstrom : float
        find_limits : callable
            The limits of the whole tomogram for a share of voxels clipped at either end, in percent.
        limits : tuple of 2 float
            What it gives for `CLIP_PERCENT`.
        """
        self._data, self._voxel_size, self._find_limits = data, voxel_size_angstrom, find_limits
        self._limits = limits if self.clip_percent == CLIP_PERCENT else find_limits(self.clip_percent)
        self._slices = self._filtered(self.filtering)
        # it is opened at its middle slice
        self._narrowed = {self.filtering: self._measure(self._slices, 0, (data.shape[0] - 1) // 2)}
        self.filtering_changed.emit()
        self.grey_changed.emit()

    def clear(self) -> None:
        """Let go of the tomogram."""
        self._data = self._slices = None
        self._narrowed = {}
        self._find_limits = lambda _: (0.0, 1.0)
        self.filtering_changed.emit()

    @property
    def slices(self) -> Any:
        """The tomogram as slices are to show it: the file's own data if nothing is done to them."""
        return self._slices

    def _filtered(self, filtering: Filtering) -> Any:
        return Slices(self._data, self._voxel_size, filtering) if filtering else self._data

    # filtering

    @property
    def thickness(self) -> int:
        """Slices over which the mean is shown."""
        return self.filtering.thickness

    @property
    def low_pass_angstrom(self) -> float | None:
        """Resolution to which slices are filtered, or None."""
        return self.filtering.low_pass_angstrom

    def set_thickness(self, slices: int) -> None:
        """Show the mean over this many slices: 1 is one slice.

        Raises
        ------
        ParameterError
            If it is not from 1 to `MAX_THICKNESS`.
        """
        if not 1 <= slices <= MAX_THICKNESS:
            raise ParameterError(f"a slab has from 1 to {MAX_THICKNESS} slices, got {slices}")
        self._set_filtering(replace(self.filtering, thickness=int(slices)))

    def set_low_pass(self, angstrom: float | None) -> None:
        """Filter what is shown to a resolution; None shows it as it is.

        Raises
        ------
        ParameterError
            If it is not positive.
        """
        if angstrom is not None and not (np.isfinite(angstrom) and angstrom > 0):
            raise ParameterError(
                f"the resolution of a low-pass filter is a positive number of Å, got {angstrom}"
            )
        self._set_filtering(replace(self.filtering, low_pass_angstrom=angstrom))

    def _set_filtering(self, filtering: Filtering) -> None:
        if filtering == self.filtering:
            return
        self.filtering = filtering
        if self._data is not None:
            self._slices = self._filtered(filtering)
            self._narrowed = {filtering: self._measure(self._slices, *self.shown_slice())}
        self.filtering_changed.emit()
        self.grey_changed.emit()

    def _measure(self, filtered: Any, axis: int, number: int) -> tuple[float, float]:
        """What a filter makes of the grey values of a slice: their mean, and how much narrower they spread.

        A mean over slices and a low-pass leave the mean as it is.
        """
        if filtered is not self._data:
            before, after = (_spread(_slice_of(data, axis, number)) for data in (self._data, filtered))
            if before is not None and after is not None and before[1] > 0 and after[1] > 0:
                return before[0], after[1] / before[1]
        return 0.0, 1.0

    # contrast

    @property
    def file_limits(self) -> Limits:
        """The grey values shown black and white where the file's own voxels are shown, as in 3D."""
        return self._limits

    @property
    def limits(self) -> Limits:
        """The grey values of what is shown in slices that are black and white (or white and black)."""
        return self._limits_of(self.filtering)

    def _limits_of(self, filtering: Filtering) -> Limits:
        if self._data is None:
            return self._limits
        if filtering not in self._narrowed:
            filtered, place = self._filtered(filtering), self.shown_slice()
            self._narrowed[filtering] = self._measure(filtered, *place)
        middle, narrowing = self._narrowed[filtering]
        low, high = (middle + narrowing * (value - middle) for value in self._limits)
        return low, high

    def set_limits(self, low: float, high: float) -> None:
        """Choose what is black and what is white in slices, until another tomogram is opened."""
        middle, narrowing = self._narrowed.get(self.filtering, (0.0, 1.0))
        self.set_file_limits(*(middle + (value - middle) / narrowing for value in (low, high)))

    def set_file_limits(self, low: float, high: float) -> None:
        """Choose what is black and what is white among the file's own grey values."""
        limits = float(low), float(high)
        if limits != self._limits and high > low:
            self._limits = limits
            self.grey_changed.emit()

    def set_clip(self, percent: float) -> None:
        """Show this share of all voxels of the tomogram plainly black, and as many white.

        Raises
        ------
        ParameterError
            If it is not from 0 to below 50 percent.
        """
        if not 0 <= percent < 50:
            raise ParameterError(f"from 0 to below 50 percent can be clipped at either end, got {percent}")
        self.clip_percent = float(percent)
        self._limits = self._find_limits(self.clip_percent)
        self.grey_changed.emit()

    def fit_slice(self) -> None:
        """Clip as large a share of what is on the screen now, instead of the whole tomogram."""
        if self._data is None:
            return
        picture = _slice_of(self._slices, *self.shown_slice())
        values = picture[::2, ::2] if picture.size > 2**18 else picture
        self.set_limits(*percentile_limits(values, self.clip_percent))

    def fit_tomogram(self) -> None:
        """Go back to the contrast with which a tomogram is opened."""
        self.set_clip(self.clip_percent)

    def widen(self, factor: float) -> None:
        """Show a range of grey values that is wider by a factor, or narrower where it is below 1."""
        low, high = self._limits
        middle, half = (low + high) / 2, (high - low) / 2 * factor
        self.set_file_limits(middle - half, middle + half)

    def set_inverted(self, on: bool) -> None:
        """Show what is dark as bright, and the other way round."""
        if on != self.inverted:
            self.inverted = on
            self.grey_changed.emit()

    # other canvases

    def sampler(self, thickness: int | None = None) -> Sampler:
        """What shows the tomogram in any plane, also in another thread.

        Parameters
        ----------
        thickness : int, optional
            Slices to average; those of the display if not given.

        Raises
        ------
        ParameterError
            If no tomogram is shown.
        """
        if self._data is None:
            raise ParameterError("Open a tomogram first: there is nothing to show.")
        filtering = self.filtering if thickness is None else replace(self.filtering, thickness=thickness)
        return Sampler(self._data, self._voxel_size, filtering)

    def section(self, plane: Plane, width: int, height: int, *, spacing: float = 1.0) -> NDArray[np.float32]:
        """What is seen in a plane, ``(height, width)`` float32, NaN outside; see `Sampler.section`."""
        return self.sampler().section(plane, width, height, spacing=spacing)

    def grey(self, picture: NDArray[Any], thickness: int | None = None) -> NDArray[np.uint8]:
        """The picture as slices are shown: 0 is black, 255 white; black where there is nothing (NaN).

        Parameters
        ----------
        picture : array
            Of a `section`, or of a `sampler` of this thickness.
        thickness : int, optional
            Slices averaged, if not those of the display: a mean over more has less contrast.
        """
        filtering = self.filtering if thickness is None else replace(self.filtering, thickness=thickness)
        low, high = self._limits_of(filtering)
        scaled = np.asarray(picture, np.float32) - np.float32(low)
        scaled *= np.float32(255 / (high - low))
        np.clip(scaled, 0, 255, out=scaled)
        if self.inverted:
            np.subtract(255, scaled, out=scaled)
        scaled += np.float32(0.5)
        return np.nan_to_num(scaled, copy=False, nan=0.0).astype(np.uint8)


def percentile_limits(values: NDArray[Any], clip_percent: float) -> Limits:
    """Limits that clip a share of values at either end, without NaN and infinite ones; never the same."""
    found = np.asarray(values, np.float32).ravel()
    found = found[np.isfinite(found)]
    if not len(found):
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(found, (clip_percent, 100 - clip_percent)))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _slice_of(data: Any, axis: int, number: int) -> NDArray[Any]:
    return np.asarray(data[(slice(None),) * axis + (number,)])


def _spread(picture: NDArray[Any]) -> tuple[float, float] | None:
    """Mean and spread of most of the grey values of a picture; None if it has none."""
    step = 1 + picture.size // 2**18
    values = np.asarray(picture, np.float32).ravel()[::step]
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = np.percentile(values, (1, 99))
    return float(values.mean(dtype=np.float64)), float(high - low)
