"""Particle files that are dropped onto napari, and Points layers that are saved: npe2's reader and writers.

A look at a file without a project: a Points layer and, where particles are turned, a Vectors layer for each
tomogram, in voxels (z, y, x). What the layer knows of the file is in its features, so that a file of any
format can be written of it. Heavy imports wait until a file is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_tomopick.models.particles import Particles
    from napari_tomopick.models.tomogram import Tomogram

LayerData = tuple[Any, dict[str, Any], str]

KEY = "tomopick"
"""Of a layer's metadata: what belongs to the whole set."""
QUATERNION = ("qx", "qy", "qz", "qw")
OURS = ("id", "group", "score", "tomogram", *QUATERNION)
"""Features that are fields of the particles; all others are further columns."""
MOST_APART = 20
"""Of more tomograms than this one layer is made of all, and said."""


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[LayerData]] | None:
    """Return the function that reads a file, or None if it holds no particles; for npe2."""
    paths = [path] if isinstance(path, str) else list(path)
    from napari_tomopick.io.particles import holds_particles

    if not paths or not all(holds_particles(each) for each in paths):
        return None
    return read_layers


def read_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Read particle files as layers; for npe2.

    Raises
    ------
    FileFormatError
        If a file is damaged, or needs a tomogram that no image layer was opened from.
    """
    from napari_tomopick.io.particles import read_particles

    paths = [path] if isinstance(path, str) else list(path)
    tomograms = _opened_tomograms()
    layers = []
    for each in paths:
        layers += particle_layers(read_particles(each, tomograms=tomograms), Path(each).stem)
    return layers


def particle_layers(particles: Particles, name: str) -> list[LayerData]:
    """Layers of particles: for each tomogram its points, and below them its arrows; the first is visible."""
    import numpy as np

    tomograms = np.unique(particles.tomograms).tolist()
    if len(tomograms) > MOST_APART:
        from napari.utils.notifications import show_info

        show_info(
            f"{name}: particles of {len(tomograms)} tomograms, shown in one layer; the feature 'tomogram' "
            "tells them apart"
        )
        return _layers(particles, name, visible=True)
    layers: list[LayerData] = []
    for number, tomogram in enumerate(tomograms or [""]):
        title = f"{name} in {tomogram}" if len(tomograms) > 1 else name
        layers += _layers(particles.in_tomogram(tomogram), title, visible=number == 0)
    return layers


def write_points(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Points layer as a particle file, in the format of the suffix; for npe2.

    Parameters
    ----------
    path : str
    data : array, shape (n, 3)
        z, y, x in voxels: the data of the layer, whatever its scale.
    attributes : dict
        Of the layer: ``features`` and ``metadata`` are used.

    Raises
    ------
    FileFormatError
        If the format cannot hold these particles, or needs what is not known.
    """
    from napari_tomopick.io.particles import write_particles

    particles = particles_of_points(path, data, attributes)
    return [str(file) for file in write_particles(path, particles, tomograms=_opened_tomograms())]


def particles_of_points(path: str, data: Any, attributes: dict[str, Any]) -> Particles:
    """The particles of a Points layer.

    Points that were added in napari have the features of another one: where an id occurs again it is a new
    point, which gets a new id and neither orientation nor score.
    """
    import numpy as np
    import pandas as pd
    from scipy.spatial.transform import Rotation

    from napari_tomopick.errors import FileFormatError
    from napari_tomopick.geometry.coordinates import zyx_to_xyz
    from napari_tomopick.models.particles import Particles

    points = np.asarray(data, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3:
        raise FileFormatError(
            f"cannot write {path}: particles have places z, y, x, and the points of this layer have "
            f"{points.shape[-1] if points.ndim else 0} coordinates"
        )
    n = len(points)
    features = pd.DataFrame(attributes.get("features", {})).reset_index(drop=True)
    if len(features) != n:
        features = pd.DataFrame(index=range(n))
    ids = _column(features, "id")
    repeated = pd.Series(ids).duplicated().to_numpy() | ~np.isfinite(ids) | (ids != np.round(ids))
    if "id" in features:
        following = int(np.max(ids[~repeated], initial=0)) + 1
        ids[repeated] = following + np.arange(int(repeated.sum()))
    quaternions = np.column_stack([_column(features, c) for c in QUATERNION])
    length = np.linalg.norm(quaternions, axis=1)
    unknown = repeated | ~(np.isfinite(length) & (length > 0.5))
    quaternions[unknown] = [0.0, 0.0, 0.0, 1.0]
    scores = _column(features, "score")
    groups = _column(features, "group")
    known = np.isfinite(groups) & (groups == np.round(groups))
    whole = dict((attributes.get("metadata") or {}).get(KEY) or {})
    names = features["tomogram"].fillna("").astype(str) if "tomogram" in features else pd.Series([""] * n)
    return Particles(
        zyx_to_xyz(points),
        Rotation.from_quat(quaternions.reshape(-1, 4)),
        ids=ids.astype(np.int64) if "id" in features else None,  # type: ignore[arg-type]
        groups=np.where(known, groups, 1).astype(np.int64),
        scores=np.where(repeated & ("id" in features), np.nan, scores),
        tomograms=names.to_numpy(dtype=np.str_) if n else None,  # type: ignore[arg-type]
        table=features.drop(columns=[c for c in OURS if c in features]),
        voxel_size_angstrom=whole.get("voxel_size_angstrom"),
        box_size=whole.get("box_size"),
    )


def _column(features: Any, name: str) -> Any:
    import numpy as np

    from napari_tomopick.io.particles.common import floats

    return floats(features[name]).copy() if name in features else np.full(len(features), np.nan)


def _layers(particles: Particles, name: str, *, visible: bool) -> list[LayerData]:
    import numpy as np
    import pandas as pd

    from napari_tomopick.geometry.coordinates import xyz_to_zyx
    from napari_tomopick.layers.particle_looks import (
        LINE_OF_CIRCLE,
        MAX_LINE,
        MAX_WIDTH,
        PALETTE,
        WIDTH_OF_ARROW,
        Look,
        Sizes,
        colours,
    )

    sizes = Sizes.of(particles)
    rgba = colours(particles, PALETTE[0], Look("group"))
    quaternions = particles.rotations.as_quat().reshape(-1, 4)
    features = pd.DataFrame(
        {
            "id": particles.ids,
            "group": particles.groups,
            "score": particles.scores,
            "tomogram": particles.tomograms.astype(object),
        }
        | dict(zip(QUATERNION, quaternions.T, strict=True))
    )
    # a column of the file may bear the name of ours
    further = particles.table.rename(columns={c: f"{c}_of_file" for c in OURS})
    features = pd.concat([features, further], axis=1)
    whole = {"voxel_size_angstrom": particles.voxel_size_angstrom, "box_size": particles.box_size}
    common: dict[str, Any] = {"axis_labels": ("z", "y", "x"), "visible": visible}
    places = xyz_to_zyx(particles.positions).reshape(-1, 3)
    points = common | {
        "name": name,
        "ndim": 3,
        "features": features,
        "metadata": {KEY: whole},
        "size": sizes.circle,
        "face_color": "transparent",
        "border_width": min(LINE_OF_CIRCLE * sizes.circle, MAX_LINE),
        "border_width_is_relative": False,
        "border_color": rgba if len(rgba) else "white",
        "projection_mode": "rescale_spherical",
    }
    layers: list[LayerData] = []
    if len(particles) and particles.rotations.magnitude().any():
        extents = xyz_to_zyx(particles.directions()) * sizes.arrow
        arrows = common | {
            "name": f"{name} axes",
            "edge_width": min(WIDTH_OF_ARROW * sizes.arrow, MAX_WIDTH),
            "edge_color": rgba,
            "vector_style": "arrow",
            "projection_mode": "fade",
        }
        layers.append((np.stack([places, extents], axis=1), arrows, "vectors"))
    return [*layers, (places, points, "points")]


def _opened_tomograms() -> list[Tomogram]:
    """The tomograms of the project and the image layers of the current viewer.

    Formats that need the size of a tomogram take it from there.
    """
    import napari

    from napari_tomopick.errors import TomopickError
    from napari_tomopick.layers.workspace import tomograms_in
    from napari_tomopick.protocols.import_tomograms import describe_tomogram

    viewer = napari.current_viewer()
    if viewer is None:
        return []
    found = {tomogram.path: tomogram for tomogram in tomograms_in(viewer)}
    for layer in viewer.layers:
        source = layer.source.path
        if source is None or layer.ndim < 3 or Path(source) in found:
            continue
        try:
            found[Path(source)] = describe_tomogram(Path(source))
        except TomopickError:  # some other image
            continue
    return list(found.values())
