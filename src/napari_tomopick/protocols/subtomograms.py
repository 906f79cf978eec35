"""`Subtomograms`: a folder of boxes, what is in each, and where each particle lies in its box."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import mrcfile
import numpy as np
from mrcfile.dtypes import HEADER_DTYPE
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import FileFormatError
from napari_tomopick.geometry.orientations import identity
from napari_tomopick.io.particles import read_particles, shifts, star, write_particles
from napari_tomopick.io.particles.eman_hdf import IMAGE as EMAN_IMAGE
from napari_tomopick.io.volumes import em, eman_hdf_stack, write_mrc
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.protocols.staging import MARKER

HEADER_BYTES = 1024
FORMAT, VERSION = "tomopick-subtomograms", 1
STACK = "subtomograms.mrc"
PARTICLES = "particles.star"
TABLE = "particles.tbl"
EMAN_SUFFIX = ".hdf"
PATTERN = "particle_{:06d}.mrc"
"""File of one particle, as Dynamo names them in a data folder."""


@dataclass(frozen=True, eq=False)
class Subtomograms:
    """Boxes of particles in a folder.

    Poses are in ``particles.star``; how the boxes were made is in ``extraction.json``. A pose may be changed
    in the star (by a refinement, say) and still fits its box.

    Parameters
    ----------
    folder : Path
        Of a stack of EMAN2's, its file.
    particles : Particles
        Those that have a box, in the order of a stack. Positions are in voxels of the tomograms cut from; the
        orientations take the reference frame to that of the box, as other programs expect of a star.
    box_centres : array, shape (n, 3)
        What lies on the centre voxel N // 2 of each box: x, y, z in voxels of the tomogram.
    box_rotations : Rotation, n of them
        Frame of the box to frame of the tomogram; no turn for boxes copied as they lie.
    box_size : int
        Of the boxes as they are stored.
    voxel_size_angstrom : float
        Of the boxes as they are stored.
    acquisitions : mapping of str to Acquisition
        By name of tomogram.
    step : Step
        What made the boxes.
    stack : bool
        Whether they are in one file.
    inverted : bool
        Whether the contrast is that of the tomogram times -1.
    skipped, padded : tuple of int
        Ids of particles without a box, and of those whose box left the volume and was filled.
    messages : tuple of str
        What a user should know.
    pattern : str
        How the file of a particle is called, by its id.
    """

    folder: Path
    particles: Particles
    box_centres: NDArray[np.float64]
    box_rotations: Rotation
    box_size: int
    voxel_size_angstrom: float
    acquisitions: dict[str, Acquisition]
    step: Step
    stack: bool = False
    inverted: bool = False
    skipped: tuple[int, ...] = ()
    padded: tuple[int, ...] = ()
    messages: tuple[str, ...] = field(default=())
    pattern: str = PATTERN

    def __len__(self) -> int:
        return len(self.particles)

    def lines(self) -> list[str]:
        """Describe the set in sentences for the user."""
        size = f"{self.box_size} voxels of {self.voxel_size_angstrom:g} Å"
        return [f"{len(self)} subtomograms in boxes of {size} in {self.folder}", *self.messages]

    def shifts(self) -> NDArray[np.float64]:
        """Offset of each particle from voxel N // 2 of its box, ``(n, 3)`` x, y, z in stored voxels."""
        scale = (self.particles.voxel_size_angstrom or self.voxel_size_angstrom) / self.voxel_size_angstrom
        return self.box_rotations.inv().apply(self.particles.positions - self.box_centres) * scale

    def rotations_in_tomogram(self) -> Rotation:
        """Reference frame to tomogram frame of each particle."""
        return self.box_rotations * self.particles.rotations

    def box(self, row: int) -> NDArray[np.float32]:
        """The box of the particle in this row, shape (N, N, N).

        Raises
        ------
        FileFormatError
            If its file is missing, damaged, or of another size.
        """
        n = self.box_size
        in_eman = EMAN_IMAGE in self.particles.table and not self.folder.is_dir()
        path = (
            self.folder
            if in_eman
            else self.folder / (STACK if self.stack else self.pattern.format(int(self.particles.ids[row])))
        )
        try:
            if in_eman:
                box = eman_hdf_stack.read_image(path, int(self.particles.table[EMAN_IMAGE].iloc[row]))
            elif self.stack:
                with mrcfile.mmap(path, mode="r") as mrc:
                    box = np.array(mrc.data[row], dtype=np.float32)
            elif path.suffix == ".em":
                box = np.array(em.read(path).data, dtype=np.float32)
            else:
                with mrcfile.open(path, mode="r") as mrc:
                    box = np.array(mrc.data, dtype=np.float32)
        except (OSError, ValueError, IndexError) as error:
            raise FileFormatError(f"{path}: the box cannot be read: {error}; extract again") from error
        if box.shape != (n, n, n):
            raise FileFormatError(
                f"{path}: a box of shape {box.shape} where {MARKER} says {n} cubed; extract again"
            )
        return box


class BoxWriter:
    """Write the boxes of a set into its folder, in any order.

    Parameters
    ----------
    boxes : Subtomograms
        A stack is one MRC volume stack (space group 401) in the order of its particles.
    """

    def __init__(self, boxes: Subtomograms) -> None:
        self._boxes = boxes
        self._header = _header(boxes)
        self._file: BinaryIO | None = None
        if boxes.stack:
            n = boxes.box_size
            self._header["nz"] = n * len(boxes)  # mz, the sections of one volume, and the cell stay
            self._header["ispg"] = 401
            # MRC2014's way to say that these are not known
            self._header["dmin"], self._header["dmax"], self._header["dmean"], self._header["rms"] = (
                0,
                -1,
                -2,
                -1,
            )
            self._file = open(boxes.folder / STACK, "xb")
            self._file.write(self._header.tobytes())

    def __enter__(self) -> BoxWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def write(self, row: int, box: NDArray[np.float32]) -> None:
        """Write the box, shape (N, N, N), of the particle in this row."""
        stored = np.ascontiguousarray(box, "<f4")
        if self._file:
            self._file.seek(HEADER_BYTES + row * stored.nbytes)
            self._file.write(stored.data)
            return
        self._header["dmin"], self._header["dmax"] = stored.min(), stored.max()
        self._header["dmean"], self._header["rms"] = (
            stored.mean(dtype=np.float64),
            stored.std(dtype=np.float64),
        )
        path = self._boxes.folder / PATTERN.format(int(self._boxes.particles.ids[row]))
        with open(path, "xb") as file:
            file.write(self._header.tobytes())
            file.write(stored.data)


def _header(boxes: Subtomograms) -> NDArray[np.void]:
    """The header of one box: made once, since making it takes longer than writing a box."""
    path = boxes.folder / ".header.mrc"
    write_mrc(path, np.zeros((boxes.box_size,) * 3, np.float32), boxes.voxel_size_angstrom)
    header = np.frombuffer(path.read_bytes()[:HEADER_BYTES], HEADER_DTYPE.newbyteorder("<"))[0].copy()
    path.unlink()
    return np.asarray(header)


def write_description(boxes: Subtomograms, tomograms: Sequence[Tomogram] = ()) -> None:
    """Write ``extraction.json``, ``particles.star`` and ``particles.tbl`` into the set's folder.

    Image names are relative to the folder, so that it can be moved as a whole. The coordinates in star and
    table are those of the box centres, and the particles lie off them by RELION's origin and Dynamo's shift:
    what these programs expect of boxes that are cut already. The table counts in voxels of the boxes, as
    Dynamo has only one voxel size; the star in those of the tomogram.

    Parameters
    ----------
    boxes : Subtomograms
    tomograms : sequence of Tomogram
        Those the particles lie in, for what the formats tell of them.
    """
    particles = boxes.particles
    _write_star(boxes, tomograms)
    write_table(boxes, boxes.folder / TABLE, tomograms)
    description = {
        "format": FORMAT,
        "version": VERSION,
        "step": asdict(boxes.step),
        "box_size": boxes.box_size,
        "voxel_size_angstrom": boxes.voxel_size_angstrom,
        "tomogram_voxel_size_angstrom": boxes.particles.voxel_size_angstrom,
        "stack": STACK if boxes.stack else None,
        "inverted": boxes.inverted,
        "skipped": list(boxes.skipped),
        "padded": list(boxes.padded),
        "messages": list(boxes.messages),
        "tomograms": {name: asdict(value) for name, value in boxes.acquisitions.items()},
    }
    turned = bool(boxes.box_rotations.magnitude().max(initial=0.0) > 0)
    contents = {
        "id": particles.ids.tolist(),
        "centre": boxes.box_centres.tolist(),
        "rotation": boxes.box_rotations.as_quat().tolist() if turned else None,
    }
    # the settings on lines of their own, to be read by people, and the long lists on one
    settings = json.dumps(description, indent=1, allow_nan=False).removesuffix("\n}")
    text = f'{settings},\n "boxes": {json.dumps(contents, allow_nan=False)}\n}}\n'
    (boxes.folder / MARKER).write_text(text, encoding="utf-8")


def _write_star(boxes: Subtomograms, tomograms: Sequence[Tomogram]) -> None:
    path = boxes.folder / PARTICLES
    particles = boxes.particles
    names = [
        f"{row + 1:06d}@{STACK}" if boxes.stack else PATTERN.format(particle_id)
        for row, particle_id in enumerate(particles.ids.tolist())
    ]
    # names of an earlier extraction, which came with the particles, are replaced
    write_particles(
        path, _from_centres(boxes, particles).with_columns(rlnImageName=names), tomograms=tomograms
    )
    blocks = star.read_blocks(path)
    blocks["optics"]["rlnImageDimensionality"] = 3
    blocks["optics"]["rlnImageSize"] = boxes.box_size
    blocks["optics"]["rlnImagePixelSize"] = boxes.voxel_size_angstrom
    star.write_blocks(path, blocks)


def write_table(boxes: Subtomograms, path: Path, tomograms: Sequence[Tomogram] = ()) -> None:
    """Write the Dynamo table of boxes, in voxels of the boxes; see `write_description`."""
    particles = _from_centres(boxes, boxes.particles).rescaled(boxes.voxel_size_angstrom)
    write_particles(path, particles, tomograms=tomograms)


def _from_centres(boxes: Subtomograms, particles: Particles) -> Particles:
    """The particles with coordinates that are the centres of their boxes, and what is left as shifts.

    A frame of the subtomogram that they came with is not that of these boxes.
    """
    plain = shifts.folded(particles)
    left = particles.positions - boxes.box_centres
    return replace(plain, table=shifts.beside(plain.table, left))


def read_subtomograms(folder: Path) -> Subtomograms:
    """Open a folder made by `extract` or `average`, a data folder of Dynamo's, or a stack of EMAN2's (.hdf).

    Raises
    ------
    FileFormatError
        If it is not such a folder, comes from a newer version, or star and description do not fit together.
    """
    folder = Path(folder)
    if folder.suffix.lower() == EMAN_SUFFIX and not folder.is_dir():
        from napari_tomopick.protocols.eman_stack import read_eman_stack

        return read_eman_stack(folder)
    path = folder / MARKER
    if not path.is_file():
        from napari_tomopick.protocols import dynamo_folder

        if dynamo_folder.recognises(folder):
            return dynamo_folder.read_dynamo_folder(folder)
        raise FileFormatError(
            f"{folder}: no folder of subtomograms: it has no {MARKER} (and no crop.tbl of Dynamo's); run "
            "extract first"
        )
    try:
        d: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if d["format"] != FORMAT:
            raise FileFormatError(f"{path}: holds {d['format']!r}, not {FORMAT!r}")
        if d["version"] > VERSION:
            raise FileFormatError(
                f"{path}: written by a newer version (format {d['version']}, this program reads {VERSION}); "
                "update this program"
            )
        ids = np.array(d["boxes"]["id"], np.int64)
        centres = np.array(d["boxes"]["centre"], np.float64).reshape(-1, 3)
        turns = d["boxes"]["rotation"]
        rotations = identity(len(ids)) if turns is None else Rotation.from_quat(np.reshape(turns, (-1, 4)))
        step = Step(**{**d["step"], "inputs": tuple(d["step"]["inputs"])})
        acquisitions = {name: Acquisition(**value) for name, value in d["tomograms"].items()}
        particles = read_particles(folder / PARTICLES)
        row_of = {particle_id: row for row, particle_id in enumerate(ids.tolist())}
        unknown = [i for i in particles.ids.tolist() if i not in row_of]
        if unknown or len(particles) != len(ids):
            # a star with fewer rows would shift every box of a stack after the first missing one
            raise FileFormatError(
                f"{folder}: {PARTICLES} lists {len(particles)} particles and {MARKER} {len(ids)} boxes"
                + (f"; no box has the id {unknown[0]}" if unknown else "")
            )
        # their coordinates are the centres of the boxes
        particles = shifts.folded(particles)
        rows = np.argsort([row_of[i] for i in particles.ids.tolist()])
        return Subtomograms(
            folder=folder,
            particles=particles.select(rows).rescaled(d["tomogram_voxel_size_angstrom"]),
            box_centres=centres,
            box_rotations=rotations,
            box_size=int(d["box_size"]),
            voxel_size_angstrom=float(d["voxel_size_angstrom"]),
            acquisitions=acquisitions,
            step=step,
            stack=d["stack"] is not None,
            inverted=bool(d["inverted"]),
            skipped=tuple(d["skipped"]),
            padded=tuple(d["padded"]),
            messages=tuple(d["messages"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f"{path}: damaged: {error!r}; extract again") from error
