"""Surfaces as triangle meshes of other programs: PLY, OBJ, STL and GLB, through `trimesh`.

None of these files says in which unit it is: in voxels (0-based, whole numbers at voxel centres), in Å or in
nm, where voxel i is at i times the voxel size. So the unit is asked for. The side from which the corners of a
triangle run counter-clockwise is the outer one, as the formats have it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.geometry.meshes import Mesh
from napari_tomopick.io.atomic import atomic_path

SUFFIXES = (".ply", ".obj", ".stl", ".glb")
Unit = Literal["voxel", "angstrom", "nm"]
ANGSTROM = {"angstrom": 1.0, "nm": 10.0}


def read_mesh(
    path: str | os.PathLike[str], unit: Unit, voxel_size_angstrom: float | None = None
) -> tuple[Mesh, tuple[str, ...]]:
    """Read a mesh, and what to tell the user about it.

    Parameters
    ----------
    path : path-like
        .ply, .obj, .stl or .glb; several parts become one mesh.
    unit : "voxel", "angstrom" or "nm"
        What the coordinates of the file are.
    voxel_size_angstrom : float, optional
        Of the tomogram; needed for Å and nm.

    Returns
    -------
    mesh : Mesh
        In voxels; its normals are those of the winding.
    messages : tuple of str

    Raises
    ------
    FileFormatError
        If the file is damaged, or has no triangles.
    ParameterError
        If the voxel size is needed.
    """
    file = Path(path)
    scale = _voxels_per_unit(file, unit, voxel_size_angstrom)
    if file.suffix.lower() not in SUFFIXES:
        raise FileFormatError(f"{file}: not a mesh; these are read: {' '.join(SUFFIXES)}")
    vertices, faces = _load(file)
    if not len(faces):
        raise FileFormatError(f"{file}: there is no triangle in it")
    bad = np.flatnonzero(~np.isfinite(vertices).all(axis=1) | (np.abs(vertices) > 1e12).any(axis=1))
    if len(bad):
        raise FileFormatError(f"{file}: vertex {bad[0] + 1} is not a place: {vertices[bad[0]].tolist()}")
    outside = np.flatnonzero(((faces < 0) | (faces >= len(vertices))).any(axis=1))
    if len(outside):
        raise FileFormatError(
            f"{file}: triangle {outside[0] + 1} has the corners {faces[outside[0]].tolist()}, there are "
            f"{len(vertices)} vertices"
        )
    # STL has every corner of every triangle for itself; the same place is the same vertex
    vertices, inverse = np.unique(vertices * scale, axis=0, return_inverse=True)
    faces = inverse.reshape(-1)[faces]
    mesh = Mesh(vertices, faces)
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    flat = areas <= 1e-12 * max(1.0, float(areas.max()))
    if flat.all():
        raise FileFormatError(f"{file}: its triangles have no area")
    messages = []
    if flat.any():
        mesh = Mesh(vertices, faces[~flat])
        messages.append(f"{int(flat.sum())} triangles without area were left out")
    if _faces_inwards(mesh):
        messages.append(
            "the mesh is closed, and its triangles look inwards: normals point into it, as the file has them"
        )
    return mesh, tuple(messages)


def write_mesh(
    path: str | os.PathLike[str], mesh: Mesh, unit: Unit, voxel_size_angstrom: float | None = None
) -> Path:
    """Write a mesh, atomically; coordinates are in single precision but in .obj.

    Parameters
    ----------
    path : path-like
    mesh : Mesh
        In voxels.
    unit : "voxel", "angstrom" or "nm"
        What the coordinates in the file are to be.
    voxel_size_angstrom : float, optional
        Needed for Å and nm.

    Raises
    ------
    FileFormatError
        If meshes are not written to files of this suffix.
    ParameterError
        If the voxel size is needed.
    TomopickError
        If the file cannot be written.
    """
    import trimesh

    file = Path(path)
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise FileFormatError(f"cannot write {file}: meshes are written as {' '.join(SUFFIXES)}")
    scale = _voxels_per_unit(file, unit, voxel_size_angstrom)
    # a new object each time: trimesh orders what it caches
    exported: Any = trimesh.Trimesh(
        mesh.vertices / scale, mesh.faces, vertex_normals=mesh.normals(), process=False, validate=False
    ).export(file_type=suffix[1:])
    with atomic_path(file) as temporary:
        temporary.write_bytes(exported.encode() if isinstance(exported, str) else exported)
    return file


def _voxels_per_unit(file: Path, unit: str, voxel_size: float | None) -> float:
    if unit == "voxel":
        return 1.0
    if unit not in ANGSTROM:
        raise ParameterError(
            f"{file}: a mesh file does not say its unit; name it: voxel, angstrom or nm (got {unit!r})"
        )
    if voxel_size is None:
        raise ParameterError(f"{file}: with a mesh in {unit}, the voxel size is needed; give the tomogram")
    return ANGSTROM[unit] / voxel_size


def _load(file: Path) -> tuple[np.ndarray, np.ndarray]:
    import trimesh

    try:
        with file.open("rb") as content:
            # as a stream, nothing that the file refers to is looked for
            found = trimesh.load_scene(
                content, file_type=file.suffix[1:].lower(), process=False, skip_materials=True
            )
        parts = [m for m in found.dump() if isinstance(m, trimesh.Trimesh) and len(m.faces)]
        vertices = [np.asarray(part.vertices, dtype=np.float64).reshape(-1, 3) for part in parts]
        starts = np.cumsum([0, *(len(v) for v in vertices)])
        faces = [
            np.asarray(part.faces, dtype=np.int64).reshape(-1, 3) + start
            for part, start in zip(parts, starts[:-1], strict=True)
        ]
    except OSError as error:
        raise FileFormatError(f"{file}: cannot be read: {error.strerror or error}") from error
    except Exception as error:  # the parsers of four formats raise what they happen to run into
        raise FileFormatError(f"{file}: damaged, or no {file.suffix} mesh: {error}") from error
    no_faces = np.empty((0, 3), np.int64)
    return np.concatenate([np.empty((0, 3)), *vertices]), np.concatenate([no_faces, *faces])


def _faces_inwards(mesh: Mesh) -> bool:
    """Whether a closed mesh encloses a negative volume."""
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, times = np.unique(edges, axis=0, return_counts=True)
    if not (times == 2).all():
        return False
    a, b, c = (mesh.vertices[mesh.faces[:, k]] - mesh.vertices.mean(axis=0) for k in range(3))
    return float(np.einsum("nk,nk->n", a, np.cross(b, c)).sum()) < 0
