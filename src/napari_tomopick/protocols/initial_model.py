"""Make an initial model from subtomograms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.fourier_shells import resolution_at
from napari_tomopick.geometry.symmetry import symmetry_name
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.picking.initial_model import REFINEMENT_STEPS, find_model
from napari_tomopick.picking.initial_settings import (
    FEWEST_BOXES,
    FoundModel,
    ModelState,
    Settings,
    check,
)
from napari_tomopick.protocols import initial_model_inputs as inputs
from napari_tomopick.protocols.describe import Bounds, Progress
from napari_tomopick.protocols.initial_model_inputs import Contrast
from napari_tomopick.protocols.initial_model_output import ModelFiles, ModelWriter
from napari_tomopick.protocols.staging import staged
from napari_tomopick.protocols.subtomograms import Subtomograms, read_subtomograms
from napari_tomopick.protocols.tilt_ranges import check_tilt_ranges, with_tilt_range

__all__ = ["InitialModel", "InitialModelState", "ModelClass", "initial_model"]

THRESHOLDS = (0.143, 0.5)
"""Correlations of the halves at which a resolution is told."""


@dataclass(frozen=True, eq=False)
class InitialModelState:
    """What `initial_model` reports while it runs.

    Parameters
    ----------
    model : ModelState
        The models as they are, scores, and orientations.
    voxel_size_angstrom : float
        Of the maps in it.
    """

    model: ModelState
    voxel_size_angstrom: float


@dataclass(frozen=True, eq=False)
class ModelClass:
    """One model, and what was written with it.

    Parameters
    ----------
    path : Path
        The map, MRC, particles bright.
    halves : tuple of 2 Path
        Averages of both halves, not filtered.
    picture : Path
        Three central sections of the map, PNG.
    aligned : Subtomograms, optional
        The boxes, turned into the reference frame.
    count : int
        How many subtomograms it was made from.
    correlation : array, shape (N // 2 + 1,)
        Fourier shell correlation of the halves.
    resolutions_angstrom : tuple of 2 float
        Where that falls below 0.143 and 0.5; not finite where there were too few subtomograms to tell.
    """

    path: Path
    halves: tuple[Path, Path]
    picture: Path
    aligned: Subtomograms | None
    count: int
    correlation: NDArray[np.float64]
    resolutions_angstrom: tuple[float, float]


@dataclass(frozen=True, eq=False)
class InitialModel:
    """An initial model, or several, and what was written with them.

    Parameters
    ----------
    classes : tuple of ModelClass
        Those that got subtomograms, the largest first.
    table : Path
        Fourier shell correlations, CSV.
    particles_path : Path
        The particles with their new poses in the tomograms, RELION star.
    particles : Particles
        The same.
    box_size : int
    voxel_size_angstrom : float
    curves : tuple of tuples of float
        Scores of every start, and of the refinement.
    cancelled : bool
    messages : tuple of str
        What a user should know.
    """

    classes: tuple[ModelClass, ...]
    table: Path
    particles_path: Path
    particles: Particles
    box_size: int
    voxel_size_angstrom: float
    curves: tuple[tuple[float, ...], ...]
    cancelled: bool
    messages: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The map of the largest class, for matching or for a viewer."""
        return self.classes[0].path

    def lines(self) -> list[str]:
        """Describe the models in sentences for the user."""
        size = f"box of {self.box_size} voxels of {self.voxel_size_angstrom:g} Å"
        lines = []
        for number, each in enumerate(self.classes, start=1):
            name = "initial model" if len(self.classes) == 1 else f"model of class {number}"
            lines.append(f"{name} of {each.count} subtomograms in {each.path}, {size}")
            fine, coarse = each.resolutions_angstrom
            if np.isfinite(fine):
                lines.append(
                    f"  its halves agree to {fine:.3g} Å (correlation of 0.143), {coarse:.3g} Å (0.5)"
                    if np.isfinite(coarse)
                    else f"  its halves agree to {fine:.3g} Å (correlation of 0.143)"
                )
            else:
                lines.append("  its halves do not agree, or there are too few to tell")
            if each.aligned is not None:
                lines.append(f"  aligned subtomograms in {each.aligned.folder}")
        lines.append(f"poses in the tomograms in {self.particles_path}")
        return [*lines, *self.messages]


def initial_model(
    subtomograms: Path | Subtomograms,
    output: Path,
    report: Callable[[InitialModelState], None] | None = None,
    *,
    batch_size: Annotated[int, Bounds(minimum=2, maximum=1000)] = 12,
    iterations: Annotated[int, Bounds(minimum=1, maximum=100)] = 5,
    batches: Annotated[int, Bounds(minimum=1, maximum=1000)] = 10,
    learning_rate: Annotated[float, Bounds(minimum=0.001, maximum=1)] = 0.1,
    filter_to_angstrom: Annotated[float | None, Bounds(minimum=1)] = None,
    symmetry: str = "C1",
    apply_symmetry: bool = False,
    shrink: Annotated[float, Bounds(minimum=1)] = 1.0,
    return_aligned: bool = True,
    reference: Path | None = None,
    mask: Path | None = None,
    classes: Annotated[int, Bounds(minimum=1, maximum=20)] = 1,
    starts: Annotated[int, Bounds(minimum=1, maximum=50)] = 3,
    seed: Annotated[int, Bounds(minimum=0)] = 0,
    use_directions: bool = True,
    cone_degrees: Annotated[float, Bounds(minimum=0, maximum=90, advanced=True)] = 20.0,
    tilt_range_degrees: tuple[float, float] | None = None,
    contrast: Annotated[Contrast, Bounds(advanced=True)] = "auto",
    threads: Annotated[int, Bounds(minimum=1, maximum=64, advanced=True)] = 2,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> InitialModel:
    """Find what is common to subtomograms whose orientations are not known, or only their directions.

    Every random start draws batches of subtomograms, aligns them to its model over the frequencies that each
    has measured, and moves the model towards their average, while more and more detail is looked at. The
    start whose averages agree best with subtomograms that have no part in them is refined in two halves at
    full sampling. Written are the map (particles bright), its halves (``<name>_half1.mrc``), a picture
    (``<name>.png``), the Fourier shell correlation of the halves (``<name>_fsc.csv``), the particles with
    their new poses (``<name>.star``) and the aligned boxes (``<name>_aligned``). Cancelled, it writes the
    best that was found until then.

    Parameters
    ----------
    subtomograms : Path or Subtomograms
        Folder made by extract or average; at least 4 boxes, better 50.
    output : Path
        MRC file of the map. Those of further classes are ``<name>_class2.mrc`` and so on.
    report : callable, optional
        Called with an `InitialModelState` after each step; it may raise `errors.Cancelled`.
    batch_size : int
        Subtomograms in a batch.
    iterations : int
        Iterations of the search.
    batches : int
        Batches in an iteration; the first has twice as many.
    learning_rate : float
        Which part of the way the model goes towards the average of a batch.
    filter_to_angstrom : float, optional
        Finest detail the search looks at. Default: 50 Å, but from a fifth to a twelfth of the box. The
        refinement goes on to finer detail as far as the halves agree.
    symmetry : str
        Point group: C1, C2 ..., D2 ..., T, O or I. Unless a reference says where the axes are, they are
        looked for, and the model is turned to have the n-fold axis along z.
    apply_symmetry : bool
        Average the model over the point group too.
    shrink : float
        Factor by which boxes shrink before anything else, and with them the model. It need not be whole, but
        must leave an even box.
    return_aligned : bool
        Write the aligned boxes too.
    reference : Path, optional
        Map to start from, particles bright; the model keeps its place and its axes.
    mask : Path, optional
        Map, from 0 to 1, of what counts in models when subtomograms are aligned to them.
    classes : int
        How many different models to make; each subtomogram goes to the one it agrees with best.
    starts : int
        Random starts, of which the best is kept.
    seed : int
        The same subtomograms and seed give the same model.
    use_directions : bool
        Keep the directions of subtomograms that have an orientation, so that only their twist is looked for.
    cone_degrees : float
        By how much a particle may deviate from its direction.
    tilt_range_degrees : tuple of 2 float, optional
        Lowest and highest tilt in degrees; default: what was known at extraction.
    contrast : "auto", "dark" or "bright"
        Of the particles in the subtomograms. Auto: bright if they were inverted at extraction, otherwise
        what the middle of the boxes looks like, and dark where it does not tell.
    threads : int
        How many threads compute.
    overwrite : bool
        Replace files and aligned sets of an earlier run.
    progress : callable, optional
        Called with (steps done, steps in all, text).

    Returns
    -------
    InitialModel

    Raises
    ------
    ParameterError
        If there are too few subtomograms, a tilt range is not known, a parameter means nothing for these
        boxes, or the output exists.
    FileFormatError
        If the folder, a box in it, the reference or the mask cannot be read.
    Cancelled
        If it was cancelled before there was a model.
    TomopickError
        If the output cannot be written.
    """
    output = Path(output)
    if output.suffix.lower() != ".mrc":
        raise ParameterError(f"{output}: a model is written as MRC; end the name in .mrc")
    boxes = subtomograms if isinstance(subtomograms, Subtomograms) else read_subtomograms(Path(subtomograms))
    if tilt_range_degrees is not None:
        boxes = with_tilt_range(boxes, tilt_range_degrees)
    check_tilt_ranges(boxes)
    size = inputs.shrunk_size(boxes, shrink)
    voxel_size = boxes.voxel_size_angstrom * boxes.box_size / size
    settings = Settings(
        limit=inputs.filter_limit(filter_to_angstrom, size, voxel_size),
        batch_size=batch_size,
        iterations=iterations,
        batches=batches,
        learning_rate=learning_rate,
        symmetry=_point_group(symmetry),
        apply_symmetry=apply_symmetry,
        classes=classes,
        starts=starts,
        seed=seed,
        threads=threads,
    )
    step = Step(
        "initial-model",
        {**asdict(settings), "shrink": shrink, "contrast": contrast, "use_directions": use_directions},
        (str(boxes.folder), *(str(path) for path in (reference, mask) if path is not None)),
        seed=seed,
    )
    names = [output.stem, *(f"{output.stem}_class{number}" for number in range(2, classes + 1))]
    files = [ModelFiles.named(output.parent, name, aligned=return_aligned) for name in names]
    table, star = output.with_name(f"{output.stem}_fsc.csv"), output.with_name(f"{output.stem}.star")
    targets = [*(path for each in files for path in each.all()), table, star]
    with staged(*targets, overwrite=overwrite) as staging:
        _check_count(boxes)
        material, turned, read_lines = inputs.material_of(
            boxes,
            size,
            contrast=contrast,
            reference=reference,
            mask=mask,
            cone_degrees=cone_degrees if use_directions else None,
        )
        try:
            check(material, settings)
        except ValueError as error:
            raise ParameterError(f"{boxes.folder}: {error}") from error
        found = find_model(material, settings, _teller(settings, voxel_size, report, progress))
        writer = ModelWriter(boxes, size, found, turned, step)
        maps = writer.write(
            material, settings, [each.moved(staging[0].parent) for each in files], staging[-2], staging[-1]
        )
    kept = [number for number, each in enumerate(maps) if each.boxes]
    return InitialModel(
        classes=tuple(
            ModelClass(
                path=files[number].map,
                halves=files[number].halves,
                picture=files[number].picture,
                aligned=_aligned(writer, number, files[number]),
                count=maps[number].boxes,
                correlation=maps[number].correlation,
                resolutions_angstrom=_resolutions(maps[number].correlation, size, voxel_size),
            )
            for number in kept
        ),
        table=table,
        particles_path=star,
        particles=writer.particles,
        box_size=size,
        voxel_size_angstrom=voxel_size,
        curves=found.curves,
        cancelled=found.cancelled,
        messages=tuple(
            line
            for line in (
                *read_lines,
                *_messages(found, settings, reference is not None),
                *(f"Class {number + 1} got no subtomogram." for number in range(len(kept), classes)),
            )
            if line
        ),
    )


def _point_group(symmetry: str) -> str:
    try:
        return symmetry_name(symmetry)
    except ValueError as error:
        raise ParameterError(str(error)) from error


def _check_count(boxes: Subtomograms) -> None:
    if len(boxes) < FEWEST_BOXES:
        raise ParameterError(
            f"{boxes.folder}: an initial model needs at least {FEWEST_BOXES} subtomograms, better 50; there "
            f"are {len(boxes)}"
        )


def _teller(
    settings: Settings,
    voxel_size: float,
    report: Callable[[InitialModelState], None] | None,
    progress: Progress | None,
) -> Callable[[ModelState], None]:
    """What passes on how far it is."""
    before = {"search": 0, "refinement": settings.steps}
    total = settings.steps + REFINEMENT_STEPS
    starts = f"{settings.starts} random starts" if settings.starts > 1 else "a random start"
    texts = {"search": f"searching from {starts}", "refinement": "refining both halves"}

    def tell(state: ModelState) -> None:
        if progress is not None:
            progress(before[state.stage] + state.step, total, texts[state.stage])
        if report is not None:
            report(InitialModelState(state, voxel_size * state.coarser))

    return tell


def _messages(found: FoundModel, settings: Settings, referred: bool) -> list[str]:
    lines = []
    if found.cancelled:
        lines.append("It was stopped early: this is the best that was found until then.")
    if not found.independent:
        lines.append("Its halves were not refined apart, so that they agree more than they should.")
    if len(found.validated) > 1:
        scores = ", ".join(f"{score:.3f}" for score in found.validated)
        lines.append(f"Kept was start {found.start + 1} by its cross-validated score ({scores}).")
    if settings.symmetry != "C1" and not referred:
        lines.append(
            f"Averaged over {settings.symmetry}, the model keeps {100 * found.agreement:.0f} % of its power"
            + ("." if settings.apply_symmetry else "; it was turned to its axes, but not averaged.")
        )
    return lines


def _resolutions(correlation: NDArray[np.float64], size: int, voxel_size: float) -> tuple[float, float]:
    if not correlation.any():
        return float("inf"), float("inf")
    fine, coarse = (resolution_at(correlation, threshold, size, voxel_size) for threshold in THRESHOLDS)
    return fine, coarse


def _aligned(writer: ModelWriter, number: int, files: ModelFiles) -> Subtomograms | None:
    return None if files.aligned is None else writer.aligned(number, files.aligned)
