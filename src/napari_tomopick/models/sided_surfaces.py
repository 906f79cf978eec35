"""The surface a model defines, with its inner and outer side told apart by the side marker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import ModelError, ParameterError
from napari_tomopick.geometry.ellipsoids import Ellipsoid, fit_ellipsoid, fit_sphere
from napari_tomopick.geometry.meshes import Mesh
from napari_tomopick.geometry.surfaces import TracedSurface, fit_surface
from napari_tomopick.models.user_points import Model, ModelType

Array = NDArray[np.float64]

SURFACE_TYPES = (
    ModelType.SURFACE,
    ModelType.VESICLE,
    ModelType.ELLIPSOIDAL_VESICLE,
    ModelType.MARKED_ELLIPSOIDAL_VESICLE,
)


@dataclass(frozen=True, eq=False)
class SidedSurface:
    """A smooth surface whose normals point to the outer side.

    Parameters
    ----------
    shape : TracedSurface or Ellipsoid
    sign : 1 or -1
        Whether the normals of ``shape`` point outwards.
    messages : tuple of str
        What the user should know about how it came about.
    """

    shape: TracedSurface | Ellipsoid
    sign: int
    messages: tuple[str, ...] = ()

    def mesh(self, mesh_parameter: float, max_triangles: int, subdivision: int) -> tuple[Mesh, str | None]:
        """The depiction mesh, and what to tell the user if the triangle limit made it coarser."""
        mesh, limited = self.shape.mesh(mesh_parameter, max_triangles, subdivision)
        message = None
        if limited:
            message = (
                f"the limit of {max_triangles} triangles made the mesh edges {mesh.edge_length():.1f} voxels "
                f"long instead of about {mesh_parameter / 2**subdivision:.1f} (mesh parameter "
                f"{mesh_parameter:g}, {subdivision} subdivisions)"
            )
        return (mesh if self.sign > 0 else mesh.flipped()), message

    def samples(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Random positions evenly over the surface, and the outward unit normals, ``(n, 3)`` each."""
        positions, normals = self.shape.samples(n, rng)
        return positions, self.sign * normals


def surface_of(
    model: Model,
    *,
    closed: bool | None = None,
    center: tuple[float, float, float] | None = None,
    radius: float | tuple[float, float, float] | None = None,
) -> SidedSurface:
    """Fit the surface of a model of one of the `SURFACE_TYPES` and turn its normals away from the marker.

    Parameters
    ----------
    model : Model
    closed : bool, optional
        Surface: whether the levels are rings. Default: found from the clicks.
    center, radius : optional
        Vesicles: the given geometry in voxels (one radius, or three along x, y and z) instead of a fit.

    Raises
    ------
    ModelError
        If the points or the marker do not define the surface and its sides.
    ParameterError
        If the given geometry means nothing for this type.
    """
    if model.type not in SURFACE_TYPES:
        raise ModelError(f"model {model.name!r} is of type {model.type.value}, which has no surface")
    if closed not in (None, True, False):
        raise ParameterError(f"surface {model.name!r}: closed must be true or false, got {closed!r}")
    if model.type is ModelType.SURFACE:
        return _with_side(model, *_traced(model, closed))
    ellipsoid, messages = _vesicle(model, center, radius)
    # the marker of a marked vesicle marks a place on it, not a side
    if model.marker is None or model.type is ModelType.MARKED_ELLIPSOIDAL_VESICLE:
        return SidedSurface(ellipsoid, 1, messages)
    level = float(ellipsoid.level(model.marker[None])[0])
    if abs(level) < 1.0:
        raise ModelError(_marker_on_surface(model))
    if level > 0:
        messages += ("the side marker lies outside the vesicle, so the normals point into it",)
    return SidedSurface(ellipsoid, 1 if level < 0 else -1, messages)


def _traced(model: Model, closed: bool | None) -> tuple[TracedSurface, tuple[str, ...]]:
    least = 3 if closed else 2
    curves, short = [], []
    for level, curve in zip(np.unique(model.levels), model.contours(), strict=True):
        distinct = len(np.unique(curve, axis=0))
        if distinct >= least:
            curves.append(curve)
        else:
            short.append(f"level {level} has {distinct}")
    if len(curves) < 2:
        found = "it has no points" if not len(model) else f"{len(curves)} of {len(curves) + len(short)} have"
        if short:
            found += f" ({'; '.join(short[:5])})"
        raise ModelError(
            f"surface {model.name!r} needs at least 2 levels with at least {least} different points each: "
            f"{found}. Click points along the membrane in {'another slice' if curves else 'two slices'}."
        )
    if model.marker is None:
        raise ModelError(
            f"surface {model.name!r} has no side marker, so inside and outside cannot be told apart: put the "
            "cursor on the inner side of the membrane, away from it, and press Shift+C."
        )
    points = np.concatenate(curves)
    if np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[1] / len(points) ** 0.5 < 0.5:
        raise ModelError(f"the points of surface {model.name!r} lie on one line and span no surface")
    try:
        surface = fit_surface(curves, closed=closed)
    except ValueError as error:
        raise ModelError(f"surface {model.name!r}: {error}") from error
    messages: tuple[str, ...] = ()
    if short:
        messages = (f"levels with fewer than {least} different points were not used: {'; '.join(short)}",)
    return surface, messages


def _with_side(model: Model, surface: TracedSurface, messages: tuple[str, ...]) -> SidedSurface:
    assert model.marker is not None
    # the sides are told at the nearest traced point; everywhere else they follow, as the surface is smooth
    mesh, _ = surface.mesh(max(surface.size()) / 60, 10**6, 0)
    foot, normal, distance = mesh.nearest(model.marker[None])
    if distance[0] < 1.0:
        raise ModelError(_marker_on_surface(model))
    cosine = float((foot[0] - model.marker) @ normal[0] / distance[0])
    if abs(cosine) < 0.3:
        messages += (
            f"the side marker of {model.name!r} lies nearly in line with the edge of the membrane: check "
            "which side the normals point to, or put the marker beside the traced part",
        )
    return SidedSurface(surface, 1 if cosine > 0 else -1, messages)


def _marker_on_surface(model: Model) -> str:
    return (
        f"the side marker of {model.name!r} lies on the membrane (within 1 voxel), so it tells no side: move "
        "it to the inner side, away from the membrane (Shift+C)."
    )


def _vesicle(
    model: Model,
    center: tuple[float, float, float] | None,
    radius: float | tuple[float, float, float] | None,
) -> tuple[Ellipsoid, tuple[str, ...]]:
    sphere = model.type is ModelType.VESICLE
    if (center is None) != (radius is None):
        raise ParameterError(
            "give both the center and the radius of a vesicle, or neither to have them fitted"
        )
    if center is not None and radius is not None:
        try:
            middle, axes = np.asarray(center, np.float64), np.atleast_1d(np.asarray(radius, np.float64))
        except (ValueError, TypeError) as error:
            raise ParameterError(
                f"model {model.name!r}: center and radius are in voxels, got {center!r} and {radius!r}"
            ) from error
        if middle.shape != (3,) or not np.isfinite(middle).all():
            raise ParameterError(f"the center of a vesicle is x, y, z in voxels, got {center}")
        if axes.shape not in ((1,), (3,)) or (sphere and axes.shape != (1,)) or not (axes > 0).all():
            wanted = "one positive number" if sphere else "one or three positive numbers (x, y, z)"
            raise ParameterError(
                f"the radius of model {model.name!r} must be {wanted}, in voxels; got {radius}"
            )
        return Ellipsoid(middle, np.diag(np.broadcast_to(axes, 3))), ()
    least = 4 if sphere else 9
    distinct = np.unique(model.points, axis=0)
    if len(distinct) < least:
        raise ModelError(
            f"{model.type.value} {model.name!r} needs at least {least} different points to be fitted, it has "
            f"{len(distinct)}: click more on its membrane, in 3 slices or more, or give center and radius."
        )
    spread = np.linalg.svd(distinct - distinct.mean(axis=0), compute_uv=False)[2] / len(distinct) ** 0.5
    if spread < 0.5:
        raise ModelError(
            f"the points of {model.type.value} {model.name!r} lie in one plane, where many vesicles look "
            "alike: click in 3 slices or more."
        )
    ellipsoid = (fit_sphere if sphere else fit_ellipsoid)(model.points)
    off = float(np.sqrt((ellipsoid.level(model.points) ** 2).mean()))
    axes = ellipsoid.semi_axes()
    size = f"radius {axes[0]:.1f}" if sphere else "semi-axes " + ", ".join(f"{a:.1f}" for a in axes)
    place = ", ".join(f"{c:.1f}" for c in ellipsoid.centre)
    messages: tuple[str, ...] = (
        f"fitted vesicle: center {place}, {size}; points off by {off:.1f} voxels RMS",
    )
    if off > 0.1 * axes[-1]:
        messages += ("the points are far from the fitted vesicle; a surface may describe them better",)
    return ellipsoid, messages
