"""Writing RELION particle files (.star): 5, with or without coordinates from the centre, and 4."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry import orientations
from napari_tomopick.geometry.coordinates import half_size, rescale_positions
from napari_tomopick.io.particles import common, shifts, star
from napari_tomopick.io.particles.relion_columns import (
    ANGLES,
    BLOCKS,
    CENTRED,
    COORDINATES,
    IMAGE_PIXEL,
    MICROGRAPH,
    NAME,
    OPTICS_GROUP,
    ORIGINS_ANGSTROM,
    ORIGINS_PIXEL,
    OUR_BOX,
    OUR_GROUP,
    OUR_ID,
    OUR_NAME,
    OUR_SCORE,
    SERIES_PIXEL,
    SUBTOMOGRAM_ANGLES,
    TAKEN,
)
from napari_tomopick.io.particles.relion_grid import pixel_size, pixel_sizes, reference
from napari_tomopick.models.particles import SHIFTS, Particles
from napari_tomopick.models.tomogram import Tomogram


def write(
    path: Path, particles: Particles, tomograms: Sequence[Tomogram], flavour: str = "relion5"
) -> tuple[Path, ...]:
    """Write a RELION file; see `napari_tomopick.io.particles.write_particles`."""
    common.reject_reserved(path, particles, TAKEN)
    kept = {k: _as_block(b) for k, b in particles.table.attrs.get(BLOCKS, {}).items()}
    optics, groups = _optics(path, particles, tomograms, kept.pop("optics", None), flavour)
    columns: dict[str, object] = {NAME: written_names(particles)}
    frames = _frames(path, particles)
    coordinates, shift = shifts.divided(path, particles)
    columns |= dict(zip(COORDINATES, coordinates.T, strict=True))
    if flavour == "relion5-centred":
        columns |= dict(zip(CENTRED, _to_centred(path, particles, coordinates, tomograms).T, strict=True))
    columns |= dict(zip(ANGLES, angles_in(frames, particles).T, strict=True))
    if SHIFTS[0] in particles.table or flavour == "relion4":
        columns |= origins(shift if frames is None else frames.inv().apply(shift), particles)
    if flavour == "relion4" and MICROGRAPH not in particles.table:
        columns[MICROGRAPH] = particles.tomograms
    further = particles.table.drop(columns=[OUR_NAME, *SHIFTS], errors="ignore")
    if optics is not None:
        columns[OPTICS_GROUP] = groups
        further = further.drop(columns=[OPTICS_GROUP], errors="ignore")
    columns |= ours(particles)
    frame = pd.concat([pd.DataFrame(columns, index=further.index), star.exactly(further)], axis=1)
    before: dict[str, star.Block] = {} if optics is None else {"optics": optics}
    star.write_blocks(path, kept | before | {"particles": frame})
    return (path,)


def ours(particles: Particles) -> dict[str, object]:
    """The columns in which a STAR file keeps what RELION has no column for."""
    columns: dict[str, object] = {OUR_ID: particles.ids, OUR_GROUP: particles.groups}
    columns[OUR_SCORE] = particles.scores
    if particles.box_size is not None:
        columns[OUR_BOX] = particles.box_size
    return columns


def written_names(particles: Particles) -> NDArray[np.str_]:
    """Names of tomograms as the file had them that the particles came from, such as Warp's TS_01.tomostar."""
    if OUR_NAME not in particles.table:
        return particles.tomograms
    came = common.text(particles.table, OUR_NAME)
    # particles that were put into another tomogram since have its name
    stems = np.array([Path(name).stem for name in came.tolist()], dtype=np.str_)
    return np.where(stems == particles.tomograms, came, particles.tomograms).astype(np.str_)


def origins(shift: NDArray[np.float64], particles: Particles) -> dict[str, object]:
    """RELION's origins, which are subtracted from coordinates: in Å, or in pixels of unknown size."""
    size = particles.voxel_size_angstrom
    names = ORIGINS_PIXEL if size is None else ORIGINS_ANGSTROM
    # 0 has no sign
    return dict(zip(names, (0.0 - shift * (size or 1.0)).T, strict=True))


def angles_in(frames: Rotation | None, particles: Particles) -> NDArray[np.float64]:
    """RELION's rot, tilt, psi, ``(n, 3)``, in the frames of the subtomograms or, without, of the tomogram."""
    if not len(particles):
        return np.empty((0, 3))
    rotations = particles.rotations if frames is None else frames.inv() * particles.rotations
    return orientations.to_relion(rotations)


def _frames(path: Path, particles: Particles) -> Rotation | None:
    """How the subtomograms are turned, where the particles came with that."""
    if not len(particles) or not all(c in particles.table for c in SUBTOMOGRAM_ANGLES):
        return None
    angles = [shifts.numbers_or_zero(path, particles.table, c) for c in SUBTOMOGRAM_ANGLES]
    return orientations.from_relion(np.column_stack(angles))


def _as_block(plain: dict[str, Any]) -> star.Block:
    if not all(isinstance(v, list) for v in plain.values()):
        return plain
    return star.exactly(pd.DataFrame(plain))


def _to_centred(
    path: Path, particles: Particles, coordinates: NDArray[np.float64], tomograms: Sequence[Tomogram]
) -> NDArray[np.float64]:
    centred = np.empty_like(coordinates)
    for name in np.unique(particles.tomograms).tolist():
        tomogram = common.tomogram_of(path, name, tomograms, "coordinates in Å from the centre:")
        origin, factor = reference(tomogram, tomograms)
        if particles.voxel_size_angstrom is not None:
            ratio = particles.voxel_size_angstrom / origin.voxel_size_angstrom
            # the binning is exact, the ratio of two rounded voxel sizes is not
            factor = factor if abs(ratio / factor - 1.0) < 1e-3 else ratio
        rows = particles.tomograms == name
        pixels = rescale_positions(coordinates[rows], factor)
        centred[rows] = (pixels - half_size(origin.shape)) * origin.voxel_size_angstrom
    return centred


def _optics(
    path: Path,
    particles: Particles,
    tomograms: Sequence[Tomogram],
    came: star.Block | None,
    flavour: str,
) -> tuple[pd.DataFrame | None, NDArray[Any]]:
    """The optics table, and the group of each particle in it; none where the voxel size is not known.

    The table that came with the file stays as long as it is about the same pixel size.
    """
    size = particles.voxel_size_angstrom
    if came is not None and OPTICS_GROUP in particles.table:
        kept = came if isinstance(came, pd.DataFrame) else pd.DataFrame([came])
        if size is None or _is_about(path, particles, kept, size):
            return kept, particles.table[OPTICS_GROUP].to_numpy()
    if size is None:
        return None, np.zeros(0, np.int64)
    names = list(dict.fromkeys(particles.tomograms.tolist())) or [""]
    by_name = {t.name: t.acquisition for t in tomograms}
    rows = []
    for i, name in enumerate(names, 1):
        row: dict[str, object] = {OPTICS_GROUP: i, "rlnOpticsGroupName": name or f"opticsGroup{i}"}
        if name in by_name:
            acquisition = by_name[name]
            row["rlnVoltage"] = acquisition.voltage_kv
            row["rlnSphericalAberration"] = acquisition.spherical_aberration_mm
            row["rlnAmplitudeContrast"] = acquisition.amplitude_contrast
        row[SERIES_PIXEL] = size
        if flavour == "relion4":
            row[IMAGE_PIXEL] = size
        rows.append(row)
    groups = np.array([names.index(n) + 1 for n in particles.tomograms.tolist()], dtype=np.int64)
    return pd.DataFrame(rows), groups


def _is_about(path: Path, particles: Particles, optics: pd.DataFrame, size: float) -> bool:
    """Whether a reader of these particles with this table would find this pixel size."""
    order = pixel_sizes(written_names(particles))
    try:
        found = pixel_size(path, particles.table, optics, order)
    except FileFormatError:
        return False
    return found is not None and abs(found / size - 1.0) < 1e-6
