"""Template matching as a step of a project: where its particles are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_tomopick.errors import ParameterError
from napari_tomopick.io.atomic import make_folder
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.picking.template import Template
from napari_tomopick.project import Session
from napari_tomopick.project.records import ParticleSet
from napari_tomopick.protocols.describe import Progress
from napari_tomopick.protocols.jobs import Job, keep_in_set, made_by
from napari_tomopick.protocols.match import Matched, match

STEP = "match"
MATCHES_COLOUR = "#4cc9f0"


def matches_of(session: Session, label: str) -> ParticleSet | None:
    """The particle set that template matching made under this name."""
    return next((s for s in session.particle_sets() if s.step.name == STEP and s.name == label), None)


def kept_matches(session: Session, label: str, tomogram: str) -> Particles | None:
    """The particles of that set in a tomogram; None if there is no such set."""
    found = matches_of(session, label)
    return None if found is None else session.particles(found.uid, tomogram)


def keep_matches(session: Session, label: str, tomogram: str, particles: Particles, step: Step) -> str:
    """Let these be what was matched in a tomogram under a name, as one edit; return the uid of the set.

    Raises
    ------
    ParameterError
        If there are none, and there is no set of them yet.
    """
    found = matches_of(session, label)
    return keep_in_set(session, found, label, tomogram, particles, step, MATCHES_COLOUR)


def matching_step(
    tomogram: str,
    template: Path,
    mask: Path | None,
    symmetry: str,
    options: Mapping[str, Any],
    threshold: float,
) -> Step:
    """The record of a match: template, every option, and the threshold that was used."""
    inputs = [f"tomogram {tomogram}", f"template {template}", *([f"mask {mask}"] if mask else [])]
    step = made_by(STEP, match, inputs, options)
    return Step(
        step.name, {**step.parameters, "symmetry": symmetry, "threshold": threshold}, step.inputs, step.seed
    )


def match_job(
    session: Session,
    names: Sequence[str],
    template: Template,
    template_path: Path,
    options: Mapping[str, Any],
    *,
    mask_path: Path | None = None,
    label: str | None = None,
    maps: Path | None = None,
) -> Job:
    """Match a template in tomograms of the project; the particles of all are one set.

    Parameters
    ----------
    session : Session
    names : sequence of str
        Of the tomograms.
    template : Template
    template_path, mask_path : Path
        Where it comes from.
    options : mapping
        Options of `match`.
    label : str, optional
        Name of the particle set. Default: that of the template's file. What an earlier match of this name
        found in the same tomograms is replaced.
    maps : Path, optional
        Folder to write score maps to.
    """
    if not names:
        raise ParameterError("no tomogram was chosen to be searched")
    tomograms = [session.tomogram(name) for name in names]
    called = label or template_path.stem

    def compute(progress: Progress | None) -> list[Matched]:
        results = []
        for i, tomogram in enumerate(tomograms):
            report = progress and _part_of(progress, i, len(tomograms), tomogram.name)
            results.append(match(tomogram, template, **options, progress=report))
        if maps is not None:
            make_folder(maps)
            for result in results:
                write_score_map(maps / f"{result.tomogram.name}_{called}_scores.mrc", result)
        return results

    def record(session: Session, results: list[Matched]) -> str:
        lines = []
        with session.edit(f"Match {called!r} in {len(results)} tomogram{'s' * (len(results) != 1)}"):
            for result in results:
                name = result.tomogram.name
                lines += [f"{name}: {line}" for line in result.lines()]
                if len(result.particles) or matches_of(session, called) is not None:
                    step = matching_step(
                        name, template_path, mask_path, template.symmetry, options, result.threshold
                    )
                    keep_matches(session, called, name, result.particles, step)
                if maps is not None:
                    path = maps / f"{name}_{called}_scores.mrc"
                    session.add_result("score map", path, made_by(STEP, match, [f"tomogram {name}"], options))
        return "\n".join(lines)

    return Job(f"Matching {called}", compute, record)


def write_score_map(path: Path, result: Matched) -> float:
    """Write the map of a search as MRC, and return its voxel size in Å.

    Its origin is where it begins in the tomogram, which has none of its own: programs that go by it lay the
    two over each other, also where only some sections were searched.
    """
    grid, size = result.found.grid, result.tomogram.voxel_size_angstrom
    spacing = size * float(grid.factors.mean())
    x, y, z = (grid.to_tomogram(np.zeros((1, 3)))[0] + [0.0, 0.0, result.first_section]) * size
    write_mrc(path, result.found.score_map, spacing, origin_angstrom=(float(x), float(y), float(z)))
    return spacing


def _part_of(progress: Progress, part: int, parts: int, name: str) -> Progress:
    def report(done: int, total: int, text: str) -> None:
        progress(part * total + done, parts * total, f"{name}: {text}" if text else name)

    return report
