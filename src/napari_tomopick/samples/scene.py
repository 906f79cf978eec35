"""Where things are in a synthetic tomogram, and the density they make together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry import orientations
from napari_tomopick.samples.membranes import Sheet, Sphere, bilayer
from napari_tomopick.samples.phantoms import Blobs

_MEMBRANE_GAP_ANGSTROM = 150.0  # between the outer and the inner membrane, middle to middle
_SUBUNIT_RISE_ANGSTROM, _SUBUNIT_TURN_DEGREES = 27.5, -166.7  # actin's


def keep_apart(places: NDArray[np.float64], distance: float, at_most: int) -> NDArray[np.float64]:
    """The first ``at_most`` of the places ``(n, 3)`` that keep this distance from those before them."""
    kept: list[NDArray[np.float64]] = []
    for place in places:
        if len(kept) == at_most:
            break
        if all(np.linalg.norm(place - other) >= distance for other in kept):
            kept.append(place)
    return np.array(kept).reshape(-1, 3)


def helical_filament(
    start: ArrayLike, end: ArrayLike, sag: float, voxel_size_angstrom: float
) -> tuple[NDArray[np.float64], Rotation]:
    """Subunits on a parabola from start to end which sags by ``sag`` voxels along -y halfway.

    Returns
    -------
    positions : array, shape (n, 3)
        Points of the filament's axis, one rise apart.
    rotations : Rotation
        z along the axis; each turned against the one before it by the helix's angle.
    """
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    t = np.linspace(0, 1, 2001)
    fine = start + t[:, None] * (end - start) - [0, sag, 0] * (4 * t * (1 - t))[:, None]
    travelled = np.append(0, np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1)))
    at = np.arange(0, travelled[-1], _SUBUNIT_RISE_ANGSTROM / voxel_size_angstrom)
    positions = np.column_stack([np.interp(at, travelled, fine[:, i]) for i in range(3)])
    tangent = np.gradient(fine, axis=0)
    tangents = np.column_stack([np.interp(at, travelled, tangent[:, i]) for i in range(3)])
    # a gentle curve: the smallest rotations from +z to the tangents stay in step with one another
    untwisted = orientations.from_directions(tangents)
    return positions, orientations.twisted(untwisted, _SUBUNIT_TURN_DEGREES * np.arange(len(at)))


def membrane_density(
    size: tuple[int, int, int], sheet: Sheet, vesicle: Sphere, voxel_size_angstrom: float
) -> NDArray[np.float32]:
    """Density ``[z, y, x]`` of the sheet, a second membrane on its inner side, and the vesicle."""
    nx, ny, nz = size
    gap = _MEMBRANE_GAP_ANGSTROM / voxel_size_angstrom
    density = np.empty((nz, ny, nx), np.float32)
    for z in range(nz):  # slice by slice, to keep the coordinates of only one slice in memory
        points = np.stack(np.meshgrid(np.arange(nx), np.arange(ny), z, indexing="xy"), -1)[:, :, 0]
        outside = sheet.distance(points)
        density[z] = bilayer(outside, voxel_size_angstrom)
        density[z] += bilayer(outside + gap, voxel_size_angstrom)
        density[z] += bilayer(vesicle.distance(points), voxel_size_angstrom)
    return density


def clutter(size: tuple[int, int, int], voxel_size_angstrom: float, rng: np.random.Generator) -> Blobs:
    """The small proteins that fill a cell, scattered at random through the volume."""
    box = np.array(size, np.float64)
    n = int(1.5e-7 * box.prod() * voxel_size_angstrom**3)  # one in a cube of about 190 Å
    return Blobs(
        rng.uniform(0, box, (n, 3)),
        rng.uniform(14, 26, n) / voxel_size_angstrom,
        rng.uniform(0.2, 0.9, n),
    )
