"""The columns of RELION's particle files that mean something here, and those of our own beside them."""

from __future__ import annotations

COORDINATES = [f"rlnCoordinate{a}" for a in "XYZ"]
CENTRED = [f"rlnCenteredCoordinate{a}Angst" for a in "XYZ"]
ANGLES = [f"rlnAngle{a}" for a in ("Rot", "Tilt", "Psi")]
SUBTOMOGRAM_ANGLES = [f"rlnTomoSubtomogram{a}" for a in ("Rot", "Tilt", "Psi")]
PRIORS = [f"{a}Prior" for a in ANGLES]
ORIGINS_ANGSTROM = [f"rlnOrigin{a}Angst" for a in "XYZ"]
ORIGINS_PIXEL = [f"rlnOrigin{a}" for a in "XYZ"]
ORIGINS = [*ORIGINS_ANGSTROM, *ORIGINS_PIXEL]
"""How far a particle lies off its coordinate, in the frame of the rotation of its subtomogram."""
OUR_ID, OUR_GROUP, OUR_SCORE, OUR_BOX = "tomopickId", "tomopickGroup", "tomopickScore", "tomopickBoxSize"
OUR_NAME = "tomopickTomoName"
"""Further column with the tomogram's name as the file had it, where that is not the name it has here."""
PARTICLE_ID = "rlnTomoParticleId"
NAME, MICROGRAPH, OPTICS_GROUP = "rlnTomoName", "rlnMicrographName", "rlnOpticsGroup"
SERIES_PIXEL, IMAGE_PIXEL = "rlnTomoTiltSeriesPixelSize", "rlnImagePixelSize"
PIXEL_SIZES = (SERIES_PIXEL, "rlnMicrographPixelSize", "rlnPixelSize", IMAGE_PIXEL)
"""Where the size of the pixel that coordinates count in may stand, the first found being used."""
WARP_PIXEL_SIZES = ("rlnPixelSize", IMAGE_PIXEL, SERIES_PIXEL)
"""The same in files of Warp, whose coordinates count in the pixel of the images it exported."""
DETECTOR, MAGNIFICATION = "rlnDetectorPixelSize", "rlnMagnification"
"""RELION 3.0: the pixel in µm on the detector, and the magnification."""
WARP_SUFFIX = ".tomostar"
GROUP_SOURCES = (OUR_GROUP, "rlnTomoManifoldIndex")
SCORE_SOURCES = (OUR_SCORE, "rlnAutopickFigureOfMerit", "rlnLCCmax")
TAKEN = [NAME, *COORDINATES, *CENTRED, *ANGLES, *ORIGINS, OUR_ID, OUR_GROUP, OUR_SCORE, OUR_BOX]
"""Columns that become fields of the particles; all others are kept as further columns."""
BLOCKS = "star_blocks"
"""Where the other blocks of a file travel along: in the ``attrs`` of the table of further columns."""
