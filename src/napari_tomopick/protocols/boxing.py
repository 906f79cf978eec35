"""Boxing with references: examine a tomogram, learn at once, train, and find.

What the dock and the steps `train` and `pick` share. Nothing here keeps anything; every call may run in any
thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError, ModelError, ParameterError
from napari_tomopick.geometry.coordinates import as_positions
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.picking import encoder, kinds
from napari_tomopick.picking.calibration import IMPARTIAL
from napari_tomopick.picking.examined import Examined
from napari_tomopick.picking.finding import Found, evidence_at, evidence_map, find
from napari_tomopick.picking.picker import Picker, Taught
from napari_tomopick.picking.references import References, check_classes
from napari_tomopick.picking.score_map import ScoreMap
from napari_tomopick.picking.settings import FIELD_OF_VIEW, BoxingSettings
from napari_tomopick.picking.size import estimated_diameter
from napari_tomopick.picking.training import Lesson, Training, beginnings
from napari_tomopick.picking.working_grid import WORKING_DIAMETER, WorkingGrid
from napari_tomopick.protocols.describe import Progress
from napari_tomopick.protocols.voxels import voxels_of

__all__ = [
    "ROUNDS",
    "Prepared",
    "TrainingState",
    "learn",
    "prepare",
    "score",
    "train",
]

Prepared = Examined

ROUNDS = 8
"""Rounds of one training; the last three are the fine ones."""
_FINE_ROUNDS = 3
_LOWEST_CENTRE = -3.0  # evidence that the instant stage may take for even odds
_THUMBNAIL = 1.6  # side of a thumbnail in diameters
_MOST_THUMBNAILS = 100


@dataclass(frozen=True)
class TrainingState:
    """How far a training is.

    Parameters
    ----------
    step, steps : int
        Rounds done, and rounds asked for.
    loss : tuple of float
        Of each round so far, those of earlier trainings included.
    held_back : float, optional
        As `Picker.held_back`.
    """

    step: int
    steps: int
    loss: tuple[float, ...]
    held_back: float | None


def prepare(
    tomogram: Tomogram,
    settings: BoxingSettings,
    positive: NDArray[np.float64],
    *,
    progress: Progress | None = None,
) -> Prepared:
    """Bring a tomogram to the network's sampling.

    Parameters
    ----------
    tomogram : Tomogram
    settings : BoxingSettings
    positive : array, shape (n, 3)
        Clicks on particles, x, y, z in its voxels: they tell size and contrast where these are not given.
    progress : callable, optional

    Raises
    ------
    ModelError
        If the size has to be estimated and there is no click.
    FileFormatError
        If the tomogram cannot be read, is empty, or has voxels that are not finite.
    ParameterError
        If a particle is too large for the tomogram.
    """
    data = voxels_of(tomogram)
    places = as_positions(positive)
    diameter, dark = settings.particle_size, tomogram.particles_are_dark
    if not len(places) and (diameter is None or dark is None):
        if diameter is None:
            raise ModelError(
                f"the size of the particles is estimated from clicks on them, and there is none in "
                f"{tomogram.name!r}: click on one, or give the size"
            )
        dark = True  # nearly all tomograms
    if diameter is None or dark is None:
        found, contrast = estimated_diameter(data, places, dark)
        diameter, dark = found if diameter is None else diameter, contrast
    return _examined(
        tomogram, data, float(diameter), settings.network_box, bool(dark), encoder.pretrained(), progress
    )


def _examined(
    tomogram: Tomogram,
    data: object,
    diameter: float,
    network_box: float | None,
    dark: bool,
    weights: encoder.Weights,
    progress: Progress | None,
) -> Examined:
    working = diameter if network_box is None else network_box / FIELD_OF_VIEW
    try:
        WorkingGrid.for_diameter(tomogram.shape, working)
    except ValueError as error:
        raise ParameterError(f"{tomogram.path.name}: {error}") from error
    what = f"preparing {tomogram.name}"
    try:
        examined = Examined.of(
            tomogram,
            data,
            weights,
            diameter=diameter,
            working_diameter=working,
            dark=dark,
            report=None if progress is None else lambda done, total: progress(done, 2 * total, what),
        )
        # looked at once, and kept
        for _ in examined.slabs(
            report=None if progress is None else lambda done, total: progress(total + done, 2 * total, what)
        ):
            pass
    except ValueError as error:
        raise FileFormatError(f"{tomogram.path.name}: {error}") from error
    return examined


def learn(
    references: Sequence[tuple[Prepared, NDArray[np.float64], NDArray[np.float64]]],
    *,
    name: str = "particles",
) -> Picker:
    """Learn at once from references: the instant stage.

    Parameters
    ----------
    references : sequence of (Prepared, positive, negative)
        Places x, y, z in voxels of each tomogram.
    name : str
        What the particles are called.

    Raises
    ------
    ModelError
        If a class is missing.
    """
    return _learned(references, name)[0]


def _learned(
    references: Sequence[tuple[Prepared, NDArray[np.float64], NDArray[np.float64]]], name: str
) -> tuple[Picker, NDArray[np.float32]]:
    """The instant stage, and the evidence for each positive reference, had it not been shown."""
    positive = [as_positions(p) for _, p, _ in references]
    negative = [as_positions(n) for _, _, n in references]
    check_classes(sum(map(len, positive)), sum(map(len, negative)))
    examined = [e for e, _, _ in references]
    first = examined[0]
    described_positive = np.concatenate([e.descriptions(p) for e, p in zip(examined, positive, strict=True)])
    described_negative = np.concatenate([e.descriptions(n) for e, n in zip(examined, negative, strict=True)])
    background = kinds.unit(np.mean([e.background for e in examined], axis=0))
    learned = kinds.learned(described_positive, described_negative, background)
    known = kinds.judged_without_itself(described_positive, described_negative, background)
    calibration = IMPARTIAL
    if len(known) >= 3:
        # where references would not be found had they not been shown, the others will not be either
        calibration = IMPARTIAL._replace(centre=float(np.clip(np.median(known), _LOWEST_CENTRE, 0.0)))
    size = first.tomogram.voxel_size_angstrom
    working = WORKING_DIAMETER * float(first.grid.factors.mean())
    picker = Picker(
        stage="instant",
        name=name,
        voxel_size_angstrom=size,
        particle_size=first.diameter,
        network_box=working * FIELD_OF_VIEW,
        dark=first.dark,
        kinds=learned,
        calibration=calibration,
        encoder=first.encoder,
        taught=Taught(
            tuple(e.tomogram.name for e, p, n in references if len(p) + len(n)),
            len(described_positive),
            len(described_negative),
        ),
        positive_thumbnails=_thumbnails(examined, positive),
        negative_thumbnails=_thumbnails(examined, negative),
    )
    return picker, known


def train(
    references: Sequence[References],
    settings: BoxingSettings,
    *,
    start: Picker | None = None,
    prepared: Sequence[Prepared] = (),
    rounds: int = ROUNDS,
    seed: int = 0,
    name: str = "particles",
    report: Callable[[TrainingState], None] | None = None,
    progress: Progress | None = None,
) -> Picker:
    """Train the network: the better stage, some twenty seconds.

    Parameters
    ----------
    references : sequence of References
    settings : BoxingSettings
    start : Picker, optional
        A trained one to go on from. Default, and for one of the instant stage: from the beginning.
    prepared : sequence of Prepared
        What is prepared of these tomograms already.
    rounds : int
        How many rounds to train.
    seed : int
        The same references, settings and seed give the same network.
    name : str
        What the particles are called.
    report : callable, optional
        Called after each round.
    progress : callable, optional

    Raises
    ------
    ModelError
        If a class of references is missing.
    FileFormatError, ParameterError
        As `prepare`.
    """
    began = time.monotonic()
    if rounds < 1:
        raise ParameterError(f"at least one round of training is needed, got {rounds}")
    used = [r for r in references if len(r.positive) + len(r.negative)]
    check_classes(sum(len(r.positive) for r in used), sum(len(r.negative) for r in used))
    # where particles were shown comes first: it settles size and contrast for the others
    used.sort(key=lambda r: -len(r.positive))
    examined = _all_examined(used, settings, prepared, start, progress)
    shown = [(e, r.positive, r.negative) for e, r in zip(examined, used, strict=True)]
    instant, alone = _learned(shown, name)
    before = start if start is not None and start.stage == "network" else None
    work = rounds + (1 if before else beginnings(instant.taught.positive)) + 1
    done = 0

    def watch(what: str) -> None:
        nonlocal done
        if progress is not None:
            progress(min(done, work), work, what or "training")
        if what:
            done += 1

    lessons, first = [], 0
    for e, r in zip(examined, used, strict=True):
        watch("")
        evidence = evidence_at(e, evidence_map(e, instant.kinds), e.complexes)
        own = alone[first : first + len(r.positive)]
        first += len(r.positive)
        lessons.append(Lesson.of(e, r.positive, r.negative, evidence, own))
    training = Training(lessons, seed, watch)
    if before is not None and before.reference is not None:
        training.go_on_from(before.reference)
    else:
        training.begin()
    history = before.history if before else ()
    held_back, found = None, 0
    for number in range(rounds):
        fine = before is not None or number >= rounds - _FINE_ROUNDS
        round_ = training.refine() if fine else training.improve()
        history, held_back, found = (*history, round_.loss), round_.held_back, round_.found
        if report is not None:
            report(TrainingState(number + 1, rounds, history, held_back))
    reference, calibration = training.finish()
    earlier = before.taught if before else Taught()
    return replace(
        instant,
        stage="network",
        reference=reference,
        calibration=calibration,
        history=history,
        held_back=held_back,
        taught=replace(
            instant.taught,
            seed=seed,
            rounds=earlier.rounds + rounds,
            found=found,
            seconds=earlier.seconds + time.monotonic() - began,
        ),
    )


def _all_examined(
    references: Sequence[References],
    settings: BoxingSettings,
    prepared: Sequence[Prepared],
    start: Picker | None,
    progress: Progress | None,
) -> list[Examined]:
    ready = {p.tomogram: p for p in prepared}
    examined: list[Examined] = []
    for each in references:
        if each.tomogram in ready:
            examined.append(ready[each.tomogram])
            continue
        if examined:
            # all at the sampling of the first, whatever their voxel sizes
            first = examined[0]
            ratio = first.tomogram.voxel_size_angstrom / each.tomogram.voxel_size_angstrom
            box = None if settings.network_box is None else settings.network_box * ratio
            examined.append(
                _examined(
                    each.tomogram,
                    voxels_of(each.tomogram),
                    first.diameter * ratio,
                    box,
                    first.dark,
                    first.encoder,
                    progress,
                )
            )
        else:
            known = settings
            if settings.particle_size is None and start is not None:
                known = replace(settings, particle_size=start.diameter(each.tomogram.voxel_size_angstrom))
            examined.append(prepare(each.tomogram, known, each.positive, progress=progress))
    return examined


def score(
    target: Prepared | Tomogram,
    picker: Picker,
    *,
    first_z: float | None = None,
    found: Found | None = None,
    progress: Progress | None = None,
) -> ScoreMap:
    """Find particles.

    Parameters
    ----------
    target : Prepared or Tomogram
        A tomogram of another voxel size than the picker was taught on is brought to the same sampling.
    picker : Picker
    first_z : float, optional
        Section to begin at.
    found : callable, optional
        Called with places and scores of candidates as they are found.
    progress : callable, optional

    Raises
    ------
    FileFormatError, ParameterError
        As `prepare`.
    """
    if isinstance(target, Tomogram):
        size = target.voxel_size_angstrom
        dark = picker.dark if target.particles_are_dark is None else target.particles_are_dark
        target = _examined(
            target,
            voxels_of(target),
            picker.diameter(size),
            FIELD_OF_VIEW * picker.working_diameter(size),
            dark,
            picker.encoder,
            progress,
        )
    return find(target, picker, first_z=first_z, found=found, report=progress)


def _thumbnails(examined: Sequence[Examined], places: Sequence[NDArray[np.float64]]) -> NDArray[np.float32]:
    """Central sections of boxes about places, on the working grid of their tomogram."""
    side = 2 * round(0.5 * _THUMBNAIL * WORKING_DIAMETER)
    pictures = []
    for one, here in zip(examined, places, strict=True):
        padded = np.pad(one.volume, ((0, 0), (side, side), (side, side)), mode="symmetric")
        for x, y, z in one.grid.to_grid(here):
            section = padded[int(np.clip(round(z), 0, len(padded) - 1))]
            row, column = round(y) + side - side // 2, round(x) + side - side // 2
            pictures.append(section[row : row + side, column : column + side])
    return np.array(pictures[:_MOST_THUMBNAILS], np.float32).reshape(-1, side, side)
