"""The surface of a map, coarse enough to be drawn at thousands of particles."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.geometry.binning import block_mean
from napari_tomopick.io.volumes import open_volume
from napari_tomopick.layers.initial_model_pictures import surface_level

MOST_VOXELS = 160**3
"""Of a map that is kept; a larger one is binned."""

MOST_FILLED = 0.15
"""Part of the ball in the box that the particle takes at most, as its level is found; noise fills more."""

CUBIC_ANGSTROM_PER_DALTON = 1.21
"""Of protein."""

_SMOOTHING = 0.7  # voxels of the file; binning smooths as well
_OUTSIDE = 1.0  # voxels over which the slope of a map is taken


class Shape(NamedTuple):
    """A surface about the centre voxel of a map, in voxels of the map.

    Parameters
    ----------
    corners : array, shape (n, 3)
        x, y, z.
    faces : int array, shape (m, 3)
    normals : array, shape (n, 3)
        Unit vectors, outwards.
    """

    corners: NDArray[np.float64]
    faces: NDArray[np.int32]
    normals: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Map:
    """A map with the particle bright, ready to be drawn.

    Parameters
    ----------
    name : str
    values : array, shape (nz, ny, nx)
    factor : int
        By which the file was binned.
    centre : array, shape (3,)
        x, y, z of the file's centre voxel ``N // 2`` among these values.
    voxel_size_angstrom : float, optional
        Of the file; None if it does not say.
    dark : bool
        Whether the particle is dark in the file.
    level : float
        That parts the particle from what is around it.
    """

    name: str
    values: NDArray[np.float32]
    factor: int
    centre: NDArray[np.float64]
    voxel_size_angstrom: float | None
    dark: bool
    level: float

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and highest level that means anything."""
        low, high = np.percentile(self.values, (50, 99.98))
        return float(low), float(max(high, low + 1e-6 * max(abs(low), 1e-6)))

    def enclosed(self, level: float) -> float:
        """How much lies within the surface at a level, in cubic voxels of the file."""
        return float(np.count_nonzero(self.values > level)) * self.factor**3

    def words(self, level: float) -> str:
        """What a surface encloses: its volume, and the mass of as much protein."""
        voxels = self.enclosed(level)
        if self.voxel_size_angstrom is None:
            return f"encloses {voxels:,.0f} voxels"
        cubic = voxels * self.voxel_size_angstrom**3
        mass = cubic / CUBIC_ANGSTROM_PER_DALTON
        weight = f"{mass / 1e6:,.1f} MDa" if mass >= 1e6 else f"{mass / 1e3:,.0f} kDa"
        return f"encloses {cubic / 1000:,.0f} nm³: {weight} of protein"


def load_map(path: str | os.PathLike[str], dark: bool | None = None) -> Map:
    """Open a map, of any format of a tomogram, and find its level; may take seconds.

    Parameters
    ----------
    path : path-like
    dark : bool, optional
        Whether the particle is dark in it. Default: whichever sticks out of the rest more.

    Raises
    ------
    FileFormatError
        If it cannot be read, has values that are not finite, or is the same everywhere.
    """
    volume = open_volume(path)
    size = np.array(volume.shape)
    factor = 1
    while np.prod(size // factor, dtype=np.int64) > MOST_VOXELS and factor < size.min():
        factor += 1
    values = block_mean(volume.data, factor)
    if not values.size or not np.isfinite(values).all():
        raise FileFormatError(f"{path}: a map must have finite values to have a surface")
    if values.min() == values.max():
        raise FileFormatError(f"{path}: this map is {float(values.flat[0]):g} everywhere: it has no surface")
    if dark is None:
        dark = _is_dark(values)
    values = -values if dark else values
    centre = ((size // 2)[::-1] + 0.5) / factor - 0.5
    return Map(Path(path).name, values, factor, centre, volume.voxel_size_angstrom, dark, level_of(values))


def level_of(values: NDArray[np.float32]) -> float:
    """The level that parts a bright particle from what is around it; never so low that it fills its box."""
    inside = values[_in_sphere(values.shape)]
    return max(surface_level(values), float(np.quantile(inside, 1 - MOST_FILLED)))


def _in_sphere(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """What lies in the ball that fits into a box."""
    z, y, x = (np.linspace(-1, 1, n) ** 2 for n in shape)
    found: NDArray[np.bool_] = z[:, None, None] + y[:, None] + x < 1
    return found


def _is_dark(values: NDArray[np.float32]) -> bool:
    """Whether the tail of the grey values is on the dark side, within the sphere that fits into the map."""
    inside = values[_in_sphere(values.shape)].astype(np.float64)
    return bool(((inside - inside.mean()) ** 3).mean() < 0)


def shape_of(map_: Map, level: float, most_triangles: int) -> Shape:
    """The surface of a map at a level, on a grid so coarse that it has no more than so many triangles.

    A coarser surface encloses as many voxels as the fine one.

    Raises
    ------
    ParameterError
        If there is nothing on one side of this level.
    """
    from skimage.measure import marching_cubes

    share = float((map_.values > level).mean())
    if not 0 < share < 1:
        raise ParameterError(f"the map '{map_.name}' has no surface at {level:.4g}: choose another level")
    step = 1
    while True:
        coarse = block_mean(map_.values, step) if step > 1 else map_.values
        smooth = ndimage.gaussian_filter(coarse, _SMOOTHING / (step * map_.factor))
        at = float(np.quantile(smooth, 1 - share))
        # closed where it runs into the side of the box
        smooth = np.pad(smooth, 1, constant_values=float(min(smooth.min(), at - 1e-6 * abs(at) - 1e-12)))
        try:
            corners, faces, _, _ = marching_cubes(smooth, at)
        except (ValueError, RuntimeError):
            corners, faces = np.zeros((0, 3)), np.zeros((0, 3), np.int32)
        if len(faces) <= most_triangles or min(coarse.shape) <= 4:
            break
        step += 1
    normals = _outwards(smooth, corners)
    # of the padded, coarse grid; of the map as it is kept; of its file
    kept = ((corners - 1)[:, ::-1] + 0.5) * step - 0.5
    return Shape(
        (kept - map_.centre) * map_.factor,
        faces.astype(np.int32),
        normals[:, ::-1],
    )


def _outwards(values: NDArray[np.float32], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    slope = [
        ndimage.map_coordinates(values, (corners - step).T, order=1, mode="nearest")
        - ndimage.map_coordinates(values, (corners + step).T, order=1, mode="nearest")
        for step in np.eye(3) * _OUTSIDE
    ]
    outwards = np.stack(slope, axis=1).astype(np.float64)
    return outwards / np.maximum(np.linalg.norm(outwards, axis=1, keepdims=True), 1e-12)
