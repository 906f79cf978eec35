"""How particles lie with respect to membranes: how far away, on which side, and in which direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.meshes import Mesh
from napari_tomopick.models.crop_points import mesh_and_messages, parameters_for
from napari_tomopick.models.imported_surface import ImportedSurface
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.user_points import Model

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MembraneRelation:
    """Where each particle lies with respect to the nearest surface.

    Parameters
    ----------
    distances : array, shape (n,)
        In voxels, positive on the outer side; NaN where there is no surface. Past the rim of an open surface
        it is the distance to the rim, and the side is that of the plane that touches the surface there.
    angles_degrees : array, shape (n,)
        Between the particle's own z axis and the outward normal at the nearest place, 0 to 180; NaN where
        there is no surface.
    normals : array, shape (n, 3)
        That normal; NaN where there is no surface.
    surfaces : int array, shape (n,)
        Which of the surfaces is nearest; -1 where there is none.
    """

    distances: Array
    angles_degrees: Array
    normals: Array
    surfaces: NDArray[np.int64]


def membrane_relation(particles: Particles, meshes: Sequence[Mesh]) -> MembraneRelation:
    """Look for the nearest place on any of the surfaces, which are outward-facing meshes.

    Parameters
    ----------
    particles : Particles
        Those of one tomogram.
    meshes : sequence of Mesh
        In the same voxels.
    """
    n = len(particles)
    nearest, signed, normals = np.full(n, np.inf), np.full(n, np.nan), np.full((n, 3), np.nan)
    surfaces = np.full(n, -1)
    for number, mesh in enumerate(meshes):
        places, outward, distances = mesh.nearest(particles.positions)
        closer = distances < nearest
        inside = np.einsum("nk,nk->n", particles.positions - places, outward) < 0
        nearest[closer] = distances[closer]
        signed[closer] = np.where(inside, -distances, distances)[closer]
        normals[closer], surfaces[closer] = outward[closer], number
    cosines = np.einsum("nk,nk->n", particles.directions(), normals)
    return MembraneRelation(signed, np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))), normals, surfaces)


def relation_to_surfaces(particles: Particles, surfaces: Sequence[Model]) -> MembraneRelation:
    """The same for particles of several tomograms, each with the surfaces of its own.

    Parameters
    ----------
    particles : Particles
    surfaces : sequence of Model
        A particle or a surface without a tomogram goes with all.

    Raises
    ------
    ModelError
        If a surface is not defined: points, side marker.
    ParameterError
        If voxel sizes differ.
    """
    here = set(particles.tomograms.tolist())
    meshes = {
        number: surface_mesh(surface, particles)[0]
        for number, surface in enumerate(surfaces)
        if "" in here or surface.tomogram == "" or surface.tomogram in here
    }
    n = len(particles)
    distances, angles, normals = np.full(n, np.nan), np.full(n, np.nan), np.full((n, 3), np.nan)
    nearest = np.full(n, -1)
    for name in here:
        rows = np.flatnonzero(particles.tomograms == name)
        numbers = [i for i in meshes if name == "" or surfaces[i].tomogram in ("", name)]
        if numbers:
            part = membrane_relation(particles.select(rows), [meshes[i] for i in numbers])
            distances[rows], angles[rows] = part.distances, part.angles_degrees
            normals[rows], nearest[rows] = part.normals, np.array(numbers)[part.surfaces]
    return MembraneRelation(distances, angles, normals, nearest)


def surface_mesh(
    surface: Model | ImportedSurface,
    particles: Particles | None = None,
    *,
    mesh_parameter: float = 5.0,
    max_triangles: int = 100_000,
    subdivision: int = 2,
) -> tuple[Mesh, tuple[str, ...]]:
    """The outward-facing mesh of a surface or vesicle, and what to tell the user about it.

    Parameters
    ----------
    surface : Model or ImportedSurface
        A model's own parameters (closed, center, radius) count.
    particles : Particles, optional
        What it is to be compared with: must have the same voxel size.
    mesh_parameter, max_triangles, subdivision
        As of `napari_tomopick.models.crop_points.crop_points`.

    Raises
    ------
    ModelError
        If the surface is not defined: points, side marker.
    ParameterError
        If voxel sizes differ.
    """
    if particles is not None:
        _check_voxel_size(particles, surface)
    if isinstance(surface, ImportedSurface):
        return surface.mesh, surface.messages
    own = {k: surface.parameters[k] for k in ("closed", "center", "radius") if k in surface.parameters}
    return mesh_and_messages(
        surface,
        mesh_parameter=mesh_parameter,
        max_triangles=max_triangles,
        subdivision=subdivision,
        **{k: v for k, v in own.items() if k in parameters_for(surface.type)},
    )


def _check_voxel_size(particles: Particles, surface: Model | ImportedSurface) -> None:
    a, b = particles.voxel_size_angstrom, surface.voxel_size_angstrom
    if a is not None and b is not None and abs(a - b) > 1e-3 * b:
        raise ParameterError(
            f"the particles are given at {a:g} Å per voxel, but surface {surface.name!r} was picked at {b:g} "
            "Å: bring them to the same voxel size first."
        )
