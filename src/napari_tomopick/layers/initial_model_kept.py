"""Initial models that a project has, as they are found again in its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError, TomopickError
from napari_tomopick.io.particles import read_particles
from napari_tomopick.io.volumes import open_volume
from napari_tomopick.layers.initial_model_look import Look

if TYPE_CHECKING:
    from napari_tomopick.project import Session

KIND = "initial model"
CLASS = "rlnClassNumber"


def newest(session: Session) -> tuple[Path, ...]:
    """The maps of the initial model made last, one per class; none if it is not there any more."""
    made = [result for result in session.results() if result.kind == KIND]
    paths = tuple(result.path for result in made if result.step == made[-1].step)
    return paths if all(path.is_file() for path in paths) else ()


def look_of(paths: tuple[Path, ...]) -> Look:
    """What there is to see of a model that was made earlier.

    Where the table of correlations or the particles are not there any more, it is seen without them.

    Parameters
    ----------
    paths : tuple of Path
        The maps, one per class.

    Raises
    ------
    FileFormatError
        If a map cannot be read, or does not tell its voxel size.
    """
    volumes = [open_volume(path) for path in paths]
    maps = tuple(np.asarray(volume.data[:], np.float32) for volume in volumes)
    size = volumes[0].voxel_size_angstrom
    if size is None:
        raise FileFormatError(f"{paths[0]}: does not tell its voxel size")
    directions, classes = _particles(paths[0].with_suffix(".star"))
    table = paths[0].with_name(f"{paths[0].stem}_fsc.csv")
    return Look(maps, size, directions, classes, (), None, False, _correlations(table, maps))


def _particles(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    try:
        particles = read_particles(path)
    except (OSError, TomopickError):
        return np.zeros((0, 3)), np.zeros(0, np.int64)
    numbers = (
        particles.table[CLASS].to_numpy(np.int64) if CLASS in particles.table else np.ones(len(particles))
    )
    return particles.rotations.apply([0.0, 0, 1]).reshape(-1, 3), numbers.astype(np.int64) - 1


def _correlations(path: Path, maps: tuple[NDArray[np.float32], ...]) -> tuple[NDArray[np.float64], ...]:
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError):
        return ()
    columns = [table[name].to_numpy(np.float64) for name in table if str(name).startswith("fsc")]
    # the first shell, of no frequency, is not in the table; where there are no halves, all are 0
    found = tuple(np.concatenate([[float(values.any())], values]) for values in columns)
    fitting = [len(each) == len(volume) // 2 + 1 for each, volume in zip(found, maps, strict=False)]
    return found if all(fitting) else ()
