"""`Quantity`: a number for each particle by which it can be told from others, coloured and filtered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.meshes import Mesh
from napari_tomopick.geometry.neighbourhood import nearest_distances, neighbour_counts
from napari_tomopick.models.membrane_relation import membrane_relation
from napari_tomopick.models.particles import Particles

Array = NDArray[np.float64]

CLASS_COLUMNS = ("class", "rlnClassNumber", "dyn_class")
"""Columns that hold the class of a particle, the first that is there counts: ours, RELION's, Dynamo's."""
TABLE = "table:"
"""What the key of a further column begins with."""
LIKENESS = "tomopickLikeness"
"""Further column: how like each particle is to the average of the others, a correlation."""
LABELS = {LIKENESS: "likeness"}
"""What further columns of this program are called for people."""
_SPACINGS = 3.0
"""Radius of the local density where there is no box size, in median distances to the nearest neighbour."""


@dataclass(frozen=True, eq=False)
class Quantity:
    """A number for each particle.

    Parameters
    ----------
    key : str
        score, membrane_distance, membrane_angle, nearest, density, z, group, class, or ``table:`` and the
        name of a further column.
    label : str
        For people, with the unit.
    values : array, shape (n,)
        NaN where there is none.
    whole : bool
        Whether all values are whole numbers.
    """

    key: str
    label: str
    values: Array
    whole: bool

    @property
    def tells_apart(self) -> bool:
        """Whether there is more than one value."""
        finite = self.values[np.isfinite(self.values)]
        return len(finite) > 0 and bool(finite.min() < finite.max())


def quantities(
    particles: Particles,
    *,
    meshes: Sequence[tuple[str, Mesh]] = (),
    density_radius: float | None = None,
) -> dict[str, Quantity]:
    """Everything that tells the particles of a tomogram apart, by its key; the score if there is any.

    Parameters
    ----------
    particles : Particles
        Those of one tomogram.
    meshes : sequence of (str, Mesh)
        Outward-facing surfaces in the same tomogram, with their names: `membrane_relation.surface_mesh`.
    density_radius : float, optional
        Radius in voxels within which neighbours are counted for the local density. Default: the box size,
        or without one 3 times the median distance to the nearest neighbour.

    Returns
    -------
    dict of str to Quantity
        In the order in which a user wants them. Quantities with fewer than two different values are left
        out, as are columns of text.
    """
    every = _makers(particles, meshes, density_radius)
    found = {key: made for key, make in every.items() if (made := make()) is not None}
    return {
        key: made
        for key, made in found.items()
        if made.tells_apart or (key == "score" and np.isfinite(made.values).any())
    }


def chosen_quantities(
    particles: Particles,
    keys: Iterable[str],
    *,
    meshes: Sequence[tuple[str, Mesh]] = (),
    density_radius: float | None = None,
) -> dict[str, Quantity]:
    """The quantities of these keys, whether they tell particles apart or not; others are not computed.

    Parameters
    ----------
    particles, meshes, density_radius
        As of `quantities`.
    keys : iterable of str
        A further column may also be given by its plain name.

    Returns
    -------
    dict of str to Quantity
        By the keys as they were given.

    Raises
    ------
    ParameterError
        If there is no such quantity.
    """
    every = _makers(particles, meshes, density_radius)
    found = {}
    for key in keys:
        make = every.get(key) or every.get(TABLE + key)
        made = None if make is None else make()
        if made is None:
            if key.removeprefix(TABLE) in particles.table.columns:
                raise ParameterError(f"column {key.removeprefix(TABLE)!r} does not hold numbers")
            known = [k for k, other in every.items() if not k.startswith("membrane") and other() is not None]
            hint = "" if meshes else "; distances and angles to a membrane need a surface"
            raise ParameterError(f"there is no quantity {key!r}: {', '.join(known)} are there{hint}")
        found[key] = made
    return found


def class_column(particles: Particles) -> str | None:
    """The further column that holds the class of each particle; None if there is none."""
    return next((name for name in CLASS_COLUMNS if name in particles.table.columns), None)


def numeric_values(column: pd.Series) -> Array | None:
    """A column as numbers, NaN where one is missing or infinite; None if it does not hold numbers.

    Whole numbers with gaps come in several guises: floats, pandas' own integers, and objects.
    """
    if column.dtype.kind in "biuf":
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    elif column.dtype == object:
        missing = column.isna().to_numpy()
        if not all(isinstance(value, Real) for value in column[~missing]):
            return None
        values = np.full(len(column), np.nan)
        values[~missing] = column[~missing].to_numpy(dtype=np.float64)
    else:
        return None
    return np.where(np.isfinite(values), values, np.nan)


def _makers(
    particles: Particles, meshes: Sequence[tuple[str, Mesh]], density_radius: float | None
) -> dict[str, Callable[[], Quantity | None]]:
    """A function for each key that makes the quantity; only what is asked for is computed."""
    if density_radius is not None and not (np.isfinite(density_radius) and density_radius > 0):
        raise ParameterError(f"the radius of the local density must be positive, got {density_radius}")
    p = particles
    relation = cache(lambda: membrane_relation(p, [mesh for _, mesh in meshes]))
    nearest = cache(lambda: nearest_distances(p.positions))

    def density() -> Quantity | None:
        radius = density_radius or p.box_size or _SPACINGS * _median(nearest())
        if not radius > 0:
            return None
        counts = neighbour_counts(p.positions, radius).astype(np.float64)
        return Quantity("density", f"neighbours within {radius:.3g} voxels", counts, True)

    def further(key: str, label: str, name: str) -> Callable[[], Quantity | None]:
        def make() -> Quantity | None:
            values = numeric_values(p.table[name])
            return None if values is None else Quantity(key, label, values, _whole(values))

        return make

    makers: dict[str, Callable[[], Quantity | None]] = {
        "score": lambda: Quantity("score", "score", np.where(np.isfinite(p.scores), p.scores, np.nan), False)
    }
    if LIKENESS in p.table.columns:
        # beside the score, as it is one
        makers[f"{TABLE}{LIKENESS}"] = further(f"{TABLE}{LIKENESS}", LABELS[LIKENESS], LIKENESS)
    if meshes:
        makers["membrane_distance"] = lambda: Quantity(
            "membrane_distance", "distance to membrane (voxels)", relation().distances, False
        )
        makers["membrane_angle"] = lambda: Quantity(
            "membrane_angle", "angle to membrane normal (degrees)", relation().angles_degrees, False
        )
    makers["nearest"] = lambda: Quantity(
        "nearest", "distance to nearest neighbour (voxels)", nearest(), False
    )
    makers["density"] = density
    makers["z"] = lambda: Quantity("z", "z (voxels)", p.positions[:, 2].copy(), False)
    makers["group"] = lambda: Quantity("group", "group", p.groups.astype(np.float64), True)
    classes = class_column(p)
    if classes is not None:
        makers["class"] = further("class", "class", classes)
    for name in p.table.columns:
        if name not in (classes, LIKENESS):
            makers[f"{TABLE}{name}"] = further(f"{TABLE}{name}", LABELS.get(name, str(name)), name)
    return makers


def _median(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else 0.0


def _whole(values: Array) -> bool:
    finite = values[np.isfinite(values)]
    return bool((finite == np.round(finite)).all())
