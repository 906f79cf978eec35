"""Pictures of maps, for a first look without a viewer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PANEL = 320
"""Smallest side of one section in the picture, in pixels."""
MARGIN = 24


def save_central_sections(
    path: Path, volume: NDArray[np.float32], voxel_size_angstrom: float, title: str
) -> None:
    """Save the three sections through the centre voxel as a PNG, side by side.

    x runs to the right in the first two and y in the third; y runs up in the first, as in the viewer, and z
    in the others, so that a particle's own axis points up. All share one grey scale, from the 0.5th to the
    99.5th percentile.

    Parameters
    ----------
    path : Path
    volume : array, shape (nz, ny, nx)
    voxel_size_angstrom : float
    title : str
    """
    from PIL import Image, ImageDraw

    cz, cy, cx = (n // 2 for n in volume.shape)
    sections = {
        "z section: x right, y up": volume[cz, ::-1],
        "y section: x right, z up": volume[::-1, cy],
        "x section: y right, z up": volume[::-1, :, cx],
    }
    low, high = np.percentile(volume, (0.5, 99.5))
    scale = max(1, -(-PANEL // max(volume.shape)))
    grey = {
        name: np.kron(np.clip((s - low) / max(high - low, 1e-12), 0, 1), np.ones((scale, scale)))
        for name, s in sections.items()
    }
    width = sum(g.shape[1] for g in grey.values()) + MARGIN * (len(grey) + 1)
    picture = Image.new("L", (width, max(g.shape[0] for g in grey.values()) + 3 * MARGIN), 255)
    draw = ImageDraw.Draw(picture)
    # in nm, since the font that always comes along has no Å
    extent = " x ".join(f"{n * voxel_size_angstrom / 10:.4g}" for n in volume.shape[::-1])
    draw.text((MARGIN, MARGIN // 3), f"{title}   {extent} nm", fill=0)
    left = MARGIN
    for name, panel in grey.items():
        picture.paste(Image.fromarray((panel * 255).astype(np.uint8)), (left, 2 * MARGIN))
        draw.text((left, MARGIN + MARGIN // 3), name, fill=0)
        left += panel.shape[1] + MARGIN
    picture.save(path)
