"""`Tomogram`: what is known about one reconstructed volume. Its voxels stay in its file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Acquisition:
    """How the tilt series was taken; only what the project uses or passes on to other programs.

    Parameters
    ----------
    tilt_min_degrees, tilt_max_degrees : float, optional
        Tilt range. None: not known, and anything that needs the missing wedge asks for it.
    tilt_step_degrees : float, optional
    tilt_axis : "y" or "x"
        Direction of the tilt axis in the reconstruction (y for nearly every program).
    voltage_kv, spherical_aberration_mm, amplitude_contrast : float
    """

    tilt_min_degrees: float | None = None
    tilt_max_degrees: float | None = None
    tilt_step_degrees: float | None = None
    tilt_axis: Literal["x", "y"] = "y"
    voltage_kv: float = 300.0
    spherical_aberration_mm: float = 2.7
    amplitude_contrast: float = 0.1

    @property
    def tilt_range_degrees(self) -> tuple[float, float] | None:
        """(lowest, highest) tilt, or None if not known."""
        if self.tilt_min_degrees is None or self.tilt_max_degrees is None:
            return None
        return self.tilt_min_degrees, self.tilt_max_degrees


@dataclass(frozen=True)
class Tomogram:
    """One tomogram of a project.

    Parameters
    ----------
    name : str
        Unique in the project; particles refer to it (RELION's rlnTomoName, Scipion's tsId).
    path : Path
        The file holding the voxels.
    shape : tuple of 3 int
        Number of voxels along z, y, x: the shape of the array.
    voxel_size_angstrom : float
    acquisition : Acquisition
    origin_angstrom : tuple of 3 float
        x, y, z of the centre of voxel (0, 0, 0) in the microscope's coordinate frame, kept for export.
    particles_are_dark : bool, optional
        Contrast of the particles; None if not told.
    source : str, optional
        Name of the tomogram this one was binned from.
    binning : int
        Factor with respect to ``source``; 1 for a tomogram that was imported as it is.
    """

    name: str
    path: Path
    shape: tuple[int, int, int]
    voxel_size_angstrom: float
    acquisition: Acquisition = field(default_factory=Acquisition)
    origin_angstrom: tuple[float, float, float] = (0.0, 0.0, 0.0)
    particles_are_dark: bool | None = None
    source: str | None = None
    binning: int = 1
