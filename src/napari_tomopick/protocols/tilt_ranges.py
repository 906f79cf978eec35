"""The tilt ranges of subtomograms, from which their missing wedges follow."""

from __future__ import annotations

from dataclasses import replace

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.missing_wedge import check_tilt_range
from napari_tomopick.models.tomogram import Acquisition
from napari_tomopick.protocols.subtomograms import Subtomograms


def with_tilt_range(boxes: Subtomograms, tilt_range_degrees: tuple[float, float]) -> Subtomograms:
    """The same set, all its tomograms having this tilt range."""
    low, high = tilt_range_degrees
    return replace(
        boxes,
        acquisitions={
            name: replace(
                boxes.acquisitions.get(name, Acquisition()), tilt_min_degrees=low, tilt_max_degrees=high
            )
            for name in dict.fromkeys(boxes.particles.tomograms.tolist())
        },
    )


def check_tilt_ranges(boxes: Subtomograms, otherwise: str = "") -> None:
    """Check that every tomogram of a set has a tilt range that means something.

    Parameters
    ----------
    boxes : Subtomograms
    otherwise : str
        What else a user can do than to give it; the end of the message.

    Raises
    ------
    ParameterError
        If one is not known, or is none.
    """
    unknown = [
        name
        for name in dict.fromkeys(boxes.particles.tomograms.tolist())
        if name not in boxes.acquisitions or boxes.acquisitions[name].tilt_range_degrees is None
    ]
    if unknown:
        raise ParameterError(
            f"{boxes.folder}: the tilt range of the tomogram {unknown[0]!r} is not known, and the missing "
            f"wedge follows from it; give it (--tilt-range){otherwise}"
        )
    for name, acquisition in boxes.acquisitions.items():
        if acquisition.tilt_range_degrees is not None:
            try:
                check_tilt_range(acquisition.tilt_range_degrees)
            except ValueError as error:
                raise ParameterError(f"{boxes.folder}: tomogram {name!r}: {error}") from error
