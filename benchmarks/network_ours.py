"""The project's own picker as a method of `network.py`: the instant stage, or the network after training.

It is used as the window uses it, through `protocols.boxing`: the tomogram is a file, and is brought to the
network's sampling once, before the picker learns.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from network_peers import Picks
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SECONDS = 20.0
"""What the network is given to train."""


@dataclass(frozen=True, eq=False)
class Learnt:
    """A picker, and the tomogram it learned from."""

    picker: Any
    prepared: Any
    folder: TemporaryDirectory[str]


class Ours:
    """One of the stages, "instant" or "trained"."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self.name = f"ours, {stage}"

    def train(
        self,
        volume: NDArray[np.float32],
        voxel_size: float,
        tilt_range: tuple[float, float],
        positives: Array,
        negatives: Array,
        diameter: float,
        seed: int,
    ) -> Learnt:
        """Bring the tomogram to the network's sampling and learn."""
        from napari_tomopick.picking.references import References
        from napari_tomopick.picking.settings import BoxingSettings

        from napari_tomopick.models.tomogram import Acquisition, Tomogram
        from napari_tomopick.protocols import boxing

        folder = TemporaryDirectory()
        tomogram = Tomogram(
            "benchmark",
            _written(volume, voxel_size, Path(folder.name)),
            volume.shape,
            voxel_size,
            Acquisition(tilt_range[0], tilt_range[1]),
            particles_are_dark=True,
        )
        settings = BoxingSettings(particle_size=diameter)
        prepared = boxing.prepare(tomogram, settings, positives)
        picker = boxing.learn([(prepared, positives, negatives)])
        if self._stage == "trained":
            references = References(tomogram, positives, negatives)
            picker = boxing.train([references], settings, start=picker, seconds=_SECONDS, seed=seed)
        return Learnt(picker, prepared, folder)

    def pick(self, model: Learnt, volume: NDArray[np.float32]) -> Picks:
        """Score the tomogram and list its peaks."""
        from napari_tomopick.protocols import boxing

        scores = boxing.score(model.prepared, model.picker)
        positions, values = scores.peaks(0.0, 0.6 * model.picker.particle_size)
        return Picks(positions, values, model.picker.threshold)


def _written(volume: NDArray[np.float32], voxel_size: float, folder: Path) -> Path:
    import mrcfile

    path = folder / "tomogram.mrc"
    with mrcfile.new(path) as file:
        file.set_data(np.asarray(volume, np.float32))
        file.set_volume()
        file.voxel_size = voxel_size
    return path
