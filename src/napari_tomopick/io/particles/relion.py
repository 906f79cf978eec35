"""RELION particle files (.star): 5, 4 and 3.1.

Sources: RELION 5, src/jaz/tomography/particle_set.cpp. ``getPosition``: pixels of the tilt series, 0-based, a
whole number being the centre of a voxel (RELION 4.0 added 1 inside, later versions do not); the particle is
at the coordinate minus A_subtomogram times the origin. ``getParticleCoordDecenteredPixel``: pixel = centred Å
/ pixel size + size / 2. ``getMatrix3x3``: A = A_subtomogram A_particle takes the particle to the tomogram.
"""

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
from napari_tomopick.geometry.coordinates import rescale_positions
from napari_tomopick.io.particles import common, star
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

COORDINATES = [f"rlnCoordinate{a}" for a in "XYZ"]
CENTRED = [f"rlnCenteredCoordinate{a}Angst" for a in "XYZ"]
ANGLES = [f"rlnAngle{a}" for a in ("Rot", "Tilt", "Psi")]
SUBTOMOGRAM_ANGLES = [f"rlnTomoSubtomogram{a}" for a in ("Rot", "Tilt", "Psi")]
PRIORS = [f"{a}Prior" for a in ANGLES]
ORIGINS_ANGSTROM = [f"rlnOrigin{a}Angst" for a in "XYZ"]
ORIGINS_PIXEL = [f"rlnOrigin{a}" for a in "XYZ"]
OUR_ID, OUR_GROUP, OUR_SCORE, OUR_BOX = "tomopickId", "tomopickGroup", "tomopickScore", "tomopickBoxSize"
PARTICLE_ID = "rlnTomoParticleId"
NAME, MICROGRAPH, OPTICS_GROUP = "rlnTomoName", "rlnMicrographName", "rlnOpticsGroup"
SERIES_PIXEL = "rlnTomoTiltSeriesPixelSize"
PIXEL_SIZES = (SERIES_PIXEL, "rlnMicrographPixelSize", "rlnPixelSize", "rlnImagePixelSize")
"""Where the size of the pixel that coordinates count in may stand, the first found being used."""
GROUP_SOURCES = (OUR_GROUP, "rlnTomoManifoldIndex")
SCORE_SOURCES = (OUR_SCORE, "rlnAutopickFigureOfMerit", "rlnLCCmax")
TAKEN = [
    NAME,
    *COORDINATES,
    *CENTRED,
    *ANGLES,
    *SUBTOMOGRAM_ANGLES,
    *ORIGINS_ANGSTROM,
    *ORIGINS_PIXEL,
    OUR_ID,
    OUR_GROUP,
    OUR_SCORE,
    OUR_BOX,
]
"""Columns that become fields of the particles; all others are kept as further columns."""
BLOCKS = "star_blocks"
"""Where the other blocks of a file travel along: in the ``attrs`` of the table of further columns."""


def read(path: Path, tomograms: Sequence[Tomogram]) -> Particles:
    """Read a RELION file; see `napari_tomopick.io.particles.read_particles`."""
    blocks = star.read_blocks(path)
    key = _particle_block(path, blocks)
    frame = _as_table(blocks.pop(key))
    names = common.named(path, _names(frame), tomograms)
    pixel = _pixel_size(path, frame, _as_table(blocks["optics"]) if "optics" in blocks else None)
    in_angstrom = all(c in frame for c in CENTRED)
    if in_angstrom and (tomograms or not all(c in frame for c in COORDINATES)):
        positions, pixel = _from_centred(path, frame, names, tomograms)
    else:
        positions = _three(path, frame, COORDINATES)
        pixel = common.voxel_size_of(path, names, tomograms, pixel)
    before = _rotation(path, frame, SUBTOMOGRAM_ANGLES)
    positions = positions - before.apply(_origin(path, frame, pixel))
    # priors of angles within the subtomogram's frame mean nothing once the two rotations are one
    stale = PRIORS if any(c in frame for c in SUBTOMOGRAM_ANGLES) else []
    further = frame.drop(columns=[c for c in [*TAKEN, *stale] if c in frame])
    further.attrs = {BLOCKS: {k: _as_plain(b) for k, b in blocks.items()}} if blocks else {}
    box = common.numbers(path, frame, OUR_BOX) if OUR_BOX in frame else np.empty(0)
    box_size = common.one_value(path, box, "box sizes")
    return Particles(
        positions=positions,
        rotations=before * _rotation(path, frame, ANGLES),
        ids=_ids(path, frame),
        groups=next((common.whole_numbers(path, frame, c) for c in GROUP_SOURCES if c in frame), None),  # type: ignore[arg-type]
        scores=next((common.floats(frame[c]) for c in SCORE_SOURCES if c in frame), None),  # type: ignore[arg-type]
        tomograms=names,
        table=further,
        voxel_size_angstrom=pixel,
        box_size=None if box_size is None else int(box_size),
    )


def write(
    path: Path, particles: Particles, tomograms: Sequence[Tomogram], flavour: str = "relion5"
) -> tuple[Path, ...]:
    """Write a RELION file; see `napari_tomopick.io.particles.write_particles`."""
    common.reject_reserved(path, particles, TAKEN)
    kept = {k: _as_block(b) for k, b in particles.table.attrs.get(BLOCKS, {}).items()}
    came_with = _as_table(kept.pop("optics")) if "optics" in kept else None
    optics, groups = _optics(particles, tomograms, came_with, flavour)
    columns: dict[str, object] = {NAME: particles.tomograms}
    columns |= dict(zip(COORDINATES, particles.positions.T, strict=True))
    if flavour == "relion5-centred":
        columns |= dict(zip(CENTRED, _to_centred(path, particles, tomograms).T, strict=True))
    angles = orientations.to_relion(particles.rotations) if len(particles) else np.empty((0, 3))
    columns |= dict(zip(ANGLES, angles.T, strict=True))
    if flavour == "relion4":
        columns |= dict.fromkeys(ORIGINS_ANGSTROM, 0.0)
        if MICROGRAPH not in particles.table:
            columns[MICROGRAPH] = particles.tomograms
    further = particles.table
    if optics is not None:
        columns[OPTICS_GROUP] = groups
        further = further.drop(columns=[OPTICS_GROUP], errors="ignore")
    columns |= {OUR_ID: particles.ids, OUR_GROUP: particles.groups}
    columns[OUR_SCORE] = particles.scores
    if particles.box_size is not None:
        columns[OUR_BOX] = particles.box_size
    frame = pd.concat([pd.DataFrame(columns, index=further.index), further], axis=1)
    before: dict[str, star.Block] = {} if optics is None else {"optics": optics}
    star.write_blocks(path, kept | before | {"particles": frame})
    return (path,)


def _as_table(block: star.Block) -> pd.DataFrame:
    """A block as a table, of one row if it is a simple one."""
    return block if isinstance(block, pd.DataFrame) else pd.DataFrame([block])


def _as_plain(block: star.Block) -> dict[str, Any]:
    """A block as it travels along: plain values, which pandas can compare and copy."""
    return block if isinstance(block, dict) else {str(c): block[c].tolist() for c in block}


def _as_block(plain: dict[str, Any]) -> star.Block:
    return pd.DataFrame(plain) if all(isinstance(v, list) for v in plain.values()) else plain


def _particle_block(path: Path, blocks: dict[str, star.Block]) -> str:
    def has_coordinates(name: str) -> bool:
        return all(c in blocks[name] for c in COORDINATES) or all(c in blocks[name] for c in CENTRED)

    found = [k for k in sorted(blocks, key=lambda k: k != "particles") if has_coordinates(k)]
    if found:
        return found[0]
    columns = {c for b in blocks.values() for c in b}
    hint = "it has no rlnCoordinateX/Y/Z and no rlnCenteredCoordinateX/Y/ZAngst"
    if "rlnTomoParticlesFile" in columns:
        hint = "it is an optimisation set; give the particle file it names"
    elif "rlnTomoTiltSeriesStarFile" in columns:
        hint = "it is a list of tomograms; give the particle file that goes with it"
    raise FileFormatError(f"{path}: no particles in it: {hint}")


def _names(frame: pd.DataFrame) -> NDArray[np.str_]:
    if NAME in frame:
        return common.text(frame, NAME)
    if MICROGRAPH in frame:  # 3.1: the file of the tomogram
        return np.array([Path(n).stem for n in common.text(frame, MICROGRAPH)], dtype=np.str_)
    return np.full(len(frame), "", np.str_)


def _three(path: Path, frame: pd.DataFrame, columns: list[str]) -> NDArray[np.float64]:
    missing = [c for c in columns if c not in frame]
    if missing:
        raise FileFormatError(f"{path}: no column {missing[0]}, though there is {set(columns) & set(frame)}")
    return np.column_stack([common.numbers(path, frame, c) for c in columns])


def _rotation(path: Path, frame: pd.DataFrame, columns: list[str]) -> Rotation:
    if not any(c in frame for c in columns):
        return orientations.identity(len(frame))
    return orientations.from_relion(_three(path, frame, columns))


def _origin(path: Path, frame: pd.DataFrame, pixel: float | None) -> NDArray[np.float64]:
    """The shifts in pixels of the coordinates, to be subtracted from them."""
    if any(c in frame for c in ORIGINS_ANGSTROM):
        shift = _three(path, frame, ORIGINS_ANGSTROM)
        if pixel is None and shift.any():
            raise FileFormatError(
                f"{path}: the shifts {ORIGINS_ANGSTROM[0]} ... are in Å, and the file has no pixel size "
                f"({', '.join(PIXEL_SIZES)}); give the tomogram (--tomogram)"
            )
        return shift / (pixel or 1.0)
    if any(c in frame for c in ORIGINS_PIXEL):
        return _three(path, frame, ORIGINS_PIXEL)
    return np.zeros((len(frame), 3))


def _ids(path: Path, frame: pd.DataFrame) -> NDArray[np.int64]:
    if OUR_ID in frame:
        return common.whole_numbers(path, frame, OUR_ID)
    if PARTICLE_ID in frame and frame[PARTICLE_ID].is_unique:
        return common.whole_numbers(path, frame, PARTICLE_ID)
    return np.arange(1, len(frame) + 1)


def _pixel_size(path: Path, frame: pd.DataFrame, optics: pd.DataFrame | None) -> float | None:
    for column in PIXEL_SIZES:
        if column in frame:
            sizes = common.numbers(path, frame, column)
        elif optics is not None and column in optics:
            sizes = common.numbers(path, optics, column)
            if OPTICS_GROUP in frame and OPTICS_GROUP in optics:
                used = set(common.whole_numbers(path, frame, OPTICS_GROUP).tolist())
                sizes = sizes[[g in used for g in common.whole_numbers(path, optics, OPTICS_GROUP)]]
        else:
            continue
        size = common.one_value(path, sizes, "pixel sizes")
        if size is not None and size <= 0:
            raise FileFormatError(f"{path}: {column} must be positive, it is {size}")
        return size
    return None


def _reference(tomogram: Tomogram, tomograms: Sequence[Tomogram]) -> tuple[Tomogram, float]:
    """The tomogram RELION's centre refers to, and how many of its voxels make one of ``tomogram``'s.

    A copy binned here lies up to half a voxel off where RELION, which samples instead of averaging, puts one
    of that size; so the centre is taken in the tomogram it was binned from.
    """
    by_name, factor = {t.name: t for t in tomograms}, 1.0
    while tomogram.source in by_name:
        factor *= tomogram.binning
        tomogram = by_name.pop(tomogram.source)
    return tomogram, factor


def _from_centred(
    path: Path, frame: pd.DataFrame, names: NDArray[np.str_], tomograms: Sequence[Tomogram]
) -> tuple[NDArray[np.float64], float | None]:
    """Positions in voxels of the particles' tomograms, and the voxel size these share."""
    centred = _three(path, frame, CENTRED)
    positions = np.empty_like(centred)
    sizes = []
    for name in np.unique(names).tolist():
        tomogram = common.tomogram_of(path, name, tomograms, "coordinates in Å from the centre:")
        reference, factor = _reference(tomogram, tomograms)
        rows = names == name
        pixels = centred[rows] / reference.voxel_size_angstrom + np.array(reference.shape[::-1]) / 2.0
        positions[rows] = rescale_positions(pixels, 1.0 / factor)
        sizes.append(tomogram.voxel_size_angstrom)
    return positions, common.one_value(path, sizes, "voxel sizes")


def _to_centred(path: Path, particles: Particles, tomograms: Sequence[Tomogram]) -> NDArray[np.float64]:
    centred = np.empty_like(particles.positions)
    for name in np.unique(particles.tomograms).tolist():
        tomogram = common.tomogram_of(path, name, tomograms, "coordinates in Å from the centre:")
        reference, factor = _reference(tomogram, tomograms)
        if particles.voxel_size_angstrom is not None:
            ratio = particles.voxel_size_angstrom / reference.voxel_size_angstrom
            # the binning is exact, the ratio of two rounded voxel sizes is not
            factor = factor if abs(ratio / factor - 1.0) < 1e-3 else ratio
        rows = particles.tomograms == name
        pixels = rescale_positions(particles.positions[rows], factor)
        centred[rows] = (pixels - np.array(reference.shape[::-1]) / 2.0) * reference.voxel_size_angstrom
    return centred


def _optics(
    particles: Particles, tomograms: Sequence[Tomogram], kept: pd.DataFrame | None, flavour: str
) -> tuple[pd.DataFrame | None, NDArray[np.int64]]:
    """The optics table, and the group of each particle in it; none where the voxel size is not known.

    The table that came with the file stays as long as it is about the same pixel size.
    """
    size = particles.voxel_size_angstrom
    if kept is not None and OPTICS_GROUP in particles.table:
        same = SERIES_PIXEL in kept and np.allclose(kept[SERIES_PIXEL].astype(float), size or 0.0, rtol=1e-6)
        if same or size is None:
            return kept, particles.table[OPTICS_GROUP].to_numpy(dtype=np.int64)
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
            row["rlnImagePixelSize"] = size
        rows.append(row)
    groups = np.array([names.index(n) + 1 for n in particles.tomograms.tolist()], dtype=np.int64)
    return pd.DataFrame(rows), groups
