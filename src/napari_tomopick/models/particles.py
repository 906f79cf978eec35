"""`Particles`: positions with orientations, and everything that came along with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry import orientations
from napari_tomopick.geometry.coordinates import as_positions, binning_ratio, rescale_positions

SHIFTS = ("tomopickShiftX", "tomopickShiftY", "tomopickShiftZ")
"""Further columns: how far a particle lies off the coordinate that its file gives, in voxels along x, y, z.

Positions have it in them; a program that keeps the two apart (RELION's origin, Dynamo's dx, dy, dz) is given
``position - shift`` and the shift.
"""


@dataclass(frozen=True, eq=False)
class Particles:
    """Oriented points in one or more tomograms, validated once and never changed in place.

    Parameters
    ----------
    positions : array, shape (n, 3)
        x, y, z in voxels, 0-based, a whole number being the centre of a voxel.
    rotations : Rotation, n of them, optional
        Reference frame to tomogram frame. Default: no rotation.
    ids : int array, shape (n,), optional
        Unique and stable: files and images are paired with particles by id. Default: 1 to n.
    groups : int array, shape (n,), optional
        Scipion's group id, Dynamo's region. Default: 1.
    scores : float array, shape (n,), optional
        Higher is better; NaN where there is none. Default: NaN.
    tomograms : str array, shape (n,), optional
        Name of the tomogram each particle lies in. Default: "", meaning not known.
    table : DataFrame, n rows, optional
        Every further column that came with a file or a step, under the name it came with.
    voxel_size_angstrom : float, optional
        Voxel size of the grid on which the positions are expressed; None if not known.
    box_size : int, optional
        Box size in those voxels the user has in mind for these particles.

    Raises
    ------
    ValueError
        If lengths disagree, ids repeat, or a position is not finite.
    """

    positions: NDArray[np.float64]
    rotations: Rotation = None  # filled in __post_init__
    ids: NDArray[np.int64] = None  # type: ignore[assignment]
    groups: NDArray[np.int64] = None  # type: ignore[assignment]
    scores: NDArray[np.float64] = None  # type: ignore[assignment]
    tomograms: NDArray[np.str_] = None  # type: ignore[assignment]
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    voxel_size_angstrom: float | None = None
    box_size: int | None = None

    def __post_init__(self) -> None:
        positions = as_positions(self.positions)
        n = len(positions)

        def column(name: str, default: Any, dtype: Any) -> NDArray[Any]:
            value = getattr(self, name)
            array = np.full(n, default, dtype) if value is None else np.asarray(value, dtype).reshape(-1)
            if len(array) != n:
                raise ValueError(f"{n} positions, but {len(array)} {name}")
            return array

        ids = column("ids", 0, np.int64) if self.ids is not None else np.arange(1, n + 1, dtype=np.int64)
        unique, counts = np.unique(ids, return_counts=True)
        if len(unique) != n:
            raise ValueError(f"particle ids must be unique; {unique[counts > 1][0]} occurs more than once")
        rotations = orientations.identity(n) if self.rotations is None else self.rotations
        if rotations.single:
            rotations = Rotation.from_quat(rotations.as_quat()[None])
        if len(rotations) != n:
            raise ValueError(f"{n} positions, but {len(rotations)} rotations")
        tomograms = np.asarray([""] * n if self.tomograms is None else self.tomograms, dtype=np.str_).reshape(
            -1
        )
        if len(tomograms) != n:
            raise ValueError(f"{n} positions, but {len(tomograms)} tomograms")
        table = self.table.reset_index(drop=True) if len(self.table.columns) else pd.DataFrame(index=range(n))
        table.attrs = self.table.attrs  # where a format keeps what belongs to the whole file
        if len(table) != n:
            raise ValueError(f"{n} positions, but {len(table)} rows of further columns")
        for name, value in {
            "positions": positions,
            "rotations": rotations,
            "ids": ids,
            "groups": column("groups", 1, np.int64),
            "scores": column("scores", np.nan, np.float64),
            "tomograms": tomograms,
            "table": table,
        }.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.positions)

    def directions(self) -> NDArray[np.float64]:
        """The particles' own z axes in the tomogram, ``(n, 3)`` unit vectors in x, y, z order."""
        return orientations.directions(self.rotations)

    def select(self, which: ArrayLike) -> Particles:
        """Return the particles given by a boolean mask or by row numbers, in that order."""
        rows = np.asarray(which)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.int64)
        return replace(
            self,
            positions=self.positions[rows],
            # indexing an empty or emptied Rotation differs between scipy versions; quaternions do not
            rotations=Rotation.from_quat(self.rotations.as_quat()[rows].reshape(-1, 4)),
            ids=self.ids[rows],
            groups=self.groups[rows],
            scores=self.scores[rows],
            tomograms=self.tomograms[rows],
            table=self.table.iloc[rows],
        )

    def in_tomogram(self, name: str) -> Particles:
        """Return the particles that lie in the tomogram of this name."""
        return self.select(self.tomograms == name)

    def with_columns(self, **columns: ArrayLike) -> Particles:
        """Return a copy with further columns added, or replaced where the name exists."""
        return replace(self, table=self.table.assign(**{k: np.asarray(v) for k, v in columns.items()}))

    def rescaled(self, voxel_size_angstrom: float) -> Particles:
        """Express positions, shifts and the box size (kept even) on a grid of another voxel size.

        Voxel sizes whose ratio is nearly that of a binning are taken as a binning: `binning_ratio`.

        Raises
        ------
        ValueError
            If this set's own voxel size is not known.
        """
        if self.voxel_size_angstrom is None:
            raise ValueError("the voxel size of these particles is not known, so they cannot be rescaled")
        factor = binning_ratio(self.voxel_size_angstrom, voxel_size_angstrom)
        box = self.box_size
        if box is not None and factor != 1:
            box = 2 * round(box * factor / 2)
        shifts = {name: pd.to_numeric(self.table[name]) * factor for name in SHIFTS if name in self.table}
        return replace(
            self,
            positions=rescale_positions(self.positions, factor),
            table=self.table.assign(**shifts) if shifts else self.table,
            voxel_size_angstrom=float(voxel_size_angstrom),
            box_size=box,
        )


def concatenate(sets: Sequence[Particles], *, keep_ids: bool = False) -> Particles:
    """Put sets of the same voxel size together; columns that one set lacks are empty (NaN) there.

    Parameters
    ----------
    sets : sequence of Particles
        At least one.
    keep_ids : bool
        Keep the ids, which must then be unique over all sets; otherwise number anew from 1.

    Raises
    ------
    ValueError
        If the sets have different voxel sizes.
    """
    sizes = {s.voxel_size_angstrom for s in sets}
    if len(sizes) > 1:
        raise ValueError(f"sets of different voxel sizes cannot be put together: {sorted(map(str, sizes))}")
    boxes = {s.box_size for s in sets}
    tables = [s.table for s in sets if len(s)]
    return Particles(
        positions=np.concatenate([s.positions for s in sets]),
        rotations=Rotation.from_quat(np.concatenate([s.rotations.as_quat().reshape(-1, 4) for s in sets])),
        ids=np.concatenate([s.ids for s in sets]) if keep_ids else None,  # type: ignore[arg-type]
        groups=np.concatenate([s.groups for s in sets]),
        scores=np.concatenate([s.scores for s in sets]),
        tomograms=np.concatenate([s.tomograms for s in sets]),
        table=pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(),
        voxel_size_angstrom=sizes.pop(),
        box_size=boxes.pop() if len(boxes) == 1 else None,
    )
