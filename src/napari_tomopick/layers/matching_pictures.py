"""Small pictures of a template, and of what a tilt series has measured of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from napari_tomopick.geometry.missing_wedge import measured

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.picking.template import Template

SIDE = 64


class Section(NamedTuple):
    """A central section: row 0 is the lowest; what is protein is bright.

    Parameters
    ----------
    axes : str
        The axis to the right, and the one upward.
    grey : uint8 array, shape (h, w)
    mask : bool array, shape (h, w)
        What lies within the mask.
    """

    axes: str
    grey: NDArray[np.uint8]
    mask: NDArray[np.bool_]


def central_sections(template: Template) -> tuple[Section, Section, Section]:
    """The three sections through the centre of a template, on one grey scale."""
    middle = len(template.density) // 2
    density, mask = template.density, template.mask >= 0.5
    inside = density[mask]
    low, high = np.percentile(inside, (1.0, 99.7)) if inside.size else (0.0, 1.0)
    # the surroundings are grey, and not black, where they are as dense as the background
    low = min(float(low), 0.0)
    scale = 255.0 / max(float(high) - low, 1e-12)

    def section(axes: str, index: tuple[slice | int, ...]) -> Section:
        grey = np.clip((density[index] - low) * scale, 0, 255).astype(np.uint8)
        return Section(axes, grey, mask[index])

    every = slice(None)
    return (
        section("xy", (middle, every, every)),
        section("xz", (every, middle, every)),
        section("yz", (every, every, middle)),
    )


def wedge_picture(
    tilt_range_degrees: tuple[float, float], tilt_axis: Literal["x", "y"] = "y"
) -> NDArray[np.bool_]:
    """Which frequencies across the tilt axis were measured: kx (or ky) to the right, kz upward."""
    k = (np.arange(SIDE) - (SIDE - 1) / 2) / SIDE
    up, right = np.meshgrid(k, k, indexing="ij")
    zero = np.zeros_like(up)
    xyz = (right, zero, up) if tilt_axis == "y" else (zero, right, up)
    return measured(np.stack(xyz, axis=-1), tilt_range_degrees, tilt_axis) & (up**2 + right**2 <= 0.25)
