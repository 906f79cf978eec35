"""RELION's optimisation sets and lists of tomograms: which files belong together, and what they say.

Paths in them are relative to RELION's project folder, which is some folder above the file (Warp writes them
relative to the file itself), so a file is searched from the list's own folder upwards. ``rlnTomoSizeX/Y/Z``
and ``rlnTomoTiltSeriesPixelSize`` are of the unbinned tomogram, on which coordinates count.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.particles import common, star
from napari_tomopick.io.particles.relion_columns import NAME, SERIES_PIXEL
from napari_tomopick.models.tomogram import Acquisition, Tomogram

PARTICLES_FILE, TOMOGRAMS_FILE = "rlnTomoParticlesFile", "rlnTomoTomogramsFile"
SERIES_FILE, VOLUME_FILE = "rlnTomoTiltSeriesStarFile", "rlnTomoReconstructedTomogram"
SIZES = [f"rlnTomoSize{a}" for a in "XYZ"]
TILTS = ("rlnTomoYTilt", "rlnTomoNominalStageTiltAngle")


def files_of_set(path: Path, blocks: dict[str, star.Block]) -> tuple[Path, Path | None] | None:
    """The particle file and the list of tomograms an optimisation set names; None if it is no such set.

    Raises
    ------
    FileFormatError
        If the set names no particles, or a file that is not there.
    """
    for block in blocks.values():
        if PARTICLES_FILE not in block and TOMOGRAMS_FILE not in block:
            continue
        table = block if isinstance(block, pd.DataFrame) else pd.DataFrame([block])
        if PARTICLES_FILE not in table or len(table) != 1:
            raise FileFormatError(
                f"{path}: an optimisation set that names {'several' if len(table) > 1 else 'no'} particle "
                f"files ({PARTICLES_FILE}); give the particle file itself"
            )
        particles = find(path, str(table[PARTICLES_FILE].iloc[0]), "optimisation set")
        listed = TOMOGRAMS_FILE in table
        tomograms = find(path, str(table[TOMOGRAMS_FILE].iloc[0]), "optimisation set") if listed else None
        return particles, tomograms
    return None


def find(path: Path, name: str, what: str) -> Path:
    """The file named in another: where its path leads from that one's folder, or from one above it.

    Raises
    ------
    FileFormatError
        If there is none.
    """
    found = _found(path, name)
    if found is None:
        raise FileFormatError(
            f"{path}: the {what} names {name}, which is neither in its folder nor in one above it "
            f"(searched from {path.absolute().parent}); put it there, or give that file itself"
        )
    return found


def read_tomogram_list(path: str | os.PathLike[str]) -> list[Tomogram]:
    """Read RELION's list of tomograms (tomograms.star).

    Parameters
    ----------
    path : path-like
        tomograms.star of RELION 5 or 4.

    Returns
    -------
    list of Tomogram
        As they are unbinned: with their shape, voxel size, and tilt range where that is given. The path is
        that of the reconstruction, which may be binned, or of the list where there is none.

    Raises
    ------
    FileFormatError
        Naming what is missing, or the row and column that makes no sense.
    """
    file = Path(path)
    blocks = star.read_blocks(file)
    key = next((k for k, b in blocks.items() if NAME in b and all(c in b for c in SIZES)), None)
    if key is None:
        raise FileFormatError(
            f"{file}: not a list of tomograms with their sizes: no block has {NAME} and {', '.join(SIZES)}"
        )
    block = blocks[key]
    frame = block if isinstance(block, pd.DataFrame) else pd.DataFrame([block])
    line = star.first_line(file, key)
    if SERIES_PIXEL not in frame:
        raise FileFormatError(f"{file}: data_{key} has no column {SERIES_PIXEL}, the pixel size of the sizes")
    sizes = np.column_stack([common.whole_numbers(file, frame, c, first_row=line) for c in SIZES])
    pixels = common.numbers(file, frame, SERIES_PIXEL, first_row=line)
    if (sizes < 1).any() or (pixels <= 0).any():
        row = int(np.flatnonzero((sizes < 1).any(axis=1) | (pixels <= 0))[0])
        raise FileFormatError(
            f"{file}: line {row + line}: a tomogram of {' x '.join(map(str, sizes[row]))} pixels of "
            f"{pixels[row]:g} Å is none"
        )
    found = []
    for row, name in enumerate(common.text(frame, NAME).tolist()):
        volume = str(frame[VOLUME_FILE].iloc[row]) if VOLUME_FILE in frame else ""
        nx, ny, nz = (int(n) for n in sizes[row])
        found.append(
            Tomogram(
                name=name,
                path=(_found(file, volume) or Path(volume)) if volume else file,
                shape=(nz, ny, nx),
                voxel_size_angstrom=float(pixels[row]),
                acquisition=_acquisition(file, frame.iloc[row], blocks.get(name)),
            )
        )
    return found


def _acquisition(file: Path, row: pd.Series, series: star.Block | None) -> Acquisition:
    tilts = _tilts(series)
    if not len(tilts) and SERIES_FILE in row and (other := _found(file, str(row[SERIES_FILE]))):
        tilts = next((t for t in map(_tilts, star.read_blocks(other).values()) if len(t)), tilts)
    fields = {
        "voltage_kv": "rlnVoltage",
        "spherical_aberration_mm": "rlnSphericalAberration",
        "amplitude_contrast": "rlnAmplitudeContrast",
    }
    values = {field: float(row[column]) for field, column in fields.items() if column in row}
    if len(tilts):
        values |= {"tilt_min_degrees": float(tilts.min()), "tilt_max_degrees": float(tilts.max())}
    return Acquisition(**values)  # type: ignore[arg-type]


def _tilts(series: star.Block | None) -> np.ndarray:
    """The tilt angles of a series' table; none where it has no such column."""
    if isinstance(series, pd.DataFrame):
        for column in TILTS:
            if column in series:
                tilts = common.floats(series[column])
                return tilts[np.isfinite(tilts)]
    return np.empty(0)


def _found(path: Path, name: str) -> Path | None:
    if Path(name).is_absolute():
        return Path(name) if Path(name).is_file() else None
    return next((folder / name for folder in path.absolute().parents if (folder / name).is_file()), None)
