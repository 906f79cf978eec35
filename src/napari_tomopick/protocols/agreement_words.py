"""How well pickers agree, as texts: a headline, and tables to be printed or shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_tomopick.picking.agreement import Agreement, Score
from napari_tomopick.protocols.consensus import Agreed


@dataclass(frozen=True)
class TextTable:
    """A table whose first column is text, and all others numbers.

    Parameters
    ----------
    title : str
        One line.
    short : str
        A word or two, where there is little room.
    columns : tuple of str
    rows : tuple of tuple of str
    """

    title: str
    short: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def headline(agreed: Agreed, options: Mapping[str, Any]) -> str:
    """How many particles, and by which rule: "412 particles: radius 10, votes 2 or more".

    Parameters
    ----------
    agreed : Agreed
    options : mapping
        The options of `consensus` that it was made with: ``radius``, ``votes`` and ``mode``.
    """
    exactly = "exactly " if options["mode"] == "exactly" else ""
    votes = "all" if options["votes"] == -1 else f"{options['votes']}" + ("" if exactly else " or more")
    return f"{len(agreed.particles)} particles: radius {options['radius']:g}, votes {exactly}{votes}"


def agreement_tables(agreed: Agreed) -> list[TextTable]:
    """All that was counted: by combination, by set, by tomogram, and against the reference if there is one.

    Of a consensus as Scipion makes it, which does not tell who picked what, only the last.
    """
    tables = []
    if agreed.agreement is not None:
        tables += [
            by_combination(agreed.agreement),
            by_set(agreed.agreement, agreed.picks),
            by_tomogram(agreed.agreement),
        ]
    if agreed.scores:
        tables.append(by_score(agreed.scores, str(agreed.reference)))
    return tables


def by_combination(agreement: Agreement) -> TextTable:
    """Particles of every combination of sets that occurs."""
    kept = agreement.kept.sum(axis=1)
    rows = tuple(
        (agreement.words(combination), str(sum(combination)), str(count), str(of_them))
        for combination, count, of_them in zip(agreement.combinations, agreement.totals(), kept, strict=True)
    )
    columns = ("picked by", "votes", "particles", "kept")
    return TextTable("particles by who picked them", "Who", columns, rows)


def by_set(agreement: Agreement, picks: Mapping[str, int]) -> TextTable:
    """Picks of every set, what it has alone, and the Jaccard index of it and each other one."""
    alone = agreement.alone()
    rows = []
    for k, (name, row) in enumerate(zip(agreement.names, agreement.jaccard(), strict=True)):
        shared = ["" if k == j else "-" if value != value else f"{value:.3f}" for j, value in enumerate(row)]
        rows.append((name, str(picks[name]), str(alone[k]), *shared))
    columns = ("set", "picks", "alone", *agreement.names)
    return TextTable("sets, and the Jaccard index of each two", "Sets", columns, tuple(rows))


def by_tomogram(agreement: Agreement) -> TextTable:
    """Particles of every set in every tomogram, and how many are kept there."""
    rows = tuple(
        (tomogram, *map(str, agreement.by_picker(tomogram)), str(agreement.kept[:, k].sum()))
        for k, tomogram in enumerate(agreement.tomograms)
    )
    columns = ("tomogram", *agreement.names, "kept")
    return TextTable("particles of each set by tomogram", "Tomograms", columns, rows)


def by_score(scores: Mapping[str, Score], reference: str) -> TextTable:
    """What each set, and the consensus, is worth if the reference is right."""
    rows = tuple(
        (
            name,
            *(f"{value:.3f}" for value in (score.precision, score.recall, score.f1)),
            *map(str, (score.hits, score.false, score.missed)),
            "-" if score.distance != score.distance else f"{score.distance:.2f}",
        )
        for name, score in scores.items()
    )
    columns = ("set", "precision", "recall", "F1", "right", "false", "missed", "distance (voxels)")
    return TextTable(f"against {reference}", "Scores", columns, rows)
