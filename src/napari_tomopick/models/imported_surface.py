"""`ImportedSurface`: a surface that came as a mesh from another program."""

from __future__ import annotations

from dataclasses import dataclass

from napari_tomopick.geometry.meshes import Mesh


@dataclass(frozen=True, eq=False)
class ImportedSurface:
    """A mesh that particles can be oriented by, beside the surfaces that were picked here.

    Parameters
    ----------
    name : str
    mesh : Mesh
        In voxels, its normals pointing outwards.
    tomogram : str
        Name of the tomogram it lies in; "" if not known.
    voxel_size_angstrom : float, optional
        Size of those voxels.
    messages : tuple of str
        What to tell the user about it.
    """

    name: str
    mesh: Mesh
    tomogram: str = ""
    voxel_size_angstrom: float | None = None
    messages: tuple[str, ...] = ()
