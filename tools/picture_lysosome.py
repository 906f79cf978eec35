"""What boxing finds around a real lysosome from ten clicks: docs/images/boxing-lysosome.png

The tomogram is found through TOMOPICK_DATA; the clicks are here, chosen by eye among the dark spots around.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter

from napari_tomopick.io.volumes import open_volume
from napari_tomopick.picking.references import References
from napari_tomopick.protocols import import_tomograms, pick, train

PARTICLES = [[290, 196, 103], [48, 304, 83], [37, 299, 49], [221, 292, 57], [69, 35, 88]]
NONE = [[224, 79, 94], [233, 86, 95], [28, 72, 59], [82, 147, 91], [220, 179, 55]]
SHOWN = 24


def main(output: Path) -> None:
    """Train, pick, and draw."""
    folder = os.environ.get("TOMOPICK_DATA")
    if not folder:
        sys.exit("TOMOPICK_DATA is not set")
    path = Path(folder) / "lysosome" / "lysosome_crop_12.3A.mrc"
    [tomogram] = import_tomograms([str(path)], tilt_range_degrees=(-45, 45))
    network = train([References(tomogram, np.array(PARTICLES, float), np.array(NONE, float))])
    print(*network.lines(), sep="\n")
    result = pick(tomogram, network.picker)
    print(*result.lines(), sep="\n")
    volume = gaussian_filter(np.asarray(open_volume(path).data, np.float32), 1.5)
    particles = result.particles
    figure = plt.figure(figsize=(12, 6.6), facecolor="#22242c")
    grid = figure.add_gridspec(4, 12, left=0.01, right=0.99, top=0.95, bottom=0.01, hspace=0.22, wspace=0.06)
    low, high = np.percentile(volume, (0.5, 99.5))
    look = {"cmap": "gray", "vmin": low, "vmax": high}
    radius = 0.5 * network.picker.particle_size
    for column, z in enumerate((50, 85)):
        axis = figure.add_subplot(grid[:, 3 * column : 3 * column + 3])
        axis.imshow(volume[z], **look)
        for x, y, depth in particles.positions:
            if abs(depth - z) < radius:
                size = np.sqrt(radius**2 - (depth - z) ** 2)
                axis.add_patch(plt.Circle((x, y), size, fill=False, color="#ffd166", linewidth=1))
        axis.set_title(f"slice {z}", color="white", fontsize=9)
        axis.axis("off")
    half = round(0.9 * network.picker.particle_size)
    padded = np.pad(volume, half, mode="reflect")
    for number, (place, score) in enumerate(
        zip(particles.positions[:SHOWN], particles.scores[:SHOWN], strict=True)
    ):
        x, y, z = np.rint(place).astype(int) + half
        axis = figure.add_subplot(grid[number // 6, 6 + number % 6])
        axis.imshow(padded[z, y - half : y + half, x - half : x + half], **look)
        axis.set_title(f"{score:.2f}", color="white", fontsize=7, pad=2)
        axis.axis("off")
    figure.savefig(output, dpi=100, facecolor=figure.get_facecolor())


if __name__ == "__main__":
    main(Path(__file__).parents[1] / "docs" / "images" / "boxing-lysosome.png")
