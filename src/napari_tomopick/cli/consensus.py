"""The command of a consensus: `consensus`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_tomopick.cli import inputs
from napari_tomopick.cli.commands import FILES, KNOWN, InTomogram, app
from napari_tomopick.cli.generate import with_options
from napari_tomopick.cli.review import TomogramFiles, particles_of_file
from napari_tomopick.errors import ParameterError
from napari_tomopick.io.atomic import check_target
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.picking.agreement import Agreement
from napari_tomopick.project import Session
from napari_tomopick.protocols.agreement_picture import check_picture, save_agreement_picture
from napari_tomopick.protocols.agreement_table import save_agreement_table
from napari_tomopick.protocols.agreement_words import (
    TextTable,
    by_combination,
    by_set,
    by_tomogram,
    headline,
)
from napari_tomopick.protocols.consensus import Agreed
from napari_tomopick.protocols.consensus import consensus as consensus_step
from napari_tomopick.protocols.convert import write
from napari_tomopick.protocols.jobs_consensus import consensus_job

_MOST_TOMOGRAMS = 20


@app.command()
@with_options(consensus_step)
def consensus(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE... | PROJECT SET...",
            help="Particle files, one for each picker; or a project and the particle sets in it.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Particle file to write; the suffix is the format. Without one: tables only.",
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="FILE | SET",
            help="A set that is taken to be right: precision, recall and F1 of the others. It has no vote.",
        ),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Picture of who agrees with whom (.png, .svg).")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="CSV file of every combination of sets in every tomogram.")
    ] = None,
    tomogram: TomogramFiles = None,
    label: Annotated[str | None, typer.Option(help="In a project: name of the new particle set.")] = None,
    in_tomogram: InTomogram = None,
    **options: Any,
) -> None:
    """Put the picks of several pickers together: what enough of them agree on, and how well they agree."""
    for path in (output, picture, table):
        if path is not None:
            check_target(path)
    if picture is not None:
        check_picture(picture)
    if options["compatible"]:
        inputs.refuse("Scipion's consensus does not tell who picked what", picture=picture, table=table)
    if inputs.is_project(sources[0]):
        inputs.refuse(KNOWN, tomogram=tomogram)
        with Session.open(Path(sources[0])) as session:
            if len(sources) == 1:
                known = ", ".join(entry.name for entry in session.particle_sets()) or "none yet"
                raise ParameterError(f"say which particle sets of {sources[0]} to put together: {known}")
            job = consensus_job(
                session,
                [inputs.chosen_set(session, name).uid for name in sources[1:]],
                options,
                reference=None if reference is None else inputs.chosen_set(session, reference).uid,
                label=label,
                in_tomogram=in_tomogram,
            )
            with inputs.progress_bar() as progress:
                result = job.compute(progress)
            written = None if output is None else write(output, result.particles, session.tomograms())
            _show(result, picture, table, options)
            inputs.say(job.record(session, result))
            if written is not None:
                inputs.say_written(written)
        return
    inputs.refuse(FILES, label=label, **{"in": in_tomogram})
    tomograms = [inputs.tomogram_file(file) for file in tomogram or []]
    names = names_of_files(sources)
    sets = {
        name: particles_of_file(Path(source), tomograms) for name, source in zip(names, sources, strict=True)
    }
    right = None if reference is None else _reference(reference, tomograms)
    with inputs.progress_bar() as progress:
        result = consensus_step(sets, tomograms, right, **options, progress=progress)
    written = None if output is None else write(output, result.particles, tomograms)
    _show(result, picture, table, options)
    inputs.say(*result.lines())
    if written is None:
        inputs.notes.print("note: no particles were written, as there is no -o FILE")
    else:
        inputs.say_written(written)


def names_of_files(sources: Sequence[str]) -> list[str]:
    """What the pickers are called: their files, without suffix where that tells them apart.

    Raises
    ------
    ParameterError
        If a file is named twice.
    """
    paths = [Path(source) for source in sources]
    if len({path.resolve() for path in paths}) < len(paths):
        twice = next(path for path in paths if [p.resolve() for p in paths].count(path.resolve()) > 1)
        raise ParameterError(f"{twice} is named twice; each set has one vote")
    for names in (
        [path.stem for path in paths],
        [path.name for path in paths],
        [f"{path.resolve().parent.name}/{path.stem}" for path in paths],
    ):
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def _reference(source: str, tomograms: list[Tomogram]) -> tuple[str, Particles]:
    return Path(source).stem, particles_of_file(Path(source), tomograms)


def _show(result: Agreed, picture: Path | None, table: Path | None, options: dict[str, Any]) -> None:
    """Print the tables, and save what was asked for."""
    if result.agreement is None:
        return
    _print_tables(result.agreement, result.picks)
    if picture is not None:
        save_agreement_picture(picture, result.agreement, headline(result, options))
        inputs.say(f"wrote {picture}")
    if table is not None:
        save_agreement_table(table, result.agreement)
        inputs.say(f"wrote {table}")


def _print_tables(agreement: Agreement, picks: dict[str, int]) -> None:
    _print(by_combination(agreement))
    _print(by_set(agreement, picks))
    if len(agreement.tomograms) > 1:
        tomograms = by_tomogram(agreement)
        _print(replace(tomograms, rows=tomograms.rows[:_MOST_TOMOGRAMS]))
        if len(tomograms.rows) > _MOST_TOMOGRAMS:
            more = len(tomograms.rows) - _MOST_TOMOGRAMS
            inputs.say(f"and {more} more tomograms; --table FILE.csv has all of them")


def _print(table: TextTable) -> None:
    from rich.table import Table
    from rich.text import Text

    # texts, as names may hold what would be taken for markup
    shown = Table(title=table.title, title_justify="left", title_style="bold")
    first, *numbers = table.columns
    shown.add_column(Text(first), overflow="fold")
    for name in numbers:
        shown.add_column(Text(name), justify="right")
    for text, *values in table.rows:
        shown.add_row(Text(text), *values)
    inputs.out.print(shown)
