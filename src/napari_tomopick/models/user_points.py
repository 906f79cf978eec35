"""`Model`: the points a user clicked, before they are particles (Dynamo's word and meaning)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.geometry.coordinates import as_positions


class ModelType(StrEnum):
    """What geometry a model's user points define; Dynamo's counterpart in brackets."""

    GENERAL = "general"  # general: loose points
    SURFACE = "surface"  # membraneByLevels
    VESICLE = "vesicle"  # vesicle: a sphere
    ELLIPSOIDAL_VESICLE = "ellipsoidal_vesicle"  # ellipsoidalVesicle
    MARKED_ELLIPSOIDAL_VESICLE = "marked_ellipsoidal_vesicle"  # markedEllipsoidalVesicle
    FILAMENT = "filament"  # filament: along the axis
    FILAMENT_TORSION = "filament_torsion"  # filamentWithTorsion
    FILAMENT_HELIX = "filament_helix"  # filamentSubunitsInHelix
    FILAMENT_RINGS = "filament_rings"  # filamentRings
    DIPOLE = "dipole"  # dipoleSet: centre, north, centre, north ...


@dataclass(frozen=True, eq=False)
class Model:
    """User points of one tomogram that belong together, never changed in place.

    Parameters
    ----------
    name : str
    type : ModelType
    points : array, shape (n, 3)
        x, y, z in voxels, in the order in which they were clicked.
    levels : int array, shape (n,), optional
        The slice (level) each point was clicked in; any whole numbers, points of one level sharing one.
        Default: all 0.
    marker : array, shape (3,), optional
        The side marker: a point on the inner side of the membrane. Normals point away from it.
    group : int
        Handed on to the particles (Scipion's group id, Dynamo's region).
    colour : str
        "#rrggbb", as the model is drawn.
    parameters : mapping
        Settings of this model's geometry, by the names of `napari_tomopick.models.crop_points` (mesh
        parameter, cropping, ...); what is not in it takes the default there.
    box_size : int, optional
        Box size in voxels the user has in mind.
    tomogram : str
        Name of the tomogram the points lie in; "" if not known.
    voxel_size_angstrom : float, optional
        Voxel size of the grid the points were picked on.
    uid : str
        Identity within a project; "" for a model that is not in one.
    proposed : bool array, shape (n,), optional
        Whether a point was placed by the tracking of a membrane and nobody has accepted or touched it yet.
        Default: none was.

    Raises
    ------
    ValueError
        If shapes disagree, a value is not finite, or a level is not a whole number.
    """

    name: str
    type: ModelType = ModelType.GENERAL
    points: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))
    levels: NDArray[np.int64] = None  # type: ignore[assignment]  # filled in __post_init__
    marker: NDArray[np.float64] | None = None
    group: int = 1
    colour: str = "#ffd166"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    box_size: int | None = None
    tomogram: str = ""
    voxel_size_angstrom: float | None = None
    uid: str = ""
    proposed: NDArray[np.bool_] = None  # type: ignore[assignment]  # filled in __post_init__

    def __post_init__(self) -> None:
        points = as_positions(self.points)
        levels = np.zeros(len(points), np.int64) if self.levels is None else np.asarray(self.levels)
        if levels.dtype.kind not in "iu" and not np.array_equal(levels, np.round(levels)):
            raise ValueError("levels must be whole numbers: the slices the points were clicked in")
        levels = levels.astype(np.int64)
        if levels.shape != (len(points),):
            raise ValueError(f"{len(points)} points, but levels of shape {levels.shape}")
        proposed = np.zeros(len(points), bool) if self.proposed is None else np.asarray(self.proposed, bool)
        if proposed.shape != (len(points),):
            raise ValueError(f"{len(points)} points, but proposed of shape {proposed.shape}")
        object.__setattr__(self, "type", ModelType(self.type))
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "proposed", proposed)
        if self.marker is not None:
            marker = as_positions(self.marker)
            if len(marker) != 1:
                raise ValueError(f"a side marker is one x, y, z position, got {len(marker)}")
            object.__setattr__(self, "marker", marker[0])

    def __len__(self) -> int:
        return len(self.points)

    def contours(self) -> list[NDArray[np.float64]]:
        """The points of each level, ``(n_i, 3)`` each, in clicking order, levels in ascending order."""
        return [self.points[self.levels == level] for level in np.unique(self.levels)]

    def level_axis(self) -> int | None:
        """The axis along which the levels are counted: 0, 1, 2 for x, y, z.

        A level is the number of the slice its points were clicked in, so at least half of the points lie
        within half a voxel of it along that axis.

        Returns
        -------
        int or None
            None if there are no points, or levels are no slice numbers (contours of some other program).
            Where two axes would do, z comes before y, and y before x.
        """
        if not len(self):
            return None
        near = (np.abs(self.points - self.levels[:, None]) <= 0.5).mean(axis=0)
        axis = 2 - int(near[::-1].argmax())
        return axis if near[axis] >= 0.5 else None

    def with_points(
        self,
        points: NDArray[np.float64],
        levels: NDArray[np.int64],
        proposed: NDArray[np.bool_] | None = None,
    ) -> Model:
        """Return a copy with other points, none of them a proposal unless said."""
        return replace(
            self,
            points=points,
            levels=levels,
            proposed=np.zeros(len(points), bool) if proposed is None else proposed,
        )
