"""How fast a template is matched, and how well: against pytme, or against plain transforms by SciPy.

    python benchmarks/matching.py [--peer-python PATH] [--threads 2] [--rotations 40 200] [--rounds 3]
        [--default-only] [--signals 0.15 0.06]

--peer-python is an interpreter of an environment with pytme (`pip install pytme pyfftw`); without it, ours is
only compared with whole-volume transforms by `scipy.fft`, which is in the table in any case.

The scene is that of `matching_scene.py`: 256 x 256 x 128 voxels of noise, 40 hidden copies of a template in a
box of 32, a spherical mask. All search with the same orientations and the same score, Roseman's locally
normalised correlation, on as many threads; programs take turns, each in a process of its own, and the best
round of each counts, since a machine is rarely all one's own.

**Exact search.** Ours is `exhaustive_search`, once with the volume mirrored at its faces (every voxel is
scored) and once only where the whole mask lies inside, which is what pytme scores validly without padding its
target, as it is run here (`match_exhaustive`, FLCSphericalMask, numpyfftw, cubic interpolation).

- rotations/s, all: the larger number of rotations over the time from arrays in memory to arrays in memory.
  Compiled code of ours is in its cache; how much longer the first search ever takes is said below the table.
- rotations/s, steady: from the difference of the times of the larger and the smaller number of rotations.
- difference: largest of the scores, where the whole mask lies inside, from ours with mirrored borders. Plain
  transforms take so long that they only look at a few orientations; ours are the same few then.
- memory: highest proportional set size of all processes of a program, in MB, interpreter and libraries
  included; measured in a round of its own.

**Default mode.** Ours as a user runs it, from the file to particles with refined poses, against an exact
search in 2000 orientations, whose peaks are taken as they are. The peer's time is that of 2000 orientations,
arrays in memory to arrays in memory; its peaks are those of our exact search with the same orientations, as
the scores are the same. At two strengths of the signal (variance over that of the noise).

- found: copies of the 40 within 3 voxels of one of the 40 best.
- off, angle: median error of those in voxels and in degrees.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matching_scene import PlantedScene, scene
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import affine_transform
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.rotation_sampling import uniform_rotations

_HERE = Path(__file__).parent
_OURS = ("mirrored", "inside")
_PLAIN_ROTATIONS = (4, 12)
_MANY = 2000
_STRENGTHS = (0.15, 0.06)


@dataclass
class Measured:
    """What one program took."""

    seconds: list[list[float]] = field(default_factory=list)
    scores: NDArray[np.float32] | None = None
    few: NDArray[np.float32] | None = None
    megabytes: float = np.nan

    def overall(self, counts: Sequence[int]) -> float:
        """Rotations per second, set-up included."""
        return counts[-1] / min(times[-1] for times in self.seconds)

    def steady(self, counts: Sequence[int]) -> float:
        """Rotations per second once it runs."""
        best = [min(times) for times in zip(*self.seconds, strict=True)]
        return (counts[-1] - counts[0]) / max(best[-1] - best[0], 1e-9)


def exact(
    made: PlantedScene,
    rotations: Rotation,
    counts: Sequence[int],
    threads: int,
    rounds: int,
    peer: str | None,
) -> dict[str, Measured]:
    """Let the programs take turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder, made, rotations)
        own = [sys.executable, str(Path(__file__)), "--one"]
        commands = {f"ours, {b}": [*own, b, name, str(threads), *map(str, counts)] for b in _OURS}
        commands["scipy.fft"] = [*own, "plain", name, str(threads), *map(str, _PLAIN_ROTATIONS)]
        if peer is not None:
            commands["pytme"] = [peer, str(_HERE / "matching_peer.py"), name, str(threads), *map(str, counts)]
        found = {program: Measured() for program in commands}
        for turn in range(rounds + 1):
            for program, command in commands.items():
                output, megabytes = _run(command, watched=turn == rounds)
                if turn < rounds:
                    found[program].seconds.append(json.loads(output.splitlines()[-1])["seconds"])
                else:
                    found[program].megabytes = megabytes
                    file = "peer_scores.npy" if program == "pytme" else f"{command[3]}.npy"
                    found[program].scores = np.load(folder / file)
        found["ours, mirrored"].few = np.load(folder / "few.npy")
    return found


def report(found: dict[str, Measured], counts: Sequence[int], mask: NDArray[np.float32]) -> None:
    """Print the table, and how ours compares."""
    truth, few = found["ours, mirrored"].scores, found["ours, mirrored"].few
    assert truth is not None
    reach = int(np.abs(np.argwhere(mask > 0) - len(mask) // 2).max())
    inside = tuple(slice(reach, n - reach) for n in truth.shape)
    print("| program | rotations/s, all | rotations/s, steady | difference | memory, MB |")
    print("|---|---|---|---|---|")
    for program, measured in found.items():
        scores = measured.scores
        assert scores is not None
        mine = _PLAIN_ROTATIONS if program == "scipy.fft" else counts
        difference = np.abs(scores - (truth if mine is counts else few))[inside].max()
        print(
            f"| {program} | {measured.overall(mine):.1f} | {measured.steady(mine):.1f} | "
            f"{difference:.1e} | {measured.megabytes:.0f} |"
        )
    for other in ("pytme", "scipy.fft"):
        if other in found:
            mine = counts if other == "pytme" else _PLAIN_ROTATIONS
            for name in _OURS:
                ours = found[f"ours, {name}"]
                print(
                    f"{name}: {ours.overall(counts) / found[other].overall(mine):.2f} x {other}, "
                    f"steady {ours.steady(counts) / found[other].steady(mine):.2f} x"
                )


def by_default(threads: int, rounds: int, peer: str | None, signals: Sequence[float]) -> None:
    """Print how our default compares with an exact search in 2000 orientations."""
    rotations = uniform_rotations(_MANY)
    print("| signal | program | s | found | off | angle |\n|---|---|---|---|---|---|")
    for snr in signals:
        made = scene(snr=snr)
        times, places, turns = [], np.empty((0, 3)), Rotation.identity(0)
        for _ in range(rounds):
            seconds, places, turns = _found_by_default(made, threads)
            times.append(seconds)
        print(_line(snr, "ours", min(times), made, places, turns), flush=True)
        taken = _peer_seconds(made, rotations, threads, peer) if peer is not None else np.nan
        print(_line(snr, "2000 orientations", taken, made, *_peaks(made, rotations, threads)), flush=True)
        print(f"ours takes {taken / min(times):.1f} times less")


def _found_by_default(made: PlantedScene, threads: int) -> tuple[float, NDArray[np.float64], Rotation]:
    from napari_tomopick.io.volumes import write_mrc
    from napari_tomopick.models.tomogram import Acquisition, Tomogram
    from napari_tomopick.picking.template import Template
    from napari_tomopick.protocols import match

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "planted.mrc"
        write_mrc(path, made.volume, 10.0)
        # nothing is missing in this scene
        everything = Acquisition(-89.9, 89.9)
        tomogram = Tomogram("planted", path, made.volume.shape, 10.0, everything, particles_are_dark=False)
        start = time.perf_counter()
        template = Template.of(made.template, 10.0, mask=made.mask)
        found = match(tomogram, template, threads=threads).found
        seconds = time.perf_counter() - start
    return seconds, found.positions, found.rotations


def _peaks(made: PlantedScene, rotations: Rotation, threads: int) -> tuple[NDArray[np.float64], Rotation]:
    from napari_tomopick.picking.exhaustive import exhaustive_search

    found = exhaustive_search(
        made.volume, made.template, made.mask, rotations, borders="inside", threads=threads
    )
    scores = found.scores.copy()
    places, numbers = [], []
    for _ in range(len(made.positions)):
        at = np.array(np.unravel_index(int(np.argmax(scores)), scores.shape))
        places.append(at[::-1].astype(float))
        numbers.append(int(found.orientations[tuple(at)]))
        low, high = np.maximum(at - 10, 0), at + 11
        scores[tuple(map(slice, low, high))] = -1
    return np.array(places), rotations[numbers]


def _peer_seconds(made: PlantedScene, rotations: Rotation, threads: int, peer: str) -> float:
    with tempfile.TemporaryDirectory() as name:
        _write(Path(name), made, rotations)
        command = [peer, str(_HERE / "matching_peer.py"), name, str(threads), str(len(rotations))]
        output, _ = _run(command, watched=False)
    return float(json.loads(output.splitlines()[-1])["seconds"][-1])


def _line(
    snr: float,
    program: str,
    seconds: float,
    made: PlantedScene,
    places: NDArray[np.float64],
    turns: Rotation,
) -> str:
    best = places[: len(made.positions)]
    apart = np.linalg.norm(best[:, None] - made.positions[None], axis=2)
    row, off = apart.argmin(axis=0), apart.min(axis=0)
    hit = off < 3.0
    angle = np.degrees((turns[row[hit]].inv() * made.rotations[hit]).magnitude())
    return (
        f"| {snr:g} | {program} | {seconds:.1f} | {hit.sum()} | {np.median(off[hit]):.2f} | "
        f"{np.median(angle):.1f} |"
    )


def first_search(threads: int) -> float:
    """Seconds by which the first search ever is longer: what is compiled then."""
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); import numpy as np; import matching as m;"
        "m.search_once(int(sys.argv[2]))"
    )
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-c", code, str(_HERE), str(threads)]
        environment = {**os.environ, "NUMBA_CACHE_DIR": name}
        return float(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)


def search_once(threads: int) -> None:
    """Print how much longer a first small search takes than a second."""
    from napari_tomopick.picking.exhaustive import exhaustive_search

    made = scene(shape=(64, 64, 64), copies=1)
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        exhaustive_search(
            made.volume, made.template, made.mask, uniform_rotations(4), threads=threads, borders="inside"
        )
        seconds.append(time.perf_counter() - start)
    print(seconds[0] - seconds[1])


def search_ours(borders: str, folder: Path, threads: int, counts: Sequence[int]) -> None:
    """Search with our program and print the seconds: what a process of its own does."""
    from napari_tomopick.picking.exhaustive import exhaustive_search

    volume, template, mask = (np.load(folder / f"{n}.npy") for n in ("volume", "even_template", "even_mask"))
    rotations = Rotation.from_matrix(np.load(folder / "matrices.npy"))
    small = volume[:40, :40, :40]
    exhaustive_search(small, template, mask, rotations[:2], borders="mirrored", threads=threads)
    seconds = []
    for count in counts:
        start = time.perf_counter()
        found = exhaustive_search(
            volume,
            template,
            mask,
            rotations[:count],
            borders=borders,  # type: ignore[arg-type]
            threads=threads,
        )
        seconds.append(time.perf_counter() - start)
    np.save(folder / f"{borders}.npy", found.scores)
    few = exhaustive_search(volume, template, mask, rotations[: _PLAIN_ROTATIONS[-1]], threads=threads)
    np.save(folder / "few.npy", few.scores)
    print(json.dumps({"seconds": seconds}))


def search_plainly(folder: Path, threads: int, counts: Sequence[int]) -> None:
    """Search by transforms of the whole volume, as one would write it down, and print the seconds."""
    volume, template, mask = (np.load(folder / f"{n}.npy") for n in ("volume", "even_template", "even_mask"))
    matrices = np.load(folder / "matrices.npy")
    n = len(template)
    total = mask.sum()

    def conjugate(box: NDArray[np.float32]) -> NDArray[np.complex64]:
        whole = np.zeros(volume.shape, np.float32)
        whole[:n, :n, :n] = box
        shift = np.roll(whole, [-(n // 2)] * 3, axis=(0, 1, 2))
        return np.conj(fft.rfftn(shift, workers=threads))

    def back(spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
        return np.asarray(fft.irfftn(spectrum, volume.shape, workers=threads))

    seconds = []
    for count in counts:
        start = time.perf_counter()
        spectrum, weight = fft.rfftn(volume, workers=threads), conjugate(mask / total)
        variance = back(fft.rfftn(volume**2, workers=threads) * weight) - back(spectrum * weight) ** 2
        inverse = 1 / (total * np.sqrt(np.maximum(variance, 1e-6)))
        best = np.full(volume.shape, -1, np.float32)
        number = np.zeros(volume.shape, np.int32)
        for i in range(count):
            matrix = matrices[i].T[::-1, ::-1]
            offset = n // 2 - matrix @ np.full(3, n // 2)
            turned = affine_transform(template, matrix, offset, order=3)
            centred = turned - (turned * mask).sum() / total
            centred /= np.sqrt((centred**2 * mask).sum() / total)
            score = back(spectrum * conjugate(centred * mask)) * inverse
            better = score > best
            best[better] = score[better]
            number[better] = i
        seconds.append(time.perf_counter() - start)
    np.save(folder / "plain.npy", best)
    print(json.dumps({"seconds": seconds}))


def _write(folder: Path, made: PlantedScene, rotations: Rotation) -> None:
    """Arrays for all programs. The peer turns a box about its middle: one voxel more makes that voxel 16."""
    np.save(folder / "volume.npy", made.volume)
    for name, box in (("template", made.template), ("mask", made.mask)):
        np.save(folder / f"even_{name}.npy", box)
        np.save(folder / f"{name}.npy", np.pad(box, ((0, 1),) * 3))
    np.save(folder / "matrices.npy", rotations.as_matrix())


def _run(command: Sequence[str], watched: bool) -> tuple[str, float]:
    """What a program printed; if it is watched, the highest memory of it and its children, in MB."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        highest = 0.0
        while watched and process.poll() is None:
            highest = max(highest, _proportional(process.pid))
            time.sleep(0.05)
        output, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{errors}")
    return output, highest


def _proportional(pid: int) -> float:
    """Proportional set size of a process and its children in MB; 0 where the system does not say."""
    total = 0.0
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total = int(line.split()[1]) * 1024 / 1e6
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                total += _proportional(int(child))
    except OSError:  # it has ended
        pass
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peer-python", help="an interpreter that has pytme")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rotations", type=int, nargs=2, default=[40, 200])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--signals", type=float, nargs="+", default=_STRENGTHS)
    parser.add_argument("--default-only", action="store_true", help="leave the exact search out")
    options = parser.parse_args()
    if not options.default_only:
        _exact_section(options)
    print(f"default mode on {options.threads} threads, best of {options.rounds}")
    by_default(options.threads, options.rounds, options.peer_python, options.signals)


def _exact_section(options: argparse.Namespace) -> None:
    made = scene()
    rotations = uniform_rotations(options.rotations[-1])
    print(f"exact search on {options.threads} threads, {options.rotations[-1]} rotations")
    found = exact(made, rotations, options.rotations, options.threads, options.rounds, options.peer_python)
    report(found, options.rotations, made.mask)
    print(f"the first search ever takes {first_search(options.threads):.1f} s longer")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        what, where, thread_count, *wanted = sys.argv[2:]
        if what == "plain":
            search_plainly(Path(where), int(thread_count), [int(n) for n in wanted])
        else:
            search_ours(what, Path(where), int(thread_count), [int(n) for n in wanted])
    else:
        main()
