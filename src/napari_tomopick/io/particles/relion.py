"""Reading RELION particle files (.star): 5, 4, 3.1 and 3.0, and optimisation sets.

Sources: RELION 5, src/jaz/tomography/particle_set.cpp. ``getPosition``: pixels of the tilt series, 0-based, a
whole number being the centre of a voxel (RELION 4.0 added 1 inside, later versions do not); the particle is
at the coordinate minus A_subtomogram times the origin. ``getParticleCoordDecenteredPixel``: pixel = centred Å
/ pixel size + size / 2. ``getMatrix3x3``: A = A_subtomogram A_particle takes the particle to the tomogram.
RELION 3.0 has one block without optics; its pixel is rlnDetectorPixelSize (µm) * 10000 / rlnMagnification.
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
from napari_tomopick.geometry.coordinates import half_size, rescale_positions
from napari_tomopick.io.particles import common, relion_set, shifts, star
from napari_tomopick.io.particles.relion_columns import (
    ANGLES,
    BLOCKS,
    CENTRED,
    COORDINATES,
    GROUP_SOURCES,
    MICROGRAPH,
    NAME,
    ORIGINS,
    ORIGINS_ANGSTROM,
    ORIGINS_PIXEL,
    OUR_BOX,
    OUR_ID,
    OUR_NAME,
    PARTICLE_ID,
    PIXEL_SIZES,
    SCORE_SOURCES,
    SUBTOMOGRAM_ANGLES,
    TAKEN,
    WARP_PIXEL_SIZES,
    WARP_SUFFIX,
)
from napari_tomopick.io.particles.relion_grid import pixel_size, pixel_sizes, reference
from napari_tomopick.io.particles.relion_write import write
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

__all__ = ["read", "recognises", "write"]


VOLUME_SUFFIXES = (".mrc", ".rec", ".map", ".st", ".mrcs", ".em", ".hdf")
"""What follows the name of a tomogram where a file is named for it."""


def recognises(path: Path) -> bool:
    """Whether a STAR file is RELION's: any that is no other program's."""
    return star.kind(path) == "relion"


def read(path: Path, tomograms: Sequence[Tomogram]) -> Particles:
    """Read a RELION file; see `napari_tomopick.io.particles.read_particles`."""
    blocks = star.read_blocks(path)
    files = relion_set.files_of_set(path, blocks)
    if files is not None:
        particle_file, tomogram_list = files
        if particle_file.samefile(path):
            raise FileFormatError(f"{path}: the optimisation set names itself as the particle file")
        listed = relion_set.read_tomogram_list(tomogram_list) if tomogram_list else []
        return read_blocks(particle_file, star.read_blocks(particle_file), tomograms, listed)
    return read_blocks(path, blocks, tomograms)


def read_blocks(
    path: Path,
    blocks: dict[str, star.Block],
    tomograms: Sequence[Tomogram],
    listed: Sequence[Tomogram] = (),
) -> Particles:
    """Particles of the blocks of a file.

    Parameters
    ----------
    path : Path
    blocks : mapping
    tomograms : sequence of Tomogram
    listed : sequence of Tomogram
        Those of RELION's list, used where none of the file's tomograms was given.
    """
    key = _particle_block(path, blocks)
    frame = as_table(blocks.pop(key))
    line = star.first_line(path, key)
    written = _written_names(frame)
    names = common.named(path, known_names(written, tomograms), tomograms)
    if listed and not {t.name for t in tomograms} & set(names.tolist()):
        tomograms = listed
        names = common.named(path, known_names(written, tomograms), tomograms)
    optics = as_table(blocks["optics"]) if "optics" in blocks else None
    order = pixel_sizes(written)
    pixel = pixel_size(path, frame, optics, order, line)
    in_angstrom = all(c in frame for c in CENTRED)
    if in_angstrom and (tomograms or not all(c in frame for c in COORDINATES)):
        positions, pixel = _from_centred(path, frame, names, tomograms, line)
    else:
        positions = three(path, frame, COORDINATES, line)
        if order is WARP_PIXEL_SIZES and pixel is None and OUR_ID not in frame and _are_fractions(positions):
            positions *= sizes_of(path, names, tomograms, "coordinates as fractions of the volume:")
        pixel = common.voxel_size_of(path, names, tomograms, pixel)
    before = rotation(path, frame, SUBTOMOGRAM_ANGLES, line)
    further = frame.drop(columns=[c for c in TAKEN if c in frame])
    if NAME in frame and (names != written).any():
        further = further.assign(**{OUR_NAME: written})
    if any(c in frame for c in ORIGINS):
        shift = -before.apply(_origin(path, frame, pixel, line))
        positions = positions + shift
        further = shifts.beside(further, shift)
    further.attrs = {BLOCKS: {k: as_plain(b) for k, b in blocks.items()}} if blocks else {}
    box = common.numbers(path, frame, OUR_BOX, first_row=line) if OUR_BOX in frame else np.empty(0)
    box_size = common.one_value(path, box, "box sizes")
    sources = [c for c in GROUP_SOURCES if c in frame]
    groups = common.whole_numbers(path, frame, sources[0], first_row=line) if sources else None
    return Particles(
        positions=positions,
        rotations=before * rotation(path, frame, ANGLES, line),
        ids=_ids(path, frame, line),
        groups=groups,  # type: ignore[arg-type]
        scores=next((common.floats(frame[c]) for c in SCORE_SOURCES if c in frame), None),  # type: ignore[arg-type]
        tomograms=names,
        table=further,
        voxel_size_angstrom=pixel,
        box_size=None if box_size is None else int(box_size),
    )


def as_table(block: star.Block) -> pd.DataFrame:
    """A block as a table, of one row if it is a simple one."""
    return block if isinstance(block, pd.DataFrame) else pd.DataFrame([block])


def as_plain(block: star.Block) -> dict[str, Any]:
    """A block as it travels along: plain values, which pandas can compare and copy."""
    return block if isinstance(block, dict) else {str(c): block[c].tolist() for c in block}


def _particle_block(path: Path, blocks: dict[str, star.Block]) -> str:
    def has_coordinates(name: str) -> bool:
        return all(c in blocks[name] for c in COORDINATES) or all(c in blocks[name] for c in CENTRED)

    found = [k for k in sorted(blocks, key=lambda k: k != "particles") if has_coordinates(k)]
    if found:
        return found[0]
    columns = {c for b in blocks.values() for c in b}
    hint = "it has no rlnCoordinateX/Y/Z and no rlnCenteredCoordinateX/Y/ZAngst"
    if {relion_set.SERIES_FILE, *relion_set.SIZES} & columns:
        hint = "it is a list of tomograms; give the particle file that goes with it"
    raise FileFormatError(f"{path}: no particles in it: {hint}")


def _written_names(frame: pd.DataFrame) -> NDArray[np.str_]:
    if NAME in frame:
        return common.text(frame, NAME)
    if MICROGRAPH in frame:  # 3.1 and before: the file of the tomogram
        return np.array([Path(n).name for n in common.text(frame, MICROGRAPH)], dtype=np.str_)
    return np.full(len(frame), "", np.str_)


def known_names(written: NDArray[np.str_], tomograms: Sequence[Tomogram]) -> NDArray[np.str_]:
    """Names of tomograms for those of a file: Warp's without .tomostar, files without their suffix.

    A name that is a tomogram's stays as it is.
    """
    known = {t.name for t in tomograms}
    by_file = {t.path.name: t.name for t in tomograms}
    names = {}
    for name in np.unique(written).tolist():
        is_file = Path(name).suffix.lower() in (WARP_SUFFIX, *VOLUME_SUFFIXES)
        stem = name.removesuffix(WARP_SUFFIX) if name.endswith(WARP_SUFFIX) else Path(name).stem
        names[name] = name if name in known or not is_file else by_file.get(name, stem)
    return np.array([names[n] for n in written.tolist()], dtype=np.str_)


def three(path: Path, frame: pd.DataFrame, columns: list[str], line: int) -> NDArray[np.float64]:
    """Three columns as numbers, ``(n, 3)``."""
    missing = [c for c in columns if c not in frame]
    if missing:
        raise FileFormatError(f"{path}: no column {missing[0]}, though there is {set(columns) & set(frame)}")
    return np.column_stack([common.numbers(path, frame, c, first_row=line) for c in columns])


def rotation(path: Path, frame: pd.DataFrame, columns: list[str], line: int) -> Rotation:
    """The rotations of three columns of RELION's angles; none where there are no such columns."""
    if not any(c in frame for c in columns):
        return orientations.identity(len(frame))
    return orientations.from_relion(three(path, frame, columns, line))


def _origin(path: Path, frame: pd.DataFrame, pixel: float | None, line: int) -> NDArray[np.float64]:
    """The origins in pixels of the coordinates, to be subtracted from them."""
    if any(c in frame for c in ORIGINS_ANGSTROM):
        shift = three(path, frame, ORIGINS_ANGSTROM, line)
        if pixel is None and shift.any():
            raise FileFormatError(
                f"{path}: the shifts {ORIGINS_ANGSTROM[0]} ... are in Å, and the file has no pixel size "
                f"({', '.join(PIXEL_SIZES)}); give the tomogram (--tomogram)"
            )
        return shift / (pixel or 1.0)
    return three(path, frame, ORIGINS_PIXEL, line)


def _ids(path: Path, frame: pd.DataFrame, line: int) -> NDArray[np.int64]:
    if OUR_ID in frame:
        return common.whole_numbers(path, frame, OUR_ID, first_row=line)
    if PARTICLE_ID in frame and frame[PARTICLE_ID].is_unique:
        return common.whole_numbers(path, frame, PARTICLE_ID, first_row=line)
    return np.arange(1, len(frame) + 1)


def _are_fractions(positions: NDArray[np.float64]) -> bool:
    """Whether these can only be fractions, unless all particles lie in the first voxel of the corner."""
    return len(positions) > 0 and bool((positions >= 0).all() and (positions <= 1).all())


def sizes_of(
    path: Path, names: NDArray[np.str_], tomograms: Sequence[Tomogram], why: str
) -> NDArray[np.float64]:
    """Numbers of voxels along x, y, z of each particle's tomogram, ``(n, 3)``."""
    sizes = np.empty((len(names), 3))
    for name in np.unique(names).tolist():
        sizes[names == name] = common.tomogram_of(path, name, tomograms, why).shape[::-1]
    return sizes


def _from_centred(
    path: Path, frame: pd.DataFrame, names: NDArray[np.str_], tomograms: Sequence[Tomogram], line: int
) -> tuple[NDArray[np.float64], float | None]:
    """Positions in voxels of the particles' tomograms, and the voxel size these share."""
    centred = three(path, frame, CENTRED, line)
    positions = np.empty_like(centred)
    sizes = []
    for name in np.unique(names).tolist():
        tomogram = common.tomogram_of(path, name, tomograms, "coordinates in Å from the centre:")
        origin, factor = reference(tomogram, tomograms)
        rows = names == name
        pixels = centred[rows] / origin.voxel_size_angstrom + half_size(origin.shape)
        positions[rows] = rescale_positions(pixels, 1.0 / factor)
        sizes.append(tomogram.voxel_size_angstrom)
    return positions, common.one_value(path, sizes, "voxel sizes")
