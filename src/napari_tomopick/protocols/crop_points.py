"""Crop points of models in their tomograms."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np

from napari_tomopick.errors import ModelError, ParameterError
from napari_tomopick.geometry import orientations
from napari_tomopick.models import crop_points as geometry
from napari_tomopick.models.particles import Particles, concatenate
from napari_tomopick.models.references import is_negative, without_references
from napari_tomopick.models.sided_surfaces import SURFACE_TYPES
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model
from napari_tomopick.protocols.describe import Bounds, Progress


@dataclass(frozen=True, eq=False)
class CroppedModels:
    """Crop points of one or more models.

    Parameters
    ----------
    particles : Particles
        Of all models, ids from 1; the column ``tomopickModel`` names the model of each.
    models : tuple of (Model, CropPoints)
        What each model gave.
    messages : tuple of str
        Options that were given and did not act.
    """

    particles: Particles
    models: tuple[tuple[Model, geometry.CropPoints], ...]
    messages: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Number and spacing of the crop points of each model, and what else a user should know."""
        lines = []
        for model, found in self.models:
            n = len(found.particles)
            text = f"{model.name}: {n} crop point{'s' if n != 1 else ''}"
            if math.isfinite(found.spacing_mean):
                text += (
                    f", spacing {found.spacing_min:.1f} to {found.spacing_max:.1f} voxels "
                    f"(mean {found.spacing_mean:.1f})"
                )
            lines += [text, *(f"  {message}" for message in found.messages)]
        return [*lines, *self.messages]


def crop_points(
    models: Sequence[Model],
    tomograms: Sequence[Tomogram] = (),
    *,
    mesh_parameter: Annotated[float, Bounds(0.1, 1000)] = 5.0,
    max_triangles: Annotated[int, Bounds(100, 10_000_000)] = 100_000,
    subdivision: Annotated[int, Bounds(0, 8)] = 2,
    cropping: Annotated[float, Bounds(0.1, 10_000)] = 10.0,
    seed: Annotated[int, Bounds(minimum=0)] = 0,
    twist_seed: Annotated[int | None, Bounds(minimum=0)] = None,
    center: Annotated[tuple[float, float, float] | None, Bounds(advanced=True)] = None,
    radius: Annotated[float | None, Bounds(minimum=0, advanced=True)] = None,
    radii: Annotated[tuple[float, float, float] | None, Bounds(advanced=True)] = None,
    exclusion_radius: Annotated[float, Bounds(0, 10_000, advanced=True)] = 20.0,
    dz: Annotated[float, Bounds(0.1, 10_000, advanced=True)] = 10.0,
    dphi_degrees: Annotated[float, Bounds(-360, 360, advanced=True)] = 0.0,
    ring_separation: Annotated[float, Bounds(0.1, 10_000, advanced=True)] = 10.0,
    subunits_per_ring: Annotated[int, Bounds(1, 10_000, advanced=True)] = 8,
    progress: Progress | None = None,
) -> CroppedModels:
    """Turn user points into oriented particles by the geometry each model describes.

    A surface or vesicle gives equally spaced points on its membrane, their z axes pointing away from the
    side marker; a filament gives points along, on a helix around, or in rings around its axis; a dipole set
    gives a particle per dipole; general points stay as they are. A parameter that a model itself carries
    goes before the one given here.

    Parameters
    ----------
    models : sequence of Model
        At least one.
    tomograms : sequence of Tomogram
        Where the models lie, found by name; with it, points outside are an error, and crop points are
        expressed in the voxels of the tomogram even if the points were picked on another binning.
    mesh_parameter : float
        Edge length in voxels of the mesh that depicts a membrane; smaller means more triangles.
    max_triangles : int
        Limit for the number of triangles of that mesh.
    subdivision : int
        How many times each triangle of that mesh is split into four.
    cropping : float
        Distance in voxels between neighbouring crop points on a membrane.
    seed : int
        Seed for the random placing of crop points on a membrane.
    twist_seed : int, optional
        Seed for a random turn of each particle of a membrane about its own axis, which spreads the missing
        wedge in an average. Without it there is no turn.
    center : tuple of 3 float, optional
        x, y, z in voxels of the centre of a vesicle, instead of fitting it; needs a radius too.
    radius : float, optional
        Radius in voxels: of a vesicle, instead of fitting it; or at which subunits sit around a filament.
    radii : tuple of 3 float, optional
        Radii in voxels along x, y and z of an ellipsoidal vesicle, instead of fitting it.
    exclusion_radius : float
        Distance in voxels from the marker of a marked vesicle within which there are no crop points.
    dz : float
        Distance in voxels between particles along a filament.
    dphi_degrees : float
        Turn in degrees from one particle along a filament to the next.
    ring_separation : float
        Distance in voxels between rings around a filament.
    subunits_per_ring : int
        Number of particles in each ring around a filament.
    progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    CroppedModels

    Raises
    ------
    ModelError
        If a model is empty, incomplete (no side marker, say), or reaches out of its tomogram.
    ParameterError
        If a parameter makes no sense, or the models lie in tomograms of different voxel sizes.
    """
    if not models:
        raise ModelError("there is no model to make crop points of")
    if radius is not None and radii is not None:
        raise ParameterError("give one radius or three radii, not both")
    options: dict[str, Any] = {
        "mesh_parameter": mesh_parameter,
        "max_triangles": max_triangles,
        "subdivision": subdivision,
        "cropping": cropping,
        "seed": seed,
        "center": center,
        "radius": radius if radii is None else radii,
        "exclusion_radius": exclusion_radius,
        "dz": dz,
        "dphi_degrees": dphi_degrees,
        "ring_separation": ring_separation,
        "subunits_per_ring": subunits_per_ring,
    }
    by_name = {tomogram.name: tomogram for tomogram in tomograms}
    found = []
    for number, model in enumerate(models):
        if progress is not None:
            progress(number, len(models), model.name)
        if tomograms and model.tomogram not in by_name:
            raise ParameterError(
                f"model {model.name!r} lies in tomogram {model.tomogram!r}, which was not given; given: "
                f"{', '.join(by_name)}"
            )
        found.append(_crop(model, by_name.get(model.tomogram), options))
    try:
        particles = concatenate([result.particles for result in found])
    except ValueError as error:
        raise ParameterError(f"{error}; make crop points of one voxel size at a time") from error
    if twist_seed is not None:
        particles = _twisted(particles, models, [len(result.particles) for result in found], twist_seed)
    return CroppedModels(
        particles, tuple(zip(models, found, strict=True)), tuple(_without_effect(models, options))
    )


def _without_effect(models: Sequence[Model], options: dict[str, Any]) -> Iterator[str]:
    """Options other than the defaults that act on no model, or that a model's own parameter goes before."""
    parameters = inspect.signature(crop_points).parameters
    for name, value in options.items():
        if value == parameters[name].default:
            continue
        on = [model for model in models if name in geometry.parameters_for(model.type)]
        if not on:
            yield f"{name} = {value} has no effect on a model of this type"
        for model in on:
            if model.parameters.get(name, value) != value:
                yield f"{model.name}: its own {name} = {model.parameters[name]} goes before the {value} given"


def _crop(model: Model, tomogram: Tomogram | None, options: dict[str, Any]) -> geometry.CropPoints:
    if is_negative(model):
        raise ModelError(
            f"model {model.name!r} holds negative references: what is in the tomogram and is not a particle. "
            "Leave it out"
        )
    known = {*geometry.parameters_for(model.type)}
    own = without_references(model.parameters)
    strange = sorted(set(own) - known)
    if strange:
        raise ModelError(
            f"model {model.name!r}: a {model.type.value} has no parameter {strange[0]!r}; it has "
            f"{', '.join(sorted(known)) or 'none'}"
        )
    chosen = {**{name: value for name, value in options.items() if name in known}, **own}
    if tomogram is None:
        return geometry.crop_points(model, **chosen)
    if model.voxel_size_angstrom is None:
        model = replace(model, voxel_size_angstrom=tomogram.voxel_size_angstrom)
    picked_at = model.voxel_size_angstrom
    assert picked_at is not None
    ratio = tomogram.voxel_size_angstrom / picked_at
    nz, ny, nx = (math.ceil(round(n * ratio, 6)) for n in tomogram.shape)
    result = geometry.crop_points(model, shape=(nz, ny, nx), **chosen)
    return replace(result, particles=result.particles.rescaled(tomogram.voxel_size_angstrom))


def _twisted(particles: Particles, models: Sequence[Model], counts: list[int], seed: int) -> Particles:
    on_membranes = np.repeat([model.type in SURFACE_TYPES for model in models], counts)
    angles = np.random.default_rng(seed).uniform(-180.0, 180.0, len(particles)) * on_membranes
    return replace(particles, rotations=orientations.twisted(particles.rotations, angles))
