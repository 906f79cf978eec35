"""Initial models from subtomograms of a simulated tomogram, compared with the molecule that was put into it.

    TOMOPICK_DATA=/path/to/data python benchmarks/initial_model.py [--seeds 5] [--count 50] [--box 32]
        [--species 4v7r] [--jitter 0] [--starts 3] [--save FOLDER]

For each seed, as many subtomograms are drawn and an initial model is made of them, with every option as it
is by default; no orientation is given. The model is then laid over the molecule by the one rotation and shift
between the poses that were found and the true ones. That is no reflection: a model of the wrong hand would
not fit.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.coordinates import inside_volume
from napari_tomopick.geometry.cropping import sample, spline_coefficients
from napari_tomopick.geometry.fourier_shells import fourier_shell_correlation, resolution_at
from napari_tomopick.io.volumes import open_volume
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.picking.aligning_spectra import soft_sphere
from napari_tomopick.protocols.extract import extract
from napari_tomopick.protocols.initial_model import InitialModel, initial_model

TEMPLATES = {"4v7r": "ribosome_80S_10A.mrc"}


@dataclass(frozen=True, eq=False)
class Truth:
    """The tomogram, and where and how the molecules lie in it.

    Parameters
    ----------
    tomogram : Tomogram
    positions : array, shape (n, 3)
    rotations : Rotation, n of them
        Reference frame to tomogram frame. The molecule turns about (N - 1) / 2 of its box.
    map : array, shape (N, N, N), optional
        The molecule, if there is a map of it.
    """

    tomogram: Tomogram
    positions: NDArray[np.float64]
    rotations: Rotation
    map: NDArray[np.float32] | None


def truth_of(data: Path, species: str, box_size: int) -> Truth:
    """What the data hold of one species, without what lies too near the border for a box."""
    path = data / "ribosomes" / "ribosomes.mrc"
    volume = open_volume(path)
    assert volume.voxel_size_angstrom is not None
    table = pd.read_csv(data / "ribosomes" / "ribosomes_truth.csv")
    table = table[table["cls"] == species]
    positions = table[["x", "y", "z"]].to_numpy(np.float64)
    names = [f"r{row}{column}" for row in "123" for column in "123"]
    rotations = Rotation.from_matrix(table[names].to_numpy().reshape(-1, 3, 3))
    margin = box_size // 2
    within = inside_volume(positions - margin, volume.shape) & inside_volume(positions + margin, volume.shape)
    tomogram = Tomogram(
        "ribosomes", path, volume.shape, volume.voxel_size_angstrom, Acquisition(-60.0, 60.0, 3.0)
    )
    molecule = None
    if species in TEMPLATES:
        molecule = np.asarray(open_volume(data / "templates" / TEMPLATES[species]).data, np.float32)
    rows = np.flatnonzero(within)
    return Truth(tomogram, positions[rows], rotations[rows], molecule)


def rotation_between(found: Rotation, true: Rotation) -> tuple[Rotation, NDArray[np.float64]]:
    """The rotation G with ``found = true * G`` for most, and by how many degrees each is off."""
    between = true.inv() * found
    quaternions = between.as_quat()
    apart = np.arccos(np.clip(np.abs(quaternions @ quaternions.T), 0, 1))
    common = between[int(np.median(apart, axis=1).argmin())]
    for _ in range(5):
        off = (common.inv() * between).magnitude()
        common = between[off <= 1.5 * np.median(off)].mean()
    return common, np.degrees((common.inv() * between).magnitude())


def laid_over(model: NDArray[np.float32], turn: Rotation, shift: NDArray[np.float64]) -> NDArray[np.float32]:
    """The model in the frame of the molecule, whose centre is half a voxel before the centre voxel.

    Parameters
    ----------
    model : array, shape (N, N, N)
    turn : Rotation
        See `rotation_between`.
    shift : array, shape (3,)
        Where the model's centre lies in the molecule, from the point about which that turns.
    """
    n = len(model)
    centre = n // 2 + turn.inv().apply(0.5 - shift)
    return sample(spline_coefficients(model), centre, turn.inv().as_matrix(), n, "cubic")


def compared(model: NDArray[np.float32], molecule: NDArray[np.float32], voxel_size: float) -> float:
    """Resolution in Å to which they agree: Fourier shell correlation of 0.5 within a soft sphere."""
    n = len(model)
    first = (len(molecule) - n) // 2
    part = slice(first, first + n)
    window = soft_sphere(n)
    curve = fourier_shell_correlation(
        *((each - each.mean()) * window for each in (model, molecule[part, part, part]))
    )
    return resolution_at(curve, 0.5, n, voxel_size)


def made(
    truth: Truth, rows: NDArray[np.int64], box: int, jitter: float, seed: int, starts: int, folder: Path
):
    """A model of some of the particles, and the seconds it took."""
    rng = np.random.default_rng(seed)
    particles = Particles(
        positions=truth.positions[rows] + jitter * rng.normal(size=(len(rows), 3)),
        tomograms=np.full(len(rows), truth.tomogram.name),
        voxel_size_angstrom=truth.tomogram.voxel_size_angstrom,
    )
    boxes = extract(particles, [truth.tomogram], folder / "boxes", box_size=box, pad=True)
    began = time.perf_counter()
    found = initial_model(boxes, folder / "model.mrc", seed=seed, starts=starts)
    return found, time.perf_counter() - began


def judged(
    truth: Truth, rows: NDArray[np.int64], found: InitialModel
) -> tuple[NDArray[np.float64], float, float]:
    """Angular error of every pose in degrees, median error of positions in voxels, and resolution in Å."""
    true = truth.rotations[rows]
    turn, off = rotation_between(found.particles.rotations, true)
    shifts = true.inv().apply(found.particles.positions - truth.positions[rows])
    shift = np.median(shifts, axis=0)
    resolution = float("nan")
    if truth.map is not None:
        model = np.asarray(open_volume(found.path).data, np.float32)
        resolution = compared(laid_over(model, turn, shift), truth.map, found.voxel_size_angstrom)
    return off, float(np.median(np.linalg.norm(shifts - shift, axis=1))), resolution


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--box", type=int, default=32)
    parser.add_argument("--species", default="4v7r")
    parser.add_argument("--jitter", type=float, default=0.0, help="of positions, in voxels along each axis")
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--save", type=Path, help="folder for the models")
    options = parser.parse_args()
    truth = truth_of(Path(os.environ["TOMOPICK_DATA"]), options.species, options.box)
    count = min(options.count, len(truth.positions))
    print(f"{count} of {len(truth.positions)} subtomograms of {options.species}, {options.box} cubed")
    print(
        "seed  resolution (FSC 0.5 with the truth)  of halves (0.143)  pose error median, 90th  shift    time"
    )
    for seed in range(options.seeds):
        rows = np.sort(np.random.default_rng(seed).permutation(len(truth.positions))[:count])
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            found, seconds = made(truth, rows, options.box, options.jitter, seed, options.starts, folder)
            off, shift, resolution = judged(truth, rows, found)
            print(
                f"{seed:4}  {resolution:8.1f} Å  {found.classes[0].resolutions_angstrom[0]:8.1f} Å  "
                f"{np.median(off):6.1f} {np.percentile(off, 90):6.1f} degrees  {shift:5.2f} voxels  "
                f"{seconds:6.1f} s",
                flush=True,
            )
            if options.save is not None:
                target = options.save / f"seed{seed}"
                target.mkdir(parents=True, exist_ok=True)
                shutil.rmtree(folder / "boxes")
                shutil.copytree(folder, target, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
