"""A template as it would appear in a tomogram, in any orientation, on the grid of the tomogram."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft
from scipy.spatial.transform import Rotation

from napari_tomopick.picking.imaging import Imaging, radial_frequencies
from napari_tomopick.picking.template import SOFT_EDGE, Template, distances
from napari_tomopick.picking.template_kernels import turned_boxes

_FINER = (
    2.0  # the template lies on a grid at least so much finer, where trilinear interpolation is good enough
)
_AT_ONCE = 128
_WORKERS = 2


class TurnedTemplate:
    """A template on a grid of given spacing.

    Parameters
    ----------
    template : Template
    imaging : Imaging
    spacing_angstrom : float
        Of the grid; at least about that of the template, or the template has nothing fine to say.

    Attributes
    ----------
    box_size : int
        Of the boxes it is turned in; even.
    mask : float32 array, shape (n, n, n)
        The template's mask as it lies; where it is not a ball, its mean over all turns.
    inside : int array, shape (voxels,)
        Voxels of a flat box that the mask lets through.
    """

    def __init__(self, template: Template, imaging: Imaging, spacing_angstrom: float) -> None:
        self.template = template
        self.imaging = imaging
        self.spacing_angstrom = spacing_angstrom
        ratio = spacing_angstrom / template.voxel_size_angstrom
        reach = template.radius / ratio
        self.box_size = 2 * int(np.ceil(reach + 0.5 * SOFT_EDGE + 0.5))
        radii = distances(self.box_size)
        self.mask = self._mask(radii, ratio)
        self.inside = np.flatnonzero(self.mask.ravel() > 0)
        self._weights = self.mask.ravel()[self.inside]
        self._wedge = imaging.wedge(self.box_size)
        self._fine = _finer(
            template.density * template.mask,
            self._as_imaged(template, len(template.density)),
            ratio,
        )
        # the ball that is turned lies within the fine volume, a voxel from its faces
        self._reach = min(reach + 2.0, (self._fine.middle - 1.5) / self._fine.per_voxel)
        self._fine_mask = None if template.spherical else _finer(template.mask, None, ratio)

    def _mask(self, radii: NDArray[np.float64], ratio: float) -> NDArray[np.float32]:
        """The mask's mean over all turns, on the grid."""
        own = distances(len(self.template.density))
        shell = np.rint(4 * own).astype(np.int64).ravel()
        count = np.maximum(np.bincount(shell), 1)
        profile = np.bincount(shell, self.template.mask.ravel()) / count
        known = np.bincount(shell) > 0
        at = np.arange(len(profile))[known] / 4
        mask = np.interp(radii * ratio, at, profile[known], right=0.0)
        mask[radii > self.box_size / 2] = 0
        return np.where(mask > 0.01, mask, 0).astype(np.float32)

    def _as_imaged(self, template: Template, size: int) -> NDArray[np.float64]:
        m = size + 2 * _padding(size)
        frequency = radial_frequencies((m,) * 3, template.voxel_size_angstrom)
        # nothing finer than two voxels of the grid, falling off gently
        fall_off = np.exp(-((frequency * 2 * self.spacing_angstrom / 1.05) ** 12))
        return np.asarray(self.imaging.of_template(frequency) * fall_off)

    def boxes(self, rotations: Rotation, shifts: ArrayLike | None = None) -> NDArray[np.float32]:
        """The template in these orientations, before anything is missing: ``(k, n, n, n)``.

        Parameters
        ----------
        rotations : Rotation, k of them
            Reference frame to tomogram frame.
        shifts : array-like, shape (k, 3), optional
            Where its centre lies from voxel ``n // 2``: x, y, z.
        """
        return self._turned(self._fine, rotations, shifts)

    def masks(self, rotations: Rotation, shifts: ArrayLike | None = None) -> NDArray[np.float32]:
        """The mask in these orientations within `inside`, ``(k, voxels)``; a ball stays where it is."""
        if self._fine_mask is None:
            return np.broadcast_to(self._weights, (len(rotations), len(self._weights)))
        boxes = self._turned(self._fine_mask, rotations, shifts)
        return np.clip(boxes.reshape(len(boxes), -1)[:, self.inside], 0, 1)

    def _turned(self, fine: _Fine, rotations: Rotation, shifts: ArrayLike | None) -> NDArray[np.float32]:
        matrices = np.ascontiguousarray(
            np.swapaxes(rotations.as_matrix().reshape(-1, 3, 3), 1, 2), np.float32
        )
        moved = np.zeros((len(matrices), 3)) if shifts is None else np.asarray(shifts)
        out = np.empty((len(matrices), *(self.box_size,) * 3), np.float32)
        turned_boxes(
            fine.values,
            fine.middle,
            fine.per_voxel,
            self._reach,
            matrices,
            np.ascontiguousarray(moved, np.float32),
            out,
        )
        return out

    def seen(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes without what the tilt series has not measured."""
        spectra = fft.rfftn(boxes, axes=(1, 2, 3)) * self._wedge
        return np.asarray(fft.irfftn(spectra, boxes.shape[1:], axes=(1, 2, 3)), np.float32)

    def whole(self, rotations: Rotation, shifts: ArrayLike | None = None) -> NDArray[np.float32]:
        """As `rows`, of the template with nothing missing."""
        boxes = self.boxes(rotations, shifts).reshape(len(rotations), -1)
        return _normalised(boxes[:, self.inside], self.masks(rotations, shifts))

    def rows(self, rotations: Rotation, shifts: ArrayLike | None = None) -> NDArray[np.float32]:
        """What the tomogram is multiplied with within the mask, in these orientations: ``(k, voxels)``.

        ``m (t - mean) / (deviation sum(m))``: with the mask m, and mean and deviation of the template t under
        it. The product with a volume, over the volume's own deviation under the mask, is the locally
        normalised correlation (Roseman 2003), from -1 to 1.
        """
        count = len(rotations)
        found = np.empty((count, len(self.inside)), np.float32)
        moved = None if shifts is None else np.asarray(shifts)

        def fill(first: int) -> None:
            part = slice(first, min(first + _AT_ONCE, count))
            some = rotations[part]
            by = None if moved is None else moved[part]
            boxes = self.seen(self.boxes(some, by)).reshape(len(some), -1)
            found[part] = _normalised(boxes[:, self.inside], self.masks(some, by))

        if count <= _AT_ONCE:
            fill(0)
            return found
        with ThreadPoolExecutor(_WORKERS) as pool:
            list(pool.map(fill, range(0, count, _AT_ONCE)))
        return found


class _Fine(NamedTuple):
    """A volume on a fine grid, its centre there, and how many of its voxels make one of the box's."""

    values: NDArray[np.float32]
    middle: float
    per_voxel: float


def _padding(size: int) -> int:
    return 2 * (size // 4)


def _finer(box: NDArray[np.float32], weight: NDArray[np.float64] | None, ratio: float) -> _Fine:
    """A box, its spectrum weighted, on a grid at least `_FINER` times finer than one coarser by ``ratio``."""
    n = len(box)
    pad = _padding(n)
    m = n + 2 * pad
    spectrum = fft.fftn(np.pad(box, pad))
    if weight is not None:
        spectrum *= _full(weight, m)
    factor = max(1, int(np.ceil(_FINER / ratio - 1e-6)))
    size = m * factor
    fine = np.zeros((size,) * 3, np.complex64)
    first = size // 2 - m // 2
    fine[(slice(first, first + m),) * 3] = fft.fftshift(spectrum)
    values = fft.ifftn(fft.ifftshift(fine)).real * factor**3
    middle = (n // 2 + pad) * factor
    # whitening reaches a little beyond the box
    reach = (n // 2 + min(pad, 3)) * factor
    part = slice(middle - reach, middle + reach + 1)
    return _Fine(np.ascontiguousarray(values[part, part, part], np.float32), float(reach), ratio * factor)


def _normalised(values: NDArray[np.float32], masks: NDArray[np.float32]) -> NDArray[np.float32]:
    """``m (t - mean) / (deviation sum(m))``, row by row."""
    total = masks.sum(axis=1, dtype=np.float64)[:, None]
    mean = (values * masks).sum(axis=1, dtype=np.float64)[:, None] / total
    centred = values - mean.astype(np.float32)
    variance = (centred**2 * masks).sum(axis=1, dtype=np.float64)[:, None] / total
    scale = 1 / (np.sqrt(np.maximum(variance, 1e-30)) * total)
    return np.asarray(centred * masks * scale.astype(np.float32), np.float32)


def _full(half: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """A radial weight on all frequencies, from that on the half that `rfftn` has."""
    mirror = half[:, :, 1 : size - size // 2][:, :, ::-1]
    return np.concatenate([half, mirror], axis=2)
