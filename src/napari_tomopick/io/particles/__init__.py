"""Particles in the formats of the field, each turned into the project's conventions and back."""

from napari_tomopick.io.particles.registry import (
    FLAVOURS,
    SUFFIXES,
    read_particles,
    what_is_lost,
    write_particles,
)

__all__ = ["FLAVOURS", "SUFFIXES", "read_particles", "what_is_lost", "write_particles"]
