"""The project file and the edit session: history, undo, autosave, tomogram status."""

from napari_tomopick.project.records import ParticleSet, Result, TomogramStatus
from napari_tomopick.project.session import Session

SUFFIX = ".tomopick"

__all__ = ["SUFFIX", "ParticleSet", "Result", "Session", "TomogramStatus"]
