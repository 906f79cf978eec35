"""What the motive lists of STOPGAP and of AV3/TOM have in common.

Coordinates are those of MATLAB: the first voxel is 1. The particle is at the coordinate plus the shift, which
is in voxels and in the frame of the tomogram ("after rotation of template"). The angles take the reference to
the particle: R = Rz(psi) Rx(theta) Rz(phi), so that phi = -narot, psi = -tdrot, theta = -tilt of Dynamo.

The coordinate is written as a whole number, and what is left of it goes into the shift: both programs cut
their boxes around whole voxels (STOPGAP rounds down), and single precision keeps more digits so.

Sources: STOPGAP, sg_toolbox/sg_euler2matrix.m, sg_get_motl_fields.m, sg_motl_stopgap_to_av3.m,
sg_motl_stopgap_to_dynamo.m (signs of the angles, the same base as Dynamo's), sg_motl_apply_shifts.m,
src/extract/extract_parse_subtomo_positions.m (floor; begins at coordinate - floor(box / 2), from 1). AV3 and
TOM, tom_chooser.m (meaning of the 20 rows), av3_scan_angles_exact.m (rows 14 to 16 are rows 11 to 13 turned
into the frame of the reference).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry import orientations
from napari_tomopick.io.particles import common, shifts, tomogram_map
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

PREFIX = "motl_"
SUBTOMOGRAM, TOMOGRAM, CLASS = f"{PREFIX}subtomo_num", f"{PREFIX}tomo_num", f"{PREFIX}class"
CLASSES = (CLASS, "dyn_class", "rlnClassNumber")
"""Where the class of a particle may stand, the first that is there being used."""
BASE = 1.0
ROUNDING = 1e-9


def rotations_of(phi_psi_theta: NDArray[np.float64]) -> Rotation:
    """Orientations from ``(n, 3)`` phi, psi, theta in degrees."""
    phi, psi, theta = phi_psi_theta.T
    return orientations.from_dynamo(np.column_stack([-psi, -theta, -phi]))


def angles_of(rotations: Rotation) -> NDArray[np.float64]:
    """Phi, psi, theta in degrees, ``(n, 3)``: phi and psi within ±180, theta from 0 to 180."""
    if not len(rotations):
        return np.empty((0, 3))
    tdrot, tilt, narot = orientations.to_dynamo(rotations).T
    # (-narot, -tdrot, -tilt), and half a turn on either side makes theta positive, where it is not 0 anyway
    half_turn = np.where(tilt > 0, 180.0, 0.0)
    phi_psi = half_turn[:, None] - np.column_stack([narot, tdrot])
    return np.column_stack([(phi_psi + 180.0) % 360.0 - 180.0, tilt])


def coordinates_of(path: Path, particles: Particles) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Whole coordinates and the shifts from them."""
    coordinates, shift = shifts.divided(path, particles)
    coordinates += BASE
    whole = np.floor(coordinates + 0.5)
    rest = coordinates - whole
    # what is left of a sum of two numbers of a file is no fraction of a voxel
    return whole, shift + np.where(np.abs(rest) < ROUNDING, 0.0, rest)


def kept(
    path: Path, particles: Particles, columns: Sequence[str], default: NDArray[np.int64]
) -> NDArray[np.int64]:
    """A whole number that came with the particles, in the first of these columns; else the default."""
    column = next((c for c in columns if c in particles.table), None)
    if column is None:
        return default
    values = common.floats(particles.table[column])
    bad = np.flatnonzero(~np.isnan(values) & ~common.are_whole(values))
    if len(bad):
        raise FileFormatError(
            f"cannot write {path}: row {bad[0] + 1}, column {column}: {values[bad[0]]} is not a whole number"
        )
    return np.where(np.isfinite(values), np.nan_to_num(values), default).astype(np.int64)


def tomogram_numbers(particles: Particles) -> dict[str, int]:
    """Number of each tomogram; those that came with the particles stay."""
    came = common.floats(particles.table[TOMOGRAM]) if TOMOGRAM in particles.table else None
    return tomogram_map.numbers_of(particles.tomograms, came)


def maps_beside(path: Path) -> list[Path]:
    """Where the files of the tomograms may be listed: STOPGAP's tomolist, of this name or the usual one."""
    return [path.with_name(f"{path.stem}_tomolist.txt"), path.with_name("tomolist.txt")]


def write_map(path: Path, numbers: dict[str, int], tomograms: Sequence[Tomogram]) -> tuple[Path, ...]:
    """Write the tomolist, unless it would say nothing beside the numbers."""
    if not tomograms and all(name in ("", str(number)) for name, number in numbers.items()):
        return ()
    return tomogram_map.write_map(maps_beside(path)[0], numbers, tomograms)


def unique_ids(values: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The values, if each occurs once and none is 0; else None."""
    usable = len(np.unique(values)) == len(values) and not (values == 0).any()
    return values if usable else None
