"""Crop points: the oriented particles that a model of user points defines (Dynamo's model workflow)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import ModelError, ParameterError
from napari_tomopick.geometry import filaments, orientations, sampling
from napari_tomopick.geometry.coordinates import inside_volume
from napari_tomopick.geometry.meshes import Mesh
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.sided_surfaces import SURFACE_TYPES, SidedSurface, surface_of
from napari_tomopick.models.user_points import Model, ModelType

Array = NDArray[np.float64]

_MESH = ("mesh_parameter", "max_triangles", "subdivision", "cropping", "seed")
_PARAMETERS: dict[ModelType, tuple[str, ...]] = {
    ModelType.GENERAL: (),
    ModelType.SURFACE: (*_MESH, "closed"),
    ModelType.VESICLE: (*_MESH, "center", "radius"),
    ModelType.ELLIPSOIDAL_VESICLE: (*_MESH, "center", "radius"),
    ModelType.MARKED_ELLIPSOIDAL_VESICLE: (*_MESH, "center", "radius", "exclusion_radius"),
    ModelType.FILAMENT: ("dz",),
    ModelType.FILAMENT_TORSION: ("dz", "dphi_degrees"),
    ModelType.FILAMENT_HELIX: ("dz", "dphi_degrees", "radius"),
    ModelType.FILAMENT_RINGS: ("ring_separation", "radius", "subunits_per_ring"),
    ModelType.DIPOLE: (),
}
_AT_LEAST = {"max_triangles": 100, "subdivision": 0, "seed": 0, "subunits_per_ring": 1}
"""Parameters that are whole numbers, with the least that means anything."""
MOST_SUBDIVISIONS = 8


@dataclass(frozen=True, eq=False)
class CropPoints:
    """What a model gives.

    Parameters
    ----------
    particles : Particles
        With the model's group and, in the column ``tomopickModel``, its name.
    mesh : Mesh or None
        The surface as it is drawn; None for types that have none.
    spacing_min, spacing_mean, spacing_max : float
        Distance to the nearest neighbour in voxels; NaN for fewer than two particles.
    messages : tuple of str
        What to tell the user.
    """

    particles: Particles
    mesh: Mesh | None
    spacing_min: float
    spacing_mean: float
    spacing_max: float
    messages: tuple[str, ...]


def parameters_for(model_type: ModelType | str) -> tuple[str, ...]:
    """Names of the parameters of `crop_points` that act on models of this type."""
    return _PARAMETERS[ModelType(model_type)]


def crop_points(
    model: Model,
    *,
    mesh_parameter: float = 5.0,
    max_triangles: int = 100_000,
    subdivision: int = 2,
    cropping: float = 10.0,
    seed: int = 0,
    shape: tuple[int, int, int] | None = None,
    closed: bool | None = None,
    center: tuple[float, float, float] | None = None,
    radius: float | tuple[float, float, float] | None = None,
    exclusion_radius: float = 20.0,
    dz: float = 10.0,
    dphi_degrees: float = 0.0,
    ring_separation: float = 10.0,
    subunits_per_ring: int = 8,
) -> CropPoints:
    """Turn a model's user points into oriented particles.

    Which parameters act depends on the type of the model: `parameters_for`.

    - *surface*: equally spaced on the smooth surface through the levels, within what was traced; the
      particles' z axes are the normals, which point away from the side marker.
    - *vesicle*, *ellipsoidal_vesicle*: the same on the sphere or ellipsoid (lying in any direction) fitted
      to the points; outwards, or away from the side marker if there is one.
    - *marked_ellipsoidal_vesicle*: the same, but none within ``exclusion_radius`` of the marker, which marks
      a place on the vesicle (its neck, say) and not a side.
    - *filament*: on the smooth backbone every ``dz``, z along it in the direction of clicking.
    - *filament_torsion*: the same, each turned about z by ``dphi_degrees`` with respect to the one before.
    - *filament_helix*: every ``dz`` along the backbone, at ``radius`` from it, each ``dphi_degrees`` further
      round; z radially outward, x along the filament.
    - *filament_rings*: rings every ``ring_separation``, of ``subunits_per_ring`` at ``radius``; axes so too.
    - *dipole*: points are centre, north, centre, north, ...; a particle at each centre, z towards its north.
    - *general*: the points as they are, without orientation.

    Parameters
    ----------
    model : Model
    mesh_parameter : float
        Edge length in voxels of the mesh that depicts a surface.
    max_triangles : int
        Limit for that mesh; if need be its edges are made longer, which is reported.
    subdivision : int
        How many times the edges of that mesh are halved on the surface itself (4 times the triangles each).
    cropping : float
        Distance of neighbouring crop points in voxels, on average.
    seed : int
        Of the random placing of crop points.
    shape : tuple of 3 int, optional
        Voxels of the tomogram along z, y, x. With it, user points outside the tomogram are an error.
    closed : bool, optional
        Whether the levels are rings around a vesicle. Default: found from the clicks.
    center, radius : optional
        Geometry of a vesicle in voxels (radii along x, y, z where three), instead of fitting it. For
        filaments, the radius at which subunits sit.
    exclusion_radius, dz, ring_separation : float
        In voxels.
    dphi_degrees : float
    subunits_per_ring : int

    Raises
    ------
    ModelError
        If the points or the side marker do not (yet) define what the type needs.
    ParameterError
        If a parameter is outside the range in which it means anything.
    """
    check_points(model, shape, given=center is not None and radius is not None)
    for name, value in {"cropping": cropping, "dz": dz, "ring_separation": ring_separation}.items():
        _positive(model, name, value)
    _whole_number(model, "seed", seed)
    _whole_number(model, "subunits_per_ring", subunits_per_ring)
    for name, value in {"dphi_degrees": dphi_degrees, "exclusion_radius": exclusion_radius}.items():
        if not _is_number(value):
            raise ParameterError(f"model {model.name!r}: {name} must be a number, got {value!r}")
    mesh: Mesh | None = None
    messages: tuple[str, ...] = ()
    if model.type in SURFACE_TYPES:
        surface = surface_of(model, closed=closed, center=center, radius=radius)
        mesh, messages = _mesh(model, surface, mesh_parameter, max_triangles, subdivision)
        positions, rotations = _on_surface(surface, mesh.area(), cropping, seed)
        if model.type is ModelType.MARKED_ELLIPSOIDAL_VESICLE:
            positions, rotations = _away_from_mark(model, positions, rotations, exclusion_radius)
        elif model.marker is not None:
            messages += _turned_to_marker(positions, rotations, model.marker)
    elif model.type is ModelType.GENERAL:
        positions, rotations = model.points, orientations.identity(len(model))
    elif model.type is ModelType.DIPOLE:
        positions, rotations = _dipoles(model)
    else:
        positions, rotations = _filament(model, dz, dphi_degrees, radius, ring_separation, subunits_per_ring)
    if model.proposed.any():
        waiting, every = int(model.proposed.sum()), len(model)
        messages += (f"{waiting} of {every} points were placed by tracking and not accepted yet",)
    if shape is not None:
        outside = int((~inside_volume(positions, shape)).sum()) if len(positions) else 0
        if outside:
            messages += (f"{outside} of {len(positions)} crop points lie outside the tomogram",)
    gaps = sampling.spacing(positions)
    low, mean, high = (gaps.min(), gaps.mean(), gaps.max()) if len(gaps) else (math.nan,) * 3
    particles = Particles(
        positions,
        rotations,
        groups=np.full(len(positions), model.group),
        tomograms=np.full(len(positions), model.tomogram),
        table=pd.DataFrame({"tomopickModel": [model.name] * len(positions)}),
        voxel_size_angstrom=model.voxel_size_angstrom,
        box_size=model.box_size,
    )
    return CropPoints(particles, mesh, float(low), float(mean), float(high), messages)


def model_mesh(
    model: Model,
    *,
    mesh_parameter: float = 5.0,
    max_triangles: int = 100_000,
    subdivision: int = 2,
    closed: bool | None = None,
    center: tuple[float, float, float] | None = None,
    radius: float | tuple[float, float, float] | None = None,
) -> Mesh:
    """The depiction mesh of a surface or vesicle; parameters and errors as of `crop_points`."""
    return mesh_and_messages(
        model,
        mesh_parameter=mesh_parameter,
        max_triangles=max_triangles,
        subdivision=subdivision,
        closed=closed,
        center=center,
        radius=radius,
    )[0]


def mesh_and_messages(
    model: Model,
    *,
    mesh_parameter: float,
    max_triangles: int,
    subdivision: int,
    closed: bool | None = None,
    center: tuple[float, float, float] | None = None,
    radius: float | tuple[float, float, float] | None = None,
) -> tuple[Mesh, tuple[str, ...]]:
    """The mesh of `model_mesh`, and what to tell the user about it."""
    check_points(model, None, given=center is not None and radius is not None)
    surface = surface_of(model, closed=closed, center=center, radius=radius)
    return _mesh(model, surface, mesh_parameter, max_triangles, subdivision)


def check_points(model: Model, shape: tuple[int, int, int] | None, *, given: bool) -> None:
    """Raise a `ModelError` if a model is empty or has user points outside the tomogram, naming them.

    Parameters
    ----------
    model : Model
    shape : tuple of 3 int, or None
        Voxels of the tomogram along z, y, x.
    given : bool
        Whether the model's geometry is given by numbers, so that it needs no points.
    """
    if not len(model) and not given:
        raise ModelError(f"model {model.name!r} has no points")
    if shape is None or not len(model):
        return
    outside = np.flatnonzero(~inside_volume(model.points, shape))
    if len(outside):
        named = "; ".join(
            f"point {row + 1} at ({', '.join(f'{c:.1f}' for c in model.points[row])})" for row in outside[:5]
        )
        more = f" and {len(outside) - 5} more" if len(outside) > 5 else ""
        raise ModelError(
            f"points of model {model.name!r} lie outside the tomogram of {shape[2]} x {shape[1]} x "
            f"{shape[0]} voxels (x, y, z): {named}{more}. Was it picked on another binning?"
        )


def _is_number(value: object) -> TypeGuard[float]:
    # parameters may come from a model file, where anything can stand
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _positive(model: Model, name: str, value: float) -> None:
    if not (_is_number(value) and value > 0):
        raise ParameterError(f"model {model.name!r}: {name} must be a positive number, got {value!r}")


def _whole_number(model: Model, name: str, value: int) -> None:
    least = _AT_LEAST[name]
    if not (_is_number(value) and isinstance(value, Integral) and value >= least):
        raise ParameterError(
            f"model {model.name!r}: {name} must be a whole number of at least {least}, got {value!r}"
        )


def _mesh(
    model: Model, surface: SidedSurface, mesh_parameter: float, max_triangles: int, subdivision: int
) -> tuple[Mesh, tuple[str, ...]]:
    _positive(model, "mesh_parameter", mesh_parameter)
    _whole_number(model, "max_triangles", max_triangles)
    _whole_number(model, "subdivision", subdivision)
    if subdivision > MOST_SUBDIVISIONS:
        raise ParameterError(
            f"model {model.name!r}: subdivision must be {MOST_SUBDIVISIONS} at most, got {subdivision}"
        )
    mesh, message = surface.mesh(mesh_parameter, max_triangles, subdivision)
    return mesh, surface.messages + ((message,) if message else ())


def _on_surface(surface: SidedSurface, area: float, cropping: float, seed: int) -> tuple[Array, Rotation]:
    wanted = area / cropping**2
    if wanted > 200_000:
        raise ParameterError(
            f"a spacing of {cropping:g} voxels would give about {wanted:.0f} crop points; make cropping "
            "larger"
        )
    per_point = sampling.CANDIDATES_PER_POINT if wanted < 2000 else sampling.CANDIDATES_PER_POINT // 3
    candidates = surface.samples(max(2000, int(wanted * per_point)), np.random.default_rng(seed))
    rows = sampling.poisson_disk(*candidates, sampling.MINIMUM_TO_MEAN * cropping)
    return candidates[0][rows], orientations.from_directions(candidates[1][rows])


def _turned_to_marker(positions: Array, rotations: Rotation, marker: Array) -> tuple[str, ...]:
    towards = np.einsum("nk,nk->n", positions - marker, orientations.directions(rotations)) < 0
    # a few are to be expected where the membrane curves towards the marker
    if towards.mean() < 0.25:
        return ()
    return (
        f"{int(towards.sum())} of {len(positions)} normals have the side marker before them, as the membrane "
        "bends: check that they point to the outer side",
    )


def _away_from_mark(
    model: Model, positions: Array, rotations: Rotation, exclusion_radius: float
) -> tuple[Array, Rotation]:
    if model.marker is None:
        raise ModelError(
            f"marked vesicle {model.name!r} has no marker: put the cursor on the marked place and press "
            "Shift+C."
        )
    if not exclusion_radius >= 0:
        raise ParameterError(f"exclusion_radius must not be negative, got {exclusion_radius}")
    keep = np.linalg.norm(positions - model.marker, axis=1) >= exclusion_radius
    if not keep.any():
        raise ModelError(
            f"all crop points of {model.name!r} are within {exclusion_radius:g} voxels of the marker; make "
            "the exclusion radius smaller"
        )
    return positions[keep], rotations[keep]


def _dipoles(model: Model) -> tuple[Array, Rotation]:
    if len(model) % 2:
        raise ModelError(
            f"dipole set {model.name!r} has {len(model)} points; they must alternate centre, north, so an "
            "even number is needed: add the missing north or delete the last centre."
        )
    centres, norths = model.points[0::2], model.points[1::2]
    lengths = np.linalg.norm(norths - centres, axis=1)
    if (lengths == 0).any():
        row = int(np.flatnonzero(lengths == 0)[0])
        raise ModelError(f"centre and north of dipole {row + 1} of {model.name!r} are the same point")
    return centres, orientations.from_directions(norths - centres)


def _filament(
    model: Model,
    dz: float,
    dphi_degrees: float,
    radius: float | tuple[float, float, float] | None,
    ring_separation: float,
    subunits_per_ring: int,
) -> tuple[Array, Rotation]:
    if len(np.unique(model.points, axis=0)) < 2:
        raise ModelError(
            f"filament {model.name!r} needs at least 2 different points along its axis, in order"
        )
    # a double click is one click
    moved = np.concatenate([[True], np.any(np.diff(model.points, axis=0) != 0, axis=1)])
    backbone = filaments.fit_backbone(model.points[moved])
    if model.type is ModelType.FILAMENT:
        positions, frames = filaments.along(backbone, dz, 0.0)
        return positions, orientations.from_directions(orientations.directions(frames))
    if model.type is ModelType.FILAMENT_TORSION:
        return filaments.along(backbone, dz, dphi_degrees)
    if not (_is_number(radius) and radius > 0):
        raise ParameterError(
            f"{model.type.value} {model.name!r} needs a radius, one positive number of voxels; got {radius!r}"
        )
    if model.type is ModelType.FILAMENT_HELIX:
        s = filaments.steps(backbone, dz)
        turns = dphi_degrees * np.arange(len(s), dtype=np.float64)
        return filaments.around(backbone, s, turns, float(radius))
    s = filaments.steps(backbone, ring_separation)
    angles = np.tile(np.arange(subunits_per_ring) * 360.0 / subunits_per_ring, len(s))
    return filaments.around(backbone, np.repeat(s, subunits_per_ring), angles, float(radius))
