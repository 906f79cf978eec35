"""`Picker`: what was learned from references, and the file it is kept in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_tomopick import __version__
from napari_tomopick.errors import FileFormatError, MissingExtraError
from napari_tomopick.io.atomic import atomic_path
from napari_tomopick.picking.calibration import Calibration
from napari_tomopick.picking.kinds import Kinds
from napari_tomopick.picking.settings import FIELD_OF_VIEW, suggested_box_size
from napari_tomopick.picking.torch_extra import INSTALL
from napari_tomopick.picking.working_grid import WORKING_DIAMETER

Stage = Literal["instant", "network"]
FORMAT, VERSION = "tomopick-picker", 1
SUFFIX = ".safetensors"
ENCODER_FIELD = FIELD_OF_VIEW * WORKING_DIAMETER
"""Side of what the encoder takes in, in voxels of the working grid."""


@dataclass(frozen=True)
class Taught:
    """What a picker was taught: for people, and to go on from.

    Parameters
    ----------
    tomograms : tuple of str
    positive, negative : int
        How many references there were.
    seed : int
    rounds : int
        Rounds of training, all trainings together.
    found : int
        How many further particles it taught itself with in the last round.
    seconds : float
        All trainings together.
    """

    tomograms: tuple[str, ...] = ()
    positive: int = 0
    negative: int = 0
    seed: int = 0
    rounds: int = 0
    found: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Picker:
    """What to look for, at which sampling, and from which score on it counts.

    Parameters
    ----------
    stage : "instant" or "network"
    name : str
        What the particles are called.
    voxel_size_angstrom : float
        Of the tomogram it was taught on, in whose voxels the sizes are.
    particle_size : float
        Diameter of a particle.
    network_box : float
        Side of the field of view.
    dark : bool
        Whether the particles are darker than what is around them.
    kinds : Kinds
        Descriptions of what is looked for and of what is not.
    reference : float32 array, shape (N, N, N), optional
        The aligned mean of the particles on the matching grid, whitened; dense is dark. None in the instant
        stage.
    calibration : Calibration, optional
        How evidence is read. Default: as the encoder gives it.
    threshold : float
        The score from which a place counts, of its own.
    history : tuple of float
        Loss of each round of training: 1 - mean agreement of the references, each with a mean without it.
    held_back : float, optional
        How well references that took no part in the mean are told from negatives and from all other
        complexes: the chance that one scores above one of those.
    taught : Taught
    positive_thumbnails, negative_thumbnails : float32 array, shape (n, h, w)
        Sections of the references.
    encoder : mapping of str to array
        The weights it was taught with.
    """

    stage: Stage
    name: str
    voxel_size_angstrom: float
    particle_size: float
    network_box: float
    dark: bool
    kinds: Kinds
    encoder: Mapping[str, NDArray[np.float32]] = field(repr=False)
    reference: NDArray[np.float32] | None = field(default=None, repr=False)
    calibration: Calibration | None = None
    threshold: float = 0.5
    history: tuple[float, ...] = ()
    held_back: float | None = None
    taught: Taught = field(default_factory=Taught)
    positive_thumbnails: NDArray[np.float32] = field(
        default_factory=lambda: np.zeros((0, 1, 1), np.float32), repr=False
    )
    negative_thumbnails: NDArray[np.float32] = field(
        default_factory=lambda: np.zeros((0, 1, 1), np.float32), repr=False
    )

    @property
    def box_size(self) -> int:
        """Box size for the particles: one and a half times their diameter, even."""
        return suggested_box_size(self.particle_size)

    def working_diameter(self, voxel_size_angstrom: float) -> float:
        """Diameter in voxels of a tomogram that decides on the encoder's sampling there."""
        return self.network_box / FIELD_OF_VIEW * self.voxel_size_angstrom / voxel_size_angstrom

    def diameter(self, voxel_size_angstrom: float) -> float:
        """Diameter of a particle in voxels of a tomogram."""
        return self.particle_size * self.voxel_size_angstrom / voxel_size_angstrom

    @property
    def references_differ(self) -> bool:
        """Whether training found no particle that the positive references have in common."""
        return self.stage == "network" and self.calibration is not None and self.calibration.slope < 0.5

    def lines(self) -> list[str]:
        """Describe it in sentences for the user."""
        t = self.taught
        size = self.voxel_size_angstrom
        lines = [
            f"{self.name}: particles of {self.particle_size:.1f} voxels ({self.particle_size * size:.0f} Å), "
            f"{'dark' if self.dark else 'light'}",
            f"the network sees boxes of {self.network_box:.0f} voxels of {size:g} Å",
            f"taught by {t.positive} positive and {t.negative} negative references in "
            f"{', '.join(t.tomograms) or 'no tomogram'}",
        ]
        if self.stage == "network":
            lines.append(
                f"trained in {t.rounds} rounds ({t.seconds:.0f} s, seed {t.seed}), with {t.found} particles "
                f"it found itself; loss {self.history[-1]:.3f}"
                + ("" if self.held_back is None else f", held-back score {self.held_back:.3f}")
            )
        if self.references_differ:
            lines.append(
                "the positive references agree with one another hardly better than with the negative ones: "
                "what they look like on the whole decides; are they of one kind?"
            )
        lines.append(f"threshold {self.threshold:.2f}")
        return lines

    def save(self, path: Path | str) -> None:
        """Write it to one safetensors file, in which there is no code to run.

        Raises
        ------
        TomopickError
            If the file cannot be written.
        """
        serialise = _safetensors().save
        tensors = {f"encoder.{name}": np.asarray(a, np.float32) for name, a in self.encoder.items()}
        tensors |= {
            "kinds.positive": self.kinds.positive,
            "kinds.negative": self.kinds.negative,
            "kinds.background": self.kinds.background,
            "thumbnails.positive": self.positive_thumbnails,
            "thumbnails.negative": self.negative_thumbnails,
        }
        if self.reference is not None:
            tensors["reference"] = self.reference
        values = {
            name: getattr(self, name)
            for name in (
                *("stage", "name", "voxel_size_angstrom", "particle_size", "network_box", "dark"),
                *("calibration", "threshold", "history", "held_back"),
            )
        }
        header = {
            "format": FORMAT,
            "version": str(VERSION),
            "program": f"napari-tomopick {__version__}",
            "normalisation": "median and robust deviation of the tomogram, clipped at 6; resampled; mean "
            "over one diameter taken away; unit deviation, clipped at 5",
            "settings": json.dumps(values),
            "taught": json.dumps(asdict(self.taught)),
        }
        data = serialise({k: np.ascontiguousarray(v, np.float32) for k, v in tensors.items()}, header)
        with atomic_path(path) as temporary:
            temporary.write_bytes(data)

    @classmethod
    def load(cls, path: Path | str) -> Picker:
        """Read a file that `save` wrote. Nothing in it is run.

        Raises
        ------
        FileFormatError
            If it is not such a file, is damaged, or comes from a newer version.
        """
        file = Path(path)
        safe = _safetensors()
        try:
            with safe.safe_open(file, "numpy") as opened:
                header = opened.metadata() or {}
                tensors = {name: np.asarray(opened.get_tensor(name), np.float32) for name in opened.keys()}
        except FileNotFoundError as error:
            raise FileFormatError(f"{file}: no such file") from error
        except Exception as error:  # the library has an error class of its own, and raises others too
            raise FileFormatError(f"{file}: cannot be read as a safetensors file: {error}") from error
        if header.get("format") != FORMAT:
            raise FileFormatError(f"{file}: no network of this program; train one, or choose another file")
        try:
            if int(header["version"]) > VERSION:
                raise FileFormatError(
                    f"{file}: written by a newer version (format {header['version']}, this program reads "
                    f"{VERSION}); update this program"
                )
            values: dict[str, Any] = json.loads(header["settings"])
            taught = json.loads(header["taught"])
            picker = cls(
                **{
                    **values,
                    "calibration": None
                    if values["calibration"] is None
                    else Calibration(*map(float, values["calibration"])),
                    "history": tuple(float(v) for v in values["history"]),
                },
                kinds=Kinds(
                    tensors["kinds.positive"], tensors["kinds.negative"], tensors["kinds.background"]
                ),
                encoder={
                    name.removeprefix("encoder."): array
                    for name, array in tensors.items()
                    if name.startswith("encoder.")
                },
                reference=tensors.get("reference"),
                taught=Taught(**{**taught, "tomograms": tuple(taught["tomograms"])}),
                positive_thumbnails=tensors["thumbnails.positive"],
                negative_thumbnails=tensors["thumbnails.negative"],
            )
            picker._check()
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(f"{file}: damaged, or not written by this program: {error!r}") from error
        return picker

    def _check(self) -> None:
        from napari_tomopick.picking.encoder import DESCRIPTION
        from napari_tomopick.picking.matching import BOX

        sizes = (self.voxel_size_angstrom, self.particle_size, self.network_box)
        if not all(np.isfinite(v) and v > 0 for v in sizes):
            raise ValueError(f"sizes of {sizes}")
        if self.stage not in ("instant", "network") or (self.stage == "network") != (
            self.reference is not None
        ):
            raise ValueError(f"stage {self.stage!r} does not fit to what is in the file")
        kinds = self.kinds
        if kinds.positive.shape != (DESCRIPTION,) or kinds.background.shape != (DESCRIPTION,):
            raise ValueError(f"descriptions of length {kinds.positive.shape}")
        if kinds.negative.ndim != 2 or kinds.negative.shape[1] != DESCRIPTION:
            raise ValueError(f"descriptions of the shape {kinds.negative.shape}")
        if self.reference is not None and self.reference.shape != (BOX,) * 3:
            raise ValueError(f"a reference of the shape {self.reference.shape}")
        if self.stage == "network" and self.calibration is None:
            raise ValueError("no calibration")


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise MissingExtraError(
            f"networks are kept in safetensors files, for which a library is missing here: {INSTALL}"
        ) from error

    class Both:
        safe_open = staticmethod(safetensors.safe_open)
        save = staticmethod(safetensors.numpy.save)

    return Both
