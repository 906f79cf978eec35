"""Compare each particle with the average of the others."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.cropping import check_box_size
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.parting import Parting, parting
from napari_tomopick.models.quantities import LIKENESS
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.picking.likeness import LEAST, Comparison, Source, likeness_of
from napari_tomopick.picking.torch_extra import INSTALL, has_torch
from napari_tomopick.protocols.boxes_from import on_the_grid_of
from napari_tomopick.protocols.describe import Bounds, Progress
from napari_tomopick.protocols.likeness_sources import Boxes, Descriptions, Lying
from napari_tomopick.protocols.threads import in_order

DETAIL, MOVED = 7.0, 18.0
"""What is looked at by default is a seventh of the box, and a box moves by an eighteenth."""
BOX_PER_DIAMETER = 1.5
"""Of the particles that the network is to look for, as `picking.settings.suggested_box_size` has it."""
_NO_TURN, _NO_TWIST = 1e-6, 1e-3  # radians; files round angles

Known = Literal["orientation", "axis", "position"]
"""What is known of particles: how they are turned, their z axis only, or where they are."""

_HOW: dict[Known, str] = {
    "orientation": "in their own frames",
    "axis": "of which only the z axes are known: their average is one around it",
    "position": "as they lie, since no orientation is known: their average is blurred, and tells less",
}

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Compared:
    """Particles with their likeness.

    Parameters
    ----------
    particles : Particles
        All that there were, in their order, with the column ``tomopickLikeness``: NaN where there is none.
    agreeing : int array
        Ids of those that the others were compared with at last.
    parted : Parting, optional
        Where the values part best in two; None if all are alike.
    known : "orientation", "axis" or "position"
        What is known of how they are turned.
    box_size : int
    rounds : int
    by : "boxes" or "network"
    """

    particles: Particles
    agreeing: NDArray[np.int64]
    parted: Parting | None
    known: Known
    box_size: int
    rounds: int
    by: Literal["boxes", "network"] = "boxes"

    @property
    def values(self) -> NDArray[np.float64]:
        """The likeness of each particle, shape (n,)."""
        return np.asarray(self.particles.table[LIKENESS], np.float64)

    def lines(self) -> list[str]:
        """What came of it, in sentences for the user."""
        values = self.values
        lacking = int(np.isnan(values).sum())
        total = len(values)
        what = f"in boxes of {self.box_size}, {_HOW[self.known]}"
        if self.by == "network":
            what = f"by what the network makes of particles of {self.box_size / BOX_PER_DIAMETER:.3g} voxels"
        elif self.known == "position" and not has_torch():
            what += f" (with PyTorch a network compares them better: {INSTALL})"
        lines = [f"{total - lacking} of {total} compared {what}; {len(self.agreeing)} agree"]
        if lacking:
            verb = "has" if lacking == 1 else "have"
            lines.append(f"{lacking} {verb} no likeness: outside the tomogram, or nothing but one grey value")
        if self.parted is not None:
            lines.append(str(self.parted))
        return lines


def likeness(
    particles: Particles,
    tomograms: Sequence[Tomogram],
    *,
    box_size: Annotated[int | None, Bounds(minimum=8, maximum=512)] = None,
    low_pass_angstrom: Annotated[float | None, Bounds(minimum=0)] = None,
    max_shift: Annotated[float | None, Bounds(minimum=0, maximum=32)] = None,
    by: Literal["auto", "boxes", "network"] = "auto",
    rounds: Annotated[int, Bounds(minimum=1, maximum=20)] = 5,
    threads: Annotated[int, Bounds(minimum=1, maximum=64, advanced=True)] = 2,
    progress: Progress | None = None,
) -> Compared:
    """Tell how like each particle is to the average of the others, which shows false ones without a template.

    The correlation of its box, smoothed and wherever within a few voxels, with the average of all others that
    agree. The average is first of all particles, and then of those above where the values part best in two.
    Particles of which only the z axis is known, or nothing, have an average that is blurred by that. Where
    nothing is known, it is better to compare what the network makes of them.

    What lies in different tomograms is compared together, each box in its own contrast. At most 512 MB of
    boxes are held in memory.

    Parameters
    ----------
    particles : Particles
        At least 3, with a known voxel size. Most of them should be right.
    tomograms : sequence of Tomogram
        Those that the particles lie in, by name, all of one voxel size, which may differ from that of the
        particles.
    box_size : int, optional
        Even size of the box in voxels of the tomogram; a sphere in it counts, which fades out towards its
        faces. About one and a half diameters of the particle. Default: that of the particles.
    low_pass_angstrom : float, optional
        What is finer is smoothed away; 0: nothing. Default: a seventh of the box.
    max_shift : float, optional
        How far a box may be moved, in voxels. Default: an eighteenth of the box.
    by : "auto", "boxes" or "network"
        What is compared: boxes, or what the network of `pick` makes of the places, which is the same however
        a particle is turned, and needs PyTorch. "auto" takes the network where no orientation is known.
    rounds : int
        How often at most particles are compared, with a better average each time. 1: with that of all.
    threads : int
        How many boxes are worked on at a time.
    progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    Compared

    Raises
    ------
    ParameterError
        If there are fewer than 3 particles or boxes, a value makes no sense, or a voxel size or a tomogram is
        not known.
    FileFormatError
        If a tomogram cannot be read.
    MissingExtraError
        If the network is asked for, and PyTorch is not installed.
    """
    if len(particles) < LEAST:
        raise ParameterError(f"to compare particles takes {LEAST} of them at least, got {len(particles)}")
    on_grid, which = on_the_grid_of(tomograms, particles)
    size = on_grid.box_size if box_size is None else box_size
    if size is None:
        raise ParameterError("these particles have no box size: give one, 1.5 times their diameter")
    comparison = _comparison(size, low_pass_angstrom, max_shift, rounds, on_grid)
    # as they lie in the files
    order = np.lexsort((*on_grid.positions.T, which))
    count, known = len(order), what_is_known(particles.rotations)
    network = by == "network" or (by == "auto" and known == "position" and has_torch())
    lying = Lying(on_grid.select(order), which[order], tomograms)

    def report(done: int, total: int, number: int) -> None:
        if progress is not None:
            text = "averaging particles" if number == 0 else f"comparing particles, round {number}"
            progress(number * total + done, (rounds + 1) * total, text)

    source: Source
    source = Descriptions(lying, size / BOX_PER_DIAMETER, progress) if network else Boxes(lying, comparison)

    with ExitStack() as stack:

        def apply(function: Callable[[int], Result], items: Iterable[int]) -> Generator[Result]:
            return stack.enter_context(closing(in_order(function, items, threads)))

        found = likeness_of(count, source, rounds=rounds, apply=apply, progress=report)
    if np.isfinite(found.values).sum() < LEAST:
        raise ParameterError(
            f"of {count} particles {int(np.isfinite(found.values).sum())} have a box of {size} in their "
            f"tomogram, and it takes {LEAST}: are they those of other tomograms, or of another binning?"
        )
    values = np.empty(count)
    values[order] = found.values
    return Compared(
        particles.with_columns(**{LIKENESS: values}),
        np.sort(particles.ids[order[found.agreeing]]),
        parting(values),
        known,
        size,
        found.rounds,
        "network" if network else "boxes",
    )


def what_is_known(rotations: Rotation) -> Known:
    """What orientations tell: all of it, only the z axis, or nothing, where none is turned.

    A direction alone is the smallest turn that takes +z to it, about an axis in the xy plane.
    """
    vectors = rotations.as_rotvec().reshape(-1, 3)
    if not (np.abs(vectors) > _NO_TURN).any():
        return "position"
    # half a turn about any axis in that plane is one too; its sign is arbitrary
    return "orientation" if (np.abs(vectors[:, 2]) > _NO_TWIST).any() else "axis"


def _comparison(
    size: int,
    low_pass_angstrom: float | None,
    max_shift: float | None,
    rounds: int,
    particles: Particles,
) -> Comparison:
    """How particles in voxels of the tomogram are compared; the options are checked."""
    try:
        check_box_size(size)
    except ValueError as error:
        raise ParameterError(str(error)) from error
    if size < 8:
        raise ParameterError(f"a box of {size} voxels shows nothing to compare; take 8 or more")
    for name, value in (("low-pass", low_pass_angstrom), ("largest shift", max_shift)):
        if value is not None and not (np.isfinite(value) and value >= 0):
            raise ParameterError(f"the {name} must be 0 or more, got {value}")
    if rounds < 1:
        raise ParameterError(f"particles are compared once at least, got {rounds} rounds")
    voxel_size = particles.voxel_size_angstrom
    assert voxel_size is not None  # they are on the grid of a tomogram
    detail = size / DETAIL if low_pass_angstrom is None else low_pass_angstrom / voxel_size
    if detail > size / 2:
        raise ParameterError(
            f"a low-pass of {detail * voxel_size:g} Å leaves nothing in a box of {size} voxels of "
            f"{voxel_size:g} Å; a seventh of the box is usual, {size / DETAIL * voxel_size:.3g} Å"
        )
    far = size / MOVED if max_shift is None else max_shift
    if far > size / 4:
        raise ParameterError(
            f"boxes of {size} voxels that move by {far:g} show something else; {size // 4} voxels are "
            "the most"
        )
    return Comparison(size, detail, far)


def replaced(now: Particles, compared: Particles) -> Particles:
    """Give particles the likeness that they had when they were compared, by their ids.

    Those that are new, or have been moved or turned since, have none.

    Parameters
    ----------
    now : Particles
    compared : Particles
        With the column ``tomopickLikeness``.
    """
    if now.ids.tolist() == compared.ids.tolist():
        rows, there = np.arange(len(now)), np.ones(len(now), bool)
    else:
        order = np.argsort(compared.ids)
        at = np.minimum(np.searchsorted(compared.ids, now.ids, sorter=order), len(order) - 1)
        rows, there = order[at], np.isin(now.ids, compared.ids)
    same = there & (now.positions == compared.positions[rows]).all(axis=1)
    same &= (now.rotations.as_quat() == compared.rotations.as_quat()[rows]).all(axis=1)
    values = np.asarray(compared.table[LIKENESS], np.float64)[rows]
    return replace(now, table=now.table.assign(**{LIKENESS: np.where(same, values, np.nan)}))
