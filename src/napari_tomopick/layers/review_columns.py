"""The particles of a set as the columns of a table, however many there are: arrays, and no row objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_tomopick.models.particles import Particles
from napari_tomopick.models.quantities import TABLE, Quantity, class_column

# of quantities that are columns anyway
OWN = frozenset({"score", "z", "group", "class"})


@dataclass(frozen=True, eq=False)
class Column:
    """A column of the table.

    Parameters
    ----------
    title : str
    values : array, shape (n,)
        Numbers, or texts.
    number : bool
    """

    title: str
    values: NDArray[Any]
    number: bool

    def text(self, row: int) -> str:
        """What stands in a row."""
        value = self.values[row]
        if not self.number:
            return "" if value is None else str(value)
        if isinstance(value, np.integer | int):
            return str(value)
        return "" if np.isnan(value) else f"{value:.4g}"

    def order(self, rows: NDArray[np.int64], *, descending: bool = False) -> NDArray[np.int64]:
        """These rows in the order of this column; what is missing comes last either way."""
        values = self.values[rows]
        if not self.number:
            found = np.argsort(values.astype(str), kind="stable")
            return rows[found[::-1] if descending else found]
        missing = np.isnan(values.astype(float))
        found = np.argsort(-values.astype(float) if descending else values, kind="stable")
        return rows[np.concatenate([found[~missing[found]], found[missing[found]]])]


def columns_of(particles: Particles, quantities: Mapping[str, Quantity]) -> list[Column]:
    """Id, place, score, group and class, then what was measured, then the columns that came with the file."""
    x, y, z = particles.positions.T
    found = [Column("id", particles.ids, True)]
    found += [Column(name, values, True) for name, values in (("x", x), ("y", y), ("z", z))]
    if np.isfinite(particles.scores).any():
        found.append(Column("score", particles.scores, True))
    found.append(Column("group", particles.groups, True))
    classes = class_column(particles)
    names = [classes] if classes is not None else []
    found += [_column("class", particles.table[name]) for name in names]
    found += [
        Column(quantity.label, quantity.values, True)
        for key, quantity in quantities.items()
        if key not in OWN and not key.startswith(TABLE)
    ]
    found += [_column(name, particles.table[name]) for name in particles.table.columns if name not in names]
    return found


def _column(name: str, column: pd.Series[Any]) -> Column:
    if getattr(column.dtype, "kind", "O") in "iufb":
        values = column.to_numpy()
        return Column(name, values.astype(int) if values.dtype == bool else values, True)
    return Column(name, column.astype(object).where(column.notna(), None).to_numpy(), False)
