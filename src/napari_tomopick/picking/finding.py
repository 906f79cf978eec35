"""What a picker finds in a tomogram that was examined."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_tomopick.geometry.rotation_sampling import uniform_rotations
from napari_tomopick.picking.calibration import IMPARTIAL, spread
from napari_tomopick.picking.encoder import DESCRIPTION
from napari_tomopick.picking.examined import SMOOTHING, Examined
from napari_tomopick.picking.kinds import Kinds
from napari_tomopick.picking.matching import match, settled
from napari_tomopick.picking.picker import Picker
from napari_tomopick.picking.score_map import ScoreMap
from napari_tomopick.picking.training import FINEST, SEEN

Found = Callable[[NDArray[np.float64], NDArray[np.float64]], None]
"""Told of candidates as they are found: places ``(n, 3)`` and scores, in the thread that computes."""
Report = Callable[[int, int, str], None]

_AT_ONCE = 100
_ENOUGH = 30  # complexes of a tomogram, to tell what agreement is usual in it


def evidence_map(examined: Examined, kinds: Kinds, report: Report | None = None) -> NDArray[np.float32]:
    """The encoder's evidence at every voxel of the working grid, smoothed."""
    steps = None if report is None else lambda done, total: report(done, total, "looking at the tomogram")
    evidence = examined.of_all(kinds.evidence, steps)
    return np.asarray(ndimage.gaussian_filter(evidence, SMOOTHING, mode="nearest"))


def evidence_at(
    examined: Examined, evidence: NDArray[np.float32], places: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Values of such a map at places in voxels of the tomogram."""
    at = examined.grid.to_grid(places)[:, ::-1].T
    return np.asarray(ndimage.map_coordinates(evidence, at, order=1, mode="nearest"), np.float32)


def find(
    examined: Examined,
    picker: Picker,
    *,
    first_z: float | None = None,
    found: Found | None = None,
    report: Report | None = None,
) -> ScoreMap:
    """Score a tomogram.

    Parameters
    ----------
    examined : Examined
    picker : Picker
    first_z : float, optional
        Section of the tomogram to begin at; what is nearest to it is found first.
    found : callable, optional
    report : callable, optional
        Called with (done, total, what is being done); it may raise to stop.
    """
    if picker.reference is None:
        return _at_once(examined, picker, first_z, found, report)
    return _matched(examined, picker, picker.reference, first_z, found, report)


def _at_once(
    examined: Examined, picker: Picker, first_z: float | None, found: Found | None, report: Report | None
) -> ScoreMap:
    grid = examined.grid
    start = None if first_z is None else float(grid.to_grid([[0.0, 0.0, first_z]])[0, 2])
    calibration = picker.calibration or IMPARTIAL
    evidence = np.empty(grid.shape, np.float32)
    shifts = np.empty((3, *grid.shape), np.float16)
    steps = None if report is None else lambda done, total: report(done, total, "looking at the tomogram")
    for part, fields in examined.slabs(start, steps):
        here = picker.kinds.evidence(np.asarray(fields[:DESCRIPTION], np.float32))
        evidence[part] = here
        shifts[:, part] = fields[DESCRIPTION:]
        if found is not None:
            seen = np.full(grid.shape, -np.inf, np.float32)
            seen[part] = ndimage.gaussian_filter(here, SMOOTHING, mode="nearest")
            found(*ScoreMap.of_values(grid, calibration.of_evidence(seen), shifts).candidates)
    evidence = ndimage.gaussian_filter(evidence, SMOOTHING, mode="nearest")
    return ScoreMap.of_values(grid, calibration.of_evidence(evidence), shifts)


def _matched(
    examined: Examined,
    picker: Picker,
    reference: NDArray[np.float32],
    first_z: float | None,
    found: Found | None,
    report: Report | None,
) -> ScoreMap:
    evidence = evidence_map(examined, picker.kinds, report)
    places = examined.complexes
    of_encoder = evidence_at(examined, evidence, places)
    calibration = picker.calibration or IMPARTIAL
    rotations = uniform_rotations(FINEST)
    volume, grid = examined.matching, examined.matching_grid
    bank = volume.bank(reference, rotations)
    at = grid.to_grid(places)
    order = np.argsort(np.abs(places[:, 2] - (places[:, 2].mean() if first_z is None else first_z)))
    agreement = np.empty(len(places), np.float32)
    final = np.empty((len(places), 3))
    for first in range(0, len(order), _AT_ONCE):
        if report is not None:
            report(first, len(order), f"comparing {len(order)} complexes with the reference")
        rows = order[first : first + _AT_ONCE]
        matches = match(volume, bank, at[rows], SEEN)
        whole: NDArray[np.float64] = np.rint(at[rows]) + SEEN[matches.shifts]
        agreement[rows] = matches.scores
        final[rows] = grid.to_tomogram(settled(volume, whole, bank[matches.orientations]))
        if found is not None:
            usual = (calibration.middle, calibration.deviation)
            found(final[rows], calibration.score(calibration.total(matches.scores, of_encoder[rows], usual)))
    # agreement counts by what is usual in this tomogram, so that a noisier one has no lower scores
    usual = spread(agreement) if len(agreement) >= _ENOUGH else (calibration.middle, calibration.deviation)
    total = calibration.total(agreement, of_encoder, usual)
    return ScoreMap.of_places(examined.grid, final, calibration.score(total))
