"""How tomograms are listed: a table, and the words about one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import numpy as np
from qtpy.QtCore import Qt

from napari_tomopick.layers.tomograms import STATUS_WORDS
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.project import Count, TomogramStatus, TomogramSummary
from napari_tomopick.widgets.table import Column, RowsTable

STATUS_COLOURS = {
    TomogramStatus.TODO: "#8a9099",
    TomogramStatus.IN_PROGRESS: "#e6a700",
    TomogramStatus.DONE: "#2fb170",
    TomogramStatus.NOTHING_HERE: "#5b8def",
}
STATUSES = tuple(TomogramStatus)


def size_words(tomogram: Tomogram) -> str:
    """Its size in voxels along x, y, z."""
    return " × ".join(str(n) for n in tomogram.shape[::-1])


def tilt_words(tomogram: Tomogram) -> str:
    """How it was tilted; "" if that is not known."""
    tilts = tomogram.acquisition.tilt_range_degrees
    if tilts is None:
        return ""
    return f"tilted {tilts[0]:g}° to {tilts[1]:g}° about {tomogram.acquisition.tilt_axis}"


def facts_of(tomogram: Tomogram) -> list[str]:
    """What is known of a tomogram, in a few lines."""
    nanometres = "×".join(f"{n * tomogram.voxel_size_angstrom / 10:.0f}" for n in tomogram.shape[::-1])
    lines = [f"{size_words(tomogram)} voxels of {tomogram.voxel_size_angstrom:g} Å ({nanometres} nm)"]
    if tomogram.source is not None:
        lines.append(f"{tomogram.source} binned by {tomogram.binning}")
    if tilt_words(tomogram):
        lines.append(tilt_words(tomogram))
    return [*lines, str(tomogram.path)]


def counts_html(counts: Sequence[Count]) -> str:
    """Names with their colours and numbers, one after the other."""
    return ", ".join(
        f"<span style='color:{c.colour}'>■</span>&nbsp;{escape(c.name)}&nbsp;<b>{c.number}</b>"
        for c in counts
    )


def counts_tip(counts: Sequence[Count], what: str) -> str:
    """Names with their numbers, one below the other, for a tooltip."""
    if not counts:
        return f"No {what} here"
    rows = "".join(
        f"<tr><td style='color:{c.colour}'>■</td><td>{escape(c.name)}&nbsp;&nbsp;</td>"
        f"<td align='right'>{c.number}</td></tr>"
        for c in counts
    )
    return f"<table><tr><td colspan='3'>{what.capitalize()}</td></tr>{rows}</table>"


def summary_html(summary: TomogramSummary) -> str:
    """All about one tomogram: what was picked first, then what is known of it."""
    lines = [
        f"User points: {counts_html(summary.points) or 'none'}",
        f"Particles: {counts_html(summary.particles) or 'none'}",
        *map(escape, facts_of(summary.tomogram)),
    ]
    return "<br>".join(lines)


def tomogram_columns(shown: Callable[[], str]) -> list[Column]:
    """The columns of the table; the tomogram called what ``shown`` tells is the one on the screen."""
    return [
        Column(
            "Tomogram",
            lambda s: s.tomogram.name,
            tip=lambda s: "\n".join(facts_of(s.tomogram)),
            bold=lambda s: s.tomogram.name == shown(),
            stretch=True,
        ),
        Column(
            "Status",
            lambda s: STATUS_WORDS[s.status],
            colour=lambda s: STATUS_COLOURS[s.status],
            order=lambda s: STATUSES.index(s.status),
        ),
        Column(
            "Points",
            lambda s: str(s.total_points),
            tip=lambda s: counts_tip(s.points, "user points"),
            number=True,
            order=lambda s: s.total_points,
        ),
        Column(
            "Particles",
            lambda s: str(s.total_particles),
            tip=lambda s: counts_tip(s.particles, "particles"),
            number=True,
            order=lambda s: s.total_particles,
        ),
        Column(
            "Å",
            lambda s: f"{s.tomogram.voxel_size_angstrom:g}",
            tip=lambda s: "Voxel size",
            number=True,
            order=lambda s: s.tomogram.voxel_size_angstrom,
        ),
        Column(
            "Size",
            lambda s: size_words(s.tomogram),
            tip=lambda s: "Voxels along x, y, z",
            number=True,
            order=lambda s: int(np.prod(s.tomogram.shape, dtype=np.int64)),
        ),
    ]


def tomogram_table(shown: Callable[[], str]) -> RowsTable:
    """A table of `TomogramSummary` that a click on a header sorts, and in which many can be selected."""
    table = RowsTable(tomogram_columns(shown), lambda s: s.tomogram.name, "tomogram-table")
    table.setSelectionMode(RowsTable.SelectionMode.ExtendedSelection)
    # names of a session differ at their ends
    table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    table.setHorizontalScrollMode(RowsTable.ScrollMode.ScrollPerPixel)
    table.let_sort()
    return table
