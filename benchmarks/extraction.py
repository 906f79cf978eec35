"""How fast boxes are cut, turned and written, and how much memory it takes.

    python benchmarks/extraction.py [--size-gb 1.0] [--boxes 1000] [--threads 2] [--folder DIR]

A float32 tomogram of the wanted size is written to a temporary folder and memory-mapped. Reported:

- boxes cut as they lie against plain NumPy slices of the same boxes, the file in the page cache and not;
- the whole `extract` into a stack and into one file per particle, everything included;
- oriented boxes, trilinear and cubic, against `scipy.ndimage.affine_transform` with as many threads, from a
  volume in memory;
- the peak memory of extraction and binning, for a file of this size and one of a quarter: that of the program
  itself (anonymous), since pages of a mapped file are the system's to take back.

Times are the best of some runs, taken in turns, since a machine is rarely all one's own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.cropping import (
    Interpolation,
    box_corners,
    crop,
    crop_oriented,
    nearest_voxels,
    sample,
    spline_coefficients,
)
from napari_tomopick.io.volumes import MrcSlabWriter, open_volume
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.protocols.bin_tomogram import bin_tomogram
from napari_tomopick.protocols.extract import extract

N = 32
NY = NX = 1024


def make_tomogram(path: Path, size_gb: float) -> Tomogram:
    """Write noise; every slab is the same, since only its reading is measured."""
    nz = max(64, round(size_gb * 2**30 / (4 * NY * NX)))
    slab = np.random.default_rng(0).standard_normal((16, NY, NX), dtype=np.float32)
    with MrcSlabWriter(path, (nz, NY, NX), np.float32, 10.0) as writer:
        for z in range(0, nz, len(slab)):
            writer.write(slab[: nz - z])
    return Tomogram(path.stem, path, (nz, NY, NX), 10.0)


def make_particles(tomogram: Tomogram, count: int) -> Particles:
    """Anywhere their boxes, turned as well, lie within the volume."""
    rng = np.random.default_rng(1)
    margin = 30
    upper = np.array(tomogram.shape[::-1]) - margin
    return Particles(
        rng.uniform(margin, upper, (count, 3)),
        Rotation.random(count, random_state=2),
        tomograms=np.full(count, tomogram.name),
        voxel_size_angstrom=10.0,
    )


def best_of(
    rounds: int, *tasks: Callable[[], object], before: Callable[[], object] = lambda: None
) -> list[float]:
    """Return the shortest time of each task in seconds, the tasks taking turns."""
    times = [[0.0] * rounds for _ in tasks]
    for i in range(rounds):
        for task, mine in zip(tasks, times, strict=True):
            before()
            start = time.perf_counter()
            task()
            mine[i] = time.perf_counter() - start
    return [min(mine) for mine in times]


def forget(path: Path) -> None:
    """Ask the system to drop the file from the page cache."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def aligned_boxes(tomogram: Tomogram, particles: Particles) -> dict[str, float]:
    """Boxes per second, cut as they lie; both ways in the order of the file."""
    corners = box_corners(nearest_voxels(particles.positions), N)
    corners = corners[np.argsort(corners[:, 2])]

    def plain() -> None:
        data = np.memmap(tomogram.path, np.float32, "r", 1024, tomogram.shape)
        for x, y, z in corners.tolist():
            np.array(data[z : z + N, y : y + N, x : x + N])

    def ours() -> None:
        data = open_volume(tomogram.path).data
        for corner in corners:
            crop(data, corner, N)

    n = len(corners)
    warm = best_of(5, plain, ours)
    cold = best_of(2, plain, ours, before=lambda: forget(tomogram.path))
    return {
        "numpy slices": n / warm[0],
        "crop": n / warm[1],
        "ratio": warm[0] / warm[1],
        "numpy slices, cold": n / cold[0],
        "crop, cold": n / cold[1],
        "ratio, cold": cold[0] / cold[1],
    }


def whole_extract(tomogram: Tomogram, particles: Particles, folder: Path, threads: int) -> dict[str, float]:
    """Boxes per second with opening, checking, writing, star and table."""
    result = {}
    for name, stack in (("extract into a stack", True), ("extract into files", False)):

        def run(stack: bool = stack) -> None:
            output = folder / "boxes"
            extract(particles, [tomogram], output, box_size=N, stack=stack, threads=threads, overwrite=True)

        run()
        result[name] = len(particles) / best_of(2, run)[0]
    return result


def oriented_boxes(count: int, threads: int) -> dict[str, float]:
    """Boxes per second, sampled in the particles' frames from a volume in memory."""
    noise = np.random.default_rng(3).standard_normal((200, 512, 512), dtype=np.float32)
    volume = ndimage.gaussian_filter(noise, 1)
    tomogram = Tomogram("memory", Path("none"), volume.shape, 10.0)
    particles = make_particles(tomogram, count)
    turned = particles.rotations.as_matrix()
    matrices = turned[:, ::-1, ::-1]  # scipy's are z, y, x
    result = {}
    kinds: tuple[tuple[Interpolation, int], ...] = (("linear", 1), ("cubic", 3))
    for interpolation, order in kinds:
        source = volume if order == 1 else spline_coefficients(volume)

        def ours(i: int, out: NDArray, source: NDArray = source, kind: Interpolation = interpolation) -> None:
            sample(source, particles.positions[i], turned[i], N, kind, out=out[i])

        def by_scipy(i: int, out: NDArray, source: NDArray = source, order: int = order) -> None:
            offset = particles.positions[i, ::-1] - matrices[i] @ np.full(3, N // 2)
            ndimage.affine_transform(
                source, matrices[i], offset, (N, N, N), output=out[i], order=order, prefilter=False
            )

        def all_boxes(one: Callable[[int, NDArray], None]) -> NDArray:
            out = np.empty((count, N, N, N), np.float32)
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(lambda i: one(i, out), range(count)))
            return out

        start = time.perf_counter()
        boxes = all_boxes(ours)
        result[f"{interpolation}, first call with compiling, seconds"] = time.perf_counter() - start
        fast, slow = best_of(5, lambda: all_boxes(ours), lambda: all_boxes(by_scipy))
        result[f"{interpolation}"] = count / fast
        result[f"{interpolation}, scipy"] = count / slow
        result[f"{interpolation}, ratio"] = slow / fast
        result[f"{interpolation}, largest difference"] = float(np.abs(boxes - all_boxes(by_scipy)).max())
    prefilter = best_of(2, lambda: spline_coefficients(volume))[0]
    result["the one prefilter of the volume, seconds"] = prefilter
    with_prefilter = best_of(
        2,
        lambda: crop_oriented(
            volume, particles.positions, particles.rotations, N, interpolation="cubic", threads=threads
        ),
    )[0]
    result["cubic with it, once for all boxes"] = count / with_prefilter
    return result


def peak_memory(path: Path, what: str, threads: int) -> float:
    """Peak of own memory in MB while this file is extracted from or binned, in a process of its own."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import extraction as e; from pathlib import Path;"
        "e.measured(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))"
    )
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", code, here, str(path), what, str(threads)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measured(path: Path, what: str, threads: int) -> None:
    """Print the growth of anonymous memory at its highest, sampled at every report of progress, in MB."""
    volume = open_volume(path)
    tomogram = Tomogram(path.stem, path, volume.shape, 10.0)
    peak, base = 0, 0

    def watch(*_: object) -> None:
        nonlocal peak
        status = Path("/proc/self/status").read_text()
        peak = max(peak, int(status.split("RssAnon:")[1].split()[0]))

    watch()
    base = peak
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        if what == "bin":
            bin_tomogram(tomogram, Path(folder) / "binned.mrc", factor=4, memory_mb=64, progress=watch)
        else:
            particles = make_particles(tomogram, 1000)
            extract(
                particles,
                [tomogram],
                Path(folder) / "boxes",
                box_size=N,
                stack=True,
                threads=threads,
                progress=watch,
            )
    print((peak - base) / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--size-gb", type=float, default=1.0)
    parser.add_argument("--boxes", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        tomogram = make_tomogram(folder / "tomogram.mrc", options.size_gb)
        small = make_tomogram(folder / "small.mrc", options.size_gb / 4)
        particles = make_particles(tomogram, options.boxes)
        print(
            f"{options.boxes} boxes of {N} from {tomogram.shape}, {options.threads} threads; boxes per second"
        )
        groups = {
            "as they lie": aligned_boxes(tomogram, particles),
            "the whole step": whole_extract(tomogram, particles, folder, options.threads),
            "oriented": oriented_boxes(min(options.boxes, 400), options.threads),
            "peak memory, MB": {
                f"{what}, {file.name}": peak_memory(file.path, what, options.threads)
                for what in ("extract", "bin")
                for file in (small, tomogram)
            },
        }
    for group, values in groups.items():
        print(group)
        for label, value in values.items():
            print(f"    {label:45s} {value:10.4g}")


if __name__ == "__main__":
    main()
