"""Pick, orient, extract and average particles in cryo-electron tomograms, in one napari window."""

from importlib.metadata import version

__version__ = version("napari-tomopick")
