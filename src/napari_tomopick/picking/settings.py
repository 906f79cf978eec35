"""What a user settles about the particles to look for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_tomopick.errors import ParameterError

FIELD_OF_VIEW = 2.2
"""Side of what the network takes in, in diameters of a particle."""


def suggested_box_size(diameter: float) -> int:
    """Box size for particles of this diameter, in the same voxels: one and a half times it, even."""
    return max(4, 2 * round(0.75 * diameter))


@dataclass(frozen=True)
class BoxingSettings:
    """Sizes in voxels of the tomogram.

    Parameters
    ----------
    particle_size : float, optional
        Diameter of a particle. Default: estimated from the positive references.
    network_box : float, optional
        Side of the network's field of view (EMAN2's ChangeBx). Default: `FIELD_OF_VIEW` particles.

    Raises
    ------
    ParameterError
        If a size is not positive, or the particle is larger than the field of view.
    """

    particle_size: float | None = None
    network_box: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("particle size", self.particle_size), ("network box", self.network_box)):
            if value is not None and not (np.isfinite(value) and value >= 2):
                raise ParameterError(f"the {name} must be at least 2 voxels, got {value:g}")
        if self.particle_size and self.network_box and self.network_box < self.particle_size:
            raise ParameterError(
                f"a network that sees {self.network_box:g} voxels cannot take in a particle of "
                f"{self.particle_size:g}: make its box {FIELD_OF_VIEW * self.particle_size:.0f}"
            )
