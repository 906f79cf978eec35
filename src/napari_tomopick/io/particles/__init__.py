"""Particles in the formats of the field, each turned into the project's conventions and back."""

from napari_tomopick.io.particles.formats import FORMATS, Format
from napari_tomopick.io.particles.registry import (
    SUFFIXES,
    WRITE_SUFFIXES,
    format_to_write,
    holds_particles,
    read_particles,
    what_is_lost,
    write_particles,
)

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "WRITE_SUFFIXES",
    "Format",
    "format_to_write",
    "holds_particles",
    "read_particles",
    "what_is_lost",
    "write_particles",
]
