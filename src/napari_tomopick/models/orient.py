"""Orienting particles by the membranes they sit on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import ModelError, ParameterError
from napari_tomopick.geometry import orientations
from napari_tomopick.models.imported_surface import ImportedSurface
from napari_tomopick.models.membrane_relation import surface_mesh
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.user_points import Model


@dataclass(frozen=True, eq=False)
class Oriented:
    """Particles oriented by surfaces.

    Parameters
    ----------
    particles : Particles
        Those near enough, in their old order, with the columns ``tomopickDistance`` (to the nearest surface,
        in voxels) and ``tomopickSurface`` (its name).
    too_far : int array
        Ids of those that were further away than allowed.
    messages : tuple of str
        What to tell the user about the surfaces, each beginning with the name of one.
    """

    particles: Particles
    too_far: NDArray[np.int64]
    messages: tuple[str, ...] = ()


def orient(
    particles: Particles,
    surfaces: Sequence[Model | ImportedSurface],
    *,
    max_distance: float | None = None,
    twist_seed: int | None = None,
    mesh_parameter: float = 5.0,
    max_triangles: int = 100_000,
    subdivision: int = 2,
) -> Oriented:
    """Give each particle the outward normal at the nearest point of any of the surfaces.

    The surfaces' side markers decide which way is out. Particles are not moved.

    Parameters
    ----------
    particles : Particles
    surfaces : sequence of Model or ImportedSurface
        Surfaces or vesicles, picked at the voxel size of the particles. A particle is oriented by those of
        its own tomogram; a particle or surface without a tomogram goes with all.
    max_distance : float, optional
        In voxels. Particles further from every surface are left out and listed.
    twist_seed : int, optional
        Seed of a random turn about the normal; none by default.
    mesh_parameter, max_triangles, subdivision
        Of the meshes, as of `napari_tomopick.models.crop_points.crop_points`. A surface's own parameters
        (closed, center, radius) are taken from the model.

    Raises
    ------
    ModelError
        If there is no surface, one is not defined (points, side marker), or a particle's tomogram has none.
    ParameterError
        If voxel sizes differ, or the distance is not positive.
    """
    if not surfaces:
        raise ModelError("no surface was given to orient the particles by")
    if max_distance is not None and not max_distance > 0:
        raise ParameterError(f"max_distance must be positive, got {max_distance}")
    nearest = np.full(len(particles), np.inf)
    normals = np.tile([0.0, 0.0, 1.0], (len(particles), 1))
    names = np.full(len(particles), "", dtype=object)
    messages: list[str] = []
    for model in surfaces:
        anywhere = (particles.tomograms == "") | (model.tomogram == "")
        rows = np.flatnonzero(anywhere | (particles.tomograms == model.tomogram))
        mesh, notes = surface_mesh(
            model,
            particles,
            mesh_parameter=mesh_parameter,
            max_triangles=max_triangles,
            subdivision=subdivision,
        )
        messages += [f"{model.name}: {note}" for note in notes]
        _, normal, distance = mesh.nearest(particles.positions[rows])
        closer = distance < nearest[rows]
        rows = rows[closer]
        nearest[rows], normals[rows], names[rows] = distance[closer], normal[closer], model.name
    without = np.isinf(nearest)
    if without.any():
        tomograms = sorted(set(particles.tomograms[without].tolist()))
        raise ModelError(f"no surface was given for the particles of tomogram {', '.join(tomograms)}")
    oriented = replace(
        particles.with_columns(tomopickDistance=nearest, tomopickSurface=names),
        rotations=orientations.from_directions(normals, twist_seed=twist_seed),
    )
    far = np.zeros(len(particles), bool) if max_distance is None else nearest > max_distance
    return Oriented(oriented.select(~far), particles.ids[far], tuple(messages))
