"""The directional workflow on a real lysosome: does its average show the two leaflets of the membrane?

    TOMOPICK_DATA=/path/to/data python benchmarks/lysosome.py [OUTPUT_FOLDER]

The user points in `data/lysosome_models.json` lie on the middle of the bilayer of the large round vesicle in
`lysosome/lysosome_crop_12.3A.mrc`, in ten slices 5 voxels apart, 24 in each, 15 degrees apart. They were
clicked roughly on averages of seven slices, moved to the light line between the two dark leaflets in the
unrolled slices, looked over on the slices, and written down to a tenth of a voxel. At the top and the bottom
of each slice (90 and 270 degrees) the membrane faces along the tilt axis, where the weighting of the
back-projection leaves nothing of it; no point lies there.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.io.models import read_models
from napari_tomopick.io.volumes import open_volume
from napari_tomopick.models.crop_points import crop_points
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.protocols.average import average
from napari_tomopick.protocols.extract import extract

MODELS = Path(__file__).parent / "data" / "lysosome_models.json"
BOX_SIZE = 32


@dataclass(frozen=True)
class Leaflets:
    """What the average shows.

    Parameters
    ----------
    particles : int
        Number of crop points, and of them those whose box lies in the tomogram.
    extracted : int
    offsets : (float, float)
        Positions of the two dark lines along z, in voxels from the centre, inner one first.
    distance_angstrom : float
    contrast : float
        Depth of the shallower line below the light line between them, over the standard deviation along z
        of the profile more than 6 voxels away from the middle.
    """

    particles: int
    extracted: int
    offsets: tuple[float, float]
    distance_angstrom: float
    contrast: float


def z_profile(volume: NDArray[np.float32], radius: float = 8.0) -> NDArray[np.float64]:
    """Mean along z within a disc about the box's central axis."""
    y, x = np.indices(volume.shape[1:]) - volume.shape[1] // 2
    return np.asarray(volume[:, np.hypot(y, x) <= radius].mean(axis=1, dtype=np.float64))


def leaflets(profile: NDArray[np.float64]) -> tuple[tuple[float, float], float]:
    """The deepest minimum on each side of the middle, to a fraction of a voxel, and their contrast."""
    middle = len(profile) // 2
    found = []
    for side in (range(middle - 5, middle), range(middle + 1, middle + 6)):
        i = min(side, key=lambda j: profile[j])
        before, here, after = profile[i - 1 : i + 2]
        found.append(i + 0.5 * (before - after) / (before - 2 * here + after) - middle)
    lines = [profile[round(middle + offset)] for offset in found]
    between = profile[round(middle + found[0]) : round(middle + found[1]) + 1].max()
    far = np.concatenate([profile[2 : middle - 6], profile[middle + 7 : -2]])
    return (float(found[0]), float(found[1])), float((between - max(lines)) / far.std())


def run(data: Path, output: Path) -> Leaflets:
    """Crop points, extract and average; results and pictures go to the folder ``output``."""
    path = data / "lysosome" / "lysosome_crop_12.3A.mrc"
    volume = open_volume(path)
    (model,) = read_models(MODELS)
    assert volume.voxel_size_angstrom is not None
    tomogram = Tomogram(
        model.tomogram,
        path,
        volume.shape,
        volume.voxel_size_angstrom,
        Acquisition(tilt_min_degrees=-45, tilt_max_degrees=45),
        particles_are_dark=True,
    )
    points = crop_points(model, cropping=10.0, shape=tomogram.shape)
    subtomograms = extract(points.particles, [tomogram], output / "subtomograms", box_size=BOX_SIZE)
    average(subtomograms, output / "average.mrc", missing_wedge=True)
    map_ = np.asarray(open_volume(output / "average.mrc").data)
    profile = z_profile(map_)
    offsets, contrast = leaflets(profile)
    _picture(map_, profile, output / "leaflets.png")
    return Leaflets(
        len(points.particles),
        len(subtomograms.particles),
        offsets,
        (offsets[1] - offsets[0]) * tomogram.voxel_size_angstrom,
        contrast,
    )


def _picture(volume: NDArray[np.float32], profile: NDArray[np.float64], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 4.5), layout="constrained")
    panels = figure.subplots(1, 4)
    middle = len(volume) // 2
    sections = {"xz": volume[:, middle], "yz": volume[:, :, middle], "xy": volume[middle]}
    for panel, (name, section) in zip(panels, sections.items(), strict=False):
        panel.imshow(section, cmap="gray", origin="lower")
        panel.set_title(name)
    panels[3].plot(np.arange(len(profile)) - middle, profile)
    panels[3].set_title("mean within 8 voxels of the axis, along z")
    figure.savefig(path, dpi=80)


def main() -> None:
    output = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="lysosome-"))
    output.mkdir(parents=True, exist_ok=True)
    print(run(Path(os.environ["TOMOPICK_DATA"]), output))
    print("pictures in", output)


if __name__ == "__main__":
    main()
