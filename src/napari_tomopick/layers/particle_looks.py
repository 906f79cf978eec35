"""How particles are drawn: in which colours, how large, and with which arrows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from napari.utils.colormaps import ensure_colormap
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

from napari_tomopick.geometry.sampling import spacing
from napari_tomopick.layers.user_points import DEFAULT_BOX
from napari_tomopick.models.particles import Particles

ColourBy = Literal["set", "group", "score"]

# colours that people with every kind of colour vision tell apart (Okabe & Ito 2008, without black)
PALETTE = ("#56b4e9", "#e69f00", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2")
NO_SCORE = (0.6, 0.6, 0.6, 1.0)
SELECTED = (1.0, 1.0, 1.0, 1.0)
# how many times as wide the line of a selected one is
SELECTED_LINE = 2.0
# opacity of particles that are filtered out
DIM = 0.2

# in voxels, or as a part of the spacing, the diameter or the length
CIRCLE_OF_SPACING = 0.7
# particles whose nearest neighbour is looked for: enough for a median, of however many there are
MEASURED = 2000
# of them in a slice, one covers the other, and a graphics card that is the processor is slow
MOST_IN_A_SLICE = 1200
# a crowd, as in a cell, touches within the boxes
MOST_OVERLAP = 1.5
MIN_CIRCLE, MIN_ARROW = 3.0, 8.0
LINE_OF_CIRCLE, MAX_LINE = 0.12, 1.0
WIDTH_OF_ARROW, MAX_WIDTH = 0.1, 2.0


@dataclass(frozen=True)
class Look:
    """How particles are drawn.

    Parameters
    ----------
    colour_by : "set", "group" or "score"
    arrows : bool
        Whether the particles' own z axes are drawn.
    arrow_length : float, optional
        In voxels. Default: what fits between neighbours, see `Sizes`.
    dim : bool
        Whether particles that are filtered out are still seen, dimly.
    """

    colour_by: ColourBy = "set"
    arrows: bool = True
    arrow_length: float | None = None
    dim: bool = False


@dataclass(frozen=True)
class Sizes:
    """How large a set's particles are drawn, in voxels, so that one can tell them apart.

    A circle is as large as the box where boxes hardly overlap; elsewhere it leaves a gap to the nearest
    neighbour. An arrow is as long as that neighbour is far.

    Parameters
    ----------
    circle : float
        Diameter.
    arrow : float
        Length.
    """

    circle: float
    arrow: float

    @classmethod
    def of(cls, particles: Particles) -> Sizes:
        """The sizes for the particles of one tomogram."""
        distances = spacing(particles.positions, at_most=MEASURED)
        apart = float(np.median(distances)) if len(distances) else np.inf
        box = particles.box_size
        fits = box is not None and box <= MOST_OVERLAP * apart
        circle = float(box) if fits else min(CIRCLE_OF_SPACING * apart, float(box or DEFAULT_BOX))
        return cls(max(circle, MIN_CIRCLE), float(np.clip(apart, MIN_ARROW, DEFAULT_BOX)))


def colours(particles: Particles, colour: str, look: Look) -> NDArray[np.float32]:
    """A colour for each particle, ``(n, 4)`` from 0 to 1; scores from the 2nd to the 98th percentile."""
    n = len(particles)
    if look.colour_by == "group":
        palette = transform_color(list(PALETTE))
        return palette[(particles.groups - 1) % len(palette)]
    if look.colour_by == "score":
        rgba = np.tile(np.array(NO_SCORE, np.float32), (n, 1))
        known = np.isfinite(particles.scores)
        if known.any():
            low, high = np.percentile(particles.scores[known], (2, 98))
            scaled = (particles.scores[known] - low) / max(high - low, np.finfo(float).tiny)
            rgba[known] = ensure_colormap("viridis").map(np.clip(scaled, 0, 1))
        return rgba
    return np.repeat(transform_color(colour), n, axis=0)


def legible_reach(largest: float, count: int, sections: int) -> float:
    """How far from a slice particles are drawn, in voxels, so that a slice is not covered by them.

    Parameters
    ----------
    largest : float
        Radius of the largest circle: no farther.
    count : int
        Of the particles of a tomogram of so many ``sections``.
    """
    legible = (MOST_IN_A_SLICE * sections / max(count, 1) - 1) // 2
    return min(largest, max(legible, 1.0))


def arrows_within(
    starts: NDArray[np.float64], extents: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Arrows, ``(n, 2, 3)`` start and extent, those that would leave the tomogram cut short.

    napari's sliders count the slices from the lowest to the highest coordinate of any layer: with an arrow
    that reaches out of the tomogram every edit would have all layers sliced anew, twice (see
    `compat.hold_range`).
    """
    last = np.array(shape, float) - 1.0
    room = np.where(extents > 0, last - starts, starts)
    with np.errstate(divide="ignore", invalid="ignore"):
        fraction = np.where(extents == 0, np.inf, room / np.abs(extents)).min(axis=1, initial=1.0)
    # a hair less, as start + extent is rounded
    fraction = np.where(fraction < 1, np.maximum(fraction, 0.0) * (1 - 1e-6), 1.0)
    return np.stack([starts, extents * fraction[:, None]], axis=1)
