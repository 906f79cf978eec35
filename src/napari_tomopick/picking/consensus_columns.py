"""What becomes of scores, groups and further columns where several picks become one particle.

- ``score``: scores of different pickers are not of one scale, so each is first turned into its rank within
  its picker, the share of that picker's scores that are no better (equal ones share the mean of their ranks);
  then the mean over those who voted and have a score, weighted by picker.
- The columns of a pick are those of the best voter: of the one with the largest weight, then the best rank,
  then the one nearest to the mean position, then the first by name. Where it has no value, the next one's is
  taken. Where the voters of some particle disagree, the column is also kept for each picker, as
  ``<column>_<picker>``, so that nothing is lost.
- ``votes``, ``voters`` (joined by +), ``spread`` (root mean square distance of the picks from their mean, in
  voxels), ``angle_spread`` (the same of their orientations, in degrees; empty where there is none), and for
  each picker ``id_<picker>`` and ``score_<picker>``: which of its picks it was, with its own score.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from napari_tomopick.models.particles import Particles

OWN = ("votes", "voters", "spread", "angle_spread")
"""Columns of every consensus; those that a picker's set has under such a name are kept as its own."""


@dataclass(frozen=True, eq=False)
class Votes:
    """Who voted for what: one entry for each vote.

    Parameters
    ----------
    of : int array
        Which particle.
    by : int array
        Which picker.
    rows : int array
        Which of its picks.
    rank : float array
        Rank of the score of that pick; NaN where it has none.
    off : float array
        How far from the mean position, squared.
    weight : float array
        Of the picker.
    count : int
        Number of particles.
    """

    of: NDArray[np.int64]
    by: NDArray[np.int64]
    rows: NDArray[np.int64]
    rank: NDArray[np.float64]
    off: NDArray[np.float64]
    weight: NDArray[np.float64]
    count: int

    def best_first(self, place: NDArray[np.int64]) -> NDArray[np.int64]:
        """The order of the votes by particle and then from the best voter on; ``place`` is that of names."""
        rank = np.where(np.isnan(self.rank), np.inf, -self.rank)
        # rounding must not tell picks apart that are equally far
        off = np.round(np.sqrt(self.off), 6)
        return np.lexsort((place[self.by], off, rank, -self.weight, self.of))


@dataclass(frozen=True, eq=False)
class Columns:
    """What the particles of a consensus have besides position and orientation."""

    scores: NDArray[np.float64]
    groups: NDArray[np.int64]
    table: pd.DataFrame


def ranks(scores: ArrayLike) -> NDArray[np.float64]:
    """Of each score the share of all that are no better, equal ones sharing their mean; NaN where none is."""
    return np.asarray(pd.Series(np.asarray(scores, np.float64)).rank(pct=True).to_numpy(), np.float64)


def labels_of(names: Sequence[str]) -> list[str]:
    """Names as they can stand in a column name, all different."""
    plain = [re.sub(r"[^0-9A-Za-z.-]+", "_", name).strip("_") or "set" for name in names]
    found: dict[str, str] = {}
    # by name, so that the same picker is called the same in any order
    for name, label in sorted(zip(names, plain, strict=True)):
        number, free = 1, label
        while free in found.values():
            number += 1
            free = f"{label}_{number}"
        found[name] = free
    return [found[name] for name in names]


def consensus_columns(sets: Sequence[Particles], labels: Sequence[str], votes: Votes) -> Columns:
    """Scores, groups and all columns of the particles, ``votes.count`` of them.

    Parameters
    ----------
    sets : sequence of Particles
        Of the pickers.
    labels : sequence of str
        What each picker is called in the names of columns.
    votes : Votes
    """
    count = votes.count
    order = np.argsort(labels)
    place = np.argsort(order)
    scored = ~np.isnan(votes.rank)
    weight = np.where(scored, votes.weight, 0.0)
    total = np.bincount(votes.of, weight, minlength=count)
    summed = np.bincount(votes.of, weight * np.where(scored, votes.rank, 0.0), minlength=count)
    scores = np.divide(summed, total, out=np.full(count, np.nan), where=total > 0)

    columns: dict[str, Any] = {
        "votes": np.bincount(votes.of, minlength=count),
        "voters": _voters(votes, labels, order),
    }
    by_picker = [np.flatnonzero(votes.by == p) for p in range(len(sets))]

    def of_picker(p: int, values: Any) -> Any:
        """A column of a picker's set for the particles; missing where it did not vote."""
        mine = by_picker[p]
        series = pd.Series(values).reset_index(drop=True).iloc[votes.rows[mine]]
        return series.set_axis(votes.of[mine]).reindex(range(count))

    for p in order:
        columns[f"id_{labels[p]}"] = of_picker(p, sets[p].ids)
        if np.isfinite(sets[p].scores).any():
            columns[f"score_{labels[p]}"] = of_picker(p, sets[p].scores)

    best = votes.best_first(place)
    flat = _Flat(votes.of[best], votes.by[best], votes.rows[best], count)
    groups, differ = flat.coalesced({p: pd.Series(sets[p].groups) for p in order})
    if differ:
        for p in order:
            columns[f"group_{labels[p]}"] = of_picker(p, sets[p].groups)
    further = list(dict.fromkeys(c for p in order for c in map(str, sets[p].table.columns)))
    taken = {*OWN, *columns, *further}
    for name in further:
        having = {int(p): sets[p].table[name] for p in order if name in sets[p].table}
        mine = name in OWN or name in columns
        differ = mine
        if not mine:
            columns[name], differ = flat.coalesced(having)
        if differ:
            for p, values in having.items():
                columns[_free(f"{name}_{labels[p]}", taken)] = of_picker(p, values)
    table = pd.DataFrame({name: np.asarray(values) for name, values in columns.items()})
    return Columns(scores, np.asarray(groups, np.int64), table)


class _Flat:
    """All votes, by particle and best first."""

    def __init__(
        self, of: NDArray[np.int64], by: NDArray[np.int64], rows: NDArray[np.int64], count: int
    ) -> None:
        self._of, self._by, self._rows, self._count = of, by, rows, count

    def coalesced(self, having: dict[int, pd.Series[Any]]) -> tuple[Any, bool]:
        """Of each particle the value of the best voter that has one, and whether voters disagree anywhere."""
        offsets, parts, total = np.full(int(self._by.max(initial=0)) + 1, -1), [], 0
        for p, values in having.items():
            parts.append(values)
            if p < len(offsets):
                offsets[p] = total
            total += len(values)
        filled = [part for part in parts if len(part)]
        values = pd.concat(filled or parts, ignore_index=True)
        has = offsets[self._by] >= 0
        of = self._of[has]
        found = values.iloc[offsets[self._by[has]] + self._rows[has]].reset_index(drop=True)
        there = found.notna().to_numpy()
        of, found = of[there], found[there].reset_index(drop=True)
        first = np.ones(len(of), bool)
        first[1:] = of[1:] != of[:-1]
        chosen = found[first].set_axis(of[first])
        if len(of) == first.sum():
            differ = False
        else:
            differ = bool((found.to_numpy() != chosen.to_numpy()[np.cumsum(first) - 1]).any())
        return chosen.reindex(range(self._count)), differ


def _voters(votes: Votes, labels: Sequence[str], order: NDArray[np.int64]) -> NDArray[Any]:
    """Who voted for each particle, by name, joined by +."""
    voted = np.zeros((votes.count, len(labels)), bool)
    voted[votes.of, votes.by] = True
    codes = np.zeros(votes.count, np.int64)
    for p in order:
        codes = pd.factorize(2 * codes + voted[:, p])[0]
    _, example = np.unique(codes, return_index=True)
    words = ["+".join(labels[p] for p in order if voted[row, p]) for row in example]
    return np.array(words, object)[codes] if votes.count else np.empty(0, object)


def _free(wanted: str, taken: set[str]) -> str:
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    taken.add(name)
    return name
