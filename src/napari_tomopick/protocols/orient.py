"""Orient loose points by membranes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import ModelError
from napari_tomopick.models import orient as geometry
from napari_tomopick.models.crop_points import check_points
from napari_tomopick.models.imported_surface import ImportedSurface
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model
from napari_tomopick.protocols.describe import Bounds, Progress


@dataclass(frozen=True, eq=False)
class OrientedParticles:
    """Particles with the direction of the nearest membrane.

    Parameters
    ----------
    particles : Particles
        With the columns ``tomopickDistance`` (voxels to the membrane) and ``tomopickSurface`` (its name).
    too_far : int array
        Ids of those left out because they are too far from every membrane.
    messages : tuple of str
        What to tell the user of the membranes.
    """

    particles: Particles
    too_far: NDArray[np.int64]
    messages: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """How many were oriented, how far they are from the membrane, and which were left out."""
        n = len(self.particles)
        lines = [f"{n} particle{'s' if n != 1 else ''} oriented"]
        if n:
            distance = self.particles.table["tomopickDistance"].to_numpy()
            lines[0] += (
                f"; distance to the membrane {distance.min():.1f} to {distance.max():.1f} voxels "
                f"(median {np.median(distance):.1f})"
            )
        if len(self.too_far):
            lines.append(f"{len(self.too_far)} too far away, left out: {', '.join(map(str, self.too_far))}")
        return [*lines, *self.messages]


def orient(
    particles: Particles,
    surfaces: Sequence[Model | ImportedSurface],
    tomograms: Sequence[Tomogram] = (),
    *,
    max_distance: Annotated[float | None, Bounds(minimum=0)] = None,
    twist_seed: Annotated[int | None, Bounds(minimum=0)] = None,
    mesh_parameter: Annotated[float, Bounds(0.1, 1000, advanced=True)] = 5.0,
    max_triangles: Annotated[int, Bounds(100, 10_000_000, advanced=True)] = 100_000,
    subdivision: Annotated[int, Bounds(0, 8, advanced=True)] = 2,
    progress: Progress | None = None,
) -> OrientedParticles:
    """Give each particle the outward direction of the nearest membrane of its tomogram.

    The nearest point of any membrane counts, and the side marker of that membrane says which side is outside.
    Positions are not changed.

    Parameters
    ----------
    particles : Particles
        Their own orientation is replaced.
    surfaces : sequence of Model or ImportedSurface
        Surfaces and vesicles, or meshes of another program.
    tomograms : sequence of Tomogram
        With it, points of a membrane outside its tomogram are an error.
    max_distance : float, optional
        Largest distance to a membrane in voxels; particles further away are left out and listed.
    twist_seed : int, optional
        Seed for a random turn of each particle about its own axis, which spreads the missing wedge in an
        average. Without it there is no turn.
    mesh_parameter : float
        Edge length in voxels of the mesh of each membrane; smaller means more triangles.
    max_triangles : int
        Limit for the number of triangles of each mesh.
    subdivision : int
        How many times each triangle is split into four.
    progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    OrientedParticles

    Raises
    ------
    ModelError
        If there is no membrane in a particle's tomogram, or one is incomplete.
    ParameterError
        If a parameter makes no sense or voxel sizes differ.
    """
    if not len(particles):
        raise ModelError("there are no points to orient")
    by_name = {tomogram.name: tomogram for tomogram in tomograms}
    for model in surfaces:
        if isinstance(model, ImportedSurface):
            continue
        tomogram = by_name.get(model.tomogram)
        if tomogram is not None and model.voxel_size_angstrom in (None, tomogram.voxel_size_angstrom):
            check_points(model, tomogram.shape, given={"center", "radius"} <= set(model.parameters))
    if progress is not None:
        progress(0, 1, "orienting")
    found = geometry.orient(
        particles,
        surfaces,
        max_distance=max_distance,
        twist_seed=twist_seed,
        mesh_parameter=mesh_parameter,
        max_triangles=max_triangles,
        subdivision=subdivision,
    )
    return OrientedParticles(found.particles, found.too_far, found.messages)
