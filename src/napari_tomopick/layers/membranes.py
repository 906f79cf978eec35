"""The membranes of a tomogram as meshes."""

from __future__ import annotations

from collections.abc import Sequence

from napari_tomopick.errors import TomopickError
from napari_tomopick.geometry.meshes import Mesh
from napari_tomopick.models.membrane_relation import surface_mesh
from napari_tomopick.models.sided_surfaces import SURFACE_TYPES
from napari_tomopick.models.user_points import Model


def membranes_among(models: Sequence[Model]) -> tuple[Model, ...]:
    """Those models that are surfaces or vesicles and have points."""
    return tuple(model for model in models if model.type in SURFACE_TYPES and len(model))


def meshes_of(models: Sequence[Model]) -> tuple[list[tuple[str, Mesh]], list[str]]:
    """Outward-facing meshes with the names of their models, and why others have none.

    May take seconds: meant for the background.
    """
    found, lacking = [], []
    for model in models:
        try:
            found.append((model.name, surface_mesh(model)[0]))
        except TomopickError as error:
            lacking.append(str(error))
    return found, lacking
