"""The command that lists the formats of particles: `formats`."""

from __future__ import annotations

from rich.table import Table

from napari_tomopick.cli import inputs
from napari_tomopick.cli.commands import app
from napari_tomopick.io.particles import FORMATS, Format


@app.command()
def formats() -> None:
    """List the formats of particles by the names that --format and --source-format take."""
    table = Table(box=None, pad_edge=False)
    for title in ("name", "format", "files", "", "has no place for", "reading needs"):
        table.add_column(title, overflow="fold", no_wrap=title == "name")
    modules = {kind.module for kind in FORMATS if kind.reads}
    for kind in FORMATS:
        reads = kind.reads or (kind.module in modules and not kind.folder)
        both = " and ".join(["read"] * reads + ["written"] * kind.writes)
        files = "a folder" if kind.folder else " ".join(kind.suffixes)
        lacks = ", ".join(_lacking(kind)) if kind.writes else ""
        table.add_row(kind.name, kind.title, files, both, lacks, kind.needs_tomogram)
    inputs.out.print(table)


def _lacking(kind: Format) -> list[str]:
    has = {
        "orientations": kind.orientations,
        "scores": kind.scores,
        "ids": kind.ids,
        "groups": kind.groups,
        "voxel size": kind.voxel_size,
        "box size": kind.box_size,
        "other columns": "" in kind.columns,
    }
    return [name for name, kept in has.items() if not kept]
