"""What the plots of an initial model show, as plain numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_tomopick.layers.initial_model_look import THRESHOLDS, Look

SMOOTHED = 5
"""Steps that a score is the mean of: one batch of a few boxes says little."""
NICE_ANGSTROM = (500, 200, 100, 60, 40, 30, 20, 15, 12, 10, 8, 6, 5, 4, 3, 2.5, 2)
CLOSEST_TICKS = 0.13
"""Part of the width below which two ticks would be written into each other."""


class Scores(NamedTuple):
    """Scores of each start, which of them is ahead (None: not known), and what is to be said."""

    starts: tuple[tuple[float, ...], ...]
    ahead: int | None
    text: str


class Agreement(NamedTuple):
    """How two halves correlate by frequency in 1/Å; thresholds; where resolutions are marked; a text."""

    frequencies: tuple[float, ...]
    values: tuple[float, ...]
    marks: tuple[tuple[float, str], ...]
    ticks: tuple[tuple[float, str], ...]
    text: str


def scores(look: Look) -> Scores:
    """The score curves of the starts."""
    starts = look.curves[:-1] if look.refined else look.curves
    smooth = tuple(tuple(_mean_of_last(np.asarray(each, float)).tolist()) for each in starts)
    ahead = look.ahead if look.ahead is not None and look.ahead < len(starts) else None
    text = "Score" if len(starts) == 1 else f"Scores of {len(starts)} starts"
    if ahead is not None and smooth[ahead]:
        which = f"; start {ahead + 1}" if len(starts) > 1 else ""
        text += f"{which}: {smooth[ahead][-1]:.3f}"
    return Scores(smooth, ahead, text)


def agreement(look: Look, number: int) -> Agreement | None:
    """The Fourier shell correlation of the halves of a class; None while there is none."""
    found = look.correlation(number)
    if found is None:
        return None
    frequencies, values = found
    last = float(frequencies[-1])
    ticks: list[tuple[float, str]] = []
    for size in NICE_ANGSTROM:
        at = 1 / size
        if CLOSEST_TICKS * last < at <= last and (not ticks or at - ticks[-1][0] > CLOSEST_TICKS * last):
            ticks.append((at, f"{size:g} Å"))
    resolutions = look.resolutions(number)
    said = [
        f"{size:.3g} Å at {limit:g}"
        for size, limit in zip(resolutions, THRESHOLDS, strict=True)
        if np.isfinite(size)
    ]
    return Agreement(
        tuple(frequencies.tolist()),
        tuple(values.tolist()),
        tuple((limit, f"{limit:g}") for limit in THRESHOLDS),
        tuple(ticks),
        "\n".join(["FSC of the halves", *said]),
    )


def _mean_of_last(values: np.ndarray) -> np.ndarray:
    """The mean over the last so many, of fewer at the beginning."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - SMOOTHED, 0)
    return (sums[ends] - sums[starts]) / np.maximum(ends - starts, 1)
