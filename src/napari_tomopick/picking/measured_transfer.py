"""What became of each spatial frequency of a template, measured from its best matches.

In each shell the product of tomogram and template over the power of the template: the factor that takes one
to the other with the least square error. Contrast transfer, dose, and whatever else the reconstruction did
are in it alike.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.spatial.transform import Rotation

from napari_tomopick.picking.candidate_poses import Posed, above_usual
from napari_tomopick.picking.imaging import Imaging, radial_frequencies
from napari_tomopick.picking.matching_ground import LocalBoxes
from napari_tomopick.picking.template_places import under_mask
from napari_tomopick.picking.turned_template import TurnedTemplate

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Frequencies in 1/Å, values."""

_FEWEST, _MOST = 8, 30  # matches to measure from
_STANDS_OUT = 2.5  # standard deviations above what is usual of the scores of all


def measured_transfer(
    poses: Posed, boxes: LocalBoxes, turned: TurnedTemplate, imaging: Imaging
) -> Curve | None:
    """Measure the transfer from those poses whose scores stand out; None where they are too few.

    Parameters
    ----------
    poses : Posed
        Best first.
    boxes : LocalBoxes
    turned : TurnedTemplate
        On the grid of the boxes.
    imaging : Imaging
        What is known of the transfer so far; what is measured is on top of it.
    """
    if len(poses.scores) < _FEWEST:
        return None
    standing_out = int((above_usual(poses.scores) > _STANDS_OUT).sum())
    n = turned.box_size
    shell = np.rint(radial_frequencies((n,) * 3, 1.0) * n).astype(np.int64).ravel()
    both, own = np.zeros(n // 2 + 1), np.zeros(n // 2 + 1)
    weights = turned.mask.reshape(-1)[turned.inside]
    for row in range(int(np.clip(standing_out, _FEWEST, _MOST))):
        at = boxes.grid.to_grid(poses.at[row])
        voxel = np.rint(at).astype(np.int64)
        values = boxes.box(voxel, n).reshape(-1)[turned.inside]
        data = under_mask(values, weights) * weights
        template = turned.rows(Rotation.from_quat(poses.turns[row : row + 1]), (at - voxel)[None])[0]
        spectra = []
        for values in (data, template):
            box = np.zeros(n**3, np.float32)
            box[turned.inside] = values
            spectra.append(fft.rfftn(box.reshape(n, n, n)).ravel())
        both += np.bincount(shell, (spectra[0] * spectra[1].conj()).real)[: n // 2 + 1]
        own += np.bincount(shell, np.abs(spectra[1]) ** 2)[: n // 2 + 1]
    factor = both / np.maximum(own, 1e-12 * own.max())
    # the mean of the box was taken away
    factor[0] = factor[1]
    if not factor.max() > 0:
        return None
    frequency = np.arange(n // 2 + 1) / n / boxes.spacing_angstrom
    return frequency, factor / factor.max() * imaging.transfer(frequency)


def interpolated(curve: Curve) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """A curve as a function of the frequency."""
    return lambda at: np.asarray(np.interp(at, *curve))
