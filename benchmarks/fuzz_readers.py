"""Every reader against damaged files: nothing but a `FileFormatError` may come out, and nothing may hang.

    python benchmarks/fuzz_readers.py [--seconds 60] [--only NAME ...]

Valid files of every format are damaged at random, a part of the time for each. Where atheris is installed
the damage is guided by what the readers run through (each format in a process of its own); else it is random.
What goes wrong is written to a folder, with the input that shows it, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry.meshes import geodesic_sphere
from napari_tomopick.io.meshes import SUFFIXES as MESH_SUFFIXES
from napari_tomopick.io.meshes import read_mesh, write_mesh
from napari_tomopick.io.models import read_models, write_models
from napari_tomopick.io.particles import FORMATS, read_particles, write_particles
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model, ModelType

SECONDS_FOR_ONE = 20
INSTRUMENTED = ["napari_tomopick.io.particles", "imodmodel", "starfile", "trimesh.exchange"]
"""Where atheris looks which way the program takes."""
WORDS = (
    *"nan inf -inf -1 0 1e400 1e-400 1.5 1_0 0x10 null true data_ .. ~ / \\ <NA> ( + i".split(),
    *'{}[],;"# \t\n\r\0\u2028',
    "loop_\n",
    "_x #1\n",
    "9" * 20,
    "9" * 5000,
)
TOKENS = (
    b"\xff\xfe",
    *(word.encode() for word in WORDS),
    *(struct.pack(order + "i", n) for order in "<>" for n in (-1, 2**31 - 1, -(2**31), 1 << 24)),
    *(struct.pack(order + "f", v) for order in "<>" for v in (np.nan, np.inf, 1e38)),
)
NUMBER = re.compile(rb"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class Case:
    """A file to damage, and how it is read (it may stand beside others, which stay as they are)."""

    name: str
    path: Path
    content: bytes
    read: Callable[[], object]


def cases(folder: Path) -> list[Case]:
    """Valid files of every format, each in a folder of its own."""
    rng = np.random.default_rng(0)
    n = 4
    tomogram = Tomogram("ts", folder / "ts.mrc", (64, 80, 96), 10.0)
    particles = Particles(
        rng.uniform(10, 60, (n, 3)),
        Rotation.from_quat(rng.normal(size=(n, 4))),
        groups=np.array([1, 1, 2, 2]),
        scores=rng.normal(size=n),
        tomograms=np.full(n, "ts"),
        table=pd.DataFrame({"rlnImageName": [f"{i}@a.mrc" for i in range(n)]}),
        voxel_size_angstrom=10.0,
        box_size=16,
    )
    found = []
    for kind in FORMATS:
        if not kind.reads and not kind.variant:
            continue
        place = folder / kind.name
        place.mkdir()
        if kind.name == "tloc":
            file = place / "p.tloc"
            located = pd.DataFrame(dict(zip("XYZ", particles.positions.T, strict=True)))
            located.columns = pd.Index(list("XYZ"), dtype=object)
            located.to_pickle(file)
            files: tuple[Path, ...] = (file,)
        elif kind.name == "copick-project":
            file = place / "config.json"
            objects = '[{"name": "a", "label": 1}, {"name": "b", "label": 2}]'
            file.write_text(f'{{"pickable_objects": {objects}, "overlay_root": "local://{place}/tree"}}')
            files = (file, *write_particles(file, particles, tomograms=[tomogram], format=kind.name))
        elif kind.folder or not kind.writes:
            # a table in it; and HDF5, whose own library overwrites its memory where a file is damaged
            continue
        else:
            file = place / f"p{kind.suffixes[0]}"
            files = write_particles(file, particles, tomograms=[tomogram], format=kind.name)
        read = partial(read_particles, file, tomograms=[tomogram], format=kind.name)
        found += [Case(f"{kind.name}:{each.name}", each, each.read_bytes(), read) for each in files]
    models = [
        Model("g", points=particles.positions, tomogram="ts"),
        Model("s", ModelType.SURFACE, particles.positions, np.array([1, 1, 2, 2]), tomogram="ts"),
    ]
    for suffix in (".json", ".mod"):
        file = folder / f"models{suffix}"
        write_models(file, models)
        found.append(Case(f"models:{suffix[1:]}", file, file.read_bytes(), partial(read_models, file)))
    for suffix in MESH_SUFFIXES:
        file = write_mesh(folder / f"mesh{suffix}", geodesic_sphere(1), "voxel")
        found.append(Case(f"mesh:{suffix[1:]}", file, file.read_bytes(), partial(read_mesh, file, "voxel")))
    return found


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The content with one to four things done to it that happen to files."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        if not data:
            return bytes(data)
        place = rng.randrange(len(data))
        length = min(len(data) - place, rng.choice((1, 2, 4, 16, 100)))
        what = rng.randrange(8)
        if what == 0:
            data[place] ^= 1 << rng.randrange(8)
        elif what == 1:
            data[place : place + length] = b""
        elif what == 2:
            data[place:place] = data[place : place + length]
        elif what == 3:
            data[place:place] = rng.choice(TOKENS)
        elif what == 4:
            del data[place:]
        elif what == 5:
            token = rng.choice(TOKENS)
            data[place : place + len(token)] = token
        elif what == 6:
            lines = bytes(data).split(b"\n")
            i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines[i], lines[j] = lines[j], lines[i]
            data = bytearray(b"\n".join(lines))
        else:
            numbers = list(NUMBER.finditer(data))
            if numbers:
                chosen = rng.choice(numbers)
                data[chosen.start() : chosen.end()] = rng.choice(TOKENS)
    return bytes(data)


class Hangs(BaseException):
    """A reader took too long; not an `Exception`, so that no reader takes it for one of its own."""


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise `Hangs` after so many seconds, where the system has alarms."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def ring(*_: object) -> None:
        raise Hangs(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def wrong(case: Case, content: bytes) -> BaseException | None:
    """What comes out of reading this content that should not; None if all is well."""
    case.path.write_bytes(content)
    try:
        with warnings.catch_warnings(), limited(SECONDS_FOR_ONE):
            warnings.simplefilter("ignore")
            case.read()
    except FileFormatError:
        return None
    except (Exception, Hangs) as error:
        return error
    return None


def at_random(case: Case, seconds: float, report: Path) -> tuple[int, int]:
    """Damage a file for so long; how many files were read, and how many went wrong."""
    tried, bad, end = 0, 0, time.monotonic() + seconds
    known: set[str] = set()
    while time.monotonic() < end:
        content = damaged(case.content, random.Random(tried))
        error = wrong(case, content)
        tried += 1
        if error is not None:
            bad += 1
            frames = traceback.extract_tb(error.__traceback__)
            where = f"{type(error).__name__} at {frames[-1].filename}:{frames[-1].lineno}"
            if where not in known:
                known.add(where)
                stem = f"{case.name.replace(':', '_')}_{tried}"
                (report / stem).write_bytes(content)
                (report / f"{stem}.txt").write_text("".join(traceback.format_exception(error)))
                print(f"  {where}: {error}")
    case.path.write_bytes(case.content)
    return tried, bad


def guided(name: str, seconds: int, folder: Path) -> None:
    """Fuzz one case with atheris, which ends the process."""
    import atheris

    corpus = folder / "corpus"
    corpus.mkdir()
    # the readers themselves are imported when their first file is there
    with atheris.instrument_imports(include=INSTRUMENTED):
        (case,) = (each for each in cases(folder) if each.name == name)
        case.read()
    (corpus / "valid").write_bytes(case.content)

    def one(content: bytes) -> None:
        error = wrong(case, content)
        if error is not None:
            raise error

    options = [
        f"-max_total_time={seconds}",
        f"-timeout={SECONDS_FOR_ONE}",
        "-rss_limit_mb=4096",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={folder}/", str(corpus)], one)
    atheris.Fuzz()


def has_atheris() -> bool:
    """Whether atheris is installed."""
    try:
        import atheris  # noqa: F401
    except ImportError:
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="time in all")
    parser.add_argument("--only", nargs="+", help="names of the files to damage, such as relion5:star")
    parser.add_argument("--random", action="store_true", help="without atheris, though it is installed")
    parser.add_argument("--guided", help=argparse.SUPPRESS)
    options = parser.parse_args()
    report = Path(tempfile.mkdtemp(prefix="fuzz_readers_"))
    if options.guided:
        guided(options.guided, int(options.seconds), report)
    with_atheris = has_atheris() and not options.random
    chosen = [c for c in cases(report) if not options.only or c.name in options.only]
    each = options.seconds / max(len(chosen), 1)
    total = 0
    for case in chosen:
        if with_atheris:
            command = [sys.executable, __file__, "--guided", case.name, "--seconds", str(max(1, round(each)))]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            total += done.returncode != 0
            print(f"{case.name}: {'wrong' if done.returncode else 'well'}, guided for {each:.0f} s")
            if done.returncode:
                print(done.stderr[-3000:])
            continue
        tried, bad = at_random(case, each, report)
        total += bad
        print(f"{case.name}: {tried} damaged files, {bad} went wrong")
    if total:
        print(f"see {report}")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
