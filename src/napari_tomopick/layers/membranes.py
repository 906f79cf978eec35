"""The membranes of a tomogram as meshes, made once for each model as it is."""

from __future__ import annotations

from collections.abc import Sequence

from napari_tomopick.errors import TomopickError
from napari_tomopick.geometry.meshes import Mesh
from napari_tomopick.models.crop_points import mesh_and_messages, parameters_for
from napari_tomopick.models.sided_surfaces import SURFACE_TYPES
from napari_tomopick.models.user_points import Model

# as a membrane is meshed to orient particles by it
MESH = {"mesh_parameter": 5.0, "max_triangles": 100_000, "subdivision": 2}


def membranes_among(models: Sequence[Model]) -> tuple[Model, ...]:
    """Those models that are surfaces or vesicles and have points."""
    return tuple(model for model in models if model.type in SURFACE_TYPES and len(model))


def meshes_of(models: Sequence[Model]) -> tuple[list[tuple[str, Mesh]], list[str]]:
    """Outward-facing meshes with the names of their models, and why others have none.

    May take seconds: meant for the background.
    """
    found, lacking = [], []
    for model in models:
        own = {k: model.parameters[k] for k in ("closed", "center", "radius") if k in model.parameters}
        own = {k: v for k, v in own.items() if k in parameters_for(model.type)}
        try:
            mesh, _ = mesh_and_messages(model, **MESH, **own)  # type: ignore[arg-type]
        except TomopickError as error:
            lacking.append(str(error))
        else:
            found.append((model.name, mesh))
    return found, lacking
