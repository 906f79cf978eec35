"""The project file and the edit session: history, undo, autosave, tomogram status."""

from napari_tomopick.project.records import ParticleSet, Result, TomogramStatus
from napari_tomopick.project.session import Session
from napari_tomopick.project.summaries import Count, TomogramSummary

SUFFIX = ".tomopick"

__all__ = ["SUFFIX", "Count", "ParticleSet", "Result", "Session", "TomogramStatus", "TomogramSummary"]
