"""Surfaces as meshes of other programs, and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_tomopick.errors import ModelError, ParameterError
from napari_tomopick.geometry.meshes import Mesh
from napari_tomopick.io import models as model_files
from napari_tomopick.io.meshes import SUFFIXES as MESH_SUFFIXES
from napari_tomopick.io.meshes import Unit, read_mesh, write_mesh
from napari_tomopick.models.imported_surface import ImportedSurface
from napari_tomopick.models.membrane_relation import surface_mesh
from napari_tomopick.models.sided_surfaces import SURFACE_TYPES
from napari_tomopick.models.tomogram import Tomogram


def imported_surface(path: Path, unit: Unit | None, tomogram: Tomogram) -> ImportedSurface:
    """Read a mesh as a surface of a tomogram.

    Raises
    ------
    FileFormatError
        If it is damaged.
    ParameterError
        If the unit is not named.
    """
    mesh, messages = read_mesh(path, _named(path, unit), tomogram.voxel_size_angstrom)
    return ImportedSurface(path.stem, mesh, tomogram.name, tomogram.voxel_size_angstrom, messages)


def write_surfaces(
    source: Path, output: Path, tomograms: Sequence[Tomogram], unit: Unit | None
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Write the surfaces of a model file, or another mesh, as a mesh.

    Returns
    -------
    files : tuple of Path
    lost : tuple of str
        What the file has no place for.

    Raises
    ------
    ModelError
        If there is no surface, or one is not complete.
    ParameterError
        If the unit is not named, or the voxel size is needed.
    """
    unit = _named(output, unit)
    if source.suffix.lower() in MESH_SUFFIXES:
        # both in one unit, so that its size does not matter
        mesh, _ = read_mesh(source, "voxel")
        return (write_mesh(output, mesh, "voxel"),), ()
    models = model_files.read_models(source)
    surfaces = [model for model in models if model.type in SURFACE_TYPES]
    if not surfaces:
        raise ModelError(f"{source}: there is no surface or vesicle in it to write as a mesh")
    size = surfaces[0].voxel_size_angstrom
    if size is None and len(tomograms) == 1:
        size = tomograms[0].voxel_size_angstrom
    meshes = [surface_mesh(surface)[0] for surface in surfaces]
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    together = Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts[:-1], strict=True)]),
        np.concatenate([mesh.normals() for mesh in meshes]),
    )
    lost = ["the points of the surfaces"]
    if len(surfaces) > 1:
        lost.append("which triangle is of which surface")
    lost += [f"{m.name!r}, a {m.type.value} model" for m in models if m.type not in SURFACE_TYPES]
    return (write_mesh(output, together, unit, size),), tuple(lost)


def _named(path: Path, unit: Unit | None) -> Unit:
    if unit is None:
        raise ParameterError(
            f"{path}: a mesh file does not say its unit; name it: --mesh-unit voxel, angstrom or nm"
        )
    return unit
