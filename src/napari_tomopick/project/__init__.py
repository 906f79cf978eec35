"""The project file and the edit session: history, undo, autosave, tomogram status."""

from napari_tomopick.project.records import ParticleSet, Result, TomogramStatus
from napari_tomopick.project.session import Session

__all__ = ["ParticleSet", "Result", "Session", "TomogramStatus"]
