"""Model files and meshes that are dropped onto napari, and Surface layers that are saved, for npe2.

A look at a file without a project: a Points layer for each model, with its side marker in one of its own, and
a Surface layer for a mesh, in voxels (z, y, x). Heavy imports wait until a file is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tomopick.layers.reading import KEY

if TYPE_CHECKING:
    from napari_tomopick.models.user_points import Model

LayerData = tuple[Any, dict[str, Any], str]

MESHES = (".ply", ".obj", ".stl", ".glb")
MODELS = (".json", ".omd")
SIZE = 6.0
MARKER_SIZE = 10.0


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[LayerData]] | None:
    """Return the function that reads a file, or None if it is neither a model file nor a mesh; for npe2."""
    paths = [Path(each) for each in ([path] if isinstance(path, str) else path)]
    return read_layers if paths and all(map(_is_known, paths)) else None


def read_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Read model files and meshes as layers; for npe2.

    Raises
    ------
    FileFormatError
        If a file is damaged.
    """
    layers = []
    for each in map(Path, [path] if isinstance(path, str) else path):
        layers += _mesh_layers(each) if each.suffix.lower() in MESHES else _model_layers(each)
    return layers


def write_surface(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Surface layer as a mesh in voxels, in the format of the suffix; for npe2.

    Parameters
    ----------
    path : str
        .ply, .obj, .stl or .glb.
    data : tuple of arrays
        Vertices, shape (n, 3), z, y, x in voxels, and faces; values at the vertices are not written.
    attributes : dict
        Of the layer; not used.

    Raises
    ------
    FileFormatError
        If its vertices are not places in a tomogram.
    """
    import numpy as np

    from napari_tomopick.errors import FileFormatError
    from napari_tomopick.geometry.coordinates import zyx_to_xyz
    from napari_tomopick.geometry.meshes import Mesh
    from napari_tomopick.io.meshes import write_mesh

    vertices, faces = np.asarray(data[0], np.float64), np.asarray(data[1], np.int64)
    if vertices.ndim != 2 or vertices.shape[1] != 3:
        raise FileFormatError(
            f"cannot write {path}: vertices of a mesh are z, y, x, those of this layer have "
            f"{vertices.shape[-1]} coordinates"
        )
    return [str(write_mesh(path, Mesh(zyx_to_xyz(vertices), faces), "voxel"))]


def _is_known(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix != ".json":
        return suffix in (*MESHES, *MODELS)
    from napari_tomopick.errors import FileFormatError
    from napari_tomopick.io.models import FORMAT
    from napari_tomopick.io.particles.json_text import read_json

    try:
        content = read_json(path)
    except FileFormatError:
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


def _mesh_layers(path: Path) -> list[LayerData]:
    from napari.utils.notifications import show_info

    from napari_tomopick.geometry.coordinates import xyz_to_zyx
    from napari_tomopick.io.meshes import read_mesh

    mesh, messages = read_mesh(path, "voxel")
    show_info(
        "\n".join(
            [
                f"{path.name}: a mesh does not say its unit; its numbers are shown as voxels. If they are Å "
                "or nm, divide the layer's scale by the voxel size",
                *messages,
            ]
        )
    )
    attributes = {"name": path.stem, "axis_labels": ("z", "y", "x"), "opacity": 0.7}
    return [((xyz_to_zyx(mesh.vertices), mesh.faces), attributes, "surface")]


def _model_layers(path: Path) -> list[LayerData]:
    from napari_tomopick.io.models import read_models

    layers: list[LayerData] = []
    for model in read_models(path):
        layers += _layers(model)
    return layers


def _layers(model: Model) -> list[LayerData]:
    """The points of a model, and above them its side marker."""
    import pandas as pd

    from napari_tomopick.geometry.coordinates import xyz_to_zyx

    features = pd.DataFrame({"level": model.levels, "group": model.group, "tomogram": model.tomogram})
    whole = {"voxel_size_angstrom": model.voxel_size_angstrom, "box_size": model.box_size}
    points = {
        "name": f"{model.name} ({model.type.value.replace('_', ' ')})",
        "ndim": 3,
        "axis_labels": ("z", "y", "x"),
        "features": features,
        # as of particles, which they become where the layer is saved
        "metadata": {KEY: whole},
        "size": SIZE,
        "face_color": model.colour,
        "border_color": "black",
        "projection_mode": "rescale_spherical",
    }
    layers: list[LayerData] = [(xyz_to_zyx(model.points).reshape(-1, 3), points, "points")]
    if model.marker is not None:
        marker = {
            "name": f"{model.name} inner side",
            "axis_labels": ("z", "y", "x"),
            "symbol": "cross",
            "size": MARKER_SIZE,
            "face_color": model.colour,
            "projection_mode": "rescale_spherical",
        }
        layers.append((xyz_to_zyx(model.marker)[None], marker, "points"))
    return layers
