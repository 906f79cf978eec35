"""What a membrane looks like along its normal, and how well each place beside a curve looks like it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, map_coordinates

from napari_tomopick.geometry import planar_curves

Array = NDArray[np.float64]

FINENESS = 0.5
"""Distance in voxels of the samples along a normal."""
HALF_WIDTH = 10.0
"""Of the profile, in voxels: a bilayer and its fringes at 10 Å per voxel."""


@dataclass(frozen=True, eq=False)
class SliceReader:
    """Averages of a few slices of a volume, read only where they are needed.

    Parameters
    ----------
    data : array-like, shape (nz, ny, nx)
        Indexed with slices; may be memory-mapped.
    axis : 0, 1 or 2
        The axis across the slices: x, y or z. In a slice, u and v are the other two in this order.
    binning : int
        u and v are in voxels binned by this factor, and three times as many slices make an average. Slices
        keep their numbers.
    """

    data: Any
    axis: int
    binning: int = 1

    @property
    def count(self) -> int:
        """Number of slices."""
        return int(self.data.shape[2 - self.axis])

    @property
    def extent(self) -> tuple[int, int]:
        """Number of binned voxels along u and v."""
        along = [int(n) // self.binning for n in self.data.shape[::-1]]
        del along[self.axis]
        return along[0], along[1]

    def read(self, k: int, lower: Array, upper: Array) -> tuple[NDArray[np.float32], Array]:
        """The average about slice k within a box, and the (u, v) of its first voxel.

        A voxel that is no number, or infinite, counts as the mean of its section: neither dark nor bright.

        Parameters
        ----------
        k : int
        lower, upper : arrays, shape (2,)
            u, v of the box, which is cut to the volume.
        """
        half = 3 * self.binning // 2
        extent = np.array(self.extent)
        first = np.clip(np.floor(lower), 0, extent - 1).astype(int)
        last = np.clip(np.ceil(upper) + 1, first + 1, extent).astype(int)
        f = self.binning
        spans = [slice(int(a) * f, int(b) * f) for a, b in zip(first, last, strict=True)]
        spans.insert(self.axis, slice(max(0, k - half), min(self.count, k + half + 1)))
        block = np.moveaxis(np.asarray(self.data[tuple(spans[::-1])]), 2 - self.axis, 0)
        # one slice after the other is several times as quick as a mean along that axis
        image = _numbers(block[0]).astype(np.float32)
        for section in block[1:]:
            image += _numbers(section)
        image /= len(block)
        if f > 1:
            v, u = image.shape
            image = image.reshape(v // f, f, u // f, f).mean(axis=(1, 3))
        return image, first.astype(np.float64)


def _numbers(section: NDArray[Any]) -> NDArray[Any]:
    known = np.isfinite(section)
    if known.all():
        return section
    return np.where(known, section, section[known].mean() if known.any() else 0).astype(np.float32)


def strip(
    reader: SliceReader, k: int, curve: Array, across: Array, reach: float
) -> tuple[Array, NDArray[np.bool_]]:
    """The slice straightened along a curve.

    Parameters
    ----------
    reader : SliceReader
    k : int
    curve, across : arrays, shape (m, 2)
        Positions (u, v) and unit normals.
    reach : float
        How far to go to either side, in voxels.

    Returns
    -------
    values : array, shape (m, n)
        Column j lies ``(j - n // 2) * FINENESS`` voxels along the normal. Beyond the slice it goes on as
        it ends.
    inside : bool array, shape (m,)
        Whether the curve itself lies in the slice.
    """
    half = round(reach / FINENESS)
    offsets = FINENESS * np.arange(-half, half + 1)
    places = curve[:, None] + offsets[:, None] * across[:, None]
    image, first = reader.read(k, curve.min(axis=0) - reach, curve.max(axis=0) + reach)
    u, v = np.moveaxis(places - first, -1, 0)
    values = map_coordinates(image, [v, u], order=1, mode="nearest", output=np.float64)
    inside = ((curve >= -0.5) & (curve <= np.array(reader.extent) - 0.5)).all(axis=1)
    return values, np.asarray(inside)


def along(values: Array, sigma: float, *, closed: bool) -> Array:
    """Smoothed along the curve, the first axis; sigma in rows."""
    if sigma <= 0:
        return values
    return np.asarray(gaussian_filter1d(values, sigma, axis=0, mode="wrap" if closed else "nearest"))


def correlations(values: Array, profiles: Array) -> Array:
    """Normalised correlation of a strip with a profile at every shift at which it fits in.

    Parameters
    ----------
    values : array, shape (m, n)
    profiles : array, shape (m, p)
        One for each row; p <= n.

    Returns
    -------
    array, shape (m, n - p + 1)
        Column j is the profile's middle at ``(j - (n - p) // 2) * FINENESS`` voxels along the normal.
    """
    width = profiles.shape[1]
    centred = profiles - profiles.mean(axis=1, keepdims=True)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    # one mean off all of it, so that the sums of squares lose no digits
    values = values - values.mean()
    products = np.einsum("mdp,mp->md", sliding_window_view(values, width, axis=1), centred, optimize=True)
    sums = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)
    squares = np.cumsum(np.pad(values**2, ((0, 0), (1, 0))), axis=1)
    total = sums[:, width:] - sums[:, :-width]
    power = squares[:, width:] - squares[:, :-width] - total**2 / width
    return np.asarray(products / np.sqrt(np.maximum(power, 1e-12)))


def shifted(values: Array, offsets: Array, width: int) -> Array:
    """Cut ``width`` columns out of each row, their middle at the row's offset (voxels) from its middle."""
    m, n = values.shape
    columns = n // 2 + offsets[:, None] / FINENESS + np.arange(width) - width // 2
    low = np.clip(np.floor(columns).astype(np.int64), 0, n - 2)
    t = np.clip(columns - low, 0.0, 1.0)
    row = np.arange(m)[:, None]
    return np.asarray((1 - t) * values[row, low] + t * values[row, low + 1])


@dataclass(frozen=True, eq=False)
class Looks:
    """What the membrane looks like along its normal.

    Parameters
    ----------
    here : array, shape (m, p)
        At each sample, of late.
    lately : array, shape (p,)
        All along the curve, of late.
    traced : array, shape (p,)
        All along the curve where the user traced it.
    """

    here: Array
    lately: Array
    traced: Array

    def profiles(self, half: int) -> Array:
        """What to look for at each sample, ``(m, 2 half + 1)``: the three, each counted by its contrast."""
        middle = len(self.traced) // 2
        part = slice(middle - half, middle + half + 1)
        return (
            0.5 * unit(self.here[:, part]) + 0.25 * unit(self.lately[part]) + 0.25 * unit(self.traced[part])
        )


def half_width(points: Array, *, closed: bool) -> float:
    """How far a profile reaches to either side, in voxels."""
    if not closed:
        return HALF_WIDTH
    # the normals of a ring meet in its middle
    return float(np.clip(0.7 * planar_curves.inner_radius(points), 4.0, HALF_WIDTH))


def unit(profiles: Array) -> Array:
    """Profiles without their mean, of length 1."""
    centred = profiles - profiles.mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-12))


def shifts(scores: Array) -> Array:
    """Offset in voxels of each column of `correlations`."""
    n = scores.shape[1]
    return FINENESS * (np.arange(n) - n // 2)
