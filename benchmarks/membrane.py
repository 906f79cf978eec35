"""The directional workflow on a simulated membrane with crowns, from a user's points to the average.

    TOMOPICK_DATA=/path/to/data python benchmarks/membrane.py [OUTPUT_FOLDER]

1. 64 user points (8 slices of 8) are drawn from the true outer membrane, each moved by 1 voxel (standard
   deviation, along x and along y) within its slice. Crop points on them are compared with the true surface.
2. The 14 crowns are picked as loose points, each off its true centre by at most 1 voxel, oriented by that
   surface, extracted and averaged.
3. The average is compared with the crown's template after the same low-pass of both, at 40 Å, within a
   cylinder above the membrane (the template has no membrane). Orienting by a surface says nothing of the
   twist about the normal, so template and average are both averaged about their z axes before they are
   compared; without that, the noise of so few particles limits the correlation, whatever the poses.

In the truth tables the template turns about ``(N - 1) / 2`` of its box, here about ``N // 2``: the template
is shifted by half a voxel before it is compared.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_tomopick.io.volumes import open_volume
from napari_tomopick.models.crop_points import crop_points
from napari_tomopick.models.orient import orient
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.protocols.average import average
from napari_tomopick.protocols.extract import extract

BOX_SIZE = 32
MARKER = np.array([220.0, 128.0, 64.0])


@dataclass(frozen=True)
class Measures:
    """What came out; lengths in voxels, angles in degrees, RMS over points or crowns.

    Parameters
    ----------
    crop_points : int
    surface_distance, normal_angle : float
        Of the crop points from the true surface and its normals.
    wrong_side : int
        Crop points whose normal points to the marker's side of the true surface.
    spacing_spread : float
        Standard deviation over mean of the crop points' distances from their nearest neighbours.
    axis_angle : float
        Between the crowns' axes and the true ones.
    correlation : float
        Of the average with the template, both averaged about z.
    correlation_as_it_is : float
        The same with the average left as it is.
    """

    crop_points: int
    surface_distance: float
    normal_angle: float
    wrong_side: int
    spacing_spread: float
    axis_angle: float
    correlation: float
    correlation_as_it_is: float


def outer_membrane_as_clicked(points: NDArray[np.float64], normals: NDArray[np.float64], seed: int) -> Model:
    """8 slices of 8 points, from true points at most 2 voxels above or below slid along the surface."""
    rng = np.random.default_rng(seed)
    clicked, levels = [], []
    for level, z in enumerate(np.round(np.linspace(16, 112, 8))):
        near = np.flatnonzero(np.abs(points[:, 2] - z) < 2)
        for y in np.linspace(14, 242, 8) + rng.uniform(-6, 6, 8):
            i = near[np.abs(points[near, 1] - y).argmin()]
            x = points[i, 0] - normals[i, 2] / normals[i, 0] * (z - points[i, 2])
            clicked.append([x, points[i, 1], z])
            levels.append(level)
    in_slice = rng.normal(0, 1, (len(clicked), 3)) * [1, 1, 0]
    return Model(
        "outer membrane",
        ModelType.SURFACE,
        np.array(clicked) + in_slice,
        np.array(levels),
        marker=MARKER,
        tomogram="membrane",
        voxel_size_angstrom=10.0,
    )


def crowns_as_clicked(centres: NDArray[np.float64], seed: int) -> Model:
    """Each off its centre by at most 1 voxel, evenly distributed in that ball."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=centres.shape)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    off = direction * rng.uniform(0, 1, (len(centres), 1)) ** (1 / 3)
    return Model("crowns", points=centres + off, tomogram="membrane", voxel_size_angstrom=10.0)


def low_passed(
    volume: NDArray[np.floating], resolution_angstrom: float, voxel_size_angstrom: float
) -> NDArray:
    """Gaussian fall-off to one half at the resolution."""
    sigma = np.sqrt(2 * np.log(2)) * resolution_angstrom / voxel_size_angstrom / (2 * np.pi)
    return ndimage.gaussian_filter(volume.astype(np.float64), sigma, mode="nearest", truncate=6)


def about_z(volume: NDArray[np.floating]) -> NDArray[np.float64]:
    """Averaged over turns about the z axis through voxel ``N // 2``."""
    odd = volume[:, 1:, 1:]  # has its middle at that voxel
    turned = [
        ndimage.rotate(odd, angle, axes=(1, 2), reshape=False, order=1, mode="nearest")
        for angle in range(0, 360, 5)
    ]
    result = np.array(volume, np.float64)
    result[:, 1:, 1:] = np.mean(turned, axis=0)
    return result


def correlations(volume: NDArray[np.float32], template: NDArray[np.float32]) -> tuple[float, float]:
    """Of an average (dense is dark) with the template: with both averaged about z, and with one only."""
    margin = (len(template) - len(volume)) // 2
    moved = ndimage.shift(template, 0.5, order=3)
    wanted = low_passed(about_z(moved), 40, 10)[(slice(margin, -margin),) * 3]
    grid = np.arange(len(volume)) - len(volume) // 2
    within = (np.hypot(grid[:, None], grid) < 13) & (np.abs(grid[:, None, None] - 4) < 8)

    def correlation(average_: NDArray[np.floating]) -> float:
        return float(np.corrcoef(-low_passed(average_, 40, 10)[within], wanted[within])[0, 1])

    return correlation(about_z(volume)), correlation(volume)


def angles(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles in degrees between rows of unit vectors."""
    return np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(first - second, axis=1) / 2, 0, 1)))


def rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def run(data: Path, output: Path, seed: int = 0) -> Measures:
    """All three steps; results go to the folder ``output``."""
    path = data / "membrane" / "membrane.mrc"
    tomogram = Tomogram(
        "membrane",
        path,
        open_volume(path).shape,
        10.0,
        Acquisition(tilt_min_degrees=-60, tilt_max_degrees=60),
        particles_are_dark=True,
    )
    surface = pd.read_csv(data / "membrane" / "membrane_surface_truth.csv").query("membrane == 'omm'")
    points, normals = surface[["x", "y", "z"]].to_numpy(), surface[["nx", "ny", "nz"]].to_numpy()
    membrane = outer_membrane_as_clicked(points, normals, seed)

    cropped = crop_points(membrane, cropping=10.0, seed=seed, shape=tomogram.shape)
    found = cropped.particles
    nearest = cKDTree(points).query(found.positions)[1]
    distance = np.sum((found.positions - points[nearest]) * normals[nearest], axis=1)
    neighbour = cKDTree(found.positions).query(found.positions, k=2)[0][:, 1]

    truth = pd.read_csv(data / "membrane" / "membrane_truth.csv").query("cls == 'crown'")
    clicked = crowns_as_clicked(truth[["x", "y", "z"]].to_numpy(), seed)
    loose = crop_points(clicked, shape=tomogram.shape).particles
    crowns = orient(loose, [membrane], twist_seed=seed).particles  # a twist spreads the missing wedge
    subtomograms = extract(crowns, [tomogram], output / "crowns", box_size=BOX_SIZE, sub_voxel=True)
    average(subtomograms, output / "average.mrc", missing_wedge=True)
    map_ = np.asarray(open_volume(output / "average.mrc").data)
    template = np.asarray(open_volume(data / "templates" / "crown.mrc").data)
    both, one = correlations(map_, template)
    return Measures(
        crop_points=len(found),
        surface_distance=rms(distance),
        normal_angle=rms(angles(found.directions(), normals[nearest])),
        wrong_side=int(np.sum(np.sum(found.directions() * normals[nearest], axis=1) < 0)),
        spacing_spread=float(neighbour.std() / neighbour.mean()),
        axis_angle=rms(angles(crowns.directions(), truth[["nx", "ny", "nz"]].to_numpy())),
        correlation=both,
        correlation_as_it_is=one,
    )


def main() -> None:
    output = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="membrane-"))
    output.mkdir(parents=True, exist_ok=True)
    print(run(Path(os.environ["TOMOPICK_DATA"]), output))
    print("results in", output)


if __name__ == "__main__":
    main()
