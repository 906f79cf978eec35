"""Turn the particles of a set in one or more ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from napari_tomopick.errors import ParameterError
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.user_points import Model
from napari_tomopick.protocols import turn
from napari_tomopick.protocols.describe import Bounds, Progress


def turn_particles(
    particles: Particles,
    surfaces: Sequence[Model] = (),
    *,
    to_surface: bool = False,
    flip: bool = False,
    in_plane_degrees: float | None = None,
    random_twist: Annotated[int | None, Bounds(minimum=0)] = None,
    progress: Progress | None = None,
) -> Particles:
    """Turn particles where they are: to the nearest membrane, upside down, about their own axis.

    In this order, where several are asked for.

    Parameters
    ----------
    particles : Particles
    surfaces : sequence of Model
        Surfaces and vesicles.
    to_surface : bool
        Let each z axis point along the outward normal of the nearest membrane, by the smallest turn.
    flip : bool
        Reverse the z axes, by half a turn about each particle's own x axis.
    in_plane_degrees : float, optional
        Turn each particle by this angle about its own z axis.
    random_twist : int, optional
        Seed; turn each particle by a random angle about its own z axis.
    progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    Particles
        All of them, with their ids.

    Raises
    ------
    ModelError
        If a membrane is needed and there is none, or it is incomplete.
    ParameterError
        If nothing is asked for, or voxel sizes differ.
    """
    if not (to_surface or flip) and in_plane_degrees is random_twist is None:
        raise ParameterError("say how to turn them: to the surface, flipped, in plane, or at random")
    if progress is not None:
        progress(0, 1, "turning")
    turned = particles
    if to_surface:
        turned = turn.to_surface(turned, surfaces)
    if flip:
        turned = turn.flip(turned)
    if in_plane_degrees is not None:
        turned = turn.turn_in_plane(turned, in_plane_degrees)
    if random_twist is not None:
        turned = turn.random_twist(turned, random_twist)
    return turned
