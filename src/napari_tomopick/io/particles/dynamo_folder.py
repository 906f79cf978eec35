"""The table of a data folder of Dynamo's: boxes particle_000001.em ... and their table, crop.tbl."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_tomopick.io.particles import dynamo
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram

TABLE = "crop.tbl"


def recognises(path: Path) -> bool:
    """Whether a folder is one of Dynamo's."""
    return (path / TABLE).is_file()


def read(path: Path, tomograms: Sequence[Tomogram], *, scipion_compatible: bool = False) -> Particles:
    """Read the table of a folder; see `napari_tomopick.io.particles.read_particles`."""
    return dynamo.read(path / TABLE, tomograms, scipion_compatible=scipion_compatible)
