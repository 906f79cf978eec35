"""What a tilt series about one axis measures in Fourier space, and what it misses."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray


def check_tilt_range(tilt_range_degrees: tuple[float, float]) -> None:
    """Check that a tilt range means something.

    Raises
    ------
    ValueError
        If it is empty, or reaches 90 degrees.
    """
    low, high = tilt_range_degrees
    if not -90.0 < low < high < 90.0:
        raise ValueError(
            f"a tilt range goes from low to high and stays within 90 degrees, got {low} to {high}"
        )


def frequencies(box_size: int) -> NDArray[np.float64]:
    """Frequencies of `numpy.fft.rfftn` of an N box: ``(N, N, N // 2 + 1, 3)``, cycles per box, x, y, z."""
    full = np.fft.fftfreq(box_size, 1 / box_size)
    half = np.fft.rfftfreq(box_size, 1 / box_size)
    z, y, x = np.meshgrid(full, full, half, indexing="ij")
    return np.stack([x, y, z], axis=-1)


def measured(
    frequencies_xyz: NDArray[np.float64],
    tilt_range_degrees: tuple[float, float],
    tilt_axis: Literal["x", "y"] = "y",
    rotation: ArrayLike | None = None,
) -> NDArray[np.bool_]:
    """Which spatial frequencies a tilt series has measured.

    With the sample turned by t about +y (right-handed) and the beam along z, a projection measures the plane
    that holds the y axis and ``(cos t, 0, sin t)``: the frequencies with ``kz = kx tan t``. The range of
    tilts sweeps the planes in between. For a tilt axis along x, ``kz = -ky tan t``.

    Parameters
    ----------
    frequencies_xyz : array, shape (..., 3)
        In any unit, on a grid of cubic voxels.
    tilt_range_degrees : (lowest, highest)
    tilt_axis : "y" or "x"
    rotation : array-like, shape (3, 3), optional
        Reference frame to tomogram frame. With it, the frequencies are those of the reference frame: what is
        measured of a particle after its orientation has been applied.

    Returns
    -------
    bool array, shape (...)
    """
    check_tilt_range(tilt_range_degrees)
    turn = np.eye(3) if rotation is None else np.asarray(rotation, dtype=np.float64)
    across = turn[0] if tilt_axis == "y" else -turn[1]
    k_across = frequencies_xyz @ across
    k_beam = frequencies_xyz @ turn[2]
    # k and -k are the same measurement: look at the half with a positive component across the tilt axis
    k_beam = np.where(k_across < 0, -k_beam, k_beam)
    k_across = np.abs(k_across)
    low, high = np.tan(np.radians(tilt_range_degrees))
    # frequencies along the tilt axis are in every plane; the tolerance keeps them there after a rotation
    tolerance = 1e-9 * np.abs(frequencies_xyz).max(initial=1.0)
    return np.asarray((k_beam >= low * k_across - tolerance) & (k_beam <= high * k_across + tolerance))


def degrees_outside(
    directions: ArrayLike, tilt_range_degrees: tuple[float, float], tilt_axis: Literal["x", "y"] = "y"
) -> NDArray[np.float64]:
    """How far in degrees directions lie outside what was measured; negative: so far within it.

    A smooth surface shows where its normal is a measured direction (see `measured`). Along the tilt axis this
    is 0: the planes of all tilts meet there.

    Parameters
    ----------
    directions : array-like, shape (n, 3)
        x, y, z of any length.
    tilt_range_degrees, tilt_axis
        As in `measured`.
    """
    check_tilt_range(tilt_range_degrees)
    unit = np.asarray(directions, dtype=np.float64)
    unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    across = unit[:, 0] if tilt_axis == "y" else -unit[:, 1]
    beam = np.where(across < 0, -unit[:, 2], unit[:, 2])
    across = np.abs(across)
    low, high = np.radians(tilt_range_degrees)
    beyond = np.maximum(
        beam * np.cos(high) - across * np.sin(high), across * np.sin(low) - beam * np.cos(low)
    )
    return np.asarray(np.degrees(np.arcsin(np.clip(beyond, -1.0, 1.0))))
