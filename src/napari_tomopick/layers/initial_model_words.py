"""What is to be said of an initial model: what it is made from, how far it is, what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_tomopick.errors import ParameterError

if TYPE_CHECKING:
    from napari_tomopick.layers.initial_model_look import Look
    from napari_tomopick.protocols.initial_model import InitialModel

NO_PROJECT = "Open or make a project in the Tomograms dock first."
NO_SETS = "There are no subtomograms yet: extract some in the Steps dock, or choose a folder of them."
ADVISED = 50
FEWEST = 4
NOTHING_YET = (
    "Nothing is made yet. Choose subtomograms under Set up, and press Run: the model is seen here while it "
    "grows."
)


@dataclass(frozen=True)
class About:
    """What is known of a set of subtomograms.

    Parameters
    ----------
    count : int
    box_size : int
    voxel_size_angstrom : float
    tilts : tuple of (float, float), optional
        Lowest and highest tilt in all its tomograms; None if it is unknown in one.
    unknown : str
        The first tomogram whose tilt range is not known; "" if there is none.
    oriented : bool
        Whether its particles have directions.
    """

    count: int
    box_size: int
    voxel_size_angstrom: float
    tilts: tuple[float, float] | None
    unknown: str
    oriented: bool

    def text(self) -> str:
        """What it is, and what should be seen to before it is used."""
        side = self.box_size * self.voxel_size_angstrom
        lines = [
            f"{subtomograms(self.count)} of {self.box_size} voxels of "
            f"{self.voxel_size_angstrom:g} Å ({side / 10:.3g} nm)"
            + (f", tilts {_degrees(self.tilts[0])} to {_degrees(self.tilts[1])}." if self.tilts else ".")
        ]
        if self.oriented:
            lines.append("Their directions are kept, and only the twist is looked for.")
        if self.unknown:
            lines.append(f"The tilt range of {self.unknown} is not known: give it under Advanced.")
        if self.count < FEWEST:
            lines.append(f"Too few: it takes at least {FEWEST}, better {ADVISED}.")
        elif self.count < ADVISED:
            lines.append(f"{ADVISED} or more would be better.")
        return "\n".join(lines)


def subtomograms(count: int) -> str:
    """How many."""
    return f"{count} subtomogram{'' if count == 1 else 's'}"


def _degrees(angle: float) -> str:
    return f"{angle:g}°".replace("-", "−")


def about(folder: Path) -> About:
    """Read what a set is.

    Raises
    ------
    FileFormatError
        If the folder is none.
    """
    from napari_tomopick.protocols.subtomograms import read_subtomograms

    boxes = read_subtomograms(folder)
    names = list(dict.fromkeys(boxes.particles.tomograms.tolist()))
    ranges = [boxes.acquisitions[n].tilt_range_degrees if n in boxes.acquisitions else None for n in names]
    known = [each for each in ranges if each is not None]
    unknown = next((name for name, tilts in zip(names, ranges, strict=True) if tilts is None), "")
    tilts = (min(low for low, _ in known), max(high for _, high in known)) if known and not unknown else None
    return About(
        len(boxes),
        boxes.box_size,
        boxes.voxel_size_angstrom,
        tilts,
        unknown,
        bool((boxes.rotations_in_tomogram().magnitude() > np.deg2rad(1e-3)).any()),
    )


def check(folder: Path, known: About | None, options: dict[str, object]) -> None:
    """Refuse what is known to fail, in the words of the dock.

    Raises
    ------
    ParameterError
        If the tilt range is neither known nor given.
    """
    if known is not None and known.unknown and options.get("tilt_range_degrees") is None:
        raise ParameterError(
            f"{folder.name}: the tilt range of {known.unknown} is not known, and the missing wedge follows "
            "from it. Give it under Advanced, as two angles such as -60 60."
        )


def under_way(look: Look, starts: int, number: int) -> str:
    """How a model is getting on."""
    aligned = sum(look.members(each) for each in range(look.count))
    if look.refined:
        fine = look.resolutions(number)[0]
        agree = f"; its halves agree to {fine:.3g} Å so far" if np.isfinite(fine) else ""
        return f"Refining the best start in two halves{agree}."
    ahead = "" if starts < 2 or look.ahead is None else f"Start {look.ahead + 1} of {starts} is ahead. "
    return f"{ahead}Aligned so far: {subtomograms(aligned)}."


def outcome(look: Look, number: int) -> str:
    """What a finished model is like."""
    fine, coarse = look.resolutions(number)
    members = look.members(number)
    made = f"From {subtomograms(members)}" if members else "Made earlier"
    if look.correlation(number) is None and not members:
        return f"{made}."
    if not np.isfinite(fine):
        return f"{made}; its halves do not agree, or there are too few to tell."
    half = f", {coarse:.3g} Å (0.5)" if np.isfinite(coarse) else ""
    return f"{made}; its halves agree to {fine:.3g} Å (FSC 0.143){half}."


def kept(result: InitialModel) -> str:
    """Where a model is, and what was assumed."""
    names = [each.path.name for each in result.classes]
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return "\n".join([f"Kept as {names[0]}{others}; what belongs to it lies beside.", *result.messages])


def classes(look: Look) -> list[str]:
    """What the classes are called."""
    return [f"class {n + 1}" for n in range(look.count)]
