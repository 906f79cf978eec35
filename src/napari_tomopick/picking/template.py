"""`Template`: what is looked for in template matching, its mask, and what is known about both."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, ndimage

from napari_tomopick.geometry.symmetry import symmetry_name

SOFT_EDGE = 1.5
"""Width of a mask's edge in voxels of the template."""

_SMALLEST, _LARGEST = 8, 512
_ENERGY = 0.985  # of the density above background lies within the radius of a template
_MARGIN = 1.5  # voxels from there to the mask's edge
_CLEAR = 0.1  # skewness of contrast from which it tells dense from not dense


@dataclass(frozen=True, eq=False)
class Template:
    """A density with its mask. Dense is positive; the centre is voxel ``N // 2``.

    Parameters
    ----------
    density : float32 array, shape (N, N, N), N even
        The mean outside of the mask is 0.
    mask : float32 array, shape (N, N, N)
        From 0 to 1.
    voxel_size_angstrom : float
    symmetry : str
        Point group, as `geometry.symmetry.point_group` has it.
    spherical : bool
        Whether the mask is a ball, so that turning leaves it as it is.
    messages : tuple of str
        What was assumed or changed.
    """

    density: NDArray[np.float32] = field(repr=False)
    mask: NDArray[np.float32] = field(repr=False)
    voxel_size_angstrom: float
    symmetry: str = "C1"
    spherical: bool = True
    messages: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        density: ArrayLike,
        voxel_size_angstrom: float,
        *,
        mask: ArrayLike | None = None,
        symmetry: str = "C1",
        dense_is_bright: bool | None = None,
    ) -> Template:
        """Make a template of a map as it comes.

        Parameters
        ----------
        density : array-like, shape (nz, ny, nx)
            Any shape; it is filled up to an even cube about its own centre voxel.
        voxel_size_angstrom : float
        mask : array-like of the same shape, optional
            From 0 to 1. Default: a ball about the centre that holds what the template is made of.
        symmetry : str
        dense_is_bright : bool, optional
            None: what stands out most from the background, upward or downward, is dense.

        Raises
        ------
        ValueError
            If the map or the mask makes no sense as one.
        """
        volume = np.asarray(density, np.float32)
        if volume.ndim != 3 or min(volume.shape) < _SMALLEST or max(volume.shape) > _LARGEST:
            raise ValueError(
                f"a template has three axes of {_SMALLEST} to {_LARGEST} voxels, this one has the shape "
                f"{volume.shape} (z, y, x)"
            )
        if not np.isfinite(volume).all():
            raise ValueError("the template has voxels that are not finite")
        if not (np.isfinite(voxel_size_angstrom) and voxel_size_angstrom > 0):
            raise ValueError(f"a voxel size is a positive number of Å, got {voxel_size_angstrom}")
        deviation = float(volume.std(dtype=np.float64))
        if not deviation > 1e-6 * float(np.abs(volume).max(initial=0.0)):
            raise ValueError("the template has one grey value only")
        symmetry = symmetry_name(symmetry)
        messages = []
        background = _background(volume)
        volume = volume - np.float32(background)
        if dense_is_bright is None:
            dense_is_bright = _bright(volume)
            if not dense_is_bright:
                messages.append("the template is dark where it is dense: its contrast was inverted")
        if not dense_is_bright:
            volume = -volume
        cube = even_cube(volume)
        if cube.shape != volume.shape:
            nz, ny, nx = volume.shape
            messages.append(f"the template of {nx} x {ny} x {nz} voxels was filled up to {len(cube)} cubed")
        radii = distances(len(cube))
        if mask is None:
            ball = np.clip((_radius(cube, radii) + _MARGIN + SOFT_EDGE - radii) / SOFT_EDGE, 0, 1)
            used = np.where(radii <= len(cube) / 2, ball, 0).astype(np.float32)
            spherical = True
        else:
            used, spherical, cut = _checked(mask, np.shape(density), radii)
            if cut:
                messages.append(
                    "the mask reaches into the corners of its box: it is cut off at a ball, as it turns"
                )
        outside = used < 0.5
        level = float(cube[outside].mean(dtype=np.float64)) if outside.any() else 0.0
        return cls(
            np.ascontiguousarray(cube - np.float32(level)),
            used,
            float(voxel_size_angstrom),
            symmetry,
            spherical,
            tuple(messages),
        )

    @property
    def radius(self) -> float:
        """Reach of the mask from the centre, in voxels, at half its height."""
        return float(distances(len(self.density))[self.mask >= 0.5].max())

    @property
    def diameter_angstrom(self) -> float:
        """Of the mask."""
        return 2 * self.radius * self.voxel_size_angstrom

    def phase_randomised(self, seed: int) -> Template:
        """The same mask, and a density of the same spectrum whose phases are random.

        What it matches, it matches for size and contrast only (Maurer et al. 2024; Wan et al. 2024). As what
        lies within the mask is what has the template's spectrum, the density is masked before.
        """
        rng = np.random.default_rng(seed)
        spectrum = fft.rfftn(self.density * self.mask)
        noise = fft.rfftn(rng.standard_normal(self.density.shape))
        spectrum = np.abs(spectrum) * np.exp(1j * np.angle(noise))
        density = np.asarray(fft.irfftn(spectrum, self.density.shape), np.float32)
        return Template(
            density, self.mask, self.voxel_size_angstrom, self.symmetry, self.spherical, self.messages
        )


def distances(box_size: int) -> NDArray[np.float64]:
    """Of the voxels of an N box from its centre voxel ``N // 2``."""
    d = np.arange(box_size) - box_size // 2
    return np.asarray(np.sqrt(d[:, None, None] ** 2 + d[:, None] ** 2 + d**2))


def even_cube(volume: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill a volume up with zeros to an even cube, so that its voxel ``n // 2`` becomes voxel ``N // 2``."""
    size = max(volume.shape)
    size += size % 2
    if volume.shape == (size, size, size):
        return volume
    padding = []
    for n in volume.shape:
        before = size // 2 - n // 2
        padding.append((before, size - n - before))
    return np.pad(volume, padding)


def _background(volume: NDArray[np.float32]) -> float:
    """Median of the faces of the box."""
    faces = [np.take(volume, [0, -1], axis=axis).ravel() for axis in range(3)]
    return float(np.median(np.concatenate(faces)))


def _bright(volume: NDArray[np.float32]) -> bool:
    """Whether what stands out from the background stands out upward."""
    smooth = ndimage.gaussian_filter(volume, 1.0)
    return bool((smooth.astype(np.float64) ** 3).sum() >= 0)


def _radius(cube: NDArray[np.float32], radii: NDArray[np.float64]) -> float:
    """Radius that holds nearly all of what is more than background, in voxels."""
    shell = np.rint(radii).astype(np.int64).ravel()
    n = len(cube) // 2
    power = np.bincount(shell, (cube.astype(np.float64) ** 2).ravel())[: n + 1]
    count = np.bincount(shell)[: n + 1]
    # what the background has in the corners, it has everywhere
    corners = radii > 0.97 * n
    noise = float(np.median(cube[corners].astype(np.float64) ** 2)) / 0.455
    signal = np.maximum(power - noise * count, 0)
    # mean and variance of a lump of background do not count: only shells that stand out
    signal[power < 2.0 * noise * count] = 0
    total = np.cumsum(signal)
    if not total[-1] > 0:
        return float(n) - _MARGIN - SOFT_EDGE
    return float(min(np.searchsorted(total, _ENERGY * total[-1]), n - 1))


def _checked(
    mask: ArrayLike, shape: tuple[int, ...], radii: NDArray[np.float64]
) -> tuple[NDArray[np.float32], bool, bool]:
    """The mask on an even cube, whether it is a ball, and whether the corners were cut off."""
    values = np.asarray(mask, np.float32)
    if values.shape != shape:
        raise ValueError(f"the mask has the shape {values.shape} and the template {shape} (z, y, x)")
    if not np.isfinite(values).all() or values.min() < -1e-3 or values.max() > 1 + 1e-3:
        raise ValueError(
            f"the values of a mask lie from 0 to 1, here they go from {values.min():g} to {values.max():g}"
        )
    values = even_cube(np.clip(values, 0, 1))
    if (values >= 0.5).sum() < 27:
        raise ValueError("the mask lets hardly any voxel through")
    n = len(values)
    # what leaves the ball in the box leaves the box when it is turned
    outside = radii > n / 2
    cut = bool((values[outside] > 0.01).any())
    if cut:
        values = np.where(outside, 0, values).astype(np.float32)
    shell = np.rint(2 * radii).astype(np.int64).ravel()
    mean = np.bincount(shell, values.ravel()) / np.maximum(np.bincount(shell), 1)
    spherical = bool(np.abs(values.ravel() - mean[shell]).max() < 0.35)
    return values, spherical, cut
